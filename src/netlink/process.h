/*
 * process.h - what a process of the sandbox is
 *
 * Its program, arguments and parent, from the sandbox's own /proc. What was
 * read is kept for as long as the process runs the same program, because a
 * program that opens one connection opens more. Single-threaded.
 */
#ifndef CF_NETLINK_PROCESS_H
#define CF_NETLINK_PROCESS_H

#include <stddef.h>

#include "netlink/owner.h"

/* Processes that are kept; the one asked for longest ago makes room. Each costs two descriptors. */
#define CF_PROCESSES_KEPT 16

struct cf_process {
    struct cf_owner is;
    int life_fd, parent_life_fd; /* -1: none */
};

struct cf_processes {
    int proc_fd;
    size_t n_kept;
    struct cf_process kept[CF_PROCESSES_KEPT]; /* the latest first */
};

/* proc_fd: the sandbox's /proc, opened as a folder; borrowed */
void cf_processes_init(struct cf_processes *processes, int proc_fd);
void cf_processes_done(struct cf_processes *processes);

/*
 * What pid is now. The program is read each time; arguments and parent are as
 * they were when this process was first asked for with this program.
 *
 * ret: the texts are the caller's, see cf_owner_done(); NULL for what cannot be read
 */
void cf_process_read(struct cf_processes *processes, int pid, struct cf_owner *ret);

/* Free what is in it. */
void cf_owner_done(struct cf_owner *owner);

#endif
