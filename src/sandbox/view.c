/*
 * view.c - a /run of the command's own
 *
 * How this works. What hides a socket by lying over it holds on to what is there:
 * when the daemon outside replaces its socket, or starts only now, the command
 * reaches it. So where sockets have their place (the tops of the list: /run, the
 * user's runtime folder) the command gets a folder of ours, in which everything that
 * is there now is mounted, except for what is listed. What is made in the folder
 * outside from then on is not seen, whatever its name.
 *
 *   an entry           is mounted as it is: in a folder that was there the command
 *                      and the outside go on seeing what the other does.
 *   a symbolic link    is copied. What is listed behind it is elsewhere, and is
 *                      covered there. One that a row with a star is about has no name.
 *   a folder that      is replaced by one of ours in the same way: /run/systemd,
 *   has listed names   whose journal stays when its resolver goes.
 *   what is listed     has no name.
 *
 * What the command makes in such a folder itself is its own, and goes with the run.
 * Who may not write to a folder outside may not inside, though it can belong to him
 * here, for another owner has no id in an ordinary user's namespace.
 *
 * All tops are opened before the first is replaced: one may lie in another.
 */
#include "sandbox/view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/attach.h"
#include "sandbox/listing.h"
#include "sandbox/movable.h"

/* A top as it was before. */
struct original {
    int fd; /* -1: there is none */
    struct stat st;
};

struct walk {
    struct cf_mask_list *list;
    struct cf_mask_done *done;
    char path[PATH_MAX]; /* of the folder that is walked, as the list has it */
    size_t length;
};

/* One folder of the walk. */
struct step {
    struct walk *walk;
    int from_fd, to_fd;
};

static int fill(struct walk *walk, int from_fd, int to_fd);

/* Like another folder: owner and mode, and not writable for who cannot write there. */
static int make_like(int from_fd, int to_fd, const char *name)
{
    struct stat st;
    mode_t mode;

    if (fstat(from_fd, &st) < 0)
        return -errno;
    mode = st.st_mode & 07777;
    if (faccessat(from_fd, ".", W_OK, AT_EACCESS) < 0)
        mode &= ~(mode_t)(S_IWUSR | S_IWGRP | S_IWOTH);
    if (mkdirat(to_fd, name, 0700) < 0)
        return -errno;
    if (st.st_uid != geteuid() || st.st_gid != getegid())
        (void)!fchownat(to_fd, name, st.st_uid, st.st_gid, 0); /* ids that we may not have */
    return fchmodat(to_fd, name, mode, 0) < 0 ? -errno : 0;
}

/* A folder of which nobody below can know what is in it is empty. */
static int replace(struct walk *walk, const struct step *step, const char *name)
{
    cf_auto_close int from_fd =
        openat(step->from_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cf_auto_close int to_fd = -1;
    int r;

    if (from_fd < 0)
        return errno != EACCES ? -errno : mkdirat(step->to_fd, name, S_IRUSR) < 0 ? -errno : 0;
    r = make_like(from_fd, step->to_fd, name);
    if (r < 0)
        return r;
    to_fd = openat(step->to_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return to_fd < 0 ? -errno : fill(walk, from_fd, to_fd);
}

static void leave_out(const struct step *step, const char *name, int type, size_t row)
{
    struct stat st;

    step->walk->done->covered[row] = true;
    if (type == DT_SOCK && fstatat(step->from_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        cf_mask_note_links(step->walk->done, row, st.st_nlink);
}

static int judge_and_show(const struct step *step, const char *name, int type)
{
    struct walk *walk = step->walk;
    size_t row;

    switch (cf_mask_judge(walk->list, walk->path, type, &row)) {
    case CF_MASK_LEAVE_OUT:
        if (row < CF_MASK_MAX)
            leave_out(step, name, type, row);
        return 0;
    case CF_MASK_REPLACE:
        return replace(walk, step, name);
    case CF_MASK_TOP: /* its turn comes */
        if (type == DT_DIR)
            return mkdirat(step->to_fd, name, 0700) < 0 ? -errno : 0;
        break;
    case CF_MASK_FOLLOW:
        cf_mask_leads_out(walk->list, walk->path);
        break;
    case CF_MASK_SHOW:
        break;
    }
    return cf_attach_entry(step->from_fd, name, type, step->to_fd);
}

static int show(void *data, const char *name, int type)
{
    const struct step *step = data;
    struct walk *walk = step->walk;
    const size_t length = walk->length, left = sizeof walk->path - length;
    int n = snprintf(walk->path + length, left, "/%s", name), r;

    if ((size_t)n >= left)
        return -ENAMETOOLONG;
    walk->length += (size_t)n;
    r = judge_and_show(step, name, type);
    walk->length = length;
    walk->path[length] = '\0';
    /* Gone meanwhile, or a mount that may not be copied. */
    return r == -ENOENT || r == -EINVAL ? 0 : r;
}

static int fill(struct walk *walk, int from_fd, int to_fd)
{
    struct step step = { .walk = walk, .from_fd = from_fd, .to_fd = to_fd };

    return cf_listing_each(from_fd, show, &step);
}

/* Over what stands at the top's path now, which is the original or ours for it. */
static int build(struct walk *walk, const struct cf_mask_top *top, const struct original *original,
                 const char *source, int target_fd)
{
    cf_auto_close int tree = -1;
    struct statvfs how;
    int r = make_like(original->fd, AT_FDCWD, source);

    if (r == 0 && fstatvfs(original->fd, &how) < 0)
        r = -errno;
    if (r < 0)
        return r;
    tree = cf_attach_folder(source, how.f_flag & ST_NOEXEC, target_fd);
    if (tree < 0)
        return tree;
    walk->length = (size_t)snprintf(walk->path, sizeof walk->path, "%s", top->as);
    return fill(walk, original->fd, tree);
}

/* The folder that an earlier top is too, or NULL. */
static const struct cf_mask_top *same_as(const struct cf_mask_list *list,
                                         const struct original *originals, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (originals[j].fd >= 0 && originals[j].st.st_dev == originals[i].st.st_dev &&
            originals[j].st.st_ino == originals[i].st.st_ino)
            return &list->tops[j];
    }
    return NULL;
}

static int replace_top(struct walk *walk, const char *prefix, const struct original *originals,
                       size_t i)
{
    const struct cf_mask_top *top = &walk->list->tops[i];
    const struct cf_mask_top *same = same_as(walk->list, originals, i);
    cf_auto_close int target_fd = open(top->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat now, ours;
    char source[160];

    if (target_fd < 0)
        return errno == ENOENT ? 0 : -errno; /* not shown */
    if (geteuid() != 0) /* root has the whole host to move */
        walk->done->movable |= cf_movable(top->path, originals[i].st.st_uid);
    if (!same) {
        snprintf(source, sizeof source, "%s-%zu", prefix, i);
        return build(walk, top, &originals[i], source, target_fd);
    }
    if (fstat(target_fd, &now) < 0 || stat(same->path, &ours) < 0)
        return -errno;
    if (now.st_dev == ours.st_dev && now.st_ino == ours.st_ino) /* by another name */
        return 0;
    return cf_attach(same->path, target_fd, CF_ATTACH_AS_IT_IS);
}

static int open_original(const char *path, struct original *ret)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    ret->fd = fd;
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    return fstat(fd, &ret->st) < 0 ? -errno : 0;
}

int cf_view_make(struct cf_mask_list *list, const char *prefix, struct cf_mask_done *ret_done,
                 struct cf_error *err)
{
    struct original originals[CF_MASK_TOPS_MAX];
    struct walk walk = { .list = list, .done = ret_done };
    size_t n = 0;
    int r = 0;

    for (; n < list->n_tops && r == 0; n++) {
        r = open_original(list->tops[n].path, &originals[n]);
        if (r < 0)
            cf_error_errno(err, r, "cannot open '%s'", list->tops[n].path);
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        r = originals[i].fd < 0 ? 0 : replace_top(&walk, prefix, originals, i);
        if (r < 0)
            cf_error_errno(err, r, "cannot replace '%s'", list->tops[i].path);
    }
    for (size_t i = 0; i < n; i++) {
        if (originals[i].fd >= 0)
            close(originals[i].fd);
    }
    return r;
}
