/*
 * attach.c - put one file or folder over another
 *
 * The mount calls of Linux 5.12: they work on descriptors, so that what was
 * looked at is what is covered, and they can cover a symbolic link. Called
 * by number, because the C library wraps them only since 2.36 and its own
 * header cannot stand beside the kernel's.
 */
#include "sandbox/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int tree_open(const char *path, unsigned flags)
{
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path,
                          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW | flags);

    return fd < 0 ? -errno : fd;
}

static int set_attributes(int fd, const char *path, unsigned flags, uint64_t set)
{
    struct mount_attr attr = { .attr_set = set };

    return syscall(SYS_mount_setattr, fd, path, flags, &attr, sizeof attr) < 0 ? -errno : 0;
}

int cf_attach(const char *source, int target_fd, enum cf_attach_how how)
{
    unsigned below = how == CF_ATTACH_ONE ? 0 : AT_RECURSIVE;
    cf_auto_close int tree = tree_open(source, below);
    int r = tree < 0 ? tree : 0;

    if (r == 0 && how != CF_ATTACH_AS_IT_IS)
        r = set_attributes(tree, "", AT_EMPTY_PATH | (how == CF_ATTACH_WHOLE ? below : 0),
                           READ_ONLY);
    if (r == 0 && syscall(SYS_move_mount, tree, "", target_fd, "",
                          MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        r = -errno;
    return r;
}

int cf_attach_read_only(const char *path)
{
    return set_attributes(AT_FDCWD, path, AT_RECURSIVE, MOUNT_ATTR_RDONLY);
}
