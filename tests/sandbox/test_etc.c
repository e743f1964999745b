/*
 * test_etc.c - the three files are ours in every layout of /etc
 */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* An /etc made by a script, in a mount namespace of the test. */
static void make_etc(const struct scene *scene)
{
    if (mount("none", "/etc", "tmpfs", 0, "mode=0755") < 0 ||
        mount("none", "/run", "tmpfs", 0, "mode=0755") < 0 || chdir("/etc") < 0 ||
        system(scene->data) != 0 || chdir(scene_folder) < 0)
        _exit(97);
}

/* The same with mounts below it; mount(8) would have no power as an ordinary user. */
static void make_mounted_etc(const struct scene *scene)
{
    make_etc(scene);
    if (mount("none", "/etc/other", "tmpfs", 0, NULL) < 0 ||
        system("echo mounted > /etc/other/file; mkdir /etc/other/sub") != 0 ||
        mount("none", "/etc/other/sub", "tmpfs", 0, NULL) < 0 ||
        system("echo below > /etc/other/sub/file") != 0 ||
        mount("/etc/deep/file", "/etc/single", NULL, MS_BIND, NULL) < 0)
        _exit(97);
}

static const char read_all[] = "cat /etc/resolv.conf /etc/hosts /etc/nsswitch.conf; "
                               "test ! -L /etc/resolv.conf && echo plain; "
                               "for f in resolv.conf hosts nsswitch.conf; do "
                               "ls /etc | grep -x $f; done; "
                               "echo theirs 2>/dev/null > /etc/resolv.conf; cat /etc/resolv.conf";

#define OURS                                                                                       \
    "nameserver 198.18.0.1\n127.0.0.1 localhost ours\nhosts: files dns\nplain\n"                   \
    "resolv.conf\nhosts\nnsswitch.conf\nnameserver 198.18.0.1\n"

static void check_layout(const struct who *who, const char *script)
{
    const struct scene scene = { .who = who, .layout = make_etc, .data = script };
    struct outcome outcome;

    scene_shell(&scene, &outcome, read_all);
    assert_has_not(outcome.report, "error");
    assert_has(outcome.out, OURS);
    assert_has_not(outcome.out, "theirs");
}

static void our_files_stand_in_every_layout(void **state)
{
    const struct who *who = scene_who(state);

    /* Regular files. */
    check_layout(who, "for f in resolv.conf hosts nsswitch.conf; do echo theirs > $f; done");
    /* Links: relative, absolute, dangling, in a circle, into a folder that is masked. */
    check_layout(who, "echo theirs > real; ln -s real resolv.conf; ln -s ../etc/real hosts;"
                      "ln -s /etc/real nsswitch.conf");
    check_layout(who, "ln -s ../run/systemd/resolve/stub-resolv.conf resolv.conf;"
                      "ln -s /no/where hosts; ln -s nsswitch.conf nsswitch.conf");
    check_layout(who, "mkdir -p /run/systemd/resolve; echo theirs > /run/systemd/resolve/x;"
                      "ln -s ../run/systemd/resolve/x resolv.conf; touch hosts nsswitch.conf");
    /* Missing: one, all. */
    check_layout(who, "touch resolv.conf hosts");
    check_layout(who, "ln -s /no/where resolv.conf; touch hosts");
    check_layout(who, "true");
}

static void an_incomplete_etc_keeps_what_is_in_it(void **state)
{
    const struct scene scene = {
        .who = scene_who(state),
        .layout = make_mounted_etc,
        .data = "mkdir deep other; echo kept > deep/file; echo top > top; ln -s deep/file link;"
                "touch single",
    };
    struct outcome outcome;

    scene_shell(&scene, &outcome,
                "cd /etc; cat deep/file top link other/file other/sub/file single hosts;"
                "readlink link; ls -d *; touch new && echo made");
    assert_has(outcome.out, "kept\ntop\nkept\nmounted\nbelow\nkept\n127.0.0.1 localhost ours\n"
                            "deep/file\n"
                            "deep\nhosts\nlink\nnsswitch.conf\nother\nresolv.conf\nsingle\ntop\n");
    if (scene.who->root) {
        assert_has(outcome.out, "made\n");
        assert_has(outcome.report, "warning /etc lacks");
    } else if (geteuid() == 0) {
        assert_has_not(outcome.out, "made\n");
        assert_has_not(outcome.report, "warning");
    }
}

/* As package managers do: write beside, rename over. */
static void root_can_replace_files_of_an_incomplete_etc(void **state)
{
    const struct scene scene = {
        .who = scene_who(state),
        .layout = make_etc,
        .data = "mkdir deep; echo old > deep/file; echo old > top",
    };
    struct outcome outcome;

    scene_shell(&scene, &outcome,
                "cd /etc; echo new > top- && mv top- top && echo new > deep/new &&"
                "mv deep/new deep/file && cat top deep/file");
    assert_string_equal(outcome.out, "new\nnew\n");
    assert_has(outcome.report, "warning /etc lacks");
}

static void a_folder_in_the_way_is_an_error(void **state)
{
    const struct scene scene = {
        .who = scene_who(state),
        .layout = make_etc,
        .data = "mkdir resolv.conf; touch hosts nsswitch.conf",
    };
    struct outcome outcome;

    scene_shell(&scene, &outcome, "echo ran");
    assert_has(outcome.report, "error '/etc/resolv.conf' is a directory");
    assert_has_not(outcome.out, "ran");
}

static void the_hosts_own_files_are_untouched(void **state)
{
    const struct scene scene = { .who = scene_who(state) };
    static const char *const paths[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf" };
    struct stat before[3], after[3];
    struct outcome outcome;

    for (int i = 0; i < 3; i++)
        lstat(paths[i], &before[i]);
    scene_shell(&scene, &outcome, read_all);
    assert_has(outcome.out, OURS);
    for (int i = 0; i < 3; i++) {
        lstat(paths[i], &after[i]);
        assert_int_equal(before[i].st_ino, after[i].st_ino);
        assert_int_equal(before[i].st_ctim.tv_nsec, after[i].st_ctim.tv_nsec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_BOTH(our_files_stand_in_every_layout),
        AS_BOTH(an_incomplete_etc_keeps_what_is_in_it),
        AS(root_can_replace_files_of_an_incomplete_etc, root),
        AS_BOTH(a_folder_in_the_way_is_an_error),
        AS_BOTH(the_hosts_own_files_are_untouched),
    };

    umask(0022);
    return scene_possible() ? cmocka_run_group_tests(tests, scene_open, scene_close) : 77;
}
