/*
 * test_automount.c - which mounts of an automounter are found
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "sandbox/automount.h"

static int note(void *data, const char *path)
{
    strcat(data, path);
    strcat(data, ";");
    return strcmp(path, "/stop") == 0 ? -7 : 0;
}

static void check(const char *mountinfo, const char *expected, int result)
{
    char *copy = strdup(mountinfo), found[256] = "";

    assert_non_null(copy);
    assert_int_equal(cf_automount_hosts(copy, note, found), result);
    assert_string_equal(found, expected);
    free(copy);
}

#define ROOT "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
#define AUTOFS(path, source)                                                                       \
    "36 21 0:41 / " path " rw,relatime shared:7 - autofs " source " rw,fd=5,indirect\n"

static void roots_of_the_map_of_hosts_are_found(void **state)
{
    (void)state;
    check(ROOT AUTOFS("/hosts", "-hosts"), "/hosts;", 0);
    check(AUTOFS("/net", "automount(pid77)"), "/net;", 0);
    check(AUTOFS("/a\\040b", "-hosts") ROOT AUTOFS("/c", "-hosts"), "/a b;/c;", 0);
    check("36 21 0:41 / /none rw - autofs -hosts rw", "/none;", 0); /* no optional field */
    check("36 21 0:41 / /two rw shared:1 master:2 - autofs -hosts rw\n", "/two;", 0);
    check(AUTOFS("/stop", "-hosts") AUTOFS("/c", "-hosts"), "/stop;", -7);
}

static void other_mounts_are_left_alone(void **state)
{
    (void)state;
    check("", "", 0);
    check(ROOT AUTOFS("/home", "/etc/auto.home"), "", 0);
    check(AUTOFS("/proc/sys/fs/binfmt_misc", "systemd-1"), "", 0);
    check("36 21 0:41 / /net rw - nfs4 server:/net rw\n", "", 0);
    check("36 21 0:41 / /x rw - ext4 -hosts rw\n", "", 0);
}

static void lines_that_end_early_are_passed_over(void **state)
{
    static const char line[] = "36 21 0:41 / /net rw shared:7 - autofs";

    (void)state;
    for (size_t length = 0; length < sizeof line; length++) {
        char part[sizeof line];

        memcpy(part, line, length);
        part[length] = '\0';
        check(part, "", 0);
    }
    check("36 21 0:41 / /net rw shared:7 -\n" AUTOFS("/net", "-hosts"), "/net;", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_of_the_map_of_hosts_are_found),
        cmocka_unit_test(other_mounts_are_left_alone),
        cmocka_unit_test(lines_that_end_early_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
