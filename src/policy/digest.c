/*
 * digest.c - SHA-256 of a policy's bytes
 */
#include "policy/digest.h"

#include <assert.h>
#include <errno.h>

#include <sha256.h>

static_assert(SHA256_DIGEST_STRING_LENGTH == CF_DIGEST_TEXT_SIZE, "two digits a byte, and a NUL");

int cf_digest_sha256(const void *data, size_t length, char ret_hex[CF_DIGEST_TEXT_SIZE],
                     struct cf_error *err)
{
    /* The text is the caller's array; NULL would have the library allocate one. */
    if (!SHA256Data(data, length, ret_hex))
        return cf_error_set(err, -EIO, "libmd cannot compute SHA-256");
    return 0;
}
