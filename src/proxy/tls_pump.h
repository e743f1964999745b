/*
 * tls_pump.h - a TLS stream as a plain descriptor
 *
 * The engine's relay splices descriptors and knows no TLS. A pump stands
 * between: it gives one end of a socket pair away and moves bytes between the
 * other and the stream, in the loop. What passes is what a TCP connection has:
 *
 *   end of data    shutdown(2) of the descriptor  <->  close_notify
 *   a reset        ECONNRESET on the descriptor   <-   an error, or a FIN without close_notify
 *                  close(2) before the end came   ->   RST, behind what was written
 *   back-pressure  each side is read only as far as the other takes it
 *
 * Without kTLS: what the kernel gives to splice(2) there breaks off at a record
 * that is no data, such as the session tickets behind each handshake of TLS 1.3.
 *
 * A pump ends by itself, when both sides have ended or one has failed.
 */
#ifndef CF_PROXY_TLS_PUMP_H
#define CF_PROXY_TLS_PUMP_H

#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"
#include "proxy/tls.h"

/* How long a proxy may take for what is left when the descriptor is closed. */
#define CF_TLS_PUMP_LINGER_US (30 * INT64_C(1000000))

struct cf_tls_pumps;

/*
 * All pumps of a loop.
 *
 * ended: called when one has ended; may be NULL. It may not free them.
 *
 * Returns 0 or -ENOMEM.
 */
int cf_tls_pumps_new(struct cf_loop *loop, void (*ended)(void *data), void *data,
                     struct cf_tls_pumps **ret_pumps);
/* Those that still run are broken off: both sides see a reset. */
void cf_tls_pumps_free(struct cf_tls_pumps *pumps);

/* How many run. */
size_t cf_tls_pumps_count(const struct cf_tls_pumps *pumps);

/* How many run whose descriptor is closed: 0 when all that was to leave of these has left. */
size_t cf_tls_pumps_owing(const struct cf_tls_pumps *pumps);

/*
 * stream: its handshake is done; owned by the pump on success
 * ret_fd: non-blocking, close-on-exec; the caller's
 *
 * Returns 0 or -errno.
 */
int cf_tls_pump_start(struct cf_tls_pumps *pumps, struct cf_tls_stream *stream, int *ret_fd);

#endif
