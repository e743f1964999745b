/*
 * test_udp_proxy.c - a UDP conversation by way of a SOCKS proxy that a test plays
 */
#include <errno.h>
#include <netinet/in.h>
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

#include "../proxy/fake.h"
#include "base/fd.h"
#include "engine/internal.h"
#include "engine/udp_proxy.h"
#include "proxy/words.h"

#define NEVER_MS 600000

static struct cf_engine engine; /* of which an association looks at the config alone */
static struct cf_proxy policy;
static struct fake fake;
static struct cf_udp_proxy *proxy;
static int relay_fd = -1, outside_fd = -1;
static struct cf_addr_port relay;

static struct {
    unsigned done, ended;
    struct cf_proxy_dialled dialled;
    char words[CF_PROXY_WORDS_SIZE];
} seen;

static void done(void *data, int fd, const struct cf_proxy_dialled *dialled)
{
    assert_ptr_equal(data, &seen);
    seen.done++;
    seen.dialled = *dialled;
    snprintf(seen.words, sizeof seen.words, "%s", dialled->words);
    outside_fd = fd;
}

static void ended(void *data)
{
    assert_ptr_equal(data, &seen);
    seen.ended++;
}

static bool is_done(void)
{
    return seen.done > 0;
}

static bool has_ended(void)
{
    return seen.ended > 0;
}

/* Where the proxy takes datagrams: a socket of the test's. */
static void relay_open(void)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof sa;

    relay_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(relay_fd >= 0);
    assert_int_equal(bind(relay_fd, (struct sockaddr *)&sa, length), 0);
    assert_int_equal(getsockname(relay_fd, (struct sockaddr *)&sa, &length), 0);
    assert_int_equal(cf_addr_port_from_sockaddr((struct sockaddr *)&sa, &relay), 0);
}

static int set_up(void **state)
{
    struct cf_proxy_way_config way = { .proxy = &policy, .n_addrs = 1 };
    char url[64];

    (void)state;
    memset(&seen, 0, sizeof seen);
    memset(&engine, 0, sizeof engine);
    memset(&policy, 0, sizeof policy);
    if (cf_loop_new(&engine.config.loop, NULL) < 0)
        return -1;
    fake_open(&fake, engine.config.loop, "127.0.0.1", NULL);
    relay_open();
    snprintf(url, sizeof url, "socks5h://127.0.0.1:%u", (unsigned)fake.at.port);
    assert_int_equal(cf_proxy_url_parse(url, &policy.url, NULL, NULL), 0);
    policy.timeout_ms = NEVER_MS;
    way.loop = engine.config.loop;
    way.addrs = &fake.at;
    return cf_proxy_way_new(&way, &engine.config.proxy, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    cf_udp_proxy_free(proxy);
    proxy = NULL;
    cf_fd_close(&outside_fd);
    cf_fd_close(&relay_fd);
    fake_close(&fake);
    cf_proxy_way_free(engine.config.proxy);
    cf_loop_free(engine.config.loop);
    cf_proxy_done(&policy);
    return 0;
}

static void again(void)
{
    tear_down(NULL);
    assert_int_equal(set_up(NULL), 0);
}

static struct cf_addr_port place(const char *addr, uint16_t port)
{
    struct cf_addr_port at = { .port = port };

    if (addr)
        assert_int_equal(cf_addr_parse(addr, &at.addr), 0);
    return at;
}

/* name: NULL for an address; addr: NULL for one that is not known */
static int start(const char *name, const char *addr, uint16_t port)
{
    struct cf_judgement judgement = { .proxy_name = name, .target = place(addr, port) };

    return cf_udp_proxy_start(&engine, &judgement, done, ended, &seen, &proxy);
}

static uint8_t reply[64];

/* The proxy takes no login, and answers UDP ASSOCIATE with this code, at this place. */
static void proxy_answers(uint8_t code, const struct cf_addr_port *at)
{
    memcpy(reply, (uint8_t[]) { 5, code, 0, 1 }, 4);
    memcpy(reply + 4, at->addr.bytes, 4);
    reply[8] = (uint8_t)(at->port >> 8);
    reply[9] = (uint8_t)at->port;
    fake_says_bytes(&fake, "\5\1\0", 3, "\5\0", 2);
    fake_says_bytes(&fake, "\5\3\0\1\0\0\0\0\0\0", 10, reply, 10);
}

static void associate(const char *name, const char *addr, uint16_t port)
{
    proxy_answers(0, &relay);
    assert_int_equal(start(name, addr, port), 0);
    assert_int_equal(seen.done, 0);
    run_until(engine.config.loop, is_done);
    assert_int_equal(seen.dialled.outcome.why, CF_PROXY_CONNECTED);
    assert_true(outside_fd >= 0);
}

/* What arrives at the proxy for two datagrams is each with this header. */
static void check_sent(const char *name, const char *addr, uint16_t port, const void *header,
                       size_t length)
{
    uint8_t one[] = "one", two[] = "";
    struct cf_datagram datagrams[] = { { .data = one, .length = 3 }, { .data = two, .length = 0 } };
    uint8_t got[64];

    again();
    associate(name, addr, port);
    assert_int_equal(cf_udp_proxy_send(proxy, outside_fd, datagrams, 2), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(recv(relay_fd, got, sizeof got, 0),
                         (ssize_t)(length + datagrams[i].length));
        assert_memory_equal(got, header, length);
        assert_memory_equal(got + length, datagrams[i].data, datagrams[i].length);
    }
}

static void datagrams_carry_the_destination(void **state)
{
    (void)state;
    check_sent(NULL, "192.0.2.7", 53, "\0\0\0\1\300\0\2\7\0\65", 10);
    check_sent(NULL, "2001:db8::7", 258,
               "\0\0\0\4\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7\1\2", 22);
    check_sent("a.example", NULL, 53, "\0\0\0\3\11a.example\0\65", 16);
    check_sent("a.example", "192.0.2.7", 53, "\0\0\0\3\11a.example\0\65", 16);
}

/* One datagram of the proxy; taken: its payload is handed on. */
static void check_taken(const char *header, size_t length, bool taken)
{
    uint8_t bytes[64];
    struct cf_datagram datagram = { .data = bytes, .length = length + 2 };

    memcpy(bytes, header, length);
    memcpy(bytes + length, "ok", 2);
    assert_int_equal(cf_udp_proxy_strip(proxy, &datagram, 1), taken);
    if (!taken)
        return;
    assert_int_equal(datagram.length, 2);
    assert_memory_equal(datagram.data, "ok", 2);
}

#define FROM_7 "\0\0\0\1\300\0\2\7\0\65" /* 192.0.2.7, 53 */
#define FROM_8 "\0\0\0\1\300\0\2\10\0\65"
#define FROM_7_PORT_54 "\0\0\0\1\300\0\2\7\0\66"

static void what_is_not_from_the_destination_is_dropped(void **state)
{
    (void)state;
    associate(NULL, "192.0.2.7", 53);
    check_taken(FROM_8, 10, false);
    check_taken(FROM_7_PORT_54, 10, false);
    check_taken(FROM_7, 10, true);
    check_taken("\0\0\1\1\300\0\2\7\0\65", 10, false); /* a fragment */
    check_taken("\0\0\0\2\300\0\2\7\0\65", 10, false); /* no type of an address */
    check_taken("\0\0\0\1\300", 5, false);             /* cut off */
    check_taken("\0\0\0\3\11a.example\0\65", 16, false);
    check_taken("\0\0\0\4\0\0\0\0\0\0\0\0\0\0\377\377\300\0\2\7\0\65", 22, true); /* mapped */
    check_taken(FROM_7, 10, true);
}

static void the_first_answer_says_which_address_a_name_has(void **state)
{
    (void)state;
    associate("a.example", NULL, 53);
    check_taken(FROM_7_PORT_54, 10, false);
    check_taken(FROM_8, 10, true);
    check_taken(FROM_7, 10, false);
    check_taken(FROM_8, 10, true);
    again();
    associate("a.example", "192.0.2.8", 53); /* what the name has here need not be what it has there */
    check_taken(FROM_7, 10, true);
    check_taken(FROM_8, 10, false);
    again();
    associate("a.example", NULL, 53);
    check_taken("\0\0\0\3\11a.example\0\65", 16, true); /* which says nothing new */
    check_taken(FROM_7, 10, true);
    check_taken(FROM_8, 10, false);
    check_taken("\0\0\0\3\11a.example\0\65", 16, false);
}

static void several_are_stripped_in_their_order(void **state)
{
    uint8_t one[] = FROM_7 "1", two[] = FROM_8 "2", three[] = FROM_7 "3";
    struct cf_datagram datagrams[] = { { .data = one, .length = 11 },
                                       { .data = two, .length = 11 },
                                       { .data = three, .length = 11 } };

    (void)state;
    associate(NULL, "192.0.2.7", 53);
    assert_int_equal(cf_udp_proxy_strip(proxy, datagrams, 3), 2);
    assert_int_equal(datagrams[0].data[0], '1');
    assert_int_equal(datagrams[1].data[0], '3');
}

static void check_refused(uint8_t code, const struct cf_addr_port *at, enum cf_proxy_why why,
                          const char *words)
{
    again();
    proxy_answers(code, at);
    assert_int_equal(start(NULL, "192.0.2.7", 53), 0);
    run_until(engine.config.loop, is_done);
    assert_int_equal(outside_fd, -1);
    assert_string_equal(cf_proxy_why_name(seen.dialled.outcome.why), cf_proxy_why_name(why));
    assert_non_null(strstr(seen.words, words));
}

static void a_proxy_that_has_no_way_for_datagrams_says_so(void **state)
{
    const struct cf_addr_port at = place("127.0.0.1", 9);

    (void)state;
    check_refused(7, &at, CF_PROXY_UNSUPPORTED, "command not supported");
    check_refused(2, &at, CF_PROXY_DENIED, "not allowed");
    check_refused(1, &at, CF_PROXY_FAILED, "general");
}

static void datagrams_go_to_the_proxys_own_address_or_nowhere(void **state)
{
    const struct cf_addr_port elsewhere = place("127.0.0.2", 9), no_port = place("127.0.0.1", 0);
    struct cf_addr_port unspecified;

    (void)state;
    check_refused(0, &elsewhere, CF_PROXY_MALFORMED, "not the proxy's own");
    check_refused(0, &no_port, CF_PROXY_UNSUPPORTED, "no address to send datagrams to");
    /* "Here", says the proxy: its own address. */
    again();
    unspecified = place("0.0.0.0", relay.port);
    proxy_answers(0, &unspecified);
    assert_int_equal(start(NULL, "192.0.2.7", 53), 0);
    run_until(engine.config.loop, is_done);
    assert_true(outside_fd >= 0);
    assert_true(cf_addr_port_equal(&seen.dialled.bound, &relay));
}

static void the_end_of_the_control_connection_is_the_end(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        again();
        fake.end = i == 0 ? FAKE_CLOSES : FAKE_RESETS;
        associate(NULL, "192.0.2.7", 53);
        run_until(engine.config.loop, has_ended);
        assert_int_equal(seen.done, 1);
        assert_int_equal(seen.ended, 1);
        run_turns(engine.config.loop, 10);
        assert_int_equal(seen.ended, 1);
    }
}

static void what_waits_is_given_in_its_order_and_has_a_limit(void **state)
{
    static uint8_t bytes[65507]; /* the largest of UDP over IPv4 */
    struct cf_datagram datagram = { .data = bytes, .length = sizeof bytes }, *next;
    unsigned n = 0;

    (void)state;
    assert_int_equal(start(NULL, "192.0.2.7", 53), 0);
    assert_null(cf_udp_proxy_next(proxy));
    bytes[0] = 1;
    cf_udp_proxy_wait(proxy, &datagram);
    bytes[0] = 2;
    cf_udp_proxy_wait(proxy, &datagram); /* there is no room for it */
    datagram.length = 2000;
    bytes[0] = 3;
    cf_udp_proxy_wait(proxy, &datagram);
    next = cf_udp_proxy_next(proxy);
    assert_int_equal(next->data[0], 1);
    assert_int_equal(next->length, sizeof bytes);
    free(next);
    next = cf_udp_proxy_next(proxy);
    assert_int_equal(next->data[0], 3);
    free(next);
    assert_null(cf_udp_proxy_next(proxy));
    /* Empty ones take room too. */
    datagram.length = 0;
    for (unsigned i = 0; i < CF_UDP_PROXY_WAIT_MAX; i++)
        cf_udp_proxy_wait(proxy, &datagram);
    while ((next = cf_udp_proxy_next(proxy))) {
        free(next);
        n++;
    }
    assert_in_range(n, 100, CF_UDP_PROXY_WAIT_MAX / sizeof *next);
    cf_udp_proxy_wait(proxy, &datagram); /* goes with it */
}

static size_t n_begun;

static bool fake_is_left(void)
{
    return fake.n_accepted == n_begun && fake.fd < 0;
}

static void what_is_freed_early_leaves_nothing(void **state)
{
    size_t before = count_descriptors();

    (void)state;
    for (unsigned turns = 0; turns < 12; turns++) {
        n_begun = turns + 1;
        assert_int_equal(start(NULL, "192.0.2.7", 53), 0);
        run_turns(engine.config.loop, turns);
        assert_int_equal(seen.done, 0);
        cf_udp_proxy_free(proxy);
        proxy = NULL;
        run_until(engine.config.loop, fake_is_left);
        assert_int_equal(count_descriptors(), before);
    }
    cf_udp_proxy_free(NULL);
}

static void what_the_proxy_cannot_be_told_is_not_begun(void **state)
{
    char name[300];

    (void)state;
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(start(name, NULL, 53), -EINVAL);
    assert_int_equal(start(NULL, NULL, 53), -EINVAL);
    assert_null(proxy);
}

/* expected: NULL for a flow that goes directly, else why it is denied */
static void check_after_refusal(bool require, enum cf_mode mode, bool known, const char *expected)
{
    struct cf_profile *profile = cf_profile_new();
    struct cf_judgement judgement = {
        .verdict = { .action = CF_ALLOW },
        .route = CF_ROUTE_PROXY,
        .target = place(known ? "192.0.2.7" : NULL, 53),
    };

    assert_non_null(profile);
    profile->proxy.require = require;
    profile->mode = mode;
    assert_int_equal(cf_profile_seal(profile), 0);
    cf_udp_proxy_refused(profile, &judgement);
    assert_int_equal(judgement.route, CF_ROUTE_DIRECT);
    assert_int_equal(judgement.verdict.action, expected ? CF_DENY : CF_ALLOW);
    if (expected)
        assert_string_equal(cf_reason_name(judgement.verdict.reason), expected);
    assert_int_equal(judgement.verdict.would_deny, !expected && require);
    cf_profile_free(profile);
}

static void what_the_proxy_refuses_goes_directly_only_when_it_may(void **state)
{
    (void)state;
    check_after_refusal(true, CF_MODE_ENFORCE, true, "proxy_required");
    check_after_refusal(false, CF_MODE_ENFORCE, true, NULL);
    check_after_refusal(true, CF_MODE_AUDIT, true, NULL);
    /* A stand-in is nowhere but at the proxy. */
    check_after_refusal(true, CF_MODE_ENFORCE, false, "proxy_required");
    check_after_refusal(true, CF_MODE_AUDIT, false, "proxy_required");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(datagrams_carry_the_destination),
        TEST(what_is_not_from_the_destination_is_dropped),
        TEST(the_first_answer_says_which_address_a_name_has),
        TEST(several_are_stripped_in_their_order),
        TEST(a_proxy_that_has_no_way_for_datagrams_says_so),
        TEST(datagrams_go_to_the_proxys_own_address_or_nowhere),
        TEST(the_end_of_the_control_connection_is_the_end),
        TEST(what_waits_is_given_in_its_order_and_has_a_limit),
        TEST(what_is_freed_early_leaves_nothing),
        TEST(what_the_proxy_cannot_be_told_is_not_begun),
        cmocka_unit_test(what_the_proxy_refuses_goes_directly_only_when_it_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
