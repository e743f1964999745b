/*
 * capture.c - a run's packets in one file, explained
 *
 * How this works. The kernel hands over blocks of packets (ring.h), and the loop
 * calls ring_ready(). Packets are written in their order. One that begins a flow
 * that no event has told of yet is not written, nor is any behind it: the engine
 * is about to judge it, in this thread, and the event will say what there is to
 * say. The capture is then held: the ring is not watched, and is read on at the
 * end of the turn in which the event came, or after HOLD_US, since not every
 * packet becomes a flow. What has been held in vain is not held again, and
 * nothing is held while half of the ring waits.
 *
 * What leaves the host is read from a second ring, of all its interfaces, and only
 * what is of a socket of ours is kept (sockets.h). Of two rings the older packet is
 * written first; one waits where the other ring has nothing to read and may have
 * something yet.
 *
 * Secrets of TLS are read from the command's file in front of each batch, and put in
 * front of it. The packets that need them come before the command can have written
 * them, so that packets wait for KEYS_US where there are such secrets.
 *
 * Bytes go into the file's buffer, and leave at the end of each call, or earlier
 * when there are many. That the reader is the thread that carries the traffic
 * makes the ring's room enough: while packets are written none are relayed, and
 * TCP slows down.
 */
#include "capture/capture.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "capture/file.h"
#include "capture/frame.h"
#include "capture/names.h"
#include "capture/notes.h"
#include "capture/pcapng.h"
#include "capture/ring.h"
#include "capture/sockets.h"
#include "capture/tls_keys.h"

#define PORT_DNS 53

/* Longer than the engine takes for a verdict, short enough for what is none of its business. */
#define HOLD_US (100 * INT64_C(1000))

/* Of two rings: a packet may get into its own so long after the time that it bears. */
#define SETTLE_US (2 * CF_RING_RETIRE_MS * INT64_C(1000))

/* The command's library has most likely written its secrets so long after the packet that they
 * come from. */
#define KEYS_US (100 * INT64_C(1000))

/* Nothing is waited for longer. */
#define SETTLE_MAX_US (1000 * INT64_C(1000))

/* Of the ring, in its blocks: what a burst has. */
#define RING_BLOCKS 32

/* Bytes that are written in one turn of the loop, before others have theirs. */
#define TURN_BYTES ((uint64_t)4 << 20)

/* Of a file's size: what the names that it begins with may have. */
#define NAMES_PART 4

/* Headers of a packet, those of IPv6 with options behind them, that say whose it is. */
#define READ_MIN 256

/* Packets of others are passed over; so many in a turn. */
#define TURN_PACKETS 65536

/* A point where packets are taken. */
struct source {
    struct cf_capture *capture;
    struct cf_ring *ring; /* NULL: before the start */
    struct cf_watch watch;
    bool outside;                 /* packets of the host, that begin with IP */
    bool ready, read;             /* there is a packet; frame says whose it is */
    bool over;                    /* what comes is later than the end */
    struct cf_ring_packet packet; /* the next */
    struct cf_frame frame;
    bool inbound; /* to the sandbox, or to our socket */
    uint64_t received, dropped, written;
};

struct cf_capture {
    struct cf_capture_config config;
    struct cf_capture_file file;
    struct cf_capture_names names;
    struct cf_notes *notes;
    struct cf_notes *outside_notes;     /* NULL: nothing is taken there */
    struct cf_capture_sockets *sockets; /* likewise */
    const struct cf_capture_filter *outside_wanted;
    struct cf_tls_keys keys;
    int64_t keys_ns; /* when they were read; INT64_MAX: there are none */
    struct cf_loop *loop;               /* NULL before cf_capture_start() */
    struct source sources[2];           /* in the order of the interfaces in the file */
    size_t n_sources;
    struct cf_timer timer; /* of what is held */
    struct cf_task task;   /* to read on */
    bool held, patient; /* patient: may wait for an event */
    struct source *awaiting; /* whose packet is held for one; NULL: for the other ring */
    int64_t until_ns;   /* the end; 0: not yet */
    void (*failed)(void *data, const struct cf_error *err);
    void *failed_data;
    int64_t start_ns, last_ns;
};

static int64_t now_ns(void)
{
    return cf_clock_realtime_us() * 1000;
}

static bool is_logical(const struct cf_capture *capture)
{
    return capture->config.point == CF_CAPTURE_EGRESS_LOGICAL;
}

static uint16_t link_type(const struct cf_capture *capture, const struct source *source)
{
    return source->outside || is_logical(capture) ? CF_CAPTURE_RAW_IP : CF_CAPTURE_ETHERNET;
}

static void interface_put(const struct cf_capture *capture, const struct source *source,
                          struct cf_buffer *blocks)
{
    struct cf_pcapng_interface interface = {
        .link_type = link_type(capture, source),
        .snaplen = capture->config.snaplen,
        .name = "child",
        .description = "what the command's tree sent and received, before any verdict",
        .filter = capture->config.filter,
    };

    if (source->outside) {
        interface.name = "egress";
        interface.description = "what the sockets of this run sent and received on the host";
    } else if (is_logical(capture)) {
        interface.name = "egress-logical";
        interface.description =
            "reconstructed, not seen on any interface: what the command's tree sent and received, "
            "with the addresses and ports that its flows had outside";
    }
    cf_pcapng_interface_put(blocks, &interface);
}

/* What every file begins with, the names that are known by then included. */
static void file_begin(void *data, struct cf_buffer *blocks)
{
    const struct cf_capture *capture = data;
    const struct cf_pcapng_section section = {
        .hardware = capture->config.hardware,
        .os = capture->config.os,
        .application = capture->config.application,
        .comment = capture->config.comment,
    };
    if (capture->file.classic) {
        cf_pcap_header_put(blocks, link_type(capture, &capture->sources[0]),
                           capture->config.snaplen);
        return;
    }
    cf_pcapng_section_put(blocks, &section);
    for (size_t i = 0; i < capture->n_sources; i++)
        interface_put(capture, &capture->sources[i], blocks);
    cf_capture_names_put(&capture->names, blocks);
    if (capture->keys.known.length > 0)
        cf_pcapng_tls_keys_put(blocks, capture->keys.known.data, capture->keys.known.length);
}

static void statistics_put(const struct cf_capture *capture, struct source *source,
                           struct cf_buffer *blocks)
{
    struct cf_pcapng_statistics statistics = {
        .interface = (uint32_t)(source - capture->sources),
        .start_ns = capture->start_ns,
        .end_ns = now_ns(),
        .written = source->written,
    };

    cf_ring_count(source->ring, &source->received, &source->dropped);
    statistics.time_ns = statistics.end_ns;
    statistics.received = source->received;
    statistics.dropped = source->dropped;
    cf_pcapng_statistics_put(blocks, &statistics);
}

static void file_end(void *data, struct cf_buffer *blocks)
{
    struct cf_capture *capture = data;

    if (capture->file.classic)
        return;
    for (size_t i = 0; i < capture->n_sources; i++)
        if (capture->sources[i].ring)
            statistics_put(capture, &capture->sources[i], blocks);
}

bool cf_capture_is_outside(enum cf_capture_point point)
{
    return point == CF_CAPTURE_EGRESS || point == CF_CAPTURE_BOTH;
}

uint32_t cf_capture_read_length(uint32_t snaplen)
{
    return snaplen > READ_MIN ? snaplen : READ_MIN;
}

static void sources_make(struct cf_capture *capture)
{
    enum cf_capture_point point = capture->config.point;

    if (point != CF_CAPTURE_EGRESS)
        capture->sources[capture->n_sources++].capture = capture;
    if (cf_capture_is_outside(point)) {
        capture->sources[capture->n_sources].outside = true;
        capture->sources[capture->n_sources++].capture = capture;
    }
}

/* Returns 0 or -ENOMEM. */
static int tables_make(struct cf_capture *capture)
{
    int r = cf_notes_new(&capture->notes);

    if (r == 0 && cf_capture_is_outside(capture->config.point))
        r = cf_notes_new(&capture->outside_notes);
    if (r == 0 && capture->outside_notes)
        r = cf_capture_sockets_new(&capture->sockets);
    return r;
}

static void unwatch(struct cf_capture *capture)
{
    for (size_t i = 0; i < capture->n_sources; i++)
        cf_loop_unwatch(capture->loop, &capture->sources[i].watch);
}

static void stop(struct cf_capture *capture)
{
    if (!capture->loop)
        return;
    unwatch(capture);
    cf_loop_timer_stop(capture->loop, &capture->timer);
    cf_loop_task_remove(capture->loop, &capture->task);
}

static void capture_free(struct cf_capture *capture)
{
    stop(capture);
    for (size_t i = 0; i < capture->n_sources; i++)
        cf_ring_close(capture->sources[i].ring);
    cf_capture_names_done(&capture->names);
    cf_tls_keys_done(&capture->keys);
    cf_notes_free(capture->notes);
    cf_notes_free(capture->outside_notes);
    cf_capture_sockets_free(capture->sockets);
    free(capture);
}

/* How much of the secrets each later file may begin with. */
static size_t known_keys_max(const struct cf_capture_config *config)
{
    if (!config->tls_keys || config->max_size == 0)
        return 0;
    return config->max_size / 4 < CF_TLS_KEYS_KNOWN_MAX ? (size_t)config->max_size / 4
                                                        : CF_TLS_KEYS_KNOWN_MAX;
}

int cf_capture_new(const struct cf_capture_config *config, struct cf_capture **ret_capture,
                   struct cf_error *err)
{
    struct cf_capture *capture = calloc(1, sizeof(*capture));
    const struct cf_capture_file_config file = {
        .path = config->path,
        .max_size = config->max_size,
        .keep = config->keep,
        .secret = config->tls_keys,
        .begin = file_begin,
        .end = file_end,
        .data = capture,
    };
    int r;

    if (!capture)
        return cf_error_set(err, -ENOMEM, "out of memory");
    capture->config = *config;
    cf_capture_names_init(&capture->names, config->max_size / NAMES_PART);
    cf_tls_keys_init(&capture->keys, known_keys_max(config));
    sources_make(capture);
    r = tables_make(capture);
    if (r < 0)
        cf_error_set(err, r, "out of memory");
    else if (capture->n_sources > 1 && cf_capture_path_is_classic(config->path))
        r = cf_error_set(err, -EINVAL,
                         "'%s' would be classic pcap, which has one interface: for both points "
                         "name a file in .pcapng",
                         config->path);
    else if (config->tls_keys && cf_capture_path_is_classic(config->path))
        r = cf_error_set(err, -EINVAL,
                         "'%s' would be classic pcap, which has no place for secrets of TLS: name "
                         "a file in .pcapng",
                         config->path);
    else
        r = cf_capture_file_open(&file, &capture->file, err);
    if (r < 0) {
        capture_free(capture);
        return r;
    }
    *ret_capture = capture;
    return 0;
}

const char *cf_capture_guard(const struct cf_capture *capture)
{
    return cf_capture_file_guard(&capture->file);
}

/* The file tells its first error on and on; only that one is told. */
static void fail(struct cf_capture *capture)
{
    struct cf_error err;

    stop(capture);
    if (!capture->failed)
        return;
    cf_error_errno(&err, capture->file.error, "cannot write the capture file '%s'",
                   capture->file.path ? capture->file.path : capture->config.path);
    capture->failed(capture->failed_data, &err);
    capture->failed = NULL;
}

/* Will the engine, or did it, say something about the flow that this packet begins? */
static bool is_awaited(const struct source *source)
{
    const struct cf_frame *frame = &source->frame;
    const uint8_t *to = frame->dst.bytes;

    if (!source->capture->patient || source->outside || !source->read || source->inbound ||
        !frame->first || frame->dst_port == PORT_DNS)
        return false;
    if (frame->dst.family == CF_FAMILY_IPV4 ? to[0] >= 224 : to[0] == 0xff)
        return false; /* multicast, broadcast: no flow */
    return !cf_notes_know(source->capture->notes, frame, false);
}

/* Is it more than the beginning of a connection, or is that wanted too? */
static bool is_wanted(const struct source *source)
{
    const struct cf_ring_packet *packet = &source->packet;
    const struct cf_capture_filter *wanted = source->capture->outside_wanted;

    return source->frame.protocol != IPPROTO_TCP || !source->frame.first || wanted->length == 0 ||
           cf_capture_filter_run(wanted, packet->data, packet->captured, packet->length) > 0;
}

/* Is it one to keep? Sets what is known of it. */
static bool packet_read(struct source *source)
{
    const struct cf_ring_packet *packet = &source->packet;
    bool outbound;

    source->read = cf_frame_read(packet->data, packet->captured,
                                 source->outside ? 0 : CF_FRAME_ETHERNET, &source->frame) == 0;
    source->inbound = packet->outgoing; /* what the gateway sends the sandbox receives */
    if (!source->outside)
        return true;
    if (!source->read || !cf_capture_sockets_own(source->capture->sockets, packet,
                                                 &source->frame, &outbound))
        return false;
    source->inbound = !outbound;
    return is_wanted(source);
}

/* Is there a packet to write? Passes over those of others; false when they were very many. */
static bool source_ready(struct source *source, unsigned *passed)
{
    const int64_t until_ns = source->capture->until_ns;

    while (!source->ready && !source->over && *passed < TURN_PACKETS &&
           (!until_ns || cf_ring_wait_last(source->ring)) &&
           cf_ring_peek(source->ring, &source->packet)) {
        source->over = until_ns && source->packet.time_ns > until_ns;
        if (source->over)
            break;
        source->ready = packet_read(source);
        if (!source->ready) {
            cf_ring_take(source->ring);
            ++*passed;
        }
    }
    return source->ready;
}

static void source_take(struct source *source)
{
    source->ready = false;
    cf_ring_take(source->ring);
}

/* As it left: the addresses of outside, and no link. False for what has no way out. */
static bool make_logical(const struct source *source, struct cf_pcapng_packet *block)
{
    const struct cf_ring_packet *packet = &source->packet;
    const struct cf_frame *frame = &source->frame;
    struct cf_addr_port local, far = { frame->dst, frame->dst_port };

    if (!source->read ||
        !cf_notes_find_way(source->capture->notes, frame, source->inbound, &local))
        return false;
    if (source->inbound)
        far = (struct cf_addr_port) { frame->src, frame->src_port };
    cf_frame_rewrite(packet->data, packet->captured, packet->captured == packet->length, frame,
                     source->inbound ? &far : &local, source->inbound ? &local : &far);
    block->data += CF_FRAME_ETHERNET;
    block->captured -= CF_FRAME_ETHERNET;
    block->length -= CF_FRAME_ETHERNET;
    return true;
}

static char *comment_take(const struct source *source)
{
    const struct cf_capture *capture = source->capture;

    if (!source->read || capture->file.classic)
        return NULL;
    return source->outside
               ? cf_notes_take_outside(capture->outside_notes, &source->frame, source->inbound)
               : cf_notes_take(capture->notes, &source->frame, source->inbound);
}

static int packet_write(struct source *source)
{
    struct cf_capture *capture = source->capture;
    const struct cf_ring_packet *packet = &source->packet;
    cf_auto_free char *comment = NULL;
    struct cf_pcapng_packet block = {
        .interface = (uint32_t)(source - capture->sources),
        .time_ns = packet->time_ns,
        .data = packet->data,
        .captured = packet->captured,
        .length = packet->length,
        .direction = source->inbound ? CF_PCAPNG_INBOUND : CF_PCAPNG_OUTBOUND,
    };
    int r;

    if (is_logical(capture) && !make_logical(source, &block))
        return 0;
    if (block.time_ns < capture->last_ns && capture->last_ns - block.time_ns < SETTLE_MAX_US * 1000)
        block.time_ns = capture->last_ns;
    capture->last_ns = block.time_ns;
    if (block.captured > capture->config.snaplen)
        block.captured = capture->config.snaplen;
    comment = comment_take(source);
    block.comment = comment;
    r = cf_capture_file_reserve(&capture->file, packet->captured + CF_CAPTURE_BLOCK_MAX +
                                                    (comment ? strlen(comment) : 0));
    if (r < 0)
        return r;
    if (packet->no_checksum && source->read && packet->captured == packet->length)
        cf_frame_checksum(packet->data, packet->captured, &source->frame);
    r = capture->file.classic ? cf_pcap_packet_put(&capture->file.blocks, &block)
                              : cf_pcapng_packet_put(&capture->file.blocks, &block);
    if (r == 0) {
        source->written++;
        capture->file.in_blocks.packets++;
        capture->file.in_blocks.bytes += block.length;
    }
    return r;
}

static void hold(struct cf_capture *capture, struct source *awaiting, int64_t wait_us)
{
    capture->held = true;
    capture->awaiting = awaiting;
    unwatch(capture);
    if (cf_loop_timer_start(capture->loop, &capture->timer, cf_clock_monotonic_us() + wait_us) < 0)
        cf_loop_task_add(capture->loop, &capture->task);
}

/* The source whose packet is the next to be written; NULL when there is none. */
static struct source *source_next(struct cf_capture *capture, unsigned *passed)
{
    struct source *next = NULL;

    for (size_t i = 0; i < capture->n_sources; i++) {
        struct source *source = &capture->sources[i];

        if (source_ready(source, passed) &&
            (!next || source->packet.time_ns < next->packet.time_ns))
            next = source;
    }
    return next;
}

/* May something older come out of the other ring, or what the packet is read with be written yet? */
static bool is_early(const struct cf_capture *capture, const struct source *next)
{
    int64_t age_us = (now_ns() - next->packet.time_ns) / 1000;
    bool has_keys = capture->keys.fd >= 0;

    if (!capture->patient || age_us > SETTLE_MAX_US ||
        cf_ring_waiting(next->ring) > RING_BLOCKS / 2)
        return false;
    if (has_keys && age_us >= 0 && age_us < KEYS_US)
        return true;
    for (size_t i = 0; i < capture->n_sources; i++)
        if (!capture->sources[i].ready &&
            (age_us < SETTLE_US || !cf_ring_is_empty(capture->sources[i].ring)))
            return true;
    return false;
}

/* Must the next packet wait? Says so to the loop then. */
static bool is_held(struct cf_capture *capture, struct source *next)
{
    if (is_early(capture, next)) {
        hold(capture, NULL, capture->keys.fd < 0 ? SETTLE_US : SETTLE_US / 2);
        return true;
    }
    if (!is_awaited(next))
        return false;
    if (cf_ring_waiting(next->ring) <= RING_BLOCKS / 2) {
        hold(capture, next, HOLD_US);
        return true;
    }
    cf_notes_give_up(capture->notes, &next->frame);
    return false;
}

/* What the command's libraries have written since. Returns 0 or -errno. */
static int keys_write(struct cf_capture *capture)
{
    struct cf_tls_keys *keys = &capture->keys;
    int r = 0;

    if (keys->fd >= 0)
        capture->keys_ns = now_ns();
    while (r == 0 && cf_tls_keys_read(keys)) {
        if (keys->lines.length > 0) {
            r = cf_capture_file_reserve(&capture->file,
                                        keys->lines.length + CF_CAPTURE_BLOCK_MAX);
            if (r == 0)
                r = cf_pcapng_tls_keys_put(&capture->file.blocks, keys->lines.data,
                                           keys->lines.length);
            cf_tls_keys_know(keys);
        }
        if (r == 0 && (keys->lines.failed || keys->known.failed))
            r = -ENOMEM;
    }
    return r;
}

/* Write packets until there are none, one must wait, or it has been much. Returns 0 or -errno. */
static int packets_write(struct cf_capture *capture, uint64_t most)
{
    uint64_t end = capture->file.written + most;
    unsigned passed = 0;
    struct source *next;
    int r = keys_write(capture);

    while (r == 0 && capture->file.written + capture->file.blocks.length < end &&
           (next = source_next(capture, &passed)) && !is_held(capture, next)) {
        if (next->packet.time_ns >= capture->keys_ns)
            r = keys_write(capture);
        if (r == 0)
            r = packet_write(next);
        if (r == 0)
            source_take(next);
    }
    if (r < 0 && !capture->file.error)
        capture->file.error = r;
    return cf_capture_file_flush(&capture->file);
}

static void ring_ready(struct cf_watch *watch, uint32_t events)
{
    struct source *source = cf_container_of(watch, struct source, watch);

    (void)events;
    cf_loop_bulk(source->capture->loop);
    if (packets_write(source->capture, TURN_BYTES) < 0)
        fail(source->capture);
}

static int watch_all(struct cf_capture *capture)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < capture->n_sources; i++)
        r = cf_loop_watch(capture->loop, &capture->sources[i].watch,
                          cf_ring_fd(capture->sources[i].ring), EPOLLIN);
    return r;
}

static void read_on(struct cf_capture *capture)
{
    capture->held = false;
    cf_loop_timer_stop(capture->loop, &capture->timer);
    if (packets_write(capture, TURN_BYTES) < 0)
        fail(capture);
    else if (!capture->held && watch_all(capture) < 0) {
        unwatch(capture);
        cf_loop_task_add(capture->loop, &capture->task);
    }
}

static void on_task(struct cf_task *task)
{
    read_on(cf_container_of(task, struct cf_capture, task));
}

/* What was waited for did not come. */
static void on_timer(struct cf_timer *timer)
{
    struct cf_capture *capture = cf_container_of(timer, struct cf_capture, timer);

    if (capture->awaiting)
        cf_notes_give_up(capture->notes, &capture->awaiting->frame);
    read_on(capture);
}

static int source_open(struct source *source, const struct cf_capture_start *start,
                       struct cf_error *err)
{
    struct cf_ring_config ring = {
        .fd = source->outside ? start->outside_fd : start->fd,
        .interface = source->outside ? NULL : start->interface,
        .filter = source->outside ? start->outside_filter : start->filter,
        .snaplen = cf_capture_read_length(source->capture->config.snaplen),
        .n_blocks = RING_BLOCKS,
    };

    source->watch.fn = ring_ready;
    return cf_ring_open(&ring, &source->ring, err);
}

int cf_capture_start(struct cf_capture *capture, const struct cf_capture_start *start,
                     struct cf_error *err)
{
    int r = 0;

    capture->outside_wanted = start->outside_wanted;
    for (size_t i = 0; r == 0 && i < capture->n_sources; i++)
        r = source_open(&capture->sources[i], start, err);
    if (r < 0)
        return r;
    capture->start_ns = now_ns();
    r = cf_capture_file_begin(&capture->file);
    if (r < 0)
        return cf_error_errno(err, r, "cannot write the capture file '%s'", capture->file.path);
    capture->loop = start->loop;
    capture->keys.fd = start->keys_fd;
    capture->keys_ns = INT64_MAX;
    capture->failed = start->failed;
    capture->failed_data = start->data;
    capture->patient = !capture->file.classic;
    capture->timer.fn = on_timer;
    capture->task.fn = on_task;
    r = watch_all(capture);
    return r < 0 ? cf_error_errno(err, r, "cannot watch the captured packets") : 0;
}

/* Tell of a flow where packets of it may be seen. */
static void flow_say(struct cf_capture *capture, const struct cf_event *event)
{
    if (!capture->sources[0].outside)
        cf_notes_event(capture->notes, event);
    if (capture->outside_notes)
        cf_notes_event_outside(capture->outside_notes, event);
}

/* Block by block, so that each has room in its file. Returns 0 or -errno. */
static int names_say(struct cf_capture *capture, const struct cf_event_dns *dns)
{
    struct cf_buffer blocks;
    uint32_t length;
    int r = 0;

    cf_buffer_init(&blocks, 0);
    cf_capture_names_event(&capture->names, dns, &blocks);
    for (size_t at = 0; r == 0 && at < blocks.length; at += length) {
        memcpy(&length, blocks.data + at + 4, sizeof(length));
        r = cf_capture_file_reserve(&capture->file, length + CF_CAPTURE_BLOCK_MAX);
        if (r == 0)
            r = cf_buffer_append(&capture->file.blocks, blocks.data + at, length);
    }
    cf_buffer_done(&blocks);
    return r;
}

void cf_capture_event(struct cf_capture *capture, const struct cf_event *event)
{
    if (!capture->loop || capture->file.classic || capture->file.error)
        return;
    switch (event->type) {
    case CF_EVENT_DNS:
        if (names_say(capture, &event->dns) < 0)
            cf_loop_task_add(capture->loop, &capture->task); /* which tells of it */
        break;
    case CF_EVENT_FLOW_OPEN:
    case CF_EVENT_FLOW_DENIED:
        flow_say(capture, event);
        if (capture->held && capture->awaiting)
            cf_loop_task_add(capture->loop, &capture->task);
        break;
    case CF_EVENT_FLOW_CLOSE:
        flow_say(capture, event);
        break;
    default:
        break;
    }
}

void cf_capture_connected(struct cf_capture *capture, int fd, const struct sockaddr *to)
{
    if (capture->sockets)
        cf_capture_sockets_add(capture->sockets, fd, to);
}

void cf_capture_closing(struct cf_capture *capture, int fd)
{
    if (capture->sockets)
        cf_capture_sockets_close(capture->sockets, fd, now_ns());
}

/* Is something left, or about to be? Of several rings all are asked, so that they are in step. */
static bool wait_last(struct cf_capture *capture)
{
    bool left = false;

    for (size_t i = 0; i < capture->n_sources; i++)
        if (!capture->sources[i].over && cf_ring_wait_last(capture->sources[i].ring))
            left = true;
    return left && !capture->file.error;
}

void cf_capture_finish(struct cf_capture *capture, struct cf_event_capture *ret_event)
{
    *ret_event = (struct cf_event_capture) { .file = cf_capture_guard(capture) };
    if (capture->loop) {
        stop(capture);
        capture->patient = false;
        capture->until_ns = now_ns();
        do {
            if (packets_write(capture, UINT64_MAX / 2) < 0)
                fail(capture);
        } while (wait_last(capture));
    }
    for (size_t i = 0; capture->loop && i < capture->n_sources; i++) {
        struct source *source = &capture->sources[i];

        cf_ring_count(source->ring, &source->received, &source->dropped);
        ret_event->dropped += source->dropped;
    }
    ret_event->packets = capture->file.in_files.packets;
    ret_event->bytes = capture->file.in_files.bytes;
    ret_event->files = capture->file.number;
}

bool cf_capture_lacks_keys(const struct cf_capture *capture)
{
    return cf_tls_keys_overflown(&capture->keys);
}

int cf_capture_close(struct cf_capture *capture, struct cf_error *err)
{
    int r;

    if (!capture)
        return 0;
    r = cf_capture_file_close(&capture->file, err);
    capture_free(capture);
    return r;
}

void cf_capture_drop(struct cf_capture *capture)
{
    if (!capture)
        return;
    cf_capture_file_drop(&capture->file);
    capture_free(capture);
}
