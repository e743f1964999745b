/*
 * source.h - a point where packets of a run are taken
 *
 * The packets of a ring, those of others left out, one at a time: what it is and
 * whose, how it goes into the file, and what is said beside it.
 */
#ifndef CF_CAPTURE_SOURCE_H
#define CF_CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "capture/filter.h"
#include "capture/fragments.h"
#include "capture/frame.h"
#include "capture/notes.h"
#include "capture/pcapng.h"
#include "capture/ring.h"
#include "capture/sockets.h"
#include "loop/loop.h"

/* Packets of others are passed over; so many in a turn. */
#define CF_CAPTURE_TURN_PACKETS 65536

/*
 * Of the ring, in its blocks: what a burst has, 32 MiB. They are many and small, since one that is
 * not full is handed over after CF_RING_RETIRE_MS all the same: of few packets half the ring is
 * full, and nothing waits for its event any more, after 640 ms.
 */
#define CF_CAPTURE_RING_BLOCKS 128

struct cf_capture; /* whose it is: of no interest here */

struct cf_capture_source {
    struct cf_capture *capture;
    struct cf_watch watch; /* for the ring, by who has it */
    bool outside;          /* packets of the host, that begin with IP */
    bool logical;          /* they are written as they would have left */
    struct cf_notes *notes;                 /* of its flows; borrowed, as what follows */
    struct cf_fragments *fragments;
    struct cf_capture_sockets *sockets;     /* outside: ours */
    const struct cf_capture_filter *wanted; /* outside: what is written of their packets */
    struct cf_ring *ring;                   /* NULL: before the start */
    int64_t until_ns;                       /* the end; 0: not yet */
    bool ready, read;                       /* there is a packet; frame says whose it is */
    bool over;                              /* what comes is later than the end */
    struct cf_ring_packet packet;           /* the next */
    struct cf_frame frame;
    bool inbound; /* to the sandbox, or to our socket */
    uint64_t received, dropped, written;
};

/* Bytes of a packet that say whose it is, or as many as are written. */
uint32_t cf_capture_source_read_length(uint32_t snaplen);

/* One of pcapng's link types. */
uint16_t cf_capture_source_link_type(const struct cf_capture_source *source);

/* The interface's block. filter: as it was written; NULL: none */
void cf_capture_source_interface_put(const struct cf_capture_source *source, uint32_t snaplen,
                                     const char *filter, struct cf_buffer *blocks);

/*
 * Ask the kernel for its figures, and put them beside ours. interface: its number in the file;
 * from start_ns until now
 */
void cf_capture_source_statistics_put(struct cf_capture_source *source, uint32_t interface,
                                      int64_t start_ns, struct cf_buffer *blocks);
void cf_capture_source_count(struct cf_capture_source *source);

/*
 * Take packets from here on. fd and filter as in cf_ring_config; interface: NULL for all.
 * Returns 0 or -errno with a message.
 */
int cf_capture_source_open(struct cf_capture_source *source, int fd, const char *interface,
                           const struct cf_capture_filter *filter, uint32_t snaplen,
                           struct cf_error *err);
void cf_capture_source_close(struct cf_capture_source *source);

/* Is there a packet to write? Passes over those of others; false when they were very many. */
bool cf_capture_source_ready(struct cf_capture_source *source, unsigned *passed);

/* Done with that packet. */
void cf_capture_source_take(struct cf_capture_source *source);

/* Will the engine, or did it, say something about the flow that this packet begins? */
bool cf_capture_source_is_awaited(const struct cf_capture_source *source);

/*
 * The packet as it is written, but for its interface and its comment, with whole checksums. What
 * ret_block has of it is the ring's. False for what has no way out, where that is asked for.
 */
bool cf_capture_source_packet(const struct cf_capture_source *source,
                              struct cf_pcapng_packet *ret_block);

/* What is said beside it: the caller's, free(); NULL: nothing. Once. */
char *cf_capture_source_comment(const struct cf_capture_source *source);

#endif
