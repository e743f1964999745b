/*
 * log_file.c - a file that a run writes, of whole lines or other whole pieces
 *
 * How this works. The command may reach the file by a name or a mount that nobody
 * guards, and write into it what is as long as what was there. So lines are hashed as they
 * are written, under a key that is in no other process, and at the end the file is
 * read again: by the descriptor that wrote it, for its name may have gone to another.
 */
#include "audit/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"

#define READ_BYTES 16384
#define SMALL_BYTES 65536 /* to begin a thread takes as long as to sync and read these */
#define NEW_FLAGS (O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOCTTY)

static struct cf_log_print print_begin(void)
{
    return (struct cf_log_print) { .hash = cf_siphash_begin(cf_hash_secret()) };
}

static void print_add(struct cf_log_print *print, const char *data, size_t length)
{
    const uint8_t *at = (const uint8_t *)data, *end = at + length;
    uint64_t word;

    while (at < end) {
        unsigned n = print->length % 8;

        if (n == 0 && end - at >= 8) {
            memcpy(&word, at, 8);
            cf_siphash_word(&print->hash, word);
            at += 8;
            print->length += 8;
            continue;
        }
        print->left |= (uint64_t)*at++ << (8 * n);
        print->length++;
        if (n == 7) {
            cf_siphash_word(&print->hash, print->left);
            print->left = 0;
        }
    }
}

static uint64_t print_end(const struct cf_log_print *print)
{
    return cf_siphash_end(print->hash, print->left | print->length << 56);
}

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
static int open_new(const char *path, const char *what, mode_t mode, struct cf_error *err)
{
    int fd = open(path, NEW_FLAGS, mode), r;

    if (fd >= 0)
        return fd;
    if (errno == ENOENT && path[0] != '\0') {
        r = cf_log_file_make_folders(path, what, err);
        if (r < 0)
            return r;
        fd = open(path, NEW_FLAGS, mode);
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

/* O_NONBLOCK: a FIFO without a reader must not hang the run, nor one whose reader does not read. */
static int open_existing(const char *path, const char *what, struct cf_error *err)
{
    cf_auto_close int fd = -1;
    struct stat st;
    int ret_fd;

    if (stat(path, &st) < 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return refuse_existing(path, what, err);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return cf_error_errno(err, -errno, "cannot open the %s '%s'", what, path);
    if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
        return refuse_existing(path, what, err);
    ret_fd = fd;
    fd = -1;
    return ret_fd;
}

int cf_log_file_open(const char *path, const char *what, mode_t mode,
                     struct cf_log_file *ret_file, struct cf_error *err)
{
    int fd = open_new(path, what, mode, err);
    bool regular = true;

    if (fd == -EEXIST) {
        fd = open_existing(path, what, err);
        regular = false;
    }
    if (fd < 0)
        return fd;
    *ret_file = (struct cf_log_file) { .fd = fd, .regular = regular, .print = print_begin() };
    return 0;
}

int cf_log_file_open_at(int folder_fd, const char *name, const char *path, const char *what,
                        mode_t mode, struct cf_log_file *ret_file, struct cf_error *err)
{
    int fd = openat(folder_fd, name, NEW_FLAGS, mode);

    if (fd < 0)
        return cf_error_errno(err, -errno, "cannot make the %s '%s'", what, path);
    *ret_file = (struct cf_log_file) { .fd = fd, .regular = true, .print = print_begin() };
    return 0;
}

static struct {
    int (*fn)(void *data, int fd);
    void *data;
} waiter;

void cf_log_file_wait_by(int (*wait)(void *data, int fd), void *data)
{
    waiter.fn = wait;
    waiter.data = data;
}

/* Until it takes more. Returns 0 or -errno. */
static int wait_for_room(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

    if (waiter.fn)
        return waiter.fn(waiter.data, fd);
    return poll(&poll_fd, 1, -1) < 0 && errno != EINTR ? -errno : 0;
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
        else if (n < 0 && errno == EAGAIN && !file->regular)
            r = wait_for_room(file->fd);
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
    size_t written, whole;
    int r = cf_log_file_put(file, lines, length, &written);

    if (r == 0) {
        print_add(&file->print, lines, length);
        file->whole += length;
        return 0;
    }
    newline = memrchr(lines, '\n', written);
    whole = newline ? (size_t)(newline - lines) + 1 : 0;
    print_add(&file->print, lines, whole);
    cf_log_file_keep(file, whole);
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

/* Is what stands in the file what was written? */
static bool is_same(const struct cf_log_file *file)
{
    struct cf_log_print print = print_begin();
    char data[READ_BYTES];

    /* One byte more tells that there is more. */
    while (print.length <= file->whole) {
        uint64_t most = file->whole - print.length + 1;
        ssize_t n = pread(file->fd, data, most < sizeof data ? most : sizeof data,
                          (off_t)print.length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        print_add(&print, data, (size_t)n);
    }
    return print.length == file->whole && print_end(&print) == print_end(&file->print);
}

static void *sync_run(void *data)
{
    struct cf_log_file *file = data;

    file->sync_error = fsync(file->fd) < 0 ? errno : 0;
    if (file->print.length == file->whole) /* it is one of lines */
        file->same = is_same(file);
    return NULL;
}

void cf_log_file_sync(struct cf_log_file *file)
{
    if (file->fd < 0 || !file->regular || file->syncing || file->synced)
        return;
    if (file->whole > SMALL_BYTES) {
        file->syncing = pthread_create(&file->thread, NULL, sync_run, file) == 0;
    } else {
        sync_run(file);
        file->synced = true;
    }
}

static void sync_finish(struct cf_log_file *file)
{
    if (file->syncing)
        pthread_join(file->thread, NULL);
    else if (file->regular && !file->synced)
        sync_run(file);
    file->syncing = false;
    file->synced = true;
}

/* Where the file is now that its path is not it. */
static int gone(const struct cf_log_file *file, const char *path, struct cf_error *err)
{
    static const char deleted[] = " (deleted)";
    const size_t n_deleted = sizeof deleted - 1;
    char link[64], now[PATH_MAX];
    struct stat st;
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", file->fd);
    n = readlink(link, now, sizeof now - 1);
    if (n < 0 || fstat(file->fd, &st) < 0)
        return cf_error_set(err, -ESTALE, "the log '%s' was moved or removed by another during "
                            "the run", path);
    now[n] = '\0';
    if ((size_t)n < n_deleted || strcmp(now + (size_t)n - n_deleted, deleted) != 0)
        return cf_error_set(err, -ESTALE,
                            "the log '%s' was moved by another during the run: it is '%s' now",
                            path, now);
    return cf_error_set(err, -ESTALE, "the log '%s' was removed by another during the run%s", path,
                        st.st_nlink > 0 ? "; a hard link to it is left" : "");
}

int cf_log_file_check(struct cf_log_file *file, const char *path, struct cf_error *err)
{
    struct stat ours, there;

    if (file->fd < 0 || !file->regular)
        return 0;
    sync_finish(file);
    if (fstat(file->fd, &ours) < 0 || stat(path, &there) < 0 || ours.st_dev != there.st_dev ||
        ours.st_ino != there.st_ino)
        return gone(file, path, err);
    if (!file->same)
        return cf_error_set(err, -ESTALE,
                            "the log '%s' was changed by another during the run: it is not what "
                            "was written",
                            path);
    return 0;
}

int cf_log_file_close(struct cf_log_file *file)
{
    int r = 0;

    if (file->fd < 0)
        return 0;
    sync_finish(file);
    r = -file->sync_error;
    /* close() tells of a failed write-back on network file systems. */
    if (close(file->fd) < 0 && errno != EINTR && r == 0)
        r = -errno;
    file->fd = -1;
    return r;
}
