/*
 * file.c - the further files that a policy names
 */
#include "policy/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "policy/digest.h"
#include "policy/read.h"

char *cf_file_beside(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    size_t folder = slash && path[0] != '/' ? (size_t)(slash - file) + 1 : 0;
    size_t length = strlen(path);
    char *joined = malloc(folder + length + 1);

    if (!joined)
        return NULL;
    memcpy(joined, file, folder);
    memcpy(joined + folder, path, length + 1);
    return joined;
}

bool cf_file_is_within(const char *file, const char *path)
{
    cf_auto_free char *parent = cf_file_beside(file, ".");
    cf_auto_free char *folder = parent ? realpath(parent, NULL) : NULL;
    cf_auto_free char *real = realpath(path, NULL);
    size_t length;

    if (!folder || !real)
        return false;
    length = strlen(folder);
    if (length > 0 && folder[length - 1] == '/') /* of the root */
        length--;
    return strncmp(real, folder, length) == 0 && real[length] == '/';
}

/* Whether the kernel makes up what a file holds, such as the environment of a process. */
static bool is_made_up(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC);
}

int cf_file_identify(int fd, struct cf_file_id *ret_id, mode_t *ret_mode)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    *ret_id = (struct cf_file_id) { .device = st.st_dev, .inode = st.st_ino };
    *ret_mode = st.st_mode;
    return 0;
}

int cf_file_open(const char *path, struct cf_file_id *ret_id)
{
    cf_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct cf_file_id id;
    mode_t mode;
    int r, opened;

    if (fd < 0)
        return -errno;
    r = cf_file_identify(fd, &id, &mode);
    if (r < 0)
        return r;
    if (S_ISDIR(mode))
        return -EISDIR;
    if (!S_ISREG(mode) || is_made_up(fd))
        return -EINVAL;
    *ret_id = id;
    opened = fd;
    fd = -1;
    return opened;
}

bool cf_file_same(const struct cf_file_id *a, const struct cf_file_id *b)
{
    return a->device == b->device && a->inode == b->inode;
}

char *cf_read_path(struct cf_reader *reader, const struct cf_yaml_node *node)
{
    const struct cf_source *source = node->mark.source ? node->mark.source : reader->source;
    char *path = cf_file_beside(source->name, node->text);

    if (!path)
        cf_read_out_of_memory(reader);
    return path;
}

bool cf_read_is_foreign(struct cf_reader *reader, const struct cf_yaml_node *node,
                        const char *path)
{
    const struct cf_source *source = node->mark.source ? node->mark.source : reader->source;

    return !cf_file_is_within(source->name, path);
}

void cf_read_unreadable(struct cf_reader *reader, const struct cf_yaml_node *node, const char *key,
                        const char *path, int r)
{
    char quoted[CF_QUOTED_SIZE];

    if (r == -ENOMEM)
        cf_read_out_of_memory(reader);
    else if (r == -EINVAL)
        cf_read_report(reader, CF_FINDING(CF_CODE_UNREADABLE, node->mark, key),
                       "expected a regular file, got %s", cf_quote_text(path, quoted));
    else
        cf_read_report(reader, CF_FINDING(CF_CODE_UNREADABLE, node->mark, key),
                       "expected a file that can be read, got %s (%s)", cf_quote_text(path, quoted),
                       strerror(-r));
}

/* Hash a file that was read and list it in the profile; false when that failed. */
static bool put_evidence(struct cf_reader *reader, const char *path, const char *text,
                         size_t length)
{
    char sha256[CF_DIGEST_TEXT_SIZE];
    struct cf_error err = { 0 };

    if (cf_digest_sha256(text, length, sha256, &err) < 0) {
        cf_read_error(reader, (struct cf_mark) { 0 }, NULL, "%s", err.text);
        return false;
    }
    if (cf_profile_digest_add(reader->profile, path, sha256) < 0) {
        cf_read_out_of_memory(reader);
        return false;
    }
    return true;
}

bool cf_read_file(struct cf_reader *reader, const struct cf_yaml_node *node, const char *key,
                  size_t limit, struct cf_read_file *ret_file)
{
    cf_auto_free char *path = cf_read_path(reader, node);
    char quoted[CF_QUOTED_SIZE];
    struct cf_file_id id;
    int r;

    if (!path)
        return false;
    r = cf_file_open(path, &id);
    if (r >= 0) {
        cf_auto_close int fd = r;

        r = cf_fd_read_all(fd, limit, &ret_file->text, &ret_file->length);
    }
    if (r == -EFBIG)
        cf_read_report(reader, CF_FINDING(CF_CODE_LIMIT, node->mark, key),
                       "expected at most %zu bytes, got more in %s", limit,
                       cf_quote_text(path, quoted));
    else if (r < 0)
        cf_read_unreadable(reader, node, key, path, r);
    if (r < 0)
        return false;
    if (!put_evidence(reader, path, ret_file->text, ret_file->length)) {
        cf_read_file_done(ret_file);
        return false;
    }
    ret_file->path = path;
    path = NULL;
    return true;
}

void cf_read_file_done(struct cf_read_file *file)
{
    free(file->path);
    free(file->text);
    *file = (struct cf_read_file) { 0 };
}
