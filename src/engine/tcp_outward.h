/*
 * tcp_outward.h - sockets for outward connections, made before they are wanted
 */
#ifndef CF_ENGINE_TCP_OUTWARD_H
#define CF_ENGINE_TCP_OUTWARD_H

#include <stdbool.h>

#include "base/addr.h"
#include "engine/tcp.h"

void cf_tcp_outward_init(struct cf_tcp *tcp);
void cf_tcp_outward_done(struct cf_tcp *tcp);

/*
 * A socket as cf_outward_socket() makes it, ready for a connect to this address and
 * for a relay (engine/relay.h), with the end of its handshake held (cf_outward_ack_hold()).
 * Returns a descriptor or -errno.
 */
int cf_tcp_outward_take(struct cf_tcp *tcp, const struct cf_addr *to);

/* Close what nobody has taken, and make no other before the next take. False when there was none. */
bool cf_tcp_outward_forget(struct cf_tcp *tcp);

#endif
