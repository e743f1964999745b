/*
 * name_files.c - the names of all names_files
 *
 * How this works. Names are added one behind the other, each behind its hash,
 * and sealed at the end: the records are sorted by their hash into buckets,
 * one or two names in each, and spread. A bucket begins at the cache line of
 * its number, or, where those before it reach beyond that, right behind them;
 * a third of the memory stays free, so that this is seldom far. So the hash
 * alone tells which memory a look-up needs, and it is asked for at once: the
 * line, the two behind it, and the table of where buckets end, which stands in
 * front of them. A look-up waits for memory once, however many names there are.
 *
 * Sorting wants a second block. To hold little more than one at a time, it is
 * done in rounds, each for a part of the buckets: what belongs there is copied
 * out, what does not moves together, and the pages behind it are given back.
 * A name that was listed twice has both records in one bucket; the second is
 * taken out there, and what it leaves at the bucket's end is zeros, which are
 * no record's length.
 */
#include "profile/name_files.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS 8
#define ROUNDS_FROM ((size_t)8 << 20) /* bytes; fewer are sorted in one round */

/* How many bytes of ten are used. */
#define USED_OF_TEN 7

/* Bytes of the hash in front of a record that is not sorted yet. */
#define HASH_SIZE 4

/* Text of a name that most are not longer than. */
#define USUAL_LENGTH 23

/* Bytes in front of the first bucket. */
static size_t table_size(size_t n_buckets)
{
    size_t size = (n_buckets + 1) * sizeof(uint32_t);

    return (size + CF_NAME_STRIDE - 1) / CF_NAME_STRIDE * CF_NAME_STRIDE;
}

void cf_name_files_done(struct cf_name_files *files)
{
    cf_name_records_done(&files->records);
    *files = (struct cf_name_files) { 0 };
}

int cf_name_files_expect(struct cf_name_files *files, size_t n_names)
{
    return cf_name_records_reserve(&files->records,
                                   n_names * (HASH_SIZE + CF_NAME_HEADER + USUAL_LENGTH));
}

static uint32_t hash_at(const struct cf_name_records *records, size_t at)
{
    uint32_t hash;

    memcpy(&hash, records->at + at, sizeof hash);
    return hash;
}

static void hash_put(const struct cf_name_records *records, size_t at,
                     const struct cf_siphash *start, const void *name, size_t length)
{
    uint32_t hash = (uint32_t)cf_name_hash_whole(start, name, length);

    memcpy(records->at + at, &hash, sizeof hash);
}

int cf_name_files_add(struct cf_name_files *files, const struct cf_siphash *start,
                      enum cf_host_kind kind, uint32_t owner, uint32_t line, const char *name,
                      size_t length)
{
    struct cf_name_records *records = &files->records;

    if (cf_name_files_unseal(files, start) < 0 ||
        cf_name_records_reserve(records, HASH_SIZE + CF_NAME_HEADER + length) < 0)
        return -ENOMEM;
    hash_put(records, records->used, start, name, length);
    records->used += HASH_SIZE;
    cf_name_records_add(records, kind, owner, line, name, length);
    cf_name_depths_add(&files->depths, kind, name, length);
    files->n_names++;
    return 0;
}

/* Bytes of all records once their hashes are gone. */
static size_t bytes_sorted(const struct cf_name_files *files)
{
    return files->records.used - files->n_names * HASH_SIZE;
}

/* Where each bucket will begin, and behind the last one where it ends. */
static void places_make(struct cf_name_files *files, size_t *ret_furthest)
{
    const struct cf_name_records *records = &files->records;
    size_t at, end = files->first;

    for (at = 0; at < records->used;) {
        size_t size = CF_NAME_HEADER + (size_t)records->at[at + HASH_SIZE + 8];

        files->ends[cf_name_files_bucket(files, hash_at(records, at))] += (uint32_t)size;
        at += HASH_SIZE + size;
    }
    *ret_furthest = 0;
    for (size_t i = 0; i < files->n_buckets; i++) {
        size_t best = files->first + i * CF_NAME_STRIDE, begin = end > best ? end : best;

        if (begin - best > *ret_furthest)
            *ret_furthest = begin - best;
        end = begin + files->ends[i];
        files->ends[i] = (uint32_t)begin;
    }
    files->ends[files->n_buckets] = (uint32_t)end;
}

/* Give back the pages behind what is used. */
static void trim(const struct cf_name_records *records)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t from = (records->used + page - 1) / page * page;

    if (from < records->size)
        (void)madvise(records->at + from, records->size - from, MADV_DONTNEED);
}

/*
 * Copy the names of some buckets out of records, each to where its bucket's
 * end stands, which moves on; the others move together.
 */
static void copy_round(struct cf_name_files *files, size_t first_bucket, size_t end_bucket,
                       struct cf_name_records *sorted)
{
    struct cf_name_records *records = &files->records;
    size_t kept = 0;

    for (size_t at = 0; at < records->used;) {
        size_t size = CF_NAME_HEADER + (size_t)records->at[at + HASH_SIZE + 8];
        size_t bucket = cf_name_files_bucket(files, hash_at(records, at));

        if (bucket >= first_bucket && bucket < end_bucket) {
            memcpy(sorted->at + files->ends[bucket], records->at + at + HASH_SIZE, size);
            files->ends[bucket] += (uint32_t)size;
        } else {
            memmove(records->at + kept, records->at + at, HASH_SIZE + size);
            kept += HASH_SIZE + size;
        }
        at += HASH_SIZE + size;
    }
    records->used = kept;
    trim(records);
}

static void sort(struct cf_name_files *files, struct cf_name_records *sorted)
{
    size_t rounds = files->records.used >= ROUNDS_FROM ? ROUNDS : 1;
    size_t n = files->n_buckets;

    for (size_t i = 0; i < rounds; i++)
        copy_round(files, i * n / rounds, (i + 1) * n / rounds, sorted);
    /* Each begin has become its bucket's end, and is looked for at the next one. */
    memmove(files->ends + 1, files->ends, n * sizeof *files->ends);
    files->ends[0] = (uint32_t)files->first;
}

static bool is_same(const uint8_t *a, const uint8_t *b)
{
    return a[8] == b[8] && memcmp(a + 4, b + 4, CF_NAME_HEADER - 4 + (size_t)a[8]) == 0;
}

/* Take out the second of each pair in a bucket. */
static void bucket_clean(struct cf_name_files *files, size_t bucket,
                         void (*dropped)(void *data, uint32_t owner), void *data)
{
    uint8_t *first = files->records.at + cf_name_files_begin(files, bucket);
    uint8_t *end = files->records.at + files->ends[bucket + 1], *kept_end = first;

    for (uint8_t *at = first; at < end;) {
        size_t size = CF_NAME_HEADER + (size_t)at[8];
        const uint8_t *other = first;

        while (other < kept_end && !is_same(other, at))
            other += CF_NAME_HEADER + (size_t)other[8];
        if (other < kept_end) {
            dropped(data,
                    cf_name_record_at(&files->records, (size_t)(at - files->records.at)).owner);
            files->n_names--;
        } else {
            if (kept_end < at)
                memmove(kept_end, at, size);
            kept_end += size;
        }
        at += size;
    }
    if (kept_end < end)
        memset(kept_end, 0, (size_t)(end - kept_end));
}

int cf_name_files_seal(struct cf_name_files *files, void (*dropped)(void *data, uint32_t owner),
                       void *data, size_t *ret_longest)
{
    struct cf_name_records sorted = { 0 };
    size_t bytes = bytes_sorted(files), furthest;
    size_t n_buckets = bytes * 10 / USED_OF_TEN / CF_NAME_STRIDE + 1;

    assert(!files->ends);
    /* Even if all stood behind the last bucket's begin there would be room. */
    if (cf_name_records_reserve(&sorted, table_size(n_buckets) + n_buckets * CF_NAME_STRIDE +
                                             bytes + CF_NAME_STRIDE) < 0)
        return -ENOMEM;
    files->ends = (uint32_t *)(void *)sorted.at;
    files->first = table_size(n_buckets);
    files->n_buckets = n_buckets;
    places_make(files, &furthest);
    sorted.used = files->ends[n_buckets];
    *ret_longest = files->n_names ? furthest / (bytes / files->n_names) : 0;
    sort(files, &sorted);
    cf_name_records_done(&files->records);
    files->records = sorted;
    for (size_t i = 0; i < n_buckets; i++)
        bucket_clean(files, i, dropped, data);
    return 0;
}

int cf_name_files_unseal(struct cf_name_files *files, const struct cf_siphash *start)
{
    struct cf_name_records flat = { 0 };

    if (!files->ends)
        return 0;
    if (cf_name_records_reserve(&flat, files->records.used + files->n_names * HASH_SIZE) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < files->n_buckets; i++) {
        for (size_t at = cf_name_files_begin(files, i); at < files->ends[i + 1];) {
            size_t length = files->records.at[at + 8];
            size_t size = CF_NAME_HEADER + length;

            if (length == 0)
                break;
            memcpy(flat.at + flat.used + HASH_SIZE, files->records.at + at, size);
            hash_put(&flat, flat.used, start, files->records.at + at + CF_NAME_HEADER, length);
            flat.used += HASH_SIZE + size;
            at += size;
        }
    }
    cf_name_records_done(&files->records);
    files->records = flat;
    files->ends = NULL;
    files->n_buckets = 0;
    return 0;
}
