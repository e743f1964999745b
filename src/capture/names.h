/*
 * names.h - the names that a run learned, for those who read its packets
 */
#ifndef CF_CAPTURE_NAMES_H
#define CF_CAPTURE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/event.h"
#include "base/buffer.h"
#include "base/hash.h"

/* Pairs of an address and a name that are remembered; what comes later is told once a time. */
#define CF_CAPTURE_NAMES_MAX 16384

struct cf_capture_names {
    struct cf_hash hash;
    struct cf_capture_name *first, **tail;
    uint64_t bytes, most_bytes;
};

/* most_bytes: that the blocks of all that are remembered may have; 0: no limit */
void cf_capture_names_init(struct cf_capture_names *names, uint64_t most_bytes);
void cf_capture_names_done(struct cf_capture_names *names);

/* Append a block for each address of an answer that was given, and the name that was asked for. */
void cf_capture_names_event(struct cf_capture_names *names, const struct cf_event_dns *dns,
                            struct cf_buffer *out);

/* Append all that are remembered, in the order in which they were learned. */
void cf_capture_names_put(const struct cf_capture_names *names, struct cf_buffer *out);

#endif
