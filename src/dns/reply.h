/*
 * reply.h - the message that the client gets
 *
 * Built into memory of the caller: cf_reply_start(), then records or a copied
 * body, then cf_reply_finish(), which cuts it to what the client can take and
 * puts the OPT behind it. Echoes the question as it was asked.
 */
#ifndef CF_DNS_REPLY_H
#define CF_DNS_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "dns/wire.h"

/* Largest UDP payload that we say we take (RFC 6891, 6.2.5), and that we send. */
#define CF_REPLY_UDP_TAKEN 1232
#define CF_REPLY_UDP_MAX 4096

/* Room that a reply of any size needs. */
#define CF_REPLY_SIZE CF_WIRE_MESSAGE_MAX

struct cf_reply {
    const struct cf_wire_query *query; /* borrowed */
    uint8_t *data;                     /* borrowed, CF_REPLY_SIZE octets */
    size_t length;
    size_t records_at;
    unsigned rcode;         /* up to 12 bits; the upper ones need EDNS */
    int extended_error;     /* INFO-CODE of RFC 8914; -1 for none */
    const uint8_t *options; /* of the upstream's OPT, to hand on; NULL for none */
    size_t options_length;
};

void cf_reply_start(struct cf_reply *reply, uint8_t data[CF_REPLY_SIZE],
                    const struct cf_wire_query *query, unsigned rcode);

/* An A or AAAA record for the name that was asked. Past the end it is left out. */
void cf_reply_add_addr(struct cf_reply *reply, const struct cf_addr *addr, uint32_t ttl);
/* A PTR record for the name that was asked. */
void cf_reply_add_ptr(struct cf_reply *reply, const struct cf_domain *target, uint32_t ttl);

/* Flags and records of an answer from upstream, as they stand. */
void cf_reply_copy(struct cf_reply *reply, const struct cf_wire_answer *answer);

/*
 * Cut to the client's size: a reply that is too long loses every record and
 * gets TC (RFC 2181, 9); question and OPT stay.
 *
 * limit: octets
 */
void cf_reply_finish(struct cf_reply *reply, size_t limit);

/* What a UDP client can take: 512, or what its EDNS says, within bounds. */
size_t cf_reply_udp_limit(const struct cf_wire_query *query);

#endif
