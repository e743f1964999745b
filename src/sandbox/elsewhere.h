/*
 * elsewhere.h - other mounts that show the same file
 *
 * Private to the room.
 */
#ifndef CF_SANDBOX_ELSEWHERE_H
#define CF_SANDBOX_ELSEWHERE_H

#include <stddef.h>
#include <sys/types.h>

#include "sandbox/listeners.h"

struct cf_mounted {
    dev_t device;
    const char *root;  /* which folder of its file system is shown */
    const char *point; /* where */
};

struct cf_elsewhere {
    char *text;
    struct cf_mounted *mounts; /* in the order in which they were made */
    size_t n;
};

/* text: of /proc/self/mountinfo (proc_pid_mountinfo(5)); taken over, on failure too. 0 or -ENOMEM.
 */
int cf_elsewhere_init(struct cf_elsewhere *elsewhere, char *text);
void cf_elsewhere_done(struct cf_elsewhere *elsewhere);

/*
 * Call fn with each path, but this one, at which another mount shows the same folder.
 *
 * Returns 0, -ENAMETOOLONG, or what fn returned when that was not 0.
 */
int cf_elsewhere_folder(const struct cf_elsewhere *elsewhere, const char *path,
                        int (*fn)(void *data, const char *path), void *data);

/* As cf_elsewhere_folder(), of a socket, which its owner may know by a path of another namespace.
 */
int cf_elsewhere_socket(const struct cf_elsewhere *elsewhere, const struct cf_listener *listener,
                        int (*fn)(void *data, const char *path), void *data);

#endif
