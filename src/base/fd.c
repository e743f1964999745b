/*
 * fd.c - descriptors: whole reads, whole writes
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define READ_STEP ((size_t)16384)

int cf_fd_write_all(int fd, const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t n = write(fd, at, length);

        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        at += n;
        length -= (size_t)n;
    }
    return 0;
}

int cf_fd_read_all(int fd, size_t limit, char **ret_data, size_t *ret_length)
{
    cf_auto_free char *data = NULL;
    size_t length = 0, capacity = 0;

    for (;;) {
        ssize_t n;

        if (capacity - length < READ_STEP + 1) {
            char *grown;

            capacity = capacity ? capacity * 2 : READ_STEP * 2;
            grown = realloc(data, capacity);
            if (!grown)
                return -ENOMEM;
            data = grown;
        }
        n = read(fd, data + length, READ_STEP);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (n == 0)
            break;
        length += (size_t)n;
        if (length > limit)
            return -EFBIG;
    }
    data[length] = '\0';
    *ret_data = data;
    data = NULL;
    *ret_length = length;
    return 0;
}

int cf_fd_read_file(const char *path, size_t limit, char **ret_data, size_t *ret_length)
{
    cf_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return -errno;
    return cf_fd_read_all(fd, limit, ret_data, ret_length);
}

int cf_fd_write_file(const char *path, const char *text)
{
    cf_auto_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return -errno;
    return cf_fd_write_all(fd, text, strlen(text));
}

void cf_fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}
