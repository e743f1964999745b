/*
 * test_standins.c - a stand-in is given to one name alone, and for good
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "dns/standins.h"

static struct cf_standins standins;
static const char *spoken_for; /* an address that is taken; NULL: none */

static struct cf_addr address(const char *text)
{
    struct cf_addr addr;

    assert_int_equal(cf_addr_parse(text, &addr), 0);
    return addr;
}

static bool taken(void *data, const struct cf_addr *addr)
{
    struct cf_addr other;

    assert_ptr_equal(data, &standins);
    if (!spoken_for)
        return false;
    other = address(spoken_for);
    return cf_addr_equal(&other, addr);
}

static int start(void **state)
{
    (void)state;
    cf_standins_init(&standins);
    standins.on = true;
    spoken_for = NULL;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    cf_standins_done(&standins);
    return 0;
}

static int give(const char *name, uint64_t dns_id, struct cf_addr *ret_addr)
{
    return cf_standins_give(&standins, name, dns_id, taken, &standins, ret_addr);
}

static void check_given(const char *name, uint64_t dns_id, const char *expected)
{
    char text[CF_ADDR_TEXT_SIZE];
    struct cf_addr addr;

    assert_int_equal(give(name, dns_id, &addr), 0);
    assert_string_equal(cf_addr_format(&addr, text), expected);
}

/* expected: "name id", or "nothing" */
static void check_found(const char *text, const char *expected)
{
    struct cf_addr addr = address(text);
    char got[300] = "nothing";
    uint64_t id = 0;
    const char *name = cf_standins_find(&standins, &addr, &id);

    if (name)
        snprintf(got, sizeof got, "%s %u", name, (unsigned)id);
    assert_string_equal(got, expected);
}

static void a_name_keeps_its_stand_in(void **state)
{
    (void)state;
    check_given("a.example", 1, "198.19.0.1");
    check_given("b.example", 2, "198.19.0.2");
    check_given("a.example", 3, "198.19.0.1");
    check_found("198.19.0.1", "a.example 3");
    check_found("198.19.0.2", "b.example 2");
}

static void what_was_not_given_stands_for_nothing(void **state)
{
    (void)state;
    check_found("198.19.0.1", "nothing");
    check_given("a.example", 1, "198.19.0.1");
    check_found("198.19.0.0", "nothing");
    check_found("198.19.0.2", "nothing");
    check_found("198.19.255.255", "nothing");
    check_found("192.0.2.1", "nothing");
    check_found("192.0.0.1", "nothing");
    check_found("2001:db8::c613:1", "nothing");
}

static void check_has(const char *text, bool expected)
{
    struct cf_addr addr = address(text);

    assert_int_equal(cf_standins_has(&standins, &addr), expected);
}

static void every_address_of_the_prefix_is_one_given_or_not(void **state)
{
    (void)state;
    check_has("198.19.0.0", true);
    check_has("198.19.255.255", true);
    check_has("198.18.255.255", false);
    check_has("198.20.0.0", false);
    check_has("c613::", false);
    standins.on = false;
    check_has("198.19.0.1", false);
}

static void an_address_that_is_spoken_for_is_passed_over(void **state)
{
    (void)state;
    spoken_for = "198.19.0.2";
    check_given("a.example", 1, "198.19.0.1");
    check_given("b.example", 2, "198.19.0.3");
    check_found("198.19.0.2", "nothing");
    check_found("198.19.0.3", "b.example 2");
}

static void when_all_are_given_names_that_have_one_keep_it(void **state)
{
    struct cf_addr addr;
    char name[32];

    (void)state;
    for (unsigned i = 1; i < 65535; i++) {
        snprintf(name, sizeof name, "n%u.example", i);
        assert_int_equal(give(name, i, &addr), 0);
    }
    assert_int_equal(give("one-more.example", 1, &addr), -ENOSPC);
    check_given("n1.example", 70000, "198.19.0.1");
    check_given("n65534.example", 70001, "198.19.255.254");
    check_found("198.19.1.0", "n256.example 256");
}

static void without_them_none_is_given(void **state)
{
    struct cf_addr addr;

    (void)state;
    standins.on = false;
    assert_int_equal(give("a.example", 1, &addr), -EOPNOTSUPP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_name_keeps_its_stand_in, start, stop),
        cmocka_unit_test_setup_teardown(what_was_not_given_stands_for_nothing, start, stop),
        cmocka_unit_test_setup_teardown(every_address_of_the_prefix_is_one_given_or_not, start,
                                        stop),
        cmocka_unit_test_setup_teardown(an_address_that_is_spoken_for_is_passed_over, start, stop),
        cmocka_unit_test_setup_teardown(when_all_are_given_names_that_have_one_keep_it, start,
                                        stop),
        cmocka_unit_test_setup_teardown(without_them_none_is_given, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
