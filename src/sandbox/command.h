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
#include "sandbox/filter.h"
#include "sandbox/identity.h"

struct cf_command {
    const struct cf_caller *caller;
    const struct cf_idmap *idmap;
    const struct cf_filter *filter;
    char *const *argv;
    bool root; /* keeps capabilities, in its own user namespace */
};

/*
 * Start it in a user namespace of its own.
 *
 * ret_exec_errno: why it could not be run; 0 when it runs. The process is to
 *                 be waited for in either case.
 *
 * Returns its PID or -errno when there is no process.
 */
pid_t cf_command_start(const struct cf_command *command, int *ret_exec_errno);

#endif
