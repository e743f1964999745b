/*
 * ports.h - the UDP sockets from which one server is asked
 *
 * The port changes after CF_PORTS_QUERIES queries, and an answer is taken at
 * the port alone that its question left from (RFC 5452, 9.2). Single-threaded;
 * only cf_ports_receive() and cf_ports_drop() call back.
 */
#ifndef CF_DNS_PORTS_H
#define CF_DNS_PORTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/addr.h"
#include "dns/asked.h"
#include "loop/loop.h"

/* Open at once. When more than CF_PORTS_FEW are, one serves CF_ASKED_MAX queries. */
#define CF_PORTS_MAX 256
#define CF_PORTS_FEW 64
#define CF_PORTS_QUERIES 16

/* All are closed when for so long no query has waited; longer than a tick of the kernel. */
#define CF_PORTS_REST_US 20000

struct cf_ports;

struct cf_ports_config {
    struct cf_loop *loop;
    struct cf_addr_port server;
    const char *interface; /* that each socket is bound to (base/egress.h); NULL for none */
    uint32_t wait_ms;      /* for as long after its last query an answer is waited for */
    /* A port has something: cf_ports_receive() until it says -EAGAIN, or cf_ports_drop(). */
    void (*ready)(void *data);
    /* Told of each datagram that answers nothing that was asked from its port. */
    void (*unasked)(void *data, const uint8_t *message, size_t length);
    void *data;
};

/* NULL without memory. No port is open before the first query. */
struct cf_ports *cf_ports_new(const struct cf_ports_config *config);
/* Not from inside ready(). */
void cf_ports_free(struct cf_ports *ports);

/* Send a query. Returns 0 or -errno of socket(2), cf_egress_bind(), connect(2) or send(2). */
int cf_ports_send(struct cf_ports *ports, const uint8_t *message, size_t length);

/* Where queries leave from now, as getsockname(2); a port is opened for it. Returns 0 or -errno. */
int cf_ports_local(struct cf_ports *ports, struct sockaddr *ret_sa, socklen_t *length);

/*
 * From inside ready(): take the next answer. Returns its length, -EAGAIN when
 * there is no more, or -errno of recv(2), such as -ECONNREFUSED.
 */
ssize_t cf_ports_receive(struct cf_ports *ports, void *at, size_t size);

/* From inside ready(), where nobody waits: take all that came; what answers nothing is told of. */
void cf_ports_drop(struct cf_ports *ports);

/* Close all: no query waits for an answer any more. */
void cf_ports_close(struct cf_ports *ports);

/*
 * The same after CF_PORTS_REST_US, unless a query is sent before. A port for the
 * next query is opened then.
 */
void cf_ports_rest(struct cf_ports *ports);

#endif
