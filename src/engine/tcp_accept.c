/*
 * tcp_accept.c - the transparent listener, where held SYNs become connections
 *
 * How this works. The listener takes the SYN as one with fast open (RFC 7413)
 * that needs no cookie, so the socket is made for the SYN and not for the ACK
 * that follows. Otherwise the kernel swaps a request for a socket while that ACK
 * arrives, and for a moment a lookup finds neither: a program that writes at
 * once, from another CPU, then got a RST (about 1 of 40,000 connections on Linux
 * 6.18). The sandbox sees an ordinary handshake. Where the kernel refuses,
 * nothing but this is lost.
 *
 * What was accepted belongs to a flow when the four-tuple does and the sequence number
 * of the SYN that made it, which the kernel keeps for us. A SYN that went back in for
 * an earlier flow can wait in a queue, or its connection can, while the sandbox gives
 * up, resets, and takes the same port again: the four-tuple alone would pair the new
 * flow with a connection that is dead, and reset the one that is its own.
 *
 * For want of a descriptor to accept with, a flow that is still connecting is
 * given up, and its SYN answered as denied; the last is accepted in place of a
 * spare, without which no flow begins. Should that be gone too, what is connected
 * waits.
 */
#include "engine/tcp_accept.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "engine/internal.h"
#include "engine/packet.h"
#include "engine/tcp_flow.h"
#include "engine/tcp_held.h"

#define FASTOPEN_PENDING 65535 /* connections whose ACK has not come yet */
#define PAUSE_US INT64_C(50000)
#define ACCEPTS 64     /* in one turn; from 1 to 512, no difference was measured */
#define SACRIFICES 256 /* flows that are looked at for one that can go */

int cf_tcp_spare_open(struct cf_tcp *tcp)
{
    if (tcp->spare_fd >= 0)
        return 0;
    cf_loop_rest(tcp->engine->config.loop);
    tcp->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return tcp->spare_fd < 0 ? -errno : 0;
}

/* Was fd made by the SYN with this sequence number? Yes, where the kernel does not say. */
static bool made_by(int fd, uint32_t isn)
{
    uint8_t syn[CF_TCP_SYN_SIZE];
    socklen_t length = sizeof syn;
    struct cf_packet packet;

    return getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, &length) < 0 ||
           cf_packet_parse(syn, length, &packet) < 0 || packet.tcp.seq == isn;
}

/* The flow of what was accepted, when one waits for it. */
static struct cf_tcp_flow *accepted_find(struct cf_tcp *tcp, int fd, const struct sockaddr *peer)
{
    struct cf_flow_key key = { .protocol = IPPROTO_TCP };
    struct sockaddr_storage local;
    socklen_t length = sizeof local;
    struct cf_flow *found = NULL;
    struct cf_tcp_flow *flow;

    if (getsockname(fd, (struct sockaddr *)&local, &length) == 0 &&
        cf_addr_port_from_sockaddr(peer, &key.src) == 0 &&
        cf_addr_port_from_sockaddr((struct sockaddr *)&local, &key.dst) == 0)
        found = cf_flow_find(&tcp->engine->flows, &key);
    flow = found ? cf_container_of(found, struct cf_tcp_flow, flow) : NULL;
    return flow && flow->state == CF_TCP_INJECTED && made_by(fd, flow->isn) ? flow : NULL;
}

static int accept_next(struct cf_tcp *tcp, struct sockaddr_storage *ret_peer)
{
    socklen_t length = sizeof *ret_peer;

    return accept4(tcp->listener.fd, (struct sockaddr *)ret_peer, &length,
                   SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* The youngest flow that is still connecting, as far as is worth a look; or NULL. */
static struct cf_tcp_flow *connecting_find(struct cf_tcp *tcp)
{
    struct cf_list *at = tcp->live.prev;

    for (int i = 0; i < SACRIFICES && at != &tcp->live; i++, at = at->prev) {
        if (cf_tcp_flow_at(at)->state == CF_TCP_CONNECTING)
            return cf_tcp_flow_at(at);
    }
    return NULL;
}

/*
 * There is no descriptor to accept with. Those that nobody would miss go first. A
 * flow that is still connecting can be denied as any other, so it goes for one
 * that is connected. Returns false when there is none.
 */
static bool accept_make_room(struct cf_tcp *tcp, int error)
{
    struct cf_tcp_flow *flow;

    if (cf_engine_make_room(tcp->engine))
        return true;
    flow = connecting_find(tcp);
    cf_engine_warn(tcp->engine, CF_WARNING_RESOURCES, error);
    if (flow)
        cf_tcp_held_sacrifice(flow);
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
    struct cf_tcp_flow *flow = accepted_find(tcp, fd, peer);

    if (flow)
        cf_tcp_flow_pair(flow, fd);
    else
        cf_tcp_reset_close(tcp, fd);
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
    cf_tcp_spare_open(tcp);
    return fd >= 0;
}

bool cf_tcp_accept_one(struct cf_tcp *tcp)
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
        if (!cf_tcp_accept_one(tcp))
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

    cf_tcp_spare_open(tcp);
    if (cf_loop_watch(tcp->engine->config.loop, &tcp->listener, tcp->engine->config.gateway->tcp_fd,
                      EPOLLIN) < 0)
        cf_loop_timer_start(tcp->engine->config.loop, timer, cf_clock_monotonic_us() + PAUSE_US);
}

static void set_on(int fd, int level, int name)
{
    int on = 1;

    setsockopt(fd, level, name, &on, sizeof on);
}

int cf_tcp_accept_init(struct cf_tcp *tcp, struct cf_error *err)
{
    int r, fd = tcp->engine->config.gateway->tcp_fd, pending = FASTOPEN_PENDING;

    tcp->pause.fn = pause_over;
    tcp->listener.fn = listener_ready;
    tcp->listener.urgent = true;
    tcp->spare_fd = -1;
    cf_tcp_spare_open(tcp);
    /* What is accepted from a listener has these from birth. */
    set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    set_on(fd, SOL_SOCKET, SO_OOBINLINE);
    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &pending, sizeof pending);
    set_on(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE);
    set_on(fd, IPPROTO_TCP, TCP_SAVE_SYN);
    r = cf_loop_watch(tcp->engine->config.loop, &tcp->listener, fd, EPOLLIN);
    return r < 0 ? cf_error_errno(err, r, "cannot watch the gateway's TCP listener") : 0;
}

void cf_tcp_accept_done(struct cf_tcp *tcp)
{
    cf_loop_unwatch(tcp->engine->config.loop, &tcp->listener);
    cf_loop_timer_stop(tcp->engine->config.loop, &tcp->pause);
    cf_fd_close(&tcp->spare_fd);
}
