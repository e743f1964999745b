/*
 * test_sweep.c - sockets outside that no list knows are out of the command's reach
 *
 * How a case goes. Its layout, in a mount namespace of its own, binds sockets and forks a
 * process that has them for as long as the engine lives.
 */
#include "scene.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Descriptors of sockets. */
#define KEPT_FROM 100

static unsigned uid_of(const struct who *who)
{
    return who->root ? 0 : geteuid() == 0 ? ORDINARY_ID : geteuid();
}

/* Its folder is made too; everybody may use both. */
static void bind_at(const char *path, int type, bool listens)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = fcntl(socket(AF_UNIX, type | SOCK_CLOEXEC, 0), F_DUPFD_CLOEXEC, KEPT_FROM);
    char folder[128];

    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    mkdir(folder, 0755);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ||
        (listens && listen(fd, 8) < 0) || chmod(path, 0777) < 0)
        _exit(81);
}

static void listen_at(const char *path)
{
    bind_at(path, SOCK_STREAM, true);
}

/* Until the engine, which we become, has ended. (It may not be one that can signal us.) */
static void keep(void)
{
    struct pollfd engine = { .events = POLLIN };

    engine.fd = fcntl((int)syscall(SYS_pidfd_open, getpid(), 0), F_DUPFD_CLOEXEC, KEPT_FROM);
    if (engine.fd < 0)
        _exit(82);
    if (fork() != 0) {
        close(engine.fd);
        return;
    }
    if (syscall(SYS_close_range, 0, KEPT_FROM - 1, 0) < 0)
        _exit(82);
    while (poll(&engine, 1, -1) < 0)
        ;
    _exit(0);
}

static void new_folders(const struct scene *scene)
{
    const unsigned uid = uid_of(scene->who);
    char runtime[64];

    snprintf(runtime, sizeof runtime, "/run/user/%u", uid);
    umask(0);
    if (mount("none", "/run", "tmpfs", 0, "mode=0755") < 0 ||
        mount("none", "/srv", "tmpfs", 0, "mode=0755") < 0 ||
        mount("none", "/mnt", "tmpfs", 0, "mode=0755") < 0 || mkdir("/run/user", 0755) < 0 ||
        mkdir(runtime, 0700) < 0 || chown(runtime, uid, uid) < 0 || mkdir("/run/app", 0755) < 0)
        _exit(83);
}

#define TRY(paths) "for s in " paths "; do echo $s: $(./probe connect $s); done; echo alive"

static void check_none_reached(const struct outcome *outcome)
{
    assert_has(outcome->out, "alive\n");
    assert_has_not(outcome->out, "connect ok");
    assert_has(outcome->report, "ended code=0");
}

static void play_layout(void **state, void (*layout)(const struct scene *),
                        void (*before)(const struct scene *), const char *script,
                        struct outcome *ret)
{
    const struct scene scene = { .who = scene_who(state), .layout = layout, .before = before };

    scene_shell(&scene, ret, script);
}

static void unknown_daemons_run(const struct scene *scene)
{
    new_folders(scene);
    if (mkdir("/run/systemd", 0755) < 0 || mkdir("/run/samba", 0755) < 0)
        _exit(80);
    listen_at("/run/unknown.sock");
    listen_at("/run/app/unknown.sock");
    listen_at("/srv/unknown.sock");
    listen_at("/srv/below/unknown.sock");
    bind_at("/srv/datagram", SOCK_DGRAM, false);
    bind_at("/srv/packets", SOCK_SEQPACKET, true);
    close(open("/run/app/file", O_CREAT | O_CLOEXEC, 0644));
    listen_at("/run/systemd/userdb/io.systemd.NameServiceSwitch");
    listen_at("/run/nslcd/socket");
    listen_at("/run/samba/winbindd/pipe");
    listen_at("/run/systemd/journal/socket");
    keep();
}

static void sockets_of_unknown_daemons_are_out_of_reach(void **state)
{
    struct outcome outcome;

    play_layout(
        state, unknown_daemons_run, NULL,
        "ls /run/app; echo logs: $(./probe connect /run/systemd/journal/socket | tr o O);"
        "test -S /srv/datagram && echo connect ok; test -S /srv/packets && echo connect ok;" TRY(
            "/run/unknown.sock /run/app/unknown.sock /srv/unknown.sock "
            "/srv/below/unknown.sock /run/nslcd/socket /run/samba/winbindd/pipe "
            "/run/systemd/userdb/io.systemd.NameServiceSwitch"),
        &outcome);
    check_none_reached(&outcome);
    assert_has(outcome.out, "file\nlogs: cOnnect Ok\n");
    assert_has(outcome.report, "masked /run/app/unknown.sock\n");
    assert_has(outcome.report, "masked /srv/datagram\n");
    assert_has(outcome.report, "masked /run/nslcd\n");
}

static void agents_run(const struct scene *scene)
{
    new_folders(scene);
    listen_at("/srv/agent");
    listen_at("/srv/gnupg/S.gpg-agent");
    listen_at("/srv/gnupg/S.dirmngr");
    keep();
}

static void name_agent(const struct scene *scene)
{
    (void)scene;
    setenv("SSH_AUTH_SOCK", "/srv/agent", 1);
}

static void what_signs_is_let_through_and_what_fetches_is_not(void **state)
{
    struct outcome outcome;

    play_layout(state, agents_run, name_agent,
                TRY("/srv/agent /srv/gnupg/S.gpg-agent /srv/gnupg/S.dirmngr"), &outcome);
    assert_has(outcome.out, "/srv/agent: connect ok\n");
    assert_has(outcome.out, "/srv/gnupg/S.gpg-agent: connect ok\n");
    assert_has(outcome.out, "/srv/gnupg/S.dirmngr: connect: ECONNREFUSED\n");
}

static void run_is_shown_elsewhere(const struct scene *scene)
{
    new_folders(scene);
    if (mkdir("/mnt/run", 0755) < 0 || mkdir("/mnt/app", 0755) < 0 ||
        mkdir("/mnt/root", 0755) < 0 || mount("/run", "/mnt/run", NULL, MS_BIND, NULL) < 0 ||
        mount("/run/app", "/mnt/app", NULL, MS_BIND, NULL) < 0 ||
        mount("/", "/mnt/root", NULL, MS_BIND | MS_REC, NULL) < 0)
        _exit(84);
    listen_at("/run/unknown.sock");
    listen_at("/run/app/unknown.sock");
    listen_at("/run/nscd/socket");
    keep();
}

static void other_mounts_of_run_show_no_socket(void **state)
{
    struct outcome outcome;

    play_layout(state, run_is_shown_elsewhere, NULL,
                "test -d /mnt/run/app && test -d /mnt/root/run/app && echo shown;" TRY(
                    "/run/unknown.sock /mnt/run/unknown.sock /mnt/root/run/unknown.sock "
                    "/run/app/unknown.sock /mnt/app/unknown.sock /mnt/run/app/unknown.sock "
                    "/mnt/root/run/app/unknown.sock /mnt/root/mnt/app/unknown.sock "
                    "/mnt/root/mnt/run/unknown.sock "
                    "/run/nscd/socket /mnt/run/nscd/socket /mnt/root/run/nscd/socket"),
                &outcome);
    check_none_reached(&outcome);
    assert_has(outcome.out, "shown\n");
}

/* As a container sees its host's folders; the owner knows another path. */
static void the_owners_path_is_not_ours(const struct scene *scene)
{
    new_folders(scene);
    if (mount("none", "/srv", "tmpfs", 0, "mode=0755") < 0)
        _exit(85);
    listen_at("/srv/app/unknown.sock");
    if (mkdir("/run/host", 0755) < 0 || mount("/srv", "/run/host", NULL, MS_BIND, NULL) < 0 ||
        mkdir("/mnt/host", 0755) < 0 || mount("/srv/app", "/mnt/host", NULL, MS_BIND, NULL) < 0 ||
        umount2("/srv", MNT_DETACH) < 0)
        _exit(86);
    keep();
}

static void a_socket_is_found_that_its_owner_knows_by_another_path(void **state)
{
    struct outcome outcome;

    play_layout(state, the_owners_path_is_not_ours, NULL,
                "test -d /run/host/app && echo shown;" TRY(
                    "/run/host/app/unknown.sock /mnt/host/unknown.sock"),
                &outcome);
    check_none_reached(&outcome);
    assert_has(outcome.out, "shown\n");
}

static void run_is_shown_in_itself(const struct scene *scene)
{
    new_folders(scene);
    if (mkdir("/run/again", 0755) < 0 || mount("/run", "/run/again", NULL, MS_BIND, NULL) < 0)
        _exit(87);
}

static void a_run_that_is_shown_in_itself_is_refused(void **state)
{
    struct outcome outcome;

    play_layout(state, run_is_shown_in_itself, NULL, "echo alive", &outcome);
    assert_has_not(outcome.out, "alive");
    assert_has(outcome.report, "another mount shows it inside of itself");
}

static void run_is_shown_often(const struct scene *scene)
{
    char path[32];

    new_folders(scene);
    for (int i = 0; i < 16; i++) {
        snprintf(path, sizeof path, "/mnt/%d", i);
        if (mkdir(path, 0755) < 0 || mount("/run", path, NULL, MS_BIND, NULL) < 0)
            _exit(90);
    }
}

static void what_is_too_much_to_hide_is_refused(void **state)
{
    struct outcome outcome;

    play_layout(state, run_is_shown_often, NULL, "echo alive", &outcome);
    assert_has_not(outcome.out, "alive");
    assert_has(outcome.report, "/run is mounted at more than 16 places");
}

static void a_socket_has_two_names(const struct scene *scene)
{
    new_folders(scene);
    listen_at("/srv/unknown.sock");
    if (link("/srv/unknown.sock", "/srv/second") < 0)
        _exit(88);
    keep();
}

static void a_second_name_of_a_socket_is_told(void **state)
{
    struct outcome outcome;

    play_layout(state, a_socket_has_two_names, NULL, TRY("/srv/unknown.sock"), &outcome);
    check_none_reached(&outcome);
    assert_has(outcome.report, "warning '/srv/unknown.sock' is hidden, but the socket has another");
}

static void an_editor_has_a_link(const struct scene *scene)
{
    char path[64];

    new_folders(scene);
    listen_at("/srv/editor/0");
    snprintf(path, sizeof path, "/run/user/%u/nvim.7.0", uid_of(scene->who));
    if (symlink("/srv/editor/0", path) < 0)
        _exit(89);
    keep();
}

static void a_link_that_a_row_with_a_star_is_about_leads_nowhere(void **state)
{
    struct outcome outcome;
    char script[256];

    snprintf(script, sizeof script,
             "ls /run/user/%1$u; " TRY("/srv/editor/0 /run/user/%1$u/nvim.7.0"),
             uid_of(scene_who(state)));
    play_layout(state, an_editor_has_a_link, NULL, script, &outcome);
    check_none_reached(&outcome);
    assert_has_not(outcome.out, "nvim.7.0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_BOTH(sockets_of_unknown_daemons_are_out_of_reach),
        AS_BOTH(what_signs_is_let_through_and_what_fetches_is_not),
        AS_BOTH(other_mounts_of_run_show_no_socket),
        AS_BOTH(a_socket_is_found_that_its_owner_knows_by_another_path),
        AS_BOTH(a_run_that_is_shown_in_itself_is_refused),
        AS_BOTH(what_is_too_much_to_hide_is_refused),
        AS_BOTH(a_second_name_of_a_socket_is_told),
        AS_BOTH(a_link_that_a_row_with_a_star_is_about_leads_nowhere),
    };

    umask(0022);
    return scene_possible() ? cmocka_run_group_tests(tests, scene_open, scene_close) : 77;
}
