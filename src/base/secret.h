/*
 * secret.h - a password in memory
 *
 * Pages of its own: not part of a core dump, empty in every process that is
 * forked, kept out of swap where the limit on locked memory allows that, and
 * wiped before they are given back. No message holds any of it.
 */
#ifndef CF_BASE_SECRET_H
#define CF_BASE_SECRET_H

#include <stddef.h>

#include "base/error.h"

struct cf_secret {
    char *bytes;     /* with a NUL behind; NULL: there is none */
    size_t length;   /* without the NUL */
    size_t capacity; /* of the pages, in bytes */
};

/*
 * Room for `size` bytes and a NUL, all of them 0.
 *
 * secret: the caller's, cf_secret_done(), which takes an empty one
 *
 * Returns 0 or -ENOMEM.
 */
int cf_secret_init(struct cf_secret *secret, size_t size);
/* Wipe it and give it back. */
void cf_secret_done(struct cf_secret *secret);

/*
 * Take a secret out of the environment: the variable is removed and its value
 * wiped where it stood, so that neither what is started from here on nor
 * /proc/PID/environ of this process has it. Single-threaded.
 *
 * maximum: bytes, without the NUL
 * ret:     written on success, else empty
 *
 * Returns 0, -ENOENT when the variable is not set, -EINVAL when the value is
 * empty, too long or of several lines (it is removed then too), or -ENOMEM.
 */
int cf_secret_take_env(const char *name, size_t maximum, struct cf_secret *ret,
                       struct cf_error *err);

/*
 * Wipe the value of the variable where it stands and remove it; no matter when it
 * is not set. For a process that was forked before the secret was taken.
 * Allocates nothing. Single-threaded.
 */
void cf_secret_remove_env(const char *name);

/*
 * Read a secret from a file, without one newline at its end. What counts is
 * the file that was opened, through whatever links: a regular one, of the
 * caller's or of root, that its owner alone may read or write.
 *
 * Returns 0, -EPERM when others own it or can get at it, -EINVAL when it is no
 * regular file, or when what is in it is empty, too long, of several lines or
 * has a NUL, -ENOMEM, or -errno of what was tried.
 */
int cf_secret_read_file(const char *path, size_t maximum, struct cf_secret *ret,
                        struct cf_error *err);

/*
 * From the variable, or from the file, whichever is not NULL; both NULL: an
 * empty secret.
 */
int cf_secret_read(const char *variable, const char *path, size_t maximum, struct cf_secret *ret,
                   struct cf_error *err);

#endif
