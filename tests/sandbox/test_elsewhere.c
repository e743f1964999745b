/*
 * test_elsewhere.c - at which other paths a folder or a socket is shown
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "sandbox/elsewhere.h"

static int note(void *data, const char *path)
{
    strcat(data, path);
    strcat(data, ";");
    return strcmp(path, "/stop") == 0 ? -7 : 0;
}

static void open_mounts(struct cf_elsewhere *elsewhere, const char *mountinfo)
{
    char *copy = strdup(mountinfo);

    assert_non_null(copy);
    assert_int_equal(cf_elsewhere_init(elsewhere, copy), 0);
}

static void check_folder(const char *mountinfo, const char *path, const char *expected, int result)
{
    struct cf_elsewhere elsewhere;
    char found[256] = "";

    open_mounts(&elsewhere, mountinfo);
    assert_int_equal(cf_elsewhere_folder(&elsewhere, path, note, found), result);
    assert_string_equal(found, expected);
    cf_elsewhere_done(&elsewhere);
}

#define MOUNT(device, root, point) "36 21 " device " " root " " point " rw shared:7 - tmpfs x rw\n"
#define ROOT MOUNT("8:1", "/", "/")
#define RUN MOUNT("0:5", "/", "/run")

static void a_folder_is_found_in_other_mounts_of_its_file_system(void **state)
{
    (void)state;
    check_folder(ROOT RUN, "/run", "", 0);
    check_folder(ROOT RUN MOUNT("0:5", "/", "/mnt"), "/run", "/mnt;", 0);
    check_folder(ROOT RUN MOUNT("0:5", "/", "/a\\040b") MOUNT("0:5", "/", "/c"), "/run", "/a b;/c;",
                 0);
    check_folder(ROOT RUN MOUNT("0:5", "/", "/mnt"), "/run/user/7", "/mnt/user/7;", 0);
    check_folder(ROOT RUN MOUNT("0:5", "/", "/stop") MOUNT("0:5", "/", "/c"), "/run", "/stop;", -7);
    /* A /run that is a folder of the root's file system. */
    check_folder(ROOT MOUNT("8:1", "/", "/mnt"), "/run", "/mnt/run;", 0);
    check_folder(ROOT MOUNT("8:1", "/run", "/mnt"), "/run", "/mnt;", 0);
    check_folder(MOUNT("8:1", "/image", "/") MOUNT("8:1", "/", "/mnt"), "/run", "/mnt/image/run;",
                 0);
}

static void other_mounts_do_not_count(void **state)
{
    (void)state;
    check_folder(ROOT RUN MOUNT("0:6", "/", "/mnt"), "/run", "", 0);
    check_folder(ROOT RUN MOUNT("0:5", "/lock", "/mnt"), "/run", "", 0); /* a part of it */
    check_folder(ROOT RUN MOUNT("0:5", "/r", "/mnt"), "/run/run", "", 0);
    check_folder(ROOT MOUNT("8:1", "/running", "/mnt"), "/run", "", 0);
    check_folder(ROOT RUN MOUNT("8:1", "/", "/mnt"), "/run", "", 0); /* what RUN covers */
    check_folder("", "/run", "", 0);
}

static void lines_that_end_early_are_passed_over(void **state)
{
    static const char line[] = "36 21 0:5 / /mnt rw";

    (void)state;
    for (size_t i = 0; i + 3 < sizeof line; i++) {
        char text[256];

        snprintf(text, sizeof text, ROOT RUN "%.*s", (int)i, line);
        check_folder(text, "/run", "", 0);
    }
    check_folder(ROOT RUN "36 21 5 / /mnt rw shared:7 - tmpfs x rw\n", "/run", "", 0);
}

/* A socket, and mounts that the kernel does not know. */
static void check_socket(const char *point_below, const char *name, const char *expected_below)
{
    char folder[] = "/tmp/childflow-test-XXXXXX", mountinfo[256], expected[256] = "",
         found[256] = "";
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct cf_listener listener = { .path = name };
    struct cf_elsewhere elsewhere;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat st;

    assert_non_null(mkdtemp(folder));
    snprintf(at.sun_path, sizeof at.sun_path, "%s/it", folder);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(stat(at.sun_path, &st), 0);
    listener.device = st.st_dev;
    listener.inode = (uint32_t)st.st_ino;
    snprintf(mountinfo, sizeof mountinfo, ROOT "36 21 %u:%u / %s%s rw shared:7 - tmpfs x rw\n",
             major(st.st_dev), minor(st.st_dev), folder, point_below);
    if (expected_below)
        snprintf(expected, sizeof expected, "%s%s;", folder, expected_below);
    open_mounts(&elsewhere, mountinfo);
    assert_int_equal(cf_elsewhere_socket(&elsewhere, &listener, note, found), 0);
    assert_string_equal(found, expected);
    cf_elsewhere_done(&elsewhere);
    close(fd);
    unlink(at.sun_path);
    rmdir(folder);
}

static void a_socket_is_found_by_the_end_of_its_path(void **state)
{
    (void)state;
    check_socket("", "/it", "/it");
    check_socket("", "/run/it", "/it");
    check_socket("", "/a/long/way/to/it", "/it");
    check_socket("", "/run/other", NULL);
    check_socket("", "/it/run", NULL);
    check_socket("/none", "/run/it", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_found_in_other_mounts_of_its_file_system),
        cmocka_unit_test(other_mounts_do_not_count),
        cmocka_unit_test(lines_that_end_early_are_passed_over),
        cmocka_unit_test(a_socket_is_found_by_the_end_of_its_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
