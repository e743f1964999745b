/*
 * craft.h - packets that the engine makes for the sandbox
 *
 * Every function writes one whole IP packet with all checksums filled in and
 * returns its length, or 0 when it does not fit.
 */
#ifndef CF_ENGINE_CRAFT_H
#define CF_ENGINE_CRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "engine/packet.h"

/* Room for any TCP segment or ICMP error made here. */
#define CF_CRAFT_SIZE 1280

/* An ICMP or ICMPv6 error; the family of `from` says which. */
struct cf_icmp_error {
    struct cf_addr from; /* the router or host that says so */
    uint8_t type, code;
    uint32_t info; /* second word of the header: the MTU where the type has one */
};

/* One's complement sum of data (RFC 1071), folded; start with 0 or an earlier sum. */
uint32_t cf_checksum_add(uint32_t sum, const void *data, size_t length);

/*
 * The same SYN as it goes back in: no IP options or extension headers, no
 * data, checksums whole. The sandbox's own fast open option (RFC 7413) is taken
 * out, and the request for a cookie put in where there is room: engine/tcp_accept.c.
 */
size_t cf_craft_syn(const struct cf_packet *syn, uint8_t *packet, size_t size);

/* RST|ACK as the answer to a SYN (RFC 9293, 3.10.7.1). */
size_t cf_craft_reset(const struct cf_packet *syn, uint8_t *packet, size_t size);

/*
 * An error about the packet in original, quoted as far as RFC 1812, 4.3.2.3
 * (576 bytes in all) and RFC 4443, 2.4 (1280) let it. Goes to its source.
 */
size_t cf_craft_icmp_error(const struct cf_icmp_error *error, const uint8_t *original,
                           size_t length, uint8_t *packet, size_t size);

/*
 * A packet as the sandbox must have sent it, to be quoted: UDP with this
 * payload, or ICMP with the echo header and data in payload. A payload that
 * does not fit is cut; the length fields tell `whole`.
 */
size_t cf_craft_quote(const struct cf_addr_port *src, const struct cf_addr_port *dst,
                      uint8_t protocol, const uint8_t *payload, size_t length, size_t whole,
                      uint8_t *packet, size_t size);

/* An echo reply; echo is the ICMP message that came back, its id is replaced. */
size_t cf_craft_echo_reply(const struct cf_addr *src, const struct cf_addr *dst, uint16_t id,
                           uint8_t hop_limit, const uint8_t *echo, size_t length, uint8_t *packet,
                           size_t size);

/*
 * Hand packet to fn whole, or in fragments when it is longer than mtu (RFC
 * 791, 3.2; RFC 8200, 4.5). ident is the fragments' identification. scratch has
 * room for mtu bytes.
 *
 * Returns 0, or what fn returned when that was not 0.
 */
int cf_craft_fragments(const uint8_t *packet, size_t length, size_t mtu, uint32_t ident,
                       uint8_t *scratch,
                       int (*fn)(void *data, const uint8_t *packet, size_t length), void *data);

#endif
