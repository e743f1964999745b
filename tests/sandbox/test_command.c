/*
 * test_command.c - the command is what its caller would have run
 */
#include "scene.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_end(const struct who *who, const char *script, const char *expected)
{
    const struct scene scene = { .who = who };
    struct outcome outcome;

    scene_shell(&scene, &outcome, script);
    assert_has(outcome.report, expected);
    assert_int_equal(outcome.status, 0);
}

static void the_end_of_the_command_is_reported(void **state)
{
    const struct who *who = scene_who(state);

    check_end(who, "exit 0", "ended code=0 signal=0 errno=0 killed=0 left=0");
    check_end(who, "exit 3", "ended code=3 signal=0");
    check_end(who, "exit 255", "ended code=255 signal=0");
    check_end(who, "kill -TERM $$", "ended code=-1 signal=15");
    check_end(who, "kill -KILL $$", "ended code=-1 signal=9 errno=0 killed=0");
    check_end(who, "kill -SEGV $$", "ended code=-1 signal=11");
}

static void check_exec(const struct who *who, const char *command, const char *expected)
{
    const struct scene scene = { .who = who };
    const char *const argv[] = { command, NULL };
    struct outcome outcome;
    struct play play;

    play_start(&scene, &play, argv);
    play_end(&play, &outcome);
    assert_has(outcome.report, expected);
}

static void set_path(const struct scene *scene)
{
    setenv("PATH", scene->data, 1);
}

static void a_command_that_cannot_be_run_says_why(void **state)
{
    const struct scene scene = { .who = scene_who(state), .before = set_path, .data = "/usr/bin" };
    const char *const missing[] = { "no-such-command", NULL };
    struct outcome outcome;
    struct play play;

    play_start(&scene, &play, missing);
    play_end(&play, &outcome);
    assert_has(outcome.report, "ended code=127 signal=0 errno=2");
    check_exec(scene.who, "/no/such/command", "ended code=127 signal=0 errno=2");
    check_exec(scene.who, "/etc/passwd", "ended code=126 signal=0 errno=13");
    check_exec(scene.who, "/usr", "ended code=126 signal=0 errno=13");
}

static void a_script_without_an_interpreter_line_runs(void **state)
{
    const struct who *who = scene_who(state);
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/script", scene_folder);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs("exit 42\n", file);
    fchmod(fileno(file), 0755);
    fclose(file);
    check_exec(who, path, "ended code=42");
}

static void the_caller_is_who_the_command_is(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    char expected[256];
    struct outcome outcome;

    scene_shell(&scene, &outcome, "echo $(id -u) $(id -g) $(umask) $(pwd); hostname");
    if (scene.who->root)
        snprintf(expected, sizeof expected, "0 0 0022 %s\n", scene_folder);
    else
        snprintf(expected, sizeof expected, "%u %u 0022 %s\n", geteuid() ? geteuid() : ORDINARY_ID,
                 geteuid() ? getegid() : ORDINARY_ID, scene_folder);
    umask(0022);
    assert_has(outcome.out, expected);
    gethostname(expected, sizeof expected);
    assert_has(outcome.out, expected);
}

static void an_ordinary_user_has_no_capability(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    struct outcome outcome;

    scene_shell(&scene, &outcome, "grep -E 'Cap|NoNew|^Seccomp:' /proc/self/status");
    assert_has(outcome.out, "CapInh:\t0000000000000000\n");
    assert_has(outcome.out, "CapPrm:\t0000000000000000\n");
    assert_has(outcome.out, "CapEff:\t0000000000000000\n");
    assert_has(outcome.out, "CapAmb:\t0000000000000000\n");
    assert_has(outcome.out, "NoNewPrivs:\t1\n");
    assert_has(outcome.out, "Seccomp:\t2\n");
}

static void root_can_chown_and_become_another_inside(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    struct outcome outcome;

    scene_shell(
        &scene, &outcome,
        "grep NoNew /proc/self/status; touch mine && chown 4321:8765 mine && "
        "stat -c '%u:%g' mine && rm mine;"
        "setpriv --reuid 1000 --regid 1001 --groups 1002,1003 sh -c 'id -u; id -G';"
        "chroot / true && echo chrooted; unshare -u hostname inside && echo named");
    assert_has(outcome.out, "NoNewPrivs:\t1\n");
    assert_has(outcome.out, "4321:8765\n");
    assert_has(outcome.out, "1000\n1001 1002 1003\n");
    assert_has(outcome.out, "chrooted\n");
    assert_has(outcome.out, "named\n");
}

/* A jobserver's descriptors, and standard input closed. */
static void hand_on(const struct scene *scene)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    dup2(null, 3);
    dup2(null, 4);
    dup2(null, 77);
    if (scene->data)
        close(0);
}

static void descriptors_of_the_caller_pass_and_ours_do_not(void **state)
{
    struct scene scene = { .who = scene_who(state), .before = hand_on };
    const char *script = "ls /proc/$$/fd; true";
    struct outcome outcome;

    scene_shell(&scene, &outcome, script);
    assert_string_equal(outcome.out, "0\n1\n2\n3\n4\n77\n");
    scene.data = "without standard input";
    scene_shell(&scene, &outcome, script);
    assert_string_equal(outcome.out, "1\n2\n3\n4\n77\n");
}

static void unsettle(const struct scene *scene)
{
    struct rlimit files = { .rlim_cur = 200, .rlim_max = 400 };
    sigset_t set;

    (void)scene;
    setrlimit(RLIMIT_NOFILE, &files);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* whoever runs the tests may ignore some */
    signal(SIGUSR1, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_SETMASK, &set, NULL);
    umask(0027);
    setenv("A_VARIABLE", "with its value", 1);
}

/* grep, not the shell, which catches signals of its own. */
static void signals_limits_and_environment_are_the_callers(void **state)
{
    const struct scene scene = { .who = scene_who(state), .before = unsettle };
    const char *const argv[] = { "grep", "-E", "Sig(Blk|Ign)|Umask", "/proc/self/status", NULL };
    struct outcome outcome;
    struct play play;

    play_start(&scene, &play, argv);
    play_end(&play, &outcome);
    assert_has(outcome.out, "SigBlk:\t0000000000000800\n");
    /* The C library's own two, bits 31 and 32, may be ignored by whoever runs the tests. */
    assert_has(outcome.out, "0010200\n");
    assert_has(outcome.out, "Umask:\t0027\n");
    assert_has(outcome.report, "ended code=0");
    scene_shell(&scene, &outcome, "echo $(ulimit -Sn) $(ulimit -Hn) $A_VARIABLE");
    assert_has(outcome.out, "200 400 with its value\n");
}

static void the_working_directory_can_be_given(void **state)
{
    struct scene scene = { .who = scene_who(state), .option = "cwd=/usr/bin" };
    struct outcome outcome;

    scene_shell(&scene, &outcome, "pwd");
    assert_string_equal(outcome.out, "/usr/bin\n");
    scene.option = "cwd=/no/such/folder";
    scene_shell(&scene, &outcome, "pwd");
    assert_has(outcome.report, "error cannot enter '/no/such/folder' inside the sandbox");
    assert_has(outcome.report, "children none");
}

static void enter_folder(const struct scene *scene)
{
    if (chdir(scene->data) < 0)
        _exit(96);
}

/* The folder that the name stands for inside counts, not the one that was opened outside. */
static void a_working_directory_that_is_mounted_over_is_the_new_one(void **state)
{
    const struct scene scene = { .who = scene_who(state), .before = enter_folder, .data = "/proc" };
    struct outcome outcome;

    scene_shell(&scene, &outcome, "pwd; cat ./1/comm");
    assert_string_equal(outcome.out, "/proc\nchildflow-init\n");
}

static void a_failed_start_leaves_nothing(void **state)
{
    const struct scene scene = { .who = scene_who(state), .option = "netns=bad" };
    struct outcome outcome;

    scene_shell(&scene, &outcome, "echo ran");
    assert_has(outcome.report, "error cannot enter the network namespace");
    assert_has(outcome.report, "children none");
    assert_has_not(outcome.out, "ran");
}

static void hand_on_a_socket(const struct scene *scene)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)scene;
    dup2(fd, 5);
}

static void a_network_socket_of_the_caller_is_warned_of(void **state)
{
    const struct scene scene = { .who = scene_who(state), .before = hand_on_a_socket };
    struct outcome outcome;

    scene_shell(&scene, &outcome, "true");
    assert_has(outcome.report, "warning descriptor 5, handed on by the caller");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_BOTH(the_end_of_the_command_is_reported),
        AS_BOTH(a_command_that_cannot_be_run_says_why),
        AS_BOTH(a_script_without_an_interpreter_line_runs),
        AS_BOTH(the_caller_is_who_the_command_is),
        AS(an_ordinary_user_has_no_capability, user),
        AS(root_can_chown_and_become_another_inside, root),
        AS_BOTH(descriptors_of_the_caller_pass_and_ours_do_not),
        AS_BOTH(signals_limits_and_environment_are_the_callers),
        AS_BOTH(the_working_directory_can_be_given),
        AS_BOTH(a_working_directory_that_is_mounted_over_is_the_new_one),
        AS_BOTH(a_failed_start_leaves_nothing),
        AS_BOTH(a_network_socket_of_the_caller_is_warned_of),
    };

    umask(0022);
    return scene_possible() ? cmocka_run_group_tests(tests, scene_open, scene_close) : 77;
}
