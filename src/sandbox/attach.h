/*
 * attach.h - put one file or folder over another
 *
 * Private to the room; async-signal-safe, allocates nothing.
 */
#ifndef CF_SANDBOX_ATTACH_H
#define CF_SANDBOX_ATTACH_H

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

/* Make path read-only, with what is mounted below it. Returns 0 or -errno. */
int cf_attach_read_only(const char *path);

#endif
