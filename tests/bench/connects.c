/*
 * connects.c - how many connections a second
 *
 *   connects serve ADDRESS PORT          answer each byte with a byte, for ever
 *   connects run ADDRESS PORT COUNT      connect, send a byte, wait for one, close;
 *                                        print connections per second
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int fail(const char *what)
{
    fprintf(stderr, "connects: %s: %s\n", what, strerror(errno));
    return 1;
}

/* One byte back for each byte; false when the client has closed, or is gone. */
static bool echo(int fd)
{
    char byte;

    return read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1;
}

/*
 * The client closes first, so that TIME_WAIT is its own; a connection that is
 * left open must not hold up the next.
 */
static int serve(const struct sockaddr_in *at)
{
    const int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener < 0 || bind(listener, (const struct sockaddr *)at, sizeof *at) < 0 ||
        listen(listener, 1024) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        return fail("cannot listen");
    for (;;) {
        int fd;

        if (epoll_wait(epoll, &event, 1, -1) != 1)
            continue;
        if (event.data.fd != listener) {
            if (!echo(event.data.fd))
                close(event.data.fd);
            continue;
        }
        fd = accept(listener, NULL, NULL);
        event = (struct epoll_event) { .events = EPOLLIN, .data.fd = fd };
        if (fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
            close(fd);
    }
}

static int connect_once(const struct sockaddr_in *at)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte = 'x';
    int good;

    if (fd < 0)
        return -1;
    good = connect(fd, (const struct sockaddr *)at, sizeof *at) == 0 && write(fd, &byte, 1) == 1 &&
           read(fd, &byte, 1) == 1;
    close(fd);
    return good ? 0 : -1;
}

static int run(const struct sockaddr_in *at, int count)
{
    struct timespec begin, end;
    double seconds;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < count; i++)
        if (connect_once(at) < 0)
            return fail("cannot connect");
    clock_gettime(CLOCK_MONOTONIC, &end);
    seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    printf("%.0f\n", count / seconds);
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = { .sin_family = AF_INET };

    if (argc < 4 || inet_pton(AF_INET, argv[2], &at.sin_addr) != 1) {
        fprintf(stderr, "usage: connects serve ADDRESS PORT | connects run ADDRESS PORT COUNT\n");
        return 2;
    }
    at.sin_port = htons((uint16_t)atoi(argv[3]));
    if (strcmp(argv[1], "serve") == 0)
        return serve(&at);
    return run(&at, argc > 4 ? atoi(argv[4]) : 1000);
}
