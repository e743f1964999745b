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

struct cf_name_files {
    struct cf_name_records records; /* value: the line; once sealed, bucket by bucket */
    struct cf_name_depths depths;
    uint32_t *starts; /* of each bucket, and the end of the last; NULL while not sealed */
    size_t n_buckets;
    size_t n_names;
};

void cf_name_files_done(struct cf_name_files *files);

/* Add a name; what was sealed is not any more. Returns 0 or -ENOMEM. */
int cf_name_files_add(struct cf_name_files *files, enum cf_host_kind kind, uint32_t owner,
                      uint32_t line, const char *name, size_t length);

/*
 * Put every name in its bucket and keep those of one owner once: the first
 * line. start: of the hash
 *
 * dropped:     called with the owner of each that is not kept
 * ret_longest: the most names in one bucket
 *
 * Returns 0 or -ENOMEM; then nothing has changed.
 */
int cf_name_files_seal(struct cf_name_files *files, const struct cf_siphash *start,
                       void (*dropped)(void *data, uint32_t owner), void *data,
                       size_t *ret_longest);

static inline size_t cf_name_files_bucket(const struct cf_name_files *files, uint64_t hash)
{
    return (size_t)((hash & UINT32_MAX) * files->n_buckets >> 32);
}

/* Ask for the memory of a bucket before it is looked through. */
static inline void cf_name_files_prefetch(const struct cf_name_files *files, uint64_t hash)
{
    const uint32_t *start = &files->starts[cf_name_files_bucket(files, hash)];

    for (uint32_t at = start[0] & ~63u; at < start[1] && at < start[0] + 256; at += 64)
        __builtin_prefetch(files->records.at + at);
}

#endif
