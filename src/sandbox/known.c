/*
 * known.c - what there is to hide on this host, for this user
 *
 * How this works. No list can know every daemon. So every socket at which somebody
 * waits when the run begins is added, wherever it lies and whatever mount shows it
 * (sweep.c), but for some that are for programs like the command. What is known is
 * named all the same: a folder stays hidden when its daemon is started later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sandbox/automount.h"
#include "sandbox/cgroups.h"
#include "sandbox/elsewhere.h"
#include "sandbox/mask.h"
#include "sandbox/sweep.h"

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
        const char *rest = cf_mask_below(path, top->path),
                   *same = cf_mask_below(other->as, top->as);

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
    list->cgroups_delegated = cf_cgroups_are_delegated(mountinfo);
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
    if (r == -ENOSPC)
        return cf_error_set(err, r,
                            "cannot hide the host's unix sockets: more than %d are listened at, or "
                            "/run is mounted at more than %d places",
                            CF_MASK_MAX, CF_MASK_TOPS_MAX);
    if (r == -ENOENT)
        return cf_error_set(err, r,
                            "cannot list the host's unix sockets: the kernel lacks unix_diag "
                            "(CONFIG_UNIX_DIAG)");
    return cf_error_errno(err, r, "cannot list the sockets to mask");
}
