/*
 * rdata.h - what a record says: whether it can be, and as text
 */
#ifndef CF_DNS_RDATA_H
#define CF_DNS_RDATA_H

#include <stddef.h>

#include "dns/wire.h"

/*
 * Is a record's data what its type says? Names must be readable and all of it
 * be used: A, AAAA, CNAME, NS, PTR, DNAME, MX, SOA, SRV, TXT, SVCB and HTTPS of
class IN.
 * What is known of no other type is asked of none.
 *
 * Returns 0 or -EBADMSG.
 */
int cf_rdata_check(const uint8_t *message, const struct cf_wire_rr *rr);

/*
 * Presentation form of a record's data: addresses, names, MX, SOA, SRV, TXT
 * (RFC 1035, 5.1; RFC 2782), RFC 3597, 5 for every other type and for data
 * that is not what its type says.
 *
 * Returns how long the text is, or -ENOBUFS when it does not fit.
 */
int cf_rdata_format(const uint8_t *message, const struct cf_wire_rr *rr, char *text, size_t size);

#endif
