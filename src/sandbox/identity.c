/*
 * identity.c - the engine's user namespace and the maps of both
 *
 * How this works. An ordinary user may map exactly one id, its own, and only
 * when setgroups(2) is given up; it does so itself after unshare(2). Root
 * gets an identity over every id that it has, so that chown and setuid go on
 * working inside. Such a map can only be written from the user namespace
 * above, where a process that has just left it has no capability any more:
 * a helper is forked before, stays there, writes the maps, and ends.
 */
#include "sandbox/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sandbox/sandbox.h"

/* First byte of a sysctl, or 0 where it does not exist. */
static char sysctl_digit(const char *path)
{
    cf_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    char digit = 0;

    if (fd < 0 || read(fd, &digit, 1) != 1)
        return 0;
    return digit;
}

/* Say who refused a user namespace and what to do about it. */
static int refused(struct cf_error *err, int code, bool root, const char *what)
{
    const char *advice = "a container or a security module may forbid user namespaces; run "
                         "'childflow' where 'unshare -U true' works";

    if (code == -ENOSPC || code == -EUSERS)
        advice = "the limit of user namespaces is reached or 0; raise the sysctl "
                 "user.max_user_namespaces";
    else if (code == -EINVAL)
        advice = "the process has more than one thread, or the kernel has no user namespaces "
                 "(CONFIG_USER_NS)";
    else if (root)
        advice = "root needs CAP_SETUID, CAP_SETGID and CAP_SETFCAP here, and a container must "
                 "allow user namespaces (docker: --security-opt seccomp=unconfined, or "
                 "--privileged)";
    else if (sysctl_digit("/proc/sys/kernel/unprivileged_userns_clone") == '0')
        advice = "set the sysctl kernel.unprivileged_userns_clone to 1, or run as root";
    else if (sysctl_digit("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == '1')
        advice = "install childflow's AppArmor profile, or set the sysctl "
                 "kernel.apparmor_restrict_unprivileged_userns to 0, or run as root";
    return cf_error_set(err, code, "%s: %s; %s", what, strerror(-code), advice);
}

/* Turn the first column of a map into an identity. */
static int read_ids(const char *path, char text[CF_IDMAP_SIZE], struct cf_error *err)
{
    cf_auto_fclose FILE *file = fopen(path, "re");
    uint32_t inside, outside, count;
    size_t length = 0;

    if (!file)
        return cf_error_errno(err, -errno, "cannot open '%s'", path);
    text[0] = '\0';
    while (fscanf(file, "%" SCNu32 " %" SCNu32 " %" SCNu32, &inside, &outside, &count) == 3) {
        int n = snprintf(text + length, CF_IDMAP_SIZE - length,
                         "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", inside, inside, count);

        length += (size_t)n;
        if (length >= CF_IDMAP_SIZE)
            return cf_error_set(err, -E2BIG, "'%s' has more ranges than one write can pass on",
                                path);
    }
    if (length == 0)
        return cf_error_set(err, -ENOENT, "'%s' is empty: this user namespace has no ids", path);
    return 0;
}

int cf_idmap_read(struct cf_idmap *ret_map, struct cf_error *err)
{
    int r = read_ids("/proc/self/uid_map", ret_map->uids, err);

    return r < 0 ? r : read_ids("/proc/self/gid_map", ret_map->gids, err);
}

static int write_proc(pid_t pid, const char *name, const char *text, struct cf_error *err)
{
    char path[64];
    int r;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    r = cf_fd_write_file(path, text);
    return r < 0 ? cf_error_errno(err, r, "cannot write '%s'", path) : 0;
}

int cf_idmap_write(pid_t pid, const struct cf_idmap *map, struct cf_error *err)
{
    int r = write_proc(pid, "uid_map", map->uids, err);

    return r < 0 ? r : write_proc(pid, "gid_map", map->gids, err);
}

/* An ordinary user: one id, and no more setgroups(2). */
static int identity_user(const struct cf_identity *identity, struct cf_error *err)
{
    struct cf_idmap map;
    int r;

    snprintf(map.uids, sizeof map.uids, "%u %u 1\n", identity->uid, identity->uid);
    snprintf(map.gids, sizeof map.gids, "%u %u 1\n", identity->gid, identity->gid);
    if (unshare(CLONE_NEWUSER) < 0)
        return refused(err, -errno, false, "cannot make a user namespace");
    r = write_proc(getpid(), "setgroups", "deny", NULL);
    if (r == 0)
        r = cf_idmap_write(getpid(), &map, NULL);
    return r < 0 ? refused(err, r, false, "cannot map your own id into a user namespace") : 0;
}

/* The helper's whole life: wait until the parent has unshared, write its maps, answer. */
static void helper_run(int fd, const struct cf_idmap *map)
{
    char go;
    int r;

    if (read(fd, &go, 1) != 1)
        _exit(1);
    r = cf_idmap_write(getppid(), map, NULL);
    _exit(write(fd, &r, sizeof r) == (ssize_t)sizeof r ? 0 : 1);
}

static int root_unshare(int fd, struct cf_error *err)
{
    int r = -EIO;

    if (unshare(CLONE_NEWUSER) < 0)
        return refused(err, -errno, true, "cannot make a user namespace");
    if (cf_fd_write_all(fd, "", 1) < 0 || read(fd, &r, sizeof r) != (ssize_t)sizeof r)
        r = -EIO;
    return r < 0 ? refused(err, r, true, "cannot map all ids into a user namespace") : 0;
}

/* Root: every id that it has. */
static int identity_root(struct cf_error *err)
{
    cf_auto_close int ours = -1, theirs = -1;
    struct cf_idmap map;
    int r, ends[2];
    pid_t pid;

    r = cf_idmap_read(&map, err);
    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return cf_error_errno(err, -errno, "cannot make a socket pair");
    ours = ends[0];
    theirs = ends[1];
    pid = fork();
    if (pid < 0)
        return cf_error_errno(err, -errno, "cannot fork");
    if (pid == 0) {
        close(ours);
        helper_run(theirs, &map);
    }
    cf_fd_close(&theirs);
    r = root_unshare(ours, err);
    cf_fd_close(&ours); /* lets a helper go that still waits */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return r;
}

int cf_sandbox_identity(struct cf_identity *ret_identity, struct cf_error *err)
{
    struct cf_identity identity = { .uid = geteuid(), .gid = getegid() };
    int r;

    identity.root = identity.uid == 0;
    r = identity.root ? identity_root(err) : identity_user(&identity, err);
    if (r < 0)
        return r;
    *ret_identity = identity;
    return 0;
}
