/*
 * tcp_flow.c - one TCP connection of the sandbox: its memory, its relay and its end
 */
#include "engine/tcp_flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "engine/internal.h"
#include "engine/tcp_held.h"
#include "engine/tcp_name.h"
#include "engine/tcp_proxy.h"

struct cf_loop *cf_tcp_flow_loop(const struct cf_tcp_flow *flow)
{
    return flow->tcp->engine->config.loop;
}

struct cf_tcp_flow *cf_tcp_flow_new(struct cf_tcp *tcp, const struct cf_flow_key *key,
                                    const struct cf_packet *packet)
{
    struct cf_tcp_flow *flow = calloc(1, sizeof *flow);

    if (!flow)
        return NULL;
    flow->held = calloc(1, sizeof *flow->held);
    if (!flow->held) {
        free(flow);
        return NULL;
    }
    cf_flow_init(&flow->flow, key);
    flow->tcp = tcp;
    flow->isn = packet->tcp.seq;
    flow->timer = (struct cf_timer) { .fn = cf_tcp_held_timer };
    cf_relay_init(&flow->relay, tcp->engine->config.loop, &tcp->engine->pipes,
                  cf_tcp_relay_ended);
    flow->held->length = cf_craft_syn(packet, flow->held->syn, sizeof flow->held->syn);
    flow->held->copy_us = cf_clock_monotonic_us();
    if (cf_flow_list(&tcp->engine->flows, &flow->flow) < 0) {
        free(flow->held);
        free(flow);
        return NULL;
    }
    return flow;
}

void cf_tcp_flow_free(struct cf_tcp_flow *flow)
{
    struct cf_engine *engine = flow->tcp->engine;

    cf_loop_timer_stop(engine->config.loop, &flow->timer);
    cf_tcp_proxy_cancel(flow);
    cf_shards_left(&flow->relay);
    cf_relay_done(&flow->relay);
    cf_flow_unlist(&engine->flows, &flow->flow);
    cf_list_remove(&flow->flow.age);
    if (flow->tcp->unconfirmed == flow)
        flow->tcp->unconfirmed = NULL;
    if (flow->state == CF_TCP_ANSWERED)
        flow->tcp->n_answered--;
    free(flow->held);
    free(flow);
}

void cf_tcp_flow_log_close(struct cf_tcp_flow *flow, enum cf_flow_result result)
{
    struct cf_engine *engine = flow->tcp->engine;

    flow->flow.bytes_out = flow->relay.out.total;
    flow->flow.bytes_in = flow->relay.in.total;
    engine->packets += flow->relay.segments;
    cf_flow_log_close(&engine->flows, &flow->flow, result);
}

void cf_tcp_flow_end(struct cf_tcp_flow *flow, enum cf_flow_result result)
{
    cf_relay_done(&flow->relay);
    cf_tcp_flow_log_close(flow, result);
    cf_flow_ghost_add(&flow->tcp->engine->flows, &flow->flow.key, flow->isn);
    cf_tcp_flow_free(flow);
}

static void reset_both(struct cf_tcp_flow *flow)
{
    cf_relay_side_reset(&flow->relay, &flow->relay.inside);
    cf_relay_side_reset(&flow->relay, &flow->relay.outside);
}

void cf_tcp_flow_abort(struct cf_tcp_flow *flow, enum cf_flow_result result)
{
    reset_both(flow);
    cf_tcp_flow_end(flow, result);
}

void cf_tcp_flow_forget(struct cf_tcp_flow *flow, enum cf_flow_result result)
{
    reset_both(flow);
    cf_relay_done(&flow->relay);
    cf_tcp_flow_log_close(flow, result);
    cf_tcp_flow_free(flow);
}

void cf_tcp_relay_ended(struct cf_relay *relay, enum cf_flow_result result)
{
    struct cf_tcp_flow *flow = cf_container_of(relay, struct cf_tcp_flow, relay);

    if (relay->spent)
        cf_limits_spent(&flow->tcp->engine->flows.limits);
    else if (result == CF_RESULT_LIMIT)
        cf_engine_warn(flow->tcp->engine, CF_WARNING_RESOURCES, relay->error);
    cf_tcp_flow_end(flow, result);
}

void cf_tcp_reset_close(struct cf_tcp *tcp, int fd)
{
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    tcp->engine->packets += cf_relay_segments(fd);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

void cf_tcp_flow_no_stream(struct cf_tcp_flow *flow, struct cf_judgement *ret_judgement)
{
    *ret_judgement = (struct cf_judgement) { .target = flow->flow.key.dst };
    cf_judge_deny(ret_judgement, CF_REASON_LIMIT);
    cf_engine_warn(flow->tcp->engine, CF_WARNING_STREAMS, 0);
}

/* A connection to port 53 stands; from here on it is the DNS server's. */
static void hand_to_dns(struct cf_tcp_flow *flow, int fd)
{
    struct cf_engine *engine = flow->tcp->engine;

    int r = cf_dns_server_stream(engine->config.dns, fd, &flow->flow.key.src, &flow->flow.key.dst,
                                 NULL, NULL);

    if (r == -ENOSPC) {
        struct cf_judgement judgement;

        cf_tcp_flow_no_stream(flow, &judgement);
        cf_flow_log(&engine->flows, &flow->flow, &judgement, NULL);
    } else if (r < 0) {
        cf_engine_warn(engine, CF_WARNING_RESOURCES, -r);
    }
    if (r < 0)
        cf_tcp_reset_close(flow->tcp, fd);
    cf_tcp_flow_end(flow, CF_RESULT_CLOSED);
}

void cf_tcp_flow_pair(struct cf_tcp_flow *flow, int fd)
{
    int r;

    cf_loop_timer_stop(cf_tcp_flow_loop(flow), &flow->timer);
    if (flow->held->dns) {
        hand_to_dns(flow, fd);
        return;
    }
    flow->relay.inside.fd = fd;
    flow->relay.outside.watch.urgent = false;
    flow->relay.meter = cf_flow_meter(&flow->tcp->engine->flows, &flow->flow);
    r = flow->flow.verify ? cf_tcp_name_start(flow)
                          : cf_shards_start(flow->tcp->engine->shards, &flow->relay,
                                            flow->outside_events, flow->outside_error);
    if (r < 0) {
        cf_engine_warn(flow->tcp->engine, CF_WARNING_RESOURCES, -r);
        cf_tcp_flow_abort(flow, CF_RESULT_LIMIT);
        return;
    }
    free(flow->held);
    flow->held = NULL;
    flow->state = CF_TCP_RELAYED;
}
