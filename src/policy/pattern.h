/*
 * pattern.h - paths with placeholders, as audit.log has them
 */
#ifndef CF_POLICY_PATTERN_H
#define CF_POLICY_PATTERN_H

#include <stddef.h>

#include "base/error.h"

/*
 * Check the braces of a path: {name}, {run}, {time} and {host}, nothing else.
 *
 * ret_offset: the byte that is wrong, written on failure
 *
 * Returns 0 or -EINVAL with what was expected and what was got.
 */
int cf_pattern_check(const char *text, size_t *ret_offset, struct cf_error *err);

#endif
