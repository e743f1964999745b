/*
 * test_view.c - the command's own /run, while the outside changes its
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

/*
 * How a case goes. Its layout lays out a /run in a mount namespace of its own, and forks a
 * process that stays there, outside of the sandbox. The command says when it is inside
 * (HANDSHAKE); then that process does what the outside does during a run, and answers. No
 * wait is without an end.
 */
#define HANDSHAKE "timeout 100 sh -c 'echo > go; read line < done; echo \"$line\"';"

/* Descriptors of that process: its sockets and what it waits for. */
#define KEPT_FROM 100

struct outside {
    void (*lay)(void);
    const char *(*change)(void); /* while the command waits, who prints what is returned */
    const char *(*look)(void);   /* when it asks again; or NULL */
};

static unsigned uid_of(const struct who *who)
{
    return who->root ? 0 : geteuid() == 0 ? ORDINARY_ID : geteuid();
}

/* The folder of a user who may be another than ours. */
static char runtime[64];

static const char *in_runtime(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", runtime, name);
    return path;
}

/* Anew, whatever was there, for everyone; the folder too when it is not there. */
static void listen_at(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char folder[128];
    int fd = fcntl(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), F_DUPFD_CLOEXEC, KEPT_FROM);

    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    mkdir(folder, 0755);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 8) < 0 ||
        chmod(path, 0777) < 0)
        _exit(81);
}

static void remove_folder(const char *path)
{
    char command[256];

    snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (system(command) != 0)
        _exit(82);
}

/* Ends with the engine, whoever that is by then. */
static void wait_for_word(int engine_fd, int go_fd)
{
    struct pollfd fds[] = { { .fd = engine_fd, .events = POLLIN },
                            { .fd = go_fd, .events = POLLIN } };
    char byte;

    while (poll(fds, 2, -1) < 0)
        ;
    if (fds[0].revents || read(go_fd, &byte, 1) != 1)
        _exit(0);
}

static _Noreturn void stay_outside(const struct outside *outside, int engine_fd)
{
    const char *answer;
    int go_fd, done_fd;

    /* A case ends when nobody has its output any more. */
    if (syscall(SYS_close_range, 0, KEPT_FROM - 1, 0) < 0)
        _exit(84);
    /* For both directions, so that nothing waits for the other end. */
    go_fd = open("go", O_RDWR | O_CLOEXEC);
    done_fd = open("done", O_RDWR | O_CLOEXEC);
    if (engine_fd < 0 || go_fd < 0 || done_fd < 0)
        _exit(85);
    for (int round = 0;; round++) {
        wait_for_word(engine_fd, go_fd);
        answer = round == 0 ? outside->change() : outside->look();
        dprintf(done_fd, "%s\n", answer);
    }
}

static void lay_out(const struct scene *scene)
{
    const struct outside *outside = scene->data;
    const unsigned uid = uid_of(scene->who);
    char text[256];
    int engine_fd;

    snprintf(runtime, sizeof runtime, "/run/user/%u", uid);
    if (mount("none", "/run", "tmpfs", 0, "mode=0755") < 0 || mkdir("/run/user", 0755) < 0 ||
        mkdir(runtime, 0700) < 0)
        _exit(86);
    snprintf(text, sizeof text, "mode=0700,uid=%u", uid);
    if (mount("none", runtime, "tmpfs", 0, text) < 0)
        _exit(87);
    outside->lay();
    unlink("go");
    unlink("done");
    umask(0);
    if (mkfifo("go", 0666) < 0 || mkfifo("done", 0666) < 0)
        _exit(88);
    umask(0022);
    engine_fd = fcntl((int)syscall(SYS_pidfd_open, getpid(), 0), F_DUPFD_CLOEXEC, KEPT_FROM);
    if (fork() == 0)
        stay_outside(outside, engine_fd);
    close(engine_fd);
}

static void play_case(const struct who *who, const struct outside *outside, const char *script,
                      struct outcome *ret)
{
    const struct scene scene = { .who = who, .layout = lay_out, .data = outside };

    scene_shell(&scene, ret, script);
}

static const char *const names_of_run[] = {
    "/run/nscd/socket",     "/run/docker.sock",          "/run/dbus/system_bus_socket",
    "/run/systemd/private", "/run/systemd/io.systemd.A", "/run/systemd/resolve/io.systemd.Resolve",
    "/run/podman/p.sock",   "/run/avahi-daemon/socket",
};
static const char *const names_of_runtime[] = { "bus", "docker.sock", "nvim.7.0", "podman/p.sock",
                                                "gnupg/S.dirmngr" };

static void listen_at_all(size_t from, size_t step)
{
    for (size_t i = from; i < sizeof names_of_run / sizeof *names_of_run; i += step)
        listen_at(names_of_run[i]);
    for (size_t i = from; i < sizeof names_of_runtime / sizeof *names_of_runtime; i += step)
        listen_at(in_runtime(names_of_runtime[i]));
}

static void every_other_daemon_runs(void)
{
    mkdir("/run/systemd", 0755);
    mkdir("/run/open", 0777);
    listen_at_all(0, 2);
}

static void connect_to(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        _exit(89);
    close(fd);
}

/* Some make their folder anew, some only the socket. */
static const char *all_daemons_start_again(void)
{
    remove_folder("/run/nscd");
    remove_folder("/run/dbus");
    remove_folder(in_runtime("podman"));
    listen_at_all(0, 1);
    listen_at("/run/brand-new.sock");
    for (size_t i = 0; i < sizeof names_of_run / sizeof *names_of_run; i++)
        connect_to(names_of_run[i]); /* as anyone can out here */
    return "changed";
}

/* What is tried, in sh: each socket by each name for /run, and what find sees. $1: the user. */
#define TRY                                                                                        \
    "TRY='for s in nscd/socket docker.sock dbus/system_bus_socket systemd/private "                \
    "systemd/io.systemd.A systemd/resolve/io.systemd.Resolve podman/p.sock avahi-daemon/socket "   \
    "brand-new.sock user/'$1'/bus user/'$1'/docker.sock user/'$1'/nvim.7.0 "                       \
    "user/'$1'/podman/p.sock user/'$1'/gnupg/S.dirmngr; do "                                       \
    "set -- $* /run/$s /var/run/$s /mnt/$s /mnt/run/$s /proc/1/root/run/$s "                       \
    "/proc/self/root/run/$s; done; ./probe reach $*; find /run /mnt/run -type s 2>/dev/null';"     \
    "export TRY;"

/* In namespaces of its own, where it has power over mounts. */
#define ATTACKS                                                                                    \
    "for c in true 'umount -l /run' 'umount -l /run/user/*' 'umount -R /run' "                     \
    "'mount --bind / /mnt' 'mount --rbind / /mnt; umount -l /mnt/run' 'mount --bind /run /mnt' "   \
    "'mount --rbind /run /mnt' 'mount --make-rprivate /; umount -l /run' "                         \
    "'mount -t tmpfs x /run; umount -l /run; umount -l /run' "                                     \
    "'mount -t overlay -o lowerdir=/:/run x /mnt' 'mount --move /run /mnt' "                       \
    "'mount -t proc p /proc'; do unshare -Urmpf sh -c \"$c; set --; eval \\\"\\$TRY\\\"\" "        \
    "2>/dev/null; "                                                                                \
    "done; umount -l /run && echo gone; sh -c \"$TRY\";"                                           \
    "nsenter -t 1 -m sh -c \"$TRY\"; chroot /proc/1/root sh -c \"$TRY\"; "                         \
    "chroot /proc/self/root sh -c \"cd $PWD; $TRY\"; echo alive"

static void what_a_daemon_makes_during_the_run_is_not_reached(void **state)
{
    static const struct outside outside = { every_other_daemon_runs, all_daemons_start_again,
                                            NULL };
    const struct who *who = scene_who(state);
    struct outcome outcome;
    char script[4096];

    snprintf(script, sizeof script, "set -- %u; %s sh -c \"$TRY\"; %s %s", uid_of(who), TRY,
             HANDSHAKE, ATTACKS);
    play_case(who, &outside, script, &outcome);
    assert_has(outcome.out, "changed\n");
    assert_has(outcome.out, "alive\n");
    assert_has(outcome.out, "reach ok\n");
    assert_has_not(outcome.out, " is reached");
    assert_has_not(outcome.out, " is there");
    assert_has_not(outcome.out, "gone\n");
    assert_has_not(outcome.out, "sock\n");
}

/* The handle of a folder as anyone can learn or guess it. */
static const char *tell_handle(void)
{
    static char text[2 * MAX_HANDLE_SZ + 16];
    union {
        struct file_handle handle;
        unsigned char octets[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } u = { .handle.handle_bytes = MAX_HANDLE_SZ };
    int mount_id, n;

    if (name_to_handle_at(AT_FDCWD, "/run/nscd", &u.handle, &mount_id, 0) < 0)
        return "no handles";
    n = snprintf(text, sizeof text, "%d:", u.handle.handle_type);
    for (unsigned i = 0; i < u.handle.handle_bytes; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%02x", u.handle.f_handle[i]);
    return text;
}

static void a_folder_that_is_left_out_cannot_be_had_by_its_handle(void **state)
{
    static const struct outside outside = { every_other_daemon_runs, tell_handle, NULL };
    struct outcome outcome;

    play_case(
        scene_who(state), &outside,
        "handle=$(timeout 100 sh -c 'echo > go; read line < done; echo $line');"
        "echo \"<$handle>\"; ./probe handle $handle /run/open;"
        "unshare -Urm ./probe handle $handle /run/open; unshare -Urm ./probe handle $handle /",
        &outcome);
    assert_has(outcome.out, "handle: ");
    assert_has_not(outcome.out, "no handles");
    assert_has_not(outcome.out, "handle ok");
}

static void write_line(const char *path, const char *line)
{
    FILE *file = fopen(path, "we");

    if (!file || fprintf(file, "%s\n", line) < 0 || fclose(file) != 0 || chmod(path, 0666) < 0)
        _exit(90);
}

static void ordinary_things_are_there(void)
{
    if (mkdir("/run/systemd", 0755) < 0 || mkdir("/run/lock", 0777) < 0 ||
        chmod("/run/lock", 0777) < 0 || mount("none", "/run/lock", "tmpfs", 0, "mode=0777") < 0 ||
        mkdir("/run/app", 0755) < 0 || symlink("/dev/shm", "/run/shm") < 0)
        _exit(91);
    listen_at("/run/app/app.sock");
    listen_at("/run/other.sock");
    listen_at("/run/systemd/journal/socket");
    listen_at(in_runtime("agent.sock"));
    write_line("/run/utmp", "users");
    write_line("/run/lock/before", "from outside");
    write_line(in_runtime("cookie"), "monster");
}

static const char *outside_goes_on(void)
{
    write_line("/run/lock/during", "also from outside");
    write_line("/run/utmp", "more users");
    return "changed";
}

static const char *outside_looks(void)
{
    static char text[256];

    snprintf(text, sizeof text, "in a folder that was there: %s, in /run: %s, in the user's: %s",
             access("/run/lock/inside", F_OK) == 0 ? "there" : "none",
             access("/run/inside", F_OK) == 0 ? "there" : "none",
             access(in_runtime("inside"), F_OK) == 0 ? "there" : "none");
    return text;
}

static void name_agent(const struct scene *scene)
{
    char path[64];

    snprintf(path, sizeof path, "/run/user/%u/agent.sock", uid_of(scene->who));
    setenv("SSH_AUTH_SOCK", path, 1);
}

static void what_is_not_listed_is_there_and_goes_on(void **state)
{
    static const struct outside outside = { ordinary_things_are_there, outside_goes_on,
                                            outside_looks };
    const struct who *who = scene_who(state);
    const struct scene scene = {
        .who = who, .layout = lay_out, .before = name_agent, .data = &outside
    };
    struct outcome outcome;
    char script[2048];

    snprintf(script, sizeof script,
             HANDSHAKE
             "cat /run/utmp /run/lock/before /run/lock/during /run/user/%u/cookie;"
             "readlink /run/shm; for s in other.sock app/app.sock systemd/journal/socket "
             "user/%u/agent.sock; do echo $s: $(./probe connect /run/$s); done;"
             "echo x > /run/lock/inside; echo x > /run/user/%u/inside && echo wrote to mine;"
             "cp /bin/true /run/user/%u/ && /run/user/%u/true && echo ran;"
             "echo x 2>&1 > /run/inside && echo wrote to run;" HANDSHAKE,
             uid_of(who), uid_of(who), uid_of(who), uid_of(who), uid_of(who));
    scene_shell(&scene, &outcome, script);
    assert_has(outcome.out,
               "changed\nmore users\nfrom outside\nalso from outside\nmonster\n/dev/shm\n");
    assert_has(outcome.out, "other.sock: connect: ENOENT"); /* who may wait there */
    assert_has(outcome.out, "app/app.sock: connect: ENOENT");
    assert_has(outcome.out, "systemd/journal/socket: connect ok");
    assert_has(outcome.out, "agent.sock: connect ok");
    assert_has(outcome.out, "wrote to mine\nran\n");
    assert_has(outcome.out,
               "in a folder that was there: there, in /run: none, in the user's: none");
    if (who->root || geteuid() != 0) /* whose the folder is here */
        assert_has(outcome.out, "wrote to run");
    else
        assert_has_not(outcome.out, "wrote to run");
}

/* A layout without a process outside. */
static void check_layout(const struct who *who, void (*layout)(const struct scene *),
                         void (*before)(const struct scene *), const char *script,
                         struct outcome *ret)
{
    const struct scene scene = { .who = who, .layout = layout, .before = before };

    scene_shell(&scene, ret, script);
}

static void var_run_is_another_folder(const struct scene *scene)
{
    (void)scene;
    if (mount("none", "/run", "tmpfs", 0, "mode=0755") < 0 ||
        mount("none", "/var", "tmpfs", 0, "mode=0755") < 0 ||
        system("mkdir -p /var/run/nscd /var/run/app /run/nscd /run/app") != 0)
        _exit(92);
}

static void var_run_is_the_same_folder(const struct scene *scene)
{
    var_run_is_another_folder(scene);
    if (mount("/run", "/var/run", NULL, MS_BIND, NULL) < 0)
        _exit(93);
}

static void var_run_leads_to_run(const struct scene *scene)
{
    var_run_is_another_folder(scene);
    if (system("rm -r /var/run && ln -s ../run /var/run") != 0)
        _exit(94);
}

static void var_run_is_replaced_whatever_it_is(void **state)
{
    void (*const layouts[])(const struct scene *) = {
        var_run_is_another_folder,
        var_run_is_the_same_folder,
        var_run_leads_to_run,
    };
    const struct who *who = scene_who(state);
    struct outcome outcome;

    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        check_layout(who, layouts[i], NULL, "ls -d /run/* /var/run/*", &outcome);
        assert_string_equal(outcome.out, "/run/app\n/var/run/app\n");
        assert_has(outcome.report, "masked /run/nscd\n");
    }
}

/* One as Docker Desktop has it, and a folder that lies elsewhere. */
static void links_lead_out_of_run(const struct scene *scene)
{
    (void)scene;
    if (mount("none", "/run", "tmpfs", 0, "mode=0755") < 0 ||
        mount("none", "/srv", "tmpfs", 0, "mode=0755") < 0 || mkdir("/srv/podman", 0755) < 0)
        _exit(95);
    listen_at("/srv/engine.sock");
    listen_at("/srv/podman/p.sock");
    if (symlink("/srv/engine.sock", "/run/docker.sock") < 0 ||
        symlink("/srv/podman", "/run/podman") < 0)
        _exit(96);
}

static void what_a_link_in_run_leads_to_is_covered(void **state)
{
    struct outcome outcome;

    check_layout(scene_who(state), links_lead_out_of_run, NULL,
                 "for s in /run/docker.sock /srv/engine.sock /run/podman/p.sock "
                 "/srv/podman/p.sock; do ./probe connect $s; done",
                 &outcome);
    assert_string_equal(outcome.out, "connect: ECONNREFUSED\nconnect: ECONNREFUSED\n"
                                     "connect: ENOENT\nconnect: ENOENT\n");
}

static void runtime_folder_elsewhere(const struct scene *scene)
{
    const unsigned uid = uid_of(scene->who);
    char text[64];

    snprintf(text, sizeof text, "mode=0700,uid=%u", uid);
    if (mount("none", "/srv", "tmpfs", 0, text) < 0 || system("touch /srv/bus /srv/stays") != 0)
        _exit(97);
}

static void name_runtime_folder(const struct scene *scene)
{
    (void)scene;
    setenv("XDG_RUNTIME_DIR", "/srv/", 1);
}

static void a_runtime_folder_elsewhere_is_replaced_too(void **state)
{
    struct outcome outcome;

    check_layout(scene_who(state), runtime_folder_elsewhere, name_runtime_folder,
                 "ls /srv; cd /srv && touch new && ls", &outcome);
    assert_string_equal(outcome.out, "stays\nnew\nstays\n");
}

static void start_in_run(const struct scene *scene)
{
    char path[64];

    snprintf(path, sizeof path, "/run/user/%u", uid_of(scene->who));
    if (chdir(path) < 0)
        _exit(98);
}

static void nothing(void)
{
}

static void who_works_in_run_is_told_that_it_is_not_kept(void **state)
{
    static const struct outside outside = { nothing, outside_goes_on, NULL };
    const struct scene scene = {
        .who = scene_who(state), .layout = lay_out, .before = start_in_run, .data = &outside
    };
    struct outcome outcome;

    scene_shell(&scene, &outcome, "touch mine; ls");
    assert_string_equal(outcome.out, "mine\n");
    assert_has(outcome.report, "warning the command has a working directory of its own");
}

/* A proxy with a folder of its own, and a secret as container engines hand it over. */
static void a_proxy_runs(void)
{
    ordinary_things_are_there();
    if (mount("none", "/srv", "tmpfs", 0, "mode=0755") < 0 || mkdir("/run/secrets", 0755) < 0 ||
        mkdir("/srv/proxy", 0777) < 0 || chmod("/srv/proxy", 0777) < 0)
        _exit(99);
    listen_at("/srv/proxy/proxy.sock");
    write_line("/srv/proxy/other", "stays");
    write_line("/run/secrets/password", "sesame");
    write_line("/run/secrets/other", "stays");
    write_line("/run/password", "sesame");
}

static const char *the_proxy_starts_again(void)
{
    listen_at("/srv/proxy/proxy.sock");
    listen_at("/srv/proxy/later.sock");
    connect_to("/srv/proxy/later.sock");
    unlink("/run/secrets/password");
    write_line("/run/secrets/password", "sesame");
    unlink("/run/password");
    write_line("/run/password", "sesame");
    return "changed";
}

static void check_hidden(const struct who *who, const char *option, const char *script)
{
    static const struct outside outside = { a_proxy_runs, the_proxy_starts_again, NULL };
    const struct scene scene = {
        .who = who, .layout = lay_out, .data = &outside, .option = option
    };
    struct outcome outcome;

    scene_shell(&scene, &outcome, script);
    assert_has(outcome.out, "changed\n");
    assert_has(outcome.out, "alive\n");
    assert_has_not(outcome.out, "sesame");
    assert_has_not(outcome.out, " is reached");
    assert_has_not(outcome.report, "warning");
}

static void what_the_run_hides_stays_hidden_when_it_is_made_anew(void **state)
{
    const struct who *who = scene_who(state);

    check_hidden(who, "hidden=/srv/proxy/proxy.sock",
                 HANDSHAKE "./probe reach /srv/proxy/proxy.sock /srv/proxy/later.sock;"
                           "test $(cat /srv/proxy/other) = stays && echo alive");
    check_hidden(who, "hidden=/srv/proxy/later.sock", /* not there when the command starts */
                 HANDSHAKE "./probe reach /srv/proxy/later.sock; echo alive");
    check_hidden(who, "hidden=/run/secrets/password",
                 HANDSHAKE "cat /run/secrets/password;"
                           "test $(cat /run/secrets/other) = stays && echo alive");
    check_hidden(who, "hidden=/run/password", HANDSHAKE "cat /run/password; echo alive");
    check_hidden(who, "hidden=/run/nowhere/password", HANDSHAKE "echo alive");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_BOTH(what_a_daemon_makes_during_the_run_is_not_reached),
        AS_BOTH(a_folder_that_is_left_out_cannot_be_had_by_its_handle),
        AS_BOTH(what_is_not_listed_is_there_and_goes_on),
        AS_BOTH(var_run_is_replaced_whatever_it_is),
        AS_BOTH(what_a_link_in_run_leads_to_is_covered),
        AS_BOTH(a_runtime_folder_elsewhere_is_replaced_too),
        AS_BOTH(who_works_in_run_is_told_that_it_is_not_kept),
        AS_BOTH(what_the_run_hides_stays_hidden_when_it_is_made_anew),
    };

    umask(0022);
    return scene_possible() ? cmocka_run_group_tests(tests, scene_open, scene_close) : 77;
}
