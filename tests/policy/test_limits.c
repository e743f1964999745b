/*
 * test_limits.c - whatever a policy makes grow ends in one error
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"

/* Read the text; the findings hold expected (NULL: there is none). Returns how many there are. */
static size_t check_text(const struct cf_buffer *text, const char *expected)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_buffer findings;
    struct cf_error err = { 0 };
    size_t n;
    int r;

    assert_false(text->failed);
    cf_diagnostics_init(&diagnostics);
    cf_buffer_init(&findings, 0);
    r = cf_policy_parse(text->data, text->length, "p.yaml", NULL, &diagnostics, &profile, &err);
    assert_int_equal(r, expected ? -EINVAL : 0);
    assert_int_equal(cf_diagnostics_format(&diagnostics, &findings), 0);
    if (expected && !strstr(findings.data, expected))
        fail_msg("%.2000s", findings.data);
    n = diagnostics.n_errors;
    cf_buffer_done(&findings);
    cf_profile_free(profile);
    cf_diagnostics_done(&diagnostics);
    return n;
}

static void begin(struct cf_buffer *text)
{
    cf_buffer_init(text, 0);
    cf_buffer_puts(text, "version: 1\n");
}

static void repeat(struct cf_buffer *text, const char *what, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cf_buffer_puts(text, what);
}

static void a_document_of_4_mib_is_read_and_one_byte_more_is_refused(void **state)
{
    struct cf_buffer text;

    (void)state;
    begin(&text);
    repeat(&text, "# comment of a few bytes\n", (((size_t)4 << 20) - text.length) / 25);
    while (text.length < (size_t)4 << 20)
        cf_buffer_puts(&text, "\n");
    check_text(&text, NULL);
    cf_buffer_puts(&text, "\n");
    assert_int_equal(check_text(&text, "p.yaml: error: expected a document of at most 4194304"), 1);
    cf_buffer_done(&text);
}

static void aliases_of_aliases_are_refused(void **state)
{
    struct cf_buffer text;

    (void)state;
    begin(&text);
    cf_buffer_puts(&text, "a0: &a0 [lol]\n");
    for (int i = 1; i < 30; i++) {
        cf_buffer_printf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 9; j++)
            cf_buffer_printf(&text, "*a%d,", i - 1);
        cf_buffer_puts(&text, "]\n");
    }
    assert_int_equal(check_text(&text, "aliases that stand for at most 10000 nodes"), 1);
    cf_buffer_done(&text);
}

static void long_text_counts_for_its_aliases(void **state)
{
    struct cf_buffer text;

    (void)state;
    begin(&text);
    cf_buffer_puts(&text, "description: &d ");
    repeat(&text, "x", 4000);
    cf_buffer_puts(&text, "\ncommand: [x");
    repeat(&text, ",*d", 5000);
    cf_buffer_puts(&text, "]\n");
    assert_int_equal(check_text(&text, "aliases that stand for at most 10000 nodes"), 1);
    cf_buffer_done(&text);
}

static void check_nesting(const char *open, size_t n, const char *expected)
{
    struct cf_buffer text;

    begin(&text);
    cf_buffer_puts(&text, "name: ");
    repeat(&text, open, n);
    cf_buffer_puts(&text, "\n");
    check_text(&text, expected);
    cf_buffer_done(&text);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    check_nesting("[", 65, "at most 64 levels");
    check_nesting("[", 100000, "at most 64 levels");
    check_nesting("[\n", 100000, "at most 64 levels");
    check_nesting("{a: ", 100000, "at most 64 levels");
    check_nesting("[{a: ", 100000, "at most 64 levels");
}

static void a_huge_scalar_is_refused(void **state)
{
    struct cf_buffer text;

    (void)state;
    begin(&text);
    cf_buffer_puts(&text, "description: \"");
    repeat(&text, "0123456789abcdef", 200000);
    cf_buffer_puts(&text, "\"\n");
    assert_int_equal(check_text(&text, "at most 65536 bytes, got one of 3200000"), 1);
    cf_buffer_done(&text);
}

static void a_document_of_very_many_values_is_refused(void **state)
{
    struct cf_buffer text;

    (void)state;
    begin(&text);
    cf_buffer_puts(&text, "command: [");
    repeat(&text, "x,", 150000);
    cf_buffer_puts(&text, "]\n");
    assert_int_equal(check_text(&text, "at most 150000 values and keys, got more"), 1);
    cf_buffer_done(&text);
}

static void check_many(const char *head, const char *item, size_t n, const char *tail,
                       const char *expected)
{
    struct cf_buffer text;

    begin(&text);
    cf_buffer_puts(&text, head);
    for (size_t i = 0; i < n; i++)
        cf_buffer_printf(&text, item, (int)i);
    cf_buffer_puts(&text, tail);
    check_text(&text, expected);
    cf_buffer_done(&text);
}

static void lists_and_maps_have_a_longest_length(void **state)
{
    (void)state;
    check_many("name: p\negress:\n  allow:\n", "    - h%d.example.com:443\n", 10001, "",
               "egress.allow: expected at most 10000 items, got 10001");
    check_many("name: p\nhosts:\n", "  h%d.example.com: 192.0.2.1\n", 10001, "",
               "hosts: expected at most 10000 names, got 10001");
    check_many("dns: {servers: [", "192.0.2.%d,", 17, "]}\n",
               "dns.servers: expected at most 16 items, got 17");
    check_many("hosts: {a.example: [", "192.0.2.%d,", 65, "]}\n", "at most 64 items, got 65");
}

static void lists_of_the_longest_length_are_read(void **state)
{
    (void)state;
    check_many("name: p\negress:\n  allow:\n", "    - h%d.example.com:443\n", 10000, "", NULL);
    check_many("name: p\nhosts:\n", "  h%d.example.com: 192.0.2.1\n", 10000, "", NULL);
}

static void reading_ends_with_the_thousandth_error(void **state)
{
    struct cf_buffer text;

    (void)state;
    begin(&text);
    cf_buffer_puts(&text, "egress: {allow: [");
    repeat(&text, "'a b', ", 9000);
    cf_buffer_puts(&text, "]}\n");
    assert_int_equal(check_text(&text, "\nand perhaps more: reading ended here\n"), 1000);
    cf_buffer_done(&text);
    begin(&text);
    repeat(&text, "name: p\n", 70000);
    assert_int_equal(check_text(&text, "\nand perhaps more: reading ended here\n"), 1000);
    cf_buffer_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_of_4_mib_is_read_and_one_byte_more_is_refused),
        cmocka_unit_test(aliases_of_aliases_are_refused),
        cmocka_unit_test(long_text_counts_for_its_aliases),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_huge_scalar_is_refused),
        cmocka_unit_test(a_document_of_very_many_values_is_refused),
        cmocka_unit_test(lists_and_maps_have_a_longest_length),
        cmocka_unit_test(lists_of_the_longest_length_are_read),
        cmocka_unit_test(reading_ends_with_the_thousandth_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
