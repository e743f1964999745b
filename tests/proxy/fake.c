/*
 * fake.c - a proxy that says what a test tells it, and a loop that waits for it
 */
#include "fake.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"

#define PATIENCE_US (120 * CF_US_PER_S) /* for what never comes; no test waits it out */

static void fake_end(struct fake *fake)
{
    static const struct linger reset = { .l_onoff = 1 };

    if (fake->end == FAKE_STAYS)
        return;
    if (fake->end == FAKE_RESETS)
        setsockopt(fake->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    cf_loop_unwatch_close(fake->loop, &fake->watch, &fake->fd);
}

/* Say what is to be said, or one byte of it. */
static void fake_say(struct cf_task *task)
{
    struct fake *fake = cf_container_of(task, struct fake, task);
    const struct fake_turn *turn = &fake->turns[fake->turn];
    size_t n = turn->n_said - fake->n_said;

    if (fake->slow && n > 1)
        n = 1;
    if (n > 0) {
        ssize_t sent = send(fake->fd, turn->said + fake->n_said, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno != EAGAIN) { /* who is spoken to has left */
            fake->turn = fake->n_turns;
            return;
        }
        fake->n_said += sent > 0 ? (size_t)sent : 0;
    }
    if (fake->n_said < turn->n_said) {
        cf_loop_task_add(fake->loop, &fake->task);
        return;
    }
    fake->turn++;
    fake->n_said = 0;
    if (fake->turn == fake->n_turns)
        fake_end(fake);
}

static void fake_hear(struct cf_watch *watch, uint32_t events)
{
    struct fake *fake = cf_container_of(watch, struct fake, watch);
    const struct fake_turn *turn = &fake->turns[fake->turn];
    ssize_t n = recv(fake->fd, fake->heard + fake->n_heard, sizeof fake->heard - fake->n_heard,
                     MSG_DONTWAIT);

    (void)events;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        cf_loop_task_remove(fake->loop, &fake->task);
        cf_loop_unwatch_close(fake->loop, &fake->watch, &fake->fd);
        return;
    }
    fake->n_heard += (size_t)n;
    if (fake->turn >= fake->n_turns || fake->n_heard < turn->n_heard)
        return;
    assert_int_equal(fake->n_heard, turn->n_heard);
    assert_memory_equal(fake->heard, turn->heard, turn->n_heard);
    fake->n_heard = 0;
    cf_loop_task_add(fake->loop, &fake->task);
}

static void fake_accept(struct cf_watch *watch, uint32_t events)
{
    struct fake *fake = cf_container_of(watch, struct fake, listen_watch);
    int fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), on = 1;

    (void)events;
    if (fd < 0) /* gone again already */
        return;
    assert_int_equal(fake->fd, -1);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fake->fd = fd;
    fake->n_accepted++;
    assert_int_equal(cf_loop_watch(fake->loop, &fake->watch, fd, EPOLLIN), 0);
    /* Who waits for nothing speaks at once. */
    if (fake->n_turns > 0 && fake->turns[0].n_heard == 0)
        cf_loop_task_add(fake->loop, &fake->task);
}

static int listen_unix(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    return fd;
}

static int listen_tcp(const char *addr, struct cf_addr_port *ret_at)
{
    struct sockaddr_storage sa;
    socklen_t length;
    int fd;

    ret_at->port = 0;
    assert_int_equal(cf_addr_parse(addr, &ret_at->addr), 0);
    length = cf_addr_port_to_sockaddr(ret_at, &sa);
    fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, length), 0);
    length = sizeof sa;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &length), 0);
    assert_int_equal(cf_addr_port_from_sockaddr((struct sockaddr *)&sa, ret_at), 0);
    return fd;
}

void fake_open(struct fake *fake, struct cf_loop *loop, const char *addr, const char *path)
{
    memset(fake, 0, sizeof *fake);
    fake->loop = loop;
    fake->fd = -1;
    fake->watch = (struct cf_watch) { .fd = -1, .fn = fake_hear };
    fake->listen_watch = (struct cf_watch) { .fd = -1, .fn = fake_accept };
    fake->task.fn = fake_say;
    fake->listener = path ? listen_unix(path) : listen_tcp(addr, &fake->at);
    assert_int_equal(listen(fake->listener, 8), 0);
    assert_int_equal(cf_loop_watch(loop, &fake->listen_watch, fake->listener, EPOLLIN), 0);
}

void fake_close(struct fake *fake)
{
    cf_loop_task_remove(fake->loop, &fake->task);
    cf_loop_unwatch_close(fake->loop, &fake->watch, &fake->fd);
    cf_loop_unwatch_close(fake->loop, &fake->listen_watch, &fake->listener);
}

void fake_says_bytes(struct fake *fake, const void *heard, size_t n_heard, const void *said,
                     size_t n_said)
{
    assert_true(fake->n_turns < FAKE_TURNS_MAX);
    fake->turns[fake->n_turns++] = (struct fake_turn) { heard, n_heard, said, n_said };
}

void fake_says(struct fake *fake, const char *heard, const char *said)
{
    fake_says_bytes(fake, heard, strlen(heard), said, strlen(said));
}

struct waiter {
    struct cf_task task;
    struct cf_loop *loop;
    bool (*condition)(void);
    unsigned turns;
    int64_t deadline_us;
};

static void ask(struct cf_task *task)
{
    struct waiter *waiter = cf_container_of(task, struct waiter, task);

    if (waiter->condition ? waiter->condition() : waiter->turns-- == 0)
        cf_loop_stop(waiter->loop, 0);
    else if (cf_clock_monotonic_us() > waiter->deadline_us)
        cf_loop_stop(waiter->loop, -ETIMEDOUT);
    else
        cf_loop_task_add(waiter->loop, task);
}

static void wait(struct waiter *waiter)
{
    waiter->deadline_us = cf_clock_monotonic_us() + PATIENCE_US;
    cf_loop_task_add(waiter->loop, &waiter->task);
    assert_int_equal(cf_loop_run(waiter->loop), 0);
    cf_loop_task_remove(waiter->loop, &waiter->task);
}

void run_until(struct cf_loop *loop, bool (*condition)(void))
{
    wait(&(struct waiter) { .task.fn = ask, .loop = loop, .condition = condition });
}

void run_turns(struct cf_loop *loop, unsigned turns)
{
    wait(&(struct waiter) { .task.fn = ask, .loop = loop, .turns = turns });
}

size_t count_descriptors(void)
{
    cf_auto_closedir DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    return n;
}
