/*
 * stream.h - DNS over TCP, as the sandbox speaks it
 *
 * Private to the server, which says what holds (dns/server.h).
 */
#ifndef CF_DNS_STREAM_H
#define CF_DNS_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "dns/resolver.h"
#include "loop/loop.h"

struct cf_stream;

struct cf_streams {
    struct cf_loop *loop;
    struct cf_resolver *resolver;
    struct cf_stream *first;
    size_t n;
    uint64_t closed_segments; /* that came over streams which are closed */
};

/* See cf_dns_server_stream(). */
int cf_streams_open(struct cf_streams *streams, int fd, const struct cf_addr_port *src,
                    const struct cf_addr_port *asked,
                    void (*closed)(void *data, uint64_t bytes_out, uint64_t bytes_in), void *data);

/* Segments that came over all streams, open and closed. */
uint64_t cf_streams_segments(const struct cf_streams *streams);

/* Close every stream. */
void cf_streams_close(struct cf_streams *streams);

#endif
