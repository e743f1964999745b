/*
 * mounts.c - what the command sees of the file system, stage by stage
 *
 * How this works. The mount namespace belongs to the engine's user namespace
 * and the command's own is below it: whatever the command is inside, root
 * included, it cannot take away what is mounted here, and in a mount
 * namespace that it makes itself all of this comes locked.
 *
 *   1. Mounts of the host still arrive (automounter), ours never leave.
 *   2. A small tmpfs over /proc holds what we mount from.
 *   3. /run of our own (view.c), the masks, and /dev/mqueue of our IPC
 *      namespace, where there is one.
 *      Up to here the policy need not be known (cf_mounts_cover()).
 *   4. The three files of /etc, what the run hides from its command, a file for
 *      secrets of TLS (key_log.c), and the log of the run, which is mounted on
 *      itself read-only: a file that is a mount point cannot be removed or
 *      renamed either.
 *      Up to here no network namespace is needed (cf_mounts_place()).
 *   5. /sys/class/net of our network namespace (a sysfs shows that of who
 *      mounted it). Only the folders of network interfaces are replaced:
 *      a whole new /sys would lose the cgroups. Root only: /sys read-only,
 *      for uevent_helper is like core_pattern.
 *   6. /proc of our PID namespace, over the tmpfs, which has no name from then
 *      on and goes with the namespace. To unmount it instead would wait for the
 *      kernel (RCU). Root only: /proc/sys and the like read-only. Their files
 *      belong to uid 0, which root keeps, and some (core_pattern) run programs
 *      outside of every namespace without asking for a capability. Where something
 *      that is covered could be moved, no mount namespace can be made (movable.h).
 */
#include "sandbox/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/attach.h"
#include "sandbox/cgroups.h"
#include "sandbox/hide.h"
#include "sandbox/key_log.h"
#include "sandbox/movable.h"
#include "sandbox/view.h"

#define SCRATCH "/proc"
#define COVER_FILE SCRATCH "/none"
#define COVER_FOLDER SCRATCH "/empty"
#define SYSFS SCRATCH "/sys"
#define MQUEUE_MAGIC 0x19800202
#define PLAIN (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static int scratch_open(struct cf_error *err)
{
    int fd;

    if (mount("childflow", SCRATCH, "tmpfs", PLAIN, "mode=0755,size=20%") < 0)
        return cf_error_errno(err, -errno, "cannot mount a tmpfs");
    fd = open(COVER_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    /* 0666, so that connect(2) says refused, not forbidden; the mount is read-only. */
    if (fd < 0 || fchmod(fd, 0666) < 0 || close(fd) < 0 || mkdir(COVER_FOLDER, 0755) < 0 ||
        chmod(COVER_FOLDER, 0555) < 0 || mkdir(SYSFS, 0755) < 0)
        return cf_error_errno(err, -errno, "cannot make the files that cover others");
    return 0;
}

/* Cover target by source when both are there. */
static int cover(const char *source, const char *target)
{
    cf_auto_close int fd = open(target, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    int r;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    r = cf_attach(source, fd, CF_ATTACH_WHOLE);
    return r == -ENOENT ? 0 : r;
}

static int renew_sysfs(bool *ret_refused, struct cf_error *err)
{
    static const char *const folders[] = { "/class/net", "/devices/virtual/net" };

    *ret_refused = false;
    if (access("/sys/class/net", F_OK) < 0)
        return 0;
    if (mount("sysfs", SYSFS, "sysfs", PLAIN | MS_RDONLY, NULL) < 0) {
        if (errno != EPERM && errno != EACCES)
            return cf_error_errno(err, -errno, "cannot mount sysfs");
        *ret_refused = true; /* parts of /sys are hidden from us (a container) */
        return 0;
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char source[64] = SYSFS, target[64] = "/sys";
        int r = cover(strcat(source, folders[i]), strcat(target, folders[i]));

        if (r < 0)
            return cf_error_errno(err, r, "cannot renew '%s'", target);
    }
    return 0; /* it goes with the tmpfs that it is mounted in */
}

static int renew_mqueue(struct cf_error *err)
{
    struct statfs st;

    if (statfs("/dev/mqueue", &st) < 0 || st.f_type != MQUEUE_MAGIC)
        return 0;
    if (mount("mqueue", "/dev/mqueue", "mqueue", PLAIN, NULL) < 0)
        return cf_error_errno(err, -errno, "cannot mount '/dev/mqueue'");
    return 0;
}

static int renew_proc(struct cf_error *err)
{
    if (mount("proc", "/proc", "proc", PLAIN, NULL) == 0)
        return 0;
    if (errno == EPERM)
        return cf_error_errno(err, -EPERM,
                              "cannot mount a new /proc, because parts of the old one are covered, "
                              "as in a container; run the container with an uncovered one "
                              "(podman: --security-opt unmask=ALL, docker: --security-opt "
                              "systempaths=unconfined, or --privileged)");
    return cf_error_errno(err, -errno, "cannot mount '/proc'");
}

static int guard_proc(struct cf_error *err)
{
    static const char *const paths[] = {
        "/proc/sys", "/proc/sysrq-trigger", "/proc/irq",  "/proc/bus",
        "/proc/fs",  "/proc/acpi",          "/proc/scsi", "/proc/mtrr",
    };
    int r;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        r = cover(paths[i], paths[i]);
        if (r < 0)
            return cf_error_errno(err, r, "cannot make '%s' read-only", paths[i]);
    }
    return 0;
}

static int guard_sys(struct cf_error *err)
{
    int r = cf_attach_read_only("/sys");

    if (r < 0 && r != -ENOENT && r != -EINVAL) /* EINVAL: no mount of its own */
        return cf_error_errno(err, r, "cannot make '/sys' read-only");
    return 0;
}

/* A file that was made in a top after that had been replaced is not seen inside. */
static int guard_path(const char *path, const struct cf_mask_list *masks, struct cf_error *err)
{
    cf_auto_close int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

    if (r == -ENOENT && cf_mask_is_inside(masks, path))
        return 0;
    if (r == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        r = cf_attach(path, fd, CF_ATTACH_ONE);
    return r < 0 ? cf_error_errno(err, r, "cannot make '%s' read-only", path) : 0;
}

static const struct cf_mask_cover covers = { .file = COVER_FILE, .folder = COVER_FOLDER };

int cf_mounts_cover(const struct cf_etc *etc, struct cf_mask_list *masks,
                    struct cf_mounts_result *ret_result, struct cf_error *err)
{
    int r;

    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return cf_error_errno(err, -errno, "cannot cut mounts off from the host");
    r = scratch_open(err);
    if (r == 0)
        r = cf_view_make(masks, SCRATCH "/top", &ret_result->masked, err);
    if (r == 0 && !etc->incomplete)
        r = cf_mask_apply(masks, &covers, &ret_result->masked, err);
    return r == 0 ? renew_mqueue(err) : r;
}

int cf_mounts_place(const struct cf_etc *etc, const struct cf_mask_list *masks,
                    const struct cf_orders *orders, struct cf_mounts_result *ret_result,
                    struct cf_error *err)
{
    int r = cf_etc_place(etc, SCRATCH, err);

    if (r == 0 && etc->incomplete)
        r = cf_mask_apply(masks, &covers, &ret_result->masked, err);
    if (r == 0)
        r = cf_hide(orders, masks, COVER_FILE, SCRATCH, &ret_result->hidden, err);
    if (r == 0 && orders->guard)
        r = guard_path(orders->guard, masks, err);
    if (r == 0 && orders->key_log_bytes > 0)
        r = cf_key_log_place(SCRATCH, orders->key_log_bytes, masks, err);
    return r == 0 && orders->guard_more ? guard_path(orders->guard_more, masks, err) : r;
}

int cf_mounts_renew(bool root, struct cf_mounts_result *ret_result, struct cf_error *err)
{
    int r = renew_sysfs(&ret_result->host_sysfs, err);

    return r == 0 && root ? guard_sys(err) : r;
}

int cf_mounts_finish(bool root, const struct cf_mask_list *masks,
                     struct cf_mounts_result *ret_result, struct cf_error *err)
{
    cf_auto_close int limit_fd = -1;
    struct stat ours;
    int r;

    if (stat(SCRATCH, &ours) < 0)
        return cf_error_errno(err, -errno, "cannot look at the tmpfs");
    ret_result->device = ours.st_dev;
    r = renew_proc(err);
    if (r == 0) /* which writes below the new /proc */
        r = cf_cgroups_guard(masks->cgroups_delegated, err);
    if (r == 0 && (ret_result->masked.movable || ret_result->hidden.movable))
        r = cf_movable_open(&limit_fd, err);
    if (r == 0 && root)
        r = guard_proc(err);
    /* The last, for a clone of a mount counts too. */
    return r == 0 ? cf_movable_forbid(limit_fd, err) : r;
}
