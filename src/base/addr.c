/*
 * addr.c - IPv4 and IPv6 addresses, prefixes, and addresses with a port
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

struct cf_addr cf_addr_from_ipv4(const void *bytes4)
{
    struct cf_addr addr = { .family = CF_FAMILY_IPV4 };

    memcpy(addr.bytes, bytes4, 4);
    return addr;
}

struct cf_addr cf_addr_from_ipv6(const void *bytes16)
{
    struct cf_addr addr = { .family = CF_FAMILY_IPV6 };

    if (memcmp(bytes16, mapped_prefix, sizeof mapped_prefix) == 0)
        return cf_addr_from_ipv4((const uint8_t *)bytes16 + sizeof mapped_prefix);
    memcpy(addr.bytes, bytes16, 16);
    return addr;
}

int cf_addr_parse(const char *text, struct cf_addr *ret_addr)
{
    uint8_t bytes[16];

    /* inet_pton() takes only the strict forms, unlike inet_aton(). */
    if (inet_pton(AF_INET, text, bytes) == 1) {
        *ret_addr = cf_addr_from_ipv4(bytes);
        return 0;
    }
    if (inet_pton(AF_INET6, text, bytes) == 1) {
        *ret_addr = cf_addr_from_ipv6(bytes);
        return 0;
    }
    return -EINVAL;
}

/* By hand: inet_ntop() has sprintf() format each of the four numbers. */
static void ipv4_format(const uint8_t bytes[4], char *at)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *at++ = '.';
        if (bytes[i] >= 100)
            *at++ = (char)('0' + bytes[i] / 100);
        if (bytes[i] >= 10)
            *at++ = (char)('0' + bytes[i] / 10 % 10);
        *at++ = (char)('0' + bytes[i] % 10);
    }
    *at = '\0';
}

char *cf_addr_format(const struct cf_addr *addr, char text[CF_ADDR_TEXT_SIZE])
{
    if (addr->family == CF_FAMILY_NONE)
        snprintf(text, CF_ADDR_TEXT_SIZE, "-");
    else if (addr->family == CF_FAMILY_IPV4)
        ipv4_format(addr->bytes, text);
    else
        inet_ntop(AF_INET6, addr->bytes, text, CF_ADDR_TEXT_SIZE);
    return text;
}

char *cf_addr_port_format(const struct cf_addr_port *at, char text[CF_ADDR_PORT_TEXT_SIZE])
{
    char addr[CF_ADDR_TEXT_SIZE];

    cf_addr_format(&at->addr, addr);
    if (at->addr.family == CF_FAMILY_IPV6)
        snprintf(text, CF_ADDR_PORT_TEXT_SIZE, "[%s]:%u", addr, (unsigned)at->port);
    else
        snprintf(text, CF_ADDR_PORT_TEXT_SIZE, "%s:%u", addr, (unsigned)at->port);
    return text;
}

bool cf_addr_equal(const struct cf_addr *a, const struct cf_addr *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool cf_addr_port_equal(const struct cf_addr_port *a, const struct cf_addr_port *b)
{
    return a->port == b->port && cf_addr_equal(&a->addr, &b->addr);
}

unsigned cf_addr_bits(const struct cf_addr *addr)
{
    switch (addr->family) {
    case CF_FAMILY_IPV4:
        return 32;
    case CF_FAMILY_IPV6:
        return 128;
    default:
        return 0;
    }
}

void cf_addr_mask(struct cf_addr *addr, unsigned bits)
{
    for (unsigned i = 0; i < sizeof addr->bytes; i++) {
        if (bits >= 8) {
            bits -= 8;
        } else {
            addr->bytes[i] &= (uint8_t)(0xff00u >> bits);
            bits = 0;
        }
    }
}

/* Do the first bits, 0 to 64, of two runs of eight octets agree? */
static bool bits_agree(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return bits == 0 || be64toh(x ^ y) >> (64 - bits) == 0;
}

bool cf_prefix_contains(const struct cf_prefix *prefix, const struct cf_addr *addr)
{
    const uint8_t *a = prefix->addr.bytes, *b = addr->bytes;

    if (prefix->addr.family != addr->family)
        return false;
    if (prefix->bits <= 64)
        return bits_agree(a, b, prefix->bits);
    return bits_agree(a, b, 64) && bits_agree(a + 8, b + 8, prefix->bits - 64U);
}

socklen_t cf_addr_port_to_sockaddr(const struct cf_addr_port *at, struct sockaddr_storage *ret_sa)
{
    memset(ret_sa, 0, sizeof *ret_sa);
    if (at->addr.family == CF_FAMILY_IPV4) {
        struct sockaddr_in *in = (struct sockaddr_in *)ret_sa;

        in->sin_family = AF_INET;
        in->sin_port = htons(at->port);
        memcpy(&in->sin_addr, at->addr.bytes, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_sa;

    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(at->port);
    memcpy(&in6->sin6_addr, at->addr.bytes, 16);
    return sizeof *in6;
}

int cf_addr_port_from_sockaddr(const struct sockaddr *sa, struct cf_addr_port *ret_at)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, sa, sizeof in);
        ret_at->addr = cf_addr_from_ipv4(&in.sin_addr);
        ret_at->port = ntohs(in.sin_port);
        return 0;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, sa, sizeof in6);
        ret_at->addr = cf_addr_from_ipv6(&in6.sin6_addr);
        ret_at->port = ntohs(in6.sin6_port);
        return 0;
    }
    return -EAFNOSUPPORT;
}
