/*
 * udp.c - UDP conversations of the sandbox
 *
 * How this works. The first datagram of a conversation comes by one of the
 * gateway's wildcard sockets. When it is allowed, two connected sockets are
 * made: one outward, and one in the gateway's namespace that stands for the
 * remote (bound to its address, connected to the sandbox's source), so that
 * later datagrams come to it directly and replies leave from the right
 * address. What was queued at the wildcard socket meanwhile is sent on by key.
 *
 * A flow is in `one_way` until the remote has answered, then in `two_way`, or
 * in `denied`: these are lists by age, so that the timer looks at their heads
 * only. A denied conversation is one event; each further datagram is judged
 * anew, because a name may have been learned since, and answered.
 *
 * ICMP errors come back by the outward socket's error queue and go in as the
 * same ICMP error, quoting a datagram of this conversation, so that the
 * sandbox's own kernel tells the right socket. An error also makes one later
 * send fail that has nothing wrong with it: the queue is read and the send is
 * done again.
 *
 * A flow whose route is the proxy is in `one_way` and not open until its association
 * stands (udp_proxy.c), or the proxy has refused it; it is judged anew then, for
 * only what carries it is in the log.
 *
 * A datagram that no longer fits into what egress.limits.bytes leaves ends its
 * flow.
 *
 * Who frees: flow_end() for open flows, denied_free() for denied ones.
 */
#include "engine/udp.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/egress.h"
#include "base/fd.h"
#include "engine/datagrams.h"
#include "engine/internal.h"
#include "engine/inward.h"
#include "engine/outward.h"
#include "engine/udp_proxy.h"
#include "engine/udp_sockets.h"

#define DEFAULT_HOPS 64
#define DENIED_S 60
#define ERRORS_A_SECOND 1000
#define BATCHES 4 /* of one socket in one turn; 1 and 16 were measured to be no better */

struct udp_flow {
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

static struct udp_flow *flow_of(struct cf_list *age)
{
    return cf_container_of(cf_container_of(age, struct cf_flow, age), struct udp_flow, flow);
}

static struct udp_flow *flow_new(struct cf_udp *udp, const struct cf_flow_key *key)
{
    struct udp_flow *flow = calloc(1, sizeof *flow);

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

static void flow_free(struct udp_flow *flow)
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

static void flow_end(struct udp_flow *flow, enum cf_flow_result result)
{
    struct cf_udp *udp = flow->udp;

    cf_flow_log_close(&udp->engine->flows, &flow->flow, result);
    udp->n_flows--;
    flow_free(flow);
}

/* As it ends by itself: nothing was said for long, or room is needed. */
static void flow_expire(struct udp_flow *flow)
{
    flow_end(flow, flow->refused ? CF_RESULT_REFUSED : CF_RESULT_CLOSED);
}

static void denied_free(struct udp_flow *flow)
{
    flow->udp->n_denied--;
    flow_free(flow);
}

/* The moment when the oldest of a list is due, or INT64_MAX. */
static int64_t list_due(const struct cf_list *list, int64_t idle_s)
{
    struct cf_list *first = cf_list_first(list);

    return first ? flow_of(first)->flow.touched_us + idle_s * CF_US_PER_S : INT64_MAX;
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

static void idle_due(struct cf_timer *timer)
{
    struct cf_udp *udp = cf_container_of(timer, struct cf_udp, idle);
    int64_t now = cf_clock_monotonic_us();

    while (list_due(&udp->one_way, CF_UDP_IDLE_ONE_WAY_S) <= now)
        flow_expire(flow_of(cf_list_first(&udp->one_way)));
    while (list_due(&udp->two_way, CF_UDP_IDLE_S) <= now)
        flow_expire(flow_of(cf_list_first(&udp->two_way)));
    while (list_due(&udp->denied, DENIED_S) <= now)
        denied_free(flow_of(cf_list_first(&udp->denied)));
    idle_start(udp);
}

/* Make it the youngest of the list it belongs to. */
static void touch(struct udp_flow *flow)
{
    struct cf_udp *udp = flow->udp;
    struct cf_list *list = flow->answered ? &udp->two_way : &udp->one_way;

    flow->flow.touched_us = cf_loop_now_us(udp->engine->config.loop);
    cf_list_add(flow->denied ? &udp->denied : list, &flow->flow.age);
    if (udp->idle.slot == 0)
        idle_start(udp);
}

/* Tell the sandbox what became of a datagram of this conversation, with this payload. */
static void tell(struct cf_udp *udp, const struct cf_flow_key *key,
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
static bool errors_read(struct udp_flow *flow)
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
        tell(flow->udp, &flow->flow.key, &outcome, error.quote, error.quote_length);
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
static int fitting(const struct udp_flow *flow, const struct cf_datagram *datagrams, int n)
{
    struct cf_meter *meter = cf_flow_meter(&flow->udp->engine->flows, &flow->flow);
    int i = 0;

    while (i < n && (!meter || cf_meter_take(meter, datagrams[i].length)))
        i++;
    return i;
}

/* One that fitted was not sent. */
static void give_back(const struct udp_flow *flow, const struct cf_datagram *datagram)
{
    struct cf_meter *meter = cf_flow_meter(&flow->udp->engine->flows, &flow->flow);

    if (meter)
        cf_meter_give(meter, datagram->length);
}

/* A datagram of this length did not fit. */
static void spent(struct udp_flow *flow, size_t length)
{
    cf_flow_take(&flow->udp->engine->flows, &flow->flow, length);
    flow_end(flow, CF_RESULT_LIMIT);
}

/* A datagram could not be sent at all. */
static void send_failed(struct udp_flow *flow, const struct cf_datagram *datagram, int error)
{
    struct cf_outcome outcome;

    if (cf_outward_exhausted(error))
        return; /* lost, as a full queue anywhere loses it */
    cf_outcome_from_errno(error, flow->flow.key.src.addr.family, &outcome);
    tell(flow->udp, &flow->flow.key, &outcome, datagram->data, datagram->length);
}

/* Datagrams with one hop limit, outward. */
static void send_run(struct udp_flow *flow, const struct cf_datagram *datagrams, int n)
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
            send_failed(flow, datagrams, -r);
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
static void send_runs(struct udp_flow *flow, const struct cf_datagram *datagrams, int n)
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

/* To the outside; false when the flow has ended with it. */
static bool send_out(struct udp_flow *flow, const struct cf_datagram *datagrams, int n)
{
    int fit = fitting(flow, datagrams, n);
    struct cf_outcome outcome;

    send_runs(flow, datagrams, fit);
    if (fit == n)
        return true;
    cf_outcome_denied(flow->flow.key.src.addr.family, &outcome);
    tell(flow->udp, &flow->flow.key, &outcome, datagrams[fit].data, datagrams[fit].length);
    spent(flow, datagrams[fit].length);
    return false;
}

static void inside_ready(struct cf_watch *watch, uint32_t events)
{
    struct udp_flow *flow = cf_container_of(watch, struct udp_flow, inside);
    struct cf_datagram *datagrams;

    (void)events;
    for (int i = 0; i < BATCHES; i++) {
        int n = cf_datagrams_receive(flow->inside_fd, &datagrams);

        if (n <= 0)
            return; /* an error was taken by this call */
        flow->udp->engine->packets += (uint64_t)n;
        touch(flow);
        if (!send_out(flow, datagrams, n) || n < CF_DATAGRAMS_BATCH)
            return;
    }
}

/*
 * To the sandbox; false when the flow has ended with it. What its link does not
 * take is lost, as on any link.
 */
static bool send_in(struct udp_flow *flow, const struct cf_datagram *datagrams, int n)
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
    struct udp_flow *flow = cf_container_of(watch, struct udp_flow, outside);
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
        touch(flow);
        if (!send_in(flow, datagrams, n) || all < CF_DATAGRAMS_BATCH)
            return;
    }
}

static int outside_open(struct udp_flow *flow, const struct cf_addr_port *target)
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

static int inside_open(struct udp_flow *flow)
{
    struct cf_engine *engine = flow->udp->engine;
    int r = cf_udp_inside_open(engine->config.gateway, &flow->flow.key);

    if (r < 0)
        return r;
    flow->inside_fd = r;
    flow->inside.fn = inside_ready;
    return cf_loop_watch(engine->config.loop, &flow->inside, flow->inside_fd, EPOLLIN);
}

/* End the conversation that has been idle for longest; false when there is none. */
static bool evict(struct cf_udp *udp)
{
    struct cf_list *oldest = cf_list_first(&udp->one_way);

    if (!oldest)
        oldest = cf_list_first(&udp->two_way);
    if (oldest)
        flow_expire(flow_of(oldest));
    return oldest != NULL;
}

/* Both sockets; another conversation may have to go for them. Returns 0 or -errno. */
static int flow_open(struct udp_flow *flow, const struct cf_addr_port *target)
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
        if (!evict(udp))
            return r;
    }
}

/* r: 0, or why there are no sockets for it. Returns false when it has ended. */
static bool allowed(struct udp_flow *flow, const struct cf_judgement *judgement,
                    const struct cf_datagram *datagram, int r)
{
    struct cf_udp *udp = flow->udp;
    struct cf_addr_port local = { 0 };

    udp->n_flows++;
    if (r == 0)
        cf_outward_local(flow->outside_fd, &local);
    cf_flow_log(&udp->engine->flows, &flow->flow, judgement, r == 0 ? &local : NULL);
    if (r == 0 && cf_audit_flush(udp->engine->config.audit) == 0) { /* else the run ends */
        touch(flow);
        return send_out(flow, datagram, 1);
    }
    if (r < 0)
        send_failed(flow, datagram, -r);
    flow_end(flow, CF_RESULT_UNREACHABLE);
    return false;
}

/* A share for each second: what is denied must not make the engine a source of floods. */
static bool may_answer(struct cf_udp *udp)
{
    int64_t now = cf_loop_now_us(udp->engine->config.loop);

    if (now - udp->second_us >= CF_US_PER_S) {
        udp->second_us = now;
        udp->n_errors = 0;
    }
    return udp->n_errors++ < ERRORS_A_SECOND;
}

static void denied(struct udp_flow *flow, const struct cf_judgement *judgement,
                   const struct cf_datagram *datagram)
{
    struct cf_udp *udp = flow->udp;
    struct cf_outcome outcome;

    if (!flow->denied) {
        flow->denied = true;
        udp->n_denied++;
        cf_flow_log(&udp->engine->flows, &flow->flow, judgement, NULL);
    }
    touch(flow);
    if (udp->n_denied > CF_UDP_DENIED_MAX)
        denied_free(flow_of(cf_list_first(&udp->denied)));
    if (!may_answer(udp))
        return;
    cf_outcome_denied(flow->flow.key.src.addr.family, &outcome);
    tell(flow->udp, &flow->flow.key, &outcome, datagram->data, datagram->length);
}

static void denied_no_more(struct udp_flow *flow)
{
    if (flow->denied) {
        flow->denied = false;
        flow->udp->n_denied--;
    }
}

static void go_directly(struct udp_flow *flow, struct cf_judgement *judgement,
                        const struct cf_datagram *datagram)
{
    struct cf_udp *udp = flow->udp;
    int r;

    if (udp->n_flows >= udp->limit)
        evict(udp);
    r = flow_open(flow, &judgement->target);
    if (cf_outward_exhausted(-r)) {
        cf_judge_deny(judgement, CF_REASON_LIMIT);
        denied(flow, judgement, datagram);
        return;
    }
    denied_no_more(flow);
    allowed(flow, judgement, datagram, r);
}

/* By the proxy, to the end of what has waited; fd: the outward socket. */
static void go_by_proxy(struct udp_flow *flow, const struct cf_judgement *judgement, int fd,
                        const struct cf_datagram *first)
{
    struct cf_datagram *next;
    bool open;
    int r;

    flow->outside_fd = fd;
    cf_udp_buffers_grow(fd);
    flow->outside.fn = outside_ready;
    r = cf_loop_watch(flow->udp->engine->config.loop, &flow->outside, fd, EPOLLIN);
    if (r == 0)
        r = inside_open(flow);
    open = allowed(flow, judgement, first, r);
    while (open && (next = cf_udp_proxy_next(flow->proxy))) {
        open = send_out(flow, next, 1);
        free(next);
    }
}

/* Neither by the proxy nor around it. */
static void proxy_failed(struct udp_flow *flow, const struct cf_judgement *judgement,
                         const struct cf_proxy_dialled *dialled, const struct cf_datagram *first)
{
    struct cf_flow_table *flows = &flow->udp->engine->flows;
    struct cf_outcome outcome;

    cf_flow_log(flows, &flow->flow, judgement, NULL);
    cf_flow_log_proxy_close(flows, &flow->flow, dialled->outcome.result,
                            cf_proxy_why_name(dialled->outcome.why), dialled->words);
    cf_outcome_denied(flow->flow.key.src.addr.family, &outcome); /* no socket passes over it */
    tell(flow->udp, &flow->flow.key, &outcome, first->data, first->length);
    flow_free(flow);
}

static void associated(void *data, int fd, const struct cf_proxy_dialled *dialled)
{
    struct udp_flow *flow = data;
    struct cf_engine *engine = flow->udp->engine;
    struct cf_datagram *first = cf_udp_proxy_next(flow->proxy);
    bool refused = dialled->outcome.why == CF_PROXY_UNSUPPORTED;
    struct cf_judgement judgement;

    cf_list_remove(&flow->flow.age); /* so that it is not the one that makes room */
    flow->udp->n_flows--; /* counted anew when it is open */
    cf_engine_judge(engine, &flow->flow, &judgement);
    if (refused)
        cf_udp_proxy_refused(engine->config.profile, &judgement);
    if (fd >= 0 && (!first || judgement.verdict.action != CF_ALLOW))
        cf_fd_close(&fd);
    if (!first) {
        flow_free(flow);
        return;
    }
    if (fd >= 0) {
        go_by_proxy(flow, &judgement, fd, first);
    } else if (judgement.verdict.action == CF_ALLOW && !refused) {
        proxy_failed(flow, &judgement, dialled, first);
    } else {
        cf_udp_proxy_free(flow->proxy);
        flow->proxy = NULL;
        if (judgement.verdict.action == CF_ALLOW)
            go_directly(flow, &judgement, first);
        else
            denied(flow, &judgement, first);
    }
    free(first);
}

static void association_ended(void *data)
{
    flow_end(data, CF_RESULT_RESET);
}

static void associate(struct udp_flow *flow, struct cf_judgement *judgement,
                      const struct cf_datagram *datagram)
{
    struct cf_udp *udp = flow->udp;

    if (udp->n_flows >= udp->limit)
        evict(udp);
    if (cf_udp_proxy_start(udp->engine, judgement, associated, association_ended, flow,
                           &flow->proxy) < 0) {
        cf_judge_deny(judgement, CF_REASON_LIMIT);
        denied(flow, judgement, datagram);
        return;
    }
    denied_no_more(flow);
    udp->n_flows++;
    touch(flow);
    cf_udp_proxy_wait(flow->proxy, datagram);
}

static void judge(struct udp_flow *flow, const struct cf_datagram *datagram)
{
    struct cf_judgement judgement;

    cf_engine_judge(flow->udp->engine, &flow->flow, &judgement);
    if (judgement.verdict.action != CF_ALLOW)
        denied(flow, &judgement, datagram);
    else if (judgement.route == CF_ROUTE_PROXY)
        associate(flow, &judgement, datagram);
    else
        go_directly(flow, &judgement, datagram);
}

/* To an address or port that no socket is given: counted, and answered where that is right. */
static void never(struct cf_udp *udp, const struct cf_flow_key *key,
                  const struct cf_datagram *datagram)
{
    struct cf_outcome outcome;

    cf_strays_add(&udp->engine->strays, IPPROTO_UDP, &key->dst.addr, "destination");
    if (cf_destination_multicast(&key->dst.addr) || !may_answer(udp))
        return;
    cf_outcome_denied(key->src.addr.family, &outcome);
    tell(udp, key, &outcome, datagram->data, datagram->length);
}

/* One datagram from a wildcard socket. */
static void arrived(struct cf_udp *udp, const struct cf_datagram *datagram)
{
    struct cf_engine *engine = udp->engine;
    struct cf_flow_key key = { IPPROTO_UDP, datagram->from, datagram->to };
    struct cf_flow *found = cf_flow_find(&engine->flows, &key);
    struct udp_flow *flow = found ? cf_container_of(found, struct udp_flow, flow) : NULL;

    if (!flow && (cf_destination_never(&key.dst.addr) ||
                  cf_flow_is_for_resolver(CF_PROTO_UDP, key.dst.port))) {
        never(udp, &key, datagram);
        return;
    }
    if (!flow)
        flow = flow_new(udp, &key);
    if (!flow) {
        cf_engine_warn(engine, CF_WARNING_RESOURCES, ENOMEM);
    } else if (flow->flow.open) {
        touch(flow);
        send_out(flow, datagram, 1);
    } else if (flow->proxy) {
        cf_udp_proxy_wait(flow->proxy, datagram);
    } else {
        judge(flow, datagram);
    }
}

static void wildcard_read(struct cf_udp *udp, int fd)
{
    struct cf_datagram *datagrams;

    for (int i = 0; i < BATCHES; i++) {
        int n = cf_datagrams_receive(fd, &datagrams);

        if (n > 0)
            udp->engine->packets += (uint64_t)n;
        for (int k = 0; k < n; k++)
            arrived(udp, &datagrams[k]);
        if (n < CF_DATAGRAMS_BATCH)
            return;
    }
}

static void new4_ready(struct cf_watch *watch, uint32_t events)
{
    (void)events;
    wildcard_read(cf_container_of(watch, struct cf_udp, new4), watch->fd);
}

static void new6_ready(struct cf_watch *watch, uint32_t events)
{
    (void)events;
    wildcard_read(cf_container_of(watch, struct cf_udp, new6), watch->fd);
}

int cf_udp_init(struct cf_udp *udp, struct cf_engine *engine, struct cf_error *err)
{
    const struct cf_gateway *gateway = engine->config.gateway;
    int r = 0;

    cf_list_init(&udp->one_way);
    cf_list_init(&udp->two_way);
    cf_list_init(&udp->denied);
    udp->limit = CF_UDP_FLOWS_MAX;
    udp->idle.fn = idle_due;
    udp->new4 = (struct cf_watch) { .fd = -1, .fn = new4_ready };
    udp->new6 = (struct cf_watch) { .fd = -1, .fn = new6_ready };
    udp->engine = engine;
    if (gateway->udp4_fd >= 0) {
        cf_datagrams_want_hops(gateway->udp4_fd, CF_FAMILY_IPV4);
        r = cf_loop_watch(engine->config.loop, &udp->new4, gateway->udp4_fd, EPOLLIN);
    }
    if (r == 0 && gateway->udp6_fd >= 0) {
        cf_datagrams_want_hops(gateway->udp6_fd, CF_FAMILY_IPV6);
        r = cf_loop_watch(engine->config.loop, &udp->new6, gateway->udp6_fd, EPOLLIN);
    }
    return r < 0 ? cf_error_errno(err, r, "cannot watch the gateway's UDP sockets") : 0;
}

void cf_udp_done(struct cf_udp *udp)
{
    if (!udp->engine)
        return;
    while (!cf_list_empty(&udp->one_way))
        flow_end(flow_of(cf_list_first(&udp->one_way)), CF_RESULT_KILLED);
    while (!cf_list_empty(&udp->two_way))
        flow_end(flow_of(cf_list_first(&udp->two_way)), CF_RESULT_KILLED);
    while (!cf_list_empty(&udp->denied))
        denied_free(flow_of(cf_list_first(&udp->denied)));
    cf_loop_timer_stop(udp->engine->config.loop, &udp->idle);
    cf_loop_unwatch(udp->engine->config.loop, &udp->new4);
    cf_loop_unwatch(udp->engine->config.loop, &udp->new6);
    udp->engine = NULL;
}

static size_t list_gone(struct cf_list *list, unsigned ifindex)
{
    size_t n = 0;

    for (struct cf_list *at = list->next, *next; at != list; at = next) {
        struct udp_flow *flow = flow_of(at);
        struct cf_outcome outcome;

        next = at->next;
        if ((flow->proxy ? cf_udp_proxy_ifindex(flow->proxy)
                         : cf_egress_bound(flow->outside_fd)) != ifindex)
            continue;
        cf_outcome_from_errno(ENODEV, flow->flow.key.src.addr.family, &outcome);
        if (may_answer(flow->udp))
            tell(flow->udp, &flow->flow.key, &outcome, NULL, 0);
        flow_end(flow, CF_RESULT_UNREACHABLE);
        n++;
    }
    return n;
}

size_t cf_udp_interface_gone(struct cf_udp *udp, unsigned ifindex)
{
    return list_gone(&udp->one_way, ifindex) + list_gone(&udp->two_way, ifindex);
}

static void drain_list(struct cf_list *list)
{
    for (struct cf_list *at = list->next, *next; at != list; at = next) {
        next = at->next;
        inside_ready(&flow_of(at)->inside, EPOLLIN);
    }
}

void cf_udp_drain(struct cf_udp *udp)
{
    if (udp->new4.fd >= 0)
        wildcard_read(udp, udp->new4.fd);
    if (udp->new6.fd >= 0)
        wildcard_read(udp, udp->new6.fd);
    drain_list(&udp->one_way);
    drain_list(&udp->two_way);
}
