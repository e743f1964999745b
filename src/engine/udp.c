/*
 * udp.c - what the sandbox sends over UDP: whether it may, and by which way
 *
 * How this works. The first datagram of a conversation comes by one of the
 * gateway's wildcard sockets. When it is allowed, the conversation gets sockets
 * of its own (udp_flow.c), to which later datagrams come directly. What was
 * queued at the wildcard socket meanwhile is sent on by key.
 *
 * A denied conversation is one event; each further datagram is judged
 * anew, because a name may have been learned since, and answered.
 *
 * A flow whose route is the proxy is in `one_way` and not open until its association
 * stands (udp_proxy.c), or the proxy has refused it; it is judged anew then, for
 * only what carries it is in the log.
 *
 * Who frees: cf_udp_flow_end() for open flows, cf_udp_flow_denied_free() for denied ones.
 */
#include "engine/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/egress.h"
#include "base/fd.h"
#include "engine/datagrams.h"
#include "engine/internal.h"
#include "engine/outward.h"
#include "engine/udp_flow.h"
#include "engine/udp_proxy.h"

#define ERRORS_A_SECOND 1000
#define BATCHES 4 /* of one socket in one turn; 1 and 16 were measured to be no better */
#define PORT_DNS 53

/* r: 0, or why there are no sockets for it. Returns false when it has ended. */
static bool allowed(struct cf_udp_flow *flow, const struct cf_judgement *judgement,
                    const struct cf_datagram *datagram, int r)
{
    struct cf_udp *udp = flow->udp;
    struct cf_addr_port local = { 0 };

    udp->n_flows++;
    if (r == 0)
        cf_outward_local(flow->outside_fd, &local);
    cf_flow_log(&udp->engine->flows, &flow->flow, judgement, r == 0 ? &local : NULL);
    if (r == 0 && cf_audit_flush(udp->engine->config.audit) == 0) { /* else the run ends */
        cf_udp_flow_touch(flow);
        return cf_udp_flow_send(flow, datagram, 1);
    }
    if (r < 0)
        cf_udp_flow_send_failed(flow, datagram, -r);
    cf_udp_flow_end(flow, CF_RESULT_UNREACHABLE);
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

static void denied(struct cf_udp_flow *flow, const struct cf_judgement *judgement,
                   const struct cf_datagram *datagram)
{
    struct cf_udp *udp = flow->udp;
    struct cf_outcome outcome;

    if (!flow->denied) {
        flow->denied = true;
        udp->n_denied++;
        cf_flow_log(&udp->engine->flows, &flow->flow, judgement, NULL);
    }
    cf_udp_flow_touch(flow);
    if (udp->n_denied > CF_UDP_DENIED_MAX)
        cf_udp_flow_denied_free(cf_udp_flow_at(cf_list_first(&udp->denied)));
    if (!may_answer(udp))
        return;
    cf_outcome_denied(flow->flow.key.src.addr.family, &outcome);
    cf_udp_tell(flow->udp, &flow->flow.key, &outcome, datagram->data, datagram->length);
}

static void denied_no_more(struct cf_udp_flow *flow)
{
    if (flow->denied) {
        flow->denied = false;
        flow->udp->n_denied--;
    }
}

static void go_directly(struct cf_udp_flow *flow, struct cf_judgement *judgement,
                        const struct cf_datagram *datagram)
{
    struct cf_udp *udp = flow->udp;
    int r;

    if (udp->n_flows >= udp->limit)
        cf_udp_evict(udp);
    r = cf_udp_flow_open(flow, &judgement->target);
    if (cf_outward_exhausted(-r)) {
        cf_judge_deny(judgement, CF_REASON_LIMIT);
        denied(flow, judgement, datagram);
        return;
    }
    denied_no_more(flow);
    allowed(flow, judgement, datagram, r);
}

/* By the proxy, to the end of what has waited; fd: the outward socket. */
static void go_by_proxy(struct cf_udp_flow *flow, const struct cf_judgement *judgement, int fd,
                        const struct cf_datagram *first)
{
    struct cf_datagram *next;
    bool open;
    int r;

    r = cf_udp_flow_open_by_proxy(flow, fd);
    open = allowed(flow, judgement, first, r);
    while (open && (next = cf_udp_proxy_next(flow->proxy))) {
        open = cf_udp_flow_send(flow, next, 1);
        free(next);
    }
}

/* Neither by the proxy nor around it. */
static void proxy_failed(struct cf_udp_flow *flow, const struct cf_judgement *judgement,
                         const struct cf_proxy_dialled *dialled, const struct cf_datagram *first)
{
    struct cf_flow_table *flows = &flow->udp->engine->flows;
    struct cf_outcome outcome;

    cf_flow_log(flows, &flow->flow, judgement, NULL);
    cf_flow_log_proxy_close(flows, &flow->flow, dialled->outcome.result,
                            cf_proxy_why_name(dialled->outcome.why), dialled->words);
    cf_outcome_denied(flow->flow.key.src.addr.family, &outcome); /* no socket passes over it */
    cf_udp_tell(flow->udp, &flow->flow.key, &outcome, first->data, first->length);
    cf_udp_flow_free(flow);
}

static void associated(void *data, int fd, const struct cf_proxy_dialled *dialled)
{
    struct cf_udp_flow *flow = data;
    struct cf_engine *engine = flow->udp->engine;
    struct cf_datagram *first = cf_udp_proxy_next(flow->proxy);
    bool refused = dialled->outcome.why == CF_PROXY_UNSUPPORTED;
    struct cf_judgement judgement;

    cf_list_remove(&flow->flow.age); /* so that it is not the one that makes room */
    flow->udp->n_flows--;            /* counted anew when it is open */
    cf_engine_judge(engine, &flow->flow, &judgement);
    if (refused)
        cf_udp_proxy_refused(engine->config.profile, &judgement);
    if (fd >= 0 && (!first || judgement.verdict.action != CF_ALLOW))
        cf_fd_close(&fd);
    if (!first) {
        cf_udp_flow_free(flow);
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
    cf_udp_flow_end(data, CF_RESULT_RESET);
}

static void associate(struct cf_udp_flow *flow, struct cf_judgement *judgement,
                      const struct cf_datagram *datagram)
{
    struct cf_udp *udp = flow->udp;

    if (udp->n_flows >= udp->limit)
        cf_udp_evict(udp);
    if (cf_udp_proxy_start(udp->engine, judgement, associated, association_ended, flow,
                           &flow->proxy) < 0) {
        cf_judge_deny(judgement, CF_REASON_LIMIT);
        denied(flow, judgement, datagram);
        return;
    }
    denied_no_more(flow);
    udp->n_flows++;
    cf_udp_flow_touch(flow);
    cf_udp_proxy_wait(flow->proxy, datagram);
}

static void judge(struct cf_udp_flow *flow, const struct cf_datagram *datagram)
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
    cf_udp_tell(udp, key, &outcome, datagram->data, datagram->length);
}

/* One datagram from a wildcard socket. */
static void arrived(struct cf_udp *udp, const struct cf_datagram *datagram)
{
    struct cf_engine *engine = udp->engine;
    struct cf_flow_key key = { IPPROTO_UDP, datagram->from, datagram->to };
    struct cf_flow *found = cf_flow_find(&engine->flows, &key);
    struct cf_udp_flow *flow = found ? cf_container_of(found, struct cf_udp_flow, flow) : NULL;

    if (!flow && (cf_destination_never(&key.dst.addr) ||
                  cf_flow_is_for_resolver(CF_PROTO_UDP, key.dst.port))) {
        never(udp, &key, datagram);
        return;
    }
    if (!flow)
        flow = cf_udp_flow_new(udp, &key);
    if (!flow) {
        cf_engine_warn(engine, CF_WARNING_RESOURCES, ENOMEM);
    } else if (flow->flow.open) {
        cf_udp_flow_touch(flow);
        cf_udp_flow_send(flow, datagram, 1);
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
    udp->idle.fn = cf_udp_idle_due;
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
        cf_udp_flow_end(cf_udp_flow_at(cf_list_first(&udp->one_way)), CF_RESULT_KILLED);
    while (!cf_list_empty(&udp->two_way))
        cf_udp_flow_end(cf_udp_flow_at(cf_list_first(&udp->two_way)), CF_RESULT_KILLED);
    while (!cf_list_empty(&udp->denied))
        cf_udp_flow_denied_free(cf_udp_flow_at(cf_list_first(&udp->denied)));
    cf_loop_timer_stop(udp->engine->config.loop, &udp->idle);
    cf_loop_unwatch(udp->engine->config.loop, &udp->new4);
    cf_loop_unwatch(udp->engine->config.loop, &udp->new6);
    udp->engine = NULL;
}

static size_t list_gone(struct cf_list *list, unsigned ifindex)
{
    size_t n = 0;

    for (struct cf_list *at = list->next, *next; at != list; at = next) {
        struct cf_udp_flow *flow = cf_udp_flow_at(at);
        struct cf_outcome outcome;

        next = at->next;
        if ((flow->proxy ? cf_udp_proxy_ifindex(flow->proxy) : cf_egress_bound(flow->outside_fd)) !=
            ifindex)
            continue;
        cf_outcome_from_errno(ENODEV, flow->flow.key.src.addr.family, &outcome);
        if (may_answer(flow->udp))
            cf_udp_tell(flow->udp, &flow->flow.key, &outcome, NULL, 0);
        cf_udp_flow_end(flow, CF_RESULT_UNREACHABLE);
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
        cf_udp_flow_drain(cf_udp_flow_at(at));
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
