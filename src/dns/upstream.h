/*
 * upstream.h - the servers that are asked, one after the other
 *
 * Whole messages go out and whole messages come back. No callback runs before
 * the turn of the loop that brought the answer ends, and none inside a call of
 * this header, so every function may be called from anywhere.
 */
#ifndef CF_DNS_UPSTREAM_H
#define CF_DNS_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "loop/loop.h"
#include "profile/profile.h"

struct cf_upstream;
struct cf_lookup;

/* Servers, and lookups under way at once. */
#define CF_UPSTREAM_SERVERS_MAX 32
#define CF_UPSTREAM_LOOKUPS_MAX 10000

struct cf_upstream_config {
    struct cf_loop *loop;
    const struct cf_addr_port *servers; /* none: those of resolv_conf */
    size_t n_servers;
    const char *resolv_conf; /* NULL: /etc/resolv.conf */
    const char *interface;   /* that all sockets are bound to (base/egress.h); NULL for none */
    uint32_t timeout_ms;     /* for each attempt */
    unsigned attempts;       /* for each server */
    enum cf_transport transport;

    /*
     * Told of each datagram from a server that answers no question which it
     * was asked, and which is dropped; n counts those of this server. Not from
     * inside a call of this header. NULL: nobody is told.
     */
    void (*unasked)(void *data, const struct cf_addr_port *server, uint64_t n,
                    const uint8_t *message, size_t length);
    /* Told when all answers that came together have been given. NULL: nobody is told. */
    void (*settled)(void *data);
    /*
     * Whether a server is asked by streams that stream_open() opens, and in no
     * other way (cares.h says what it returns). NULL: none is.
     */
    bool (*is_tunnelled)(void *data, const struct cf_addr_port *server);
    int (*stream_open)(void *data, const struct cf_addr_port *server);
    void *data;
};

/* Returns 0 or -errno with a message; -ENOENT when there is no server. */
int cf_upstream_new(const struct cf_upstream_config *config, struct cf_upstream **ret_upstream,
                    struct cf_error *err);
/* Lookups under way end without a callback. */
void cf_upstream_free(struct cf_upstream *upstream);

const struct cf_addr_port *cf_upstream_servers(const struct cf_upstream *upstream, size_t *ret_n);

/*
 * Ask. Servers are tried one after the other, beginning with the one that
 * answered last, until one gives an answer other than SERVFAIL, NOTIMP or
 * REFUSED; when none does, the last such answer is given. A truncated answer
 * is asked again over TCP, or given as it is when the transport is UDP alone;
 * an OPT that a server does not know is left out in the next try.
 *
 * message: a query with one question whose id is replaced; copied
 * opt_at:  where its OPT begins, which ends the message; 0 without one
 * fn:      called once; message is NULL when no server answered; server is the
 *          last one that was asked; both are borrowed for the call
 *
 * Returns 0, -ENOSPC when too many lookups are under way, or -ENOMEM.
 */
int cf_upstream_ask(struct cf_upstream *upstream, const uint8_t *message, size_t length,
                    size_t opt_at,
                    void (*fn)(void *data, const uint8_t *message, size_t length,
                               const struct cf_addr_port *server),
                    void *data, struct cf_lookup **ret_lookup);

/* fn will not be called; what is in the air comes back to nobody. */
void cf_upstream_cancel(struct cf_lookup *lookup);

/* "c-ares 1.18.1", as linked in. Static. */
const char *cf_upstream_library(void);

#endif
