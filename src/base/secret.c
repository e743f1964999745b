/*
 * secret.c - a password in memory
 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int cf_secret_init(struct cf_secret *secret, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t capacity = (size / page + 1) * page;
    void *bytes;

    *secret = (struct cf_secret) { 0 };
    bytes = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        return -ENOMEM;
    /* Both have been there since Linux 4.14, and cannot fail for such a mapping. */
    if (madvise(bytes, capacity, MADV_DONTDUMP) < 0 ||
        madvise(bytes, capacity, MADV_WIPEONFORK) < 0) {
        munmap(bytes, capacity);
        return -ENOMEM;
    }
    mlock(bytes, capacity); /* as far as RLIMIT_MEMLOCK goes */
    secret->bytes = bytes;
    secret->capacity = capacity;
    return 0;
}

void cf_secret_done(struct cf_secret *secret)
{
    if (secret->bytes) {
        explicit_bzero(secret->bytes, secret->capacity);
        munmap(secret->bytes, secret->capacity);
    }
    *secret = (struct cf_secret) { 0 };
}

/* What a name and a password in one line may be. what: its place, for the message */
static int check(const struct cf_secret *secret, size_t maximum, const char *what,
                 struct cf_error *err)
{
    if (secret->length == 0)
        return cf_error_set(err, -EINVAL, "expected a password in %s, got nothing", what);
    if (secret->length > maximum)
        return cf_error_set(err, -EINVAL,
                            "expected a password of at most %zu bytes in %s, got more", maximum,
                            what);
    if (memchr(secret->bytes, '\0', secret->length))
        return cf_error_set(err, -EINVAL, "expected a password in %s, got a NUL byte in it", what);
    if (memchr(secret->bytes, '\n', secret->length) || memchr(secret->bytes, '\r', secret->length))
        return cf_error_set(err, -EINVAL, "expected one line in %s, got several", what);
    return 0;
}

/* Wherever the environment has it. */
void cf_secret_remove_env(const char *name)
{
    size_t length = strlen(name);

    for (char **entry = environ; entry && *entry; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            explicit_bzero(*entry + length + 1, strlen(*entry + length + 1));
    unsetenv(name);
}

int cf_secret_take_env(const char *name, size_t maximum, struct cf_secret *ret,
                       struct cf_error *err)
{
    const char *value = getenv(name);
    char what[320];
    int r;

    *ret = (struct cf_secret) { 0 };
    if (!value)
        return cf_error_set(err, -ENOENT,
                            "expected a password in the variable '%s', which is not set", name);
    r = cf_secret_init(ret, strlen(value));
    if (r < 0) {
        cf_secret_remove_env(name);
        return cf_error_set(err, r, "no memory left for a password");
    }
    ret->length = strlen(value);
    memcpy(ret->bytes, value, ret->length);
    cf_secret_remove_env(name);
    snprintf(what, sizeof what, "the variable '%s'", name);
    r = check(ret, maximum, what, err);
    if (r < 0)
        cf_secret_done(ret);
    return r;
}

/* Whether the file is one that nobody else can have read or written. */
static int check_file(int fd, const char *path, struct cf_error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return cf_error_errno(err, -errno, "cannot look at the password file '%s'", path);
    if (!S_ISREG(st.st_mode))
        return cf_error_set(err, -EINVAL, "expected a regular file with a password, got '%s'",
                            path);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return cf_error_set(err, -EPERM,
                            "expected a password file of the user who runs childflow, or of root; "
                            "'%s' is another's",
                            path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return cf_error_set(err, -EPERM,
                            "expected a password file that its owner alone may use; '%s' has mode "
                            "%04o: run chmod 600",
                            path, (unsigned)(st.st_mode & 07777));
    return 0;
}

/* All of it, or as much as is too much. */
static int read_bytes(int fd, size_t limit, struct cf_secret *secret)
{
    while (secret->length < limit) {
        ssize_t n = read(fd, secret->bytes + secret->length, limit - secret->length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        secret->length += (size_t)n;
    }
    return 0;
}

static int read_file(int fd, const char *path, size_t maximum, struct cf_secret *secret,
                     struct cf_error *err)
{
    char what[320];
    int r = check_file(fd, path, err);

    if (r < 0)
        return r;
    /* One byte for the newline, one to see that there is more. */
    if (cf_secret_init(secret, maximum + 2) < 0)
        return cf_error_set(err, -ENOMEM, "no memory left for a password");
    r = read_bytes(fd, maximum + 2, secret);
    if (r < 0)
        return cf_error_errno(err, r, "cannot read the password file '%s'", path);
    if (secret->length > 0 && secret->bytes[secret->length - 1] == '\n')
        secret->bytes[--secret->length] = '\0';
    snprintf(what, sizeof what, "the password file '%s'", path);
    return check(secret, maximum, what, err);
}

int cf_secret_read_file(const char *path, size_t maximum, struct cf_secret *ret,
                        struct cf_error *err)
{
    cf_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int r;

    *ret = (struct cf_secret) { 0 };
    if (fd < 0)
        return cf_error_errno(err, -errno, "cannot open the password file '%s'", path);
    r = read_file(fd, path, maximum, ret, err);
    if (r < 0)
        cf_secret_done(ret);
    return r;
}

int cf_secret_read(const char *variable, const char *path, size_t maximum, struct cf_secret *ret,
                   struct cf_error *err)
{
    if (variable)
        return cf_secret_take_env(variable, maximum, ret, err);
    if (path)
        return cf_secret_read_file(path, maximum, ret, err);
    *ret = (struct cf_secret) { 0 };
    return 0;
}
