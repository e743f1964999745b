/*
 * ring.h - packets of one interface, by way of memory that the kernel shares
 *
 * A packet socket with a ring of blocks (packet(7), TPACKET_V3): the kernel fills
 * a block and hands it over, whole, when it is full or some time has passed. A
 * packet is looked at where it lies and given back with its block. What finds
 * all blocks full is dropped, and counted.
 *
 * The filter runs in the kernel, or here where the kernel does not take it. Times are of the clock of 1970-01-01 UTC, in
 * nanoseconds, and never go back by less than a second.
 */
#ifndef CF_CAPTURE_RING_H
#define CF_CAPTURE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "capture/filter.h"

struct cf_ring;

struct cf_ring_config {
    /*
     * A packet socket of protocol 0 (AF_PACKET) of the namespace that the interface is in, of
     * SOCK_RAW for whole frames or SOCK_DGRAM for what begins with IP; the ring's own from the
     * call on, whatever it returns.
     */
    int fd;
    const char *interface; /* NULL: all of the namespace */
    const struct cf_capture_filter *filter; /* NULL: every packet; borrowed until the end */
    uint32_t snaplen;    /* bytes of a packet that are kept, where there is no filter to say so */
    unsigned n_blocks;   /* of CF_RING_BLOCK bytes */
};

#define CF_RING_BLOCK ((size_t)256 << 10)
#define CF_RING_RETIRE_MS 10 /* a block that is not full is handed over after so long */

struct cf_ring_packet {
    uint8_t *data;     /* borrowed; may be changed */
    uint32_t captured; /* bytes at data */
    uint32_t length;   /* bytes that the packet had */
    int64_t time_ns;
    bool outgoing;    /* sent by the machine that the interface is of */
    bool no_checksum; /* that of TCP or UDP was left to a device that there is none of */
    unsigned ifindex;
    bool loopback; /* the interface is one */
};

/* Returns 0 or -errno with a message. */
int cf_ring_open(const struct cf_ring_config *config, struct cf_ring **ret_ring,
                 struct cf_error *err);
void cf_ring_close(struct cf_ring *ring);

/* Readable when a block was handed over. */
int cf_ring_fd(const struct cf_ring *ring);

/* The oldest packet that was not taken; false when there is none. Again the same until taken. */
bool cf_ring_peek(struct cf_ring *ring, struct cf_ring_packet *ret_packet);
void cf_ring_take(struct cf_ring *ring);

/* How many blocks wait to be read; of all blocks, those that are left are what a burst has. */
unsigned cf_ring_waiting(const struct cf_ring *ring);

/* Whether the kernel has no packet that was not taken. */
bool cf_ring_is_empty(const struct cf_ring *ring);

/*
 * When no more packets come: wait until those that have come can be read, as long as it
 * takes the kernel to hand over a block that is not full. False when all were handed over.
 */
bool cf_ring_wait_last(struct cf_ring *ring);

/* So far; what was dropped is in what was received. */
void cf_ring_count(struct cf_ring *ring, uint64_t *ret_received, uint64_t *ret_dropped);

#endif
