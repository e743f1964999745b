/*
 * tcp_proxy.c - a held SYN whose way out is the proxy
 *
 * How this works. While a flow is CONNECTING it has a dial (proxy/dial.h) where
 * others have a socket. A dial ends once: with a descriptor, which becomes the
 * relay's outside as any other, or with an outcome, which becomes the answer to
 * the SYN. Whatever ends the flow before cancels the dial.
 *
 * A SYN can be answered by a RST or by an ICMP error, and the kernel makes of a
 * RST what only the destination itself may say, ECONNREFUSED. So a proxy that
 * broke off is told as a host that cannot be reached.
 */
#include "engine/tcp_proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "audit/audit.h"
#include "base/egress.h"
#include "engine/internal.h"
#include "engine/tcp_accept.h"
#include "engine/tcp_held.h"

static void set_on(int fd, int level, int name)
{
    int on = 1;

    setsockopt(fd, level, name, &on, sizeof on);
}

/* data: the engine */
static int next_socket(void *data, const struct cf_addr *to)
{
    const struct cf_engine *engine = data;
    int fd = cf_outward_socket(to, SOCK_STREAM, IPPROTO_TCP, engine->config.interface);

    if (fd < 0)
        return fd;
    set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    set_on(fd, SOL_SOCKET, SO_OOBINLINE);
    return fd;
}

static int make_socket(void *data, const struct cf_addr *to)
{
    struct cf_tcp_flow *flow = data;
    int fd = next_socket(flow->tcp->engine, to);

    if (fd < 0)
        flow->held->dial_error = fd;
    else
        flow->proxy_ifindex = cf_egress_bound(fd);
    return fd;
}

/* What the sandbox is told of it. */
static void outcome_of(const struct cf_tcp_flow *flow, const struct cf_proxy_outcome *proxy,
                       struct cf_outcome *ret_outcome)
{
    uint8_t family = flow->flow.key.src.addr.family;

    if (proxy->why == CF_PROXY_EXHAUSTED || proxy->error == EACCES)
        cf_outcome_denied(family, ret_outcome);
    else
        cf_outcome_from_errno(proxy->error == ECONNRESET ? EHOSTUNREACH : proxy->error, family,
                              ret_outcome);
    ret_outcome->result = proxy->why == CF_PROXY_EXHAUSTED ? CF_RESULT_LIMIT : proxy->result;
}

static void refused(struct cf_tcp_flow *flow, const struct cf_proxy_dialled *dialled)
{
    const struct cf_proxy_outcome *proxy = &dialled->outcome;
    struct cf_outcome outcome;

    if (proxy->why == CF_PROXY_EXHAUSTED)
        cf_engine_warn(flow->tcp->engine, CF_WARNING_RESOURCES, proxy->error);
    outcome_of(flow, proxy, &outcome);
    cf_tcp_held_refused(flow, &outcome, cf_proxy_why_name(proxy->why), dialled->words);
}

static void dialled(void *data, const struct cf_proxy_dialled *dialled)
{
    struct cf_tcp_flow *flow = data;
    const struct cf_engine_config *config = &flow->tcp->engine->config;

    flow->held->dial = NULL;
    if (dialled->fd < 0) {
        refused(flow, dialled);
        return;
    }
    flow->relay.outside.fd = dialled->fd;
    flow->relay.outside_plain = cf_proxy_way_is_local(config->proxy);
    flow->outside_family = dialled->proxy.addr.family;
    cf_proxy_way_prepare(config->proxy, next_socket, flow->tcp->engine);
    if (cf_audit_flush(config->audit) == 0)
        cf_tcp_held_connected(flow);
    else
        cf_tcp_flow_abort(flow, CF_RESULT_KILLED);
}

unsigned cf_tcp_flow_ifindex(const struct cf_tcp_flow *flow)
{
    return flow->by_proxy ? flow->proxy_ifindex : cf_egress_bound(flow->relay.outside.fd);
}

int cf_tcp_proxy_begin(struct cf_tcp_flow *flow, const struct cf_judgement *judgement)
{
    const struct cf_proxy_call call = {
        .target = { .name = judgement->proxy_name, .at = judgement->target },
        .make_socket = make_socket,
        .done = dialled,
        .data = flow,
    };
    int r = cf_tcp_spare_open(flow->tcp); /* else there may be none for the inward half */

    if (r < 0)
        return r;
    flow->by_proxy = true;
    flow->held->dial_error = 0;
    r = cf_proxy_way_dial(flow->tcp->engine->config.proxy, &call, &flow->held->dial);
    if (r == 0 && cf_outward_exhausted(-flow->held->dial_error)) {
        cf_tcp_proxy_cancel(flow);
        r = flow->held->dial_error; /* now is the time to find another, or to deny the flow */
    }
    if (r == 0 && flow->tcp->engine->config.interface)
        flow->proxy_ifindex = cf_proxy_dial_ifindex(flow->held->dial);
    return r;
}

void cf_tcp_proxy_cancel(struct cf_tcp_flow *flow)
{
    if (!flow->held)
        return;
    cf_proxy_dial_cancel(flow->held->dial);
    flow->held->dial = NULL;
}
