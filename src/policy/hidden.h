/*
 * hidden.h - what a finding must not show of a policy
 *
 * A password has no place in a policy, but people write it there, and the
 * finding that says so is printed into a log. What is hidden is the user part
 * of a URL, and what stands behind a key such as `password`.
 */
#ifndef CF_POLICY_HIDDEN_H
#define CF_POLICY_HIDDEN_H

#include <stdbool.h>
#include <stddef.h>

/* What stands in its place. */
#define CF_HIDDEN_MASK "***"

/*
 * The next part to hide of a line, or of a message, at or behind `start`. A
 * URL in quotes goes on to the next quote, another one to the next blank.
 *
 * Returns false when there is none; ret_to is the offset behind its last byte.
 */
bool cf_hidden_find(const char *text, size_t length, size_t start, size_t *ret_from,
                    size_t *ret_to);

/* Put the mask into a text of at most size - 1 bytes, in place; what is too long then is cut. */
void cf_hidden_mask(char *text, size_t size);

#endif
