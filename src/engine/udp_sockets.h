/*
 * udp_sockets.h - sockets of a UDP conversation
 */
#ifndef CF_ENGINE_UDP_SOCKETS_H
#define CF_ENGINE_UDP_SOCKETS_H

#include "engine/flow.h"
#include "netlink/gateway.h"

/* As much room for datagrams as the host allows, up to 4 MiB each way. */
void cf_udp_buffers_grow(int fd);

/*
 * The socket that stands for the remote inside: from its address, to the
 * sandbox's. It tells hop limits. Returns it or -errno.
 */
int cf_udp_inside_open(struct cf_gateway *gateway, const struct cf_flow_key *key);

#endif
