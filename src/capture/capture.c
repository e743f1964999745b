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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "capture/file.h"
#include "capture/fragments.h"
#include "capture/names.h"
#include "capture/notes.h"
#include "capture/pcapng.h"
#include "capture/ring.h"
#include "capture/sockets.h"
#include "capture/source.h"
#include "capture/tls_keys.h"

/* Longer than the engine takes for a verdict, short enough for what is none of its business. */
#define HOLD_US (100 * INT64_C(1000))

/* Of two rings: a packet may get into its own so long after the time that it bears. */
#define SETTLE_US (2 * CF_RING_RETIRE_MS * INT64_C(1000))

/* The command's library has most likely written its secrets so long after the packet that they
 * come from. */
#define KEYS_US (100 * INT64_C(1000))

/* Nothing is waited for longer. */
#define SETTLE_MAX_US (1000 * INT64_C(1000))

/* Bytes that are written in one turn of the loop, before others have theirs. */
#define TURN_BYTES ((uint64_t)4 << 20)

/* Of a file's size: what the names that it begins with may have. */
#define NAMES_PART 4

struct cf_capture {
    struct cf_capture_config config;
    struct cf_capture_file file;
    struct cf_capture_names names;
    struct cf_notes *notes;
    struct cf_fragments *fragments;
    struct cf_notes *outside_notes;     /* NULL: nothing is taken there */
    struct cf_capture_sockets *sockets; /* likewise */
    struct cf_tls_keys keys;
    int64_t keys_ns; /* when they were read; INT64_MAX: there are none */
    struct cf_loop *loop;               /* NULL before cf_capture_start() */
    struct cf_capture_source sources[2]; /* in the order of the interfaces in the file */
    size_t n_sources;
    struct cf_timer timer; /* of what is held */
    struct cf_task task;   /* to read on */
    bool held, patient; /* patient: may wait for an event */
    struct cf_capture_source *awaiting; /* whose packet is held for one; NULL: for the other ring */
    void (*failed)(void *data, const struct cf_error *err);
    void *failed_data;
    int64_t start_ns, last_ns;
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
    if (capture->file.classic) {
        cf_pcap_header_put(blocks, cf_capture_source_link_type(&capture->sources[0]),
                           capture->config.snaplen);
        return;
    }
    cf_pcapng_section_put(blocks, &section);
    for (size_t i = 0; i < capture->n_sources; i++)
        cf_capture_source_interface_put(&capture->sources[i], capture->config.snaplen,
                                        capture->config.filter, blocks);
    cf_capture_names_put(&capture->names, blocks);
    if (capture->keys.known.length > 0)
        cf_pcapng_tls_keys_put(blocks, capture->keys.known.data, capture->keys.known.length);
}

static void file_end(void *data, struct cf_buffer *blocks)
{
    struct cf_capture *capture = data;

    if (capture->file.classic)
        return;
    for (size_t i = 0; i < capture->n_sources; i++)
        if (capture->sources[i].ring)
            cf_capture_source_statistics_put(&capture->sources[i], (uint32_t)i, capture->start_ns,
                                             blocks);
}

uint32_t cf_capture_read_length(uint32_t snaplen)
{
    return cf_capture_source_read_length(snaplen);
}

static void sources_make(struct cf_capture *capture)
{
    enum cf_capture_point point = capture->config.point;
    struct cf_capture_source *source = capture->sources;

    if (point != CF_CAPTURE_EGRESS)
        *source++ = (struct cf_capture_source) { .capture = capture,
                                                 .notes = capture->notes,
                                                 .fragments = capture->fragments,
                                                 .logical = point == CF_CAPTURE_EGRESS_LOGICAL };
    if (cf_capture_is_outside(point))
        *source++ = (struct cf_capture_source) { .capture = capture,
                                                 .notes = capture->outside_notes,
                                                 .fragments = capture->fragments,
                                                 .sockets = capture->sockets,
                                                 .outside = true };
    capture->n_sources = (size_t)(source - capture->sources);
}

/* Returns 0 or -ENOMEM. */
static int tables_make(struct cf_capture *capture)
{
    int r = cf_notes_new(&capture->notes);

    if (r == 0)
        r = cf_fragments_new(&capture->fragments);
    if (r == 0 && cf_capture_is_outside(capture->config.point))
        r = cf_notes_new(&capture->outside_notes);
    if (r == 0 && capture->outside_notes)
        r = cf_capture_sockets_new(&capture->sockets);
    if (r == 0)
        sources_make(capture);
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
        cf_capture_source_close(&capture->sources[i]);
    cf_capture_names_done(&capture->names);
    cf_tls_keys_done(&capture->keys);
    cf_notes_free(capture->notes);
    cf_notes_free(capture->outside_notes);
    cf_fragments_free(capture->fragments);
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

static int packet_write(struct cf_capture_source *source)
{
    struct cf_capture *capture = source->capture;
    cf_auto_free char *comment = NULL;
    struct cf_pcapng_packet block;
    int r;

    if (!cf_capture_source_packet(source, &block))
        return 0;
    block.interface = (uint32_t)(source - capture->sources);
    if (block.time_ns < capture->last_ns && capture->last_ns - block.time_ns < SETTLE_MAX_US * 1000)
        block.time_ns = capture->last_ns;
    capture->last_ns = block.time_ns;
    if (block.captured > capture->config.snaplen)
        block.captured = capture->config.snaplen;
    if (!capture->file.classic)
        comment = cf_capture_source_comment(source);
    block.comment = comment;
    r = cf_capture_file_reserve(&capture->file, block.captured + CF_CAPTURE_BLOCK_MAX +
                                                    (comment ? strlen(comment) : 0));
    if (r == 0)
        r = capture->file.classic ? cf_pcap_packet_put(&capture->file.blocks, &block)
                                  : cf_pcapng_packet_put(&capture->file.blocks, &block);
    if (r == 0) {
        source->written++;
        capture->file.in_blocks.packets++;
        capture->file.in_blocks.bytes += block.length;
    }
    return r;
}

static void hold(struct cf_capture *capture, struct cf_capture_source *awaiting, int64_t wait_us)
{
    capture->held = true;
    capture->awaiting = awaiting;
    unwatch(capture);
    if (cf_loop_timer_start(capture->loop, &capture->timer, cf_clock_monotonic_us() + wait_us) < 0)
        cf_loop_task_add(capture->loop, &capture->task);
}

/* The source whose packet is the next to be written; NULL when there is none. */
static struct cf_capture_source *source_next(struct cf_capture *capture, unsigned *passed)
{
    struct cf_capture_source *next = NULL;

    for (size_t i = 0; i < capture->n_sources; i++) {
        struct cf_capture_source *source = &capture->sources[i];

        if (cf_capture_source_ready(source, passed) &&
            (!next || source->packet.time_ns < next->packet.time_ns))
            next = source;
    }
    return next;
}

/* May something older come out of the other ring, or what the packet is read with be written yet? */
static bool is_early(const struct cf_capture *capture, const struct cf_capture_source *next)
{
    int64_t age_us = (now_ns() - next->packet.time_ns) / 1000;
    bool has_keys = capture->keys.fd >= 0;

    if (!capture->patient || age_us > SETTLE_MAX_US ||
        cf_ring_waiting(next->ring) > CF_CAPTURE_RING_BLOCKS / 2)
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
static bool is_held(struct cf_capture *capture, struct cf_capture_source *next)
{
    if (is_early(capture, next)) {
        hold(capture, NULL, capture->keys.fd < 0 ? SETTLE_US : SETTLE_US / 2);
        return true;
    }
    if (!capture->patient || !cf_capture_source_is_awaited(next))
        return false;
    if (cf_ring_waiting(next->ring) <= CF_CAPTURE_RING_BLOCKS / 2) {
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
    struct cf_capture_source *next;
    int r = keys_write(capture);

    while (r == 0 && capture->file.written + capture->file.blocks.length < end &&
           (next = source_next(capture, &passed)) && !is_held(capture, next)) {
        if (next->packet.time_ns >= capture->keys_ns)
            r = keys_write(capture);
        if (r == 0)
            r = packet_write(next);
        if (r == 0)
            cf_capture_source_take(next);
    }
    if (r < 0 && !capture->file.error)
        capture->file.error = r;
    return cf_capture_file_flush(&capture->file);
}

static void ring_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_capture_source *source = cf_container_of(watch, struct cf_capture_source, watch);

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

static int source_open(struct cf_capture_source *source, const struct cf_capture_start *start,
                       struct cf_error *err)
{
    uint32_t snaplen = source->capture->config.snaplen;

    source->watch.fn = ring_ready;
    if (!source->outside)
        return cf_capture_source_open(source, start->fd, start->interface, start->filter, snaplen,
                                      err);
    source->wanted = start->outside_wanted;
    return cf_capture_source_open(source, start->outside_fd, NULL, start->outside_filter, snaplen,
                                  err);
}

int cf_capture_start(struct cf_capture *capture, const struct cf_capture_start *start,
                     struct cf_error *err)
{
    int r = 0;

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

int cf_capture_finish(struct cf_capture *capture, struct cf_event_capture *ret_event,
                      struct cf_error *err)
{
    int r;

    *ret_event = (struct cf_event_capture) { .file = cf_capture_guard(capture) };
    if (capture->loop) {
        stop(capture);
        capture->patient = false;
        for (size_t i = 0; i < capture->n_sources; i++)
            capture->sources[i].until_ns = now_ns();
        do {
            if (packets_write(capture, UINT64_MAX / 2) < 0)
                fail(capture);
        } while (wait_last(capture));
    }
    for (size_t i = 0; capture->loop && i < capture->n_sources; i++) {
        struct cf_capture_source *source = &capture->sources[i];

        cf_capture_source_count(source);
        ret_event->dropped += source->dropped;
    }
    r = cf_capture_file_end(&capture->file, err);
    ret_event->packets = capture->file.in_files.packets;
    ret_event->bytes = capture->file.in_files.bytes;
    ret_event->files = capture->file.number;
    return r;
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
