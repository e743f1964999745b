/*
 * explain_reason.h - in words: a rule, how it fared, what it does not hold
 *
 * Private to the text for people. Texts are appended as they are, and escaped
 * by who prints them.
 */
#ifndef CF_REPORT_EXPLAIN_REASON_H
#define CF_REPORT_EXPLAIN_REASON_H

#include <stdbool.h>

#include "base/buffer.h"
#include "profile/profile.h"
#include "profile/trace.h"

/* "allow", "deny"; "tcp", "udp", "icmp". */
const char *cf_explain_action(enum cf_action action);
const char *cf_explain_proto(enum cf_proto proto);

/* The rule's text, with the endpoint of its group and its program. member may be NULL. */
void cf_explain_put_rule(struct cf_buffer *text, const struct cf_rule *rule,
                         const struct cf_member *member);

/* Whether the endpoint is a single address. */
bool cf_explain_is_one_address(const struct cf_rule *rule, const struct cf_member *member);

/*
 * What a rule does not hold, in a list behind what text has.
 *
 * misses: mask of enum cf_miss
 * exe:    the program that asks; NULL: not known
 */
void cf_explain_put_misses(struct cf_buffer *text, const struct cf_rule *rule,
                           const struct cf_member *member, unsigned misses, const char *exe);

/* Why the rule does not decide. */
void cf_explain_put_fate(struct cf_buffer *text, const struct cf_trace_entry *entry,
                         const char *exe);

#endif
