/*
 * command.c - the process that becomes the command
 *
 * How this works. PID 1 clones it into a new user namespace, gives it a process
 * group of its own and writes the maps from outside (an identity of all ids needs
 * capabilities above). From there it only loses: an ordinary user's command gives up the
 * capabilities that a new user namespace brings, and nobody's command can gain privileges
 * by exec any more. Limits and signals become the caller's, and the filter is put in force.
 * So far it comes while the rest of the sandbox is made, and waits for a byte in a pipe,
 * which lets it go: the mask becomes the caller's, and the program is run.
 * Failure comes back as an errno in a pipe that a successful exec closes.
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
#include "sandbox/filter.h"

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

/* Handlers would be reset by exec; what is ignored would stay so. All are blocked as yet. */
static void restore_signals(const struct cf_caller *caller)
{
    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction action = { .sa_handler = SIG_DFL };

        if (sigismember(&caller->ignored, signal) == 1)
            action.sa_handler = SIG_IGN;
        sigaction(signal, &action, NULL); /* EINVAL for those that cannot be set */
    }
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

static int shed(const struct cf_command *command)
{
    int r = restore_limits(command->caller);

    restore_signals(command->caller);
    if (r == 0 && !command->root)
        r = drop_capabilities();
    if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        r = -errno;
    return r == 0 ? cf_filter_install(command->one_table) : r;
}

static int become(const struct cf_command *command)
{
    sigprocmask(SIG_SETMASK, &command->caller->mask, NULL);
    execvp(command->argv[0], command->argv);
    return exec_error(command->argv[0]);
}

/* That the maps are written, and to go. The end of the pipe is the end. */
static void wait_for_word(int go_fd)
{
    char byte;
    ssize_t n;

    while ((n = read(go_fd, &byte, 1)) < 0 && errno == EINTR)
        ;
    if (n <= 0)
        _exit(126);
}

static _Noreturn void command_run(const struct cf_command *command, int go_fd, int failed_fd)
{
    int r;

    wait_for_word(go_fd);
    r = shed(command);
    wait_for_word(go_fd);
    if (r == 0)
        r = become(command);
    cf_fd_write_all(failed_fd, &r, sizeof r);
    _exit(r == -ENOENT ? 127 : 126);
}

static void process_close(struct cf_command_process *process)
{
    cf_fd_close(&process->go_fd);
    cf_fd_close(&process->failed_fd);
}

static pid_t process_clone(const struct cf_command *command, const int go[2], const int failed[2])
{
    struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
    pid_t pid;

    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) /* else the maps of a child are root's */
        return -errno;
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        close(go[1]);
        close(failed[0]);
        command_run(command, go[0], failed[1]);
    }
    return pid < 0 ? -errno : pid;
}

/* The maps, and the word that they are there. */
static int process_admit(const struct cf_command_process *process, const struct cf_idmap *idmap)
{
    int r = cf_idmap_write(process->pid, idmap, NULL);

    /* What it sends to its group shall not reach ours. */
    if (r == 0 && setpgid(process->pid, process->pid) < 0)
        r = -errno;

    /* Nothing foreign runs yet; from here on nobody inside may look into PID 1. */
    if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        r = -errno;
    return r < 0 ? r : cf_fd_write_all(process->go_fd, "", 1);
}

int cf_command_prepare(const struct cf_command *command, struct cf_command_process *ret_process)
{
    struct cf_command_process process = { 0 };
    int go[2], failed[2], r;

    if (pipe2(go, O_CLOEXEC) < 0)
        return -errno;
    if (pipe2(failed, O_CLOEXEC) < 0) {
        r = -errno;
        close(go[0]);
        close(go[1]);
        return r;
    }
    process.go_fd = go[1];
    process.failed_fd = failed[0];
    process.pid = process_clone(command, go, failed);
    close(go[0]);
    close(failed[1]);
    r = process.pid < 0 ? process.pid : process_admit(&process, command->idmap);
    if (r < 0) {
        process_close(&process); /* a process that was not admitted ends by this */
        return r;
    }
    *ret_process = process;
    return 0;
}

int cf_command_run(struct cf_command_process *process)
{
    ssize_t n = 0;
    int code, r;

    r = cf_fd_write_all(process->go_fd, "", 1);
    cf_fd_close(&process->go_fd);
    while (r == 0 && (n = read(process->failed_fd, &code, sizeof code)) < 0 && errno == EINTR)
        ;
    if (r == 0 && n == (ssize_t)sizeof code)
        r = code;
    process_close(process);
    return r;
}
