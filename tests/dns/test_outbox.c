/*
 * test_outbox.c - replies that leave together come one by one, where they belong
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "dns/outbox.h"

#define CLIENTS 2
#define PATIENCE_S 60

/* A socket on loopback for each client, and one that answers them all. */
struct ends {
    int server;
    int clients[CLIENTS];
    union cf_dns_peer peers[CLIENTS];
};

static void ends_open(struct ends *ends, int family)
{
    const union cf_dns_peer at4 = { .ipv4 = { .sin_family = AF_INET,
                                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
    const union cf_dns_peer at6 = { .ipv6 = { .sin6_family = AF_INET6,
                                              .sin6_addr = IN6ADDR_LOOPBACK_INIT } };
    const union cf_dns_peer *at = family == AF_INET ? &at4 : &at6;
    const struct timeval patience = { .tv_sec = PATIENCE_S };

    ends->server = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(ends->server >= 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        socklen_t length = sizeof ends->peers[i];

        ends->clients[i] = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_true(ends->clients[i] >= 0);
        assert_int_equal(
            setsockopt(ends->clients[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
        assert_int_equal(
            bind(ends->clients[i], &at->any, family == AF_INET ? sizeof at->ipv4 : sizeof at->ipv6),
            0);
        memset(&ends->peers[i], 0, sizeof ends->peers[i]);
        assert_int_equal(getsockname(ends->clients[i], &ends->peers[i].any, &length), 0);
    }
}

static void ends_close(struct ends *ends)
{
    close(ends->server);
    for (size_t i = 0; i < CLIENTS; i++)
        close(ends->clients[i]);
}

/* The route to a client from an address that was asked: of 127.0.0.0/8, or ::1. */
static struct cf_dns_route route_to(const struct ends *ends, size_t client, const char *asked)
{
    struct cf_dns_route route = { .peer = ends->peers[client] };

    if (route.peer.any.sa_family == AF_INET)
        assert_int_equal(inet_pton(AF_INET, asked, &route.asked.ipv4.ipi_spec_dst), 1);
    else
        assert_int_equal(inet_pton(AF_INET6, asked, &route.asked.ipv6.ipi6_addr), 1);
    return route;
}

/* A reply that tells which it is by each of its octets. */
static void reply_make(uint8_t *reply, size_t length, size_t number)
{
    for (size_t i = 0; i < length; i++)
        reply[i] = (uint8_t)(number * 7 + i);
}

static void add(struct cf_outbox *outbox, const struct cf_dns_route *route, size_t length,
                size_t number)
{
    uint8_t reply[CF_REPLY_UDP_MAX];

    reply_make(reply, length, number);
    cf_outbox_add(outbox, route, reply, length);
}

/* The reply comes to the client, from that address; those before it have been taken. */
static void check_comes(const struct ends *ends, size_t client, const char *asked, size_t length,
                        size_t number)
{
    uint8_t got[CF_REPLY_UDP_MAX + 1], want[CF_REPLY_UDP_MAX];
    char from[INET6_ADDRSTRLEN];
    union cf_dns_peer at;
    socklen_t at_length = sizeof at;
    const void *bytes = &at.ipv4.sin_addr;

    assert_int_equal(recvfrom(ends->clients[client], got, sizeof got, 0, &at.any, &at_length),
                     length);
    reply_make(want, length, number);
    assert_memory_equal(got, want, length);
    if (at.any.sa_family == AF_INET6)
        bytes = &at.ipv6.sin6_addr;
    assert_string_equal(inet_ntop(at.any.sa_family, bytes, from, sizeof from), asked);
}

static void check_nothing_comes(const struct ends *ends, size_t client)
{
    uint8_t got[1];

    assert_int_equal(recv(ends->clients[client], got, sizeof got, MSG_DONTWAIT), -1);
}

/* As many as the outbox has room for, to one client. */
static void check_full(int family, const char *asked, size_t length, bool whole)
{
    struct cf_outbox *outbox = calloc(1, sizeof *outbox);
    struct cf_dns_route route;
    struct ends ends;
    int one = 1;

    assert_non_null(outbox);
    ends_open(&ends, family);
    /* Without a checksum the kernel cuts nothing, and says so. */
    if (!whole)
        assert_int_equal(setsockopt(ends.server, SOL_SOCKET, SO_NO_CHECK, &one, sizeof one), 0);
    route = route_to(&ends, 0, asked);
    for (size_t i = 0; i < CF_OUTBOX_MAX; i++)
        add(outbox, &route, length, i);
    assert_true(cf_outbox_is_full(outbox));
    cf_outbox_send(outbox, ends.server);
    for (size_t i = 0; i < CF_OUTBOX_MAX; i++)
        check_comes(&ends, 0, asked, length, i);
    check_nothing_comes(&ends, 0);
    assert_int_equal(outbox->n, 0);
    ends_close(&ends);
    free(outbox);
}

static void replies_of_one_length_come_one_by_one(void **state)
{
    (void)state;
    check_full(AF_INET, "127.0.0.1", 12, true);
    check_full(AF_INET, "127.0.0.1", 50, true);
    check_full(AF_INET, "127.0.0.9", 512, true);
    check_full(AF_INET6, "::1", 50, true);
}

static void what_the_kernel_does_not_cut_goes_out_one_by_one(void **state)
{
    (void)state;
    check_full(AF_INET, "127.0.0.1", 50, false);
    check_full(AF_INET, "127.0.0.9", 512, false);
}

static void more_than_one_packet_holds_is_several(void **state)
{
    struct cf_outbox *outbox = calloc(1, sizeof *outbox);
    struct cf_dns_route route;
    struct ends ends;

    (void)state;
    assert_non_null(outbox);
    ends_open(&ends, AF_INET);
    route = route_to(&ends, 0, "127.0.0.1");
    for (size_t i = 0; i < 17; i++)
        add(outbox, &route, CF_REPLY_UDP_MAX, i);
    cf_outbox_send(outbox, ends.server);
    for (size_t i = 0; i < 17; i++)
        check_comes(&ends, 0, "127.0.0.1", CF_REPLY_UDP_MAX, i);
    ends_close(&ends);
    free(outbox);
}

static void each_client_gets_its_own(void **state)
{
    struct cf_outbox *outbox = calloc(1, sizeof *outbox);
    struct cf_dns_route first, second;
    struct ends ends;

    (void)state;
    assert_non_null(outbox);
    ends_open(&ends, AF_INET);
    first = route_to(&ends, 0, "127.0.0.1");
    second = route_to(&ends, 1, "127.0.0.1");
    for (size_t i = 0; i < 10; i++) {
        add(outbox, &first, 40, 2 * i);
        add(outbox, &second, 40, 2 * i + 1);
    }
    cf_outbox_send(outbox, ends.server);
    for (size_t i = 0; i < 10; i++) {
        check_comes(&ends, 0, "127.0.0.1", 40, 2 * i);
        check_comes(&ends, 1, "127.0.0.1", 40, 2 * i + 1);
    }
    check_nothing_comes(&ends, 0);
    check_nothing_comes(&ends, 1);
    ends_close(&ends);
    free(outbox);
}

static void each_leaves_from_the_address_that_was_asked(void **state)
{
    struct cf_outbox *outbox = calloc(1, sizeof *outbox);
    struct cf_dns_route here, there;
    struct ends ends;

    (void)state;
    assert_non_null(outbox);
    ends_open(&ends, AF_INET);
    here = route_to(&ends, 0, "127.0.0.1");
    there = route_to(&ends, 0, "127.0.0.9");
    for (size_t i = 0; i < 10; i++) {
        add(outbox, &here, 40, 2 * i);
        add(outbox, &there, 40, 2 * i + 1);
    }
    cf_outbox_send(outbox, ends.server);
    for (size_t i = 0; i < 10; i++)
        check_comes(&ends, 0, "127.0.0.1", 40, 2 * i);
    for (size_t i = 0; i < 10; i++)
        check_comes(&ends, 0, "127.0.0.9", 40, 2 * i + 1);
    check_nothing_comes(&ends, 0);
    ends_close(&ends);
    free(outbox);
}

static void lengths_are_kept_apart(void **state)
{
    struct cf_outbox *outbox = calloc(1, sizeof *outbox);
    struct cf_dns_route route;
    struct ends ends;

    (void)state;
    assert_non_null(outbox);
    ends_open(&ends, AF_INET);
    route = route_to(&ends, 0, "127.0.0.1");
    for (size_t i = 0; i < 30; i++)
        add(outbox, &route, 40 + i % 3, i);
    cf_outbox_send(outbox, ends.server);
    for (size_t rest = 0; rest < 3; rest++) {
        for (size_t i = rest; i < 30; i += 3)
            check_comes(&ends, 0, "127.0.0.1", 40 + rest, i);
    }
    check_nothing_comes(&ends, 0);
    ends_close(&ends);
    free(outbox);
}

static void what_is_thrown_away_does_not_leave(void **state)
{
    struct cf_outbox *outbox = calloc(1, sizeof *outbox);
    struct cf_dns_route route;
    struct ends ends;

    (void)state;
    assert_non_null(outbox);
    ends_open(&ends, AF_INET);
    route = route_to(&ends, 0, "127.0.0.1");
    add(outbox, &route, 40, 1);
    cf_outbox_clear(outbox);
    cf_outbox_send(outbox, ends.server);
    check_nothing_comes(&ends, 0);
    add(outbox, &route, 40, 2);
    cf_outbox_send(outbox, ends.server);
    check_comes(&ends, 0, "127.0.0.1", 40, 2);
    ends_close(&ends);
    free(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_of_one_length_come_one_by_one),
        cmocka_unit_test(what_the_kernel_does_not_cut_goes_out_one_by_one),
        cmocka_unit_test(more_than_one_packet_holds_is_several),
        cmocka_unit_test(each_client_gets_its_own),
        cmocka_unit_test(each_leaves_from_the_address_that_was_asked),
        cmocka_unit_test(lengths_are_kept_apart),
        cmocka_unit_test(what_is_thrown_away_does_not_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
