/*
 * secret.h - finds what must not reach the log
 *
 * Two things are secrets by their form: the user part of a URL
 * (scheme://user:password@host, RFC 3986, 3.2.1) and what follows
 * "Authorization:" (RFC 9110, 11.6.2; Proxy-Authorization too). The value
 * behind an option such as --password has no form to know it by, and is not
 * guessed at.
 */
#ifndef CF_AUDIT_SECRET_H
#define CF_AUDIT_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* What stands in a secret's place. */
#define CF_SECRET_MASK "***"

/*
 * The next secret of text at or behind `start`.
 *
 * cut: the end of text may be missing, so that a URL that is broken off
 *      inside its authority may have lost the '@' that tells a user part:
 *      such an authority is a secret as a whole
 *
 * An Authorization value runs to the end of text: arguments that were joined
 * by blanks do not show where it ends.
 *
 * Returns false when there is none; ret_to is the offset behind its last byte.
 */
bool cf_secret_find(const char *text, size_t length, size_t start, bool cut, size_t *ret_from,
                    size_t *ret_to);

#endif
