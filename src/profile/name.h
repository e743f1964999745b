/*
 * name.h - what the room knows of host names beyond endpoint.h
 */
#ifndef CF_PROFILE_NAME_H
#define CF_PROFILE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "profile/endpoint.h"

/*
 * cf_name_normalize() with the offset in text of what was wrong, written on
 * failure.
 */
int cf_name_normalize_at(const char *text, char ret_name[CF_NAME_SIZE], size_t *ret_column,
                         struct cf_error *err);

/*
 * What it takes to normalise a name in another form than ASCII, in parts of
 * 0.1 to 0.2 us; 0 for ASCII. text: a name, or an endpoint with one
 */
size_t cf_name_work(const char *text);

/* Names under which anyone may register (publicsuffix.org); name is normalised. */
bool cf_name_is_public_suffix(const char *name);

#endif
