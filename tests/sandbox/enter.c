/*
 * enter.c - the smallest engine: run a command in a sandbox and report on it
 *
 * enter REPORT [cwd=DIR] [netns=bad] [wait=outside] COMMAND [ARG...]
 *
 * The command gets a network namespace with nothing in it. What cf_sandbox
 * says goes to the file REPORT, one line each. Ends with 0 when the sandbox
 * worked, whatever the command did, and with 1 when it could not be made.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sandbox/sandbox.h"

static struct cf_loop *loop;
static struct cf_sandbox *sandbox;
static FILE *report;

static void ended(void *data, const struct cf_sandbox_end *end)
{
    (void)data;
    fprintf(report, "ended code=%d signal=%d errno=%d killed=%d left=%zu\n", end->exit_code,
            end->exit_signal, end->exec_errno, end->killed, end->n_left);
    for (size_t i = 0; i < end->n_leftovers; i++)
        fprintf(report, "left %s\n", end->leftovers[i].name);
    cf_loop_stop(loop, 0);
}

static void forward(struct cf_signals *signals, const struct signalfd_siginfo *info)
{
    (void)signals;
    fprintf(report, "signal %u\n", info->ssi_signo);
    cf_sandbox_forward(sandbox, info);
    fflush(report);
}

/* An engine opens, blocks and raises; nothing of that may reach the command. */
static int disturb(struct cf_signals *signals)
{
    struct rlimit files;
    sigset_t set;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    if (open("/", O_RDONLY | O_DIRECTORY) < 0) /* a careless library: no O_CLOEXEC */
        return -errno;
    sigemptyset(&set);
    cf_sandbox_signals(&set);
    signals->fn = forward;
    return cf_loop_signals_start(loop, signals, &set);
}

static void say_start(void)
{
    size_t n;
    const char *const *texts = cf_sandbox_masked(sandbox, &n);

    fprintf(report, "init %d\n", (int)cf_sandbox_pid(sandbox));
    for (size_t i = 0; i < n; i++)
        fprintf(report, "masked %s\n", texts[i]);
    texts = cf_sandbox_warnings(sandbox, &n);
    for (size_t i = 0; i < n; i++)
        fprintf(report, "warning %s\n", texts[i]);
    fflush(report);
}

static int fail(const struct cf_error *err)
{
    fprintf(report, "error %s\n", err->text);
    /* A failed start leaves no process behind. */
    fprintf(report, "children %s\n", waitpid(-1, NULL, WNOHANG) < 0 ? "none" : "some");
    fclose(report);
    return 1;
}

static int open_netns(void)
{
    int fd;

    if (unshare(CLONE_NEWNET) < 0)
        return -errno;
    fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    /* The engine shall be elsewhere than its command. */
    return unshare(CLONE_NEWNET) < 0 ? -errno : fd;
}

/* The only child of PID 1 so far is the process that would become the command. */
static int kill_prepared(void)
{
    cf_auto_free char *text = NULL;
    int init = (int)cf_sandbox_pid(sandbox);
    char path[64];
    size_t length;
    int r;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", init, init);
    r = cf_fd_read_file(path, 4096, &text, &length);
    return r == 0 && kill((pid_t)atoi(text), SIGKILL) < 0 ? -errno : r;
}

/* As one whose log nobody reads: the loop goes on when all is over. */
static void wait_outside(void)
{
    int signal;

    while (!cf_sandbox_is_over(sandbox, &signal))
        poll(NULL, 0, 10);
    fprintf(report, "over signal=%d\n", signal);
    fflush(report);
}

static int run(struct cf_sandbox_config *config, int netns_fd, bool killed, bool outside,
               struct cf_error *err)
{
    struct cf_signals signals = { .watch.fd = -1 };
    int r = cf_loop_new(&loop, err);

    if (r == 0)
        r = disturb(&signals);
    if (r == 0)
        r = cf_sandbox_start(sandbox, config, loop, ended, NULL, err);
    if (r == 0)
        r = cf_sandbox_join(sandbox, netns_fd, err);
    if (r == 0)
        r = cf_sandbox_ready(sandbox, err);
    if (r < 0) {
        cf_sandbox_free(sandbox);
        return r;
    }
    say_start();
    r = killed ? kill_prepared() : cf_sandbox_exec(sandbox, err);
    if (r == 0 && outside)
        wait_outside();
    if (r == 0)
        r = cf_loop_run(loop);
    cf_sandbox_free(sandbox);
    cf_loop_signals_stop(loop, &signals);
    return r;
}

int main(int argc, char **argv)
{
    struct cf_sandbox_config config = {
        .resolv_conf = "nameserver 198.18.0.1\n",
        .hosts = "127.0.0.1 localhost ours\n",
        .nsswitch_conf = "hosts: files dns\n",
    };
    const char *hidden[2] = { NULL, NULL };
    struct cf_error err = { 0 };
    struct cf_identity identity;
    struct cf_caller caller;
    bool killed = false, outside = false;
    int at = 2, netns_fd = 0, r = cf_sandbox_caller_save(&caller, &err);

    if (argc < 3 || !(report = fopen(argv[1], "we")))
        return 2;
    for (; at < argc && strchr(argv[at], '=') && argv[at][0] != '/'; at++) {
        if (strncmp(argv[at], "cwd=", 4) == 0)
            config.cwd = argv[at] + 4;
        else if (strncmp(argv[at], "guard=", 6) == 0)
            config.guard = argv[at] + 6;
        else if (strncmp(argv[at], "guard_more=", 11) == 0)
            config.guard_more = argv[at] + 11;
        else if (strncmp(argv[at], "hidden=", 7) == 0)
            hidden[0] = argv[at] + 7;
        else if (strncmp(argv[at], "forget=", 7) == 0)
            config.forget = argv[at] + 7;
        else if (strcmp(argv[at], "tables=one") == 0)
            config.one_table = true;
        else if (strcmp(argv[at], "netns=bad") == 0)
            netns_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        else if (strcmp(argv[at], "kill=prepared") == 0)
            killed = true;
        else if (strcmp(argv[at], "wait=outside") == 0)
            outside = true;
    }
    config.hidden = hidden;
    config.command = argv + at;
    if (r == 0)
        r = cf_sandbox_identity(&identity, &err);
    if (r == 0)
        r = cf_sandbox_begin(&identity, &caller, &sandbox, &err);
    if (r == 0 && netns_fd == 0)
        netns_fd = open_netns();
    if (r == 0)
        r = run(&config, netns_fd, killed, outside, &err);
    if (r < 0)
        return fail(&err);
    cf_loop_free(loop);
    cf_sandbox_caller_done(&caller);
    fclose(report);
    return 0;
}
