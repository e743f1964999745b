/*
 * lint.h - rules that do nothing, or more than they seem to
 *
 * Finds them by asking for verdicts with and without each rule. Pure; for
 * `childflow check`, not for packet paths.
 */
#ifndef CF_PROFILE_LINT_H
#define CF_PROFILE_LINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

enum cf_lint_kind {
    CF_LINT_DUPLICATE,    /* says what the one other says */
    CF_LINT_EMPTY,        /* for a group without endpoints */
    CF_LINT_SHADOWED,     /* an allow; the others deny every flow that it allows */
    CF_LINT_UNREACHABLE,  /* the others decide every flow that it speaks of */
    CF_LINT_REDUNDANT,    /* an allow; without it the others, or the default, allow the same */
    CF_LINT_WIDER,        /* an allow; the others are narrower allows that it makes redundant */
    CF_LINT_EVERYTHING,   /* an allow of every address and port under a default of deny */
    CF_LINT_QUIC,         /* an allow by name that opens QUIC, unnamed, where names are verified */
    CF_LINT_RESOLVER,     /* a port of it is the resolver's (cf_flow_is_for_resolver()) */
    CF_LINT_PINNED,       /* an allow by name that beats a denial by address only through `hosts` */
    CF_LINT_NOT_ANALYSED, /* this rule and those behind it: the budget ran out */
    CF_LINT_KIND_COUNT
};

/* Other rules that a finding names; those behind are only counted. */
#define CF_LINT_OTHERS_MAX 8

/* One finding. What it points at is borrowed from the profile. */
struct cf_lint_finding {
    enum cf_lint_kind kind;
    const struct cf_rule *rule; /* NULL: it is about member */
    const struct cf_rule *others[CF_LINT_OTHERS_MAX];
    size_t n_others;  /* with those that are only counted */
    bool by_default;  /* REDUNDANT: egress.default is among what allows the same */
    size_t n_skipped; /* NOT_ANALYSED: rules */
    bool whole;       /* RESOLVER: it speaks of nothing else */
    bool opens, closes; /* RESOLVER: look-ups of names, at most, all the same */
    const struct cf_member *member; /* RESOLVER: the endpoint of a group; NULL: that of the rule */
    const struct cf_group *group;   /* of member */
    const struct cf_host *host; /* PINNED: whose address is denied by the other rule */
    const struct cf_addr *addr; /* PINNED */
};

struct cf_lint {
    struct cf_lint_finding *findings;
    size_t n_findings;
};

/*
 * Verdicts and steps: a second or two. Ten thousand rules that seldom speak of
 * the same host take a two hundredth of it.
 */
#define CF_LINT_BUDGET 20000000

/*
 * Find what is doubtful about the rules. Rules that have expired are left out.
 *
 * profile:  sealed
 * budget:   verdicts and steps at most; when they run out, NOT_ANALYSED says
 *           from which rule on
 * ret_lint: the caller's, cf_lint_done(); borrows from profile
 *
 * Returns 0 or -ENOMEM.
 */
int cf_lint(const struct cf_profile *profile, uint64_t budget, struct cf_lint *ret_lint);

/*
 * Duplicates alone. They are what they are whatever the other rules say, so
 * the profile may lack some, and need not be sealed.
 */
int cf_lint_duplicates(const struct cf_profile *profile, struct cf_lint *ret_lint);

void cf_lint_done(struct cf_lint *lint);

#endif
