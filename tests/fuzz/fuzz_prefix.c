/*
 * fuzz_prefix.c - addresses and prefixes: as text, and as bits that are written as text
 *
 * The bits of what is drawn are kept one in a byte, so that masks, folding and
 * host bits have a reference that shares nothing with base/addr.c.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/endpoint.h"

#define MAPPED_BITS 96 /* ::ffff:0:0/96, RFC 4291, 2.5.5.2 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool bit_of(const struct cf_addr *addr, unsigned i)
{
    return addr->bytes[i / 8] >> (7 - i % 8) & 1;
}

static bool is_mapped(const uint8_t bytes[16])
{
    static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

    return memcmp(bytes, prefix, sizeof prefix) == 0;
}

static void require_parses(const char *text, const struct cf_addr *expected)
{
    struct cf_addr addr;

    require(cf_addr_parse(text, &addr) == 0 && cf_addr_equal(&addr, expected));
}

/* The ways in which one address can be written or handed over all mean it. */
static void check_addr(const struct cf_addr *addr)
{
    struct cf_addr_port at = { .addr = *addr, .port = 443 }, back;
    char text[CF_ADDR_TEXT_SIZE], mapped[CF_ADDR_TEXT_SIZE + 7];
    struct sockaddr_storage sa;

    require(addr->family == CF_FAMILY_IPV4 || addr->family == CF_FAMILY_IPV6);
    require(addr->family == CF_FAMILY_IPV4 || !is_mapped(addr->bytes));
    require_parses(cf_addr_format(addr, text), addr);
    require(cf_addr_port_to_sockaddr(&at, &sa) > 0);
    require(cf_addr_port_from_sockaddr((struct sockaddr *)&sa, &back) == 0);
    require(cf_addr_port_equal(&at, &back));
    if (addr->family == CF_FAMILY_IPV4) {
        snprintf(mapped, sizeof mapped, "::ffff:%s", text);
        require_parses(mapped, addr);
    }
}

/* A prefix holds its own addresses and not those beside it. */
static void check_prefix(const struct cf_prefix *prefix)
{
    unsigned all = cf_addr_bits(&prefix->addr);
    struct cf_addr addr = prefix->addr;

    check_addr(&prefix->addr);
    require(prefix->bits <= all && cf_prefix_contains(prefix, &addr));
    for (unsigned i = prefix->bits; i < all; i++) {
        require(!bit_of(&prefix->addr, i));
        addr.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
    }
    require(cf_prefix_contains(prefix, &addr));
    cf_addr_mask(&addr, prefix->bits);
    require(cf_addr_equal(&addr, &prefix->addr));
    if (prefix->bits > 0) {
        addr.bytes[(prefix->bits - 1) / 8] ^= (uint8_t)(0x80 >> (prefix->bits - 1) % 8);
        require(!cf_prefix_contains(prefix, &addr));
    }
}

static void check_text(const char *text)
{
    cf_auto_free char *formatted = NULL;
    struct cf_endpoint endpoint, again;
    struct cf_error err = { 0 };
    struct cf_addr addr;
    size_t column = SIZE_MAX;
    bool is_addr = cf_addr_parse(text, &addr) == 0;

    if (is_addr)
        check_addr(&addr);
    if (cf_endpoint_parse(text, &endpoint, &column, &err) < 0) {
        /* An IPv4 address is always a host; an IPv6 address must be in brackets. */
        require(!is_addr || strchr(text, ':'));
        require(err.text[0] && column <= strlen(text));
        return;
    }
    if (endpoint.kind == CF_HOST_PREFIX) {
        check_prefix(&endpoint.prefix);
        formatted = cf_endpoint_format(&endpoint);
        require(formatted && cf_endpoint_parse(formatted, &again, NULL, NULL) == 0);
        require(again.kind == CF_HOST_PREFIX && again.prefix.bits == endpoint.prefix.bits);
        require(cf_addr_equal(&again.prefix.addr, &endpoint.prefix.addr));
        cf_endpoint_done(&again);
    }
    require(!is_addr ||
            (endpoint.kind == CF_HOST_PREFIX && endpoint.prefix.bits == cf_addr_bits(&addr) &&
             cf_addr_equal(&endpoint.prefix.addr, &addr)));
    cf_endpoint_done(&endpoint);
}

/*
 * Write bytes[0..n) with a prefix length and read it back: it is refused exactly
 * when a bit behind the prefix is set, and folded exactly when all of it is mapped.
 */
static void check_bits(const uint8_t *bytes, size_t n, unsigned bits)
{
    char addr[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 8];
    bool has_host_bits = false, folds = n == 16 && is_mapped(bytes) && bits >= MAPPED_BITS;
    struct cf_endpoint endpoint;

    for (size_t i = bits; i < n * 8; i++)
        has_host_bits |= bytes[i / 8] >> (7 - i % 8) & 1;
    require(inet_ntop(n == 4 ? AF_INET : AF_INET6, bytes, addr, sizeof addr) != NULL);
    snprintf(text, sizeof text, n == 4 ? "%s/%u" : "[%s]/%u", addr, bits);
    if (cf_endpoint_parse(text, &endpoint, NULL, NULL) < 0) {
        require(has_host_bits);
        return;
    }
    require(!has_host_bits && endpoint.kind == CF_HOST_PREFIX);
    require(endpoint.prefix.bits == (folds ? bits - MAPPED_BITS : bits));
    require(endpoint.prefix.addr.family == (n == 4 || folds ? CF_FAMILY_IPV4 : CF_FAMILY_IPV6));
    require(memcmp(endpoint.prefix.addr.bytes, folds ? bytes + 12 : bytes, folds ? 4 : n) == 0);
    cf_endpoint_done(&endpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cf_auto_free char *text = malloc(size + 1);

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_text(text);
    if (size == 5)
        check_bits(data + 1, 4, data[0] % 33);
    if (size == 17)
        check_bits(data + 1, 16, data[0] % 129);
    return 0;
}
