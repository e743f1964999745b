/*
 * names.h - every path at which the command could find what the run hides from it
 *
 * Private to the room.
 */
#ifndef CF_SANDBOX_NAMES_H
#define CF_SANDBOX_NAMES_H

#include "base/error.h"
#include "sandbox/sandbox.h"

/*
 * hidden:    as struct cf_sandbox_config has it; NULL: nothing
 * ret_paths: NULL behind the last; each is the caller's, free(), on failure too. What is at
 *            the end of links, and what other mounts show of the same file
 *
 * Returns 0, -EMLINK for a file with hard links, -EINVAL for one below /proc or /dev, -E2BIG when
 * there are more than CF_SANDBOX_HIDDEN_MAX, -ENOMEM, or -errno of what was tried.
 */
int cf_hidden_resolve(const char *const *hidden, char *ret_paths[CF_SANDBOX_HIDDEN_MAX + 1],
                      struct cf_error *err);

#endif
