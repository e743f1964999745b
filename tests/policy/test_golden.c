/*
 * test_golden.c - each policy of golden/ gives exactly the text that is expected
 *
 * NAME.yaml is read, and its rules analysed as `childflow check` does, with the
 * folder as working directory. NAME.ok holds what
 * cf_policy_format() prints, NAME.err what cf_diagnostics_format() prints; a
 * text that is empty has no file, and HERE stands for this folder's absolute
 * path. With CHILDFLOW_UPDATE_GOLDEN in the environment, the files are written
 * instead.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "policy/policy.h"

#define POLICIES_MAX 200

static struct CMUnitTest tests[POLICIES_MAX];
static char names[POLICIES_MAX][128];
static size_t n_tests;

static char *golden_path(const char *yaml, const char *extension, char path[160])
{
    snprintf(path, 160, "%.*s%s", (int)(strlen(yaml) - strlen(".yaml")), yaml, extension);
    return path;
}

/* The text with HERE for this folder, which no two machines have in one place. */
static void put_portable(const char *text, struct cf_buffer *ret)
{
    char *here = realpath(".", NULL);
    const char *at;

    assert_non_null(here);
    cf_buffer_init(ret, 0);
    cf_buffer_puts(ret, "");
    while ((at = strstr(text, here))) {
        cf_buffer_append(ret, text, (size_t)(at - text));
        cf_buffer_puts(ret, "HERE");
        text = at + strlen(here);
    }
    cf_buffer_puts(ret, text);
    free(here);
}

static void check_golden(const char *yaml, const char *extension, const struct cf_buffer *got)
{
    char path[160], *expected = NULL;
    struct cf_buffer portable;
    const char *text;
    size_t length;

    put_portable(got->data ? got->data : "", &portable);
    text = portable.data ? portable.data : "";
    golden_path(yaml, extension, path);
    if (getenv("CHILDFLOW_UPDATE_GOLDEN")) {
        FILE *file;

        unlink(path);
        if (got->length == 0) {
            cf_buffer_done(&portable);
            return;
        }
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
        cf_buffer_done(&portable);
        return;
    }
    if (cf_fd_read_file(path, (size_t)1 << 20, &expected, &length) < 0)
        expected = strdup("");
    assert_non_null(expected);
    assert_string_equal(text, expected);
    free(expected);
    cf_buffer_done(&portable);
}

/* What is printed parses, without a finding, to what prints the same again. */
static void check_fixed_point(const struct cf_buffer *printed, const struct cf_buffer *expected)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };
    struct cf_buffer again;

    cf_diagnostics_init(&diagnostics);
    cf_buffer_init(&again, 0);
    assert_int_equal(cf_policy_parse(printed->data, printed->length, "again", NULL, &diagnostics,
                                     &profile, &err),
                     0);
    assert_int_equal(cf_policy_format(profile, false, &again), 0);
    assert_string_equal(again.data, expected->data);
    cf_buffer_done(&again);
    cf_profile_free(profile);
    cf_diagnostics_done(&diagnostics);
}

static void check_printed(const struct cf_profile *profile, struct cf_buffer *printed)
{
    struct cf_buffer origins;

    cf_buffer_init(&origins, 0);
    assert_int_equal(cf_policy_format(profile, false, printed), 0);
    assert_int_equal(cf_policy_format(profile, true, &origins), 0);
    check_fixed_point(printed, printed);
    check_fixed_point(&origins, printed);
    cf_buffer_done(&origins);
}

static void policy_reads_as_expected(void **state)
{
    const struct cf_policy_options options = { .analyse = true };
    const char *name = *state;
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_buffer findings, printed;
    struct cf_error err = { 0 };
    int r;

    cf_diagnostics_init(&diagnostics);
    cf_buffer_init(&findings, 0);
    cf_buffer_init(&printed, 0);
    r = cf_policy_load(name, &options, &diagnostics, &profile, &err);
    assert_int_equal(cf_diagnostics_format(&diagnostics, &findings), 0);
    check_golden(name, ".err", &findings);
    if (r == 0) {
        assert_int_equal(diagnostics.n_errors, 0);
        check_printed(profile, &printed);
    } else {
        assert_int_equal(r, -EINVAL);
        assert_true(diagnostics.n_errors > 0);
        assert_null(profile);
    }
    check_golden(name, ".ok", &printed);
    cf_buffer_done(&printed);
    cf_buffer_done(&findings);
    cf_profile_free(profile);
    cf_diagnostics_done(&diagnostics);
}

static int compare_tests(const void *a, const void *b)
{
    return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

static void find_policies(void)
{
    DIR *dir = opendir(".");
    struct dirent *entry;

    while (dir && n_tests < POLICIES_MAX && (entry = readdir(dir))) {
        size_t length = strlen(entry->d_name);

        if (length < 6 || length >= sizeof names[0] ||
            strcmp(entry->d_name + length - 5, ".yaml") != 0)
            continue;
        memcpy(names[n_tests], entry->d_name, length + 1);
        tests[n_tests] = (struct CMUnitTest) {
            .name = names[n_tests],
            .test_func = policy_reads_as_expected,
            .initial_state = names[n_tests],
        };
        n_tests++;
    }
    if (dir)
        closedir(dir);
    qsort(tests, n_tests, sizeof tests[0], compare_tests);
}

int main(void)
{
    if (chdir(GOLDEN_DIR) < 0) {
        perror(GOLDEN_DIR);
        return 1;
    }
    find_policies();
    if (n_tests == 0) {
        fprintf(stderr, "no policies in %s\n", GOLDEN_DIR);
        return 1;
    }
    return _cmocka_run_group_tests("golden", tests, n_tests, NULL, NULL);
}
