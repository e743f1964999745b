/*
 * segments.h - the winner of a host's items for every port
 */
#ifndef CF_PROFILE_SEGMENTS_H
#define CF_PROFILE_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "profile/match.h"

#define CF_SEGMENT_NONE UINT32_MAX

/* Places among the items, by action: the first that denies, and the first that allows. */
struct cf_segment {
    uint32_t first[2];
};

/* For TCP, UDP and ICMP: ports from starts[i] up to the next start have winners[i]. */
struct cf_segments;

/*
 * items: in the order in which they win; none is for a program alone. Not kept.
 *
 * NULL when out of memory.
 */
struct cf_segments *cf_segments_new(const struct cf_item *items, size_t n);
void cf_segments_free(struct cf_segments *segments);

/* Who wins, whatever the flow. */
const struct cf_segment *cf_segments_any(const struct cf_segments *segments);

/* Who wins for this flow; port is 0 for ICMP. */
const struct cf_segment *cf_segments_find(const struct cf_segments *segments, enum cf_proto proto,
                                          uint16_t port);

#endif
