/*
 * tcp_held.h - a SYN that is held: judged, connected outward, and answered
 */
#ifndef CF_ENGINE_TCP_HELD_H
#define CF_ENGINE_TCP_HELD_H

#include "engine/packet.h"
#include "engine/tcp_flow.h"

/* The first SYN of a connection, of a flow that is new. The flow may be freed by the return. */
void cf_tcp_held_start(struct cf_tcp_flow *flow, const struct cf_packet *packet);

/* A copy of its SYN came, in whatever state the flow is. */
void cf_tcp_held_copy(struct cf_tcp_flow *flow);

/* What the timer of a flow is for, in each state. */
void cf_tcp_held_timer(struct cf_timer *timer);

/* Give up a connect: there is no way out any more. */
void cf_tcp_held_unreachable(struct cf_tcp_flow *flow);

/* It is connected outward, and the log has its flow_open. */
void cf_tcp_held_connected(struct cf_tcp_flow *flow);

/* The proxy made no connection of it; why and words as in struct cf_event_flow_close. */
void cf_tcp_held_refused(struct cf_tcp_flow *flow, const struct cf_outcome *outcome,
                         const char *why, const char *words);

/* Give up a connect, so that another flow has what it holds. */
void cf_tcp_held_sacrifice(struct cf_tcp_flow *flow);

#endif
