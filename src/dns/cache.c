/*
 * cache.c - answers kept for as long as they say
 *
 * How this works. An entry is keyed by the name in lower case, type, class,
 * and the bits of the query that change an answer (DO, CD, AD). It keeps the
 * answer without its OPT and the offset of every TTL. What is found has its
 * TTLs lowered in place by the whole seconds since the last time, so that
 * nothing is parsed again. Entries stand in one line by last use. Queries
 * without RD are neither kept nor answered from here.
 */
#include "dns/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"

#define KEY_SIZE (CF_DOMAIN_SIZE + 5)

struct key {
    size_t length;
    uint8_t bytes[KEY_SIZE];
};

struct entry {
    struct cf_hash_node node;
    struct entry *older, *newer;
    int64_t aged_us; /* the moment that the TTLs are right for */
    int64_t until_us;
    struct cf_wire_answer answer; /* message points into data */
    size_t key_length;
    size_t n_ttls;
    size_t size;
    uint8_t *key;
    uint16_t *ttls; /* offsets into the message */
    uint8_t data[]; /* ttls, message, key */
};

struct cf_cache {
    struct cf_hash hash;
    struct entry *newest, *oldest;
    size_t entries_max;
    size_t bytes;
};

int cf_cache_new(size_t entries, struct cf_cache **ret_cache)
{
    struct cf_cache *cache = calloc(1, sizeof *cache);

    if (!cache)
        return -ENOMEM;
    cf_hash_init(&cache->hash);
    cache->entries_max = entries;
    *ret_cache = cache;
    return 0;
}

static void line_remove(struct cf_cache *cache, struct entry *entry)
{
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        cache->newest = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        cache->oldest = entry->newer;
}

static void line_add(struct cf_cache *cache, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    if (cache->newest)
        cache->newest->newer = entry;
    else
        cache->oldest = entry;
    cache->newest = entry;
}

static void drop(struct cf_cache *cache, struct entry *entry)
{
    cf_hash_remove(&cache->hash, &entry->node);
    line_remove(cache, entry);
    cache->bytes -= entry->size;
    free(entry);
}

void cf_cache_free(struct cf_cache *cache)
{
    if (!cache)
        return;
    while (cache->oldest)
        drop(cache, cache->oldest);
    cf_hash_done(&cache->hash);
    free(cache);
}

/* False when the query is one that the cache has no part in. */
static bool key_make(const struct cf_wire_query *query, struct key *ret_key)
{
    struct cf_domain name = query->name;
    uint8_t *at = ret_key->bytes + name.length;

    if (!(query->flags & CF_WIRE_RD))
        return false;
    cf_domain_lower(&name);
    memcpy(ret_key->bytes, name.bytes, name.length);
    cf_wire_put_u16(at, query->type);
    cf_wire_put_u16(at + 2, query->class);
    at[4] = (uint8_t)((query->flags & (CF_WIRE_AD | CF_WIRE_CD)) | query->edns.dnssec_ok);
    ret_key->length = (size_t)name.length + 5;
    return true;
}

static struct entry *entry_find(struct cf_cache *cache, const struct key *key, uint64_t hash)
{
    struct cf_hash_node *node = cf_hash_find(&cache->hash, hash);

    for (; node; node = cf_hash_next(node)) {
        struct entry *entry = cf_container_of(node, struct entry, node);

        if (entry->key_length == key->length && memcmp(entry->key, key->bytes, key->length) == 0)
            return entry;
    }
    return NULL;
}

/* RFC 2308, 5: the lesser of the SOA's own TTL and of its last field. */
static uint32_t soa_ttl(const uint8_t *message, const struct cf_wire_rr *rr)
{
    uint32_t minimum;

    if (rr->rdata_length < 22)
        return 0;
    minimum = cf_wire_u32(message + rr->rdata_at + rr->rdata_length - 4);
    return minimum < rr->ttl ? minimum : rr->ttl;
}

/*
 * Seconds that an answer may be kept, 0 for not at all; n_records for the
 * offsets. An answer is negative when it says that the name is not there, or
 * when nothing in it has the type that was asked (a chain may still be there).
 */
static uint32_t lifetime(const struct cf_wire_query *query, const struct cf_wire_answer *answer,
                         size_t *ret_records)
{
    uint32_t ttl = CF_CACHE_TTL_MAX_S, soa = 0;
    bool positive = false;
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;

    *ret_records = 0;
    if (answer->flags & CF_WIRE_TC)
        return 0;
    if (answer->rcode != CF_RCODE_NOERROR && answer->rcode != CF_RCODE_NXDOMAIN)
        return 0;
    cf_wire_answer_walk(answer, &walk);
    while (cf_wire_walk_next(&walk, &rr) > 0) {
        ++*ret_records;
        if (rr.section == CF_SECTION_ANSWER) {
            positive = positive || rr.type == query->type || query->type == 255;
            if (rr.ttl < ttl)
                ttl = rr.ttl;
        } else if (rr.section == CF_SECTION_AUTHORITY && rr.type == CF_TYPE_SOA) {
            soa = soa_ttl(answer->message, &rr);
        }
    }
    if (positive && answer->rcode == CF_RCODE_NOERROR)
        return ttl;
    if (soa > CF_CACHE_NEGATIVE_MAX_S)
        soa = CF_CACHE_NEGATIVE_MAX_S;
    return soa < ttl ? soa : ttl;
}

static struct entry *entry_make(const struct key *key, const struct cf_wire_answer *answer,
                                size_t n_ttls)
{
    size_t size = sizeof(struct entry) + n_ttls * sizeof(uint16_t) + answer->length + key->length;
    struct entry *entry = malloc(size);
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    uint8_t *message;

    if (!entry)
        return NULL;
    *entry = (struct entry) { .answer = *answer, .key_length = key->length, .size = size };
    entry->ttls = (uint16_t *)(void *)entry->data;
    message = entry->data + n_ttls * sizeof(uint16_t);
    entry->key = message + answer->length;
    memcpy(message, answer->message, answer->length);
    memcpy(entry->key, key->bytes, key->length);
    entry->answer.message = message;
    entry->answer.edns = (struct cf_wire_edns) { 0 };
    entry->answer.flags &= (uint16_t)~CF_WIRE_AA;
    cf_wire_answer_walk(answer, &walk);
    while (entry->n_ttls < n_ttls && cf_wire_walk_next(&walk, &rr) > 0)
        entry->ttls[entry->n_ttls++] = (uint16_t)rr.ttl_at;
    return entry;
}

void cf_cache_put(struct cf_cache *cache, const struct cf_wire_query *query,
                  const struct cf_wire_answer *answer, int64_t now_us)
{
    struct entry *entry, *old;
    size_t n_records;
    struct key key;
    uint32_t ttl;
    uint64_t hash;

    if (answer->length > CF_CACHE_ANSWER_MAX || !key_make(query, &key))
        return;
    ttl = lifetime(query, answer, &n_records);
    if (ttl == 0)
        return;
    entry = entry_make(&key, answer, n_records);
    if (!entry)
        return;
    entry->aged_us = now_us;
    entry->until_us = now_us + (int64_t)ttl * CF_US_PER_S;
    hash = cf_hash_bytes(key.bytes, key.length);
    old = entry_find(cache, &key, hash);
    if (old)
        drop(cache, old);
    if (cf_hash_add(&cache->hash, &entry->node, hash) < 0) {
        free(entry);
        return;
    }
    line_add(cache, entry);
    cache->bytes += entry->size;
    while (cache->hash.n_nodes > cache->entries_max || cache->bytes > CF_CACHE_BYTES_MAX)
        drop(cache, cache->oldest);
}

/* Lower every TTL by the whole seconds that have gone by. */
static void age(struct entry *entry, int64_t now_us)
{
    uint32_t seconds = (uint32_t)((now_us - entry->aged_us) / CF_US_PER_S);
    uint8_t *message = (uint8_t *)entry->ttls + entry->n_ttls * sizeof(uint16_t);

    if (seconds == 0)
        return;
    for (size_t i = 0; i < entry->n_ttls; i++) {
        uint32_t ttl = cf_wire_u32(message + entry->ttls[i]);

        if (ttl > INT32_MAX)
            ttl = 0;
        cf_wire_put_u32(message + entry->ttls[i], ttl > seconds ? ttl - seconds : 0);
    }
    entry->aged_us += (int64_t)seconds * CF_US_PER_S;
}

const struct cf_wire_answer *cf_cache_find(struct cf_cache *cache,
                                           const struct cf_wire_query *query, int64_t now_us)
{
    struct entry *entry;
    struct key key;

    if (!key_make(query, &key))
        return NULL;
    entry = entry_find(cache, &key, cf_hash_bytes(key.bytes, key.length));
    if (!entry)
        return NULL;
    if (entry->until_us <= now_us) {
        drop(cache, entry);
        return NULL;
    }
    age(entry, now_us);
    line_remove(cache, entry);
    line_add(cache, entry);
    return &entry->answer;
}

size_t cf_cache_entries(const struct cf_cache *cache)
{
    return cache->hash.n_nodes;
}

size_t cf_cache_bytes(const struct cf_cache *cache)
{
    return cache->bytes;
}
