/*
 * streams.c - streams through a proxy that can be written to before they stand
 *
 * How this works. A stream is
 *
 *   dialling  it has a dial, and looks at its end of the pair only for the other
 *             end being closed, which cancels the dial
 *   joined    it has the tunnel: after each event bytes move both ways as far as
 *             they go, and each descriptor is watched for what is missing
 *
 * and stream_end() ends it from either. The owner's close ends it at once: what
 * it wrote last was a question, and nobody waits for the answer. The end of the
 * tunnel ends it once what came before has been handed over. A descriptor from
 * which nothing is wanted is not watched at all, since its hanging up would be
 * told again and again.
 */
#include "proxy/streams.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"

#define BUFFER_BYTES 16384

struct way {
    size_t start, end; /* what waits in the buffer */
    bool ended;        /* there is no more to read */
    char buffer[BUFFER_BYTES];
};

struct stream {
    struct cf_proxy_streams *streams;
    struct stream *next, **link;
    struct cf_addr_port to;
    struct cf_proxy_dial *dial; /* NULL once it has ended */
    int pair, tunnel;           /* our end; -1 until it is joined */
    struct cf_watch pair_watch, tunnel_watch;
    struct way out, in; /* towards the proxy, and from it */
};

struct cf_proxy_streams {
    struct cf_proxy_streams_config config;
    struct stream *first;
    size_t count;
};

static void stream_end(struct stream *stream)
{
    struct cf_proxy_streams *streams = stream->streams;

    cf_proxy_dial_cancel(stream->dial);
    cf_loop_unwatch(streams->config.loop, &stream->pair_watch);
    cf_loop_unwatch(streams->config.loop, &stream->tunnel_watch);
    cf_fd_close(&stream->pair);
    cf_fd_close(&stream->tunnel);
    *stream->link = stream->next;
    if (stream->next)
        stream->next->link = stream->link;
    streams->count--;
    free(stream);
}

/* Returns 0, or -errno when a side has failed. */
static int way_move(struct way *way, int from, int to)
{
    for (;;) {
        ssize_t n;

        if (way->start == way->end && !way->ended) {
            n = recv(from, way->buffer, sizeof way->buffer, 0);
            if (n < 0)
                return errno == EAGAIN ? 0 : -errno;
            way->start = 0;
            way->end = (size_t)n;
            way->ended = n == 0;
        }
        if (way->start == way->end)
            return 0;
        n = send(to, way->buffer + way->start, way->end - way->start, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        way->start += (size_t)n;
    }
}

static int watch_set(struct stream *stream, struct cf_watch *watch, int fd, uint32_t events)
{
    struct cf_loop *loop = stream->streams->config.loop;

    if (watch->fd < 0)
        return events ? cf_loop_watch(loop, watch, fd, events) : 0;
    if (events)
        return cf_loop_rewatch(loop, watch, events);
    cf_loop_unwatch(loop, watch);
    return 0;
}

/* What is wanted of the side that `from` reads and `to` writes. */
static uint32_t wanted(const struct way *from, const struct way *to)
{
    return (from->start == from->end && !from->ended ? (uint32_t)EPOLLIN : 0) |
           (to->start < to->end ? (uint32_t)EPOLLOUT : 0);
}

static void stream_run(struct stream *stream)
{
    const struct way *out = &stream->out, *in = &stream->in;

    if (way_move(&stream->out, stream->pair, stream->tunnel) < 0 ||
        way_move(&stream->in, stream->tunnel, stream->pair) < 0 || out->ended ||
        (in->ended && in->start == in->end) ||
        watch_set(stream, &stream->pair_watch, stream->pair, wanted(out, in)) < 0 ||
        watch_set(stream, &stream->tunnel_watch, stream->tunnel, wanted(in, out)) < 0)
        stream_end(stream);
}

static void pair_ready(struct cf_watch *watch, uint32_t events)
{
    struct stream *stream = cf_container_of(watch, struct stream, pair_watch);

    if (stream->tunnel < 0 || events & (EPOLLHUP | EPOLLERR))
        stream_end(stream);
    else
        stream_run(stream);
}

static void tunnel_ready(struct cf_watch *watch, uint32_t events)
{
    (void)events;
    stream_run(cf_container_of(watch, struct stream, tunnel_watch));
}

static int make_socket(void *data, const struct cf_addr *to)
{
    const struct stream *stream = data;
    const struct cf_proxy_streams_config *config = &stream->streams->config;

    return config->make_socket(config->data, to);
}

static void dialled(void *data, const struct cf_proxy_dialled *dialled)
{
    struct stream *stream = data;
    const struct cf_proxy_streams_config *config = &stream->streams->config;

    stream->dial = NULL;
    stream->tunnel = dialled->fd;
    if (dialled->fd >= 0) {
        stream_run(stream);
        return;
    }
    config->failed(config->data, &stream->to, dialled);
    stream_end(stream);
}

int cf_proxy_streams_new(const struct cf_proxy_streams_config *config, struct cf_proxy_streams **ret_streams)
{
    struct cf_proxy_streams *streams = calloc(1, sizeof *streams);

    if (!streams)
        return -ENOMEM;
    streams->config = *config;
    *ret_streams = streams;
    return 0;
}

void cf_proxy_streams_free(struct cf_proxy_streams *streams)
{
    while (streams && streams->first)
        stream_end(streams->first);
    free(streams);
}

size_t cf_proxy_streams_count(const struct cf_proxy_streams *streams)
{
    return streams->count;
}

static struct stream *stream_make(struct cf_proxy_streams *streams, const struct cf_addr_port *to,
                                  int pair)
{
    struct stream *stream = calloc(1, sizeof *stream);

    if (!stream) {
        close(pair);
        return NULL;
    }
    stream->streams = streams;
    stream->to = *to;
    stream->pair = pair;
    stream->tunnel = -1;
    stream->pair_watch = (struct cf_watch) { .fd = -1, .fn = pair_ready };
    stream->tunnel_watch = (struct cf_watch) { .fd = -1, .fn = tunnel_ready };
    stream->next = streams->first;
    stream->link = &streams->first;
    if (stream->next)
        stream->next->link = &stream->next;
    streams->first = stream;
    streams->count++;
    return stream;
}

int cf_proxy_streams_open(struct cf_proxy_streams *streams, const struct cf_addr_port *to)
{
    const struct cf_proxy_streams_config *config = &streams->config;
    struct cf_proxy_call call = {
        .target.at = *to,
        .make_socket = make_socket,
        .done = dialled,
    };
    struct stream *stream;
    int fds[2], r;

    if (streams->count >= CF_PROXY_STREAMS_MAX)
        return -ENOSPC;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return -errno;
    stream = stream_make(streams, to, fds[1]);
    r = stream ? watch_set(stream, &stream->pair_watch, stream->pair, EPOLLRDHUP) : -ENOMEM;
    call.data = stream;
    if (r == 0)
        r = config->dial(config->data, &call, &stream->dial);
    if (r == 0)
        return fds[0];
    if (stream)
        stream_end(stream);
    close(fds[0]);
    return r;
}
