/*
 * test_tunnel.c - servers are asked through the proxy, and in no other way, when it is required
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"

static struct fixture f;

/* What the proxy does for a stream. */
static enum { CONNECTS, REFUSES, BREAKS_OFF } way;
static unsigned n_opened;
static struct cf_addr_port opened_for;

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

/* A stream that ends before it was a connection, as that of a proxy that refuses. */
static int broken_pair(void)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        abort();
    close(fds[1]);
    return fds[0];
}

static int stream_open(void *data, const struct cf_addr_port *server)
{
    struct sockaddr_storage sa;
    socklen_t length;
    int fd;

    assert_ptr_equal(data, &f);
    n_opened++;
    opened_for = *server;
    if (way == REFUSES)
        return -ECONNREFUSED;
    if (way == BREAKS_OFF)
        return broken_pair();
    length = cf_addr_port_to_sockaddr(&f.upstream.at, &sa);
    fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, (struct sockaddr *)&sa, length) < 0 && errno != EINPROGRESS))
        abort();
    return fd;
}

static void bypass(const char *text)
{
    struct cf_origin origin = { .file = "test", .line = 1 };
    struct cf_endpoint endpoint;

    f.profile->proxy.bypass = cf_profile_new();
    if (cf_endpoint_parse(text, &endpoint, NULL, NULL) < 0 ||
        cf_profile_rule_add(f.profile->proxy.bypass, CF_ALLOW, text, &endpoint, origin) < 0 ||
        cf_profile_seal(f.profile->proxy.bypass) < 0)
        abort();
}

/* A policy that requires this proxy and lists the server at addr, whose port is the fake's. */
static void start(const char *url, const char *addr)
{
    n_opened = 0;
    way = CONNECTS;
    fixture_start(&f, zone);
    if (cf_proxy_url_parse(url, &f.profile->proxy.url, NULL, NULL) < 0 ||
        cf_addr_parse(addr, &f.profile->dns.servers[0].addr) < 0)
        abort();
    f.profile->proxy.require = true;
    fixture_allow(&f, "**.example");
}

static void open_resolver(void)
{
    f.stream_open = stream_open;
    fixture_open(&f, 0);
}

static void check(const char *name, int rcode, unsigned tcp, unsigned udp, unsigned opened)
{
    assert_int_equal(fixture_ask(&f, name, CF_TYPE_A), rcode);
    assert_int_equal(f.upstream.n_tcp, tcp);
    assert_int_equal(f.upstream.n_udp, udp);
    assert_int_equal(n_opened, opened);
}

static void check_tunnelled(const char *url, enum cf_transport transport)
{
    start(url, "192.0.2.53");
    f.profile->dns.transport = transport;
    open_resolver();
    check("a.example", 0, 1, 0, 1);
    assert_string_equal(reply_addr(&f, 0), "192.0.2.1");
    assert_int_equal(f.seen.dns.source, CF_DNS_SOURCE_UPSTREAM);
    assert_true(cf_addr_port_equal(&opened_for, &f.profile->dns.servers[0]));
    assert_true(cf_addr_port_equal(&f.seen.dns.server, &f.profile->dns.servers[0]));
    fixture_stop(&f);
}

static void a_server_is_asked_by_a_stream_through_the_proxy(void **state)
{
    (void)state;
    check_tunnelled("socks5://proxy.internal", CF_TRANSPORT_AUTO);
    check_tunnelled("socks5h://proxy.internal", CF_TRANSPORT_TCP);
    check_tunnelled("http://proxy.internal", CF_TRANSPORT_AUTO);
    check_tunnelled("socks5+unix:/run/proxy.sock", CF_TRANSPORT_AUTO);
}

static void the_stream_stays_open_for_the_next_question(void **state)
{
    (void)state;
    start("socks5://proxy.internal", "192.0.2.53");
    open_resolver();
    check("a.example", 0, 1, 0, 1);
    check("b.example", 0, 2, 0, 1);
    check("c.example", 0, 3, 0, 1);
    fixture_stop(&f);
}

static void a_stream_that_comes_to_nothing_is_servfail_at_once(void **state)
{
    (void)state;
    for (int how = REFUSES; how <= BREAKS_OFF; how++) {
        start("socks5://proxy.internal", "192.0.2.53");
        f.profile->dns.timeout_ms = 600000;
        open_resolver();
        way = how;
        assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), CF_RCODE_SERVFAIL);
        assert_int_equal(f.seen.dns.source, CF_DNS_SOURCE_ERROR);
        assert_true(n_opened >= 1);
        assert_int_equal(f.upstream.n_tcp + f.upstream.n_udp, 0);
        way = CONNECTS;
        assert_int_equal(fixture_ask(&f, "b.example", CF_TYPE_A), 0);
        assert_int_equal(f.upstream.n_tcp, 1);
        assert_int_equal(f.upstream.n_udp, 0);
        fixture_stop(&f);
    }
}

static void without_a_way_to_open_one_no_server_is_asked(void **state)
{
    (void)state;
    start("socks5://proxy.internal", "192.0.2.53");
    fixture_open(&f, 0);
    check("a.example", CF_RCODE_SERVFAIL, 0, 0, 0);
    fixture_stop(&f);
}

static void a_server_that_is_bypassed_is_asked_directly(void **state)
{
    (void)state;
    start("socks5://proxy.internal", "127.0.0.1");
    bypass("127.0.0.0/8");
    open_resolver();
    check("a.example", 0, 0, 1, 0);
    fixture_stop(&f);
}

static void without_require_servers_are_asked_directly(void **state)
{
    (void)state;
    start("socks5h://proxy.internal", "127.0.0.1");
    f.profile->proxy.require = false;
    open_resolver();
    check("a.example", 0, 0, 1, 0);
    fixture_stop(&f);
}

static void check_refused(const char *addr, enum cf_transport transport, int error,
                          const char *message)
{
    struct cf_resolver_config config = { 0 };
    struct cf_resolver *resolver;
    struct cf_error err = { 0 };

    start("socks5://proxy.internal", addr);
    f.profile->dns.servers[0].port = 53;
    f.profile->dns.transport = transport;
    assert_int_equal(cf_profile_seal(f.profile), 0);
    config.loop = f.loop;
    config.profile = f.profile;
    config.audit = f.audit;
    assert_int_equal(cf_resolver_new(&config, &resolver, &err), error);
    assert_string_equal(err.text, message);
    fixture_stop(&f);
}

#define DO_THIS                                                                                    \
    " is on this host, where the proxy does not reach it; list servers that it reaches under "     \
    "dns.servers, or the address under proxy.bypass"

static void a_server_on_the_loopback_of_the_host_refuses_the_run(void **state)
{
    (void)state;
    check_refused("127.0.0.53", CF_TRANSPORT_AUTO, -EADDRNOTAVAIL, "the DNS server '127.0.0.53:53'" DO_THIS);
    check_refused("::1", CF_TRANSPORT_TCP, -EADDRNOTAVAIL, "the DNS server '[::1]:53'" DO_THIS);
}

static void a_tunnel_carries_no_datagrams(void **state)
{
    (void)state;
    check_refused("192.0.2.53", CF_TRANSPORT_UDP, -EPROTONOSUPPORT,
                  "the DNS server '192.0.2.53:53' is asked through the proxy, over TCP, but "
                  "dns.transport is 'udp'; set it to auto or tcp, or list the address under "
                  "proxy.bypass");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_is_asked_by_a_stream_through_the_proxy),
        cmocka_unit_test(the_stream_stays_open_for_the_next_question),
        cmocka_unit_test(a_stream_that_comes_to_nothing_is_servfail_at_once),
        cmocka_unit_test(without_a_way_to_open_one_no_server_is_asked),
        cmocka_unit_test(a_server_that_is_bypassed_is_asked_directly),
        cmocka_unit_test(without_require_servers_are_asked_directly),
        cmocka_unit_test(a_tunnel_carries_no_datagrams),
        cmocka_unit_test(a_server_on_the_loopback_of_the_host_refuses_the_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
