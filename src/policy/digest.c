/*
 * digest.c - SHA-256 of the bytes of a policy and of what it names
 */
#include "policy/digest.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <sha256.h>

static_assert(SHA256_DIGEST_STRING_LENGTH == CF_DIGEST_TEXT_SIZE, "two digits a byte, and a NUL");

struct cf_digest {
    SHA256_CTX context;
};

int cf_digest_sha256(const void *data, size_t length, char ret_hex[CF_DIGEST_TEXT_SIZE],
                     struct cf_error *err)
{
    /* The text is the caller's array; NULL would have the library allocate one. */
    if (!SHA256Data(data, length, ret_hex))
        return cf_error_set(err, -EIO, "libmd cannot compute SHA-256");
    return 0;
}

struct cf_digest *cf_digest_new(void)
{
    struct cf_digest *digest = malloc(sizeof *digest);

    if (digest)
        SHA256Init(&digest->context);
    return digest;
}

void cf_digest_add(struct cf_digest *digest, const void *data, size_t length)
{
    SHA256Update(&digest->context, data, length);
}

void cf_digest_finish(struct cf_digest *digest, char ret_hex[CF_DIGEST_TEXT_SIZE])
{
    /* NULL is for "no array given" alone. */
    (void)SHA256End(&digest->context, ret_hex);
}

void cf_digest_free(struct cf_digest *digest)
{
    free(digest);
}
