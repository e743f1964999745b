/*
 * test_dial.c - one connection through a proxy, and every way it can fail
 *
 * The proxy is a fake in the same loop (fake.h). Nothing is measured: what has
 * to take time is a deadline that ends the test's wait.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "fake.h"
#include "proxy/dial.h"
#include "proxy/http_connect.h"
#include "proxy/race.h"
#include "proxy/words.h"

/* Longer than any test runs: what must not happen by time. */
#define NEVER_MS 600000

#define REQUEST "CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n\r\n"
#define TUNNEL "HTTP/1.1 200 Connection established\r\n\r\n"

static struct cf_loop *loop;
static struct fake fake;
static struct cf_proxy_dial_config config;
static struct cf_proxy_dial *dial;

static struct {
    bool called;
    struct cf_proxy_dialled dialled;
    char words[CF_PROXY_WORDS_SIZE];
} result;

/* What make_socket() was asked for. */
static struct {
    size_t n;
    struct cf_addr to[CF_PROXY_RACE_MAX];
    int error; /* what it says instead, positive */
} made;

static int make_socket(void *data, const struct cf_addr *to)
{
    assert_ptr_equal(data, &result);
    assert_true(made.n < CF_PROXY_RACE_MAX);
    made.to[made.n++] = *to;
    if (made.error)
        return -made.error;
    return socket(to->family == CF_FAMILY_IPV4 ? AF_INET : AF_INET6,
                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void done(void *data, const struct cf_proxy_dialled *dialled)
{
    assert_ptr_equal(data, &result);
    assert_false(result.called);
    result.called = true;
    result.dialled = *dialled;
    snprintf(result.words, sizeof result.words, "%s", dialled->words);
    result.dialled.words = result.words;
    dial = NULL;
}

static bool is_done(void)
{
    return result.called;
}

/* A dial to www.example.com:443 by the fake. */
static void set_config(enum cf_proxy_scheme scheme)
{
    memset(&result, 0, sizeof result);
    memset(&made, 0, sizeof made);
    config = (struct cf_proxy_dial_config) {
        .loop = loop,
        .scheme = scheme,
        .addrs = &fake.at,
        .n_addrs = 1,
        .target = { .name = "www.example.com", .at.port = 443 },
        .timeout_ms = NEVER_MS,
        .make_socket = make_socket,
        .done = done,
        .data = &result,
    };
}

static int set_up(void **state)
{
    (void)state;
    if (cf_loop_new(&loop, NULL) < 0)
        return -1;
    fake_open(&fake, loop, "127.0.0.1", NULL);
    set_config(CF_PROXY_HTTP);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_close(&fake);
    cf_loop_free(loop);
    return 0;
}

/* The fake anew. */
static void again(enum cf_proxy_scheme scheme)
{
    fake_close(&fake);
    fake_open(&fake, loop, "127.0.0.1", NULL);
    set_config(scheme);
}

static void run_dial(void)
{
    assert_int_equal(cf_proxy_dial_start(&config, &dial), 0);
    assert_false(result.called);
    run_until(loop, is_done);
}

/* The descriptor gives just these bytes now, and takes some. */
static void check_tunnel(const char *first)
{
    char text[64];
    int fd = result.dialled.fd, no_delay = 0;
    socklen_t length = sizeof no_delay;
    ssize_t n;

    assert_true(fd >= 0);
    if (config.scheme != CF_PROXY_SOCKS5_UNIX) {
        getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &length);
        assert_int_equal(no_delay, 1);
    }
    n = recv(fd, text, sizeof text, MSG_DONTWAIT);
    if (n < 0) {
        assert_int_equal(errno, EAGAIN);
        n = 0;
    }
    assert_int_equal(n, (ssize_t)strlen(first));
    assert_memory_equal(text, first, (size_t)n);
    assert_int_equal(send(fd, "early", 5, MSG_NOSIGNAL), 5);
}

static bool has_heard(void)
{
    return fake.n_heard >= 5;
}

/* The dial ends well; `first` came with the proxy's answer, and what is sent arrives. */
static void check_connected(const char *first)
{
    run_dial();
    assert_int_equal(result.dialled.outcome.why, CF_PROXY_CONNECTED);
    assert_int_equal(result.dialled.outcome.error, 0);
    check_tunnel(first);
    run_until(loop, has_heard);
    assert_int_equal(fake.n_heard, 5);
    assert_memory_equal(fake.heard, "early", 5);
    cf_fd_close(&result.dialled.fd);
}

static void check_failed(enum cf_proxy_why why, int error, enum cf_flow_result flow_result,
                         const char *words)
{
    run_dial();
    assert_string_equal(cf_proxy_why_name(result.dialled.outcome.why), cf_proxy_why_name(why));
    assert_int_equal(result.dialled.outcome.error, error);
    assert_int_equal(result.dialled.outcome.result, flow_result);
    assert_int_equal(result.dialled.fd, -1);
    if (words)
        assert_string_equal(result.words, words);
}

static void connect_makes_a_tunnel(void **state)
{
    (void)state;
    fake_says(&fake, REQUEST, TUNNEL);
    check_connected("");
    assert_string_equal(result.words, "200 Connection established");
    assert_true(cf_addr_port_equal(&result.dialled.proxy, &fake.at));
    assert_true(cf_addr_equal(&result.dialled.local.addr, &fake.at.addr));
    assert_true(result.dialled.local.port != 0);
}

static void a_server_may_speak_first(void **state)
{
    (void)state;
    fake_says(&fake, REQUEST, TUNNEL "SSH-2.0-example\r\n");
    check_connected("SSH-2.0-example\r\n");
    again(CF_PROXY_HTTP);
    fake_says(&fake, REQUEST, "HTTP/1.1 100 C\r\n\r\nHTTP/1.0 200\n\nHTTP/1.1 500 no\r\n\r\n");
    check_connected("HTTP/1.1 500 no\r\n\r\n");
}

static void an_answer_may_come_byte_by_byte(void **state)
{
    (void)state;
    fake.slow = true;
    fake_says(&fake, REQUEST, TUNNEL);
    check_connected("");
}

static void a_login_is_sent(void **state)
{
    (void)state;
    config.login = (struct cf_proxy_login) { "Aladdin", "open sesame" };
    fake_says(&fake,
              "CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n"
              "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n",
              TUNNEL);
    check_connected("");
}

static void a_refusal_is_told_with_the_proxys_words(void **state)
{
    (void)state;
    config.login = (struct cf_proxy_login) { "u", "secret" };
    fake_says(&fake,
              "CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n"
              "Proxy-Authorization: Basic dTpzZWNyZXQ=\r\n\r\n",
              "HTTP/1.1 403 not with \x1b'secret'\r\n\r\n<html>");
    check_failed(CF_PROXY_DENIED, EACCES, CF_RESULT_UNREACHABLE, "403 not with \\x1b'***'");
}

static void check_answer(const char *answer, enum cf_proxy_why why, int error,
                         enum cf_flow_result flow_result)
{
    again(CF_PROXY_HTTP);
    fake_says(&fake, REQUEST, answer);
    check_failed(why, error, flow_result, NULL);
}

static void each_answer_has_its_errno(void **state)
{
    (void)state;
    check_answer("HTTP/1.1 407 x\r\n\r\n", CF_PROXY_LOGIN, EACCES, CF_RESULT_UNREACHABLE);
    check_answer("HTTP/1.1 502 x\r\n\r\n", CF_PROXY_FAILED, EHOSTUNREACH, CF_RESULT_UNREACHABLE);
    check_answer("HTTP/1.1 503 x\r\n\r\n", CF_PROXY_FAILED, EHOSTUNREACH, CF_RESULT_UNREACHABLE);
    check_answer("HTTP/1.1 504 x\r\n\r\n", CF_PROXY_FAILED, EHOSTUNREACH, CF_RESULT_TIMEOUT);
    check_answer("\x05\xff", CF_PROXY_MALFORMED, ECONNRESET, CF_RESULT_RESET);
    check_answer("HTTP/2 200\r\n\r\n", CF_PROXY_MALFORMED, ECONNRESET, CF_RESULT_RESET);
}

static void a_large_head_is_malformed(void **state)
{
    static char head[CF_HTTP_CONNECT_HEAD_MAX + 1];
    static const char first[] = "HTTP/1.1 200 OK\r\nA: ";

    (void)state;
    memset(head, 'a', sizeof head);
    memcpy(head, first, sizeof first - 1);
    fake_says_bytes(&fake, REQUEST, strlen(REQUEST), head, sizeof head);
    check_failed(CF_PROXY_MALFORMED, ECONNRESET, CF_RESULT_RESET, "a head of more than 64 KiB");
}

static void what_closes_early_is_told_as_a_reset(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(TUNNEL); n++) {
        again(CF_PROXY_HTTP);
        fake.end = n % 2 ? FAKE_CLOSES : FAKE_RESETS;
        fake_says_bytes(&fake, REQUEST, strlen(REQUEST), TUNNEL, n);
        check_failed(CF_PROXY_CLOSED, ECONNRESET, CF_RESULT_RESET, NULL);
    }
}

static void what_answers_and_closes_is_heard(void **state)
{
    (void)state;
    fake.end = FAKE_CLOSES;
    fake_says(&fake, "", "HTTP/1.1 403 Forbidden\r\n\r\n");
    check_failed(CF_PROXY_DENIED, EACCES, CF_RESULT_UNREACHABLE, "403 Forbidden");
}

static void what_hangs_is_a_timeout(void **state)
{
    (void)state;
    config.timeout_ms = 50;
    check_failed(CF_PROXY_TIMEOUT, EHOSTUNREACH, CF_RESULT_TIMEOUT, NULL);
    again(CF_PROXY_HTTP);
    config.timeout_ms = 50;
    fake_says_bytes(&fake, REQUEST, strlen(REQUEST), TUNNEL, strlen(TUNNEL) - 1);
    check_failed(CF_PROXY_TIMEOUT, EHOSTUNREACH, CF_RESULT_TIMEOUT, NULL);
    again(CF_PROXY_SOCKS5H);
    config.timeout_ms = 50;
    check_failed(CF_PROXY_TIMEOUT, EHOSTUNREACH, CF_RESULT_TIMEOUT, NULL);
}

/* A port of 127.0.0.1 where nobody listens, and nobody else will: it is bound. */
static int closed_port(struct cf_addr_port *ret_at)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof sa;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &length), 0);
    assert_int_equal(cf_addr_port_from_sockaddr((struct sockaddr *)&sa, ret_at), 0);
    return fd;
}

static void a_proxy_that_is_down_is_no_network(void **state)
{
    char words[CF_PROXY_WORDS_SIZE], text[CF_ADDR_PORT_TEXT_SIZE];
    struct cf_addr_port at;
    int fd = closed_port(&at);

    (void)state;
    config.addrs = &at;
    snprintf(words, sizeof words, "%s: Connection refused", cf_addr_port_format(&at, text));
    check_failed(CF_PROXY_DOWN, ENETUNREACH, CF_RESULT_UNREACHABLE, words);
    close(fd);
}

static void the_next_address_is_tried_when_one_refuses(void **state)
{
    struct cf_addr_port addrs[3];
    int fd = closed_port(&addrs[0]);

    (void)state;
    addrs[1] = addrs[0];
    addrs[2] = fake.at;
    config.addrs = addrs;
    config.n_addrs = 3;
    fake_says(&fake, REQUEST, TUNNEL);
    check_connected("");
    assert_int_equal(made.n, 3);
    assert_true(cf_addr_port_equal(&result.dialled.proxy, &fake.at));
    close(fd);
}

/* A listener whose queue is full answers no SYN. */
struct mute {
    int listener, clients[4];
    struct cf_addr_port at;
};

static void mute_open(struct mute *mute)
{
    struct sockaddr_storage sa;
    socklen_t length;

    mute->listener = closed_port(&mute->at);
    assert_int_equal(listen(mute->listener, 0), 0);
    length = cf_addr_port_to_sockaddr(&mute->at, &sa);
    for (size_t i = 0; i < 4; i++) {
        mute->clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(mute->clients[i], (struct sockaddr *)&sa, length);
    }
}

static void mute_close(struct mute *mute)
{
    for (size_t i = 0; i < 4; i++)
        close(mute->clients[i]);
    close(mute->listener);
}

static void the_next_address_is_tried_when_one_is_mute(void **state)
{
    struct cf_addr_port addrs[2];
    struct mute mute;

    (void)state;
    mute_open(&mute);
    addrs[0] = mute.at;
    addrs[1] = fake.at;
    config.addrs = addrs;
    config.n_addrs = 2;
    fake_says(&fake, REQUEST, TUNNEL);
    check_connected("");
    assert_int_equal(made.n, 2);
    assert_true(cf_addr_port_equal(&result.dialled.proxy, &fake.at));
    mute_close(&mute);
}

static void a_mute_proxy_is_a_timeout(void **state)
{
    struct mute mute;

    (void)state;
    mute_open(&mute);
    config.addrs = &mute.at;
    config.timeout_ms = 50;
    check_failed(CF_PROXY_TIMEOUT, EHOSTUNREACH, CF_RESULT_TIMEOUT, "takes no connection");
    mute_close(&mute);
}

static void families_take_turns(void **state)
{
    static const char *const given[] = { "2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1",
                                         "192.0.2.2" };
    static const char *const expected[] = { "2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2",
                                            "2001:db8::3" };
    struct cf_addr_port addrs[5];
    char text[CF_ADDR_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        addrs[i].port = 1;
        assert_int_equal(cf_addr_parse(given[i], &addrs[i].addr), 0);
    }
    config.addrs = addrs;
    config.n_addrs = 5;
    made.error = EHOSTUNREACH;
    check_failed(CF_PROXY_DOWN, ENETUNREACH, CF_RESULT_UNREACHABLE,
                 "[2001:db8::1]:1: No route to host");
    assert_int_equal(made.n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(cf_addr_format(&made.to[i], text), expected[i]);
}

static void addresses_have_a_limit(void **state)
{
    struct cf_addr_port addrs[CF_PROXY_RACE_MAX + 4];

    (void)state;
    for (size_t i = 0; i < sizeof addrs / sizeof addrs[0]; i++)
        addrs[i] = fake.at;
    config.addrs = addrs;
    config.n_addrs = sizeof addrs / sizeof addrs[0];
    made.error = ENODEV;
    check_failed(CF_PROXY_DOWN, ENETUNREACH, CF_RESULT_UNREACHABLE, NULL);
    assert_int_equal(made.n, CF_PROXY_RACE_MAX);
}

static void what_this_machine_lacks_is_told_as_it_is(void **state)
{
    (void)state;
    made.error = EMFILE;
    check_failed(CF_PROXY_EXHAUSTED, EMFILE, CF_RESULT_LIMIT, NULL);
}

#define HELLO "\x05\x01\x00"
#define ASK "\x05\x01\x00\x03\x0fwww.example.com\x01\xbb"
#define BOUND "\x05\x00\x00\x01\xc0\x00\x02\x01\x00\x50"

#define BYTES(text) (text), sizeof(text) - 1

static void socks_makes_a_tunnel(void **state)
{
    (void)state;
    set_config(CF_PROXY_SOCKS5H);
    fake_says_bytes(&fake, BYTES(HELLO), BYTES("\x05\x00"));
    fake_says_bytes(&fake, BYTES(ASK), BYTES(BOUND "SSH-2.0-example\r\n"));
    check_connected("SSH-2.0-example\r\n");
    assert_int_equal(result.dialled.bound.port, 80);
    again(CF_PROXY_SOCKS5);
    config.target = (struct cf_proxy_target) { .at = { fake.at.addr, 7 } };
    fake.slow = true;
    fake_says_bytes(&fake, BYTES(HELLO), BYTES("\x05\x00"));
    fake_says_bytes(&fake, BYTES("\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x07"), BYTES(BOUND));
    check_connected("");
}

static void socks_takes_a_login(void **state)
{
    (void)state;
    set_config(CF_PROXY_SOCKS5H);
    config.login = (struct cf_proxy_login) { "me", "pw" };
    fake_says_bytes(&fake, BYTES("\x05\x02\x00\x02"), BYTES("\x05\x02"));
    fake_says_bytes(&fake, BYTES("\x01\x02me\x02pw"), BYTES("\x01\x00"));
    fake_says_bytes(&fake, BYTES(ASK), BYTES(BOUND));
    check_connected("");
    again(CF_PROXY_SOCKS5H);
    config.login = (struct cf_proxy_login) { "me", "pw" };
    fake_says_bytes(&fake, BYTES("\x05\x02\x00\x02"), BYTES("\x05\x02"));
    fake_says_bytes(&fake, BYTES("\x01\x02me\x02pw"), BYTES("\x01\x01"));
    check_failed(CF_PROXY_LOGIN, EACCES, CF_RESULT_UNREACHABLE, "name and password refused");
}

static void socks_refusals_have_their_errno(void **state)
{
    static const int errors[] = {
        0,      EHOSTUNREACH, EACCES,      ENETUNREACH, EHOSTUNREACH, ECONNREFUSED, EHOSTUNREACH,
        EACCES, ENETUNREACH,  EHOSTUNREACH
    };

    (void)state;
    for (unsigned char reply = 1; reply < sizeof errors / sizeof errors[0]; reply++) {
        unsigned char answer[] = { 5, reply, 0, 1, 0, 0, 0, 0, 0, 0 };

        again(CF_PROXY_SOCKS5H);
        fake_says_bytes(&fake, BYTES(HELLO), BYTES("\x05\x00"));
        fake_says_bytes(&fake, BYTES(ASK), answer, sizeof answer);
        run_dial();
        assert_int_equal(result.dialled.outcome.error, errors[reply]);
        assert_int_equal(result.dialled.fd, -1);
    }
}

static void socks_that_closes_early_is_told_as_a_reset(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof BOUND - 1; n++) {
        again(CF_PROXY_SOCKS5H);
        fake.end = FAKE_CLOSES;
        fake_says_bytes(&fake, BYTES(HELLO), "\x05\x00", n < 2 ? n : 2);
        if (n >= 2)
            fake_says_bytes(&fake, BYTES(ASK), BOUND, n);
        check_failed(CF_PROXY_CLOSED, ECONNRESET, CF_RESULT_RESET, "closed before it had answered");
    }
}

static void what_is_no_socks_is_malformed(void **state)
{
    (void)state;
    set_config(CF_PROXY_SOCKS5H);
    fake_says_bytes(&fake, BYTES(HELLO), BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"));
    check_failed(CF_PROXY_MALFORMED, ECONNRESET, CF_RESULT_RESET, "48 54");
}

static void check_associate(const char *reply, size_t length, const char *expected)
{
    char text[CF_ADDR_PORT_TEXT_SIZE];

    again(CF_PROXY_SOCKS5);
    config.udp = true;
    fake_says_bytes(&fake, BYTES(HELLO), BYTES("\x05\x00"));
    fake_says_bytes(&fake, BYTES("\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"), reply, length);
    if (!expected) {
        check_failed(CF_PROXY_UNSUPPORTED, EACCES, CF_RESULT_UNREACHABLE, NULL);
        return;
    }
    check_connected("");
    assert_string_equal(cf_addr_port_format(&result.dialled.bound, text), expected);
}

static void udp_associate_says_where_datagrams_go(void **state)
{
    (void)state;
    check_associate(BYTES(BOUND), "192.0.2.1:80");
    check_associate(BYTES("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x50"), "127.0.0.1:80");
    check_associate(BYTES("\x05\x00\x00\x01\xc0\x00\x02\x01\x00\x00"), NULL);
    check_associate(BYTES("\x05\x00\x00\x03\x01w\x00\x50"), NULL);
    check_associate(BYTES("\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00"), NULL);
}

static void socks_works_by_a_path(void **state)
{
    char folder[] = "/tmp/proxy.XXXXXX", path[64], words[128];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socks", folder);
    fake_close(&fake);
    fake_open(&fake, loop, NULL, path);
    set_config(CF_PROXY_SOCKS5_UNIX);
    config.path = path;
    fake_says_bytes(&fake, BYTES(HELLO), BYTES("\x05\x00"));
    fake_says_bytes(&fake, BYTES(ASK), BYTES(BOUND "first"));
    check_connected("first");
    assert_int_equal(result.dialled.proxy.addr.family, CF_FAMILY_NONE);
    assert_int_equal(made.n, 0);
    unlink(path);
    set_config(CF_PROXY_SOCKS5_UNIX);
    config.path = path;
    snprintf(words, sizeof words, "%s: No such file or directory", path);
    check_failed(CF_PROXY_DOWN, ENETUNREACH, CF_RESULT_UNREACHABLE, words);
    rmdir(folder);
}

static void what_cannot_be_asked_is_not_begun(void **state)
{
    char long_text[300];

    (void)state;
    memset(long_text, 'a', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    config.target.name = long_text;
    assert_int_equal(cf_proxy_dial_start(&config, &dial), -EINVAL);
    config.target.name = "a b";
    assert_int_equal(cf_proxy_dial_start(&config, &dial), -EINVAL);
    set_config(CF_PROXY_SOCKS5);
    config.target = (struct cf_proxy_target) { 0 };
    assert_int_equal(cf_proxy_dial_start(&config, &dial), -EINVAL);
    set_config(CF_PROXY_SOCKS5);
    config.login = (struct cf_proxy_login) { "u", long_text };
    assert_int_equal(cf_proxy_dial_start(&config, &dial), -EINVAL);
    set_config(CF_PROXY_HTTP);
    config.udp = true;
    assert_int_equal(cf_proxy_dial_start(&config, &dial), -EINVAL);
    set_config(CF_PROXY_SOCKS5_UNIX);
    config.path = long_text;
    assert_int_equal(cf_proxy_dial_start(&config, &dial), -EINVAL);
    set_config(CF_PROXY_HTTP);
    config.n_addrs = 0;
    assert_int_equal(cf_proxy_dial_start(&config, &dial), -EDESTADDRREQ);
    assert_int_equal(made.n, 0);
}

static void a_dial_can_be_cancelled_at_any_time(void **state)
{
    size_t before = count_descriptors();

    (void)state;
    for (unsigned turns = 0; turns < 100; turns++) {
        again(turns % 2 ? CF_PROXY_HTTP : CF_PROXY_SOCKS5H);
        fake.slow = true;
        if (turns % 2) {
            fake_says_bytes(&fake, REQUEST, strlen(REQUEST), TUNNEL, strlen(TUNNEL) - 1);
        } else {
            fake_says_bytes(&fake, BYTES(HELLO), BYTES("\x05\x00"));
            fake_says_bytes(&fake, BYTES(ASK), BOUND, sizeof BOUND - 2);
        }
        assert_int_equal(cf_proxy_dial_start(&config, &dial), 0);
        run_turns(loop, turns);
        cf_proxy_dial_cancel(dial);
        run_turns(loop, 4);
        assert_false(result.called);
    }
    fake_close(&fake);
    fake_open(&fake, loop, "127.0.0.1", NULL);
    assert_int_equal(count_descriptors(), before);
    cf_proxy_dial_cancel(NULL);
}

static void what_fails_at_once_can_be_cancelled(void **state)
{
    (void)state;
    made.error = EMFILE;
    assert_int_equal(cf_proxy_dial_start(&config, &dial), 0);
    cf_proxy_dial_cancel(dial);
    run_turns(loop, 4);
    assert_false(result.called);
}

/* By a path, where connect() never leaves anything for later. */
static void who_takes_the_connection_at_once_is_asked_at_once(void **state)
{
    char folder[] = "/tmp/proxy.XXXXXX", path[64], heard[64];
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socks", folder);
    fake_close(&fake);
    fake_open(&fake, loop, NULL, path);
    set_config(CF_PROXY_SOCKS5_UNIX);
    config.path = path;
    assert_int_equal(cf_proxy_dial_start(&config, &dial), 0);
    /* The loop has not run. */
    fd = accept(fake.listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(recv(fd, heard, sizeof heard, MSG_DONTWAIT), sizeof HELLO - 1);
    assert_memory_equal(heard, HELLO, sizeof HELLO - 1);
    cf_fd_close(&fd);
    assert_false(result.called);
    run_until(loop, is_done);
    assert_int_equal(result.dialled.outcome.why, CF_PROXY_CLOSED);
    unlink(path);
    rmdir(folder);
}

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FAKE(connect_makes_a_tunnel),
        WITH_FAKE(a_server_may_speak_first),
        WITH_FAKE(an_answer_may_come_byte_by_byte),
        WITH_FAKE(a_login_is_sent),
        WITH_FAKE(a_refusal_is_told_with_the_proxys_words),
        WITH_FAKE(each_answer_has_its_errno),
        WITH_FAKE(a_large_head_is_malformed),
        WITH_FAKE(what_closes_early_is_told_as_a_reset),
        WITH_FAKE(what_answers_and_closes_is_heard),
        WITH_FAKE(what_hangs_is_a_timeout),
        WITH_FAKE(a_proxy_that_is_down_is_no_network),
        WITH_FAKE(the_next_address_is_tried_when_one_refuses),
        WITH_FAKE(the_next_address_is_tried_when_one_is_mute),
        WITH_FAKE(a_mute_proxy_is_a_timeout),
        WITH_FAKE(families_take_turns),
        WITH_FAKE(addresses_have_a_limit),
        WITH_FAKE(what_this_machine_lacks_is_told_as_it_is),
        WITH_FAKE(socks_makes_a_tunnel),
        WITH_FAKE(socks_takes_a_login),
        WITH_FAKE(socks_refusals_have_their_errno),
        WITH_FAKE(socks_that_closes_early_is_told_as_a_reset),
        WITH_FAKE(what_is_no_socks_is_malformed),
        WITH_FAKE(udp_associate_says_where_datagrams_go),
        WITH_FAKE(socks_works_by_a_path),
        WITH_FAKE(what_cannot_be_asked_is_not_begun),
        WITH_FAKE(a_dial_can_be_cancelled_at_any_time),
        WITH_FAKE(what_fails_at_once_can_be_cancelled),
        WITH_FAKE(who_takes_the_connection_at_once_is_asked_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
