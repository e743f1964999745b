/*
 * queries.c - how long a resolver takes for a name that nobody has asked before
 *
 * One query after another (RFC 1035, type A), each for a new name below
 * bench.example. The first tenth warms up and is not counted.
 */
#include "traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define HEADER 12
#define QUERY_MAX 64
#define PATIENCE_S 5

/* A query for qRUNxNUMBER.bench.example; returns its length. */
static size_t query_make(unsigned char *query, int run, int number)
{
    static const unsigned char flags[HEADER] = { 0, 0, 1, 0, 0, 1 };    /* RD, one question */
    static const char rest[] = "\5bench\7example\0\0\1\0\1";            /* ends the name; A, IN */
    char label[QUERY_MAX - HEADER - sizeof rest];
    int length = snprintf(label, sizeof label, "q%dx%d", run, number);

    memcpy(query, flags, HEADER);
    query[0] = (unsigned char)(number >> 8);
    query[1] = (unsigned char)number;
    query[HEADER] = (unsigned char)length;
    memcpy(query + HEADER + 1, label, (size_t)length);
    memcpy(query + HEADER + 1 + length, rest, sizeof rest - 1);
    return HEADER + 1 + (size_t)length + sizeof rest - 1;
}

/* Seconds until the answer, one that has a record; -1 when there is none. */
static double answer_wait(int fd, int run, int number)
{
    unsigned char query[QUERY_MAX], answer[512];
    size_t length = query_make(query, run, number);
    double begin = clock_seconds();

    if (send(fd, query, length, 0) < 0 || recv(fd, answer, sizeof answer, 0) < HEADER ||
        memcmp(query, answer, 2) != 0 || (answer[3] & 15) != 0 || answer[7] == 0)
        return -1;
    return clock_seconds() - begin;
}

int queries(const struct sockaddr_in *to, int count, int run)
{
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    double *took = calloc((size_t)count, sizeof *took);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    size_t warm = (size_t)count / 10, counted = (size_t)count - warm;
    int status = 0;

    if (!took || fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        status = fail("queries");
    for (int i = 0; i < count && status == 0; i++)
        if ((took[i] = answer_wait(fd, run, i)) < 0)
            status = fail("a query without a good answer");
    if (status == 0)
        printf("{\"p50\": %.2f, \"p99\": %.2f}\n", share_below(took + warm, counted, 0.5) * 1e6,
               share_below(took + warm, counted, 0.99) * 1e6);
    if (fd >= 0)
        close(fd);
    free(took);
    return status;
}
