/*
 * cgroups.h - the command does nothing to the control groups that it shares with its caller
 *
 * Private to the room.
 */
#ifndef CF_SANDBOX_CGROUPS_H
#define CF_SANDBOX_CGROUPS_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Whether the kernel keeps who makes a cgroup namespace off the group at its top
 * (nsdelegate, cgroups(7)). mountinfo: the text of proc_pid_mountinfo(5).
 */
bool cf_cgroups_are_delegated(const char *mountinfo);

/*
 * In PID 1, under its own /proc: what is mounted of cgroups becomes read-only, and no
 * cgroup namespace can be made, by which they could be mounted anew, unless they are
 * delegated. 0 or -errno with a message.
 */
int cf_cgroups_guard(bool delegated, struct cf_error *err);

#endif
