/*
 * probe_echo.c - ping, and traceroute in its three ways, without privileges
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

#define HOPS_MAX 8
#define HEADER 8

static int ping_socket(void)
{
    int fd = socket(probe_family, SOCK_DGRAM | SOCK_CLOEXEC,
                    probe_family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);

    if (fd < 0)
        give_up("ping socket");
    return fd;
}

static void want_errors(int fd)
{
    if (probe_family == AF_INET)
        set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
    else
        set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

static void set_hops(int fd, int hops)
{
    if (probe_family == AF_INET)
        set_int(fd, IPPROTO_IP, IP_TTL, hops);
    else
        set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops);
}

static int send_echo(int fd, uint8_t sequence, size_t length)
{
    static uint8_t packet[65536];

    memset(packet, 0, HEADER);
    packet[0] = probe_family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
    packet[7] = sequence;
    pattern_fill(0, packet + HEADER, length);
    return send(fd, packet, HEADER + length, 0) < 0 ? errno : 0;
}

/* The sequence number of the next reply, whose data must be the pattern. */
static int next_reply(int fd, size_t length)
{
    static uint8_t in[65536], expected[65536];
    ssize_t n = recv(fd, in, sizeof in, 0);

    if (n < 0)
        give_up("recv");
    pattern_fill(0, expected, length);
    if ((size_t)n != HEADER + length || memcmp(in + HEADER, expected, length) != 0)
        give_up("reply is not as the request");
    return in[7];
}

/* LENGTH */
static void ping(void)
{
    size_t length = (size_t)probe_arguments[0];
    int fd = ping_socket();

    errno = connect_to(fd, PLACE_WORLD, 0);
    if (errno != 0)
        give_up("connect");
    for (uint8_t i = 1; i <= 3; i++) {
        errno = send_echo(fd, i, length);
        if (errno != 0)
            give_up("send");
        say("reply %d with %zu bytes", next_reply(fd, length), length);
    }
}

/* Two programs that ping the same host at the same time get their own replies. */
static void ping_twice(void)
{
    int first = ping_socket(), second = ping_socket();

    if (connect_to(first, PLACE_WORLD, 0) != 0 || connect_to(second, PLACE_WORLD, 0) != 0)
        give_up("connect");
    for (uint8_t i = 1; i <= 3; i++) {
        errno = send_echo(first, i, 56);
        if (errno == 0)
            errno = send_echo(second, (uint8_t)(i + 100), 56);
        if (errno != 0)
            give_up("send");
    }
    for (int i = 0; i < 3; i++)
        say("%d %d", next_reply(first, 56), next_reply(second, 56));
}

struct hop {
    int error;
    int type, code;
    char from[INET6_ADDRSTRLEN];
};

static void hop_read(const struct sock_extended_err *ee, struct hop *hop)
{
    const struct sockaddr *offender = SO_EE_OFFENDER(ee);
    const struct sockaddr_in *in = (const void *)offender;
    const struct sockaddr_in6 *in6 = (const void *)offender;

    hop->error = (int)ee->ee_errno;
    hop->type = ee->ee_type;
    hop->code = ee->ee_code;
    strcpy(hop->from, "nobody");
    if (offender->sa_family == AF_INET)
        inet_ntop(AF_INET, &in->sin_addr, hop->from, sizeof hop->from);
    else if (offender->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &in6->sin6_addr, hop->from, sizeof hop->from);
}

/* The next of a socket's errors; false when there is none. */
static bool next_error(int fd, struct hop *hop)
{
    union {
        struct cmsghdr align;
        char bytes[512];
    } control;
    char data[512];
    struct iovec iov = { data, sizeof data };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };

    if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
            hop_read((const void *)CMSG_DATA(c), hop);
    return true;
}

static bool time_exceeded(const struct hop *hop)
{
    return hop->type == (probe_family == AF_INET ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED);
}

/* PLACE */
static void ping_error(void)
{
    struct hop hop = { 0 };
    int fd = ping_socket();

    want_errors(fd);
    errno = connect_to(fd, probe_arguments[0], 0);
    if (errno == 0)
        errno = send_echo(fd, 1, 56);
    if (errno != 0) {
        say("send %s", name_of(errno));
        return;
    }
    say("poll %s", events_text(wait_for(fd, POLLIN)));
    if (next_error(fd, &hop))
        say("%s by %s, type %d, code %d", name_of(hop.error), hop.from, hop.type, hop.code);
}

static void trace_echo(void)
{
    for (int hops = 1; hops <= HOPS_MAX; hops++) {
        struct hop hop = { 0 };
        int fd = ping_socket();

        want_errors(fd);
        set_hops(fd, hops);
        if (connect_to(fd, PLACE_WORLD, 0) != 0 || send_echo(fd, (uint8_t)hops, 32) != 0)
            give_up("send");
        wait_for(fd, POLLIN);
        if (!next_error(fd, &hop)) {
            say("%d reached, reply %d", hops, next_reply(fd, 32));
            return;
        }
        say("%d %s", hops, hop.from);
        close(fd);
    }
}

static void trace_datagram(void)
{
    for (int hops = 1; hops <= HOPS_MAX; hops++) {
        struct hop hop = { 0 };
        int fd = new_socket(SOCK_DGRAM);

        want_errors(fd);
        set_hops(fd, hops);
        if (connect_to(fd, PLACE_WORLD, 33434 + hops) != 0 || send(fd, "trace", 5, 0) != 5)
            give_up("send");
        wait_for(fd, POLLIN);
        if (!next_error(fd, &hop))
            give_up("no error");
        say("%d %s", hops, hop.from);
        if (!time_exceeded(&hop)) {
            say("%s", name_of(hop.error));
            return;
        }
        close(fd);
    }
}

/* PORT */
static void trace_stream(void)
{
    for (int hops = 1; hops <= HOPS_MAX; hops++) {
        struct hop hop = { 0 };
        int fd = new_socket(SOCK_STREAM | SOCK_NONBLOCK), error;

        want_errors(fd);
        set_hops(fd, hops);
        error = connect_to(fd, PLACE_WORLD, probe_arguments[0]);
        if (error != EINPROGRESS)
            give_up("connect");
        /* The kernel queues an ICMP error a moment before the connect ends with it. */
        while (!(wait_for(fd, POLLOUT) & (POLLOUT | POLLHUP)))
            sched_yield();
        error = error_of(fd);
        if (!next_error(fd, &hop)) {
            say("%d reached, %s", hops, name_of(error));
            return;
        }
        say("%d %s, %s", hops, hop.from, name_of(error));
        close(fd);
    }
}

const struct behaviour echo_behaviours[] = {
    { "ping", ping },
    { "ping-twice", ping_twice },
    { "ping-error", ping_error },
    { "trace-echo", trace_echo },
    { "trace-datagram", trace_datagram },
    { "trace-stream", trace_stream },
    { NULL, NULL },
};
