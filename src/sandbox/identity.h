/*
 * identity.h - id maps of the two user namespaces
 *
 * Private to the room. Every map of ours is an identity: an id means the same
 * inside and outside.
 */
#ifndef CF_SANDBOX_IDENTITY_H
#define CF_SANDBOX_IDENTITY_H

#include <sys/types.h>

#include "base/error.h"

/* The kernel takes less than a page in one write. */
#define CF_IDMAP_SIZE 4096

/* Text for /proc/PID/uid_map and gid_map. */
struct cf_idmap {
    char uids[CF_IDMAP_SIZE];
    char gids[CF_IDMAP_SIZE];
};

/* An identity over every id that this process's user namespace has. 0 or -errno. */
int cf_idmap_read(struct cf_idmap *ret_map, struct cf_error *err);

/* Give process pid's user namespace this map; allocates nothing. 0 or -errno. */
int cf_idmap_write(pid_t pid, const struct cf_idmap *map, struct cf_error *err);

#endif
