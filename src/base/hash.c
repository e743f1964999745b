/*
 * hash.c - an intrusive chained hash table under a secret key
 */
#include "base/hash.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/siphash.h"

#define FIRST_BUCKETS ((size_t)64)

static uint64_t secret[2];
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;

static void secret_make(void)
{
    /* The kernel never blocks here once it has booted, and gives all 16 bytes. */
    if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret)
        abort();
}

const uint64_t *cf_hash_secret(void)
{
    pthread_once(&secret_once, secret_make);
    return secret;
}

uint64_t cf_hash_bytes(const void *data, size_t length)
{
    struct cf_siphash hash = cf_siphash_begin(cf_hash_secret());
    uint64_t word, last = (uint64_t)length << 56;
    const uint8_t *at = data;

    for (; length >= 8; length -= 8, at += 8) {
        memcpy(&word, at, 8);
        cf_siphash_word(&hash, word);
    }
    for (size_t i = 0; i < length; i++)
        last |= (uint64_t)at[i] << (8 * i);
    return cf_siphash_end(hash, last);
}

void cf_hash_init(struct cf_hash *hash)
{
    *hash = (struct cf_hash){ 0 };
}

void cf_hash_done(struct cf_hash *hash)
{
    free(hash->buckets);
    *hash = (struct cf_hash){ 0 };
}

static struct cf_hash_node **bucket_of(const struct cf_hash *hash, uint64_t value)
{
    return &hash->buckets[value & (hash->n_buckets - 1)];
}

static int grow(struct cf_hash *hash)
{
    struct cf_hash bigger = { .n_buckets = hash->n_buckets ? hash->n_buckets * 2 : FIRST_BUCKETS };

    bigger.buckets = calloc(bigger.n_buckets, sizeof *bigger.buckets);
    if (!bigger.buckets)
        return -ENOMEM;
    for (size_t i = 0; i < hash->n_buckets; i++) {
        struct cf_hash_node *node = hash->buckets[i], *next;

        for (; node; node = next) {
            struct cf_hash_node **bucket = bucket_of(&bigger, node->hash);

            next = node->next;
            node->next = *bucket;
            *bucket = node;
        }
    }
    bigger.n_nodes = hash->n_nodes;
    free(hash->buckets);
    *hash = bigger;
    return 0;
}

int cf_hash_add(struct cf_hash *hash, struct cf_hash_node *node, uint64_t value)
{
    struct cf_hash_node **bucket;

    /* A table that cannot grow still works, only slower; an empty one cannot. */
    if (hash->n_nodes >= hash->n_buckets && grow(hash) < 0 && !hash->buckets)
        return -ENOMEM;
    node->hash = value;
    bucket = bucket_of(hash, value);
    node->next = *bucket;
    *bucket = node;
    hash->n_nodes++;
    return 0;
}

void cf_hash_remove(struct cf_hash *hash, struct cf_hash_node *node)
{
    struct cf_hash_node **link;

    if (!hash->buckets)
        return;
    for (link = bucket_of(hash, node->hash); *link; link = &(*link)->next) {
        if (*link == node) {
            *link = node->next;
            node->next = NULL;
            hash->n_nodes--;
            return;
        }
    }
}

struct cf_hash_node *cf_hash_find(const struct cf_hash *hash, uint64_t value)
{
    struct cf_hash_node *node = hash->buckets ? *bucket_of(hash, value) : NULL;

    while (node && node->hash != value)
        node = node->next;
    return node;
}

struct cf_hash_node *cf_hash_next(const struct cf_hash_node *node)
{
    struct cf_hash_node *next = node->next;

    while (next && next->hash != node->hash)
        next = next->next;
    return next;
}

void cf_hash_each(struct cf_hash *hash, void (*fn)(struct cf_hash_node *node, void *data),
                  void *data)
{
    for (size_t i = 0; i < hash->n_buckets; i++) {
        struct cf_hash_node *node = hash->buckets[i], *next;

        for (; node; node = next) {
            next = node->next;
            fn(node, data);
        }
    }
}
