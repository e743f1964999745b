/*
 * listeners.h - the unix sockets of this network namespace that have a path
 *
 * Private to the room.
 */
#ifndef CF_SANDBOX_LISTENERS_H
#define CF_SANDBOX_LISTENERS_H

#include <stdint.h>
#include <sys/types.h>

struct cf_listener {
    const char *path; /* as its owner named it, perhaps in another mount namespace */
    dev_t device;     /* of its file; 0 when the kernel does not say */
    uint32_t inode;   /* the low 32 bits */
};

/*
 * Call fn for each that listens, or may: what is connected to one other, or has no path that
 * begins with a slash, is left out. See sock_diag(7).
 *
 * Returns 0, what fn returned when that was not 0, or -errno.
 */
int cf_listeners_each(int (*fn)(void *data, const struct cf_listener *listener), void *data);

#endif
