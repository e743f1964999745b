/*
 * world_datagram.c - the servers of UDP
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "world.h"

struct datagrams {
    int port, fd, other_fd; /* other: of ELSEWHERE */
};

static int hops_of(struct msghdr *msg)
{
    int hops = -1;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
            memcpy(&hops, CMSG_DATA(c), sizeof hops);
    return hops;
}

#define SEEN_MAX 64
#define NO_ANSWER SIZE_MAX

/*
 * A letter and eight bytes that are the sender's own. "1": the server sees this port, and says
 * nothing. "?": whether it has. "2": whether this is the port that it saw.
 */
static size_t see(char *data, int port)
{
    static _Thread_local struct {
        char who[8];
        int port; /* 0: none yet */
    } seen[SEEN_MAX];
    static _Thread_local size_t next;
    size_t at = 0;

    while (at < SEEN_MAX && (seen[at].port == 0 || memcmp(seen[at].who, data + 1, 8) != 0))
        at++;
    if (data[0] == '?')
        return (size_t)sprintf(data, "%s", at < SEEN_MAX ? "yes" : "no");
    if (data[0] == '2' && at < SEEN_MAX)
        return (size_t)sprintf(data, "%s", seen[at].port == port ? "the same" : "another");
    if (data[0] == '1' && at == SEEN_MAX) {
        memcpy(seen[next].who, data + 1, 8);
        seen[next].port = port;
        next = (next + 1) % SEEN_MAX;
    }
    return NO_ANSWER;
}

static size_t describe(const struct datagrams *server, struct msghdr *msg, char *data, size_t n)
{
    const struct sockaddr_storage *from = msg->msg_name;
    struct pattern_hash hash = { 0 };

    switch (server->port) {
    case PORT_DATAGRAM_PEER: /* both families have the port in the same place */
        return (size_t)sprintf(data, "%d", ntohs(((const struct sockaddr_in *)from)->sin_port));
    case PORT_LENGTH:
        pattern_hash_add(&hash, data, n);
        return (size_t)sprintf(data, "%zu %016llx", n,
                               (unsigned long long)pattern_hash_value(&hash));
    case PORT_TWICE:
        return see(data, ntohs(((const struct sockaddr_in *)from)->sin_port));
    case PORT_HOPS:
        return (size_t)sprintf(data, "%d", hops_of(msg));
    default:
        return n;
    }
}

static void *datagrams_run(void *data)
{
    const struct datagrams *server = data;
    union {
        struct cmsghdr align;
        char bytes[128];
    } control;
    struct sockaddr_storage from;
    char *buffer = malloc(1 << 16);

    for (;;) {
        struct iovec iov = { buffer, 1 << 16 };
        struct msghdr msg = { .msg_name = &from,
                              .msg_namelen = sizeof from,
                              .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof control };
        ssize_t n = recvmsg(server->fd, &msg, 0);
        size_t length;

        if (n < 0)
            continue;
        length = describe(server, &msg, buffer, (size_t)n);
        if (length == NO_ANSWER)
            continue;
        if (server->other_fd >= 0)
            sendto(server->other_fd, "other", 5, 0, (struct sockaddr *)&from, msg.msg_namelen);
        for (int i = 0; i < (server->port == PORT_THRICE ? 3 : 1); i++)
            sendto(server->fd, buffer, length, 0, (struct sockaddr *)&from, msg.msg_namelen);
    }
    return NULL;
}

static int datagram_socket(const char *address, int port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
    bool ipv4 = inet_pton(AF_INET, address, &in.sin_addr) == 1;
    int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 4 << 20, r;

    set_on(fd, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, ipv4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (ipv4) {
        r = bind(fd, (struct sockaddr *)&in, sizeof in);
    } else {
        set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
        inet_pton(AF_INET6, address, &in6.sin6_addr);
        r = bind(fd, (struct sockaddr *)&in6, sizeof in6);
    }
    if (r < 0)
        die(address);
    return fd;
}

void datagrams_start(const char *prefix, int place, int port)
{
    struct datagrams *server = malloc(sizeof *server);
    char address[64];

    snprintf(address, sizeof address, "%s%d", prefix, place);
    server->port = port;
    server->fd = datagram_socket(address, port);
    server->other_fd = port == PORT_ELSEWHERE ? datagram_socket(address, port + 100) : -1;
    thread_start(datagrams_run, server);
}
void group_start(const char *interface)
{
    static struct datagrams ipv4 = { .port = PORT_GROUP, .other_fd = -1 }, ipv6;
    struct ip_mreqn join = { .imr_ifindex = (int)if_nametoindex(interface) };
    struct ipv6_mreq join6 = { .ipv6mr_interface = if_nametoindex(interface) };

    ipv6 = ipv4;
    ipv4.fd = datagram_socket("0.0.0.0", PORT_GROUP);
    ipv6.fd = datagram_socket("::", PORT_GROUP);
    inet_pton(AF_INET, GROUP_IPV4, &join.imr_multiaddr);
    inet_pton(AF_INET6, GROUP_IPV6, &join6.ipv6mr_multiaddr);
    if (setsockopt(ipv4.fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join) < 0 ||
        setsockopt(ipv6.fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &join6, sizeof join6) < 0)
        die("join");
    thread_start(datagrams_run, &ipv4);
    thread_start(datagrams_run, &ipv6);
}
