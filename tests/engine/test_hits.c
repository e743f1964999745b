/*
 * test_hits.c - programs in the sandbox meet the limits of a policy
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../netlink/lab.h"
#include "dial.h"
#include "fixture.h"
#include "inside.h"
#include "world.h"

static void restart(bool audit_mode, int64_t connections, int64_t new_per_second, int64_t bytes)
{
    fixture_stop();
    fixture_limits = (struct fixture_limits) { connections, new_per_second, bytes };
    assert_int_equal(fixture_start(audit_mode), 0);
}

/* Each denial names the limit, and one warning does. */
static void check_denials(const char *rule, const char *warning)
{
    size_t n = fixture_count(CF_EVENT_FLOW_DENIED);

    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        const struct fixture_event *event = fixture_find(CF_EVENT_FLOW_DENIED, i);

        assert_int_equal(event->verdict.reason, CF_REASON_LIMIT);
        assert_string_equal(event->text, rule);
    }
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 1);
    assert_string_equal(fixture_find(CF_EVENT_WARNING, 0)->text, warning);
}

/* What a program sees of a datagram that is denied. */
static int datagram_error(void)
{
    int fd = dial(SOCK_DGRAM, WORLD_IPV4, WORLD_ECHO), error = 0;
    char byte;

    if (inside_ask(fd, "x", 1, &byte, 1) < 0)
        error = errno;
    close(fd);
    return error;
}

static int open_three_and_more(void)
{
    int fds[3];

    for (int i = 0; i < 3; i++)
        CHECK((fds[i] = dial(SOCK_STREAM, WORLD_IPV4, WORLD_ECHO)) >= 0);
    CHECK(dial_error(SOCK_STREAM, WORLD_IPV4, WORLD_ECHO) == EHOSTUNREACH);
    CHECK(dial_error(SOCK_STREAM, WORLD_IPV6, WORLD_ECHO) == EACCES);
    CHECK(datagram_error() == EHOSTUNREACH);
    CHECK(inside_ping_error(WORLD_IPV4, 56) == EHOSTUNREACH);
    for (int i = 0; i < 3; i++)
        CHECK(write_all(fds[i], "x", 1) && reads(fds[i], "x"));
    close(fds[0]);
    /* Its end is on its way through the engine. */
    do
        fds[0] = dial(SOCK_STREAM, WORLD_IPV4, WORLD_ECHO);
    while (fds[0] < 0 && errno == EHOSTUNREACH);
    CHECK(fds[0] >= 0);
    CHECK(write_all(fds[0], "x", 1) && reads(fds[0], "x"));
    return 0;
}

static void flows_beyond_connections_are_denied_until_one_ends(void **state)
{
    (void)state;
    restart(false, 3, 0, 0);
    assert_int_equal(fixture_inside(open_three_and_more), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 4);
    check_denials("egress.limits.connections: 3", "limit_connections");
}

static int connect_until_denied(void)
{
    int error, n = 0;

    do
        error = dial_error(SOCK_STREAM, WORLD_IPV4, WORLD_CLOSED);
    while (error == ECONNREFUSED && ++n < 100);
    CHECK(error == EHOSTUNREACH);
    CHECK(n > 0);
    return 0;
}

static void flows_that_come_too_fast_are_denied(void **state)
{
    (void)state;
    restart(false, 0, 1, 0);
    assert_int_equal(fixture_inside(connect_until_denied), 0);
    check_denials("egress.limits.new_per_second: 1", "limit_new_per_second");
}

/* Until the limit ends the connection; and there is no other then. */
static int upload_too_much(void)
{
    static char buffer[65536];
    int fd = dial(SOCK_STREAM, WORLD_IPV4, WORLD_WATCH);

    CHECK(fd >= 0);
    for (int i = 0; i < 1024; i++) {
        if (!write_all(fd, buffer, sizeof buffer))
            break;
    }
    CHECK(errno == ECONNRESET || errno == EPIPE);
    CHECK(dial_error(SOCK_STREAM, WORLD_IPV4, WORLD_ECHO) == EHOSTUNREACH);
    return 0;
}

static void not_one_byte_passes_beyond_the_limit(void **state)
{
    const struct fixture_event *event;

    (void)state;
    restart(false, 0, 0, (1 << 20) + 7);
    world_expect();
    assert_int_equal(fixture_inside(upload_too_much), 0);
    fixture_wait(CF_EVENT_FLOW_CLOSE, 1);
    event = fixture_find(CF_EVENT_FLOW_CLOSE, 0);
    assert_string_equal(cf_flow_result_name(event->result), "limit");
    assert_int_equal(event->bytes_out + event->bytes_in, (1 << 20) + 7);
    world_wait();
    assert_int_equal(world_shared->error, ECONNRESET);
    assert_true(world_shared->bytes <= (1 << 20) + 7);
    check_denials("egress.limits.bytes: 1048583", "limit_bytes");
}

static void as_many_bytes_as_the_limit_pass(void **state)
{
    (void)state;
    restart(false, 0, 0, 3 + 8);
    assert_int_equal(fixture_inside(inside_half_close), 0);
    fixture_wait(CF_EVENT_FLOW_CLOSE, 1);
    assert_string_equal(cf_flow_result_name(fixture_find(CF_EVENT_FLOW_CLOSE, 0)->result),
                        "closed");
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 0);
}

/* 40 bytes out and 40 back; then there is room for 20. */
static int datagrams_too_many(void)
{
    char out[40] = "", in[40];
    int fd = dial(SOCK_DGRAM, WORLD_IPV4, WORLD_ECHO);

    CHECK(inside_ask(fd, out, sizeof out, in, sizeof in) == sizeof in);
    CHECK(inside_ask(fd, out, sizeof out, in, sizeof in) < 0 && errno == EHOSTUNREACH);
    CHECK(inside_ask(fd, out, 1, in, sizeof in) < 0 && errno == EHOSTUNREACH);
    return 0;
}

static void a_datagram_that_does_not_fit_ends_its_flow(void **state)
{
    const struct fixture_event *event;

    (void)state;
    restart(false, 0, 0, 100);
    assert_int_equal(fixture_inside(datagrams_too_many), 0);
    event = fixture_find(CF_EVENT_FLOW_CLOSE, 0);
    assert_non_null(event);
    assert_string_equal(cf_flow_result_name(event->result), "limit");
    assert_int_equal(event->bytes_out, 40);
    assert_int_equal(event->bytes_in, 40);
    check_denials("egress.limits.bytes: 100", "limit_bytes");
}

/* The reply of 60 bytes does not fit; the next request is denied. */
static int datagram_with_a_reply_too_many(void)
{
    char out[60] = "", in[60];
    int fd = dial(SOCK_DGRAM, WORLD_IPV4, WORLD_ECHO);

    CHECK(inside_ask(fd, out, sizeof out, in, sizeof in) < 0 && errno == EHOSTUNREACH);
    return 0;
}

static void replies_count_too(void **state)
{
    (void)state;
    restart(false, 0, 0, 100);
    assert_int_equal(fixture_inside(datagram_with_a_reply_too_many), 0);
    assert_int_equal(fixture_find(CF_EVENT_FLOW_CLOSE, 0)->bytes_out, 60);
    assert_int_equal(fixture_find(CF_EVENT_FLOW_CLOSE, 0)->bytes_in, 0);
    check_denials("egress.limits.bytes: 100", "limit_bytes");
}

static int pings_too_many(void)
{
    CHECK(inside_ping_error(WORLD_IPV4, 40) == 0);
    CHECK(inside_ping_error(WORLD_IPV4, 40) == EHOSTUNREACH);
    CHECK(inside_ping_error(WORLD_IPV4, 0) == EHOSTUNREACH);
    return 0;
}

static void pings_count_too(void **state)
{
    (void)state;
    restart(false, 0, 0, 100);
    assert_int_equal(fixture_inside(pings_too_many), 0);
    check_denials("egress.limits.bytes: 100", "limit_bytes");
}

static void names_can_be_asked_whatever_the_limits(void **state)
{
    (void)state;
    restart(false, 1, 1, 1);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(fixture_inside(inside_dns_over_tcp), 0);
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 0);
}

static void audit_mode_lets_through_what_a_limit_denies(void **state)
{
    (void)state;
    restart(true, 1, 1, 1);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(fixture_inside(inside_echo_both_families), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 2);
    assert_true(fixture_find(CF_EVENT_FLOW_OPEN, 0)->verdict.would_deny);
    assert_true(fixture_find(CF_EVENT_FLOW_OPEN, 1)->verdict.would_deny);
    assert_int_equal(fixture_find(CF_EVENT_FLOW_OPEN, 1)->verdict.reason, CF_REASON_LIMIT);
    fixture_wait(CF_EVENT_FLOW_CLOSE, 2);
    assert_int_equal(fixture_find(CF_EVENT_FLOW_CLOSE, 0)->result, CF_RESULT_CLOSED);
}

static int start(void **state)
{
    (void)state;
    return fixture_start(false);
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(flows_beyond_connections_are_denied_until_one_ends),
        cmocka_unit_test(flows_that_come_too_fast_are_denied),
        cmocka_unit_test(not_one_byte_passes_beyond_the_limit),
        cmocka_unit_test(as_many_bytes_as_the_limit_pass),
        cmocka_unit_test(a_datagram_that_does_not_fit_ends_its_flow),
        cmocka_unit_test(replies_count_too),
        cmocka_unit_test(pings_count_too),
        cmocka_unit_test(names_can_be_asked_whatever_the_limits),
        cmocka_unit_test(audit_mode_lets_through_what_a_limit_denies),
    };
    int failed;

    if (world_start() < 0)
        return 1;
    failed = cmocka_run_group_tests_name("hits", all, start, stop);
    fixture_threads = 3;
    failed += cmocka_run_group_tests_name("hits, three threads", all, start, stop);
    world_stop();
    return failed;
}

int main(void)
{
    return lab_run(tests);
}
