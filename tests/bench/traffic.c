/*
 * traffic.c - the command line of the bench's clients and server
 *
 *   traffic serve ADDRESS PORT PORTS
 *   traffic connects ADDRESS PORT COUNT WORKERS
 *   traffic pingpong ADDRESS PORT COUNT
 *   traffic datagrams ADDRESS PORT COUNT MILLISECONDS
 *   traffic queries ADDRESS PORT COUNT RUN
 *   traffic hold ADDRESS PORT
 *   traffic now                   print the clock, as early as a program can
 */
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

double clock_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double share_below(double *values, size_t count, double share)
{
    qsort(values, count, sizeof *values, compare);
    return count == 0 ? 0 : values[(size_t)((double)(count - 1) * share)];
}

int fail(const char *what)
{
    fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
    return 1;
}

int tcp_open(const struct sockaddr_in *to, double *took)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    double begin = clock_seconds();

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)to, sizeof *to) < 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    if (took)
        *took = clock_seconds() - begin;
    return fd;
}

int byte_exchange(int fd)
{
    char byte = 'x';
    ssize_t got;

    if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
        return -1;
    got = read(fd, &byte, 1);
    if (got == 0)
        errno = ECONNRESET;
    return got == 1 ? 0 : -1;
}

static int number(char **argv, int argc, int at)
{
    return at < argc ? atoi(argv[at]) : 0;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: traffic serve|connects|pingpong|datagrams|queries|hold ADDRESS PORT [NUMBER]...\n"
            "       traffic now\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    const char *verb = argc > 1 ? argv[1] : "";
    int first = number(argv, argc, 4), second = number(argv, argc, 5);

    if (strcmp(verb, "now") == 0)
        return printf("%.9f\n", clock_seconds()) < 0;
    if (argc < 4 || inet_pton(AF_INET, argv[2], &at.sin_addr) != 1)
        return usage();
    at.sin_port = htons((uint16_t)atoi(argv[3]));
    if (strcmp(verb, "hold") == 0)
        return hold(&at);
    if (first <= 0)
        return usage();
    if (strcmp(verb, "serve") == 0)
        return serve(&at, first);
    if (strcmp(verb, "pingpong") == 0)
        return pingpong(&at, first);
    if (second <= 0)
        return usage();
    if (strcmp(verb, "connects") == 0)
        return connects(&at, first, second);
    if (strcmp(verb, "datagrams") == 0)
        return datagrams(&at, first, second);
    if (strcmp(verb, "queries") == 0)
        return queries(&at, first, second);
    return usage();
}
