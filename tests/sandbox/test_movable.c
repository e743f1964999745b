/*
 * test_movable.c - what the command could move, by who owns the folders above it
 */
#include "sandbox/movable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ORDINARY_ID 12345
#define OTHER_ID 12346

static char folder[64];

/* Below a folder of root's, which nobody else may write to, is what the case is about. */
static void make(const char *name, mode_t mode, uid_t owner)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(chmod(path, mode), 0);
    assert_int_equal(chown(path, owner, (gid_t)-1), 0);
}

static void check(const char *name, uid_t owner, bool expected)
{
    char path[160];
    bool movable;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(seteuid(ORDINARY_ID), 0);
    movable = cf_movable(path, owner);
    assert_int_equal(seteuid(0), 0);
    if (movable != expected)
        fail_msg("%s: %s", name, movable ? "movable" : "not movable");
}

static void what_lies_in_folders_of_others_is_not_movable(void **state)
{
    char link[128];

    (void)state;
    if (geteuid() != 0)
        skip(); /* nobody else's folders can be made */
    snprintf(folder, sizeof folder, "/usr/childflow-movable-%d", (int)getpid());
    assert_int_equal(mkdir(folder, 0755), 0);
    make("theirs", 0755, OTHER_ID);
    make("theirs/inner", 0755, 0);
    make("theirs/own", 0755, ORDINARY_ID);
    make("theirs/own/inner", 0755, 0);
    make("shared", 0775, OTHER_ID);
    make("sticky", 01777, 0);
    make("sticky/own", 0700, ORDINARY_ID);
    make("sticky/theirs", 0755, OTHER_ID);
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(symlink("theirs", link), 0);

    check("theirs/socket", OTHER_ID, false);
    check("theirs/socket", ORDINARY_ID, false);
    check("theirs/inner/socket", 0, false);
    check("theirs/own/socket", 0, true);
    check("theirs/own/inner/socket", 0, true);
    check("shared/socket", OTHER_ID, true);
    check("sticky/socket", OTHER_ID, false);
    check("sticky/socket", ORDINARY_ID, true);
    check("sticky/theirs/socket", 0, false);
    check("sticky/own/socket", 0, true);
    check("link/socket", 0, true);
    check("missing/socket", 0, true);
}

static void to_root_everything_is_movable(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_true(cf_movable("/usr/bin/env", 0));
}

static int remove_folder(void **state)
{
    char command[96];

    (void)state;
    if (!folder[0])
        return 0;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_lies_in_folders_of_others_is_not_movable, remove_folder),
        cmocka_unit_test(to_root_everything_is_movable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
