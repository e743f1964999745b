/*
 * name_record.h - names one behind the other, and their hashes
 *
 * What the two tables of name_set.c are made of: a record is a name with its
 * kind, its owner and a value; records stand in one growing block.
 */
#ifndef CF_PROFILE_NAME_RECORD_H
#define CF_PROFILE_NAME_RECORD_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/siphash.h"
#include "profile/endpoint.h"

/* Bytes of a record beside its text. */
#define CF_NAME_HEADER 9

struct cf_name_record {
    uint32_t value;
    uint32_t owner;
    enum cf_host_kind kind;
    size_t length;
    const uint8_t *text;
};

struct cf_name_records {
    uint8_t *at;
    size_t used, size;
};

/*
 * Memory of zeros for records and tables: never touched before it is needed,
 * and in huge pages when there is much of it, since a look-up goes to a place
 * that nothing near was asked for. NULL when out of memory.
 */
void *cf_name_memory_grow(void *memory, size_t size, size_t new_size);
void cf_name_memory_free(void *memory, size_t size);

/*
 * Ask for memory that will be read soon. PREFETCHW, because a plain prefetch
 * was dropped where the page's address was not at hand, and with as much memory
 * as a million names take it mostly is not; processors without it do nothing.
 */
static inline void cf_name_memory_fetch(const void *at)
{
#ifdef __x86_64__
    __asm__ volatile("prefetchw %0" : : "m"(*(const uint8_t *)at));
#else
    __builtin_prefetch(at, 1);
#endif
}

/* Room for so many bytes more; 0 or -ENOMEM. */
int cf_name_records_reserve(struct cf_name_records *records, size_t n_bytes);
/* Write a record behind the last; there is room. Returns its place. */
size_t cf_name_records_add(struct cf_name_records *records, enum cf_host_kind kind, uint32_t owner,
                           uint32_t value, const char *name, size_t length);
void cf_name_records_done(struct cf_name_records *records);

static inline struct cf_name_record cf_name_record_at(const struct cf_name_records *records,
                                                      size_t place)
{
    const uint8_t *at = records->at + place;
    struct cf_name_record record;
    uint32_t owner;

    memcpy(&record.value, at, sizeof record.value);
    memcpy(&owner, at + 4, sizeof owner);
    record.owner = owner >> 2;
    record.kind = (enum cf_host_kind)(owner & 3);
    record.length = at[8];
    record.text = at + CF_NAME_HEADER;
    return record;
}

/* Bytes from this record to the next. */
static inline size_t cf_name_record_size(const struct cf_name_record *record)
{
    return CF_NAME_HEADER + record->length;
}

/* A name's eight bytes in front of this place. */
static inline uint64_t cf_name_hash_word(const uint8_t *end)
{
    uint64_t word;

    memcpy(&word, end - 8, 8);
    return le64toh(word);
}

/* Room for a name that is shorter than a word, and what is read in front of it. */
struct cf_name_pad {
    uint8_t bytes[16];
};

/* A name that is taken in from its end. */
struct cf_name_hash {
    struct cf_siphash state;
    const uint8_t *at; /* everything behind it has been taken in */
    const uint8_t *name, *end;
    const uint8_t *floor; /* nothing below it is read */
};

/*
 * Begin with a name, which is read where it stands; a short one, of which no
 * word could be read, is copied to the pad. start: cf_siphash_begin()
 */
static inline struct cf_name_hash cf_name_hash_begin(const struct cf_siphash *start,
                                                     struct cf_name_pad *pad, const void *name,
                                                     size_t length)
{
    const uint8_t *text = name, *floor = text;

    if (length < 8) {
        *pad = (struct cf_name_pad) { { 0 } };
        memcpy(pad->bytes + 8, name, length);
        floor = pad->bytes;
        text = floor + 8;
    }
    return (struct cf_name_hash) {
        .state = *start,
        .at = text + length,
        .name = text,
        .end = text + length,
        .floor = floor,
    };
}

/* The hash of the suffix that begins at first; longer ones come after shorter ones. */
static inline uint64_t cf_name_hash_suffix(struct cf_name_hash *hash, const uint8_t *first)
{
    unsigned rest;
    uint64_t last = 0;

    for (; hash->at - first >= 8; hash->at -= 8)
        cf_siphash_word(&hash->state, cf_name_hash_word(hash->at));
    rest = (unsigned)(hash->at - first) * 8;
    if (rest > 0 && hash->at - hash->floor >= 8)
        last = cf_name_hash_word(hash->at) >> (64 - rest);
    else if (rest > 0) /* then a word has been taken in already, and stands behind these bytes */
        last = cf_name_hash_word(first + 8) & ~(~UINT64_C(0) << rest);
    return cf_siphash_end(hash->state, last | (uint64_t)(hash->end - first) << 56);
}

static inline uint64_t cf_name_hash_whole(const struct cf_siphash *start, const void *name,
                                          size_t length)
{
    struct cf_name_pad pad;
    struct cf_name_hash hash = cf_name_hash_begin(start, &pad, name, length);

    return cf_name_hash_suffix(&hash, hash.name);
}

/* The key until a file is met that was made to collide under it. */
extern const uint64_t cf_name_fixed_key[2];

/*
 * The kinds of names that have so many labels, as a mask, so that others need
 * no look-up. A name of CF_NAME_SIZE has 127 at most.
 */
struct cf_name_depths {
    uint8_t kinds[128];
};

void cf_name_depths_add(struct cf_name_depths *depths, enum cf_host_kind kind, const void *name,
                        size_t length);

/* The kinds, as a mask, of which an entry with so many labels could match a name with that many. */
static inline unsigned cf_name_depths_find(const struct cf_name_depths *depths, unsigned labels,
                                           unsigned name_labels)
{
    unsigned kinds = 1u << CF_HOST_MANY;

    if (labels == name_labels)
        kinds = 1u << CF_HOST_NAME;
    else if (labels + 1 == name_labels)
        kinds |= 1u << CF_HOST_ONE;
    return depths->kinds[labels] & kinds;
}

#endif
