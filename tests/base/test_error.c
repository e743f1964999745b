/*
 * test_error.c - an error is said once and wrapped on its way up; times are written as RFC 3339
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"

static void check_time(int64_t realtime_us, const char *expected)
{
    char text[CF_CLOCK_RFC3339_SIZE];

    cf_clock_format_rfc3339(realtime_us, text);
    assert_string_equal(text, expected);
}

static void an_error_is_returned_and_filled_in_one_line(void **state)
{
    struct cf_error err = { 0 };

    (void)state;
    assert_int_equal(cf_error_set(&err, -EINVAL, "no '%s'", "x"), -EINVAL);
    assert_int_equal(err.code, -EINVAL);
    assert_string_equal(err.text, "no 'x'");
    assert_int_equal(cf_error_errno(&err, -ENOENT, "cannot open '%s'", "x"), -ENOENT);
    assert_string_equal(err.text, "cannot open 'x': No such file or directory");
    assert_int_equal(cf_error_wrap(&err, "profile '%s'", "build"), -ENOENT);
    assert_string_equal(err.text, "profile 'build': cannot open 'x': No such file or directory");
    assert_int_equal(err.code, -ENOENT);
}

static void an_error_that_nobody_wants_is_still_returned(void **state)
{
    (void)state;
    assert_int_equal(cf_error_set(NULL, -EINVAL, "x"), -EINVAL);
    assert_int_equal(cf_error_errno(NULL, -ENOENT, "x"), -ENOENT);
    assert_int_equal(cf_error_wrap(NULL, "x"), -EIO);
}

static void a_message_that_is_too_long_is_cut(void **state)
{
    char longest[2 * CF_ERROR_TEXT_SIZE];
    struct cf_error err = { 0 };

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    cf_error_set(&err, -EINVAL, "%s", longest);
    assert_int_equal(strlen(err.text), CF_ERROR_TEXT_SIZE - 1);
    cf_error_errno(&err, -EINVAL, "%s", longest);
    assert_int_equal(strlen(err.text), CF_ERROR_TEXT_SIZE - 1);
    cf_error_wrap(&err, "%s", "first");
    assert_int_equal(strlen(err.text), CF_ERROR_TEXT_SIZE - 1);
    assert_int_equal(strncmp(err.text, "first: xxx", 10), 0);
    cf_error_wrap(&err, "%s", longest);
    assert_int_equal(strlen(err.text), CF_ERROR_TEXT_SIZE - 1);
    assert_int_equal(err.code, -EINVAL);
}

static void times_are_written_in_utc_with_microseconds(void **state)
{
    (void)state;
    check_time(0, "1970-01-01T00:00:00.000000Z");
    check_time(1, "1970-01-01T00:00:00.000001Z");
    check_time(-1, "1969-12-31T23:59:59.999999Z");
    check_time(-CF_US_PER_S, "1969-12-31T23:59:59.000000Z");
    check_time(INT64_C(951782399) * CF_US_PER_S + 999999, "2000-02-28T23:59:59.999999Z");
    check_time(INT64_C(951782400) * CF_US_PER_S, "2000-02-29T00:00:00.000000Z");
    check_time(INT64_C(1782822896) * CF_US_PER_S + 123456, "2026-06-30T12:34:56.123456Z");
    check_time(INT64_C(253402300799) * CF_US_PER_S, "9999-12-31T23:59:59.000000Z");
}

static void the_monotonic_clock_never_goes_back(void **state)
{
    int64_t last = cf_clock_monotonic_us();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t now = cf_clock_monotonic_us();

        assert_true(now >= last);
        last = now;
    }
    /* Some day after this was written. */
    assert_true(cf_clock_realtime_us() > INT64_C(1700000000) * CF_US_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_returned_and_filled_in_one_line),
        cmocka_unit_test(an_error_that_nobody_wants_is_still_returned),
        cmocka_unit_test(a_message_that_is_too_long_is_cut),
        cmocka_unit_test(times_are_written_in_utc_with_microseconds),
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
