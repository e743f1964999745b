/*
 * domain.c - one domain name as DNS messages carry it
 */
#include "dns/domain.h"

#include <errno.h>
#include <string.h>

#include "dns/wire.h"

#define LABEL_MAX 63
#define POINTER 0xc0

static uint8_t lower(uint8_t octet)
{
    return octet >= 'A' && octet <= 'Z' ? octet + ('a' - 'A') : octet;
}

int cf_domain_read(const uint8_t *message, size_t length, size_t at, struct cf_domain *ret_domain,
                   size_t *ret_next)
{
    size_t used = 0, next = 0, run = at;

    for (;;) {
        uint8_t octet;

        if (at >= length)
            return -EBADMSG;
        octet = message[at];
        if ((octet & POINTER) == POINTER) {
            size_t target;

            if (at + 1 >= length)
                return -EBADMSG;
            target = (size_t)(octet & ~POINTER) << 8 | message[at + 1];
            if (target >= run || target < CF_WIRE_HEADER_SIZE)
                return -EBADMSG;
            if (next == 0)
                next = at + 2;
            length = run;
            at = run = target;
            continue;
        }
        if (octet > LABEL_MAX || octet >= length - at || used + 1 + octet > CF_DOMAIN_SIZE)
            return -EBADMSG;
        memcpy(ret_domain->bytes + used, message + at, 1 + (size_t)octet);
        used += 1 + (size_t)octet;
        at += 1 + (size_t)octet;
        if (octet == 0)
            break;
    }
    ret_domain->length = (uint8_t)used;
    *ret_next = next ? next : at;
    return 0;
}

static bool is_host_octet(uint8_t octet)
{
    return (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9') || octet == '-' ||
           octet == '_';
}

int cf_domain_from_host(const char *text, struct cf_domain *ret_domain)
{
    size_t used = 0;

    while (*text) {
        size_t n = strcspn(text, ".");

        if (n == 0 || n > LABEL_MAX || used + 1 + n + 1 > CF_DOMAIN_SIZE)
            return -EINVAL;
        ret_domain->bytes[used++] = (uint8_t)n;
        for (size_t i = 0; i < n; i++) {
            if (!is_host_octet(lower((uint8_t)text[i])))
                return -EINVAL;
            ret_domain->bytes[used++] = (uint8_t)text[i];
        }
        text += n;
        if (*text == '.')
            text++;
    }
    ret_domain->bytes[used++] = 0;
    ret_domain->length = (uint8_t)used;
    return 0;
}

int cf_domain_to_name(const struct cf_domain *domain, bool loose, char ret_name[CF_NAME_SIZE])
{
    const uint8_t *at = domain->bytes;
    size_t used = 0;

    for (; *at; at += 1 + (size_t)*at) {
        if (used)
            ret_name[used++] = '.';
        for (size_t i = 1; i <= *at; i++) {
            uint8_t octet = lower(at[i]);
            bool visible = octet > ' ' && octet < 0x7f && octet != '.' && octet != '\\';

            if (!is_host_octet(octet) && !(loose && visible))
                return -EINVAL;
            ret_name[used++] = (char)octet;
        }
    }
    ret_name[used] = '\0';
    return 0;
}

/* RFC 1035, 5.1, and RFC 4343, 2.1: what master files have a use for. */
static bool is_special(uint8_t octet)
{
    switch (octet) {
    case '.':
    case '\\':
    case '"':
    case ';':
    case '(':
    case ')':
    case '@':
    case '$':
        return true;
    default:
        return false;
    }
}

char *cf_domain_format(const struct cf_domain *domain, char text[CF_DOMAIN_TEXT_SIZE])
{
    const uint8_t *at = domain->bytes;
    char *out = text;

    if (!*at)
        *out++ = '.';
    for (; *at; at += 1 + (size_t)*at) {
        if (out > text)
            *out++ = '.';
        for (size_t i = 1; i <= *at; i++) {
            uint8_t octet = at[i];

            if (octet <= ' ' || octet >= 0x7f) {
                *out++ = '\\';
                *out++ = (char)('0' + octet / 100);
                *out++ = (char)('0' + octet / 10 % 10);
                *out++ = (char)('0' + octet % 10);
                continue;
            }
            if (is_special(octet))
                *out++ = '\\';
            *out++ = (char)octet;
        }
    }
    *out = '\0';
    return text;
}

bool cf_domain_equal(const struct cf_domain *a, const struct cf_domain *b)
{
    if (a->length != b->length)
        return false;
    if (memcmp(a->bytes, b->bytes, a->length) == 0)
        return true;
    for (size_t i = 0; i < a->length; i++) {
        if (lower(a->bytes[i]) != lower(b->bytes[i]))
            return false;
    }
    return true;
}

/* The octets that count labels are below 'A', so they stay as they are. */
void cf_domain_lower(struct cf_domain *domain)
{
    for (size_t i = 0; i < domain->length; i++)
        domain->bytes[i] = lower(domain->bytes[i]);
}

/* One label as a decimal number without leading zeros, 0 to 255; or -1. */
static int decimal_label(const uint8_t *label)
{
    int value = 0;

    if (label[0] == 0 || label[0] > 3 || (label[0] > 1 && label[1] == '0'))
        return -1;
    for (size_t i = 1; i <= label[0]; i++) {
        if (label[i] < '0' || label[i] > '9')
            return -1;
        value = value * 10 + (label[i] - '0');
    }
    return value <= 255 ? value : -1;
}

static int nibble_label(const uint8_t *label)
{
    uint8_t octet = lower(label[1]);

    if (label[0] != 1)
        return -1;
    if (octet >= '0' && octet <= '9')
        return octet - '0';
    return octet >= 'a' && octet <= 'f' ? octet - 'a' + 10 : -1;
}

static bool tail_is(const struct cf_domain *domain, const uint8_t *at, const char *text)
{
    struct cf_domain tail = { 0 }, want;

    tail.length = (uint8_t)(domain->length - (at - domain->bytes));
    memcpy(tail.bytes, at, tail.length);
    return cf_domain_from_host(text, &want) == 0 && cf_domain_equal(&tail, &want);
}

int cf_domain_to_addr(const struct cf_domain *domain, struct cf_addr *ret_addr)
{
    const uint8_t *at = domain->bytes;
    uint8_t bytes[16] = { 0 };
    int value;

    for (int i = 3; i >= 0 && (value = decimal_label(at)) >= 0; i--) {
        bytes[i] = (uint8_t)value;
        at += 1 + (size_t)*at;
        if (i == 0 && tail_is(domain, at, "in-addr.arpa")) {
            *ret_addr = cf_addr_from_ipv4(bytes);
            return 0;
        }
    }
    at = domain->bytes;
    for (int i = 31; i >= 0 && (value = nibble_label(at)) >= 0; i--) {
        /* The first label is the last nibble: the low half of the last octet. */
        if (i % 2)
            bytes[i / 2] = (uint8_t)value;
        else
            bytes[i / 2] |= (uint8_t)(value << 4);
        at += 2;
        if (i == 0 && tail_is(domain, at, "ip6.arpa")) {
            *ret_addr = cf_addr_from_ipv6(bytes);
            return 0;
        }
    }
    return -EINVAL;
}
