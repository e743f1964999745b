/*
 * name_set.c - every name of the policy
 *
 * How this works. Names of rules and hosts are records in one block, and a
 * table of 64-bit slots, open with linear probing, leads to them: 32 bits of
 * the name's hash, and the record's place plus one; 0 is empty. The place in
 * the table comes from the other 32 bits, scaled to the number of slots. Names
 * of files, of which there may be a million, are in buckets (name_files.c).
 *
 * An entry of every kind hashes the name without its stars. To look a name up
 * is to look up the name itself and each of its suffixes, and a suffix finds
 * its *. and its **. in one go. What no entry can match is not looked up: for
 * each kind a mask tells which numbers of labels occur. cf_name_set_start()
 * hashes and asks for the memory, cf_name_set_find() compares, so that the
 * waits for several suffixes overlap, and with what a verdict does in between.
 *
 * The hash takes a name from its end, eight bytes at a time: what one suffix
 * has taken in, the next longer one goes on from, and only its end is paid for
 * each. Programs choose the names that are looked up, but add none: how far a
 * look-up goes is in the hands of who writes the policy and its files. So that
 * the same files give the same order, the key is fixed at first. A file that
 * was made to collide is noticed when the set is sealed, and everything is
 * hashed again under this run's secret.
 */
#include "profile/name_set.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "profile/match.h"
#include "profile/name_files.h"
#include "profile/name_record.h"

#define FIRST_SLOTS ((size_t)64)

/* By so many names no bucket is pushed back by chance. */
#define PUSHED_MAX 64

const uint64_t cf_name_fixed_key[2] = { UINT64_C(0x6368696c64666c6f),
                                        UINT64_C(0x77206e616d657321) };

struct cf_name_set {
    struct cf_siphash start;
    bool secret; /* the key is */
    uint64_t *slots;
    size_t n_slots;
    size_t n_names; /* in the slots */
    struct cf_name_records records;
    struct cf_name_depths depths;
    struct cf_name_files files;
};

static size_t first_slot(const struct cf_name_set *set, uint64_t hash)
{
    return (size_t)((hash & UINT32_MAX) * set->n_slots >> 32);
}

static size_t next_slot(const struct cf_name_set *set, size_t place)
{
    return place + 1 < set->n_slots ? place + 1 : 0;
}

struct cf_name_set *cf_name_set_new(void)
{
    struct cf_name_set *set = calloc(1, sizeof *set);

    if (set)
        set->start = cf_siphash_begin(cf_name_fixed_key);
    return set;
}

void cf_name_set_free(struct cf_name_set *set)
{
    if (!set)
        return;
    free(set->slots);
    cf_name_records_done(&set->records);
    cf_name_files_done(&set->files);
    free(set);
}

/* Lead to a record that is in place. */
static void slot_fill(struct cf_name_set *set, size_t place)
{
    struct cf_name_record record = cf_name_record_at(&set->records, place);
    uint64_t hash = cf_name_hash_whole(&set->start, record.text, record.length);
    size_t slot = first_slot(set, hash);

    while (set->slots[slot])
        slot = next_slot(set, slot);
    set->slots[slot] = (hash >> 32) << 32 | (place + 1);
    cf_name_depths_add(&set->depths, record.kind, record.text, record.length);
    set->n_names++;
}

static void slots_fill(struct cf_name_set *set)
{
    set->n_names = 0;
    set->depths = (struct cf_name_depths) { 0 };
    if (set->slots)
        memset(set->slots, 0, set->n_slots * sizeof *set->slots);
    for (size_t place = 0; place < set->records.used;) {
        struct cf_name_record record = cf_name_record_at(&set->records, place);

        slot_fill(set, place);
        place += cf_name_record_size(&record);
    }
}

static int make_room(struct cf_name_set *set, size_t length)
{
    size_t n_slots = set->n_slots ? set->n_slots * 2 : FIRST_SLOTS;
    uint64_t *slots;

    if (cf_name_records_reserve(&set->records, CF_NAME_HEADER + length) < 0)
        return -ENOMEM;
    if (set->n_names + 1 <= set->n_slots / 4 * 3)
        return 0;
    slots = calloc(n_slots, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    free(set->slots);
    set->slots = slots;
    set->n_slots = n_slots;
    slots_fill(set);
    return 0;
}

int cf_name_set_expect(struct cf_name_set *set, size_t n_names)
{
    return n_names > UINT32_MAX ? -ENOMEM : cf_name_files_expect(&set->files, n_names);
}

/* The place of an entry's record, or SIZE_MAX; ret_slot: its slot, or the free one for it. */
static size_t find(const struct cf_name_set *set, const struct cf_name_key *key, uint64_t hash,
                   size_t *ret_slot)
{
    size_t slot = first_slot(set, hash);

    for (; set->slots[slot]; slot = next_slot(set, slot)) {
        size_t place = (uint32_t)set->slots[slot] - 1;
        struct cf_name_record record;

        if (set->slots[slot] >> 32 != hash >> 32)
            continue;
        record = cf_name_record_at(&set->records, place);
        if (record.kind != key->kind || record.owner != key->owner ||
            record.length != key->length || memcmp(record.text, key->name, key->length) != 0)
            continue;
        *ret_slot = slot;
        return place;
    }
    *ret_slot = slot;
    return SIZE_MAX;
}

int cf_name_set_add(struct cf_name_set *set, const struct cf_name_key *key, uint32_t value,
                    bool *ret_added)
{
    uint64_t hash;
    size_t slot, place;

    assert(key->kind <= CF_HOST_MANY && key->length > 0 && key->length < CF_NAME_SIZE);
    if (key->owner >= CF_NAME_OF_GROUP) {
        *ret_added = true;
        return cf_name_files_add(&set->files, &set->start, key->kind, key->owner, value,
                                 key->name, key->length);
    }
    if (make_room(set, key->length) < 0)
        return -ENOMEM;
    hash = cf_name_hash_whole(&set->start, key->name, key->length);
    *ret_added = find(set, key, hash, &slot) == SIZE_MAX;
    if (!*ret_added)
        return 0;
    place =
        cf_name_records_add(&set->records, key->kind, key->owner, value, key->name, key->length);
    set->slots[slot] = (hash >> 32) << 32 | (place + 1);
    cf_name_depths_add(&set->depths, key->kind, key->name, key->length);
    set->n_names++;
    return 0;
}

int cf_name_set_seal(struct cf_name_set *set, void (*dropped)(void *data, uint32_t owner),
                     void *data)
{
    size_t pushed;
    int r;

    if (set->files.n_names == 0 || set->files.ends)
        return 0;
    r = cf_name_files_seal(&set->files, dropped, data, &pushed);
    if (r < 0 || pushed <= PUSHED_MAX || set->secret)
        return r;
    set->secret = true;
    set->start = cf_siphash_begin(cf_hash_secret());
    slots_fill(set);
    r = cf_name_files_unseal(&set->files, &set->start);
    return r < 0 ? r : cf_name_files_seal(&set->files, dropped, data, &pushed);
}

/* SIZE_MAX when there is none. */
static size_t place_of(const struct cf_name_set *set, const struct cf_name_key *key)
{
    size_t slot;

    if (!set->slots || key->length == 0 || key->length >= CF_NAME_SIZE)
        return SIZE_MAX;
    return find(set, key, cf_name_hash_whole(&set->start, key->name, key->length), &slot);
}

bool cf_name_set_get(const struct cf_name_set *set, const struct cf_name_key *key,
                     uint32_t *ret_value)
{
    size_t place = place_of(set, key);

    if (place == SIZE_MAX)
        return false;
    *ret_value = cf_name_record_at(&set->records, place).value;
    return true;
}

void cf_name_set_put(struct cf_name_set *set, const struct cf_name_key *key, uint32_t value)
{
    size_t place = place_of(set, key);

    assert(place != SIZE_MAX);
    memcpy(set->records.at + place, &value, sizeof value);
}

/* A place is a bucket's number above, and below how far behind its begin. */
#define PLACE_BITS 32

bool cf_name_set_next(const struct cf_name_set *set, uint64_t *place, struct cf_name_key *ret_key)
{
    const struct cf_name_files *files = &set->files;

    assert(files->n_names == 0 || files->ends); /* cf_name_set_seal() */
    for (size_t bucket = *place >> PLACE_BITS; bucket < files->n_buckets;
         *place = (uint64_t)++bucket << PLACE_BITS) {
        size_t at = cf_name_files_begin(files, bucket) + (uint32_t)*place;
        struct cf_name_record record;

        if (at >= files->ends[bucket + 1])
            continue;
        record = cf_name_record_at(&files->records, at);
        if (record.length == 0)
            continue;
        *place += cf_name_record_size(&record);
        *ret_key = (struct cf_name_key) {
            .kind = record.kind,
            .owner = record.owner,
            .name = (const char *)record.text,
            .length = record.length,
        };
        return true;
    }
    return false;
}

void cf_name_set_renumber(struct cf_name_set *set, size_t mark, const uint32_t *table)
{
    for (size_t place = mark; place < set->records.used;) {
        struct cf_name_record record = cf_name_record_at(&set->records, place);

        assert(record.owner == CF_NAME_OF_RULES);
        memcpy(set->records.at + place, &table[record.value], sizeof record.value);
        place += cf_name_record_size(&record);
    }
}

size_t cf_name_set_mark(const struct cf_name_set *set)
{
    return set->records.used;
}

void cf_name_set_rewind(struct cf_name_set *set, size_t mark)
{
    if (mark == set->records.used)
        return;
    set->records.used = mark;
    slots_fill(set);
}

#define DOTS UINT64_C(0x2e2e2e2e2e2e2e2e)
#define LOW_BITS UINT64_C(0x7f7f7f7f7f7f7f7f)

/* The highest bit of every byte that is a dot. */
static uint64_t dots_of(uint64_t word)
{
    word ^= DOTS;
    return ~(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS);
}

/* Where the labels begin, the last one first. Returns how many; what is too many is the name's. */
static unsigned labels_find(const uint8_t *name, unsigned length,
                            uint8_t starts[CF_NAME_LABELS_MAX])
{
    unsigned n = 0;

    for (unsigned end = length; end > 0; end = end > 8 ? end - 8 : 0) {
        unsigned begin = end > 8 ? end - 8 : 0;
        uint64_t dots = dots_of(cf_name_hash_word(name + begin + 8));

        if (end < 8)
            dots &= ~(~UINT64_C(0) << 8 * end);
        for (; dots && n < CF_NAME_LABELS_MAX - 1; n++) {
            unsigned byte = 7 - (unsigned)__builtin_clzll(dots) / 8;

            starts[n] = (uint8_t)(begin + byte + 1);
            dots &= ~(UINT64_C(0x80) << 8 * byte);
        }
    }
    starts[n++] = 0;
    return n;
}

/*
 * The name itself comes first: most entries are whole names, its hash needs
 * nothing of what its labels are, and its memory is the farthest away.
 */
void cf_name_set_start(const struct cf_name_set *set, const char *name, size_t length,
                       struct cf_name_lookup *ret_lookup)
{
    struct cf_name_lookup *lookup = ret_lookup;
    uint8_t starts[CF_NAME_LABELS_MAX];
    struct cf_name_hash hash, whole_hash;
    unsigned n_labels;
    uint64_t whole;

    lookup->n_probes = 0;
    if (length == 0 || length >= CF_NAME_SIZE)
        return;
    hash = whole_hash = cf_name_hash_begin(&set->start, &lookup->pad, name, length);
    whole = cf_name_hash_suffix(&whole_hash, hash.name);
    if (set->files.n_buckets > 0)
        cf_name_files_fetch(&set->files, whole);
    lookup->length = (unsigned)length;
    lookup->name = hash.name;
    n_labels = labels_find(hash.name, lookup->length, starts);
    for (unsigned i = 0; i < n_labels; i++) {
        unsigned kinds = cf_name_depths_find(&set->depths, i + 1, n_labels);
        unsigned file_kinds = cf_name_depths_find(&set->files.depths, i + 1, n_labels);
        struct cf_name_probe *probe = &lookup->probes[lookup->n_probes];
        bool is_whole = i + 1 == n_labels;

        if (!(kinds | file_kinds))
            continue;
        *probe = (struct cf_name_probe) {
            .hash = is_whole ? whole : cf_name_hash_suffix(&hash, hash.name + starts[i]),
            .first = starts[i],
            .labels = (uint8_t)(i + 1),
            .kinds = (uint8_t)kinds,
            .file_kinds = (uint8_t)file_kinds,
        };
        if (file_kinds && !is_whole)
            cf_name_files_fetch(&set->files, probe->hash);
        if (kinds)
            __builtin_prefetch(&set->slots[first_slot(set, probe->hash)]);
        lookup->n_probes++;
    }
}

/* Take a match in; of the same group only the more specific one stays. */
static unsigned hit_add(struct cf_name_hit *hits, unsigned n, const struct cf_name_hit *hit)
{
    for (unsigned i = 0; hit->owner >= CF_NAME_OF_GROUP && i < n; i++) {
        if (hits[i].owner != hit->owner)
            continue;
        if (hits[i].host < hit->host)
            hits[i] = *hit;
        return n;
    }
    hits[n] = *hit;
    return n + 1;
}

static unsigned probe_slots(const struct cf_name_set *set, const struct cf_name_lookup *lookup,
                            const struct cf_name_probe *probe, struct cf_name_hit *hits, unsigned n)
{
    const uint8_t *text = lookup->name + probe->first;
    size_t length = lookup->length - probe->first;
    size_t slot = first_slot(set, probe->hash);

    for (; set->slots[slot]; slot = next_slot(set, slot)) {
        struct cf_name_record record;
        struct cf_name_hit hit;

        if (set->slots[slot] >> 32 != probe->hash >> 32)
            continue;
        record = cf_name_record_at(&set->records, (uint32_t)set->slots[slot] - 1);
        if (!(probe->kinds & 1u << record.kind) || record.length != length ||
            memcmp(record.text, text, length) != 0)
            continue;
        hit = (struct cf_name_hit) {
            .owner = record.owner,
            .node = record.owner == CF_NAME_OF_RULES ? record.value : CF_NODE_NONE,
            .host = cf_match_host_name(record.kind, probe->labels),
        };
        n = hit_add(hits, n, &hit);
    }
    return n;
}

static unsigned probe_files(const struct cf_name_files *files, const struct cf_name_lookup *lookup,
                            const struct cf_name_probe *probe, const uint32_t *nodes,
                            struct cf_name_hit *hits, unsigned n)
{
    const uint8_t *text = lookup->name + probe->first;
    size_t length = lookup->length - probe->first;
    size_t bucket = cf_name_files_bucket(files, probe->hash), end = files->ends[bucket + 1];

    for (size_t at = cf_name_files_begin(files, bucket); at < end;) {
        struct cf_name_record record = cf_name_record_at(&files->records, at);
        struct cf_name_hit hit;

        if (record.length == 0)
            break;
        at += cf_name_record_size(&record);
        if (record.length != length || !(probe->file_kinds & 1u << record.kind) ||
            memcmp(record.text, text, length) != 0)
            continue;
        hit = (struct cf_name_hit) {
            .owner = record.owner,
            .node = nodes[record.owner - CF_NAME_OF_GROUP],
            .line = record.value,
            .host = cf_match_host_name(record.kind, probe->labels),
        };
        if (hit.node != CF_NODE_NONE)
            n = hit_add(hits, n, &hit);
    }
    return n;
}

unsigned cf_name_set_find(const struct cf_name_set *set, const struct cf_name_lookup *lookup,
                          const uint32_t *nodes, struct cf_name_hit hits[CF_NAME_HITS_MAX])
{
    unsigned n = 0;

    assert(set->files.n_names == 0 || set->files.ends); /* cf_name_set_seal() */
    for (unsigned i = 0; i < lookup->n_probes; i++) {
        const struct cf_name_probe *probe = &lookup->probes[i];

        if (probe->kinds)
            n = probe_slots(set, lookup, probe, hits, n);
    }
    for (unsigned i = 0; i < lookup->n_probes; i++) {
        const struct cf_name_probe *probe = &lookup->probes[i];

        if (probe->file_kinds)
            n = probe_files(&set->files, lookup, probe, nodes, hits, n);
    }
    return n;
}
