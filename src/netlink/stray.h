/*
 * stray.h - why a packet that no rule spoke of can be no flow
 */
#ifndef CF_NETLINK_STRAY_H
#define CF_NETLINK_STRAY_H

#include <stddef.h>
#include <stdint.h>

/* The prefix of the last rule. */
#define CF_STRAY_REST "rest"

/* The reason that nflog.h has, read from the packet, which may be cut off. A literal. */
const char *cf_stray_reason(const uint8_t *data, size_t length);

#endif
