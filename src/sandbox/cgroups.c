/*
 * cgroups.c - the command does nothing to the control groups that it shares with its caller
 *
 * How this works. Command, engine and caller are of one control group. Who may write
 * to its files can end all of them at once (cgroup.kill) or stop them for good
 * (cgroup.freeze), and that is root, or an ordinary user whose group was delegated,
 * as those of a desktop are. So the mounts are read-only inside. A program that makes a
 * user and a cgroup namespace can mount cgroups anew, with the common group at
 * the top. The kernel protects that one where cgroup2 is mounted with nsdelegate, as systemd
 * does it; there is no such thing for version 1. Elsewhere nobody inside gets a cgroup
 * namespace: the limit is that of the engine's user namespace, and holds for all below.
 */
#include "sandbox/cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/attach.h"

#define FOLDER "/sys/fs/cgroup"
#define LIMIT "/proc/sys/user/max_cgroup_namespaces"

bool cf_cgroups_are_delegated(const char *mountinfo)
{
    return strstr(mountinfo, " - cgroup2 ") && strstr(mountinfo, ",nsdelegate") &&
           !strstr(mountinfo, " - cgroup ");
}

static int forbid_namespaces(void)
{
    cf_auto_close int fd = open(LIMIT, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno; /* the kernel has no such limits */
    return write(fd, "0", 1) < 0 ? -errno : 0;
}

int cf_cgroups_guard(bool delegated, struct cf_error *err)
{
    int r = delegated ? 0 : forbid_namespaces();

    if (r < 0)
        return cf_error_errno(err, r, "cannot write '" LIMIT "'");
    r = cf_attach_read_only(FOLDER);
    if (r < 0 && r != -ENOENT && r != -EINVAL) /* EINVAL: no mount of its own */
        return cf_error_errno(err, r, "cannot make '" FOLDER "' read-only");
    return 0;
}
