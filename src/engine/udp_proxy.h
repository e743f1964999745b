/*
 * udp_proxy.h - a UDP conversation by way of a SOCKS proxy (RFC 1928, 7)
 *
 * One association for each flow. Until it stands, datagrams wait; it lasts as
 * long as its control connection. What is sent has the header that names the
 * destination, and only what comes from there is taken.
 */
#ifndef CF_ENGINE_UDP_PROXY_H
#define CF_ENGINE_UDP_PROXY_H

#include <stddef.h>

#include "engine/datagrams.h"
#include "engine/judge.h"
#include "proxy/dial.h"

struct cf_engine;
struct cf_udp_proxy;

/*
 * Memory for datagrams that wait: the largest that there is, or many small ones. Others are
 * lost, as in any full queue.
 */
#define CF_UDP_PROXY_WAIT_MAX (72u << 10)

/*
 * judgement: for where it goes; not kept
 * done:      called once, not from here. fd: the outward socket, connected to the
 *            proxy, the callee's; -1 when outcome says why there is none. From
 *            there the association may be freed.
 * ended:     called once after that, when the proxy has ended it
 *
 * Returns 0 or -errno.
 */
int cf_udp_proxy_start(struct cf_engine *engine, const struct cf_judgement *judgement,
                       void (*done)(void *data, int fd, const struct cf_proxy_dialled *dialled),
                       void (*ended)(void *data), void *data, struct cf_udp_proxy **ret_proxy);
/* The proxy carries no UDP: what becomes of a flow that is allowed. */
void cf_udp_proxy_refused(const struct cf_profile *profile, struct cf_judgement *judgement);
/* NULL is allowed. */
void cf_udp_proxy_free(struct cf_udp_proxy *proxy);

/* Keep a copy of a datagram until it stands. */
void cf_udp_proxy_wait(struct cf_udp_proxy *proxy, const struct cf_datagram *datagram);

/* The next of those, to be freed; NULL when there is none. */
struct cf_datagram *cf_udp_proxy_next(struct cf_udp_proxy *proxy);

/* The device that the control connection is bound to; 0: none. */
unsigned cf_udp_proxy_ifindex(const struct cf_udp_proxy *proxy);

/* As cf_datagrams_send(), through fd of `done`. */
int cf_udp_proxy_send(struct cf_udp_proxy *proxy, int fd, const struct cf_datagram *datagrams,
                      int n);

/* Take the headers off, and out what is not from the destination. Returns how many are left. */
int cf_udp_proxy_strip(struct cf_udp_proxy *proxy, struct cf_datagram *datagrams, int n);

#endif
