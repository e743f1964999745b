/*
 * outcome.h - what became of a flow that went to a proxy, and what its program is told
 *
 * Three kinds of failure are kept apart:
 *
 *  - the destination did not take the connection, and the proxy says so: the
 *    program is told what the destination would have told it;
 *  - the proxy does not allow it: prohibited (EACCES), as every denial is;
 *  - the proxy itself is out of order: never ECONNREFUSED, which would be the
 *    destination's own word; the network behind it is unreachable
 *    (ENETUNREACH), or the connection was broken (ECONNRESET) when the proxy
 *    had taken it and then said nothing that makes sense.
 *
 * ETIMEDOUT cannot be told: Linux has no answer to a SYN that ends so, only
 * two minutes of silence. What took too long is EHOSTUNREACH, at once, and a
 * timeout in the log. ECONNRESET cannot be told either while the SYN waits: a RST
 * would be the destination's ECONNREFUSED. Whoever answers a SYN says EHOSTUNREACH.
 *
 *   SOCKS 5 (RFC 1928, 6)              errno         result in the log
 *   1 general failure                  EHOSTUNREACH  unreachable
 *   2 not allowed by ruleset           EACCES        unreachable
 *   3 network unreachable              ENETUNREACH   unreachable
 *   4 host unreachable                 EHOSTUNREACH  unreachable
 *   5 connection refused               ECONNREFUSED  refused
 *   6 TTL expired (1)                  EHOSTUNREACH  timeout
 *   7 command not supported            EACCES        unreachable
 *   8 address type not supported (2)   ENETUNREACH   unreachable
 *   others                             EHOSTUNREACH  unreachable
 *   no acceptable method, login failed EACCES        unreachable
 *
 *   HTTP (RFC 9110, 15)
 *   404, 410                           EHOSTUNREACH  unreachable
 *   408, 504                           EHOSTUNREACH  timeout
 *   401, 407, 511                      EACCES        unreachable
 *   other 3xx and 4xx (403, ...)       EACCES        unreachable
 *   500, 502, 503, other 5xx           EHOSTUNREACH  unreachable
 *   with Proxy-Status (RFC 9209, 2.3) or squid's X-Squid-Error, which say more, as these say
 *
 *   the proxy
 *   takes no connection                ENETUNREACH   unreachable
 *   has not answered in time           EHOSTUNREACH  timeout
 *   closes before it has answered      ECONNRESET    reset
 *   answers what is no answer          ECONNRESET    reset
 *   cannot be trusted (TLS)            EACCES        unreachable
 *
 * (1) sent for a connect that timed out, by dante and microsocks alike.
 * (2) a proxy without IPv6: programs go on to the next address.
 */
#ifndef CF_PROXY_OUTCOME_H
#define CF_PROXY_OUTCOME_H

#include "audit/event.h"

enum cf_proxy_why {
    CF_PROXY_CONNECTED,
    CF_PROXY_DOWN,        /* no address of it takes a connection */
    CF_PROXY_TIMEOUT,     /* it has not answered in time */
    CF_PROXY_CLOSED,      /* it closed before it had answered */
    CF_PROXY_MALFORMED,   /* its answer is none, or too long */
    CF_PROXY_UNTRUSTED,   /* no TLS with it, or none with the host that was meant */
    CF_PROXY_LOGIN,       /* it wants a login, or another one */
    CF_PROXY_DENIED,      /* it does not allow this */
    CF_PROXY_UNSUPPORTED, /* it cannot do this */
    CF_PROXY_FAILED,      /* it could not reach the destination */
    CF_PROXY_EXHAUSTED,   /* this process or machine has run out of something */
    CF_PROXY_WHY_COUNT
};

struct cf_proxy_outcome {
    enum cf_proxy_why why;
    int error; /* errno for the program, positive; 0 when connected */
    enum cf_flow_result result;
};

/* For a failure of the proxy itself: any but CONNECTED and EXHAUSTED. */
struct cf_proxy_outcome cf_proxy_outcome_of(enum cf_proxy_why why);

/* error (errno, positive) of a socket that could not be made: EXHAUSTED with that errno, or DOWN.
 */
struct cf_proxy_outcome cf_proxy_outcome_local(int error);

/* For a reply code of SOCKS 5 that is not 0. */
struct cf_proxy_outcome cf_proxy_outcome_socks5(unsigned reply);

/* For a final status of HTTP that is not 2xx. */
struct cf_proxy_outcome cf_proxy_outcome_http(unsigned status);

/*
 * The same, told more exactly by what stands in Proxy-Status or X-Squid-Error.
 *
 * value: of the field, terminated; unknown words change nothing
 */
struct cf_proxy_outcome cf_proxy_outcome_proxy_status(unsigned status, const char *value);
struct cf_proxy_outcome cf_proxy_outcome_squid(unsigned status, const char *value);

/* As the log writes it: "denied". */
const char *cf_proxy_why_name(enum cf_proxy_why why);

#endif
