/*
 * test_gateway.c - the gateway against a real kernel, from both ends
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "lab.h"
#include "netlink/gateway.h"
#include "netlink/link.h"
#include "packet.h"

#define MTU 1500

static struct cf_gateway *gateway;

static struct cf_gateway *gateway_open(bool ipv6)
{
    const struct cf_gateway_config config = {
        .ipv4 = true, .ipv6 = ipv6, .mtu = MTU, .first_gid = getgid(), .last_gid = getgid()
    };
    struct cf_gateway *opened = NULL;
    struct cf_error err = { 0 };

    if (lab_gateway_open(&config, &opened, &err) < 0)
        fail_msg("%s", err.text);
    return opened;
}

static int setup(void **state)
{
    (void)state;
    gateway = gateway_open(true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cf_gateway_close(gateway);
    return 0;
}

static bool is_ipv6(const char *address)
{
    return strchr(address, ':') != NULL;
}

static const char *sandbox_of(const char *peer)
{
    return is_ipv6(peer) ? CF_SANDBOX_IPV6 : CF_SANDBOX_IPV4;
}

static int sandbox_socket(const char *peer, int type, int protocol)
{
    int fd =
        lab_socket(gateway->sandbox_netns_fd, is_ipv6(peer) ? AF_INET6 : AF_INET, type, protocol);

    assert_true(fd >= 0);
    return fd;
}

static int sandbox_connect(int fd, const char *address, uint16_t port)
{
    const struct cf_addr_port at = { .addr = address_of(address), .port = port };
    struct sockaddr_storage sa;
    socklen_t length = cf_addr_port_to_sockaddr(&at, &sa);

    return connect(fd, (struct sockaddr *)&sa, length) < 0 ? -errno : 0;
}

static void check_at(const struct sockaddr_storage *sa, const char *address, int port)
{
    const struct cf_addr expected = address_of(address);
    char text[CF_ADDR_TEXT_SIZE];
    struct cf_addr_port at;

    assert_int_equal(cf_addr_port_from_sockaddr((const struct sockaddr *)sa, &at), 0);
    if (!cf_addr_equal(&at.addr, &expected))
        fail_msg("'%s' is not '%s'", cf_addr_format(&at.addr, text), address);
    if (port)
        assert_int_equal(at.port, port);
}

static void check_name(int fd, int (*name)(int, struct sockaddr *, socklen_t *),
                       const char *address, int port)
{
    struct sockaddr_storage sa;
    socklen_t length = sizeof(sa);

    assert_int_equal(name(fd, (struct sockaddr *)&sa, &length), 0);
    check_at(&sa, address, port);
}

static int local_name(int fd, struct sockaddr *sa, socklen_t *length)
{
    return getsockname(fd, sa, length);
}

static int peer_name(int fd, struct sockaddr *sa, socklen_t *length)
{
    return getpeername(fd, sa, length);
}

/* A route to anywhere, with the sandbox's address as source. */
static void check_route(const char *to)
{
    cf_auto_close int fd = sandbox_socket(to, SOCK_DGRAM, 0);

    assert_int_equal(sandbox_connect(fd, to, 9), 0);
    check_name(fd, local_name, sandbox_of(to), 0);
}

static void sandbox_routes_everywhere_through_the_gateway(void **state)
{
    (void)state;
    check_route("203.0.113.5");
    check_route("10.1.2.3");
    check_route("2001:db8:1::5");
    check_route("fd00::1");
    check_route(CF_GATEWAY_IPV4);
    check_route(CF_GATEWAY_IPV6);
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage sa;
    socklen_t length = sizeof(sa);
    struct cf_addr_port at;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &length), 0);
    assert_int_equal(cf_addr_port_from_sockaddr((const struct sockaddr *)&sa, &at), 0);
    return at.port;
}

/* A SYN from the sandbox as it is logged; the socket that sent it. */
static int syn_send(const char *to, uint16_t port, struct packet *ret)
{
    struct packet_wanted wanted = {
        .prefix = "", .from = sandbox_of(to), .to = to, .protocol = IPPROTO_TCP
    };
    int fd = sandbox_socket(to, SOCK_STREAM, 0);

    assert_int_equal(sandbox_connect(fd, to, port), -EINPROGRESS);
    wanted.number = port_of(fd);
    assert_true(packet_wait(gateway->flows_fd, &wanted, ret));
    assert_int_equal(packet_payload(ret)[2] << 8 | packet_payload(ret)[3], port);
    assert_int_equal(packet_payload(ret)[13] & (TH_FIN | TH_SYN | TH_RST | TH_ACK), TH_SYN);
    return fd;
}

/* Both ends of the link fill it; nothing paces them. */
static void check_congestion(int fd)
{
    char name[16] = "";
    socklen_t length = sizeof(name);

    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
    assert_string_equal(name, CF_LINK_CONGESTION);
}

static void check_tcp(const char *to, uint16_t port)
{
    cf_auto_close int client = -1, server = -1;
    struct packet syn;
    char byte = 0;

    client = syn_send(to, port, &syn);
    assert_int_equal(accept4(gateway->tcp_fd, NULL, NULL, 0), -1);
    assert_int_equal(errno, EAGAIN);
    packet_checksum_tcp(syn.data, syn.length);
    assert_int_equal(packet_send(is_ipv6(to) ? gateway->inject6_fd : gateway->inject4_fd, &syn), 0);
    assert_true(wait_readable(gateway->tcp_fd));
    server = accept4(gateway->tcp_fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(server >= 0);
    check_name(server, local_name, to, port);
    check_name(server, peer_name, sandbox_of(to),
               packet_payload(&syn)[0] << 8 | packet_payload(&syn)[1]);
    check_name(client, peer_name, to, port);
    check_congestion(client);
    check_congestion(server);
    assert_int_equal(write(server, "x", 1), 1);
    assert_true(wait_readable(client));
    assert_int_equal(read(client, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(write(client, "y", 1), 1);
    assert_true(wait_readable(server));
    assert_int_equal(read(server, &byte, 1), 1);
    assert_int_equal(byte, 'y');
}

static void syn_is_held_and_connects_when_it_goes_back_in(void **state)
{
    (void)state;
    check_tcp("203.0.113.5", 443);
    check_tcp("203.0.113.5", 53);
    check_tcp("203.0.113.5", CF_GATEWAY_TCP_PORT);
    check_tcp("10.0.0.1", 80);
    check_tcp(CF_GATEWAY_IPV4, 8080);
    check_tcp("2001:db8:1::5", 443);
    check_tcp("fd00::1", 1);
    check_tcp(CF_GATEWAY_IPV6, 8080);
}

struct datagram {
    char data[65536];
    size_t length;
    struct sockaddr_storage from, original; /* original: IP_RECVORIGDSTADDR */
    struct in_pktinfo info4;
    struct in6_pktinfo info6;
};

static void datagram_read(int fd, struct datagram *ret)
{
    char control[512];
    struct iovec vector = { .iov_base = ret->data, .iov_len = sizeof(ret->data) };
    struct msghdr header = { .msg_name = &ret->from,
                             .msg_namelen = sizeof(ret->from),
                             .msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control) };
    ssize_t n;

    assert_true(wait_readable(fd));
    n = recvmsg(fd, &header, 0);
    assert_true(n >= 0);
    ret->length = (size_t)n;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_type == (c->cmsg_level == SOL_IP ? IP_RECVORIGDSTADDR : IPV6_RECVORIGDSTADDR))
            memcpy(&ret->original, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
        else if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_PKTINFO)
            memcpy(&ret->info4, CMSG_DATA(c), sizeof(ret->info4));
        else if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PKTINFO)
            memcpy(&ret->info6, CMSG_DATA(c), sizeof(ret->info6));
    }
}

/* Answer a datagram from the address that it was sent to. */
static void datagram_answer(int fd, const struct datagram *to)
{
    const bool ipv4 = to->from.ss_family == AF_INET;
    const struct in_pktinfo info4 = { .ipi_spec_dst = to->info4.ipi_addr };
    const struct in6_pktinfo info6 = { .ipi6_addr = to->info6.ipi6_addr };
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(info6))] = { 0 };
    struct iovec vector = { .iov_base = (char[]) { "answer" }, .iov_len = 6 };
    struct msghdr header = { .msg_name = (void *)&to->from,
                             .msg_namelen = sizeof(to->from),
                             .msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);

    c->cmsg_level = ipv4 ? SOL_IP : SOL_IPV6;
    c->cmsg_type = ipv4 ? IP_PKTINFO : IPV6_PKTINFO;
    c->cmsg_len = ipv4 ? CMSG_LEN(sizeof(info4)) : CMSG_LEN(sizeof(info6));
    if (ipv4)
        memcpy(CMSG_DATA(c), &info4, sizeof(info4));
    else
        memcpy(CMSG_DATA(c), &info6, sizeof(info6));
    header.msg_controllen = ipv4 ? CMSG_SPACE(sizeof(info4)) : CMSG_SPACE(sizeof(info6));
    assert_int_equal(sendmsg(fd, &header, 0), 6);
}

static void check_udp(int fd, const char *to, uint16_t port, size_t length)
{
    static char data[65536];
    static struct datagram datagram;
    cf_auto_close int client = sandbox_socket(to, SOCK_DGRAM, 0);

    memset(data, 'u', sizeof(data));
    assert_int_equal(sandbox_connect(client, to, port), 0);
    assert_int_equal(send(client, data, length, 0), length);
    datagram_read(fd, &datagram);
    assert_int_equal(datagram.length, length);
    assert_memory_equal(datagram.data, data, length);
    check_at(&datagram.from, sandbox_of(to), 0);
    check_at(&datagram.original, to, port);
    datagram_answer(fd, &datagram);
    if (port != CF_GATEWAY_UDP_PORT && port != CF_GATEWAY_DNS_PORT)
        return; /* the answer has another port, which a connected socket does not take */
    assert_true(wait_readable(client));
    assert_int_equal(recv(client, data, sizeof(data), 0), 6);
    assert_memory_equal(data, "answer", 6);
}

static void datagram_keeps_its_destination(void **state)
{
    (void)state;
    check_udp(gateway->udp4_fd, "203.0.113.5", 443, 1);
    check_udp(gateway->udp4_fd, "203.0.113.5", CF_GATEWAY_UDP_PORT, 1200);
    check_udp(gateway->udp6_fd, "2001:db8:1::5", 443, 1);
    check_udp(gateway->udp6_fd, "2001:db8:1::5", CF_GATEWAY_UDP_PORT, 1200);
}

static void datagram_to_port_53_is_the_resolvers(void **state)
{
    (void)state;
    check_udp(gateway->dns4_fd, "203.0.113.5", 53, 40);
    check_udp(gateway->dns4_fd, CF_GATEWAY_IPV4, 53, 40);
    check_udp(gateway->dns6_fd, "2001:db8:1::5", 53, 40);
    check_udp(gateway->dns6_fd, CF_GATEWAY_IPV6, 53, 40);
}

static void fragments_are_judged_as_the_packet_they_make(void **state)
{
    (void)state;
    check_udp(gateway->udp4_fd, "203.0.113.5", 443, 3 * MTU);
    check_udp(gateway->udp4_fd, "203.0.113.5", 443, 65507);
    check_udp(gateway->dns4_fd, "203.0.113.5", 53, 2 * MTU);
    check_udp(gateway->udp6_fd, "2001:db8:1::5", 443, 3 * MTU);
    check_udp(gateway->udp6_fd, "2001:db8:1::5", 443, 65000);
    check_udp(gateway->dns6_fd, "2001:db8:1::5", 53, 2 * MTU);
}

/* Through a ping socket, which the sandbox's ping_group_range must allow. */
static void check_echo(const char *to, size_t length)
{
    const uint8_t protocol = is_ipv6(to) ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    uint8_t echo[8192] = { is_ipv6(to) ? 128 : 8 };
    cf_auto_close int fd = sandbox_socket(to, SOCK_DGRAM, protocol);
    struct packet_wanted wanted = {
        .prefix = "", .from = sandbox_of(to), .to = to, .protocol = protocol
    };
    struct packet packet;

    assert_int_equal(sandbox_connect(fd, to, 0), 0);
    assert_int_equal(send(fd, echo, length, 0), length);
    wanted.number = port_of(fd); /* a ping socket's port is its identifier */
    assert_true(packet_wait(gateway->flows_fd, &wanted, &packet));
    assert_int_equal(packet_payload(&packet)[0], echo[0]);
    assert_int_equal(packet.data + packet.length - packet_payload(&packet), length);
}

static void echo_request_is_the_engines(void **state)
{
    (void)state;
    check_echo("203.0.113.5", 64);
    check_echo(CF_GATEWAY_IPV4, 64);
    check_echo("203.0.113.5", 2 * MTU);
    check_echo("2001:db8:1::5", 64);
    check_echo(CF_GATEWAY_IPV6, 64);
    check_echo("2001:db8:1::5", 2 * MTU);
}

static void check_stray(const char *from, const char *to, uint8_t protocol, uint8_t first,
                        const char *reason)
{
    const uint8_t payload[40] = { first, [12] = 5 << 4 };
    cf_auto_close int fd = sandbox_socket(to, SOCK_RAW, IPPROTO_RAW);
    const struct packet_wanted wanted = {
        .prefix = reason, .from = from, .to = to, .protocol = protocol
    };
    const int on = 1;
    struct packet sent, logged;

    if (!is_ipv6(to))
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
    /* Else the sandbox's own addresses do not leave it. */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "eth0", sizeof("eth0")), 0);
    packet_make(&sent, from, to, protocol, payload, sizeof(payload));
    assert_int_equal(packet_send(fd, &sent), 0);
    if (!packet_wait(gateway->strays_fd, &wanted, &logged))
        fail_msg("from '%s' to '%s', protocol %u: not '%s'", from, to, protocol, reason);
    assert_int_equal(logged.length, sent.length);
}

static void what_is_no_flow_is_logged_with_its_reason(void **state)
{
    const char *in4 = CF_SANDBOX_IPV4, *in6 = CF_SANDBOX_IPV6;
    const char *out4 = "203.0.113.5", *out6 = "2001:db8:1::5";

    (void)state;
    check_stray("192.0.2.7", out4, IPPROTO_UDP, 0, "forged");
    check_stray("127.0.0.1", out4, IPPROTO_TCP, 0, "forged");
    check_stray("2001:db8:2::7", out6, IPPROTO_TCP, 0, "forged");
    check_stray("::ffff:198.18.0.2", out6, IPPROTO_UDP, 0, "forged");
    check_stray(in4, "0.0.0.1", IPPROTO_UDP, 0, "destination");
    check_stray(in4, "0.255.255.255", IPPROTO_UDP, 0, "destination");
    check_stray(in4, "127.0.0.1", IPPROTO_UDP, 0, "destination");
    check_stray(in4, "127.255.255.255", IPPROTO_UDP, 0, "destination");
    check_stray(in4, "224.0.0.0", IPPROTO_UDP, 0, "destination");
    check_stray(in4, "224.0.0.251", IPPROTO_UDP, 0, "destination");
    check_stray(in4, "239.255.255.250", IPPROTO_UDP, 0, "destination");
    check_stray(in4, "239.255.255.255", IPPROTO_UDP, 0, "destination");
    check_stray(in4, "255.255.255.255", IPPROTO_UDP, 0, "destination");
    check_stray(in4, "198.18.0.3", IPPROTO_UDP, 0, "destination");
    check_stray(in6, "::", IPPROTO_UDP, 0, "destination");
    check_stray(in6, "::ffff:0.0.0.0", IPPROTO_UDP, 0, "destination");
    check_stray(in6, "::ffff:203.0.113.5", IPPROTO_UDP, 0, "destination");
    check_stray(in6, "::ffff:255.255.255.255", IPPROTO_UDP, 0, "destination");
    check_stray(in6, "ff0e::1", IPPROTO_UDP, 0, "destination");
    check_stray(in6, "ff02::fb", IPPROTO_UDP, 0, "destination");
    check_stray(in4, out4, IPPROTO_GRE, 0, "protocol");
    check_stray(in4, out4, IPPROTO_SCTP, 0, "protocol");
    check_stray(in4, out4, 253, 0, "protocol");
    check_stray(in6, out6, IPPROTO_SCTP, 0, "protocol");
    check_stray(in6, out6, 253, 0, "protocol");
    check_stray(in4, out4, IPPROTO_ICMP, 13, "icmp"); /* timestamp */
    check_stray(in4, out4, IPPROTO_ICMP, 0, "icmp");  /* echo reply */
    check_stray(in6, out6, IPPROTO_ICMPV6, 129, "icmp");
    check_stray(in6, out6, IPPROTO_ICMPV6, 137, "icmp"); /* redirect */
    check_stray(in4, out4, IPPROTO_ICMP, 3, "icmp-error");
    check_stray(in6, out6, IPPROTO_ICMPV6, 1, "icmp-error");
    check_stray(in4, out4, IPPROTO_ICMP, 4, "icmp");
    check_stray(in4, out4, IPPROTO_ICMP, 11, "icmp-error");
    check_stray(in4, out4, IPPROTO_ICMP, 12, "icmp-error");
    check_stray(in6, out6, IPPROTO_ICMPV6, 4, "icmp-error");
    check_stray(in6, out6, IPPROTO_ICMPV6, 5, "icmp");
    check_stray(in4, out4, IPPROTO_ICMPV6, 135, "protocol");
    check_stray(in6, out6, IPPROTO_ICMP, 3, "protocol");
    check_stray(in6, "2001:db8:cf::1", IPPROTO_ICMPV6, 130, "link");
    check_stray(in6, "2001:db8:cf::1", IPPROTO_ICMPV6, 133, "link");
    check_stray(in6, "2001:db8:cf::1", IPPROTO_ICMPV6, 134, "icmp");
    check_stray(in6, "2001:db8:cf::1", IPPROTO_ICMPV6, 135, "link");
    check_stray(in6, "2001:db8:cf::1", IPPROTO_ICMPV6, 136, "link");
    check_stray(in6, "2001:db8:cf::1", IPPROTO_ICMPV6, 142, "icmp");
    check_stray(in6, "2001:db8:cf::1", IPPROTO_ICMPV6, 143, "link");
    check_stray(in6, "2001:db8:cf::1", IPPROTO_ICMPV6, 144, "icmp");
}

/* A segment of no connection: RFC 9293, 3.10.7.1 asks for a RST. */
static void check_reset(const char *to)
{
    const uint8_t segment[20] = {
        0x30, 0x39, 0x01, 0xbb, [7] = 1, [11] = 1, [12] = 5 << 4, [13] = TH_ACK
    };
    const uint8_t back[4] = { 0x01, 0xbb, 0x30, 0x39 }; /* its ports, from the other side */
    cf_auto_close int out = sandbox_socket(to, SOCK_RAW, IPPROTO_RAW);
    cf_auto_close int in = sandbox_socket(to, SOCK_RAW, IPPROTO_TCP);
    uint8_t answer[128];
    const size_t header = is_ipv6(to) ? 0 : 20;
    struct packet packet;

    packet_make(&packet, sandbox_of(to), to, IPPROTO_TCP, segment, sizeof(segment));
    packet_checksum_tcp(packet.data, packet.length);
    assert_int_equal(packet_send(out, &packet), 0);
    do { /* connections of other cases may have a last word */
        assert_true(wait_readable(in));
        assert_true(recv(in, answer, sizeof(answer), 0) >= (ssize_t)header + 20);
    } while (memcmp(answer + header, back, sizeof(back)) != 0);
    assert_true(answer[header + 13] & TH_RST);
}

static void segment_of_no_connection_is_reset(void **state)
{
    (void)state;
    check_reset("203.0.113.5");
    check_reset("2001:db8:1::5");
}

/* A socket for one flow, as the engine makes it, takes the flow's datagrams. */
static void check_flow_socket(int new_fd, const char *to)
{
    const struct cf_addr_port at = { .addr = address_of(to), .port = 4433 };
    cf_auto_close int client = sandbox_socket(to, SOCK_DGRAM, 0);
    cf_auto_close int flow = -1;
    static struct datagram datagram;
    struct sockaddr_storage sa;
    socklen_t length = cf_addr_port_to_sockaddr(&at, &sa);
    const int on = 1;

    assert_int_equal(sandbox_connect(client, to, 4433), 0);
    assert_int_equal(send(client, "1", 1, 0), 1);
    datagram_read(new_fd, &datagram);
    flow = cf_gateway_socket(gateway, sa.ss_family, SOCK_DGRAM, 0);
    assert_true(flow >= 0);
    assert_true(fcntl(flow, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(flow, F_GETFL) & O_NONBLOCK);
    if (is_ipv6(to))
        assert_int_equal(setsockopt(flow, SOL_IPV6, IPV6_TRANSPARENT, &on, sizeof(on)), 0);
    else
        assert_int_equal(setsockopt(flow, SOL_IP, IP_TRANSPARENT, &on, sizeof(on)), 0);
    assert_int_equal(bind(flow, (struct sockaddr *)&sa, length), 0);
    assert_int_equal(connect(flow, (struct sockaddr *)&datagram.from, length), 0);
    assert_int_equal(send(client, "2", 1, 0), 1);
    datagram_read(flow, &datagram);
    assert_memory_equal(datagram.data, "2", 1);
    assert_int_equal(send(flow, "3", 1, 0), 1);
    assert_true(wait_readable(client));
    assert_int_equal(recv(client, datagram.data, 8, 0), 1);
    assert_memory_equal(datagram.data, "3", 1);
}

static void socket_of_a_flow_takes_its_datagrams(void **state)
{
    (void)state;
    check_flow_socket(gateway->udp4_fd, "203.0.113.5");
    check_flow_socket(gateway->udp6_fd, "2001:db8:1::5");
}

static void socket_that_cannot_be_made_returns_errno(void **state)
{
    (void)state;
    assert_int_equal(cf_gateway_socket(gateway, AF_INET, SOCK_STREAM, 9999), -EINVAL);
    assert_int_equal(cf_gateway_socket(gateway, 9999, SOCK_STREAM, 0), -EAFNOSUPPORT);
}

static void counters_count_what_the_sandbox_sends(void **state)
{
    uint64_t packets, bytes, packets_later, bytes_later;

    (void)state;
    assert_int_equal(cf_gateway_counters(gateway, &packets, &bytes, NULL), 0);
    check_stray(CF_SANDBOX_IPV4, "203.0.113.5", IPPROTO_GRE, 0, "protocol");
    check_stray(CF_SANDBOX_IPV4, "203.0.113.5", IPPROTO_GRE, 0, "protocol");
    assert_int_equal(cf_gateway_counters(gateway, &packets_later, &bytes_later, NULL), 0);
    assert_int_equal(packets_later, packets + 2);
    assert_true(bytes_later >= bytes + 2 * 60);
}

static void without_ipv6_the_sandbox_has_none_but_on_lo(void **state)
{
    struct cf_gateway *both = gateway;
    cf_auto_close int out = -1, loopback = -1;

    (void)state;
    gateway = gateway_open(false);
    assert_int_equal(gateway->udp6_fd, -1);
    assert_int_equal(gateway->dns6_fd, -1);
    assert_int_equal(gateway->raw6_fd, -1);
    assert_int_equal(gateway->inject6_fd, -1);
    out = sandbox_socket("2001:db8:1::5", SOCK_DGRAM, 0);
    assert_int_equal(sandbox_connect(out, "2001:db8:1::5", 9), -ENETUNREACH);
    loopback = sandbox_socket("::1", SOCK_DGRAM, 0);
    assert_int_equal(sandbox_connect(loopback, "::1", 9), 0);
    check_tcp("203.0.113.5", 443);
    check_udp(gateway->udp4_fd, "203.0.113.5", 443, 1);
    cf_gateway_close(gateway);
    gateway = both;
}

static void close_leaves_no_descriptor_and_no_thread(void **state)
{
    const int descriptors = lab_count_descriptors();
    const int threads = 3; /* this one, and those of the gateway of all tests */

    (void)state;
    assert_true(lab_wait_threads(threads));
    cf_gateway_close(gateway_open(true));
    assert_int_equal(lab_count_descriptors(), descriptors);
    assert_true(lab_wait_threads(threads));
}

/* In a child, as the limit is that of its user namespace. */
static void limit_of_namespaces_is_named(void **state)
{
    const struct cf_gateway_config config = { .ipv4 = true, .mtu = MTU };
    const int descriptors = lab_count_descriptors();
    struct cf_gateway *opened = NULL;
    struct cf_error err = { 0 };
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    if (pid == 0) {
        if (cf_fd_write_file("/proc/sys/user/max_net_namespaces", "0") < 0)
            _exit(2);
        if (lab_gateway_open(&config, &opened, &err) != -ENOSPC)
            _exit(3);
        if (lab_count_descriptors() != descriptors || !lab_wait_threads(1))
            _exit(4);
        _exit(strstr(err.text, "max_net_namespaces") ? 0 : 5);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    cf_fd_write_file("/proc/sys/user/max_net_namespaces", "1000");
    assert_int_equal(status, 0);
}

/* From here on this process gets no nfnetlink, as on a kernel without it. */
static bool nfnetlink_refuse(void)
{
    /* The low half of an argument, which is 64 bits wide. */
    const uint32_t low = __BYTE_ORDER == __BIG_ENDIAN ? 4 : 0;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + low),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2]) + low),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_NETFILTER, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Whether eth0 of a namespace is up; false when there is none. */
static bool sandbox_is_up(int netns_fd)
{
    struct ifreq request = { .ifr_name = "eth0" };
    cf_auto_close int fd = -1;

    if (setns(netns_fd, CLONE_NEWNET) < 0)
        return true;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || (ioctl(fd, SIOCGIFFLAGS, &request) < 0 && errno != ENODEV))
        return true;
    return request.ifr_flags & IFF_UP;
}

/* In a child, which has no way back. The sandbox's kernel would send what no rule counts. */
static void link_does_not_come_up_without_rules(void **state)
{
    const struct cf_gateway_config config = {
        .ipv4 = true, .ipv6 = true, .mtu = MTU, .first_gid = getgid(), .last_gid = getgid()
    };
    struct cf_gateway *begun = NULL;
    struct cf_error err = { 0 };
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    if (pid == 0) {
        if (!nfnetlink_refuse() || cf_gateway_start(&begun, &err) < 0)
            _exit(2);
        cf_gateway_configure(begun, &config);
        if (cf_gateway_netns_wait(begun, &err) < 0 || cf_gateway_finish(begun, &err) >= 0)
            _exit(3);
        if (sandbox_is_up(begun->sandbox_netns_fd))
            _exit(4);
        cf_gateway_close(begun);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void gateway_closed_before_its_configuration_leaves_nothing(void **state)
{
    const int descriptors = lab_count_descriptors();
    struct cf_gateway *begun = NULL;
    struct cf_error err = { 0 };
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    if (pid == 0) {
        if (cf_gateway_start(&begun, &err) < 0)
            _exit(2);
        cf_gateway_close(begun);
        _exit(lab_count_descriptors() == descriptors && lab_wait_threads(1) ? 0 : 3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* One link, and the first that is sent over it each way: nothing sends it again. */
static void check_first_datagrams(const char *to)
{
    struct cf_gateway *const shared = gateway;

    gateway = gateway_open(true);
    check_flow_socket(is_ipv6(to) ? gateway->udp6_fd : gateway->udp4_fd, to);
    cf_gateway_close(gateway);
    gateway = shared;
}

static void first_datagrams_are_not_lost_however_soon_they_are_sent(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        check_first_datagrams("203.0.113.5");
        check_first_datagrams("2001:db8:1::5");
    }
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(sandbox_routes_everywhere_through_the_gateway),
        cmocka_unit_test(syn_is_held_and_connects_when_it_goes_back_in),
        cmocka_unit_test(datagram_keeps_its_destination),
        cmocka_unit_test(datagram_to_port_53_is_the_resolvers),
        cmocka_unit_test(fragments_are_judged_as_the_packet_they_make),
        cmocka_unit_test(echo_request_is_the_engines),
        cmocka_unit_test(what_is_no_flow_is_logged_with_its_reason),
        cmocka_unit_test(segment_of_no_connection_is_reset),
        cmocka_unit_test(socket_of_a_flow_takes_its_datagrams),
        cmocka_unit_test(socket_that_cannot_be_made_returns_errno),
        cmocka_unit_test(counters_count_what_the_sandbox_sends),
        cmocka_unit_test(link_does_not_come_up_without_rules),
        cmocka_unit_test(gateway_closed_before_its_configuration_leaves_nothing),
        cmocka_unit_test(first_datagrams_are_not_lost_however_soon_they_are_sent),
        cmocka_unit_test(without_ipv6_the_sandbox_has_none_but_on_lo),
        cmocka_unit_test(close_leaves_no_descriptor_and_no_thread),
        cmocka_unit_test(limit_of_namespaces_is_named),
    };

    return cmocka_run_group_tests(all, setup, teardown);
}

int main(void)
{
    return lab_run(tests);
}
