/*
 * attach.h - put one file or folder over another
 *
 * Private to the room; async-signal-safe, allocates nothing.
 */
#ifndef CF_SANDBOX_ATTACH_H
#define CF_SANDBOX_ATTACH_H

#include <stdbool.h>

enum cf_attach_how {
    CF_ATTACH_ONE,      /* this mount, read-only */
    CF_ATTACH_WHOLE,    /* with what is mounted below it, read-only */
    CF_ATTACH_TOP,      /* with what is mounted below it, only the top read-only */
    CF_ATTACH_AS_IT_IS, /* with what is mounted below it, nothing changed */
};

/*
 * Mount source over target_fd, an O_PATH or folder's descriptor. One opened
 * with O_NOFOLLOW may be that of a symbolic link: the link itself is covered
 * then, so that it no longer matters where it led. Returns 0 or -errno.
 */
int cf_attach(const char *source, int target_fd, enum cf_attach_how how);

/*
 * Show an entry of one folder in another under the same name, as it is: a symbolic link
 * is copied, all else mounted with what is mounted below it.
 *
 * from_fd, to_fd: folders; to_fd is ours, and has no such entry
 * type:           DT_DIR and so on, as listed
 *
 * Returns 0, or -errno, and there is no entry then unless it is the mount that failed:
 * -ENOENT when it is gone meanwhile, -EINVAL when it is a mount that cannot be copied
 * (MS_UNBINDABLE).
 */
int cf_attach_entry(int from_fd, const char *name, int type, int to_fd);

/*
 * Mount a folder of ours over target_fd, writable.
 *
 * source: its path
 * noexec: whether programs in it can be run; its own mount has noexec
 *
 * Returns a descriptor of it as it is mounted, close-on-exec, or -errno.
 */
int cf_attach_folder(const char *source, bool noexec, int target_fd);

/* Make path read-only, with what is mounted below it. Returns 0 or -errno. */
int cf_attach_read_only(const char *path);

#endif
