/*
 * fragments.c - whose the fragments behind the first of a packet are
 */
#include "capture/fragments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct first {
    struct cf_addr src, dst; /* src.family NONE: nothing is here */
    uint32_t id;
    uint8_t protocol;
    uint16_t src_port, dst_port, echo;
};

struct cf_fragments {
    struct first places[CF_FRAGMENTS_MAX];
};

int cf_fragments_new(struct cf_fragments **ret_fragments)
{
    *ret_fragments = calloc(1, sizeof(**ret_fragments));
    return *ret_fragments ? 0 : -ENOMEM;
}

void cf_fragments_free(struct cf_fragments *fragments)
{
    free(fragments);
}

static struct first *place_of(struct cf_fragments *fragments, const struct cf_frame *frame)
{
    uint8_t bytes[2 * 16 + 4 + 1];

    memcpy(bytes, frame->src.bytes, 16);
    memcpy(bytes + 16, frame->dst.bytes, 16);
    memcpy(bytes + 32, &frame->id, 4);
    bytes[36] = frame->protocol;
    return &fragments->places[cf_hash_bytes(bytes, sizeof(bytes)) % CF_FRAGMENTS_MAX];
}

static bool is_of(const struct first *first, const struct cf_frame *frame)
{
    return first->id == frame->id && first->protocol == frame->protocol &&
           cf_addr_equal(&first->src, &frame->src) && cf_addr_equal(&first->dst, &frame->dst);
}

void cf_fragments_know(struct cf_fragments *fragments, struct cf_frame *frame)
{
    struct first *first;

    if (!frame->fragment)
        return;
    first = place_of(fragments, frame);
    if (!frame->later) {
        *first = (struct first) { .src = frame->src,
                                  .dst = frame->dst,
                                  .id = frame->id,
                                  .protocol = frame->protocol,
                                  .src_port = frame->src_port,
                                  .dst_port = frame->dst_port,
                                  .echo = frame->echo };
    } else if (is_of(first, frame)) {
        frame->src_port = first->src_port;
        frame->dst_port = first->dst_port;
        frame->echo = first->echo;
    }
}
