/*
 * reader.c - who reads the log, or the capture, where that is a FIFO
 *
 * How this works. What the reader does not take slows the run, without end: nothing of it
 * is lost. Meanwhile the loop stands still, and with it the traffic, the signals and what PID 1
 * says. So both are looked at here, LOOK_MS apart, and left for the loop. A run that is told to
 * end has a reader that does not read for GIVE_UP_US given up, which is an error of the file, and
 * ends the tree. Told it is by a signal that waits; and once the tree is gone also by one that came
 * earlier or that killed the command, since a key goes to the command alone. Standard error that
 * nobody reads either is given up with it: the words of the end would wait there for good, and
 * the signals with them.
 */
#include "cli/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "base/clock.h"
#include "cli/terminal.h"

#define LOOK_MS 100
#define GIVE_UP_US CF_US_PER_S

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

bool cf_run_is_told(int signal)
{
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
        if (ending[i] == signal)
            return true;
    return false;
}

static bool signal_waits(void)
{
    sigset_t set;

    if (sigpending(&set) < 0)
        return false;
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
        if (sigismember(&set, ending[i]))
            return true;
    return false;
}

static bool is_told_to_end(struct cf_run *run)
{
    int signal = run->exit_signal;
    bool over = run->ended;

    if (!over && run->sandbox)
        over = cf_sandbox_is_over(run->sandbox, &signal);
    return signal_waits() || (over && (run->told || cf_run_is_told(signal)));
}

int cf_run_wait_for_reader(void *data, int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
    struct cf_run *run = data;
    int64_t told_us = 0;

    for (;;) {
        int n = poll(&poll_fd, 1, LOOK_MS);

        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (!is_told_to_end(run))
            told_us = 0;
        else if (told_us == 0)
            told_us = cf_clock_monotonic_us();
        else if (cf_clock_monotonic_us() - told_us > GIVE_UP_US)
            break;
    }
    cf_terminal_give_up(); /* it may be the very same */
    cf_cli_say("nobody reads what is written to a FIFO, and the run was told to end: it is given up");
    return -ECANCELED;
}
