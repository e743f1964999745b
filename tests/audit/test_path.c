/*
 * test_path.c - run ids, and paths with placeholders
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "audit/run_id.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define RUN "01939f2a-7c5b-7abc-8def-0123456789ab"

static void run_id_is_a_uuid_of_version_7_and_of_now(void **state)
{
    int64_t before_us = cf_clock_realtime_us() / 1000 * 1000, time_us;
    char id[CF_RUN_ID_SIZE];

    (void)state;
    cf_run_id_make(id);
    assert_int_equal(strlen(id), CF_RUN_ID_SIZE - 1);
    assert_int_equal(strspn(id, "0123456789abcdef-"), CF_RUN_ID_SIZE - 1);
    assert_int_equal(id[8], '-');
    assert_int_equal(id[13], '-');
    assert_int_equal(id[14], '7');
    assert_int_equal(id[18], '-');
    assert_non_null(strchr("89ab", id[19]));
    assert_int_equal(id[23], '-');
    time_us = cf_run_id_time_us(id);
    assert_true(time_us >= before_us && time_us <= cf_clock_realtime_us());
}

static void run_ids_differ(void **state)
{
    char a[CF_RUN_ID_SIZE], b[CF_RUN_ID_SIZE];

    (void)state;
    cf_run_id_make(a);
    cf_run_id_make(b);
    assert_string_not_equal(a, b);
}

static void time_of_what_is_no_run_id_is_none(void **state)
{
    (void)state;
    assert_int_equal(cf_run_id_time_us(RUN), INT64_C(0x01939f2a7c5b) * 1000);
    assert_int_equal(cf_run_id_time_us(""), -1);
    assert_int_equal(cf_run_id_time_us("01939f2a-7c5"), -1);
    assert_int_equal(cf_run_id_time_us("01939f2a-7c5g"), -1);
}

static void check_path(const char *pattern, const char *expected)
{
    cf_auto_free char *path = NULL;
    struct cf_error err = { 0 };

    assert_int_equal(cf_audit_path_expand(pattern, "build/x", RUN, "host.example", &path, &err), 0);
    assert_string_equal(path, expected);
}

static void placeholders_are_replaced(void **state)
{
    (void)state;
    check_path("", "");
    check_path("audit.jsonl", "audit.jsonl");
    check_path("audit/{name}-{run}.jsonl", "audit/build_x-01939f2a7c5b-456789ab.jsonl");
    check_path("{time}/{host}{host}", "20241207T032941Z/host.examplehost.example");
    check_path("a}b", "a}b");
}

/* With 16 random bits, two of them would be the same in one of four tries. */
static void runs_that_start_together_have_files_of_their_own(void **state)
{
    enum { RUNS = 200 };
    char *paths[RUNS] = { NULL };
    char id[CF_RUN_ID_SIZE];
    struct cf_error err = { 0 };

    (void)state;
    for (int i = 0; i < RUNS; i++) {
        cf_run_id_make(id);
        assert_int_equal(cf_audit_path_expand("{run}", "n", id, "h", &paths[i], &err), 0);
        for (int other = 0; other < i; other++)
            assert_string_not_equal(paths[i], paths[other]);
    }
    for (int i = 0; i < RUNS; i++)
        free(paths[i]);
}

static void check_refused(const char *pattern, const char *message)
{
    char *path = NULL;
    struct cf_error err = { 0 };

    assert_int_equal(cf_audit_path_expand(pattern, "n", RUN, "h", &path, &err), -EINVAL);
    assert_string_equal(err.text, message);
    assert_null(path);
}

static void anything_else_in_braces_is_refused(void **state)
{
    (void)state;
    check_refused("{nmae}", "no placeholder is called '{nmae}'; there are {name}, {run}, {time} "
                            "and {host}");
    check_refused("a{}", "no placeholder is called '{}'; there are {name}, {run}, {time} and "
                         "{host}");
    check_refused("{{run}}", "no placeholder is called '{{run}'; there are {name}, {run}, {time} "
                             "and {host}");
    check_refused("a-{run", "the '{' in 'a-{run' has no '}'");
}

static void path_past_the_limit_is_refused(void **state)
{
    static char pattern[40000];
    struct cf_error err = { 0 };
    char *path = NULL;

    (void)state;
    memset(pattern, 'a', sizeof pattern - 1);
    assert_int_equal(cf_audit_path_expand(pattern, "n", RUN, "h", &path, &err), -ENAMETOOLONG);
    assert_null(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_id_is_a_uuid_of_version_7_and_of_now),
        cmocka_unit_test(run_ids_differ),
        cmocka_unit_test(time_of_what_is_no_run_id_is_none),
        cmocka_unit_test(placeholders_are_replaced),
        cmocka_unit_test(runs_that_start_together_have_files_of_their_own),
        cmocka_unit_test(anything_else_in_braces_is_refused),
        cmocka_unit_test(path_past_the_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
