/*
 * tcp_proxy.h - a held SYN whose way out is the proxy
 *
 * For tcp_held.c, which has the flow until it is connected or answered.
 */
#ifndef CF_ENGINE_TCP_PROXY_H
#define CF_ENGINE_TCP_PROXY_H

#include "engine/judge.h"
#include "engine/tcp_flow.h"

/*
 * Begin to dial. It ends in cf_tcp_held_connected() or cf_tcp_held_refused(),
 * neither of them from here. Returns 0 or -errno.
 */
int cf_tcp_proxy_begin(struct cf_tcp_flow *flow, const struct cf_judgement *judgement);

/*
 * The device that its way out is bound to, 0 for none: what speaks to a proxy need
 * not be the relay's own descriptor.
 */
unsigned cf_tcp_flow_ifindex(const struct cf_tcp_flow *flow);

/* Give up the dial, if there is one. */
void cf_tcp_proxy_cancel(struct cf_tcp_flow *flow);

#endif
