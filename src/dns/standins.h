/*
 * standins.h - addresses that stand for names which are resolved elsewhere
 *
 * A program asks for an address before it connects. Where the proxy is to
 * resolve the name, there is none to give: the program gets a stand-in, an
 * address of 198.19.0.0/16 (the upper half of what RFC 2544 sets aside for
 * tests; the link of the sandbox has the lower one), and what it sends there
 * is for the name. A stand-in is never given to a second name. Bounded by
 * the prefix.
 */
#ifndef CF_DNS_STANDINS_H
#define CF_DNS_STANDINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"

struct cf_standin;

struct cf_standins {
    bool on;
    struct cf_hash hash; /* by name */
    struct cf_standin **given; /* by place */
    size_t n_given, capacity;
    uint32_t next; /* the last 16 bits of the address that is given next */
};

/* None is given, and no address is one, until `on` is set. */
void cf_standins_init(struct cf_standins *standins);
void cf_standins_done(struct cf_standins *standins);

/* Whether the address is of the prefix, given or not; false while they are off. */
bool cf_standins_has(const struct cf_standins *standins, const struct cf_addr *addr);

/*
 * The stand-in of a name (normalised); one is given when it has none.
 *
 * dns_id: of the question, for the log
 * taken:  whether an address of the prefix is spoken for already
 *
 * Returns 0, -ENOSPC when all are given, -EOPNOTSUPP while they are off, or -ENOMEM.
 */
int cf_standins_give(struct cf_standins *standins, const char *name, uint64_t dns_id,
                     bool (*taken)(void *data, const struct cf_addr *addr), void *data,
                     struct cf_addr *ret_addr);

/* The name that an address stands for, borrowed; NULL when it was not given. */
const char *cf_standins_find(const struct cf_standins *standins, const struct cf_addr *addr,
                             uint64_t *ret_dns_id);

#endif
