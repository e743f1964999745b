/*
 * pingpong.c - how long a byte takes there and back
 */
#include "traffic.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define WARM_UP 100

static int exchange_all(int fd, double *took, int count)
{
    for (int i = -WARM_UP; i < count; i++) {
        double begin = clock_seconds();

        if (byte_exchange(fd) < 0)
            return -1;
        if (i >= 0)
            took[i] = clock_seconds() - begin;
    }
    return 0;
}

int pingpong(const struct sockaddr_in *to, int count)
{
    const int on = 1;
    double *took = calloc((size_t)count, sizeof *took);
    int fd = tcp_open(to, NULL);

    if (!took || fd < 0) {
        free(took);
        return fail("cannot connect");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (exchange_all(fd, took, count) < 0) {
        free(took);
        return fail("lost the connection");
    }
    close(fd);
    printf("{\"p50\": %.2f, \"p99\": %.2f}\n", share_below(took, (size_t)count, 0.5) * 1e6,
           share_below(took, (size_t)count, 0.99) * 1e6);
    free(took);
    return 0;
}
