/*
 * test_profile.c - the profile starts with the defaults and keeps what it is given
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/profile.h"

#define MANY 1000

static struct cf_addr addr_of(const char *text)
{
    struct cf_addr addr;

    assert_int_equal(cf_addr_parse(text, &addr), 0);
    return addr;
}

static void a_new_profile_is_empty_and_denies(void **state)
{
    struct cf_profile *profile = cf_profile_new();

    (void)state;
    assert_non_null(profile);
    assert_null(profile->file);
    assert_string_equal(profile->sha256, "");
    assert_null(profile->name);
    assert_null(profile->description);
    assert_int_equal(profile->mode, CF_MODE_ENFORCE);
    assert_int_equal(profile->dns.n_servers, 0);
    assert_int_equal(profile->dns.n_search, 0);
    assert_int_equal(profile->dns.filter, CF_DNS_FILTER_ALLOWED);
    assert_int_equal(profile->dns.deny_answer, CF_DENY_ANSWER_NXDOMAIN);
    assert_int_equal(profile->n_hosts, 0);
    assert_int_equal(profile->egress.fallback, CF_DENY);
    assert_int_equal(profile->egress.n_rules, 0);
    assert_int_equal(profile->egress.ipv6, CF_IPV6_AUTO);
    assert_int_equal(profile->egress.n_host_ports, 0);
    assert_null(profile->audit.log);
    assert_false(profile->audit.fail_on_denial);
    assert_null(profile->command);
    cf_profile_free(profile);
    cf_profile_free(NULL);
}

static void file_names_are_kept_once_and_do_not_move(void **state)
{
    struct cf_profile *profile = cf_profile_new();
    const char *first = cf_profile_file(profile, "a.yaml"), *kept[MANY];
    char name[32];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%d.yaml", i);
        kept[i] = cf_profile_file(profile, name);
        assert_string_equal(kept[i], name);
    }
    assert_ptr_equal(cf_profile_file(profile, "a.yaml"), first);
    assert_ptr_equal(cf_profile_file(profile, "7.yaml"), kept[7]);
    assert_int_equal(profile->n_files, MANY + 1);
    cf_profile_free(profile);
}

static void a_file_that_was_read_is_listed_once(void **state)
{
    struct cf_profile *profile = cf_profile_new();
    char a[65] = "", b[65] = "";

    (void)state;
    memset(a, 'a', 64);
    memset(b, 'b', 64);
    assert_int_equal(cf_profile_digest_add(profile, "a.yaml", a), 0);
    assert_int_equal(cf_profile_digest_add(profile, "b.yaml", a), 0);
    assert_int_equal(cf_profile_digest_add(profile, "a.yaml", a), 0);
    assert_int_equal(cf_profile_digest_add(profile, "a.yaml", b), 0);
    assert_int_equal(profile->n_digests, 3);
    assert_string_equal(profile->digests[1].file, "b.yaml");
    assert_string_equal(profile->digests[2].file, "a.yaml");
    assert_string_equal(profile->digests[2].sha256, b);
    cf_profile_free(profile);
}

static void rules_keep_their_order_text_and_origin(void **state)
{
    struct cf_profile *profile = cf_profile_new();
    struct cf_origin origin = { .file = cf_profile_file(profile, "a.yaml"), .column = 3 };
    struct cf_endpoint endpoint;
    char text[32];

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "A%u.example:80", i);
        assert_int_equal(cf_endpoint_parse(text, &endpoint, NULL, NULL), 0);
        origin.line = i + 1;
        assert_int_equal(
            cf_profile_rule_add(profile, i % 2 ? CF_ALLOW : CF_DENY, text, &endpoint, origin), 0);
        assert_null(endpoint.name);
        assert_null(endpoint.ports);
    }
    assert_int_equal(profile->egress.n_rules, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        const struct cf_rule *rule = &profile->egress.rules[i];

        snprintf(text, sizeof text, "A%u.example:80", i);
        assert_string_equal(rule->text, text);
        assert_int_equal(rule->action, i % 2 ? CF_ALLOW : CF_DENY);
        assert_int_equal(rule->origin.line, i + 1);
        assert_int_equal(rule->origin.column, 3);
        assert_ptr_equal(rule->origin.file, origin.file);
        assert_null(rule->why);
        assert_int_equal(rule->endpoint.n_ports, 1);
    }
    cf_profile_free(profile);
}

static void hosts_are_sorted_and_each_address_is_kept_once(void **state)
{
    static const char *const names[] = { "m.internal", "a.internal",  "z.internal", "b.internal",
                                         "a.internal", "zz.internal", "a.internal" };
    static const char *const addrs[] = { "10.0.0.1", "10.0.0.2",        "10.0.0.3", "fd00::9",
                                         "fd00::2",  "::ffff:10.0.0.5", "10.0.0.2" };
    struct cf_profile *profile = cf_profile_new();
    const struct cf_host *host;

    (void)state;
    assert_null(cf_profile_host_find(profile, "a.internal"));
    for (unsigned i = 0; i < 7; i++) {
        struct cf_addr addr = addr_of(addrs[i]);
        struct cf_origin origin = { .line = i + 1 };

        assert_int_equal(cf_profile_host_add(profile, names[i], &addr, origin), 0);
    }
    assert_int_equal(profile->n_hosts, 5);
    assert_int_equal(cf_profile_host_find(profile, "a.internal")->origins[0].line, 2);
    assert_int_equal(cf_profile_seal(profile), 0);
    for (size_t i = 1; i < profile->n_hosts; i++)
        assert_true(strcmp(profile->hosts[i - 1].name, profile->hosts[i].name) < 0);
    host = cf_profile_host_find(profile, "a.internal");
    assert_non_null(host);
    assert_int_equal(host->n_addrs, 2);
    assert_int_equal(host->origins[0].line, 2);
    assert_int_equal(host->origins[1].line, 5);
    assert_non_null(cf_profile_host_find(profile, "zz.internal"));
    assert_null(cf_profile_host_find(profile, "a.interna"));
    assert_null(cf_profile_host_find(profile, "zzz.internal"));
    assert_null(cf_profile_host_find(profile, ""));
    cf_profile_free(profile);
}

static void many_hosts_in_any_order_are_all_found(void **state)
{
    struct cf_profile *profile = cf_profile_new();
    struct cf_addr addr = addr_of("10.0.0.1");
    char name[32];

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "h%u.internal", i * 7919 % MANY);
        assert_int_equal(cf_profile_host_add(profile, name, &addr, (struct cf_origin) { 0 }), 0);
    }
    assert_int_equal(profile->n_hosts, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "h%u.internal", i);
        assert_string_equal(cf_profile_host_find(profile, name)->name, name);
    }
    cf_profile_free(profile);
}

static void host_ports_have_a_rule_each_for_the_log(void **state)
{
    struct cf_profile *profile = cf_profile_new();
    struct cf_origin origin = { .file = cf_profile_file(profile, "a.yaml"), .line = 9 };
    const struct cf_rule *rule;
    char *text;

    (void)state;
    assert_int_equal(cf_profile_host_port_add(profile, 5432, origin), 0);
    assert_int_equal(cf_profile_host_port_add(profile, 65535, origin), 0);
    assert_int_equal(cf_profile_host_port_add(profile, 5432, origin), 0);
    assert_int_equal(profile->egress.n_host_ports, 2);
    assert_int_equal(profile->egress.host_ports[1], 65535);
    rule = &profile->egress.host_port_rules[1];
    assert_string_equal(rule->text, "host.childflow.internal:65535");
    assert_int_equal(rule->action, CF_ALLOW);
    assert_int_equal(rule->origin.line, 9);
    text = cf_endpoint_format(&rule->endpoint);
    assert_string_equal(text, rule->text);
    free(text);
    cf_profile_free(profile);
}

static void the_place_of_a_keys_value_is_kept_and_replaced(void **state)
{
    struct cf_profile *profile = cf_profile_new();

    (void)state;
    assert_null(cf_profile_origin_find(profile, "mode"));
    assert_int_equal(cf_profile_origin_set(profile, "mode", (struct cf_origin){ .line = 1 }), 0);
    assert_int_equal(cf_profile_origin_set(profile, "name", (struct cf_origin){ .line = 2 }), 0);
    assert_int_equal(cf_profile_origin_set(profile, "mode", (struct cf_origin){ .line = 3 }), 0);
    assert_int_equal(profile->n_origins, 2);
    assert_int_equal(cf_profile_origin_find(profile, "mode")->line, 3);
    assert_int_equal(cf_profile_origin_find(profile, "name")->line, 2);
    cf_profile_free(profile);
}

static unsigned item_line(const struct cf_profile *profile, const char *key, size_t index)
{
    const struct cf_origin *origin = cf_profile_origin_item_find(profile, key, index);

    return origin ? origin->line : 0;
}

static void items_of_a_list_have_origins_of_their_own(void **state)
{
    struct cf_profile *profile = cf_profile_new();

    (void)state;
    assert_int_equal(item_line(profile, "dns.search", 0), 0);
    assert_int_equal(cf_profile_origin_set(profile, "mode", (struct cf_origin) { .line = 9 }), 0);
    for (unsigned round = 1; round <= 2; round++) {
        struct cf_origin list = { .line = round * 100 };

        assert_int_equal(cf_profile_origin_set(profile, "dns.search", list), 0);
        assert_int_equal(item_line(profile, "dns.search", 0), round * 100);
        for (unsigned i = 0; i < MANY; i++) {
            struct cf_origin item = { .line = round * 1000 + i };

            assert_int_equal(cf_profile_origin_item_add(profile, "dns.search", item), 0);
        }
        for (unsigned i = 0; i < MANY; i++)
            assert_int_equal(item_line(profile, "dns.search", i), round * 1000 + i);
        assert_int_equal(item_line(profile, "dns.search", MANY), round * 100);
    }
    assert_int_equal(item_line(profile, "mode", 0), 9);
    cf_profile_free(profile);
}

static void everything_a_profile_points_at_goes_with_it(void **state)
{
    struct cf_profile *profile = cf_profile_new();

    (void)state;
    profile->file = strdup("a.yaml");
    profile->name = strdup("a");
    profile->description = strdup("b");
    profile->dns.servers = calloc(1, sizeof *profile->dns.servers);
    profile->dns.n_servers = 1;
    profile->dns.search = calloc(1, sizeof *profile->dns.search);
    profile->dns.search[0] = strdup("corp.example");
    profile->dns.n_search = 1;
    profile->audit.log = strdup("log");
    profile->command = calloc(3, sizeof *profile->command);
    profile->command[0] = strdup("make");
    profile->command[1] = strdup("all");
    profile->n_command = 2;
    cf_profile_free(profile); /* the leak checker looks on */
}

static void modes_have_the_names_of_the_policy(void **state)
{
    (void)state;
    assert_string_equal(cf_mode_name(CF_MODE_ENFORCE), "enforce");
    assert_string_equal(cf_mode_name(CF_MODE_AUDIT), "audit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_profile_is_empty_and_denies),
        cmocka_unit_test(file_names_are_kept_once_and_do_not_move),
        cmocka_unit_test(a_file_that_was_read_is_listed_once),
        cmocka_unit_test(rules_keep_their_order_text_and_origin),
        cmocka_unit_test(hosts_are_sorted_and_each_address_is_kept_once),
        cmocka_unit_test(many_hosts_in_any_order_are_all_found),
        cmocka_unit_test(host_ports_have_a_rule_each_for_the_log),
        cmocka_unit_test(the_place_of_a_keys_value_is_kept_and_replaced),
        cmocka_unit_test(everything_a_profile_points_at_goes_with_it),
        cmocka_unit_test(items_of_a_list_have_origins_of_their_own),
        cmocka_unit_test(modes_have_the_names_of_the_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
