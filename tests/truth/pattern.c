/*
 * pattern.c - a stream for tests: made and hashed eight bytes at a time
 */
#include "pattern.h"

#include <string.h>

#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

static void add_word(struct pattern_hash *hash, const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, 8);
    hash->value = (hash->value ^ word) * MULTIPLIER;
    hash->value ^= hash->value >> 29;
}

void pattern_hash_add(struct pattern_hash *hash, const void *data, size_t length)
{
    const uint8_t *at = data;

    while (length > 0 && hash->bytes % 8 != 0) {
        hash->rest[hash->bytes++ % 8] = *at++;
        length--;
        if (hash->bytes % 8 == 0)
            add_word(hash, hash->rest);
    }
    for (; length >= 8; length -= 8, at += 8, hash->bytes += 8)
        add_word(hash, at);
    for (; length > 0; length--)
        hash->rest[hash->bytes++ % 8] = *at++;
}

uint64_t pattern_hash_value(const struct pattern_hash *hash)
{
    struct pattern_hash end = *hash;

    memset(end.rest + end.bytes % 8, 0, 8 - end.bytes % 8);
    add_word(&end, end.rest);
    return end.value ^ end.bytes;
}

void pattern_fill(uint64_t at, void *data, size_t length)
{
    uint8_t *to = data;

    for (; length > 0; at += 8) {
        uint64_t word = (at + 1) * MULTIPLIER;
        size_t n = length < 8 ? length : 8;

        word ^= word >> 31;
        memcpy(to, &word, n);
        to += n;
        length -= n;
    }
}
