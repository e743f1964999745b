/*
 * udp_flow.h - one UDP conversation: its sockets, its datagrams, its age
 *
 * It lives from cf_udp_flow_new() to cf_udp_flow_end(), when it was opened, or
 * cf_udp_flow_denied_free(). Single-threaded.
 */
#ifndef CF_ENGINE_UDP_FLOW_H
#define CF_ENGINE_UDP_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"
#include "engine/datagrams.h"
#include "engine/flow.h"
#include "engine/list.h"
#include "engine/outward.h"
#include "engine/udp.h"
#include "engine/udp_proxy.h"
#include "loop/loop.h"

struct cf_udp_flow {
    struct cf_flow flow;
    struct cf_udp *udp;
    bool denied;
    bool answered; /* the remote has spoken */
    bool refused;  /* an ICMP port unreachable came, and nothing since */
    uint8_t outside_family;
    uint8_t hop_limit; /* what the outward socket sends with */
    struct cf_watch inside, outside;
    int inside_fd, outside_fd;
    struct cf_udp_proxy *proxy; /* its way out; NULL: directly */
};

/* Of an item of a list by age. */
static inline struct cf_udp_flow *cf_udp_flow_at(struct cf_list *age)
{
    return cf_container_of(cf_container_of(age, struct cf_flow, age), struct cf_udp_flow, flow);
}

/* Listed, in no list by age yet; NULL when memory is out. */
struct cf_udp_flow *cf_udp_flow_new(struct cf_udp *udp, const struct cf_flow_key *key);
/* Without an event, and counted nowhere. */
void cf_udp_flow_free(struct cf_udp_flow *flow);
/* The one end of a flow that is counted as open: writes flow_close where there was a flow_open. */
void cf_udp_flow_end(struct cf_udp_flow *flow, enum cf_flow_result result);
/* The one end of a flow that is counted as denied. */
void cf_udp_flow_denied_free(struct cf_udp_flow *flow);

/* Make it the youngest of the list it belongs to. */
void cf_udp_flow_touch(struct cf_udp_flow *flow);
/* Of cf_udp.idle: ends what has been idle for too long. */
void cf_udp_idle_due(struct cf_timer *timer);
/* End the conversation that has been idle for longest; false when there is none. */
bool cf_udp_evict(struct cf_udp *udp);

/* Both sockets; another conversation may have to go for them. Returns 0 or -errno. */
int cf_udp_flow_open(struct cf_udp_flow *flow, const struct cf_addr_port *target);
/* The same by way of the proxy; fd: the outward socket, which it takes over. */
int cf_udp_flow_open_by_proxy(struct cf_udp_flow *flow, int fd);

/* To the outside; false when the flow has ended with it. */
bool cf_udp_flow_send(struct cf_udp_flow *flow, const struct cf_datagram *datagrams, int n);
/* A datagram could not be sent at all, for this errno (positive). */
void cf_udp_flow_send_failed(struct cf_udp_flow *flow, const struct cf_datagram *datagram,
                             int error);
/* Send on what has come from the sandbox so far; the flow may end with it. */
void cf_udp_flow_drain(struct cf_udp_flow *flow);

/* Tell the sandbox what became of a datagram of this conversation, with this payload. */
void cf_udp_tell(struct cf_udp *udp, const struct cf_flow_key *key,
                 const struct cf_outcome *outcome, const uint8_t *payload, size_t length);

#endif
