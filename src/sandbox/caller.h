/*
 * caller.h - what the caller handed over, kept for the command
 *
 * A program that becomes the engine changes its own signals, limits and
 * descriptors. The command shall find them as its caller left them, so they
 * are read first of all, before anything is opened or blocked.
 */
#ifndef CF_SANDBOX_CALLER_H
#define CF_SANDBOX_CALLER_H

#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>

#include "base/error.h"

struct cf_caller {
    sigset_t mask;    /* blocked signals */
    sigset_t ignored; /* signals whose disposition is SIG_IGN */
    struct rlimit limits[RLIM_NLIMITS];
    int *fds; /* open and not close-on-exec, ascending: what an exec would hand on */
    size_t n_fds;
};

/*
 * First thing in main(). Also makes the process fit for work: SIGCHLD is no
 * longer ignored (a child's status would be lost), and where 0, 1 or 2 are
 * closed, /dev/null stands there, close-on-exec, so that no socket of ours
 * is ever taken for standard input or output.
 *
 * Returns 0 or -errno; nothing is to be freed then.
 */
int cf_sandbox_caller_save(struct cf_caller *ret_caller, struct cf_error *err);
void cf_sandbox_caller_done(struct cf_caller *caller);

#endif
