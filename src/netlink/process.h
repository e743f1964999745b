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
    struct cf_process fleeting;                /* what was read last and could not be kept */
};

/* proc_fd: the sandbox's /proc, opened as a folder; borrowed */
void cf_processes_init(struct cf_processes *processes, int proc_fd);
void cf_processes_done(struct cf_processes *processes);

/*
 * What pid is now. The program is read each time; arguments and parent are as
 * they were when this process was first asked for with this program.
 *
 * Borrowed until the next call; the texts are NULL for what cannot be read.
 */
const struct cf_owner *cf_process_find(struct cf_processes *processes, int pid);

/* What pid was when it was looked at last; NULL when that is not kept. Borrowed as above. */
const struct cf_owner *cf_process_kept(const struct cf_processes *processes, int pid);

/* The program that pid runs, in text[0] to text[size - 1]. Returns 0, or -errno: why it cannot be read. */
int cf_process_exe(const struct cf_processes *processes, int pid, char *text, size_t size);

/*
 * Wait until pid, should it be in the middle of execve(2), is the new program and nothing
 * of the old one: the kernel names the new one before it closes what is close-on-exec.
 */
void cf_process_settle(const struct cf_processes *processes, int pid);

#endif
