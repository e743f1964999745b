/*
 * test_clock.c - what the resolver does after so long, with a clock that the test sets
 *
 * The linker puts cf_clock_monotonic_us() and cf_loop_timer_start() of this file
 * in the place of the room's (--wrap). c-ares has a clock of its own, which goes
 * on: of what it says, the test takes off what has really passed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "dns/ports.h"
#include "dns/upstream.h"
#include "dns/wire.h"
#include "upstream_fake.h"

#define ANSWERS 32

int64_t __real_cf_clock_monotonic_us(void);
int64_t __wrap_cf_clock_monotonic_us(void);
int __real_cf_loop_timer_start(struct cf_loop *loop, struct cf_timer *timer, int64_t due_us);
int __wrap_cf_loop_timer_start(struct cf_loop *loop, struct cf_timer *timer, int64_t due_us);

static int64_t now_us; /* it is this time until the test says another */
static int64_t due_us; /* when the timer that was started last runs out */
static bool stop_at_timer;

/* One upstream with one server, which answers all names but those that begin with 'h'. */
static struct cf_loop *loop;
static struct fake fake;
static struct cf_upstream *upstream;

int64_t __wrap_cf_clock_monotonic_us(void)
{
    return now_us;
}

int __wrap_cf_loop_timer_start(struct cf_loop *its_loop, struct cf_timer *timer, int64_t its_due_us)
{
    due_us = its_due_us;
    if (stop_at_timer)
        cf_loop_stop(its_loop, 0);
    return __real_cf_loop_timer_start(its_loop, timer, its_due_us);
}

static bool answering(struct fake *its_fake, bool tcp, struct message *answer)
{
    (void)tcp;
    if (its_fake->query.data[CF_WIRE_HEADER_SIZE + 1] == 'h')
        return false;
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, "192.0.2.1");
    return true;
}

static void start(uint32_t timeout_ms)
{
    struct cf_upstream_config config = {
        .servers = &fake.at, .n_servers = 1, .timeout_ms = timeout_ms, .attempts = 1
    };

    now_us = __real_cf_clock_monotonic_us();
    stop_at_timer = false;
    assert_int_equal(cf_loop_new(&loop, NULL), 0);
    fake_start(&fake, loop, false, answering);
    config.loop = loop;
    assert_int_equal(cf_upstream_new(&config, &upstream, NULL), 0);
}

static void stop(void)
{
    cf_upstream_free(upstream);
    fake_stop(&fake);
    cf_loop_free(loop);
}

static void landed(void *data, const uint8_t *message, size_t length,
                   const struct cf_addr_port *server)
{
    (void)data;
    (void)length;
    (void)server;
    cf_loop_stop(loop, message ? 0 : -1);
}

static void ask(const char *name)
{
    static struct message query;
    struct cf_lookup *lookup;

    message_start(&query, 0, CF_WIRE_RD, name, CF_TYPE_A);
    assert_int_equal(cf_upstream_ask(upstream, query.data, query.length, 0, landed, NULL, &lookup),
                     0);
}

/* One question, and its answer. */
static void ask_and_land(void)
{
    ask("a.example");
    assert_int_equal(cf_loop_run(loop), 0);
}

static void rest_over(struct cf_timer *timer)
{
    (void)timer;
    cf_loop_stop(loop, 0);
}

/* For so long no question comes that the next port is opened. */
static void rest(void)
{
    struct cf_timer after = { .fn = rest_over };

    now_us += CF_PORTS_REST_US + 1;
    assert_int_equal(cf_loop_timer_start(loop, &after, now_us), 0);
    assert_int_equal(cf_loop_run(loop), 0);
}

/* What tells the socket that is connected to the server from all others that ever were. */
static uint64_t connected(void)
{
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_storage sa;
        socklen_t length = sizeof sa;
        struct cf_addr_port peer;
        uint64_t cookie;

        if (getpeername(fd, (struct sockaddr *)&sa, &length) < 0 ||
            cf_addr_port_from_sockaddr((struct sockaddr *)&sa, &peer) < 0 ||
            !cf_addr_port_equal(&peer, &fake.at))
            continue;
        length = sizeof cookie;
        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length), 0);
        return cookie;
    }
    fail_msg("no socket is connected to the server");
    return 0;
}

static void check_ahead(int64_t age_us, bool expected)
{
    uint64_t ahead;

    start(2000);
    ask_and_land();
    rest();
    ahead = connected();
    now_us += age_us;
    ask_and_land();
    assert_int_equal(connected() == ahead, expected);
    assert_int_equal(fake.n_udp, 2);
    stop();
}

static void a_port_that_is_open_ahead_serves_for_a_second(void **state)
{
    (void)state;
    check_ahead(0, true);
    check_ahead(CF_US_PER_S, true);
    check_ahead(CF_US_PER_S + 1, false);
    check_ahead(3600 * CF_US_PER_S, false);
}

/* The time until the timer that was started last, if it was started by what began at began_us. */
static void check_due(uint32_t timeout_ms, int64_t began_us)
{
    int64_t passed_us = __real_cf_clock_monotonic_us() - began_us;
    int64_t left_us = due_us - now_us - 1000; /* a millisecond late, to be sure */

    assert_true(left_us <= timeout_ms * INT64_C(1000));
    assert_true(left_us >= (timeout_ms - 1) * INT64_C(1000) - passed_us);
}

static void check_timeout(uint32_t timeout_ms)
{
    int64_t began_us;

    start(timeout_ms);
    began_us = __real_cf_clock_monotonic_us();
    ask("held.example");
    check_due(timeout_ms, began_us);
    stop();
}

/* Newer c-ares would wait 250 ms at least, and no longer than five times what is usual. */
static void an_attempt_lasts_as_long_as_the_policy_says(void **state)
{
    (void)state;
    check_timeout(100);
    check_timeout(249);
    check_timeout(250);
    check_timeout(2000);
    check_timeout(60000);
}

static void a_server_that_is_quick_is_waited_for_as_long(void **state)
{
    int64_t began_us;

    (void)state;
    start(60000);
    for (int i = 0; i < ANSWERS; i++)
        ask_and_land();
    began_us = __real_cf_clock_monotonic_us();
    ask("held.example");
    /* The timer of the first question runs out, and is started for the one that waits. */
    now_us += 120 * CF_US_PER_S;
    stop_at_timer = true;
    assert_int_equal(cf_loop_run(loop), 0);
    check_due(60000, began_us);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_that_is_open_ahead_serves_for_a_second),
        cmocka_unit_test(an_attempt_lasts_as_long_as_the_policy_says),
        cmocka_unit_test(a_server_that_is_quick_is_waited_for_as_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
