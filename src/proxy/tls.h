/*
 * tls.h - TLS towards an https proxy
 *
 * By OpenSSL 3, which is loaded when the first context is made, so that who
 * has no such proxy does not pay for it. The host of the proxy is always
 * verified: its certificate must be for that very name or address (RFC 9525)
 * and lead to an authority that is trusted. TLS 1.2 or later; the name is sent
 * (SNI, RFC 6066, 3), and http/1.1 is the protocol inside (RFC 7301).
 *
 * A stream reads and writes its own non-blocking socket, and never waits.
 * Single-threaded. The process ignores SIGPIPE.
 */
#ifndef CF_PROXY_TLS_H
#define CF_PROXY_TLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct cf_tls;
struct cf_tls_stream;

struct cf_tls_config {
    const char *host;   /* whom the certificate must be for: a name, or an address as text */
    const char *ca_pem; /* authorities, and no others; NULL: the system's */
    size_t ca_length;
};

/*
 * Load the library and make a context; config is not needed after.
 *
 * Returns 0, -ENOPKG when there is no OpenSSL 3, -EINVAL when ca_pem has no
 * certificate or one that cannot be read, -ENOMEM or -EIO.
 */
int cf_tls_new(const struct cf_tls_config *config, struct cf_tls **ret_tls, struct cf_error *err);
/* No stream of it may be open. */
void cf_tls_free(struct cf_tls *tls);

/* "OpenSSL 3.0.22 ..."; NULL while it is not loaded. */
const char *cf_tls_library(void);

/*
 * A stream over a connected socket.
 *
 * fd: owned by the stream on success, closed with it
 *
 * Returns 0 or -ENOMEM.
 */
int cf_tls_stream_open(struct cf_tls *tls, int fd, struct cf_tls_stream **ret_stream);
/* Closes the socket as it is; without cf_tls_finish() the other side sees a truncation. */
void cf_tls_stream_close(struct cf_tls_stream *stream);

int cf_tls_stream_fd(const struct cf_tls_stream *stream);

/*
 * All of these return -EAGAIN when the socket has to become ready first, for
 * what cf_tls_wants() says; -ECONNRESET when the other side is gone without an
 * end of its own (also a FIN without close_notify: RFC 8446, 6.1); -EPROTO
 * when what it sends is no TLS, or the certificate is not to be trusted. After
 * a failure nothing but cf_tls_words() and cf_tls_stream_close() may be called.
 */
int cf_tls_handshake(struct cf_tls_stream *stream);
/* Bytes taken; after -EAGAIN the same bytes must come again, more may follow them. */
ssize_t cf_tls_send(struct cf_tls_stream *stream, const void *data, size_t length);
/* Look at bytes that have come; 0 at their end (close_notify). */
ssize_t cf_tls_peek(struct cf_tls_stream *stream, void *data, size_t size);
/* Take away bytes that were looked at: no more than the last look gave. */
void cf_tls_take(struct cf_tls_stream *stream, void *scratch, size_t length);
/* Send the end (close_notify); more may still come. 0 once it is sent. */
int cf_tls_finish(struct cf_tls_stream *stream);

/* EPOLLIN or EPOLLOUT, after -EAGAIN. */
uint32_t cf_tls_wants(const struct cf_tls_stream *stream);

/* Why it failed: "hostname mismatch"; "" when it has not. */
const char *cf_tls_words(const struct cf_tls_stream *stream);

#endif
