/*
 * server.c - a server's address with an optional port
 */
#include "policy/server.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static int parse_port(const char *text, uint16_t *ret_port)
{
    unsigned port = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 5 || text[digits] != '\0' || text[0] == '0')
        return -EINVAL;
    for (; *text; text++)
        port = port * 10 + (unsigned)(*text - '0');
    if (port > UINT16_MAX)
        return -EINVAL;
    *ret_port = (uint16_t)port;
    return 0;
}

/* Whether one server can have this address. */
static bool is_unicast(const struct cf_addr *addr)
{
    static const uint8_t zero[16];

    if (addr->family == CF_FAMILY_IPV4)
        return addr->bytes[0] != 0 && addr->bytes[0] < 224;
    return addr->bytes[0] != 0xff && memcmp(addr->bytes, zero, sizeof zero) != 0;
}

int cf_server_parse(const char *text, uint16_t default_port, struct cf_addr_port *ret_server)
{
    struct cf_addr_port server = { .port = default_port };
    char host[CF_ADDR_TEXT_SIZE];
    const char *colon = strchr(text, ':'), *port = NULL;
    size_t length = strlen(text);

    if (text[0] == '[') {
        const char *end = strchr(++text, ']');

        if (!end || !colon || (end[1] != '\0' && end[1] != ':'))
            return -EINVAL;
        length = (size_t)(end - text);
        port = end[1] == ':' ? end + 2 : NULL;
    } else if (colon && !strchr(colon + 1, ':')) {
        length = (size_t)(colon - text);
        port = colon + 1;
    }
    if (length >= sizeof host)
        return -EINVAL;
    memcpy(host, text, length);
    host[length] = '\0';
    if (cf_addr_parse(host, &server.addr) < 0 || !is_unicast(&server.addr))
        return -EINVAL;
    if (port && parse_port(port, &server.port) < 0)
        return -EINVAL;
    *ret_server = server;
    return 0;
}
