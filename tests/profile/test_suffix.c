/*
 * test_suffix.c - names under which anyone may register
 */
#include "profile/suffix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The distribution's file, where there is one, and libpsl. */
static void check_public(const char *name, int expected)
{
    struct cf_error err = { 0 };
    int r = cf_suffix_is_public(name, &err), by_library;

    if (r != expected)
        fail_msg("'%s' gives %d, not %d (%s)", name, r, expected, err.text);
    by_library = cf_suffix_is_public_by_library(name, &err);
    if (by_library != expected)
        fail_msg("libpsl gives %d for '%s', not %d (%s)", by_library, name, expected, err.text);
}

static void names_that_anyone_may_register_under_are_public(void **state)
{
    (void)state;
    check_public("com", 1);
    check_public("co.uk", 1);
    check_public("github.io", 1);
    check_public("xn--p1ai", 1);
    check_public("compute.amazonaws.com", 1);
}

static void names_of_somebody_are_not(void **state)
{
    (void)state;
    check_public("example.com", 0);
    check_public("example.co.uk", 0);
    check_public("www.example.github.io", 0);
    check_public("amazonaws.com", 0);
    check_public("omco.uk", 0);
}

static void top_level_names_that_are_not_on_the_list_are_private(void **state)
{
    (void)state;
    check_public("internal", 0);
    check_public("comm", 0);
    check_public("mirror.internal", 0);
}

static void wildcards_of_the_list_are_one_label_and_have_exceptions(void **state)
{
    (void)state;
    check_public("ck", 1);
    check_public("any.ck", 1);
    check_public("one.any.ck", 0);
    check_public("www.ck", 0);
}

/* "ab" has flags 1, "abc" 2, "b" none. */
static const uint8_t graph[] = { 0x02, 0x87,       /* the nodes at 2 and 9 */
                                 'a',  'b' | 0x80, /* and behind it */
                                 0x02, 0x81,       /* those at 6 and 7 */
                                 0x81, 'c', 0x82, 'b', 0x80 };

static void check_find(const uint8_t *bytes, size_t size, const char *name, int expected)
{
    uint8_t *copy = malloc(size); /* a read behind it is seen by a sanitizer */
    int r;

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    r = cf_suffix_find(copy, size, name);
    free(copy);
    if (r != expected)
        fail_msg("'%s' in %zu bytes gives %d, not %d", name, size, r, expected);
}

static void names_of_a_graph_are_found_with_their_flags(void **state)
{
    (void)state;
    check_find(graph, sizeof graph, "ab", 1);
    check_find(graph, sizeof graph, "abc", 2);
    check_find(graph, sizeof graph, "b", 0);
}

static void other_names_are_not_found(void **state)
{
    static const char *const names[] = { "", "a", "abcd", "abd", "ac", "ba", "c" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_find(graph, sizeof graph, names[i], -1);
}

static void distances_have_one_to_three_bytes(void **state)
{
    static const uint8_t two[] = { 0xc0, 0x04, 0, 0, 'b', 0x83 };
    static const uint8_t three[] = { 0xe0, 0x00, 0x05, 0, 0, 'b', 0x83 };

    (void)state;
    check_find(two, sizeof two, "b", 3);
    check_find(three, sizeof three, "b", 3);
}

static void a_graph_that_is_cut_off_has_nothing_behind_the_cut(void **state)
{
    (void)state;
    for (size_t size = 1; size < sizeof graph; size++) {
        check_find(graph, size, "ab", size > 6 ? 1 : -1);
        check_find(graph, size, "abc", size > 8 ? 2 : -1);
        check_find(graph, size, "b", -1);
    }
}

/* Every byte in every place: the answer is one of those that there are, and nothing else is read. */
static void any_bytes_are_a_graph(void **state)
{
    static const char *const names[] = { "ab", "abc", "b", "zz.top" };
    uint8_t bytes[sizeof graph];

    (void)state;
    for (size_t place = 0; place < sizeof graph; place++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(bytes, graph, sizeof graph);
            bytes[place] = (uint8_t)byte;
            for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                assert_in_range(cf_suffix_find(bytes, sizeof bytes, names[i]) + 1, 0, 16);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_anyone_may_register_under_are_public),
        cmocka_unit_test(names_of_somebody_are_not),
        cmocka_unit_test(top_level_names_that_are_not_on_the_list_are_private),
        cmocka_unit_test(wildcards_of_the_list_are_one_label_and_have_exceptions),
        cmocka_unit_test(names_of_a_graph_are_found_with_their_flags),
        cmocka_unit_test(other_names_are_not_found),
        cmocka_unit_test(distances_have_one_to_three_bytes),
        cmocka_unit_test(a_graph_that_is_cut_off_has_nothing_behind_the_cut),
        cmocka_unit_test(any_bytes_are_a_graph),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
