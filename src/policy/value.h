/*
 * value.h - values whose type alone says how they are read, kept and written
 *
 * A row of the table says where its value lives in the profile (`field`) and
 * its type says how: read from a node, filled with the row's default, written
 * again. A key of such a type needs no code of its own.
 *
 *   bool                  BOOL
 *   unsigned or an enum   CHOICE: the place in `values`
 *   int64_t               INTEGER, DURATION (ms), SIZE (bytes), DATE (days since
 *                         1970-01-01), MODE_BITS; CF_PROFILE_UNSET without a value
 *   char *                STRING, LABEL, PATH, PATTERN, HOST_NAME, INTERFACE; NULL when empty
 *   struct cf_addr_port   SERVER
 *
 * A list is an array of them with its length in `count`; one of texts has a
 * NULL behind the last.
 */
#ifndef CF_POLICY_VALUE_H
#define CF_POLICY_VALUE_H

#include "policy/read.h"
#include "policy/writer.h"

/* Whether values of this type are kept here; the others have functions of their own. */
bool cf_value_is_plain(const struct cf_schema_key *row);

/* Into the reader's profile; what was there is replaced. The items of a list get their origins. */
cf_read_fn cf_value_read;

/* The row's default, or CF_PROFILE_UNSET, into profile; 0, -ENOMEM, or -EINVAL when it is wrong. */
int cf_value_default(const struct cf_schema_key *row, struct cf_profile *profile);

/* Whether there is something to write: a value, or none where none is the default. */
bool cf_value_is_shown(const struct cf_schema_key *row, const struct cf_profile *profile);
cf_write_fn cf_value_write;

#endif
