/*
 * frame.h - what one captured frame says: whose packet it is
 *
 * Reads Ethernet (or bare IP), IPv4 or IPv6 and the first header behind them,
 * never a byte past what was captured. Nothing is copied.
 */
#ifndef CF_CAPTURE_FRAME_H
#define CF_CAPTURE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct cf_frame {
    uint8_t protocol; /* of IP; ICMPv6 is 58 */
    struct cf_addr src, dst;
    uint16_t src_port, dst_port; /* TCP and UDP, host order; else 0 */
    uint16_t echo;               /* of an echo request or its reply: the id; else 0 */
    bool fragment;               /* one of several: only the first may have ports */
    bool later;                  /* one behind the first */
    uint32_t id;                 /* of a fragment: what those of one packet share */
    bool ports;                  /* they were there to be read */
    bool first;                  /* begins a flow: a SYN, a datagram, an echo request */
    size_t ip, payload;          /* offsets of the headers of IP and of what is behind it */
};

#define CF_FRAME_ETHERNET 14

/*
 * ip: where the IP header is; CF_FRAME_ETHERNET behind a link's header, whose
 *     type is looked at, or 0
 *
 * Returns 0, or -EBADMSG for what is no IP, or malformed, or cut before the ports.
 */
int cf_frame_read(const uint8_t *data, size_t length, size_t ip, struct cf_frame *ret_frame);

/*
 * Put other addresses and ports into the packet, of the same family, and set its checksums
 * right. whole: all of it is at data; else the checksum behind IP's is changed by what changed.
 */
void cf_frame_rewrite(uint8_t *data, size_t length, bool whole, const struct cf_frame *frame,
                      const struct cf_addr_port *src, const struct cf_addr_port *dst);

/*
 * Make a packet of IPv6 one of IPv4 (RFC 7915, 5.1): the header stands in front of what is behind
 * IPv6's, frame->ip says where, and extension headers are gone. src, dst: of IPv4
 *
 * length:       bytes at data
 * whole_length: bytes that the packet had
 */
void cf_frame_to_ipv4(uint8_t *data, size_t length, size_t whole_length, struct cf_frame *frame,
                      const struct cf_addr *src, const struct cf_addr *dst);

/*
 * Write the checksum of TCP or UDP that the sender left to a device, over all of the packet,
 * as it is at data. A packet of another protocol is left alone.
 */
void cf_frame_checksum(uint8_t *data, size_t length, const struct cf_frame *frame);

#endif
