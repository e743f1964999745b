/*
 * http_connect.c - HTTP's CONNECT: the request, and the reader of its answer
 *
 * How this works. The reader takes one byte at a time:
 *
 *   VERSION   "HTTP/1." and a digit and a blank, byte for byte
 *   CODE      three digits, then a blank or the line's end
 *   REASON    up to the line's end
 *   LINE      at the beginning of a field, of a folded line or of the last, empty line
 *   FIRST     as LINE, but nothing to fold yet
 *   NAME      a field's name, up to the colon
 *   VALUE     up to the line's end
 *
 * A line ends with CR LF or a bare LF (RFC 9112, 2.2); a CR before anything
 * else, and a NUL anywhere, are errors. An empty line behind 1xx begins the
 * next head, behind anything else it ends the reading. Content-Length and
 * Transfer-Encoding of a 2xx are read like any field and mean nothing (RFC
 * 9110, 9.3.6). Of a refusal the body is not read at all.
 */
#include "proxy/http_connect.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

enum state { VERSION, CODE, AFTER_CODE, REASON, FIRST, LINE, NAME, VALUE };

static const char version[] = "HTTP/1.";

/* The fields that are kept; the first of these that comes is. */
static const struct {
    const char *name;
    enum cf_http_connect_field field;
} fields[] = {
    { "proxy-status", CF_HTTP_FIELD_PROXY_STATUS },
    { "x-squid-error", CF_HTTP_FIELD_SQUID_ERROR },
    { "proxy-authenticate", CF_HTTP_FIELD_AUTHENTICATE },
};

static bool is_name(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > CF_PROXY_NAME_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
            return false;
    }
    return true;
}

/* "name:port", "192.0.2.1:443" or "[2001:db8::1]:443". Returns 0 or -EINVAL. */
static int authority_format(const struct cf_proxy_target *target, char *text, size_t size)
{
    char addr[CF_ADDR_PORT_TEXT_SIZE];

    if (target->name) {
        if (!is_name(target->name))
            return -EINVAL;
        snprintf(text, size, "%s:%u", target->name, (unsigned)target->at.port);
        return 0;
    }
    if (target->at.addr.family == CF_FAMILY_NONE)
        return -EINVAL;
    snprintf(text, size, "%s", cf_addr_port_format(&target->at, addr));
    return 0;
}

int cf_http_connect_request(const struct cf_proxy_target *target,
                            const struct cf_proxy_login *login,
                            char ret[CF_HTTP_CONNECT_REQUEST_MAX])
{
    char authority[CF_PROXY_NAME_MAX + 8];
    int r = authority_format(target, authority, sizeof authority), n;

    if (r < 0)
        return r;
    n = snprintf(ret, CF_HTTP_CONNECT_REQUEST_MAX, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", authority,
                 authority);
    if (login && login->user) {
        n += snprintf(ret + n, CF_HTTP_CONNECT_REQUEST_MAX - (size_t)n,
                      "Proxy-Authorization: Basic ");
        r = cf_proxy_basic_format(login, ret + n);
        if (r < 0)
            return r;
        n += r;
        n += snprintf(ret + n, CF_HTTP_CONNECT_REQUEST_MAX - (size_t)n, "\r\n");
    }
    n += snprintf(ret + n, CF_HTTP_CONNECT_REQUEST_MAX - (size_t)n, "\r\n");
    return n;
}

static void head_begin(struct cf_http_connect *reply)
{
    reply->state = VERSION;
    reply->status = 0;
    reply->n_line = 0;
    reply->n_value = 0;
    reply->kept_field = CF_HTTP_FIELD_OTHER;
}

void cf_http_connect_init(struct cf_http_connect *reply)
{
    memset(reply, 0, sizeof *reply);
    head_begin(reply);
}

static void keep(char *text, size_t *length, char c)
{
    if (*length < CF_PROXY_WORDS_RAW)
        text[(*length)++] = c;
}

/* RFC 9110, 5.6.2. */
static bool is_token(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* One byte of "HTTP/1.x ": n_line counts them. */
static int version_read(struct cf_http_connect *reply, char c)
{
    const size_t n = sizeof version - 1, at = reply->n_line;

    keep(reply->line, &reply->n_line, c);
    if (at < n ? c != version[at] : at == n ? !isdigit((unsigned char)c) : c != ' ')
        return -EPROTO;
    if (at > n) {
        reply->state = CODE;
        reply->n_line = 0;
    }
    return 0;
}

static int code_read(struct cf_http_connect *reply, char c)
{
    keep(reply->line, &reply->n_line, c);
    if (!isdigit((unsigned char)c) || (reply->n_line == 1 && c == '0'))
        return -EPROTO;
    reply->status = reply->status * 10 + (unsigned)(c - '0');
    if (reply->n_line == 3)
        reply->state = AFTER_CODE;
    return 0;
}

/* An empty line: the head is complete. Returns 1, 0 behind 1xx, or -EPROTO. */
static int head_end(struct cf_http_connect *reply)
{
    if (reply->status == 101) /* to what? nothing was offered (RFC 9110, 15.2.2) */
        return -EPROTO;
    if (reply->status >= 200)
        return 1;
    head_begin(reply);
    return 0;
}

static int line_end(struct cf_http_connect *reply)
{
    switch (reply->state) {
    case AFTER_CODE:
    case REASON:
        reply->state = FIRST;
        return 0;
    case FIRST:
    case LINE:
        return head_end(reply);
    case VALUE:
        reply->state = LINE;
        return 0;
    default:
        return -EPROTO;
    }
}

/* A field's name has ended: is its value one to keep? */
static void name_end(struct cf_http_connect *reply)
{
    reply->field = CF_HTTP_FIELD_OTHER;
    for (size_t i = 0; i < N_OF(fields); i++) {
        if (reply->name_length == strlen(fields[i].name) &&
            strncasecmp(reply->name, fields[i].name, reply->name_length) == 0 &&
            reply->kept_field == CF_HTTP_FIELD_OTHER) {
            reply->field = (uint8_t)fields[i].field;
            reply->kept_field = reply->field;
        }
    }
    reply->state = VALUE;
}

static int name_read(struct cf_http_connect *reply, char c)
{
    if (c == ':' && reply->name_length > 0) {
        name_end(reply);
        return 0;
    }
    if (!is_token(c))
        return -EPROTO;
    if (reply->name_length < sizeof reply->name)
        reply->name[reply->name_length++] = c;
    return 0;
}

static void value_read(struct cf_http_connect *reply, char c)
{
    bool leading = reply->n_value == 0 && (c == ' ' || c == '\t');

    if (reply->field != CF_HTTP_FIELD_OTHER && !leading)
        keep(reply->value, &reply->n_value, c);
}

/* A byte that ends no line. */
static int byte_read(struct cf_http_connect *reply, char c)
{
    switch (reply->state) {
    case VERSION:
        return version_read(reply, c);
    case CODE:
        return code_read(reply, c);
    case AFTER_CODE:
        reply->state = REASON;
        keep(reply->line, &reply->n_line, c);
        return c == ' ' ? 0 : -EPROTO;
    case REASON:
        keep(reply->line, &reply->n_line, c);
        return 0;
    case LINE:
        if (c == ' ' || c == '\t') { /* obs-fold: RFC 9112, 5.2 */
            reply->state = VALUE;
            value_read(reply, ' ');
            return 0;
        }
        __attribute__((fallthrough));
    case FIRST:
        reply->state = NAME;
        reply->name_length = 0;
        __attribute__((fallthrough));
    case NAME:
        return name_read(reply, c);
    default:
        value_read(reply, c);
        return 0;
    }
}

/* What answers is no HTTP: keep what more it said, so that the log can tell what it is. */
static void stranger_keep(struct cf_http_connect *reply, const char *bytes, size_t length)
{
    if (reply->state != VERSION)
        return;
    for (size_t i = 0; i < length && bytes[i] != '\n'; i++)
        keep(reply->line, &reply->n_line, bytes[i]);
}

int cf_http_connect_read(struct cf_http_connect *reply, const void *data, size_t length,
                         size_t *ret_taken)
{
    const char *bytes = data;

    *ret_taken = length;
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        int r;

        if (reply->n_head++ == CF_HTTP_CONNECT_HEAD_MAX)
            return -EMSGSIZE;
        if (c == '\0' || (reply->after_cr && c != '\n'))
            return -EPROTO;
        reply->after_cr = c == '\r';
        if (c == '\r')
            continue;
        r = c == '\n' ? line_end(reply) : byte_read(reply, c);
        if (r < 0)
            stranger_keep(reply, bytes + i + 1, length - i - 1);
        if (r > 0)
            *ret_taken = i + 1;
        if (r != 0)
            return r;
    }
    return 0;
}

bool cf_http_connect_is_tunnel(const struct cf_http_connect *reply)
{
    return reply->status >= 200 && reply->status < 300;
}

struct cf_proxy_outcome cf_http_connect_outcome(const struct cf_http_connect *reply)
{
    char value[CF_PROXY_WORDS_RAW + 1];

    memcpy(value, reply->value, reply->n_value);
    value[reply->n_value] = '\0';
    if (reply->kept_field == CF_HTTP_FIELD_PROXY_STATUS)
        return cf_proxy_outcome_proxy_status(reply->status, value);
    if (reply->kept_field == CF_HTTP_FIELD_SQUID_ERROR)
        return cf_proxy_outcome_squid(reply->status, value);
    return cf_proxy_outcome_http(reply->status);
}

void cf_http_connect_words(const struct cf_http_connect *reply, const struct cf_proxy_login *login,
                           char text[CF_PROXY_WORDS_SIZE])
{
    char raw[2 * CF_PROXY_WORDS_RAW + 4];
    size_t n = reply->n_line;

    memcpy(raw, reply->line, n);
    if (reply->n_value > 0) {
        memcpy(raw + n, " (", 2);
        memcpy(raw + n + 2, reply->value, reply->n_value);
        n += 2 + reply->n_value;
        raw[n++] = ')';
    }
    cf_proxy_words_clean(raw, n, login, text);
}
