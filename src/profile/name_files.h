/*
 * name_files.h - the names of all names_files
 *
 * Filled first, then sealed, then only read.
 */
#ifndef CF_PROFILE_NAME_FILES_H
#define CF_PROFILE_NAME_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/name_record.h"

/* Bytes from where one bucket would best begin to where the next one would: a cache line. */
#define CF_NAME_STRIDE ((size_t)64)

struct cf_name_files {
    struct cf_name_records records; /* value: the line; once sealed, bucket by bucket */
    struct cf_name_depths depths;
    uint32_t *ends; /* where the bucket before each one ends, and the last; NULL: not sealed */
    size_t first;   /* where the first bucket begins; `ends` stands in front of it */
    size_t n_buckets;
    size_t n_names;
};

void cf_name_files_done(struct cf_name_files *files);

/* Room for so many names more; 0 or -ENOMEM. */
int cf_name_files_expect(struct cf_name_files *files, size_t n_names);

/* Add a name; what was sealed is not any more. start: of the hash. Returns 0 or -ENOMEM. */
int cf_name_files_add(struct cf_name_files *files, const struct cf_siphash *start,
                      enum cf_host_kind kind, uint32_t owner, uint32_t line, const char *name,
                      size_t length);

/*
 * Put every name in its bucket and keep those of one owner once: the first
 * line.
 *
 * dropped:     called with the owner of each that is not kept
 * ret_longest: how many names of the usual length would stand between where a
 *              bucket would best begin and where it does, at most
 *
 * Returns 0 or -ENOMEM; then nothing has changed.
 */
int cf_name_files_seal(struct cf_name_files *files, void (*dropped)(void *data, uint32_t owner),
                       void *data, size_t *ret_longest);

/* Open what is sealed, hashed anew, to be sealed again. Returns 0 or -ENOMEM. */
int cf_name_files_unseal(struct cf_name_files *files, const struct cf_siphash *start);

static inline size_t cf_name_files_bucket(const struct cf_name_files *files, uint64_t hash)
{
    return (size_t)((hash & UINT32_MAX) * files->n_buckets >> 32);
}

/* Where a bucket's names begin; they end at ends[bucket + 1], or before a record without length. */
static inline size_t cf_name_files_begin(const struct cf_name_files *files, size_t bucket)
{
    size_t best = files->first + bucket * CF_NAME_STRIDE, before = files->ends[bucket];

    return before > best ? before : best;
}

/* Ask for the memory of a bucket before it is looked through: most end in the second line. */
static inline void cf_name_files_fetch(const struct cf_name_files *files, uint64_t hash)
{
    size_t bucket = cf_name_files_bucket(files, hash);
    const uint8_t *at = files->records.at + files->first + bucket * CF_NAME_STRIDE;

    cf_name_memory_fetch(at);
    cf_name_memory_fetch(&files->ends[bucket]);
    cf_name_memory_fetch(at + CF_NAME_STRIDE);
    cf_name_memory_fetch(at + 2 * CF_NAME_STRIDE);
}

#endif
