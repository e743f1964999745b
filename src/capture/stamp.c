/*
 * stamp.c - whether somebody else wrote to a file of ours
 */
#include "capture/stamp.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/statfs.h>

/* Of older headers linux/magic.h lacks it. */
#define XFS_MAGIC 0x58465342

bool cf_stamp_is_timed(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return false;
    switch ((unsigned long)fs.f_type) {
    case EXT4_SUPER_MAGIC:
    case XFS_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
        return true;
    default:
        return false;
    }
}

int cf_stamp_take(int fd, bool timed, struct cf_stamp *ret_stamp)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    *ret_stamp = (struct cf_stamp) { .dev = st.st_dev, .ino = st.st_ino, .size = st.st_size };
    if (timed)
        ret_stamp->changed = st.st_ctim;
    return 0;
}

bool cf_stamp_is_of(const struct cf_stamp *stamp, const struct stat *st)
{
    bool timed = stamp->changed.tv_sec != 0;

    return st->st_dev == stamp->dev && st->st_ino == stamp->ino && st->st_size == stamp->size &&
           (!timed || (st->st_ctim.tv_sec == stamp->changed.tv_sec &&
                       st->st_ctim.tv_nsec == stamp->changed.tv_nsec));
}
