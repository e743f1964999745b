/*
 * names.h - which names the addresses of this run are known by
 *
 * What makes a rule by name hold for a flow: for each address, the names
 * whose answers gave it, and until when. Bounded; the oldest entries go first.
 */
#ifndef CF_DNS_NAMES_H
#define CF_DNS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "profile/profile.h"
#include "profile/verdict.h"

struct cf_names;

/* Seconds that an address stays bound to a name, whatever the TTL says. */
#define CF_NAMES_TTL_MIN_S 60
#define CF_NAMES_TTL_MAX_S 3600

/* More names for one address than this: the oldest is forgotten. */
#define CF_NAMES_PER_ADDR 64

/*
 * Starts with the names that the profile pins in `hosts`, which never expire.
 * There are stand-ins (dns/standins.h) when the proxy resolves names.
 */
int cf_names_new(const struct cf_profile *profile, struct cf_names **ret_names);
void cf_names_free(struct cf_names *names);

/*
 * Bind addr to name (normalised) from now on. ttl_s is clamped to the limits
 * above. alias: the name was only met inside the chain. A longer life wins.
 * Returns 0, -EADDRNOTAVAIL for an address that could be a stand-in, or -ENOMEM.
 */
int cf_names_bind(struct cf_names *names, const struct cf_addr *addr, const char *name, bool alias,
                  uint64_t dns_id, uint32_t ttl_s, int64_t now_us);

/*
 * The names of addr that hold now. ret_names and ret_ids have room for
 * CF_NAMES_PER_ADDR entries; the text is borrowed until the next bind.
 * Returns how many there are.
 */
size_t cf_names_find(const struct cf_names *names, const struct cf_addr *addr, int64_t now_us,
                     struct cf_flow_name ret_names[CF_NAMES_PER_ADDR],
                     uint64_t ret_ids[CF_NAMES_PER_ADDR]);

/*
 * The stand-in of a name (normalised), for good. dns_id: of the question.
 * Returns 0, -ENOSPC when all are given, -EOPNOTSUPP when there are none, or -ENOMEM.
 */
int cf_names_standin(struct cf_names *names, const char *name, uint64_t dns_id,
                     struct cf_addr *ret_addr);

/* Whether an address is no place, but can only stand for a name, given or not. */
bool cf_names_is_standin(const struct cf_names *names, const struct cf_addr *addr);

#endif
