/*
 * craft.c - packets that the engine makes for the sandbox
 */
#include "engine/craft.h"

#include <netinet/in.h>
#include <string.h>

#define HOP_LIMIT 64
#define ICMP_QUOTE_MAX 576    /* the whole error, RFC 1812 */
#define ICMPV6_QUOTE_MAX 1280 /* the whole error, RFC 4443 */

#define TCP_HEADER_MAX 60
#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_FASTOPEN 34
#define TCP_OPTION_EXPERIMENT 254 /* fast open before RFC 7413 had this kind, and a magic */
#define FASTOPEN_MAGIC 0xf989

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

uint32_t cf_checksum_add(uint32_t sum, const void *data, size_t length)
{
    const uint8_t *at = data;
    uint64_t wide = sum;

    for (; length > 1; length -= 2, at += 2)
        wide += (uint32_t)(at[0] << 8 | at[1]);
    if (length)
        wide += (uint32_t)at[0] << 8;
    while (wide >> 16)
        wide = (wide & 0xffff) + (wide >> 16);
    return (uint32_t)wide;
}

static size_t addr_length(const struct cf_addr *addr)
{
    return addr->family == CF_FAMILY_IPV4 ? 4 : 16;
}

static size_t header_length(const struct cf_addr *addr)
{
    return addr->family == CF_FAMILY_IPV4 ? 20 : 40;
}

/* Sum of the pseudo header: RFC 9293, 3.1 and RFC 8200, 8.1. */
static uint32_t pseudo_sum(const struct cf_addr *src, const struct cf_addr *dst, uint8_t protocol,
                           size_t length)
{
    uint8_t rest[8] = { 0 };
    uint32_t sum;

    sum = cf_checksum_add(0, src->bytes, addr_length(src));
    sum = cf_checksum_add(sum, dst->bytes, addr_length(dst));
    put32(rest, (uint32_t)length);
    rest[7] = protocol;
    return cf_checksum_add(sum, rest, sizeof rest);
}

/* Write an IP header without options; returns its length. */
static size_t put_header(uint8_t *packet, const struct cf_addr *src, const struct cf_addr *dst,
                         uint8_t protocol, uint8_t hop_limit, size_t payload)
{
    memset(packet, 0, header_length(src));
    if (src->family == CF_FAMILY_IPV4) {
        packet[0] = 0x45;
        put16(packet + 2, (uint32_t)(20 + payload));
        packet[8] = hop_limit;
        packet[9] = protocol;
        memcpy(packet + 12, src->bytes, 4);
        memcpy(packet + 16, dst->bytes, 4);
        put16(packet + 10, ~cf_checksum_add(0, packet, 20));
        return 20;
    }
    packet[0] = 0x60;
    put16(packet + 4, (uint32_t)payload);
    packet[6] = protocol;
    packet[7] = hop_limit;
    memcpy(packet + 8, src->bytes, 16);
    memcpy(packet + 24, dst->bytes, 16);
    return 40;
}

/* Fill in the checksum at offset `field` of the upper-layer message. */
static void finish(uint8_t *message, size_t length, size_t field, const struct cf_addr *src,
                   const struct cf_addr *dst, uint8_t protocol)
{
    uint32_t sum = protocol == IPPROTO_ICMP ? 0 : pseudo_sum(src, dst, protocol, length);

    put16(message + field, 0);
    sum = ~cf_checksum_add(sum, message, length) & 0xffff;
    if (sum == 0 && protocol == IPPROTO_UDP)
        sum = 0xffff; /* RFC 768: 0 means that there is none */
    put16(message + field, sum);
}

/* Put NOPs over every fast open option. Malformed options end the walk: the kernel drops them. */
static void strip_fastopen(uint8_t *at, size_t length)
{
    while (length > 0 && at[0] != TCP_OPTION_END) {
        size_t option;

        if (at[0] == TCP_OPTION_NOP) {
            at++;
            length--;
            continue;
        }
        if (length < 2 || at[1] < 2 || at[1] > length)
            return;
        option = at[1];
        if (at[0] == TCP_OPTION_FASTOPEN || (at[0] == TCP_OPTION_EXPERIMENT && option >= 4 &&
                                             (at[2] << 8 | at[3]) == FASTOPEN_MAGIC))
            memset(at, TCP_OPTION_NOP, option);
        at += option;
        length -= option;
    }
}

size_t cf_craft_syn(const struct cf_packet *syn, uint8_t *packet, size_t size)
{
    static const uint8_t request[] = { TCP_OPTION_NOP, TCP_OPTION_NOP, TCP_OPTION_FASTOPEN, 2 };
    size_t header = header_length(&syn->src), length = syn->tcp.header;
    uint8_t *tcp = packet + header;

    if (header + length > size)
        return 0;
    memcpy(tcp, syn->data + syn->payload, length);
    strip_fastopen(tcp + 20, length - 20);
    if (length + sizeof request <= TCP_HEADER_MAX && header + length + sizeof request <= size) {
        memcpy(tcp + length, request, sizeof request);
        length += sizeof request;
        tcp[12] = (uint8_t)(length / 4 << 4);
    }
    put_header(packet, &syn->src, &syn->dst, IPPROTO_TCP, HOP_LIMIT, length);
    finish(tcp, length, 16, &syn->src, &syn->dst, IPPROTO_TCP);
    return header + length;
}

size_t cf_craft_reset(const struct cf_packet *syn, uint8_t *packet, size_t size)
{
    size_t header = header_length(&syn->src);
    uint8_t *tcp = packet + header;

    if (header + 20 > size)
        return 0;
    put_header(packet, &syn->dst, &syn->src, IPPROTO_TCP, HOP_LIMIT, 20);
    memset(tcp, 0, 20);
    put16(tcp, syn->dst_port);
    put16(tcp + 2, syn->src_port);
    put32(tcp + 8, syn->tcp.seq + 1);
    tcp[12] = 5 << 4;
    tcp[13] = CF_TCP_RST | CF_TCP_ACK;
    finish(tcp, 20, 16, &syn->dst, &syn->src, IPPROTO_TCP);
    return header + 20;
}

size_t cf_craft_icmp_error(const struct cf_icmp_error *error, const uint8_t *original,
                           size_t length, uint8_t *packet, size_t size)
{
    bool ipv4 = error->from.family == CF_FAMILY_IPV4;
    size_t header = header_length(&error->from), whole = ipv4 ? ICMP_QUOTE_MAX : ICMPV6_QUOTE_MAX;
    uint8_t *icmp = packet + header, protocol = ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    struct cf_addr to = { .family = error->from.family };

    if (length < header || size < header + 8)
        return 0;
    if (whole > size)
        whole = size;
    if (length > whole - header - 8)
        length = whole - header - 8;
    memcpy(to.bytes, original + (ipv4 ? 12 : 8), addr_length(&to));
    put_header(packet, &error->from, &to, protocol, HOP_LIMIT, 8 + length);
    icmp[0] = error->type;
    icmp[1] = error->code;
    put32(icmp + 4, error->info);
    memcpy(icmp + 8, original, length);
    finish(icmp, 8 + length, 2, &error->from, &to, protocol);
    return header + 8 + length;
}

size_t cf_craft_quote(const struct cf_addr_port *src, const struct cf_addr_port *dst,
                      uint8_t protocol, const uint8_t *payload, size_t length, size_t whole,
                      uint8_t *packet, size_t size)
{
    size_t header = header_length(&src->addr), udp = protocol == IPPROTO_UDP ? 8 : 0;
    uint8_t *at = packet + header;

    if (size < header + udp)
        return 0;
    if (length > size - header - udp)
        length = size - header - udp;
    put_header(packet, &src->addr, &dst->addr, protocol, HOP_LIMIT, udp + whole);
    if (udp) {
        put16(at, src->port);
        put16(at + 2, dst->port);
        put16(at + 4, (uint32_t)(8 + whole));
        put16(at + 6, 0);
    }
    if (length > 0)
        memcpy(at + udp, payload, length);
    if (udp && length == whole)
        finish(at, udp + length, 6, &src->addr, &dst->addr, IPPROTO_UDP);
    return header + udp + length;
}

size_t cf_craft_echo_reply(const struct cf_addr *src, const struct cf_addr *dst, uint16_t id,
                           uint8_t hop_limit, const uint8_t *echo, size_t length, uint8_t *packet,
                           size_t size)
{
    size_t header = header_length(src);
    uint8_t protocol = src->family == CF_FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

    if (length < 8 || header + length > size || length > UINT16_MAX - 20)
        return 0;
    put_header(packet, src, dst, protocol, hop_limit, length);
    memcpy(packet + header, echo, length);
    put16(packet + header + 4, id);
    finish(packet + header, length, 2, src, dst, protocol);
    return header + length;
}

/* One fragment: `length` bytes of the payload from `offset` on. Returns the packet's length. */
static size_t put_fragment(uint8_t *out, const uint8_t *packet, size_t offset, size_t length,
                           bool more, uint32_t ident)
{
    if (packet[0] >> 4 == 4) {
        memcpy(out, packet, 20);
        memcpy(out + 20, packet + 20 + offset, length);
        put16(out + 2, (uint32_t)(20 + length));
        put16(out + 4, ident);
        put16(out + 6, (uint32_t)(offset / 8) | (more ? 0x2000 : 0));
        put16(out + 10, 0);
        put16(out + 10, ~cf_checksum_add(0, out, 20));
        return 20 + length;
    }
    memcpy(out, packet, 40);
    put16(out + 4, (uint32_t)(8 + length));
    out[6] = IPPROTO_FRAGMENT;
    out[40] = packet[6];
    out[41] = 0;
    put16(out + 42, (uint32_t)offset | (more ? 1 : 0));
    put32(out + 44, ident);
    memcpy(out + 48, packet + 40 + offset, length);
    return 48 + length;
}

int cf_craft_fragments(const uint8_t *packet, size_t length, size_t mtu, uint32_t ident,
                       uint8_t *scratch,
                       int (*fn)(void *data, const uint8_t *packet, size_t length), void *data)
{
    size_t header = packet[0] >> 4 == 4 ? 20 : 40, extra = header == 40 ? 8 : 0;
    size_t step, payload = length - header;

    if (length <= mtu)
        return fn(data, packet, length);
    if (mtu < header + extra + 8)
        return 0;
    step = (mtu - header - extra) & ~(size_t)7;
    for (size_t offset = 0; offset < payload; offset += step) {
        size_t part = payload - offset < step ? payload - offset : step;
        size_t n = put_fragment(scratch, packet, offset, part, offset + part < payload, ident);
        int r = fn(data, scratch, n);

        if (r != 0)
            return r;
    }
    return 0;
}
