/*
 * lint_ask.h - questions that between them try all that a rule speaks of
 *
 * A question is a flow that the rule's endpoint holds. Where no rule of the
 * profile can tell two flows apart, one of them is asked.
 */
#ifndef CF_PROFILE_LINT_ASK_H
#define CF_PROFILE_LINT_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/lint_exes.h"
#include "profile/lint_places.h"
#include "profile/profile.h"
#include "profile/verdict.h"

struct cf_asker {
    const struct cf_profile *profile;
    struct cf_places places;
    struct cf_lint_exes exes;
    const char **mine; /* the programs for the rule that is asked about; NULL: an unknown one */
    size_t n_mine;
    bool has_all;    /* mine is not only of the rule's own glob */
    uint16_t *ports; /* for the place that is asked about */
    size_t n_ports, ports_capacity;
    uint16_t *name_ports; /* at which verdicts by name can change, whatever the name */
    size_t n_name_ports;
    uint64_t left; /* verdicts and steps that may still be made */
    bool out_of_memory;
};

enum cf_ask_end {
    CF_ASK_STOPPED,   /* by fn */
    CF_ASK_DONE,      /* everything was asked */
    CF_ASK_UNSURE,    /* everything that could be thought of, which is not all */
    CF_ASK_EXHAUSTED, /* the budget, or memory */
};

/* Look at one question; true stops. */
typedef bool cf_ask_fn(struct cf_asker *asker, const struct cf_flow_query *query, void *data);

/* Returns 0 or -ENOMEM. profile: borrowed, sealed; budget: verdicts and steps */
int cf_asker_init(struct cf_asker *asker, const struct cf_profile *profile, uint64_t budget);
void cf_asker_done(struct cf_asker *asker);

/* Put the questions of one rule, which has not expired, to fn. */
enum cf_ask_end cf_ask_each(struct cf_asker *asker, const struct cf_rule *rule, cf_ask_fn *fn,
                            void *data);

/* A verdict; denied also where audit mode lets through what enforce denies. */
bool cf_ask_is_denied(struct cf_asker *asker, const struct cf_flow_query *query,
                      struct cf_verdict *ret_verdict);
bool cf_ask_is_name_denied(struct cf_asker *asker, const struct cf_name_query *query,
                           struct cf_verdict *ret_verdict);

/*
 * Whether an allow by address that loses this question (no names) to the
 * denial nevertheless lifts it for a flow that a name speaks for (Verdict 3).
 */
bool cf_ask_lifts(struct cf_asker *asker, const struct cf_rule *rule,
                  const struct cf_flow_query *query, const struct cf_rule *denial);

#endif
