/*
 * job.c - the command as a job of the terminal that it shares with its caller
 *
 * How this works. The command leads a process group of its own, so that what
 * it sends to its group (kill(2) and setpriority(2) with 0) stays inside. The
 * price is that the terminal knows two groups now, ours, which is the one that
 * the caller's shell knows, and the command's; and one of them has it:
 *
 *   ours     the caller's shell gave it to us. A key reaches all of our group,
 *            and the engine passes it on. When the command reads, the kernel
 *            stops it (SIGTTIN); PID 1 sees that, and it gets the terminal.
 *   given    the command has it, or a group that it made. Keys go there and to
 *            nobody else. When another process of our group reads, the kernel
 *            sends SIGTTIN to that whole group and so to us: we take it back.
 *   neither  we run in the background of the caller's shell.
 *
 * It is given when the command begins, unless it is part of a pipeline: what
 * stands beside it there, such as a pager, may read from the terminal as well, and
 * a shell that sees a process of its job stop and not go on thinks it stopped.
 *
 * A command that is stopped stops us, after the terminal was taken back, and with
 * us the whole job, as the shell expects of one that it started. Never by SIGSTOP,
 * whatever stopped the command: the other signals stop nobody in an orphaned
 * process group (one without a shell to go on with it), for the kernel drops them
 * there. SIGCONT is blocked, so it tells afterwards whether there was a stop.
 *
 * To read from another's terminal fails in an orphaned group (EIO). The command's group is none
 * while PID 1, its parent, is of its session: it would be stopped and continued without end. So
 * PID 1 leaves the session when our group turns out to be orphaned.
 */
#include "sandbox/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

static bool is_pipe(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Move the terminal, also from the background. */
static void terminal_give(const struct cf_job *job, pid_t group)
{
    sigset_t stop, before;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTTOU);
    sigprocmask(SIG_BLOCK, &stop, &before);
    (void)tcsetpgrp(job->tty_fd, group);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void give(struct cf_job *job)
{
    terminal_give(job, job->command);
    job->given = true;
}

static void take(struct cf_job *job)
{
    terminal_give(job, job->own);
    job->given = false;
}

static bool is_dead(pid_t group)
{
    return group > 0 && kill(-group, 0) < 0 && errno == ESRCH;
}

/* What came of a blocked signal is taken out of the queue. */
static bool came(int signal)
{
    const struct timespec now = { 0 };
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    return sigtimedwait(&set, NULL, &now) == signal;
}

/*
 * Our group has no number here, because it is from outside of our own PID namespace.
 * The terminal could be given, and never be taken back: we need a group with a number.
 * Whether we are in the foreground tells a read of nothing (SIGTTIN is blocked).
 */
static void leave_unnamed_group(struct cf_job *job, pid_t init)
{
    char nothing;

    if (read(job->tty_fd, &nothing, 0) == 0 && setpgid(0, 0) == 0) {
        (void)setpgid(init, getpgrp());
        job->own = getpgrp();
        terminal_give(job, job->own);
        return;
    }
    cf_fd_close(&job->tty_fd);
}

void cf_job_open(struct cf_job *job, pid_t init, pid_t command)
{
    *job = (struct cf_job) { .own = getpgrp(), .command = command };
    job->tty_fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    job->piped = is_pipe(STDIN_FILENO) || is_pipe(STDOUT_FILENO);
    if (job->tty_fd >= 0 && job->own <= 0)
        leave_unnamed_group(job, init);
    if (job->tty_fd >= 0 && !job->piped && tcgetpgrp(job->tty_fd) == job->own)
        give(job);
}

void cf_job_close(struct cf_job *job)
{
    cf_fd_close(&job->tty_fd);
}

/* Returns whether it was a stop, from which SIGCONT woke us. */
static bool suspend(int signal)
{
    const struct sigaction plain = { .sa_handler = SIG_DFL };
    struct sigaction action;
    sigset_t set, before;

    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, &before);
    sigaction(signal, &plain, &action);
    kill(0, signal);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* here */
    sigaction(signal, &action, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return came(SIGCONT);
}

void cf_job_suspend(int signal)
{
    (void)suspend(signal);
}

bool cf_job_stopped(struct cf_job *job, int signal, bool *ret_orphaned)
{
    const bool asks = signal == SIGTTIN || signal == SIGTTOU;
    const bool had = job->given;
    pid_t holder;
    bool woken;

    *ret_orphaned = false;
    if (job->tty_fd < 0)
        return false;
    holder = tcgetpgrp(job->tty_fd);
    if (asks &&
        (holder == job->own || (job->given && (holder == job->command || is_dead(holder))))) {
        give(job);
        return true;
    }
    if (job->given)
        take(job);
    woken = suspend(signal == SIGSTOP ? SIGTSTP : signal);
    if ((had || asks || !job->piped) && tcgetpgrp(job->tty_fd) == job->own)
        give(job);
    *ret_orphaned = asks && !woken && !job->given;
    return woken || signal != SIGSTOP;
}

bool cf_job_asked(struct cf_job *job)
{
    if (job->tty_fd < 0)
        return false;
    if (job->given)
        take(job);
    else if (tcgetpgrp(job->tty_fd) != job->own)
        return false;
    kill(0, SIGCONT);
    (void)came(SIGCONT);
    return true;
}

void cf_job_continued(struct cf_job *job)
{
    pid_t holder = job->tty_fd < 0 ? -1 : tcgetpgrp(job->tty_fd);

    if (holder == job->command)
        return;
    job->given = false;
    if (holder > 0 && holder == job->own && !job->piped)
        give(job);
}

void cf_job_ended(struct cf_job *job, int signal)
{
    pid_t holder = job->tty_fd < 0 ? -1 : tcgetpgrp(job->tty_fd);
    sigset_t set, before;
    bool had = job->given;

    if (holder > 0 && holder != job->own && (holder == job->command || is_dead(holder)))
        take(job);
    job->given = false;
    if (!had || (signal != SIGINT && signal != SIGQUIT))
        return;
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, &before);
    kill(0, signal);
    (void)came(signal);
    sigprocmask(SIG_SETMASK, &before, NULL);
}
