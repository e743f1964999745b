/*
 * datagrams.c - how long a datagram takes there and back, and how many go in a second
 *
 * How many: a window of datagrams is kept under way, and a new one is sent
 * for each that has come back. What has not come back in LOST_MS is lost, and the
 * window is filled again; the rate counts only what came back.
 */
#include "traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WINDOW (2 * DATAGRAM_BATCH)
#define LOST_MS 200
#define LOST_MAX 50

static int udp_open(const struct sockaddr_in *to)
{
    const struct timeval patience = { .tv_usec = LOST_MS * 1000 };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        return -1;
    return fd;
}

/* How many of count came back, one by one; -1 with errno set. */
static int exchange_all(int fd, double *took, int count)
{
    char bytes[DATAGRAM_BYTES] = { 0 };
    int back = 0, lost = 0;

    while (back < count && lost < LOST_MAX) {
        double begin = clock_seconds();

        if (send(fd, bytes, sizeof bytes, 0) < 0)
            return -1;
        if (recv(fd, bytes, sizeof bytes, 0) > 0)
            took[back++] = clock_seconds() - begin;
        else
            lost++;
    }
    return back;
}

/* Datagrams that came back in the time; those lost are added to ret_lost. */
static long flood(int fd, double seconds, long *ret_lost)
{
    static char bytes[DATAGRAM_BATCH][DATAGRAM_BYTES];
    struct iovec pieces[DATAGRAM_BATCH];
    struct mmsghdr messages[DATAGRAM_BATCH] = { 0 };
    double end = clock_seconds() + seconds;
    long back = 0;
    int under_way = 0;

    for (int i = 0; i < DATAGRAM_BATCH; i++) {
        pieces[i] = (struct iovec) { bytes[i], DATAGRAM_BYTES };
        messages[i].msg_hdr = (struct msghdr) { .msg_iov = &pieces[i], .msg_iovlen = 1 };
    }
    while (clock_seconds() < end) {
        int count = 0;

        if (under_way + DATAGRAM_BATCH <= WINDOW)
            count = sendmmsg(fd, messages, DATAGRAM_BATCH, 0);
        if (count > 0) {
            under_way += count;
            continue;
        }
        count = recvmmsg(fd, messages, DATAGRAM_BATCH, MSG_WAITFORONE, NULL);
        if (count > 0) {
            back += count;
            under_way -= count < under_way ? count : under_way;
        } else {
            *ret_lost += under_way;
            under_way = 0;
        }
    }
    return back;
}

int datagrams(const struct sockaddr_in *to, int count, int ms)
{
    double *took = calloc((size_t)count, sizeof *took);
    int fd = udp_open(to);
    long back, lost = 0;
    int single;

    if (!took || fd < 0 || (single = exchange_all(fd, took, count)) <= 0) {
        free(took);
        return fail("no datagram came back");
    }
    back = flood(fd, ms / 1e3, &lost);
    printf("{\"p50\": %.2f, \"p99\": %.2f, \"rate\": %.1f, \"lost\": %ld}\n",
           share_below(took, (size_t)single, 0.5) * 1e6,
           share_below(took, (size_t)single, 0.99) * 1e6, (double)back / (ms / 1e3),
           lost + count - single);
    close(fd);
    free(took);
    return 0;
}
