/*
 * attach.h - put one file or folder over another, read-only
 *
 * Private to the room; async-signal-safe, allocates nothing.
 */
#ifndef CF_SANDBOX_ATTACH_H
#define CF_SANDBOX_ATTACH_H

#include <stdbool.h>

/*
 * Mount source (with what is mounted below it when `whole`) read-only over
 * target_fd, an O_PATH descriptor. A descriptor opened with O_NOFOLLOW may be
 * that of a symbolic link: the link itself is covered then, so that it no
 * longer matters where it led. Returns 0 or -errno.
 */
int cf_attach(const char *source, int target_fd, bool whole);

/* Make path read-only, with what is mounted below it. Returns 0 or -errno. */
int cf_attach_read_only(const char *path);

/* A copy of the mounts from path down, not attached anywhere; a descriptor or -errno. */
int cf_attach_detach(const char *path);

/* Attach such a copy at path. Returns 0 or -errno. */
int cf_attach_tree(int tree_fd, const char *path);

#endif
