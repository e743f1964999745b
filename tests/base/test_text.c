/*
 * test_text.c - what is counted in blocks is what is counted byte by byte
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

/* Longer than some blocks of any size that there may be. */
#define LENGTH 300

/* `odd` at one place of a text of `common`: at every place, in texts of every length. */
static void check_all(char common, char odd)
{
    char text[LENGTH];

    for (size_t length = 0; length <= LENGTH; length += length < 140 ? 1 : 40) {
        memset(text, common, sizeof text);
        for (size_t place = 0; place < length; place++) {
            size_t n_lines = 0, n_characters = 0, span = length;

            text[place] = odd;
            for (size_t i = length; i-- > 0;) {
                n_lines += text[i] == '\n';
                n_characters += (unsigned char)text[i] < 0x80 || (unsigned char)text[i] >= 0xc0;
                if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n')
                    span = i;
            }
            assert_int_equal(cf_text_plain_span(text, length), span);
            assert_int_equal(cf_text_count_lines(text, length), n_lines);
            assert_int_equal(cf_text_count_characters(text, length), n_characters);
            text[place] = common;
        }
    }
}

static void blocks_are_counted_as_bytes_are(void **state)
{
    static const char bytes[] = "a ~\n\t\r\x1f\x7f\x80\xbf\xc3\xff";

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        check_all('a', bytes[i]);
        check_all(bytes[i], 'a');
        check_all('\n', bytes[i]);
    }
}

static void nothing_is_in_no_text(void **state)
{
    (void)state;
    assert_int_equal(cf_text_plain_span("", 0), 0);
    assert_int_equal(cf_text_count_lines("", 0), 0);
    assert_int_equal(cf_text_count_characters("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_counted_as_bytes_are),
        cmocka_unit_test(nothing_is_in_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
