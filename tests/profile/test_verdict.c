/*
 * test_verdict.c - the rules of "Verdict" in doc/policy.md, one by one
 *
 * Every row is asked again with the rules in other orders: the answer, and
 * the rule that it names, must stay.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fixture.h"

#define ORDERS 20

static void check_flow(const char *policy, const char *flow_text, const char *expected)
{
    struct cf_profile *profile = fixture_profile(policy);
    struct fixture_flow flow;
    struct cf_verdict verdict;
    unsigned seed = 1;
    char text[512];

    fixture_flow(&flow, flow_text);
    for (int i = 0; i < ORDERS; i++) {
        cf_verdict_flow(profile, &flow.query, &verdict);
        assert_string_equal(fixture_verdict(&verdict, text), expected);
        fixture_shuffle(profile, &seed);
    }
    cf_profile_free(profile);
}

static void check_asking(const char *policy, const char *name, bool alias, const char *expected)
{
    struct cf_profile *profile = fixture_profile(policy);
    struct cf_verdict verdict;
    unsigned seed = 1;
    char text[512];

    for (int i = 0; i < ORDERS; i++) {
        cf_verdict_name(profile, &(struct cf_name_query) { .name = name, .alias = alias }, &verdict);
        assert_string_equal(fixture_verdict(&verdict, text), expected);
        fixture_shuffle(profile, &seed);
    }
    cf_profile_free(profile);
}

static void check_name(const char *policy, const char *name, const char *expected)
{
    check_asking(policy, name, false, expected);
}

static void check_alias(const char *policy, const char *name, const char *expected)
{
    check_asking(policy, name, true, expected);
}

/* Rule 1 */

static void rules_match_by_host_protocol_and_port(void **state)
{
    (void)state;
    check_flow("allow a.example:443", "tcp 192.0.2.1 443 a.example", "allow rule a.example:443");
    check_flow("allow a.example:443", "udp 192.0.2.1 443 a.example", "allow rule a.example:443");
    check_flow("allow a.example:443", "tcp 192.0.2.1 444 a.example", "deny default");
    check_flow("allow a.example:443", "tcp 192.0.2.1 443 b.example", "deny default");
    check_flow("allow a.example:443", "tcp 192.0.2.1 443", "deny default");
    check_flow("allow tcp://a.example", "udp 192.0.2.1 443 a.example", "deny default");
    check_flow("allow a.example", "icmp 192.0.2.1 0 a.example", "deny default");
    check_flow("allow icmp://a.example", "icmp 192.0.2.1 0 a.example",
               "allow rule icmp://a.example");
    check_flow("allow icmp://192.0.2.1", "icmp 192.0.2.1 0", "allow rule icmp://192.0.2.1");
    check_flow("allow a.example:80,8000-8080", "tcp 192.0.2.1 8000 a.example",
               "allow rule a.example:80,8000-8080");
    check_flow("allow a.example:80,8000-8080", "tcp 192.0.2.1 8080 a.example",
               "allow rule a.example:80,8000-8080");
    check_flow("allow a.example:80,8000-8080", "tcp 192.0.2.1 8081 a.example", "deny default");
    check_flow("allow a.example:80,8000-8080", "tcp 192.0.2.1 7999 a.example", "deny default");
    check_flow("allow 192.0.2.0/24:22", "tcp 192.0.2.255 22", "allow rule 192.0.2.0/24:22");
    check_flow("allow 192.0.2.0/24:22", "tcp 192.0.3.0 22", "deny default");
    check_flow("allow [2001:db8::]/32", "tcp 2001:db8:1::1 22", "allow rule [2001:db8::]/32");
    check_flow("allow [2001:db8::]/32", "tcp 2001:db9::1 22", "deny default");
}

static void one_star_is_one_label_and_two_are_one_or_more(void **state)
{
    (void)state;
    check_flow("allow *.m.example", "tcp 192.0.2.1 80 a.m.example", "allow rule *.m.example");
    check_flow("allow *.m.example", "tcp 192.0.2.1 80 m.example", "deny default");
    check_flow("allow *.m.example", "tcp 192.0.2.1 80 a.b.m.example", "deny default");
    check_flow("allow *.m.example", "tcp 192.0.2.1 80 am.example", "deny default");
    check_flow("allow **.m.example", "tcp 192.0.2.1 80 a.m.example", "allow rule **.m.example");
    check_flow("allow **.m.example", "tcp 192.0.2.1 80 a.b.m.example", "allow rule **.m.example");
    check_flow("allow **.m.example", "tcp 192.0.2.1 80 m.example", "deny default");
    check_flow("allow **.m.example", "tcp 192.0.2.1 80 am.example", "deny default");
}

static void mapped_addresses_match_the_ipv4_rules_they_mean(void **state)
{
    (void)state;
    check_flow("deny 10.0.0.0/8; default allow", "tcp ::ffff:10.1.2.3 80", "deny rule 10.0.0.0/8");
    check_flow("deny [::ffff:10.0.0.0]/104; default allow", "tcp 10.1.2.3 80",
               "deny rule [::ffff:10.0.0.0]/104");
    check_flow("deny private; default allow", "tcp ::ffff:192.168.0.1 80", "deny private private");
    check_flow("deny metadata; default allow", "tcp ::ffff:169.254.169.254 80",
               "deny metadata metadata");
}

/* Rule 2 */

static void the_more_specific_name_wins(void **state)
{
    (void)state;
    check_flow("allow a.m.example; deny *.m.example", "tcp 192.0.2.1 80 a.m.example",
               "allow rule a.m.example");
    check_flow("deny a.m.example; allow *.m.example", "tcp 192.0.2.1 80 a.m.example",
               "deny rule a.m.example");
    check_flow("allow *.m.example; deny **.m.example", "tcp 192.0.2.1 80 a.m.example",
               "allow rule *.m.example");
    check_flow("deny *.m.example; allow **.m.example", "tcp 192.0.2.1 80 a.m.example",
               "deny rule *.m.example");
    check_flow("allow **.b.m.example; deny **.m.example", "tcp 192.0.2.1 80 a.b.m.example",
               "allow rule **.b.m.example");
    check_flow("deny **.b.m.example; allow **.m.example", "tcp 192.0.2.1 80 a.b.m.example",
               "deny rule **.b.m.example");
    check_flow("allow a.m.example; deny tcp://**.m.example:80", "tcp 192.0.2.1 80 a.m.example",
               "allow rule a.m.example");
}

static void the_longer_prefix_wins(void **state)
{
    (void)state;
    check_flow("allow 192.0.2.1; deny 192.0.2.0/24", "tcp 192.0.2.1 80", "allow rule 192.0.2.1");
    check_flow("deny 192.0.2.1; allow 192.0.2.0/24", "tcp 192.0.2.1 80", "deny rule 192.0.2.1");
    check_flow("allow 192.0.2.0/25; deny 192.0.2.0/24; allow any", "tcp 192.0.2.200 80",
               "deny rule 192.0.2.0/24");
    check_flow("allow any; deny private", "tcp 10.0.0.1 80", "deny private private");
    check_flow("allow any; deny private", "tcp 192.0.2.1 80", "allow rule any");
    check_flow("allow any; deny private", "tcp fd00::1 80", "deny private private");
    check_flow("allow 10.20.0.0/16:5432; deny private", "tcp 10.20.0.1 5432",
               "allow rule 10.20.0.0/16:5432");
    check_flow("allow 10.20.0.0/16:5432; deny private", "tcp 10.20.0.1 5433",
               "deny private private");
}

static void a_group_is_as_specific_as_its_prefix_that_holds_the_address(void **state)
{
    (void)state;
    /* 169.254.0.0/16 against 169.254.169.254/32 */
    check_flow("allow link_local; deny metadata", "tcp 169.254.169.254 80",
               "deny metadata metadata");
    check_flow("deny link_local; allow metadata", "tcp 169.254.169.254 80", "allow rule metadata");
    check_flow("allow 100.100.0.0/16; deny private", "tcp 100.100.100.200 80",
               "allow rule 100.100.0.0/16");
    check_flow("allow 100.100.0.0/16; deny metadata", "tcp 100.100.100.200 80",
               "deny metadata metadata");
    check_flow("allow 10.0.0.0/7; deny private", "tcp 10.0.0.1 80", "deny private private");
}

static void then_a_protocol_and_then_ports_make_a_rule_more_specific(void **state)
{
    (void)state;
    check_flow("allow tcp://a.example; deny a.example", "tcp 192.0.2.1 80 a.example",
               "allow rule tcp://a.example");
    check_flow("deny tcp://a.example; allow a.example", "tcp 192.0.2.1 80 a.example",
               "deny rule tcp://a.example");
    check_flow("allow a.example:80; deny a.example", "tcp 192.0.2.1 80 a.example",
               "allow rule a.example:80");
    check_flow("allow tcp://a.example; deny a.example:80", "tcp 192.0.2.1 80 a.example",
               "allow rule tcp://a.example");
    check_flow("deny tcp://a.example; allow a.example:80", "tcp 192.0.2.1 80 a.example",
               "deny rule tcp://a.example");
    check_flow("allow tcp://a.example:80; deny tcp://a.example", "tcp 192.0.2.1 80 a.example",
               "allow rule tcp://a.example:80");
    check_flow("allow 10.0.0.0/8:80; deny private", "tcp 10.0.0.1 80", "allow rule 10.0.0.0/8:80");
    check_flow("allow udp://10.0.0.0/8; deny private:53", "udp 10.0.0.1 53",
               "allow rule udp://10.0.0.0/8");
}

static void at_a_tie_the_denial_wins(void **state)
{
    (void)state;
    check_flow("allow a.example; deny a.example", "tcp 192.0.2.1 80 a.example",
               "deny rule a.example");
    check_flow("allow a.example:80; deny a.example:1-100", "tcp 192.0.2.1 80 a.example",
               "deny rule a.example:1-100");
    check_flow("allow 10.0.0.0/8; deny private", "tcp 10.0.0.1 80", "deny private private");
    check_flow("deny 10.0.0.0/8; allow private", "tcp 10.0.0.1 80", "deny rule 10.0.0.0/8");
    check_flow("allow any; deny any", "tcp 192.0.2.1 80", "deny rule any");
    check_flow("allow any; deny 0.0.0.0/0", "tcp 192.0.2.1 80", "deny rule 0.0.0.0/0");
    check_flow("allow any; deny 0.0.0.0/0", "tcp 2001:db8::1 80", "allow rule any");
}

static void all_names_of_an_address_are_judged_together(void **state)
{
    (void)state;
    check_flow("allow a.example; deny **.ads.example", "tcp 192.0.2.1 80 a.example x.ads.example",
               "allow rule a.example");
    check_flow("allow **.a.example; deny x.ads.example",
               "tcp 192.0.2.1 80 b.a.example x.ads.example", "deny rule x.ads.example");
    check_flow("allow a.example; deny b.example", "tcp 192.0.2.1 80 a.example b.example",
               "deny rule b.example");
    check_flow("allow a.example; deny b.example", "tcp 192.0.2.1 80 a.example c.example",
               "allow rule a.example");
}

static void of_rules_that_say_the_same_the_log_always_names_one(void **state)
{
    (void)state;
    check_flow("allow b.example; allow a.example; allow c.example",
               "tcp 192.0.2.1 80 c.example b.example a.example", "allow rule a.example");
    check_flow("deny 10.0.0.0/8; deny private", "tcp 10.0.0.1 80", "deny private private");
    check_flow("deny 169.254.169.254; deny metadata", "tcp 169.254.169.254 80",
               "deny metadata metadata");
    check_flow("allow a.example:80,443; allow a.example:80", "tcp 192.0.2.1 80 a.example",
               "allow rule a.example:80");
}

/* Rule 3 */

static void a_denial_of_either_kind_beats_an_allow_of_the_other(void **state)
{
    (void)state;
    check_flow("allow a.example:443; deny private", "tcp 10.0.0.1 443 a.example",
               "deny private private");
    check_flow("allow tcp://a.example:443; deny 10.0.0.0/8", "tcp 10.0.0.1 443 a.example",
               "deny rule 10.0.0.0/8");
    check_flow("allow a.example:443; deny metadata", "tcp 169.254.169.254 443 a.example",
               "deny metadata metadata");
    check_flow("deny a.example; allow 192.0.2.1", "tcp 192.0.2.1 443 a.example",
               "deny rule a.example");
    check_flow("deny **.m.example; allow tcp://192.0.2.1:443", "tcp 192.0.2.1 443 a.m.example",
               "deny rule **.m.example");
    check_flow("deny a.example; deny private", "tcp 10.0.0.1 443 a.example", "deny rule a.example");
    check_flow("allow a.example; allow 192.0.2.1", "tcp 192.0.2.1 443 a.example",
               "allow rule a.example");
    check_flow("default allow; allow a.example; deny private", "tcp 10.0.0.1 443 a.example",
               "deny private private");
}

static void unless_the_address_is_allowed_as_specifically_as_it_is_denied(void **state)
{
    (void)state;
    check_flow("allow a.example; deny private; allow 10.0.0.1", "tcp 10.0.0.1 80 a.example",
               "allow rule a.example");
    check_flow("allow a.example; deny private; allow 10.0.0.0/8", "tcp 10.0.0.1 80 a.example",
               "allow rule a.example");
    check_flow("allow a.example; deny private; allow 10.0.0.0/7", "tcp 10.0.0.1 80 a.example",
               "deny private private");
    check_flow("allow a.example; deny tcp://private; allow 10.0.0.0/8", "tcp 10.0.0.1 80 a.example",
               "deny private tcp://private");
    check_flow("allow a.example; deny private; allow 10.0.0.0/8:443", "tcp 10.0.0.1 80 a.example",
               "deny private private");
    /* Without an allowed name the tie stays a denial. */
    check_flow("deny private; allow 10.0.0.0/8", "tcp 10.0.0.1 80 a.example",
               "deny private private");
}

static void or_hosts_pins_it_to_a_name_that_is_allowed(void **state)
{
    (void)state;
    check_flow("allow a.example; deny private",
               "tcp 10.0.0.1 80 a.example=", "allow rule a.example");
    check_flow("allow **.m.example; deny 10.0.0.1",
               "tcp 10.0.0.1 80 a.m.example=", "allow rule **.m.example");
    check_flow("deny private; default allow", "tcp 10.0.0.1 80 a.example=", "deny private private");
    check_flow("allow b.example; deny private", "tcp 10.0.0.1 80 a.example= b.example",
               "deny private private");
    check_flow("allow a.example:443; deny private",
               "tcp 10.0.0.1 80 a.example=", "deny private private");
    check_flow("deny a.example; allow b.example; deny private",
               "tcp 10.0.0.1 80 a.example= b.example=", "deny rule a.example");
    check_flow("allow a.example; deny **.m.example; deny private",
               "tcp 10.0.0.1 80 a.example= x.m.example", "allow rule a.example");
    check_flow("allow z.example; allow **.m.example; deny private",
               "tcp 10.0.0.1 80 z.example x.m.example=", "allow rule **.m.example");
}

static void an_alias_counts_for_denials_alone(void **state)
{
    (void)state;
    check_flow("allow a.example", "tcp 192.0.2.1 80 a.example~", "deny default");
    check_flow("deny a.example; default allow", "tcp 192.0.2.1 80 a.example~",
               "deny rule a.example");
    check_flow("allow a.example; deny t.ads.example", "tcp 192.0.2.1 80 a.example t.ads.example~",
               "deny rule t.ads.example");
    check_flow("allow a.example; deny **.ads.example", "tcp 192.0.2.1 80 a.example t.ads.example~",
               "allow rule a.example");
    /* Its own allow takes its own denial away, and allows nothing. */
    check_flow("deny **.ads.example; allow t.ads.example; default allow",
               "tcp 192.0.2.1 80 t.ads.example~", "allow default");
    check_flow("deny **.ads.example; allow t.ads.example; allow **.m.example",
               "tcp 192.0.2.1 80 a.m.example t.ads.example~", "allow rule **.m.example");
}

/* Rules 4 and 7 */

static void without_a_match_the_default_decides(void **state)
{
    (void)state;
    check_flow("", "tcp 192.0.2.1 80 a.example", "deny default");
    check_flow("default allow", "tcp 192.0.2.1 80 a.example", "allow default");
    check_flow("deny b.example; default allow", "tcp 192.0.2.1 80 a.example", "allow default");
    check_flow("deny a.example; default allow", "icmp 192.0.2.1 0 a.example", "allow default");
}

static void audit_mode_allows_and_says_what_enforce_would_do(void **state)
{
    (void)state;
    check_flow("audit", "tcp 192.0.2.1 80", "would_deny default");
    check_flow("audit; deny private", "tcp 10.0.0.1 80", "would_deny private private");
    check_flow("audit; allow a.example", "tcp 192.0.2.1 80 a.example", "allow rule a.example");
    check_flow("audit; default allow", "tcp 192.0.2.1 80", "allow default");
    check_name("audit", "a.example", "would_deny default");
    check_name("audit; deny a.example", "a.example", "would_deny rule a.example");
}

static void denials_that_no_rule_makes_follow_the_mode_too(void **state)
{
    struct cf_profile *profile = fixture_profile("allow a.example");
    struct cf_verdict verdict;
    char text[512];

    (void)state;
    cf_verdict_deny(profile, CF_REASON_REBINDING, NULL, &verdict);
    assert_string_equal(fixture_verdict(&verdict, text), "deny rebinding");
    assert_false(verdict.would_deny);
    profile->mode = CF_MODE_AUDIT;
    cf_verdict_deny(profile, CF_REASON_NAME_MISMATCH, &profile->egress.rules[0], &verdict);
    assert_string_equal(fixture_verdict(&verdict, text), "would_deny name_mismatch a.example");
    assert_int_equal(verdict.action, CF_ALLOW);
    assert_ptr_equal(verdict.rule, &profile->egress.rules[0]);
    cf_profile_free(profile);
}

static void reasons_have_the_names_of_the_log(void **state)
{
    static const char *const names[] = {
        "rule",           "default",       "private",       "metadata",  "rebinding",
        "name_missing",   "name_mismatch", "encrypted_dns", "type",      "quic",
        "proxy_required", "limit",         "expired",       "malformed",
    };

    (void)state;
    assert_int_equal(sizeof names / sizeof names[0], CF_REASON_COUNT);
    for (int i = 0; i < CF_REASON_COUNT; i++)
        assert_string_equal(cf_reason_name((enum cf_reason)i), names[i]);
}

static void only_the_groups_with_a_reason_of_their_own_have_one(void **state)
{
    (void)state;
    check_flow("deny link_local", "tcp 169.254.1.1 80", "deny rule link_local");
    check_flow("deny loopback", "tcp 127.0.0.1 80", "deny rule loopback");
    check_flow("deny multicast", "udp 224.0.0.251 5353", "deny rule multicast");
    check_flow("deny any", "udp 192.0.2.1 53", "deny rule any");
    check_flow("allow private", "tcp 10.0.0.1 80", "allow rule private");
}

/* Names that are asked for */

static void names_that_a_rule_allows_may_be_asked_for(void **state)
{
    (void)state;
    check_name("allow a.example:443", "a.example", "allow rule a.example:443");
    check_name("allow a.example:443", "b.example", "deny default");
    check_name("allow *.m.example", "a.m.example", "allow rule *.m.example");
    check_name("allow *.m.example", "m.example", "deny default");
    check_name("allow icmp://a.example", "a.example", "allow rule icmp://a.example");
    check_name("", "a.example", "deny default");
    check_name("allow **.m.example; allow a.m.example:443", "a.m.example",
               "allow rule a.m.example:443");
}

static void a_name_may_be_asked_for_when_one_flow_is_left(void **state)
{
    (void)state;
    check_name("allow a.example; deny a.example:80", "a.example", "allow rule a.example");
    check_name("allow a.example:80; deny a.example:80", "a.example", "deny default");
    check_name("allow a.example:80-90; deny a.example:80-89", "a.example",
               "allow rule a.example:80-90");
    check_name("allow a.example:80-90; deny a.example:70-90", "a.example", "deny default");
    check_name("allow a.example:80-90; deny a.example:70-85,86-95", "a.example", "deny default");
    check_name("allow a.example:80-90; deny a.example:81-95", "a.example",
               "allow rule a.example:80-90");
    check_name("allow a.example:65535; deny tcp://a.example", "a.example",
               "allow rule a.example:65535");
    check_name("allow a.example:65535; deny tcp://a.example; deny udp://a.example:1-65535",
               "a.example", "deny rule udp://a.example:1-65535");
    check_name("allow **.m.example; deny a.m.example", "a.m.example", "deny rule a.m.example");
    check_name("allow **.m.example; deny a.m.example", "b.m.example", "allow rule **.m.example");
    check_name("deny a.example", "a.example", "deny rule a.example");
    check_name("deny a.example:80", "a.example", "deny default");
    check_name("deny a.example; allow icmp://a.example", "a.example",
               "allow rule icmp://a.example");
    check_name("deny tcp://a.example; allow a.example:53", "a.example", "allow rule a.example:53");
}

static void a_default_of_allow_lets_names_be_asked_for(void **state)
{
    (void)state;
    check_name("default allow", "a.example", "allow default");
    check_name("default allow; deny a.example", "a.example", "deny rule a.example");
    check_name("default allow; deny a.example:80", "a.example", "allow default");
    check_name("default allow; deny a.example; allow a.example:80", "a.example",
               "allow rule a.example:80");
    check_name("default allow; deny tcp://a.example; deny udp://a.example", "a.example",
               "deny rule tcp://a.example");
    check_name("default allow; deny any", "a.example", "deny rule any");
    check_name("default allow; deny 0.0.0.0/0", "a.example", "allow default");
    check_name("default allow; deny private", "a.example", "allow default");
}

static void a_rule_for_all_addresses_lets_names_be_asked_for(void **state)
{
    (void)state;
    check_name("allow any:443", "a.example", "allow rule any:443");
    check_name("allow [::]/0", "a.example", "allow rule [::]/0");
    check_name("allow 0.0.0.0/1", "a.example", "deny default");
    check_name("allow any:443; deny a.example", "a.example", "deny rule a.example");
    check_name("allow any:443; deny a.example:443", "a.example", "deny default");
    check_name("allow any:443; deny a.example:80", "a.example", "allow rule any:443");
    check_name("allow any; deny any", "a.example", "deny rule any");
    check_name("allow any; deny 0.0.0.0/0", "a.example", "allow rule any");
    check_name("allow any; allow a.example:80", "a.example", "allow rule a.example:80");
    check_name("allow icmp://any", "a.example", "allow rule icmp://any");
}

static void with_filter_any_only_a_denial_by_name_denies(void **state)
{
    (void)state;
    check_name("filter any", "a.example", "allow default");
    check_name("filter any; deny a.example", "a.example", "deny rule a.example");
    check_name("filter any; deny **.ads.example", "t.ads.example", "deny rule **.ads.example");
    check_name("filter any; deny a.example:80", "a.example", "allow default");
    check_name("filter any; deny tcp://a.example", "a.example", "allow default");
    check_name("filter any; deny tcp://a.example; deny udp://a.example", "a.example",
               "deny rule tcp://a.example");
    check_name("filter any; deny a.example:1-1000,1001-65535", "a.example",
               "deny rule a.example:1-1000,1001-65535");
    check_name("filter any; deny any", "a.example", "allow default");
    check_name("filter any; deny **.m.example; allow a.m.example:443", "a.m.example",
               "allow rule a.m.example:443");
}

static void an_alias_is_denied_by_a_rule_by_name_alone(void **state)
{
    (void)state;
    check_alias("", "t.ads.example", "allow default");
    check_alias("deny **.ads.example", "t.ads.example", "deny rule **.ads.example");
    check_alias("deny **.ads.example:80", "t.ads.example", "allow default");
    check_alias("deny **.ads.example; allow t.ads.example", "t.ads.example",
                "allow rule t.ads.example");
    check_alias("deny any", "t.ads.example", "allow default");
    check_alias("audit; deny **.ads.example", "t.ads.example", "would_deny rule **.ads.example");
}

static void names_that_the_policy_answers_are_always_allowed(void **state)
{
    (void)state;
    check_name("host db.internal 10.20.0.9", "db.internal", "allow default");
    check_name("host db.internal 10.20.0.9; deny db.internal", "db.internal", "allow default");
    check_name("host db.internal 10.20.0.9", "db2.internal", "deny default");
    check_name("host_port 5432", "host.childflow.internal", "allow default");
    check_name("host_port 5432; deny **.internal", "host.childflow.internal", "allow default");
    check_name("", "host.childflow.internal", "deny default");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_match_by_host_protocol_and_port),
        cmocka_unit_test(one_star_is_one_label_and_two_are_one_or_more),
        cmocka_unit_test(mapped_addresses_match_the_ipv4_rules_they_mean),
        cmocka_unit_test(the_more_specific_name_wins),
        cmocka_unit_test(the_longer_prefix_wins),
        cmocka_unit_test(a_group_is_as_specific_as_its_prefix_that_holds_the_address),
        cmocka_unit_test(then_a_protocol_and_then_ports_make_a_rule_more_specific),
        cmocka_unit_test(at_a_tie_the_denial_wins),
        cmocka_unit_test(all_names_of_an_address_are_judged_together),
        cmocka_unit_test(of_rules_that_say_the_same_the_log_always_names_one),
        cmocka_unit_test(a_denial_of_either_kind_beats_an_allow_of_the_other),
        cmocka_unit_test(unless_the_address_is_allowed_as_specifically_as_it_is_denied),
        cmocka_unit_test(or_hosts_pins_it_to_a_name_that_is_allowed),
        cmocka_unit_test(an_alias_counts_for_denials_alone),
        cmocka_unit_test(without_a_match_the_default_decides),
        cmocka_unit_test(audit_mode_allows_and_says_what_enforce_would_do),
        cmocka_unit_test(denials_that_no_rule_makes_follow_the_mode_too),
        cmocka_unit_test(reasons_have_the_names_of_the_log),
        cmocka_unit_test(only_the_groups_with_a_reason_of_their_own_have_one),
        cmocka_unit_test(names_that_a_rule_allows_may_be_asked_for),
        cmocka_unit_test(a_name_may_be_asked_for_when_one_flow_is_left),
        cmocka_unit_test(a_default_of_allow_lets_names_be_asked_for),
        cmocka_unit_test(a_rule_for_all_addresses_lets_names_be_asked_for),
        cmocka_unit_test(with_filter_any_only_a_denial_by_name_denies),
        cmocka_unit_test(an_alias_is_denied_by_a_rule_by_name_alone),
        cmocka_unit_test(names_that_the_policy_answers_are_always_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
