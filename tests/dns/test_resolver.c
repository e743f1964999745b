/*
 * test_resolver.c - questions go through policy, cache and upstream as they shall
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns/upstream.h"
#include "fixture.h"

static struct fixture f;

static void name_of_query(const struct fake *fake, char text[CF_DOMAIN_TEXT_SIZE])
{
    struct cf_wire_query query;

    (void)cf_wire_query_parse(fake->query.data, fake->query.length, &query);
    cf_domain_lower(&query.name);
    cf_domain_format(&query.name, text);
}

/* A small internet; see each row. */
static bool zone(struct fake *fake, bool tcp, struct message *answer)
{
    char name[CF_DOMAIN_TEXT_SIZE];
    uint8_t text[256];

    name_of_query(fake, name);
    if (strcmp(name, "a.example") == 0) {
        message_add_addr(answer, SECTION_ANSWER, name, 300, "192.0.2.1");
        message_add_addr(answer, SECTION_ANSWER, name, 300, "192.0.2.2");
    } else if (strcmp(name, "zero-ttl.example") == 0) {
        message_add_addr(answer, SECTION_ANSWER, name, 0, "192.0.2.3");
    } else if (strcmp(name, "gone.example") == 0) {
        message_flags(answer, CF_RCODE_NXDOMAIN);
        message_add_soa(answer, "example", 3600, 60);
    } else if (strcmp(name, "broken.example") == 0) {
        message_flags(answer, CF_RCODE_SERVFAIL);
    } else if (strcmp(name, "refused.example") == 0) {
        message_flags(answer, CF_RCODE_REFUSED);
    } else if (strcmp(name, "chain.example") == 0) {
        message_add_name(answer, SECTION_ANSWER, name, CF_TYPE_CNAME, 300, "middle.cdn");
        message_add_name(answer, SECTION_ANSWER, "middle.cdn", CF_TYPE_CNAME, 30, "end.cdn");
        message_add_addr(answer, SECTION_ANSWER, "end.cdn", 300, "192.0.2.10");
        message_add_addr(answer, SECTION_ANSWER, "other.example", 300, "192.0.2.66");
        message_add_addr(answer, SECTION_ANSWER, "middle.cdn", 300, "192.0.2.67");
        message_add_addr(answer, SECTION_ADDITIONAL, "end.cdn", 300, "192.0.2.68");
        message_add_addr(answer, SECTION_ADDITIONAL, name, 300, "192.0.2.69");
    } else if (strcmp(name, "tracked.example") == 0) {
        message_add_name(answer, SECTION_ANSWER, name, CF_TYPE_CNAME, 300, "evil.tracker");
        message_add_addr(answer, SECTION_ANSWER, "evil.tracker", 300, "192.0.2.20");
    } else if (strcmp(name, "circle.example") == 0) {
        message_add_name(answer, SECTION_ANSWER, name, CF_TYPE_CNAME, 300, "circle.example");
    } else if (strcmp(name, "big.example") == 0) {
        if (!tcp) {
            message_flags(answer, CF_WIRE_TC);
            return true;
        }
        memset(text, 'x', sizeof text);
        text[0] = 255;
        for (int i = 0; i < 20; i++)
            message_add(answer, SECTION_ANSWER, name, CF_TYPE_TXT, 300, text, sizeof text);
    } else if (strcmp(name, "svcb.example") == 0) {
        static const uint8_t rdata[] = { 0, 1, 0, 0,  4,    0, 4,   192,  0,   2, 30,
                                         0, 6, 0, 16, 0x20, 1, 0xd, 0xb8, 0,   0, 0,
                                         0, 0, 0, 0,  0,    0, 0,   0,    0x30 };

        message_add(answer, SECTION_ANSWER, name, CF_TYPE_HTTPS, 300, rdata, sizeof rdata);
    } else if (strcmp(name, "any-type.example") == 0) {
        message_add(answer, SECTION_ANSWER, name, 65534, 300, "\xde\xad", 2);
    } else if (strcmp(name, "liar.example") == 0) {
        answer->data[13] ^= 1; /* another question */
        message_add_addr(answer, SECTION_ANSWER, name, 300, "192.0.2.4");
    } else if (strcmp(name, "counts.example") == 0) {
        message_add_addr(answer, SECTION_ANSWER, name, 300, "192.0.2.4");
        message_count(answer, SECTION_ANSWER, 5);
    } else if (strcmp(name, "edns.example") == 0) {
        message_add_addr(answer, SECTION_ANSWER, name, 300, "192.0.2.5");
        message_add_opt(answer, 1232, 0x8000, "\0\x0f\0\2\0\3", 6);
    } else if (strcmp(name, "no-edns.example") == 0) {
        if (cf_wire_u16(fake->query.data + 10)) {
            message_flags(answer, CF_RCODE_FORMERR);
            return true;
        }
        message_add_addr(answer, SECTION_ANSWER, name, 300, "192.0.2.6");
    } else if (strcmp(name, "1.2.0.192.in-addr.arpa") == 0) {
        message_add_name(answer, SECTION_ANSWER, name, CF_TYPE_PTR, 300, "a.example");
    } else {
        return false;
    }
    return true;
}

static void start(void)
{
    fixture_start(&f, zone);
}

/* Reply's rcode, and what the event says: action, source, rcode, how many queries went out. */
static void check(const char *name, uint16_t type, int rcode, enum cf_action action,
                  enum cf_dns_source source, unsigned n_upstream)
{
    unsigned before = f.upstream.n_udp + f.upstream.n_tcp, n = f.seen.n;

    assert_int_equal(fixture_ask(&f, name, type), rcode);
    assert_int_equal(f.seen.n, n + 1);
    assert_int_equal(f.seen.dns.verdict.action, action);
    assert_int_equal(f.seen.dns.source, source);
    assert_int_equal(f.seen.dns.rcode, rcode);
    assert_int_equal(f.seen.dns.type, type);
    assert_int_equal(f.seen.dns.id, f.seen.n);
    assert_int_equal(f.upstream.n_udp + f.upstream.n_tcp - before, n_upstream);
}

#define UPSTREAM CF_ALLOW, CF_DNS_SOURCE_UPSTREAM, 1
#define CACHE CF_ALLOW, CF_DNS_SOURCE_CACHE, 0
#define HOSTS CF_ALLOW, CF_DNS_SOURCE_HOSTS, 0
#define DENIED CF_DENY, CF_DNS_SOURCE_POLICY, 0

static void answers_come_from_upstream_first_and_from_the_cache_then(void **state)
{
    (void)state;
    start();
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    check("a.example", CF_TYPE_A, 0, UPSTREAM);
    assert_true(cf_addr_port_equal(&f.seen.dns.server, &f.upstream.at));
    assert_string_equal(f.seen.answers, "a.example 1 192.0.2.1;a.example 1 192.0.2.2;");
    check("A.eXample", CF_TYPE_A, 0, CACHE);
    assert_memory_equal(f.reply.data + 12, "\1A\7eXample", 10);
    assert_string_equal(f.seen.name, "A.eXample");
    assert_int_equal(reply_count(&f, SECTION_ANSWER), 2);
    assert_string_equal(reply_addr(&f, 1), "192.0.2.2");
    assert_int_equal(f.seen.dns.server.addr.family, CF_FAMILY_NONE);
    check("zero-ttl.example", CF_TYPE_A, 0, UPSTREAM);
    check("zero-ttl.example", CF_TYPE_A, 0, UPSTREAM);
    check("gone.example", CF_TYPE_A, CF_RCODE_NXDOMAIN, UPSTREAM);
    check("gone.example", CF_TYPE_A, CF_RCODE_NXDOMAIN, CACHE);
    check("broken.example", CF_TYPE_A, CF_RCODE_SERVFAIL, UPSTREAM);
    check("broken.example", CF_TYPE_A, CF_RCODE_SERVFAIL, UPSTREAM);
    check("refused.example", CF_TYPE_A, CF_RCODE_REFUSED, UPSTREAM);
    fixture_stop(&f);
}

static void without_a_cache_each_question_goes_out(void **state)
{
    (void)state;
    start();
    fixture_allow(&f, "**.example");
    fixture_open(&f, 0);
    check("a.example", CF_TYPE_A, 0, UPSTREAM);
    check("a.example", CF_TYPE_A, 0, UPSTREAM);
    fixture_stop(&f);
}

static void denied_names_never_reach_the_upstream(void **state)
{
    static const enum cf_deny_answer answers[] = { CF_DENY_ANSWER_NXDOMAIN, CF_DENY_ANSWER_REFUSED,
                                                   CF_DENY_ANSWER_ZERO };
    static const int rcodes[] = { CF_RCODE_NXDOMAIN, CF_RCODE_REFUSED, CF_RCODE_NOERROR };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        start();
        fixture_allow(&f, "a.example");
        f.profile->dns.deny_answer = answers[i];
        fixture_open(&f, 100);
        check("b.example", CF_TYPE_A, rcodes[i], DENIED);
        assert_string_equal(reply_addr(&f, 0), i == 2 ? "0.0.0.0" : "none");
        check("x.a.example", CF_TYPE_AAAA, rcodes[i], DENIED);
        assert_string_equal(reply_addr(&f, 0), i == 2 ? "::" : "none");
        check("b.example", CF_TYPE_TXT, rcodes[i], DENIED);
        assert_int_equal(reply_count(&f, SECTION_ANSWER), 0);
        check("", CF_TYPE_NS, rcodes[i], DENIED);
        assert_string_equal(f.seen.name, ".");
        assert_int_equal(f.upstream.n_udp + f.upstream.n_tcp, 0);
        fixture_stop(&f);
    }
}

static void names_with_odd_octets_are_refused(void **state)
{
    static struct message query;

    (void)state;
    start();
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    check("b c.example", CF_TYPE_A, CF_RCODE_REFUSED, DENIED);
    assert_int_equal(f.seen.dns.verdict.reason, CF_REASON_MALFORMED);
    assert_string_equal(f.seen.name, "b\\032c.example");
    check("b\xc3\xa4.example", CF_TYPE_A, CF_RCODE_REFUSED, DENIED);
    assert_string_equal(f.seen.name, "b\\195\\164.example");
    /* A dot inside a label: "a.example" in one. */
    message_start(&query, 1, CF_WIRE_RD, "", CF_TYPE_A);
    query.length = CF_WIRE_HEADER_SIZE;
    message_raw(&query,
                "\x09"
                "a.example\0\0\1\0\1",
                15);
    fixture_put(&f, false, query.data, query.length);
    assert_int_equal(f.reply.data[3] & 15, CF_RCODE_REFUSED);
    assert_string_equal(f.seen.name, "a\\.example");
    assert_int_equal(f.upstream.n_udp, 0);
    fixture_stop(&f);
}

static void in_audit_mode_everything_goes_out_and_says_would_deny(void **state)
{
    (void)state;
    start();
    f.profile->mode = CF_MODE_AUDIT;
    fixture_deny(&f, "evil.tracker");
    fixture_allow(&f, "tracked.example");
    fixture_open(&f, 100);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), 0);
        assert_true(f.seen.dns.verdict.would_deny);
        assert_string_equal(reply_addr(&f, 0), "192.0.2.1");
        assert_int_equal(fixture_ask(&f, "tracked.example", CF_TYPE_A), 0);
        assert_true(f.seen.dns.verdict.would_deny);
        assert_string_equal(f.seen.dns.verdict.rule->text, "evil.tracker");
        assert_string_equal(reply_addr(&f, 0), "192.0.2.20");
    }
    assert_int_equal(f.upstream.n_udp, 2);
    assert_string_equal(fixture_names(&f, "192.0.2.20"), "evil.tracker(alias) tracked.example");
    fixture_stop(&f);
}

static void only_the_end_of_the_chain_is_bound(void **state)
{
    (void)state;
    start();
    fixture_allow(&f, "chain.example");
    fixture_open(&f, 100);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fixture_ask(&f, "chain.example", CF_TYPE_A), 0);
        assert_string_equal(fixture_names(&f, "192.0.2.10"),
                            "end.cdn(alias) middle.cdn(alias) chain.example");
        assert_string_equal(fixture_names(&f, "192.0.2.66"), "");
        assert_string_equal(fixture_names(&f, "192.0.2.67"), "");
        assert_string_equal(fixture_names(&f, "192.0.2.68"), "");
        assert_string_equal(fixture_names(&f, "192.0.2.69"), "");
    }
    fixture_stop(&f);
}

static void a_denied_name_in_the_chain_denies_the_answer(void **state)
{
    (void)state;
    start();
    fixture_allow(&f, "tracked.example");
    fixture_deny(&f, "*.tracker");
    fixture_open(&f, 100);
    /* From upstream, then from the cache. */
    for (unsigned i = 0; i < 2; i++) {
        check("tracked.example", CF_TYPE_A, CF_RCODE_NXDOMAIN, CF_DENY, CF_DNS_SOURCE_POLICY,
              1 - i);
        assert_string_equal(f.seen.dns.verdict.rule->text, "*.tracker");
        assert_int_equal(cf_addr_port_equal(&f.seen.dns.server, &f.upstream.at), i == 0);
        assert_int_equal(reply_count(&f, SECTION_ANSWER), 0);
    }
    assert_string_equal(fixture_names(&f, "192.0.2.20"), "");
    fixture_stop(&f);
}

static void address_hints_are_bound_as_addresses(void **state)
{
    (void)state;
    start();
    fixture_allow(&f, "svcb.example");
    fixture_open(&f, 100);
    check("svcb.example", CF_TYPE_HTTPS, 0, UPSTREAM);
    assert_string_equal(fixture_names(&f, "192.0.2.30"), "svcb.example");
    assert_string_equal(fixture_names(&f, "2001:db8::30"), "svcb.example");
    fixture_stop(&f);
}

static void any_type_passes(void **state)
{
    (void)state;
    start();
    fixture_allow(&f, "any-type.example");
    fixture_open(&f, 100);
    check("any-type.example", 65534, 0, UPSTREAM);
    assert_string_equal(f.seen.answers, "any-type.example 65534 \\# 2 dead;");
    check("any-type.example", CF_TYPE_AXFR, CF_RCODE_REFUSED, DENIED);
    assert_int_equal(f.seen.dns.verdict.reason, CF_REASON_TYPE);
    fixture_stop(&f);
}

static void what_does_not_fit_a_datagram_comes_over_tcp(void **state)
{
    static struct message query;

    (void)state;
    start();
    fixture_allow(&f, "big.example");
    fixture_open(&f, 100);
    /* To a UDP client without EDNS it is cut, with TC. */
    check("big.example", CF_TYPE_TXT, 0, CF_ALLOW, CF_DNS_SOURCE_UPSTREAM, 2);
    assert_int_equal(f.upstream.n_udp, 1);
    assert_int_equal(f.upstream.n_tcp, 1);
    assert_true(f.reply.data[2] & CF_WIRE_TC >> 8);
    assert_int_equal(reply_count(&f, SECTION_ANSWER), 0);
    assert_int_equal(f.reply.length, 12 + 13 + 4);
    assert_int_equal(f.seen.dns.n_answers, 20);
    /* To a TCP client it goes whole, from the cache. */
    message_start(&query, 7, CF_WIRE_RD, "big.example", CF_TYPE_TXT);
    fixture_put(&f, true, query.data, query.length);
    assert_int_equal(f.seen.dns.source, CF_DNS_SOURCE_CACHE);
    assert_true(f.seen.dns.tcp);
    assert_false(f.reply.data[2] & CF_WIRE_TC >> 8);
    assert_int_equal(reply_count(&f, SECTION_ANSWER), 20);
    fixture_stop(&f);
}

static void edns_goes_out_and_comes_back(void **state)
{
    static struct message query;
    struct cf_wire_query sent;

    (void)state;
    start();
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    /* No option of the client goes on, known or not; DO and CD do. */
    message_start(&query, 7, CF_WIRE_RD | CF_WIRE_CD, "edns.example", CF_TYPE_A);
    message_add_opt(&query, 4000, 0x8000, "\0\x0a\0\2ab\xfd\xe9\0\3xyz", 13);
    fixture_put(&f, false, query.data, query.length);
    assert_int_equal(cf_wire_query_parse(f.upstream.query.data, f.upstream.query.length, &sent), 0);
    assert_int_equal(f.upstream.n_udp, 1);
    assert_true(sent.flags & CF_WIRE_CD);
    assert_true(sent.edns.dnssec_ok);
    assert_int_equal(sent.edns.udp_size, 1232);
    assert_int_equal(sent.edns.options_length, 0);
    /* The reply: one OPT, DO, the extended error of the upstream. */
    assert_int_equal(reply_count(&f, SECTION_ADDITIONAL), 1);
    assert_memory_equal(f.reply.data + f.reply.length - 17,
                        "\0\0\x29\4\xd0\0\0\x80\0\0\6\0\x0f\0\2\0\3", 17);
    /* Without EDNS there is none in the reply, and one on the way out. */
    check("edns.example", CF_TYPE_A, 0, UPSTREAM);
    assert_int_equal(reply_count(&f, SECTION_ADDITIONAL), 0);
    assert_int_equal(cf_wire_query_parse(f.upstream.query.data, f.upstream.query.length, &sent), 0);
    assert_true(sent.edns.present);
    assert_false(sent.edns.dnssec_ok);
    fixture_stop(&f);
}

static void servers_that_do_not_know_edns_are_asked_without(void **state)
{
    (void)state;
    start();
    fixture_allow(&f, "**.example");
    fixture_open(&f, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fixture_ask(&f, "no-edns.example", CF_TYPE_A), 0);
        assert_string_equal(reply_addr(&f, 0), "192.0.2.6");
    }
    fixture_stop(&f);
}

static void wrong_answers_are_servfail(void **state)
{
    (void)state;
    start();
    f.profile->dns.timeout_ms = 300;
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    /* An answer to another question is none: two attempts, then time is up. */
    check("liar.example", CF_TYPE_A, CF_RCODE_SERVFAIL, CF_ALLOW, CF_DNS_SOURCE_ERROR, 2);
    assert_int_equal(f.seen.n_warnings, 2);
    check("counts.example", CF_TYPE_A, CF_RCODE_SERVFAIL, CF_DENY, CF_DNS_SOURCE_ERROR, 1);
    assert_int_equal(f.seen.dns.verdict.reason, CF_REASON_MALFORMED);
    check("circle.example", CF_TYPE_A, CF_RCODE_SERVFAIL, CF_DENY, CF_DNS_SOURCE_ERROR, 1);
    assert_int_equal(f.seen.dns.verdict.reason, CF_REASON_MALFORMED);
    assert_string_equal(fixture_names(&f, "192.0.2.4"), "");
    fixture_stop(&f);
}

static void a_dead_server_fails_its_lookups_only(void **state)
{
    struct sockaddr_storage sa;
    struct cf_addr_port *servers;
    socklen_t length = sizeof sa;
    int fd;

    (void)state;
    start();
    f.profile->dns.timeout_ms = 300;
    fixture_allow(&f, "**.example");
    /* One that is bound but never reads stands first, a closed port second. */
    servers = calloc(3, sizeof *servers);
    servers[2] = f.upstream.at;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    servers[0] = (struct cf_addr_port) { .addr = f.upstream.at.addr };
    servers[1] = (struct cf_addr_port) { .addr = f.upstream.at.addr, .port = 1 };
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, cf_addr_port_to_sockaddr(&servers[0], &sa)),
                     0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &length), 0);
    cf_addr_port_from_sockaddr((struct sockaddr *)&sa, &servers[0]);
    free(f.profile->dns.servers);
    f.profile->dns.servers = servers;
    f.profile->dns.n_servers = 3;
    fixture_open(&f, 100);
    check("a.example", CF_TYPE_A, 0, UPSTREAM);
    assert_true(cf_addr_port_equal(&f.seen.dns.server, &f.upstream.at));
    /* Silence of all three. */
    check("silent.example", CF_TYPE_A, CF_RCODE_SERVFAIL, CF_ALLOW, CF_DNS_SOURCE_ERROR, 2);
    check("zero-ttl.example", CF_TYPE_A, 0, UPSTREAM);
    /* A failure that was said is kept over one that was not. */
    check("refused.example", CF_TYPE_A, CF_RCODE_REFUSED, CF_ALLOW, CF_DNS_SOURCE_UPSTREAM, 1);
    close(fd);
    fixture_stop(&f);
}

static void servers_may_have_ipv6_addresses(void **state)
{
    struct fake other;

    (void)state;
    start();
    fixture_allow(&f, "**.example");
    fake_start(&other, f.loop, true, zone);
    f.profile->dns.servers[0] = other.at;
    fixture_open(&f, 100);
    check("a.example", CF_TYPE_A, 0, CF_ALLOW, CF_DNS_SOURCE_UPSTREAM, 0);
    check("big.example", CF_TYPE_TXT, 0, CF_ALLOW, CF_DNS_SOURCE_UPSTREAM, 0);
    assert_int_equal(other.n_udp, 2);
    assert_int_equal(other.n_tcp, 1);
    assert_true(cf_addr_port_equal(&f.seen.dns.server, &other.at));
    cf_resolver_free(f.resolver);
    f.resolver = NULL;
    fake_stop(&other);
    fixture_stop(&f);
}

static void hosts_are_answered_without_the_upstream(void **state)
{
    (void)state;
    start();
    fixture_host(&f, "db.internal", "10.20.0.9");
    fixture_host(&f, "db.internal", "fd00::9");
    fixture_host(&f, "second.internal", "10.20.0.9");
    fixture_open(&f, 100);
    check("db.internal", CF_TYPE_A, 0, HOSTS);
    assert_string_equal(reply_addr(&f, 0), "10.20.0.9");
    assert_string_equal(f.seen.answers, "db.internal 1 10.20.0.9;");
    assert_int_equal(reply_count(&f, SECTION_ANSWER), 1);
    check("DB.internal", CF_TYPE_AAAA, 0, HOSTS);
    assert_string_equal(reply_addr(&f, 0), "fd00::9");
    check("db.internal", CF_TYPE_TXT, 0, HOSTS);
    assert_int_equal(reply_count(&f, SECTION_ANSWER), 0);
    check("9.0.20.10.in-addr.arpa", CF_TYPE_PTR, 0, HOSTS);
    assert_string_equal(f.seen.answers, "9.0.20.10.in-addr.arpa 12 db.internal;"
                                        "9.0.20.10.in-addr.arpa 12 second.internal;");
    check("9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", CF_TYPE_PTR,
          0, HOSTS);
    check("other.internal", CF_TYPE_A, CF_RCODE_NXDOMAIN, DENIED);
    fixture_stop(&f);
}

static void the_hosts_loopback_has_a_name_when_ports_are_listed(void **state)
{
    (void)state;
    start();
    fixture_open(&f, 100);
    check(CF_HOST_LOOPBACK_NAME, CF_TYPE_A, CF_RCODE_NXDOMAIN, DENIED);
    fixture_stop(&f);
    start();
    cf_profile_host_port_add(f.profile, 5432, (struct cf_origin) { .file = "test" });
    fixture_open(&f, 100);
    check(CF_HOST_LOOPBACK_NAME, CF_TYPE_A, 0, HOSTS);
    assert_string_equal(reply_addr(&f, 0), "198.18.0.1");
    assert_string_equal(fixture_names(&f, "198.18.0.1"), CF_HOST_LOOPBACK_NAME);
    check(CF_HOST_LOOPBACK_NAME, CF_TYPE_AAAA, 0, HOSTS);
    assert_int_equal(reply_count(&f, SECTION_ANSWER), 0);
    check("1.0.18.198.in-addr.arpa", CF_TYPE_PTR, 0, HOSTS);
    assert_string_equal(f.seen.answers, "1.0.18.198.in-addr.arpa 12 " CF_HOST_LOOPBACK_NAME ";");
    fixture_stop(&f);
}

static void the_name_of_an_address_follows_the_address(void **state)
{
    static const char reverse[] = "1.2.0.192.in-addr.arpa";

    (void)state;
    /* Not known: denied. Learned by a name that is allowed: allowed, by that rule. */
    start();
    fixture_allow(&f, "a.example");
    fixture_open(&f, 0);
    check(reverse, CF_TYPE_PTR, CF_RCODE_NXDOMAIN, DENIED);
    check("a.example", CF_TYPE_A, 0, UPSTREAM);
    check(reverse, CF_TYPE_PTR, 0, UPSTREAM);
    assert_string_equal(f.seen.dns.verdict.rule->text, "a.example");
    fixture_stop(&f);
    /* Allowed by address; a more specific denial; a denial by name. */
    start();
    fixture_allow(&f, "192.0.2.0/24:5432");
    fixture_open(&f, 0);
    check(reverse, CF_TYPE_PTR, 0, UPSTREAM);
    assert_string_equal(f.seen.dns.verdict.rule->text, "192.0.2.0/24:5432");
    fixture_stop(&f);
    start();
    fixture_allow(&f, "192.0.2.0/24");
    fixture_deny(&f, "192.0.2.1");
    fixture_open(&f, 0);
    check(reverse, CF_TYPE_PTR, CF_RCODE_NXDOMAIN, DENIED);
    fixture_stop(&f);
    start();
    fixture_allow(&f, "192.0.2.0/24");
    fixture_deny(&f, reverse);
    fixture_open(&f, 0);
    check(reverse, CF_TYPE_PTR, CF_RCODE_NXDOMAIN, DENIED);
    fixture_stop(&f);
}

/* rcode -1: silence */
static void check_raw(const void *data, size_t length, int rcode)
{
    unsigned n = f.seen.n;

    fixture_put(&f, false, data, length);
    assert_int_equal(f.seen.n, n + 1);
    assert_int_equal(f.seen.dns.rcode, rcode);
    assert_int_equal(f.seen.dns.verdict.action, CF_DENY);
    assert_int_equal(f.seen.dns.verdict.reason, CF_REASON_MALFORMED);
    if (rcode < 0)
        assert_true(f.silent);
    else
        assert_int_equal(f.reply.data[3] & CF_WIRE_RCODE_MASK, rcode & CF_WIRE_RCODE_MASK);
}

static void malformed_queries_get_formerr_or_silence(void **state)
{
    static struct message query;

    (void)state;
    start();
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    check_raw("", 0, -1);
    check_raw("\0\1\1\0\0\1\0\0\0\0\0", 11, -1);
    check_raw("\0\1\x81\0\0\1\0\0\0\0\0\0", 12, -1);              /* an answer */
    check_raw("\0\1\1\0\0\1\0\0\0\0\0\0", 12, CF_RCODE_FORMERR);  /* no question */
    check_raw("\0\1\x29\0\0\1\0\0\0\0\0\0", 12, CF_RCODE_NOTIMP); /* an update */
    message_start(&query, 1, CF_WIRE_RD, "a.example", CF_TYPE_A);
    message_raw(&query, "x", 1);
    check_raw(query.data, query.length, CF_RCODE_FORMERR);
    message_start(&query, 1, CF_WIRE_RD, "a.example", CF_TYPE_A);
    query.data[query.length - 1] = 3; /* class CH */
    check_raw(query.data, query.length, CF_RCODE_REFUSED);
    message_start(&query, 1, CF_WIRE_RD, "a.example", CF_TYPE_A);
    message_add_opt(&query, 1232, 0x10000, "", 0);
    check_raw(query.data, query.length, CF_RCODE_BADVERS);
    assert_memory_equal(f.reply.data + f.reply.length - 11, "\0\0\x29\4\xd0\1\0\0\0\0\0", 11);
    assert_int_equal(f.upstream.n_udp, 0);
    fixture_stop(&f);
}

static void never(void *data, const uint8_t *message, size_t length)
{
    (void)data;
    (void)message;
    (void)length;
    fail();
}

static void cancelled_and_unfinished_queries_are_logged(void **state)
{
    struct cf_dns_client client = { .tcp = true };
    static struct message query;
    struct cf_query *under_way;

    (void)state;
    start();
    f.profile->dns.timeout_ms = 300;
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    message_start(&query, 1, CF_WIRE_RD, "silent.example", CF_TYPE_A);
    cf_resolver_query(f.resolver, &client, query.data, query.length, never, NULL, &under_way);
    cf_resolver_cancel(under_way);
    assert_int_equal(f.seen.n, 1);
    assert_int_equal(f.seen.dns.rcode, -1);
    assert_int_equal(f.seen.dns.verdict.action, CF_ALLOW);
    /* Others go on; what is cancelled lands between them. */
    check("liar.example", CF_TYPE_A, CF_RCODE_SERVFAIL, CF_ALLOW, CF_DNS_SOURCE_ERROR, 3);
    cf_resolver_query(f.resolver, &client, query.data, query.length, never, NULL, &under_way);
    cf_resolver_free(f.resolver);
    f.resolver = NULL;
    assert_int_equal(f.seen.n, 3);
    assert_string_equal(f.seen.name, "silent.example");
    assert_int_equal(f.seen.dns.rcode, -1);
    fixture_stop(&f);
}

static unsigned n_failed;

static void count_failure(void *data, const uint8_t *message, size_t length)
{
    (void)data;
    (void)length;
    n_failed += message && (message[3] & CF_WIRE_RCODE_MASK) == CF_RCODE_SERVFAIL;
}

static void more_lookups_than_the_limit_fail_at_once(void **state)
{
    struct cf_dns_client client = { .tcp = true };
    static struct message query;
    struct cf_query *under_way;

    (void)state;
    start();
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    message_start(&query, 1, CF_WIRE_RD, "silent.example", CF_TYPE_A);
    for (int i = 0; i < CF_UPSTREAM_LOOKUPS_MAX; i++)
        cf_resolver_query(f.resolver, &client, query.data, query.length, count_failure, NULL,
                          &under_way);
    assert_int_equal(n_failed, 0);
    cf_resolver_query(f.resolver, &client, query.data, query.length, count_failure, NULL,
                      &under_way);
    assert_int_equal(n_failed, 1);
    assert_null(under_way);
    assert_int_equal(f.seen.dns.verdict.reason, CF_REASON_LIMIT);
    fixture_stop(&f);
}

static void servers_come_from_resolv_conf_when_none_are_listed(void **state)
{
    char path[] = "/tmp/cf-resolv-XXXXXX", text[CF_ADDR_PORT_TEXT_SIZE];
    struct cf_upstream_config config = { .resolv_conf = path, .timeout_ms = 100, .attempts = 1 };
    static const char lines[] = "# nameserver 192.0.2.9\n\nsearch example\nnameserver 192.0.2.1\n"
                                "nameserver 2001:db8::1\n";
    const struct cf_addr_port *servers;
    struct cf_upstream *upstream;
    struct cf_error err;
    int fd = mkstemp(path);
    size_t n;

    (void)state;
    start();
    config.loop = f.loop;
    assert_int_equal(cf_upstream_new(&config, &upstream, &err), -2);
    assert_non_null(strstr(err.text, "names no DNS server"));
    config.resolv_conf = "/";
    assert_int_equal(cf_upstream_new(&config, &upstream, &err), -EISDIR);
    assert_non_null(strstr(err.text, "cannot read '/'"));
    config.resolv_conf = path;
    assert_int_equal(write(fd, lines, sizeof lines - 1), (ssize_t)sizeof lines - 1);
    assert_int_equal(cf_upstream_new(&config, &upstream, &err), 0);
    servers = cf_upstream_servers(upstream, &n);
    assert_int_equal(n, 2);
    assert_string_equal(cf_addr_port_format(&servers[0], text), "192.0.2.1:53");
    assert_string_equal(cf_addr_port_format(&servers[1], text), "[2001:db8::1]:53");
    cf_upstream_free(upstream);
    close(fd);
    unlink(path);
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_from_upstream_first_and_from_the_cache_then),
        cmocka_unit_test(without_a_cache_each_question_goes_out),
        cmocka_unit_test(denied_names_never_reach_the_upstream),
        cmocka_unit_test(names_with_odd_octets_are_refused),
        cmocka_unit_test(in_audit_mode_everything_goes_out_and_says_would_deny),
        cmocka_unit_test(only_the_end_of_the_chain_is_bound),
        cmocka_unit_test(a_denied_name_in_the_chain_denies_the_answer),
        cmocka_unit_test(address_hints_are_bound_as_addresses),
        cmocka_unit_test(any_type_passes),
        cmocka_unit_test(what_does_not_fit_a_datagram_comes_over_tcp),
        cmocka_unit_test(edns_goes_out_and_comes_back),
        cmocka_unit_test(servers_that_do_not_know_edns_are_asked_without),
        cmocka_unit_test(wrong_answers_are_servfail),
        cmocka_unit_test(a_dead_server_fails_its_lookups_only),
        cmocka_unit_test(servers_may_have_ipv6_addresses),
        cmocka_unit_test(hosts_are_answered_without_the_upstream),
        cmocka_unit_test(the_hosts_loopback_has_a_name_when_ports_are_listed),
        cmocka_unit_test(the_name_of_an_address_follows_the_address),
        cmocka_unit_test(malformed_queries_get_formerr_or_silence),
        cmocka_unit_test(cancelled_and_unfinished_queries_are_logged),
        cmocka_unit_test(more_lookups_than_the_limit_fail_at_once),
        cmocka_unit_test(servers_come_from_resolv_conf_when_none_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
