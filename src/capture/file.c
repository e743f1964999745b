/*
 * file.c - the file, or the folder of files, that a capture goes to
 *
 * How this works. Blocks gather in `blocks` and leave by one write(2) when they
 * are many, or when the caller flushes. A write that was cut short is looked
 * through for the last whole block, by the lengths that stand in the blocks,
 * and the file is cut there; that error stays, and nothing is written any more.
 *
 * A rotation closes the file between two blocks, behind what end() appends, and
 * opens the next in the same folder. The folder is this run's own, so that one
 * guard over it keeps all the files in it, those to come too. All is done by its
 * descriptor.
 *
 * What another does to a file all the same is seen by its stamp: in front of each
 * write, when the file is closed, and once more in the end. It is told then, for the
 * traffic is none the worse for it.
 */
#include "capture/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "capture/pcapng.h"

/* So much is worth a write of its own. */
#define FLUSH_BYTES ((size_t)1 << 20)

#define CLASSIC_HEADER 24
#define CLASSIC_RECORD 16
#define WHAT "capture file"

static uint32_t word_at(const char *data)
{
    uint32_t word;

    memcpy(&word, data, sizeof(word));
    return word;
}

/* The length of the whole block at data, or 0. */
static size_t block_length(const char *data, size_t length)
{
    size_t block = length >= 8 ? word_at(data + 4) : 0;

    return block >= 12 && block <= length ? block : 0;
}

static size_t record_length(const char *data, size_t length)
{
    size_t record = length >= CLASSIC_RECORD ? CLASSIC_RECORD + (size_t)word_at(data + 8) : 0;

    return record <= length ? record : 0;
}

/* The packet of a whole block, if it is one of a packet. */
static void block_count(const struct cf_capture_file *file, const char *block,
                        struct cf_capture_count *count)
{
    if (!file->classic && word_at(block) != CF_PCAPNG_PACKET)
        return;
    count->packets++;
    count->bytes += word_at(block + (file->classic ? 12 : 24));
}

/* How many of the bytes that were written are whole blocks; counts their packets. */
static size_t whole_length(const struct cf_capture_file *file, size_t written,
                           struct cf_capture_count *ret_count)
{
    const char *data = file->blocks.data;
    size_t at = 0, next;

    if (file->classic && file->file.whole == 0) {
        if (written < CLASSIC_HEADER)
            return 0;
        at = CLASSIC_HEADER;
    }
    for (; at < written; at += next) {
        next = file->classic ? record_length(data + at, written - at)
                             : block_length(data + at, written - at);
        if (next == 0)
            break;
        block_count(file, data + at, ret_count);
    }
    return at;
}

static void changed(struct cf_capture_file *file, const char *path)
{
    if (!file->changed)
        file->changed = strdup(path ? path : file->config.path);
}

/* Is the open file as we left it? */
static void stamp_check(struct cf_capture_file *file)
{
    struct stat st;

    if (file->file.regular &&
        (fstat(file->file.fd, &st) < 0 || !cf_stamp_is_of(&file->stamp, &st)))
        changed(file, file->path);
}

static void stamp_take(struct cf_capture_file *file)
{
    if (!file->file.regular)
        return;
    if (cf_stamp_take(file->file.fd, file->timed, &file->stamp) < 0 ||
        (uint64_t)file->stamp.size != file->file.whole)
        changed(file, file->path);
}

int cf_capture_file_flush(struct cf_capture_file *file)
{
    struct cf_capture_count count = file->in_blocks;
    size_t written;
    int r;

    if (file->error || file->blocks.length == 0)
        return file->error;
    stamp_check(file);
    r = cf_log_file_put(&file->file, file->blocks.data, file->blocks.length, &written);
    if (r < 0) {
        count = (struct cf_capture_count) { 0 };
        written = whole_length(file, written, &count);
        cf_log_file_keep(&file->file, written);
        file->error = r;
    } else {
        file->file.whole += written;
    }
    stamp_take(file);
    file->written += written;
    file->in_files.packets += count.packets;
    file->in_files.bytes += count.bytes;
    file->in_blocks = (struct cf_capture_count) { 0 };
    cf_buffer_clear(&file->blocks);
    return r;
}

/* "captures/build.pcapng" is "captures/build", and ".pcapng" the extension of its files. */
static const char *extension_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');

    return dot && dot != path && dot[-1] != '/' ? dot : "";
}

/* "000007.pcapng" */
static void name_make(const struct cf_capture_file *file, uint64_t number, char name[NAME_MAX + 1])
{
    snprintf(name, NAME_MAX + 1, "%06" PRIu64 "%s", number, extension_of(file->config.path));
}

static int path_make(struct cf_capture_file *file, const char *name)
{
    free(file->path);
    file->path = NULL;
    if (!file->folder)
        file->path = strdup(file->config.path);
    else if (asprintf(&file->path, "%s/%s", file->folder, name) < 0)
        file->path = NULL;
    return file->path ? 0 : -ENOMEM;
}

static int file_make(struct cf_capture_file *file, struct cf_error *err)
{
    mode_t mode = file->config.secret ? 0600 : 0666;
    char name[NAME_MAX + 1];
    int r;

    file->number++;
    name_make(file, file->number, name);
    r = path_make(file, name);
    if (r < 0)
        return cf_error_set(err, r, "out of memory");
    r = file->folder ? cf_log_file_open_at(file->folder_fd, name, file->path, WHAT, mode,
                                           &file->file, err)
                     : cf_log_file_open(file->path, WHAT, mode, &file->file, err);
    if (r < 0)
        return r;
    file->timed = file->file.regular && cf_stamp_is_timed(file->file.fd);
    stamp_take(file);
    return 0;
}

static int folder_make(struct cf_capture_file *file, struct cf_error *err)
{
    const char *path = file->config.path, *extension = extension_of(path);
    cf_auto_free char *folder = *extension ? strndup(path, (size_t)(extension - path)) : NULL;
    int r;

    if (!*extension)
        return cf_error_set(err, -EINVAL,
                            "the capture file '%s' has no extension to tell its folder from: with "
                            "a size to rotate at, name it as '%s.pcapng'",
                            path, path);
    r = folder ? cf_log_file_make_folders(folder, WHAT, err)
               : cf_error_set(err, -ENOMEM, "out of memory");
    if (r < 0)
        return r;
    r = mkdir(folder, 0777) < 0 ? -errno : 0;
    if (r == -EEXIST)
        return cf_error_set(err, r,
                            "'%s', the folder of the capture's files, exists: name another file, "
                            "or put {run} into its name",
                            folder);
    if (r == 0) {
        file->folder_fd = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = file->folder_fd < 0 ? -errno : 0;
    }
    if (r < 0)
        return cf_error_errno(err, r, "cannot make the folder '%s' for the capture's files", folder);
    file->folder = folder;
    folder = NULL;
    return 0;
}

/* Does the path still lead to the open folder? */
static bool folder_is_there(const struct cf_capture_file *file)
{
    struct stat ours, there;

    return fstat(file->folder_fd, &ours) == 0 && stat(file->folder, &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

static void folder_remove(const struct cf_capture_file *file)
{
    if (file->folder && folder_is_there(file))
        rmdir(file->folder);
}

static void file_free(struct cf_capture_file *file)
{
    cf_fd_close(&file->file.fd);
    cf_fd_close(&file->folder_fd);
    cf_buffer_done(&file->blocks);
    free(file->path);
    free(file->folder);
    free(file->stamps);
    free(file->changed);
    free((char *)file->config.path);
    file->path = file->folder = NULL;
    file->config.path = NULL;
}

int cf_capture_file_open(const struct cf_capture_file_config *config, struct cf_capture_file *ret,
                         struct cf_error *err)
{
    int r = 0;

    *ret = (struct cf_capture_file) { .config = *config, .file = { .fd = -1 }, .folder_fd = -1 };
    cf_buffer_init(&ret->blocks, 0);
    ret->config.path = strdup(config->path);
    if (!ret->config.path)
        return cf_error_set(err, -ENOMEM, "out of memory");
    ret->classic = cf_capture_path_is_classic(config->path);
    if (config->max_size > 0)
        r = folder_make(ret, err);
    if (r == 0)
        r = file_make(ret, err);
    if (r < 0) {
        folder_remove(ret);
        file_free(ret);
    }
    return r;
}

const char *cf_capture_file_guard(const struct cf_capture_file *file)
{
    return file->folder ? file->folder : file->path;
}

int cf_capture_file_begin(struct cf_capture_file *file)
{
    int r;

    if (file->config.begin)
        file->config.begin(file->config.data, &file->blocks);
    if (file->blocks.failed)
        file->error = -ENOMEM;
    r = cf_capture_file_flush(file);
    file->prologue = file->file.whole;
    return r;
}

/* Does the file's name still lead to it, as we left it? */
static bool is_there(const struct cf_capture_file *file, const struct cf_stamp *stamp,
                     const char *name)
{
    struct stat st;
    int r = file->folder ? fstatat(file->folder_fd, name, &st, AT_SYMLINK_NOFOLLOW)
                         : stat(file->path, &st);

    return r == 0 && cf_stamp_is_of(stamp, &st);
}

/* Behind the last block; close() tells of what a network file system could not keep. */
static int file_end(struct cf_capture_file *file)
{
    int r;

    if (file->config.end && !file->error)
        file->config.end(file->config.data, &file->blocks);
    if (file->blocks.failed && !file->error)
        file->error = -ENOMEM;
    r = cf_capture_file_flush(file);
    if (close(file->file.fd) < 0 && errno != EINTR && r == 0)
        r = -errno;
    file->file.fd = -1;
    if (!file->error)
        file->error = r;
    return r;
}

/* Of the file that was ended, for the end of all. Returns 0 or -ENOMEM. */
static int stamp_keep(struct cf_capture_file *file)
{
    if (file->n_stamps < CF_CAPTURE_STAMPS_MAX && file->number > file->n_stamps) {
        size_t n = file->n_stamps ? 2 * file->n_stamps : 64;
        struct cf_stamp *stamps = reallocarray(file->stamps, n, sizeof(*stamps));

        if (!stamps)
            return -ENOMEM;
        file->stamps = stamps;
        file->n_stamps = n;
    }
    file->stamps[(file->number - 1) % CF_CAPTURE_STAMPS_MAX] = file->stamp;
    return 0;
}

/* The first of the files that have to be there still, and that a stamp is kept of. */
static uint64_t first_kept(const struct cf_capture_file *file)
{
    uint64_t n = file->config.keep, last = file->number;

    if (n == 0 || n > CF_CAPTURE_STAMPS_MAX)
        n = CF_CAPTURE_STAMPS_MAX;
    return last > n ? last - n + 1 : 1;
}

/* Look at all files again. */
static void stamps_check(struct cf_capture_file *file)
{
    char name[NAME_MAX + 1] = "";

    if (!file->file.regular)
        return;
    if (!file->folder) {
        if (!is_there(file, &file->stamp, name))
            changed(file, file->path);
        return;
    }
    if (!folder_is_there(file))
        changed(file, file->folder);
    for (uint64_t number = first_kept(file); number <= file->number; number++) {
        const struct cf_stamp *stamp =
            number == file->number ? &file->stamp
                                   : &file->stamps[(number - 1) % CF_CAPTURE_STAMPS_MAX];

        name_make(file, number, name);
        if (!is_there(file, stamp, name)) {
            if (path_make(file, name) < 0)
                file->error = file->error ? file->error : -ENOMEM;
            changed(file, file->path);
        }
    }
}

static void oldest_remove(const struct cf_capture_file *file)
{
    char name[NAME_MAX + 1];

    if (file->config.keep == 0 || file->number <= file->config.keep)
        return;
    name_make(file, file->number - file->config.keep, name);
    unlinkat(file->folder_fd, name, 0);
}

static int rotate(struct cf_capture_file *file)
{
    int r = file_end(file);

    if (r == 0)
        r = stamp_keep(file);
    if (r == 0)
        r = file_make(file, NULL);
    if (r < 0) {
        if (!file->error)
            file->error = r;
        return file->error;
    }
    oldest_remove(file);
    return cf_capture_file_begin(file);
}

int cf_capture_file_reserve(struct cf_capture_file *file, size_t length)
{
    uint64_t used = file->file.whole + file->blocks.length;

    if (file->blocks.failed && !file->error)
        file->error = -ENOMEM;
    if (file->error)
        return file->error;
    if (file->config.max_size > 0 && used > file->prologue &&
        used + length > file->config.max_size)
        return rotate(file);
    return file->blocks.length >= FLUSH_BYTES ? cf_capture_file_flush(file) : 0;
}

int cf_capture_file_end(struct cf_capture_file *file, struct cf_error *err)
{
    if (!file->ended) {
        if (file->file.fd >= 0)
            file_end(file);
        if (!file->error) /* else it is that, of the file that could not be written */
            stamps_check(file);
        file->ended = true;
    }
    if (file->error)
        return cf_error_errno(err, file->error, "cannot write the capture file '%s'",
                              file->path ? file->path : file->config.path);
    if (file->changed)
        return cf_error_set(err, -ESTALE,
                            "the capture file '%s' was changed, moved or removed by another during "
                            "the run",
                            file->changed);
    return 0;
}

int cf_capture_file_close(struct cf_capture_file *file, struct cf_error *err)
{
    int r;

    if (!file->config.path)
        return 0;
    r = cf_capture_file_end(file, err);
    file_free(file);
    return r;
}

void cf_capture_file_drop(struct cf_capture_file *file)
{
    char name[NAME_MAX + 1];

    if (!file->config.path)
        return;
    name_make(file, file->number, name);
    if (file->file.fd >= 0 && file->file.regular && is_there(file, &file->stamp, name))
        unlinkat(file->folder_fd >= 0 ? file->folder_fd : AT_FDCWD,
                 file->folder ? name : file->path, 0);
    folder_remove(file);
    file_free(file);
}
