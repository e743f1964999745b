/*
 * asked.c - what a server was asked in datagrams, so that an answer to nothing is known
 */
#include "dns/asked.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "dns/wire.h"

#define IDS 65536
#define KEPT 4 /* of 10,000 that wait, two in 100,000 have four younger ones of their id */

struct cf_asked {
    uint32_t prints[IDS][KEPT]; /* by id, the youngest first; 0: none */
};

struct cf_asked *cf_asked_new(void)
{
    return calloc(1, sizeof(struct cf_asked));
}

void cf_asked_free(struct cf_asked *asked)
{
    free(asked);
}

/* Of name in lower case, type and class; 0 when there is no one question. */
static uint32_t print_of(const uint8_t *message, size_t length)
{
    uint8_t question[CF_DOMAIN_SIZE + 4];
    struct cf_domain name;
    size_t at;

    if (length < CF_WIRE_HEADER_SIZE || cf_wire_u16(message + 4) != 1 ||
        cf_domain_read(message, length, CF_WIRE_HEADER_SIZE, &name, &at) < 0 || length - at < 4)
        return 0;
    cf_domain_lower(&name);
    memcpy(question, name.bytes, name.length);
    memcpy(question + name.length, message + at, 4);
    return (uint32_t)cf_hash_bytes(question, (size_t)name.length + 4) | 1;
}

void cf_asked_note(struct cf_asked *asked, const uint8_t *message, size_t length)
{
    uint32_t print = print_of(message, length), *prints;

    if (!print)
        return;
    prints = asked->prints[cf_wire_u16(message)];
    memmove(prints + 1, prints, (KEPT - 1) * sizeof *prints);
    prints[0] = print;
}

bool cf_asked_answered(const struct cf_asked *asked, const uint8_t *message, size_t length)
{
    uint32_t print = print_of(message, length);
    const uint32_t *prints;

    if (!print || !(cf_wire_u16(message + 2) & CF_WIRE_QR))
        return false;
    prints = asked->prints[cf_wire_u16(message)];
    for (size_t i = 0; i < KEPT; i++) {
        if (prints[i] == print)
            return true;
    }
    return false;
}
