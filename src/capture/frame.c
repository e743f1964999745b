/*
 * frame.c - what one captured frame says: whose packet it is
 */
#include "capture/frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define ETHERTYPE_OFFSET 12
#define ETHERTYPE_4 0x0800
#define ETHERTYPE_6 0x86dd

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define TCP_SYN_ACK_BITS 0x12
#define TCP_SYN 0x02
#define ICMP_ECHO_REQUEST 8
#define ICMP_ECHO_REPLY 0
#define ICMP6_ECHO 128
#define ICMP6_ECHO_REPLY 129

static uint16_t be16(const uint8_t *data)
{
    return (uint16_t)(data[0] << 8 | data[1]);
}

static int transport_read(const uint8_t *data, size_t length, struct cf_frame *frame)
{
    const uint8_t *header = data + frame->payload;
    size_t left = length - frame->payload;

    switch (frame->protocol) {
    case IPPROTO_TCP:
        if (left < 14)
            return -EBADMSG;
        frame->first = (header[13] & TCP_SYN_ACK_BITS) == TCP_SYN;
        break;
    case IPPROTO_UDP:
        if (left < 8)
            return -EBADMSG;
        frame->first = true;
        break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        if (left < 8)
            return -EBADMSG;
        frame->first =
            header[0] == (frame->protocol == IPPROTO_ICMP ? ICMP_ECHO_REQUEST : ICMP6_ECHO);
        if (frame->first || header[0] == (frame->protocol == IPPROTO_ICMP ? ICMP_ECHO_REPLY
                                                                           : ICMP6_ECHO_REPLY))
            frame->echo = be16(header + 4);
        return 0;
    default:
        return 0;
    }
    frame->src_port = be16(header);
    frame->dst_port = be16(header + 2);
    frame->ports = true;
    return 0;
}

/* A first fragment may be too short to say more than whose it is. */
static int payload_read(const uint8_t *data, size_t length, struct cf_frame *frame)
{
    int r = frame->later ? 0 : transport_read(data, length, frame);

    return frame->fragment ? 0 : r;
}

static int ipv4_read(const uint8_t *data, size_t length, struct cf_frame *frame)
{
    const uint8_t *header = data + frame->ip;
    size_t left = length - frame->ip, size;

    if (left < IPV4_HEADER || header[0] >> 4 != 4)
        return -EBADMSG;
    size = (size_t)(header[0] & 15) * 4;
    if (size < IPV4_HEADER || size > left)
        return -EBADMSG;
    frame->protocol = header[9];
    frame->src = cf_addr_from_ipv4(header + 12);
    frame->dst = cf_addr_from_ipv4(header + 16);
    frame->fragment = (be16(header + 6) & 0x3fff) != 0;
    frame->later = (be16(header + 6) & 0x1fff) != 0;
    frame->id = frame->fragment ? be16(header + 4) : 0;
    frame->payload = frame->ip + size;
    return payload_read(data, length, frame);
}

/* Is it an extension header that has its length in the second byte (RFC 8200, 4)? */
static bool is_extension(uint8_t protocol)
{
    return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
           protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

static int ipv6_read(const uint8_t *data, size_t length, struct cf_frame *frame)
{
    const uint8_t *header = data + frame->ip;
    size_t at = frame->ip + IPV6_HEADER;
    uint8_t next;

    if (length - frame->ip < IPV6_HEADER || header[0] >> 4 != 6)
        return -EBADMSG;
    frame->src = cf_addr_from_ipv6(header + 8);
    frame->dst = cf_addr_from_ipv6(header + 24);
    next = header[6];
    while (is_extension(next) && !frame->fragment) {
        size_t size;

        if (length - at < 8)
            return -EBADMSG;
        frame->fragment = next == IPPROTO_FRAGMENT;
        size = frame->fragment ? 8 : ((size_t)data[at + 1] + 1) * 8;
        if (size > length - at)
            return -EBADMSG;
        if (frame->fragment) {
            frame->later = be16(data + at + 2) >> 3 != 0;
            frame->id = (uint32_t)be16(data + at + 4) << 16 | be16(data + at + 6);
        }
        next = data[at];
        at += size;
    }
    frame->protocol = next;
    frame->payload = at;
    return payload_read(data, length, frame);
}

int cf_frame_read(const uint8_t *data, size_t length, size_t ip, struct cf_frame *ret_frame)
{
    struct cf_frame frame = { .ip = ip };
    unsigned version;
    int r;

    if (length <= ip)
        return -EBADMSG;
    version = data[ip] >> 4;
    if (ip == CF_FRAME_ETHERNET &&
        be16(data + ETHERTYPE_OFFSET) != (version == 4 ? ETHERTYPE_4 : ETHERTYPE_6))
        return -EBADMSG;
    r = version == 4 ? ipv4_read(data, length, &frame) : ipv6_read(data, length, &frame);
    if (r == 0)
        *ret_frame = frame;
    return r;
}

/* The sum of RFC 1071, in the byte order of this machine. */
static uint64_t sum(uint64_t start, const uint8_t *data, size_t length)
{
    uint64_t total = start;
    uint32_t word;
    uint16_t half = 0;

    for (; length >= sizeof(word); data += sizeof(word), length -= sizeof(word)) {
        memcpy(&word, data, sizeof(word));
        total += word;
    }
    if (length >= sizeof(half)) {
        memcpy(&half, data, sizeof(half));
        total += half;
        data += sizeof(half);
        length -= sizeof(half);
    }
    if (length > 0) {
        half = 0;
        memcpy(&half, data, 1);
        total += half;
    }
    return total;
}

static uint16_t fold(uint64_t total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return (uint16_t)~total;
}

void cf_frame_checksum(uint8_t *data, size_t length, const struct cf_frame *frame)
{
    size_t place = frame->protocol == IPPROTO_TCP ? 16 : 6;
    size_t left = length - frame->payload;
    size_t size = frame->src.family == CF_FAMILY_IPV4 ? 4 : 16;
    /* The pseudo header's length and protocol (RFC 9293, 3.1; RFC 8200, 8.1). */
    uint8_t pseudo[8] = { (uint8_t)(left >> 24), (uint8_t)(left >> 16), (uint8_t)(left >> 8),
                          (uint8_t)left,         0,                     0,
                          0,                     frame->protocol };
    uint16_t result;
    uint64_t total;

    if (frame->fragment || (frame->protocol != IPPROTO_TCP && frame->protocol != IPPROTO_UDP) ||
        left < place + 2)
        return;
    memset(data + frame->payload + place, 0, 2);
    total = sum(0, pseudo, sizeof(pseudo));
    total = sum(total, data + frame->ip + (size == 4 ? 12 : 8), 2 * size);
    result = fold(sum(total, data + frame->payload, left));
    if (frame->protocol == IPPROTO_UDP && result == 0)
        result = 0xffff;
    memcpy(data + frame->payload + place, &result, sizeof(result));
}

/* Where the checksum of TCP or UDP is; NULL: there is none, or it was cut off. */
static uint8_t *sum_find(uint8_t *data, size_t length, const struct cf_frame *frame)
{
    bool is_tcp = frame->protocol == IPPROTO_TCP;

    if (!frame->ports || length - frame->payload < (is_tcp ? 18 : 8))
        return NULL;
    return data + frame->payload + (is_tcp ? 16 : 6);
}

/* Keep the sum at `at` right when words that it counts become others (RFC 1624); NULL: none. */
static void sum_change(uint8_t *at, const void *from, size_t from_length, const void *to,
                       size_t to_length)
{
    uint16_t before, old, now;

    if (!at)
        return;
    memcpy(&before, at, sizeof(before));
    old = fold(sum(0, from, from_length)); /* the complement of the old sum */
    now = fold(sum((uint16_t)~before + (uint64_t)old, to, to_length));
    memcpy(at, &now, sizeof(now));
}

/* Replace bytes at an even offset, and keep the sum at `at` right. */
static void replace(uint8_t *data, const void *with, size_t length, uint8_t *at)
{
    sum_change(at, data, length, with, length);
    memcpy(data, with, length);
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* The fields that say which part of a packet this is: those of the header behind IPv6's. */
static void put_fragment(uint8_t *header, const uint8_t *extension)
{
    unsigned field = be16(extension + 2);

    memcpy(header + 4, extension + 6, 2);
    put16(header + 6, field >> 3 | (field & 1) << 13);
}

void cf_frame_to_ipv4(uint8_t *data, size_t length, size_t whole_length, struct cf_frame *frame,
                      const struct cf_addr *src, const struct cf_addr *dst)
{
    const uint8_t *ip6 = data + frame->ip;
    size_t total = whole_length - frame->payload + IPV4_HEADER;
    uint8_t header[IPV4_HEADER] = { 0x45 };
    uint16_t header_sum;

    header[1] = (uint8_t)(ip6[0] << 4 | ip6[1] >> 4);
    put16(header + 2, total <= UINT16_MAX ? (unsigned)total : 0);
    header[6] = 0x40; /* not to be taken apart */
    if (frame->fragment)
        put_fragment(header, data + frame->payload - 8);
    header[8] = ip6[7];
    header[9] = frame->protocol;
    memcpy(header + 12, src->bytes, 4);
    memcpy(header + 16, dst->bytes, 4);
    header_sum = fold(sum(0, header, sizeof(header)));
    memcpy(header + 10, &header_sum, sizeof(header_sum));
    sum_change(sum_find(data, length, frame), ip6 + 8, 32, header + 12, 8);
    frame->ip = frame->payload - IPV4_HEADER;
    memcpy(data + frame->ip, header, sizeof(header));
    frame->src = *src;
    frame->dst = *dst;
}

void cf_frame_rewrite(uint8_t *data, size_t length, bool whole, const struct cf_frame *frame,
                      const struct cf_addr_port *src, const struct cf_addr_port *dst)
{
    bool v4 = frame->src.family == CF_FAMILY_IPV4;
    uint8_t *ip = data + frame->ip, *sum_at = sum_find(data, length, frame), *header_sum;
    uint8_t ports[4] = { (uint8_t)(src->port >> 8), (uint8_t)src->port, (uint8_t)(dst->port >> 8),
                         (uint8_t)dst->port };
    uint8_t addrs[32];
    size_t size = v4 ? 4 : 16;

    memcpy(addrs, src->addr.bytes, size);
    memcpy(addrs + size, dst->addr.bytes, size);
    header_sum = v4 ? ip + 10 : NULL;
    if (sum_at)
        replace(ip + (v4 ? 12 : 8), addrs, 2 * size, sum_at);
    if (v4) { /* the header's own sum, over the addresses as they were */
        uint8_t was[8];

        memcpy(was, frame->src.bytes, 4);
        memcpy(was + 4, frame->dst.bytes, 4);
        replace(was, addrs, sizeof(was), header_sum);
    }
    memcpy(ip + (v4 ? 12 : 8), addrs, 2 * size);
    if (frame->ports)
        replace(data + frame->payload, ports, sizeof(ports), sum_at);
    if (whole)
        cf_frame_checksum(data, length, frame);
}
