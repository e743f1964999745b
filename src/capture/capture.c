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

#define LINKTYPE_ETHERNET 1
#define PORT_DNS 53

/* Longer than the engine takes for a verdict, short enough for what is none of its business. */
#define HOLD_US (100 * INT64_C(1000))

/* Of the ring, in its blocks: what a burst has. */
#define RING_BLOCKS 32

/* Bytes that are written in one turn of the loop, before others have theirs. */
#define TURN_BYTES ((uint64_t)4 << 20)

struct cf_capture {
    struct cf_capture_config config;
    struct cf_capture_file file;
    struct cf_capture_names names;
    struct cf_notes *notes;
    struct cf_loop *loop; /* NULL before cf_capture_start() */
    struct cf_ring *ring;
    struct cf_watch watch;
    struct cf_timer timer; /* of what is held */
    struct cf_task task;   /* to read on */
    bool held, patient; /* patient: may wait for an event */
    void (*failed)(void *data, const struct cf_error *err);
    void *failed_data;
    int64_t start_ns, last_ns;
    uint64_t received, dropped;
};

static int64_t now_ns(void)
{
    return cf_clock_realtime_us() * 1000;
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
    const struct cf_pcapng_interface interface = {
        .link_type = LINKTYPE_ETHERNET,
        .snaplen = capture->config.snaplen,
        .name = "child",
        .description = "what the command's tree sent and received, before any verdict",
        .filter = capture->config.filter,
    };

    if (capture->file.classic) {
        cf_pcap_header_put(blocks, LINKTYPE_ETHERNET, capture->config.snaplen);
        return;
    }
    cf_pcapng_section_put(blocks, &section);
    cf_pcapng_interface_put(blocks, &interface);
    cf_capture_names_put(&capture->names, blocks);
}

static void file_end(void *data, struct cf_buffer *blocks)
{
    struct cf_capture *capture = data;
    struct cf_pcapng_statistics statistics = {
        .start_ns = capture->start_ns,
        .end_ns = now_ns(),
        .written = capture->file.in_files.packets + capture->file.in_blocks.packets,
    };

    if (!capture->ring || capture->file.classic)
        return;
    cf_ring_count(capture->ring, &capture->received, &capture->dropped);
    statistics.time_ns = statistics.end_ns;
    statistics.received = capture->received;
    statistics.dropped = capture->dropped;
    cf_pcapng_statistics_put(blocks, &statistics);
}

int cf_capture_new(const struct cf_capture_config *config, struct cf_capture **ret_capture,
                   struct cf_error *err)
{
    struct cf_capture *capture = calloc(1, sizeof(*capture));
    const struct cf_capture_file_config file = {
        .path = config->path,
        .max_size = config->max_size,
        .keep = config->keep,
        .begin = file_begin,
        .end = file_end,
        .data = capture,
    };
    int r;

    if (!capture)
        return cf_error_set(err, -ENOMEM, "out of memory");
    capture->config = *config;
    cf_capture_names_init(&capture->names);
    r = cf_notes_new(&capture->notes);
    if (r < 0)
        cf_error_set(err, r, "out of memory");
    else
        r = cf_capture_file_open(&file, &capture->file, err);
    if (r < 0) {
        cf_notes_free(capture->notes);
        free(capture);
        return r;
    }
    *ret_capture = capture;
    return 0;
}

const char *cf_capture_guard(const struct cf_capture *capture)
{
    return cf_capture_file_guard(&capture->file);
}

static void stop(struct cf_capture *capture)
{
    if (!capture->loop)
        return;
    cf_loop_unwatch(capture->loop, &capture->watch);
    cf_loop_timer_stop(capture->loop, &capture->timer);
    cf_loop_task_remove(capture->loop, &capture->task);
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
static bool is_awaited(const struct cf_capture *capture, const struct cf_ring_packet *packet,
                       const struct cf_frame *frame)
{
    const uint8_t *to = frame->dst.bytes;

    if (!capture->patient || packet->outgoing || !frame->first || frame->fragment ||
        frame->dst_port == PORT_DNS)
        return false;
    if (frame->dst.family == CF_FAMILY_IPV4 ? to[0] >= 224 : to[0] == 0xff)
        return false; /* multicast, broadcast: no flow */
    return !cf_notes_know(capture->notes, frame, false);
}

static int packet_write(struct cf_capture *capture, const struct cf_ring_packet *packet,
                        const struct cf_frame *frame)
{
    cf_auto_free char *comment =
        frame && !capture->file.classic ? cf_notes_take(capture->notes, frame, packet->outgoing)
                                        : NULL;
    const struct cf_pcapng_packet block = {
        .time_ns = packet->time_ns,
        .data = packet->data,
        .captured = packet->captured,
        .length = packet->length,
        /* What the gateway sends the sandbox receives. */
        .direction = packet->outgoing ? CF_PCAPNG_INBOUND : CF_PCAPNG_OUTBOUND,
        .comment = comment,
    };
    size_t most = packet->captured + (comment ? strlen(comment) : 0) + CF_CAPTURE_BLOCK_MAX;
    int r = cf_capture_file_reserve(&capture->file, most);

    if (r < 0)
        return r;
    if (packet->no_checksum && frame && packet->captured == packet->length)
        cf_frame_checksum(packet->data, packet->captured, frame);
    r = capture->file.classic ? cf_pcap_packet_put(&capture->file.blocks, &block)
                              : cf_pcapng_packet_put(&capture->file.blocks, &block);
    if (r == 0) {
        capture->file.in_blocks.packets++;
        capture->file.in_blocks.bytes += packet->length;
    }
    return r;
}

static void hold(struct cf_capture *capture)
{
    capture->held = true;
    cf_loop_unwatch(capture->loop, &capture->watch);
    if (cf_loop_timer_start(capture->loop, &capture->timer, cf_clock_monotonic_us() + HOLD_US) < 0)
        cf_loop_task_add(capture->loop, &capture->task);
}

/* Write packets until there are none, one is awaited, or it has been much. Returns 0 or -errno. */
static int packets_write(struct cf_capture *capture, uint64_t most)
{
    uint64_t end = capture->file.written + most;
    struct cf_ring_packet packet;
    struct cf_frame frame;
    int r = 0;

    while (r == 0 && capture->file.written + capture->file.blocks.length < end &&
           cf_ring_peek(capture->ring, &packet)) {
        bool read =
            cf_frame_read(packet.data, packet.captured, CF_FRAME_ETHERNET, &frame) == 0;

        if (read && is_awaited(capture, &packet, &frame)) {
            if (cf_ring_waiting(capture->ring) <= RING_BLOCKS / 2) {
                hold(capture);
                break;
            }
            cf_notes_give_up(capture->notes, &frame);
        }
        r = packet_write(capture, &packet, read ? &frame : NULL);
        if (r == 0)
            cf_ring_take(capture->ring);
    }
    if (r < 0 && !capture->file.error)
        capture->file.error = r;
    return cf_capture_file_flush(&capture->file);
}

static void ring_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_capture *capture = cf_container_of(watch, struct cf_capture, watch);

    (void)events;
    cf_loop_bulk(capture->loop);
    if (packets_write(capture, TURN_BYTES) < 0)
        fail(capture);
}

static void read_on(struct cf_capture *capture)
{
    capture->held = false;
    cf_loop_timer_stop(capture->loop, &capture->timer);
    if (packets_write(capture, TURN_BYTES) < 0)
        fail(capture);
    else if (!capture->held &&
             cf_loop_watch(capture->loop, &capture->watch, cf_ring_fd(capture->ring), EPOLLIN) < 0)
        cf_loop_task_add(capture->loop, &capture->task);
}

static void on_task(struct cf_task *task)
{
    read_on(cf_container_of(task, struct cf_capture, task));
}

/* What was waited for did not come. */
static void on_timer(struct cf_timer *timer)
{
    struct cf_capture *capture = cf_container_of(timer, struct cf_capture, timer);
    struct cf_ring_packet packet;
    struct cf_frame frame;

    if (cf_ring_peek(capture->ring, &packet) &&
        cf_frame_read(packet.data, packet.captured, CF_FRAME_ETHERNET, &frame) == 0)
        cf_notes_give_up(capture->notes, &frame);
    read_on(capture);
}

int cf_capture_start(struct cf_capture *capture, const struct cf_capture_start *start,
                     struct cf_error *err)
{
    const struct cf_ring_config ring = {
        .fd = start->fd,
        .interface = start->interface,
        .filter = start->filter,
        .snaplen = capture->config.snaplen,
        .n_blocks = RING_BLOCKS,
    };
    int r;

    r = cf_ring_open(&ring, &capture->ring, err);
    if (r < 0)
        return r;
    capture->start_ns = now_ns();
    r = cf_capture_file_begin(&capture->file);
    if (r < 0)
        return cf_error_errno(err, r, "cannot write the capture file '%s'", capture->file.path);
    capture->loop = start->loop;
    capture->failed = start->failed;
    capture->failed_data = start->data;
    capture->patient = !capture->file.classic;
    capture->watch.fn = ring_ready;
    capture->timer.fn = on_timer;
    capture->task.fn = on_task;
    r = cf_loop_watch(start->loop, &capture->watch, cf_ring_fd(capture->ring), EPOLLIN);
    return r < 0 ? cf_error_errno(err, r, "cannot watch the captured packets") : 0;
}

void cf_capture_event(struct cf_capture *capture, const struct cf_event *event)
{
    if (!capture->loop || capture->file.classic || capture->file.error)
        return;
    switch (event->type) {
    case CF_EVENT_DNS:
        cf_capture_names_event(&capture->names, &event->dns, &capture->file.blocks);
        break;
    case CF_EVENT_FLOW_OPEN:
    case CF_EVENT_FLOW_DENIED:
        cf_notes_event(capture->notes, event);
        if (capture->held)
            cf_loop_task_add(capture->loop, &capture->task);
        break;
    case CF_EVENT_FLOW_CLOSE:
        cf_notes_event(capture->notes, event);
        break;
    default:
        break;
    }
}

void cf_capture_finish(struct cf_capture *capture, struct cf_event_capture *ret_event)
{
    *ret_event = (struct cf_event_capture) { .file = cf_capture_guard(capture) };
    if (capture->ring) {
        stop(capture);
        capture->patient = false;
        while (!capture->file.error && cf_ring_wait_last(capture->ring))
            if (packets_write(capture, UINT64_MAX / 2) < 0)
                fail(capture);
        cf_ring_count(capture->ring, &capture->received, &capture->dropped);
    }
    ret_event->packets = capture->file.in_files.packets;
    ret_event->bytes = capture->file.in_files.bytes;
    ret_event->dropped = capture->dropped;
    ret_event->files = capture->file.number;
}

static void capture_free(struct cf_capture *capture)
{
    stop(capture);
    cf_ring_close(capture->ring);
    cf_capture_names_done(&capture->names);
    cf_notes_free(capture->notes);
    free(capture);
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
