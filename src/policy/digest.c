/*
 * digest.c - SHA-256 of a policy's bytes
 */
#include "policy/digest.h"

#include <errno.h>

#include <openssl/evp.h>

int cf_digest_sha256(const void *data, size_t length, char ret_hex[CF_DIGEST_TEXT_SIZE],
                     struct cf_error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (!EVP_Digest(data, length, digest, &n, EVP_sha256(), NULL) ||
        n * 2 + 1 != CF_DIGEST_TEXT_SIZE)
        return cf_error_set(err, -EIO, "libcrypto cannot compute SHA-256");
    for (unsigned i = 0; i < n; i++) {
        ret_hex[2 * i] = digits[digest[i] >> 4];
        ret_hex[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_hex[2 * (size_t)n] = '\0';
    return 0;
}
