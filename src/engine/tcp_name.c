/*
 * tcp_name.c - connections that must show a name before their bytes pass
 *
 * How this works. A flow that was allowed by name, to port 443 or 80, begins
 * with a gate (relay.h). What the sandbox sends stays in the receive buffer of
 * its socket and is only looked at (MSG_PEEK) until hello.c has read a whole
 * ClientHello or the header section of a request, or knows that there is none.
 * Then cf_flow_judge_shown() decides: the gate opens, and the relay goes to
 * the shard with the fewest; or both sockets are reset. No byte that was
 * held has left then.
 *
 * Until the sandbox has sent a byte there is nothing to judge: a connection that
 * only listens, or only ends, is let be. From the first byte on a timer runs.
 * Its end of data with a message that is not whole, and urgent data, which one reader
 * takes out of the stream and another does not, show no name.
 *
 * The gate is asked in the engine's thread, as all verdicts are.
 */
#include "engine/tcp_name.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/hash.h"
#include "engine/hello.h"
#include "engine/internal.h"

static struct cf_flow_table *table_of(const struct cf_tcp_flow *flow)
{
    return &flow->tcp->engine->flows;
}

static enum cf_gate open_gate(struct cf_tcp_flow *flow)
{
    cf_loop_timer_stop(cf_tcp_flow_loop(flow), &flow->timer);
    return cf_shards_spread(flow->tcp->engine->shards, &flow->relay) ? CF_GATE_GONE : CF_GATE_OPEN;
}

/* hello: NULL when it shows no name */
static enum cf_gate decide(struct cf_tcp_flow *flow, const struct cf_hello *hello)
{
    if (cf_flow_judge_shown(table_of(flow), &flow->flow, hello))
        return open_gate(flow);
    cf_tcp_flow_abort(flow, CF_RESULT_RESET);
    return CF_GATE_GONE;
}

static bool has_urgent(const struct cf_relay *relay)
{
    int at_mark = 0;

    return relay->out.urgent || ioctl(relay->inside.fd, SIOCATMARK, &at_mark) < 0 || at_mark;
}

static enum cf_gate gate(struct cf_relay *relay)
{
    struct cf_tcp_flow *flow = cf_container_of(relay, struct cf_tcp_flow, relay);
    struct cf_loop *loop = cf_tcp_flow_loop(flow);
    uint8_t bytes[CF_HELLO_MAX];
    struct cf_hello hello;
    ssize_t n = recv(relay->inside.fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? CF_GATE_WAIT : CF_GATE_FAILED;
    if (n == 0 && !has_urgent(relay))
        return open_gate(flow);
    if (has_urgent(relay))
        return decide(flow, NULL);
    switch (cf_hello_read_on(bytes, (size_t)n, &flow->hello, &hello)) {
    case CF_HELLO_NAMED:
        return decide(flow, &hello);
    case CF_HELLO_NAMELESS:
        return decide(flow, NULL);
    default:
        break;
    }
    if (relay->out.ending)
        return decide(flow, NULL);
    if (flow->timer.slot == 0 &&
        cf_loop_timer_start(loop, &flow->timer, cf_clock_monotonic_us() + CF_TCP_NAME_WAIT_US) < 0)
        return decide(flow, NULL); /* no memory to wait with */
    return CF_GATE_WAIT;
}

/* It has begun, and not shown a name in time. */
static void timer_due(struct cf_timer *timer)
{
    struct cf_tcp_flow *flow = cf_container_of(timer, struct cf_tcp_flow, timer);

    if (!flow->relay.gate || flow->relay.over || flow->relay.resetting)
        return;
    if (decide(flow, NULL) != CF_GATE_OPEN)
        return;
    flow->relay.gate = NULL;
    flow->relay.out.readable = true;
    cf_loop_task_add(flow->relay.loop, &flow->relay.task);
}

int cf_tcp_name_start(struct cf_tcp_flow *flow)
{
    flow->timer.fn = timer_due;
    flow->relay.gate = gate;
    return cf_shards_start_gated(flow->tcp->engine->shards, &flow->relay, flow->outside_events,
                                 flow->outside_error);
}
