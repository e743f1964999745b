/*
 * run.c - childflow run: one command tree under one policy
 *
 * How this works. Everything is set up in one order, and each step that fails
 * ends the run before the command has started (125):
 *
 *   identity           sandbox/   the engine's user namespace, still one thread
 *   sandbox begins     sandbox/   its PID 1, which is cheap to copy off as yet; beside it:
 *   gateway begins     netlink/   both network namespaces, rules, sockets; beside it:
 *   profile            policy/    text to profile; wrong: 78, whatever else is wrong
 *   host network       netlink/   what the host's routes are, once; then the link
 *   audit log          audit/     from here on everything is an event
 *   sandbox            sandbox/   what the policy says of it, and the network namespace
 *   names, resolver    dns/
 *   gateway, sandbox              both whole; the command's process waits
 *   engine             engine/
 *   run_start          audit/     written and flushed: then the command runs
 *
 * Then the loop runs until the sandbox has ended and the flows have drained;
 * a log that cannot be written ends the tree at once. What comes after is the
 * same for every end: flows closed, run_end, the log put on the disk while engine and
 * namespaces are let go, log closed, summary, exit code.
 */
#include "cli/run.h"

#include <errno.h>
#include <linux/capability.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

/*
 * An arena for each thread that allocates a little costs more than the lock of one:
 * the kernel maps and unmaps each, and interrupts the other threads for it.
 */
static void one_arena(void)
{
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, 1);
#endif
}

/* How many descriptors the engine may hold: all that the caller's limit allows. */
static void raise_open_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Nobody shall end the run by asking for its flows before, or after, there are any. */
static void block_questions(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* What is an error here, where it is seen. The command has what the caller had. */
static void ignore_signals(void)
{
    signal(SIGPIPE, SIG_IGN); /* a process of ours that was killed, a reader that has gone */
    signal(SIGTTOU, SIG_IGN); /* a word to the terminal must not stop the engine */
    signal(SIGXFSZ, SIG_IGN); /* a log at the caller's limit of file size */
}

static int run_refused(struct cf_run *run, const struct cf_error *err)
{
    cf_cli_say("%s", err->text);
    cf_cli_say("the command was not run");
    cf_run_drop_log(run);
    return CF_EXIT_FAILED;
}

static int run_profile(struct cf_run *run)
{
    struct cf_error err = { 0 };
    int r;

    run->signals.watch.fd = -1;
    uname(&run->uts);
    cf_run_id_make(run->id);
    raise_open_files();
    r = cf_run_start(run, &err);
    if (r < 0 && !run->started)
        return run_refused(run, &err);
    if (r == 0) {
        r = cf_loop_run(run->loop);
        if (r < 0)
            cf_error_errno(&err, r, "the engine cannot go on, the run was ended");
    }
    if (r < 0) {
        cf_cli_say("%s", err.text);
        cf_sandbox_kill(run->sandbox);
        cf_run_finish(run);
        return CF_EXIT_FAILED;
    }
    return cf_run_finish(run);
}

/*
 * Whether files of others are open to the caller by a capability alone, as an ordinary
 * user may have it from a service manager. In a user namespace where only the own id is
 * mapped it counts for nothing (capabilities(7)), so such a caller's policy is read first.
 */
static bool reads_by_capability(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

    return geteuid() != 0 && syscall(SYS_capget, &header, data) == 0 &&
           (data[0].effective & (CAP_TO_MASK(CAP_DAC_OVERRIDE) | CAP_TO_MASK(CAP_DAC_READ_SEARCH)));
}

/* Returns an exit status; begun and err say how what was begun fared. */
static int load_and_begin(struct cf_run *run, int *ret_begun, struct cf_error *err)
{
    int status = CF_EXIT_OK;
    bool first = reads_by_capability() || cf_run_capture_may_need_host(run->options);

    *ret_begun = 0;
    if (first)
        status = cf_cli_policy_load(run->options, &run->profile);
    if (first && status == CF_EXIT_OK)
        cf_run_capture_open_host(run);
    if (status == CF_EXIT_OK)
        *ret_begun = cf_run_begin(run, err);
    return first ? status : cf_cli_policy_load(run->options, &run->profile);
}

int cf_cli_run(int argc, char **argv)
{
    struct cf_run run = { .outside_fd = -EPERM };
    struct cf_options options;
    struct cf_error err = { 0 };
    int status, begun;

    run.start_us = cf_clock_monotonic_us();
    one_arena();
    if (cf_sandbox_caller_save(&run.caller, &err) < 0) {
        cf_cli_say("%s", err.text);
        return CF_EXIT_FAILED;
    }
    ignore_signals();
    block_questions();
    if (!cf_options_parse(argc, argv, CF_OPTIONS_RUN, &options, &status)) {
        cf_sandbox_caller_done(&run.caller);
        return status;
    }
    run.options = &options;
    status = load_and_begin(&run, &begun, &err);
    if (status == CF_EXIT_OK) {
        run.command = options.n_rest > 0 ? options.rest : run.profile->command;
        if (run.command) {
            status = begun < 0 ? run_refused(&run, &err) : run_profile(&run);
        } else {
            cf_cli_say("no command: name one behind '--', or `command` in the policy; "
                       "try 'childflow --help'");
            status = CF_EXIT_FAILED;
        }
    } else {
        cf_cli_say("the command was not run");
    }
    cf_run_close(&run);
    cf_options_done(&options);
    return status;
}
