/*
 * attach.c - put one file or folder over another
 *
 * The mount calls of Linux 5.12: they work on descriptors, so that what was
 * looked at is what is covered, and they can cover a symbolic link. Called
 * by number, because the C library wraps them only since 2.36 and its own
 * header cannot stand beside the kernel's.
 */
#include "sandbox/attach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int tree_open(int folder_fd, const char *path, unsigned flags)
{
    int fd = (int)syscall(SYS_open_tree, folder_fd, path,
                          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW | flags);

    return fd < 0 ? -errno : fd;
}

static int change_attributes(int fd, const char *path, unsigned flags, uint64_t set, uint64_t clear)
{
    struct mount_attr attr = { .attr_set = set, .attr_clr = clear };

    return syscall(SYS_mount_setattr, fd, path, flags, &attr, sizeof attr) < 0 ? -errno : 0;
}

static int set_attributes(int fd, const char *path, unsigned flags, uint64_t set)
{
    return change_attributes(fd, path, flags, set, 0);
}

/* name: below target_fd; "" is target_fd itself. */
static int tree_attach(int tree, int target_fd, const char *name)
{
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (name[0] ? 0 : MOVE_MOUNT_T_EMPTY_PATH);

    return syscall(SYS_move_mount, tree, "", target_fd, name, flags) < 0 ? -errno : 0;
}

int cf_attach(const char *source, int target_fd, enum cf_attach_how how)
{
    unsigned below = how == CF_ATTACH_ONE ? 0 : AT_RECURSIVE;
    cf_auto_close int tree = tree_open(AT_FDCWD, source, below);
    int r = tree < 0 ? tree : 0;

    if (r == 0 && how != CF_ATTACH_AS_IT_IS)
        r = set_attributes(tree, "", AT_EMPTY_PATH | (how == CF_ATTACH_WHOLE ? below : 0),
                           READ_ONLY);
    return r < 0 ? r : tree_attach(tree, target_fd, "");
}

static int copy_link(int from_fd, const char *name, int to_fd)
{
    char text[PATH_MAX];
    ssize_t n = readlinkat(from_fd, name, text, sizeof text - 1);

    if (n < 0)
        return -errno;
    text[n] = '\0';
    return symlinkat(text, to_fd, name) < 0 ? -errno : 0;
}

int cf_attach_entry(int from_fd, const char *name, int type, int to_fd)
{
    cf_auto_close int tree = -1;

    if (type == DT_LNK)
        return copy_link(from_fd, name, to_fd);
    tree = tree_open(from_fd, name, AT_RECURSIVE);
    if (tree < 0)
        return tree;
    if ((type == DT_DIR ? mkdirat(to_fd, name, 0700) : mknodat(to_fd, name, S_IFREG | 0600, 0)) < 0)
        return -errno;
    return tree_attach(tree, to_fd, name);
}

int cf_attach_folder(const char *source, bool noexec, int target_fd)
{
    cf_auto_close int tree = tree_open(AT_FDCWD, source, 0);
    int r = tree < 0 ? tree : 0, ret;

    if (r == 0 && !noexec)
        r = change_attributes(tree, "", AT_EMPTY_PATH, 0, MOUNT_ATTR_NOEXEC);
    if (r == 0)
        r = tree_attach(tree, target_fd, "");
    if (r < 0)
        return r;
    ret = tree;
    tree = -1;
    return ret;
}

int cf_attach_read_only(const char *path)
{
    return set_attributes(AT_FDCWD, path, AT_RECURSIVE, MOUNT_ATTR_RDONLY);
}
