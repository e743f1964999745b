/*
 * source.c - a point where packets of a run are taken
 *
 * How this works. One packet of the ring is `ready` from the time that it is found
 * to be one of ours until it is taken. It lies in the ring all that time, and is
 * changed there: its checksum finished, its addresses replaced.
 */
#include "capture/source.h"

#include <netinet/in.h>
#include <string.h>

#include "base/clock.h"

#define PORT_DNS 53

/* Headers of a packet, those of IPv6 with options behind them, that say whose it is. */
#define READ_MIN 256

uint32_t cf_capture_source_read_length(uint32_t snaplen)
{
    return snaplen > READ_MIN ? snaplen : READ_MIN;
}

uint16_t cf_capture_source_link_type(const struct cf_capture_source *source)
{
    return source->outside || source->logical ? CF_CAPTURE_RAW_IP : CF_CAPTURE_ETHERNET;
}

void cf_capture_source_interface_put(const struct cf_capture_source *source, uint32_t snaplen,
                                     const char *filter, struct cf_buffer *blocks)
{
    struct cf_pcapng_interface interface = {
        .link_type = cf_capture_source_link_type(source),
        .snaplen = snaplen,
        .name = "child",
        .description = "what the command's tree sent and received, before any verdict",
        .filter = filter,
    };

    if (source->outside) {
        interface.name = "egress";
        interface.description = "what the sockets of this run sent and received on the host";
    } else if (source->logical) {
        interface.name = "egress-logical";
        interface.description =
            "reconstructed, not seen on any interface: what the command's tree sent and received, "
            "with the addresses and ports that its flows had outside";
    }
    cf_pcapng_interface_put(blocks, &interface);
}

void cf_capture_source_count(struct cf_capture_source *source)
{
    cf_ring_count(source->ring, &source->received, &source->dropped);
}

void cf_capture_source_statistics_put(struct cf_capture_source *source, uint32_t interface,
                                      int64_t start_ns, struct cf_buffer *blocks)
{
    struct cf_pcapng_statistics statistics = {
        .interface = interface,
        .start_ns = start_ns,
        .end_ns = cf_clock_realtime_us() * 1000,
        .written = source->written,
    };

    cf_capture_source_count(source);
    statistics.time_ns = statistics.end_ns;
    statistics.received = source->received;
    statistics.dropped = source->dropped;
    cf_pcapng_statistics_put(blocks, &statistics);
}

int cf_capture_source_open(struct cf_capture_source *source, int fd, const char *interface,
                           const struct cf_capture_filter *filter, uint32_t snaplen,
                           struct cf_error *err)
{
    struct cf_ring_config ring = {
        .fd = fd,
        .interface = interface,
        .filter = filter,
        .snaplen = cf_capture_source_read_length(snaplen),
        .n_blocks = CF_CAPTURE_RING_BLOCKS,
    };

    return cf_ring_open(&ring, &source->ring, err);
}

void cf_capture_source_close(struct cf_capture_source *source)
{
    cf_ring_close(source->ring);
    source->ring = NULL;
}

bool cf_capture_source_is_awaited(const struct cf_capture_source *source)
{
    const struct cf_frame *frame = &source->frame;
    const uint8_t *to = frame->dst.bytes;

    if (source->outside || !source->read || source->inbound || !frame->first ||
        frame->dst_port == PORT_DNS)
        return false;
    if (frame->dst.family == CF_FAMILY_IPV4 ? to[0] >= 224 : to[0] == 0xff)
        return false; /* multicast, broadcast: no flow */
    return !cf_notes_know(source->notes, frame, false);
}

/* Is it more than the beginning of a connection, or is that wanted too? */
static bool is_wanted(const struct cf_capture_source *source)
{
    const struct cf_ring_packet *packet = &source->packet;
    const struct cf_capture_filter *wanted = source->wanted;

    return source->frame.protocol != IPPROTO_TCP || !source->frame.first || wanted->length == 0 ||
           cf_capture_filter_run(wanted, packet->data, packet->captured, packet->length) > 0;
}

/* Is it one to keep? Sets what is known of it. */
static bool packet_read(struct cf_capture_source *source)
{
    const struct cf_ring_packet *packet = &source->packet;
    bool outbound;

    source->read = cf_frame_read(packet->data, packet->captured,
                                 source->outside ? 0 : CF_FRAME_ETHERNET, &source->frame) == 0;
    if (source->read)
        cf_fragments_know(source->fragments, &source->frame);
    source->inbound = packet->outgoing; /* what the gateway sends the sandbox receives */
    if (!source->outside)
        return true;
    if (!source->read ||
        !cf_capture_sockets_own(source->sockets, packet, &source->frame, &outbound))
        return false;
    source->inbound = !outbound;
    return is_wanted(source);
}

bool cf_capture_source_ready(struct cf_capture_source *source, unsigned *passed)
{
    while (!source->ready && !source->over && *passed < CF_CAPTURE_TURN_PACKETS &&
           (!source->until_ns || cf_ring_wait_last(source->ring)) &&
           cf_ring_peek(source->ring, &source->packet)) {
        source->over = source->until_ns && source->packet.time_ns > source->until_ns;
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

void cf_capture_source_take(struct cf_capture_source *source)
{
    source->ready = false;
    cf_ring_take(source->ring);
}

/* An address of IPv4 as one of IPv6 (RFC 4291, 2.5.5.2). */
static struct cf_addr mapped(const struct cf_addr *addr)
{
    uint8_t bytes[16] = { [10] = 0xff, [11] = 0xff };
    struct cf_addr result = { .family = CF_FAMILY_IPV6 }; /* which parsing would fold */

    memcpy(bytes + 12, addr->bytes, 4);
    memcpy(result.bytes, bytes, sizeof(bytes));
    return result;
}

/* The ends as the flow had them outside, in one family; false for what has no such ends. */
static bool ends_find(const struct cf_capture_source *source, struct cf_addr_port *ret_local,
                      struct cf_addr_port *ret_far)
{
    const struct cf_frame *frame = &source->frame;
    struct cf_notes_way way;

    if (!cf_notes_find_way(source->notes, frame, source->inbound, &way))
        return false;
    *ret_local = way.local;
    *ret_far = source->inbound ? (struct cf_addr_port) { frame->src, frame->src_port }
                               : (struct cf_addr_port) { frame->dst, frame->dst_port };
    if (way.is_host)
        ret_far->addr = way.local.addr;
    else if (way.local.addr.family == CF_FAMILY_IPV4 && frame->src.family == CF_FAMILY_IPV6)
        ret_local->addr = mapped(&way.local.addr); /* by way of a proxy */
    return ret_local->addr.family == ret_far->addr.family;
}

/* As it left: the addresses of outside, and no link. False for what has no way out. */
static bool make_logical(const struct cf_capture_source *source, struct cf_pcapng_packet *block)
{
    const struct cf_ring_packet *packet = &source->packet;
    struct cf_frame frame = source->frame;
    struct cf_addr_port local, far, *src, *dst;

    if (!source->read || !ends_find(source, &local, &far))
        return false;
    src = source->inbound ? &far : &local;
    dst = source->inbound ? &local : &far;
    if (local.addr.family == CF_FAMILY_IPV4 && frame.src.family == CF_FAMILY_IPV6)
        cf_frame_to_ipv4(packet->data, packet->captured, packet->length, &frame, &src->addr,
                         &dst->addr);
    cf_frame_rewrite(packet->data, packet->captured, packet->captured == packet->length, &frame,
                     src, dst);
    block->data += frame.ip;
    block->captured -= (uint32_t)frame.ip;
    block->length -= (uint32_t)frame.ip;
    return true;
}

bool cf_capture_source_packet(const struct cf_capture_source *source,
                              struct cf_pcapng_packet *ret_block)
{
    const struct cf_ring_packet *packet = &source->packet;

    *ret_block = (struct cf_pcapng_packet) {
        .time_ns = packet->time_ns,
        .data = packet->data,
        .captured = packet->captured,
        .length = packet->length,
        .direction = source->inbound ? CF_PCAPNG_INBOUND : CF_PCAPNG_OUTBOUND,
    };
    if (source->logical)
        return make_logical(source, ret_block);
    if (packet->no_checksum && source->read && packet->captured == packet->length)
        cf_frame_checksum(packet->data, packet->captured, &source->frame);
    return true;
}

char *cf_capture_source_comment(const struct cf_capture_source *source)
{
    if (!source->read)
        return NULL;
    return source->outside ? cf_notes_take_outside(source->notes, &source->frame, source->inbound)
                           : cf_notes_take(source->notes, &source->frame, source->inbound);
}
