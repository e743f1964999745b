/*
 * test_sockets.c - which packets are those of sockets of ours
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/sockets.h"

#define NOW INT64_C(1000000000)

static struct cf_capture_sockets *sockets;
static struct cf_addr_port local, remote;
static int fd;

/* A socket that is connected to a port of the loopback, where nobody is. */
static void open_socket(int type)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(9),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_storage from;
    socklen_t length = sizeof(from);

    fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (type == SOCK_DGRAM)
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    else
        assert_int_equal(bind(fd, (struct sockaddr *)&(struct sockaddr_in) {
                                      .sin_family = AF_INET,
                                      .sin_addr = to.sin_addr },
                              sizeof(to)),
                         0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&from, &length), 0);
    cf_addr_port_from_sockaddr((struct sockaddr *)&from, &local);
    cf_addr_port_from_sockaddr((struct sockaddr *)&to, &remote);
    assert_int_equal(cf_capture_sockets_new(&sockets), 0);
    assert_int_equal(cf_capture_sockets_add(sockets, fd, (struct sockaddr *)&to), 0);
}

static void close_socket(void)
{
    cf_capture_sockets_free(sockets);
    close(fd);
}

static struct cf_frame frame_of(uint8_t protocol, bool outbound)
{
    const struct cf_addr_port *from = outbound ? &local : &remote;
    const struct cf_addr_port *to = outbound ? &remote : &local;

    return (struct cf_frame) { .protocol = protocol,
                               .src = from->addr,
                               .src_port = from->port,
                               .dst = to->addr,
                               .dst_port = to->port };
}

/* As a packet at interface 2, that the machine sent or received. */
static bool own(const struct cf_frame *frame, int64_t time_ns, bool outgoing, unsigned ifindex)
{
    static uint8_t data[64];
    const struct cf_ring_packet packet = { .data = data,
                                           .captured = sizeof(data),
                                           .length = sizeof(data),
                                           .time_ns = time_ns,
                                           .outgoing = outgoing,
                                           .ifindex = ifindex };
    bool outbound = !outgoing;
    bool result = cf_capture_sockets_own(sockets, &packet, frame, &outbound);

    if (result)
        assert_int_equal(outbound, outgoing);
    return result;
}

static void both_directions_of_a_socket_are_ours(void **state)
{
    struct cf_frame out, in, other;

    (void)state;
    open_socket(SOCK_DGRAM);
    out = other = frame_of(IPPROTO_UDP, true);
    in = frame_of(IPPROTO_UDP, false);
    assert_true(own(&out, NOW, true, 2));
    assert_true(own(&in, NOW, false, 2));
    other.src_port++;
    assert_false(own(&other, NOW, true, 2));
    other = out;
    other.dst_port++;
    assert_false(own(&other, NOW, true, 2));
    other = out;
    other.protocol = IPPROTO_TCP;
    assert_false(own(&other, NOW, true, 2));
    close_socket();
}

static void a_packet_that_is_seen_at_several_interfaces_is_ours_at_one(void **state)
{
    struct cf_frame out, in;

    (void)state;
    open_socket(SOCK_DGRAM);
    out = frame_of(IPPROTO_UDP, true);
    in = frame_of(IPPROTO_UDP, false);
    assert_true(own(&out, NOW, true, 3));
    assert_false(own(&out, NOW, true, 2)); /* below the first */
    assert_false(own(&in, NOW, false, 2));
    assert_true(own(&in, NOW, false, 3));
    assert_false(own(&out, NOW, false, 3)); /* it does not come in by that way */
    close_socket();
}

static void what_passed_before_datagrams_had_no_socket_any_more_is_ours(void **state)
{
    struct cf_frame out;

    (void)state;
    open_socket(SOCK_DGRAM);
    out = frame_of(IPPROTO_UDP, true);
    cf_capture_sockets_close(sockets, fd, NOW);
    assert_true(own(&out, NOW - 1, true, 2));
    assert_false(own(&out, NOW + 1, true, 2));
    close_socket();
}

static void a_descriptor_that_is_another_socket_by_now_is_not_ours(void **state)
{
    struct cf_frame out;
    int other;

    (void)state;
    open_socket(SOCK_DGRAM);
    out = frame_of(IPPROTO_UDP, true);
    other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(dup3(other, fd, O_CLOEXEC), fd);
    close(other);
    assert_false(own(&out, NOW, true, 2));
    close_socket();
}

static bool own_syn(uint32_t seq)
{
    uint8_t data[64] = { 0 };
    struct cf_frame frame = frame_of(IPPROTO_TCP, true);
    const struct cf_ring_packet packet = { .data = data, .captured = 64, .length = 64,
                                           .time_ns = NOW, .outgoing = true, .ifindex = 2 };
    bool outbound;

    frame.first = true;
    memcpy(data + 4, &seq, sizeof(seq));
    return cf_capture_sockets_own(sockets, &packet, &frame, &outbound);
}

static void another_connection_from_the_same_end_is_not_ours(void **state)
{
    struct cf_frame out;

    (void)state;
    open_socket(SOCK_STREAM);
    out = frame_of(IPPROTO_TCP, true);
    assert_true(own_syn(7));
    assert_true(own_syn(7)); /* sent again */
    assert_true(own(&out, NOW, true, 2));
    assert_false(own_syn(8));
    assert_false(own(&out, NOW, true, 2));
    close_socket();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_of_a_socket_are_ours),
        cmocka_unit_test(a_packet_that_is_seen_at_several_interfaces_is_ours_at_one),
        cmocka_unit_test(what_passed_before_datagrams_had_no_socket_any_more_is_ours),
        cmocka_unit_test(a_descriptor_that_is_another_socket_by_now_is_not_ours),
        cmocka_unit_test(another_connection_from_the_same_end_is_not_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
