/*
 * test_intern.c - a text is kept once, and as long as somebody holds it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/intern.h"

static void equal_texts_are_one(void **state)
{
    char other[] = "/usr/bin/curl";
    const char *first, *second;
    struct cf_intern texts;

    (void)state;
    cf_intern_init(&texts);
    first = cf_intern_hold(&texts, "/usr/bin/curl");
    second = cf_intern_hold(&texts, other);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(second, other);
    assert_string_equal(first, "/usr/bin/curl");
    assert_int_equal(texts.hash.n_nodes, 1);
    cf_intern_drop(&texts, first);
    cf_intern_drop(&texts, second);
    cf_intern_done(&texts);
}

static void a_text_stays_until_its_last_holder_drops_it(void **state)
{
    const char *first, *second;
    struct cf_intern texts;

    (void)state;
    cf_intern_init(&texts);
    first = cf_intern_hold(&texts, "a");
    second = cf_intern_hold(&texts, "b");
    assert_string_equal(cf_intern_hold(&texts, "a"), "a");
    cf_intern_drop(&texts, first);
    assert_int_equal(texts.hash.n_nodes, 2);
    assert_string_equal(first, "a");
    cf_intern_drop(&texts, first);
    assert_int_equal(texts.hash.n_nodes, 1);
    assert_string_equal(second, "b");
    cf_intern_drop(&texts, second);
    assert_int_equal(texts.hash.n_nodes, 0);
    cf_intern_done(&texts);
}

static void no_text_is_no_text(void **state)
{
    struct cf_intern texts;

    (void)state;
    cf_intern_init(&texts);
    assert_null(cf_intern_hold(&texts, NULL));
    cf_intern_drop(&texts, NULL);
    assert_int_equal(texts.hash.n_nodes, 0);
    cf_intern_done(&texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_are_one),
        cmocka_unit_test(a_text_stays_until_its_last_holder_drops_it),
        cmocka_unit_test(no_text_is_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
