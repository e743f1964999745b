/*
 * svcb.h - parameters of SVCB and HTTPS records (RFC 9460, 2.2)
 */
#ifndef CF_DNS_SVCB_H
#define CF_DNS_SVCB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/wire.h"

/* RFC 9460, 14.3.2. */
enum cf_svcb_key {
    CF_SVCB_MANDATORY = 0,
    CF_SVCB_IPV4HINT = 4,
    CF_SVCB_ECH = 5,
    CF_SVCB_IPV6HINT = 6,
};

#define CF_SVCB_PARAM_HEAD 4 /* octets in front of a value: key and length */

struct cf_svcb_param {
    uint16_t key;
    uint16_t length;
    size_t at; /* offset of the value */
};

/* The parameters of one record, one after the other. */
struct cf_svcb {
    const uint8_t *message;
    size_t at, end;
    int key; /* the last one; keys only rise */
    struct cf_domain target;
};

bool cf_svcb_is(const struct cf_wire_rr *rr);

/* Read priority and target of an SVCB or HTTPS record; 0 or -EBADMSG. */
int cf_svcb_open(struct cf_svcb *svcb, const uint8_t *message, const struct cf_wire_rr *rr);

/*
 * 1 with the next parameter, 0 behind the last, -EBADMSG when it does not fit
 * or its key does not rise: such records are to be rejected (RFC 9460, 2.2).
 */
int cf_svcb_next(struct cf_svcb *svcb, struct cf_svcb_param *ret_param);

/*
 * Can the whole record be read, and are its hints of whole addresses (7.3)?
 * What cannot be read hides what stands behind it. 0 or -EBADMSG.
 */
int cf_svcb_check(const uint8_t *message, const struct cf_wire_rr *rr);

#endif
