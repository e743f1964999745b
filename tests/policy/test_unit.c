/*
 * test_unit.c - durations, sizes, dates and permission bits
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/unit.h"

typedef int parse_fn(const char *text, int64_t *ret_value, struct cf_unit_error *ret_error);
typedef char *format_fn(int64_t value, char text[CF_UNIT_SIZE]);

/* Text gives value, value gives canonical, canonical gives value. */
static void check(parse_fn *parse, format_fn *format, const char *text, int64_t value,
                  const char *canonical)
{
    struct cf_unit_error error;
    char formatted[CF_UNIT_SIZE];
    int64_t got = -1;

    assert_int_equal(parse(text, &got, &error), 0);
    assert_true(got == value);
    assert_string_equal(format(value, formatted), canonical);
    assert_int_equal(parse(canonical, &got, &error), 0);
    assert_true(got == value);
}

static void check_wrong(parse_fn *parse, const char *text, int r, size_t offset, const char *why,
                        const char *suggestion)
{
    struct cf_unit_error error;
    int64_t got = -1;

    assert_int_equal(parse(text, &got, &error), r);
    assert_true(got == -1);
    assert_int_equal(error.offset, offset);
    if (why)
        assert_string_equal(error.why, why);
    else
        assert_null(error.why);
    assert_string_equal(error.suggestion, suggestion);
}

#define DURATION cf_duration_parse, cf_duration_format
#define SIZE cf_size_parse, cf_size_format
#define DATE cf_date_parse, cf_date_format
#define BITS cf_mode_bits_parse, cf_mode_bits_format
#define TOO_BIG -ERANGE, 0, "a number below 2^63", ""

static void durations_are_milliseconds(void **state)
{
    (void)state;
    check(DURATION, "500ms", 500, "500ms");
    check(DURATION, "2s", 2000, "2s");
    check(DURATION, "5m", 300000, "5m");
    check(DURATION, "1h", 3600000, "1h");
    check(DURATION, "0s", 0, "0s");
    check(DURATION, "0h", 0, "0s");
    check(DURATION, "1000ms", 1000, "1s");
    check(DURATION, "90s", 90000, "90s");
    check(DURATION, "60m", 3600000, "1h");
    check(DURATION, "1500ms", 1500, "1500ms");
    check(DURATION, "9223372036854775807ms", INT64_MAX, "9223372036854775807ms");
}

static void wrong_durations_are_refused_at_the_byte(void **state)
{
    (void)state;
    check_wrong(cf_duration_parse, "", -EINVAL, 0, NULL, "");
    check_wrong(cf_duration_parse, "2", -EINVAL, 1, NULL, "");
    check_wrong(cf_duration_parse, "2 s", -EINVAL, 1, NULL, "2s");
    check_wrong(cf_duration_parse, "2S", -EINVAL, 1, NULL, "2s");
    check_wrong(cf_duration_parse, "2sec", -EINVAL, 1, NULL, "2s");
    check_wrong(cf_duration_parse, "10 minutes", -EINVAL, 2, NULL, "10m");
    check_wrong(cf_duration_parse, "1d", -EINVAL, 1, NULL, "24h");
    check_wrong(cf_duration_parse, "1.5h", -EINVAL, 1, NULL, "");
    check_wrong(cf_duration_parse, "-1s", -EINVAL, 0, NULL, "");
    check_wrong(cf_duration_parse, "+1s", -EINVAL, 0, NULL, "");
    check_wrong(cf_duration_parse, "01s", -EINVAL, 0, NULL, "");
    check_wrong(cf_duration_parse, "1h30m", -EINVAL, 1, NULL, "");
    check_wrong(cf_duration_parse, "s", -EINVAL, 0, NULL, "");
    check_wrong(cf_duration_parse, "2s ", -EINVAL, 1, NULL, "");
    check_wrong(cf_duration_parse, "9223372036854775808ms", TOO_BIG);
    check_wrong(cf_duration_parse, "9223372036854776s", TOO_BIG);
    check_wrong(cf_duration_parse, "99999999999999999999999999999999s", TOO_BIG);
    check_wrong(cf_duration_parse, "9223372036854775807d", -EINVAL, 19, NULL, "");
}

static void sizes_are_bytes(void **state)
{
    (void)state;
    check(SIZE, "0", 0, "0");
    check(SIZE, "1", 1, "1");
    check(SIZE, "4096", 4096, "4KiB");
    check(SIZE, "4097", 4097, "4097");
    check(SIZE, "64KiB", 65536, "64KiB");
    check(SIZE, "1024KiB", 1048576, "1MiB");
    check(SIZE, "20GiB", INT64_C(21474836480), "20GiB");
    check(SIZE, "0TiB", 0, "0");
    check(SIZE, "8388607TiB", INT64_C(8388607) << 40, "8388607TiB");
    check(SIZE, "9223372036854775807", INT64_MAX, "9223372036854775807");
}

static void wrong_sizes_are_refused_at_the_byte(void **state)
{
    (void)state;
    check_wrong(cf_size_parse, "", -EINVAL, 0, NULL, "");
    check_wrong(cf_size_parse, "64kb", -EINVAL, 2, NULL, "64KiB");
    check_wrong(cf_size_parse, "64K", -EINVAL, 2, NULL, "64KiB");
    check_wrong(cf_size_parse, "64 KiB", -EINVAL, 2, NULL, "64KiB");
    check_wrong(cf_size_parse, "64kib", -EINVAL, 2, NULL, "64KiB");
    check_wrong(cf_size_parse, "20g", -EINVAL, 2, NULL, "20GiB");
    check_wrong(cf_size_parse, "100 bytes", -EINVAL, 3, NULL, "100");
    check_wrong(cf_size_parse, "100B", -EINVAL, 3, NULL, "100");
    check_wrong(cf_size_parse, "1.5GiB", -EINVAL, 1, NULL, "");
    check_wrong(cf_size_parse, "-1", -EINVAL, 0, NULL, "");
    check_wrong(cf_size_parse, "007", -EINVAL, 0, NULL, "");
    check_wrong(cf_size_parse, "0x10", -EINVAL, 1, NULL, "");
    check_wrong(cf_size_parse, "8388608TiB", TOO_BIG);
    check_wrong(cf_size_parse, "9223372036854775808", TOO_BIG);
}

static void dates_are_days_of_the_calendar(void **state)
{
    (void)state;
    check(DATE, "1970-01-01", 0, "1970-01-01");
    check(DATE, "1970-12-31", 364, "1970-12-31");
    check(DATE, "1972-02-29", 789, "1972-02-29");
    check(DATE, "2000-02-29", 11016, "2000-02-29");
    check(DATE, "2027-06-30", 20999, "2027-06-30");
    check(DATE, "2100-03-01", 47541, "2100-03-01");
    check(DATE, "9999-12-31", 2932896, "9999-12-31");
}

static void every_day_comes_back_as_it_went(void **state)
{
    struct cf_unit_error error;
    char text[CF_UNIT_SIZE], before[CF_UNIT_SIZE] = "";
    int64_t got;

    (void)state;
    for (int64_t day = 0; day <= 200000; day++) {
        assert_int_equal(cf_date_parse(cf_date_format(day, text), &got, &error), 0);
        assert_true(got == day);
        assert_true(strcmp(before, text) < 0);
        memcpy(before, text, sizeof before);
    }
}

static void wrong_dates_are_refused_at_the_byte(void **state)
{
    (void)state;
    check_wrong(cf_date_parse, "", -EINVAL, 0, NULL, "");
    check_wrong(cf_date_parse, "2027-02-30", -EINVAL, 8, "a day that the month has", "");
    check_wrong(cf_date_parse, "2027-02-29", -EINVAL, 8, "a day that the month has", "");
    check_wrong(cf_date_parse, "2100-02-29", -EINVAL, 8, "a day that the month has", "");
    check_wrong(cf_date_parse, "2027-04-31", -EINVAL, 8, "a day that the month has", "");
    check_wrong(cf_date_parse, "2027-04-00", -EINVAL, 8, "a day that the month has", "");
    check_wrong(cf_date_parse, "2027-13-01", -EINVAL, 5, "a month from 01 to 12", "");
    check_wrong(cf_date_parse, "2027-00-01", -EINVAL, 5, "a month from 01 to 12", "");
    check_wrong(cf_date_parse, "1969-12-31", -EINVAL, 0, "a year from 1970", "");
    check_wrong(cf_date_parse, "2027-6-3", -EINVAL, 6, NULL, "2027-06-03");
    check_wrong(cf_date_parse, "2027-6-31", -EINVAL, 6, NULL, "");
    check_wrong(cf_date_parse, "2027/06/30", -EINVAL, 4, NULL, "");
    check_wrong(cf_date_parse, "30.06.2027", -EINVAL, 2, NULL, "");
    check_wrong(cf_date_parse, "2027-06-30T", -EINVAL, 10, NULL, "");
    check_wrong(cf_date_parse, "2027-06-3x", -EINVAL, 9, NULL, "");
    check_wrong(cf_date_parse, "12027-06-30", -EINVAL, 4, NULL, "");
    check_wrong(cf_date_parse, "2027- 6-30", -EINVAL, 5, NULL, "");
}

static void permission_bits_are_octal(void **state)
{
    (void)state;
    check(BITS, "0700", 0700, "0700");
    check(BITS, "0000", 0, "0000");
    check(BITS, "0007", 07, "0007");
    check(BITS, "01777", 01777, "01777");
    check(BITS, "07777", 07777, "07777");
    check_wrong(cf_mode_bits_parse, "700", -EINVAL, 0, NULL, "0700");
    check_wrong(cf_mode_bits_parse, "1777", -EINVAL, 0, NULL, "01777");
    check_wrong(cf_mode_bits_parse, "070", -EINVAL, 0, NULL, "");
    check_wrong(cf_mode_bits_parse, "0790", -EINVAL, 2, NULL, "");
    check_wrong(cf_mode_bits_parse, "0o700", -EINVAL, 1, NULL, "");
    check_wrong(cf_mode_bits_parse, "u=rwx", -EINVAL, 0, NULL, "");
    check_wrong(cf_mode_bits_parse, "017777", -EINVAL, 0, NULL, "");
    check_wrong(cf_mode_bits_parse, "", -EINVAL, 0, NULL, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_milliseconds),
        cmocka_unit_test(wrong_durations_are_refused_at_the_byte),
        cmocka_unit_test(sizes_are_bytes),
        cmocka_unit_test(wrong_sizes_are_refused_at_the_byte),
        cmocka_unit_test(dates_are_days_of_the_calendar),
        cmocka_unit_test(every_day_comes_back_as_it_went),
        cmocka_unit_test(wrong_dates_are_refused_at_the_byte),
        cmocka_unit_test(permission_bits_are_octal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
