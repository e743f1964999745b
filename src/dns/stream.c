/*
 * stream.c - DNS over TCP, as the sandbox speaks it
 *
 * How this works. All work on a stream is done in stream_settle(), called by
 * the loop when the descriptor is ready, and by a task when answers have come:
 * hand whole messages to the resolver, write what there is to write, then
 * either close or say what to wait for. Replies, which may come while the
 * resolver is being called, only append to `out` and ask for the task; so
 * nothing but stream_settle(), the idle timer and cf_streams_close() ever
 * closes a stream, and never underneath one another.
 *
 * No more is taken from `in`, and nothing is read, while WAITS_MAX questions
 * are under way or OUT_FULL octets wait to be read by the client. After the
 * client's end of file what is under way is still answered.
 *
 * Then our own end goes out, and the stream is `ending` until the client has
 * confirmed that: its segments are counted by this socket only. Both ways are
 * shut by then, which epoll would tell without end, so edges are asked for; the
 * kernel makes one when the connection is over. The idle timer bounds it.
 */
#include "dns/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/hash.h"
#include "dns/server.h"
#include "dns/wire.h"

#define IDLE_US (30 * CF_US_PER_S)
#define WAITS_MAX 32
#define OUT_FULL ((size_t)128 << 10)
#define OUT_LIMIT ((size_t)8 << 20) /* above OUT_FULL and WAITS_MAX whole answers */
#define IN_FIRST ((size_t)4096)

/* TCP_CLOSE of <netinet/tcp.h>, which does not go with <linux/tcp.h>. */
#define STATE_CLOSE 7

/* One question that is under way. */
struct wait {
    struct wait *next, *prev;
    struct cf_stream *stream;
    struct cf_query *query;
};

struct cf_stream {
    struct cf_stream *next, *prev;
    struct cf_streams *streams;
    struct cf_watch watch;
    struct cf_timer idle;
    struct cf_task task;
    struct cf_dns_client client;
    void (*closed)(void *data, uint64_t bytes_out, uint64_t bytes_in);
    void *data;
    uint64_t bytes_out, bytes_in;
    uint32_t events; /* that are watched */
    struct wait *waits;
    size_t n_waits;
    uint8_t *in;
    size_t in_length, in_capacity;
    struct cf_buffer out;
    size_t out_at; /* written up to here */
    bool ended;    /* the client's end of file */
    bool broken;   /* nothing can be read or written any more */
    bool ending;   /* all is done but the client's confirmation of our end */
};

static void wait_free(struct wait *wait)
{
    if (wait->next)
        wait->next->prev = wait->prev;
    if (wait->prev)
        wait->prev->next = wait->next;
    else
        wait->stream->waits = wait->next;
    wait->stream->n_waits--;
    free(wait);
}

/* Segments that came over a connection so far, less the SYN, which was held and counted there. */
static uint64_t segments(const struct cf_stream *stream)
{
    struct tcp_info info = { 0 };
    socklen_t length = sizeof info;

    if (getsockopt(stream->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return 0;
    return info.tcpi_segs_in > 0 ? info.tcpi_segs_in - 1 : 0;
}

/* The client has confirmed our end: nothing more comes. */
static bool confirmed(const struct cf_stream *stream)
{
    struct tcp_info info = { 0 };
    socklen_t length = sizeof info;

    return getsockopt(stream->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 ||
           info.tcpi_state == STATE_CLOSE;
}

static void stream_close(struct cf_stream *stream)
{
    struct cf_streams *streams = stream->streams;
    int fd = stream->watch.fd;

    while (stream->waits) {
        cf_resolver_cancel(stream->waits->query);
        wait_free(stream->waits);
    }
    if (stream->next)
        stream->next->prev = stream->prev;
    if (stream->prev)
        stream->prev->next = stream->next;
    else
        streams->first = stream->next;
    streams->n--;
    streams->closed_segments += segments(stream);
    cf_loop_timer_stop(streams->loop, &stream->idle);
    cf_loop_task_remove(streams->loop, &stream->task);
    cf_loop_unwatch(streams->loop, &stream->watch);
    close(fd);
    cf_buffer_done(&stream->out);
    free(stream->in);
    if (stream->closed)
        stream->closed(stream->data, stream->bytes_out, stream->bytes_in);
    free(stream);
}

static void reply(void *data, const uint8_t *message, size_t length)
{
    struct wait *wait = data;
    struct cf_stream *stream = wait->stream;
    uint8_t prefix[2];

    wait_free(wait);
    if (message) {
        cf_wire_put_u16(prefix, (uint16_t)length);
        cf_buffer_append(&stream->out, prefix, sizeof prefix);
        cf_buffer_append(&stream->out, message, length);
        stream->broken = stream->broken || stream->out.failed;
    }
    cf_loop_task_add(stream->streams->loop, &stream->task);
}

static void question(struct cf_stream *stream, const uint8_t *message, size_t length)
{
    struct wait *wait = calloc(1, sizeof *wait);
    struct cf_query *query;
    int r = -ENOMEM;

    if (wait) {
        wait->stream = stream;
        wait->next = stream->waits;
        if (wait->next)
            wait->next->prev = wait;
        stream->waits = wait;
        stream->n_waits++;
        r = cf_resolver_query(stream->streams->resolver, &stream->client, message, length, reply,
                              wait, &query);
    }
    if (r < 0) {
        if (wait)
            wait_free(wait);
        stream->broken = true;
    } else if (query) {
        wait->query = query;
    }
    cf_loop_timer_start(stream->streams->loop, &stream->idle, cf_clock_monotonic_us() + IDLE_US);
}

static bool has_room(const struct cf_stream *stream)
{
    return stream->n_waits < WAITS_MAX && stream->out.length - stream->out_at < OUT_FULL;
}

/* Hand whole messages on; make room for the whole of the one that has begun. */
static void take_messages(struct cf_stream *stream)
{
    size_t at = 0, length;

    while (!stream->broken && has_room(stream) && stream->in_length - at >= 2) {
        length = cf_wire_u16(stream->in + at);
        if (length < CF_WIRE_HEADER_SIZE) {
            stream->broken = true;
            return;
        }
        if (stream->in_length - at - 2 < length)
            break;
        question(stream, stream->in + at + 2, length);
        at += 2 + length;
    }
    stream->in_length -= at;
    if (at > 0)
        memmove(stream->in, stream->in + at, stream->in_length);
    length = stream->in_length >= 2 ? 2 + (size_t)cf_wire_u16(stream->in) : 0;
    if (length > stream->in_capacity) {
        uint8_t *in = realloc(stream->in, length);

        if (!in) {
            stream->broken = true;
            return;
        }
        stream->in = in;
        stream->in_capacity = length;
    }
}

static void fill(struct cf_stream *stream)
{
    ssize_t n;

    if (stream->ended || stream->in_length == stream->in_capacity)
        return;
    n = recv(stream->watch.fd, stream->in + stream->in_length,
             stream->in_capacity - stream->in_length, MSG_DONTWAIT);
    if (n > 0) {
        stream->in_length += (size_t)n;
        stream->bytes_out += (uint64_t)n;
    } else if (n == 0) {
        stream->ended = true;
    } else if (errno != EAGAIN && errno != EINTR) {
        stream->broken = true;
    }
}

/* Answers leave behind their events, and none when the log cannot be written. */
static void drain(struct cf_stream *stream)
{
    struct cf_buffer *out = &stream->out;

    if (stream->out_at < out->length && cf_resolver_flush(stream->streams->resolver) < 0)
        stream->broken = true;
    while (!stream->broken && stream->out_at < out->length) {
        ssize_t n = send(stream->watch.fd, out->data + stream->out_at, out->length - stream->out_at,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0) {
            stream->broken = errno != EAGAIN && errno != EINTR;
            break;
        }
        stream->out_at += (size_t)n;
        stream->bytes_in += (uint64_t)n;
    }
    if (stream->out_at == out->length) {
        cf_buffer_clear(out);
        stream->out_at = 0;
    } else if (stream->out_at >= OUT_FULL) {
        memmove(out->data, out->data + stream->out_at, out->length - stream->out_at);
        out->length -= stream->out_at;
        stream->out_at = 0;
    }
}

/* All is answered: send our end, and close once it is confirmed. */
static void stream_end(struct cf_stream *stream)
{
    stream->ending = true;
    if (shutdown(stream->watch.fd, SHUT_WR) < 0 || confirmed(stream) ||
        cf_loop_rewatch(stream->streams->loop, &stream->watch, EPOLLET) < 0)
        stream_close(stream);
}

static void stream_settle(struct cf_stream *stream)
{
    uint32_t events = 0;
    size_t before;

    if (stream->ending)
        return;

    /* What was written makes room for what was waiting to be taken. */
    do {
        before = stream->in_length;
        take_messages(stream);
        drain(stream);
    } while (!stream->broken && stream->in_length != before && has_room(stream));
    if (stream->broken) {
        stream_close(stream);
        return;
    }
    if (stream->ended && stream->n_waits == 0 && stream->out.length == 0) {
        stream_end(stream);
        return;
    }
    if (!stream->ended && has_room(stream))
        events |= EPOLLIN;
    if (stream->out.length > 0)
        events |= EPOLLOUT;
    if (events == stream->events)
        return;
    stream->events = events;
    if (cf_loop_rewatch(stream->streams->loop, &stream->watch, events) < 0)
        stream_close(stream);
}

static void stream_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_stream *stream = cf_container_of(watch, struct cf_stream, watch);

    if (stream->ending) {
        if (confirmed(stream))
            stream_close(stream);
        return;
    }
    /* Both ways are shut: no answer can arrive any more. */
    if (events & (EPOLLERR | EPOLLHUP))
        stream->broken = true;
    else if (events & EPOLLIN)
        fill(stream);
    stream_settle(stream);
}

static void stream_replied(struct cf_task *task)
{
    stream_settle(cf_container_of(task, struct cf_stream, task));
}

static void stream_idle(struct cf_timer *timer)
{
    stream_close(cf_container_of(timer, struct cf_stream, idle));
}

static struct cf_stream *stream_new(struct cf_streams *streams, const struct cf_addr_port *src,
                                    const struct cf_addr_port *asked)
{
    struct cf_stream *stream = calloc(1, sizeof *stream);

    if (!stream)
        return NULL;
    stream->in = malloc(IN_FIRST);
    if (!stream->in) {
        free(stream);
        return NULL;
    }
    stream->in_capacity = IN_FIRST;
    stream->streams = streams;
    stream->client = (struct cf_dns_client) { .tcp = true, .src = *src, .asked = *asked };
    stream->watch.fn = stream_ready;
    stream->idle.fn = stream_idle;
    stream->task.fn = stream_replied;
    stream->events = EPOLLIN;
    cf_buffer_init(&stream->out, OUT_LIMIT);
    return stream;
}

int cf_streams_open(struct cf_streams *streams, int fd, const struct cf_addr_port *src,
                    const struct cf_addr_port *asked,
                    void (*closed)(void *data, uint64_t bytes_out, uint64_t bytes_in), void *data)
{
    struct cf_stream *stream;
    int one = 1, r;

    if (streams->n >= CF_DNS_STREAMS_MAX)
        return -ENOSPC;
    stream = stream_new(streams, src, asked);
    if (!stream)
        return -ENOMEM;
    r = cf_loop_timer_start(streams->loop, &stream->idle, cf_clock_monotonic_us() + IDLE_US);
    if (r == 0)
        r = cf_loop_watch(streams->loop, &stream->watch, fd, EPOLLIN);
    if (r < 0) {
        cf_loop_timer_stop(streams->loop, &stream->idle);
        free(stream->in);
        free(stream);
        return r;
    }
    /* Answers leave as they come; what is no TCP socket does without. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    stream->closed = closed;
    stream->data = data;
    stream->next = streams->first;
    if (stream->next)
        stream->next->prev = stream;
    streams->first = stream;
    streams->n++;
    return 0;
}

uint64_t cf_streams_segments(const struct cf_streams *streams)
{
    uint64_t sum = streams->closed_segments;

    for (const struct cf_stream *stream = streams->first; stream; stream = stream->next)
        sum += segments(stream);
    return sum;
}

void cf_streams_close(struct cf_streams *streams)
{
    while (streams->first)
        stream_close(streams->first);
}
