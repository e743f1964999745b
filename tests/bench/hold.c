/*
 * hold.c - connections that are open and have nothing to say
 *
 * Each line of the input is how many are to be open from now on; the answer is a
 * line with how many are, after each has exchanged a byte. Fewer than asked for
 * means that no more could be had.
 */
#include "traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_SECONDS 2

/* One more connection, which stays open until the end; -1 when none is to be had. */
static int one_more(const struct sockaddr_in *to)
{
    const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)to, sizeof *to) < 0 || byte_exchange(fd) < 0) {
        perror("traffic: hold");
        close(fd);
        return -1;
    }
    return 0;
}

int hold(const struct sockaddr_in *to)
{
    struct rlimit limit;
    char line[32];
    int open = 0;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    while (fgets(line, sizeof line, stdin)) {
        int wanted = atoi(line);

        while (open < wanted && one_more(to) == 0)
            open++;
        printf("%d\n", open);
        fflush(stdout);
    }
    return 0;
}
