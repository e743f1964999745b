/*
 * test_json.c - what is written is JSON, whatever the bytes that go in
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "audit/json.h"
#include "base/text.h"

static void check_text(const char *text, const char *expected)
{
    struct cf_buffer buffer;
    struct cf_json json;
    json_t *value;

    cf_buffer_init(&buffer, 0);
    cf_json_init(&json, &buffer);
    cf_json_text(&json, NULL, text);
    assert_false(buffer.failed);
    assert_string_equal(buffer.data, expected);
    value = json_loadb(buffer.data, buffer.length, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    json_decref(value);
    cf_buffer_done(&buffer);
}

static void text_is_escaped_where_it_must_be(void **state)
{
    (void)state;
    check_text("", "\"\"");
    check_text("plain /-_.*", "\"plain /-_.*\"");
    check_text("a\"b\\c", "\"a\\\"b\\\\c\"");
    check_text("\n\t\r\x01\x1b[0m\x7f", "\"\\n\\t\\u000d\\u0001\\u001b[0m\\u007f\"");
    check_text(NULL, "null");
}

static void printable_utf_8_stays_as_it_is(void **state)
{
    (void)state;
    check_text("b\xc3\xbc"
               "cher",
               "\"b\xc3\xbc"
               "cher\"");
    check_text("\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80",
               "\"\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80\"");
}

static void characters_that_act_on_a_reader_are_escaped(void **state)
{
    (void)state;
    check_text("\xc2\x9b"
               "31m",
               "\"\\u009b31m\"");                         /* C1: CSI */
    check_text("\xe2\x80\xa8", "\"\\u2028\"");            /* line separator */
    check_text("\xe2\x80\xae", "\"\\u202e\"");            /* right-to-left override */
    check_text("\xe2\x80\x8b", "\"\\u200b\"");            /* zero-width space */
    check_text("\xef\xbb\xbf", "\"\\ufeff\"");            /* byte order mark */
    check_text("\xf3\xa0\x81\x81", "\"\\udb40\\udc41\""); /* tag */
}

/* The maximal subparts of Unicode 15, 3.9, table 3-8 and its neighbours. */
static void bytes_that_are_not_utf_8_become_replacement_characters(void **state)
{
    (void)state;
    check_text("caf\xe9!", "\"caf\\ufffd!\"");
    check_text("\x80\xbf", "\"\\ufffd\\ufffd\"");
    check_text("\xc0\xaf", "\"\\ufffd\\ufffd\"");            /* overlong */
    check_text("\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\""); /* overlong */
    check_text("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""); /* surrogate */
    check_text("\xf4\x91\x92\x93\xff"
               "A",
               "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffdA\""); /* past U+10FFFF */
    check_text("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf"
               "A",
               "\"\\ufffd\\ufffd\\ufffd\\ufffdA\"");
    check_text("\xf0\x9f\x98", "\"\\ufffd\""); /* cut short */
}

static void every_byte_pair_gives_json_that_another_library_reads(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        const char text[] = { (char)(pair >> 8), (char)pair, '"', '\0' };
        struct cf_buffer buffer;
        struct cf_json json;
        json_t *value;

        cf_buffer_init(&buffer, 0);
        cf_json_init(&json, &buffer);
        cf_json_text(&json, NULL, text);
        value = json_loadb(buffer.data, buffer.length, JSON_DECODE_ANY, NULL);
        if (!json_is_string(value))
            fail_msg("%04x: %s", pair, buffer.data);
        json_decref(value);
        cf_buffer_done(&buffer);
    }
}

static void commas_stand_between_values_and_nowhere_else(void **state)
{
    struct cf_buffer buffer;
    struct cf_json json;

    (void)state;
    cf_buffer_init(&buffer, 0);
    cf_json_init(&json, &buffer);
    cf_json_object(&json, NULL);
    cf_json_array(&json, "a");
    cf_json_array_end(&json);
    cf_json_array(&json, "b");
    cf_json_unsigned(&json, NULL, 0);
    cf_json_object(&json, NULL);
    cf_json_object_end(&json);
    cf_json_null(&json, NULL);
    cf_json_array_end(&json);
    cf_json_bool(&json, "c", true);
    cf_json_bool(&json, "d", false);
    cf_json_unsigned(&json, "e", UINT64_MAX);
    cf_json_signed(&json, "f", INT64_MIN);
    cf_json_object_end(&json);
    assert_string_equal(buffer.data, "{\"a\":[],\"b\":[0,{},null],\"c\":true,\"d\":false,"
                                     "\"e\":18446744073709551615,\"f\":-9223372036854775808}");
    cf_buffer_done(&buffer);
}

static void check_width(const char *text, unsigned expected)
{
    size_t length = strlen(text);
    unsigned width = 0;

    for (size_t at = 0; at < length;) {
        uint32_t point;
        bool valid;

        at += cf_text_decode(text + at, length - at, &point, &valid);
        width += cf_text_width(point);
    }
    assert_int_equal(width, expected);
}

static void width_counts_columns(void **state)
{
    (void)state;
    check_width("abc", 3);
    check_width("b\xc3\xbc", 2);
    check_width("u\xcc\x88", 1); /* combining diaeresis */
    check_width("\xe6\x97\xa5\xe6\x9c\xac", 4);
    check_width("\xf0\x9f\x98\x80", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped_where_it_must_be),
        cmocka_unit_test(printable_utf_8_stays_as_it_is),
        cmocka_unit_test(characters_that_act_on_a_reader_are_escaped),
        cmocka_unit_test(bytes_that_are_not_utf_8_become_replacement_characters),
        cmocka_unit_test(every_byte_pair_gives_json_that_another_library_reads),
        cmocka_unit_test(commas_stand_between_values_and_nowhere_else),
        cmocka_unit_test(width_counts_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
