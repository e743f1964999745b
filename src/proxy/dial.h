/*
 * dial.h - one connection through a proxy, from its addresses to the tunnel
 *
 * Connects to the proxy (Happy Eyeballs, RFC 8305), speaks TLS with it where
 * it is an https proxy, asks it for the target, and hands over a descriptor on
 * which the target is spoken to: nothing that came behind the proxy's answer
 * has been read, so a server that speaks first is heard. All that can go wrong
 * comes to one call of `done`.
 */
#ifndef CF_PROXY_DIAL_H
#define CF_PROXY_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "loop/loop.h"
#include "profile/proxy.h"
#include "proxy/outcome.h"
#include "proxy/target.h"
#include "proxy/tls.h"
#include "proxy/tls_pump.h"

struct cf_proxy_dial;

struct cf_proxy_dialled {
    struct cf_proxy_outcome outcome;
    int fd;                    /* non-blocking, close-on-exec; the callee's; -1 unless connected */
    const char *words;         /* what the proxy said, or why it was not heard; "": nothing */
    struct cf_addr_port proxy; /* the address that took the connection; NONE: none, or by path */
    struct cf_addr_port local; /* of the connection to the proxy; NONE like that */
    /*
     * What SOCKS 5 is bound to; of UDP ASSOCIATE, where datagrams go, never unspecified, while fd
     * is open. It is what the proxy says: who must not be made to send elsewhere compares.
     */
    struct cf_addr_port bound;
};

struct cf_proxy_dial_config {
    struct cf_loop *loop;
    enum cf_proxy_scheme scheme;
    const struct cf_addr_port *addrs; /* in the order of preference; copied (race.h) */
    size_t n_addrs;
    const char *path;              /* SOCKS5_UNIX: of its socket; copied */
    struct cf_tls *tls;            /* HTTPS; else NULL */
    struct cf_tls_pumps *pumps;    /* HTTPS; else NULL */
    struct cf_proxy_login login;   /* the strings outlive the dial */
    struct cf_proxy_target target; /* the name is copied; not looked at with udp */
    bool udp;                      /* UDP ASSOCIATE instead of a connection; SOCKS alone */
    int64_t timeout_ms;            /* for all of it */
    /*
     * Make a stream socket towards `to`, non-blocking and close-on-exec, as
     * the caller's sockets are to leave. Returns it or -errno.
     */
    int (*make_socket)(void *data, const struct cf_addr *to);
    /* Called once, and never from cf_proxy_dial_start(); the dial is gone by then. */
    void (*done)(void *data, const struct cf_proxy_dialled *dialled);
    void *data;
};

/*
 * Returns 0 (then `done` is called, unless it is cancelled before), -EINVAL
 * for a target, a login or a path that the proxy cannot be told, -EDESTADDRREQ
 * for no address of the proxy, -ENOMEM, or what epoll_ctl(2) failed with.
 */
int cf_proxy_dial_start(const struct cf_proxy_dial_config *config, struct cf_proxy_dial **ret_dial);

/*
 * Go as far as one can without knowing what for: connected, TLS spoken, logged in.
 * As cf_proxy_dial_start(), of one that has no target and is for a connection:
 * `done` is called, with no descriptor, when the proxy ends it or timeout_ms
 * have passed and nobody has taken it.
 */
int cf_proxy_dial_prepare(const struct cf_proxy_dial_config *config,
                          struct cf_proxy_dial **ret_dial);

/*
 * Make one that was prepared the dial to config's target, with its make_socket,
 * done, data and timeout_ms; all else is as it was. A proxy that ends it before
 * it has said a word is dialled again, once, for it may have tired of waiting.
 *
 * Returns 0 and goes on as if it had been started now, -EINVAL for a target that
 * the proxy cannot be told, or another -errno when it is of no use; after
 * any error it is only to be cancelled.
 */
int cf_proxy_dial_take(struct cf_proxy_dial *dial, const struct cf_proxy_dial_config *config);

/* The device that the connection to the proxy is bound to; 0 for none, or no connection yet. */
unsigned cf_proxy_dial_ifindex(const struct cf_proxy_dial *dial);

/*
 * The address of the connection to the proxy that is under way; that of the
 * preferred address when there are several, NONE when there is none, or by path.
 */
void cf_proxy_dial_local(const struct cf_proxy_dial *dial, struct cf_addr_port *ret_local);

/* Close and free it; `done` is not called. NULL is allowed. */
void cf_proxy_dial_cancel(struct cf_proxy_dial *dial);

#endif
