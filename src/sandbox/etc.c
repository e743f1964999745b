/*
 * etc.c - our resolv.conf, hosts and nsswitch.conf, whatever stands there
 *
 * How this works. The three files are written to a tmpfs of ours and mounted,
 * read-only, over the names in /etc; nothing on the host is touched.
 *
 *   a regular file   is covered.
 *   a symbolic link  is covered itself, be it absolute, relative or dangling:
 *                    resolv.conf often leads into /run/systemd/resolve, which
 *                    is masked, and images differ in what is there.
 *   nothing there    a mount needs something to stand on, so /etc itself is
 *                    replaced by one that has the name. A caller who may
 *                    write to /etc (root) gets an overlay, in which every
 *                    file can be replaced as package managers do; it takes
 *                    what is written and goes when the command ends, which
 *                    the caller is told. For others, and where something is
 *                    mounted below /etc (no overlay shows that), a folder is
 *                    assembled in which each entry is a mount of its original.
 */
#include "sandbox/etc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sandbox/attach.h"
#include "sandbox/listing.h"

static const char *const names[] = { "resolv.conf", "hosts", "nsswitch.conf" };
static const char *const paths[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf" };

static_assert(sizeof names / sizeof *names == CF_ETC_COUNT, "a name for each file");
static_assert(sizeof paths / sizeof *paths == CF_ETC_COUNT, "a path for each file");

const char *cf_etc_path(enum cf_etc_file file)
{
    return paths[file];
}

int cf_etc_plan(struct cf_etc *etc, struct cf_error *err)
{
    etc->incomplete = false;
    for (int i = 0; i < CF_ETC_COUNT; i++) {
        struct stat st;

        etc->missing[i] = lstat(paths[i], &st) < 0;
        if (etc->missing[i] && errno != ENOENT)
            return cf_error_errno(err, -errno, "cannot look at '%s'", paths[i]);
        if (!etc->missing[i] && S_ISDIR(st.st_mode))
            return cf_error_set(err, -EISDIR, "'%s' is a directory; remove it", paths[i]);
        etc->incomplete |= etc->missing[i];
    }
    etc->writable = access("/etc", W_OK) == 0;
    return 0;
}

static int write_text(const char *folder, const char *name, const char *text)
{
    cf_auto_close int fd = -1;
    char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
    if (fd < 0)
        return -errno;
    if (fchmod(fd, 0444) < 0) /* whatever the umask */
        return -errno;
    return cf_fd_write_all(fd, text, strlen(text));
}

/* The missing names, empty; ours are mounted over them. */
static int fill_missing(const struct cf_etc *etc, const char *folder)
{
    int r = 0;

    for (int i = 0; i < CF_ETC_COUNT && r == 0; i++) {
        if (etc->missing[i])
            r = write_text(folder, names[i], "");
    }
    return r;
}

/* -EINVAL where something is mounted below /etc. */
static int overlay_mount(const struct cf_etc *etc, const char *scratch)
{
    char upper[64], work[64], options[256];
    int r;

    snprintf(upper, sizeof upper, "%s/etc-upper", scratch);
    snprintf(work, sizeof work, "%s/etc-work", scratch);
    if (mkdir(upper, 0755) < 0 || chmod(upper, 0755) < 0 || mkdir(work, 0755) < 0)
        return -errno;
    r = fill_missing(etc, upper);
    if (r < 0)
        return r;
    snprintf(options, sizeof options, "lowerdir=/etc,upperdir=%s,workdir=%s,userxattr", upper,
             work);
    return mount("overlay", "/etc", "overlay", MS_NOSUID | MS_NODEV, options) < 0 ? -errno : 0;
}

struct assembly {
    int etc_fd, folder_fd;
};

static int assemble_one(void *data, const char *name, int type)
{
    const struct assembly *assembly = data;
    int r = cf_attach_entry(assembly->etc_fd, name, type, assembly->folder_fd);

    return r == -ENOENT ? 0 : r; /* gone meanwhile */
}

static int assemble(const struct cf_etc *etc, const char *scratch)
{
    cf_auto_close int etc_fd = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cf_auto_close int folder_fd = -1;
    char folder[64];
    int r;

    if (etc_fd < 0)
        return -errno;
    snprintf(folder, sizeof folder, "%s/etc", scratch);
    if (mkdir(folder, 0755) < 0 || chmod(folder, 0755) < 0)
        return -errno;
    folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return -errno;
    r = cf_listing_each(etc_fd, assemble_one,
                        &(struct assembly) { .etc_fd = etc_fd, .folder_fd = folder_fd });
    if (r == 0)
        r = fill_missing(etc, folder);
    if (r == 0)
        r = cf_attach(folder, etc_fd, etc->writable ? CF_ATTACH_AS_IT_IS : CF_ATTACH_TOP);
    return r;
}

static int replace(const struct cf_etc *etc, const char *scratch, struct cf_error *err)
{
    int r = etc->writable ? overlay_mount(etc, scratch) : -EINVAL;

    if (r < 0)
        r = assemble(etc, scratch);
    return r < 0 ? cf_error_errno(err, r,
                                  "cannot replace '/etc', which lacks one of resolv.conf, "
                                  "hosts, nsswitch.conf; create it")
                 : 0;
}

static int place_one(const char *scratch, enum cf_etc_file file, const char *text)
{
    cf_auto_close int target = open(paths[file], O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char source[64];
    int r;

    if (target < 0)
        return -errno;
    r = write_text(scratch, names[file], text);
    if (r < 0)
        return r;
    snprintf(source, sizeof source, "%s/%s", scratch, names[file]);
    return cf_attach(source, target, CF_ATTACH_ONE);
}

int cf_etc_place(const struct cf_etc *etc, const char *scratch, struct cf_error *err)
{
    int r = etc->incomplete ? replace(etc, scratch, err) : 0;

    for (int i = 0; i < CF_ETC_COUNT && r == 0; i++) {
        r = place_one(scratch, (enum cf_etc_file)i, etc->texts[i]);
        if (r < 0)
            cf_error_errno(err, r, "cannot put our file over '%s'", paths[i]);
    }
    return r;
}
