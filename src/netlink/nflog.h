/*
 * nflog.h - packets that the gateway's rules logged (nfnetlink_log)
 */
#ifndef CF_NETLINK_NFLOG_H
#define CF_NETLINK_NFLOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* One logged packet, from its IP header on. Borrowed for the call. */
struct cf_nflog_packet {
    const uint8_t *data;
    size_t length;
    uint32_t seq; /* counts what the group logged; a gap is what was lost */
    /*
     * Of the rule, or read from the packet; "" for CF_NFLOG_FLOWS. For CF_NFLOG_STRAYS one of:
     *   "forged"      the source address is not the sandbox's
     *   "destination" this network, loopback, multicast, broadcast, IPv4-mapped
     *   "icmp-error"  answers something that was sent in: no denial, to be counted
     *   "icmp"        any other ICMP type but an echo request
     *   "link"        neighbour discovery and multicast listener reports that the
     *                 sandbox's kernel sends by itself: no denial, to be counted
     *   "socket"      TCP or UDP that no socket of ours takes
     *   "protocol"    neither TCP, UDP nor ICMP
     */
    const char *prefix;
};

/*
 * Read what is waiting, at most `budget` datagrams, and call fn for each packet.
 *
 * fd: cf_gateway.flows_fd or strays_fd
 *
 * One caller at a time in the whole process: the buffers are shared.
 *
 * Returns how many datagrams were read (less than budget: nothing is left),
 * -ENOBUFS when the kernel dropped some since the last call, or -errno.
 */
int cf_nflog_read(int fd, int budget, void (*fn)(void *data, const struct cf_nflog_packet *packet),
                  void *data);

/* How a group delivers. */
struct cf_nflog_config {
    uint16_t group;
    uint32_t copy_bytes; /* of each packet, at most */
    uint32_t batch;      /* packets to a datagram; one waits 100 ms at most for the others */
};

/*
 * Bind a group of the network namespace that the calling thread is in.
 *
 * Returns a descriptor, non-blocking and close-on-exec, or -errno with a
 * message.
 */
int cf_nflog_open(const struct cf_nflog_config *config, struct cf_error *err);

/*
 * Let go of a group. What waited for the rest of its batch is delivered now,
 * and can be read when this returns. 0 or -errno.
 */
int cf_nflog_unbind(int fd, uint16_t group);

#endif
