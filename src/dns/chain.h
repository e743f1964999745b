/*
 * chain.h - from the name that was asked to the addresses at the end
 *
 * An answer is trusted only along the chain of CNAMEs that begins at the name
 * that was asked. Addresses of any other owner, and of the authority and
 * additional sections, are nobody's.
 */
#ifndef CF_DNS_CHAIN_H
#define CF_DNS_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "dns/wire.h"

/* Names in a chain, the asked one included. */
#define CF_CHAIN_MAX 17

struct cf_chain {
    const struct cf_wire_answer *answer; /* borrowed */
    struct cf_domain names[CF_CHAIN_MAX];
    size_t n_names;
    uint32_t ttl; /* the least of the CNAMEs' */
};

/* Returns 0, -ELOOP past CF_CHAIN_MAX names, or -EBADMSG. */
int cf_chain_read(const struct cf_wire_answer *answer, const struct cf_domain *asked,
                  struct cf_chain *ret_chain);

/*
 * Call fn for each address that the end of the chain has: A and AAAA records,
 * and the address hints of SVCB and HTTPS records (RFC 9460, 7.3), which
 * clients use in the same way.
 *
 * fn: ttl is the least of the record's and the chain's; stops at its first
 *     value below zero, which is returned
 */
int cf_chain_addrs(const struct cf_chain *chain,
                   int (*fn)(void *data, const struct cf_addr *addr, uint32_t ttl), void *data);

/* The same for every address in any section, whoever's it is; ttl is the record's. */
int cf_answer_addrs(const struct cf_wire_answer *answer,
                    int (*fn)(void *data, const struct cf_addr *addr, uint32_t ttl), void *data);

/*
 * Call fn for each further name that SVCB and HTTPS records at the end of the
 * chain lead to (RFC 9460, 2.4.2); returns as cf_chain_addrs().
 */
int cf_chain_targets(const struct cf_chain *chain,
                     int (*fn)(void *data, const struct cf_domain *name), void *data);

#endif
