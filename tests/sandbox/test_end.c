/*
 * test_end.c - however it ends, nothing is left
 */
#include "scene.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"

static void what_is_left_is_ended_and_reported(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    struct outcome outcome;

    scene_shell(&scene, &outcome,
                "tail -f /dev/null & setsid tail -f /dev/null & "
                "while ! pgrep -x tail -c | grep -qx 2; do :; done; exit 5");
    assert_has(outcome.report, "ended code=5 signal=0 errno=0 killed=0 left=2\n"
                               "left tail\nleft tail\n");
    /* One that has stopped itself, one that does not listen to SIGTERM. */
    scene_shell(&scene, &outcome,
                "sh -c 'kill -STOP $$' & (trap '' TERM; exec tail -f /dev/null) &"
                "while ! pgrep -x tail; do :; done; exit 6");
    assert_has(outcome.report, "ended code=6 signal=0 errno=0 killed=0 left=2\n");
    scene_shell(&scene, &outcome, "for i in $(seq 40); do tail -f /dev/null & done; exit 7");
    assert_has(outcome.report, "ended code=7 signal=0 errno=0 killed=0 left=40\n");
}

static void a_tree_that_ends_in_order_leaves_nothing_to_report(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    struct outcome outcome;

    scene_shell(&scene, &outcome, "(true & true) | cat; true & wait; seq 99999 | head -1");
    assert_has(outcome.report, "left=0\n");
}

static const char *const tree[] = {
    "sh", "-c", "trap '' TERM HUP INT; setsid tail -f /dev/null & echo up; tail -f /dev/null", NULL
};

static int pidfd_open_of(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void wait_for_exit(int pidfd)
{
    struct pollfd fd = { .fd = pidfd, .events = POLLIN };

    assert_true(pidfd >= 0);
    assert_int_equal(poll(&fd, 1, -1), 1);
    close(pidfd);
}

/* The pipe that the whole tree writes to is at its end when the last of it is gone. */
static void kill_9_of_the_engine_ends_the_tree(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    struct outcome outcome;
    struct play play;
    int init;

    play_start(&scene, &play, tree);
    play_wait_for(&play, "up\n");
    init = pidfd_open_of((pid_t)play_number(&play, "init "));
    assert_int_equal(kill(play.pid, SIGKILL), 0);
    wait_for_exit(init);
    play_end(&play, &outcome);
    assert_true(WIFSIGNALED(outcome.status));
}

static void kill_9_of_pid_1_is_told_apart(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    struct outcome outcome;
    struct play play;

    play_start(&scene, &play, tree);
    play_wait_for(&play, "up\n");
    assert_int_equal(kill((pid_t)play_number(&play, "init "), SIGKILL), 0);
    play_end(&play, &outcome);
    assert_has(outcome.report, "ended code=-1 signal=0 errno=0 killed=1 left=0\n");
    assert_int_equal(outcome.status, 0);
}

/* The first child of PID 1 is the command. */
static pid_t command_of(const struct play *play)
{
    cf_auto_free char *text = NULL;
    char path[64];
    size_t length;
    int init = (int)play_number(play, "init ");

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", init, init);
    assert_int_equal(cf_fd_read_file(path, 4096, &text, &length), 0);
    return (pid_t)atoi(text);
}

static void kill_9_of_the_command_is_its_status(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    struct outcome outcome;
    struct play play;

    play_start(&scene, &play, tree);
    play_wait_for(&play, "up\n");
    assert_int_equal(kill(command_of(&play), SIGKILL), 0);
    play_end(&play, &outcome);
    assert_has(outcome.report, "ended code=-1 signal=9 errno=0 killed=0 left=");
}

static void kill_9_before_the_command_runs_is_its_status(void **state)
{
    const struct scene scene = { .who = scene_who(state), .option = "kill=prepared" };
    struct outcome outcome;
    struct play play;

    play_start(&scene, &play, tree);
    play_end(&play, &outcome);
    assert_has(outcome.report, "ended code=-1 signal=9 errno=0 killed=0 left=0\n");
    assert_int_equal(outcome.status, 0);
    assert_string_equal(outcome.out, "");
}

static void a_signal_is_passed_on_to_the_command(void **state)
{
    static const char *const command[] = {
        "sh", "-c",
        "trap 'echo term; exit 9' TERM; echo up; while :; do tail -f /dev/null & wait; done", NULL
    };
    const struct scene scene = { .who = scene_who(state) };
    struct outcome outcome;
    struct play play;

    play_start(&scene, &play, command);
    play_wait_for(&play, "up\n");
    assert_int_equal(kill(play.pid, SIGTERM), 0);
    play_end(&play, &outcome);
    assert_has(outcome.report, "signal 15\n");
    assert_has(outcome.report, "ended code=9");
    assert_string_equal(outcome.out, "term\n");
}

static void in_own_group(const struct scene *scene)
{
    (void)scene;
    setpgid(0, 0); /* what is sent to the engine's group shall not reach the test */
}

/* A script that signals its own group reaches nobody else. */
static void a_signal_from_inside_stays_inside(void **state)
{
    const struct scene scene = { .who = scene_who(state), .before = in_own_group };
    struct outcome outcome;

    scene_shell(&scene, &outcome, "trap 'echo term' TERM; kill -TERM 0; exit 4");
    assert_string_equal(outcome.out, "term\n");
    assert_has(outcome.report, "ended code=4");
    assert_has_not(outcome.report, "signal 15\n");
    scene_shell(&scene, &outcome, "sh -c 'kill -9 0'; echo not reached");
    assert_string_equal(outcome.out, "");
    assert_has(outcome.report, "ended code=-1 signal=9 errno=0 killed=0 left=");
    assert_int_equal(outcome.status, 0);
}

/* What is sent to the engine's group is for all of the command's: it waits for its child here. */
static void a_signal_to_the_group_reaches_the_commands_group(void **state)
{
    static const char *const command[] = {
        "sh", "-c",
        "trap 'echo outer' TERM; "
        "sh -c 'trap \"echo inner; exit\" TERM; echo up; timeout 60 tail -f /dev/null & wait' & "
        "wait $! || wait $!; exit 9",
        NULL
    };
    const struct scene scene = { .who = scene_who(state), .before = in_own_group };
    struct outcome outcome;
    struct play play;

    play_start(&scene, &play, command);
    play_wait_for(&play, "up\n");
    assert_int_equal(kill(-play.pid, SIGTERM), 0);
    play_end(&play, &outcome);
    assert_has(outcome.report, "signal 15\n");
    assert_has(outcome.report, "ended code=9");
    assert_has(outcome.out, "inner\n");
    assert_has(outcome.out, "outer\n");
}

static void wait_for_stop(pid_t pid)
{
    const int64_t deadline = cf_clock_monotonic_us() + 60 * CF_US_PER_S;
    char path[64], state = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    while (state != 'T') {
        cf_auto_free char *text = NULL;
        size_t length;

        assert_true(cf_clock_monotonic_us() < deadline);
        assert_int_equal(cf_fd_read_file(path, 4096, &text, &length), 0);
        assert_int_equal(sscanf(text, "%*d (%*[^)]) %c", &state), 1);
        sched_yield();
    }
}

/* Nobody is there to go on with it, and it is to end. */
static void a_command_that_stopped_itself_ends_when_it_is_told_to(void **state)
{
    static const char *const command[] = {
        "sh", "-c", "trap 'echo term; exit 9' TERM; echo up; kill -STOP 0; echo not reached", NULL
    };
    const struct scene scene = { .who = scene_who(state), .before = in_own_group };
    struct outcome outcome;
    struct play play;

    play_start(&scene, &play, command);
    play_wait_for(&play, "up\n");
    wait_for_stop(command_of(&play));
    assert_int_equal(kill(play.pid, SIGTERM), 0);
    play_end(&play, &outcome);
    assert_string_equal(outcome.out, "term\n");
    assert_has(outcome.report, "ended code=9");
}

/* Until the engine has got SIGTERM, which it passes on at once, or has ended. */
static void wait_for_report_of_term(const struct play *play)
{
    char report[16384];
    siginfo_t info = { 0 };

    do {
        assert_int_equal(waitid(P_PID, (id_t)play->pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
        assert_int_equal(info.si_pid, 0);
        play_report(play, report, sizeof report);
    } while (!strstr(report, "signal 15\n"));
}

/* PID 1 ends without reading it. The engine is held until then, so that it sees both at once. */
static void a_signal_that_comes_too_late_does_not_hide_how_the_command_ended(void **state)
{
    static const char *const command[] = { "sh", "-c", "echo up; exec tail -f /dev/null", NULL };
    const struct scene scene = { .who = scene_who(state), .before = in_own_group };
    struct outcome outcome;
    struct play play;
    int init_fd, command_fd;
    pid_t init, child;

    play_start(&scene, &play, command);
    play_wait_for(&play, "up\n");
    init = (pid_t)play_number(&play, "init ");
    child = command_of(&play);
    init_fd = pidfd_open_of(init);
    command_fd = pidfd_open_of(child);
    assert_int_equal(kill(init, SIGSTOP), 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    wait_for_exit(command_fd);
    assert_int_equal(kill(play.pid, SIGTERM), 0);
    wait_for_report_of_term(&play);
    assert_int_equal(kill(play.pid, SIGSTOP), 0);
    assert_int_equal(kill(init, SIGCONT), 0);
    wait_for_exit(init_fd);
    assert_int_equal(kill(play.pid, SIGCONT), 0);
    play_end(&play, &outcome);
    assert_has(outcome.report, "ended code=-1 signal=9 errno=0 killed=0 left=0\n");
}

static size_t count_mounts(void)
{
    cf_auto_free char *text = NULL;
    size_t length, lines = 0;

    assert_int_equal(cf_fd_read_file("/proc/self/mountinfo", 1 << 20, &text, &length), 0);
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    return lines;
}

static void no_mount_of_ours_is_seen_outside(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    size_t before = count_mounts();
    struct outcome outcome;
    struct play play;

    play_start(&scene, &play, tree);
    play_wait_for(&play, "up\n");
    assert_int_equal(count_mounts(), before);
    kill(play.pid, SIGKILL);
    play_end(&play, &outcome);
    assert_int_equal(count_mounts(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_BOTH(what_is_left_is_ended_and_reported),
        AS_BOTH(a_tree_that_ends_in_order_leaves_nothing_to_report),
        AS_BOTH(kill_9_of_the_engine_ends_the_tree),
        AS_BOTH(kill_9_of_pid_1_is_told_apart),
        AS_BOTH(kill_9_of_the_command_is_its_status),
        AS_BOTH(kill_9_before_the_command_runs_is_its_status),
        AS_BOTH(a_signal_is_passed_on_to_the_command),
        AS_BOTH(a_signal_from_inside_stays_inside),
        AS_BOTH(a_signal_to_the_group_reaches_the_commands_group),
        AS_BOTH(a_command_that_stopped_itself_ends_when_it_is_told_to),
        AS_BOTH(a_signal_that_comes_too_late_does_not_hide_how_the_command_ended),
        AS_BOTH(no_mount_of_ours_is_seen_outside),
    };

    umask(0022);
    return scene_possible() ? cmocka_run_group_tests(tests, scene_open, scene_close) : 77;
}
