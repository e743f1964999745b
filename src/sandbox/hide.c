/*
 * hide.c - what the run itself keeps from its command: its proxy's password and socket
 *
 * How this works. The policy names them, so they can lie anywhere, and the folder
 * around them may be one that the command works in.
 *
 *   in a folder of ours   (view.c) it is taken away. What is put in its place outside is
 *                         not seen. (A cover would go with the file when that is
 *                         removed outside, and the mount of the file would not.)
 *   a socket, or below    the folder becomes one of ours, without it: a proxy that
 *   /run                  restarts makes its socket anew, and secrets change there.
 *                         Not the folder that the command works in, nor the home
 *                         folder, nor one that everybody writes to, such as /tmp: what
 *                         is made there must stay. The caller is told then.
 *   another file          an empty file covers it, for as long as it is that file.
 *
 * What is not there cannot be covered, and would be open to the command once it is
 * made; only where it cannot appear, or where the folder becomes ours, is that no error.
 */
#include "sandbox/hide.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/attach.h"
#include "sandbox/movable.h"
#include "sandbox/view.h"

struct hiding {
    const struct cf_orders *orders;
    const struct cf_mask_list *masks;
    const char *cover, *scratch;
    size_t i; /* which of the orders' */
};

static bool is_folder(const char *path, const struct stat *folder)
{
    struct stat st;

    return path && stat(path, &st) == 0 && st.st_dev == folder->st_dev &&
           st.st_ino == folder->st_ino;
}

/* Others may look for what the command makes there. */
static bool is_shared(const struct hiding *hiding, const struct stat *folder)
{
    return (folder->st_mode & S_ISVTX) || is_folder("/", folder) || is_folder(".", folder) ||
           is_folder(hiding->orders->cwd, folder) || is_folder(getenv("HOME"), folder);
}

static int leave_out(const struct hiding *hiding, char *path, char *folder, struct cf_error *err)
{
    struct cf_mask_list list = {
        .paths = { path },
        .kinds = { CF_MASK_FILE },
        .inside = { true },
        .n_known = 1,
        .n = 1,
        .tops = { { .path = folder, .as = folder } },
        .n_tops = 1,
    };
    struct cf_mask_done done = { 0 };
    char prefix[128];

    snprintf(prefix, sizeof prefix, "%s/hidden-%zu", hiding->scratch, hiding->i);
    return cf_view_make(&list, prefix, &done, err);
}

/* An entry of a folder of ours. */
static int take_away(const char *path)
{
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 || unlink(path) < 0)
        return -errno;
    return 0;
}

/* Where there is neither the path nor its folder. */
static int absent(const struct hiding *hiding, const char *path, struct cf_error *err)
{
    if (cf_mask_is_inside(hiding->masks, path))
        return 0; /* and nothing appears in folders of ours */
    return cf_error_set(err, -ENOENT,
                        "cannot hide '%s' from the command, because it is not there yet; make it "
                        "before the run",
                        path);
}

static int hide_one(const struct hiding *hiding, char *path, char *folder, struct cf_hidden *hidden,
                    struct cf_error *err)
{
    cf_auto_close int folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cf_auto_close int fd = open(path, O_PATH | O_CLOEXEC);
    bool missing = fd < 0 && errno == ENOENT, ours, socket; /* which may be covered by now */
    struct stat around, it = { 0 }, scratch;
    int r;

    if (folder_fd < 0 && missing)
        return absent(hiding, path, err);
    if ((fd < 0 && !missing) || folder_fd < 0 || fstat(folder_fd, &around) < 0 ||
        stat(hiding->scratch, &scratch) < 0 || (fd >= 0 && fstat(fd, &it) < 0))
        return cf_error_errno(err, -errno, "cannot hide '%s' from the command", path);
    if (S_ISDIR(it.st_mode))
        return cf_error_set(err, -EISDIR, "cannot hide '%s' from the command: it is a folder",
                            path);
    ours = around.st_dev == scratch.st_dev;
    socket = S_ISSOCK(it.st_mode) || (fd >= 0 && !ours && it.st_dev == scratch.st_dev);
    hidden->hidden[hiding->i] = !missing;
    if (ours && missing)
        return 0;
    hidden->movable |= !ours && cf_movable(path, it.st_uid);
    if (!ours && !is_shared(hiding, &around) &&
        (socket || missing || cf_mask_is_inside(hiding->masks, path)))
        return leave_out(hiding, path, folder, err);
    if (missing)
        return absent(hiding, path, err);
    hidden->exposed[hiding->i] = socket && !ours;
    r = ours ? take_away(path) : cf_attach(hiding->cover, fd, CF_ATTACH_ONE);
    return r < 0 ? cf_error_errno(err, r, "cannot hide '%s' from the command", path) : 0;
}

int cf_hide(const struct cf_orders *orders, const struct cf_mask_list *masks, const char *cover,
            const char *scratch, struct cf_hidden *ret_hidden, struct cf_error *err)
{
    struct hiding hiding = { .orders = orders, .masks = masks, .cover = cover, .scratch = scratch };
    int r = 0;

    for (; orders->hidden[hiding.i] && r == 0; hiding.i++) {
        char path[PATH_MAX], folder[PATH_MAX];
        char *slash;

        if (strlen(orders->hidden[hiding.i]) >= sizeof path)
            return cf_error_set(err, -ENAMETOOLONG, "cannot hide '%s' from the command",
                                orders->hidden[hiding.i]);
        strcpy(path, orders->hidden[hiding.i]);
        strcpy(folder, path);
        slash = strrchr(folder, '/');
        slash[slash == folder] = '\0';
        r = hide_one(&hiding, path, folder, ret_hidden, err);
    }
    return r;
}
