/*
 * exe.h - the globs that say which programs a rule is for
 */
#ifndef CF_PROFILE_EXE_H
#define CF_PROFILE_EXE_H

#include <stddef.h>

#include "base/error.h"

/* More would make the comparison slow, not the rule clearer. */
#define CF_EXE_WILDCARDS_MAX 16

/*
 * Whether text is a glob as cf_rule_is_for() reads it: an absolute path,
 * where `*`, `?` and `[...]` stand for characters of one component and a last
 * component `**` for everything below the folder in front of it.
 *
 * ret_column: offset in text of what was wrong, written on failure
 *
 * Returns 0, or -EINVAL with what was expected and what was got.
 */
int cf_exe_check(const char *text, size_t *ret_column, struct cf_error *err);

#endif
