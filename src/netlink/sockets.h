/*
 * sockets.h - the gateway's sockets, made by the thread that is in its namespace
 */
#ifndef CF_NETLINK_SOCKETS_H
#define CF_NETLINK_SOCKETS_H

#include "base/error.h"
#include "netlink/gateway.h"

/*
 * Fill the descriptors of gateway that belong to the gateway's namespace: those
 * of both families and of IPv4, and those of IPv6. What is not opened stays -1;
 * on error the caller closes what is.
 */
int cf_sockets_open(struct cf_gateway *gateway, struct cf_error *err);
int cf_sockets_ipv6_open(struct cf_gateway *gateway, struct cf_error *err);

#endif
