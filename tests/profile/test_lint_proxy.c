/*
 * test_lint_proxy.c - what is said about the keys of `proxy` is true
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "profile/lint_proxy.h"

static const struct cf_origin nowhere = { .file = "test" };

/* rules: as fixture_profile() has them; bypass: entries with blanks between them */
static struct cf_profile *make_profile(const char *url, const char *rules, const char *bypass)
{
    struct cf_profile *profile = fixture_profile(rules);
    struct cf_error err = { 0 };
    char copy[256], *at = copy, *word;

    profile->proxy.require = true;
    assert_int_equal(cf_proxy_url_parse(url, &profile->proxy.url, NULL, &err), 0);
    profile->proxy.bypass = cf_profile_new();
    assert_non_null(profile->proxy.bypass);
    snprintf(copy, sizeof copy, "%s", bypass);
    while ((word = strsep(&at, " ")) && *word) {
        struct cf_endpoint endpoint;

        assert_int_equal(cf_endpoint_parse(word, &endpoint, NULL, &err), 0);
        assert_int_equal(
            cf_profile_rule_add(profile->proxy.bypass, CF_ALLOW, word, &endpoint, nowhere), 0);
    }
    assert_int_equal(cf_profile_seal(profile), 0);
    return profile;
}

static void add_server(struct cf_profile *profile, const char *text)
{
    struct cf_addr addr;

    profile->dns.servers = calloc(1, sizeof *profile->dns.servers);
    assert_non_null(profile->dns.servers);
    assert_int_equal(cf_addr_parse(text, &addr), 0);
    profile->dns.servers[0] = (struct cf_addr_port) { addr, 53 };
    profile->dns.n_servers = 1;
}

/* expected: what the first entry is good for */
static void check_entry(const char *url, const char *rules, const char *bypass, const char *server,
                        enum cf_bypass_use expected)
{
    struct cf_profile *profile = make_profile(url, rules, bypass);

    if (server)
        add_server(profile, server);
    assert_int_equal(cf_lint_bypass(profile, &profile->proxy.bypass->egress.rules[0]), expected);
    cf_profile_free(profile);
}

static void an_entry_by_name_wants_an_allow_that_meets_it(void **state)
{
    (void)state;
#define HTTP(rules, bypass, expected) check_entry("http://p", rules, bypass, NULL, expected)
    HTTP("allow a.internal", "a.internal", CF_BYPASS_USED);
    HTTP("allow a.internal", "*.internal", CF_BYPASS_USED);
    HTTP("allow a.b.internal", "*.internal", CF_BYPASS_DENIED);
    HTTP("allow a.b.internal", "**.internal", CF_BYPASS_USED);
    HTTP("allow **.internal", "a.b.internal", CF_BYPASS_USED);
    HTTP("allow **.internal", "*.b.internal", CF_BYPASS_USED);
    HTTP("allow *.internal", "**.b.internal", CF_BYPASS_DENIED);
    HTTP("allow *.b.internal", "**.internal", CF_BYPASS_USED);
    HTTP("allow **.b.internal", "**.internal", CF_BYPASS_USED);
    HTTP("allow **.internal", "internal", CF_BYPASS_DENIED);
    HTTP("allow **.ainternal", "**.internal", CF_BYPASS_DENIED);
    HTTP("allow a.example; deny a.internal", "a.internal", CF_BYPASS_DENIED);
    HTTP("default allow", "a.internal", CF_BYPASS_USED);
    HTTP("deny a.internal", "a.internal", CF_BYPASS_USED); /* who extends it may allow something */
}

static void protocols_and_ports_meet_too(void **state)
{
    (void)state;
    HTTP("allow a.internal:443", "a.internal:80", CF_BYPASS_DENIED);
    HTTP("allow a.internal:443", "a.internal:80,400-500", CF_BYPASS_USED);
    HTTP("allow tcp://a.internal", "udp://a.internal", CF_BYPASS_DENIED);
    HTTP("allow icmp://a.internal", "icmp://a.internal", CF_BYPASS_USED);
    HTTP("allow icmp://a.internal", "a.internal:443", CF_BYPASS_DENIED);
}

static void an_entry_by_address_wants_one_too(void **state)
{
    (void)state;
    HTTP("allow 10.1.0.0/16", "10.0.0.0/8", CF_BYPASS_USED);
    HTTP("allow 10.0.0.0/8", "10.1.2.3", CF_BYPASS_USED);
    HTTP("allow 11.0.0.0/8", "10.0.0.0/8", CF_BYPASS_DENIED);
    HTTP("allow private", "10.0.0.0/8", CF_BYPASS_USED);
    HTTP("allow [2001:db8::]/32", "10.0.0.0/8", CF_BYPASS_DENIED);
    HTTP("allow any", "[2001:db8::1]:443", CF_BYPASS_USED);
}

static void an_entry_by_address_holds_no_name_that_the_proxy_resolves(void **state)
{
    (void)state;
    HTTP("allow a.example", "10.0.0.0/8", CF_BYPASS_UNKNOWN);
    HTTP("allow a.example", "10.0.0.0/8 *.example", CF_BYPASS_USED);
    HTTP("allow a.example; host a.example 10.0.0.1", "10.0.0.0/8", CF_BYPASS_USED);
    HTTP("allow a.example:443", "10.0.0.0/8:80", CF_BYPASS_DENIED);
    check_entry("http://p", "allow a.example", "10.0.0.0/8", "192.0.2.1", CF_BYPASS_USED);
    check_entry("socks5://p", "allow a.example", "10.0.0.0/8", "192.0.2.1", CF_BYPASS_USED);
}

static void an_allow_by_address_needs_a_name_that_can_be_asked_for(void **state)
{
    (void)state;
    HTTP("allow 10.0.0.0/8", "a.internal", CF_BYPASS_DENIED);
    HTTP("allow 10.0.0.0/8; filter any", "a.internal", CF_BYPASS_USED);
    HTTP("allow 10.0.0.0/8:5432; allow a.internal:443", "a.internal:5432", CF_BYPASS_USED);
    HTTP("allow 10.0.0.0/8; host a.internal 10.0.0.1", "*.internal", CF_BYPASS_USED);
}

static void an_entry_for_a_server_is_of_use(void **state)
{
    (void)state;
    check_entry("socks5://p", "allow 10.0.0.1", "192.0.2.53", "192.0.2.53", CF_BYPASS_USED);
    check_entry("socks5://p", "allow 10.0.0.1", "192.0.2.54", "192.0.2.53", CF_BYPASS_DENIED);
    check_entry("socks5://p", "allow 10.0.0.1", "192.0.2.54", NULL, CF_BYPASS_USED); /* the host's may be there */
}

static void check_dns(const char *url, enum cf_transport transport, const char *server,
                      const char *bypass, bool udp, bool loopback)
{
    struct cf_profile *profile = make_profile(url, "", bypass);

    profile->dns.transport = transport;
    if (server)
        add_server(profile, server);
    assert_int_equal(cf_lint_proxy_transport(profile), udp);
    assert_int_equal(cf_lint_proxy_loopback(profile) != NULL, loopback);
    cf_profile_free(profile);
}

static void servers_behind_the_proxy_want_tcp_and_are_elsewhere(void **state)
{
    (void)state;
    check_dns("http://p", CF_TRANSPORT_UDP, "192.0.2.53", "", true, false);
    check_dns("http://p", CF_TRANSPORT_AUTO, "192.0.2.53", "", false, false);
    check_dns("http://p", CF_TRANSPORT_UDP, NULL, "", false, false); /* the proxy resolves names */
    check_dns("http://p", CF_TRANSPORT_UDP, "192.0.2.53", "192.0.2.53", false, false);
    check_dns("http://p", CF_TRANSPORT_UDP, "192.0.2.53", "udp://192.0.2.53", true, false);
    check_dns("socks5://p", CF_TRANSPORT_TCP, "127.0.0.53", "", false, true);
    check_dns("socks5://p", CF_TRANSPORT_TCP, "127.0.0.53", "loopback", false, false);
    check_dns("socks5://p", CF_TRANSPORT_UDP, NULL, "", false, false); /* with an empty bypass */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_by_name_wants_an_allow_that_meets_it),
        cmocka_unit_test(protocols_and_ports_meet_too),
        cmocka_unit_test(an_entry_by_address_wants_one_too),
        cmocka_unit_test(an_entry_by_address_holds_no_name_that_the_proxy_resolves),
        cmocka_unit_test(an_allow_by_address_needs_a_name_that_can_be_asked_for),
        cmocka_unit_test(an_entry_for_a_server_is_of_use),
        cmocka_unit_test(servers_behind_the_proxy_want_tcp_and_are_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
