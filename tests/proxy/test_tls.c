/*
 * test_tls.c - https proxies: who is trusted, and what passes a pump
 *
 * The proxy is a thread with OpenSSL, and certificates made here.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "fake.h"
#include "proxy/dial.h"
#include "proxy/words.h"
#include "tls_server.h"

#define NEVER_MS 600000
#define DAY 86400

#define REQUEST "CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n\r\n"
#define TUNNEL "HTTP/1.1 200 Connection established\r\n\r\n"

static struct cf_loop *loop;
static struct identity authority, stranger;
static struct cf_tls *tls;
static struct cf_tls_pumps *pumps;
static struct cf_proxy_dial *dial;
static struct tls_server server;
static unsigned n_ended;

static struct {
    bool called;
    struct cf_proxy_dialled dialled;
    char words[CF_PROXY_WORDS_SIZE];
} result;

static int make_socket(void *data, const struct cf_addr *to)
{
    (void)data;
    (void)to;
    return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void done(void *data, const struct cf_proxy_dialled *dialled)
{
    (void)data;
    result.called = true;
    result.dialled = *dialled;
    snprintf(result.words, sizeof result.words, "%s", dialled->words);
}

static bool is_done(void)
{
    return result.called;
}

static void pump_ended(void *data)
{
    (void)data;
    n_ended++;
}

static bool no_pump_is_left(void)
{
    return cf_tls_pumps_count(pumps) == 0;
}

static int group_set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    identity_make(&authority, NULL, NULL, DAY);
    identity_make(&stranger, NULL, NULL, DAY);
    return 0;
}

static int group_tear_down(void **state)
{
    (void)state;
    identity_done(&authority);
    identity_done(&stranger);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    memset(&result, 0, sizeof result);
    result.dialled.fd = -1;
    n_ended = 0;
    tls = NULL;
    if (cf_loop_new(&loop, NULL) < 0)
        return -1;
    return cf_tls_pumps_new(loop, pump_ended, NULL, &pumps);
}

static int tear_down(void **state)
{
    (void)state;
    cf_fd_close(&result.dialled.fd);
    cf_tls_pumps_free(pumps);
    cf_tls_free(tls);
    cf_loop_free(loop);
    return 0;
}

/* Trust the authority, for this host. */
static void trust(const char *host)
{
    size_t length;
    cf_auto_free char *pem = identity_pem(&authority, &length);
    const struct cf_tls_config config = { .host = host, .ca_pem = pem, .ca_length = length };
    struct cf_error err = { 0 };

    assert_int_equal(cf_tls_new(&config, &tls, &err), 0);
}

static void run_dial(const struct cf_addr_port *at, int64_t timeout_ms)
{
    const struct cf_proxy_dial_config config = {
        .loop = loop,
        .scheme = CF_PROXY_HTTPS,
        .addrs = at,
        .n_addrs = 1,
        .tls = tls,
        .pumps = pumps,
        .target = { .name = "www.example.com", .at.port = 443 },
        .timeout_ms = timeout_ms,
        .make_socket = make_socket,
        .done = done,
    };

    assert_int_equal(cf_proxy_dial_start(&config, &dial), 0);
    run_until(loop, is_done);
}

static void serve_nothing(struct tls_server *at, SSL *ssl)
{
    (void)at;
    (void)ssl;
}

/* Who is trusted. */

static void check_untrusted(const char *names, const struct identity *issuer, long end_s,
                            const char *host, int version, const char *words)
{
    struct identity host_identity;

    identity_make(&host_identity, names, issuer, end_s);
    set_up(NULL);
    trust(host);
    tls_server_start(&server, &host_identity, version, serve_nothing);
    run_dial(&server.at, NEVER_MS);
    tls_server_join(&server);
    assert_false(server.accepted);
    assert_string_equal(result.words, words);
    assert_int_equal(result.dialled.outcome.why, CF_PROXY_UNTRUSTED);
    assert_int_equal(result.dialled.outcome.error, EACCES);
    assert_int_equal(result.dialled.fd, -1);
    assert_true(no_pump_is_left());
    tear_down(NULL);
    identity_done(&host_identity);
}

static void who_is_not_meant_is_not_trusted(void **state)
{
    static const char mismatch[] = "hostname mismatch", other_ip[] = "IP address mismatch";

    (void)state;
    check_untrusted("DNS:other.example", &authority, DAY, "proxy.example", 0, mismatch);
    check_untrusted("DNS:*.proxy.example", &authority, DAY, "proxy.example", 0, mismatch);
    check_untrusted("DNS:*.example", &authority, DAY, "a.proxy.example", 0, mismatch);
    check_untrusted("DNS:p*.corp.example", &authority, DAY, "proxy.corp.example", 0, mismatch);
    check_untrusted("IP:127.0.0.1", &authority, DAY, "proxy.example", 0, mismatch);
    check_untrusted("IP:127.0.0.2", &authority, DAY, "127.0.0.1", 0, other_ip);
    check_untrusted("DNS:127.0.0.1", &authority, DAY, "127.0.0.1", 0, other_ip);
    /* A name in the subject alone is none: RFC 9525, 2. */
    check_untrusted("email:a@proxy.example", &authority, DAY, "cn.example", 0, mismatch);
}

static void who_has_no_good_certificate_is_not_trusted(void **state)
{
    (void)state;
    check_untrusted("DNS:proxy.example", &authority, -1, "proxy.example", 0,
                    "certificate has expired");
    check_untrusted("DNS:proxy.example", &stranger, DAY, "proxy.example", 0,
                    "unable to get local issuer certificate");
    check_untrusted("DNS:proxy.example", NULL, DAY, "proxy.example", 0, "self-signed certificate");
}

static void old_versions_are_refused(void **state)
{
    (void)state;
    check_untrusted("DNS:proxy.example", &authority, DAY, "proxy.example", TLS1_1_VERSION,
                    "tlsv1 alert protocol version");
}

/* A proxy that speaks no TLS, in the loop. */
static void check_no_tls(const char *said, enum fake_end end, int64_t timeout_ms,
                         enum cf_proxy_why why)
{
    struct fake fake;

    set_up(NULL);
    trust("proxy.example");
    fake_open(&fake, loop, "127.0.0.1", NULL);
    fake.end = end;
    if (said)
        fake_says(&fake, "", said);
    run_dial(&fake.at, timeout_ms);
    assert_string_equal(cf_proxy_why_name(result.dialled.outcome.why), cf_proxy_why_name(why));
    fake_close(&fake);
    tear_down(NULL);
}

static void what_speaks_no_tls_is_not_waited_for(void **state)
{
    (void)state;
    check_no_tls("HTTP/1.1 400 Bad Request\r\n\r\n", FAKE_STAYS, NEVER_MS, CF_PROXY_UNTRUSTED);
    check_no_tls("\x16\x03\x03", FAKE_CLOSES, NEVER_MS, CF_PROXY_CLOSED);
    check_no_tls("", FAKE_CLOSES, NEVER_MS, CF_PROXY_CLOSED);
    check_no_tls(NULL, FAKE_STAYS, 50, CF_PROXY_TIMEOUT);
}

static void check_authorities(const char *pem, size_t length, const char *words)
{
    const struct cf_tls_config config = { .host = "a", .ca_pem = pem, .ca_length = length };
    struct cf_error err = { 0 };
    struct cf_tls *none = NULL;

    assert_int_equal(cf_tls_new(&config, &none, &err), -EINVAL);
    assert_null(none);
    assert_non_null(strstr(err.text, words));
}

static void authorities_that_cannot_be_read_are_refused(void **state)
{
    size_t length;
    cf_auto_free char *pem = identity_pem(&authority, &length);
    cf_auto_free char *twice = calloc(2, length);

    (void)state;
    assert_non_null(twice);
    memcpy(twice, pem, length);
    memcpy(twice + length, pem, length);
    check_authorities("", 0, "certificate 1 cannot be read");
    check_authorities("nothing here", 12, "certificate 1 cannot be read");
    check_authorities(pem, length - 40, "certificate 1 cannot be read");
    check_authorities(twice, 2 * length - 40, "certificate 2 cannot be read");
}

static void the_systems_authorities_can_be_used(void **state)
{
    const struct cf_tls_config config = { .host = "proxy.example" };
    struct cf_error err = { 0 };

    (void)state;
    assert_int_equal(cf_tls_new(&config, &tls, &err), 0);
    assert_non_null(strstr(cf_tls_library(), "OpenSSL 3"));
}

/* What passes. */

static char received[1 << 16];
static size_t n_received;
static bool received_end;
static int received_error;

/* Read what there is from the tunnel. */
static void receive(void)
{
    ssize_t n;

    while (!received_end && received_error == 0) {
        n = recv(result.dialled.fd, received + n_received % sizeof received,
                 sizeof received - n_received % sizeof received, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            received_error = errno;
        else if (n == 0)
            received_end = true;
        else
            n_received += (size_t)n;
    }
}

static bool has_received_five(void)
{
    receive();
    return n_received >= 5 || received_end || received_error;
}

static bool something_has_come(void)
{
    char byte;

    return recv(result.dialled.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static bool has_received_all(void)
{
    receive();
    return received_end || received_error;
}

/* A tunnel by a proxy that then does as `serve` says. */
static void open_tunnel(const char *names, const char *host, int version,
                        void (*serve)(struct tls_server *at, SSL *ssl))
{
    struct identity host_identity;

    n_received = 0;
    received_end = false;
    received_error = 0;
    identity_make(&host_identity, names, &authority, DAY);
    trust(host);
    tls_server_start(&server, &host_identity, version, serve);
    run_dial(&server.at, NEVER_MS);
    identity_done(&host_identity);
    assert_string_equal(result.words, "200 Connection established");
    assert_int_equal(result.dialled.outcome.why, CF_PROXY_CONNECTED);
    assert_true(result.dialled.fd >= 0);
}

/* The answer and the server's first words in one record. */
static void serve_first(struct tls_server *at, SSL *ssl)
{
    if (!ssl || !tls_server_hear_head(at, ssl) || !tls_server_say(ssl, TUNNEL "first", 44))
        return;
    tls_server_hear_all(at, ssl);
    tls_server_say(ssl, "last", 4);
    SSL_shutdown(ssl);
}

static void check_tunnel(const char *names, const char *host, int version, const char *sni)
{
    set_up(NULL);
    open_tunnel(names, host, version, serve_first);
    run_until(loop, has_received_five);
    assert_memory_equal(received, "first", 5);
    assert_int_equal(send(result.dialled.fd, "early", 5, MSG_NOSIGNAL), 5);
    shutdown(result.dialled.fd, SHUT_WR);
    run_until(loop, has_received_all);
    assert_int_equal(received_error, 0);
    assert_int_equal(n_received, 9);
    assert_memory_equal(received, "firstlast", 9);
    run_until(loop, no_pump_is_left);
    assert_int_equal(n_ended, 1);
    tls_server_join(&server);
    assert_string_equal(server.heard, REQUEST);
    assert_string_equal(server.sni, sni);
    assert_string_equal(server.alpn, "http/1.1");
    assert_true(server.ended);
    assert_int_equal(server.n_heard, 5);
    tear_down(NULL);
}

static void a_tunnel_passes_bytes_and_ends(void **state)
{
    (void)state;
    check_tunnel("DNS:proxy.example", "proxy.example", 0, "proxy.example");
    check_tunnel("DNS:other.example,DNS:proxy.example", "proxy.example", TLS1_2_VERSION,
                 "proxy.example");
    check_tunnel("DNS:*.corp.example", "proxy.corp.example", 0, "proxy.corp.example");
    check_tunnel("IP:127.0.0.1", "127.0.0.1", 0, "");
    check_tunnel("IP:2001:db8::1", "2001:db8::1", 0, "");
}

#define LARGE ((uint64_t)3 << 20)

/* Echo nothing: read all of the client's, then send as much. */
static void serve_large(struct tls_server *at, SSL *ssl)
{
    static uint8_t data[20000];
    uint64_t sent = 0;

    if (!ssl || !tls_server_hear_head(at, ssl) || !tls_server_say(ssl, TUNNEL, strlen(TUNNEL)))
        return;
    tls_server_hear_all(at, ssl);
    while (sent < LARGE) {
        size_t n = LARGE - sent < sizeof data ? LARGE - sent : sizeof data;

        for (size_t i = 0; i < n; i++)
            data[i] = pattern_byte(sent + i);
        if (!tls_server_say(ssl, data, n))
            return;
        sent += n;
    }
    SSL_shutdown(ssl);
}

static uint64_t n_large_sent, n_large_received, n_large_right;

/* Send what the tunnel takes, then end; read what it gives. */
static bool large_moved(void)
{
    static uint8_t data[30000];
    ssize_t n;

    while (n_large_sent < LARGE) {
        size_t length = LARGE - n_large_sent < sizeof data ? LARGE - n_large_sent : sizeof data;

        for (size_t i = 0; i < length; i++)
            data[i] = pattern_byte(n_large_sent + i);
        n = send(result.dialled.fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
            break;
        n_large_sent += (uint64_t)n;
        if (n_large_sent == LARGE)
            shutdown(result.dialled.fd, SHUT_WR);
    }
    while ((n = recv(result.dialled.fd, data, sizeof data, MSG_DONTWAIT)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            n_large_right += data[i] == pattern_byte(n_large_received + (uint64_t)i);
        n_large_received += (uint64_t)n;
    }
    return n == 0 || errno != EAGAIN;
}

static void check_large(int version)
{
    set_up(NULL);
    n_large_sent = n_large_received = n_large_right = 0;
    open_tunnel("DNS:proxy.example", "proxy.example", version, serve_large);
    run_until(loop, large_moved);
    assert_int_equal(n_large_received, LARGE);
    assert_int_equal(n_large_right, LARGE);
    run_until(loop, no_pump_is_left);
    tls_server_join(&server);
    assert_true(server.ended);
    assert_int_equal(server.n_heard, LARGE);
    assert_int_equal(server.sum_heard, LARGE);
    tear_down(NULL);
}

static void much_passes_unchanged(void **state)
{
    (void)state;
    check_large(0);
    check_large(TLS1_2_VERSION);
}

static void close_hard(struct tls_server *at, bool reset)
{
    static const struct linger linger = { .l_onoff = 1 };

    if (reset)
        setsockopt(at->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(at->fd);
    at->fd = -1;
}

static void serve_and_cut(struct tls_server *at, SSL *ssl)
{
    if (ssl && tls_server_hear_head(at, ssl) && tls_server_say(ssl, TUNNEL "first", 44))
        close_hard(at, false);
}

static void serve_and_reset(struct tls_server *at, SSL *ssl)
{
    char go;

    if (ssl && tls_server_hear_head(at, ssl) && tls_server_say(ssl, TUNNEL "first", 44) &&
        SSL_read(ssl, &go, 1) == 1)
        close_hard(at, true);
}

static void a_tunnel_that_is_cut_off_is_a_reset(void **state)
{
    (void)state;
    open_tunnel("DNS:proxy.example", "proxy.example", 0, serve_and_cut);
    run_until(loop, has_received_all);
    assert_int_equal(n_received, 5);
    assert_int_equal(received_error, ECONNRESET);
    assert_true(no_pump_is_left());
    tls_server_join(&server);
}

static void a_reset_is_a_reset(void **state)
{
    (void)state;
    open_tunnel("DNS:proxy.example", "proxy.example", 0, serve_and_reset);
    run_until(loop, has_received_five);
    assert_int_equal(send(result.dialled.fd, "g", 1, MSG_NOSIGNAL), 1);
    run_until(loop, has_received_all);
    assert_int_equal(n_received, 5);
    assert_int_equal(received_error, ECONNRESET);
    tls_server_join(&server);
}

static void serve_and_hear(struct tls_server *at, SSL *ssl)
{
    if (ssl && tls_server_hear_head(at, ssl) && tls_server_say(ssl, TUNNEL, strlen(TUNNEL)))
        tls_server_hear_all(at, ssl);
}

static void a_descriptor_that_is_closed_early_is_a_reset(void **state)
{
    (void)state;
    open_tunnel("DNS:proxy.example", "proxy.example", 0, serve_and_hear);
    assert_int_equal(send(result.dialled.fd, "early", 5, MSG_NOSIGNAL), 5);
    assert_int_equal(cf_tls_pumps_owing(pumps), 0); /* its owner sees to it yet */
    cf_fd_close(&result.dialled.fd);
    assert_int_equal(cf_tls_pumps_owing(pumps), 1);
    run_until(loop, no_pump_is_left);
    assert_int_equal(cf_tls_pumps_owing(pumps), 0);
    tls_server_join(&server);
    assert_true(server.broken);
    assert_int_equal(server.n_heard, 5); /* it was sent before */
}

static void what_is_closed_unread_is_a_reset(void **state)
{
    (void)state;
    open_tunnel("DNS:proxy.example", "proxy.example", 0, serve_first);
    run_until(loop, something_has_come);
    cf_fd_close(&result.dialled.fd);
    run_until(loop, no_pump_is_left);
    tls_server_join(&server);
    assert_true(server.broken);
}

static void pumps_that_are_freed_reset_both_sides(void **state)
{
    (void)state;
    open_tunnel("DNS:proxy.example", "proxy.example", 0, serve_and_hear);
    cf_tls_pumps_free(pumps);
    pumps = NULL;
    receive();
    assert_int_equal(received_error, ECONNRESET);
    tls_server_join(&server);
    assert_true(server.broken);
}

/* Send until the other side takes no more and then for ever. */
static void serve_endless(struct tls_server *at, SSL *ssl)
{
    static const uint8_t data[16384];

    if (!ssl || !tls_server_hear_head(at, ssl) || !tls_server_say(ssl, TUNNEL, strlen(TUNNEL)))
        return;
    while (tls_server_say(ssl, data, sizeof data))
        at->n_heard += sizeof data;
}

static void stop_loop(struct cf_timer *timer)
{
    (void)timer;
    cf_loop_stop(loop, 0);
}

static void who_does_not_read_is_not_written_to(void **state)
{
    struct cf_timer timer = { .fn = stop_loop };
    uint64_t turns;
    size_t n = 0;
    ssize_t got;

    (void)state;
    open_tunnel("DNS:proxy.example", "proxy.example", 0, serve_endless);
    run_until(loop, something_has_come); /* the thread may be late */
    turns = cf_loop_turns(loop);
    assert_int_equal(cf_loop_timer_start(loop, &timer, cf_clock_monotonic_us() + 100000), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    /* What spins makes many thousands. */
    assert_true(cf_loop_turns(loop) - turns < 2000);
    /* What waits for us is no more than the pair holds. */
    while ((got = recv(result.dialled.fd, received, sizeof received, MSG_DONTWAIT)) > 0)
        n += (size_t)got;
    assert_int_equal(errno, EAGAIN);
    assert_true(n > 0 && n < 1 << 20);
    cf_fd_close(&result.dialled.fd);
    run_until(loop, no_pump_is_left);
    tls_server_join(&server);
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_not_meant_is_not_trusted),
        cmocka_unit_test(who_has_no_good_certificate_is_not_trusted),
        cmocka_unit_test(old_versions_are_refused),
        cmocka_unit_test(what_speaks_no_tls_is_not_waited_for),
        cmocka_unit_test(authorities_that_cannot_be_read_are_refused),
        WITH_LOOP(the_systems_authorities_can_be_used),
        cmocka_unit_test(a_tunnel_passes_bytes_and_ends),
        cmocka_unit_test(much_passes_unchanged),
        WITH_LOOP(a_tunnel_that_is_cut_off_is_a_reset),
        WITH_LOOP(a_reset_is_a_reset),
        WITH_LOOP(a_descriptor_that_is_closed_early_is_a_reset),
        WITH_LOOP(what_is_closed_unread_is_a_reset),
        WITH_LOOP(pumps_that_are_freed_reset_both_sides),
        WITH_LOOP(who_does_not_read_is_not_written_to),
    };

    return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
