/*
 * siphash.h - SipHash-1-3, word by word
 *
 * After J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF"
 * (2012): one round a word, three to finish. For who hashes one text at
 * several lengths; everyone else calls cf_hash_bytes().
 */
#ifndef CF_BASE_SIPHASH_H
#define CF_BASE_SIPHASH_H

#include <stdint.h>

struct cf_siphash {
    uint64_t v[4];
};

static inline uint64_t cf_siphash_rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void cf_siphash_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = cf_siphash_rotate(v[1], 13) ^ v[0];
    v[0] = cf_siphash_rotate(v[0], 32);
    v[2] += v[3];
    v[3] = cf_siphash_rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = cf_siphash_rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = cf_siphash_rotate(v[1], 17) ^ v[2];
    v[2] = cf_siphash_rotate(v[2], 32);
}

static inline struct cf_siphash cf_siphash_begin(const uint64_t key[2])
{
    return (struct cf_siphash) { {
        key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    } };
}

/* Take in eight bytes more. */
static inline void cf_siphash_word(struct cf_siphash *hash, uint64_t word)
{
    hash->v[3] ^= word;
    cf_siphash_round(hash->v);
    hash->v[0] ^= word;
}

/* The value, with a last word: the bytes left over, and the length in the highest eight bits. */
static inline uint64_t cf_siphash_end(struct cf_siphash hash, uint64_t last)
{
    cf_siphash_word(&hash, last);
    hash.v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        cf_siphash_round(hash.v);
    return hash.v[0] ^ hash.v[1] ^ hash.v[2] ^ hash.v[3];
}

#endif
