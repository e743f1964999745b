/*
 * test_judge.c - which connections must show a name, and which names will do
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../profile/fixture.h"
#include "engine/judge.h"

/* Judge the Host of a request to that port. */
static void check_shown(const char *policy, uint16_t port, const char *host, bool will_do)
{
    enum cf_reason expected = will_do ? CF_REASON_RULE : CF_REASON_NAME_MISMATCH;
    struct cf_profile *profile = fixture_profile(policy);
    struct cf_hello hello;
    char request[512];
    int n = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host);

    assert_int_equal(cf_hello_read((const uint8_t *)request, (size_t)n, &hello), CF_HELLO_NAMED);
    if (cf_judge_shown(profile, port, NULL, &hello) != expected)
        fail_msg("%s at %u with '%s'", host, (unsigned)port, policy);
    cf_profile_free(profile);
}

static void a_name_will_do_that_the_policy_allows_for_the_port(void **state)
{
    static const char policy[] = "allow a.example:443; allow *.b.example; deny x.b.example";

    (void)state;
    check_shown(policy, 443, "a.example", true);
    check_shown(policy, 443, "A.Example.:8443", true);
    check_shown(policy, 80, "a.example", false);
    check_shown(policy, 80, "y.b.example", true);
    check_shown(policy, 80, "x.b.example", false);
    check_shown(policy, 80, "b.example", false);
    check_shown(policy, 443, "c.example", false);
    check_shown("allow udp://a.example:443", 443, "a.example", false);
}

static void rules_by_address_allow_a_name_only_where_they_hold_all_addresses(void **state)
{
    (void)state;
    check_shown("allow 192.0.2.1; allow a.example", 443, "b.example", false);
    check_shown("allow any", 443, "b.example", true);
    check_shown("default allow; deny b.example", 443, "b.example", false);
    check_shown("default allow; deny b.example", 443, "c.example", true);
}

static void an_address_is_judged_by_itself(void **state)
{
    (void)state;
    check_shown("allow a.example; allow 192.0.2.0/24:80", 80, "192.0.2.7", true);
    check_shown("allow a.example; allow 192.0.2.0/24:80", 443, "192.0.2.7", false);
    check_shown("allow a.example; allow [2001:db8::]/32", 80, "[2001:db8::7]:80", true);
    check_shown("allow a.example", 80, "192.0.2.7", false);
    check_shown("allow any", 80, "127.0.0.1", false); /* no destination at all */
    check_shown("allow any", 80, "[::1]", false);
}

static void what_is_no_host_is_a_mismatch_whatever_the_policy(void **state)
{
    (void)state;
    check_shown("default allow", 80, "a..example", false);
    check_shown("default allow", 80, "[a.example]", false);
}

static void names_of_hosts_and_of_encrypted_dns_are_judged_as_flows_are(void **state)
{
    static const char pinned[] = "allow dns.google:443; host dns.google 192.0.2.9; block_encrypted";

    (void)state;
    check_shown("default allow; block_encrypted", 443, "dns.google", false);
    check_shown("default allow", 443, "dns.google", true);
    check_shown(pinned, 443, "dns.google", true);
}

static void a_name_that_audit_mode_lets_through_will_not_do(void **state)
{
    (void)state;
    check_shown("allow a.example; audit", 443, "b.example", false);
    check_shown("allow a.example; audit", 443, "a.example", true);
}

static void a_rule_for_a_program_counts_for_that_program(void **state)
{
    struct cf_profile *profile = fixture_profile("allow a.example:443");
    struct cf_hello hello = { .kind = CF_HELLO_TLS, .text = "a.example", .name = "a.example" };

    (void)state;
    profile->egress.rules[0].exe = strdup("/usr/bin/curl");
    assert_non_null(profile->egress.rules[0].exe);
    assert_int_equal(cf_profile_seal(profile), 0);
    assert_int_equal(cf_judge_shown(profile, 443, "/usr/bin/curl", &hello), CF_REASON_RULE);
    assert_int_equal(cf_judge_shown(profile, 443, "/usr/bin/wget", &hello),
                     CF_REASON_NAME_MISMATCH);
    assert_int_equal(cf_judge_shown(profile, 443, NULL, &hello), CF_REASON_NAME_MISMATCH);
    cf_profile_free(profile);
}

/* Whether a flow to 192.0.2.1, which the run knows as a.example, must show a name. */
static void check_must_show(const char *policy, enum cf_proto proto, uint16_t port, bool expected)
{
    struct cf_profile *profile = fixture_profile(policy);
    struct cf_judgement judgement;
    struct cf_addr_port dst = { .port = port };
    struct cf_names *names;

    assert_int_equal(cf_addr_parse("192.0.2.1", &dst.addr), 0);
    assert_int_equal(cf_names_new(profile, &names), 0);
    assert_int_equal(cf_names_bind(names, &dst.addr, "a.example", false, 1, 60, 0), 0);
    cf_judge(profile, names, 1, proto, &dst, NULL, &judgement);
    if (cf_judge_must_show(profile, proto, &judgement) != expected)
        fail_msg("port %u with '%s'", (unsigned)port, policy);
    cf_names_free(names);
    cf_profile_free(profile);
}

static void what_is_allowed_by_name_to_443_or_80_must_show_one(void **state)
{
    (void)state;
    check_must_show("allow a.example; verify_names", CF_PROTO_TCP, 443, true);
    check_must_show("allow a.example; verify_names", CF_PROTO_TCP, 80, true);
    check_must_show("allow a.example; allow any; verify_names", CF_PROTO_TCP, 443, true);
    check_must_show("allow a.example; verify_names", CF_PROTO_TCP, 8443, false);
    check_must_show("allow a.example; verify_names", CF_PROTO_UDP, 443, false);
    check_must_show("allow a.example", CF_PROTO_TCP, 443, false);
    check_must_show("allow 192.0.2.1; verify_names", CF_PROTO_TCP, 443, false);
    check_must_show("default allow; verify_names", CF_PROTO_TCP, 443, false);
    check_must_show("allow b.example; verify_names; audit", CF_PROTO_TCP, 443, false);
    check_must_show("allow a.example; deny 192.0.2.1; verify_names; audit", CF_PROTO_TCP, 443,
                    false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_will_do_that_the_policy_allows_for_the_port),
        cmocka_unit_test(rules_by_address_allow_a_name_only_where_they_hold_all_addresses),
        cmocka_unit_test(an_address_is_judged_by_itself),
        cmocka_unit_test(what_is_no_host_is_a_mismatch_whatever_the_policy),
        cmocka_unit_test(names_of_hosts_and_of_encrypted_dns_are_judged_as_flows_are),
        cmocka_unit_test(a_name_that_audit_mode_lets_through_will_not_do),
        cmocka_unit_test(a_rule_for_a_program_counts_for_that_program),
        cmocka_unit_test(what_is_allowed_by_name_to_443_or_80_must_show_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
