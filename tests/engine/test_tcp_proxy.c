/*
 * test_tcp_proxy.c - programs in the sandbox connect by way of a proxy that a test plays
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "../netlink/lab.h"
#include "../proxy/fake.h"
#include "base/fd.h"
#include "descriptors.h"
#include "dial.h"
#include "engine/internal.h"
#include "fixture.h"
#include "inside.h"
#include "world.h"

#define NEVER_MS 600000

#define REQUEST4 "CONNECT 192.0.2.1:7001 HTTP/1.1\r\nHost: 192.0.2.1:7001\r\n\r\n"
#define REQUEST6 "CONNECT [2001:db8:1::1]:7001 HTTP/1.1\r\nHost: [2001:db8:1::1]:7001\r\n\r\n"

static struct fake fake;
static const char *scheme;
static int64_t timeout_ms;

static struct cf_proxy_way *way_open(struct cf_loop *loop, struct cf_proxy *ret_policy)
{
    /* The fake has one connection at a time. */
    struct cf_proxy_way_config config = {
        .loop = loop, .proxy = ret_policy, .n_addrs = 1, .ready_ms = -1
    };
    struct cf_proxy_way *way = NULL;
    char url[64];

    fake_open(&fake, loop, "127.0.0.1", NULL);
    snprintf(url, sizeof url, "%s://127.0.0.1:%u", scheme, (unsigned)fake.at.port);
    assert_int_equal(cf_proxy_url_parse(url, &ret_policy->url, NULL, NULL), 0);
    ret_policy->timeout_ms = timeout_ms;
    ret_policy->require = true;
    config.addrs = &fake.at;
    assert_int_equal(cf_proxy_way_new(&config, &way, NULL), 0);
    return way;
}

static void start(const char *with, int64_t within_ms)
{
    scheme = with;
    timeout_ms = within_ms;
    fixture_proxy = way_open;
    assert_int_equal(fixture_start(false), 0);
}

static void stop(void)
{
    fake_close(&fake);
    fixture_stop();
}

static const struct fixture_event *closed(void)
{
    fixture_wait(CF_EVENT_FLOW_CLOSE, 1);
    return fixture_find(CF_EVENT_FLOW_CLOSE, 0);
}

/* What the next program inside asks for, and gets. */
static const char *asked_addr;
static int expected_error;

static int inside_fails(void)
{
    int error = dial_error(SOCK_STREAM, asked_addr, WORLD_ECHO);

    if (error != expected_error)
        fprintf(stderr, "%s: %s, not %s\n", asked_addr, strerror(error), strerror(expected_error));
    return error != expected_error;
}

static int inside_talks(void)
{
    int fd = dial(SOCK_STREAM, asked_addr, WORLD_ECHO);

    CHECK(fd >= 0);
    CHECK(reads(fd, "hello"));
    CHECK(write_all(fd, "early", 5));
    CHECK(reads(fd, "bye"));
    CHECK(at_end(fd));
    return 0;
}

static bool fake_is_left(void)
{
    return fake.fd < 0;
}

/* The fake is ready for the next connection, which hears nothing of the last one. */
static void fake_anew(void)
{
    run_until(fixture_engine->config.loop, fake_is_left);
    fake.n_turns = fake.turn = 0;
    fake.n_heard = fake.n_said = 0;
}

static void check_talk(const char *addr, const char *request)
{
    const struct fixture_event *event;

    fake_anew();
    fake_says(&fake, request, "HTTP/1.1 200 Connection established\r\n\r\nhello");
    fake_says(&fake, "early", "bye");
    fake.end = FAKE_CLOSES;
    asked_addr = addr;
    assert_int_equal(fixture_inside(inside_talks), 0);
    event = closed();
    assert_string_equal(cf_flow_result_name(event->result), "closed");
    assert_int_equal(event->bytes_out, 5);
    assert_int_equal(event->bytes_in, 8);
    assert_string_equal(event->text, "");
    event = fixture_find(CF_EVENT_FLOW_OPEN, 0);
    assert_true(event->by_proxy);
    assert_int_equal(event->dst.port, WORLD_ECHO);
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 0);
}

static void a_flow_goes_to_the_proxy_and_its_server_may_speak_first(void **state)
{
    (void)state;
    start("http", NEVER_MS);
    check_talk(WORLD_IPV4, REQUEST4);
    check_talk(WORLD_IPV6, REQUEST6);
    assert_int_equal(fake.n_accepted, 2);
    stop();
}

/* said: NULL to say nothing and close */
static void check_fails(const char *addr, const char *request, const char *said, int error,
                        const char *result, const char *why)
{
    const struct fixture_event *event;

    fake_anew();
    fake_says(&fake, request, said ? said : "");
    fake.end = FAKE_CLOSES;
    asked_addr = addr;
    expected_error = error;
    assert_int_equal(fixture_inside(inside_fails), 0);
    event = closed();
    assert_string_equal(cf_flow_result_name(event->result), result);
    assert_string_equal(event->text, why);
    assert_int_equal(event->bytes_out + event->bytes_in, 0);
}

static void what_a_proxy_answers_becomes_the_errno_of_that_flow(void **state)
{
    (void)state;
    start("http", NEVER_MS);
#define FAILS(said, error, result, why) check_fails(WORLD_IPV4, REQUEST4, said, error, result, why)
#define FAILS6(said, error, result, why) check_fails(WORLD_IPV6, REQUEST6, said, error, result, why)
    FAILS("HTTP/1.1 403 No\r\n\r\n", EHOSTUNREACH, "unreachable", "denied");
    FAILS6("HTTP/1.1 403 No\r\n\r\n", EACCES, "unreachable", "denied");
    FAILS("HTTP/1.1 407 Who\r\n\r\n", EHOSTUNREACH, "unreachable", "login");
    FAILS("HTTP/1.1 502 Bad\r\n\r\n", EHOSTUNREACH, "unreachable", "failed");
    FAILS6("HTTP/1.1 502 Bad\r\n\r\n", EHOSTUNREACH, "unreachable", "failed");
    FAILS("HTTP/1.1 504 Late\r\n\r\n", EHOSTUNREACH, "timeout", "failed");
    FAILS("HTTP/1.1 503 No\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n", ECONNREFUSED, "refused",
          "failed");
    FAILS6("HTTP/1.1 502 No\r\nProxy-Status: p; error=connection_refused\r\n\r\n", ECONNREFUSED,
           "refused", "failed");
    FAILS("SSH-2.0-other\r\n", EHOSTUNREACH, "reset", "malformed");
    FAILS("HTTP/1.1 20", EHOSTUNREACH, "reset", "closed");
    FAILS(NULL, EHOSTUNREACH, "reset", "closed");
    /* And the next one works. */
    check_talk(WORLD_IPV4, REQUEST4);
    stop();
}

/* The two turns of SOCKS 5, of which the second ends with this code. */
static void check_socks(uint8_t code, int error, const char *result, const char *why)
{
    char reply[10] = { 5, (char)code, 0, 1 };
    const struct fixture_event *event;

    fake_anew();
    fake_says_bytes(&fake, "\5\1\0", 3, "\5\0", 2);
    fake_says_bytes(&fake, "\5\1\0\1\300\0\2\1\33\131", 10, reply, sizeof reply);
    fake.end = FAKE_CLOSES;
    asked_addr = WORLD_IPV4;
    expected_error = error;
    assert_int_equal(fixture_inside(inside_fails), 0);
    event = closed();
    assert_string_equal(cf_flow_result_name(event->result), result);
    assert_string_equal(event->text, why);
}

static void codes_of_socks_have_their_errno(void **state)
{
    (void)state;
    start("socks5", NEVER_MS);
    check_socks(1, EHOSTUNREACH, "unreachable", "failed");
    check_socks(2, EHOSTUNREACH, "unreachable", "denied");
    check_socks(3, ENETUNREACH, "unreachable", "failed");
    check_socks(4, EHOSTUNREACH, "unreachable", "failed");
    check_socks(5, ECONNREFUSED, "refused", "failed");
    check_socks(6, EHOSTUNREACH, "timeout", "failed");
    check_socks(7, EHOSTUNREACH, "unreachable", "unsupported");
    check_socks(8, ENETUNREACH, "unreachable", "unsupported");
    stop();
}

static void a_proxy_that_is_mute_or_gone_fails_the_flow(void **state)
{
    const struct fixture_event *event;

    (void)state;
    start("http", 100);
    asked_addr = WORLD_IPV4;
    expected_error = EHOSTUNREACH;
    assert_int_equal(fixture_inside(inside_fails), 0);
    event = closed();
    assert_string_equal(cf_flow_result_name(event->result), "timeout");
    assert_string_equal(event->text, "timeout");
    run_until(fixture_engine->config.loop, fake_is_left);
    fake_close(&fake);
    expected_error = ENETUNREACH;
    assert_int_equal(fixture_inside(inside_fails), 0);
    event = closed();
    assert_string_equal(event->text, "down");
    fixture_stop();
}

static int inside_denied(void)
{
    CHECK(dial_error(SOCK_STREAM, DENIED_IPV4, WORLD_ECHO) == EHOSTUNREACH);
    CHECK(dial_error(SOCK_STREAM, DENIED_IPV6, WORLD_ECHO) == EACCES);
    return 0;
}

static void what_is_denied_and_what_is_the_hosts_is_not_asked_of_the_proxy(void **state)
{
    (void)state;
    start("http", NEVER_MS);
    assert_int_equal(fixture_inside(inside_denied), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 2);
    assert_int_equal(fixture_inside(inside_host_port), 0);
    assert_false(fixture_find(CF_EVENT_FLOW_OPEN, 0)->by_proxy);
    assert_int_equal(fake.n_accepted, 0);
    stop();
}

/* With no descriptor left there is no dial: denied at once, by no rule, and told once. */
static void what_the_host_lacks_denies_the_flow_and_the_next_works(void **state)
{
    (void)state;
    start("http", NEVER_MS);
    asked_addr = WORLD_IPV4;
    expected_error = EHOSTUNREACH;
    assert_int_equal(fixture_begin(inside_fails), 0);
    descriptors_leave(0);
    assert_int_equal(fixture_end(), 0);
    descriptors_give_back();
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 1);
    assert_int_equal(fixture_find(CF_EVENT_FLOW_DENIED, 0)->verdict.reason, CF_REASON_LIMIT);
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 1);
    assert_string_equal(fixture_find(CF_EVENT_WARNING, 0)->text, "resources");
    assert_int_equal(fake.n_accepted, 0);
    check_talk(WORLD_IPV4, REQUEST4);
    stop();
}

static int inside_gives_up(void)
{
    struct sockaddr_storage sa;
    socklen_t length = address(WORLD_IPV4, WORLD_ECHO, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

    CHECK(connect(fd, (struct sockaddr *)&sa, length) < 0 && errno == EINPROGRESS);
    return 0;
}

static bool fake_is_dialled(void)
{
    return fake.n_accepted > 0;
}

static void a_run_that_ends_gives_up_its_dials(void **state)
{
    int before = lab_count_descriptors();

    (void)state;
    start("http", NEVER_MS);
    assert_int_equal(fixture_inside(inside_gives_up), 0);
    fixture_wait(CF_EVENT_FLOW_OPEN, 1);
    run_until(fixture_engine->config.loop, fake_is_dialled);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_CLOSE), 0);
    stop();
    assert_int_equal(fixture_count(CF_EVENT_FLOW_CLOSE), 1);
    assert_string_equal(cf_flow_result_name(fixture_find(CF_EVENT_FLOW_CLOSE, 0)->result),
                        "killed");
    assert_int_equal(lab_count_descriptors(), before);
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_flow_goes_to_the_proxy_and_its_server_may_speak_first),
        cmocka_unit_test(what_a_proxy_answers_becomes_the_errno_of_that_flow),
        cmocka_unit_test(codes_of_socks_have_their_errno),
        cmocka_unit_test(a_proxy_that_is_mute_or_gone_fails_the_flow),
        cmocka_unit_test(what_is_denied_and_what_is_the_hosts_is_not_asked_of_the_proxy),
        cmocka_unit_test(what_the_host_lacks_denies_the_flow_and_the_next_works),
        cmocka_unit_test(a_run_that_ends_gives_up_its_dials),
    };
    int failed;

    if (world_start() < 0)
        return 1;
    failed = cmocka_run_group_tests_name("by a proxy", all, NULL, NULL);
    fixture_threads = 3;
    failed += cmocka_run_group_tests_name("by a proxy, three threads", all, NULL, NULL);
    world_stop();
    return failed;
}

int main(void)
{
    return lab_run(tests);
}
