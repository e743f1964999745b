/*
 * test_lookups.c - the names asked most, and domains that look like tunnels
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "report/lookups.h"

static unsigned long long state_of_draw = 20261122;

static unsigned draw(unsigned below)
{
    state_of_draw = state_of_draw * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(state_of_draw >> 33) % below;
}

static struct cf_lookups *lookups_new(void)
{
    struct cf_lookups *lookups = NULL;

    assert_int_equal(cf_lookups_new(&lookups), 0);
    return lookups;
}

/* n different names of one label of so many characters of the alphabet, below the domain. */
static void ask_labels(struct cf_lookups *lookups, unsigned n, unsigned length,
                       const char *alphabet, const char *domain, bool denied)
{
    for (unsigned i = 0; i < n; i++) {
        char name[256];

        for (unsigned k = 0; k < length; k++)
            name[k] = alphabet[draw((unsigned)strlen(alphabet))];
        snprintf(name + length, sizeof name - length, ".%s", domain);
        cf_lookups_add(lookups, name, denied);
    }
}

static void check_tunnels(const struct cf_lookups *lookups, const char *expected)
{
    struct cf_lookups_domain domains[8];
    size_t n = cf_lookups_tunnels(lookups, domains, 8), used = 0;
    char text[1024] = "";

    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s;", domains[i].domain);
    assert_string_equal(text, expected);
}

#define HEX "0123456789abcdef"
#define BASE32 "abcdefghijklmnopqrstuvwxyz234567"
#define LETTERS "etaoinshrdlu"

static void names_are_counted_the_most_first(void **state)
{
    struct cf_lookups *lookups = lookups_new();
    struct cf_lookups_name names[3];

    (void)state;
    assert_int_equal(cf_lookups_top(lookups, names, 3), 0);
    for (int i = 0; i < 6; i++)
        cf_lookups_add(lookups, i % 3 ? "b.example.com" : "a.example.com", false);
    assert_int_equal(cf_lookups_count(lookups), 2);
    assert_int_equal(cf_lookups_top(lookups, names, 3), 2);
    assert_string_equal(names[0].name, "b.example.com");
    assert_int_equal(names[0].count, 4);
    assert_string_equal(names[1].name, "a.example.com");
    assert_int_equal(names[1].count, 2);
    cf_lookups_free(lookups);
}

static void what_is_asked_often_is_found_behind_many_others(void **state)
{
    struct cf_lookups *lookups = lookups_new();
    struct cf_lookups_name top;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        char name[64];

        snprintf(name, sizeof name, "h%u.d%u.example.net", i, i);
        cf_lookups_add(lookups, name, false);
        if (i >= 5000 && i % 10 == 0)
            cf_lookups_add(lookups, "often.example.com", false);
    }
    assert_int_equal(cf_lookups_count(lookups), CF_LOOKUPS_NAMES);
    assert_int_equal(cf_lookups_top(lookups, &top, 1), 1);
    assert_string_equal(top.name, "often.example.com");
    assert_true(top.count >= 1500);
    cf_lookups_free(lookups);
}

static void names_as_builds_ask_for_them_are_no_tunnel(void **state)
{
    struct cf_lookups *lookups = lookups_new();

    (void)state;
    ask_labels(lookups, 1500, 8, LETTERS, "example.com", false);
    ask_labels(lookups, 31, 60, BASE32, "example.net", false);
    ask_labels(lookups, 100, 14, BASE32, "cdn.example.org", false);
    for (int i = 0; i < 5000; i++)
        cf_lookups_add(lookups, "a-long-name-that-is-asked-again-and-again.example.de", false);
    check_tunnels(lookups, "");
    cf_lookups_free(lookups);
}

static void many_dense_labels_or_very_many_octets_are_one(void **state)
{
    struct cf_lookups *lookups = lookups_new();
    struct cf_lookups_domain domain;

    (void)state;
    ask_labels(lookups, 400, 50, LETTERS, "a.b.example.org", false);
    ask_labels(lookups, 200, 60, BASE32, "t.example.com", true);
    ask_labels(lookups, 250, 32, HEX, "example.net", false);
    check_tunnels(lookups, "example.org;example.com;example.net;");
    ask_labels(lookups, 500, 60, BASE32, "example.com", false);
    assert_int_equal(cf_lookups_tunnels(lookups, &domain, 1), 1);
    assert_string_equal(domain.domain, "example.com");
    assert_in_range(domain.names, 600, 700);
    assert_in_range(domain.left, 430, 500);
    assert_in_range(domain.octets, 36000, 42200);
    assert_in_range(domain.centibits, 420, 480);
    cf_lookups_free(lookups);
}

static void a_tunnel_does_not_hide_behind_many_domains(void **state)
{
    struct cf_lookups *lookups = lookups_new();

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        char domain[64];

        snprintf(domain, sizeof domain, "d%u.com", i);
        ask_labels(lookups, 2, 10, LETTERS, domain, false);
        ask_labels(lookups, 1, 60, BASE32, "example.com", false);
    }
    check_tunnels(lookups, "example.com;");
    cf_lookups_free(lookups);
}

static void what_is_no_host_name_does_no_harm(void **state)
{
    struct cf_lookups *lookups = lookups_new();
    char name[2048];

    (void)state;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    cf_lookups_add(lookups, "", false);
    cf_lookups_add(lookups, ".", false);
    cf_lookups_add(lookups, "..", false);
    cf_lookups_add(lookups, "com", false);
    cf_lookups_add(lookups, name, false);
    cf_lookups_add(lookups, "a\\000b..example.com", false);
    check_tunnels(lookups, "");
    cf_lookups_free(lookups);
    cf_lookups_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_counted_the_most_first),
        cmocka_unit_test(what_is_asked_often_is_found_behind_many_others),
        cmocka_unit_test(names_as_builds_ask_for_them_are_no_tunnel),
        cmocka_unit_test(many_dense_labels_or_very_many_octets_are_one),
        cmocka_unit_test(a_tunnel_does_not_hide_behind_many_domains),
        cmocka_unit_test(what_is_no_host_name_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
