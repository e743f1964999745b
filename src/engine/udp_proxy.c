/*
 * udp_proxy.c - a UDP conversation by way of a SOCKS proxy
 *
 * How this works. A dial asks for an association. Where the proxy wants the
 * datagrams must be its own address, the one that took the control connection
 * (for one behind a socket of the file system: a loopback address): else it
 * could have us send into a network that the policy keeps closed. The control
 * connection is only watched: whatever comes by it, or its end, is the end.
 *
 * A destination that was given by name is known by its first answer from the
 * port that was asked; from then on as any other.
 */
#include "engine/udp_proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/egress.h"
#include "base/fd.h"
#include "base/hash.h"
#include "engine/internal.h"
#include "engine/outward.h"
#include "profile/protection.h"
#include "proxy/socks5.h"

struct waiting {
    struct cf_datagram datagram; /* first: it is what is given away */
    struct waiting *next;
    uint8_t bytes[];
};

struct cf_udp_proxy {
    struct cf_engine *engine;
    struct cf_proxy_dial *dial; /* NULL once it stands */
    struct cf_watch control;
    int control_fd;
    unsigned ifindex;
    void (*done)(void *data, int fd, const struct cf_proxy_dialled *dialled);
    void (*ended)(void *data);
    void *data;
    struct waiting *first, **tail;
    size_t n_waiting; /* bytes of memory */
    struct cf_addr_port peer;
    bool by_name; /* peer's address is not known yet */
    uint8_t header[CF_SOCKS5_UDP_HEADER_MAX];
    size_t header_length;
};

static int make_socket(void *data, const struct cf_addr *to)
{
    struct cf_udp_proxy *proxy = data;
    int fd = cf_outward_socket(to, SOCK_STREAM, IPPROTO_TCP, proxy->engine->config.interface);

    if (fd >= 0)
        proxy->ifindex = cf_egress_bound(fd);
    return fd;
}

/* Whether the proxy may have its datagrams there. */
static bool bound_is_own(const struct cf_proxy_dialled *dialled)
{
    if (dialled->proxy.addr.family == CF_FAMILY_NONE)
        return cf_egress_is_loopback(&dialled->bound.addr);
    return cf_addr_equal(&dialled->proxy.addr, &dialled->bound.addr);
}

/* The socket for datagrams. Returns it or -errno. */
static int outside_open(struct cf_udp_proxy *proxy, const struct cf_addr_port *to)
{
    int fd = cf_outward_socket(&to->addr, SOCK_DGRAM, IPPROTO_UDP,
                               proxy->engine->config.interface);
    int r = fd < 0 ? fd : cf_outward_connect(fd, to);

    if (fd >= 0 && r < 0)
        cf_fd_close(&fd);
    return r < 0 ? r : fd;
}

static void control_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_udp_proxy *proxy = cf_container_of(watch, struct cf_udp_proxy, control);

    (void)events;
    cf_loop_unwatch(proxy->engine->config.loop, &proxy->control);
    proxy->ended(proxy->data);
}

static void dialled(void *data, const struct cf_proxy_dialled *dialled)
{
    struct cf_udp_proxy *proxy = data;
    struct cf_proxy_dialled result = *dialled;
    int fd = -1, r = 0;

    proxy->dial = NULL;
    proxy->control_fd = dialled->fd;
    if (dialled->fd >= 0 && !bound_is_own(dialled)) {
        result.outcome = cf_proxy_outcome_of(CF_PROXY_MALFORMED);
        result.words = "datagrams are to go to an address that is not the proxy's own";
    } else if (dialled->fd >= 0) {
        r = fd = outside_open(proxy, &dialled->bound);
        if (fd >= 0)
            r = cf_loop_watch(proxy->engine->config.loop, &proxy->control, proxy->control_fd,
                              EPOLLIN | EPOLLRDHUP);
        if (r < 0) {
            cf_fd_close(&fd);
            result.outcome = cf_proxy_outcome_local(-r);
            result.words = strerror(-r);
        }
    }
    proxy->done(proxy->data, fd, &result);
}

int cf_udp_proxy_start(struct cf_engine *engine, const struct cf_judgement *judgement,
                       void (*done)(void *data, int fd, const struct cf_proxy_dialled *dialled),
                       void (*ended)(void *data), void *data, struct cf_udp_proxy **ret_proxy)
{
    const struct cf_proxy_target target = { judgement->proxy_name, judgement->target };
    struct cf_udp_proxy *proxy = calloc(1, sizeof *proxy);
    struct cf_proxy_call call = {
        .udp = true, .make_socket = make_socket, .done = dialled, .data = proxy
    };
    int r;

    if (!proxy)
        return -ENOMEM;
    proxy->engine = engine;
    proxy->done = done;
    proxy->ended = ended;
    proxy->data = data;
    proxy->tail = &proxy->first;
    proxy->control_fd = -1;
    proxy->control = (struct cf_watch) { .fd = -1, .fn = control_ready };
    proxy->peer = judgement->target;
    proxy->by_name = judgement->proxy_name != NULL;
    r = cf_socks5_udp_format(&target, proxy->header);
    if (r > 0) {
        proxy->header_length = (size_t)r;
        r = cf_proxy_way_dial(engine->config.proxy, &call, &proxy->dial);
    }
    if (r < 0) {
        cf_udp_proxy_free(proxy);
        return r;
    }
    *ret_proxy = proxy;
    return 0;
}

void cf_udp_proxy_refused(const struct cf_profile *profile, struct cf_judgement *judgement)
{
    judgement->route = CF_ROUTE_DIRECT;
    if (judgement->verdict.action != CF_ALLOW)
        return;
    if (profile->proxy.require)
        cf_protection_proxy_refused(profile, &judgement->verdict);
    if (judgement->target.addr.family == CF_FAMILY_NONE)
        cf_judge_deny(judgement, CF_REASON_PROXY_REQUIRED); /* a stand-in leads nowhere else */
}

void cf_udp_proxy_free(struct cf_udp_proxy *proxy)
{
    struct cf_datagram *datagram;

    if (!proxy)
        return;
    cf_proxy_dial_cancel(proxy->dial);
    cf_loop_unwatch(proxy->engine->config.loop, &proxy->control);
    cf_fd_close(&proxy->control_fd);
    while ((datagram = cf_udp_proxy_next(proxy)))
        free(datagram);
    free(proxy);
}

void cf_udp_proxy_wait(struct cf_udp_proxy *proxy, const struct cf_datagram *datagram)
{
    size_t size = sizeof(struct waiting) + datagram->length;
    struct waiting *waiting;

    if (proxy->n_waiting + size > CF_UDP_PROXY_WAIT_MAX)
        return;
    waiting = malloc(size);
    if (!waiting)
        return;
    waiting->datagram = *datagram;
    waiting->datagram.data = waiting->bytes;
    memcpy(waiting->bytes, datagram->data, datagram->length);
    waiting->next = NULL;
    *proxy->tail = waiting;
    proxy->tail = &waiting->next;
    proxy->n_waiting += size;
}

struct cf_datagram *cf_udp_proxy_next(struct cf_udp_proxy *proxy)
{
    struct waiting *waiting = proxy->first;

    if (!waiting)
        return NULL;
    proxy->first = waiting->next;
    if (!proxy->first)
        proxy->tail = &proxy->first;
    proxy->n_waiting -= sizeof *waiting + waiting->datagram.length;
    return &waiting->datagram;
}

unsigned cf_udp_proxy_ifindex(const struct cf_udp_proxy *proxy)
{
    return proxy->ifindex;
}

int cf_udp_proxy_send(struct cf_udp_proxy *proxy, int fd, const struct cf_datagram *datagrams,
                      int n)
{
    struct iovec iovs[2 * CF_DATAGRAMS_BATCH];
    struct mmsghdr headers[CF_DATAGRAMS_BATCH];
    int sent;

    memset(headers, 0, sizeof headers);
    for (int i = 0; i < n; i++) {
        iovs[2 * i] = (struct iovec) { proxy->header, proxy->header_length };
        iovs[2 * i + 1] = (struct iovec) { datagrams[i].data, datagrams[i].length };
        headers[i].msg_hdr.msg_iov = &iovs[2 * i];
        headers[i].msg_hdr.msg_iovlen = 2;
    }
    sent = sendmmsg(fd, headers, (unsigned)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

static bool is_peer(struct cf_udp_proxy *proxy, const struct cf_addr_port *from)
{
    if (proxy->by_name && from->port == proxy->peer.port) {
        proxy->peer.addr = from->addr;
        proxy->by_name = from->addr.family == CF_FAMILY_NONE;
        return true;
    }
    return cf_addr_port_equal(from, &proxy->peer);
}

int cf_udp_proxy_strip(struct cf_udp_proxy *proxy, struct cf_datagram *datagrams, int n)
{
    struct cf_addr_port from;
    size_t header;
    int kept = 0;

    for (int i = 0; i < n; i++) {
        if (cf_socks5_udp_parse(datagrams[i].data, datagrams[i].length, &from, &header) < 0 ||
            !is_peer(proxy, &from))
            continue;
        datagrams[kept] = datagrams[i];
        datagrams[kept].data += header;
        datagrams[kept].length -= header;
        kept++;
    }
    return kept;
}
