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
 * No list can know every daemon. So every socket at which somebody waits when the
 * run begins is added, wherever it lies and whatever mount shows it (sweep.c), but for
 * some that are for programs like the command. What is known is named all
 * the same: a folder stays hidden when its daemon is started later.
 *
 * The list is made before the fork, where memory may be allocated; it is
 * applied by PID 1 in the new mount namespace.
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
#include "base/fd.h"
#include "sandbox/attach.h"
#include "sandbox/automount.h"
#include "sandbox/elsewhere.h"
#include "sandbox/sweep.h"

#define TRIES 8
#define MOUNTINFO_MAX ((size_t)16 << 20)

/*
 * "@/" stands for the user's runtime folder, "~/" for the home folder, "*" for whatever
 * follows. Rows of /run are for a /var/run beside it too.
 */
static const char *const known_paths[] = {
    /* Name services: they answer DNS from outside. */
    "/run/nscd",
    "/run/systemd/resolve",
    "/run/avahi-daemon",
    "/run/mdnsd",
    "/run/nslcd",
    "/run/samba",
    "/var/lib/samba/winbindd_privileged",
    "/var/lib/sss/pipes",
    /* Daemons that fetch, print or talk to the network for whoever asks. */
    "/run/cups",
    "/run/tailscale",
    "/run/wpa_supplicant",
    "/run/rpcbind.sock",
    "/nix/var/nix/daemon-socket",
    "/var/guix/daemon-socket",
    "@/gnupg/S.dirmngr",
    "~/.gnupg/S.dirmngr",
    "@/pulse",
    "@/gvfsd",
    /* Network hardware that has no network namespace. */
    "/dev/infiniband",
    /* Message buses: resolved, systemd, and everything that can be activated. */
    "/run/dbus",
    "@/bus",
    "@/dbus-1",
    "@/at-spi",
    /* Service managers: a transient unit runs anywhere. */
    "/run/systemd/private",
    "/run/systemd/machine",
    "/run/systemd/import",
    "@/systemd",
    "/run/snapd.socket",
    "/run/snapd-snap.socket",
    "@/snapd-session-agent.socket",
    /* Containers and virtual machines. */
    "/run/docker.sock",
    "/run/docker",
    "/run/cri-dockerd.sock",
    "/run/containerd",
    "/run/podman",
    "/run/crio",
    "/run/buildkit",
    "/run/k3s",
    "/run/libvirt",
    "/var/lib/lxd",
    "/var/snap/lxd/common/lxd",
    "/var/snap/lxd/common/lxd-user",
    "/var/lib/incus",
    "/run/incus",
    "@/docker.sock",
    "@/docker",
    "@/containerd",
    "@/containerd-rootless",
    "@/podman",
    "@/buildkit",
    "@/libvirt",
    "~/.docker/run",
    "~/.docker/desktop",
    /* Terminal multiplexers and editors that run commands for whoever asks. */
    "/run/screen",
    "@/emacs",
    "@/zellij",
    "@/nvim.*",
    "@/vscode-ipc-*",
    "@/wezterm",
    "@/sway-ipc.*",
    "@/i3",
};

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

/* Variables that name a socket, alone or in an address. */
static const char *const known_variables[] = {
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    "DOCKER_HOST",
    "CONTAINER_HOST",
    "BUILDKIT_HOST",
    "CONTAINERD_ADDRESS",
    "LIBVIRT_DEFAULT_URI",
    "TMUX",
    "NVIM",
    "NVIM_LISTEN_ADDRESS",
    "KITTY_LISTEN_ON",
    "WEZTERM_UNIX_SOCKET",
    "VSCODE_IPC_HOOK_CLI",
    "I3SOCK",
    "SWAYSOCK",
    "PULSE_SERVER",
    "WATCHMAN_SOCK",
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

/* The rest of path behind folder and a slash; "" when they are the same, NULL when it is elsewhere.
 */
static const char *below(const char *path, const char *folder)
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
        const char *rest = below(path, list->tops[i].as);

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

static int add_joined(struct cf_mask_list *list, const char *folder, const char *name)
{
    char *path;

    return cf_mask_add(list, asprintf(&path, "%s%s", folder, name) < 0 ? NULL : path,
                       CF_MASK_SOCKET_OR_FOLDER);
}

/* One row of the table, with its first letter resolved. */
static int add_row(struct cf_mask_list *list, unsigned uid, const char *row)
{
    const char *home = getenv("HOME"), *runtime = getenv("XDG_RUNTIME_DIR");
    char usual[64];
    int r;

    if (row[0] == '~')
        return home && home[0] == '/' ? add_joined(list, home, row + 1) : 0;
    if (row[0] != '@')
        return add_joined(list, row, "");
    snprintf(usual, sizeof usual, "/run/user/%u", uid);
    r = add_joined(list, usual, row + 1);
    if (r == 0 && runtime && runtime[0] == '/' && strcmp(runtime, usual) != 0)
        r = add_joined(list, runtime, row + 1);
    return r;
}

/* The octets of a D-Bus address are written as %2f where they are not plain. */
static void decode_percent(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        unsigned octet;

        if (from[0] == '%' && sscanf(from + 1, "%2x", &octet) == 1 && from[1] && from[2]) {
            *to++ = (char)octet;
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* Each absolute path in "unix:path=/a,guid=b;unix:path=/c", "unix:///a", "/a,1,2". */
static int add_address(struct cf_mask_list *list, const char *value)
{
    const char *at = value;
    int r = 0;

    while (r == 0 && (at = strchr(at, '/'))) {
        size_t length = strcspn(at, ",;?");
        char *path;

        while (length > 1 && at[1] == '/') { /* the slashes of "unix://" */
            at++;
            length--;
        }
        path = strndup(at, length);
        if (path)
            decode_percent(path);
        r = cf_mask_add(list, path, CF_MASK_SOCKET);
        at += length;
    }
    return r;
}

static int add_folder(void *data, const char *path)
{
    return cf_mask_add(data, strdup(path), CF_MASK_SOCKET_OR_FOLDER);
}

/* Roots of an automounter that asks whatever host is named. */
static int add_automounts(struct cf_mask_list *list, const char *mountinfo)
{
    cf_auto_free char *copy = strdup(mountinfo);

    return copy ? cf_automount_hosts(copy, add_folder, list) : -ENOMEM;
}

static int add_top(struct cf_mask_list *list, const char *path, const char *as)
{
    struct cf_mask_top *top = &list->tops[list->n_tops];

    if (list->n_tops == CF_MASK_TOPS_MAX)
        return -ENOSPC;
    top->path = strdup(path);
    if (!top->path)
        return -ENOMEM;
    cf_mask_tidy(top->path);
    top->as = as ? as : top->path;
    list->n_tops++;
    return 0;
}

/*
 * Whether it is what the XDG Base Directory Specification says of such a folder: the
 * user's own, for nobody else. Another may be one that others share, such as /tmp.
 */
static bool is_runtime_folder(const char *path, unsigned uid)
{
    const char *home = getenv("HOME");
    struct stat st;

    if (!path || path[0] != '/' || strstr(path, "/..") || (home && strcmp(home, path) == 0))
        return false;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid &&
           (st.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

static int add_tops(struct cf_mask_list *list, unsigned uid)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char usual[64];
    int r;

    snprintf(usual, sizeof usual, "/run/user/%u", uid);
    r = add_top(list, "/run", NULL);
    if (r == 0)
        r = add_top(list, "/var/run", "/run");
    if (r == 0)
        r = add_top(list, usual, NULL);
    if (r == 0 && is_runtime_folder(runtime, uid))
        r = add_top(list, runtime, NULL);
    return r;
}

/* The folders of multiplexers and editors that have no place of their own. */
static int add_servers(struct cf_mask_list *list, unsigned uid)
{
    static const char *const templates[] = { "/tmp/tmux-%u", "/tmp/emacs%u" };
    const char *tmux = getenv("TMUX_TMPDIR"), *screen = getenv("SCREENDIR");
    char name[32];
    int r = 0;

    for (size_t i = 0; i < sizeof templates / sizeof *templates && r == 0; i++) {
        snprintf(name, sizeof name, templates[i], uid);
        r = add_joined(list, name, "");
    }
    snprintf(name, sizeof name, "/tmux-%u", uid);
    if (r == 0 && tmux && tmux[0] == '/')
        r = add_joined(list, tmux, name);
    if (r == 0 && screen && screen[0] == '/')
        r = add_joined(list, screen, "");
    return r;
}

struct other_top {
    struct cf_mask_list *list;
    const char *as;
};

/*
 * A top in which the same folder is shown goes with that. In one that shows something else there
 * it would show itself again, and so on.
 */
static int add_other_top(void *data, const char *path)
{
    const struct other_top *other = data;

    for (size_t i = 0; i < other->list->n_tops; i++) {
        const struct cf_mask_top *top = &other->list->tops[i];
        const char *rest = below(path, top->path), *same = below(other->as, top->as);

        if (rest && (!*rest || (same && strcmp(rest, same) == 0)))
            return 0;
        if (rest)
            return -ELOOP;
    }
    return add_top(other->list, path, other->as);
}

/* Where other mounts show the tops. */
static int add_other_tops(struct cf_mask_list *list, const struct cf_elsewhere *elsewhere)
{
    const size_t n = list->n_tops;
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++) {
        struct other_top other = { .list = list, .as = list->tops[i].as };

        if (other.as == list->tops[i].path)
            r = cf_elsewhere_folder(elsewhere, other.as, add_other_top, &other);
    }
    return r;
}

static int add_known(struct cf_mask_list *list, unsigned uid)
{
    int r = 0;

    for (size_t i = 0; i < sizeof known_paths / sizeof *known_paths && r == 0; i++)
        r = add_row(list, uid, known_paths[i]);
    if (r == 0)
        r = add_servers(list, uid);
    for (size_t i = 0; i < sizeof known_variables / sizeof *known_variables && r == 0; i++) {
        const char *value = getenv(known_variables[i]);

        if (value)
            r = add_address(list, value);
    }
    return r;
}

static int plan(unsigned uid, struct cf_mask_list *list)
{
    struct cf_elsewhere elsewhere = { 0 };
    char *mountinfo;
    size_t length;
    int r = cf_fd_read_file("/proc/self/mountinfo", MOUNTINFO_MAX, &mountinfo, &length);

    if (r < 0)
        return r;
    r = add_tops(list, uid);
    if (r == 0)
        r = add_known(list, uid);
    if (r == 0)
        r = add_automounts(list, mountinfo);
    list->n_known = list->n;
    if (r < 0) {
        free(mountinfo);
        return r;
    }
    r = cf_elsewhere_init(&elsewhere, mountinfo);
    if (r == 0)
        r = add_other_tops(list, &elsewhere);
    if (r == 0)
        r = cf_sweep(list, &elsewhere);
    cf_elsewhere_done(&elsewhere);
    return r;
}

int cf_mask_plan(const struct cf_identity *identity, struct cf_mask_list *ret_list,
                 struct cf_error *err)
{
    int r;

    memset(ret_list, 0, sizeof *ret_list);
    r = plan(identity->uid, ret_list);
    if (r == 0)
        return 0;
    cf_mask_list_done(ret_list);
    if (r == -ELOOP)
        return cf_error_set(err, r,
                            "cannot give the command a /run of its own: another mount shows it "
                            "inside of itself; unmount that one");
    if (r == -ENOENT)
        return cf_error_set(err, r,
                            "cannot list the host's unix sockets: the kernel lacks unix_diag "
                            "(CONFIG_UNIX_DIAG)");
    return cf_error_errno(err, r, "cannot list the sockets to mask");
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
        const char *name = below(path, known_folders[i].folder);

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
        const char *rest = below(path, list->paths[i]);

        if (rest && (!*rest || list->kinds[i] == CF_MASK_SOCKET_OR_FOLDER))
            return true;
    }
    for (size_t i = 0; i < list->n_tops; i++) {
        if (strcmp(list->tops[i].as, "/run") != 0 && below(path, list->tops[i].as))
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
    *ret_holds |= below(list->paths[row], path) != NULL;
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
        const char *rest = below(list->tops[i].as, path);

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
        if (below(list->paths[i], path))
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
