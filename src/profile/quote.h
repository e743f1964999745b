/*
 * quote.h - text from outside as it may stand in a message
 */
#ifndef CF_PROFILE_QUOTE_H
#define CF_PROFILE_QUOTE_H

#include <stddef.h>

#define CF_QUOTE_SIZE 128

/*
 * Write the first length bytes of text to quoted, so that a terminal and a
 * log can take it: bytes that are not UTF-8, or belong to a character that is
 * not printable (base/text.h), become \xNN, and what is too long ends in
 * "...". Returns quoted.
 */
const char *cf_quote(const char *text, size_t length, char quoted[CF_QUOTE_SIZE]);

#endif
