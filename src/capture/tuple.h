/*
 * tuple.h - what tells one flow of packets from another: two ends and a protocol
 */
#ifndef CF_CAPTURE_TUPLE_H
#define CF_CAPTURE_TUPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct cf_tuple {
    struct cf_addr_port local, remote;
    uint8_t protocol; /* IPPROTO_* */
};

uint64_t cf_tuple_hash(const struct cf_tuple *tuple);
bool cf_tuple_equal(const struct cf_tuple *a, const struct cf_tuple *b);

#endif
