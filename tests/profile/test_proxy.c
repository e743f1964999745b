/*
 * test_proxy.c - URLs of proxies, and which flows go through one
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "profile/proxy.h"

#define A_SCHEME "expected a URL that begins with http, https, socks5, socks5h or socks5+unix"
#define NO_USER                                                                                    \
    "expected a URL without a user part; put the name into proxy.username and name the "           \
    "password's place in proxy.password_env or proxy.password_file"
#define A_PATH "expected the absolute path of a socket, as in socks5+unix:/run/proxy.sock"
#define A_PORT "expected a port from 1 to 65535"
#define BRACKETS "expected an IPv6 address in brackets, as in [2001:db8::1]:1080"

static void check_accepts(const char *text, enum cf_proxy_scheme scheme, const char *canonical)
{
    struct cf_proxy_url url, again;
    struct cf_error err = { 0 };
    char *formatted, *twice;

    if (cf_proxy_url_parse(text, &url, NULL, &err) < 0)
        fail_msg("'%s': %s", text, err.text);
    assert_int_equal(url.scheme, scheme);
    formatted = cf_proxy_url_format(&url);
    assert_string_equal(formatted, canonical);
    assert_int_equal(cf_proxy_url_parse(formatted, &again, NULL, &err), 0);
    twice = cf_proxy_url_format(&again);
    assert_string_equal(twice, canonical);
    free(formatted);
    free(twice);
    cf_proxy_url_done(&url);
    cf_proxy_url_done(&again);
}

static void check_refuses(const char *text, size_t column, const char *message)
{
    struct cf_error err = { 0 };
    struct cf_proxy_url url;
    size_t at = 9999;

    assert_int_equal(cf_proxy_url_parse(text, &url, &at, &err), -EINVAL);
    assert_string_equal(err.text, message);
    assert_int_equal(at, column);
}

static void url_with_a_name_is_canonical(void **state)
{
    (void)state;
    check_accepts("http://proxy.internal:3128", CF_PROXY_HTTP, "http://proxy.internal:3128");
    check_accepts("HTTP://Proxy.Internal.:3128/", CF_PROXY_HTTP, "http://proxy.internal:3128");
    check_accepts("https://proxy.internal:8443", CF_PROXY_HTTPS, "https://proxy.internal:8443");
    check_accepts("socks5://proxy:1", CF_PROXY_SOCKS5, "socks5://proxy:1");
    check_accepts("socks5h://localhost:65535", CF_PROXY_SOCKS5H, "socks5h://localhost:65535");
    check_accepts("socks5h://b\xc3\xbc"
                  "cher.example",
                  CF_PROXY_SOCKS5H, "socks5h://xn--bcher-kva.example:1080");
}

static void url_without_a_port_has_that_of_curl(void **state)
{
    (void)state;
    check_accepts("http://proxy.internal", CF_PROXY_HTTP, "http://proxy.internal:1080");
    check_accepts("https://proxy.internal/", CF_PROXY_HTTPS, "https://proxy.internal:443");
    check_accepts("socks5://proxy.internal", CF_PROXY_SOCKS5, "socks5://proxy.internal:1080");
    check_accepts("socks5h://[2001:db8::1]", CF_PROXY_SOCKS5H, "socks5h://[2001:db8::1]:1080");
}

static void url_with_an_address_is_canonical(void **state)
{
    (void)state;
    check_accepts("http://192.0.2.1:8080", CF_PROXY_HTTP, "http://192.0.2.1:8080");
    check_accepts("http://[2001:DB8:0::1]:8080", CF_PROXY_HTTP, "http://[2001:db8::1]:8080");
    check_accepts("http://[::ffff:192.0.2.1]:8080", CF_PROXY_HTTP, "http://192.0.2.1:8080");
    check_accepts("socks5://127.0.0.1", CF_PROXY_SOCKS5, "socks5://127.0.0.1:1080");
    check_accepts("socks5://[::1]:9050", CF_PROXY_SOCKS5, "socks5://[::1]:9050");
}

static void url_with_a_path_is_kept(void **state)
{
    (void)state;
    check_accepts("socks5+unix:/run/proxy.sock", CF_PROXY_SOCKS5_UNIX,
                  "socks5+unix:/run/proxy.sock");
    check_accepts("SOCKS5+unix:/run/a b@c:d?e#f%20", CF_PROXY_SOCKS5_UNIX,
                  "socks5+unix:/run/a b@c:d?e#f%20");
}

static void url_of_another_scheme_is_refused(void **state)
{
    (void)state;
    check_refuses("", 0, A_SCHEME ", got none");
    check_refuses("proxy.internal", 0, A_SCHEME ", got 'proxy.internal'");
    check_refuses("proxy.internal:3128", 0, A_SCHEME ", got 'proxy.internal:3128'");
    check_refuses("socks4://proxy:1080", 0, A_SCHEME ", got 'socks4://proxy:1080'");
    check_refuses("ftp://proxy", 0, A_SCHEME ", got 'ftp://proxy'");
    check_refuses("://proxy", 0, A_SCHEME ", got '://proxy'");
    check_refuses(" http://proxy", 0, A_SCHEME ", got ' http://proxy'");
    check_refuses("http:proxy", 4, "expected '://' behind the scheme, got ':proxy'");
    check_refuses("http:/proxy", 4, "expected '://' behind the scheme, got ':/proxy'");
}

static void url_without_a_host_is_refused(void **state)
{
    (void)state;
    check_refuses("http://", 7, "expected a host, got none");
    check_refuses("http://:3128", 7, "expected a host, got none");
    check_refuses("http:///x", 7, "expected a host, got none");
    check_refuses("http://0.0.0.0", 7, "expected the address of one host, got '0.0.0.0'");
    check_refuses("http://224.0.0.1", 7, "expected the address of one host, got '224.0.0.1'");
    check_refuses("http://[::]:1", 8, "expected the address of one host, got '::'");
    check_refuses("http://[ff02::1]", 8, "expected the address of one host, got 'ff02::1'");
    check_refuses("http://host.childflow.internal", 7,
                  "expected 127.0.0.1 for a proxy of this host, got 'host.childflow.internal'");
}

static void url_with_a_wrong_port_is_refused(void **state)
{
    (void)state;
    check_refuses("http://proxy:", 13, A_PORT ", got none");
    check_refuses("http://proxy:0", 13, A_PORT ", got '0'");
    check_refuses("http://proxy:65536", 13, A_PORT ", got '65536'");
    check_refuses("http://proxy:99999999999", 13, A_PORT ", got '99999999999'");
    check_refuses("http://proxy:080", 13, A_PORT ", got '080'");
    check_refuses("http://proxy:-1", 13, A_PORT ", got '-1'");
    check_refuses("http://proxy:http/", 13, A_PORT ", got 'http'");
    check_refuses("http://[::1]:x", 13, A_PORT ", got 'x'");
}

static void url_with_an_address_in_a_wrong_form_is_refused(void **state)
{
    (void)state;
    check_refuses("http://2001:db8::1", 7, BRACKETS ", got '2001:db8::1'");
    check_refuses("http://2001:db8::1:3128", 7, BRACKETS ", got '2001:db8::1:3128'");
    check_refuses("http://proxy:1:2", 7, BRACKETS ", got 'proxy:1:2'");
    check_refuses("http://[::1", 7, "expected ']' behind an IPv6 address, got '[::1'");
    check_refuses("http://[::1]3128", 12,
                  "expected ':' and a port, or nothing, behind ']', got '3128'");
    check_refuses("http://[]", 7, "expected an IPv6 address in the brackets, got '[]'");
    check_refuses("http://[192.0.2.1]", 7,
                  "expected an IPv6 address in the brackets, got '[192.0.2.1]'");
    check_refuses("http://[fe80::1%25eth0]", 7,
                  "expected an IPv6 address in the brackets, got '[fe80::1%25eth0]'");
}

static void url_with_more_behind_the_host_is_refused(void **state)
{
    (void)state;
    check_refuses("http://proxy:3128/x", 17, "expected no path, got '/x'");
    check_refuses("http://proxy//", 12, "expected no path, got '//'");
    check_refuses("http://proxy?x=1", 12, "expected no query, got '?x=1'");
    check_refuses("http://proxy#x", 12, "expected no fragment, got '#x'");
    check_refuses("http://proxy\n", 12, "expected a URL without control characters, got '\\x0a'");
}

/* Whatever else is wrong with it, and whatever the password holds. */
static void url_with_a_user_part_is_refused_without_being_quoted(void **state)
{
    (void)state;
    check_refuses("http://ci:hunter2@proxy:3128", 7, NO_USER);
    check_refuses("http://ci@proxy", 7, NO_USER);
    check_refuses("http://@proxy", 7, NO_USER);
    check_refuses("http://ci:hun/ter2@proxy", 7, NO_USER);
    check_refuses("http://ci:hun ter2#?@proxy:0", 7, NO_USER);
    check_refuses("http://ci:hunter2@", 7, NO_USER);
    check_refuses("ftp://ci:hunter2@proxy", 6, NO_USER);
    check_refuses("ci:hunter2@proxy", 0, NO_USER);
    check_refuses("http:ci:hunter2@proxy", 0, NO_USER);
    check_refuses("socks5h://ci:hunter2\n@proxy", 10, NO_USER);
}

static void url_with_a_path_that_is_no_socket_is_refused(void **state)
{
    char text[160], message[160];

    (void)state;
    check_refuses("socks5+unix:run/proxy.sock", 12, A_PATH ", got 'run/proxy.sock'");
    check_refuses("socks5+unix:", 12, A_PATH ", got none");
    check_refuses("socks5+unix:/", 12, A_PATH ", got '/'");
    check_refuses("socks5+unix:/run/", 12, A_PATH ", got '/run/'");
    check_refuses("socks5+unix:///run/x", 12, A_PATH ", got '///run/x'");
    check_refuses("socks5+unix:/run/\x1b[31m", 17,
                  "expected a URL without control characters, got '\\x1b'");
    snprintf(text, sizeof text, "socks5+unix:/%0*d", CF_PROXY_PATH_MAX, 7);
    snprintf(message, sizeof message, "expected a path of at most %d bytes, got %d",
             CF_PROXY_PATH_MAX, CF_PROXY_PATH_MAX + 1);
    check_refuses(text, 12, message);
    text[strlen(text) - 1] = '\0';
    check_accepts(text, CF_PROXY_SOCKS5_UNIX, text);
}

static const struct cf_origin nowhere = { .file = "test" };

/* bypass: entries with blanks between them */
static struct cf_profile *make_profile(const char *url, bool require, const char *bypass)
{
    struct cf_profile *profile = fixture_profile("default allow");
    struct cf_error err = { 0 };
    char copy[512], *at = copy, *word;

    profile->proxy.require = require;
    if (url)
        assert_int_equal(cf_proxy_url_parse(url, &profile->proxy.url, NULL, &err), 0);
    if (bypass)
        profile->proxy.bypass = cf_profile_new();
    snprintf(copy, sizeof copy, "%s", bypass ? bypass : "");
    while ((word = strsep(&at, " ")) && *word) {
        struct cf_endpoint endpoint;

        assert_int_equal(cf_endpoint_parse(word, &endpoint, NULL, &err), 0);
        assert_int_equal(
            cf_profile_rule_add(profile->proxy.bypass, CF_ALLOW, word, &endpoint, nowhere), 0);
    }
    assert_int_equal(cf_profile_seal(profile), 0);
    return profile;
}

/* expected: "direct", "proxy", "required", or the entry that bypasses */
static void check_route(const struct cf_profile *profile, const char *text, const char *expected)
{
    static const char *const routes[CF_ROUTE_COUNT] = { "direct", "proxy", "required" };
    const struct cf_rule *entry = NULL;
    struct fixture_flow flow;
    enum cf_route route;

    fixture_flow(&flow, text);
    route = cf_proxy_route(profile, &flow.query, &entry);
    assert_int_equal(cf_proxy_route(profile, &flow.query, NULL), route);
    assert_true(!entry || route == CF_ROUTE_DIRECT);
    assert_string_equal(entry ? entry->text : routes[route], expected);
}

static void route_without_a_proxy_is_direct(void **state)
{
    struct cf_profile *profile = make_profile(NULL, true, NULL);

    (void)state;
    check_route(profile, "tcp 192.0.2.1 443", "direct");
    check_route(profile, "icmp 192.0.2.1 0", "direct");
    cf_profile_free(profile);
}

static void check_datagrams(const char *url, bool require, const char *udp, const char *icmp)
{
    struct cf_profile *profile = make_profile(url, require, NULL);

    check_route(profile, "tcp 192.0.2.1 443 a.example.com", "proxy");
    check_route(profile, "udp 192.0.2.1 123 a.example.com", udp);
    check_route(profile, "icmp 2001:db8::1 0", icmp);
    cf_profile_free(profile);
}

static void route_of_datagrams_depends_on_the_scheme_and_on_require(void **state)
{
    (void)state;
    check_datagrams("http://proxy", true, "required", "required");
    check_datagrams("http://proxy", false, "direct", "direct");
    check_datagrams("https://proxy", true, "required", "required");
    check_datagrams("socks5://proxy", true, "proxy", "required");
    check_datagrams("socks5h://proxy", true, "proxy", "required");
    check_datagrams("socks5h://proxy", false, "proxy", "direct");
    check_datagrams("socks5+unix:/run/x", true, "proxy", "required");
}

static void bypass_by_address_takes_prefixes_groups_and_ports(void **state)
{
    struct cf_profile *profile = make_profile(
        "http://proxy", true, "10.0.0.0/8 [2001:db8:20::]/48:80-90 udp://192.0.2.53:53 link_local");

    (void)state;
    check_route(profile, "tcp 10.1.2.3 443", "10.0.0.0/8");
    check_route(profile, "icmp 10.1.2.3 0", "required");
    check_route(profile, "tcp 11.0.0.0 443", "proxy");
    check_route(profile, "tcp 2001:db8:20::7 85", "[2001:db8:20::]/48:80-90");
    check_route(profile, "tcp 2001:db8:20::7 443", "proxy");
    check_route(profile, "udp 192.0.2.53 53", "udp://192.0.2.53:53");
    check_route(profile, "tcp 192.0.2.53 53", "proxy");
    check_route(profile, "tcp 169.254.1.1 80", "link_local");
    check_route(profile, "tcp fe80::1 80", "link_local");
    cf_profile_free(profile);
}

static void bypass_of_a_longer_prefix_does_not_hide_a_shorter_one(void **state)
{
    struct cf_profile *profile =
        make_profile("http://proxy", true, "10.0.0.0/8:443 10.1.0.0/16:80");

    (void)state;
    check_route(profile, "tcp 10.1.0.1 80", "10.1.0.0/16:80");
    check_route(profile, "tcp 10.1.0.1 443", "10.0.0.0/8:443");
    check_route(profile, "tcp 10.1.0.1 22", "proxy");
    cf_profile_free(profile);
}

static void bypass_by_name_takes_wildcards_as_rules_do(void **state)
{
    struct cf_profile *profile =
        make_profile("socks5h://proxy", true,
                     "**.internal *.example.org exact.example.net:80 b\xc3\xbc"
                     "cher.example");

    (void)state;
    check_route(profile, "tcp 192.0.2.1 1 a.internal", "**.internal");
    check_route(profile, "tcp 192.0.2.1 1 a.b.internal", "**.internal");
    check_route(profile, "tcp 192.0.2.1 1 internal", "proxy");
    check_route(profile, "tcp 192.0.2.1 1 a.example.org", "*.example.org");
    check_route(profile, "tcp 192.0.2.1 1 a.b.example.org", "proxy");
    check_route(profile, "tcp 192.0.2.1 1 example.org", "proxy");
    check_route(profile, "tcp 192.0.2.1 80 exact.example.net", "exact.example.net:80");
    check_route(profile, "tcp 192.0.2.1 443 exact.example.net", "proxy");
    check_route(profile, "tcp 192.0.2.1 1 xn--bcher-kva.example",
                "b\xc3\xbc"
                "cher.example");
    check_route(profile, "icmp 192.0.2.1 0 a.internal", "required");
    check_route(profile, "tcp 192.0.2.1 1", "proxy");
    cf_profile_free(profile);
}

static void bypass_by_name_wants_every_name_that_was_asked_for(void **state)
{
    struct cf_profile *profile = make_profile("http://proxy", true, "a.internal b.internal");

    (void)state;
    check_route(profile, "tcp 192.0.2.1 1 a.internal b.internal", "a.internal");
    check_route(profile, "tcp 192.0.2.1 1 b.internal a.internal", "b.internal");
    check_route(profile, "tcp 192.0.2.1 1 a.internal www.example.com", "proxy");
    check_route(profile, "tcp 192.0.2.1 1 www.example.com a.internal", "proxy");
    check_route(profile, "tcp 192.0.2.1 1 a.internal cdn.example.com~", "a.internal");
    check_route(profile, "tcp 192.0.2.1 1 www.example.com a.internal~", "proxy");
    check_route(profile, "tcp 192.0.2.1 1 a.internal~", "proxy");
    cf_profile_free(profile);
}

static void bypassed_names_are_known_before_their_addresses(void **state)
{
    struct cf_profile *profile = make_profile("http://proxy", true, "*.internal:80 10.0.0.0/8");

    (void)state;
    assert_true(cf_proxy_bypasses_name(profile, "a.internal"));
    assert_false(cf_proxy_bypasses_name(profile, "a.b.internal"));
    assert_false(cf_proxy_bypasses_name(profile, "www.example.com"));
    cf_profile_free(profile);
    profile = make_profile("http://proxy", true, NULL);
    assert_false(cf_proxy_bypasses_name(profile, "a.internal"));
    cf_profile_free(profile);
}

static void check_dns(const char *url, bool require, size_t n_servers, enum cf_proxy_dns expected)
{
    struct cf_profile *profile = make_profile(url, require, NULL);

    profile->dns.servers = calloc(1, sizeof *profile->dns.servers);
    profile->dns.n_servers = n_servers;
    assert_int_equal(cf_proxy_dns(profile), expected);
    cf_profile_free(profile);
}

static void names_are_resolved_by_a_required_proxy_that_takes_them(void **state)
{
    (void)state;
    check_dns("http://proxy", true, 0, CF_PROXY_DNS_NAMES);
    check_dns("https://proxy", true, 0, CF_PROXY_DNS_NAMES);
    check_dns("socks5h://proxy", true, 0, CF_PROXY_DNS_NAMES);
    check_dns("socks5://proxy", true, 0, CF_PROXY_DNS_TUNNEL);
    check_dns("socks5+unix:/run/proxy.sock", true, 0, CF_PROXY_DNS_TUNNEL);
    check_dns("http://proxy", true, 1, CF_PROXY_DNS_TUNNEL);
    check_dns("http://proxy", false, 0, CF_PROXY_DNS_DIRECT);
    check_dns("socks5h://proxy", false, 1, CF_PROXY_DNS_DIRECT);
}

static void check_tunnels(const char *bypass, bool require, bool expected)
{
    struct cf_profile *profile = make_profile("socks5://proxy", require, bypass);
    struct cf_addr_port server = { .port = 53 };

    assert_int_equal(cf_addr_parse("10.0.0.53", &server.addr), 0);
    assert_int_equal(cf_proxy_dns_tunnels(profile, &server), expected);
    cf_profile_free(profile);
}

static void a_server_is_asked_past_the_proxy_when_all_of_it_is_bypassed(void **state)
{
    (void)state;
    check_tunnels(NULL, true, true);
    check_tunnels(NULL, false, false);
    check_tunnels("10.0.0.0/8", true, false);
    check_tunnels("10.0.0.53:53", true, false);
    check_tunnels("udp://10.0.0.53:53", true, true);
    check_tunnels("tcp://10.0.0.53:53", true, true);
    check_tunnels("10.0.0.54 **.internal", true, true);
}

static void check_bypasses_names(const char *bypass, bool expected)
{
    struct cf_profile *profile = make_profile("http://proxy", true, bypass);

    assert_int_equal(cf_proxy_bypasses_names(profile), expected);
    cf_profile_free(profile);
}

static void a_bypass_of_addresses_alone_has_no_names(void **state)
{
    (void)state;
    check_bypasses_names(NULL, false);
    check_bypasses_names("10.0.0.0/8 private", false);
    check_bypasses_names("10.0.0.0/8 wiki.internal", true);
    check_bypasses_names("*.internal:80", true);
    check_bypasses_names("**.internal", true);
}

static void check_verdict(const struct cf_profile *profile, const char *text, const char *expected)
{
    struct cf_verdict verdict;
    struct fixture_flow flow;
    char got[512];

    fixture_flow(&flow, text);
    cf_verdict_flow(profile, &flow.query, &verdict);
    assert_string_equal(fixture_verdict(&verdict, got), expected);
}

static void what_the_proxy_has_no_way_for_is_denied_when_it_is_required(void **state)
{
    struct cf_profile *profile = make_profile("http://proxy", true, "10.0.0.0/8 **.internal");

    (void)state;
    check_verdict(profile, "tcp 192.0.2.1 443", "allow default");
    check_verdict(profile, "udp 192.0.2.1 123", "deny proxy_required proxy.require");
    check_verdict(profile, "icmp 192.0.2.1 0", "deny proxy_required proxy.require");
    check_verdict(profile, "udp 10.0.0.1 123", "allow default");
    check_verdict(profile, "udp 192.0.2.1 123 ntp.internal", "allow default");
    profile->mode = CF_MODE_AUDIT;
    check_verdict(profile, "udp 192.0.2.1 123", "would_deny proxy_required proxy.require");
    profile->mode = CF_MODE_ENFORCE;
    profile->proxy.require = false;
    check_verdict(profile, "udp 192.0.2.1 123", "allow default");
    cf_profile_free(profile);
}

static void what_a_rule_denies_is_denied_by_the_rule(void **state)
{
    struct cf_profile *profile = make_profile("http://proxy", true, "10.0.0.0/8");

    (void)state;
    profile->egress.fallback = CF_DENY;
    check_verdict(profile, "udp 192.0.2.1 123", "deny default");
    check_verdict(profile, "tcp 10.0.0.1 443", "deny default");
    cf_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_with_a_name_is_canonical),
        cmocka_unit_test(url_without_a_port_has_that_of_curl),
        cmocka_unit_test(url_with_an_address_is_canonical),
        cmocka_unit_test(url_with_a_path_is_kept),
        cmocka_unit_test(url_of_another_scheme_is_refused),
        cmocka_unit_test(url_without_a_host_is_refused),
        cmocka_unit_test(url_with_a_wrong_port_is_refused),
        cmocka_unit_test(url_with_an_address_in_a_wrong_form_is_refused),
        cmocka_unit_test(url_with_more_behind_the_host_is_refused),
        cmocka_unit_test(url_with_a_user_part_is_refused_without_being_quoted),
        cmocka_unit_test(url_with_a_path_that_is_no_socket_is_refused),
        cmocka_unit_test(route_without_a_proxy_is_direct),
        cmocka_unit_test(route_of_datagrams_depends_on_the_scheme_and_on_require),
        cmocka_unit_test(bypass_by_address_takes_prefixes_groups_and_ports),
        cmocka_unit_test(bypass_of_a_longer_prefix_does_not_hide_a_shorter_one),
        cmocka_unit_test(bypass_by_name_takes_wildcards_as_rules_do),
        cmocka_unit_test(bypass_by_name_wants_every_name_that_was_asked_for),
        cmocka_unit_test(bypassed_names_are_known_before_their_addresses),
        cmocka_unit_test(names_are_resolved_by_a_required_proxy_that_takes_them),
        cmocka_unit_test(a_server_is_asked_past_the_proxy_when_all_of_it_is_bypassed),
        cmocka_unit_test(a_bypass_of_addresses_alone_has_no_names),
        cmocka_unit_test(what_the_proxy_has_no_way_for_is_denied_when_it_is_required),
        cmocka_unit_test(what_a_rule_denies_is_denied_by_the_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
