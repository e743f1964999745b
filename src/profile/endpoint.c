/*
 * endpoint.c - who may be talked to: [proto://]host[:ports], or group:NAME
 *
 * Read from left to right; the first thing that is wrong is the error. What
 * the reader cannot take as it stands is never guessed at: an address in an
 * old notation, a prefix with host bits or a port with a leading zero is an
 * error that shows what was meant.
 */
#include "profile/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "profile/name.h"
#include "profile/profile.h"
#include "profile/quote.h"

struct reader {
    const char *text;
    size_t column; /* of the error */
    struct cf_error *err;
};

static const struct {
    const char *name;
    unsigned bit;
} protos[] = {
    { "tcp", CF_PROTO_TCP },
    { "udp", CF_PROTO_UDP },
    { "icmp", CF_PROTO_ICMP },
};

/* "expected ..., got '...'", at where got stands in the text. */
static int reject(struct reader *reader, const char *expected, const char *got, size_t length)
{
    char quoted[CF_QUOTE_SIZE];

    reader->column = (size_t)(got - reader->text);
    return cf_error_set(reader->err, -EINVAL, "expected %s, got '%s'", expected,
                        cf_quote(got, length, quoted));
}

static int out_of_memory(struct reader *reader)
{
    return cf_error_errno(reader->err, -ENOMEM, "cannot read an endpoint");
}

/*
 * A decimal number without sign or leading zero. Returns -1 when it is
 * something else or above max.
 */
static long read_number(const char *at, size_t length, long max)
{
    long value = 0;

    if (length == 0 || (length > 1 && at[0] == '0'))
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        value = value * 10 + (at[i] - '0');
        if (value > max)
            return -1;
    }
    return value;
}

static int read_proto(struct reader *reader, const char **at, struct cf_endpoint *endpoint)
{
    const char *end = strstr(*at, "://");

    endpoint->protos = CF_PROTO_TCP | CF_PROTO_UDP;
    if (!end)
        return 0;
    for (size_t i = 0; i < sizeof protos / sizeof protos[0]; i++) {
        size_t length = strlen(protos[i].name);

        if ((size_t)(end - *at) != length || strncasecmp(*at, protos[i].name, length) != 0)
            continue;
        endpoint->protos = protos[i].bit;
        endpoint->proto_given = true;
        *at = end + strlen("://");
        return 0;
    }
    return reject(reader, "'tcp', 'udp' or 'icmp' before '://'", *at, (size_t)(end - *at));
}

static char *format_prefix(const struct cf_prefix *prefix, char text[64])
{
    char addr[CF_ADDR_TEXT_SIZE];
    const char *form = prefix->addr.family == CF_FAMILY_IPV6 ? "[%s]" : "%s";
    int n;

    cf_addr_format(&prefix->addr, addr);
    n = snprintf(text, 64, form, addr);
    if (prefix->bits < cf_addr_bits(&prefix->addr))
        snprintf(text + n, 64 - (size_t)n, "/%u", (unsigned)prefix->bits);
    return text;
}

static int reject_host_bits(struct reader *reader, const struct cf_addr *masked, unsigned bits,
                            const char *got, size_t length)
{
    struct cf_prefix prefix = { .addr = *masked, .bits = (uint8_t)bits };
    char text[64], expected[128];

    snprintf(expected, sizeof expected, "'%s' (the bits behind the prefix must be zero)",
             format_prefix(&prefix, text));
    return reject(reader, expected, got, length);
}

/*
 * Give addr, read from text[0..length), its prefix length: bits of the form
 * that was written. Prefixes inside ::ffff:0:0/96 are folded to IPv4.
 */
static int make_prefix(struct reader *reader, const char *text, size_t length,
                       const struct cf_addr *addr, bool written_ipv6, unsigned bits,
                       struct cf_endpoint *endpoint)
{
    struct cf_addr whole = *addr, masked;

    if (written_ipv6 && addr->family == CF_FAMILY_IPV4) {
        if (bits >= 96) {
            bits -= 96;
        } else {
            whole = (struct cf_addr) { .family = CF_FAMILY_IPV6, .bytes = { [10] = 0xff, 0xff } };
            memcpy(whole.bytes + 12, addr->bytes, 4);
        }
    }
    masked = whole;
    cf_addr_mask(&masked, bits);
    if (!cf_addr_equal(&masked, &whole))
        return reject_host_bits(reader, &masked, bits, text, length);
    endpoint->kind = CF_HOST_PREFIX;
    endpoint->prefix.addr = whole;
    endpoint->prefix.bits = (uint8_t)bits;
    return 0;
}

/* The number behind '/'. */
static int read_bits(struct reader *reader, const char *at, size_t length, unsigned max,
                     unsigned *ret_bits)
{
    long bits = read_number(at, length, (long)max);
    char expected[64];

    if (bits < 0) {
        snprintf(expected, sizeof expected, "a prefix length from 0 to %u", max);
        return reject(reader, expected, at, length);
    }
    *ret_bits = (unsigned)bits;
    return 0;
}

static bool copy_addr(const char *at, size_t length, char copy[CF_ADDR_TEXT_SIZE])
{
    if (length >= CF_ADDR_TEXT_SIZE)
        return false;
    memcpy(copy, at, length);
    copy[length] = '\0';
    return true;
}

/* [addr], [addr]/bits or [addr/bits]; *at stands on the bracket. */
static int read_brackets(struct reader *reader, const char **at, struct cf_endpoint *endpoint)
{
    const char *open = *at, *close = strchr(open, ']'), *slash, *end;
    char copy[CF_ADDR_TEXT_SIZE];
    struct cf_addr addr;
    unsigned bits = 128;
    int r = 0;

    if (!close)
        return reject(reader, "']' behind an IPv6 address", open, strlen(open));
    slash = memchr(open, '/', (size_t)(close - open));
    end = slash ? slash : close;
    if (!copy_addr(open + 1, (size_t)(end - open - 1), copy) || !strchr(copy, ':') ||
        cf_addr_parse(copy, &addr) < 0)
        return reject(reader, "an IPv6 address between '[' and ']'", open + 1,
                      (size_t)(end - open - 1));
    *at = close + 1;
    if (slash) {
        r = read_bits(reader, slash + 1, (size_t)(close - slash - 1), 128, &bits);
    } else if (**at == '/') {
        *at += 1 + strcspn(*at + 1, ":");
        r = read_bits(reader, close + 2, (size_t)(*at - close - 2), 128, &bits);
    }
    if (r < 0)
        return r;
    return make_prefix(reader, open, (size_t)(*at - open), &addr, true, bits, endpoint);
}

static int read_ipv4_cidr(struct reader *reader, const char *at, size_t length, const char *slash,
                          struct cf_endpoint *endpoint)
{
    char copy[CF_ADDR_TEXT_SIZE];
    struct cf_addr addr;
    unsigned bits = 0;
    int r;

    if (!copy_addr(at, (size_t)(slash - at), copy) || cf_addr_parse(copy, &addr) < 0)
        return reject(reader, "an IPv4 address, or an IPv6 address in brackets, before '/'", at,
                      (size_t)(slash - at));
    r = read_bits(reader, slash + 1, length - (size_t)(slash + 1 - at), 32, &bits);
    if (r < 0)
        return r;
    return make_prefix(reader, at, length, &addr, false, bits, endpoint);
}

/* Names that mean something else inside the sandbox than what the rule's writer has in mind. */
static int check_inside_name(struct reader *reader, const char *at, size_t at_length,
                             const char *name)
{
    size_t length = strlen(name), tail = strlen(".localhost");

    if (strcmp(name, CF_HOST_LOOPBACK_NAME) == 0)
        return reject(reader, "its ports under egress.host_ports, which alone opens them", at,
                      at_length);
    /* RFC 6761, 6.3 */
    if (strcmp(name, "localhost") == 0 ||
        (length > tail && strcmp(name + length - tail, ".localhost") == 0))
        return reject(reader,
                      "a host outside (inside, localhost is the sandbox itself; the machine's own "
                      "ports stand under egress.host_ports)",
                      at, at_length);
    return 0;
}

/* A name or a wildcard; host is a copy of what stands at `at`. */
static int read_pattern(struct reader *reader, const char *at, const char *host,
                        enum cf_host_kind *ret_kind, char ret_name[CF_NAME_SIZE])
{
    char expected[CF_NAME_SIZE + 96];
    size_t stars = strspn(host, "*"), skip = stars ? stars + 1 : 0, column;
    enum cf_addr_group group;
    const char *star;
    int r;

    if (stars > 0 && stars <= 2 && !host[stars])
        return reject(reader, "a name behind '*.' or '**.', or 'any', which is every address", at,
                      stars);
    star = strchr(host + stars, '*');
    if (star || stars > 2 || (stars > 0 && (host[stars] != '.' || !host[stars + 1])))
        return reject(reader, "'*' or '**' as the whole first label before a name", at,
                      strlen(host));
    r = cf_name_normalize_at(host + skip, ret_name, &column, reader->err);
    if (r < 0) {
        reader->column = (size_t)(at - reader->text) + skip + column;
        return r;
    }
    if (stars == 0 && cf_addr_group_parse(ret_name, &group) == 0) {
        snprintf(expected, sizeof expected, "the group '%s', or another name", ret_name);
        return reject(reader, expected, at, strlen(host));
    }
    r = check_inside_name(reader, at, strlen(host), ret_name);
    if (r < 0)
        return r;
    if (stars > 0 && cf_name_is_public_suffix(ret_name)) {
        snprintf(expected, sizeof expected,
                 "a pattern under a name that someone owns ('%s' is a public suffix)", ret_name);
        return reject(reader, expected, at, strlen(host));
    }
    *ret_kind = stars == 0 ? CF_HOST_NAME : stars == 1 ? CF_HOST_ONE : CF_HOST_MANY;
    return 0;
}

static int read_name(struct reader *reader, const char *at, const char *host,
                     struct cf_endpoint *endpoint)
{
    char name[CF_NAME_SIZE];
    int r = read_pattern(reader, at, host, &endpoint->kind, name);

    if (r < 0)
        return r;
    endpoint->name = strdup(name);
    if (!endpoint->name)
        return out_of_memory(reader);
    return 0;
}

/* Everything but brackets, up to ':' or the end. */
static int read_plain_host(struct reader *reader, const char **at, struct cf_endpoint *endpoint)
{
    const char *start = *at, *slash;
    size_t length = strcspn(start, ":");
    cf_auto_free char *host = strndup(start, length);
    struct cf_addr addr;

    if (!host)
        return out_of_memory(reader);
    if (start[length] == ':' && strspn(start, "0123456789abcdefABCDEF:./") == strlen(start) &&
        strchr(start + length + 1, ':'))
        return reject(reader, "an IPv6 address in brackets", start, strlen(start));
    if (length == 0)
        return reject(reader, "a host", start, strlen(start));
    *at = start + length;
    slash = strchr(host, '/');
    if (slash)
        return read_ipv4_cidr(reader, start, length, start + (slash - host), endpoint);
    if (cf_addr_group_parse(host, &endpoint->group) == 0) {
        endpoint->kind = CF_HOST_GROUP;
        return 0;
    }
    if (cf_addr_parse(host, &addr) == 0)
        return make_prefix(reader, start, length, &addr, false, 32, endpoint);
    return read_name(reader, start, host, endpoint);
}

static int read_port(struct reader *reader, const char *at, size_t length, uint16_t *ret_port)
{
    long port = read_number(at, length, 65535);

    if (port < 1)
        return reject(reader, "a port from 1 to 65535", at, length);
    *ret_port = (uint16_t)port;
    return 0;
}

static int read_port_range(struct reader *reader, const char *at, size_t length,
                           struct cf_port_range *ret_range)
{
    const char *dash = memchr(at, '-', length);
    struct cf_port_range range;
    int r;

    r = read_port(reader, at, dash ? (size_t)(dash - at) : length, &range.first);
    range.last = range.first;
    if (r == 0 && dash)
        r = read_port(reader, dash + 1, length - (size_t)(dash + 1 - at), &range.last);
    if (r < 0)
        return r;
    if (range.first > range.last)
        return reject(reader, "a range with the lower port first", at, length);
    *ret_range = range;
    return 0;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct cf_port_range *x = a, *y = b;

    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->last < y->last ? -1 : x->last > y->last;
}

/* Sort, and join what overlaps or touches. */
static void merge_ports(struct cf_endpoint *endpoint)
{
    struct cf_port_range *ports = endpoint->ports;
    size_t n = 1;

    qsort(ports, endpoint->n_ports, sizeof *ports, compare_ranges);
    for (size_t i = 1; i < endpoint->n_ports; i++) {
        if (ports[i].first > (unsigned)ports[n - 1].last + 1)
            ports[n++] = ports[i];
        else if (ports[i].last > ports[n - 1].last)
            ports[n - 1].last = ports[i].last;
    }
    endpoint->n_ports = n;
}

/* What stands behind the host's ':'. */
static int read_ports(struct reader *reader, const char *at, struct cf_endpoint *endpoint)
{
    size_t n = 1;

    for (const char *c = at; *c; c++)
        n += *c == ',';
    endpoint->ports = calloc(n, sizeof *endpoint->ports);
    if (!endpoint->ports)
        return out_of_memory(reader);
    for (;;) {
        size_t length = strcspn(at, ",");
        int r = read_port_range(reader, at, length, &endpoint->ports[endpoint->n_ports]);

        if (r < 0)
            return r;
        endpoint->n_ports++;
        if (!at[length])
            break;
        at += length + 1;
    }
    merge_ports(endpoint);
    return 0;
}

/* group:NAME, the whole of what is left; at stands on the name. */
static int read_list(struct reader *reader, const char *at, struct cf_endpoint *endpoint)
{
    size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    if (endpoint->proto_given)
        return reject(reader, "no protocol before 'group:' (it stands with the group's endpoints)",
                      reader->text, strlen(reader->text));
    if (at[length] == ':')
        return reject(reader, "no ports behind a group (they stand with its endpoints)",
                      at + length, strlen(at + length));
    if (length == 0 || length > CF_LIST_NAME_MAX || at[length])
        return reject(reader, "a group's name of 1 to 64 letters, digits, '.', '_' and '-'", at,
                      strlen(at));
    endpoint->kind = CF_HOST_LIST;
    endpoint->name = strdup(at);
    return endpoint->name ? 0 : out_of_memory(reader);
}

static int read_endpoint(struct reader *reader, struct cf_endpoint *endpoint)
{
    const char *at = reader->text;
    int r;

    if (!*at)
        return reject(reader, "[proto://]host[:ports]", at, 0);
    r = read_proto(reader, &at, endpoint);
    if (r < 0)
        return r;
    if (strncasecmp(at, CF_LIST_PREFIX, strlen(CF_LIST_PREFIX)) == 0)
        return read_list(reader, at + strlen(CF_LIST_PREFIX), endpoint);
    r = *at == '[' ? read_brackets(reader, &at, endpoint) : read_plain_host(reader, &at, endpoint);
    if (r < 0 || !*at)
        return r;
    if (*at != ':')
        return reject(reader, "':' and ports, or nothing, behind the host", at, strlen(at));
    if (endpoint->protos == CF_PROTO_ICMP)
        return reject(reader, "no ports, which icmp does not have", at, strlen(at));
    return read_ports(reader, at + 1, endpoint);
}

int cf_endpoint_parse(const char *text, struct cf_endpoint *ret, size_t *ret_column,
                      struct cf_error *err)
{
    CF_CLEANUP(cf_endpoint_done) struct cf_endpoint endpoint = { 0 };
    struct reader reader = { .text = text, .err = err };
    int r = read_endpoint(&reader, &endpoint);

    if (r < 0) {
        if (ret_column)
            *ret_column = reader.column;
        return r;
    }
    *ret = endpoint;
    endpoint = (struct cf_endpoint) { 0 };
    return 0;
}

/*
 * Whether text is a name in its normal form beyond doubt, so that a list of a
 * million names needs no library and no copy; false says nothing.
 */
static bool is_plain_name(const char *text, size_t *ret_length)
{
    static const char *const special[] = { "localhost", CF_HOST_LOOPBACK_NAME };
    size_t label = 0, at = 0; /* label: where the last one begins */

    for (; text[at]; at++) {
        char c = text[at];

        if (c == '.') {
            if (at == label || at - label > 63)
                return false;
            label = at + 1;
        } else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) {
            return false;
        }
    }
    /* A single label may be a group's name, a last label that begins with a digit a number. */
    if (label == 0 || at - label > 63 || at >= CF_NAME_SIZE || text[label] < 'a')
        return false;
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        size_t length = strlen(special[i]);

        if (at >= length && strcmp(text + at - length, special[i]) == 0)
            return false;
    }
    *ret_length = at;
    return true;
}

int cf_name_pattern_parse(const char *text, enum cf_host_kind *ret_kind,
                          char ret_name[CF_NAME_SIZE], size_t *ret_column, struct cf_error *err)
{
    struct reader reader = { .text = text, .err = err };
    size_t length;
    int r;

    if (is_plain_name(text, &length)) {
        *ret_kind = CF_HOST_NAME;
        memcpy(ret_name, text, length + 1);
        return 0;
    }
    r = read_pattern(&reader, text, text, ret_kind, ret_name);
    if (r < 0)
        *ret_column = reader.column;
    return r;
}

void cf_endpoint_done(struct cf_endpoint *endpoint)
{
    free(endpoint->name);
    free(endpoint->ports);
    *endpoint = (struct cf_endpoint) { 0 };
}

static void format_host(const struct cf_endpoint *endpoint, struct cf_buffer *buffer)
{
    char text[64];

    switch (endpoint->kind) {
    case CF_HOST_NAME:
        cf_buffer_puts(buffer, endpoint->name);
        /* A host called "group" keeps its last dot before ports, or it would read as a list. */
        if (endpoint->n_ports > 0 && strcmp(endpoint->name, "group") == 0)
            cf_buffer_puts(buffer, ".");
        break;
    case CF_HOST_ONE:
        cf_buffer_puts(buffer, "*.");
        cf_buffer_puts(buffer, endpoint->name);
        break;
    case CF_HOST_MANY:
        cf_buffer_puts(buffer, "**.");
        cf_buffer_puts(buffer, endpoint->name);
        break;
    case CF_HOST_PREFIX:
        cf_buffer_puts(buffer, format_prefix(&endpoint->prefix, text));
        break;
    case CF_HOST_GROUP:
        cf_buffer_puts(buffer, cf_addr_group_name(endpoint->group));
        break;
    case CF_HOST_LIST:
        cf_buffer_printf(buffer, "group:%s", endpoint->name);
        break;
    case CF_HOST_KIND_COUNT:
        break;
    }
}

char *cf_endpoint_format(const struct cf_endpoint *endpoint)
{
    CF_CLEANUP(cf_buffer_done) struct cf_buffer buffer;

    cf_buffer_init(&buffer, 0);
    for (size_t i = 0; endpoint->proto_given && i < sizeof protos / sizeof protos[0]; i++) {
        if (endpoint->protos == protos[i].bit)
            cf_buffer_printf(&buffer, "%s://", protos[i].name);
    }
    format_host(endpoint, &buffer);
    for (size_t i = 0; i < endpoint->n_ports; i++) {
        const struct cf_port_range *range = &endpoint->ports[i];

        cf_buffer_printf(&buffer, "%c%u", i == 0 ? ':' : ',', (unsigned)range->first);
        if (range->last > range->first)
            cf_buffer_printf(&buffer, "-%u", (unsigned)range->last);
    }
    return cf_buffer_steal(&buffer);
}
