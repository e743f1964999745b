/*
 * packet.c - what one IP packet from the sandbox says
 *
 * IPv4 is RFC 791, IPv6 and its extension headers RFC 8200, TCP RFC 9293,
 * UDP RFC 768, ICMP RFC 792, ICMPv6 RFC 4443.
 */
#include "engine/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* A chain longer than this has no honest use. */
#define EXTENSIONS_MAX 8

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static int parse_tcp(struct cf_packet *packet)
{
    const uint8_t *at = packet->data + packet->payload;
    size_t left = packet->length - packet->payload;

    if (left < 20)
        return -EBADMSG;
    packet->src_port = get16(at);
    packet->dst_port = get16(at + 2);
    packet->tcp.seq = get32(at + 4);
    packet->tcp.header = (size_t)(at[12] >> 4) * 4;
    packet->tcp.flags = at[13];
    if (packet->tcp.header < 20 || packet->tcp.header > left)
        return -EBADMSG;
    return 0;
}

static int parse_payload(struct cf_packet *packet)
{
    const uint8_t *at = packet->data + packet->payload;
    size_t left = packet->length - packet->payload;

    if (packet->fragment)
        return 0;
    switch (packet->protocol) {
    case IPPROTO_TCP:
        return parse_tcp(packet);
    case IPPROTO_UDP:
        if (left < 8)
            return -EBADMSG;
        packet->src_port = get16(at);
        packet->dst_port = get16(at + 2);
        return 0;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        if (left < 8)
            return -EBADMSG;
        packet->icmp.type = at[0];
        packet->icmp.code = at[1];
        packet->icmp.id = get16(at + 4);
        packet->icmp.seq = get16(at + 6);
        return 0;
    default:
        return 0;
    }
}

static int parse_ipv4(struct cf_packet *packet)
{
    const uint8_t *at = packet->data;
    size_t header, total;

    if (packet->length < 20)
        return -EBADMSG;
    header = (size_t)(at[0] & 0x0f) * 4;
    total = get16(at + 2);
    if (header < 20 || total < header || total > packet->length)
        return -EBADMSG;
    packet->length = total;
    packet->payload = header;
    packet->fragment = (get16(at + 6) & 0x3fff) != 0; /* more fragments, or an offset */
    packet->hop_limit = at[8];
    packet->protocol = at[9];
    packet->src = cf_addr_from_ipv4(at + 12);
    packet->dst = cf_addr_from_ipv4(at + 16);
    return parse_payload(packet);
}

/* The next header behind the extension headers; 0 or -EBADMSG. */
static int skip_extensions(struct cf_packet *packet)
{
    for (int i = 0; i < EXTENSIONS_MAX; i++) {
        const uint8_t *at = packet->data + packet->payload;
        size_t length, left = packet->length - packet->payload;

        switch (packet->protocol) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
            if (left < 8)
                return -EBADMSG;
            length = ((size_t)at[1] + 1) * 8;
            break;
        case IPPROTO_FRAGMENT:
            if (left < 8)
                return -EBADMSG;
            length = 8;
            packet->fragment = (get16(at + 2) & 0xfff9) != 0; /* an offset, or more to come */
            break;
        default:
            return 0;
        }
        if (length > left)
            return -EBADMSG;
        packet->protocol = at[0];
        packet->payload += length;
        if (packet->fragment)
            return 0;
    }
    return -EBADMSG;
}

static int parse_ipv6(struct cf_packet *packet)
{
    const uint8_t *at = packet->data;
    size_t total;
    int r;

    if (packet->length < 40)
        return -EBADMSG;
    total = 40 + (size_t)get16(at + 4); /* a jumbogram has 0 here and ends at its header */
    if (total > packet->length)
        return -EBADMSG;
    packet->length = total;
    packet->payload = 40;
    packet->protocol = at[6];
    packet->hop_limit = at[7];
    packet->src.family = packet->dst.family = CF_FAMILY_IPV6; /* not folded: see packet.h */
    memcpy(packet->src.bytes, at + 8, 16);
    memcpy(packet->dst.bytes, at + 24, 16);
    r = skip_extensions(packet);
    return r < 0 ? r : parse_payload(packet);
}

int cf_packet_parse(const uint8_t *data, size_t length, struct cf_packet *ret_packet)
{
    struct cf_packet packet = { .data = data, .length = length };
    int r;

    if (length < 1)
        return -EBADMSG;
    switch (data[0] >> 4) {
    case 4:
        r = parse_ipv4(&packet);
        break;
    case 6:
        r = parse_ipv6(&packet);
        break;
    default:
        return -EBADMSG;
    }
    if (r == 0)
        *ret_packet = packet;
    return r;
}
