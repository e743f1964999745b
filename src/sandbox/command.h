/*
 * command.h - the process that becomes the command
 *
 * Private to the room; runs in a copy of PID 1 and allocates nothing.
 */
#ifndef CF_SANDBOX_COMMAND_H
#define CF_SANDBOX_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

#include "sandbox/caller.h"
#include "sandbox/identity.h"

struct cf_command { /* what it is given, borrowed */
    const struct cf_caller *caller;
    const struct cf_idmap *idmap;
    char *const *argv;
    bool root;      /* keeps capabilities, in its own user namespace */
    bool one_table; /* its threads cannot have descriptors of their own (filter.h) */
};

/* The process, from cf_command_prepare() to cf_command_run(). */
struct cf_command_process {
    pid_t pid; /* 0: none */
    int go_fd;
    int failed_fd;
};

/*
 * Make the process in a user namespace of its own; it puts its filter in force and
 * waits. It ends when go_fd is closed. 0 or -errno when there is no process.
 */
int cf_command_prepare(const struct cf_command *command, struct cf_command_process *ret_process);

/*
 * Let it go. The process is to be waited for in any case, and both descriptors
 * are closed. 0 when the program runs, or why it does not.
 */
int cf_command_run(struct cf_command_process *process);

#endif
