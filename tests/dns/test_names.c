/*
 * test_names.c - addresses are known by their names for as long as they shall be
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "dns/names.h"

#define S CF_US_PER_S

static struct cf_names *names;
static struct cf_profile *profile;

static struct cf_addr address(const char *text)
{
    struct cf_addr addr;

    assert_int_equal(cf_addr_parse(text, &addr), 0);
    return addr;
}

static int start(void **state)
{
    (void)state;
    profile = cf_profile_new();
    return cf_names_new(profile, &names);
}

static int stop(void **state)
{
    (void)state;
    cf_names_free(names);
    cf_profile_free(profile);
    return 0;
}

static void learn(const char *addr_text, const char *name, bool alias, uint64_t id, uint32_t ttl,
                  int64_t now_us)
{
    struct cf_addr addr = address(addr_text);

    assert_int_equal(cf_names_bind(names, &addr, name, alias, id, ttl, now_us), 0);
}

/* "name:id" with '~' before an alias and '!' before a pin, joined by blanks. */
static void check(const char *addr_text, int64_t now_us, const char *want)
{
    struct cf_flow_name found[CF_NAMES_PER_ADDR];
    uint64_t ids[CF_NAMES_PER_ADDR];
    struct cf_addr addr = address(addr_text);
    char text[4096] = "";
    size_t n = cf_names_find(names, &addr, now_us, found, ids), used = 0;

    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%s%s:%d", i ? " " : "",
                                 found[i].alias ? "~" : "", found[i].pinned ? "!" : "",
                                 found[i].name, (int)ids[i]);
    assert_string_equal(text, want);
}

static void a_binding_holds_for_its_ttl_within_limits(void **state)
{
    (void)state;
    learn("192.0.2.1", "short", false, 1, 0, 0);
    check("192.0.2.1", 60 * S - 1, "short:1");
    check("192.0.2.1", 60 * S, "");
    learn("192.0.2.2", "plain", false, 2, 300, 0);
    check("192.0.2.2", 300 * S - 1, "plain:2");
    check("192.0.2.2", 300 * S, "");
    learn("192.0.2.3", "long", false, 3, 86400, 0);
    check("192.0.2.3", 3600 * S - 1, "long:3");
    check("192.0.2.3", 3600 * S, "");
    check("2001:db8::1", 0, "");
}

static void the_longer_life_wins(void **state)
{
    (void)state;
    learn("192.0.2.1", "a", false, 1, 1000, 0);
    learn("192.0.2.1", "a", false, 2, 60, 0);
    check("192.0.2.1", 999 * S, "a:1");
    learn("192.0.2.1", "a", false, 3, 1000, 10 * S);
    check("192.0.2.1", 1009 * S, "a:3");
    check("192.0.2.1", 1010 * S, "");
}

static void an_alias_never_lengthens_an_allowance(void **state)
{
    (void)state;
    learn("192.0.2.1", "a", false, 1, 60, 0);
    learn("192.0.2.1", "a", true, 2, 3600, 0);
    check("192.0.2.1", 0, "~a:2 a:1");
    check("192.0.2.1", 100 * S, "~a:2");
}

static void pins_stay_and_stand_first(void **state)
{
    struct cf_addr addr = address("10.0.0.1");

    (void)state;
    cf_names_free(names);
    cf_profile_host_add(profile, "db.internal", &addr, (struct cf_origin) { 0 });
    cf_profile_host_add(profile, "www.internal", &addr, (struct cf_origin) { 0 });
    assert_int_equal(cf_names_new(profile, &names), 0);
    learn("10.0.0.1", "learned", false, 5, 60, 0);
    check("10.0.0.1", 0, "!db.internal:0 !www.internal:0 learned:5");
    check("10.0.0.1", INT64_MAX, "!db.internal:0 !www.internal:0");
}

static void past_the_limit_of_an_address_the_oldest_name_goes(void **state)
{
    struct cf_flow_name found[CF_NAMES_PER_ADDR];
    uint64_t ids[CF_NAMES_PER_ADDR];
    struct cf_addr addr = address("192.0.2.1");
    char name[16];

    (void)state;
    for (int i = 0; i < CF_NAMES_PER_ADDR; i++) {
        snprintf(name, sizeof name, "n%d", i);
        learn("192.0.2.1", name, false, (uint64_t)i, 60, 0);
    }
    learn("192.0.2.1", "n0", false, 100, 60, 0); /* young again */
    learn("192.0.2.1", "more", false, 101, 60, 0);
    assert_int_equal(cf_names_find(names, &addr, 0, found, ids), CF_NAMES_PER_ADDR);
    assert_string_equal(found[0].name, "more");
    assert_string_equal(found[1].name, "n0");
    assert_string_equal(found[CF_NAMES_PER_ADDR - 1].name, "n2");
}

static void past_the_limit_the_oldest_address_goes_but_no_pin(void **state)
{
    struct cf_addr pinned = address("10.0.0.1"), addr = address("192.0.2.0");

    (void)state;
    cf_names_free(names);
    cf_profile_host_add(profile, "db.internal", &pinned, (struct cf_origin) { 0 });
    assert_int_equal(cf_names_new(profile, &names), 0);
    learn("10.0.0.1", "learned", false, 1, 3600, 0);
    learn("10.0.0.2", "old", false, 2, 3600, 0);
    learn("10.0.0.3", "kept", false, 3, 3600, 0);
    for (unsigned i = 0; i < 65534; i++) {
        if (i == 100)
            learn("10.0.0.3", "kept", false, 3, 3600, 0);
        addr.bytes[2] = (uint8_t)(i >> 8);
        addr.bytes[3] = (uint8_t)i;
        assert_int_equal(cf_names_bind(names, &addr, "many", false, 4, 60, 0), 0);
    }
    check("10.0.0.1", 0, "!db.internal:0");
    check("10.0.0.2", 0, "old:2");
    learn("10.0.0.4", "more", false, 5, 60, 0);
    check("10.0.0.2", 0, "");
    check("10.0.0.3", 0, "kept:3");
    check("192.0.0.0", 0, "many:4");
}

static void many_names_on_few_addresses_are_bounded_too(void **state)
{
    struct cf_flow_name found[CF_NAMES_PER_ADDR];
    uint64_t ids[CF_NAMES_PER_ADDR];
    struct cf_addr addr = address("192.0.2.0");
    char name[16];
    size_t total = 0;

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 4096 * CF_NAMES_PER_ADDR; i++) {
            addr.bytes[1] = (uint8_t)(i / CF_NAMES_PER_ADDR >> 8);
            addr.bytes[2] = (uint8_t)(i / CF_NAMES_PER_ADDR);
            snprintf(name, sizeof name, "n%u", i % CF_NAMES_PER_ADDR);
            if (round == 0)
                assert_int_equal(cf_names_bind(names, &addr, name, false, 1, 60, 0), 0);
            else if (i % CF_NAMES_PER_ADDR == 0)
                total += cf_names_find(names, &addr, 0, found, ids);
        }
    }
    assert_int_equal(total, 131072);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_binding_holds_for_its_ttl_within_limits, start, stop),
        cmocka_unit_test_setup_teardown(the_longer_life_wins, start, stop),
        cmocka_unit_test_setup_teardown(an_alias_never_lengthens_an_allowance, start, stop),
        cmocka_unit_test_setup_teardown(pins_stay_and_stand_first, start, stop),
        cmocka_unit_test_setup_teardown(past_the_limit_of_an_address_the_oldest_name_goes, start,
                                        stop),
        cmocka_unit_test_setup_teardown(past_the_limit_the_oldest_address_goes_but_no_pin, start,
                                        stop),
        cmocka_unit_test_setup_teardown(many_names_on_few_addresses_are_bounded_too, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
