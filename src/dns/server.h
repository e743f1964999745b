/*
 * server.h - port 53 as the sandbox sees it: UDP datagrams and TCP streams
 */
#ifndef CF_DNS_SERVER_H
#define CF_DNS_SERVER_H

#include <stdbool.h>

#include "base/error.h"
#include "dns/resolver.h"
#include "loop/loop.h"

struct cf_dns_server;

/*
 * Answer UDP queries that arrive at the gateway's DNS sockets; each answer
 * leaves from the address that was asked (IP_PKTINFO).
 *
 * fd4, fd6: borrowed, -1 for none; they outlive the server
 */
int cf_dns_server_new(struct cf_loop *loop, struct cf_resolver *resolver, int fd4, int fd6,
                      struct cf_dns_server **ret_server, struct cf_error *err);
/*
 * Take up all datagrams that have come, when nobody is left to send more: each question that
 * was asked has its event, answered or not.
 */
void cf_dns_server_drain(struct cf_dns_server *server);

/* Also closes every stream. Call before cf_resolver_free(). */
void cf_dns_server_free(struct cf_dns_server *server);

/*
 * Packets from the sandbox that queries came in: datagrams, and segments as
 * the sockets of streams count them.
 */
uint64_t cf_dns_server_packets(const struct cf_dns_server *server);

/* Streams that are served at once. */
#define CF_DNS_STREAMS_MAX 256

/* Whether so many are open. */
bool cf_dns_server_is_full(const struct cf_dns_server *server);

/*
 * Serve one accepted TCP connection: messages with a two-byte length, any
 * number, pipelined, answered as they come (RFC 7766). Closed after 30 s
 * without a query, at a malformed length, or with the server.
 *
 * fd:     taken over on success
 * closed: called once, after fd was closed, with the bytes each way; may be NULL
 *
 * Returns 0 or -errno (-ENOSPC when it is full).
 */
int cf_dns_server_stream(struct cf_dns_server *server, int fd, const struct cf_addr_port *src,
                         const struct cf_addr_port *asked,
                         void (*closed)(void *data, uint64_t bytes_out, uint64_t bytes_in),
                         void *data);

#endif
