/*
 * words.h - what a proxy said, made fit for a log
 *
 * A proxy's words are bytes of unknown origin: whatever cannot be shown is
 * written as \xNN or \u{NNNN}, runs of blanks become one, and what must not
 * reach a log (audit/secret.h, and the login that was sent) is masked.
 */
#ifndef CF_PROXY_WORDS_H
#define CF_PROXY_WORDS_H

#include <stddef.h>

#include "proxy/target.h"

/* Raw bytes that are looked at, and the text made of them with its NUL. */
#define CF_PROXY_WORDS_RAW 192
#define CF_PROXY_WORDS_SIZE 224

/*
 * data:  what was said; bytes past CF_PROXY_WORDS_RAW are not looked at
 * login: to be masked when the proxy gives it back, plain or as Basic writes
 *        it (RFC 7617); NULL: none was sent
 * text:  always terminated, cut at a whole character
 */
void cf_proxy_words_clean(const char *data, size_t length, const struct cf_proxy_login *login,
                          char text[CF_PROXY_WORDS_SIZE]);

#endif
