/*
 * proxy_url.c - the URL of a proxy
 *
 * How this works: a user part is looked for before anything else, and by the
 * mere sign for it, so that no message of what follows can hold a password:
 * whatever is wrong with such a URL, it is refused for its user part. The path
 * of a socket, which has no user part, may hold the sign.
 */
#include "profile/proxy.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "profile/name.h"
#include "profile/profile.h"
#include "profile/quote.h"

static const struct {
    const char *name;
    uint16_t port; /* when none is written */
} schemes[] = {
    [CF_PROXY_NONE] = { "", 0 },
    [CF_PROXY_HTTP] = { "http", 1080 },
    [CF_PROXY_HTTPS] = { "https", 443 },
    [CF_PROXY_SOCKS5] = { "socks5", 1080 },
    [CF_PROXY_SOCKS5H] = { "socks5h", 1080 },
    [CF_PROXY_SOCKS5_UNIX] = { "socks5+unix", 0 },
};
static_assert(sizeof schemes / sizeof schemes[0] == CF_PROXY_SCHEME_COUNT, "a row for each");

#define SCHEMES "http, https, socks5, socks5h or socks5+unix"

const char *cf_proxy_scheme_name(enum cf_proxy_scheme scheme)
{
    return schemes[scheme].name;
}

bool cf_proxy_takes_names(enum cf_proxy_scheme scheme)
{
    return scheme == CF_PROXY_HTTP || scheme == CF_PROXY_HTTPS || scheme == CF_PROXY_SOCKS5H;
}

bool cf_proxy_takes_udp(enum cf_proxy_scheme scheme)
{
    return scheme == CF_PROXY_SOCKS5 || scheme == CF_PROXY_SOCKS5H ||
           scheme == CF_PROXY_SOCKS5_UNIX;
}

/* What is being parsed, and where it went wrong. */
struct text {
    const char *all;
    const char *wrong;
    struct cf_error *err;
};

static int refuse(struct text *text, const char *at, const char *expected, const char *got,
                  size_t length)
{
    char quoted[CF_QUOTE_SIZE];

    text->wrong = at;
    if (length == 0)
        return cf_error_set(text->err, -EINVAL, "expected %s, got none", expected);
    return cf_error_set(text->err, -EINVAL, "expected %s, got '%s'", expected,
                        cf_quote(got, length, quoted));
}

/* The scheme in front of the first ':'; NONE when it is none of ours. */
static enum cf_proxy_scheme scheme_of(const char *text, size_t length)
{
    for (unsigned i = CF_PROXY_HTTP; i < CF_PROXY_SCHEME_COUNT; i++)
        if (strlen(schemes[i].name) == length && strncasecmp(schemes[i].name, text, length) == 0)
            return (enum cf_proxy_scheme)i;
    return CF_PROXY_NONE;
}

static int refuse_user_part(struct text *text)
{
    const char *authority = strstr(text->all, "://");

    text->wrong = authority ? authority + 3 : text->all;
    return cf_error_set(text->err, -EINVAL,
                        "expected a URL without a user part; put the name into proxy.username and "
                        "name the password's place in proxy.password_env or proxy.password_file");
}

/* Control characters have no place in a name, nor in what is printed. */
static int check_characters(struct text *text)
{
    for (const char *at = text->all; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return refuse(text, at, "a URL without control characters", at, 1);
    return 0;
}

static int parse_path(struct text *text, const char *path, struct cf_proxy_url *url)
{
    size_t length = strlen(path);

    if (path[0] != '/' || path[1] == '/' || path[length - 1] == '/')
        return refuse(text, path,
                      "the absolute path of a socket, as in socks5+unix:/run/proxy.sock", path,
                      length);
    if (length > CF_PROXY_PATH_MAX) {
        text->wrong = path;
        return cf_error_set(text->err, -EINVAL, "expected a path of at most %d bytes, got %zu",
                            CF_PROXY_PATH_MAX, length);
    }
    url->path = strdup(path);
    return url->path ? 0 : -ENOMEM;
}

static int parse_port(struct text *text, const char *port, size_t length, uint16_t *ret_port)
{
    unsigned value = 0;

    if (length > 0 && length <= 5 && port[0] != '0' && strspn(port, "0123456789") >= length)
        for (size_t i = 0; i < length; i++)
            value = value * 10 + (unsigned)(port[i] - '0');
    if (value == 0 || value > UINT16_MAX)
        return refuse(text, port, "a port from 1 to 65535", port, length);
    *ret_port = (uint16_t)value;
    return 0;
}

/* Whether one host can have this address. */
static bool is_unicast(const struct cf_addr *addr)
{
    static const uint8_t zero[16];

    if (addr->family == CF_FAMILY_IPV4)
        return addr->bytes[0] != 0 && addr->bytes[0] < 224;
    return addr->bytes[0] != 0xff && memcmp(addr->bytes, zero, sizeof zero) != 0;
}

static int parse_addr(struct text *text, const char *host, size_t length, struct cf_addr *ret)
{
    char copy[CF_ADDR_TEXT_SIZE];

    if (length >= sizeof copy)
        return -EINVAL;
    memcpy(copy, host, length);
    copy[length] = '\0';
    if (cf_addr_parse(copy, ret) < 0)
        return -EINVAL;
    return is_unicast(ret) ? 1 : refuse(text, host, "the address of one host", host, length);
}

static int parse_name(struct text *text, const char *host, size_t length, struct cf_proxy_url *url)
{
    cf_auto_free char *copy = strndup(host, length);
    char name[CF_NAME_SIZE];
    size_t offset = 0;
    int r;

    if (!copy)
        return -ENOMEM;
    r = cf_name_normalize_at(copy, name, &offset, text->err);
    if (r < 0) {
        text->wrong = host + offset;
        return r;
    }
    if (strcmp(name, CF_HOST_LOOPBACK_NAME) == 0)
        return refuse(text, host, "127.0.0.1 for a proxy of this host", host, length);
    url->name = strdup(name);
    return url->name ? 0 : -ENOMEM;
}

/* What stands in front of the port. */
static int parse_host(struct text *text, const char *host, size_t length, struct cf_proxy_url *url)
{
    int r;

    if (length == 0)
        return refuse(text, host, "a host", host, 0);
    if (host[0] == '[') {
        r = memchr(host, ':', length) ? parse_addr(text, host + 1, length - 2, &url->at.addr)
                                      : -EINVAL;
        if (r == -EINVAL && !text->wrong)
            r = refuse(text, host, "an IPv6 address in the brackets", host, length);
        return r < 0 ? r : 0;
    }
    if (memchr(host, ':', length))
        return refuse(text, host, "an IPv6 address in brackets, as in [2001:db8::1]:1080", host,
                      length);
    r = parse_addr(text, host, length, &url->at.addr);
    if (r == -EINVAL && !text->wrong)
        r = parse_name(text, host, length, url);
    return r < 0 ? r : 0;
}

/* HOST[:PORT] of this length. */
static int parse_authority(struct text *text, const char *start, size_t length,
                           struct cf_proxy_url *url)
{
    const char *colon = memrchr(start, ':', length), *end;
    size_t host = length;
    int r;

    if (start[0] == '[') {
        end = memchr(start, ']', length);
        if (!end)
            return refuse(text, start, "']' behind an IPv6 address", start, length);
        host = (size_t)(end + 1 - start);
        if (host < length && start[host] != ':')
            return refuse(text, end + 1, "':' and a port, or nothing, behind ']'", end + 1,
                          length - host);
    } else if (colon && memchr(start, ':', length) == colon) {
        host = (size_t)(colon - start);
    }
    r = parse_host(text, start, host, url);
    if (r == 0 && host < length)
        r = parse_port(text, start + host + 1, length - host - 1, &url->at.port);
    return r;
}

/* What stands behind the authority: nothing, or a '/'. */
static int check_rest(struct text *text, const char *rest)
{
    if (rest[0] == '\0' || strcmp(rest, "/") == 0)
        return 0;
    if (rest[0] == '?')
        return refuse(text, rest, "no query", rest, strlen(rest));
    if (rest[0] == '#')
        return refuse(text, rest, "no fragment", rest, strlen(rest));
    return refuse(text, rest, "no path", rest, strlen(rest));
}

static int parse(struct text *text, struct cf_proxy_url *url)
{
    size_t scheme = strcspn(text->all, ":"), length;
    const char *behind = text->all + scheme;
    int r;

    if (text->all[0] != '\0' && behind[0] == ':')
        url->scheme = scheme_of(text->all, scheme);
    if (url->scheme != CF_PROXY_SOCKS5_UNIX && strchr(text->all, '@'))
        return refuse_user_part(text);
    r = check_characters(text);
    if (r < 0)
        return r;
    if (url->scheme == CF_PROXY_NONE)
        return refuse(text, text->all, "a URL that begins with " SCHEMES, text->all,
                      strlen(text->all));
    if (url->scheme == CF_PROXY_SOCKS5_UNIX)
        return parse_path(text, behind + 1, url);
    if (strncmp(behind, "://", 3) != 0)
        return refuse(text, behind, "'://' behind the scheme", behind, strlen(behind));
    url->at.port = schemes[url->scheme].port;
    length = strcspn(behind + 3, "/?#");
    r = parse_authority(text, behind + 3, length, url);
    return r < 0 ? r : check_rest(text, behind + 3 + length);
}

int cf_proxy_url_parse(const char *text, struct cf_proxy_url *ret, size_t *ret_column,
                       struct cf_error *err)
{
    struct text state = { .all = text, .err = err };
    struct cf_proxy_url url = { 0 };
    int r = parse(&state, &url);

    if (r == 0) {
        *ret = url;
        return 0;
    }
    cf_proxy_url_done(&url);
    if (ret_column)
        *ret_column = state.wrong ? (size_t)(state.wrong - text) : 0;
    return r == -ENOMEM ? cf_error_set(err, r, "no memory left for the URL of the proxy") : r;
}

void cf_proxy_url_done(struct cf_proxy_url *url)
{
    free(url->name);
    free(url->path);
    *url = (struct cf_proxy_url) { 0 };
}

char *cf_proxy_url_format(const struct cf_proxy_url *url)
{
    const char *scheme = schemes[url->scheme].name;
    char at[CF_ADDR_PORT_TEXT_SIZE], *text;
    int n;

    if (url->path)
        n = asprintf(&text, "%s:%s", scheme, url->path);
    else if (url->name)
        n = asprintf(&text, "%s://%s:%u", scheme, url->name, (unsigned)url->at.port);
    else
        n = asprintf(&text, "%s://%s", scheme, cf_addr_port_format(&url->at, at));
    return n < 0 ? NULL : text;
}
