/*
 * name_files.c - the names of all names_files
 *
 * How this works. Names are added one behind the other and sealed at the end:
 * the records are sorted by their hash into buckets, two names in each on
 * average, and a table says where each bucket starts. The table takes two
 * bytes a name and stays in the processor's caches, so that a look-up waits
 * for memory once: for the bucket, one or two cache lines side by side.
 *
 * Sorting wants a second block. To hold little more than one at a time, it is
 * done in rounds, each for a part of the buckets: what belongs there is copied
 * out, what does not moves together, and the pages behind it are given back.
 * A name that was listed twice has both records in one bucket; the second is
 * taken out there, and what it leaves at the bucket's end is a gap, which a
 * record without a name stands for.
 */
#include "profile/name_files.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAMES_A_BUCKET 2
#define ROUNDS 4
#define ROUNDS_FROM ((size_t)8 << 20) /* bytes; fewer are sorted in one round */

static size_t table_size(size_t n_buckets)
{
    return (n_buckets + 1) * sizeof(uint32_t);
}

static void unseal(struct cf_name_files *files)
{
    cf_name_memory_free(files->starts, table_size(files->n_buckets));
    files->starts = NULL;
    files->n_buckets = 0;
}

void cf_name_files_done(struct cf_name_files *files)
{
    unseal(files);
    cf_name_records_done(&files->records);
}

int cf_name_files_add(struct cf_name_files *files, enum cf_host_kind kind, uint32_t owner,
                      uint32_t line, const char *name, size_t length)
{
    if (cf_name_records_reserve(&files->records, CF_NAME_HEADER + length) < 0)
        return -ENOMEM;
    unseal(files);
    cf_name_records_add(&files->records, kind, owner, line, name, length);
    cf_name_depths_add(&files->depths, kind, name, length);
    files->n_names++;
    return 0;
}

static size_t bucket_of(const struct cf_name_files *files, const struct cf_siphash *start,
                        const struct cf_name_record *record)
{
    return cf_name_files_bucket(files, cf_name_hash_whole(start, record->text, record->length));
}

/* Where each bucket will start. */
static void starts_make(struct cf_name_files *files, const struct cf_siphash *start)
{
    const struct cf_name_records *records = &files->records;
    uint32_t sum = 0;

    for (size_t at = 0; at < records->used;) {
        struct cf_name_record record = cf_name_record_at(records, at);
        size_t size = cf_name_record_size(&record);

        if (record.length > 0)
            files->starts[bucket_of(files, start, &record)] += (uint32_t)size;
        at += size;
    }
    for (size_t i = 0; i <= files->n_buckets; i++) {
        uint32_t size = files->starts[i];

        files->starts[i] = sum;
        sum += size;
    }
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
 * start stands, which moves on; the others move together.
 */
static void copy_round(struct cf_name_files *files, const struct cf_siphash *start,
                       size_t first_bucket, size_t end_bucket, struct cf_name_records *sorted)
{
    struct cf_name_records *records = &files->records;
    size_t kept = 0;

    for (size_t at = 0; at < records->used;) {
        struct cf_name_record record = cf_name_record_at(records, at);
        size_t size = cf_name_record_size(&record);
        size_t bucket = record.length > 0 ? bucket_of(files, start, &record) : SIZE_MAX;

        if (bucket >= first_bucket && bucket < end_bucket) {
            memcpy(sorted->at + files->starts[bucket], records->at + at, size);
            files->starts[bucket] += (uint32_t)size;
        } else if (record.length > 0) {
            memmove(records->at + kept, records->at + at, size);
            kept += size;
        }
        at += size;
    }
    records->used = kept;
    trim(records);
}

static void sort(struct cf_name_files *files, const struct cf_siphash *start,
                 struct cf_name_records *sorted)
{
    size_t rounds = files->records.used >= ROUNDS_FROM ? ROUNDS : 1;
    size_t n = files->n_buckets;

    for (size_t i = 0; i < rounds; i++)
        copy_round(files, start, i * n / rounds, (i + 1) * n / rounds, sorted);
    /* Each start has become the next one's. */
    memmove(files->starts + 1, files->starts, n * sizeof *files->starts);
    files->starts[0] = 0;
}

static bool is_same(const uint8_t *a, const uint8_t *b)
{
    return a[8] == b[8] && memcmp(a + 4, b + 4, CF_NAME_HEADER - 4 + (size_t)a[8]) == 0;
}

/* Take out the second of each pair in a bucket. Returns how many names are left. */
static size_t bucket_clean(struct cf_name_files *files, size_t bucket,
                           void (*dropped)(void *data, uint32_t owner), void *data)
{
    uint8_t *first = files->records.at + files->starts[bucket];
    uint8_t *end = files->records.at + files->starts[bucket + 1], *kept_end = first;
    size_t n = 0;

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
            memmove(kept_end, at, size);
            kept_end += size;
            n++;
        }
        at += size;
    }
    if (kept_end < end) {
        uint32_t gap = (uint32_t)(end - kept_end);

        memset(kept_end, 0, CF_NAME_HEADER);
        memcpy(kept_end, &gap, sizeof gap);
    }
    return n;
}

int cf_name_files_seal(struct cf_name_files *files, const struct cf_siphash *start,
                       void (*dropped)(void *data, uint32_t owner), void *data, size_t *ret_longest)
{
    struct cf_name_records sorted = { 0 };
    size_t n_buckets = files->n_names / NAMES_A_BUCKET + 1;
    uint32_t *starts = cf_name_memory_grow(NULL, 0, table_size(n_buckets));

    if (!starts || cf_name_records_reserve(&sorted, files->records.used + 1) < 0) {
        cf_name_memory_free(starts, table_size(n_buckets));
        return -ENOMEM;
    }
    unseal(files);
    files->starts = starts;
    files->n_buckets = n_buckets;
    starts_make(files, start);
    sorted.used = starts[n_buckets];
    sort(files, start, &sorted);
    cf_name_records_done(&files->records);
    files->records = sorted;
    *ret_longest = 0;
    for (size_t i = 0; i < n_buckets; i++) {
        size_t n = bucket_clean(files, i, dropped, data);

        if (n > *ret_longest)
            *ret_longest = n;
    }
    return 0;
}
