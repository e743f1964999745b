/*
 * mask.c - the sockets that lead around the network namespace, and what the run hides
 *
 * How this works. A unix socket on the file system does not belong to a
 * network namespace: who connects to it talks to a process outside, which may
 * answer DNS, open connections, or start programs for whoever asks. Most of
 * these sockets lie below /run or the user's runtime folder: there the command
 * gets folders of its own, into which what is known is not let in (view.c), be
 * it there already or made later.
 *
 * Elsewhere each path that is known is covered: a socket by an empty file
 * (connect(2) gives ECONNREFUSED), a folder by an empty one. A cover holds on
 * to what stands there. So a folder is preferred where it serves nothing else:
 * a daemon that restarts replaces its socket, but not the folder around it.
 *
 * The list is made (known.c) and applied by PID 1, which was cloned while the engine had one
 * thread, so that it may allocate memory.
 */
#include "sandbox/mask.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/attach.h"
#include "sandbox/movable.h"

#define TRIES 8

/* Folders of which only this is shown: what else their owners put there is for themselves. */
static const struct {
    const char *folder;
    const char *const *names;
} known_folders[] = {
    /* What tells where one is, and takes log lines. No service manager's, nor who has logged in. */
    { "/run/systemd",
      (const char *const[]) { "container", "journal", "notify", "system", "userdb", NULL } },
    /* Runtime folders of other users, which root could enter. The caller's is a top. */
    { "/run/user", (const char *const[]) { NULL } },
};

/* "//" and "/." mean nothing, nor does a slash at the end; and /var/run is a /run. */
void cf_mask_tidy(char *path)
{
    const char *from = path;
    char *to = path;

    if (strncmp(from, "/var/run/", 9) == 0)
        from += 4;
    while (*from) {
        if (from[0] == '/' && (from[1] == '/' || from[1] == '\0'))
            from++;
        else if (from[0] == '/' && from[1] == '.' && (from[2] == '/' || from[2] == '\0'))
            from += 2;
        else
            *to++ = *from++;
    }
    *to = '\0';
}

const char *cf_mask_below(const char *path, const char *folder)
{
    for (; *folder; folder++, path++) {
        if (*folder != *path)
            return NULL;
    }
    if (*path != '\0' && *path != '/')
        return NULL;
    return path + (*path == '/');
}

bool cf_mask_is_inside(const struct cf_mask_list *list, const char *path)
{
    size_t length = strlen(path);

    if (strncmp(path, "/var/run/", 9) == 0) {
        path += 4;
        length -= 4;
    }
    if (strstr(path, "/../") || (length >= 3 && strcmp(path + length - 3, "/..") == 0))
        return false;
    for (size_t i = 0; i < list->n_tops; i++) {
        const char *rest = cf_mask_below(path, list->tops[i].as);

        if (rest && *rest)
            return true;
    }
    return false;
}

int cf_mask_add(struct cf_mask_list *list, char *path, enum cf_mask_kind kind)
{
    if (!path)
        return -ENOMEM;
    cf_mask_tidy(path);
    for (size_t i = 0; i < list->n && kind != CF_MASK_LISTENER; i++) {
        if (strcmp(list->paths[i], path) == 0) {
            free(path);
            return 0;
        }
    }
    if (list->n == CF_MASK_MAX) {
        free(path);
        return -ENOSPC;
    }
    list->kinds[list->n] = kind;
    list->inside[list->n] = cf_mask_is_inside(list, path);
    list->paths[list->n++] = path;
    return 0;
}

void cf_mask_list_done(struct cf_mask_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->paths[i]);
    for (size_t i = 0; i < list->n_tops; i++)
        free(list->tops[i].path);
    list->n = list->n_tops = 0;
}

/* A folder of which not all is shown, and not this. */
static bool is_unlisted(const char *path)
{
    for (size_t i = 0; i < sizeof known_folders / sizeof *known_folders; i++) {
        const char *const *names = known_folders[i].names;
        const char *name = cf_mask_below(path, known_folders[i].folder);

        if (!name || !*name || strchr(name, '/'))
            continue;
        while (*names && strcmp(*names, name) != 0)
            names++;
        return !*names;
    }
    return false;
}

static bool has_star(const char *row)
{
    return row[strlen(row) - 1] == '*';
}

static bool is_row(const char *row, const char *path)
{
    size_t length = strlen(row);

    if (has_star(row))
        return strncmp(row, path, length - 1) == 0 && !strchr(path + length - 1, '/');
    return strcmp(row, path) == 0;
}

/* A folder above path of which not all is shown, and not what leads to path. */
static bool is_below_unlisted(const char *path)
{
    char folder[PATH_MAX];

    for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        if (at - path >= PATH_MAX)
            return false;
        memcpy(folder, path, (size_t)(at - path));
        folder[at - path] = '\0';
        if (is_unlisted(folder))
            return true;
    }
    return is_unlisted(path);
}

bool cf_mask_hides(const struct cf_mask_list *list, const char *path)
{
    for (size_t i = 0; i < list->n_known; i++) {
        const char *rest = cf_mask_below(path, list->paths[i]);

        if (rest && (!*rest || list->kinds[i] == CF_MASK_SOCKET_OR_FOLDER))
            return true;
    }
    for (size_t i = 0; i < list->n_tops; i++) {
        if (strcmp(list->tops[i].as, "/run") != 0 && cf_mask_below(path, list->tops[i].as))
            return false; /* of the caller, in what is not shown of others */
    }
    return is_below_unlisted(path);
}

/* The first of what was found that is not before text, or list->n. */
static size_t found_from(const struct cf_mask_list *list, const char *text)
{
    size_t low = list->n_known, high = list->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(list->paths[middle], text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A row for path of what was found, or CF_MASK_MAX. */
static size_t found_at(const struct cf_mask_list *list, const char *path)
{
    size_t row = found_from(list, path);

    return row < list->n && list->inside[row] && strcmp(list->paths[row], path) == 0 ? row
                                                                                     : CF_MASK_MAX;
}

static bool found_below(const struct cf_mask_list *list, const char *path)
{
    char folder[PATH_MAX];
    int length = snprintf(folder, sizeof folder, "%s/", path);
    size_t row = found_from(list, folder);

    return row < list->n && strncmp(list->paths[row], folder, (size_t)length) == 0;
}

/* Whether the row is about path and what it is; *ret_holds: it may be about what is in path. */
static bool is_about(const struct cf_mask_list *list, size_t row, const char *path, int type,
                     bool *ret_holds)
{
    if (!list->inside[row])
        return false;
    *ret_holds |= cf_mask_below(list->paths[row], path) != NULL;
    return is_row(list->paths[row], path) &&
           !(type == DT_DIR && list->kinds[row] == CF_MASK_SOCKET);
}

/* The row that leaves path out; CF_MASK_MAX: none does. */
static size_t row_find(const struct cf_mask_list *list, const char *path, int type, bool *ret_holds)
{
    size_t row;

    for (row = 0; row < list->n_known; row++) {
        if (is_about(list, row, path, type, ret_holds))
            return row;
    }
    if (type == DT_DIR)
        *ret_holds |= found_below(list, path);
    row = type == DT_SOCK || type == DT_LNK ? found_at(list, path) : CF_MASK_MAX;
    return row;
}

enum cf_mask_verdict cf_mask_judge(const struct cf_mask_list *list, const char *path, int type,
                                   size_t *ret_row)
{
    bool holds_some = false;

    *ret_row = CF_MASK_MAX;
    for (size_t i = 0; i < list->n_tops; i++) {
        const char *rest = cf_mask_below(list->tops[i].as, path);

        if (rest && !*rest)
            return type == DT_LNK ? CF_MASK_FOLLOW : CF_MASK_TOP;
        holds_some |= rest != NULL;
    }
    *ret_row = row_find(list, path, type, &holds_some);
    if (*ret_row < CF_MASK_MAX)
        return type == DT_LNK && !has_star(list->paths[*ret_row]) ? CF_MASK_FOLLOW
                                                                  : CF_MASK_LEAVE_OUT;
    if (is_unlisted(path))
        return CF_MASK_LEAVE_OUT;
    if (type == DT_LNK)
        return CF_MASK_FOLLOW;
    return holds_some && type == DT_DIR ? CF_MASK_REPLACE : CF_MASK_SHOW;
}

void cf_mask_note_links(struct cf_mask_done *done, size_t row, unsigned long links)
{
    if (links < 2 || done->linked)
        return;
    done->linked = true;
    done->linked_row = row;
}

void cf_mask_leads_out(struct cf_mask_list *list, const char *path)
{
    for (size_t i = 0; i < list->n; i++) {
        if (cf_mask_below(list->paths[i], path))
            list->inside[i] = false;
    }
}

/* Nobody below can reach a path that PID 1 cannot reach. */
static bool unreachable(int code)
{
    return code == -ENOENT || code == -ENOTDIR || code == -EACCES || code == -ELOOP ||
           code == -ENAMETOOLONG;
}

static bool is_to_cover(mode_t mode, enum cf_mask_kind kind)
{
    if (S_ISDIR(mode))
        return kind == CF_MASK_SOCKET_OR_FOLDER;
    return S_ISSOCK(mode);
}

/* Returns 1 when the row's path is covered, 0 when there is nothing to cover, or -errno. */
static int cover_one(const struct cf_mask_list *list, size_t row, const struct cf_mask_cover *cover,
                     struct cf_mask_done *done)
{
    const char *path = list->paths[row];
    cf_auto_close int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat found, ours;
    bool folder;
    int r;

    if (fd < 0)
        return unreachable(-errno) ? 0 : -errno;
    if (fstat(fd, &found) < 0 || stat(cover->file, &ours) < 0)
        return -errno;
    folder = S_ISDIR(found.st_mode);
    if (found.st_dev == ours.st_dev) /* reached by another name, covered already */
        return 0;
    if (!is_to_cover(found.st_mode, list->kinds[row]))
        return 0;
    if (!folder)
        cf_mask_note_links(done, row, found.st_nlink);
    done->movable |= cf_movable(path, found.st_uid);
    r = cf_attach(folder ? cover->folder : cover->file, fd, CF_ATTACH_ONE);
    return r < 0 ? r : 1;
}

int cf_mask_apply(const struct cf_mask_list *list, const struct cf_mask_cover *cover,
                  struct cf_mask_done *ret_done, struct cf_error *err)
{
    for (size_t i = 0; i < list->n; i++) {
        int r = 0;

        /* What is replaced while it is being covered is looked at again. */
        for (int left = TRIES; !list->inside[i] && left > 0; left--) {
            r = cover_one(list, i, cover, ret_done);
            if (r != -ENOENT)
                break;
        }

        if (r < 0)
            return cf_error_errno(err, r, "cannot mask '%s'", list->paths[i]);
        ret_done->covered[i] |= r > 0;
    }
    return 0;
}
