/*
 * way.h - what a run has of its proxy, and dials through it
 *
 * Where the proxy is, what TLS with it takes, who asks, and how long it may
 * take: everything that is the same for each flow. A proxy that is down is
 * found out by the flows, not here. Single-threaded, in the loop.
 */
#ifndef CF_PROXY_WAY_H
#define CF_PROXY_WAY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/error.h"
#include "loop/loop.h"
#include "profile/proxy.h"
#include "proxy/dial.h"
#include "proxy/target.h"

struct cf_proxy_way;

struct cf_proxy_way_config { /* everything but addrs is borrowed and outlives the way */
    struct cf_loop *loop;
    const struct cf_proxy *proxy;     /* one that has a URL */
    const struct cf_addr_port *addrs; /* its own addresses, unless it is reached by a path; copied */
    size_t n_addrs;                   /* those past CF_PROXY_RACE_MAX are not looked at */
    const char *password;             /* NULL: none */
    /* Of cf_proxy_way_prepare(); 0: CF_PROXY_READY_MS; negative: nothing is prepared. */
    int64_t ready_ms;
};

/* Connections that follow within this time do so often; as long waits one that is prepared. */
#define CF_PROXY_READY_MS 1000

/*
 * Returns 0 or -errno with a message: TLS without its library, or with
 * authorities that cannot be read (proxy/tls.h), or no memory.
 */
int cf_proxy_way_new(const struct cf_proxy_way_config *config, struct cf_proxy_way **ret_way,
                     struct cf_error *err);
/* No dial of it may be under way. TLS connections that still run are broken off. */
void cf_proxy_way_free(struct cf_proxy_way *way);

/* As the log names it, without secrets. */
const char *cf_proxy_way_url(const struct cf_proxy_way *way);

/* What is dialled is no connection over TCP, but a socket of the machine (unix(7)). */
bool cf_proxy_way_is_local(const struct cf_proxy_way *way);

/* Connections whose descriptors are closed and that still owe the proxy bytes. */
size_t cf_proxy_way_owing(const struct cf_proxy_way *way);

/* One flow's part of struct cf_proxy_dial_config. */
struct cf_proxy_call {
    struct cf_proxy_target target;
    bool udp;
    int (*make_socket)(void *data, const struct cf_addr *to);
    void (*done)(void *data, const struct cf_proxy_dialled *dialled);
    void *data;
};

/*
 * As cf_proxy_dial_start(), or with a connection that was prepared. A target that the proxy cannot be told by its name
 * goes by its address, when call has that too.
 */
int cf_proxy_way_dial(struct cf_proxy_way *way, const struct cf_proxy_call *call,
                      struct cf_proxy_dial **ret_dial);

/*
 * A dial has come to its end: where it began within ready_ms of the one before, have one
 * connection to the proxy ready for the next, when nothing else is to do. It is closed when
 * nobody takes it within ready_ms. make_socket as of struct cf_proxy_call; data outlives it.
 */
void cf_proxy_way_prepare(struct cf_proxy_way *way,
                          int (*make_socket)(void *data, const struct cf_addr *to), void *data);

/* Close what is ready, and prepare no other until two dials have come soon after one another again. */
void cf_proxy_way_unprepare(struct cf_proxy_way *way);

#endif
