/*
 * cares.h - one DNS server, asked through c-ares
 *
 * One attempt for each query: whether and where another is made is the
 * caller's to decide. Single-threaded, in the loop.
 */
#ifndef CF_DNS_CARES_H
#define CF_DNS_CARES_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "loop/loop.h"
#include "profile/profile.h"

struct cf_cares;

struct cf_cares_config {
    struct cf_loop *loop;
    struct cf_addr_port server;
    uint32_t timeout_ms;
    enum cf_transport transport;
    const char *interface; /* that all sockets are bound to (base/egress.h); NULL for none */
    /* Told of each datagram that answers nothing that was asked from its port. */
    void (*unasked)(void *data, const uint8_t *message, size_t length);
    /*
     * Open a stream to the server in another way than by a socket of ours: a
     * non-blocking descriptor that is c-ares' from then on, or -errno. What is
     * written may wait in it until it is connected. NULL: by a socket. When
     * set, the transport is TCP whatever is said above, and the stream stays
     * open behind the last answer.
     */
    int (*stream_open)(void *data);
    void *data;
};

/* Part of what the query belongs to; stays until fn was called. */
struct cf_cares_query {
    struct cf_cares *cares;
    /*
     * Called once, also from inside cf_cares_send() and cf_cares_free(). answer:
     * as the server sent it, fn's to free; NULL when there was none.
     */
    void (*fn)(struct cf_cares_query *query, uint8_t *answer, size_t length);
};

/* Returns 0 or -errno with a message. */
int cf_cares_new(const struct cf_cares_config *config, struct cf_cares **ret_cares,
                 struct cf_error *err);
/* Queries under way end without an answer. Not from inside a callback. */
void cf_cares_free(struct cf_cares *cares);

/* message: a query with one question whose id is replaced; read in the call */
void cf_cares_send(struct cf_cares *cares, uint8_t *message, size_t length,
                   struct cf_cares_query *query);

/*
 * The servers that a resolv.conf names, as c-ares reads it; at most n_max.
 *
 * ret_addrs: the caller's to free
 *
 * Returns 0 or -errno with a message; -ENOENT when there is none, -E2BIG when there are more.
 */
int cf_cares_servers(const char *resolv_conf, size_t n_max, struct cf_addr_port **ret_addrs,
                     size_t *ret_n, struct cf_error *err);

/* The version that is linked in. Static. */
const char *cf_cares_version(void);

#endif
