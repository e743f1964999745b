/*
 * ech.h - answers without keys for Encrypted ClientHello
 *
 * A client that is given no key sends its server's name in the clear, where
 * verdicts can see it. Private to the resolver.
 */
#ifndef CF_DNS_ECH_H
#define CF_DNS_ECH_H

#include <stdint.h>

#include "dns/wire.h"

/* Pieces that are taken out of one answer at most. */
#define CF_ECH_CUTS_MAX 256

/*
 * Take the `ech` parameter (RFC 9460, 14.3.2) out of every SVCB and HTTPS record, and out
 * of the list of what is mandatory; a list that is empty then goes too. All
 * else of these records stays, TTLs too. Signatures (RRSIG) over sets of a type
 * that was changed would not hold any more: they go, and the answer does not
 * say AD.
 *
 * answer: parsed; changed in place when there is something to take out: its
 *         message is in memory then, and the EDNS options are where they were
 *
 * Returns 0, or -EBADMSG for a record that clients must reject (RFC 9460, 2.2),
 * a name that leads into what is taken out, or too many pieces.
 */
int cf_ech_strip(struct cf_wire_answer *answer, uint8_t memory[CF_WIRE_MESSAGE_MAX]);

#endif
