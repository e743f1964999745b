/*
 * segments.c - the winner of a host's items for every port
 *
 * How this works. The first port of every range and the one behind its last
 * cut the ports into segments within which no item begins or ends. The items
 * are painted in the order in which they win, each onto the segments that none
 * before it has taken; two coats, one for the items that deny and one for
 * those that allow. While painting, `next` leads from each segment to the next
 * one that is not taken, shortened on the way as in a union-find, so that
 * what is taken already costs nothing.
 */
#include "profile/segments.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define PORTS_END 65536

struct coat {
    size_t n;
    uint32_t *starts; /* the first is 0 */
    struct cf_segment *winners;
};

struct cf_segments {
    struct coat tcp, udp;
    struct cf_segment icmp;
    struct cf_segment any; /* the first of all items */
};

static int compare_starts(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* 0, and every port at which an item of the protocol begins or has ended. Returns how many. */
static size_t collect_starts(const struct cf_item *items, size_t n, enum cf_proto proto,
                             uint32_t *starts)
{
    size_t n_starts = 1, n_kept = 1;

    starts[0] = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; items[i].protos & (unsigned)proto && k < items[i].n_ports; k++) {
            starts[n_starts++] = items[i].ports[k].first;
            if (items[i].ports[k].last + 1u < PORTS_END)
                starts[n_starts++] = items[i].ports[k].last + 1u;
        }
    }
    qsort(starts, n_starts, sizeof *starts, compare_starts);
    for (size_t i = 1; i < n_starts; i++) {
        if (starts[i] != starts[n_kept - 1])
            starts[n_kept++] = starts[i];
    }
    return n_kept;
}

/* The segment that holds the port. */
static size_t segment_of(const struct coat *coat, uint32_t port)
{
    size_t first = 0, n = coat->n;

    while (n > 1) {
        size_t half = n / 2;

        first = coat->starts[first + half] <= port ? first + half : first;
        n -= half;
    }
    return first;
}

static size_t untaken(uint32_t *next, size_t at)
{
    size_t end = at;

    while (next[end] != end)
        end = next[end];
    while (next[at] != end) {
        size_t step = next[at];

        next[at] = (uint32_t)end;
        at = step;
    }
    return end;
}

static void paint_range(struct coat *coat, uint32_t *next, uint32_t first, uint32_t last,
                        unsigned action, uint32_t place)
{
    size_t at = untaken(next, segment_of(coat, first));

    for (; at < coat->n && coat->starts[at] <= last; at = untaken(next, at)) {
        coat->winners[at].first[action] = place;
        next[at] = (uint32_t)at + 1;
    }
}

/* Paint the items of one action. next: room for one more than there are segments */
static void paint(struct coat *coat, const struct cf_item *items, size_t n, enum cf_proto proto,
                  unsigned action, uint32_t *next)
{
    for (size_t i = 0; i <= coat->n; i++)
        next[i] = (uint32_t)i;
    for (size_t i = 0; i < n && untaken(next, 0) < coat->n; i++) {
        const struct cf_item *item = &items[i];

        if (item->action != action || !(item->protos & (unsigned)proto))
            continue;
        if (!item->ports)
            paint_range(coat, next, 0, PORTS_END - 1, action, (uint32_t)i);
        for (size_t k = 0; k < item->n_ports; k++)
            paint_range(coat, next, item->ports[k].first, item->ports[k].last, action, (uint32_t)i);
    }
}

static int coat_make(struct coat *coat, const struct cf_item *items, size_t n, enum cf_proto proto)
{
    cf_auto_free uint32_t *next = NULL;
    size_t n_ranges = 0;

    for (size_t i = 0; i < n; i++)
        n_ranges += items[i].n_ports;
    coat->starts = calloc(2 * n_ranges + 1, sizeof *coat->starts);
    next = calloc(2 * n_ranges + 2, sizeof *next);
    if (!coat->starts || !next)
        return -1;
    coat->n = collect_starts(items, n, proto, coat->starts);
    coat->winners = malloc(coat->n * sizeof *coat->winners);
    if (!coat->winners)
        return -1;
    memset(coat->winners, 0xff, coat->n * sizeof *coat->winners);
    paint(coat, items, n, proto, CF_DENY, next);
    paint(coat, items, n, proto, CF_ALLOW, next);
    return 0;
}

struct cf_segments *cf_segments_new(const struct cf_item *items, size_t n)
{
    struct cf_segments *segments = calloc(1, sizeof *segments);

    if (!segments)
        return NULL;
    if (coat_make(&segments->tcp, items, n, CF_PROTO_TCP) < 0 ||
        coat_make(&segments->udp, items, n, CF_PROTO_UDP) < 0) {
        cf_segments_free(segments);
        return NULL;
    }
    memset(&segments->icmp, 0xff, sizeof segments->icmp);
    memset(&segments->any, 0xff, sizeof segments->any);
    for (size_t i = n; i > 0; i--) {
        segments->any.first[items[i - 1].action] = (uint32_t)(i - 1);
        if (items[i - 1].protos & CF_PROTO_ICMP && !items[i - 1].ports)
            segments->icmp.first[items[i - 1].action] = (uint32_t)(i - 1);
    }
    return segments;
}

void cf_segments_free(struct cf_segments *segments)
{
    if (!segments)
        return;
    free(segments->tcp.starts);
    free(segments->tcp.winners);
    free(segments->udp.starts);
    free(segments->udp.winners);
    free(segments);
}

const struct cf_segment *cf_segments_any(const struct cf_segments *segments)
{
    return &segments->any;
}

const struct cf_segment *cf_segments_find(const struct cf_segments *segments, enum cf_proto proto,
                                          uint16_t port)
{
    const struct coat *coat = proto == CF_PROTO_TCP ? &segments->tcp : &segments->udp;

    return proto == CF_PROTO_ICMP ? &segments->icmp : &coat->winners[segment_of(coat, port)];
}
