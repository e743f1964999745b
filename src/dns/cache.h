/*
 * cache.h - answers kept for as long as they say
 *
 * Bounded by entries and by octets; the one that was not asked for longest
 * goes first. Keeps answers that hold records and negative answers with an
 * SOA (RFC 2308); nothing else, so no failure is kept.
 */
#ifndef CF_DNS_CACHE_H
#define CF_DNS_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "dns/wire.h"

struct cf_cache;

/* Octets of all entries, and of one answer, at most. */
#define CF_CACHE_BYTES_MAX ((size_t)32 << 20)
#define CF_CACHE_ANSWER_MAX ((size_t)64 << 10)

/* Seconds that an answer is kept at most, a negative one separately (RFC 2308, 5). */
#define CF_CACHE_TTL_MAX_S 86400
#define CF_CACHE_NEGATIVE_MAX_S 3600

/* entries: at most; at least 1. Returns 0 or -ENOMEM. */
int cf_cache_new(size_t entries, struct cf_cache **ret_cache);
void cf_cache_free(struct cf_cache *cache);

/*
 * Keep an answer to query when it may be kept. Failing to is no error: it is
 * asked again. Who may have it is judged each time, not kept.
 */
void cf_cache_put(struct cf_cache *cache, const struct cf_wire_query *query,
                  const struct cf_wire_answer *answer, int64_t now_us);

/*
 * The answer that is kept for query, or NULL. Its TTLs are as long as is left
 * of them. Borrowed until the next call for this cache.
 */
const struct cf_wire_answer *cf_cache_find(struct cf_cache *cache,
                                           const struct cf_wire_query *query, int64_t now_us);

size_t cf_cache_entries(const struct cf_cache *cache);
size_t cf_cache_bytes(const struct cf_cache *cache);

#endif
