/*
 * test_buffer.c - a buffer grows to its limit, and a failed append changes nothing
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

static void appended_bytes_stand_one_behind_the_other(void **state)
{
    struct cf_buffer buffer;

    (void)state;
    cf_buffer_init(&buffer, 0);
    assert_null(buffer.data);
    assert_int_equal(cf_buffer_append(&buffer, "", 0), 0);
    assert_string_equal(buffer.data, "");
    assert_int_equal(cf_buffer_puts(&buffer, "one "), 0);
    assert_int_equal(cf_buffer_printf(&buffer, "%s %d", "two", 3), 0);
    assert_int_equal(cf_buffer_append(&buffer, "\0x", 2), 0);
    assert_int_equal(buffer.length, 11);
    assert_memory_equal(buffer.data, "one two 3\0x", 12);
    cf_buffer_done(&buffer);
    cf_buffer_done(&buffer);
}

static void a_buffer_grows_over_many_appends(void **state)
{
    struct cf_buffer buffer;

    (void)state;
    cf_buffer_init(&buffer, 0);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(cf_buffer_printf(&buffer, "%04d", i), 0);
    assert_int_equal(buffer.length, 40000);
    assert_int_equal(strlen(buffer.data), 40000);
    assert_memory_equal(buffer.data + 4 * 1234, "1234", 4);
    cf_buffer_done(&buffer);
}

static void an_append_past_the_limit_fails_and_so_do_those_behind_it(void **state)
{
    struct cf_buffer buffer;

    (void)state;
    cf_buffer_init(&buffer, 8);
    assert_int_equal(cf_buffer_puts(&buffer, "12345678"), 0);
    assert_int_equal(cf_buffer_puts(&buffer, "9"), -ENOBUFS);
    assert_true(buffer.failed);
    assert_string_equal(buffer.data, "12345678");
    assert_int_equal(cf_buffer_append(&buffer, "", 0), -ENOBUFS);
    assert_int_equal(cf_buffer_printf(&buffer, "%d", 1), -ENOBUFS);
    assert_int_equal(buffer.length, 8);
    assert_null(cf_buffer_steal(&buffer));
    cf_buffer_clear(&buffer);
    assert_string_equal(buffer.data, "");
    assert_int_equal(cf_buffer_printf(&buffer, "%s", "123456789"), -ENOBUFS);
    cf_buffer_clear(&buffer);
    assert_int_equal(cf_buffer_append(&buffer, "x", SIZE_MAX), -ENOBUFS);
    cf_buffer_clear(&buffer);
    assert_int_equal(cf_buffer_puts(&buffer, "again"), 0);
    assert_string_equal(buffer.data, "again");
    cf_buffer_done(&buffer);
}

static void stolen_text_is_the_callers_and_the_buffer_is_empty(void **state)
{
    struct cf_buffer buffer;
    char *text;

    (void)state;
    cf_buffer_init(&buffer, 0);
    text = cf_buffer_steal(&buffer);
    assert_string_equal(text, "");
    free(text);
    cf_buffer_puts(&buffer, "text");
    text = cf_buffer_steal(&buffer);
    assert_string_equal(text, "text");
    assert_int_equal(buffer.length, 0);
    assert_null(buffer.data);
    free(text);
    assert_int_equal(cf_buffer_puts(&buffer, "more"), 0);
    assert_string_equal(buffer.data, "more");
    cf_buffer_done(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_bytes_stand_one_behind_the_other),
        cmocka_unit_test(a_buffer_grows_over_many_appends),
        cmocka_unit_test(an_append_past_the_limit_fails_and_so_do_those_behind_it),
        cmocka_unit_test(stolen_text_is_the_callers_and_the_buffer_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
