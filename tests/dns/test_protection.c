/*
 * test_protection.c - the keys of `dns` that deny or change, seen by a client
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static struct fixture f;

static const uint8_t svcb_private[] = { 0, 1, 0, 0, 4, 0, 4, 10, 0, 0, 9 };
static const uint8_t svcb_private6[] = { 0, 1, 0, 0, 6, 0, 16, 0xfd, 0, 0, 0, 0,
                                         0, 0, 0, 0, 0, 0, 0,  0,    0, 0, 9 };
static const uint8_t svcb_ech[] = { 0, 1, 0, 0, 4, 0, 4, 192, 0, 2, 30, 0, 5, 0, 3, 'k', 'e', 'y' };
static const uint8_t svcb_broken[] = { 0, 1, 0, 0, 5, 0, 9, 'k' };
/* The hint of 10.0.0.9 stands behind a key that is greater than its own. */
static const uint8_t svcb_unordered[] = { 0, 1, 0, 0, 6, 0, 0, 0, 4, 0, 4, 10, 0, 0, 9 };
static const uint8_t svcb_half_hint[] = { 0, 1, 0, 0, 4, 0, 6, 192, 0, 2, 30, 10, 0 };

/* "ADDRESS.rebind.example": that address. */
static bool rebind(struct message *answer, const char *name)
{
    char text[CF_DOMAIN_TEXT_SIZE], *end;

    snprintf(text, sizeof text, "%s", name);
    end = strstr(text, ".rebind.");
    if (!end)
        return false;
    *end = '\0';
    for (char *at = text; *at; at++)
        *at = *at == '-' ? '.' : *at == 'z' ? ':' : *at;
    message_add_addr(answer, SECTION_ANSWER, name, 300, text);
    return true;
}

static bool zone(struct fake *fake, bool tcp, struct message *answer)
{
    char name[CF_DOMAIN_TEXT_SIZE];
    struct cf_wire_query query;

    (void)tcp;
    (void)cf_wire_query_parse(fake->query.data, fake->query.length, &query);
    cf_domain_lower(&query.name);
    cf_domain_format(&query.name, name);
    if (rebind(answer, name))
        return true;
    if (strcmp(name, "mixed.example") == 0) {
        message_add_addr(answer, SECTION_ANSWER, name, 300, "192.0.2.1");
        message_add_addr(answer, SECTION_ANSWER, name, 300, "10.0.0.1");
    } else if (strcmp(name, "chain.example") == 0) {
        message_add_name(answer, SECTION_ANSWER, name, CF_TYPE_CNAME, 300, "db.internal");
        message_add_addr(answer, SECTION_ANSWER, "db.internal", 300, "10.0.0.5");
    } else if (strcmp(name, "beside.example") == 0) {
        message_add_addr(answer, SECTION_ANSWER, name, 300, "192.0.2.1");
        message_add_addr(answer, SECTION_ANSWER, "other.example", 300, "10.0.0.6");
    } else if (strcmp(name, "additional.example") == 0) {
        message_add(answer, SECTION_ANSWER, name, CF_TYPE_MX, 300, "\0\1\1m\0", 5);
        message_add_addr(answer, SECTION_ADDITIONAL, "m", 300, "10.0.0.7");
    } else if (strcmp(name, "hint4.example") == 0) {
        message_add(answer, SECTION_ANSWER, name, CF_TYPE_HTTPS, 300, svcb_private,
                    sizeof svcb_private);
    } else if (strcmp(name, "hint6.example") == 0) {
        message_add(answer, SECTION_ANSWER, name, CF_TYPE_HTTPS, 300, svcb_private6,
                    sizeof svcb_private6);
    } else if (strcmp(name, "ech.example") == 0) {
        message_flags(answer, CF_WIRE_AD);
        message_add(answer, SECTION_ANSWER, name, query.type, 300, svcb_ech, sizeof svcb_ech);
    } else if (strcmp(name, "broken.example") == 0) {
        message_add(answer, SECTION_ANSWER, name, query.type, 300, svcb_broken, sizeof svcb_broken);
    } else if (strcmp(name, "unordered.example") == 0) {
        message_add(answer, SECTION_ANSWER, name, query.type, 300, svcb_unordered,
                    sizeof svcb_unordered);
    } else if (strcmp(name, "half-hint.example") == 0) {
        message_add(answer, SECTION_ANSWER, name, query.type, 300, svcb_half_hint,
                    sizeof svcb_half_hint);
    } else if (strcmp(name, "to-doh.example") == 0) {
        message_add_name(answer, SECTION_ANSWER, name, CF_TYPE_CNAME, 300, "dns.google");
        message_add_addr(answer, SECTION_ANSWER, "dns.google", 300, "192.0.2.8");
    } else {
        message_add_addr(answer, SECTION_ANSWER, name, 300, "192.0.2.2");
    }
    return true;
}

static void start(const char *allowed)
{
    fixture_start(&f, zone);
    fixture_allow(&f, allowed);
}

static void deny_type(uint16_t type)
{
    size_t n = f.profile->dns.n_deny_types;
    uint16_t *grown = reallocarray(f.profile->dns.deny_types, n + 1, sizeof *grown);

    assert_non_null(grown);
    grown[n] = type;
    f.profile->dns.deny_types = grown;
    f.profile->dns.n_deny_types++;
}

/* A denial: what the client and the event say of it, and whether the upstream was asked. */
static void check_denied(const char *name, uint16_t type, int rcode, enum cf_reason reason,
                         const char *rule, unsigned n_upstream)
{
    unsigned before = f.upstream.n_udp, n = f.seen.n;

    assert_int_equal(fixture_ask(&f, name, type), rcode);
    assert_int_equal(f.seen.n, n + 1);
    assert_int_equal(f.seen.dns.verdict.action, CF_DENY);
    assert_string_equal(cf_reason_name(f.seen.dns.verdict.reason), cf_reason_name(reason));
    assert_int_equal(f.seen.dns.source, CF_DNS_SOURCE_POLICY);
    assert_int_equal(f.seen.dns.rcode, rcode);
    if (rule) {
        assert_non_null(f.seen.dns.verdict.rule);
        assert_string_equal(f.seen.dns.verdict.rule->text, rule);
    } else {
        assert_null(f.seen.dns.verdict.rule);
    }
    assert_int_equal(reply_count(&f, SECTION_ANSWER), 0);
    assert_int_equal(f.upstream.n_udp - before, n_upstream);
}

static void check_allowed(const char *name, uint16_t type, const char *addr)
{
    assert_int_equal(fixture_ask(&f, name, type), CF_RCODE_NOERROR);
    assert_int_equal(f.seen.dns.verdict.action, CF_ALLOW);
    assert_false(f.seen.dns.verdict.would_deny);
    assert_string_equal(reply_addr(&f, 0), addr);
}

static void check_would_deny(const char *name, uint16_t type, enum cf_reason reason,
                             const char *addr)
{
    assert_int_equal(fixture_ask(&f, name, type), CF_RCODE_NOERROR);
    assert_int_equal(f.seen.dns.verdict.action, CF_ALLOW);
    assert_true(f.seen.dns.verdict.would_deny);
    assert_string_equal(cf_reason_name(f.seen.dns.verdict.reason), cf_reason_name(reason));
    assert_string_equal(reply_addr(&f, 0), addr);
}

/* deny_types */

static void types_that_are_denied_do_not_leave_whatever_the_name(void **state)
{
    (void)state;
    start("**.example");
    fixture_host(&f, "pinned.example", "192.0.2.9");
    deny_type(255);
    deny_type(CF_TYPE_TXT);
    deny_type(65280);
    fixture_open(&f, 100);
    check_denied("a.example", 255, CF_RCODE_REFUSED, CF_REASON_TYPE, "dns.deny_types: ANY", 0);
    check_denied("b.other", CF_TYPE_TXT, CF_RCODE_REFUSED, CF_REASON_TYPE, "dns.deny_types: TXT",
                 0);
    check_denied("pinned.example", CF_TYPE_TXT, CF_RCODE_REFUSED, CF_REASON_TYPE,
                 "dns.deny_types: TXT", 0);
    check_denied("a.example", 65280, CF_RCODE_REFUSED, CF_REASON_TYPE, "dns.deny_types: TYPE65280",
                 0);
    check_denied("a.example", CF_TYPE_AXFR, CF_RCODE_REFUSED, CF_REASON_TYPE, NULL, 0);
    check_denied("a.example", CF_TYPE_IXFR, CF_RCODE_REFUSED, CF_REASON_TYPE, NULL, 0);
    check_allowed("a.example", CF_TYPE_A, "192.0.2.2");
    check_allowed("pinned.example", CF_TYPE_A, "192.0.2.9");
    fixture_stop(&f);
}

static void addresses_of_a_denied_family_are_no_data(void **state)
{
    (void)state;
    start("**.example");
    f.profile->dns.deny_answer = CF_DENY_ANSWER_ZERO;
    deny_type(CF_TYPE_AAAA);
    fixture_open(&f, 100);
    check_denied("a.example", CF_TYPE_AAAA, CF_RCODE_NOERROR, CF_REASON_TYPE,
                 "dns.deny_types: AAAA", 0);
    check_allowed("a.example", CF_TYPE_A, "192.0.2.2");
    fixture_stop(&f);
}

static void in_audit_mode_a_denied_type_passes_and_a_transfer_does_not(void **state)
{
    (void)state;
    start("**.example");
    f.profile->mode = CF_MODE_AUDIT;
    fixture_host(&f, "pinned.example", "192.0.2.9");
    deny_type(CF_TYPE_A);
    fixture_open(&f, 100);
    for (int i = 0; i < 2; i++)
        check_would_deny("a.example", CF_TYPE_A, CF_REASON_TYPE, "192.0.2.2");
    check_would_deny("pinned.example", CF_TYPE_A, CF_REASON_TYPE, "192.0.2.9");
    check_denied("a.example", CF_TYPE_AXFR, CF_RCODE_REFUSED, CF_REASON_TYPE, NULL, 0);
    fixture_stop(&f);
}

/* strip_ech */

static void keys_for_ech_do_not_reach_the_client_from_upstream_or_cache(void **state)
{
    static const uint16_t types[] = { CF_TYPE_HTTPS, CF_TYPE_SVCB };

    (void)state;
    start("**.example");
    f.profile->dns.strip_ech = true;
    fixture_open(&f, 100);
    for (size_t i = 0; i < 4; i++) {
        char expected[64];

        assert_int_equal(fixture_ask(&f, "ech.example", types[i / 2]), 0);
        assert_int_equal(f.seen.dns.source, i % 2 ? CF_DNS_SOURCE_CACHE : CF_DNS_SOURCE_UPSTREAM);
        snprintf(expected, sizeof expected, "ech.example %u \\# 11 0001000004000%s;", types[i / 2],
                 "4c000021e");
        assert_string_equal(f.seen.answers, expected);
        assert_null(memmem(f.reply.data, f.reply.length, "key", 3));
        assert_false(cf_wire_u16(f.reply.data + 2) & CF_WIRE_AD);
    }
    assert_string_equal(fixture_names(&f, "192.0.2.30"), "ech.example");
    fixture_stop(&f);
}

static void without_strip_ech_answers_are_left_alone(void **state)
{
    (void)state;
    start("**.example");
    fixture_open(&f, 100);
    assert_int_equal(fixture_ask(&f, "ech.example", CF_TYPE_HTTPS), 0);
    assert_non_null(memmem(f.reply.data, f.reply.length, "key", 3));
    assert_true(cf_wire_u16(f.reply.data + 2) & CF_WIRE_AD);
    fixture_stop(&f);
}

/* RFC 9460, 2.2: such records are rejected; else what they hide would pass. */
static void a_record_that_hides_its_parameters_is_servfail(void **state)
{
    static const char *const names[] = { "broken.example", "unordered.example",
                                         "half-hint.example" };

    (void)state;
    start("**.example");
    fixture_open(&f, 100);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(fixture_ask(&f, names[i], CF_TYPE_HTTPS), CF_RCODE_SERVFAIL);
        assert_int_equal(fixture_ask(&f, names[i], CF_TYPE_SVCB), CF_RCODE_SERVFAIL);
        assert_int_equal(f.seen.dns.source, CF_DNS_SOURCE_ERROR);
    }
    fixture_stop(&f);
}

/* block_rebinding */

#define REBINDING(name, type)                                                                      \
    check_denied(name, type, CF_RCODE_NXDOMAIN, CF_REASON_REBINDING, "dns.block_rebinding", 1)

static void public_names_do_not_lead_inside(void **state)
{
    (void)state;
    start("**.example");
    f.profile->dns.block_rebinding = true;
    fixture_open(&f, 0);
    REBINDING("10-0-0-1.rebind.example", CF_TYPE_A);
    REBINDING("127-0-0-1.rebind.example", CF_TYPE_A);
    REBINDING("169-254-169-254.rebind.example", CF_TYPE_A);
    REBINDING("zzffffz10-0-0-1.rebind.example", CF_TYPE_AAAA);
    REBINDING("64zff9bzz10-0-0-1.rebind.example", CF_TYPE_AAAA);
    REBINDING("fd00zz1.rebind.example", CF_TYPE_AAAA);
    REBINDING("zz1.rebind.example", CF_TYPE_AAAA);
    REBINDING("mixed.example", CF_TYPE_A);
    REBINDING("chain.example", CF_TYPE_A);
    REBINDING("beside.example", CF_TYPE_A);
    REBINDING("additional.example", CF_TYPE_MX);
    REBINDING("hint4.example", CF_TYPE_HTTPS);
    REBINDING("hint6.example", CF_TYPE_HTTPS);
    assert_string_equal(fixture_names(&f, "10.0.0.1"), "");
    assert_string_equal(fixture_names(&f, "192.0.2.1"), "");
    check_allowed("192-0-2-7.rebind.example", CF_TYPE_A, "192.0.2.7");
    fixture_stop(&f);
}

static void an_answer_out_of_the_cache_is_denied_again(void **state)
{
    (void)state;
    start("**.example");
    f.profile->dns.block_rebinding = true;
    fixture_open(&f, 100);
    REBINDING("10-0-0-1.rebind.example", CF_TYPE_A);
    check_denied("10-0-0-1.rebind.example", CF_TYPE_A, CF_RCODE_NXDOMAIN, CF_REASON_REBINDING,
                 "dns.block_rebinding", 0);
    fixture_stop(&f);
}

static void names_of_inside_and_rules_for_the_address_lead_there(void **state)
{
    (void)state;
    start("**.example");
    fixture_allow(&f, "10-0-0-1.rebind.internal");
    fixture_allow(&f, "10.0.0.2:5432");
    f.profile->dns.block_rebinding = true;
    fixture_host(&f, "pinned.example", "10.0.0.3");
    fixture_open(&f, 0);
    check_allowed("10-0-0-1.rebind.internal", CF_TYPE_A, "10.0.0.1");
    check_allowed("10-0-0-2.rebind.example", CF_TYPE_A, "10.0.0.2");
    check_allowed("pinned.example", CF_TYPE_A, "10.0.0.3");
    assert_string_equal(fixture_names(&f, "10.0.0.2"), "10-0-0-2.rebind.example");
    REBINDING("10-0-0-3.rebind.example", CF_TYPE_A);
    fixture_stop(&f);
}

static void a_rule_for_a_program_lets_that_program_there_alone(void **state)
{
    (void)state;
    start("**.example");
    fixture_allow(&f, "10.0.0.2:5432");
    fixture_exe(&f, "/usr/bin/psql");
    f.profile->dns.block_rebinding = true;
    fixture_open(&f, 100);
    f.exe = "/usr/bin/psql";
    check_allowed("10-0-0-2.rebind.example", CF_TYPE_A, "10.0.0.2");
    f.exe = "/usr/bin/curl";
    check_denied("10-0-0-2.rebind.example", CF_TYPE_A, CF_RCODE_NXDOMAIN, CF_REASON_REBINDING,
                 "dns.block_rebinding", 0);
    fixture_stop(&f);
}

static void in_audit_mode_rebinding_passes_and_is_said(void **state)
{
    (void)state;
    start("**.example");
    f.profile->mode = CF_MODE_AUDIT;
    f.profile->dns.block_rebinding = true;
    fixture_open(&f, 100);
    check_would_deny("10-0-0-1.rebind.example", CF_TYPE_A, CF_REASON_REBINDING, "10.0.0.1");
    assert_string_equal(fixture_names(&f, "10.0.0.1"), "10-0-0-1.rebind.example");
    fixture_stop(&f);
}

/* block_encrypted */

#define ENCRYPTED(name, type, rcode, n)                                                            \
    check_denied(name, type, rcode, CF_REASON_ENCRYPTED_DNS, "dns.block_encrypted", n)

static void names_of_encrypted_resolvers_are_denied(void **state)
{
    (void)state;
    start("dns.google");
    fixture_allow(&f, "to-doh.example");
    f.profile->dns.block_encrypted = true;
    fixture_open(&f, 100);
    ENCRYPTED("dns.google", CF_TYPE_A, CF_RCODE_NXDOMAIN, 0);
    ENCRYPTED("mozilla.cloudflare-dns.com", CF_TYPE_HTTPS, CF_RCODE_NXDOMAIN, 0);
    ENCRYPTED("to-doh.example", CF_TYPE_A, CF_RCODE_NXDOMAIN, 1);
    assert_string_equal(fixture_names(&f, "192.0.2.8"), "");
    fixture_stop(&f);
}

static void canaries_get_the_answer_that_programs_look_for(void **state)
{
    (void)state;
    start("any");
    f.profile->dns.block_encrypted = true;
    f.profile->dns.deny_answer = CF_DENY_ANSWER_REFUSED;
    fixture_open(&f, 100);
    ENCRYPTED("use-application-dns.net", CF_TYPE_A, CF_RCODE_NXDOMAIN, 0);
    ENCRYPTED("use-application-dns.net", CF_TYPE_AAAA, CF_RCODE_NXDOMAIN, 0);
    ENCRYPTED("_dns.resolver.arpa", CF_TYPE_SVCB, CF_RCODE_NOERROR, 0);
    ENCRYPTED("dns.google", CF_TYPE_A, CF_RCODE_REFUSED, 0);
    fixture_stop(&f);
}

static void in_audit_mode_encrypted_resolvers_are_found_and_said(void **state)
{
    (void)state;
    start("any");
    f.profile->mode = CF_MODE_AUDIT;
    f.profile->dns.block_encrypted = true;
    fixture_open(&f, 100);
    check_would_deny("dns.google", CF_TYPE_A, CF_REASON_ENCRYPTED_DNS, "192.0.2.2");
    check_would_deny("use-application-dns.net", CF_TYPE_A, CF_REASON_ENCRYPTED_DNS, "192.0.2.2");
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_that_are_denied_do_not_leave_whatever_the_name),
        cmocka_unit_test(addresses_of_a_denied_family_are_no_data),
        cmocka_unit_test(in_audit_mode_a_denied_type_passes_and_a_transfer_does_not),
        cmocka_unit_test(keys_for_ech_do_not_reach_the_client_from_upstream_or_cache),
        cmocka_unit_test(without_strip_ech_answers_are_left_alone),
        cmocka_unit_test(a_record_that_hides_its_parameters_is_servfail),
        cmocka_unit_test(public_names_do_not_lead_inside),
        cmocka_unit_test(an_answer_out_of_the_cache_is_denied_again),
        cmocka_unit_test(names_of_inside_and_rules_for_the_address_lead_there),
        cmocka_unit_test(a_rule_for_a_program_lets_that_program_there_alone),
        cmocka_unit_test(in_audit_mode_rebinding_passes_and_is_said),
        cmocka_unit_test(names_of_encrypted_resolvers_are_denied),
        cmocka_unit_test(canaries_get_the_answer_that_programs_look_for),
        cmocka_unit_test(in_audit_mode_encrypted_resolvers_are_found_and_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
