/*
 * tcp.h - TCP connections of the sandbox
 */
#ifndef CF_ENGINE_TCP_H
#define CF_ENGINE_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/flow.h"
#include "engine/list.h"
#include "engine/packet.h"
#include "loop/loop.h"

struct cf_engine;
struct cf_relay;
struct cf_tcp_flow;

/* SYNs that were answered and may come again; past it the oldest is forgotten. */
#define CF_TCP_ANSWERED_MAX 4096

struct cf_tcp {
    struct cf_engine *engine;
    struct cf_watch listener;
    struct cf_timer pause; /* while nothing can be accepted */
    int spare_fd;          /* given up to accept when there is no other; -1 then */
    struct {
        int fds[2];     /* for IPv4 and for IPv6; -1 for none */
        uint8_t family; /* of the one that is made next */
        struct cf_task task;
    } ready;             /* of tcp_outward.c */
    struct cf_list live; /* connecting, injected, relayed */
    struct cf_list answered;
    size_t n_answered;
    struct cf_tcp_flow *unconfirmed; /* connected last: its server may not have heard; or NULL */
};

/* Returns 0 or -errno with a message. */
int cf_tcp_init(struct cf_tcp *tcp, struct cf_engine *engine, struct cf_error *err);
/* Every connection that is open is logged as killed. */
void cf_tcp_done(struct cf_tcp *tcp);

/* A SYN was held. */
void cf_tcp_syn(struct cf_tcp *tcp, const struct cf_packet *packet);

/* Accept all that waits. */
void cf_tcp_accept(struct cf_tcp *tcp);

/* A relay has ended; called in the engine's thread, wherever it was. Frees its flow. */
void cf_tcp_relay_ended(struct cf_relay *relay, enum cf_flow_result result);

/* For cf_flow_list_each(): what only the connection knows. */
void cf_tcp_show(const struct cf_flow *flow, struct cf_open_flow *shown);

/* End the connections whose outward sockets are bound to this interface; how many there were. */
size_t cf_tcp_interface_gone(struct cf_tcp *tcp, unsigned ifindex);

/*
 * The sandbox is gone: end what it can no longer use; what was passed on whole waits for
 * cf_tcp_done() (cf_relay_park()). Returns how many connections still owe bytes to the
 * outside; ret_moved: bytes out of those.
 */
size_t cf_tcp_drain(struct cf_tcp *tcp, uint64_t *ret_moved);

/* Segments that came over connections whose flow_close is not written, as cf_relay_segments(). */
uint64_t cf_tcp_segments(struct cf_tcp *tcp);

#endif
