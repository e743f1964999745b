/*
 * suggest.h - the known word that was probably meant
 */
#ifndef CF_POLICY_SUGGEST_H
#define CF_POLICY_SUGGEST_H

#include <stddef.h>

/*
 * Edits (a character put in, taken out, changed, or two neighbours swapped)
 * that make b of a. Words longer than CF_SUGGEST_MAX are infinitely far.
 */
#define CF_SUGGEST_MAX 48
unsigned cf_edit_distance(const char *a, const char *b);

/*
 * The nearest of n words when it is near enough to be meant (one edit in three
 * characters); NULL otherwise. Entries may be NULL. Borrowed from words.
 */
const char *cf_suggest(const char *text, const char *const *words, size_t n);

#endif
