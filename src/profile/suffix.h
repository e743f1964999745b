/*
 * suffix.h - names under which anyone may register (publicsuffix.org)
 *
 * The list is the distribution's: its file, or libpsl's own where there is none.
 */
#ifndef CF_PROFILE_SUFFIX_H
#define CF_PROFILE_SUFFIX_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Of a name on the list: others end with it, but it is none itself; or all below it, by one label. */
#define CF_SUFFIX_EXCEPTION 0x1
#define CF_SUFFIX_WILDCARD 0x2

/*
 * Whether name, which is normalised, is a public suffix. A top-level name that is not on the list
 * is a private one, as `internal`, and none.
 *
 * Returns 1 or 0, or -ENOPKG with a message when neither file nor library can be read.
 */
int cf_suffix_is_public(const char *name, struct cf_error *err);

/* The same by libpsl's own list, which is loaded for it. */
int cf_suffix_is_public_by_library(const char *name, struct cf_error *err);

/*
 * Find a name in a graph, as suffix.c describes it, of that many bytes. Any bytes are allowed.
 *
 * Returns the name's flags, or -1 when it is not in there.
 */
int cf_suffix_find(const uint8_t *graph, size_t size, const char *name);

#endif
