/*
 * file.h - the further files that a policy names
 */
#ifndef CF_POLICY_FILE_H
#define CF_POLICY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Which file it is, whatever path leads to it. */
struct cf_file_id {
    dev_t device;
    ino_t inode;
};

/*
 * The path of what a file names: beside that file when it is not absolute.
 * The caller's, free(); NULL when out of memory.
 */
char *cf_file_beside(const char *file, const char *path);

/*
 * Whether the file that path leads to lies in the folder of the file that
 * names it, or below, links resolved. False also when that cannot be found out.
 */
bool cf_file_is_within(const char *file, const char *path);

/*
 * Open a regular file for reading; anything else might block or never end.
 * Returns the descriptor, -EISDIR, -EINVAL for what is no regular file or is
 * one of procfs or sysfs, which the kernel makes up, or another -errno.
 */
int cf_file_open(const char *path, struct cf_file_id *ret_id);

/* Which file a descriptor is, and of what kind; 0 or -errno. */
int cf_file_identify(int fd, struct cf_file_id *ret_id, mode_t *ret_mode);

bool cf_file_same(const struct cf_file_id *a, const struct cf_file_id *b);

#endif
