/*
 * tcp_flow.h - one TCP connection of the sandbox, from its SYN to its end
 *
 * For the files that share it: tcp.c, tcp_held.c, tcp_accept.c, tcp_flow.c.
 * "How this works" is at the top of tcp.c.
 */
#ifndef CF_ENGINE_TCP_FLOW_H
#define CF_ENGINE_TCP_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/flow.h"
#include "engine/list.h"
#include "engine/outward.h"
#include "engine/packet.h"
#include "engine/relay.h"
#include "engine/tcp.h"
#include "loop/loop.h"
#include "proxy/dial.h"

#define CF_TCP_SYN_SIZE 100 /* the longest: IPv6, and TCP with all its options */

enum cf_tcp_state {
    CF_TCP_CONNECTING,
    CF_TCP_INJECTED,
    CF_TCP_RELAYED,
    CF_TCP_ANSWERED,
};

/* What is kept of a SYN until its connection stands. */
struct cf_tcp_held {
    uint8_t syn[CF_TCP_SYN_SIZE]; /* ready to go back in */
    size_t length;
    bool dns;
    struct cf_proxy_dial *dial; /* connecting by way of the proxy; NULL when not */
    int dial_error;             /* why a socket for it could not be made, negative; 0 */
    unsigned tries;          /* answers or injections so far */
    int64_t copy_us, gap_us; /* of the last copy, and of the one before to that */
    struct cf_outcome outcome;
};

struct cf_tcp_flow {
    struct cf_flow flow;
    struct cf_tcp *tcp;
    enum cf_tcp_state state;
    uint32_t isn;
    struct cf_tcp_held *held; /* NULL once relayed */
    struct cf_timer timer;
    uint32_t outside_events; /* seen before the relay began */
    int outside_error;       /* taken from the socket by then */
    uint8_t outside_family;
    bool by_proxy;          /* its way out is the proxy, */
    unsigned proxy_ifindex; /* by sockets that are bound to this device; 0: to none */
    struct cf_hello_wait hello; /* of the name that it has to show */
    struct cf_relay relay;
};

/* A flow for this SYN, listed, in no list by age yet; NULL when memory is out. */
struct cf_tcp_flow *cf_tcp_flow_new(struct cf_tcp *tcp, const struct cf_flow_key *key,
                                    const struct cf_packet *packet);
/* Without an event. */
void cf_tcp_flow_free(struct cf_tcp_flow *flow);

/* Write flow_close, if there was a flow_open. */
void cf_tcp_flow_log_close(struct cf_tcp_flow *flow, enum cf_flow_result result);

/* The one end of a flow that was let through: closes its sockets, logs and frees it. */
void cf_tcp_flow_end(struct cf_tcp_flow *flow, enum cf_flow_result result);
/* As cf_tcp_flow_end(), with a RST to whoever is still there. */
void cf_tcp_flow_abort(struct cf_tcp_flow *flow, enum cf_flow_result result);
/* As cf_tcp_flow_abort(), but a copy of the SYN that comes all the same is a new flow. */
void cf_tcp_flow_forget(struct cf_tcp_flow *flow, enum cf_flow_result result);

/* The verdict for one that the DNS server has no room for; it is warned of once. */
void cf_tcp_flow_no_stream(struct cf_tcp_flow *flow, struct cf_judgement *ret_judgement);

/* Its inward half was accepted as fd, which it takes over: the relay begins, or the DNS server's
 * work. */
void cf_tcp_flow_pair(struct cf_tcp_flow *flow, int fd);

/* Close with a RST. */
void cf_tcp_reset_close(struct cf_tcp *tcp, int fd);

/* Of an item of a list by age. */
static inline struct cf_tcp_flow *cf_tcp_flow_at(struct cf_list *age)
{
    return cf_container_of(cf_container_of(age, struct cf_flow, age), struct cf_tcp_flow, flow);
}

struct cf_loop *cf_tcp_flow_loop(const struct cf_tcp_flow *flow);

#endif
