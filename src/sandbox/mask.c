/*
 * mask.c - the sockets that lead around the network namespace, and what the run hides
 *
 * How this works. A unix socket on the file system does not belong to a
 * network namespace: who connects to it talks to a process outside, which may
 * answer DNS, open connections, or start programs for whoever asks. Each such
 * path that is known is covered: a socket by an empty file (connect(2) gives
 * ECONNREFUSED), a folder by an empty one. A folder is preferred where it
 * serves nothing else, because a daemon that restarts replaces its socket,
 * and a file that is replaced outside takes our cover along.
 *
 * A run may have files that its command must not read, such as the password of
 * its proxy: an empty file covers each of them too, when the policy is known.
 *
 * The list is made before the fork, where memory may be allocated; it is
 * applied by PID 1 in the new mount namespace.
 */
#include "sandbox/mask.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/attach.h"

/* "@/" stands for the user's runtime folder, "~/" for the home folder. */
static const char *const known_paths[] = {
    /* Name services: they answer DNS from outside. */
    "/run/nscd",
    "/var/run/nscd",
    "/run/systemd/resolve",
    "/run/avahi-daemon",
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
    "/var/run/dbus",
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
    /* Containers and virtual machines. */
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/docker",
    "/run/cri-dockerd.sock",
    "/run/containerd",
    "/run/podman",
    "/run/crio",
    "/run/buildkit",
    "/run/k3s",
    "/run/libvirt",
    "/var/lib/lxd/unix.socket",
    "/var/snap/lxd/common/lxd/unix.socket",
    "/var/lib/incus/unix.socket",
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

static int add(struct cf_mask_list *list, char *path, enum cf_mask_kind kind)
{
    if (!path)
        return -ENOMEM;
    for (size_t i = 0; i < list->n; i++) {
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
    list->paths[list->n++] = path;
    return 0;
}

static int add_joined(struct cf_mask_list *list, const char *folder, const char *name)
{
    char *path;

    return add(list, asprintf(&path, "%s%s", folder, name) < 0 ? NULL : path,
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

/* systemd's varlink services in one folder: the names have grown with each release. */
static int add_varlink(struct cf_mask_list *list, const char *folder)
{
    cf_auto_closedir DIR *dir = opendir(folder);
    struct dirent *entry;
    char *path;
    int r = 0;

    while (dir && r == 0 && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, "io.systemd.", 11) != 0)
            continue;
        r = add(list, asprintf(&path, "%s/%s", folder, entry->d_name) < 0 ? NULL : path,
                CF_MASK_SOCKET);
    }
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
        r = add(list, path, CF_MASK_SOCKET);
        at += length;
    }
    return r;
}

static int plan(unsigned uid, struct cf_mask_list *list)
{
    char *path;
    int r = 0;

    for (size_t i = 0; i < sizeof known_paths / sizeof *known_paths && r == 0; i++)
        r = add_row(list, uid, known_paths[i]);
    if (r == 0)
        r = add(list, asprintf(&path, "/tmp/tmux-%u", uid) < 0 ? NULL : path,
                CF_MASK_SOCKET_OR_FOLDER);
    for (size_t i = 0; i < sizeof known_variables / sizeof *known_variables && r == 0; i++) {
        const char *value = getenv(known_variables[i]);

        if (value)
            r = add_address(list, value);
    }
    if (r == 0)
        r = add_varlink(list, "/run/systemd");
    return r;
}

int cf_mask_plan(const struct cf_identity *identity, struct cf_mask_list *ret_list,
                 struct cf_error *err)
{
    int r;

    memset(ret_list, 0, sizeof *ret_list);
    r = plan(identity->uid, ret_list);
    if (r < 0) {
        cf_mask_list_done(ret_list);
        return cf_error_errno(err, r, "cannot list the sockets to mask");
    }
    return 0;
}

void cf_mask_list_done(struct cf_mask_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->paths[i]);
    list->n = 0;
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
    return S_ISSOCK(mode) || kind == CF_MASK_FILE;
}

/* Returns 1 when the path is covered, 0 when there is nothing to cover, or -errno. */
static int cover_one(const char *path, enum cf_mask_kind kind, const struct cf_mask_cover *cover)
{
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
    if (!is_to_cover(found.st_mode, kind))
        return 0;
    r = cf_attach(folder ? cover->folder : cover->file, fd, CF_ATTACH_ONE);
    return r < 0 ? r : 1;
}

int cf_mask_apply(const struct cf_mask_list *list, const struct cf_mask_cover *cover,
                  struct cf_mask_done *ret_done, struct cf_error *err)
{
    for (size_t i = 0; i < list->n; i++) {
        int r = cover_one(list->paths[i], list->kinds[i], cover);

        if (r < 0)
            return cf_error_errno(err, r, "cannot mask '%s'", list->paths[i]);
        ret_done->covered[i] = r > 0;
    }
    return 0;
}

int cf_mask_hide(const char *const *hidden, const struct cf_mask_cover *cover, bool *ret_covered,
                 struct cf_error *err)
{
    for (size_t i = 0; hidden[i]; i++) {
        int r = cover_one(hidden[i], CF_MASK_FILE, cover);

        if (r < 0)
            return cf_error_errno(err, r, "cannot hide '%s'", hidden[i]);
        ret_covered[i] = r > 0;
    }
    return 0;
}
