/*
 * match.h - whether a rule matches, and which of two matches wins
 *
 * The order in which matches win is total: two different rules never tie, so
 * the winner of a set of matches does not depend on where its rules stand.
 */
#ifndef CF_PROFILE_MATCH_H
#define CF_PROFILE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

/* One rule that matches; rank says how specific it is. */
struct cf_match {
    const struct cf_rule *rule; /* NULL: none does */
    unsigned rank;
};

/* Rules are of two kinds: by name and by address. */
bool cf_rule_is_by_name(const struct cf_rule *rule);

/* Whether the rule's protocols and ports hold this flow; port is 0 for ICMP. */
bool cf_rule_covers(const struct cf_rule *rule, enum cf_proto proto, uint16_t port);

/*
 * How specifically the rule names this host: more is more specific, 0 does
 * not match. Ranks compare within a kind only.
 *
 * name: normalised; length without the NUL
 */
unsigned cf_rule_rank_name(const struct cf_rule *rule, const char *name, size_t length);
unsigned cf_rule_rank_addr(const struct cf_rule *rule, const struct cf_addr *addr);

/* cf_rule_rank_addr() for a rule that holds every address of the family, 0 for any other. */
unsigned cf_rule_rank_wide(const struct cf_rule *rule, enum cf_family family);

/* Keep the one that wins in best: the more specific, at a tie the denial. */
void cf_match_keep(struct cf_match *best, const struct cf_rule *rule, unsigned rank);

#endif
