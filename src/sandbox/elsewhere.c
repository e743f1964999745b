/*
 * elsewhere.c - other mounts that show the same file
 *
 * How this works. Of a folder, the mount that shows it says where in its file system it
 * lies; every other mount of that file system whose root is there or above shows it too.
 *
 * Of a socket the kernel tells its file system and inode, and the path that its owner gave.
 * Most file systems with sockets are mounted once, and nothing is looked for then. The path may be
 * one of a mount namespace that is not ours (of a daemon of the host, seen from a container that
 * has the host's file system below /run/host): then the end of the path is looked for below each
 * mount of the file system, from the whole of it to the last name.
 */
#include "sandbox/elsewhere.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The kernel writes a blank, a tab, a line end and a backslash as \ooo. */
static void decode(char *text)
{
    char *to = text;

    if (!strchr(text, '\\'))
        return;
    for (const char *from = text; *from; from++) {
        if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
            *to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* "36 35 0:41 /root /point rw,relatime ...". */
static bool parse(char *line, struct cf_mounted *ret)
{
    char *device, *root, *point, *end;
    unsigned long number;

    strsep(&line, " ");
    strsep(&line, " ");
    device = strsep(&line, " ");
    root = strsep(&line, " ");
    point = strsep(&line, " ");
    if (!line)
        return false;
    number = strtoul(device, &end, 10);
    if (*end != ':')
        return false;
    ret->device = makedev((unsigned)number, (unsigned)strtoul(end + 1, NULL, 10));
    decode(root);
    decode(point);
    ret->root = root;
    ret->point = point;
    return true;
}

int cf_elsewhere_init(struct cf_elsewhere *elsewhere, char *text)
{
    size_t lines = 1;
    char *line;

    *elsewhere = (struct cf_elsewhere) { .text = text };
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    elsewhere->mounts = calloc(lines, sizeof *elsewhere->mounts);
    if (!elsewhere->mounts) {
        cf_elsewhere_done(elsewhere);
        return -ENOMEM;
    }
    while ((line = strsep(&text, "\n")) != NULL)
        elsewhere->n += parse(line, &elsewhere->mounts[elsewhere->n]);
    return 0;
}

void cf_elsewhere_done(struct cf_elsewhere *elsewhere)
{
    free(elsewhere->mounts);
    free(elsewhere->text);
    *elsewhere = (struct cf_elsewhere) { 0 };
}

/* What of path is behind folder, from its slash on, or ""; NULL when it is not below. */
static const char *behind(const char *path, const char *folder)
{
    if (strcmp(folder, "/") == 0)
        return path;
    for (; *folder; folder++, path++) {
        if (*folder != *path)
            return NULL;
    }
    return *path == '\0' || *path == '/' ? path : NULL;
}

/* The mount that shows path, or NULL: of the deepest the one that was made last. */
static const struct cf_mounted *shown_by(const struct cf_elsewhere *elsewhere, const char *path)
{
    const struct cf_mounted *found = NULL;
    const char *deepest = NULL;

    for (size_t i = 0; i < elsewhere->n; i++) {
        const char *rest = behind(path, elsewhere->mounts[i].point);

        if (rest && (!found || rest >= deepest)) {
            found = &elsewhere->mounts[i];
            deepest = rest;
        }
    }
    return found;
}

static int join(char ret[PATH_MAX], const char *folder, const char *rest)
{
    int n = snprintf(ret, PATH_MAX, "%s%s", *rest && strcmp(folder, "/") == 0 ? "" : folder,
                     strcmp(rest, "/") == 0 ? "" : rest);

    return n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int cf_elsewhere_folder(const struct cf_elsewhere *elsewhere, const char *path,
                        int (*fn)(void *data, const char *path), void *data)
{
    const struct cf_mounted *own = shown_by(elsewhere, path);
    char inside[PATH_MAX], other[PATH_MAX];
    int r = own ? join(inside, own->root, behind(path, own->point)) : 0;

    for (size_t i = 0; own && i < elsewhere->n && r == 0; i++) {
        const struct cf_mounted *mounted = &elsewhere->mounts[i];
        const char *rest = mounted->device == own->device ? behind(inside, mounted->root) : NULL;

        if (!rest)
            continue;
        r = join(other, mounted->point, rest);
        if (r == 0 && strcmp(other, path) != 0)
            r = fn(data, other);
    }
    return r;
}

static bool is_it(const char *path, const struct cf_listener *listener)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_dev == listener->device &&
           (uint32_t)st.st_ino == listener->inode;
}

/* By what its path ends in, below each mount of its file system. */
static int seek(const struct cf_elsewhere *elsewhere, const struct cf_listener *listener,
                int (*fn)(void *data, const char *path), void *data)
{
    char other[PATH_MAX];
    int r = 0;

    for (size_t i = 0; i < elsewhere->n && r == 0; i++) {
        const struct cf_mounted *mounted = &elsewhere->mounts[i];
        const char *rest = mounted->device == listener->device ? listener->path : NULL;
        bool found = false;

        for (; rest && r == 0 && !found; rest = strchr(rest + 1, '/')) {
            r = join(other, mounted->point, rest);
            found = r == 0 && is_it(other, listener);
        }
        if (found)
            r = fn(data, other);
    }
    return r;
}

int cf_elsewhere_socket(const struct cf_elsewhere *elsewhere, const struct cf_listener *listener,
                        int (*fn)(void *data, const char *path), void *data)
{
    const struct cf_mounted *own, *only = NULL;
    size_t n = 0;

    for (size_t i = 0; i < elsewhere->n; i++) {
        if (elsewhere->mounts[i].device != listener->device)
            continue;
        only = &elsewhere->mounts[i];
        n++;
    }
    if (n == 0)
        return 0;
    own = shown_by(elsewhere, listener->path);
    if (own && own->device == listener->device)
        return own == only && n == 1 ? 0 : cf_elsewhere_folder(elsewhere, listener->path, fn, data);
    return seek(elsewhere, listener, fn, data);
}
