/*
 * listing.c - go through a folder without memory
 */
#include "sandbox/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of an entry whose file system does not tell. */
static int type_of(int fd, const char *name)
{
    struct stat st;

    return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : (int)IFTODT(st.st_mode);
}

static int call(int fd, const struct dirent64 *entry, cf_listing_fn *fn, void *data)
{
    int type = entry->d_type;

    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return 0;
    if (type == DT_UNKNOWN)
        type = type_of(fd, entry->d_name);
    if (type < 0)
        return type == -ENOENT ? 0 : type; /* gone meanwhile */
    return fn(data, entry->d_name, type);
}

int cf_listing_each(int fd, cf_listing_fn *fn, void *data)
{
    _Alignas(struct dirent64) char entries[4096];
    long n;

    while ((n = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0) {
        for (long at = 0; at < n;) {
            const struct dirent64 *entry = (const struct dirent64 *)(void *)(entries + at);
            int r = call(fd, entry, fn, data);

            if (r != 0)
                return r;
            at += entry->d_reclen;
        }
    }
    return n < 0 ? -errno : 0;
}
