/*
 * kept.c - answers as the servers sent them, while c-ares looks at a stub of each
 */
#include "dns/kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define OPTION_COOKIE 10
#define COOKIE_MIN 8
#define COOKIE_MAX 40
#define RCODE_BADCOOKIE 23

/* What c-ares needs of the answer's own OPT. */
struct opt {
    const uint8_t *cookie; /* the whole option */
    size_t cookie_length;
    bool bad_cookie;
};

static void opt_read(const uint8_t *answer, const struct cf_wire_rr *rr, struct opt *ret_opt)
{
    const uint8_t *at = answer + rr->rdata_at, *end = at + rr->rdata_length;

    ret_opt->bad_cookie =
        (answer[rr->ttl_at] << 4 | (answer[3] & CF_WIRE_RCODE_MASK)) == RCODE_BADCOOKIE;
    while (end - at >= 4 && end - at - 4 >= cf_wire_u16(at + 2)) {
        size_t length = cf_wire_u16(at + 2);

        if (cf_wire_u16(at) == OPTION_COOKIE && length >= COOKIE_MIN && length <= COOKIE_MAX) {
            ret_opt->cookie = at;
            ret_opt->cookie_length = 4 + length;
            return;
        }
        at += 4 + length;
    }
}

/* An answer that cannot be read to its OPT has no cookie. */
static void opt_find(const uint8_t *answer, size_t length, size_t at, struct opt *ret_opt)
{
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;

    *ret_opt = (struct opt) { 0 };
    if (cf_wire_u16(answer + 10) == 0)
        return;
    cf_wire_walk_start(&walk, answer, length, at);
    while (cf_wire_walk_next(&walk, &rr) > 0) {
        if (rr.section == CF_SECTION_ADDITIONAL && rr.type == CF_TYPE_OPT) {
            opt_read(answer, &rr, ret_opt);
            return;
        }
    }
}

/*
 * REFUSED is a code that c-ares gives no thought to here: it passes it on, does
 * not count it for the time that it waits, and does not ask again without OPT.
 */
static size_t stub_make(uint8_t stub[CF_KEPT_STUB_MAX], const uint8_t *answer, size_t length,
                        uint16_t place)
{
    uint16_t tc = cf_wire_u16(answer + 2) & CF_WIRE_TC;
    size_t n = CF_WIRE_HEADER_SIZE, next;
    struct opt opt = { 0 };
    struct cf_domain name;
    bool question = cf_wire_u16(answer + 4) == 1 &&
                    cf_domain_read(answer, length, n, &name, &next) == 0 && length - next >= 4;

    if (question)
        opt_find(answer, length, next + 4, &opt);
    memcpy(stub, answer, 2);
    cf_wire_put_u16(stub + 2, CF_WIRE_QR | tc |
                                  (opt.bad_cookie ? RCODE_BADCOOKIE & CF_WIRE_RCODE_MASK
                                                  : CF_RCODE_REFUSED));
    memcpy(stub + 4, (uint8_t[]) { 0, question, 0, 0, 0, 0, 0, 1 }, 8);
    if (question) {
        memcpy(stub + n, name.bytes, name.length);
        memcpy(stub + n + name.length, answer + next, 4);
        n += name.length + (size_t)4;
    }
    memset(stub + n, 0, 11);
    stub[n + 2] = CF_TYPE_OPT;
    cf_wire_put_u16(stub + n + 3, place);
    stub[n + 5] = opt.bad_cookie ? RCODE_BADCOOKIE >> 4 : 0;
    cf_wire_put_u16(stub + n + 9, (uint16_t)opt.cookie_length);
    n += 11;
    if (opt.cookie)
        memcpy(stub + n, opt.cookie, opt.cookie_length);
    return n + opt.cookie_length;
}

size_t cf_kept_put(struct cf_kept *kept, const uint8_t *answer, size_t length,
                   uint8_t stub[CF_KEPT_STUB_MAX])
{
    uint8_t *copy = NULL;

    if (length >= CF_WIRE_HEADER_SIZE && kept->n < CF_KEPT_MAX)
        copy = malloc(length);
    if (!copy)
        return 0;
    memcpy(copy, answer, length);
    kept->answers[kept->n].data = copy;
    kept->answers[kept->n].length = length;
    return stub_make(stub, copy, length, (uint16_t)(kept->first + kept->n++));
}

uint16_t cf_kept_place(const uint8_t *stub, size_t length)
{
    struct cf_domain name;
    size_t at = CF_WIRE_HEADER_SIZE;

    if (length < CF_WIRE_HEADER_SIZE + 11)
        return 0;
    if (cf_wire_u16(stub + 4) == 1) {
        if (cf_domain_read(stub, length, at, &name, &at) < 0 || length - at < 4 + 11)
            return 0;
        at += 4;
    }
    return cf_wire_u16(stub + at + 3);
}

uint8_t *cf_kept_take(struct cf_kept *kept, uint16_t place, size_t *ret_length)
{
    uint16_t i = (uint16_t)(place - kept->first);
    uint8_t *data;

    if (i >= kept->n)
        return NULL;
    data = kept->answers[i].data;
    kept->answers[i].data = NULL;
    *ret_length = kept->answers[i].length;
    return data;
}

void cf_kept_clear(struct cf_kept *kept)
{
    for (size_t i = 0; i < kept->n; i++)
        free(kept->answers[i].data);
    kept->first = (uint16_t)(kept->first + kept->n);
    kept->n = 0;
}

/* Turn whole answers into stubs. A frame that is less than a header is left out. */
static void stream_turn(struct cf_kept_stream *stream, struct cf_kept *kept)
{
    size_t at = 0;

    while (stream->n_in - at >= 2 && stream->n_in - at - 2 >= cf_wire_u16(stream->in + at) &&
           kept->n < CF_KEPT_MAX &&
           sizeof stream->out - stream->n_out >= 2 + CF_KEPT_STUB_MAX) {
        size_t length = cf_wire_u16(stream->in + at);
        size_t n = cf_kept_put(kept, stream->in + at + 2, length, stream->out + stream->n_out + 2);

        if (n) {
            cf_wire_put_u16(stream->out + stream->n_out, (uint16_t)n);
            stream->n_out += 2 + n;
        }
        at += 2 + length;
    }
    stream->n_in -= at;
    memmove(stream->in, stream->in + at, stream->n_in);
}

bool cf_kept_stream_pending(const struct cf_kept_stream *stream)
{
    return stream->out_at < stream->n_out;
}

bool cf_kept_stream_ready(const struct cf_kept_stream *stream)
{
    return cf_kept_stream_pending(stream) ||
           (stream->n_in >= 2 && stream->n_in - 2 >= cf_wire_u16(stream->in));
}

ssize_t cf_kept_stream_read(struct cf_kept_stream *stream, struct cf_kept *kept, int fd, void *at,
                            size_t size)
{
    size_t n;

    if (!cf_kept_stream_pending(stream)) {
        stream->out_at = stream->n_out = 0;
        if (!cf_kept_stream_ready(stream)) {
            ssize_t got = recv(fd, stream->in + stream->n_in, sizeof stream->in - stream->n_in, 0);

            if (got <= 0)
                return got;
            stream->n_in += (size_t)got;
        }
        stream_turn(stream, kept);
    }
    n = stream->n_out - stream->out_at;
    if (n == 0) {
        errno = EAGAIN;
        return -1;
    }
    n = n < size ? n : size;
    memcpy(at, stream->out + stream->out_at, n);
    stream->out_at += n;
    return (ssize_t)n;
}
