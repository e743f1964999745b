/*
 * outcome.c - what became of a flow that went to a proxy, and what its program is told
 */
#include "proxy/outcome.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const why_names[] = {
    [CF_PROXY_CONNECTED] = "connected",
    [CF_PROXY_DOWN] = "down",
    [CF_PROXY_TIMEOUT] = "timeout",
    [CF_PROXY_CLOSED] = "closed",
    [CF_PROXY_MALFORMED] = "malformed",
    [CF_PROXY_UNTRUSTED] = "untrusted",
    [CF_PROXY_LOGIN] = "login",
    [CF_PROXY_DENIED] = "denied",
    [CF_PROXY_UNSUPPORTED] = "unsupported",
    [CF_PROXY_FAILED] = "failed",
    [CF_PROXY_EXHAUSTED] = "exhausted",
};
static_assert(N_OF(why_names) == CF_PROXY_WHY_COUNT, "each has a name");

const char *cf_proxy_why_name(enum cf_proxy_why why)
{
    return why_names[why];
}

static struct cf_proxy_outcome failed(int error, enum cf_flow_result result)
{
    return (struct cf_proxy_outcome) { CF_PROXY_FAILED, error, result };
}

static struct cf_proxy_outcome forbidden(enum cf_proxy_why why)
{
    return (struct cf_proxy_outcome) { why, EACCES, CF_RESULT_UNREACHABLE };
}

struct cf_proxy_outcome cf_proxy_outcome_of(enum cf_proxy_why why)
{
    switch (why) {
    case CF_PROXY_DOWN:
        return (struct cf_proxy_outcome) { why, ENETUNREACH, CF_RESULT_UNREACHABLE };
    case CF_PROXY_TIMEOUT:
        return (struct cf_proxy_outcome) { why, EHOSTUNREACH, CF_RESULT_TIMEOUT };
    case CF_PROXY_CLOSED:
    case CF_PROXY_MALFORMED:
        return (struct cf_proxy_outcome) { why, ECONNRESET, CF_RESULT_RESET };
    case CF_PROXY_FAILED:
        return failed(EHOSTUNREACH, CF_RESULT_UNREACHABLE);
    default:
        return forbidden(why);
    }
}

struct cf_proxy_outcome cf_proxy_outcome_local(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC:
    case EAGAIN:
    case EADDRNOTAVAIL:
        return (struct cf_proxy_outcome) { CF_PROXY_EXHAUSTED, error, CF_RESULT_LIMIT };
    default:
        return cf_proxy_outcome_of(CF_PROXY_DOWN);
    }
}

struct cf_proxy_outcome cf_proxy_outcome_socks5(unsigned reply)
{
    switch (reply) {
    case 2:
        return forbidden(CF_PROXY_DENIED);
    case 3:
        return failed(ENETUNREACH, CF_RESULT_UNREACHABLE);
    case 5:
        return failed(ECONNREFUSED, CF_RESULT_REFUSED);
    case 6:
        return failed(EHOSTUNREACH, CF_RESULT_TIMEOUT);
    case 7:
        return forbidden(CF_PROXY_UNSUPPORTED);
    case 8:
        return (struct cf_proxy_outcome) { CF_PROXY_UNSUPPORTED, ENETUNREACH,
                                           CF_RESULT_UNREACHABLE };
    default:
        return failed(EHOSTUNREACH, CF_RESULT_UNREACHABLE);
    }
}

struct cf_proxy_outcome cf_proxy_outcome_http(unsigned status)
{
    switch (status) {
    case 404:
    case 410:
        return failed(EHOSTUNREACH, CF_RESULT_UNREACHABLE);
    case 408:
    case 504:
        return failed(EHOSTUNREACH, CF_RESULT_TIMEOUT);
    case 401: /* tinyproxy's word for another password than its own */
    case 407:
    case 511:
        return forbidden(CF_PROXY_LOGIN);
    case 400: /* what a server says that is no proxy */
    case 405:
    case 501:
    case 505:
        return forbidden(CF_PROXY_UNSUPPORTED);
    default:
        if (status < 500)
            return forbidden(CF_PROXY_DENIED);
        return failed(EHOSTUNREACH, CF_RESULT_UNREACHABLE);
    }
}

/* RFC 9209, 2.3: proxy error types that say more than their status. */
static const struct {
    const char *type;
    struct cf_proxy_outcome outcome;
} status_errors[] = {
    { "dns_timeout", { CF_PROXY_FAILED, EHOSTUNREACH, CF_RESULT_TIMEOUT } },
    { "dns_error", { CF_PROXY_FAILED, EHOSTUNREACH, CF_RESULT_UNREACHABLE } },
    { "destination_not_found", { CF_PROXY_FAILED, EHOSTUNREACH, CF_RESULT_UNREACHABLE } },
    { "destination_unavailable", { CF_PROXY_FAILED, EHOSTUNREACH, CF_RESULT_UNREACHABLE } },
    { "destination_ip_prohibited", { CF_PROXY_DENIED, EACCES, CF_RESULT_UNREACHABLE } },
    { "destination_ip_unroutable", { CF_PROXY_FAILED, ENETUNREACH, CF_RESULT_UNREACHABLE } },
    { "connection_refused", { CF_PROXY_FAILED, ECONNREFUSED, CF_RESULT_REFUSED } },
    { "connection_terminated", { CF_PROXY_FAILED, ECONNRESET, CF_RESULT_RESET } },
    { "connection_timeout", { CF_PROXY_FAILED, EHOSTUNREACH, CF_RESULT_TIMEOUT } },
    { "http_request_denied", { CF_PROXY_DENIED, EACCES, CF_RESULT_UNREACHABLE } },
};

static bool is_token_end(char c)
{
    return !(isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.');
}

struct cf_proxy_outcome cf_proxy_outcome_proxy_status(unsigned status, const char *value)
{
    const char *at = strstr(value, "error=");

    for (size_t i = 0; at && i < N_OF(status_errors); i++) {
        size_t n = strlen(status_errors[i].type);

        if (strncmp(at + 6, status_errors[i].type, n) == 0 && is_token_end(at[6 + n]))
            return status_errors[i].outcome;
    }
    return cf_proxy_outcome_http(status);
}

/* "ERR_CONNECT_FAIL 111": squid's name for what went wrong, and its errno (Linux'). */
struct cf_proxy_outcome cf_proxy_outcome_squid(unsigned status, const char *value)
{
    static const char connect_fail[] = "ERR_CONNECT_FAIL ";

    if (strncmp(value, connect_fail, sizeof connect_fail - 1) != 0)
        return cf_proxy_outcome_http(status);
    switch (strtol(value + sizeof connect_fail - 1, NULL, 10)) {
    case ECONNREFUSED:
        return failed(ECONNREFUSED, CF_RESULT_REFUSED);
    case ENETUNREACH:
        return failed(ENETUNREACH, CF_RESULT_UNREACHABLE);
    case ETIMEDOUT:
        return failed(EHOSTUNREACH, CF_RESULT_TIMEOUT);
    default:
        return cf_proxy_outcome_http(status);
    }
}
