/*
 * tcp.c - TCP connections of the sandbox
 *
 * How this works. A SYN is held by the gateway's rules and read here. The
 * table finds it by its four-tuple; the states of a flow are
 *
 *   CONNECTING  judged and allowed, the outward connect is under way. A copy of
 *               the SYN shows that the sandbox still waits; when copies stop
 *               coming, the connect is given up.
 *   INJECTED    connected outward, and the SYN went back in, to the transparent
 *               listener. The kernel handles it at once, so that accept finds the
 *               connection as a rule; a timer and copies of the SYN inject again.
 *   RELAYED     accepted and paired by four-tuple and SYN: relay.c has it.
 *   ANSWERED    denied, refused, unreachable, or timed out. A copy of the SYN gets
 *               the same answer; a SYN with another sequence number is a new flow.
 *
 * Until a connection stands it is with tcp_held.c; tcp_accept.c has the
 * listener, and tcp_flow.c begins the relay and ends the flow.
 *
 * The sequence number of the SYN tells a copy from a new connection. While a
 * flow lives it is kept here, later in the table's ghosts. What was given up
 * for want of copies leaves no ghost: they may have come while the engine was
 * stopped, and who still waits for an answer begins a new flow. When a new
 * connection takes the four-tuple of one that is still relayed (the sandbox
 * has closed or lost its end), the old one goes on unlisted, with what it
 * still has to deliver.
 *
 * When descriptors, ports or memory run out, a new flow is denied with reason
 * `limit`, in every mode.
 *
 * Who frees: cf_tcp_flow_free(), from the state that ends; cf_tcp_done() for the
 * rest.
 */
#include "engine/tcp.h"

#include <errno.h>
#include <netinet/in.h>

#include "base/hash.h"
#include "engine/internal.h"
#include "engine/inward.h"
#include "engine/tcp_accept.h"
#include "engine/tcp_flow.h"
#include "engine/tcp_held.h"
#include "engine/tcp_outward.h"
#include "engine/tcp_proxy.h"

/* A SYN with a new sequence number for a four-tuple that is known. */
static void supersede(struct cf_tcp_flow *flow)
{
    switch (flow->state) {
    case CF_TCP_RELAYED:
        cf_flow_unlist(&flow->tcp->engine->flows, &flow->flow);
        break;
    case CF_TCP_ANSWERED:
        cf_tcp_flow_free(flow);
        break;
    default:
        cf_tcp_flow_abort(flow, CF_RESULT_RESET);
        break;
    }
}

/* To an address that no socket is given: answered each time, and no flow. */
static void syn_never(struct cf_engine *engine, const struct cf_packet *packet)
{
    struct cf_outcome outcome;

    cf_strays_add(&engine->strays, packet->protocol, &packet->dst, "destination");
    if (cf_destination_multicast(&packet->dst))
        return;
    cf_outcome_denied(packet->src.family, &outcome);
    cf_inward_error(engine, &outcome.error, packet->data, packet->length);
}

void cf_tcp_syn(struct cf_tcp *tcp, const struct cf_packet *packet)
{
    struct cf_flow_key key = { .protocol = IPPROTO_TCP,
                               .src = { packet->src, packet->src_port },
                               .dst = { packet->dst, packet->dst_port } };
    struct cf_flow *found = cf_flow_find(&tcp->engine->flows, &key);
    struct cf_tcp_flow *flow;

    if (found) {
        flow = cf_container_of(found, struct cf_tcp_flow, flow);
        if (flow->isn == packet->tcp.seq) {
            cf_tcp_held_copy(flow);
            return;
        }
        supersede(flow);
    }
    if (cf_flow_ghost_find(&tcp->engine->flows, &key, packet->tcp.seq))
        return;
    if (cf_destination_never(&packet->dst)) {
        syn_never(tcp->engine, packet);
        return;
    }
    flow = cf_tcp_flow_new(tcp, &key, packet);
    if (flow)
        cf_tcp_held_start(flow, packet);
    else
        cf_engine_warn(tcp->engine, CF_WARNING_RESOURCES, ENOMEM);
}

int cf_tcp_init(struct cf_tcp *tcp, struct cf_engine *engine, struct cf_error *err)
{
    tcp->engine = engine;
    cf_list_init(&tcp->live);
    cf_list_init(&tcp->answered);
    cf_tcp_outward_init(tcp);
    return cf_tcp_accept_init(tcp, err);
}

void cf_tcp_done(struct cf_tcp *tcp)
{
    if (!tcp->engine)
        return;
    while (!cf_list_empty(&tcp->live)) {
        struct cf_tcp_flow *flow = cf_tcp_flow_at(cf_list_first(&tcp->live));

        cf_tcp_flow_end(flow, flow->relay.over || flow->relay.parked ? CF_RESULT_CLOSED
                                                                     : CF_RESULT_KILLED);
    }
    while (!cf_list_empty(&tcp->answered))
        cf_tcp_flow_free(cf_tcp_flow_at(cf_list_first(&tcp->answered)));
    cf_tcp_outward_done(tcp);
    cf_tcp_accept_done(tcp);
    tcp->engine = NULL;
}

size_t cf_tcp_interface_gone(struct cf_tcp *tcp, unsigned ifindex)
{
    struct cf_list *next;
    size_t n = 0;

    for (struct cf_list *at = tcp->live.next; at != &tcp->live; at = next) {
        struct cf_tcp_flow *flow = cf_tcp_flow_at(at);

        next = at->next;
        if (cf_tcp_flow_ifindex(flow) != ifindex)
            continue;
        if (flow->state == CF_TCP_CONNECTING)
            cf_tcp_held_unreachable(flow);
        else
            cf_tcp_flow_abort(flow, CF_RESULT_UNREACHABLE);
        n++;
    }
    return n;
}

size_t cf_tcp_drain(struct cf_tcp *tcp, uint64_t *ret_moved)
{
    struct cf_list *next;
    uint64_t moved = 0;
    size_t owing = 0;

    while (cf_tcp_accept_one(tcp))
        ;
    for (struct cf_list *at = tcp->live.next; at != &tcp->live; at = next) {
        struct cf_tcp_flow *flow = cf_tcp_flow_at(at);

        next = at->next;
        if (flow->relay.parked)
            continue;
        if (flow->state != CF_TCP_RELAYED) {
            cf_tcp_flow_abort(flow, CF_RESULT_KILLED);
        } else if (flow->relay.resetting) {
            cf_tcp_flow_abort(flow, CF_RESULT_RESET);
        } else if (cf_relay_delivered(&flow->relay)) {
            cf_relay_park(&flow->relay);
        } else {
            owing++;
            moved += flow->relay.out.total;
        }
    }
    *ret_moved = moved;
    return owing;
}

uint64_t cf_tcp_segments(struct cf_tcp *tcp)
{
    uint64_t n = 0;

    for (struct cf_list *at = tcp->live.next; at != &tcp->live; at = at->next) {
        const struct cf_relay *relay = &cf_tcp_flow_at(at)->relay;

        n += relay->inside.fd >= 0 ? cf_relay_segments(relay->inside.fd) : relay->segments;
    }
    return n;
}

void cf_tcp_show(const struct cf_flow *flow, struct cf_open_flow *shown)
{
    const struct cf_tcp_flow *tcp_flow = cf_container_of(flow, struct cf_tcp_flow, flow);
    const struct cf_relay *relay = &tcp_flow->relay;

    shown->bytes_out = relay->out.total;
    shown->bytes_in = relay->in.total;
    if (tcp_flow->state != CF_TCP_RELAYED)
        shown->stage = CF_FLOW_CONNECTING;
    else if (relay->out_done || relay->in_done || relay->resetting)
        shown->stage = CF_FLOW_CLOSING;
}
