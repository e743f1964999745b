/*
 * test_show.c - sizes, durations, and text that is safe and fits
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "report/show.h"

static void check_bytes(uint64_t bytes, const char *expected)
{
    char text[CF_SHOW_SIZE];

    assert_string_equal(cf_show_bytes(bytes, text), expected);
}

static void sizes_have_one_decimal_and_a_binary_unit(void **state)
{
    (void)state;
    check_bytes(0, "0 B");
    check_bytes(1023, "1023 B");
    check_bytes(1024, "1.0 KiB");
    check_bytes(411648, "402.0 KiB");
    check_bytes(1048575, "1.0 MiB");
    check_bytes(12687769, "12.1 MiB");
    check_bytes(UINT64_MAX, "16.0 EiB");
}

static void check_duration(uint64_t us, const char *expected)
{
    char text[CF_SHOW_SIZE];

    assert_string_equal(cf_show_duration(us, text), expected);
}

static void durations_have_the_unit_that_fits(void **state)
{
    (void)state;
    check_duration(0, "0 us");
    check_duration(999, "999 us");
    check_duration(4200, "4 ms");
    check_duration(999499, "999 ms");
    check_duration(999500, "1.0 s");
    check_duration(12400000, "12.4 s");
    check_duration(59949999, "59.9 s");
    check_duration(59950000, "1 min 00 s");
    check_duration(185000000, "3 min 05 s");
    check_duration(3599500000, "1 h 00 min");
    check_duration(7500000000, "2 h 05 min");
}

static void check_shown(const char *text, unsigned max_width, const char *expected, unsigned width)
{
    unsigned got;
    cf_auto_free char *shown = cf_show_text(text, max_width, &got);

    assert_string_equal(shown, expected);
    assert_int_equal(got, width);
}

static void text_that_acts_is_escaped(void **state)
{
    (void)state;
    check_shown("", 10, "", 0);
    check_shown("plain", 5, "plain", 5);
    check_shown("a\x1b[0m\n", 20, "a\\x1b[0m\\x0a", 12);
    check_shown("\xff\xe6\x97", 20, "\\xff\\xe6\\x97", 12);
    check_shown("\xe2\x80\xae", 20, "\\u{202e}", 8);
    check_shown("b\xc3\xbc", 2, "b\xc3\xbc", 2);
}

static void wide_text_loses_its_middle(void **state)
{
    (void)state;
    check_shown("registry.example.com.evil.example", 20, "regis...evil.example", 20);
    check_shown("abcdef", 5, "...ef", 5);
    check_shown("abcdef", 3, "...", 3);
    check_shown("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac", 9,
                "\xe6\x97\xa5...\xe6\x97\xa5\xe6\x9c\xac", 9);
    check_shown("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac", 8,
                "...\xe6\x97\xa5\xe6\x9c\xac", 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_one_decimal_and_a_binary_unit),
        cmocka_unit_test(durations_have_the_unit_that_fits),
        cmocka_unit_test(text_that_acts_is_escaped),
        cmocka_unit_test(wide_text_loses_its_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
