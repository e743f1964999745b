/*
 * stamp.h - whether somebody else wrote to a file of ours
 *
 * To hash a capture and to read it again at the end, as is done with the log, takes 0.55 s for
 * each GiB, most of it in the thread that carries the traffic, and as long as the disk needs
 * where the memory does not hold the file. So a capture has a stamp: which file it is, how long,
 * and when the kernel last saw a change of it (ctime, inode(7)), which nobody can set. It is
 * taken after each write of ours and looked at before the next.
 *
 * What another does in the same tick of the kernel's clock (10 ms at most) is not seen, before
 * Linux 6.13. Times count on file systems of this kernel alone: others give them when they like.
 */
#ifndef CF_CAPTURE_STAMP_H
#define CF_CAPTURE_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct cf_stamp {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed; /* zero where it does not count */
};

/* Whether times count for this open file. */
bool cf_stamp_is_timed(int fd);

/* Take the stamp of an open file. Returns 0 or -errno. */
int cf_stamp_take(int fd, bool timed, struct cf_stamp *ret_stamp);

/* Is the file with this status, which was stamped before, as it was then? */
bool cf_stamp_is_of(const struct cf_stamp *stamp, const struct stat *st);

#endif
