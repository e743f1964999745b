/*
 * kept.h - answers as the servers sent them, while c-ares looks at a stub of each
 *
 * c-ares matches an answer with its query, and knows when to ask again: for
 * that it needs id, question, TC and the cookie (RFC 7873). Versions since 1.28
 * read all else too, write it anew, end every query of a socket on which
 * something stood that they cannot read, and wait no longer than five times
 * the average of earlier answers. So all that they get to see is a stub: the
 * answer's header and question, and an OPT whose size is the place where the
 * answer is kept.
 */
#ifndef CF_DNS_KEPT_H
#define CF_DNS_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dns/domain.h"
#include "dns/wire.h"

#define CF_KEPT_MAX 64

/* Header, question, OPT, a cookie at its longest. */
#define CF_KEPT_STUB_MAX (CF_WIRE_HEADER_SIZE + CF_DOMAIN_SIZE + 4 + 11 + 44)

/* All zero: none. */
struct cf_kept {
    struct {
        uint8_t *data;
        size_t length;
    } answers[CF_KEPT_MAX];
    size_t n;
    uint16_t first; /* the place of the first; no place is used again soon */
};

/*
 * Keep a copy of an answer and write its stub, which may take its place.
 *
 * Returns the length of the stub, or 0 when there is no room or memory, or no
 * whole header.
 */
size_t cf_kept_put(struct cf_kept *kept, const uint8_t *answer, size_t length,
                   uint8_t stub[CF_KEPT_STUB_MAX]);

/* The place that a stub of ours says; any number for another message. */
uint16_t cf_kept_place(const uint8_t *stub, size_t length);

/* The answer of a place, which is the caller's to free; NULL when there is none. */
uint8_t *cf_kept_take(struct cf_kept *kept, uint16_t place, size_t *ret_length);

/* Forget those that nobody took. */
void cf_kept_clear(struct cf_kept *kept);

/* What comes over TCP: each answer behind its length (RFC 1035, 4.2.2), and so the stubs. */
struct cf_kept_stream {
    size_t n_in, n_out, out_at;
    uint8_t in[2 + 65535];
    uint8_t out[CF_KEPT_MAX * (2 + CF_KEPT_STUB_MAX)];
};

/* As recv(2), of stubs: returns octets, 0 at the end, or -1 with errno. */
ssize_t cf_kept_stream_read(struct cf_kept_stream *stream, struct cf_kept *kept, int fd, void *at,
                            size_t size);

/* Is there more that can be read without the descriptor being ready? */
bool cf_kept_stream_ready(const struct cf_kept_stream *stream);
/* Are there stubs that were not read to their end? Their answers must be kept. */
bool cf_kept_stream_pending(const struct cf_kept_stream *stream);

#endif
