/*
 * pattern.h - bytes that can be told from where they stand, and a hash of bytes in order
 */
#ifndef TRUTH_PATTERN_H
#define TRUTH_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* A hash of a stream, the same however the stream was cut. Starts as all zero. */
struct pattern_hash {
    uint64_t value, bytes;
    uint8_t rest[8]; /* of a word that is not whole yet */
};

void pattern_hash_add(struct pattern_hash *hash, const void *data, size_t length);
uint64_t pattern_hash_value(const struct pattern_hash *hash);

/* The pattern's bytes from offset `at` (a multiple of 8) on. */
void pattern_fill(uint64_t at, void *data, size_t length);

#endif
