/*
 * test_secret.c - passwords out of the environment and out of files
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/secret.h"

#define VARIABLE "CF_TEST_PASSWORD"
#define MAXIMUM 16

static char folder[] = "/tmp/cf-secret-XXXXXX";
static char file[64], link_path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(file, sizeof file, "%s/password", folder);
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(file);
    unlink(link_path);
    return rmdir(folder);
}

static void write_file(const char *bytes, size_t length, mode_t mode)
{
    cf_auto_close int fd = -1;

    unlink(file);
    fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(cf_fd_write_all(fd, bytes, length), 0);
    assert_int_equal(fchmod(fd, mode), 0);
}

static void check_secret(const struct cf_secret *secret, const char *expected)
{
    assert_int_equal(secret->length, strlen(expected));
    assert_string_equal(secret->bytes, expected);
    assert_true(secret->capacity > secret->length);
}

static void check_empty(const struct cf_secret *secret)
{
    assert_null(secret->bytes);
    assert_int_equal(secret->length, 0);
}

static void check_env(const char *value, const char *expected)
{
    struct cf_error err = { 0 };
    struct cf_secret secret;

    setenv(VARIABLE, value, 1);
    assert_int_equal(cf_secret_take_env(VARIABLE, MAXIMUM, &secret, &err), 0);
    check_secret(&secret, expected);
    assert_null(getenv(VARIABLE));
    cf_secret_done(&secret);
    check_empty(&secret);
}

/* The variable is gone whether its value was taken or not. */
static void check_env_refused(const char *value, int code, const char *message)
{
    struct cf_secret secret;
    struct cf_error err = { 0 };

    if (value)
        setenv(VARIABLE, value, 1);
    assert_int_equal(cf_secret_take_env(VARIABLE, MAXIMUM, &secret, &err), code);
    assert_string_equal(err.text, message);
    assert_null(getenv(VARIABLE));
    check_empty(&secret);
}

static void a_variable_is_taken_out_of_the_environment(void **state)
{
    (void)state;
    check_env("hunter2", "hunter2");
    check_env("sixteen bytes !!", "sixteen bytes !!");
    check_env("a:b@c/d ", "a:b@c/d ");
}

static void a_variable_that_holds_no_password_is_refused(void **state)
{
    (void)state;
    check_env_refused(NULL, -ENOENT,
                      "expected a password in the variable '" VARIABLE "', which is not set");
    check_env_refused("", -EINVAL,
                      "expected a password in the variable '" VARIABLE "', got nothing");
    check_env_refused("seventeen bytes !", -EINVAL,
                      "expected a password of at most 16 bytes in the variable '" VARIABLE
                      "', got more");
    check_env_refused("two\nlines", -EINVAL,
                      "expected one line in the variable '" VARIABLE "', got several");
    check_env_refused("line\n", -EINVAL,
                      "expected one line in the variable '" VARIABLE "', got several");
}

/* A duplicate that getenv() does not find is wiped too. */
static void a_value_is_wiped_where_it_stood(void **state)
{
    char first[] = VARIABLE "=hunter2", second[] = VARIABLE "=hunter3", other[] = VARIABLE "X=kept";
    char *block[] = { first, other, second, NULL }, **before = environ;
    struct cf_error err = { 0 };
    struct cf_secret secret;

    (void)state;
    environ = block;
    assert_int_equal(cf_secret_take_env(VARIABLE, MAXIMUM, &secret, &err), 0);
    environ = before;
    check_secret(&secret, "hunter2");
    for (size_t i = sizeof VARIABLE; i < sizeof first; i++) {
        assert_int_equal(first[i], 0);
        assert_int_equal(second[i], 0);
    }
    assert_string_equal(other, VARIABLE "X=kept");
    cf_secret_done(&secret);
}

static void check_file(const char *bytes, size_t length, const char *expected)
{
    struct cf_error err = { 0 };
    struct cf_secret secret;

    write_file(bytes, length, 0600);
    if (cf_secret_read_file(file, MAXIMUM, &secret, &err) < 0)
        fail_msg("%s", err.text);
    check_secret(&secret, expected);
    cf_secret_done(&secret);
}

static void check_file_refused(const char *path, int code, const char *message)
{
    struct cf_error err = { 0 };
    struct cf_secret secret;
    char expected[256];

    snprintf(expected, sizeof expected, message, path);
    assert_int_equal(cf_secret_read_file(path, MAXIMUM, &secret, &err), code);
    assert_string_equal(err.text, expected);
    check_empty(&secret);
}

static void a_file_is_read_without_one_newline(void **state)
{
    (void)state;
    check_file("hunter2", 7, "hunter2");
    check_file("hunter2\n", 8, "hunter2");
    check_file("sixteen bytes !!\n", 17, "sixteen bytes !!");
    check_file(" \t", 2, " \t");
}

static void a_file_that_holds_no_password_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *message;
    } rows[] = {
        { "", 0, "expected a password in the password file '%s', got nothing" },
        { "\n", 1, "expected a password in the password file '%s', got nothing" },
        { "hunter2\n\n", 9, "expected one line in the password file '%s', got several" },
        { "hunter2\r\n", 9, "expected one line in the password file '%s', got several" },
        { "a\nb", 3, "expected one line in the password file '%s', got several" },
        { "a\0b", 3, "expected a password in the password file '%s', got a NUL byte in it" },
        { "seventeen bytes !", 17,
          "expected a password of at most 16 bytes in the password file '%s', got more" },
        { "far more than there may be, and a good deal more than that\n", 59,
          "expected a password of at most 16 bytes in the password file '%s', got more" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_file(rows[i].bytes, rows[i].length, 0600);
        check_file_refused(file, -EINVAL, rows[i].message);
    }
}

static void a_file_that_others_can_get_at_is_refused(void **state)
{
    static const mode_t wrong[] = { 0644, 0640, 0604, 0660, 0601, 0620, 0777 };
    char message[160];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_file("hunter2", 7, wrong[i]);
        snprintf(message, sizeof message,
                 "expected a password file that its owner alone may use; '%%s' has mode %04o: run "
                 "chmod 600",
                 (unsigned)wrong[i]);
        check_file_refused(file, -EPERM, message);
    }
}

static void a_file_of_another_user_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    write_file("hunter2", 7, 0600);
    assert_int_equal(chown(file, 12345, 12345), 0);
    check_file_refused(file, -EPERM,
                       "expected a password file of the user who runs childflow, or of root; '%s' "
                       "is another's");
}

static void what_is_no_regular_file_is_refused(void **state)
{
    char message[160];

    (void)state;
    unlink(file);
    snprintf(message, sizeof message, "cannot open the password file '%%s': %s", strerror(ENOENT));
    check_file_refused(file, -ENOENT, message);
    check_file_refused(folder, -EINVAL, "expected a regular file with a password, got '%s'");
    check_file_refused("/dev/null", -EINVAL, "expected a regular file with a password, got '%s'");
    assert_int_equal(mkfifo(file, 0600), 0);
    check_file_refused(file, -EINVAL, "expected a regular file with a password, got '%s'");
}

static void a_link_counts_for_what_it_leads_to(void **state)
{
    struct cf_error err = { 0 };
    struct cf_secret secret;

    (void)state;
    write_file("hunter2", 7, 0600);
    assert_int_equal(symlink("password", link_path), 0);
    assert_int_equal(cf_secret_read_file(link_path, MAXIMUM, &secret, &err), 0);
    check_secret(&secret, "hunter2");
    cf_secret_done(&secret);
    assert_int_equal(chmod(file, 0644), 0);
    assert_int_equal(cf_secret_read_file(link_path, MAXIMUM, &secret, &err), -EPERM);
}

static void the_source_is_the_one_that_is_named(void **state)
{
    struct cf_error err = { 0 };
    struct cf_secret secret;

    (void)state;
    assert_int_equal(cf_secret_read(NULL, NULL, MAXIMUM, &secret, &err), 0);
    check_empty(&secret);
    write_file("from a file", 11, 0600);
    assert_int_equal(cf_secret_read(NULL, file, MAXIMUM, &secret, &err), 0);
    check_secret(&secret, "from a file");
    cf_secret_done(&secret);
    setenv(VARIABLE, "a variable's", 1);
    assert_int_equal(cf_secret_read(VARIABLE, NULL, MAXIMUM, &secret, &err), 0);
    check_secret(&secret, "a variable's");
    cf_secret_done(&secret);
}

/* The flags of the mapping that holds an address, as /proc/self/smaps has them. */
static bool mapping_has(const void *address, const char *flag)
{
    cf_auto_fclose FILE *maps = fopen("/proc/self/smaps", "re");
    unsigned long at = (unsigned long)(uintptr_t)address, from, to;
    bool inside = false;
    char line[512];

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = at >= from && at < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            return strstr(line, flag) != NULL;
    }
    fail_msg("no such mapping");
    return false;
}

static void a_secret_is_in_no_core_dump_and_in_no_child(void **state)
{
    struct cf_secret secret;
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(cf_secret_init(&secret, 7), 0);
    memcpy(secret.bytes, "hunter2", 7);
    assert_true(mapping_has(secret.bytes, " dd"));
    assert_true(mapping_has(secret.bytes, " wf"));
    assert_false(mapping_has(&status, " dd"));
    pid = fork();
    if (pid == 0)
        _exit(secret.bytes[0] == '\0' && secret.bytes[6] == '\0' ? 0 : 1);
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_memory_equal(secret.bytes, "hunter2", 7);
    cf_secret_done(&secret);
}

static void a_secret_may_take_more_than_a_page(void **state)
{
    struct cf_secret secret;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    (void)state;
    assert_int_equal(cf_secret_init(&secret, page), 0);
    assert_int_equal(secret.capacity, 2 * page);
    memset(secret.bytes, 'x', page);
    assert_int_equal(secret.bytes[page], '\0');
    cf_secret_done(&secret);
    cf_secret_done(&secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_variable_is_taken_out_of_the_environment),
        cmocka_unit_test(a_variable_that_holds_no_password_is_refused),
        cmocka_unit_test(a_value_is_wiped_where_it_stood),
        cmocka_unit_test(a_file_is_read_without_one_newline),
        cmocka_unit_test(a_file_that_holds_no_password_is_refused),
        cmocka_unit_test(a_file_that_others_can_get_at_is_refused),
        cmocka_unit_test(a_file_of_another_user_is_refused),
        cmocka_unit_test(what_is_no_regular_file_is_refused),
        cmocka_unit_test(a_link_counts_for_what_it_leads_to),
        cmocka_unit_test(the_source_is_the_one_that_is_named),
        cmocka_unit_test(a_secret_is_in_no_core_dump_and_in_no_child),
        cmocka_unit_test(a_secret_may_take_more_than_a_page),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
