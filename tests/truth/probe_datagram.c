/*
 * probe_datagram.c - UDP
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

static ssize_t send_to(int fd, const void *data, size_t length, long number, long port)
{
    struct sockaddr_storage sa;
    socklen_t size = place(number, port, &sa);

    return sendto(fd, data, length, 0, (struct sockaddr *)&sa, size);
}

/* Say what comes next, and whether it comes from this port of the world. */
static void say_next(int fd, long port)
{
    struct sockaddr_storage from, expected;
    socklen_t size = sizeof from, length = place(PLACE_WORLD, port, &expected);
    char text[128];
    ssize_t n = recvfrom(fd, text, sizeof text - 1, 0, (struct sockaddr *)&from, &size);

    text[n > 0 ? n : 0] = '\0';
    if (n < 0)
        say("recv %s", name_of(errno));
    else
        say("\"%s\" from %s", text,
            size == length && memcmp(&from, &expected, length) == 0 ? "whom was asked" : "another");
}

static void datagram_connected(void)
{
    int fd = dial_datagram(PORT_ECHO);

    for (int i = 0; i < 3; i++) {
        if (send(fd, "hello", 5, 0) != 5)
            give_up("send");
        say_next(fd, PORT_ECHO);
    }
}

static void datagram_unconnected(void)
{
    int fd = new_socket(SOCK_DGRAM);

    for (int i = 0; i < 3; i++) {
        if (send_to(fd, "hello", 5, PLACE_WORLD, PORT_ECHO) != 5)
            give_up("sendto");
        say_next(fd, PORT_ECHO);
    }
}

static void ask(int fd, long port, char *text, size_t size)
{
    struct sockaddr_storage sa;
    socklen_t length = place(PLACE_WORLD, port, &sa);
    ssize_t n;

    if (sendto(fd, "?", 1, 0, (struct sockaddr *)&sa, length) != 1)
        give_up("sendto");
    n = recv(fd, text, size - 1, 0);
    if (n < 0)
        give_up("recv");
    text[n] = '\0';
}

/* One conversation has one source port for the server, however long it is. */
static void datagram_one_port(void)
{
    int fd = new_socket(SOCK_DGRAM), same = 0;
    char first[32], next[32];

    ask(fd, PORT_DATAGRAM_PEER, first, sizeof first);
    for (int i = 0; i < 20; i++) {
        ask(fd, PORT_DATAGRAM_PEER, next, sizeof next);
        same += strcmp(first, next) == 0;
    }
    say("%d of 20 from the port of the first", same);
}

/* Two servers that one socket speaks to see it at one port. */
static void datagram_two_servers(void)
{
    struct sockaddr_storage sa;
    socklen_t length = place(PLACE_NARROW, PORT_DATAGRAM_PEER, &sa);
    int fd = new_socket(SOCK_DGRAM);
    char first[32], second[32];
    ssize_t n;

    ask(fd, PORT_DATAGRAM_PEER, first, sizeof first);
    if (sendto(fd, "?", 1, 0, (struct sockaddr *)&sa, length) != 1)
        give_up("sendto");
    n = recv(fd, second, sizeof second - 1, 0);
    second[n > 0 ? n : 0] = '\0';
    say("port %s", strcmp(first, second) == 0 ? "the same" : "another");
}

static void datagram_thrice(void)
{
    int fd = new_socket(SOCK_DGRAM);

    if (send_to(fd, "one", 3, PLACE_WORLD, PORT_THRICE) != 3)
        give_up("sendto");
    for (int i = 0; i < 3; i++)
        say_next(fd, PORT_THRICE);
}

/* LENGTH: there and back, twice. */
static void datagram_length(void)
{
    static uint8_t out[1 << 16], in[1 << 16];
    size_t length = (size_t)probe_arguments[0];
    int fd = dial_datagram(PORT_ECHO);

    pattern_fill(0, out, length);
    for (int i = 0; i < 2; i++) {
        ssize_t n = send(fd, out, length, 0);

        if (n < 0) {
            say("send %s", name_of(errno));
            continue;
        }
        n = recv(fd, in, sizeof in, 0);
        say("%zd bytes %s", n,
            n == (ssize_t)length && memcmp(in, out, length) == 0 ? "same" : "not the same");
    }
}

static void datagram_burst(void)
{
    int fd = dial_datagram(PORT_ECHO), in_order = 0;

    for (int i = 0; i < 64; i++)
        if (send(fd, &i, sizeof i, 0) != sizeof i)
            give_up("send");
    for (int i = 0; i < 64; i++) {
        int got = -1;

        if (recv(fd, &got, sizeof got, 0) != sizeof got)
            give_up("recv");
        in_order += got == i;
    }
    say("%d of 64 in order", in_order);
}

/* Many datagrams in one call, cut by the kernel (UDP_SEGMENT). */
static void datagram_segments(void)
{
    static uint8_t block[10000];
    int fd = dial_datagram(PORT_LENGTH);
    struct pattern_hash hash;
    char text[64], want[64];

    for (size_t i = 0; i < 10; i++)
        pattern_fill(0, block + i * 1000, 1000);
    expect_pattern(1000, &hash);
    snprintf(want, sizeof want, "1000 %016llx", (unsigned long long)pattern_hash_value(&hash));
    set_int(fd, SOL_UDP, UDP_SEGMENT, 1000);
    say("send %zd", send(fd, block, sizeof block, 0));
    for (int i = 0; i < 10; i++) {
        ssize_t n = recv(fd, text, sizeof text - 1, 0);

        text[n > 0 ? n : 0] = '\0';
        if (strcmp(text, want) != 0)
            say("got %s", text);
    }
    say("10 of 1000");
}

static void want_errors(int fd)
{
    if (probe_family == AF_INET)
        set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
    else
        set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

/* A connected socket is told; the error is told once. */
static void datagram_refused(void)
{
    int fd = dial_datagram(PORT_CLOSED);
    char byte;

    say("send %zd", send(fd, "x", 1, 0));
    say("recv %s", name_of(recv(fd, &byte, 1, 0) < 0 ? errno : 0));
    say("SO_ERROR %s", name_of(error_of(fd)));
    say("send %zd", send(fd, "x", 1, 0));
    say("poll %s", events_text(wait_for(fd, POLLIN)));
    say("send %s", name_of(send(fd, "x", 1, 0) < 0 ? errno : 0));
}

/* An unconnected socket is not told, and goes on. */
static void datagram_refused_unconnected(void)
{
    int fd = new_socket(SOCK_DGRAM), other = dial_datagram(PORT_CLOSED);
    char byte;

    if (send_to(fd, "x", 1, PLACE_WORLD, PORT_CLOSED) != 1 || send(other, "x", 1, 0) != 1)
        give_up("send");
    say("connected %s", name_of(recv(other, &byte, 1, 0) < 0 ? errno : 0));
    say("unconnected %s", name_of(error_of(fd)));
    say("sendto %zd", send_to(fd, "hello", 5, PLACE_WORLD, PORT_ECHO));
    say_next(fd, PORT_ECHO);
}

static void say_error(const struct sock_extended_err *ee)
{
    char text[INET6_ADDRSTRLEN] = "nobody";
    struct sockaddr_storage offender;

    memset(&offender, 0, sizeof offender);
    memcpy(&offender, SO_EE_OFFENDER(ee),
           probe_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    if (offender.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)&offender)->sin_addr, text, sizeof text);
    else if (offender.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)(void *)&offender)->sin6_addr, text,
                  sizeof text);
    say("%s by %s, type %d, code %d", name_of((int)ee->ee_errno), text, ee->ee_type, ee->ee_code);
}

static void read_error(int fd)
{
    union {
        struct cmsghdr align;
        char bytes[512];
    } control;
    char data[64];
    struct iovec iov = { data, sizeof data };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    ssize_t n;

    wait_for(fd, 0);
    n = recvmsg(fd, &msg, MSG_ERRQUEUE);
    if (n < 0)
        give_up("MSG_ERRQUEUE");
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
            say_error((const void *)CMSG_DATA(c));
    say("about \"%.*s\"", (int)n, data);
}

/* PLACE PORT: an unconnected socket that asked for errors. */
static void datagram_error(void)
{
    int fd = new_socket(SOCK_DGRAM);
    ssize_t n;

    want_errors(fd);
    n = send_to(fd, "hello", 5, probe_arguments[0], probe_arguments[1]);
    if (n < 0) {
        say("sendto %s", name_of(errno));
        return;
    }
    say("sendto %zd", n);
    read_error(fd);
    say("sendto %s", name_of(send_to(fd, "hello", 5, PLACE_WORLD, PORT_ECHO) < 0 ? errno : 0));
    say("sendto %s", name_of(send_to(fd, "hello", 5, PLACE_WORLD, PORT_ECHO) < 0 ? errno : 0));
    say_next(fd, PORT_ECHO);
}

/* PLACE: a connected socket that did not ask. The next call has it. */
static void datagram_unreachable(void)
{
    int fd = new_socket(SOCK_DGRAM), error = connect_to(fd, probe_arguments[0], 9);
    char byte;

    if (error != 0) {
        say("connect %s", name_of(error));
        return;
    }
    say("send %zd", send(fd, "x", 1, 0));
    say("recv %s", name_of(recv(fd, &byte, 1, 0) < 0 ? errno : 0));
}

/* A reply from a port that was not asked: a connected socket does not want it. */
static void datagram_elsewhere_connected(void)
{
    int fd = dial_datagram(PORT_ELSEWHERE);

    if (send(fd, "hello", 5, 0) != 5)
        give_up("send");
    say_next(fd, PORT_ELSEWHERE);
}

/* An unconnected one takes it. */
static void datagram_elsewhere(void)
{
    int fd = new_socket(SOCK_DGRAM);
    char text[16];
    bool right = false;

    if (send_to(fd, "hello", 5, PLACE_WORLD, PORT_ELSEWHERE) != 5)
        give_up("sendto");
    while (!right) {
        ssize_t n = recv(fd, text, sizeof text - 1, 0);

        text[n > 0 ? n : 0] = '\0';
        say("got %s", text);
        right = strcmp(text, "hello") == 0;
    }
}

static void datagram_truncated(void)
{
    int fd = dial_datagram(PORT_ECHO);
    char text[4];

    if (send(fd, "0123456789", 10, 0) != 10 || send(fd, "abc", 3, 0) != 3)
        give_up("send");
    say("peek %zd", recv(fd, text, sizeof text, MSG_PEEK | MSG_TRUNC));
    say("recv %zd", recv(fd, text, sizeof text, 0));
    say("next %zd", recv(fd, text, sizeof text, 0));
}

/* HOPS: what is left of them where they arrive. */
static void datagram_hops(void)
{
    int fd = new_socket(SOCK_DGRAM);
    char text[32];

    if (probe_family == AF_INET)
        set_int(fd, IPPROTO_IP, IP_TTL, (int)probe_arguments[0]);
    else
        set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, (int)probe_arguments[0]);
    ask(fd, PORT_HOPS, text, sizeof text);
    say("arrives with %s", text);
}

/* A datagram that must not be cut, larger than the way. */
static void datagram_narrow(void)
{
    static uint8_t block[1400];
    int fd = new_socket(SOCK_DGRAM), mtu = 0;
    socklen_t length = sizeof mtu;
    bool ipv4 = probe_family == AF_INET, refused = false;

    if (ipv4)
        set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    else
        set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
    want_errors(fd);
    errno = connect_to(fd, PLACE_NARROW, PORT_ECHO);
    if (errno != 0)
        give_up("connect");
    do {
        refused = send(fd, block, sizeof block, 0) < 0;
    } while (!refused && !(wait_for(fd, POLLIN) & POLLIN));
    if (!refused) {
        say("a reply of %zd bytes", recv(fd, block, sizeof block, 0));
        return;
    }
    say("send %s", name_of(errno));
    if (getsockopt(fd, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, ipv4 ? IP_MTU : IPV6_MTU, &mtu, &length) <
        0)
        give_up("IP_MTU");
    say("MTU %d", mtu);
}

/* Ask PORT_TWICE, which may be asked again: on a busy machine a datagram can be lost. */
static void ask_twice(int fd, char letter, const void *who, char *text, size_t size)
{
    struct pollfd readable = { fd, POLLIN, 0 };
    char question[9] = { letter };
    ssize_t n;

    memcpy(question + 1, who, 8);
    do
        if (send(fd, question, sizeof question, 0) != sizeof question)
            give_up("send");
    while (poll(&readable, 1, 1000) == 0);
    n = recv(fd, text, size - 1, 0);
    if (n < 0)
        give_up("recv");
    text[n] = '\0';
}

/*
 * Nobody answers what is said first, and nothing more is said until who watches from outside
 * closes our input. That it arrived is told on another socket.
 */
static void datagram_idle(void)
{
    int fd = dial_datagram(PORT_TWICE), other = dial_datagram(PORT_TWICE);
    char first[9] = "1", text[32];
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    memcpy(first + 1, &(uint64_t) { (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec }, 8);
    do {
        if (send(fd, first, sizeof first, 0) != sizeof first)
            give_up("send");
        ask_twice(other, '?', first + 1, text, sizeof text);
    } while (strcmp(text, "yes") != 0);
    puts("begun");
    fflush(stdout);
    if (read(STDIN_FILENO, text, sizeof text) != 0)
        give_up("input");
    ask_twice(fd, '2', first + 1, text, sizeof text);
    say("answered; port %s", text);
}

/* COUNT: so many others converse that the first conversation has to make room. */
static void datagram_crowded_out(void)
{
    int fd = dial_datagram(PORT_DATAGRAM_PEER);
    char first[32], again[32], text[8];

    if (send(fd, "?", 1, 0) != 1)
        give_up("send");
    first[recv(fd, first, sizeof first - 1, 0)] = '\0';
    for (int i = 0; i < probe_arguments[0]; i++) {
        int other = dial_datagram(PORT_ECHO);

        if (send(other, "x", 1, 0) != 1 || recv(other, text, sizeof text, 0) != 1)
            give_up("other");
        close(other);
    }
    if (send(fd, "?", 1, 0) != 1)
        give_up("send");
    again[recv(fd, again, sizeof again - 1, 0)] = '\0';
    say("answered; port %s", strcmp(first, again) == 0 ? "the same" : "another");
}

/* A datagram to a group and one to a member of it, which answers both in this order. */
static void datagram_multicast(void)
{
    bool ipv4 = probe_family == AF_INET, last = false;
    struct sockaddr_storage group, router;
    socklen_t length = address(ipv4 ? GROUP_IPV4 : GROUP_IPV6, PORT_GROUP, &group);
    int fd = new_socket(SOCK_DGRAM);

    address(ipv4 ? ROUTER_IPV4 : ROUTER_IPV6, PORT_GROUP, &router);
    say("sendto %zd", sendto(fd, "group", 5, 0, (struct sockaddr *)&group, length));
    say("sendto %zd", sendto(fd, "member", 6, 0, (struct sockaddr *)&router, length));
    while (!last) {
        char text[16];
        ssize_t n = recv(fd, text, sizeof text - 1, 0);

        text[n > 0 ? n : 0] = '\0';
        say("got %s", text);
        last = strcmp(text, "member") == 0;
    }
}

static void datagram_broadcast(void)
{
    struct sockaddr_storage sa;
    socklen_t length = address("255.255.255.255", 9, &sa);
    int fd = new_socket(SOCK_DGRAM);

    say("sendto %s",
        name_of(sendto(fd, "x", 1, 0, (struct sockaddr *)&sa, length) < 0 ? errno : 0));
}

const struct behaviour datagram_behaviours[] = {
    { "datagram-connected", datagram_connected },
    { "datagram-unconnected", datagram_unconnected },
    { "datagram-one-port", datagram_one_port },
    { "datagram-two-servers", datagram_two_servers },
    { "datagram-thrice", datagram_thrice },
    { "datagram-length", datagram_length },
    { "datagram-burst", datagram_burst },
    { "datagram-segments", datagram_segments },
    { "datagram-refused", datagram_refused },
    { "datagram-refused-unconnected", datagram_refused_unconnected },
    { "datagram-error", datagram_error },
    { "datagram-unreachable", datagram_unreachable },
    { "datagram-elsewhere-connected", datagram_elsewhere_connected },
    { "datagram-elsewhere", datagram_elsewhere },
    { "datagram-truncated", datagram_truncated },
    { "datagram-hops", datagram_hops },
    { "datagram-narrow", datagram_narrow },
    { "datagram-idle", datagram_idle },
    { "datagram-crowded-out", datagram_crowded_out },
    { "datagram-multicast", datagram_multicast },
    { "datagram-broadcast", datagram_broadcast },
    { NULL, NULL },
};
