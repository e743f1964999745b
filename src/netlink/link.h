/*
 * link.h - the veth pair between sandbox and gateway, with addresses and routes
 */
#ifndef CF_NETLINK_LINK_H
#define CF_NETLINK_LINK_H

#include <stdint.h>

#include "base/error.h"
#include "netlink/gateway.h"

/*
 * The congestion control of both ends: a link between two namespaces of one
 * kernel loses nothing, so the simplest keeps it full. BBR's pacing and CUBIC's
 * early end of slow start (RFC 9406) cost there. Outside, the host's stays.
 */
#define CF_LINK_CONGESTION "reno"

/* Both ends of the link, and how to talk to their namespaces. */
struct cf_link {
    int gateway_rtnl_fd; /* rtnetlink, opened in the gateway's namespace */
    int sandbox_rtnl_fd;
    int sandbox_netns_fd;
};

/* Make the link; no packet passes yet. Returns 0 or -errno with a message. */
int cf_link_make(const struct cf_link *link, const struct cf_gateway_config *config,
                 struct cf_error *err);

/*
 * Bring a link up that was made, and set addresses, neighbours and routes on
 * both ends. From here on the sandbox's kernel sends packets of its own.
 * Returns 0 or -errno with a message.
 */
int cf_link_start(const struct cf_link *link, const struct cf_gateway_config *config,
                  struct cf_error *err);

/*
 * The statistics of links in the network namespace of the calling thread, for
 * cf_link_bytes(). Read from /proc, since rtnetlink would wait for whoever has its lock: the
 * kernel, taking other namespaces apart. Returns a descriptor or -errno with a message.
 */
int cf_link_statistics_open(struct cf_error *err);

/* Bytes that gw0 has received. From any thread. Returns 0 or -errno with a message. */
int cf_link_bytes(int statistics_fd, uint64_t *ret_bytes, struct cf_error *err);

#endif
