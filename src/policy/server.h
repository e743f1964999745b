/*
 * server.h - a server's address with an optional port
 */
#ifndef CF_POLICY_SERVER_H
#define CF_POLICY_SERVER_H

#include <stdint.h>

#include "base/addr.h"

/*
 * Parse 192.0.2.53, 192.0.2.53:5353, 2001:db8::53, [2001:db8::53] or
 * [2001:db8::53]:5353. An address that no server can have (unspecified,
 * multicast, broadcast) is refused.
 *
 * Returns 0 or -EINVAL.
 */
int cf_server_parse(const char *text, uint16_t default_port, struct cf_addr_port *ret_server);

#endif
