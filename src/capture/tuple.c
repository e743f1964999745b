/*
 * tuple.c - what tells one flow of packets from another
 */
#include "capture/tuple.h"

#include <string.h>

#include "base/hash.h"

uint64_t cf_tuple_hash(const struct cf_tuple *tuple)
{
    uint8_t bytes[2 * (17 + 2) + 1], *at = bytes;
    const struct cf_addr_port *const ends[] = { &tuple->local, &tuple->remote };

    for (int i = 0; i < 2; i++) {
        *at++ = ends[i]->addr.family;
        memcpy(at, ends[i]->addr.bytes, 16);
        at += 16;
        memcpy(at, &ends[i]->port, 2);
        at += 2;
    }
    *at = tuple->protocol;
    return cf_hash_bytes(bytes, sizeof(bytes));
}

bool cf_tuple_equal(const struct cf_tuple *a, const struct cf_tuple *b)
{
    return a->protocol == b->protocol && cf_addr_port_equal(&a->local, &b->local) &&
           cf_addr_port_equal(&a->remote, &b->remote);
}
