/*
 * test_awake.c - after which waits a loop looks before it sleeps
 *
 * A wait is one letter:
 *
 *   s  short: slept, and one event came soon
 *   l  long
 *   t  something was there already
 *   m  several events came at once
 *   f  looked, and found something
 *   v  looked in vain
 *   b  what was done was much
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loop/awake.h"

static void learn(struct cf_awake *awake, char letter)
{
    struct cf_wait wait = { .us = CF_AWAKE_SHORT_US - 1, .n_events = 1 };

    if (letter == 'b') {
        cf_awake_end(awake);
        return;
    }
    if (letter == 'l')
        wait.us = CF_AWAKE_SHORT_US;
    if (letter == 't')
        wait.us = CF_AWAKE_THERE_US - 1;
    if (letter == 'm')
        wait.n_events = 2;
    wait.looked = letter == 'f' || letter == 'v';
    wait.in_vain = letter == 'v';
    cf_awake_learn(awake, &wait);
}

static void check_awake(const char *waits, bool expected)
{
    struct cf_awake awake;

    cf_awake_init(&awake, true);
    for (const char *at = waits; *at; at++)
        learn(&awake, *at);
    assert_int_equal(cf_awake_is(&awake), expected);
}

static void short_waits_in_a_row_make_it_look(void **state)
{
    (void)state;
    check_awake("", false);
    check_awake("sss", false);
    check_awake("ssss", true);
    check_awake("ssslsss", false);
    check_awake("ssslssss", true);
    check_awake("ssssf", true);
    check_awake("ssssfffffffff", true);
    check_awake("ssssl", false);
}

static void what_was_there_already_counts_twice_against_it(void **state)
{
    (void)state;
    check_awake("tttt", false);
    check_awake("mmmm", false);
    check_awake("sssst", false);
    check_awake("ssssm", false);
    check_awake("sssstss", true);
    check_awake("ssststststststststst", false);
    check_awake("ssssffffffffffffffff", true);
    check_awake("sssssssssssssssstt", true); /* a row has a limit: four more than are wanted */
    check_awake("ssssssssssssssssttt", false);
}

static void bulk_ends_the_row(void **state)
{
    (void)state;
    check_awake("ssssb", false);
    check_awake("ssssffffb", false);
    check_awake("ssssbsssb", false);
    check_awake("ssssbssss", true);
}

static void a_look_in_vain_makes_it_want_twice_as_many(void **state)
{
    (void)state;
    check_awake("ssssv", false);
    check_awake("ssssvsssssss", false);
    check_awake("ssssvssssssss", true);
    check_awake("ssssvssssssssvsssssssssssssss", false);
    check_awake("ssssvssssssssvssssssssssssssss", true);
}

static void looks_that_find_something_make_good_for_those_in_vain(void **state)
{
    (void)state;
    check_awake("ssssvssssssssffffvssssssss", true); /* eight less four, times two */
    check_awake("ssssvssssssssfffvssssssss", false);
}

/* Short waits until it looks; -1 when it does not after so many. */
static int waits_until_awake(struct cf_awake *awake, int most)
{
    for (int n = 0; n <= most; n++) {
        if (cf_awake_is(awake))
            return n;
        learn(awake, 's');
    }
    return -1;
}

static void looks_that_never_find_anything_become_rare_and_do_not_end(void **state)
{
    struct cf_awake awake;
    int waits = 0;

    (void)state;
    cf_awake_init(&awake, true);
    for (int i = 0; i < 40; i++) {
        waits = waits_until_awake(&awake, CF_AWAKE_MOST);
        learn(&awake, 'v');
    }
    assert_int_equal(waits, CF_AWAKE_MOST);
}

static void on_a_single_cpu_it_never_looks(void **state)
{
    struct cf_awake awake;

    (void)state;
    cf_awake_init(&awake, false);
    assert_int_equal(waits_until_awake(&awake, 10 * CF_AWAKE_MOST), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_waits_in_a_row_make_it_look),
        cmocka_unit_test(what_was_there_already_counts_twice_against_it),
        cmocka_unit_test(bulk_ends_the_row),
        cmocka_unit_test(a_look_in_vain_makes_it_want_twice_as_many),
        cmocka_unit_test(looks_that_find_something_make_good_for_those_in_vain),
        cmocka_unit_test(looks_that_never_find_anything_become_rare_and_do_not_end),
        cmocka_unit_test(on_a_single_cpu_it_never_looks),
    };

    return cmocka_run_group_tests_name("awake", tests, NULL, NULL);
}
