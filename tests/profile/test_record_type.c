/*
 * test_record_type.c - record types by name and by number
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "profile/record_type.h"

static void check(const char *text, uint16_t expected)
{
    uint16_t type = 0;

    assert_int_equal(cf_record_type_parse(text, &type), 0);
    assert_int_equal(type, expected);
}

static void check_wrong(const char *text)
{
    uint16_t type = 7;

    assert_int_equal(cf_record_type_parse(text, &type), -EINVAL);
    assert_int_equal(type, 7);
}

static void names_and_numbers_are_read(void **state)
{
    (void)state;
    check("A", 1);
    check("ANY", 255);
    check("HTTPS", 65);
    check("TYPE1", 1);
    check("TYPE65280", 65280);
    check("TYPE65535", 65535);
    check_wrong("");
    check_wrong("any");
    check_wrong("ANYTHING");
    check_wrong("TYPE");
    check_wrong("TYPE0");
    check_wrong("TYPE01");
    check_wrong("TYPE65536");
    check_wrong("TYPE100000");
    check_wrong("TYPE1 ");
    check_wrong("1");
}

static void every_type_is_written_as_it_is_read(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= UINT16_MAX; i++) {
        char text[CF_RECORD_TYPE_SIZE];

        check(cf_record_type_format((uint16_t)i, text), (uint16_t)i);
    }
}

static void no_name_stands_twice(void **state)
{
    size_t n;
    const char *const *names = cf_record_type_names(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(names[i], names[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers_are_read),
        cmocka_unit_test(every_type_is_written_as_it_is_read),
        cmocka_unit_test(no_name_stands_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
