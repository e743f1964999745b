/*
 * name_set.c - every name of the policy in one table
 *
 * How this works. Each entry is a record in one growing block: line or node,
 * owner and kind, length, text. A table of 64-bit slots, open with linear
 * probing, leads there: 32 bits of the name's hash, and the record's place
 * plus one; 0 is empty. The place in the table comes from the other 32 bits,
 * scaled to the number of slots, so that any number of slots will do: with
 * cf_name_set_expect() the table is made once, of the right size.
 *
 * An entry of every kind hashes the name without its stars. To look a name up
 * is to look up the name itself and each of its suffixes, and a suffix finds
 * its *. and its **. in one go. What no entry can match is not looked up: for
 * each kind a mask tells which numbers of labels occur. The first pass hashes
 * and asks for the memory, the second one compares, so that the waits for
 * several suffixes overlap.
 *
 * Programs choose the names that are looked up, so the hash is SipHash under
 * this run's secret. It takes a name from its end, eight bytes at a time: what
 * one suffix has taken in, the next longer one goes on from, and only its end
 * is paid for each.
 */
#include "profile/name_set.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "base/siphash.h"
#include "profile/match.h"

#define HEADER 9
#define FIRST_SLOTS ((size_t)64)
#define FIRST_BYTES ((size_t)4096)
#define KINDS 3
#define HUGE_PAGE ((size_t)2 << 20)

struct cf_name_set {
    struct cf_siphash start;
    uint64_t *slots;
    size_t n_slots;
    size_t n_names;
    uint8_t *records;
    size_t used, size;
    uint64_t labels[KINDS][2]; /* bit n: an entry of the kind has n labels */
};

struct record {
    uint32_t value;
    uint32_t owner;
    enum cf_host_kind kind;
    size_t length;
    const uint8_t *text;
};

/* A name with room before it, to be read eight bytes at a time from its end. */
struct text {
    uint8_t pad[8];
    uint8_t name[CF_NAME_SIZE];
};

static struct record record_at(const struct cf_name_set *set, size_t place)
{
    const uint8_t *at = set->records + place;
    struct record record;
    uint32_t owner;

    memcpy(&record.value, at, sizeof record.value);
    memcpy(&owner, at + 4, sizeof owner);
    record.owner = owner >> 2;
    record.kind = (enum cf_host_kind)(owner & 3);
    record.length = at[8];
    record.text = at + HEADER;
    return record;
}

static uint64_t word_before(const uint8_t *end)
{
    uint64_t word;

    memcpy(&word, end - 8, 8);
    return le64toh(word);
}

/* What has been taken in of a name from its end. */
struct suffix_hash {
    struct cf_siphash state;
    const uint8_t *at; /* everything behind it has been */
    const uint8_t *end;
};

/* The hash of what begins at start; starts must come from right to left. */
static uint64_t suffix_hash(struct suffix_hash *hash, const uint8_t *start)
{
    size_t rest;
    uint64_t last;

    for (; hash->at - start >= 8; hash->at -= 8)
        cf_siphash_word(&hash->state, word_before(hash->at));
    rest = (size_t)(hash->at - start);
    last = rest > 0 ? word_before(hash->at) >> (64 - 8 * rest) : 0;
    return cf_siphash_end(hash->state, last | (uint64_t)(hash->end - start) << 56);
}

static struct suffix_hash text_take(const struct cf_name_set *set, struct text *text,
                                    const void *name, size_t length)
{
    memcpy(text->name, name, length);
    return (struct suffix_hash) {
        .state = set->start,
        .at = text->name + length,
        .end = text->name + length,
    };
}

static uint64_t hash_whole(const struct cf_name_set *set, const void *name, size_t length)
{
    struct text text;
    struct suffix_hash hash = text_take(set, &text, name, length);

    return suffix_hash(&hash, text.name);
}

static size_t first_slot(const struct cf_name_set *set, uint64_t hash)
{
    return (size_t)((hash & UINT32_MAX) * set->n_slots >> 32);
}

static size_t next_slot(const struct cf_name_set *set, size_t place)
{
    return place + 1 < set->n_slots ? place + 1 : 0;
}

/*
 * Memory for the table and the records: of zeros, never touched before it is
 * needed, in huge pages when there is much of it, since a look-up goes to a
 * place that nothing near was asked for. NULL when out of memory.
 */
static void *block_grow(void *block, size_t size, size_t new_size)
{
    void *grown = block ? mremap(block, size, new_size, MREMAP_MAYMOVE)
                        : mmap(NULL, new_size, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (grown == MAP_FAILED)
        return NULL;
    /* A kernel without them does without. */
    if (new_size >= 2 * HUGE_PAGE)
        (void)madvise(grown, new_size, MADV_HUGEPAGE);
    return grown;
}

static void block_free(void *block, size_t size)
{
    if (block)
        munmap(block, size);
}

struct cf_name_set *cf_name_set_new(void)
{
    struct cf_name_set *set = calloc(1, sizeof *set);

    if (set)
        set->start = cf_siphash_begin(cf_hash_secret());
    return set;
}

void cf_name_set_free(struct cf_name_set *set)
{
    if (!set)
        return;
    block_free(set->slots, set->n_slots * sizeof *set->slots);
    block_free(set->records, set->size);
    free(set);
}

static unsigned count_labels(const char *name, size_t length)
{
    unsigned n = 1;

    for (size_t i = 0; i < length; i++)
        n += name[i] == '.';
    return n;
}

/* Lead to a record that is in place. */
static void slot_fill(struct cf_name_set *set, size_t place)
{
    struct record record = record_at(set, place);
    uint64_t hash = hash_whole(set, record.text, record.length);
    unsigned labels = count_labels((const char *)record.text, record.length);
    size_t slot = first_slot(set, hash);

    while (set->slots[slot])
        slot = next_slot(set, slot);
    set->slots[slot] = (hash >> 32) << 32 | (place + 1);
    set->labels[record.kind][labels / 64] |= UINT64_C(1) << labels % 64;
    set->n_names++;
}

static void slots_fill(struct cf_name_set *set)
{
    set->n_names = 0;
    memset(set->labels, 0, sizeof set->labels);
    for (size_t place = 0; place < set->used; place += HEADER + record_at(set, place).length)
        slot_fill(set, place);
}

static int resize(struct cf_name_set *set, size_t n_slots)
{
    uint64_t *slots;

    if (n_slots > UINT32_MAX)
        return -ENOMEM;
    slots = block_grow(NULL, 0, n_slots * sizeof *slots);
    if (!slots)
        return -ENOMEM;
    block_free(set->slots, set->n_slots * sizeof *set->slots);
    set->slots = slots;
    set->n_slots = n_slots;
    slots_fill(set);
    return 0;
}

/* At most three of four slots are used, of a table that was expected three of five. */
int cf_name_set_expect(struct cf_name_set *set, size_t n_names)
{
    size_t n;

    if (n_names > UINT32_MAX / 4 - set->n_names)
        return -ENOMEM;
    n = (set->n_names + n_names) * 5 / 3 + FIRST_SLOTS;
    return n > set->n_slots ? resize(set, n) : 0;
}

static int make_room(struct cf_name_set *set, size_t length)
{
    size_t size = set->size ? set->size : FIRST_BYTES;
    uint8_t *records;

    if (set->n_names + 1 > set->n_slots / 4 * 3 &&
        resize(set, set->n_slots ? set->n_slots * 2 : FIRST_SLOTS) < 0)
        return -ENOMEM;
    if (set->used + HEADER + length <= set->size)
        return 0;
    size *= set->size ? 2 : 1;
    if (size >= UINT32_MAX)
        return -ENOMEM;
    records = block_grow(set->records, set->size, size);
    if (!records)
        return -ENOMEM;
    set->records = records;
    set->size = size;
    return 0;
}

/* The place of an entry's record, or SIZE_MAX; ret_slot: its slot, or the free one for it. */
static size_t find(const struct cf_name_set *set, const struct cf_name_key *key, uint64_t hash,
                   size_t *ret_slot)
{
    size_t slot = first_slot(set, hash);

    for (; set->slots[slot]; slot = next_slot(set, slot)) {
        struct record record;

        if (set->slots[slot] >> 32 != hash >> 32)
            continue;
        record = record_at(set, (uint32_t)set->slots[slot] - 1);
        if (record.kind != key->kind || record.owner != key->owner ||
            record.length != key->length || memcmp(record.text, key->name, key->length) != 0)
            continue;
        *ret_slot = slot;
        return (uint32_t)set->slots[slot] - 1;
    }
    *ret_slot = slot;
    return SIZE_MAX;
}

int cf_name_set_add(struct cf_name_set *set, const struct cf_name_key *key, uint32_t value,
                    bool *ret_added)
{
    uint64_t hash = hash_whole(set, key->name, key->length);
    uint32_t owner = key->owner << 2 | (uint32_t)key->kind;
    unsigned labels = count_labels(key->name, key->length);
    uint8_t *at;
    size_t slot;

    assert(key->kind <= CF_HOST_MANY && key->length > 0 && key->length < CF_NAME_SIZE);
    if (make_room(set, key->length) < 0)
        return -ENOMEM;
    *ret_added = find(set, key, hash, &slot) == SIZE_MAX;
    if (!*ret_added)
        return 0;
    at = set->records + set->used;
    memcpy(at, &value, sizeof value);
    memcpy(at + 4, &owner, sizeof owner);
    at[8] = (uint8_t)key->length;
    memcpy(at + HEADER, key->name, key->length);
    set->slots[slot] = (hash >> 32) << 32 | (set->used + 1);
    set->labels[key->kind][labels / 64] |= UINT64_C(1) << labels % 64;
    set->used += HEADER + key->length;
    set->n_names++;
    return 0;
}

/* SIZE_MAX when there is none. */
static size_t place_of(const struct cf_name_set *set, const struct cf_name_key *key)
{
    size_t slot;

    if (!set->slots || key->length == 0 || key->length >= CF_NAME_SIZE)
        return SIZE_MAX;
    return find(set, key, hash_whole(set, key->name, key->length), &slot);
}

bool cf_name_set_get(const struct cf_name_set *set, const struct cf_name_key *key,
                     uint32_t *ret_value)
{
    size_t place = place_of(set, key);

    if (place == SIZE_MAX)
        return false;
    *ret_value = record_at(set, place).value;
    return true;
}

void cf_name_set_put(struct cf_name_set *set, const struct cf_name_key *key, uint32_t value)
{
    size_t place = place_of(set, key);

    assert(place != SIZE_MAX);
    memcpy(set->records + place, &value, sizeof value);
}

bool cf_name_set_next(const struct cf_name_set *set, size_t *place, struct cf_name_key *ret_key)
{
    struct record record;

    if (*place >= set->used)
        return false;
    record = record_at(set, *place);
    *place += HEADER + record.length;
    *ret_key = (struct cf_name_key) {
        .kind = record.kind,
        .owner = record.owner,
        .name = (const char *)record.text,
        .length = record.length,
    };
    return true;
}

size_t cf_name_set_mark(const struct cf_name_set *set)
{
    return set->used;
}

void cf_name_set_rewind(struct cf_name_set *set, size_t mark)
{
    if (mark == set->used)
        return;
    set->used = mark;
    memset(set->slots, 0, set->n_slots * sizeof *set->slots);
    slots_fill(set);
}

/* One suffix to look up. */
struct probe {
    uint64_t hash;
    const uint8_t *text;
    unsigned labels;
    unsigned kinds; /* mask */
};

static bool has_labels(const struct cf_name_set *set, enum cf_host_kind kind, unsigned labels)
{
    return set->labels[kind][labels / 64] >> labels % 64 & 1;
}

/* The kinds of which an entry with so many labels could match a name with that many. */
static unsigned kinds_for(const struct cf_name_set *set, unsigned labels, unsigned name_labels)
{
    unsigned kinds = 0;

    if (labels == name_labels)
        return has_labels(set, CF_HOST_NAME, labels) ? 1u << CF_HOST_NAME : 0;
    if (has_labels(set, CF_HOST_MANY, labels))
        kinds |= 1u << CF_HOST_MANY;
    if (labels + 1 == name_labels && has_labels(set, CF_HOST_ONE, labels))
        kinds |= 1u << CF_HOST_ONE;
    return kinds;
}

/* Hash what could match, and ask for the memory where it would be. Returns how many probes. */
static unsigned probes_make(const struct cf_name_set *set, struct suffix_hash *hash,
                            const uint8_t *name, struct probe probes[CF_NAME_LABELS_MAX])
{
    const uint8_t *starts[CF_NAME_LABELS_MAX];
    unsigned n_starts = 0, n = 0;

    for (const uint8_t *at = hash->end; at > name && n_starts < CF_NAME_LABELS_MAX - 1; at--) {
        if (at[-1] == '.')
            starts[n_starts++] = at;
    }
    starts[n_starts++] = name;
    for (unsigned i = 0; i < n_starts; i++) {
        unsigned kinds = kinds_for(set, i + 1, n_starts);

        if (!kinds)
            continue;
        probes[n] = (struct probe) { suffix_hash(hash, starts[i]), starts[i], i + 1, kinds };
        __builtin_prefetch(&set->slots[first_slot(set, probes[n].hash)]);
        n++;
    }
    return n;
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

static unsigned probe_take(const struct cf_name_set *set, const struct probe *probe, size_t length,
                           const uint32_t *nodes, struct cf_name_hit *hits, unsigned n)
{
    size_t slot = first_slot(set, probe->hash);

    for (; set->slots[slot]; slot = next_slot(set, slot)) {
        struct record record;
        struct cf_name_hit hit;

        if (set->slots[slot] >> 32 != probe->hash >> 32)
            continue;
        record = record_at(set, (uint32_t)set->slots[slot] - 1);
        if (!(probe->kinds & 1u << record.kind) || record.length != length ||
            memcmp(record.text, probe->text, length) != 0)
            continue;
        hit = (struct cf_name_hit) {
            .owner = record.owner,
            .node = record.owner == CF_NAME_OF_RULES ? record.value : CF_NODE_NONE,
            .host = cf_match_host_name(record.kind, probe->labels),
        };
        if (record.owner >= CF_NAME_OF_GROUP) {
            hit.node = nodes[record.owner - CF_NAME_OF_GROUP];
            hit.line = record.value;
            if (hit.node == CF_NODE_NONE)
                continue;
        }
        n = hit_add(hits, n, &hit);
    }
    return n;
}

unsigned cf_name_set_find(const struct cf_name_set *set, const char *name, size_t length,
                          const uint32_t *nodes, struct cf_name_hit hits[CF_NAME_HITS_MAX])
{
    struct probe probes[CF_NAME_LABELS_MAX];
    struct suffix_hash hash;
    struct text text;
    unsigned n_probes, n = 0;

    if (set->n_names == 0 || length == 0 || length >= CF_NAME_SIZE)
        return 0;
    hash = text_take(set, &text, name, length);
    n_probes = probes_make(set, &hash, text.name, probes);
    for (unsigned i = 0; i < n_probes; i++)
        n = probe_take(set, &probes[i], (size_t)(hash.end - probes[i].text), nodes, hits, n);
    return n;
}
