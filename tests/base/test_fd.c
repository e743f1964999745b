/*
 * test_fd.c - whole reads and whole writes
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define LARGE ((size_t)1 << 20)

/* A file in memory with n bytes. */
static int file_of(size_t n)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    char *bytes = malloc(n + 1);

    assert_true(fd >= 0);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * 31 + i / 251);
    assert_int_equal(cf_fd_write_all(fd, bytes, n), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    free(bytes);
    return fd;
}

static void check_read(size_t size, size_t limit, int expected)
{
    cf_auto_close int fd = file_of(size);
    char *data = NULL;
    size_t length = 0;

    assert_int_equal(cf_fd_read_all(fd, limit, &data, &length), expected);
    if (expected < 0) {
        assert_null(data);
        return;
    }
    assert_int_equal(length, size);
    assert_int_equal(data[length], '\0');
    for (size_t i = 0; i < length; i++) {
        if (data[i] != (char)(i * 31 + i / 251))
            fail_msg("byte %zu", i);
    }
    free(data);
}

static void a_file_is_read_whole_up_to_the_limit(void **state)
{
    (void)state;
    check_read(0, 0, 0);
    check_read(0, 100, 0);
    check_read(1, 1, 0);
    check_read(100, 100, 0);
    check_read(101, 100, -EFBIG);
    check_read(16384, 16384, 0);
    check_read(16385, 16384, -EFBIG);
    check_read(32768, 32768, 0);
    check_read(LARGE + 1, LARGE * 2, 0);
    check_read(LARGE + 1, LARGE, -EFBIG);
}

static void what_cannot_be_read_is_an_error(void **state)
{
    char *data;
    size_t length;

    (void)state;
    assert_int_equal(cf_fd_read_file("/nonexistent/file", 10, &data, &length), -ENOENT);
    assert_int_equal(cf_fd_read_file("/", 10, &data, &length), -EISDIR);
    assert_int_equal(cf_fd_read_all(-1, 10, &data, &length), -EBADF);
    assert_int_equal(cf_fd_write_file("/nonexistent/file", "x"), -ENOENT);
    assert_int_equal(cf_fd_write_all(-1, "x", 1), -EBADF);
    assert_int_equal(cf_fd_write_all(-1, "", 0), 0);
}

static void *read_slowly(void *data)
{
    int fd = *(int *)data;
    char piece[777];
    size_t *total = calloc(1, sizeof *total);
    ssize_t n;

    while ((n = read(fd, piece, sizeof piece)) > 0)
        *total += (size_t)n;
    return total;
}

static void a_write_larger_than_the_pipe_is_written_whole(void **state)
{
    int fds[2];
    pthread_t reader;
    char *bytes = calloc(1, LARGE);
    void *total;

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_slowly, &fds[0]), 0);
    assert_int_equal(cf_fd_write_all(fds[1], bytes, LARGE), 0);
    cf_fd_close(&fds[1]);
    assert_int_equal(pthread_join(reader, &total), 0);
    assert_int_equal(*(size_t *)total, LARGE);
    cf_fd_close(&fds[0]);
    free(total);
    free(bytes);
}

static void text_is_written_to_a_file_that_is_there(void **state)
{
    char path[] = "/tmp/cf-test-fd-XXXXXX";
    cf_auto_close int fd = mkostemp(path, O_CLOEXEC);
    char *data;
    size_t length;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(cf_fd_write_file(path, "text\n"), 0);
    assert_int_equal(cf_fd_read_file(path, 100, &data, &length), 0);
    assert_string_equal(data, "text\n");
    assert_int_equal(length, 5);
    free(data);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(cf_fd_write_file(path, "text\n"), -ENOENT);
}

static void closing_keeps_errno_and_forgets_the_descriptor(void **state)
{
    int fd = file_of(1), copy = fd;

    (void)state;
    errno = ENOTTY;
    cf_fd_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(fcntl(copy, F_GETFD), -1);
    errno = ENOTTY;
    cf_fd_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(errno, ENOTTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_whole_up_to_the_limit),
        cmocka_unit_test(what_cannot_be_read_is_an_error),
        cmocka_unit_test(a_write_larger_than_the_pipe_is_written_whole),
        cmocka_unit_test(text_is_written_to_a_file_that_is_there),
        cmocka_unit_test(closing_keeps_errno_and_forgets_the_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
