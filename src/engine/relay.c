/*
 * relay.c - a TCP connection of two sockets, one inside and one outside
 *
 * How this works. Two directions run by themselves (splice.c). The end of data
 * passes as a half-close; when both have passed, the outside is closed, and the
 * kernel delivers what is in its buffer. The inside stays until the sandbox has
 * confirmed all of it: what the sandbox sends until then belongs to the flow,
 * and can be counted by this socket only. A sandbox that does not read holds it
 * no longer than its own socket.
 *
 * A reset ends both directions, but not at once: what arrived before it is
 * delivered first. So a side that failed (a read or a write said so, or an
 * error event came after its end of data) is only noted; the direction that
 * reads from it goes on to its end, and then the other side is reset. Before
 * that reset, its send buffer must run empty, because closing with a RST throws
 * it away. Nothing tells when that is: a timer looks, from one millisecond on,
 * less and less often. Where nothing moves for STUCK_US, the reset goes out
 * anyway: a peer that does not read would not have got these bytes from a
 * reset connection either.
 *
 * The server's side of the handshake ends with the first data, where the sandbox
 * speaks first; where it waits, as soon as the loop has nothing better to do (`confirm`),
 * and in front of the next outward connect, which it must not come behind.
 *
 * While there is a gate, the direction from the sandbox does not run: its bytes stay in
 * the inside's receive buffer, and each edge there asks the gate again. The other
 * direction, and the failure of either side, are as without it.
 *
 * What is over is closed when the loop has nothing better to do (`over`):
 * programs that open one connection after the other wait for the next SYN to
 * be answered, and nobody for this.
 *
 * Who frees: the owner, in or after `ended`.
 */
#include "engine/relay.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "engine/outward.h"

/* TCP_SYN_RECV of <netinet/tcp.h>, which does not go with <linux/tcp.h>. */
#define STATE_SYN_RECV 3

#define BULK_BYTES 16384 /* in one turn: nobody waits for the next so much */
#define LOOK_FIRST_US 1000
#define LOOK_LAST_US 100000
#define STUCK_US (2 * CF_US_PER_S)

uint32_t cf_relay_events(void)
{
    return EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;
}

uint64_t cf_relay_segments(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t length = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return 0;
    return info.tcpi_segs_in > 0 ? info.tcpi_segs_in - 1 : 0;
}

void cf_relay_side_close(struct cf_relay *relay, struct cf_relay_side *side)
{
    if (side == &relay->inside && side->fd >= 0)
        relay->segments = cf_relay_segments(side->fd);
    cf_loop_unwatch_close(relay->loop, &side->watch, &side->fd);
}

void cf_relay_confirm(struct cf_relay *relay)
{
    if (!relay->confirm.link)
        return;
    cf_loop_task_remove(relay->loop, &relay->confirm);
    cf_outward_ack_send(relay->outside.fd);
}

static void confirm_task(struct cf_task *task)
{
    cf_outward_ack_send(cf_container_of(task, struct cf_relay, confirm)->outside.fd);
}

void cf_relay_side_reset(struct cf_relay *relay, struct cf_relay_side *side)
{
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    cf_relay_confirm(relay); /* the server has a connection before it has the end of it */
    if (side->fd >= 0)
        setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    cf_relay_side_close(relay, side);
}

/* Let go of all but the sockets. */
static void stop(struct cf_relay *relay)
{
    cf_relay_confirm(relay);
    cf_loop_task_remove(relay->loop, &relay->task);
    cf_loop_timer_stop(relay->loop, &relay->timer);
    cf_splice_done(&relay->out, relay->pipes);
    cf_splice_done(&relay->in, relay->pipes);
}

void cf_relay_done(struct cf_relay *relay)
{
    stop(relay);
    cf_relay_side_close(relay, &relay->inside);
    cf_relay_side_close(relay, &relay->outside);
}

void cf_relay_park(struct cf_relay *relay)
{
    stop(relay);
    cf_relay_side_close(relay, &relay->outside);
    cf_loop_unwatch(relay->loop, &relay->inside.watch);
    relay->parked = true;
}

static void end(struct cf_relay *relay)
{
    enum cf_flow_result result = CF_RESULT_CLOSED;

    if (relay->spent)
        result = CF_RESULT_LIMIT;
    else if (relay->error)
        result = relay->error == ETIMEDOUT ? CF_RESULT_TIMEOUT : CF_RESULT_RESET;
    cf_relay_done(relay);
    relay->ended(relay, result);
}

static void side_failed(struct cf_relay *relay, struct cf_relay_side *side, int error)
{
    side->failed = true;
    if (side == &relay->inside)
        relay->out.broken = true;
    else
        relay->in.broken = true;
    if (!relay->error)
        relay->error = error;
}

/* The side that stays for the reset when one has failed. */
static struct cf_relay_side *survivor(struct cf_relay *relay)
{
    return relay->inside.failed ? &relay->outside : &relay->inside;
}

/* Bytes in the send buffer that the peer has not confirmed, and would lose by a reset. */
static uint64_t unsent(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t length = sizeof info;
    int bytes = 0;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return 0; /* a socket pair: the other end has all that was sent (proxy/tls_pump.h) */
    if (info.tcpi_state == STATE_SYN_RECV)
        return 1; /* the handshake's last ACK has not come: the queue does not tell */
    return ioctl(fd, SIOCOUTQ, &bytes) < 0 || bytes < 0 ? 0 : (uint64_t)bytes;
}

static void look_again(struct cf_relay *relay, uint64_t progress)
{
    int64_t now = cf_clock_monotonic_us(), wait;

    if (relay->stuck_us == 0 || progress != relay->progress) {
        relay->progress = progress;
        relay->stuck_us = now;
    }
    wait = (now - relay->stuck_us) / 2;
    if (wait < LOOK_FIRST_US)
        wait = LOOK_FIRST_US;
    if (wait > LOOK_LAST_US)
        wait = LOOK_LAST_US;
    if (cf_loop_timer_start(relay->loop, &relay->timer, now + wait) < 0)
        relay->stuck_us = now - STUCK_US - 1; /* no memory to wait with */
}

static bool stuck(const struct cf_relay *relay)
{
    return relay->stuck_us != 0 && cf_clock_monotonic_us() - relay->stuck_us > STUCK_US;
}

/* All was handed to the survivor: reset it once its buffer is empty. */
static void reset_when_empty(struct cf_relay *relay)
{
    struct cf_relay_side *side = survivor(relay);
    uint64_t bytes = side->failed ? 0 : unsent(side->fd);

    if (!relay->resetting) {
        relay->resetting = true;
        relay->stuck_us = 0;
        stop(relay);
        cf_relay_side_close(relay, side == &relay->inside ? &relay->outside : &relay->inside);
        cf_loop_unwatch(relay->loop, &side->watch);
    }
    if (bytes > 0) {
        look_again(relay, bytes);
        if (!stuck(relay))
            return;
    }
    cf_relay_side_reset(relay, side);
    end(relay);
}

/* Nobody waits for the rest: both peers know all that there is to know. */
static void end_later(struct cf_relay *relay)
{
    stop(relay);
    relay->over = true;
    cf_loop_task_add_last(relay->loop, &relay->task);
}

/* Both ends of data were passed on: over once the sandbox has confirmed what is in the buffer. */
static void end_when_confirmed(struct cf_relay *relay)
{
    uint64_t bytes = unsent(relay->inside.fd);

    if (bytes == 0) {
        end_later(relay);
        return;
    }
    if (relay->outside.fd >= 0) {
        stop(relay);
        cf_relay_side_close(relay, &relay->outside);
    }
    look_again(relay, bytes);
}

/* Returns true when the direction is over. */
static bool run_one(struct cf_relay *relay, struct cf_splice *way, struct cf_relay_side *from,
                    struct cf_relay_side *to)
{
    switch (cf_splice_run(way, relay->pipes)) {
    case CF_SPLICE_AGAIN:
        cf_loop_task_add(relay->loop, &relay->task);
        return false;
    case CF_SPLICE_IDLE:
        return false;
    case CF_SPLICE_READ_FAILED:
        side_failed(relay, from, way->error);
        return true;
    case CF_SPLICE_WRITE_FAILED:
        side_failed(relay, to, way->error);
        return true;
    case CF_SPLICE_SPENT:
        relay->spent = true;
        return true;
    default:
        return true;
    }
}

/* No byte more may pass: what is in buffers goes with the connection. */
static void cut(struct cf_relay *relay)
{
    stop(relay);
    cf_relay_side_reset(relay, &relay->inside);
    cf_relay_side_reset(relay, &relay->outside);
    end(relay);
}

/* Returns false when the relay must not be touched any more. */
static bool gate_ask(struct cf_relay *relay)
{
    if (!relay->out.readable || relay->out_done)
        return true;
    switch (relay->gate(relay)) {
    case CF_GATE_WAIT:
        relay->out.readable = false; /* the next byte is an edge */
        return true;
    case CF_GATE_OPEN:
        relay->gate = NULL;
        return true;
    case CF_GATE_FAILED:
        side_failed(relay, &relay->inside, errno);
        relay->out_done = true;
        relay->gate = NULL;
        return true;
    default:
        return false;
    }
}

static void run(struct cf_relay *relay)
{
    struct cf_relay_side *inside = &relay->inside, *outside = &relay->outside;
    uint64_t before = relay->out.total + relay->in.total;

    if (relay->gate && !gate_ask(relay))
        return;
    if (!relay->gate && !relay->out_done && run_one(relay, &relay->out, inside, outside))
        relay->out_done = true;
    if (!relay->in_done && !relay->spent && run_one(relay, &relay->in, outside, inside))
        relay->in_done = true;
    if (relay->out.total + relay->in.total - before >= BULK_BYTES)
        cf_loop_bulk(relay->loop);
    if (relay->spent) {
        cut(relay);
        return;
    }
    /* A failure that the second run noted can leave bytes for the first: it is an edge of its own.
     */
    if ((inside->failed && relay->out_done) || (outside->failed && relay->in_done))
        reset_when_empty(relay);
    else if (relay->out_done && relay->in_done)
        end_when_confirmed(relay);
    else if ((inside->failed || outside->failed) && relay->timer.slot == 0)
        look_again(relay, relay->out.total + relay->in.total);
}

static void run_task(struct cf_task *task)
{
    struct cf_relay *relay = cf_container_of(task, struct cf_relay, task);

    if (relay->over)
        end(relay);
    else
        run(relay);
}

/* One side has failed, and what it sent before is still on its way to the other. */
static void timer_due(struct cf_timer *timer)
{
    struct cf_relay *relay = cf_container_of(timer, struct cf_relay, timer);

    if (relay->resetting) {
        reset_when_empty(relay);
        return;
    }
    if (relay->out_done && relay->in_done) {
        end_when_confirmed(relay);
        return;
    }
    look_again(relay, relay->out.total + relay->in.total);
    if (stuck(relay))
        reset_when_empty(relay);
}

/* An error after the end of data: no read will tell. */
static void error_after_end(struct cf_relay *relay, struct cf_relay_side *side)
{
    int error = 0;
    socklen_t length = sizeof error;

    if (getsockopt(side->fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error != 0)
        side_failed(relay, side, error);
}

static void inside_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_relay *relay = cf_container_of(watch, struct cf_relay, inside.watch);

    if (relay->over)
        return;
    cf_splice_from_events(&relay->out, events);
    cf_splice_to_events(&relay->in, events);
    if (events & EPOLLERR && relay->out_done)
        error_after_end(relay, &relay->inside);
    run(relay);
}

static void outside_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_relay *relay = cf_container_of(watch, struct cf_relay, outside.watch);

    if (relay->over)
        return;
    cf_splice_from_events(&relay->in, events);
    cf_splice_to_events(&relay->out, events);
    if (events & EPOLLERR && relay->in_done)
        error_after_end(relay, &relay->outside);
    run(relay);
}

void cf_relay_init(struct cf_relay *relay, struct cf_loop *loop, struct cf_pipe_pool *pipes,
                   void (*ended)(struct cf_relay *relay, enum cf_flow_result result))
{
    memset(relay, 0, sizeof *relay);
    relay->loop = loop;
    relay->pipes = pipes;
    relay->ended = ended;
    relay->inside.fd = relay->outside.fd = -1;
    relay->inside.watch.fd = relay->outside.watch.fd = -1;
    relay->task.fn = run_task;
    relay->confirm.fn = confirm_task;
    relay->timer.fn = timer_due;
    cf_list_init(&relay->shard.others);
}

void cf_relay_prepare(struct cf_relay *relay)
{
    cf_splice_init(&relay->out, relay->inside.fd, relay->outside.fd, relay->meter);
    cf_splice_init(&relay->in, relay->outside.fd, relay->inside.fd, relay->meter);
    relay->out.plain = relay->outside_plain;
}

int cf_relay_start(struct cf_relay *relay, uint32_t outside_events, int outside_error)
{
    int r;

    relay->inside.watch.fn = inside_ready;
    r = cf_loop_watch(relay->loop, &relay->inside.watch, relay->inside.fd, cf_relay_events());
    if (r < 0)
        return r;
    relay->outside.watch.fn = outside_ready;
    if (relay->outside.watch.fd < 0)
        r = cf_loop_watch(relay->loop, &relay->outside.watch, relay->outside.fd, cf_relay_events());
    if (r < 0) {
        cf_loop_unwatch(relay->loop, &relay->inside.watch);
        return r;
    }
    cf_splice_from_events(&relay->in, outside_events);
    if (outside_error)
        side_failed(relay, &relay->outside, outside_error);
    if (outside_events & ~(uint32_t)EPOLLOUT)
        cf_loop_task_add(relay->loop, &relay->task);
    cf_loop_task_add_last(relay->loop, &relay->confirm);
    return 0;
}

static int side_move(struct cf_relay *relay, struct cf_relay_side *side, struct cf_loop *loop)
{
    if (side->watch.fd < 0)
        return 0;
    cf_loop_unwatch(relay->loop, &side->watch);
    return cf_loop_watch(loop, &side->watch, side->fd, cf_relay_events());
}

int cf_relay_move(struct cf_relay *relay, struct cf_loop *loop, struct cf_pipe_pool *pipes)
{
    bool queued = relay->task.link != NULL, waits = relay->timer.slot != 0;
    int outside, inside = side_move(relay, &relay->inside, loop), timer = 0;

    outside = side_move(relay, &relay->outside, loop);
    cf_relay_confirm(relay);
    cf_loop_task_remove(relay->loop, &relay->task);
    cf_loop_timer_stop(relay->loop, &relay->timer);
    cf_splice_move(&relay->out, relay->pipes, pipes);
    cf_splice_move(&relay->in, relay->pipes, pipes);
    relay->loop = loop;
    relay->pipes = pipes;
    if (queued && relay->over)
        cf_loop_task_add_last(loop, &relay->task);
    else if (queued)
        cf_loop_task_add(loop, &relay->task);
    if (waits)
        timer = cf_loop_timer_start(loop, &relay->timer, relay->timer.due_us);
    return inside < 0 ? inside : outside < 0 ? outside : timer;
}

bool cf_relay_delivered(const struct cf_relay *relay)
{
    return relay->out_done || relay->resetting;
}
