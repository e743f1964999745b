/*
 * tls_keys.h - secrets of TLS, as the command's libraries append them to a file
 *
 * The format is that of SSLKEYLOGFILE (draft-ietf-tls-keylogfile). The command may
 * write there what it likes, cut the file and begin it again: only whole lines
 * of a label and two numbers are taken, and of all bytes together no more than
 * CF_TLS_KEYS_MAX.
 */
#ifndef CF_CAPTURE_TLS_KEYS_H
#define CF_CAPTURE_TLS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Bytes that are read in a run: about 10,000 sessions of TLS 1.3. */
#define CF_TLS_KEYS_MAX ((size_t)8 << 20)

/* The newest lines that a later file begins with, in bytes. */
#define CF_TLS_KEYS_KNOWN_MAX ((size_t)1 << 20)

struct cf_tls_keys {
    int fd;          /* borrowed; -1: there are none */
    uint64_t offset; /* of the file: what is before was looked at */
    uint64_t taken;  /* bytes that were looked at */
    bool broken;     /* what is at offset is the rest of what is no line */
    struct cf_buffer lines; /* of the last read */
    struct cf_buffer known; /* all of them, the oldest left out */
    size_t known_max;
};

/* known_max: bytes that are remembered */
void cf_tls_keys_init(struct cf_tls_keys *keys, size_t known_max);
void cf_tls_keys_done(struct cf_tls_keys *keys);

/*
 * Look at the next piece of the file. Returns whether there was one; `lines` has what is of use in
 * it, and may be empty. Call it until there is none.
 */
bool cf_tls_keys_read(struct cf_tls_keys *keys);

/* Remember what was read last. */
void cf_tls_keys_know(struct cf_tls_keys *keys);

/* Is the file full, or was more written than is looked at? */
bool cf_tls_keys_overflown(const struct cf_tls_keys *keys);

/*
 * Append the good ones of the lines at text to lines.
 *
 * broken: whether text begins within what is no line; and whether what comes next does
 *
 * Returns how many bytes are done with: a last line without its end is not, unless it is too
 * long to be one.
 */
size_t cf_tls_keys_filter(const char *text, size_t length, bool *broken, struct cf_buffer *lines);

#endif
