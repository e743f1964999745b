/*
 * intern.c - texts that many hold, kept once
 */
#include "base/intern.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct cf_hash_node node;
    size_t holders;
    char text[];
};

void cf_intern_init(struct cf_intern *texts)
{
    cf_hash_init(&texts->hash);
}

void cf_intern_done(struct cf_intern *texts)
{
    cf_hash_done(&texts->hash);
}

static struct entry *find(struct cf_intern *texts, const char *text, uint64_t hash)
{
    struct cf_hash_node *node = cf_hash_find(&texts->hash, hash);

    for (; node; node = cf_hash_next(node)) {
        struct entry *entry = cf_container_of(node, struct entry, node);

        if (strcmp(entry->text, text) == 0)
            return entry;
    }
    return NULL;
}

static struct entry *add(struct cf_intern *texts, const char *text, size_t length, uint64_t hash)
{
    struct entry *entry = malloc(sizeof *entry + length + 1);

    if (!entry)
        return NULL;
    entry->holders = 0;
    memcpy(entry->text, text, length + 1);
    if (cf_hash_add(&texts->hash, &entry->node, hash) == 0)
        return entry;
    free(entry);
    return NULL;
}

const char *cf_intern_hold(struct cf_intern *texts, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    struct entry *entry;
    uint64_t hash;

    if (!text)
        return NULL;
    hash = cf_hash_bytes(text, length);
    entry = find(texts, text, hash);
    if (!entry)
        entry = add(texts, text, length, hash);
    if (!entry)
        return NULL;
    entry->holders++;
    return entry->text;
}

void cf_intern_drop(struct cf_intern *texts, const char *text)
{
    struct entry *entry;

    if (!text)
        return;
    entry = cf_container_of(text, struct entry, text);
    if (--entry->holders > 0)
        return;
    cf_hash_remove(&texts->hash, &entry->node);
    free(entry);
}
