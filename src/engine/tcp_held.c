/*
 * tcp_held.c - a SYN that is held: judged, connected outward, and answered
 *
 * How this works. The states CONNECTING, INJECTED and ANSWERED of tcp.c. The
 * SYN is kept as it goes back in, and its copies tell that the sandbox still
 * waits.
 *
 * The outward connect is begun first and the program looked up while it is under
 * way; flow_open is in the log before the sandbox is answered. Where the connect
 * is through by then, all of this is one turn of the loop.
 *
 * An ICMP error that arrives while connect(2) still holds its socket is soft
 * and forgotten, so it is sent again twice. A RST has no such race.
 *
 * A flow whose route is the proxy has a dial in place of the socket, until that comes
 * to an end (tcp_proxy.c); all else is the same.
 *
 * Port 53 has no outward connect: the SYN goes back in at once, and the
 * connection belongs to the DNS server.
 */
#include "engine/tcp_held.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/hash.h"
#include "engine/internal.h"
#include "engine/inward.h"
#include "engine/tcp_accept.h"
#include "engine/tcp_outward.h"
#include "engine/tcp_proxy.h"

#define DEFAULT_HOPS 64

#define MS INT64_C(1000)
#define REPEAT_FIRST_US (1 * MS)
#define REPEAT_LAST_US (10 * MS)
#define REPEATS 2
#define INJECT_FIRST_US (20 * MS)
#define INJECTS 10 /* the last comes after ten seconds */
#define PATIENCE_US (4000 * MS)
#define PATIENCE_FACTOR                                                                            \
    7 /* of the last gap between copies: one may be lost, the next gap doubles */
#define ANSWERED_US (130 * CF_US_PER_S) /* as long as a SYN is repeated */

/* Tell the sandbox once more what became of its SYN. */
static void answer_send(struct cf_tcp_flow *flow)
{
    const struct cf_tcp_held *held = flow->held;
    struct cf_engine *engine = flow->tcp->engine;
    uint8_t packet[CF_CRAFT_SIZE];
    struct cf_packet syn;

    if (held->outcome.answer == CF_OUTCOME_ICMP) {
        cf_inward_error(engine, &held->outcome.error, held->syn, held->length);
    } else if (held->outcome.answer == CF_OUTCOME_RESET &&
               cf_packet_parse(held->syn, held->length, &syn) == 0) {
        size_t n = cf_craft_reset(&syn, packet, sizeof packet);

        cf_inward_send(engine, packet, n);
    }
}

/* Forget answers that no copy can ask for any more, and the oldest when there are too many. */
static void answered_trim(struct cf_tcp *tcp)
{
    int64_t now = cf_clock_monotonic_us();

    while (!cf_list_empty(&tcp->answered)) {
        struct cf_tcp_flow *oldest = cf_tcp_flow_at(cf_list_first(&tcp->answered));

        if (tcp->n_answered <= CF_TCP_ANSWERED_MAX && now - oldest->held->copy_us < ANSWERED_US)
            break;
        cf_tcp_flow_free(oldest);
    }
}

/* To CF_TCP_ANSWERED: send the outcome and keep it for copies of the SYN. */
static void answer(struct cf_tcp_flow *flow, const struct cf_outcome *outcome)
{
    struct cf_tcp *tcp = flow->tcp;

    flow->held->outcome = *outcome;
    flow->held->tries = 0;
    flow->state = CF_TCP_ANSWERED;
    tcp->n_answered++;
    cf_list_add(&tcp->answered, &flow->flow.age);
    answer_send(flow);
    if (outcome->answer == CF_OUTCOME_ICMP)
        cf_loop_timer_start(cf_tcp_flow_loop(flow), &flow->timer,
                            cf_clock_monotonic_us() + REPEAT_FIRST_US);
    answered_trim(tcp);
}

/* The outward connect failed. */
static void connect_failed(struct cf_tcp_flow *flow, const struct cf_outcome *outcome)
{
    cf_loop_timer_stop(cf_tcp_flow_loop(flow), &flow->timer);
    cf_tcp_proxy_cancel(flow);
    cf_relay_done(&flow->relay);
    cf_tcp_flow_log_close(flow, outcome->result);
    answer(flow, outcome);
}

void cf_tcp_held_refused(struct cf_tcp_flow *flow, const struct cf_outcome *outcome,
                         const char *why, const char *words)
{
    cf_flow_log_proxy_close(&flow->tcp->engine->flows, &flow->flow, outcome->result, why, words);
    connect_failed(flow, outcome);
}

void cf_tcp_held_sacrifice(struct cf_tcp_flow *flow)
{
    struct cf_outcome outcome;

    cf_outcome_denied(flow->flow.key.src.addr.family, &outcome);
    outcome.result = CF_RESULT_LIMIT;
    connect_failed(flow, &outcome);
}

void cf_tcp_held_unreachable(struct cf_tcp_flow *flow)
{
    struct cf_outcome outcome;

    cf_outcome_from_errno(ENODEV, flow->flow.key.src.addr.family, &outcome);
    connect_failed(flow, &outcome);
}

static void patience_start(struct cf_tcp_flow *flow)
{
    int64_t wait = PATIENCE_FACTOR * flow->held->gap_us;

    if (wait < PATIENCE_US)
        wait = PATIENCE_US;
    cf_loop_timer_start(cf_tcp_flow_loop(flow), &flow->timer, flow->held->copy_us + wait);
}

/* To CF_TCP_INJECTED, or once more in it. The outward connection waits for its inward half. */
static void inject(struct cf_tcp_flow *flow)
{
    struct cf_tcp_held *held = flow->held;

    flow->state = CF_TCP_INJECTED;
    cf_loop_timer_start(cf_tcp_flow_loop(flow), &flow->timer,
                        cf_clock_monotonic_us() + (INJECT_FIRST_US << held->tries));
    held->tries++;
    cf_inward_inject(flow->tcp->engine, held->syn, held->length);
}

void cf_tcp_held_copy(struct cf_tcp_flow *flow)
{
    struct cf_tcp_held *held = flow->held;
    int64_t now = cf_clock_monotonic_us();

    if (!held)
        return;
    held->gap_us = now - held->copy_us;
    held->copy_us = now;
    switch (flow->state) {
    case CF_TCP_CONNECTING:
        patience_start(flow);
        break;
    case CF_TCP_INJECTED:
        cf_inward_inject(flow->tcp->engine, held->syn, held->length);
        break;
    case CF_TCP_ANSWERED:
        cf_list_add(&flow->tcp->answered, &flow->flow.age);
        answer_send(flow);
        break;
    default:
        break;
    }
}

void cf_tcp_held_timer(struct cf_timer *timer)
{
    struct cf_tcp_flow *flow = cf_container_of(timer, struct cf_tcp_flow, timer);

    switch (flow->state) {
    case CF_TCP_CONNECTING: /* no copy for long: nobody waits inside */
        cf_tcp_flow_forget(flow, CF_RESULT_TIMEOUT);
        break;
    case CF_TCP_INJECTED: /* nobody took the connection */
        if (flow->held->tries == INJECTS)
            cf_tcp_flow_forget(flow, CF_RESULT_TIMEOUT);
        else
            inject(flow);
        break;
    case CF_TCP_ANSWERED:
        answer_send(flow);
        if (++flow->held->tries < REPEATS)
            cf_loop_timer_start(cf_tcp_flow_loop(flow), &flow->timer,
                                cf_clock_monotonic_us() + REPEAT_LAST_US);
        break;
    default:
        break;
    }
}

/*
 * Why a socket with an error or a hang-up is no connection; 0 when it is one
 * after all, *ret_later being what has become of it since.
 */
static int connect_error(int fd, int *ret_later)
{
    struct tcp_info info = { 0 };
    socklen_t length = sizeof(int);
    int error = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        return errno;
    if (error == ECONNRESET || error == EPIPE) {
        *ret_later = error;
        return 0;
    }
    if (error != 0)
        return error;
    length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return errno;
    return info.tcpi_state == TCP_SYN_SENT ? EHOSTUNREACH : 0; /* an ICMP error, still soft */
}

/* Connected outward, and the log says so: now the sandbox may be. */
void cf_tcp_held_connected(struct cf_tcp_flow *flow)
{
    flow->held->tries = 0;
    flow->tcp->unconfirmed = flow;
    inject(flow);
    cf_outward_settle(flow->relay.outside.fd, flow->outside_family);
    cf_tcp_accept_one(flow->tcp);
}

/*
 * The sandbox was told of a connection: its server hears of it before it hears
 * of the next, as over any network. A backlog that is full is full then.
 */
static void confirm_last(struct cf_tcp *tcp)
{
    struct cf_tcp_flow *flow = tcp->unconfirmed;

    tcp->unconfirmed = NULL;
    if (!flow)
        return;
    if (flow->state != CF_TCP_RELAYED)
        cf_outward_ack_send(flow->relay.outside.fd);
    else if (flow->relay.loop == tcp->engine->config.loop) /* else cf_shards_start() has done it */
        cf_relay_confirm(&flow->relay);
}

static void connect_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_relay *relay = cf_container_of(watch, struct cf_relay, outside.watch);
    struct cf_tcp_flow *flow = cf_container_of(relay, struct cf_tcp_flow, relay);
    int error = 0;

    flow->outside_events |= events;
    if (flow->state != CF_TCP_CONNECTING)
        return; /* kept for the relay */
    if (events & (EPOLLERR | EPOLLHUP))
        error = connect_error(relay->outside.fd, &flow->outside_error);
    if (error != 0) {
        struct cf_outcome outcome;

        cf_outcome_of_connect(relay->outside.fd, error, flow->flow.key.src.addr.family, &outcome);
        connect_failed(flow, &outcome);
    } else if (events & (EPOLLOUT | EPOLLHUP)) {
        cf_tcp_held_connected(flow);
    }
}

/* The whole handshake passed while connect(2) was under way, as it does on one machine. */
static bool connected_already(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t length = sizeof info.tcpi_state;

    static_assert(offsetof(struct tcp_info, tcpi_state) == 0, "asked for alone");
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
           (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT);
}

/*
 * The outward socket, on its way to the target. Returns 0, 1 when it is there
 * already and not watched yet, or -errno.
 */
static int connect_begin(struct cf_tcp_flow *flow, const struct cf_addr_port *target,
                         uint8_t hop_limit)
{
    struct cf_relay_side *outside = &flow->relay.outside;
    int fd, r = cf_tcp_spare_open(flow->tcp); /* else there may be none for the inward half */

    if (r < 0)
        return r;
    confirm_last(flow->tcp);
    fd = cf_tcp_outward_take(flow->tcp, &target->addr);
    if (fd < 0)
        return fd;
    outside->fd = fd;
    flow->outside_family = target->addr.family;
    if (hop_limit != DEFAULT_HOPS)
        cf_outward_set_hops(fd, flow->outside_family, hop_limit);
    r = cf_outward_connect(fd, target);
    if (r < 0)
        return r;
    if (connected_already(fd))
        return 1;
    outside->watch.fn = connect_ready;
    outside->watch.urgent = true;
    return cf_loop_watch(cf_tcp_flow_loop(flow), &outside->watch, fd, cf_relay_events());
}

static void denied(struct cf_tcp_flow *flow, const struct cf_judgement *judgement)
{
    struct cf_outcome outcome;

    cf_outcome_denied(flow->flow.key.src.addr.family, &outcome);
    cf_flow_log(&flow->tcp->engine->flows, &flow->flow, judgement, NULL);
    answer(flow, &outcome);
}

static int outside_begin(struct cf_tcp_flow *flow, const struct cf_judgement *judgement,
                         uint8_t hop_limit)
{
    if (judgement->route == CF_ROUTE_PROXY)
        return cf_tcp_proxy_begin(flow, judgement);
    return connect_begin(flow, &judgement->target, hop_limit);
}

static void outside_local(const struct cf_tcp_flow *flow, struct cf_addr_port *ret_local)
{
    if (flow->held->dial)
        cf_proxy_dial_local(flow->held->dial, ret_local);
    else
        cf_outward_local(flow->relay.outside.fd, ret_local);
}

/* Start the outward connect of an allowed flow and write its flow_open. */
static void connect_start(struct cf_tcp_flow *flow, struct cf_judgement *judgement,
                          uint8_t hop_limit)
{
    struct cf_engine *engine = flow->tcp->engine;
    struct cf_addr_port local = { 0 };
    struct cf_outcome outcome;
    int r;

    flow->state = CF_TCP_CONNECTING;
    r = outside_begin(flow, judgement, hop_limit);
    if (r < 0 && cf_outward_exhausted(-r) && cf_engine_make_room(engine)) {
        cf_relay_done(&flow->relay);
        r = outside_begin(flow, judgement, hop_limit);
    }
    if (r < 0 && cf_outward_exhausted(-r)) {
        cf_engine_warn(engine, CF_WARNING_RESOURCES, -r);
        cf_relay_done(&flow->relay);
        cf_judge_deny(judgement, CF_REASON_LIMIT);
        denied(flow, judgement);
        return;
    }
    if (r < 0) {
        cf_flow_log(&engine->flows, &flow->flow, judgement, NULL);
        cf_outcome_of_connect(flow->relay.outside.fd, -r, flow->flow.key.src.addr.family, &outcome);
        connect_failed(flow, &outcome);
        return;
    }
    outside_local(flow, &local);
    cf_flow_log(&engine->flows, &flow->flow, judgement, &local);
    if (r == 0)
        patience_start(flow);
    else if (cf_audit_flush(engine->config.audit) == 0)
        cf_tcp_held_connected(flow);
    else
        cf_tcp_flow_abort(flow, CF_RESULT_KILLED);
}

void cf_tcp_held_start(struct cf_tcp_flow *flow, const struct cf_packet *packet)
{
    struct cf_engine *engine = flow->tcp->engine;
    const bool is_dns = cf_flow_is_for_resolver(CF_PROTO_TCP, flow->flow.key.dst.port);
    struct cf_judgement judgement;

    if (is_dns && cf_dns_server_is_full(engine->config.dns)) {
        cf_tcp_flow_no_stream(flow, &judgement);
        denied(flow, &judgement);
        return;
    }
    if (is_dns) {
        flow->held->dns = true;
        cf_list_add(&flow->tcp->live, &flow->flow.age);
        inject(flow);
        cf_tcp_accept_one(flow->tcp);
        return;
    }
    cf_engine_judge(engine, &flow->flow, &judgement);
    if (judgement.verdict.action != CF_ALLOW) {
        denied(flow, &judgement);
        return;
    }
    cf_list_add(&flow->tcp->live, &flow->flow.age);
    connect_start(flow, &judgement, packet->hop_limit);
}
