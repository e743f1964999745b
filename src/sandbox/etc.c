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
 *   nothing there    a mount needs something to stand on, so /etc gets an
 *                    overlay with the missing names in a layer of ours. For a
 *                    caller who cannot write to /etc this changes nothing
 *                    else; for root, who can, what the command writes below
 *                    /etc goes to our layer and is gone when it ends, which
 *                    the caller is told. Mounts below /etc are carried over.
 */
#include "sandbox/etc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sandbox/attach.h"

static const char *const names[] = { "resolv.conf", "hosts", "nsswitch.conf" };
static const char *const paths[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf" };

static_assert(sizeof names / sizeof *names == CF_ETC_COUNT, "a name for each file");
static_assert(sizeof paths / sizeof *paths == CF_ETC_COUNT, "a path for each file");

const char *cf_etc_path(enum cf_etc_file file)
{
    return paths[file];
}

/* The fifth field of a line of mountinfo is the mount point, with octal escapes. */
static char *mount_point(const char *line)
{
    const char *at = line;
    char *path, *to;
    size_t length;

    for (int field = 0; field < 4; field++) {
        at = strchr(at, ' ');
        if (!at)
            return NULL;
        at++;
    }
    length = strcspn(at, " ");
    path = strndup(at, length);
    if (!path)
        return NULL;
    to = path;
    for (const char *from = path; *from; from++) {
        unsigned octet;

        if (from[0] == '\\' && sscanf(from + 1, "%3o", &octet) == 1) {
            *to++ = (char)octet;
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return path;
}

/* Mounts directly below /etc: each brings along what is mounted below itself. */
static int list_submounts(struct cf_etc *etc)
{
    cf_auto_fclose FILE *file = fopen("/proc/self/mountinfo", "re");
    cf_auto_free char *line = NULL;
    size_t capacity = 0;

    if (!file)
        return -errno;
    while (getline(&line, &capacity, file) > 0) {
        cf_auto_free char *path = mount_point(line);
        bool below = path && strncmp(path, "/etc/", 5) == 0;

        for (size_t i = 0; below && i < etc->n_submounts; i++) {
            size_t length = strlen(etc->submounts[i]);

            below = strncmp(path, etc->submounts[i], length) != 0 ||
                    (path[length] != '/' && path[length] != '\0');
        }
        if (!below)
            continue;
        if (etc->n_submounts == CF_ETC_SUBMOUNTS_MAX)
            return -ENOSPC;
        etc->submounts[etc->n_submounts++] = path;
        path = NULL;
    }
    return 0;
}

int cf_etc_plan(struct cf_etc *etc, struct cf_error *err)
{
    int r;

    etc->overlay = false;
    etc->n_submounts = 0;
    for (int i = 0; i < CF_ETC_COUNT; i++) {
        struct stat st;

        etc->missing[i] = lstat(paths[i], &st) < 0;
        if (etc->missing[i] && errno != ENOENT)
            return cf_error_errno(err, -errno, "cannot look at '%s'", paths[i]);
        if (!etc->missing[i] && S_ISDIR(st.st_mode))
            return cf_error_set(err, -EISDIR, "'%s' is a directory; remove it", paths[i]);
        etc->overlay |= etc->missing[i];
    }
    if (!etc->overlay)
        return 0;
    etc->writable = access("/etc", W_OK) == 0;
    r = list_submounts(etc);
    if (r < 0) {
        cf_etc_done(etc);
        return cf_error_errno(err, r, "cannot list the mounts below '/etc'");
    }
    return 0;
}

void cf_etc_done(struct cf_etc *etc)
{
    for (size_t i = 0; i < etc->n_submounts; i++)
        free(etc->submounts[i]);
    etc->n_submounts = 0;
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

/* A layer over /etc in which the missing names stand, empty. */
static int overlay_mount(const struct cf_etc *etc, const char *scratch)
{
    char upper[64], work[64], options[256];

    snprintf(upper, sizeof upper, "%s/etc-upper", scratch);
    snprintf(work, sizeof work, "%s/etc-work", scratch);
    if (mkdir(upper, 0755) < 0 || chmod(upper, 0755) < 0 || mkdir(work, 0755) < 0)
        return -errno;
    for (int i = 0; i < CF_ETC_COUNT; i++) {
        int r = etc->missing[i] ? write_text(upper, names[i], "") : 0;

        if (r < 0)
            return r;
    }
    if (etc->writable)
        snprintf(options, sizeof options, "lowerdir=/etc,upperdir=%s,workdir=%s,userxattr", upper,
                 work);
    else
        snprintf(options, sizeof options, "lowerdir=%s:/etc", upper);
    return mount("overlay", "/etc", "overlay", MS_NOSUID | MS_NODEV, options) < 0 ? -errno : 0;
}

static int overlay_place(const struct cf_etc *etc, const char *scratch, struct cf_error *err)
{
    int trees[CF_ETC_SUBMOUNTS_MAX], r = 0;
    size_t n = 0;

    for (; n < etc->n_submounts; n++) {
        trees[n] = cf_attach_detach(etc->submounts[n]);
        if (trees[n] < 0) {
            r = cf_error_errno(err, trees[n], "cannot copy the mount '%s'", etc->submounts[n]);
            break;
        }
    }
    if (r == 0) {
        r = overlay_mount(etc, scratch);
        if (r < 0)
            cf_error_errno(err, r,
                           "cannot put an overlay over '/etc', which lacks one of "
                           "resolv.conf, hosts, nsswitch.conf; create it");
    }
    for (size_t i = 0; i < n; i++) {
        if (r == 0) {
            r = cf_attach_tree(trees[i], etc->submounts[i]);
            if (r < 0)
                cf_error_errno(err, r, "cannot put the mount '%s' back", etc->submounts[i]);
        }
        close(trees[i]);
    }
    return r;
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
    return cf_attach(source, target, false);
}

int cf_etc_place(const struct cf_etc *etc, const char *scratch, struct cf_error *err)
{
    int r = etc->overlay ? overlay_place(etc, scratch, err) : 0;

    for (int i = 0; i < CF_ETC_COUNT && r == 0; i++) {
        r = place_one(scratch, (enum cf_etc_file)i, etc->texts[i]);
        if (r < 0)
            cf_error_errno(err, r, "cannot put our file over '%s'", paths[i]);
    }
    return r;
}
