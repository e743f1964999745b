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
 *   RELAYED     accepted and paired by four-tuple: relay.c has it.
 *   ANSWERED    denied, refused, unreachable, or timed out. A copy of the SYN gets
 *               the same answer; a SYN with another sequence number is a new flow.
 *
 * An ICMP error that arrives while connect(2) still holds its socket is soft
 * and forgotten, so it is sent again twice. A RST has no such race.
 *
 * The sequence number of the SYN tells a copy from a new connection. While a
 * flow lives it is kept here, later in the table's ghosts. When a new
 * connection takes the four-tuple of one that is still relayed (the sandbox
 * has closed or lost its end), the old one goes on unlisted, with what it
 * still has to deliver.
 *
 * The listener takes the SYN as one with fast open (RFC 7413) that needs no
 * cookie, so the socket is made for the SYN and not for the ACK that follows.
 * Otherwise the kernel swaps a request for a socket while that ACK arrives, and
 * for a moment a lookup finds neither: a program that writes at once, from
 * another CPU, then got a RST (about 1 of 40,000 connections on Linux 6.18).
 * The sandbox sees an ordinary handshake. Where the kernel refuses, nothing but
 * this is lost.
 *
 * When descriptors, ports or memory run out, a new flow is denied with reason
 * `limit`, in every mode. For want of a descriptor to accept with, a flow that
 * is still connecting is given up, and its SYN answered as denied; the last is
 * accepted in place of a spare, without which no flow begins. Should that be gone
 * too, what is connected waits.
 *
 * Port 53 has no outward connect: the SYN goes back in at once, and the
 * connection belongs to the DNS server.
 *
 * Who frees: flow_free(), from the state that ends; cf_tcp_done() for the rest.
 */
#include "engine/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "engine/internal.h"
#include "engine/inward.h"
#include "engine/outward.h"
#include "engine/relay.h"

#define SYN_SIZE 100 /* the longest: IPv6, and TCP with all its options */
#define DEFAULT_HOPS 64
#define PORT_DNS 53
#define FASTOPEN_PENDING 65535 /* connections whose ACK has not come yet */

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
#define PAUSE_US (50 * MS)
#define ACCEPTS 64 /* in one turn */
#define SACRIFICES 256 /* flows that are looked at for one that can go */

enum state {
    CONNECTING,
    INJECTED,
    RELAYED,
    ANSWERED,
};

/* What is kept of a SYN until its connection stands. */
struct held {
    uint8_t syn[SYN_SIZE]; /* ready to go back in */
    size_t length;
    bool dns;
    unsigned tries;          /* answers or injections so far */
    int64_t copy_us, gap_us; /* of the last copy, and of the one before to that */
    struct cf_outcome outcome;
};

struct tcp_flow {
    struct cf_flow flow;
    struct cf_tcp *tcp;
    enum state state;
    uint32_t isn;
    struct held *held; /* NULL once relayed */
    struct cf_timer timer;
    uint32_t outside_events; /* seen before the relay began */
    int outside_error;       /* taken from the socket by then */
    uint8_t outside_family;
    struct cf_relay relay;
};

static void connect_ready(struct cf_watch *watch, uint32_t events);
static void relay_ended(struct cf_relay *relay, enum cf_flow_result result);
static void timer_due(struct cf_timer *timer);
static bool accept_one(struct cf_tcp *tcp);

static struct cf_loop *loop_of(const struct tcp_flow *flow)
{
    return flow->tcp->engine->config.loop;
}

static struct tcp_flow *flow_of(struct cf_list *age)
{
    return cf_container_of(cf_container_of(age, struct cf_flow, age), struct tcp_flow, flow);
}

static struct tcp_flow *flow_new(struct cf_tcp *tcp, const struct cf_flow_key *key,
                                 const struct cf_packet *packet)
{
    struct tcp_flow *flow = calloc(1, sizeof *flow);

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
    flow->timer = (struct cf_timer) { .fn = timer_due };
    cf_relay_init(&flow->relay, tcp->engine->config.loop, &tcp->engine->pipes, relay_ended);
    flow->held->length = cf_craft_syn(packet, flow->held->syn, sizeof flow->held->syn);
    flow->held->copy_us = cf_clock_monotonic_us();
    if (cf_flow_list(&tcp->engine->flows, &flow->flow) < 0) {
        free(flow->held);
        free(flow);
        return NULL;
    }
    return flow;
}

static void flow_free(struct tcp_flow *flow)
{
    struct cf_engine *engine = flow->tcp->engine;

    cf_loop_timer_stop(engine->config.loop, &flow->timer);
    cf_relay_done(&flow->relay);
    cf_flow_unlist(&engine->flows, &flow->flow);
    cf_list_remove(&flow->flow.age);
    if (flow->state == ANSWERED)
        flow->tcp->n_answered--;
    free(flow->held);
    free(flow);
}

/* Write flow_close, if there was a flow_open. */
static void flow_log_close(struct tcp_flow *flow, enum cf_flow_result result)
{
    struct cf_engine *engine = flow->tcp->engine;

    flow->flow.bytes_out = flow->relay.out.total;
    flow->flow.bytes_in = flow->relay.in.total;
    engine->packets += flow->relay.segments;
    cf_flow_log_close(&engine->flows, &flow->flow, result);
}

/* The one end of a flow that was let through. */
static void flow_end(struct tcp_flow *flow, enum cf_flow_result result)
{
    cf_relay_done(&flow->relay);
    flow_log_close(flow, result);
    cf_flow_ghost_add(&flow->tcp->engine->flows, &flow->flow.key, flow->isn);
    flow_free(flow);
}

/* As flow_end(), with a RST to whoever is still there. */
static void flow_abort(struct tcp_flow *flow, enum cf_flow_result result)
{
    cf_relay_side_reset(&flow->relay, &flow->relay.inside);
    cf_relay_side_reset(&flow->relay, &flow->relay.outside);
    flow_end(flow, result);
}

static void relay_ended(struct cf_relay *relay, enum cf_flow_result result)
{
    struct tcp_flow *flow = cf_container_of(relay, struct tcp_flow, relay);

    if (result == CF_RESULT_LIMIT)
        cf_limits_spent(&flow->tcp->engine->flows.limits);
    flow_end(flow, result);
}

/* Tell the sandbox once more what became of its SYN. */
static void answer_send(struct tcp_flow *flow)
{
    const struct held *held = flow->held;
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
        struct tcp_flow *oldest = flow_of(cf_list_first(&tcp->answered));

        if (tcp->n_answered <= CF_TCP_ANSWERED_MAX && now - oldest->held->copy_us < ANSWERED_US)
            break;
        flow_free(oldest);
    }
}

/* To ANSWERED: send the outcome and keep it for copies of the SYN. */
static void answer(struct tcp_flow *flow, const struct cf_outcome *outcome)
{
    struct cf_tcp *tcp = flow->tcp;

    flow->held->outcome = *outcome;
    flow->held->tries = 0;
    flow->state = ANSWERED;
    tcp->n_answered++;
    cf_list_add(&tcp->answered, &flow->flow.age);
    answer_send(flow);
    if (outcome->answer == CF_OUTCOME_ICMP)
        cf_loop_timer_start(loop_of(flow), &flow->timer, cf_clock_monotonic_us() + REPEAT_FIRST_US);
    answered_trim(tcp);
}

/* The outward connect failed. */
static void connect_failed(struct tcp_flow *flow, const struct cf_outcome *outcome)
{
    cf_loop_timer_stop(loop_of(flow), &flow->timer);
    cf_relay_done(&flow->relay);
    flow_log_close(flow, outcome->result);
    answer(flow, outcome);
}

/* Give up a connect, so that another flow has what it holds. */
static void connect_sacrifice(struct tcp_flow *flow)
{
    struct cf_outcome outcome;

    cf_outcome_denied(flow->flow.key.src.addr.family, &outcome);
    outcome.result = CF_RESULT_LIMIT;
    connect_failed(flow, &outcome);
}

static void patience_start(struct tcp_flow *flow)
{
    int64_t wait = PATIENCE_FACTOR * flow->held->gap_us;

    if (wait < PATIENCE_US)
        wait = PATIENCE_US;
    cf_loop_timer_start(loop_of(flow), &flow->timer, flow->held->copy_us + wait);
}

/* To INJECTED, or once more in it. The outward connection waits for its inward half. */
static void inject(struct tcp_flow *flow)
{
    struct held *held = flow->held;

    flow->state = INJECTED;
    cf_loop_timer_start(loop_of(flow), &flow->timer,
                        cf_clock_monotonic_us() + (INJECT_FIRST_US << held->tries));
    held->tries++;
    cf_inward_inject(flow->tcp->engine, held->syn, held->length);
}

static void copy_came(struct tcp_flow *flow)
{
    struct held *held = flow->held;
    int64_t now = cf_clock_monotonic_us();

    if (!held)
        return;
    held->gap_us = now - held->copy_us;
    held->copy_us = now;
    switch (flow->state) {
    case CONNECTING:
        patience_start(flow);
        break;
    case INJECTED:
        cf_inward_inject(flow->tcp->engine, held->syn, held->length);
        break;
    case ANSWERED:
        cf_list_add(&flow->tcp->answered, &flow->flow.age);
        answer_send(flow);
        break;
    default:
        break;
    }
}

static void timer_due(struct cf_timer *timer)
{
    struct tcp_flow *flow = cf_container_of(timer, struct tcp_flow, timer);

    switch (flow->state) {
    case CONNECTING: /* no copy for long: nobody waits inside */
        flow_abort(flow, CF_RESULT_TIMEOUT);
        break;
    case INJECTED: /* nobody took the connection */
        if (flow->held->tries == INJECTS)
            flow_abort(flow, CF_RESULT_TIMEOUT);
        else
            inject(flow);
        break;
    case ANSWERED:
        answer_send(flow);
        if (++flow->held->tries < REPEATS)
            cf_loop_timer_start(loop_of(flow), &flow->timer,
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

static void connect_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_relay *relay = cf_container_of(watch, struct cf_relay, outside.watch);
    struct tcp_flow *flow = cf_container_of(relay, struct tcp_flow, relay);
    struct cf_tcp *tcp = flow->tcp;
    int error = 0;

    flow->outside_events |= events;
    if (flow->state != CONNECTING)
        return; /* kept for the relay */
    if (events & (EPOLLERR | EPOLLHUP))
        error = connect_error(relay->outside.fd, &flow->outside_error);
    if (error != 0) {
        struct cf_outcome outcome;

        cf_outcome_of_connect(relay->outside.fd, error, flow->flow.key.src.addr.family, &outcome);
        connect_failed(flow, &outcome);
    } else if (events & (EPOLLOUT | EPOLLHUP)) {
        cf_outward_settle(relay->outside.fd, flow->outside_family);
        flow->held->tries = 0;
        inject(flow);
        accept_one(tcp);
    }
}

static void set_on(int fd, int level, int name)
{
    int on = 1;

    setsockopt(fd, level, name, &on, sizeof on);
}

/* Have a spare descriptor again, when there is one. Returns 0 or -errno. */
static int spare_open(struct cf_tcp *tcp)
{
    if (tcp->spare_fd < 0)
        tcp->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return tcp->spare_fd < 0 ? -errno : 0;
}

/* The outward socket, on its way to the target. Returns 0 or -errno. */
static int connect_begin(struct tcp_flow *flow, const struct cf_addr_port *target,
                         uint8_t hop_limit)
{
    struct cf_relay_side *outside = &flow->relay.outside;
    int fd, r = spare_open(flow->tcp); /* else there may be none for the inward half */

    if (r < 0)
        return r;
    fd = cf_outward_socket(&target->addr, SOCK_STREAM, IPPROTO_TCP);
    if (fd < 0)
        return fd;
    outside->fd = fd;
    flow->outside_family = target->addr.family;
    set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    set_on(fd, SOL_SOCKET, SO_OOBINLINE);
    if (hop_limit != DEFAULT_HOPS)
        cf_outward_set_hops(fd, flow->outside_family, hop_limit);
    r = cf_outward_connect(fd, target);
    if (r < 0)
        return r;
    outside->watch.fn = connect_ready;
    return cf_loop_watch(loop_of(flow), &outside->watch, fd, cf_relay_events());
}

static void denied(struct tcp_flow *flow, const struct cf_judgement *judgement)
{
    struct cf_outcome outcome;

    cf_outcome_denied(flow->flow.key.src.addr.family, &outcome);
    cf_flow_log(&flow->tcp->engine->flows, &flow->flow, judgement, NULL);
    answer(flow, &outcome);
}

/* Start the outward connect of an allowed flow and write its flow_open. */
static void connect_start(struct tcp_flow *flow, struct cf_judgement *judgement, uint8_t hop_limit)
{
    struct cf_engine *engine = flow->tcp->engine;
    struct cf_addr_port local = { 0 };
    struct cf_outcome outcome;
    int r;

    flow->state = CONNECTING;
    r = connect_begin(flow, &judgement->target, hop_limit);
    if (r < 0 && cf_outward_exhausted(-r)) {
        cf_engine_warn(engine, CF_WARNING_RESOURCES, -r);
        cf_relay_done(&flow->relay);
        cf_judge_deny(judgement, CF_REASON_LIMIT);
        denied(flow, judgement);
        return;
    }
    if (r == 0)
        cf_outward_local(flow->relay.outside.fd, &local);
    cf_flow_log(&engine->flows, &flow->flow, judgement, r == 0 ? &local : NULL);
    if (r == 0) {
        patience_start(flow);
        return;
    }
    cf_outcome_of_connect(flow->relay.outside.fd, -r, flow->flow.key.src.addr.family, &outcome);
    connect_failed(flow, &outcome);
}

/* The first SYN of a connection. */
static void flow_start(struct tcp_flow *flow, const struct cf_packet *packet)
{
    struct cf_engine *engine = flow->tcp->engine;
    struct cf_judgement judgement;

    if (flow->flow.key.dst.port == PORT_DNS) {
        flow->held->dns = true;
        cf_list_add(&flow->tcp->live, &flow->flow.age);
        inject(flow);
        accept_one(flow->tcp);
        return;
    }
    cf_flow_judge(&engine->flows, &flow->flow, &judgement);
    if (judgement.verdict.action != CF_ALLOW) {
        denied(flow, &judgement);
        return;
    }
    cf_list_add(&flow->tcp->live, &flow->flow.age);
    connect_start(flow, &judgement, packet->hop_limit);
}

/* A SYN with a new sequence number for a four-tuple that is known. */
static void supersede(struct tcp_flow *flow)
{
    switch (flow->state) {
    case RELAYED:
        cf_flow_unlist(&flow->tcp->engine->flows, &flow->flow);
        break;
    case ANSWERED:
        flow_free(flow);
        break;
    default:
        flow_abort(flow, CF_RESULT_RESET);
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
    struct tcp_flow *flow;

    if (found) {
        flow = cf_container_of(found, struct tcp_flow, flow);
        if (flow->isn == packet->tcp.seq) {
            copy_came(flow);
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
    flow = flow_new(tcp, &key, packet);
    if (flow)
        flow_start(flow, packet);
    else
        cf_engine_warn(tcp->engine, CF_WARNING_RESOURCES, ENOMEM);
}

static void reset_close(int fd)
{
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

/* A connection to port 53 stands; from here on it is the DNS server's. */
static void hand_to_dns(struct tcp_flow *flow, int fd)
{
    struct cf_engine *engine = flow->tcp->engine;

    if (cf_dns_server_stream(engine->config.dns, fd, &flow->flow.key.src, &flow->flow.key.dst, NULL,
                             NULL) < 0)
        reset_close(fd);
    flow_end(flow, CF_RESULT_CLOSED);
}

/* The inward half of a flow was accepted. */
static void pair(struct tcp_flow *flow, int fd)
{
    int r;

    cf_loop_timer_stop(loop_of(flow), &flow->timer);
    if (flow->held->dns) {
        hand_to_dns(flow, fd);
        return;
    }
    flow->relay.inside.fd = fd;
    flow->relay.meter = cf_flow_meter(&flow->tcp->engine->flows, &flow->flow);
    r = cf_relay_start(&flow->relay, flow->outside_events, flow->outside_error);
    if (r < 0) {
        cf_engine_warn(flow->tcp->engine, CF_WARNING_RESOURCES, -r);
        flow_abort(flow, CF_RESULT_LIMIT);
        return;
    }
    free(flow->held);
    flow->held = NULL;
    flow->state = RELAYED;
}

/* The flow of what was accepted, when one waits for it. */
static struct tcp_flow *accepted_find(struct cf_tcp *tcp, int fd, const struct sockaddr *peer)
{
    struct cf_flow_key key = { .protocol = IPPROTO_TCP };
    struct sockaddr_storage local;
    socklen_t length = sizeof local;
    struct cf_flow *found = NULL;
    struct tcp_flow *flow;

    if (getsockname(fd, (struct sockaddr *)&local, &length) == 0 &&
        cf_addr_port_from_sockaddr(peer, &key.src) == 0 &&
        cf_addr_port_from_sockaddr((struct sockaddr *)&local, &key.dst) == 0)
        found = cf_flow_find(&tcp->engine->flows, &key);
    flow = found ? cf_container_of(found, struct tcp_flow, flow) : NULL;
    return flow && flow->state == INJECTED ? flow : NULL;
}

static int accept_next(struct cf_tcp *tcp, struct sockaddr_storage *ret_peer)
{
    socklen_t length = sizeof *ret_peer;

    return accept4(tcp->listener.fd, (struct sockaddr *)ret_peer, &length,
                   SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* The youngest flow that is still connecting, as far as is worth a look; or NULL. */
static struct tcp_flow *connecting_find(struct cf_tcp *tcp)
{
    struct cf_list *at = tcp->live.prev;

    for (int i = 0; i < SACRIFICES && at != &tcp->live; i++, at = at->prev) {
        if (flow_of(at)->state == CONNECTING)
            return flow_of(at);
    }
    return NULL;
}

/*
 * There is no descriptor to accept with. A flow that is still connecting can be
 * denied as any other, so it goes for one that is connected. Returns false when
 * there is none.
 */
static bool accept_make_room(struct cf_tcp *tcp, int error)
{
    struct tcp_flow *flow = connecting_find(tcp);

    cf_engine_warn(tcp->engine, CF_WARNING_RESOURCES, error);
    if (flow)
        connect_sacrifice(flow);
    return flow != NULL;
}

static void listener_pause(struct cf_tcp *tcp)
{
    cf_loop_unwatch(tcp->engine->config.loop, &tcp->listener);
    cf_loop_timer_start(tcp->engine->config.loop, &tcp->pause, cf_clock_monotonic_us() + PAUSE_US);
}

/* Give the inward half to its flow, when one waits for it. */
static void accepted(struct cf_tcp *tcp, int fd, const struct sockaddr *peer)
{
    struct tcp_flow *flow = accepted_find(tcp, fd, peer);

    if (flow)
        pair(flow, fd);
    else
        reset_close(fd);
}

/* Accept in place of the spare descriptor. Returns false when that is gone too. */
static bool accept_with_spare(struct cf_tcp *tcp)
{
    struct sockaddr_storage peer;
    int fd;

    if (tcp->spare_fd < 0)
        return false;
    cf_fd_close(&tcp->spare_fd);
    fd = accept_next(tcp, &peer);
    if (fd >= 0)
        accepted(tcp, fd, (struct sockaddr *)&peer);
    spare_open(tcp);
    return fd >= 0;
}

/* Returns false when nothing waits, or nothing can be accepted now. */
static bool accept_one(struct cf_tcp *tcp)
{
    struct sockaddr_storage peer;
    bool exhausted;
    int fd;

    if (tcp->listener.fd < 0)
        return false;
    do {
        fd = accept_next(tcp, &peer);
        exhausted = fd < 0 && cf_outward_exhausted(errno) && errno != EAGAIN;
    } while (exhausted && accept_make_room(tcp, errno));
    if (fd >= 0) {
        accepted(tcp, fd, (struct sockaddr *)&peer);
        return true;
    }
    if (!exhausted)
        return errno == ECONNABORTED || errno == EINTR;
    if (accept_with_spare(tcp))
        return true;
    listener_pause(tcp);
    return false;
}

void cf_tcp_accept(struct cf_tcp *tcp)
{
    for (int i = 0; i < ACCEPTS; i++) {
        if (!accept_one(tcp))
            break;
    }
}

static void listener_ready(struct cf_watch *watch, uint32_t events)
{
    (void)events;
    cf_tcp_accept(cf_container_of(watch, struct cf_tcp, listener));
}

static void pause_over(struct cf_timer *timer)
{
    struct cf_tcp *tcp = cf_container_of(timer, struct cf_tcp, pause);

    spare_open(tcp);
    if (cf_loop_watch(tcp->engine->config.loop, &tcp->listener, tcp->engine->config.gateway->tcp_fd,
                      EPOLLIN) < 0)
        cf_loop_timer_start(tcp->engine->config.loop, timer, cf_clock_monotonic_us() + PAUSE_US);
}

int cf_tcp_init(struct cf_tcp *tcp, struct cf_engine *engine, struct cf_error *err)
{
    int r, fd = engine->config.gateway->tcp_fd, pending = FASTOPEN_PENDING;

    tcp->engine = engine;
    cf_list_init(&tcp->live);
    cf_list_init(&tcp->answered);
    tcp->pause.fn = pause_over;
    tcp->listener.fn = listener_ready;
    tcp->spare_fd = -1;
    spare_open(tcp);
    /* What is accepted from a listener has these from birth. */
    set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    set_on(fd, SOL_SOCKET, SO_OOBINLINE);
    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &pending, sizeof pending);
    set_on(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE);
    r = cf_loop_watch(engine->config.loop, &tcp->listener, fd, EPOLLIN);
    return r < 0 ? cf_error_errno(err, r, "cannot watch the gateway's TCP listener") : 0;
}

void cf_tcp_done(struct cf_tcp *tcp)
{
    if (!tcp->engine)
        return;
    while (!cf_list_empty(&tcp->live))
        flow_end(flow_of(cf_list_first(&tcp->live)), CF_RESULT_KILLED);
    while (!cf_list_empty(&tcp->answered))
        flow_free(flow_of(cf_list_first(&tcp->answered)));
    cf_loop_unwatch(tcp->engine->config.loop, &tcp->listener);
    cf_loop_timer_stop(tcp->engine->config.loop, &tcp->pause);
    cf_fd_close(&tcp->spare_fd);
    tcp->engine = NULL;
}

size_t cf_tcp_drain(struct cf_tcp *tcp, uint64_t *ret_moved)
{
    struct cf_list *next;
    uint64_t moved = 0;
    size_t owing = 0;

    while (accept_one(tcp))
        ;
    for (struct cf_list *at = tcp->live.next; at != &tcp->live; at = next) {
        struct tcp_flow *flow = flow_of(at);

        next = at->next;
        if (flow->state != RELAYED) {
            flow_abort(flow, CF_RESULT_KILLED);
        } else if (flow->relay.resetting) {
            flow_abort(flow, CF_RESULT_RESET);
        } else if (cf_relay_delivered(&flow->relay)) {
            flow_end(flow, CF_RESULT_CLOSED);
        } else {
            owing++;
            moved += flow->relay.out.total;
        }
    }
    *ret_moved = moved;
    return owing;
}

void cf_tcp_show(const struct cf_flow *flow, struct cf_open_flow *shown)
{
    const struct tcp_flow *tcp_flow = cf_container_of(flow, struct tcp_flow, flow);
    const struct cf_relay *relay = &tcp_flow->relay;

    shown->bytes_out = relay->out.total;
    shown->bytes_in = relay->in.total;
    if (tcp_flow->state != RELAYED)
        shown->stage = CF_FLOW_CONNECTING;
    else if (relay->out_done || relay->in_done || relay->resetting)
        shown->stage = CF_FLOW_CLOSING;
}
