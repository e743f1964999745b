/*
 * hash.h - an intrusive chained hash table under a secret key
 *
 * What the command sends decides the keys, so the hash is keyed with random
 * bytes of this run: chains cannot be made long on purpose. The table owns
 * nothing but its buckets; nodes are embedded in the entries.
 */
#ifndef CF_BASE_HASH_H
#define CF_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cf_hash_node {
    struct cf_hash_node *next;
    uint64_t hash;
};

struct cf_hash {
    struct cf_hash_node **buckets; /* NULL until the first add */
    size_t n_buckets;              /* a power of two */
    size_t n_nodes;
};

/* SipHash-1-3 of data under this process's random key. */
uint64_t cf_hash_bytes(const void *data, size_t length);
/* That key: two words, for siphash.h. */
const uint64_t *cf_hash_secret(void);

void cf_hash_init(struct cf_hash *hash);
/* Free the buckets; the nodes are the caller's. */
void cf_hash_done(struct cf_hash *hash);

/* Returns 0 or -ENOMEM. The same key twice is the caller's matter. */
int cf_hash_add(struct cf_hash *hash, struct cf_hash_node *node, uint64_t value);
void cf_hash_remove(struct cf_hash *hash, struct cf_hash_node *node);

/* The first node of the chain with this hash value, then the next one, or NULL. */
struct cf_hash_node *cf_hash_find(const struct cf_hash *hash, uint64_t value);
struct cf_hash_node *cf_hash_next(const struct cf_hash_node *node);

/*
 * Call fn for each node; fn may remove and free the node that it is given.
 * It must not add.
 */
void cf_hash_each(struct cf_hash *hash, void (*fn)(struct cf_hash_node *node, void *data),
                  void *data);

/* The entry that holds this node. */
#define cf_container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
