/*
 * names.c - every path at which the command could find what the run hides from it
 *
 * How this works. A file can have other names: links that lead to it, which are
 * followed; the same path below another mount of its file system, which the table of
 * mounts tells (elsewhere.h); and hard links, which nothing tells but their number. What
 * has any is refused. What the file system below an overlay shows is another file to
 * the kernel, and is not found.
 */
#include "sandbox/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "sandbox/elsewhere.h"

#define MOUNTINFO_MAX ((size_t)16 << 20)

struct names {
    char **paths;
    size_t n;
    struct stat file; /* the one whose other names are looked for */
};

/* Take path over, which is NULL without memory. */
static int add(struct names *names, char *path)
{
    if (!path)
        return -ENOMEM;
    if (names->n == CF_SANDBOX_HIDDEN_MAX) {
        free(path);
        return -E2BIG;
    }
    names->paths[names->n++] = path;
    return 0;
}

/* Another path, unless something else stands there: a mount over it, or over its folder. */
static int add_other(void *data, const char *path)
{
    struct names *names = data;
    struct stat st;

    if (lstat(path, &st) < 0 || st.st_dev != names->file.st_dev ||
        st.st_ino != names->file.st_ino)
        return 0;
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->paths[i], path) == 0)
            return 0;
    }
    return add(names, strdup(path));
}

static int check_place(const char *path, const char *given, struct cf_error *err)
{
    if (strncmp(path, "/proc/", 6) == 0 ||
        (strncmp(path, "/dev/", 5) == 0 && strncmp(path, "/dev/shm/", 9) != 0))
        return cf_error_set(err, -EINVAL,
                            "cannot hide '%s' from the command: what lies below /dev and /proc "
                            "has other names",
                            given);
    return 0;
}

static int check_links(const struct stat *file, const char *given, struct cf_error *err)
{
    if (!S_ISDIR(file->st_mode) && file->st_nlink > 1)
        return cf_error_set(err, -EMLINK,
                            "cannot hide '%s' from the command: it has %ju names (hard links), "
                            "and the others are not known; remove those, or make a copy with one "
                            "name and change what it holds",
                            given, (uintmax_t)file->st_nlink);
    return 0;
}

static int resolve(struct names *names, const struct cf_elsewhere *elsewhere, const char *given,
                   struct cf_error *err)
{
    char *path = realpath(given, NULL);
    bool missing = !path && errno == ENOENT;
    int r = 0;

    if (missing)
        path = strdup(given);
    else if (!path)
        return cf_error_errno(err, -errno, "cannot hide '%s' from the command", given);
    r = add(names, path);
    if (r == 0)
        r = check_place(path, given, err);
    if (r < 0 || missing || lstat(path, &names->file) < 0)
        return r;
    r = check_links(&names->file, given, err);
    return r < 0 ? r : cf_elsewhere_folder(elsewhere, path, add_other, names);
}

int cf_hidden_resolve(const char *const *hidden, char *ret_paths[CF_SANDBOX_HIDDEN_MAX + 1],
                      struct cf_error *err)
{
    struct names names = { .paths = ret_paths };
    struct cf_elsewhere elsewhere = { 0 };
    char *mountinfo;
    size_t length;
    int r = 0;

    if (!hidden || !hidden[0])
        return 0;
    r = cf_fd_read_file("/proc/self/mountinfo", MOUNTINFO_MAX, &mountinfo, &length);
    if (r == 0)
        r = cf_elsewhere_init(&elsewhere, mountinfo);
    if (r < 0)
        return cf_error_errno(err, r, "cannot read the table of mounts");
    for (size_t i = 0; hidden[i] && r == 0; i++) {
        struct cf_error told = { 0 };

        r = resolve(&names, &elsewhere, hidden[i], &told);
        if (r < 0 && told.text[0])
            cf_error_set(err, r, "%s", told.text);
        else if (r < 0)
            cf_error_errno(err, r, "cannot hide '%s' from the command at all its mounts",
                           hidden[i]);
    }
    cf_elsewhere_done(&elsewhere);
    return r;
}
