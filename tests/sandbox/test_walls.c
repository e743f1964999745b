/*
 * test_walls.c - every way out that is known, tried from inside
 */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

/* Try something inside; the line that probe prints must be the expected one. */
static void check_probe(const struct who *who, const char *what, const char *arg,
                        const char *expected)
{
    const struct scene scene = { .who = who };
    const char *const argv[] = { "./probe", what, arg, NULL };
    struct outcome outcome;
    struct play play;

    play_start(&scene, &play, argv);
    play_end(&play, &outcome);
    if (strcmp(expected, "refused") == 0)
        assert_has_not(outcome.out, " ok");
    else
        assert_has(outcome.out, expected);
}

static void families_outside_the_network_namespace_are_refused(void **state)
{
    const struct who *who = scene_who(state);

    check_probe(who, "socket", "40", "socket: EAFNOSUPPORT"); /* AF_VSOCK */
    check_probe(who, "socket_wide", "40", "socket_wide: EAFNOSUPPORT");
    check_probe(who, "socket", "21", "socket: EAFNOSUPPORT");         /* AF_RDS */
    check_probe(who, "socket", "31", "socket: EAFNOSUPPORT");         /* AF_BLUETOOTH */
    check_probe(who, "socketpair", "30", "socketpair: EAFNOSUPPORT"); /* AF_TIPC */
    check_probe(who, "socket", "1", "socket ok");
    check_probe(who, "socket", "2", "socket ok");
    check_probe(who, "socket", "10", "socket ok");
    check_probe(who, "socketpair", "1", "socketpair ok");
    check_probe(who, "io_uring", NULL, "io_uring: ENOSYS");
}

#ifdef __x86_64__
static void other_instruction_sets_are_no_way_around(void **state)
{
    const struct who *who = scene_who(state);

    check_probe(who, "socket32", "40", "refused");
    check_probe(who, "socketcall", "40", "refused");
    check_probe(who, "x32", "40", "refused");
}
#endif

static void nobody_types_into_the_callers_terminal(void **state)
{
    const struct who *who = scene_who(state);

    check_probe(who, "ioctl", "0x5412", "ioctl: EPERM");      /* TIOCSTI */
    check_probe(who, "ioctl", "0x100005412", "ioctl: EPERM"); /* its upper half filled */
    check_probe(who, "ioctl", "0x541c", "ioctl: EPERM");      /* TIOCLINUX */
}

static void no_program_of_the_host_makes_a_key(void **state)
{
    const struct who *who = scene_who(state);

    check_probe(who, "request_key", "information", "request_key: EPERM");
    check_probe(who, "request_key", NULL, "request_key: ENOKEY");
}

/* option: of enter; flags of clone(2) that the kernel would refuse for another reason: EINVAL */
static void check_tables(const struct who *who, const char *option, const char *expected)
{
    const struct scene scene = { .who = who, .option = option };
    struct outcome outcome;

    scene_shell(&scene, &outcome,
                "./probe clone 0x10000; ./probe clone 0xffffffff00010000; ./probe clone 0x10400;"
                "./probe clone3; ./probe unshare 0x400; ./probe unshare 0x200;"
                "./probe close_range 2; ./probe close_range 0; sh -c 'true; echo forks'");
    assert_string_equal(outcome.out, expected);
}

static void threads_have_no_descriptors_of_their_own_where_that_matters(void **state)
{
    const struct who *who = scene_who(state);

    check_tables(who, "tables=one",
                 "clone: EPERM\nclone: EPERM\nclone: EINVAL\nclone3: ENOSYS\n"
                 "unshare: EPERM\nunshare ok\nclose_range: EINVAL\nclose_range ok\nforks\n");
    check_tables(who, NULL,
                 "clone: EINVAL\nclone: EINVAL\nclone: EINVAL\nclone3: EINVAL\n"
                 "unshare ok\nunshare ok\nclose_range ok\nclose_range ok\nforks\n");
}

/* It has the command's ids, so they would be the command's to set. */
static void the_limits_of_pid_1_are_not_the_commands_to_set(void **state)
{
    const struct who *who = scene_who(state);

    check_probe(who, "limit", "1", "limit: EPERM");
    check_probe(who, "limit", "0", "limit ok");
    check_probe(who, "limit", "2", "limit ok");
}

/* By cgroup.kill or cgroup.freeze of the common group the command would end or stop its caller. */
static void control_groups_of_the_caller_cannot_be_changed(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    cf_auto_free char *text = NULL;
    struct outcome outcome;
    size_t length;

    scene_shell(&scene, &outcome,
                "awk '$5 ~ \"^/sys/fs/cgroup\" && $6 !~ /^ro/' /proc/self/mountinfo; "
                "unshare -UrC true 2>/dev/null && echo namespace; echo end");
    assert_int_equal(cf_fd_read_file("/proc/self/mountinfo", 4 << 20, &text, &length), 0);
    /* Where the kernel protects the group at the top of a namespace, one can be had. */
    if (strstr(text, ",nsdelegate") && !strstr(text, " - cgroup "))
        assert_has(outcome.out, "end\n");
    else
        assert_has_not(outcome.out, "namespace\n");
    assert_has_not(outcome.out, "/sys/fs/cgroup");
}

static void pid_1_cannot_be_looked_into_or_killed(void **state)
{
    const struct who *who = scene_who(state);
    const struct scene scene = { .who = who };
    struct outcome outcome;

    check_probe(who, "ptrace", "1", "ptrace: EPERM");
    check_probe(who, "setns", "/proc/1/ns/net", "refused");
    check_probe(who, "setns", "/proc/1/ns/user", "refused");
    check_probe(who, "setns", "/proc/1/ns/mnt", "refused");
    scene_shell(&scene, &outcome,
                "cat /proc/1/environ && echo open; ls /proc/1/root/ && echo open;"
                "kill -KILL 1; kill -TERM 1; kill -STOP 1; kill -INT -1; echo alive");
    assert_has_not(outcome.out, "open");
    assert_has(outcome.out, "alive");
    assert_has(outcome.report, "ended code=0 signal=0 errno=0 killed=0");
}

static void no_process_of_the_host_is_seen(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    char unseen[64];
    struct outcome outcome;

    scene_shell(&scene, &outcome, "echo pid $$; ls -d /proc/[0-9]*; ls /sys/class/net");
    assert_has(outcome.out, "pid 2\n");
    snprintf(unseen, sizeof unseen, "/proc/%d\n", (int)getpid());
    assert_has_not(outcome.out, unseen);
    assert_has(outcome.out, "lo\n");
    assert_has_not(outcome.out, "eth"); /* of the machine: the namespace has none */
}

static void what_we_mounted_stays_mounted(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    struct outcome outcome;

    scene_shell(&scene, &outcome,
                "umount /etc/resolv.conf && echo gone; umount -l /etc/resolv.conf && echo gone;"
                "unshare -Urm umount /etc/resolv.conf && echo gone;"
                "unshare -Urm umount -l /etc/hosts && echo gone;"
                "unshare -Urm sh -c 'mount --bind /etc /mnt && cat /mnt/hosts' && echo gone;"
                "unshare -m umount /etc/resolv.conf && echo gone;"
                "rm -f /etc/resolv.conf && echo gone; mv /etc/hosts /etc/other && echo gone;"
                "echo new > /etc/resolv.conf && echo gone; cat /etc/resolv.conf");
    assert_has_not(outcome.out, "gone\n");
    assert_has(outcome.out, "nameserver 198.18.0.1\n");
}

static void the_network_is_not_the_commands_to_change(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    struct outcome outcome;

    scene_shell(&scene, &outcome,
                "ip link set lo up && echo changed; ip link add x type dummy && echo changed;"
                "ip addr add 192.0.2.1/24 dev lo && echo changed;"
                "unshare -Ur ip link set lo up && echo changed; true");
    assert_has_not(outcome.out, "changed\n");
}

static void root_cannot_reach_the_host_through_proc_and_sys(void **state)
{
    const struct who *who = scene_who(state);

    check_probe(who, "write", "/proc/sys/kernel/core_pattern", "write: EROFS");
    check_probe(who, "write", "/proc/sys/kernel/modprobe", "refused");
    check_probe(who, "write", "/proc/sysrq-trigger", "refused");
    check_probe(who, "write", "/sys/kernel/uevent_seqnum", "refused");
    check_probe(who, "write", "/sys/kernel/uevent_helper", "refused");
    check_probe(who, "write", "/sys/kernel/mm/ksm/run", "refused");
}

static int listen_at(const struct sockaddr_un *at, socklen_t length)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)at, length), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static int listen_path(const char *name)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd;

    snprintf(at.sun_path, sizeof at.sun_path, "%s/%s", scene_folder, name);
    fd = listen_at(&at, sizeof at);
    chmod(at.sun_path, 0777);
    return fd;
}

static void abstract_sockets_belong_to_the_network_namespace(void **state)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const struct who *who = scene_who(state);
    char name[64];
    int fd;

    snprintf(name, sizeof name, "cf-test-%d", (int)getpid());
    memcpy(at.sun_path + 1, name, strlen(name));
    fd = listen_at(&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)));
    check_probe(who, "abstract", name, "abstract: ECONNREFUSED");
    close(fd);
}

/* As many desktops have it: buses and engines in the runtime and home folders. */
static void point_at_sockets(const struct scene *scene)
{
    char text[256];

    (void)scene;
    setenv("XDG_RUNTIME_DIR", scene_folder, 1);
    setenv("HOME", scene_folder, 1);
    snprintf(text, sizeof text, "unix://%s/engine.sock", scene_folder);
    setenv("DOCKER_HOST", text, 1);
    snprintf(text, sizeof text, "tcp:host=x;unix:path=%s/a%%20bus,guid=00ff", scene_folder);
    setenv("DBUS_SESSION_BUS_ADDRESS", text, 1);
    snprintf(text, sizeof text, "%s/multiplexer,12,0", scene_folder);
    setenv("TMUX", text, 1);
    snprintf(text, sizeof text, "%s//agent.sock", scene_folder);
    setenv("SSH_AUTH_SOCK", text, 1);
}

static void sockets_that_lead_outside_are_masked(void **state)
{
    static const char *const sockets[] = { "bus", "engine.sock", "a bus", "multiplexer",
                                           "systemd/private" };
    const struct scene scene = { .who = scene_who(state), .before = point_at_sockets };
    char path[256];
    struct outcome outcome;
    int fds[5], other;

    snprintf(path, sizeof path, "%s/systemd", scene_folder);
    mkdir(path, 0755);
    for (size_t i = 0; i < 5; i++)
        fds[i] = listen_path(sockets[i]);
    other = listen_path("agent.sock");
    scene_shell(&scene, &outcome,
                "for s in bus engine.sock 'a bus' multiplexer systemd/private agent.sock; do "
                "echo \"$s: $(./probe connect \"$s\")\"; done; ls systemd; echo x > bus");
    assert_has(outcome.out, "\nengine.sock: connect: ECONNREFUSED");
    assert_has(outcome.out, "bus: connect: ECONNREFUSED");
    assert_has(outcome.out, "a bus: connect: ECONNREFUSED");
    assert_has(outcome.out, "multiplexer: connect: ECONNREFUSED");
    assert_has(outcome.out, "systemd/private: connect: ENOENT");
    assert_has(outcome.out, "agent.sock: connect ok"); /* it only signs */
    assert_has(outcome.out, "Read-only file system");
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "masked %s/%.7s", scene_folder, sockets[i]);
        assert_has(outcome.report, path);
        close(fds[i]);
        snprintf(path, sizeof path, "%s/%s", scene_folder, sockets[i]);
        unlink(path);
    }
    close(other);
    snprintf(path, sizeof path, "%s/agent.sock", scene_folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/systemd", scene_folder);
    rmdir(path);
}

/* A /run like that of a desktop, in a mount namespace of the test. */
static void desktop_run(const struct scene *scene)
{
    (void)scene;
    if (mount("none", "/run", "tmpfs", 0, "mode=0755") < 0 ||
        system("cd /run && mkdir -p nscd systemd/resolve systemd/system avahi-daemon dbus podman &&"
               "touch nscd/socket systemd/resolve/io.systemd.Resolve dbus/system_bus_socket "
               "avahi-daemon/socket podman/podman.sock systemd/system/stays") != 0)
        _exit(97);
}

static void name_services_and_buses_are_masked(void **state)
{
    const struct scene scene = { .who = scene_who(state), .layout = desktop_run };
    struct outcome outcome;

    scene_shell(&scene, &outcome, "find /run -type f");
    assert_string_equal(outcome.out, "/run/systemd/system/stays\n");
    assert_has(outcome.report, "masked /run/nscd\n");
    assert_has(outcome.report, "masked /run/systemd/resolve\n");
    assert_has(outcome.report, "masked /run/avahi-daemon\n");
    assert_has(outcome.report, "masked /run/dbus\n");
    assert_has(outcome.report, "masked /run/podman\n");
    assert_has_not(outcome.report, "masked /var/run"); /* the same folder by another name */
}

/* A file that both users may write. */
static void write_evidence(const char *name)
{
    char at[128];
    FILE *file;

    snprintf(at, sizeof at, "%s/%s", scene_folder, name);
    file = fopen(at, "w");
    assert_non_null(file);
    assert_true(fputs("evidence\n", file) >= 0 && fchmod(fileno(file), 0666) == 0);
    assert_int_equal(fclose(file), 0);
}

static void a_guarded_file_stays_as_it_is(void **state)
{
    char option[128], script[1024];
    const struct scene scene = { .who = scene_who(state), .option = option };
    struct outcome outcome;

    snprintf(option, sizeof option, "guard=%s/guarded", scene_folder);
    snprintf(script, sizeof script,
             "cd %s && true > guarded && echo changed; rm -f guarded && echo changed;"
             "mv guarded other && echo changed; ln guarded other && echo changed;"
             "unshare -Urm umount guarded && echo changed; cat guarded",
             scene_folder);
    write_evidence("guarded");
    scene_shell(&scene, &outcome, script);
    assert_has(outcome.out, "evidence");
    assert_has_not(outcome.out, "changed");
}

static void a_guarded_folder_keeps_its_files(void **state)
{
    char option[128], script[1024], at[128];
    const struct scene scene = { .who = scene_who(state), .option = option };
    struct outcome outcome;

    snprintf(option, sizeof option, "guard_more=%s/kept", scene_folder);
    snprintf(at, sizeof at, "%s/kept", scene_folder);
    assert_true(mkdir(at, 0777) == 0 || errno == EEXIST);
    assert_int_equal(chmod(at, 0777), 0);
    write_evidence("kept/guarded");
    snprintf(script, sizeof script,
             "cd %s && true > kept/guarded && echo changed; rm -f kept/guarded && echo changed;"
             "touch kept/new && echo changed; mv kept other && echo changed;"
             "ln kept/guarded other && echo changed; cat kept/guarded",
             scene_folder);
    scene_shell(&scene, &outcome, script);
    assert_has(outcome.out, "evidence");
    assert_has_not(outcome.out, "changed");
}

static void a_hidden_file_is_empty_whatever_is_tried(void **state)
{
    char option[128], script[1024], masked[128];
    const struct scene scene = { .who = scene_who(state), .option = option };
    struct outcome outcome;

    snprintf(option, sizeof option, "hidden=%s/hidden", scene_folder);
    snprintf(script, sizeof script,
             "cd %s && cat hidden; ln hidden other && cat other; mv hidden other && cat other;"
             "rm -f hidden && echo removed; umount hidden && cat hidden;"
             "unshare -Urm sh -c 'umount hidden; cat hidden; mount --bind . /mnt; cat /mnt/hidden';"
             "cat /proc/self/root%s/hidden; echo x > hidden && echo changed; echo alive",
             scene_folder, scene_folder);
    write_evidence("hidden");
    scene_shell(&scene, &outcome, script);
    assert_has(outcome.out, "alive");
    assert_has_not(outcome.out, "evidence");
    assert_has_not(outcome.out, "removed");
    assert_has_not(outcome.out, "changed");
    snprintf(masked, sizeof masked, "masked %s/hidden\n", scene_folder);
    assert_has(outcome.report, masked);
}

/*
 * A folder that is shown at a second place has no cover there when the one with the cover is moved
 * into it afterwards.
 */
static void what_is_covered_is_not_uncovered_by_a_move(void **state)
{
    char option[128], script[1024], at[128];
    const struct scene scene = { .who = scene_who(state), .option = option };
    struct outcome outcome;
    int fd;

    snprintf(at, sizeof at, "%s/box", scene_folder);
    assert_int_equal(mkdir(at, 0777), 0);
    assert_int_equal(chmod(at, 0777), 0);
    if (!scene.who->root && geteuid() == 0)
        assert_int_equal(chown(at, ORDINARY_ID, ORDINARY_ID), 0);
    fd = listen_path("box/agent.sock");
    write_evidence("box/hidden");
    snprintf(option, sizeof option, "hidden=%s/box/hidden", scene_folder);
    snprintf(script, sizeof script,
             "cd %s && mkdir room second && ./probe connect box/agent.sock;"
             "unshare -Urm sh -c 'mount --bind room second && mv box room &&"
             "  cat second/box/hidden; ./probe connect second/box/agent.sock';"
             "mv room/box . 2>/dev/null; unshare -Ur echo a user namespace; rmdir room second",
             scene_folder);
    scene_shell(&scene, &outcome, script);
    assert_has(outcome.out, "connect: ECONNREFUSED");
    assert_has(outcome.out, "a user namespace");
    assert_has_not(outcome.out, "evidence");
    assert_has_not(outcome.out, "connect ok");
    close(fd);
    snprintf(script, sizeof script, "rm -rf %s", at);
    assert_int_equal(system(script), 0);
}

static void a_hidden_socket_is_refused(void **state)
{
    char option[128], path[128];
    const struct scene scene = { .who = scene_who(state), .option = option };
    struct outcome outcome;
    int fd;

    snprintf(option, sizeof option, "hidden=%s/proxy.sock", scene_folder);
    fd = listen_path("proxy.sock");
    scene_shell(&scene, &outcome, "./probe connect proxy.sock");
    assert_has(outcome.out, "connect: ECONNREFUSED");
    assert_has(outcome.report, "lies in a folder that the command shares with others");
    close(fd);
    snprintf(path, sizeof path, "%s/proxy.sock", scene_folder);
    unlink(path);
}

static void set_password(const struct scene *scene)
{
    (void)scene;
    setenv("PASSWORD", "open-sesame", 1);
    setenv("PASSWORD_HINT", "a cave", 1);
}

/* The variable is in the copy of the engine that becomes PID 1. */
static void a_forgotten_variable_is_nowhere_inside(void **state)
{
    const struct scene scene = { .who = scene_who(state),
                                 .option = "forget=PASSWORD",
                                 .before = set_password };
    struct outcome outcome;

    scene_shell(&scene, &outcome,
                "echo password ${PASSWORD-none}, hint $PASSWORD_HINT;"
                "tr '\\0' '\\n' < /proc/self/environ; tr '\\0' '\\n' < /proc/1/environ; true");
    assert_has(outcome.out, "password none, hint a cave");
    assert_has_not(outcome.out, "sesame");
}

/* One that cannot be kept from appearing. */
static void a_hidden_path_that_cannot_be_hidden_refuses_the_run(void **state)
{
    static const char *const rows[][2] = {
        { "hidden=/nowhere/file", "cannot hide '/nowhere/file' from the command, because it is not "
                                  "there yet; make it before the run" },
        { "hidden=missing", "because it is not there yet" }, /* in a folder that all write to */
        { "hidden=/dev/null", "has other names" },
        { "hidden=/dev/stdin", "has other names" },
        { "hidden=/proc/self/environ", "has other names" },
        { "hidden=/usr", "it is a folder" },
    };
    struct scene scene = { .who = scene_who(state) };
    struct outcome outcome;
    char here[128];

    snprintf(here, sizeof here, "hidden=%s/missing", scene_folder);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scene.option = i == 1 ? here : rows[i][0];
        scene_shell(&scene, &outcome, "echo alive");
        assert_has_not(outcome.out, "alive");
        assert_has(outcome.report, "error ");
        assert_has(outcome.report, rows[i][1]);
        assert_has(outcome.report, "children none");
    }
}

/* Same user, same right to change limits; kill(2) would be refused. */
static void limits_cannot_be_put_on_pid_1(void **state)
{
    static const char *const rows[] = {
        "--nofile=1024:1024 --nproc=0:0",
        "--nofile=0:0",
        "--cpu=0:0",
        "--as=1:1 --data=1:1 --fsize=0:0 --sigpending=0:0 --memlock=0:0",
    };
    const struct scene scene = { .who = scene_who(state) };
    struct outcome outcome;
    char script[256];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(script, sizeof script,
                 "prlimit --pid 1 %s || echo refused; sleep 1000 > /dev/null 2>&1 & exit 3",
                 rows[i]);
        scene_shell(&scene, &outcome, script);
        assert_has(outcome.out, "refused\n");
        assert_has(outcome.report, "ended code=3 signal=0 errno=0 killed=0 left=1\nleft s");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_BOTH(families_outside_the_network_namespace_are_refused),
#ifdef __x86_64__
        AS_BOTH(other_instruction_sets_are_no_way_around),
#endif
        AS_BOTH(nobody_types_into_the_callers_terminal),
        AS_BOTH(no_program_of_the_host_makes_a_key),
        AS_BOTH(threads_have_no_descriptors_of_their_own_where_that_matters),
        AS_BOTH(the_limits_of_pid_1_are_not_the_commands_to_set),
        AS_BOTH(control_groups_of_the_caller_cannot_be_changed),
        AS_BOTH(pid_1_cannot_be_looked_into_or_killed),
        AS_BOTH(no_process_of_the_host_is_seen),
        AS_BOTH(what_we_mounted_stays_mounted),
        AS_BOTH(the_network_is_not_the_commands_to_change),
        AS(root_cannot_reach_the_host_through_proc_and_sys, root),
        AS_BOTH(abstract_sockets_belong_to_the_network_namespace),
        AS_BOTH(sockets_that_lead_outside_are_masked),
        AS_BOTH(name_services_and_buses_are_masked),
        AS_BOTH(a_guarded_file_stays_as_it_is),
        AS_BOTH(a_guarded_folder_keeps_its_files),
        AS_BOTH(a_hidden_file_is_empty_whatever_is_tried),
        AS_BOTH(what_is_covered_is_not_uncovered_by_a_move),
        AS_BOTH(a_hidden_socket_is_refused),
        AS_BOTH(a_hidden_path_that_cannot_be_hidden_refuses_the_run),
        AS_BOTH(limits_cannot_be_put_on_pid_1),
        AS_BOTH(a_forgotten_variable_is_nowhere_inside),
    };

    umask(0022);
    return scene_possible() ? cmocka_run_group_tests(tests, scene_open, scene_close) : 77;
}
