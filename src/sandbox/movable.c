/*
 * movable.c - what is covered, and could be moved to where it is not
 *
 * How this works. A cover holds on to a name in one mount. Who may rename a folder above it, and
 * may mount, shows another folder of that file system at a second place first, and then moves the
 * one with the cover into it: at the second place there is no cover. (The kernel looks for covers
 * when the second mount is made, and not when something is moved.) In a mount namespace of its
 * own the command may mount. So where something that is covered could be moved, nobody inside gets
 * such a namespace: the limit is that of the engine's user namespace, and holds for all below.
 */
#include "sandbox/movable.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT "/proc/sys/user/max_mnt_namespaces"

/* Group and others count for the command, whoever they are; in a sticky folder the owner alone. */
static bool may_rename_in(const struct stat *folder, uid_t owner)
{
    if (folder->st_uid == geteuid())
        return true;
    if (!(folder->st_mode & (S_IWGRP | S_IWOTH)))
        return false;
    return !(folder->st_mode & S_ISVTX) || owner == geteuid();
}

/* Up from the path itself; what a link leads to is not looked into, and counts as movable. */
bool cf_movable(const char *path, uid_t owner)
{
    char folder[PATH_MAX];
    struct stat st;
    char *slash;

    if (geteuid() == 0 || path[0] != '/' || strlen(path) >= sizeof folder)
        return true;
    strcpy(folder, path);
    while ((slash = strrchr(folder, '/')) != NULL) {
        *slash = '\0';
        if (lstat(*folder ? folder : "/", &st) < 0 || !S_ISDIR(st.st_mode) ||
            may_rename_in(&st, owner))
            return true;
        owner = st.st_uid;
    }
    return false;
}

int cf_movable_open(int *ret_fd, struct cf_error *err)
{
    int fd = open(LIMIT, O_WRONLY | O_CLOEXEC);

    if (fd < 0 && errno != ENOENT)
        return cf_error_errno(err, -errno, "cannot open '" LIMIT "'");
    *ret_fd = fd;
    return 0;
}

int cf_movable_forbid(int fd, struct cf_error *err)
{
    if (fd >= 0 && write(fd, "0", 1) < 0)
        return cf_error_errno(err, -errno, "cannot write '" LIMIT "'");
    return 0;
}
