/*
 * tls_pump.c - a TLS stream as a plain descriptor
 *
 * How this works. Both descriptors are watched for edges of everything, and
 * after any event each direction runs until one of its ends has had enough:
 *
 *   in   stream -> pair   what has come is looked at, sent, and taken by as
 *                         much as was sent
 *   out  pair -> stream   the same the other way
 *
 * so that no byte is held between two turns, and one buffer serves all pumps.
 *
 * A close() of our end of the pair is an end of data for the other, unless
 * bytes that we have not read are left: then it is ECONNRESET (unix(7) does not
 * say so; net/unix/af_unix.c, unix_release_sock()). This is how a reset is
 * told. So one byte always stays: the pair begins with one byte in it, and
 * from then on whatever is looked at begins behind the first byte (SO_PEEK_OFF),
 * and as many bytes are taken from the front. What stays is the last byte
 * that was already sent. A clean end takes it too.
 *
 * The descriptor closed by its owner shows as EPOLLHUP, or as EPIPE. When the
 * owner had read our end by then, the connection was over, and what is left of
 * `out` goes, with its end. Otherwise it was broken off: what is left of `out`
 * goes too, for it was sent before, and once the proxy has confirmed it (a timer
 * looks) it gets a RST.
 *
 *   both directions done       closed, freed
 *   broken, or broken off      reset both ways, freed
 */
#include "proxy/tls_pump.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"

/* A record of TLS (RFC 8446, 5.1). */
#define BUFFER_BYTES 16384

/* Bytes of one direction in one turn; then the others have theirs. */
#define TURN_BYTES (16 * BUFFER_BYTES)

/* How often it is looked whether the proxy has confirmed what was sent. */
#define LOOK_US 5000

#define EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

struct pump {
    struct cf_tls_pumps *pumps;
    struct pump *next, **link;
    struct cf_tls_stream *stream;
    int pair; /* our end */
    struct cf_watch stream_watch, pair_watch;
    struct cf_task task;
    struct cf_timer timer;
    bool pair_writable;
    bool in_done, out_done;
    bool out_ended; /* the pair's end was read, and is to be sent */
    bool abandoned; /* the other end of the pair is closed */
    bool broken;
    int64_t give_up_us; /* once it is abandoned */
};

struct cf_tls_pumps {
    struct cf_loop *loop;
    struct pump *first;
    size_t count;
    void (*ended)(void *data);
    void *data;
    char buffer[BUFFER_BYTES];
};

int cf_tls_pumps_new(struct cf_loop *loop, void (*ended)(void *data), void *data,
                     struct cf_tls_pumps **ret_pumps)
{
    struct cf_tls_pumps *pumps = calloc(1, sizeof *pumps);

    if (!pumps)
        return -ENOMEM;
    pumps->loop = loop;
    pumps->ended = ended;
    pumps->data = data;
    *ret_pumps = pumps;
    return 0;
}

size_t cf_tls_pumps_count(const struct cf_tls_pumps *pumps)
{
    return pumps->count;
}

static void pump_free(struct pump *pump)
{
    struct cf_loop *loop = pump->pumps->loop;

    cf_loop_unwatch(loop, &pump->stream_watch);
    cf_loop_unwatch(loop, &pump->pair_watch);
    cf_loop_task_remove(loop, &pump->task);
    cf_loop_timer_stop(loop, &pump->timer);
    if (pump->link) {
        *pump->link = pump->next;
        if (pump->next)
            pump->next->link = pump->link;
        pump->pumps->count--;
    }
    cf_tls_stream_close(pump->stream);
    cf_fd_close(&pump->pair);
    free(pump);
}

static void pump_end(struct pump *pump)
{
    static const struct linger reset = { .l_onoff = 1 };
    struct cf_tls_pumps *pumps = pump->pumps;
    char last;

    if (pump->broken)
        setsockopt(cf_tls_stream_fd(pump->stream), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    else
        recv(pump->pair, &last, 1, MSG_DONTWAIT); /* see above: nothing is left, so it is an end */
    pump_free(pump);
    if (pumps->ended)
        pumps->ended(pumps->data);
}

void cf_tls_pumps_free(struct cf_tls_pumps *pumps)
{
    if (!pumps)
        return;
    pumps->ended = NULL;
    while (pumps->first) {
        pumps->first->broken = true;
        pump_end(pumps->first);
    }
    free(pumps);
}

/* One piece into the pair. Returns bytes, 0 when one side has had enough, or -errno. */
static ssize_t in_move(struct pump *pump)
{
    char *buffer = pump->pumps->buffer;
    ssize_t n = cf_tls_peek(pump->stream, buffer, BUFFER_BYTES), sent;

    if (n == -EAGAIN)
        return 0;
    if (n == 0) {
        shutdown(pump->pair, SHUT_WR);
        pump->in_done = true;
    }
    if (n <= 0)
        return n;
    sent = send(pump->pair, buffer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        pump->abandoned = true; /* EPIPE: no event has told yet */
    pump->pair_writable = sent == n;
    if (sent <= 0)
        return 0;
    cf_tls_take(pump->stream, buffer, (size_t)sent);
    return sent;
}

/* Whether the end that was read is of both directions, which an event may tell only later. */
static bool pair_is_closed(const struct pump *pump)
{
    struct pollfd at = { .fd = pump->pair };

    return poll(&at, 1, 0) == 1 && (at.revents & POLLHUP);
}

size_t cf_tls_pumps_owing(const struct cf_tls_pumps *pumps)
{
    size_t n = 0;

    for (const struct pump *pump = pumps->first; pump; pump = pump->next)
        n += pump->abandoned || pair_is_closed(pump);
    return n;
}

/* What was looked at and not sent is to be seen again. */
static void out_rewind(struct pump *pump)
{
    static const int behind_the_first = 1;

    setsockopt(pump->pair, SOL_SOCKET, SO_PEEK_OFF, &behind_the_first, sizeof behind_the_first);
}

/* One piece into the stream; as in_move(). */
static ssize_t out_move(struct pump *pump)
{
    char *buffer = pump->pumps->buffer;
    ssize_t n = recv(pump->pair, buffer, BUFFER_BYTES, MSG_PEEK | MSG_DONTWAIT), sent;

    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0) { /* ECONNRESET: closed by who had not read all */
        pump->out_ended = true;
        pump->abandoned |= n < 0 || pair_is_closed(pump);
        return 0;
    }
    sent = cf_tls_send(pump->stream, buffer, (size_t)n);
    if (sent < n)
        out_rewind(pump);
    if (sent < 0)
        return sent == -EAGAIN ? 0 : sent;
    recv(pump->pair, buffer, (size_t)sent, MSG_DONTWAIT);
    return sent;
}

/* Broken off by the descriptor's owner. */
static bool is_cut(const struct pump *pump)
{
    return pump->abandoned && !pump->in_done;
}

/* Returns true when there may be more; then the others have their turn first. */
static bool in_run(struct pump *pump)
{
    for (size_t moved = 0; !pump->in_done && pump->pair_writable;) {
        ssize_t n = in_move(pump);

        if (n < 0)
            pump->broken = true;
        if (n <= 0)
            return false;
        moved += (size_t)n;
        if (moved >= TURN_BYTES)
            return true;
    }
    return false;
}

static bool out_run(struct pump *pump)
{
    for (size_t moved = 0; !pump->out_done && !pump->out_ended;) {
        ssize_t n = out_move(pump);

        if (n < 0)
            pump->broken = true;
        if (n <= 0)
            break;
        moved += (size_t)n;
        if (moved >= TURN_BYTES)
            return true;
    }
    if (pump->out_ended && !pump->out_done && !pump->broken && !is_cut(pump)) {
        int r = cf_tls_finish(pump->stream);

        pump->out_done = r == 0;
        pump->broken = r < 0 && r != -EAGAIN;
    }
    return false;
}

/* The proxy has confirmed all that was sent: nothing is lost by a RST. */
static bool is_confirmed(const struct pump *pump)
{
    int bytes = 0;

    return ioctl(cf_tls_stream_fd(pump->stream), SIOCOUTQ, &bytes) < 0 || bytes == 0;
}

/* Nobody has the descriptor any more: see to it that the rest does not take for ever. */
static void linger(struct pump *pump)
{
    struct cf_loop *loop = pump->pumps->loop;
    int64_t now = cf_clock_monotonic_us(), due;

    if (pump->give_up_us == 0)
        pump->give_up_us = now + CF_TLS_PUMP_LINGER_US;
    due = is_cut(pump) && pump->out_ended ? now + LOOK_US : pump->give_up_us;
    if (now >= pump->give_up_us || cf_loop_timer_start(loop, &pump->timer, due) < 0) {
        pump->broken = true;
        pump_end(pump);
    }
}

/* May free the pump. */
static void pump_run(struct pump *pump)
{
    bool more = !pump->abandoned && in_run(pump);

    if (!pump->broken && out_run(pump))
        more = true;
    if (is_cut(pump) && pump->out_ended && is_confirmed(pump))
        pump->broken = true;
    if (pump->broken || (pump->in_done && pump->out_done)) {
        pump_end(pump);
        return;
    }
    if (more)
        cf_loop_task_add(pump->pumps->loop, &pump->task);
    if (pump->abandoned)
        linger(pump);
}

static void stream_ready(struct cf_watch *watch, uint32_t events)
{
    (void)events;
    pump_run(cf_container_of(watch, struct pump, stream_watch));
}

static void pair_ready(struct cf_watch *watch, uint32_t events)
{
    struct pump *pump = cf_container_of(watch, struct pump, pair_watch);

    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        pump->pair_writable = true;
    if (events & (EPOLLHUP | EPOLLERR))
        pump->abandoned = true;
    pump_run(pump);
}

static void task_run(struct cf_task *task)
{
    pump_run(cf_container_of(task, struct pump, task));
}

static void timer_due(struct cf_timer *timer)
{
    pump_run(cf_container_of(timer, struct pump, timer));
}

/* Returns 0 or -errno; our end is pump's, the other *ret_fd. */
static int pair_open(struct pump *pump, int *ret_fd)
{
    int fds[2], on = 1;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    pump->pair = fds[0];
    *ret_fd = fds[1];
    setsockopt(fds[0], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    if (send(fds[1], "", 1, MSG_NOSIGNAL) != 1 ||
        setsockopt(fds[0], SOL_SOCKET, SO_PEEK_OFF, &on, sizeof on) < 0) {
        int code = -errno;

        cf_fd_close(ret_fd);
        return code;
    }
    return 0;
}

static int pump_watch(struct pump *pump)
{
    struct cf_loop *loop = pump->pumps->loop;
    int r = cf_loop_watch(loop, &pump->stream_watch, cf_tls_stream_fd(pump->stream), EVENTS);

    if (r < 0)
        return r;
    return cf_loop_watch(loop, &pump->pair_watch, pump->pair, EVENTS);
}

int cf_tls_pump_start(struct cf_tls_pumps *pumps, struct cf_tls_stream *stream, int *ret_fd)
{
    struct pump *pump = calloc(1, sizeof *pump);
    int r, fd = -1;

    if (!pump)
        return -ENOMEM;
    pump->pumps = pumps;
    pump->pair = -1;
    pump->pair_writable = true;
    pump->stream = stream;
    pump->stream_watch = (struct cf_watch) { .fd = -1, .fn = stream_ready };
    pump->pair_watch = (struct cf_watch) { .fd = -1, .fn = pair_ready };
    pump->task.fn = task_run;
    pump->timer.fn = timer_due;
    r = pair_open(pump, &fd);
    if (r == 0)
        r = pump_watch(pump);
    if (r < 0) {
        pump->stream = NULL; /* the caller's still */
        pump_free(pump);
        cf_fd_close(&fd);
        return r;
    }
    pump->next = pumps->first;
    pump->link = &pumps->first;
    if (pump->next)
        pump->next->link = &pump->next;
    pumps->first = pump;
    pumps->count++;
    /* What came with the proxy's answer makes no event: it is in the stream already. */
    cf_loop_task_add(pumps->loop, &pump->task);
    *ret_fd = fd;
    return 0;
}
