/*
 * serve.c - the server of the bench: echoes bytes and datagrams
 *
 * Many ports, so that each run of a client can have one of its own: what
 * the run before has left in TIME_WAIT is then in nobody's way.
 */
#include "traffic.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64

/* What a descriptor is; the upper half of its epoll data. */
enum kind { KIND_LISTENER, KIND_STREAM, KIND_DATAGRAMS };

static int watch(int epoll, int fd, enum kind kind)
{
    struct epoll_event event = {
        .events = EPOLLIN,
        .data.u64 = (uint64_t)kind << 32 | (uint32_t)fd,
    };

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int listen_at(int epoll, const struct sockaddr_in *at)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)at, sizeof *at) < 0 || listen(fd, 4096) < 0)
        return -1;
    return watch(epoll, fd, KIND_LISTENER);
}

static int datagrams_at(int epoll, const struct sockaddr_in *at)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)at, sizeof *at) < 0)
        return -1;
    return watch(epoll, fd, KIND_DATAGRAMS);
}

static void accept_all(int epoll, int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        if (watch(epoll, fd, KIND_STREAM) < 0)
            close(fd);
}

/* One byte back for each byte; false when the client has closed, or is gone. */
static bool echo(int fd)
{
    char byte;

    return read(fd, &byte, 1) == 1 && send(fd, &byte, 1, MSG_NOSIGNAL) == 1;
}

static void echo_datagrams(int fd)
{
    static char bytes[DATAGRAM_BATCH][DATAGRAM_BYTES];
    struct sockaddr_in from[DATAGRAM_BATCH];
    struct iovec pieces[DATAGRAM_BATCH];
    struct mmsghdr messages[DATAGRAM_BATCH] = { 0 };
    int count;

    for (int i = 0; i < DATAGRAM_BATCH; i++) {
        pieces[i] = (struct iovec) { bytes[i], DATAGRAM_BYTES };
        messages[i].msg_hdr = (struct msghdr) {
            .msg_name = &from[i],
            .msg_namelen = sizeof from[i],
            .msg_iov = &pieces[i],
            .msg_iovlen = 1,
        };
    }
    count = recvmmsg(fd, messages, DATAGRAM_BATCH, MSG_DONTWAIT, NULL);
    if (count > 0)
        (void)sendmmsg(fd, messages, (unsigned int)count, 0);
}

static void handle(int epoll, const struct epoll_event *event)
{
    int fd = (int)(uint32_t)event->data.u64;

    switch ((enum kind)(event->data.u64 >> 32)) {
    case KIND_LISTENER:
        accept_all(epoll, fd);
        break;
    case KIND_STREAM:
        if (!echo(fd))
            close(fd);
        break;
    case KIND_DATAGRAMS:
        echo_datagrams(fd);
        break;
    }
}

int serve(const struct sockaddr_in *at, int ports)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS];
    struct sockaddr_in one = *at;

    if (epoll < 0 || datagrams_at(epoll, at) < 0)
        return fail("cannot bind");
    for (int i = 0; i < ports; i++) {
        one.sin_port = htons((uint16_t)(ntohs(at->sin_port) + i));
        if (listen_at(epoll, &one) < 0)
            return fail("cannot listen");
    }
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < count; i++)
            handle(epoll, &events[i]);
    }
}
