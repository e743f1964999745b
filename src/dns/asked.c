/*
 * asked.c - what was asked from one port, so that an answer to nothing is known
 */
#include "dns/asked.h"

#include <string.h>

#include "base/hash.h"
#include "dns/wire.h"

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
    unsigned at = asked->n++ % CF_ASKED_MAX;
    uint32_t print = print_of(message, length);

    asked->n_waiting -= asked->waits[at];
    asked->prints[at] = print;
    asked->waits[at] = print != 0;
    asked->n_waiting += asked->waits[at];
    if (print)
        asked->ids[at] = cf_wire_u16(message);
}

bool cf_asked_answered(struct cf_asked *asked, const uint8_t *message, size_t length)
{
    uint32_t print = print_of(message, length);
    bool known = false;

    if (!print || !(cf_wire_u16(message + 2) & CF_WIRE_QR))
        return false;
    for (unsigned i = 0; i < CF_ASKED_MAX && i < asked->n; i++) {
        if (asked->prints[i] != print || asked->ids[i] != cf_wire_u16(message))
            continue;
        known = true;
        if (asked->waits[i]) {
            asked->waits[i] = false;
            asked->n_waiting--;
            break;
        }
    }
    return known;
}
