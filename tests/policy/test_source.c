/*
 * test_source.c - places in a text, and what libyaml would take very long for
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
#include "policy/guard.h"
#include "policy/source.h"

/* The place of a byte, counted from the front. */
static struct cf_mark count_mark(const struct cf_buffer *text, size_t offset)
{
    struct cf_mark mark = { .line = 1, .column = 1 };

    for (size_t i = 0; i < offset; i++) {
        if (text->data[i] == '\n') {
            mark.line++;
            mark.column = 1;
        } else if ((text->data[i] & 0xc0) != 0x80) {
            mark.column++;
        }
    }
    return mark;
}

/* The place of a byte is found, and the byte of that place. */
static void check_place(struct cf_source *source, const struct cf_buffer *text, size_t offset)
{
    struct cf_mark counted = count_mark(text, offset), mark = cf_source_mark(source, offset);
    size_t left = 0, end = offset;

    assert_int_equal(mark.line, counted.line);
    assert_int_equal(mark.column, counted.column);
    while (end < text->length && text->data[end] != '\n')
        end++;
    assert_ptr_equal(cf_source_find(source, mark, &left), text->data + offset);
    assert_int_equal(left, end - offset);
    mark.column += (unsigned)left + 1;
    assert_ptr_equal(cf_source_find(source, mark, &left), text->data + end);
    assert_int_equal(left, 0);
}

static void check_places(const char *part, size_t n)
{
    struct cf_source source;
    struct cf_buffer text;
    size_t step = n / 100 + 1;

    cf_buffer_init(&text, 0);
    for (size_t i = 0; i < n; i++)
        cf_buffer_printf(&text, i % 7 == 6 ? "%s%zu\n" : "%s%zu", part, i);
    assert_false(text.failed);
    cf_source_init(&source, "p.yaml", text.data, text.length);
    for (size_t i = 0; i < text.length; i += step)
        if ((text.data[i] & 0xc0) != 0x80)
            check_place(&source, &text, i);
    for (size_t i = 0; i < text.length; i += step)
        if ((text.data[text.length - 1 - i] & 0xc0) != 0x80)
            check_place(&source, &text, text.length - 1 - i);
    cf_buffer_done(&text);
}

static void a_place_is_found_wherever_it_is(void **state)
{
    (void)state;
    check_places("", 9);
    check_places("a", 500);
    check_places("\n", 500);
    check_places("\xc3\xa4\xe2\x82\xac", 3000);
    check_places("a long line of which there are many characters \xf0\x9f\x8c\x8d", 1000);
}

/* The place where a text is refused; the length when it is not. */
static size_t guard(const struct cf_buffer *text)
{
    struct cf_diagnostics diagnostics;
    struct cf_source source;
    size_t found = text->length;

    cf_diagnostics_init(&diagnostics);
    cf_source_init(&source, "p.yaml", text->data, text->length);
    if (cf_yaml_guard(&source, &diagnostics) < 0) {
        assert_int_equal(diagnostics.n_items, 1);
        for (size_t i = 0; i < text->length; i++) {
            struct cf_mark mark = count_mark(text, i);

            if (mark.line == diagnostics.items[0].line &&
                mark.column == diagnostics.items[0].column)
                found = i;
        }
    } else {
        assert_int_equal(diagnostics.n_items, 0);
    }
    cf_diagnostics_done(&diagnostics);
    return found;
}

/* A run of n blanks at a place of a text of words. */
static void check_run(size_t place, size_t n, size_t length)
{
    static const char blanks[] = " \n\t ";
    struct cf_buffer text;

    cf_buffer_init(&text, 0);
    for (size_t i = 0; i < length; i++)
        cf_buffer_append(&text, i < place || i >= place + n ? "a" : &blanks[i % 4], 1);
    assert_false(text.failed);
    assert_int_equal(guard(&text), n > CF_YAML_BLANKS_MAX ? place + CF_YAML_BLANKS_MAX : length);
    cf_buffer_done(&text);
}

static void the_first_run_of_too_many_blanks_is_found(void **state)
{
    (void)state;
    for (size_t place = 0; place < 600; place += place < 8 || place > 250 ? 1 : 13) {
        check_run(place, 256, 1000);
        check_run(place, 257, 1000);
        check_run(place, 1000 - place, 1000);
    }
    check_run(0, 256, 256);
    check_run(0, 257, 257);
    check_run(1, 257, 258);
    check_run(0, 0, 0);
}

static void check_directives(size_t n, const char *before, size_t expected)
{
    struct cf_buffer text;

    cf_buffer_init(&text, 0);
    for (size_t i = 0; i < n; i++)
        cf_buffer_puts(&text, "%x%\n");
    for (size_t i = 0; i < 300; i++)
        cf_buffer_puts(&text, before);
    assert_false(text.failed);
    assert_int_equal(guard(&text), expected == SIZE_MAX ? text.length : expected);
    cf_buffer_done(&text);
}

static void the_first_directive_too_many_is_found(void **state)
{
    (void)state;
    check_directives(100, "a%", SIZE_MAX);
    check_directives(101, "a%", 400);
    check_directives(101, "\n", 400);
    check_directives(100, "\n", 655);
    check_directives(0, "%", SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_found_wherever_it_is),
        cmocka_unit_test(the_first_run_of_too_many_blanks_is_found),
        cmocka_unit_test(the_first_directive_too_many_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
