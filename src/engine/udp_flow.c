/*
 * udp_flow.c - one UDP conversation: its sockets, its datagrams, its age
 *
 * How this works. Two connected sockets: one outward, and one in the gateway's
 * namespace that stands for the remote (bound to its address, connected to the
 * sandbox's source), so that datagrams come to it directly and replies leave from
 * the right address. Both are read in batches.
 *
 * A flow is in `one_way` until the remote has answered, then in `two_way`, or
 * in `denied`: these are lists by age, so that the timer looks at their heads
 * only.
 *
 * ICMP errors come back by the outward socket's error queue and go in as the
 * same ICMP error, quoting a datagram of this conversation, so that the
 * sandbox's own kernel tells the right socket. An error also makes one later
 * send fail that has nothing wrong with it: the queue is read and the send is
 * done again.
 *
 * A datagram that no longer fits into what egress.limits.bytes leaves ends its
 * flow.
 */
#include "engine/udp_flow.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/egress.h"
#include "base/fd.h"
#include "engine/internal.h"
#include "engine/inward.h"
#include "engine/udp_sockets.h"

#define DEFAULT_HOPS 64
#define DENIED_S 60
#define BATCHES 4 /* of one socket in one turn; 1 and 16 were measured to be no better */

struct cf_udp_flow *cf_udp_flow_new(struct cf_udp *udp, const struct cf_flow_key *key)
{
    struct cf_udp_flow *flow = calloc(1, sizeof *flow);

    if (!flow)
        return NULL;
    cf_flow_init(&flow->flow, key);
    flow->udp = udp;
    flow->inside_fd = flow->outside_fd = -1;
    flow->inside.fd = flow->outside.fd = -1;
    flow->hop_limit = DEFAULT_HOPS;
    if (cf_flow_list(&udp->engine->flows, &flow->flow) < 0) {
        free(flow);
        return NULL;
    }
    return flow;
}

void cf_udp_flow_free(struct cf_udp_flow *flow)
{
    struct cf_udp *udp = flow->udp;

    cf_loop_unwatch(udp->engine->config.loop, &flow->inside);
    cf_loop_unwatch(udp->engine->config.loop, &flow->outside);
    udp->engine->lost += cf_gateway_lost(flow->inside_fd);
    cf_fd_close(&flow->inside_fd);
    cf_egress_closing(flow->outside_fd);
    cf_fd_close(&flow->outside_fd);
    cf_udp_proxy_free(flow->proxy);
    cf_flow_unlist(&udp->engine->flows, &flow->flow);
    cf_list_remove(&flow->flow.age);
    free(flow);
}

void cf_udp_flow_end(struct cf_udp_flow *flow, enum cf_flow_result result)
{
    struct cf_udp *udp = flow->udp;

    cf_flow_log_close(&udp->engine->flows, &flow->flow, result);
    udp->n_flows--;
    cf_udp_flow_free(flow);
}

/* As it ends by itself: nothing was said for long, or room is needed. */
static void flow_expire(struct cf_udp_flow *flow)
{
    cf_udp_flow_end(flow, flow->refused ? CF_RESULT_REFUSED : CF_RESULT_CLOSED);
}

void cf_udp_flow_denied_free(struct cf_udp_flow *flow)
{
    flow->udp->n_denied--;
    cf_udp_flow_free(flow);
}

/* The moment when the oldest of a list is due, or INT64_MAX. */
static int64_t list_due(const struct cf_list *list, int64_t idle_s)
{
    struct cf_list *first = cf_list_first(list);

    return first ? cf_udp_flow_at(first)->flow.touched_us + idle_s * CF_US_PER_S : INT64_MAX;
}

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void idle_start(struct cf_udp *udp)
{
    int64_t due =
        min(list_due(&udp->one_way, CF_UDP_IDLE_ONE_WAY_S),
            min(list_due(&udp->two_way, CF_UDP_IDLE_S), list_due(&udp->denied, DENIED_S)));

    if (due < INT64_MAX)
        cf_loop_timer_start(udp->engine->config.loop, &udp->idle, due);
}

void cf_udp_idle_due(struct cf_timer *timer)
{
    struct cf_udp *udp = cf_container_of(timer, struct cf_udp, idle);
    int64_t now = cf_clock_monotonic_us();

    while (list_due(&udp->one_way, CF_UDP_IDLE_ONE_WAY_S) <= now)
        flow_expire(cf_udp_flow_at(cf_list_first(&udp->one_way)));
    while (list_due(&udp->two_way, CF_UDP_IDLE_S) <= now)
        flow_expire(cf_udp_flow_at(cf_list_first(&udp->two_way)));
    while (list_due(&udp->denied, DENIED_S) <= now)
        cf_udp_flow_denied_free(cf_udp_flow_at(cf_list_first(&udp->denied)));
    idle_start(udp);
}

void cf_udp_flow_touch(struct cf_udp_flow *flow)
{
    struct cf_udp *udp = flow->udp;
    struct cf_list *list = flow->answered ? &udp->two_way : &udp->one_way;

    flow->flow.touched_us = cf_loop_now_us(udp->engine->config.loop);
    cf_list_add(flow->denied ? &udp->denied : list, &flow->flow.age);
    if (udp->idle.slot == 0)
        idle_start(udp);
}

void cf_udp_tell(struct cf_udp *udp, const struct cf_flow_key *key,
                 const struct cf_outcome *outcome, const uint8_t *payload, size_t length)
{
    bool ipv4 = key->src.addr.family == CF_FAMILY_IPV4;
    struct cf_icmp_error error = outcome->error;
    uint8_t quote[CF_CRAFT_SIZE];
    size_t n;

    if (outcome->answer == CF_OUTCOME_SILENT)
        return;
    if (outcome->answer == CF_OUTCOME_RESET) {
        error.type = ipv4 ? ICMP_DEST_UNREACH : ICMP6_DST_UNREACH;
        error.code = ipv4 ? ICMP_PORT_UNREACH : ICMP6_DST_UNREACH_NOPORT;
    }
    n = cf_craft_quote(&key->src, &key->dst, IPPROTO_UDP, payload, length, length, quote,
                       sizeof quote);
    cf_inward_error(udp->engine, &error, quote, n);
}

/* Pass on what the network said. Returns true when it said anything. */
static bool errors_read(struct cf_udp_flow *flow)
{
    struct cf_outward_error error;
    bool any = false;

    while (cf_outward_error_read(flow->outside_fd, &error)) {
        struct cf_outcome outcome;

        any = true;
        if (flow->proxy)
            continue; /* about the proxy: its control connection says when it ends */
        cf_outcome_from_error(&error, flow->flow.key.src.addr.family, &outcome);
        if (outcome.result == CF_RESULT_REFUSED)
            flow->refused = true;
        cf_udp_tell(flow->udp, &flow->flow.key, &outcome, error.quote, error.quote_length);
    }
    return any;
}

static uint64_t lengths(const struct cf_datagram *datagrams, int n)
{
    uint64_t bytes = 0;

    for (int i = 0; i < n; i++)
        bytes += datagrams[i].length;
    return bytes;
}

/* How many of them the limit of bytes lets pass; these are taken from it. */
static int fitting(const struct cf_udp_flow *flow, const struct cf_datagram *datagrams, int n)
{
    struct cf_meter *meter = cf_flow_meter(&flow->udp->engine->flows, &flow->flow);
    int i = 0;

    while (i < n && (!meter || cf_meter_take(meter, datagrams[i].length)))
        i++;
    return i;
}

/* One that fitted was not sent. */
static void give_back(const struct cf_udp_flow *flow, const struct cf_datagram *datagram)
{
    struct cf_meter *meter = cf_flow_meter(&flow->udp->engine->flows, &flow->flow);

    if (meter)
        cf_meter_give(meter, datagram->length);
}

/* A datagram of this length did not fit. */
static void spent(struct cf_udp_flow *flow, size_t length)
{
    cf_flow_take(&flow->udp->engine->flows, &flow->flow, length);
    cf_udp_flow_end(flow, CF_RESULT_LIMIT);
}

void cf_udp_flow_send_failed(struct cf_udp_flow *flow, const struct cf_datagram *datagram,
                             int error)
{
    struct cf_outcome outcome;

    if (cf_outward_exhausted(error))
        return; /* lost, as a full queue anywhere loses it */
    cf_outcome_from_errno(error, flow->flow.key.src.addr.family, &outcome);
    cf_udp_tell(flow->udp, &flow->flow.key, &outcome, datagram->data, datagram->length);
}

/* Datagrams with one hop limit, outward. */
static void send_run(struct cf_udp_flow *flow, const struct cf_datagram *datagrams, int n)
{
    bool again = false;

    while (n > 0) {
        int r = flow->proxy ? cf_udp_proxy_send(flow->proxy, flow->outside_fd, datagrams, n)
                            : cf_datagrams_send(flow->outside_fd, datagrams, n);

        if (r == -EINTR)
            continue;
        if (r < 0 && !again) {
            /* Maybe an error of the past: with the queue read, it is not told twice. */
            errors_read(flow);
            again = true;
            continue;
        }
        again = false;
        if (r < 0) {
            cf_udp_flow_send_failed(flow, datagrams, -r);
            give_back(flow, datagrams);
            r = 1;
        } else {
            flow->flow.bytes_out += lengths(datagrams, r);
        }
        datagrams += r;
        n -= r;
    }
}

/* All of them belong to this flow. */
static void send_runs(struct cf_udp_flow *flow, const struct cf_datagram *datagrams, int n)
{
    while (n > 0) {
        uint8_t hops = datagrams[0].hop_limit ? datagrams[0].hop_limit : DEFAULT_HOPS;
        int same = 1;

        while (same < n && datagrams[same].hop_limit == datagrams[0].hop_limit)
            same++;
        if (hops != flow->hop_limit && !flow->proxy)
            cf_outward_set_hops(flow->outside_fd, flow->outside_family, hops);
        flow->hop_limit = hops;
        send_run(flow, datagrams, same);
        datagrams += same;
        n -= same;
    }
}

bool cf_udp_flow_send(struct cf_udp_flow *flow, const struct cf_datagram *datagrams, int n)
{
    int fit = fitting(flow, datagrams, n);
    struct cf_outcome outcome;

    send_runs(flow, datagrams, fit);
    if (fit == n)
        return true;
    cf_outcome_denied(flow->flow.key.src.addr.family, &outcome);
    cf_udp_tell(flow->udp, &flow->flow.key, &outcome, datagrams[fit].data, datagrams[fit].length);
    spent(flow, datagrams[fit].length);
    return false;
}

static void inside_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_udp_flow *flow = cf_container_of(watch, struct cf_udp_flow, inside);
    struct cf_datagram *datagrams;

    (void)events;
    for (int i = 0; i < BATCHES; i++) {
        int n = cf_datagrams_receive(flow->inside_fd, &datagrams);

        if (n <= 0)
            return; /* an error was taken by this call */
        flow->udp->engine->packets += (uint64_t)n;
        cf_udp_flow_touch(flow);
        if (!cf_udp_flow_send(flow, datagrams, n) || n < CF_DATAGRAMS_BATCH)
            return;
    }
}

/*
 * To the sandbox; false when the flow has ended with it. What its link does not
 * take is lost, as on any link.
 */
static bool send_in(struct cf_udp_flow *flow, const struct cf_datagram *datagrams, int n)
{
    int fit = fitting(flow, datagrams, n), left = fit;

    for (const struct cf_datagram *at = datagrams; left > 0;) {
        int r = cf_datagrams_send(flow->inside_fd, at, left);

        if (r == -EINTR)
            continue;
        if (r > 0) {
            flow->flow.bytes_in += lengths(at, r);
        } else {
            give_back(flow, at);
            r = 1;
        }
        at += r;
        left -= r;
    }
    if (fit < n)
        spent(flow, datagrams[fit].length);
    return fit == n;
}

static void outside_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_udp_flow *flow = cf_container_of(watch, struct cf_udp_flow, outside);
    struct cf_datagram *datagrams;

    if (events & EPOLLERR)
        errors_read(flow);
    for (int i = 0; i < BATCHES; i++) {
        int n = cf_datagrams_receive(flow->outside_fd, &datagrams), all = n;

        if (n > 0 && flow->proxy)
            n = cf_udp_proxy_strip(flow->proxy, datagrams, n);
        if (all <= 0)
            return;
        if (n == 0)
            continue;
        flow->answered = true;
        flow->refused = false;
        cf_udp_flow_touch(flow);
        if (!send_in(flow, datagrams, n) || all < CF_DATAGRAMS_BATCH)
            return;
    }
}

static int outside_open(struct cf_udp_flow *flow, const struct cf_addr_port *target)
{
    int r = cf_outward_socket(&target->addr, SOCK_DGRAM, IPPROTO_UDP,
                              flow->udp->engine->config.interface);

    if (r < 0)
        return r;
    flow->outside_fd = r;
    flow->outside_family = target->addr.family;
    cf_udp_buffers_grow(flow->outside_fd);
    r = cf_outward_connect(flow->outside_fd, target);
    if (r < 0)
        return r;
    flow->outside.fn = outside_ready;
    return cf_loop_watch(flow->udp->engine->config.loop, &flow->outside, flow->outside_fd, EPOLLIN);
}

static int inside_open(struct cf_udp_flow *flow)
{
    struct cf_engine *engine = flow->udp->engine;
    int r = cf_udp_inside_open(engine->config.gateway, &flow->flow.key);

    if (r < 0)
        return r;
    flow->inside_fd = r;
    flow->inside.fn = inside_ready;
    return cf_loop_watch(engine->config.loop, &flow->inside, flow->inside_fd, EPOLLIN);
}

bool cf_udp_evict(struct cf_udp *udp)
{
    struct cf_list *oldest = cf_list_first(&udp->one_way);

    if (!oldest)
        oldest = cf_list_first(&udp->two_way);
    if (oldest)
        flow_expire(cf_udp_flow_at(oldest));
    return oldest != NULL;
}

int cf_udp_flow_open(struct cf_udp_flow *flow, const struct cf_addr_port *target)
{
    struct cf_udp *udp = flow->udp;

    for (;;) {
        int r = outside_open(flow, target);

        if (r == 0)
            r = inside_open(flow);
        if (r == 0 || !cf_outward_exhausted(-r))
            return r;
        cf_loop_unwatch(udp->engine->config.loop, &flow->outside);
        cf_egress_closing(flow->outside_fd);
        cf_fd_close(&flow->outside_fd);
        cf_fd_close(&flow->inside_fd);
        if (cf_engine_make_room(udp->engine))
            continue;
        cf_engine_warn(udp->engine, CF_WARNING_RESOURCES, -r);
        if (!cf_udp_evict(udp))
            return r;
    }
}

int cf_udp_flow_open_by_proxy(struct cf_udp_flow *flow, int fd)
{
    int r;

    flow->outside_fd = fd;
    cf_udp_buffers_grow(fd);
    flow->outside.fn = outside_ready;
    r = cf_loop_watch(flow->udp->engine->config.loop, &flow->outside, fd, EPOLLIN);
    return r == 0 ? inside_open(flow) : r;
}

void cf_udp_flow_drain(struct cf_udp_flow *flow)
{
    inside_ready(&flow->inside, EPOLLIN);
}
