/*
 * log_file.c - a file that a run writes, of whole lines or other whole pieces
 */
#include "audit/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int cf_log_file_make_folders(const char *path, const char *what, struct cf_error *err)
{
    cf_auto_free char *folder = strdup(path);

    if (!folder)
        return cf_error_set(err, -ENOMEM, "out of memory");
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0777) < 0 && errno != EEXIST)
            return cf_error_errno(err, -errno, "cannot make the folder '%s' for the %s", folder,
                                   what);
        *slash = '/';
    }
    return 0;
}

/* Only make folders when the first try shows that one is missing. */
static int open_new(const char *path, const char *what, struct cf_error *err)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOCTTY;
    int fd = open(path, flags, 0666), r;

    if (fd >= 0)
        return fd;
    if (errno == ENOENT && path[0] != '\0') {
        r = cf_log_file_make_folders(path, what, err);
        if (r < 0)
            return r;
        fd = open(path, flags, 0666);
        if (fd >= 0)
            return fd;
    }
    return cf_error_errno(err, -errno, "cannot make the %s '%s'", what, path);
}

static int refuse_existing(const char *path, const char *what, struct cf_error *err)
{
    return cf_error_set(err, -EEXIST,
                        "the %s '%s' exists, and a %s is never appended to: name another file, "
                        "or put {run} into its name",
                        what, path, what);
}

/* O_NONBLOCK only for the open: a FIFO without a reader must not hang the run. */
static int open_existing(const char *path, const char *what, struct cf_error *err)
{
    cf_auto_close int fd = -1;
    struct stat st;
    int flags, ret_fd;

    if (stat(path, &st) < 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return refuse_existing(path, what, err);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return cf_error_errno(err, -errno, "cannot open the %s '%s'", what, path);
    if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
        return refuse_existing(path, what, err);
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
        return cf_error_errno(err, -errno, "cannot open the %s '%s'", what, path);
    ret_fd = fd;
    fd = -1;
    return ret_fd;
}

int cf_log_file_open(const char *path, const char *what, struct cf_log_file *ret_file,
                     struct cf_error *err)
{
    int fd = open_new(path, what, err);
    bool regular = true;

    if (fd == -EEXIST) {
        fd = open_existing(path, what, err);
        regular = false;
    }
    if (fd < 0)
        return fd;
    *ret_file = (struct cf_log_file) { .fd = fd, .regular = regular };
    return 0;
}

int cf_log_file_put(struct cf_log_file *file, const void *data, size_t length,
                    size_t *ret_written)
{
    size_t written = 0;
    int r = 0;

    while (r == 0 && written < length) {
        ssize_t n = write(file->fd, (const char *)data + written, length - written);

        if (n > 0)
            written += (size_t)n;
        else if (n == 0 || errno != EINTR)
            r = n < 0 ? -errno : -EIO;
    }
    *ret_written = written;
    return r;
}

void cf_log_file_keep(struct cf_log_file *file, size_t length)
{
    file->whole += length;
    if (file->regular)
        while (ftruncate(file->fd, (off_t)file->whole) < 0 && errno == EINTR)
            ;
}

int cf_log_file_write(struct cf_log_file *file, const char *lines, size_t length)
{
    const char *newline;
    size_t written;
    int r = cf_log_file_put(file, lines, length, &written);

    if (r == 0) {
        file->whole += length;
        return 0;
    }
    newline = memrchr(lines, '\n', written);
    cf_log_file_keep(file, newline ? (size_t)(newline - lines) + 1 : 0);
    return r;
}

bool cf_log_file_intact(const struct cf_log_file *file, const char *path)
{
    struct stat ours, there;

    if (file->fd < 0 || !file->regular)
        return true;
    return fstat(file->fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino && (uint64_t)ours.st_size == file->whole;
}

static void *sync_run(void *data)
{
    struct cf_log_file *file = data;

    file->sync_error = fsync(file->fd) < 0 ? errno : 0;
    return NULL;
}

void cf_log_file_sync(struct cf_log_file *file)
{
    if (file->fd >= 0 && file->regular && !file->syncing)
        file->syncing = pthread_create(&file->thread, NULL, sync_run, file) == 0;
}

int cf_log_file_close(struct cf_log_file *file)
{
    int r = 0;

    if (file->fd < 0)
        return 0;
    if (file->syncing)
        pthread_join(file->thread, NULL);
    else if (file->regular)
        sync_run(file);
    file->syncing = false;
    r = -file->sync_error;
    /* close() tells of a failed write-back on network file systems. */
    if (close(file->fd) < 0 && errno != EINTR && r == 0)
        r = -errno;
    file->fd = -1;
    return r;
}
