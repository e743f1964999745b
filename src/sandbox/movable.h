/*
 * movable.h - what is covered, and could be moved to where it is not
 *
 * Private to the room; runs in PID 1 and allocates nothing.
 */
#ifndef CF_SANDBOX_MOVABLE_H
#define CF_SANDBOX_MOVABLE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Whether the command may rename what stands at an absolute path, or a folder above it.
 *
 * owner: of what stands there, before it is covered
 */
bool cf_movable(const char *path, uid_t owner);

/*
 * In PID 1, under its own /proc: no mount namespace can be made inside from
 * cf_movable_forbid() on, nor can PID 1 attach anything more. 0 or -errno with a message.
 *
 * ret_fd: for cf_movable_forbid(), open before /proc/sys becomes read-only; -1 where the kernel
 *         has no such limit
 */
int cf_movable_open(int *ret_fd, struct cf_error *err);
int cf_movable_forbid(int fd, struct cf_error *err);

#endif
