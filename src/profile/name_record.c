/*
 * name_record.c - names one behind the other, and their hashes
 */
#include "profile/name_record.h"

#include <errno.h>
#include <sys/mman.h>

#define FIRST_BYTES ((size_t)4096)
#define HUGE_PAGE ((size_t)2 << 20)

void *cf_name_memory_grow(void *memory, size_t size, size_t new_size)
{
    void *grown = memory ? mremap(memory, size, new_size, MREMAP_MAYMOVE)
                         : mmap(NULL, new_size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (grown == MAP_FAILED)
        return NULL;
    /* A kernel without them does without. */
    if (new_size >= 2 * HUGE_PAGE)
        (void)madvise(grown, new_size, MADV_HUGEPAGE);
    return grown;
}

void cf_name_memory_free(void *memory, size_t size)
{
    if (memory)
        munmap(memory, size);
}

int cf_name_records_reserve(struct cf_name_records *records, size_t n_bytes)
{
    size_t size = records->size ? records->size : FIRST_BYTES;
    uint8_t *at;

    if (n_bytes > UINT32_MAX - records->used)
        return -ENOMEM;
    if (records->used + n_bytes <= records->size)
        return 0;
    while (size < records->used + n_bytes)
        size *= 2;
    at = cf_name_memory_grow(records->at, records->size, size);
    if (!at)
        return -ENOMEM;
    records->at = at;
    records->size = size;
    return 0;
}

size_t cf_name_records_add(struct cf_name_records *records, enum cf_host_kind kind, uint32_t owner,
                           uint32_t value, const char *name, size_t length)
{
    size_t place = records->used;
    uint8_t *at = records->at + place;

    owner = owner << 2 | (uint32_t)kind;
    memcpy(at, &value, sizeof value);
    memcpy(at + 4, &owner, sizeof owner);
    at[8] = (uint8_t)length;
    memcpy(at + CF_NAME_HEADER, name, length);
    records->used += CF_NAME_HEADER + length;
    return place;
}

void cf_name_records_done(struct cf_name_records *records)
{
    cf_name_memory_free(records->at, records->size);
    *records = (struct cf_name_records) { 0 };
}

void cf_name_depths_add(struct cf_name_depths *depths, enum cf_host_kind kind, const void *name,
                        size_t length)
{
    const char *at = name;
    unsigned labels = 1;

    for (size_t i = 0; i < length; i++)
        labels += at[i] == '.';
    depths->kinds[labels & 127] |= (uint8_t)(1u << kind);
}
