/*
 * icmp.c - echo requests of the sandbox (ping), ICMP and ICMPv6
 *
 * How this works. Requests come as whole packets from the gateway's log. All
 * with one source, destination and identifier are one flow, with one ping
 * socket (SOCK_DGRAM, IPPROTO_ICMP) outward. The kernel gives the socket an
 * identifier of its own and hands back only replies to it, so sequence number
 * and data pass as they are, and the identifier is put back into the reply,
 * which goes in as a crafted packet. Errors come by the error queue, with the
 * request that they are about.
 *
 * A flow is open, or denied: then it has no socket, and each request is judged
 * anew and answered. Both kinds end when they are idle, or by age when there
 * are too many.
 *
 * Ping sockets need the caller's group in net.ipv4.ping_group_range. Where it
 * is not, a ping that the policy allows is a flow that ends at once as
 * unreachable, its requests are answered (network prohibited) as long as they
 * come, and a warning names the sysctl. It is not a denial: no rule said so.
 */
#include "engine/icmp.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/egress.h"
#include "base/fd.h"
#include "engine/datagrams.h"
#include "engine/internal.h"
#include "engine/inward.h"
#include "engine/outward.h"

#define DEFAULT_HOPS 64
#define ECHO_HEADER 8
#define BATCHES 4

struct echo_flow {
    struct cf_flow flow;
    struct cf_icmp *icmp;
    uint8_t hop_limit;
    bool prohibited; /* allowed, and the host does not let this process ping */
    struct cf_watch watch;
    int fd; /* -1 when denied or prohibited */
};

static struct echo_flow *flow_of(struct cf_list *age)
{
    return cf_container_of(cf_container_of(age, struct cf_flow, age), struct echo_flow, flow);
}

static void socket_close(struct echo_flow *flow)
{
    cf_loop_unwatch(flow->icmp->engine->config.loop, &flow->watch);
    cf_egress_closing(flow->fd);
    cf_fd_close(&flow->fd);
}

static void flow_end(struct echo_flow *flow, enum cf_flow_result result)
{
    struct cf_engine *engine = flow->icmp->engine;

    cf_flow_log_close(&engine->flows, &flow->flow, result);
    socket_close(flow);
    cf_flow_unlist(&engine->flows, &flow->flow);
    cf_list_remove(&flow->flow.age);
    flow->icmp->n_flows--;
    free(flow);
}

static void idle_start(struct cf_icmp *icmp)
{
    struct cf_list *first = cf_list_first(&icmp->flows);

    if (first)
        cf_loop_timer_start(icmp->engine->config.loop, &icmp->idle,
                            flow_of(first)->flow.touched_us + CF_ICMP_IDLE_S * CF_US_PER_S);
}

static void idle_due(struct cf_timer *timer)
{
    struct cf_icmp *icmp = cf_container_of(timer, struct cf_icmp, idle);
    int64_t limit = cf_clock_monotonic_us() - CF_ICMP_IDLE_S * CF_US_PER_S;

    while (!cf_list_empty(&icmp->flows)) {
        struct echo_flow *oldest = flow_of(cf_list_first(&icmp->flows));

        if (oldest->flow.touched_us > limit)
            break;
        flow_end(oldest, CF_RESULT_CLOSED);
    }
    idle_start(icmp);
}

static void touch(struct echo_flow *flow)
{
    struct cf_icmp *icmp = flow->icmp;

    flow->flow.touched_us = cf_loop_now_us(icmp->engine->config.loop);
    cf_list_add(&icmp->flows, &flow->flow.age);
    if (icmp->idle.slot == 0)
        idle_start(icmp);
}

static struct echo_flow *flow_new(struct cf_icmp *icmp, const struct cf_flow_key *key)
{
    struct echo_flow *flow = calloc(1, sizeof *flow);

    if (!flow)
        return NULL;
    cf_flow_init(&flow->flow, key);
    flow->icmp = icmp;
    flow->fd = flow->watch.fd = -1;
    flow->hop_limit = DEFAULT_HOPS;
    if (cf_flow_list(&icmp->engine->flows, &flow->flow) < 0) {
        free(flow);
        return NULL;
    }
    if (icmp->n_flows++ >= CF_ICMP_FLOWS_MAX)
        flow_end(flow_of(cf_list_first(&icmp->flows)), CF_RESULT_CLOSED);
    touch(flow);
    return flow;
}

/* The answer to a request that found no way out. */
static void tell_request(struct cf_engine *engine, const struct cf_packet *packet,
                         const struct cf_outcome *outcome)
{
    if (outcome->answer == CF_OUTCOME_ICMP)
        cf_inward_error(engine, &outcome->error, packet->data, packet->length);
}

/* Pass on one ICMP error; its quote begins with the echo header that was sent. */
static void tell_error(struct echo_flow *flow, struct cf_outward_error *error)
{
    const struct cf_flow_key *key = &flow->flow.key;
    uint8_t quote[CF_CRAFT_SIZE];
    struct cf_outcome outcome;
    size_t n;

    cf_outcome_from_error(error, key->src.addr.family, &outcome);
    if (outcome.answer != CF_OUTCOME_ICMP || error->quote_length < ECHO_HEADER)
        return;
    error->quote[4] = (uint8_t)(key->src.port >> 8);
    error->quote[5] = (uint8_t)key->src.port;
    n = cf_craft_quote(&key->src, &key->dst, key->protocol, error->quote, error->quote_length,
                       error->quote_length, quote, sizeof quote);
    cf_inward_error(flow->icmp->engine, &outcome.error, quote, n);
}

static void errors_read(struct echo_flow *flow)
{
    struct cf_outward_error error;

    while (cf_outward_error_read(flow->fd, &error))
        tell_error(flow, &error);
}

/* False when the flow has ended with it. */
static bool reply_in(struct echo_flow *flow, const struct cf_datagram *reply)
{
    static uint8_t packet[CF_DATAGRAM_SIZE + 64];
    const struct cf_flow_key *key = &flow->flow.key;
    size_t n = cf_craft_echo_reply(&key->dst.addr, &key->src.addr, key->src.port,
                                   reply->hop_limit ? reply->hop_limit : DEFAULT_HOPS, reply->data,
                                   reply->length, packet, sizeof packet);

    if (n == 0)
        return true;
    if (!cf_flow_take(&flow->icmp->engine->flows, &flow->flow, reply->length - ECHO_HEADER)) {
        flow_end(flow, CF_RESULT_LIMIT);
        return false;
    }
    flow->flow.bytes_in += reply->length - ECHO_HEADER;
    cf_inward_send(flow->icmp->engine, packet, n);
    return true;
}

static void outside_ready(struct cf_watch *watch, uint32_t events)
{
    struct echo_flow *flow = cf_container_of(watch, struct echo_flow, watch);
    struct cf_datagram *replies;

    if (events & EPOLLERR)
        errors_read(flow);
    for (int i = 0; i < BATCHES; i++) {
        int n = cf_datagrams_receive(flow->fd, &replies);

        if (n <= 0)
            return;
        touch(flow);
        for (int k = 0; k < n; k++) {
            if (!reply_in(flow, &replies[k]))
                return;
        }
        if (n < CF_DATAGRAMS_BATCH)
            return;
    }
}

static int socket_open(struct echo_flow *flow)
{
    const struct cf_addr_port *dst = &flow->flow.key.dst;
    int r = cf_outward_socket(&dst->addr, SOCK_DGRAM, flow->flow.key.protocol,
                              flow->icmp->engine->config.interface);

    if (r < 0)
        return r;
    flow->fd = r;
    cf_datagrams_want_hops(flow->fd, dst->addr.family);
    r = cf_outward_connect(flow->fd, dst);
    if (r < 0)
        return r;
    flow->watch.fn = outside_ready;
    return cf_loop_watch(flow->icmp->engine->config.loop, &flow->watch, flow->fd, EPOLLIN);
}

/* One request outward; one that the limit of bytes does not let pass ends the flow. */
static void send_out(struct echo_flow *flow, const struct cf_packet *packet)
{
    struct cf_datagram datagram = { .data = (uint8_t *)packet->data + packet->payload,
                                    .length = packet->length - packet->payload };
    struct cf_outcome outcome;
    int r;

    touch(flow);
    if (!cf_flow_take(&flow->icmp->engine->flows, &flow->flow, datagram.length - ECHO_HEADER)) {
        cf_outcome_denied(packet->src.family, &outcome);
        tell_request(flow->icmp->engine, packet, &outcome);
        flow_end(flow, CF_RESULT_LIMIT);
        return;
    }
    if (packet->hop_limit != flow->hop_limit)
        cf_outward_set_hops(flow->fd, flow->flow.key.dst.addr.family, packet->hop_limit);
    flow->hop_limit = packet->hop_limit;
    r = cf_datagrams_send(flow->fd, &datagram, 1);
    if (r < 0) {
        errors_read(flow); /* maybe an error of the past, that is told now */
        r = cf_datagrams_send(flow->fd, &datagram, 1);
    }
    if (r >= 0) {
        flow->flow.bytes_out += datagram.length - ECHO_HEADER;
    } else if (!cf_outward_exhausted(-r)) {
        cf_outcome_from_errno(-r, flow->flow.key.src.addr.family, &outcome);
        tell_request(flow->icmp->engine, packet, &outcome);
    }
}

static void tell_prohibited(struct echo_flow *flow, const struct cf_packet *packet)
{
    struct cf_outcome outcome;

    touch(flow);
    cf_outcome_denied(packet->src.family, &outcome);
    if (packet->src.family == CF_FAMILY_IPV4)
        outcome.error.code = ICMP_NET_ANO;
    tell_request(flow->icmp->engine, packet, &outcome);
}

/* r: 0, or why there is no socket for it */
static void allowed(struct echo_flow *flow, const struct cf_judgement *judgement,
                    const struct cf_packet *packet, int r)
{
    struct cf_engine *engine = flow->icmp->engine;
    struct cf_addr_port local = { 0 };
    struct cf_outcome outcome;

    if (r == 0)
        cf_outward_local(flow->fd, &local);
    local.port = 0;
    cf_flow_log(&engine->flows, &flow->flow, judgement, r == 0 ? &local : NULL);
    if (r == 0) {
        send_out(flow, packet);
        return;
    }
    if (r == -EACCES && flow->fd < 0) {
        cf_engine_warn(engine, CF_WARNING_ICMP, -r);
        flow->prohibited = true;
        cf_flow_log_close(&engine->flows, &flow->flow, CF_RESULT_UNREACHABLE);
        tell_prohibited(flow, packet);
        return;
    }
    cf_outcome_from_errno(-r, packet->src.family, &outcome);
    tell_request(engine, packet, &outcome);
    flow_end(flow, CF_RESULT_UNREACHABLE);
}

static void judge(struct echo_flow *flow, const struct cf_packet *packet)
{
    struct cf_engine *engine = flow->icmp->engine;
    struct cf_judgement judgement;
    struct cf_outcome outcome;
    int r = 0;

    cf_engine_judge(engine, &flow->flow, &judgement);
    if (judgement.verdict.action == CF_ALLOW)
        r = socket_open(flow);
    if (cf_outward_exhausted(-r) && cf_engine_make_room(engine)) {
        socket_close(flow);
        r = socket_open(flow);
    }
    if (cf_outward_exhausted(-r)) {
        socket_close(flow);
        cf_engine_warn(engine, CF_WARNING_RESOURCES, -r);
        cf_judge_deny(&judgement, CF_REASON_LIMIT);
    }
    if (judgement.verdict.action == CF_ALLOW) {
        allowed(flow, &judgement, packet, r);
        return;
    }
    if (flow->flow.id == 0)
        cf_flow_log(&engine->flows, &flow->flow, &judgement, NULL);
    touch(flow);
    cf_outcome_denied(packet->src.family, &outcome);
    tell_request(engine, packet, &outcome);
}

void cf_icmp_echo(struct cf_icmp *icmp, const struct cf_packet *packet)
{
    struct cf_flow_key key = { .protocol = packet->protocol,
                               .src = { packet->src, packet->icmp.id },
                               .dst = { packet->dst, 0 } };
    struct cf_flow *found = cf_flow_find(&icmp->engine->flows, &key);
    struct echo_flow *flow = found ? cf_container_of(found, struct echo_flow, flow) : NULL;

    if (!flow && cf_destination_never(&packet->dst)) {
        struct cf_outcome outcome;

        cf_strays_add(&icmp->engine->strays, packet->protocol, &packet->dst, "destination");
        cf_outcome_denied(packet->src.family, &outcome);
        if (!cf_destination_multicast(&packet->dst))
            tell_request(icmp->engine, packet, &outcome);
        return;
    }
    if (!flow)
        flow = flow_new(icmp, &key);
    if (!flow)
        cf_engine_warn(icmp->engine, CF_WARNING_RESOURCES, ENOMEM);
    else if (flow->fd >= 0)
        send_out(flow, packet);
    else if (flow->prohibited)
        tell_prohibited(flow, packet);
    else
        judge(flow, packet);
}

/* The next request finds no way out, and is told so. */
size_t cf_icmp_interface_gone(struct cf_icmp *icmp, unsigned ifindex)
{
    size_t n = 0;

    for (struct cf_list *at = icmp->flows.next, *next; at != &icmp->flows; at = next) {
        struct echo_flow *flow = flow_of(at);

        next = at->next;
        if (cf_egress_bound(flow->fd) != ifindex)
            continue;
        flow_end(flow, CF_RESULT_UNREACHABLE);
        n++;
    }
    return n;
}

void cf_icmp_init(struct cf_icmp *icmp, struct cf_engine *engine)
{
    cf_list_init(&icmp->flows);
    icmp->idle.fn = idle_due;
    icmp->engine = engine;
}

void cf_icmp_done(struct cf_icmp *icmp)
{
    if (!icmp->engine)
        return;
    while (!cf_list_empty(&icmp->flows))
        flow_end(flow_of(cf_list_first(&icmp->flows)), CF_RESULT_KILLED);
    cf_loop_timer_stop(icmp->engine->config.loop, &icmp->idle);
    icmp->engine = NULL;
}
