/*
 * bombs.h - policies that were written to cost memory or time
 *
 * Shared by test_bombs.c, which bounds memory, and tests/bench/bombs.c, which
 * measures.
 */
#ifndef CF_TESTS_POLICY_BOMBS_H
#define CF_TESTS_POLICY_BOMBS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* What any of them may take, together with its own text. */
#define BOMB_MEMORY_LIMIT ((size_t)64 << 20)
/* What any of them should take; measured, never asserted. */
#define BOMB_TIME_LIMIT_MS 100

struct bomb {
    const char *name;
    /*
     * Appends the policy to text. A policy that names `other-file` has its
     * text from file; behind each form feed follows that of `other-file.1` and so on.
     */
    void (*write)(struct cf_buffer *text, struct cf_buffer *file);
    const char *expected; /* in the text of the findings; NULL: the policy is read */
};

extern const struct bomb bombs[];
extern const size_t n_bombs;

/* Write what a bomb has for files into the working directory, and take it away. */
bool bomb_files_write(const struct cf_buffer *file);
void bomb_files_remove(void);

#endif
