/*
 * test_protection.c - what keys of `dns` and `egress` deny beside the rules
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "profile/encrypted.h"
#include "profile/protection.h"
#include "profile/record_type.h"

/* The list. */

static void the_names_of_the_list_are_normal_sorted_and_none_is_below_another(void **state)
{
    size_t n;
    const char *const *names = cf_encrypted_names(&n);
    struct cf_encrypted *encrypted = NULL;

    (void)state;
    assert_true(n > 50);
    assert_int_equal(cf_encrypted_new(&encrypted), 0);
    for (size_t i = 0; i < n; i++) {
        char name[CF_NAME_SIZE];
        struct cf_error err = { 0 };
        const char *dot = strchr(names[i], '.');

        assert_int_equal(cf_name_normalize(names[i], name, &err), 0);
        assert_string_equal(names[i], name);
        assert_true(i == 0 || strcmp(names[i - 1], names[i]) < 0);
        assert_true(cf_encrypted_has_name(encrypted, names[i]));
        assert_non_null(dot);
        assert_false(cf_encrypted_has_name(encrypted, dot + 1));
        assert_true(cf_name_is_public(names[i]));
        assert_true(strlen(names[i]) >= 4); /* as the filter of names wants it */
    }
    cf_encrypted_free(encrypted);
}

/* As a number, for the order. */
static int compare_addrs(const struct cf_addr *a, const struct cf_addr *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static void check_entry(const struct cf_encrypted *encrypted, const char *text,
                        struct cf_prefix *previous)
{
    struct cf_endpoint endpoint = { 0 };
    struct cf_error err = { 0 };
    char bracketed[CF_ADDR_TEXT_SIZE + 8];
    size_t length = strcspn(text, "/");

    snprintf(bracketed, sizeof bracketed, strchr(text, ':') ? "[%.*s]%s" : "%.*s%s", (int)length,
             text, text + length);
    if (cf_endpoint_parse(bracketed, &endpoint, NULL, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    assert_int_equal(endpoint.kind, CF_HOST_PREFIX);
    /* as the filter of addresses wants it */
    assert_true(endpoint.prefix.bits >= (strchr(text, ':') ? 32 : 24));
    if (previous->bits > 0)
        assert_true(compare_addrs(&previous->addr, &endpoint.prefix.addr) < 0);
    assert_false(cf_prefix_contains(previous, &endpoint.prefix.addr));
    assert_false(cf_addr_is_inside(&endpoint.prefix.addr));
    assert_true(cf_encrypted_has_addr(encrypted, &endpoint.prefix.addr));
    *previous = endpoint.prefix;
    cf_endpoint_done(&endpoint);
}

static void the_addresses_of_the_list_are_public_sorted_and_apart(void **state)
{
    size_t n;
    const char *const *addrs = cf_encrypted_addrs(&n);
    struct cf_prefix previous = { 0 };
    struct cf_encrypted *encrypted = NULL;

    (void)state;
    assert_true(n > 100);
    assert_int_equal(cf_encrypted_new(&encrypted), 0);
    for (size_t i = 0; i < n; i++)
        check_entry(encrypted, addrs[i], &previous);
    cf_encrypted_free(encrypted);
}

static void check_addr(const struct cf_encrypted *encrypted, const char *text, bool expected)
{
    struct cf_addr addr;

    assert_int_equal(cf_addr_parse(text, &addr), 0);
    if (cf_encrypted_has_addr(encrypted, &addr) != expected)
        fail_msg("%s", text);
}

static void addresses_are_found_at_and_beside_the_ends_of_prefixes(void **state)
{
    struct cf_encrypted *encrypted = NULL;

    (void)state;
    assert_int_equal(cf_encrypted_new(&encrypted), 0);
    check_addr(encrypted, "8.8.8.8", true);
    check_addr(encrypted, "::ffff:8.8.8.8", true);
    check_addr(encrypted, "8.8.8.7", false);
    check_addr(encrypted, "8.8.8.9", false);
    check_addr(encrypted, "76.76.2.0", true);
    check_addr(encrypted, "76.76.2.255", true);
    check_addr(encrypted, "76.76.1.255", false);
    check_addr(encrypted, "76.76.3.0", false);
    check_addr(encrypted, "2a07:a8c1:ffff:ffff:ffff:ffff:ffff:ffff", true);
    check_addr(encrypted, "2a07:a8c2::", false);
    check_addr(encrypted, "2a13:1001::86:54:10:ffff", false);
    check_addr(encrypted, "2a13:1001::86:54:11:213", true);
    check_addr(encrypted, "2a13:1001::86:54:12:0", false);
    check_addr(encrypted, "0.0.0.0", false);
    check_addr(encrypted, "::", false);
    check_addr(encrypted, "255.255.255.255", false);
    check_addr(encrypted, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false);
    cf_encrypted_free(encrypted);
}

/* Verdicts. */

static void check_verdict(const struct cf_verdict *verdict, const char *expected)
{
    char text[512];

    assert_string_equal(fixture_verdict(verdict, text), expected);
}

static void check_flow(const char *policy, const char *flow, const char *expected)
{
    struct cf_profile *profile = fixture_profile(policy);
    struct fixture_flow question;
    struct cf_verdict verdict;

    fixture_flow(&question, flow);
    cf_verdict_flow(profile, &question.query, &verdict);
    check_verdict(&verdict, expected);
    cf_profile_free(profile);
}

static void check_name(const char *policy, const char *name, bool alias, const char *expected)
{
    struct cf_profile *profile = fixture_profile(policy);
    const struct cf_name_query query = { .name = name, .alias = alias };
    struct cf_verdict verdict;

    cf_verdict_name(profile, &query, &verdict);
    check_verdict(&verdict, expected);
    cf_profile_free(profile);
}

#define ENCRYPTED "deny encrypted_dns dns.block_encrypted"

static void flows_of_encrypted_dns_are_denied_whatever_the_rules_say(void **state)
{
    (void)state;
    check_flow("default allow; block_encrypted", "tcp 192.0.2.1 853", ENCRYPTED);
    check_flow("default allow; block_encrypted", "udp 2001:db8::1 853", ENCRYPTED);
    check_flow("default allow; block_encrypted", "tcp 192.0.2.1 854", "allow default");
    check_flow("allow 192.0.2.1:853; block_encrypted", "tcp 192.0.2.1 853", ENCRYPTED);
    check_flow("allow 8.8.8.8:443; block_encrypted", "tcp 8.8.8.8 443", ENCRYPTED);
    check_flow("allow any; block_encrypted", "udp 1.1.1.1 443", ENCRYPTED);
    check_flow("allow any; block_encrypted", "udp 2606:4700:4700::1111 5443", ENCRYPTED);
    check_flow("allow any; block_encrypted", "tcp 64:ff9b::808:808 443", ENCRYPTED);
    check_flow("allow any; block_encrypted", "tcp 2002:808:808::1 443", ENCRYPTED);
    check_flow("allow any; block_encrypted", "tcp 64:ff9b::c000:201 443", "allow rule any");
    check_flow("allow icmp://1.1.1.1; block_encrypted", "icmp 1.1.1.1 0",
               "allow rule icmp://1.1.1.1");
    check_flow("allow dns.google:443; block_encrypted", "tcp 192.0.2.1 443 dns.google", ENCRYPTED);
    check_flow("default allow; block_encrypted", "tcp 192.0.2.1 443 a.example.com dns.google~",
               ENCRYPTED);
    check_flow("default allow; block_encrypted", "tcp 192.0.2.1 443 mozilla.cloudflare-dns.com",
               ENCRYPTED);
    check_flow("default allow; block_encrypted", "tcp 192.0.2.1 443 notdns.google",
               "allow default");
    check_flow("default allow; block_encrypted; audit", "tcp 8.8.8.8 443",
               "would_deny encrypted_dns dns.block_encrypted");
}

static void without_the_key_the_rules_decide(void **state)
{
    (void)state;
    check_flow("default allow", "tcp 192.0.2.1 853", "allow default");
    check_flow("allow 8.8.8.8:443", "tcp 8.8.8.8 443", "allow rule 8.8.8.8:443");
    check_name("allow dns.google:443", "dns.google", false, "allow rule dns.google:443");
    check_name("default allow", "use-application-dns.net", false, "allow default");
}

#define QUIC "deny quic egress.quic"

static void quic_is_denied_where_the_rules_allow_it(void **state)
{
    (void)state;
    check_flow("allow a.example:443; deny_quic", "udp 192.0.2.1 443 a.example", QUIC);
    check_flow("allow udp://a.example:443; deny_quic", "udp 2001:db8::1 443 a.example", QUIC);
    check_flow("allow 192.0.2.0/24; deny_quic", "udp 192.0.2.1 443", QUIC);
    check_flow("default allow; deny_quic", "udp 2001:db8::1 443", QUIC);
    check_flow("default allow; deny_quic; audit", "udp 192.0.2.1 443",
               "would_deny quic egress.quic");
    check_flow("allow a.example:443; deny_quic", "tcp 192.0.2.1 443 a.example",
               "allow rule a.example:443");
    check_flow("allow any; deny_quic", "udp 192.0.2.1 442", "allow rule any");
    check_flow("allow any; deny_quic", "udp 192.0.2.1 444", "allow rule any");
    check_flow("allow icmp://192.0.2.1; deny_quic", "icmp 192.0.2.1 0",
               "allow rule icmp://192.0.2.1");
    check_flow("allow udp://a.example:443", "udp 192.0.2.1 443 a.example",
               "allow rule udp://a.example:443");
}

static void what_denies_quic_for_another_reason_is_named_first(void **state)
{
    (void)state;
    check_flow("deny_quic", "udp 192.0.2.1 443", "deny default");
    check_flow("default allow; deny a.example; deny_quic", "udp 192.0.2.1 443 a.example",
               "deny rule a.example");
    check_flow("default allow; deny private; deny_quic", "udp 10.0.0.1 443",
               "deny private private");
    check_flow("default allow; block_encrypted; deny_quic", "udp 8.8.8.8 443", ENCRYPTED);
}

static void names_are_answered_where_only_quic_is_allowed_to_them(void **state)
{
    (void)state;
    check_name("allow udp://a.example:443; deny_quic", "a.example", false,
               "allow rule udp://a.example:443");
}

static void check_addr_verdict(const char *policy, const char *text, const char *expected)
{
    struct cf_profile *profile = fixture_profile(policy);
    struct cf_verdict verdict = { .action = CF_DENY, .reason = CF_REASON_DEFAULT };
    struct cf_addr addr;

    assert_int_equal(cf_addr_parse(text, &addr), 0);
    if (!cf_verdict_addr(profile, &addr, &verdict))
        verdict = (struct cf_verdict) { .action = CF_DENY, .reason = CF_REASON_DEFAULT };
    check_verdict(&verdict, expected);
    cf_profile_free(profile);
}

static void a_rule_for_udp_opens_an_address_by_what_is_not_quic(void **state)
{
    (void)state;
    check_addr_verdict("allow udp://10.0.0.1; deny_quic", "10.0.0.1", "allow rule udp://10.0.0.1");
    check_addr_verdict("allow udp://10.0.0.1:443-444; deny_quic", "10.0.0.1",
                       "allow rule udp://10.0.0.1:443-444");
    check_addr_verdict("allow udp://10.0.0.1:443,500; deny_quic", "10.0.0.1",
                       "allow rule udp://10.0.0.1:443,500");
    check_addr_verdict("allow udp://10.0.0.1:443; deny_quic", "10.0.0.1", "deny default");
    check_addr_verdict("allow udp://10.0.0.1:443", "10.0.0.1", "allow rule udp://10.0.0.1:443");
    check_addr_verdict("allow 10.0.0.1:443; deny_quic", "10.0.0.1", "allow rule 10.0.0.1:443");
}

static void names_of_services_and_canaries_are_denied(void **state)
{
    (void)state;
    check_name("default allow; block_encrypted", "dns.google", false, ENCRYPTED);
    check_name("allow dns.google; block_encrypted", "dns.google", false, ENCRYPTED);
    check_name("default allow; block_encrypted", "x.dns.google", true, ENCRYPTED);
    check_name("default allow; block_encrypted", "google", false, "allow default");
    check_name("filter any; block_encrypted", "use-application-dns.net", false, ENCRYPTED);
    check_name("filter any; block_encrypted", "_dns.resolver.arpa", false, ENCRYPTED);
    check_name("filter any; block_encrypted", "use-application-dns.net.example.com", false,
               "allow default");
}

static void what_hosts_pins_is_the_policys_own(void **state)
{
    const char *policy = "allow dns.google:443; host dns.google 192.0.2.9; block_encrypted";

    (void)state;
    check_name(policy, "dns.google", false, "allow default");
    check_flow(policy, "tcp 192.0.2.9 443 dns.google=", "allow rule dns.google:443");
    check_flow(policy, "tcp 192.0.2.9 853 dns.google=", ENCRYPTED);
}

static void check_type(const char *policy, const char *type, const char *expected)
{
    struct cf_profile *profile = fixture_profile(policy);
    struct cf_verdict verdict = { .action = CF_ALLOW, .reason = CF_REASON_DEFAULT };
    uint16_t number;
    bool denied;

    assert_int_equal(cf_record_type_parse(type, &number), 0);
    denied = cf_protection_type(profile, number, &verdict);
    assert_int_equal(denied, strcmp(expected, "allow default") != 0);
    check_verdict(&verdict, expected);
    cf_profile_free(profile);
}

static void listed_types_are_denied_and_transfers_always(void **state)
{
    (void)state;
    check_type("deny_type ANY; deny_type TYPE65280", "ANY", "deny type dns.deny_types: ANY");
    check_type("deny_type ANY; deny_type TYPE65280", "TYPE65280",
               "deny type dns.deny_types: TYPE65280");
    check_type("deny_type ANY", "A", "allow default");
    check_type("", "ANY", "allow default");
    check_type("", "AXFR", "deny type");
    check_type("", "IXFR", "deny type");
    check_type("deny_type AXFR", "AXFR", "deny type dns.deny_types: AXFR");
    check_type("deny_type TXT", "ANY", "deny type dns.deny_types: TXT");
    check_type("deny_type TXT; audit", "TXT", "would_deny type dns.deny_types: TXT");
}

static void check_answer_for(const char *policy, const char *exe, const char *name,
                             const char *text, const char *expected)
{
    struct cf_profile *profile = fixture_profile(policy);
    struct cf_verdict verdict = { .action = CF_ALLOW, .reason = CF_REASON_DEFAULT };
    struct cf_addr addr;
    bool denied;

    assert_int_equal(cf_addr_parse(text, &addr), 0);
    denied = cf_protection_answer(profile, name, &addr, exe, &verdict);
    if (denied != (strcmp(expected, "allow default") != 0))
        fail_msg("%s at %s with '%s'", name, text, policy);
    check_verdict(&verdict, expected);
    cf_profile_free(profile);
}

static void check_answer(const char *policy, const char *name, const char *text,
                         const char *expected)
{
    check_answer_for(policy, NULL, name, text, expected);
}

#define REBINDING "deny rebinding dns.block_rebinding"
#define PASSES "allow default"

static void public_names_do_not_lead_inside_in_any_form(void **state)
{
    static const char *const inside[] = {
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "127.0.0.1",
        "0.0.0.0",
        "169.254.1.1",
        "169.254.169.254",
        "168.63.129.16",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "::ffff:0:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::1",
        "2002:a00:1::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::",
    };
    static const char *const outside[] = {
        "192.0.2.1",   "9.255.255.255",      "11.0.0.0",         "172.32.0.0",  "100.128.0.0",
        "2001:db8::1", "64:ff9b::192.0.2.1", "2002:c000:201::1", "::192.0.2.1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++)
        check_answer("allow a.example.com; block_rebinding", "a.example.com", inside[i], REBINDING);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        check_answer("allow a.example.com; block_rebinding", "a.example.com", outside[i], PASSES);
    check_answer("allow a.example.com", "a.example.com", "10.0.0.1", PASSES);
    check_answer("allow a.example.com; block_rebinding; audit", "a.example.com", "10.0.0.1",
                 "would_deny rebinding dns.block_rebinding");
}

static void names_kept_for_inside_may_lead_there(void **state)
{
    static const char *const names[] = { "printer",     "a.internal", "b.local",
                                         "c.home.arpa", "home.arpa",  "d.lan",
                                         "e.corp",      "f.home",     "deep.g.internal",
                                         "h.private",   "i.intranet" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check_answer("default allow; block_rebinding", names[i], "10.0.0.1", PASSES);
    check_answer("default allow; block_rebinding", "internal.example.com", "10.0.0.1", REBINDING);
    check_answer("default allow; block_rebinding", "nothome.arpa", "10.0.0.1", REBINDING);
    check_answer("default allow; block_rebinding", "home.arpa.example.com", "10.0.0.1", REBINDING);
    check_answer("default allow; block_rebinding", "xinternal.example", "10.0.0.1", REBINDING);
}

static void a_rule_that_speaks_of_the_address_lets_it_through(void **state)
{
    const char *name = "a.example.com";

    (void)state;
    check_answer("allow a.example.com; allow 10.0.0.0/8; block_rebinding", name, "10.0.0.1",
                 PASSES);
    check_answer("allow a.example.com; allow 10.0.0.1:5432; block_rebinding", name, "10.0.0.1",
                 PASSES);
    check_answer("allow a.example.com; allow udp://10.0.0.1; block_rebinding", name, "10.0.0.1",
                 PASSES);
    check_answer("allow a.example.com; allow private; block_rebinding", name, "10.0.0.1", PASSES);
    check_answer("allow a.example.com; allow 10.0.0.1; block_rebinding", name, "10.0.0.2",
                 REBINDING);
    /* What is for every address speaks of none. */
    check_answer("allow any; block_rebinding", name, "10.0.0.1", REBINDING);
    check_answer("allow a.example.com; allow 0.0.0.0/0; block_rebinding", name, "10.0.0.1",
                 REBINDING);
    check_answer("default allow; block_rebinding", name, "10.0.0.1", REBINDING);
    /* A denial that stands takes it back; one that the name lifts does not. */
    check_answer("allow a.example.com; allow 10.0.0.0/8; deny 10.0.0.1; block_rebinding", name,
                 "10.0.0.1", REBINDING);
    check_answer("allow a.example.com; allow 10.0.0.0/8; deny 10.0.0.0/8; block_rebinding", name,
                 "10.0.0.1", PASSES);
    check_answer("allow a.example.com; allow 10.0.0.1:80; deny private; block_rebinding", name,
                 "10.0.0.1", PASSES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_names_of_the_list_are_normal_sorted_and_none_is_below_another),
        cmocka_unit_test(the_addresses_of_the_list_are_public_sorted_and_apart),
        cmocka_unit_test(addresses_are_found_at_and_beside_the_ends_of_prefixes),
        cmocka_unit_test(flows_of_encrypted_dns_are_denied_whatever_the_rules_say),
        cmocka_unit_test(without_the_key_the_rules_decide),
        cmocka_unit_test(quic_is_denied_where_the_rules_allow_it),
        cmocka_unit_test(what_denies_quic_for_another_reason_is_named_first),
        cmocka_unit_test(names_are_answered_where_only_quic_is_allowed_to_them),
        cmocka_unit_test(a_rule_for_udp_opens_an_address_by_what_is_not_quic),
        cmocka_unit_test(names_of_services_and_canaries_are_denied),
        cmocka_unit_test(what_hosts_pins_is_the_policys_own),
        cmocka_unit_test(listed_types_are_denied_and_transfers_always),
        cmocka_unit_test(public_names_do_not_lead_inside_in_any_form),
        cmocka_unit_test(names_kept_for_inside_may_lead_there),
        cmocka_unit_test(a_rule_that_speaks_of_the_address_lets_it_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
