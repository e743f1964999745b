/*
 * http_connect.h - HTTP's CONNECT: the request, and the reader of its answer
 *
 * RFC 9110, 9.3.6 (the method), RFC 9112 (HTTP/1.1 on the wire), RFC 7617
 * (Basic). Touches no socket: bytes go in, as they come, and the verdict is
 * the same however they were cut. No allocation.
 */
#ifndef CF_PROXY_HTTP_CONNECT_H
#define CF_PROXY_HTTP_CONNECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/basic.h"
#include "proxy/outcome.h"
#include "proxy/target.h"
#include "proxy/words.h"

/* The longest request. */
#define CF_HTTP_CONNECT_REQUEST_MAX (CF_PROXY_BASIC_SIZE + 2 * CF_PROXY_NAME_MAX + 128)

/* An answer's head, those of 1xx in front of it included, is no longer than this. */
#define CF_HTTP_CONNECT_HEAD_MAX 65536

/* Fields whose value is kept, for the log or for what it says of the failure. */
enum cf_http_connect_field {
    CF_HTTP_FIELD_OTHER,
    CF_HTTP_FIELD_PROXY_STATUS,
    CF_HTTP_FIELD_SQUID_ERROR,
    CF_HTTP_FIELD_AUTHENTICATE,
};

struct cf_http_connect {
    uint8_t state;       /* of http_connect.c */
    uint8_t field;       /* enum cf_http_connect_field: the one being read */
    uint8_t kept_field;  /* the one that is in value */
    uint8_t name_length; /* of the field being read, as far as it may be one of those */
    bool after_cr;
    char name[20];
    unsigned status; /* of the head being read; the final one's at the end */
    size_t n_head;   /* bytes taken so far */
    size_t n_line, n_value;
    char line[CF_PROXY_WORDS_RAW]; /* the status line behind the version */
    char value[CF_PROXY_WORDS_RAW];
};

/*
 * Write the request.
 *
 * login: NULL or without a user: no Proxy-Authorization
 * ret:   the caller wipes it after use (explicit_bzero(3))
 *
 * Returns its length, -EINVAL for a target that cannot be written (a name with
 * other than letters, digits, '-', '_' and '.', no name and no address) or a
 * user with a colon, -E2BIG for a login that is too long.
 */
int cf_http_connect_request(const struct cf_proxy_target *target,
                            const struct cf_proxy_login *login,
                            char ret[CF_HTTP_CONNECT_REQUEST_MAX]);

void cf_http_connect_init(struct cf_http_connect *reply);

/*
 * Take the next bytes of the answer.
 *
 * ret_taken: bytes that belong to the head; what follows is the tunnel's. All
 *            of them unless 1 is returned.
 *
 * Returns 0 when more is needed, 1 when the final head is complete (status
 * says which; 1xx heads are skipped), -EPROTO for what is no answer, or
 * -EMSGSIZE for a head past CF_HTTP_CONNECT_HEAD_MAX. After 1 or an error it
 * must not be called again.
 */
int cf_http_connect_read(struct cf_http_connect *reply, const void *data, size_t length,
                         size_t *ret_taken);

/* True for a final status that makes a tunnel (2xx). */
bool cf_http_connect_is_tunnel(const struct cf_http_connect *reply);

/* What a final status that makes none means; whatever has been read is enough after an error. */
struct cf_proxy_outcome cf_http_connect_outcome(const struct cf_http_connect *reply);

/* What the proxy said, as far as it was read: "403 Forbidden (ERR_ACCESS_DENIED 0)". */
void cf_http_connect_words(const struct cf_http_connect *reply, const struct cf_proxy_login *login,
                           char text[CF_PROXY_WORDS_SIZE]);

#endif
