/*
 * lint_exes.c - programs that are made up for the globs of a policy
 *
 * How this works. For each glob paths that it matches, with several texts for
 * each wildcard, and one of them with its file gone. Globs are found by a
 * binary search, since there may be as many as rules.
 */
#include "profile/lint_exes.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

/* Texts that no policy spells out, so that only a wildcard matches them. */
#define FRESH_PATH "/\001"
static const char *const fills[] = { "\001", "", "\001\002", "\001\002\001\002\001\002\001\002" };
#define N_FILLS (sizeof fills / sizeof fills[0])

static int exe_add(struct cf_lint_exes *exes, const char *glob, const char *path)
{
    size_t n = exes->n;

    if ((n & (n - 1)) == 0) {
        struct cf_lint_exe *grown = realloc(exes->list, (n ? n * 2 : 1) * sizeof *grown);

        if (!grown)
            return -ENOMEM;
        exes->list = grown;
    }
    exes->list[n].glob = glob;
    exes->list[n].path = strdup(path);
    if (!exes->list[n].path)
        return -ENOMEM;
    exes->n++;
    return 0;
}

/* A character that [...] at glob matches; *ret_length is how much of glob it is. */
static char bracket_fill(const char *glob, size_t *ret_length)
{
    char bracket[64], text[2] = "";
    const char *end = strchr(glob + (glob[1] == '!' || glob[1] == '^' ? 3 : 2), ']');
    size_t length = end ? (size_t)(end - glob) + 1 : 1;

    *ret_length = length;
    if (length < 2 || length >= sizeof bracket)
        return '[';
    memcpy(bracket, glob, length);
    bracket[length] = '\0';
    for (int c = '.'; c < 0x7f; c++) {
        text[0] = (char)c;
        if (c != '/' && fnmatch(bracket, text, FNM_NOESCAPE) == 0)
            break;
    }
    return text[0];
}

/* The glob with fill in the place of each `*`; whether it matches is the caller's to see. */
static void glob_fill(const char *glob, const char *fill, struct cf_buffer *path)
{
    while (*glob) {
        size_t length = 1;

        if (strcmp(glob, "**") == 0) {
            cf_buffer_printf(path, "%s%s", fills[0], fill[0] ? "/" : "");
            cf_buffer_puts(path, fill);
            return;
        }
        if (*glob == '*') {
            cf_buffer_puts(path, fill);
        } else if (*glob == '[') {
            char c = bracket_fill(glob, &length);

            cf_buffer_append(path, &c, 1);
        } else {
            cf_buffer_append(path, *glob == '?' ? fills[0] : glob, 1);
        }
        glob += length;
    }
}

/* The same program with its file gone: what is allowed to it is not, what is denied still is. */
static int exe_add_deleted(struct cf_lint_exes *exes, const char *glob, struct cf_buffer *path)
{
    cf_buffer_puts(path, " (deleted)");
    return path->failed ? -ENOMEM : exe_add(exes, glob, path->data);
}

static int compare_globs(const void *a, const void *b)
{
    const struct cf_lint_glob *x = a, *y = b;
    int order = strcmp(x->text, y->text);

    return order != 0 ? order : (x->rule > y->rule) - (x->rule < y->rule);
}

static int compare_glob_text(const void *text, const void *glob)
{
    return strcmp(text, ((const struct cf_lint_glob *)glob)->text);
}

/* The glob of a rule for certain programs that has not expired. */
static struct cf_lint_glob *glob_of(const struct cf_lint_exes *exes, const struct cf_rule *rule)
{
    return bsearch(rule->exe, exes->globs, exes->n_globs, sizeof *exes->globs,
                   compare_glob_text);
}

/* List each glob of the rules once. */
static int globs_find(struct cf_lint_exes *exes, const struct cf_profile *profile)
{
    size_t n = 0;

    exes->globs = calloc(profile->egress.n_rules + 1, sizeof *exes->globs);
    if (!exes->globs)
        return -ENOMEM;
    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        const struct cf_rule *rule = &profile->egress.rules[i];

        if (rule->exe && !cf_rule_is_expired(profile, rule))
            exes->globs[n++] = (struct cf_lint_glob) { .text = rule->exe, .rule = rule };
    }
    qsort(exes->globs, n, sizeof *exes->globs, compare_globs);
    for (size_t i = 0; i < n; i++) {
        if (exes->n_globs == 0 ||
            strcmp(exes->globs[exes->n_globs - 1].text, exes->globs[i].text) != 0)
            exes->globs[exes->n_globs++] = exes->globs[i];
    }
    return 0;
}

/* Make up programs for the glob of a rule. */
static int exes_make(struct cf_lint_exes *exes, const struct cf_rule *rule)
{
    for (size_t i = 0; i < N_FILLS; i++) {
        struct cf_buffer path;
        int r = 0;

        cf_buffer_init(&path, 0);
        glob_fill(rule->exe, fills[i], &path);
        if (path.failed)
            r = -ENOMEM;
        else if (path.data && cf_rule_is_for(rule, path.data))
            r = exe_add(exes, rule->exe, path.data);
        if (r == 0 && path.data && i == 0)
            r = exe_add_deleted(exes, rule->exe, &path);
        cf_buffer_done(&path);
        if (r < 0)
            return r;
    }
    return 0;
}

int cf_lint_exes_init(struct cf_lint_exes *exes, const struct cf_profile *profile)
{
    int r;

    *exes = (struct cf_lint_exes) { 0 };
    r = exe_add(exes, NULL, FRESH_PATH);
    if (r == 0)
        r = globs_find(exes, profile);
    for (size_t i = 0; i < profile->egress.n_rules && r == 0; i++) {
        const struct cf_rule *rule = &profile->egress.rules[i];
        struct cf_lint_glob *glob;

        if (!rule->exe || cf_rule_is_expired(profile, rule))
            continue;
        glob = glob_of(exes, rule);
        if (glob->rule != rule)
            continue;
        glob->first = exes->n;
        r = exes_make(exes, rule);
        glob->n_exes = exes->n - glob->first;
    }
    if (r < 0)
        cf_lint_exes_done(exes);
    return r;
}

void cf_lint_exes_done(struct cf_lint_exes *exes)
{
    for (size_t i = 0; i < exes->n; i++)
        free(exes->list[i].path);
    free(exes->list);
    free(exes->globs);
    *exes = (struct cf_lint_exes) { 0 };
}

void cf_lint_exes_own(const struct cf_lint_exes *exes, const struct cf_rule *rule, size_t *ret_first,
                      size_t *ret_n)
{
    const struct cf_lint_glob *glob = rule->exe ? glob_of(exes, rule) : NULL;

    *ret_first = glob ? glob->first : 0;
    *ret_n = glob ? glob->n_exes : 1;
}
