/*
 * ring.c - packets of one interface, by way of memory that the kernel shares
 *
 * How this works. The socket is bound last, when filter and ring are there, so
 * that no packet gets in that the filter would have kept out. Blocks are handed
 * over in turn: `block` is the next to be read, `packet` the place in it, NULL
 * before its first, and `left` how many packets of it were not taken. A block
 * goes back to the kernel when its last packet is taken.
 */
#include "capture/ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define FRAME_SIZE 2048 /* of no meaning to TPACKET_V3, but it must divide a block */
#define NS_PER_S INT64_C(1000000000)

struct cf_ring {
    int fd;
    uint8_t *map;
    size_t map_size;
    unsigned n_blocks, block;
    uint8_t *packet;
    uint32_t left;
    int64_t last_ns;
    uint64_t received, dropped;
    const struct cf_capture_filter *filter; /* that the kernel does not take; NULL: none */
    uint64_t filtered;                      /* by it */
};

static struct tpacket_block_desc *block_at(const struct cf_ring *ring, unsigned block)
{
    return (struct tpacket_block_desc *)(void *)(ring->map + block * CF_RING_BLOCK);
}

static bool is_ours(const struct cf_ring *ring, unsigned block)
{
    return __atomic_load_n(&block_at(ring, block)->hdr.bh1.block_status, __ATOMIC_ACQUIRE) &
           TP_STATUS_USER;
}

static int filter_attach(struct cf_ring *ring, const struct cf_ring_config *config,
                         struct cf_error *err)
{
    struct sock_filter code = BPF_STMT(BPF_RET | BPF_K, config->snaplen);
    const struct cf_capture_filter all = { .code = &code, .length = 1 };
    bool in_kernel, filtered = config->filter && config->filter->length > 0;
    int r;

    r = cf_capture_filter_attach(filtered ? config->filter : &all, ring->fd, &in_kernel, err);
    if (r == 0 && !in_kernel)
        ring->filter = config->filter;
    return r;
}

static int map_make(struct cf_ring *ring)
{
    const int version = TPACKET_V3;
    struct tpacket_req3 request = {
        .tp_block_size = CF_RING_BLOCK,
        .tp_block_nr = ring->n_blocks,
        .tp_frame_size = FRAME_SIZE,
        .tp_frame_nr = (unsigned)(CF_RING_BLOCK / FRAME_SIZE) * ring->n_blocks,
        .tp_retire_blk_tov = CF_RING_RETIRE_MS,
    };
    void *map;

    if (setsockopt(ring->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
        setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) < 0)
        return -errno;
    map = mmap(NULL, ring->n_blocks * CF_RING_BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
               0);
    if (map == MAP_FAILED)
        return -errno;
    ring->map = map;
    ring->map_size = ring->n_blocks * CF_RING_BLOCK;
    return 0;
}

static int interface_bind(const struct cf_ring *ring, const char *interface)
{
    struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
    struct ifreq request = { 0 };

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface ? interface : "");
    if (interface && ioctl(ring->fd, SIOCGIFINDEX, &request) < 0)
        return -errno;
    address.sll_ifindex = request.ifr_ifindex;
    return bind(ring->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

static void ring_cleanup(struct cf_ring **ring)
{
    cf_ring_close(*ring);
}

int cf_ring_open(const struct cf_ring_config *config, struct cf_ring **ret_ring,
                 struct cf_error *err)
{
    CF_CLEANUP(ring_cleanup) struct cf_ring *ring = calloc(1, sizeof(*ring));
    int r;

    if (!ring) {
        close(config->fd);
        return cf_error_set(err, -ENOMEM, "out of memory");
    }
    ring->fd = config->fd;
    ring->n_blocks = config->n_blocks;
    r = filter_attach(ring, config, err);
    if (r < 0)
        return r;
    r = map_make(ring);
    if (r < 0)
        return cf_error_errno(err, r, "cannot make a ring of %u MiB for captured packets",
                              ring->n_blocks);
    r = interface_bind(ring, config->interface);
    if (r < 0)
        return cf_error_errno(err, r, "cannot capture at '%s'",
                              config->interface ? config->interface : "any");
    *ret_ring = ring;
    ring = NULL;
    return 0;
}

void cf_ring_close(struct cf_ring *ring)
{
    if (!ring)
        return;
    if (ring->map)
        munmap(ring->map, ring->map_size);
    cf_fd_close(&ring->fd);
    free(ring);
}

int cf_ring_fd(const struct cf_ring *ring)
{
    return ring->fd;
}

static void block_give_back(struct cf_ring *ring)
{
    __atomic_store_n(&block_at(ring, ring->block)->hdr.bh1.block_status, TP_STATUS_KERNEL,
                     __ATOMIC_RELEASE);
    ring->block = (ring->block + 1) % ring->n_blocks;
    ring->packet = NULL;
}

/* Go to the first packet of the next block that has one. */
static bool block_next(struct cf_ring *ring)
{
    while (!ring->packet) {
        const struct tpacket_hdr_v1 *header = &block_at(ring, ring->block)->hdr.bh1;

        if (!is_ours(ring, ring->block))
            return false;
        ring->left = header->num_pkts;
        if (ring->left == 0)
            block_give_back(ring);
        else
            ring->packet = (uint8_t *)header - offsetof(struct tpacket_block_desc, hdr) +
                           header->offset_to_first_pkt;
    }
    return true;
}

/* Two CPUs may note a time and then come here in the other order; a clock may be set back. */
static int64_t time_of(const struct cf_ring *ring, const struct tpacket3_hdr *header)
{
    int64_t time_ns = header->tp_sec * NS_PER_S + header->tp_nsec;

    return time_ns < ring->last_ns && ring->last_ns - time_ns < NS_PER_S ? ring->last_ns : time_ns;
}

static bool packet_peek(struct cf_ring *ring, struct cf_ring_packet *ret_packet)
{
    const struct tpacket3_hdr *header;
    const struct sockaddr_ll *address;

    if (!block_next(ring))
        return false;
    header = (const struct tpacket3_hdr *)(const void *)ring->packet;
    address = (const struct sockaddr_ll *)(const void *)(ring->packet +
                                                         TPACKET_ALIGN(sizeof(*header)));
    *ret_packet = (struct cf_ring_packet) {
        .data = ring->packet + header->tp_mac,
        .captured = header->tp_snaplen,
        .length = header->tp_len,
        .time_ns = time_of(ring, header),
        .outgoing = address->sll_pkttype == PACKET_OUTGOING,
        .no_checksum = header->tp_status & TP_STATUS_CSUMNOTREADY,
        .ifindex = (unsigned)address->sll_ifindex,
        .loopback = address->sll_hatype == ARPHRD_LOOPBACK,
    };
    return true;
}

/* The filter that the kernel did not take. */
static bool filter_pass(struct cf_ring *ring, struct cf_ring_packet *packet)
{
    uint32_t keep =
        cf_capture_filter_run(ring->filter, packet->data, packet->captured, packet->length);

    if (keep < packet->captured)
        packet->captured = keep;
    return keep > 0;
}

bool cf_ring_peek(struct cf_ring *ring, struct cf_ring_packet *ret_packet)
{
    while (packet_peek(ring, ret_packet)) {
        if (!ring->filter || filter_pass(ring, ret_packet))
            return true;
        ring->filtered++;
        cf_ring_take(ring);
    }
    return false;
}

void cf_ring_take(struct cf_ring *ring)
{
    const struct tpacket3_hdr *header = (const struct tpacket3_hdr *)(const void *)ring->packet;

    ring->last_ns = time_of(ring, header);
    if (--ring->left == 0)
        block_give_back(ring);
    else
        ring->packet += header->tp_next_offset;
}

unsigned cf_ring_waiting(const struct cf_ring *ring)
{
    unsigned n = 0;

    while (n < ring->n_blocks && is_ours(ring, (ring->block + n) % ring->n_blocks))
        n++;
    return n;
}

/* The kernel counts in the block that it fills. */
bool cf_ring_is_empty(const struct cf_ring *ring)
{
    const struct tpacket_hdr_v1 *header = &block_at(ring, ring->block)->hdr.bh1;

    return !ring->packet && !is_ours(ring, ring->block) &&
           __atomic_load_n(&header->num_pkts, __ATOMIC_ACQUIRE) == 0;
}

bool cf_ring_wait_last(struct cf_ring *ring)
{
    struct pollfd poll_fd = { .fd = ring->fd, .events = POLLIN };

    if (ring->packet || is_ours(ring, ring->block))
        return true;
    if (cf_ring_is_empty(ring))
        return false;
    return poll(&poll_fd, 1, 20 * CF_RING_RETIRE_MS) > 0 && is_ours(ring, ring->block);
}

void cf_ring_count(struct cf_ring *ring, uint64_t *ret_received, uint64_t *ret_dropped)
{
    struct tpacket_stats_v3 statistics = { 0 };
    socklen_t length = sizeof(statistics);

    if (getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0) {
        ring->received += statistics.tp_packets;
        ring->dropped += statistics.tp_drops;
    }
    *ret_received = ring->received - ring->filtered;
    *ret_dropped = ring->dropped;
}
