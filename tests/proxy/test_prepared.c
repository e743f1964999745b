/*
 * test_prepared.c - connections to a proxy that are made before they are wanted
 *
 * The proxy is a fake in the same loop (fake.h), which has one connection at a time. What one
 * end sends need not be at the other when the call returns: it is waited for.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "fake.h"
#include "proxy/way.h"
#include "proxy/words.h"

/* Longer than any test runs: what must not happen by time. */
#define NEVER_MS 600000

#define REQUEST "CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n\r\n"
#define TUNNEL "HTTP/1.1 200 Connection established\r\n\r\n"
#define HELLO "\x05\x01\x00"
#define ASK "\x05\x01\x00\x03\x0fwww.example.com\x01\xbb"
#define BOUND "\x05\x00\x00\x01\xc0\x00\x02\x01\x00\x50"
#define BYTES(text) (text), sizeof(text) - 1

static struct cf_loop *loop;
static struct fake fake;
static struct cf_proxy_dial_config config;
static struct cf_proxy_dial *dial;
static struct cf_proxy policy;
static struct cf_proxy_way *way;

static struct {
    unsigned calls;
    struct cf_proxy_dialled dialled;
} result;

static int made; /* the last socket, whoever has it now */

static int make_socket(void *data, const struct cf_addr *to)
{
    assert_ptr_equal(data, &result);
    made = socket(to->family == CF_FAMILY_IPV4 ? AF_INET : AF_INET6,
                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return made;
}

/* Until something can be read from fd, or its end. */
static void wait_readable(int fd)
{
    struct pollfd at = { .fd = fd, .events = POLLIN };

    assert_int_equal(poll(&at, 1, 60000), 1);
}

static void done(void *data, const struct cf_proxy_dialled *dialled)
{
    assert_ptr_equal(data, &result);
    result.calls++;
    result.dialled = *dialled;
    dial = NULL;
}

static bool is_done(void)
{
    return result.calls > 0;
}

static size_t wanted; /* connections, or turns */

static bool are_accepted(void)
{
    return fake.n_accepted >= wanted;
}

/* The fake has said what it is to say, and all of it has come to the other end. */
static bool is_said(void)
{
    int left = 0;

    return fake.turn >= wanted && ioctl(fake.fd, SIOCOUTQ, &left) == 0 && left == 0;
}

static bool has_left(void)
{
    return fake.fd < 0;
}

static void set_config(enum cf_proxy_scheme scheme)
{
    memset(&result, 0, sizeof result);
    config = (struct cf_proxy_dial_config) {
        .loop = loop,
        .scheme = scheme,
        .addrs = &fake.at,
        .n_addrs = 1,
        .timeout_ms = NEVER_MS,
        .make_socket = make_socket,
        .done = done,
        .data = &result,
    };
}

static int set_up(void **state)
{
    (void)state;
    way = NULL;
    memset(&policy, 0, sizeof policy);
    policy.timeout_ms = NEVER_MS;
    if (cf_loop_new(&loop, NULL) < 0)
        return -1;
    fake_open(&fake, loop, "127.0.0.1", NULL);
    set_config(CF_PROXY_HTTP);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cf_fd_close(&result.dialled.fd);
    cf_proxy_way_free(way);
    cf_proxy_done(&policy);
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

/* Prepare one, up to where the fake has said `turns` things. */
static void prepare(size_t turns)
{
    assert_int_equal(cf_proxy_dial_prepare(&config, &dial), 0);
    wanted = 1;
    run_until(loop, are_accepted);
    wanted = turns;
    run_until(loop, is_said);
    run_turns(loop, 4);
    assert_non_null(dial);
}

static int take(const char *name)
{
    config.target = (struct cf_proxy_target) { .name = name, .at.port = 443 };
    return cf_proxy_dial_take(dial, &config);
}

static void check_connected(size_t accepted)
{
    run_until(loop, is_done);
    assert_int_equal(result.dialled.outcome.why, CF_PROXY_CONNECTED);
    assert_true(result.dialled.fd >= 0);
    assert_int_equal(result.calls, 1);
    assert_int_equal(fake.n_accepted, accepted);
    cf_fd_close(&result.dialled.fd);
}

static void check_failed(enum cf_proxy_why why, size_t accepted)
{
    run_until(loop, is_done);
    assert_string_equal(cf_proxy_why_name(result.dialled.outcome.why), cf_proxy_why_name(why));
    assert_int_equal(result.dialled.fd, -1);
    assert_int_equal(result.calls, 1);
    assert_int_equal(fake.n_accepted, accepted);
}

/* What has come to the fake, and it has not heard yet, is just this. */
static void check_came(const char *expected, size_t length)
{
    char text[256];

    wait_readable(fake.fd);
    assert_int_equal(recv(fake.fd, text, sizeof text, MSG_PEEK), length);
    assert_memory_equal(text, expected, length);
}

static void a_request_leaves_as_soon_as_there_is_one(void **state)
{
    (void)state;
    fake_says(&fake, REQUEST, TUNNEL);
    prepare(0);
    assert_int_equal(take("www.example.com"), 0);
    check_came(BYTES(REQUEST)); /* the loop has not run */
    check_connected(1);
}

static void socks_has_been_greeted_and_told_the_login_by_then(void **state)
{
    (void)state;
    set_config(CF_PROXY_SOCKS5H);
    fake_says_bytes(&fake, BYTES(HELLO), BYTES("\x05\x00"));
    fake_says_bytes(&fake, BYTES(ASK), BYTES(BOUND));
    prepare(1);
    assert_int_equal(take("www.example.com"), 0);
    check_came(BYTES(ASK));
    check_connected(1);
    again(CF_PROXY_SOCKS5H);
    config.login = (struct cf_proxy_login) { "me", "pw" };
    fake_says_bytes(&fake, BYTES("\x05\x02\x00\x02"), BYTES("\x05\x02"));
    fake_says_bytes(&fake, BYTES("\x01\x02me\x02pw"), BYTES("\x01\x00"));
    fake_says_bytes(&fake, BYTES(ASK), BYTES(BOUND));
    prepare(2);
    assert_int_equal(take("www.example.com"), 0);
    check_came(BYTES(ASK));
    check_connected(1);
}

static void it_can_be_taken_before_it_is_ready(void **state)
{
    (void)state;
    for (unsigned turns = 0; turns < 12; turns++) {
        again(CF_PROXY_SOCKS5H);
        fake.slow = true;
        fake_says_bytes(&fake, BYTES(HELLO), BYTES("\x05\x00"));
        fake_says_bytes(&fake, BYTES(ASK), BYTES(BOUND));
        assert_int_equal(cf_proxy_dial_prepare(&config, &dial), 0);
        run_turns(loop, turns);
        assert_int_equal(take("www.example.com"), 0);
        check_connected(1);
    }
}

static void it_can_be_cancelled_at_any_time(void **state)
{
    size_t before = count_descriptors();

    (void)state;
    for (unsigned turns = 0; turns < 24; turns++) {
        again(CF_PROXY_SOCKS5H);
        fake_says_bytes(&fake, BYTES(HELLO), BYTES("\x05\x00"));
        fake_says_bytes(&fake, BYTES(ASK), "", 0);
        assert_int_equal(cf_proxy_dial_prepare(&config, &dial), 0);
        run_turns(loop, turns / 2);
        if (turns % 2)
            assert_int_equal(take("www.example.com"), 0);
        cf_proxy_dial_cancel(dial);
        run_until(loop, has_left);
        assert_int_equal(result.calls, 0);
    }
    again(CF_PROXY_HTTP);
    assert_int_equal(count_descriptors(), before);
}

static void what_nobody_takes_ends(void **state)
{
    (void)state;
    config.timeout_ms = 20;
    assert_int_equal(cf_proxy_dial_prepare(&config, &dial), 0);
    run_until(loop, is_done);
    assert_int_equal(result.dialled.outcome.why, CF_PROXY_TIMEOUT);
    assert_int_equal(result.dialled.fd, -1);
}

static void what_the_proxy_ends_or_talks_on_is_given_up(void **state)
{
    (void)state;
    prepare(0);
    cf_loop_unwatch_close(loop, &fake.watch, &fake.fd);
    check_failed(CF_PROXY_CLOSED, 1);
    again(CF_PROXY_HTTP);
    fake_says(&fake, "", "HTTP/1.1 408 Request Timeout\r\n\r\n");
    assert_int_equal(cf_proxy_dial_prepare(&config, &dial), 0);
    check_failed(CF_PROXY_CLOSED, 1);
}

static void what_is_of_no_use_is_not_taken(void **state)
{
    (void)state;
    prepare(0);
    cf_loop_unwatch_close(loop, &fake.watch, &fake.fd); /* and nobody has been told yet */
    wait_readable(made);
    assert_int_equal(take("www.example.com"), -ENOTCONN);
    cf_proxy_dial_cancel(dial);
    again(CF_PROXY_HTTP);
    prepare(0);
    assert_int_equal(take("a b"), -EINVAL);
    cf_proxy_dial_cancel(dial);
    again(CF_PROXY_SOCKS5H);
    fake_says_bytes(&fake, BYTES(HELLO), BYTES("\x05\x00"));
    prepare(1);
    assert_int_equal(take(NULL), -EINVAL);
    cf_proxy_dial_cancel(dial);
    assert_int_equal(result.calls, 0);
}

/* The proxy ends it while the request is on its way. */
static void who_was_closed_on_while_it_asked_asks_again(void **state)
{
    (void)state;
    fake_says(&fake, REQUEST, TUNNEL);
    prepare(0);
    assert_int_equal(take("www.example.com"), 0);
    cf_loop_unwatch_close(loop, &fake.watch, &fake.fd);
    check_connected(2);
    again(CF_PROXY_SOCKS5H);
    fake_says_bytes(&fake, BYTES(HELLO), BYTES("\x05\x00"));
    fake_says_bytes(&fake, BYTES(ASK), BYTES(BOUND));
    prepare(1);
    assert_int_equal(take("www.example.com"), 0);
    cf_loop_unwatch_close(loop, &fake.watch, &fake.fd);
    fake.turn = 0;
    check_connected(2);
}

static void it_asks_again_only_once_and_only_when_nothing_was_said(void **state)
{
    (void)state;
    fake.end = FAKE_CLOSES;
    fake_says(&fake, REQUEST, "");
    prepare(0);
    assert_int_equal(take("www.example.com"), 0);
    cf_loop_unwatch_close(loop, &fake.watch, &fake.fd);
    check_failed(CF_PROXY_CLOSED, 2);
    again(CF_PROXY_HTTP);
    fake.end = FAKE_CLOSES;
    fake_says(&fake, REQUEST, "HTTP/1.1");
    prepare(0);
    assert_int_equal(take("www.example.com"), 0);
    check_failed(CF_PROXY_CLOSED, 1);
}

static void a_proxy_that_is_gone_is_told_so(void **state)
{
    (void)state;
    prepare(0);
    assert_int_equal(take("www.example.com"), 0);
    cf_loop_unwatch_close(loop, &fake.watch, &fake.fd);
    cf_loop_unwatch_close(loop, &fake.listen_watch, &fake.listener);
    check_failed(CF_PROXY_DOWN, 1);
}

/*
 * A way prepares by itself
 */

static void open_way(int64_t ready_ms)
{
    const struct cf_proxy_way_config of_way = {
        .loop = loop, .proxy = &policy, .addrs = &fake.at, .n_addrs = 1, .ready_ms = ready_ms
    };

    assert_int_equal(cf_proxy_url_parse("http://proxy.internal", &policy.url, NULL, NULL), 0);
    assert_int_equal(cf_proxy_way_new(&of_way, &way, NULL), 0);
    fake_says(&fake, REQUEST, TUNNEL);
}

/* A tunnel that is used and closed, and what follows it. */
static void go_through(void)
{
    const struct cf_proxy_call call = {
        .target = { .name = "www.example.com", .at.port = 443 },
        .make_socket = make_socket,
        .done = done,
        .data = &result,
    };

    result.calls = 0;
    fake.turn = 0;
    assert_int_equal(cf_proxy_way_dial(way, &call, &dial), 0);
    run_until(loop, is_done);
    assert_int_equal(result.dialled.outcome.why, CF_PROXY_CONNECTED);
    cf_fd_close(&result.dialled.fd);
    run_until(loop, has_left);
    cf_proxy_way_prepare(way, make_socket, &result);
    run_turns(loop, 8);
}

static void check_accepted(size_t n)
{
    wanted = n;
    run_until(loop, are_accepted);
    assert_int_equal(fake.n_accepted, n);
}

static void who_connects_once_is_seen_once(void **state)
{
    (void)state;
    open_way(NEVER_MS);
    go_through();
    assert_int_equal(fake.n_accepted, 1);
}

static void where_one_follows_another_the_next_is_prepared(void **state)
{
    (void)state;
    open_way(NEVER_MS);
    go_through();
    go_through();
    check_accepted(3);
    assert_true(fake.fd >= 0);
    go_through();
    check_accepted(4);
    cf_proxy_way_prepare(way, make_socket, &result); /* one at most */
    run_turns(loop, 8);
    assert_int_equal(fake.n_accepted, 4);
}

static void what_was_prepared_can_be_taken_back(void **state)
{
    (void)state;
    open_way(NEVER_MS);
    go_through();
    go_through();
    check_accepted(3);
    cf_proxy_way_unprepare(way);
    run_until(loop, has_left);
    cf_proxy_way_prepare(way, make_socket, &result);
    run_turns(loop, 8);
    assert_int_equal(fake.n_accepted, 3);
    go_through(); /* soon after the one before, as ever */
    check_accepted(5);
}

static void a_way_closes_what_nobody_takes(void **state)
{
    (void)state;
    open_way(20);
    do { /* within the time of each other, sooner or later */
        go_through();
        assert_true(fake.n_accepted < 1000);
    } while (fake.fd < 0);
    run_until(loop, has_left);
}

static void a_way_goes_on_without_what_was_closed_meanwhile(void **state)
{
    (void)state;
    open_way(NEVER_MS);
    go_through();
    go_through();
    check_accepted(3);
    cf_loop_unwatch_close(loop, &fake.watch, &fake.fd); /* the loop has not told it */
    wait_readable(made);
    go_through();
    check_accepted(5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_request_leaves_as_soon_as_there_is_one),
        TEST(socks_has_been_greeted_and_told_the_login_by_then),
        TEST(it_can_be_taken_before_it_is_ready),
        TEST(it_can_be_cancelled_at_any_time),
        TEST(what_nobody_takes_ends),
        TEST(what_the_proxy_ends_or_talks_on_is_given_up),
        TEST(what_is_of_no_use_is_not_taken),
        TEST(who_was_closed_on_while_it_asked_asks_again),
        TEST(it_asks_again_only_once_and_only_when_nothing_was_said),
        TEST(a_proxy_that_is_gone_is_told_so),
        TEST(who_connects_once_is_seen_once),
        TEST(where_one_follows_another_the_next_is_prepared),
        TEST(what_was_prepared_can_be_taken_back),
        TEST(a_way_closes_what_nobody_takes),
        TEST(a_way_goes_on_without_what_was_closed_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
