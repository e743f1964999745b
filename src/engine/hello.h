/*
 * hello.h - the name that a connection shows before it is answered
 *
 * Of TLS the server name of the ClientHello (RFC 8446, 4.1.2; RFC 6066, 3), of
 * HTTP/1.x the host of the first request (RFC 9110, 7.2; RFC 9112, 3.2). What two
 * servers could read in two ways shows no name here. Pure: no I/O, no state.
 */
#ifndef CF_ENGINE_HELLO_H
#define CF_ENGINE_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "profile/endpoint.h"

/* Bytes in which a name must be shown: a whole ClientHello, or the header section of a request. */
#define CF_HELLO_MAX 32768

#define CF_HELLO_TEXT_SIZE 256
#define CF_HELLO_ALPN_SIZE 128

enum cf_hello_status {
    CF_HELLO_MORE,     /* not whole yet, and nothing is wrong so far */
    CF_HELLO_NAMED,    /* whole, and it shows a name */
    CF_HELLO_NAMELESS, /* it shows none, whatever follows: malformed, too long, another protocol */
};

enum cf_hello_kind { CF_HELLO_UNKNOWN, CF_HELLO_TLS, CF_HELLO_HTTP };

struct cf_hello {
    enum cf_hello_kind kind; /* what it looks like */
    /* When it shows a name: */
    char text[CF_HELLO_TEXT_SIZE]; /* as shown, without port; other than printable ASCII as '?' */
    char name[CF_NAME_SIZE];       /* the same as cf_name_normalize() has it; "" when it is none */
    struct cf_addr addr;           /* of a literal address; family NONE otherwise */
    char alpn[CF_HELLO_ALPN_SIZE]; /* what TLS offers (RFC 7301), by commas; cut; "" for none */
};

/*
 * Read what a client has sent so far, from its first byte on.
 *
 * ret_hello: written in any case; whole only for NAMED. Neither name nor addr:
 *            what is shown can be no host, or it is two that differ
 */
enum cf_hello_status cf_hello_read(const uint8_t *data, size_t length, struct cf_hello *ret_hello);

/* What is kept between looks at one connection; zeroed before the first. */
struct cf_hello_wait {
    uint32_t seen; /* bytes at the last look */
    uint32_t due;  /* with as many it is read again, whatever they are */
};

/*
 * The same, of what has grown since the last look: all of it is read again only
 * where the answer can be another. What has become NAMELESS behind the first 1,024
 * bytes may be told late: at the end of the message at the latest. However many
 * looks there are, the work is that of some hundred bytes for each byte.
 *
 * length: not less than at the last look
 */
enum cf_hello_status cf_hello_read_on(const uint8_t *data, size_t length,
                                      struct cf_hello_wait *wait, struct cf_hello *ret_hello);

#endif
