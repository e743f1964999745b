/*
 * streams.h - streams through a proxy that can be written to before they stand
 *
 * For who wants a descriptor at once, as c-ares does: it gets one end of a
 * socket pair, and what it writes waits there until the tunnel of the proxy
 * stands. From then on bytes are moved between the two; each side is read only
 * as far as the other takes it. A stream ends when either side does: a tunnel
 * that comes to nothing shows as the end of data. Single-threaded, in the loop.
 */
#ifndef CF_PROXY_STREAMS_H
#define CF_PROXY_STREAMS_H

#include <stddef.h>

#include "base/addr.h"
#include "loop/loop.h"
#include "proxy/way.h"

struct cf_proxy_streams;

/* Streams at once. */
#define CF_PROXY_STREAMS_MAX 256

struct cf_proxy_streams_config {
    struct cf_loop *loop;
    /* As cf_proxy_way_dial(). */
    int (*dial)(void *data, const struct cf_proxy_call *call, struct cf_proxy_dial **ret_dial);
    /* As that of struct cf_proxy_dial_config. */
    int (*make_socket)(void *data, const struct cf_addr *to);
    /* Told of each dial that came to nothing; dialled is borrowed for the call. */
    void (*failed)(void *data, const struct cf_addr_port *to,
                   const struct cf_proxy_dialled *dialled);
    void *data;
};

/* Returns 0 or -ENOMEM. */
int cf_proxy_streams_new(const struct cf_proxy_streams_config *config, struct cf_proxy_streams **ret_streams);
/* Dials are cancelled and streams end. NULL is allowed. */
void cf_proxy_streams_free(struct cf_proxy_streams *streams);

size_t cf_proxy_streams_count(const struct cf_proxy_streams *streams);

/*
 * Open a stream to an address.
 *
 * Returns a descriptor, non-blocking and close-on-exec, the caller's; -ENOSPC
 * when there are too many, or another -errno: of a dial too that does not start.
 */
int cf_proxy_streams_open(struct cf_proxy_streams *streams, const struct cf_addr_port *to);

#endif
