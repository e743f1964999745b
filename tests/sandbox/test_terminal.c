/*
 * test_terminal.c - job control works through the sandbox as without it
 *
 * A shell on a pseudo-terminal, the sandbox in it, a shell in the sandbox.
 * Everything is typed and read back; nothing waits for time to pass.
 */
#include "scene.h"

#include <dirent.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"

/* A terminal that is silent for so long has nothing more to say. */
#define PATIENCE_MS 60000

struct terminal {
    int fd;
    pid_t pid;
    char seen[65536]; /* since the last line that was typed */
    size_t length;
};

/* An interactive bash as the session's leader; its prompt is "outer>". */
static void terminal_open(struct terminal *terminal, const struct who *who)
{
    memset(terminal, 0, sizeof *terminal);
    fflush(stdout);
    terminal->pid = forkpty(&terminal->fd, NULL, NULL, NULL);
    assert_true(terminal->pid >= 0);
    if (terminal->pid == 0) {
        setenv("PS1", "outer> ", 1);
        setenv("HISTFILE", "/dev/null", 1);
        setenv("TERM", "dumb", 1);
        if (chdir(scene_folder) < 0)
            _exit(93);
        if (!who->root && geteuid() == 0) {
            if (fchown(0, ORDINARY_ID, ORDINARY_ID) < 0 || setgid(ORDINARY_ID) < 0 ||
                setuid(ORDINARY_ID) < 0)
                _exit(92);
        }
        execlp("bash", "bash", "--norc", "--noprofile", "--noediting", "-i", NULL);
        _exit(94);
    }
}

/* Read until text comes; what came before it is forgotten. */
static void expect(struct terminal *terminal, const char *text)
{
    char *at;

    while (!(at = strstr(terminal->seen, text))) {
        struct pollfd readable = { .fd = terminal->fd, .events = POLLIN };
        ssize_t n;

        if (poll(&readable, 1, PATIENCE_MS) == 0)
            fail_msg("the terminal does not say '%s' but: %s", text, terminal->seen);
        n = read(terminal->fd, terminal->seen + terminal->length,
                         sizeof terminal->seen - 1 - terminal->length);

        if (n <= 0)
            fail_msg("the terminal ends before '%s': %s", text, terminal->seen);
        terminal->length += (size_t)n;
        terminal->seen[terminal->length] = '\0';
    }
    at += strlen(text);
    terminal->length -= (size_t)(at - terminal->seen);
    memmove(terminal->seen, at, terminal->length + 1);
}

static void type(struct terminal *terminal, const char *text)
{
    assert_int_equal(write(terminal->fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* "12 (name) T 1 34 ...": state, parent, group. PID 1 of a sandbox takes no signal and stays up. */
static bool is_up_in(const char *pid, pid_t group)
{
    cf_auto_free char *text = NULL;
    char path[64], state, *behind;
    size_t length;
    int its_group;

    snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
    if (cf_fd_read_file(path, 4096, &text, &length) < 0 || strstr(text, "(childflow-init)"))
        return false;
    behind = strrchr(text, ')');
    return behind && sscanf(behind + 1, " %c %*d %d", &state, &its_group) == 2 &&
           its_group == group && state != 'T';
}

static bool is_stopped(pid_t group)
{
    cf_auto_closedir DIR *proc = opendir("/proc");
    struct dirent *entry;

    assert_non_null(proc);
    while ((entry = readdir(proc)))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && is_up_in(entry->d_name, group))
            return false;
    return true;
}

/*
 * Type ^Z and wait until the whole job has stopped. The shell prompts when its
 * own child has; a cat that had the signal, but not yet a processor, would still
 * read what is typed then.
 */
static void type_stop(struct terminal *terminal)
{
    const int64_t deadline = cf_clock_monotonic_us() + 60 * CF_US_PER_S;
    const pid_t job = tcgetpgrp(terminal->fd);

    type(terminal, "\032");
    expect(terminal, "Stopped");
    while (!is_stopped(job)) {
        if (cf_clock_monotonic_us() > deadline)
            fail_msg("the job is not stopped");
        sched_yield();
    }
}

static void terminal_close(struct terminal *terminal)
{
    char rest[4096];
    int status;

    type(terminal, "exit\n");
    while (read(terminal->fd, rest, sizeof rest) > 0)
        ;
    assert_int_equal(waitpid(terminal->pid, &status, 0), terminal->pid);
    close(terminal->fd);
}

static const struct who *who_with_bash(void **state)
{
    const struct who *who = scene_who(state);

    if (system("command -v bash >/dev/null") != 0) {
        print_message("needs bash\n");
        skip();
    }
    return who;
}

static void keys_reach_a_command_in_the_foreground(void **state)
{
    const struct who *who = who_with_bash(state);
    struct terminal terminal;

    terminal_open(&terminal, who);
    expect(&terminal, "outer> ");
    /* ^C ends it; the engine reports the signal and does not send it twice. */
    type(&terminal, "./enter r1-$UID cat\n");
    type(&terminal, "ready\n");
    expect(&terminal, "ready\r\nready\r\n");
    type(&terminal, "\003");
    expect(&terminal, "outer> ");
    type(&terminal, "cat r1-$UID\n");
    expect(&terminal, "ended code=-1 signal=2");
    expect(&terminal, "outer> ");
    /* ^Z stops the whole group; the shell outside sees it, and fg goes on. */
    type(&terminal, "./enter r2-$UID cat\n");
    type(&terminal, "ready\n");
    expect(&terminal, "ready\r\nready\r\n");
    type_stop(&terminal);
    expect(&terminal, "outer> ");
    type(&terminal, "fg\n");
    expect(&terminal, "r2-$UID cat\r\n");
    type(&terminal, "again\n");
    expect(&terminal, "again\r\nagain\r\n");
    type(&terminal, "\004");
    expect(&terminal, "outer> ");
    type(&terminal, "cat r2-$UID\n");
    expect(&terminal, "ended code=0 signal=0");
    expect(&terminal, "outer> ");
    terminal_close(&terminal);
}

static void check_shell(const struct who *who, const char *start, const char *stopped)
{
    struct terminal terminal;

    terminal_open(&terminal, who);
    expect(&terminal, "outer> ");
    type(&terminal, start);
    expect(&terminal, "inner> ");
    type(&terminal, "cat\n");
    type(&terminal, "ready\n");
    expect(&terminal, "ready\r\nready\r\n");
    type(&terminal, "\032");
    expect(&terminal, stopped);
    expect(&terminal, "inner> ");
    type(&terminal, "echo pid=$$; fg\n");
    expect(&terminal, "pid=2\r\n");
    expect(&terminal, "cat\r\n");
    type(&terminal, "again\n");
    expect(&terminal, "again\r\nagain\r\n");
    type(&terminal, "\003");
    expect(&terminal, "inner> ");
    type(&terminal, "exit 3\n");
    /* The terminal is the outer shell's again: it can read, and so can its jobs. */
    expect(&terminal, "outer> ");
    type(&terminal, "echo status=$? $((20+2)); cat\n");
    expect(&terminal, "status=0 22\r\n");
    type(&terminal, "back\n");
    expect(&terminal, "back\r\nback\r\n");
    type(&terminal, "\004");
    expect(&terminal, "outer> ");
    terminal_close(&terminal);
}

static void an_interactive_shell_inside_has_job_control(void **state)
{
    const struct who *who = who_with_bash(state);

    check_shell(who, "PS1='inner''> ' ./enter r3-$UID bash --norc --noprofile --noediting -i\n",
                "Stopped");
    check_shell(who, "PS1='inner''> ' ENV= ./enter r4-$UID dash -i\n", "Stopped");
}

/* After `kill -9` of a shell that had the terminal, the terminal is not lost. */
static void the_terminal_comes_back_when_the_shell_inside_is_killed(void **state)
{
    const struct who *who = who_with_bash(state);
    struct terminal terminal;

    terminal_open(&terminal, who);
    expect(&terminal, "outer> ");
    type(&terminal, "(PS1='inner''> ' ./enter r5-$UID bash --norc --noprofile --noediting -i; cat; "
                    "echo end)\n");
    expect(&terminal, "inner> ");
    type(&terminal, "kill -9 $$\n");
    type(&terminal, "read by cat\n");
    expect(&terminal, "read by cat\r\nread by cat\r\n");
    type(&terminal, "\004");
    expect(&terminal, "end\r\n");
    expect(&terminal, "outer> ");
    terminal_close(&terminal);
}

/* What the engine said of a run, by the outer shell's cat. */
static void expect_report(struct terminal *terminal, const char *name, const char *text)
{
    char line[64];

    snprintf(line, sizeof line, "cat %s-$UID\n", name);
    type(terminal, line);
    expect(terminal, text);
    expect(terminal, "outer> ");
}

static void a_signal_to_its_own_group_ends_or_stops_the_command_alone(void **state)
{
    const struct who *who = who_with_bash(state);
    struct terminal terminal;

    terminal_open(&terminal, who);
    expect(&terminal, "outer> ");
    type(&terminal, "./enter r6-$UID sh -c 'kill -9 0'; echo status=$?\n");
    expect(&terminal, "status=0\r\n");
    expect(&terminal, "outer> ");
    expect_report(&terminal, "r6", "ended code=-1 signal=9 errno=0 killed=0 left=0");
    /* A job that stopped is one that the shell can go on with. */
    type(&terminal, "./enter r7-$UID sh -c 'kill -STOP 0; echo went on; cat'\n");
    expect(&terminal, "Stopped");
    expect(&terminal, "outer> ");
    type(&terminal, "fg\n");
    expect(&terminal, "went on\r\n");
    type(&terminal, "read\n");
    expect(&terminal, "read\r\nread\r\n");
    type(&terminal, "\034"); /* ^\ */
    expect(&terminal, "outer> ");
    expect_report(&terminal, "r7", "ended code=-1 signal=3");
    terminal_close(&terminal);
}

static void a_job_in_the_background_stops_when_it_reads_and_comes_to_the_front(void **state)
{
    const struct who *who = who_with_bash(state);
    struct terminal terminal;

    terminal_open(&terminal, who);
    expect(&terminal, "outer> ");
    type(&terminal, "./enter r8-$UID sh -c 'read x; echo \"got $x\"; exec cat' & wait\n");
    expect(&terminal, "Stopped");
    expect(&terminal, "outer> ");
    type(&terminal, "fg\n");
    expect(&terminal, "cat'\r\n");
    type(&terminal, "this\n");
    expect(&terminal, "got this\r\n");
    /* Once more to the back, where it goes on and stops when it reads. */
    type_stop(&terminal);
    expect(&terminal, "outer> ");
    type(&terminal, "bg; wait\n");
    expect(&terminal, "Stopped");
    expect(&terminal, "outer> ");
    type(&terminal, "fg\n");
    expect(&terminal, "cat'\r\n");
    type(&terminal, "that\n");
    expect(&terminal, "that\r\nthat\r\n");
    type(&terminal, "\003");
    expect(&terminal, "outer> ");
    expect_report(&terminal, "r8", "ended code=-1 signal=2");
    terminal_close(&terminal);
}

/* Pager and command are of one job, and either reads from the terminal when it wants to. */
static void the_terminal_goes_to_who_reads_in_a_pipeline(void **state)
{
    const struct who *who = who_with_bash(state);
    struct terminal terminal;

    terminal_open(&terminal, who);
    expect(&terminal, "outer> ");
    type(&terminal, "./enter r9-$UID echo page | sh -c 'cat; read x </dev/tty; echo \"key $x\"'\n");
    expect(&terminal, "page\r\n");
    type(&terminal, "q\n");
    expect(&terminal, "key q\r\n");
    expect(&terminal, "outer> ");
    type(&terminal, "mkfifo f9-$UID; ./enter r10-$UID sh -c 'read x </dev/tty; echo \"word $x\"; "
                    "cat f9-'$UID | sh -c 'read x; echo \"$x\"; read x </dev/tty; "
                    "echo \"key $x\" >f9-'$UID'; cat'\n");
    expect(&terminal, "cat'\r\n");
    type(&terminal, "open\n");
    expect(&terminal, "\nword open\r\n");
    type(&terminal, "q\n");
    expect(&terminal, "key q\r\n");
    expect(&terminal, "outer> ");
    /* The whole pipeline stops, goes on and ends. */
    type(&terminal, "./enter r11-$UID sh -c 'trap \"echo on >&2\" CONT; echo up; "
                    "while :; do tail -f /dev/null & wait; done' | cat\n");
    expect(&terminal, "up\r\n");
    type_stop(&terminal);
    expect(&terminal, "outer> ");
    type(&terminal, "fg\n");
    expect(&terminal, "on\r\n");
    type(&terminal, "\003");
    expect(&terminal, "outer> ");
    expect_report(&terminal, "r11", "ended code=-1 signal=2");
    terminal_close(&terminal);
}

/* A script that was interrupted in its command does not go on with the next one. */
static void a_key_that_ended_the_command_reaches_the_script_around_it(void **state)
{
    const struct who *who = who_with_bash(state);
    struct terminal terminal;

    terminal_open(&terminal, who);
    expect(&terminal, "outer> ");
    type(&terminal, "dash -c './enter r12-'$UID' cat; echo next'; echo status=$?\n");
    type(&terminal, "ready\n");
    expect(&terminal, "ready\r\nready\r\n");
    type(&terminal, "\003");
    expect(&terminal, "\nouter> ");
    type(&terminal, "echo status=$?\n");
    expect(&terminal, "status=130\r\n");
    expect(&terminal, "outer> ");
    /* And ^Z stops the script too. */
    type(&terminal, "dash -c './enter r13-'$UID' cat; echo next'\n");
    type(&terminal, "ready\n");
    expect(&terminal, "ready\r\nready\r\n");
    type_stop(&terminal);
    expect(&terminal, "outer> ");
    type(&terminal, "fg\n");
    expect(&terminal, "next'\r\n");
    type(&terminal, "\004");
    expect(&terminal, "next\r\n");
    expect(&terminal, "outer> ");
    terminal_close(&terminal);
}

/* Also where the loop stands still: nobody reads the log, say. */
static void a_key_reaches_the_script_of_an_engine_that_waits_outside_its_loop(void **state)
{
    const struct who *who = who_with_bash(state);
    struct terminal terminal;

    terminal_open(&terminal, who);
    expect(&terminal, "outer> ");
    type(&terminal, "dash -c './enter r19-'$UID' wait=outside cat; echo next'; echo status=$?\n");
    type(&terminal, "ready\n");
    expect(&terminal, "ready\r\nready\r\n");
    type(&terminal, "\003");
    expect(&terminal, "\nouter> ");
    type(&terminal, "echo status=$?\n");
    expect(&terminal, "status=130\r\n");
    expect(&terminal, "outer> ");
    type(&terminal, "cat r19-$UID\n");
    expect(&terminal, "over signal=2\r\nended code=-1 signal=2");
    expect(&terminal, "outer> ");
    terminal_close(&terminal);
}

static void resize(const struct terminal *terminal, unsigned short columns)
{
    const struct winsize size = { .ws_row = 25, .ws_col = columns };

    assert_int_equal(ioctl(terminal->fd, TIOCSWINSZ, &size), 0);
}

static void a_change_of_the_windows_size_reaches_the_command(void **state)
{
    const struct who *who = who_with_bash(state);
    struct terminal terminal;

    terminal_open(&terminal, who);
    expect(&terminal, "outer> ");
    type(&terminal, "./enter r14-$UID sh -c 'trap \"stty size\" WINCH; echo up; "
                    "while :; do tail -f /dev/null & wait; done'\n");
    expect(&terminal, "up\r\n");
    resize(&terminal, 101);
    expect(&terminal, "25 101\r\n");
    type(&terminal, "\003");
    expect(&terminal, "outer> ");
    type(&terminal, "./enter r15-$UID sh -c 'trap \"stty size </dev/tty\" WINCH; echo up; "
                    "while :; do tail -f /dev/null & wait; done' | cat\n");
    expect(&terminal, "up\r\n");
    resize(&terminal, 102);
    expect(&terminal, "25 102\r\n");
    type(&terminal, "\003");
    expect(&terminal, "outer> ");
    terminal_close(&terminal);
}

/* Without a shell that could go on with it, nobody is stopped by a key. */
static void a_key_stops_nobody_when_no_shell_is_there_to_go_on(void **state)
{
    const struct who *who = who_with_bash(state);
    struct terminal terminal;

    terminal_open(&terminal, who);
    expect(&terminal, "outer> ");
    type(&terminal, "exec ./enter r16-$UID sh -c 'trap \"echo on\" CONT; echo up; read x || read x; "
                    "echo \"got $x\"'\n");
    expect(&terminal, "up\r\n");
    type(&terminal, "\032");
    expect(&terminal, "on\r\n");
    type(&terminal, "this\n");
    expect(&terminal, "got this\r\n");
    terminal_close(&terminal);
}

/* Whose shell has gone on without it: the terminal is never its own, and to read fails. */
static void who_reads_in_an_orphaned_group_fails_at_once(void **state)
{
    const struct who *who = who_with_bash(state);
    struct terminal terminal;

    terminal_open(&terminal, who);
    expect(&terminal, "outer> ");
    type(&terminal, "(./enter r17-$UID sh -c 'read x </dev/tty; echo \"read: $?\"; "
                    "stty -echo </dev/tty; echo \"stty: $?\"' &)\n");
    expect(&terminal, "read: 1\r\n");
    expect(&terminal, "stty: 1\r\n");
    terminal_close(&terminal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_BOTH(keys_reach_a_command_in_the_foreground),
        AS_BOTH(an_interactive_shell_inside_has_job_control),
        AS_BOTH(the_terminal_comes_back_when_the_shell_inside_is_killed),
        AS_BOTH(a_signal_to_its_own_group_ends_or_stops_the_command_alone),
        AS_BOTH(a_job_in_the_background_stops_when_it_reads_and_comes_to_the_front),
        AS_BOTH(the_terminal_goes_to_who_reads_in_a_pipeline),
        AS_BOTH(a_key_that_ended_the_command_reaches_the_script_around_it),
        AS_BOTH(a_key_reaches_the_script_of_an_engine_that_waits_outside_its_loop),
        AS_BOTH(a_change_of_the_windows_size_reaches_the_command),
        AS_BOTH(a_key_stops_nobody_when_no_shell_is_there_to_go_on),
        AS_BOTH(who_reads_in_an_orphaned_group_fails_at_once),
    };

    umask(0022);
    return scene_possible() ? cmocka_run_group_tests(tests, scene_open, scene_close) : 77;
}
