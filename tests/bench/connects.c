/*
 * connects.c - how long a connect takes, and how many go in a second
 *
 * The client closes first, so that TIME_WAIT is its own.
 */
#include "traffic.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKERS_MAX 64

struct worker {
    pthread_t thread;
    const struct sockaddr_in *to;
    double *took; /* of each connect, in seconds */
    int count;
    int error;
};

static void *work(void *data)
{
    struct worker *worker = data;

    for (int i = 0; i < worker->count && worker->error == 0; i++) {
        int fd = tcp_open(worker->to, &worker->took[i]);

        if (fd < 0 || byte_exchange(fd) < 0)
            worker->error = errno;
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

static int work_all(struct worker *workers, int count)
{
    int error = 0, started = 0;

    while (started < count && error == 0) {
        error = pthread_create(&workers[started].thread, NULL, work, &workers[started]);
        started += error == 0;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].error != 0)
            error = workers[i].error;
    }
    return error;
}

int connects(const struct sockaddr_in *to, int count, int workers)
{
    struct worker all[WORKERS_MAX] = { 0 };
    int each = count / (workers > WORKERS_MAX ? WORKERS_MAX : workers);
    double *took, begin, seconds;
    size_t made;

    workers = workers > WORKERS_MAX ? WORKERS_MAX : workers;
    made = (size_t)(each * workers);
    took = calloc(made + 1, sizeof *took);
    if (!took)
        return fail("no memory");
    for (int i = 0; i < workers; i++)
        all[i] = (struct worker) { .to = to, .count = each, .took = took + i * each };
    begin = clock_seconds();
    errno = work_all(all, workers);
    seconds = clock_seconds() - begin;
    if (errno == 0)
        printf("{\"rate\": %.1f, \"p50\": %.2f, \"p99\": %.2f}\n", (double)made / seconds,
               share_below(took, made, 0.5) * 1e6, share_below(took, made, 0.99) * 1e6);
    free(took);
    return errno == 0 ? 0 : fail("cannot connect");
}
