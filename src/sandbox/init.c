/*
 * init.c - PID 1 of the sandbox
 *
 * How this works. A copy of the engine, made while that has one thread: so it may allocate
 * memory. Every signal is blocked and read from a descriptor, and there is no descriptor but
 * the caller's and its own. It goes through these states:
 *
 *   setting up  make the other namespaces and mount what needs nothing; ORDERS
 *               brings what the policy says: put our files in place; JOIN brings
 *               the network namespace: enter it, mount the rest, make the
 *               process that becomes the command, say READY or why not.
 *   waiting     for EXEC. When the process that would become the command ends
 *               before it comes, the command has ended.
 *   running     the command runs; its signals arrive as messages, that it stops and
 *               goes on is told, and whatever loses its parent is reaped here.
 *   ending      the command has ended, which is told at once with a list of
 *               what is left, if anything is. Those get SIGTERM, a second, and SIGKILL. When
 *               the last is reaped, PID 1 exits and takes the namespaces along.
 *
 * In every state the end of the control socket, which is the engine's, ends
 * PID 1, and the kernel ends every process of a PID namespace with its PID 1.
 * The death signal says the same sooner, even when PID 1 is busy.
 */
#include "sandbox/init.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/secret.h"
#include "sandbox/command.h"
#include "sandbox/key_log.h"
#include "sandbox/listing.h"
#include "sandbox/orders.h"

/* How long what is left may take to end by itself. */
#define GRACE_US INT64_C(1000000)

/* In the flags of /proc/PID/stat: set before the process closes anything. */
#define PF_EXITING 0x4U

struct init {
    struct cf_plan *plan;
    struct cf_mask_list masks;
    struct cf_idmap idmap; /* of the command's user namespace */
    struct cf_orders orders;
    /* Made before there is a command, who can leave us no more of them (prlimit(2)). */
    int signal_fd, epoll_fd, proc_fd;
    int key_log_fd; /* -1: none, or handed over */
    struct cf_command_process process; /* that becomes the command */
    pid_t command;                     /* 0 before it runs and after it has ended */
    bool ending;
    int64_t kill_at_us; /* 0 when everything has been killed */
    struct cf_init_ended ended;
};

static _Noreturn void stop(void)
{
    _exit(0); /* the kernel kills what is left of the namespace */
}

/* Close all but the ascending list. */
static int close_others(const int *keep, size_t n)
{
    unsigned next = 0;

    for (size_t i = 0; i <= n; i++) {
        unsigned last = i < n ? (unsigned)keep[i] - 1 : ~0U;

        if ((i == n || (unsigned)keep[i] > next) && syscall(SYS_close_range, next, last, 0) < 0)
            return -errno;
        if (i < n)
            next = (unsigned)keep[i] + 1;
    }
    return 0;
}

/*
 * The folder is looked up again, because what is mounted over it counts, not
 * what it was opened as. One that the caller was in without being able to
 * reach it (EACCES), or that has no name any more, stays as it is.
 */
static int enter_cwd(const struct init *init, struct cf_error *err)
{
    const char *given = init->orders.cwd, *cwd = given ? given : init->plan->cwd;

    if (!cwd || chdir(cwd) == 0 || (errno == EACCES && !given))
        return 0;
    return cf_error_errno(err, -errno, "cannot enter '%s' inside the sandbox", cwd);
}

/* What the engine hands over when it has it; PID 1 has mounted something meanwhile. */
static int receive(const struct cf_plan *plan, enum cf_init_request_type type, int *ret_fd)
{
    struct cf_init_request request;
    int r = cf_init_receive(plan->control_fd, &request, sizeof request, ret_fd, NULL);

    if (r == -EPIPE)
        stop();
    return r == 0 && (request.type != type || *ret_fd < 0) ? -EBADMSG : r;
}

static int take_orders(struct init *init, struct cf_error *err)
{
    cf_auto_close int fd = -1;
    int r = receive(init->plan, CF_INIT_ORDERS, &fd);

    if (r == 0)
        r = cf_orders_open(fd, &init->orders);
    if (r < 0)
        return cf_error_errno(err, r, "cannot learn of the sandbox's files");
    if (init->orders.forget)
        cf_secret_remove_env(init->orders.forget);
    memcpy(init->plan->etc.texts, init->orders.texts, sizeof init->plan->etc.texts);
    return 0;
}

static int join(const struct cf_plan *plan, struct cf_error *err)
{
    cf_auto_close int netns_fd = -1;
    int r = receive(plan, CF_INIT_JOIN, &netns_fd);

    if (r < 0)
        return cf_error_errno(err, r, "cannot learn of the network namespace");
    if (setns(netns_fd, CLONE_NEWNET) < 0)
        return cf_error_errno(err, -errno, "cannot enter the network namespace");
    return 0;
}

static int open_key_log(struct init *init, struct cf_error *err)
{
    int r = cf_key_log_name();

    if (r == 0)
        r = init->key_log_fd = cf_key_log_open();
    return r < 0 ? cf_error_errno(err, r, "cannot use the file for the secrets of TLS") : 0;
}

static int set_up(struct init *init, struct cf_mounts_result *ret_mounts, struct cf_error *err)
{
    struct cf_plan *plan = init->plan;
    struct stat cwd;
    int r;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return cf_error_errno(err, -errno, "cannot ask for a death signal");
    r = close_others(plan->keep_fds, plan->n_keep_fds);
    if (r < 0)
        return cf_error_errno(err, r, "cannot close descriptors");
    r = cf_idmap_read(&init->idmap, err);
    if (r == 0)
        r = cf_mask_plan(plan->identity, &init->masks, err);
    if (r < 0)
        return r;
    if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) < 0)
        return cf_error_errno(err, -errno, "cannot make mount, UTS and IPC namespaces");
    r = cf_mounts_cover(&plan->etc, &init->masks, ret_mounts, err);
    if (r == 0)
        r = take_orders(init, err);
    if (r == 0)
        r = cf_mounts_place(&plan->etc, &init->masks, &init->orders, ret_mounts, err);
    if (r == 0)
        r = join(plan, err);
    if (r == 0)
        r = cf_mounts_renew(plan->identity->root, ret_mounts, err);
    if (r == 0)
        r = cf_mounts_finish(plan->identity->root, &init->masks, ret_mounts, err);
    if (r == 0)
        r = enter_cwd(init, err);
    if (r == 0 && init->orders.key_log_bytes > 0)
        r = open_key_log(init, err);
    if (r == 0 && stat(".", &cwd) == 0)
        ret_mounts->own_cwd = cwd.st_dev == ret_mounts->device;
    return r;
}

static void say(const struct init *init, const void *message, size_t length)
{
    if (send(init->plan->control_fd, message, length, MSG_NOSIGNAL) < 0)
        stop();
}

/* Room for a descriptor and a process. */
union rights {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
};

static void attach(struct msghdr *header, int type, const void *data, size_t length)
{
    /* Behind what is there: the first is at the begin of the buffer. */
    struct cmsghdr *part =
        (void *)((char *)header->msg_control + header->msg_controllen);

    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = type;
    part->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(part), data, length);
    header->msg_controllen += CMSG_SPACE(length);
}

int cf_init_send(int socket_fd, const void *message, size_t length, int fd, pid_t pid)
{
    const struct ucred process = { .pid = pid, .uid = getuid(), .gid = getgid() };
    union rights rights = { 0 };
    struct iovec part = { .iov_base = (void *)(uintptr_t)message, .iov_len = length };
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights };

    if (fd >= 0)
        attach(&header, SCM_RIGHTS, &fd, sizeof fd);
    if (pid > 0)
        attach(&header, SCM_CREDENTIALS, &process, sizeof process);
    return sendmsg(socket_fd, &header, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void detach(struct msghdr *header, int *ret_fd, pid_t *ret_pid)
{
    struct ucred process = { 0 };

    *ret_fd = -1;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at)) {
        if (at->cmsg_level != SOL_SOCKET)
            continue;
        if (at->cmsg_type == SCM_RIGHTS && at->cmsg_len == CMSG_LEN(sizeof *ret_fd))
            memcpy(ret_fd, CMSG_DATA(at), sizeof *ret_fd);
        if (at->cmsg_type == SCM_CREDENTIALS && at->cmsg_len == CMSG_LEN(sizeof process))
            memcpy(&process, CMSG_DATA(at), sizeof process);
    }
    if (ret_pid)
        *ret_pid = process.pid;
}

int cf_init_receive(int socket_fd, void *message, size_t length, int *ret_fd, pid_t *ret_pid)
{
    union rights rights;
    struct iovec part = { .iov_base = message, .iov_len = length };
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights
    };
    ssize_t n;

    do {
        n = recvmsg(socket_fd, &header, MSG_CMSG_CLOEXEC);
    } while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n <= 0)
        return n < 0 ? -errno : -EPIPE;
    detach(&header, ret_fd, ret_pid);
    return n == (ssize_t)length ? 0 : -EBADMSG;
}

/* The first message, with the sandbox's /proc in hand when all is well. */
static void say_ready(const struct init *init, const struct cf_init_ready *ready)
{
    cf_auto_close int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool good = ready->code == 0;

    if (cf_init_send(init->plan->control_fd, ready, sizeof *ready, good ? proc_fd : -1,
                     good ? init->process.pid : 0) < 0)
        stop();
}

static void say_masked(const struct init *init, const struct cf_mask_done *done)
{
    const struct cf_mask_list *masks = &init->masks;

    for (size_t row = 0; row < masks->n; row++) {
        if (done->covered[row])
            say(init, masks->paths[row], strlen(masks->paths[row]));
    }
}

/* Where there is such a file. */
static void say_key_log(struct init *init)
{
    if (init->key_log_fd >= 0 &&
        cf_init_send(init->plan->control_fd, "", 1, init->key_log_fd, 0) < 0)
        stop();
    cf_fd_close(&init->key_log_fd);
}

/*
 * "12 (name) S 1 ...": the name may hold anything, so it ends at the last bracket. Returns
 * false for who has ended. Who cannot be read is there, with a name that is not known.
 */
static bool read_process(int proc_fd, const char *pid, struct cf_sandbox_leftover *ret)
{
    char path[32], text[256], *open_at, *close_at;
    cf_auto_close int fd = -1;
    unsigned flags;
    ssize_t n;

    *ret = (struct cf_sandbox_leftover) { .pid = (pid_t)atoi(pid), .name = "?" };
    snprintf(path, sizeof path, "%.16s/stat", pid);
    fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno != ENOENT;
    n = read(fd, text, sizeof text - 1);
    if (n <= 0)
        return n < 0 && errno != ESRCH;
    text[n] = '\0';
    open_at = strchr(text, '(');
    close_at = strrchr(text, ')');
    if (!open_at || !close_at || close_at < open_at || close_at[1] != ' ')
        return true;
    if (sscanf(close_at + 2, "%*c %*d %*d %*d %*d %*d %u", &flags) != 1)
        return true;
    *close_at = '\0';
    snprintf(ret->name, sizeof ret->name, "%.15s", open_at + 1);
    return !(flags & PF_EXITING); /* a zombie, or about to be one */
}

struct count {
    int proc_fd;
    struct cf_init_ended *ended;
};

static int count_one(void *data, const char *name, int type)
{
    const struct count *count = data;
    struct cf_init_ended *ended = count->ended;
    struct cf_sandbox_leftover found;

    (void)type;
    if (name[0] < '1' || name[0] > '9' || strcmp(name, "1") == 0 ||
        !read_process(count->proc_fd, name, &found))
        return 0;
    if (ended->n_left < CF_SANDBOX_LEFTOVERS_MAX)
        ended->leftovers[ended->n_left] = found;
    ended->n_left++;
    return 0;
}

/* Count and name what is left. */
static void list_leftovers(int proc_fd, struct cf_init_ended *ended)
{
    struct count count = { .proc_fd = proc_fd, .ended = ended };

    if (cf_listing_each(proc_fd, count_one, &count) < 0)
        stop(); /* the engine takes it for killed: what it cannot know it does not say */
}

/* The command has ended: tell, and begin to end the rest. */
static void begin_ending(struct init *init, int status)
{
    init->command = 0;
    init->ending = true;
    init->ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    init->ended.exit_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* Nobody is left but us. The engine does not wait for our exit, and learns here what that tells. */
static void note_alone(struct cf_init_ended *ended)
{
    ended->alone = true;
    getrusage(RUSAGE_SELF, &ended->own);
    getrusage(RUSAGE_CHILDREN, &ended->tree);
}

/* The engine stops the job that the command is part of. Left out when it reads nothing. */
static void say_state(const struct init *init, int status)
{
    const struct cf_init_state state = { .stopped = WIFSTOPPED(status) ? WSTOPSIG(status) : 0 };

    (void)send(init->plan->control_fd, &state, sizeof state, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Reap what can be reaped. Returns false when there is no child any more. */
static bool reap(struct init *init)
{
    bool command_ended = false;
    int status, command_status = 0;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
        if (WIFSTOPPED(status) || WIFCONTINUED(status)) {
            if (pid == init->command)
                say_state(init, status);
            continue;
        }
        /* Also when it ends before it has become the command; its number may come again. */
        if (pid == init->process.pid && !init->ending && !command_ended) {
            command_ended = true;
            command_status = status;
        }
    }
    if (command_ended) {
        begin_ending(init, command_status);
        if (pid < 0)
            note_alone(&init->ended);
        else /* whoever is left has an ancestor among our children */
            list_leftovers(init->proc_fd, &init->ended);
        say(init, &init->ended, sizeof init->ended);
        if (pid < 0)
            return false;
        kill(-1, SIGTERM);
        kill(-1, SIGCONT); /* who is stopped can act on it too */
        init->kill_at_us = cf_clock_monotonic_us() + GRACE_US;
    }
    return pid == 0;
}

static int compare_fds(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

static void start_command(struct init *init)
{
    int own[] = { init->plan->control_fd, init->signal_fd, init->epoll_fd, init->proc_fd };

    init->command = init->process.pid;
    init->ended.exec_errno = -cf_command_run(&init->process);
    /* Whoever reads what the command writes shall see its end as soon as it is there. */
    qsort(own, 4, sizeof own[0], compare_fds);
    close_others(own, 4);
}

static void pass_on(const struct init *init, int signal, bool whole)
{
    if (whole)
        kill(-init->process.pid, signal);
    if (!whole || getpgid(init->command) != init->process.pid)
        kill(init->command, signal);
}

/*
 * Engine and PID 1 are one process group, the command leads another. What was sent
 * to the engine's group (a key of the terminal, kill(2) with its number) is pending
 * here too, and is for the command's whole group. The kernel walks a group from
 * its youngest member, so it is pending here by the time the engine reads it.
 * What was sent to the engine alone is for the command alone, and so is what
 * reaches a group that the command has left.
 */
static void forward(const struct init *init, int signal, bool whole)
{
    const struct timespec now = { 0 };
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    whole = sigtimedwait(&set, NULL, &now) == signal || whole;
    pass_on(init, signal, whole);
    if (signal == SIGTERM || signal == SIGHUP) /* who is stopped can act on it too */
        pass_on(init, SIGCONT, whole);
}

static void take_request(struct init *init)
{
    struct cf_init_request request;
    ssize_t n = recv(init->plan->control_fd, &request, sizeof request, 0);

    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0)
        stop();
    if (request.type == CF_INIT_EXEC && init->command == 0 && !init->ending)
        start_command(init);
    else if (request.type == CF_INIT_FORWARD && init->command > 0)
        forward(init, request.signal, request.whole);
    else if (request.type == CF_INIT_ORPHAN)
        setsid(); /* signals to the engine's group are for the command alone then */
}

static int wait_ms(const struct init *init)
{
    int64_t us;

    if (init->kill_at_us == 0)
        return -1;
    us = init->kill_at_us - cf_clock_monotonic_us();
    return us <= 0 ? 0 : (int)(us / 1000) + 1;
}

/* Not poll(2), which the limit of descriptors, changed from inside, would make fail. */
static void serve(struct init *init)
{
    for (;;) {
        struct epoll_event events[2];
        struct signalfd_siginfo info;
        int n = epoll_wait(init->epoll_fd, events, 2, wait_ms(init));

        if (init->kill_at_us != 0 && wait_ms(init) == 0) { /* however busy they keep us */
            kill(-1, SIGKILL);
            init->kill_at_us = 0;
        }
        if (n < 0 && errno != EINTR)
            stop();
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd != init->signal_fd)
                continue;
            /* Several children that end together are one signal: reap until none is left. */
            if (read(init->signal_fd, &info, sizeof info) > 0 && !reap(init) && init->ending)
                return;
        }
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == init->plan->control_fd)
                take_request(init);
        }
    }
}

static int listen_to(const struct init *init, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    return epoll_ctl(init->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* What PID 1 has to do with while there is a command. */
static int open_descriptors(struct init *init, struct cf_error *err)
{
    sigset_t child;
    int r;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    init->signal_fd = signalfd(-1, &child, SFD_CLOEXEC);
    init->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    /* Not the engine's: who lists with it moves on in it. */
    init->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (init->signal_fd < 0 || init->epoll_fd < 0 || init->proc_fd < 0)
        return cf_error_errno(err, -errno, "cannot open what PID 1 needs");
    r = listen_to(init, init->signal_fd);
    if (r == 0)
        r = listen_to(init, init->plan->control_fd);
    return r < 0 ? cf_error_errno(err, r, "cannot wait for signals and the engine") : 0;
}

/* The process that becomes the command, as far as it may come now. */
static int prepare(struct init *init, struct cf_error *err)
{
    const struct cf_command command = {
        .caller = init->plan->caller,
        .idmap = &init->idmap,
        .argv = init->orders.command,
        .root = init->plan->identity->root,
        .one_table = init->orders.one_table,
    };
    int r = cf_command_prepare(&command, &init->process);

    return r < 0 ? cf_error_errno(err, r, "cannot make the command's process") : 0;
}

void cf_init_run(struct cf_plan *plan)
{
    struct init init = { .plan = plan, .signal_fd = -1, .epoll_fd = -1, .proc_fd = -1,
                         .key_log_fd = -1 };
    struct sigaction plain = { .sa_handler = SIG_DFL };
    struct cf_init_ready ready = { 0 };
    struct cf_error err = { 0 };
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigaction(SIGCHLD, &plain, NULL);
    prctl(PR_SET_NAME, "childflow-init", 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a password may be in our environment as yet */
    ready.code = set_up(&init, &ready.mounts, &err);
    if (ready.code == 0)
        ready.code = open_descriptors(&init, &err);
    if (ready.code == 0)
        ready.code = prepare(&init, &err);
    memcpy(ready.text, err.text, sizeof ready.text);
    say_ready(&init, &ready);
    if (ready.code == 0) {
        say_masked(&init, &ready.mounts.masked);
        say_key_log(&init);
        serve(&init);
    }
    stop();
}
