/*
 * digest.h - SHA-256 of the bytes of a policy and of what it names
 */
#ifndef CF_POLICY_DIGEST_H
#define CF_POLICY_DIGEST_H

#include <stddef.h>

#include "base/error.h"

#define CF_DIGEST_TEXT_SIZE 65

/* Lower-case hex; 0, or -EIO with the reason. */
int cf_digest_sha256(const void *data, size_t length, char ret_hex[CF_DIGEST_TEXT_SIZE],
                     struct cf_error *err);

/* The same of bytes that come piece by piece. NULL when out of memory. */
struct cf_digest *cf_digest_new(void);
void cf_digest_add(struct cf_digest *digest, const void *data, size_t length);
/* Once, behind the last byte. */
void cf_digest_finish(struct cf_digest *digest, char ret_hex[CF_DIGEST_TEXT_SIZE]);
void cf_digest_free(struct cf_digest *digest);

#endif
