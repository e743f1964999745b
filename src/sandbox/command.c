/*
 * command.c - the process that becomes the command
 *
 * How this works. PID 1 clones it into a new user namespace, writes the maps
 * from outside (an identity of all ids needs capabilities above), and lets it
 * go. From there it only loses: an ordinary user's command gives up the
 * capabilities that a new user namespace brings, nobody's command can gain
 * privileges by exec any more, and the filter is put in force. Then signals,
 * limits and mask become the caller's, and the program is run. Failure comes
 * back as an errno in a pipe that a successful exec closes.
 */
#include "sandbox/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int restore_limits(const struct cf_caller *caller)
{
    for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
        struct rlimit now;

        if (getrlimit((__rlimit_resource_t)i, &now) < 0)
            return -errno;
        if (now.rlim_cur == caller->limits[i].rlim_cur &&
            now.rlim_max == caller->limits[i].rlim_max)
            continue;
        if (setrlimit((__rlimit_resource_t)i, &caller->limits[i]) < 0)
            return -errno;
    }
    return 0;
}

/* Handlers would be reset by exec; what is ignored would stay so. */
static void restore_signals(const struct cf_caller *caller)
{
    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction action = { .sa_handler = SIG_DFL };

        if (sigismember(&caller->ignored, signal) == 1)
            action.sa_handler = SIG_IGN;
        sigaction(signal, &action, NULL); /* EINVAL for those that cannot be set */
    }
    sigprocmask(SIG_SETMASK, &caller->mask, NULL);
}

/*
 * What went wrong when execvp() says EACCES. It says so too when nothing was
 * found but a folder of PATH may not be searched; shells then say "not found".
 */
static int exec_error(const char *name)
{
    const char *path = getenv("PATH");
    char file[PATH_MAX];

    if (errno != EACCES || strchr(name, '/') || !path)
        return -errno;
    for (;; path++) {
        int length = (int)strcspn(path, ":");
        int n =
            snprintf(file, sizeof file, "%.*s/%s", length ? length : 1, length ? path : ".", name);

        if (n < (int)sizeof file && access(file, F_OK) == 0)
            return -EACCES;
        path += length;
        if (!*path)
            return -ENOENT;
    }
}

static int become(const struct cf_command *command)
{
    int r = restore_limits(command->caller);

    if (r == 0 && !command->root)
        r = drop_capabilities();
    if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        r = -errno;
    if (r == 0)
        r = cf_filter_install(command->filter);
    if (r < 0)
        return r;
    restore_signals(command->caller);
    execvp(command->argv[0], command->argv);
    return exec_error(command->argv[0]);
}

static _Noreturn void command_run(const struct cf_command *command, int go_fd, int failed_fd)
{
    char go;
    int r;

    if (read(go_fd, &go, 1) != 1)
        _exit(126);
    r = become(command);
    cf_fd_write_all(failed_fd, &r, sizeof r);
    _exit(r == -ENOENT ? 127 : 126);
}

/* The maps, then go; returns what the process says of its exec. */
static int release(pid_t pid, const struct cf_command *command, int go_fd, int failed_fd)
{
    int code, r = cf_idmap_write(pid, command->idmap, NULL);
    ssize_t n;

    /* Nothing foreign runs yet; from here on nobody inside may look into PID 1. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        r = -errno;
    if (r < 0)
        return r;
    r = cf_fd_write_all(go_fd, "", 1);
    if (r < 0)
        return r;
    do {
        n = read(failed_fd, &code, sizeof code);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof code ? code : 0;
}

pid_t cf_command_start(const struct cf_command *command, int *ret_exec_errno)
{
    struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
    cf_auto_close int go_in = -1, go_out = -1, failed_in = -1, failed_out = -1;
    int ends[2], r;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    go_in = ends[0];
    go_out = ends[1];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    failed_in = ends[0];
    failed_out = ends[1];
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) /* else the maps of a child are root's */
        return -errno;
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        close(go_out);
        close(failed_in);
        command_run(command, go_in, failed_out);
    }
    cf_fd_close(&failed_out);
    r = release(pid, command, go_out, failed_in);
    *ret_exec_errno = -r;
    return pid; /* when it was not let go, the closing pipe ends it */
}
