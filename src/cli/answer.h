/*
 * answer.h - questions put to the code that enforces
 *
 * cf_answer_make() asks cf_verdict_name(), cf_judge() and cf_trace_flow();
 * near.c and advise.c then look for the nearest miss and for what would help.
 */
#ifndef CF_CLI_ANSWER_H
#define CF_CLI_ANSWER_H

#include "base/addr.h"
#include "cli/question.h"
#include "profile/profile.h"
#include "report/explain.h"

struct cf_answer {
    struct cf_question question;
    struct cf_flow_name name;        /* by which the question's host is known */
    struct cf_explain_answer answer; /* borrows from here and from the profile */
    char *suggestion, *advice;
};

/* What all questions of a command have in common; borrowed. */
struct cf_inquiry {
    const struct cf_profile *profile;
    const char *exe;             /* NULL: not given */
    const struct cf_addr *addrs; /* what names resolve to; none: not known */
    size_t n_addrs;
};

/*
 * Answer ret->question, which is set. ret stays where it is until
 * cf_answer_done(). Returns 0 or -ENOMEM.
 */
int cf_answer_make(const struct cf_inquiry *inquiry, struct cf_answer *ret);
void cf_answer_done(struct cf_answer *answer);

/*
 * Whether the exit status counts it as allowed: without a port, when some flow is;
 * without a protocol, when only QUIC is denied, for which clients use TCP instead.
 */
bool cf_answer_is_allowed(const struct cf_answer *answer);

/* Whether enforce denies. */
bool cf_answer_is_denial(const struct cf_verdict *verdict);

/* Why no flow to this address is ever carried; NULL when it may be. Static. */
const char *cf_answer_never(const struct cf_profile *profile, const struct cf_addr *addr);

/*
 * Find the rules by address that would decide otherwise, where the address of
 * the question's name is not known, into answer->answer.conditions; 0 or -ENOMEM.
 */
int cf_answer_find_conditions(const struct cf_inquiry *inquiry, struct cf_answer *answer);

/* Find allows that nearly hold the question, into answer->answer.nears; 0 or -ENOMEM. */
int cf_answer_find_nears(const struct cf_inquiry *inquiry, struct cf_answer *answer);

#endif
