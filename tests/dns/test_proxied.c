/*
 * test_proxied.c - names that the proxy resolves never reach a server of DNS
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define TYPE_PTR 12
#define TYPE_MX 15
#define TYPE_TXT 16
#define TYPE_SRV 33

static struct fixture f;

/* One address for every name. */
static bool zone(struct fake *fake, bool tcp, struct message *answer)
{
    struct cf_wire_query query;
    char name[CF_DOMAIN_TEXT_SIZE];

    (void)tcp;
    (void)cf_wire_query_parse(fake->query.data, fake->query.length, &query);
    cf_domain_format(&query.name, name);
    message_add_addr(answer, SECTION_ANSWER, name, 300, "192.0.2.1");
    return true;
}

static void bypass(const char *text)
{
    struct cf_origin origin = { .file = "test", .line = 1 };
    struct cf_endpoint endpoint;

    if (!f.profile->proxy.bypass)
        f.profile->proxy.bypass = cf_profile_new();
    if (cf_endpoint_parse(text, &endpoint, NULL, NULL) < 0 ||
        cf_profile_rule_add(f.profile->proxy.bypass, CF_ALLOW, text, &endpoint, origin) < 0)
        abort();
}

/* A policy that requires this proxy and lists no server. */
static void start(const char *url)
{
    fixture_start(&f, zone);
    if (cf_proxy_url_parse(url, &f.profile->proxy.url, NULL, NULL) < 0)
        abort();
    f.profile->proxy.require = true;
    f.profile->dns.n_servers = 0;
    f.resolv_conf = "/nonexistent/resolv.conf"; /* a resolver that reads it does not start */
}

/* The reply's rcode, its one address ("none"), and the source that the event says. */
static void check(const char *name, uint16_t type, int rcode, const char *addr,
                  enum cf_dns_source source)
{
    assert_int_equal(fixture_ask(&f, name, type), rcode);
    assert_string_equal(reply_addr(&f, 0), addr);
    assert_int_equal(f.seen.dns.source, source);
    assert_int_equal(f.seen.dns.rcode, rcode);
    assert_int_equal(f.upstream.n_udp + f.upstream.n_tcp, 0);
}

static void an_allowed_name_gets_a_stand_in_that_is_its_own(void **state)
{
    (void)state;
    start("socks5h://proxy.internal");
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    check("a.example", CF_TYPE_A, 0, "198.19.0.1", CF_DNS_SOURCE_PROXY);
    assert_string_equal(f.seen.answers, "a.example 1 198.19.0.1;");
    assert_int_equal(f.seen.dns.verdict.action, CF_ALLOW);
    assert_int_equal(f.seen.dns.server.addr.family, CF_FAMILY_NONE);
    check("B.example", CF_TYPE_A, 0, "198.19.0.2", CF_DNS_SOURCE_PROXY);
    check("A.example", CF_TYPE_A, 0, "198.19.0.1", CF_DNS_SOURCE_PROXY);
    assert_string_equal(fixture_names(&f, "198.19.0.1"), "a.example");
    assert_string_equal(fixture_names(&f, "198.19.0.2"), "b.example");
    fixture_stop(&f);
}

static void a_denied_name_gets_none(void **state)
{
    (void)state;
    start("http://proxy.internal");
    fixture_allow(&f, "a.example");
    fixture_open(&f, 100);
    check("b.example", CF_TYPE_A, CF_RCODE_NXDOMAIN, "none", CF_DNS_SOURCE_POLICY);
    assert_int_equal(f.seen.dns.verdict.action, CF_DENY);
    check("a.example", CF_TYPE_A, 0, "198.19.0.1", CF_DNS_SOURCE_PROXY);
    fixture_stop(&f);
}

static void other_types_have_no_data(void **state)
{
    static const uint16_t types[] = { CF_TYPE_AAAA, TYPE_MX,       TYPE_TXT, TYPE_SRV,
                                      TYPE_PTR,     CF_TYPE_HTTPS, 64,       65534 };

    (void)state;
    start("https://proxy.internal");
    fixture_allow(&f, "a.example");
    fixture_open(&f, 100);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        check("a.example", types[i], 0, "none", CF_DNS_SOURCE_PROXY);
        assert_int_equal(reply_count(&f, SECTION_ANSWER), 0);
    }
    fixture_stop(&f);
}

static void the_name_of_a_stand_in_is_the_name_it_stands_for(void **state)
{
    (void)state;
    start("socks5h://proxy.internal");
    fixture_allow(&f, "a.example");
    fixture_allow(&f, "192.0.2.1");
    fixture_open(&f, 100);
    check("1.0.19.198.in-addr.arpa", TYPE_PTR, CF_RCODE_NXDOMAIN, "none", CF_DNS_SOURCE_POLICY);
    check("a.example", CF_TYPE_A, 0, "198.19.0.1", CF_DNS_SOURCE_PROXY);
    check("1.0.19.198.in-addr.arpa", TYPE_PTR, 0, "none", CF_DNS_SOURCE_PROXY);
    assert_string_equal(f.seen.answers, "1.0.19.198.in-addr.arpa 12 a.example;");
    check("1.2.0.192.in-addr.arpa", TYPE_PTR, 0, "none", CF_DNS_SOURCE_PROXY);
    assert_int_equal(reply_count(&f, SECTION_ANSWER), 0);
    fixture_stop(&f);
}

/* The proxy would take it for the address, which no rule has seen. */
static void names_that_read_as_an_address_get_none(void **state)
{
    static const char *const names[] = { "10.0.0.1", "127.1",       "2130706433",  "0x7f000001",
                                         "0x7f.1",   "a.example.1", "www.0X7F",    "www.0x" };

    (void)state;
    for (int mode = CF_MODE_ENFORCE; mode <= CF_MODE_AUDIT; mode++) {
        start("http://proxy.internal");
        fixture_allow(&f, "any");
        f.profile->mode = (enum cf_mode)mode;
        fixture_open(&f, 100);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            check(names[i], CF_TYPE_A, CF_RCODE_REFUSED, "none", CF_DNS_SOURCE_POLICY);
            assert_int_equal(f.seen.dns.verdict.reason, CF_REASON_MALFORMED);
            assert_int_equal(f.seen.dns.verdict.action, CF_DENY);
        }
        check("1.example", CF_TYPE_A, 0, "198.19.0.1", CF_DNS_SOURCE_PROXY);
        check("0x7g", CF_TYPE_A, 0, "198.19.0.2", CF_DNS_SOURCE_PROXY);
        fixture_stop(&f);
    }
}

static void the_loopback_of_the_proxy_has_no_address(void **state)
{
    (void)state;
    start("http://proxy.internal");
    fixture_allow(&f, "any");
    fixture_open(&f, 100);
    check("localhost", CF_TYPE_A, 0, "none", CF_DNS_SOURCE_PROXY);
    check("a.LOCALHOST", CF_TYPE_A, 0, "none", CF_DNS_SOURCE_PROXY);
    check("notlocalhost", CF_TYPE_A, 0, "198.19.0.1", CF_DNS_SOURCE_PROXY);
    fixture_stop(&f);
}

static void names_of_hosts_have_the_address_of_the_policy(void **state)
{
    (void)state;
    start("http://proxy.internal");
    fixture_allow(&f, "**.example");
    fixture_host(&f, "db.example", "198.19.0.1");
    fixture_open(&f, 100);
    check("db.example", CF_TYPE_A, 0, "198.19.0.1", CF_DNS_SOURCE_HOSTS);
    check("a.example", CF_TYPE_A, 0, "198.19.0.2", CF_DNS_SOURCE_PROXY);
    assert_string_equal(fixture_names(&f, "198.19.0.1"), "db.example(pinned)");
    fixture_stop(&f);
}

static void in_audit_mode_a_denied_name_gets_a_stand_in_too(void **state)
{
    (void)state;
    start("http://proxy.internal");
    f.profile->mode = CF_MODE_AUDIT;
    fixture_open(&f, 100);
    check("a.example", CF_TYPE_A, 0, "198.19.0.1", CF_DNS_SOURCE_PROXY);
    assert_true(f.seen.dns.verdict.would_deny);
    check("odd!.example", CF_TYPE_A, 0, "none", CF_DNS_SOURCE_PROXY);
    fixture_stop(&f);
}

/* A resolv.conf with a server on loopback, where there is none. */
static void write_resolv_conf(char path[32])
{
    FILE *file;
    int fd;

    strcpy(path, "/tmp/cf-test-XXXXXX");
    fd = mkstemp(path);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file)
        abort();
    fputs("nameserver 127.83.83.83\n", file);
    fclose(file);
    f.resolv_conf = path;
    f.profile->dns.timeout_ms = 100;
    f.profile->dns.attempts = 1;
}

static void check_asked_of_the_host(const char *name)
{
    char text[CF_ADDR_PORT_TEXT_SIZE];

    (void)fixture_ask(&f, name, CF_TYPE_A);
    assert_string_equal(cf_addr_port_format(&f.seen.dns.server, text), "127.83.83.83:53");
    assert_int_not_equal(f.seen.dns.source, CF_DNS_SOURCE_PROXY);
}

static void a_bypassed_name_is_asked_of_the_servers_of_the_host(void **state)
{
    char path[32];

    (void)state;
    start("http://proxy.internal");
    write_resolv_conf(path);
    bypass("**.internal");
    bypass("10.0.0.0/8");
    fixture_allow(&f, "**.example");
    fixture_allow(&f, "**.internal");
    fixture_open(&f, 100);
    check("a.example", CF_TYPE_A, 0, "198.19.0.1", CF_DNS_SOURCE_PROXY);
    check_asked_of_the_host("wiki.internal");
    fixture_stop(&f);
    unlink(path);
}

static void a_bypass_by_address_needs_no_server(void **state)
{
    (void)state;
    start("http://proxy.internal");
    bypass("10.0.0.0/8");
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    check("a.example", CF_TYPE_A, 0, "198.19.0.1", CF_DNS_SOURCE_PROXY);
    fixture_stop(&f);
}

static void without_require_names_are_resolved_as_without_a_proxy(void **state)
{
    char path[32];

    (void)state;
    start("socks5h://proxy.internal");
    f.profile->proxy.require = false;
    f.profile->dns.n_servers = 1;
    fixture_allow(&f, "a.example");
    fixture_open(&f, 100);
    assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), 0);
    assert_string_equal(reply_addr(&f, 0), "192.0.2.1");
    assert_int_equal(f.seen.dns.source, CF_DNS_SOURCE_UPSTREAM);
    fixture_stop(&f);

    start("http://proxy.internal");
    write_resolv_conf(path);
    f.profile->proxy.require = false;
    fixture_allow(&f, "a.example");
    fixture_open(&f, 100);
    check_asked_of_the_host("a.example");
    fixture_stop(&f);
    unlink(path);
}

/* What leads a name to a stand-in would give that a second name. */
static void an_answer_that_holds_a_stand_in_is_none(void **state)
{
    struct cf_addr addr;

    (void)state;
    start("http://proxy.internal");
    fixture_open(&f, 100);
    assert_int_equal(cf_addr_parse("198.19.0.1", &addr), 0);
    assert_true(cf_names_is_standin(f.names, &addr));
    assert_int_equal(cf_names_bind(f.names, &addr, "inside.internal", false, 1, 60, 0),
                     -EADDRNOTAVAIL);
    fixture_stop(&f);
    start("http://proxy.internal");
    f.profile->proxy.require = false;
    f.profile->dns.n_servers = 1;
    fixture_open(&f, 100);
    assert_false(cf_names_is_standin(f.names, &addr));
    assert_int_equal(cf_names_bind(f.names, &addr, "inside.internal", false, 1, 60, 0), 0);
    fixture_stop(&f);
}

static void when_all_stand_ins_are_given_the_next_name_is_servfail_and_told(void **state)
{
    struct cf_addr addr;
    char name[32];

    (void)state;
    start("http://proxy.internal");
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    for (unsigned i = 1; i < 65535; i++) {
        snprintf(name, sizeof name, "n%u.example", i);
        assert_int_equal(cf_names_standin(f.names, name, 0, &addr), 0);
    }
    check("one-more.example", CF_TYPE_A, CF_RCODE_SERVFAIL, "none", CF_DNS_SOURCE_ERROR);
    assert_int_equal(f.seen.n_warnings, 1);
    assert_string_equal(f.seen.warning,
                        "standins_exhausted: all stand-ins for names that the proxy resolves are "
                        "given: 'one-more.example' got none (1 such questions)");
    check("n1.example", CF_TYPE_A, 0, "198.19.0.1", CF_DNS_SOURCE_PROXY);
    for (unsigned i = 0; i < 6; i++)
        check("one-more.example", CF_TYPE_A, CF_RCODE_SERVFAIL, "none", CF_DNS_SOURCE_ERROR);
    assert_int_equal(f.seen.n_warnings, 3);
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allowed_name_gets_a_stand_in_that_is_its_own),
        cmocka_unit_test(a_denied_name_gets_none),
        cmocka_unit_test(other_types_have_no_data),
        cmocka_unit_test(the_name_of_a_stand_in_is_the_name_it_stands_for),
        cmocka_unit_test(names_that_read_as_an_address_get_none),
        cmocka_unit_test(the_loopback_of_the_proxy_has_no_address),
        cmocka_unit_test(names_of_hosts_have_the_address_of_the_policy),
        cmocka_unit_test(in_audit_mode_a_denied_name_gets_a_stand_in_too),
        cmocka_unit_test(a_bypassed_name_is_asked_of_the_servers_of_the_host),
        cmocka_unit_test(a_bypass_by_address_needs_no_server),
        cmocka_unit_test(an_answer_that_holds_a_stand_in_is_none),
        cmocka_unit_test(without_require_names_are_resolved_as_without_a_proxy),
        cmocka_unit_test(when_all_stand_ins_are_given_the_next_name_is_servfail_and_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
