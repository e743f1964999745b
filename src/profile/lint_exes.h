/*
 * lint_exes.h - programs that are made up for the globs of a policy
 */
#ifndef CF_PROFILE_LINT_EXES_H
#define CF_PROFILE_LINT_EXES_H

#include <stddef.h>

#include "profile/profile.h"

/* One program that a glob of the profile matches. */
struct cf_lint_exe {
    const char *glob; /* NULL: one that was made up for rules that are for all */
    char *path;
};

/* A glob of the rules, and which of the programs are its own. */
struct cf_lint_glob {
    const char *text;
    const struct cf_rule *rule; /* the first that has it */
    size_t first, n_exes;
};

struct cf_lint_exes {
    struct cf_lint_exe *list; /* the one for no glob first, then in the order of the rules */
    size_t n;
    struct cf_lint_glob *globs; /* each once, sorted by text */
    size_t n_globs;
};

/* Rules that have expired are left out. Returns 0 or -ENOMEM; exes borrows from profile. */
int cf_lint_exes_init(struct cf_lint_exes *exes, const struct cf_profile *profile);
void cf_lint_exes_done(struct cf_lint_exes *exes);

/* The programs of the rule's own glob; of a rule for all, the one that is for no glob. */
void cf_lint_exes_own(const struct cf_lint_exes *exes, const struct cf_rule *rule, size_t *ret_first,
                      size_t *ret_n);

#endif
