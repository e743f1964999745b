/*
 * sandbox.c - the engine's side of the sandbox
 *
 * How this works. cf_sandbox_begin() clones PID 1 (init.c), which looks for what
 * is to be masked and makes its namespaces. cf_sandbox_start() sends
 * what the policy says (orders.c), cf_sandbox_join() the network namespace;
 * cf_sandbox_ready() waits for PID 1. The engine's thread that
 * calls these must be the one that lives as long as the engine: its death is PID 1's.
 *
 * PID 1 is a copy of the engine, and every page that either writes to afterwards
 * is copied then. With threads on other CPUs each such page interrupts those as
 * well, so it is cloned before there are any, and before there is a policy.
 *
 *   namespace      belongs to   because
 *   user E         the caller   the engine's: it owns all below
 *   net, mount,    E            root inside the command's own user namespace
 *   PID, UTS, IPC               has no say in them
 *   user C         E            the command's: what capabilities it has, it has here
 *
 * PID 1 stays in E. Two things end a sandbox: the message that the command has
 * ended, and PID 1's exit, which comes after the last process is gone. A message
 * that says that nothing is left calls `ended`: all that PID 1 has still to do is
 * to exit, which takes the kernel some time. After one that says that something is
 * left the exit calls it; without a message before it, PID 1 was killed.
 *
 * Session and terminal are the caller's; the command leads a process group of its
 * own, and PID 1 stays in ours. Job control is in job.c. A shell inside that moved
 * the terminal to a group of its own may leave it there: we take it back when that
 * group has died.
 */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "sandbox/init.h"
#include "sandbox/job.h"
#include "sandbox/names.h"
#include "sandbox/orders.h"

#define WARNINGS_MAX 8

struct cf_sandbox {
    struct cf_loop *loop;
    void (*ended)(void *data, const struct cf_sandbox_end *end);
    void *data;
    pid_t pid; /* of PID 1; 0 when it has been waited for */
    int control_fd;
    int proc_fd; /* the sandbox's /proc */
    int key_log_fd; /* -1: none, or not ready */
    bool has_key_log;
    struct cf_child child;
    struct cf_watch control;
    struct cf_plan plan; /* until it is ready */
    pid_t group;         /* the command's, as we see it; 0 until it is ready */
    struct cf_job job;
    struct cf_init_ended end;
    bool has_end;
    char *hidden[CF_SANDBOX_HIDDEN_MAX + 1]; /* NULL behind the last */
    char **masked;
    size_t n_masked, masked_capacity;
    char *warnings[WARNINGS_MAX];
    size_t n_warnings;
};

static void plan_done(struct cf_plan *plan)
{
    free(plan->cwd);
    free(plan->keep_fds);
    plan->cwd = NULL;
    plan->keep_fds = NULL;
    cf_fd_close(&plan->control_fd);
}

static int compare_fds(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

static int plan_fds(struct cf_plan *plan)
{
    const struct cf_caller *caller = plan->caller;

    plan->keep_fds = calloc(caller->n_fds + 1, sizeof *plan->keep_fds);
    if (!plan->keep_fds)
        return -ENOMEM;
    if (caller->n_fds > 0)
        memcpy(plan->keep_fds, caller->fds, caller->n_fds * sizeof *caller->fds);
    plan->n_keep_fds = caller->n_fds;
    plan->keep_fds[plan->n_keep_fds++] = plan->control_fd;
    qsort(plan->keep_fds, plan->n_keep_fds, sizeof *plan->keep_fds, compare_fds);
    return 0;
}

static int plan_cwd(struct cf_plan *plan)
{
    plan->cwd = get_current_dir_name();
    if (!plan->cwd && errno == ENOMEM)
        return -ENOMEM;
    if (plan->cwd && plan->cwd[0] != '/') { /* "(unreachable)/..." */
        free(plan->cwd);
        plan->cwd = NULL;
    }
    return 0;
}

/* control_fd of plan is set; the rest is filled here. */
static int plan_init(struct cf_plan *plan, const struct cf_identity *identity,
                     const struct cf_caller *caller, struct cf_error *err)
{
    int r;

    plan->caller = caller;
    plan->identity = identity;
    r = plan_fds(plan);
    if (r == 0)
        r = plan_cwd(plan);
    if (r < 0)
        return cf_error_errno(err, r, "cannot plan the sandbox");
    return cf_etc_plan(&plan->etc, err);
}

/* The text is the sandbox's from here on; NULL is a lack of memory. */
static int warn(struct cf_sandbox *sandbox, char *text)
{
    if (!text)
        return -ENOMEM;
    if (sandbox->n_warnings == WARNINGS_MAX)
        free(text);
    else
        sandbox->warnings[sandbox->n_warnings++] = text;
    return 0;
}

/* Sockets of the host's network that the caller hands on go around everything. */
static int warn_sockets(struct cf_sandbox *sandbox, const struct cf_caller *caller)
{
    int r = 0;

    for (size_t i = 0; i < caller->n_fds && r == 0; i++) {
        int family;
        socklen_t length = sizeof family;
        char *text;

        if (getsockopt(caller->fds[i], SOL_SOCKET, SO_DOMAIN, &family, &length) < 0 ||
            family == AF_UNIX)
            continue;
        if (asprintf(&text,
                     "descriptor %d, handed on by the caller, is a network socket of the host; "
                     "what goes over it is not seen",
                     caller->fds[i]) < 0)
            text = NULL;
        r = warn(sandbox, text);
    }
    return r;
}

static int warn_exposed(struct cf_sandbox *sandbox, const char *path)
{
    char *text;

    if (asprintf(&text,
                 "'%s' lies in a folder that the command shares with others: it is hidden, but "
                 "not one that is made in its place; put it in a folder of its own",
                 path) < 0)
        text = NULL;
    return warn(sandbox, text);
}

/* Which names, the file system does not say. */
static int warn_linked(struct cf_sandbox *sandbox, const char *path)
{
    char *text;

    if (asprintf(&text,
                 "'%s' is hidden, but the socket has another name (a hard link), at which the "
                 "command may reach it; remove that",
                 path) < 0)
        text = NULL;
    return warn(sandbox, text);
}

/* The path is the sandbox's from here on, on failure too. */
static int note_masked(struct cf_sandbox *sandbox, char *path)
{
    if (path && sandbox->n_masked == sandbox->masked_capacity) {
        size_t capacity = sandbox->masked_capacity ? sandbox->masked_capacity * 2 : 32;
        char **masked = realloc(sandbox->masked, capacity * sizeof *masked);

        if (masked) {
            sandbox->masked = masked;
            sandbox->masked_capacity = capacity;
        }
    }
    if (!path || sandbox->n_masked == sandbox->masked_capacity) {
        free(path);
        return -ENOMEM;
    }
    sandbox->masked[sandbox->n_masked++] = path;
    return 0;
}

static int collect(struct cf_sandbox *sandbox, struct cf_plan *plan,
                   const struct cf_init_ready *ready, struct cf_error *err)
{
    int r = warn_sockets(sandbox, plan->caller);

    for (size_t i = 0; i < CF_SANDBOX_HIDDEN_MAX; i++) {
        const struct cf_hidden *hidden = &ready->mounts.hidden;

        if (r == 0 && hidden->exposed[i])
            r = warn_exposed(sandbox, sandbox->hidden[i]);
        if (r < 0 || !hidden->hidden[i])
            continue;
        r = note_masked(sandbox, sandbox->hidden[i]);
        sandbox->hidden[i] = NULL;
    }
    if (r == 0 && plan->etc.incomplete && plan->etc.writable)
        r = warn(sandbox, strdup("/etc lacks resolv.conf, hosts or nsswitch.conf: what the command "
                                 "changes below /etc is not kept"));
    if (r == 0 && ready->mounts.own_cwd)
        r = warn(sandbox, strdup("the command has a working directory of its own, as it has all of "
                                 "/run: what it makes in there is not kept"));
    if (r == 0 && ready->mounts.host_sysfs)
        r = warn(sandbox, strdup("/sys cannot be renewed here: the command sees the names of the "
                                 "host's network interfaces"));
    return r < 0 ? cf_error_errno(err, r, "cannot note what the sandbox is like") : 0;
}

static int receive_ready(struct cf_sandbox *sandbox, struct cf_init_ready *ret_ready,
                         struct cf_error *err)
{
    int r = cf_init_receive(sandbox->control_fd, ret_ready, sizeof *ret_ready, &sandbox->proc_fd,
                            &sandbox->group);

    if (r < 0)
        return cf_error_set(err, -ECHILD, "the sandbox's PID 1 was ended while setting up");
    if (ret_ready->code < 0)
        return cf_error_set(err, ret_ready->code, "%s", ret_ready->text);
    if (sandbox->group <= 0)
        return cf_error_set(err, -ESRCH, "cannot learn of the command's process");
    return sandbox->proc_fd < 0 ? cf_error_set(err, -EIO, "cannot open the sandbox's /proc") : 0;
}

/* What PID 1 has masked, as it calls it. */
static int receive_masked(struct cf_sandbox *sandbox, const struct cf_mask_done *done,
                          struct cf_error *err)
{
    int r = 0;

    for (size_t row = 0; row < CF_MASK_MAX && r == 0; row++) {
        char path[PATH_MAX];
        ssize_t n;

        if (!done->covered[row])
            continue;
        do {
            n = recv(sandbox->control_fd, path, sizeof path, 0);
        } while (n < 0 && errno == EINTR);
        if (n <= 0)
            return cf_error_set(err, -ECHILD,
                                "the sandbox's PID 1 was ended while setting up");
        r = note_masked(sandbox, strndup(path, (size_t)n));
        if (r == 0 && done->linked && done->linked_row == row)
            r = warn_linked(sandbox, sandbox->masked[sandbox->n_masked - 1]);
    }
    return r < 0 ? cf_error_errno(err, r, "cannot note what the sandbox is like") : 0;
}

static int receive_key_log(struct cf_sandbox *sandbox, struct cf_error *err)
{
    char byte;
    int r = cf_init_receive(sandbox->control_fd, &byte, sizeof byte, &sandbox->key_log_fd, NULL);

    if (r == 0 && sandbox->key_log_fd < 0)
        r = -EIO;
    return r < 0 ? cf_error_errno(err, r, "cannot open the file for the secrets of TLS") : 0;
}

/* It makes its other namespaces itself, beside us. */
static pid_t clone_init(void)
{
    struct clone_args args = { .flags = CLONE_NEWPID, .exit_signal = SIGCHLD };

    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static void reap(struct cf_sandbox *sandbox, struct rusage *ret_usage)
{
    while (sandbox->pid > 0 && wait4(sandbox->pid, NULL, 0, ret_usage) < 0 && errno == EINTR)
        ;
    sandbox->pid = 0;
}

static void usage_add(struct cf_sandbox_end *end, const struct rusage *usage)
{
    const uint64_t bytes = (uint64_t)usage->ru_maxrss * 1024;

    end->cpu_us += (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * CF_US_PER_S +
                   (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
    if (bytes > end->peak_memory_bytes)
        end->peak_memory_bytes = bytes;
}

static void finish(struct cf_sandbox *sandbox, struct cf_sandbox_end *end)
{
    cf_loop_child_stop(sandbox->loop, &sandbox->child);
    cf_loop_unwatch(sandbox->loop, &sandbox->control);
    cf_job_ended(&sandbox->job, sandbox->has_end ? sandbox->end.exit_signal : 0);
    if (sandbox->has_end) {
        const struct cf_init_ended *said = &sandbox->end;

        end->killed = false;
        end->exit_code = said->exit_code;
        end->exit_signal = said->exit_signal;
        end->exec_errno = said->exec_errno;
        end->leftovers = said->leftovers;
        end->n_left = said->n_left;
        end->n_leftovers =
            said->n_left < CF_SANDBOX_LEFTOVERS_MAX ? said->n_left : CF_SANDBOX_LEFTOVERS_MAX;
    }
    sandbox->ended(sandbox->data, end); /* may free the sandbox */
}

/* Read all that PID 1 says; true when the command's state has changed, and it is this. */
static bool listen_to_init(struct cf_sandbox *sandbox, struct cf_init_state *ret_state)
{
    union {
        struct cf_init_ended ended;
        struct cf_init_state state;
    } said;
    bool changed = false;
    ssize_t n;

    while (!sandbox->has_end) {
        /* ECONNRESET, once: it ended with a signal of ours unread. What it said is behind that. */
        n = recv(sandbox->control_fd, &said, sizeof said, MSG_DONTWAIT);
        if (n == (ssize_t)sizeof said.ended) {
            sandbox->end = said.ended;
            sandbox->has_end = true;
        } else if (n == (ssize_t)sizeof said.state) {
            *ret_state = said.state;
            changed = true;
        } else if (n >= 0 || (errno != EINTR && errno != ECONNRESET)) {
            if (n >= 0 || errno != EAGAIN)
                cf_loop_unwatch(sandbox->loop, &sandbox->control); /* its end; the exit follows */
            break;
        }
    }
    return changed && !sandbox->has_end;
}

bool cf_sandbox_is_over(struct cf_sandbox *sandbox, int *ret_signal)
{
    struct cf_init_state state; /* of no interest any more */
    siginfo_t info = { 0 };

    *ret_signal = 0;
    if (sandbox->pid > 0 && (waitid(P_PID, (id_t)sandbox->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
                             info.si_pid == 0))
        return false;
    if (sandbox->control.fd >= 0)
        (void)listen_to_init(sandbox, &state);
    if (sandbox->has_end)
        *ret_signal = sandbox->end.exit_signal;
    cf_job_ended(&sandbox->job, *ret_signal);
    return true;
}

static int request(struct cf_sandbox *sandbox, const void *message, size_t length)
{
    if (sandbox->pid == 0 || sandbox->has_end)
        return -ESRCH;
    if (send(sandbox->control_fd, message, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return errno == EPIPE || errno == ECONNRESET ? -ESRCH : -errno;
    return 0;
}

static int forward(struct cf_sandbox *sandbox, int signal, bool whole)
{
    const struct cf_init_request message = {
        .type = CF_INIT_FORWARD,
        .signal = signal,
        .whole = whole,
    };

    return request(sandbox, &message, sizeof message);
}

/* The command, or what it started, is stopped. */
static void stopped(struct cf_sandbox *sandbox, int signal)
{
    const struct cf_init_request orphan = { .type = CF_INIT_ORPHAN };
    bool orphaned;

    if (!cf_job_stopped(&sandbox->job, signal, &orphaned))
        return;
    if (orphaned)
        (void)request(sandbox, &orphan, sizeof orphan);
    (void)forward(sandbox, SIGCONT, true);
}

static void control_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_sandbox *sandbox = cf_container_of(watch, struct cf_sandbox, control);
    struct cf_sandbox_end end = { 0 };
    struct cf_init_state state;

    (void)events;
    if (sandbox->has_end) { /* nothing more is said: it is gone */
        cf_loop_unwatch(sandbox->loop, &sandbox->control);
        return;
    }
    if (listen_to_init(sandbox, &state) && state.stopped != 0)
        stopped(sandbox, state.stopped);
    if (!sandbox->has_end || !sandbox->end.alone)
        return;
    usage_add(&end, &sandbox->end.own);
    usage_add(&end, &sandbox->end.tree);
    finish(sandbox, &end);
}

static void child_ready(struct cf_child *child)
{
    struct cf_sandbox *sandbox = cf_container_of(child, struct cf_sandbox, child);
    struct cf_sandbox_end end = { .exit_code = -1, .killed = true };
    struct cf_init_state state;
    struct rusage usage = { 0 };

    if (sandbox->control.fd >= 0) /* the message may be due in this very turn */
        (void)listen_to_init(sandbox, &state);
    reap(sandbox, &usage);
    usage_add(&end, &usage);
    finish(sandbox, &end);
}

static int watch(struct cf_sandbox *sandbox, struct cf_error *err)
{
    int r;

    sandbox->control.fn = control_ready;
    sandbox->child.fn = child_ready;
    r = cf_loop_watch(sandbox->loop, &sandbox->control, sandbox->control_fd, EPOLLIN);
    if (r == 0)
        r = cf_loop_child_start(sandbox->loop, &sandbox->child, sandbox->pid);
    return r < 0 ? cf_error_errno(err, r, "cannot watch the sandbox") : 0;
}

static int launch(struct cf_sandbox *sandbox, struct cf_error *err)
{
    sandbox->pid = clone_init();
    if (sandbox->pid < 0) {
        sandbox->pid = 0;
        return cf_error_errno(err, -errno, "cannot make a PID namespace");
    }
    if (sandbox->pid == 0)
        cf_init_run(&sandbox->plan);
    cf_fd_close(&sandbox->plan.control_fd);
    return 0;
}

static int begin(struct cf_sandbox *sandbox, const struct cf_identity *identity,
                 const struct cf_caller *caller, struct cf_error *err)
{
    int r, ends[2], on = 1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return cf_error_errno(err, -errno, "cannot make a socket pair");
    sandbox->control_fd = ends[0];
    sandbox->plan.control_fd = ends[1];
    if (setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
        return cf_error_errno(err, -errno, "cannot have PID 1 say which process is the command's");
    r = plan_init(&sandbox->plan, identity, caller, err);
    return r < 0 ? r : launch(sandbox, err);
}

int cf_sandbox_begin(const struct cf_identity *identity, const struct cf_caller *caller,
                     struct cf_sandbox **ret_sandbox, struct cf_error *err)
{
    struct cf_sandbox *sandbox = calloc(1, sizeof *sandbox);
    int r;

    if (!sandbox)
        return cf_error_errno(err, -ENOMEM, "cannot make the sandbox");
    sandbox->control_fd = sandbox->proc_fd = sandbox->plan.control_fd = -1;
    sandbox->key_log_fd = -1;
    sandbox->job.tty_fd = -1;
    sandbox->control.fd = sandbox->child.watch.fd = -1;
    r = begin(sandbox, identity, caller, err);
    if (r < 0) {
        cf_sandbox_free(sandbox);
        return r;
    }
    *ret_sandbox = sandbox;
    return 0;
}

/* What PID 1 said before it ended tells more than that it has ended. */
static int hand_over(struct cf_sandbox *sandbox, enum cf_init_request_type type, int fd,
                     const char *what, struct cf_error *err)
{
    const struct cf_init_request message = { .type = type };
    int r = fd < 0 ? fd : cf_init_send(sandbox->control_fd, &message, sizeof message, fd, 0);

    if (r < 0 && r != -EPIPE && r != -ECONNRESET)
        return cf_error_errno(err, r, "cannot hand over %s", what);
    return 0;
}

int cf_sandbox_start(struct cf_sandbox *sandbox, const struct cf_sandbox_config *config,
                     struct cf_loop *loop,
                     void (*ended)(void *data, const struct cf_sandbox_end *end), void *data,
                     struct cf_error *err)
{
    struct cf_sandbox_config resolved = *config;
    cf_auto_close int orders_fd = -1;
    int r;

    sandbox->loop = loop;
    sandbox->ended = ended;
    sandbox->data = data;
    sandbox->has_key_log = config->key_log_bytes > 0;
    r = cf_hidden_resolve(config->hidden, sandbox->hidden, err);
    if (r < 0)
        return r;
    resolved.hidden = (const char *const *)sandbox->hidden;
    orders_fd = cf_orders_write(&resolved);
    return hand_over(sandbox, CF_INIT_ORDERS, orders_fd, "the sandbox's files", err);
}

int cf_sandbox_join(struct cf_sandbox *sandbox, int netns_fd, struct cf_error *err)
{
    return hand_over(sandbox, CF_INIT_JOIN, netns_fd < 0 ? -EBADF : netns_fd,
                     "the network namespace", err);
}

int cf_sandbox_ready(struct cf_sandbox *sandbox, struct cf_error *err)
{
    struct cf_init_ready ready;
    int r;

    r = receive_ready(sandbox, &ready, err);
    if (r == 0)
        r = collect(sandbox, &sandbox->plan, &ready, err);
    if (r == 0)
        r = receive_masked(sandbox, &ready.mounts.masked, err);
    if (r == 0 && sandbox->has_key_log)
        r = receive_key_log(sandbox, err);
    if (r == 0)
        r = watch(sandbox, err);
    plan_done(&sandbox->plan);
    return r;
}

int cf_sandbox_exec(struct cf_sandbox *sandbox, struct cf_error *err)
{
    const struct cf_init_request message = { .type = CF_INIT_EXEC };
    int r;

    cf_job_open(&sandbox->job, sandbox->pid, sandbox->group);
    r = request(sandbox, &message, sizeof message);
    return r < 0 ? cf_error_errno(err, r, "cannot start the command") : 0;
}

int cf_sandbox_forward(struct cf_sandbox *sandbox, const struct signalfd_siginfo *info)
{
    const int signal = (int)info->ssi_signo;

    if ((signal == SIGTTIN || signal == SIGTTOU) && cf_job_asked(&sandbox->job))
        return 0;
    if (signal == SIGCONT)
        cf_job_continued(&sandbox->job);
    if ((signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) && sandbox->has_end) {
        cf_job_suspend(signal); /* nobody else can be stopped first */
        return 0;
    }
    return forward(sandbox, signal, false);
}

void cf_sandbox_signals(sigset_t *set)
{
    static const int passed[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR2, SIGALRM,
                                  SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH };

    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        sigaddset(set, passed[i]);
}

void cf_sandbox_kill(struct cf_sandbox *sandbox)
{
    if (sandbox->pid > 0)
        kill(sandbox->pid, SIGKILL);
}

const char *const *cf_sandbox_masked(const struct cf_sandbox *sandbox, size_t *ret_n)
{
    *ret_n = sandbox->n_masked;
    return (const char *const *)sandbox->masked;
}

const char *const *cf_sandbox_warnings(const struct cf_sandbox *sandbox, size_t *ret_n)
{
    *ret_n = sandbox->n_warnings;
    return (const char *const *)sandbox->warnings;
}

int cf_sandbox_proc_fd(const struct cf_sandbox *sandbox)
{
    return sandbox->proc_fd;
}

int cf_sandbox_key_log_fd(const struct cf_sandbox *sandbox)
{
    return sandbox->key_log_fd;
}

pid_t cf_sandbox_pid(const struct cf_sandbox *sandbox)
{
    return sandbox->pid;
}

pid_t cf_sandbox_group(const struct cf_sandbox *sandbox)
{
    return sandbox->group;
}

void cf_sandbox_free(struct cf_sandbox *sandbox)
{
    if (!sandbox)
        return;
    if (sandbox->loop) {
        cf_loop_child_stop(sandbox->loop, &sandbox->child);
        cf_loop_unwatch(sandbox->loop, &sandbox->control);
    }
    cf_sandbox_kill(sandbox);
    reap(sandbox, NULL);
    cf_fd_close(&sandbox->control_fd);
    cf_fd_close(&sandbox->proc_fd);
    cf_fd_close(&sandbox->key_log_fd);
    cf_job_close(&sandbox->job);
    plan_done(&sandbox->plan);
    for (size_t i = 0; i < CF_SANDBOX_HIDDEN_MAX; i++)
        free(sandbox->hidden[i]);
    for (size_t i = 0; i < sandbox->n_masked; i++)
        free(sandbox->masked[i]);
    free(sandbox->masked);
    for (size_t i = 0; i < sandbox->n_warnings; i++)
        free(sandbox->warnings[i]);
    free(sandbox);
}
