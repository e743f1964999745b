/*
 * packet.h - what one IP packet from the sandbox says
 *
 * Reads an IPv4 or IPv6 header chain with the first header behind it, never a
 * byte past the end. Nothing is copied.
 */
#ifndef CF_ENGINE_PACKET_H
#define CF_ENGINE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define CF_TCP_FIN 0x01
#define CF_TCP_SYN 0x02
#define CF_TCP_RST 0x04
#define CF_TCP_ACK 0x10

struct cf_packet {
    const uint8_t *data; /* from the IP header on; borrowed */
    size_t length;       /* as the IP header has it; what was behind is cut off */

    /*
     * As the header has them: an IPv4-mapped IPv6 address stays IPv6 here,
     * so that it can be told from the IPv4 address it means and refused.
     */
    struct cf_addr src, dst;
    uint8_t protocol;  /* the first that is no IPv6 extension header */
    uint8_t hop_limit; /* TTL */
    bool fragment;     /* one of several: what follows is not read */
    size_t payload;    /* offset of the TCP, UDP or ICMP header */

    uint16_t src_port, dst_port; /* TCP and UDP, host order; 0 for others */
    struct {
        uint32_t seq; /* host order */
        uint8_t flags;
        size_t header; /* bytes, options included */
    } tcp;
    struct {
        uint8_t type, code;
        uint16_t id, seq; /* of an echo, host order */
    } icmp;
};

/*
 * Read the packet at data. Protocols other than TCP, UDP, ICMP and ICMPv6 get
 * their number and addresses only.
 *
 * Returns 0, or -EBADMSG when a header is malformed or not whole.
 */
int cf_packet_parse(const uint8_t *data, size_t length, struct cf_packet *ret_packet);

#endif
