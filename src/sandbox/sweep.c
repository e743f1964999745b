/*
 * sweep.c - every socket at which somebody outside waits when the run begins
 *
 * Who waits may answer names, fetch, or run programs for whoever asks, and nobody can
 * know that from the outside. So all are hidden, and only these are let through, which are
 * made for programs like the command and lead nowhere else:
 *
 *   the log                journald's and syslog's, and systemd's for a service's state
 *   keys                   what SSH_AUTH_SOCK names, and GnuPG's agent: they sign
 *   the caller's display   X's and Wayland's, when a variable names one: a program with
 *                          a window is of no use without
 */
#include "sandbox/sweep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct sweep {
    struct cf_mask_list *list;
    const struct cf_elsewhere *elsewhere;
};

static const char *const let_through[] = {
    "/dev/log",
    "/run/systemd/notify",
    "/run/systemd/journal/dev-log",
    "/run/systemd/journal/socket",
    "/run/systemd/journal/stdout",
    "/run/rsyslogd/dev/log",
};

#define X_SERVERS "/tmp/.X11-unix/X"

static const char *const agents_of_gnupg[] = {
    "S.gpg-agent", "S.gpg-agent.browser", "S.gpg-agent.extra", "S.gpg-agent.ssh", "S.keyboxd",
};

static bool is_named_by(const char *path, const char *variable)
{
    const char *value = getenv(variable);
    char copy[256];

    if (!value || value[0] != '/' || strlen(value) >= sizeof copy)
        return false;
    strcpy(copy, value);
    cf_mask_tidy(copy);
    return strcmp(copy, path) == 0;
}

/* WAYLAND_DISPLAY is a path, or a name in the runtime folder. */
static bool is_display(const char *path)
{
    const char *name = getenv("WAYLAND_DISPLAY"), *runtime = getenv("XDG_RUNTIME_DIR");
    char usual[256];

    if (strncmp(path, X_SERVERS, strlen(X_SERVERS)) == 0)
        return getenv("DISPLAY") != NULL;
    if (!name || !*name || *name == '/' || !runtime)
        return is_named_by(path, "WAYLAND_DISPLAY");
    if (snprintf(usual, sizeof usual, "%s/%s", runtime, name) >= (int)sizeof usual)
        return false;
    cf_mask_tidy(usual);
    return strcmp(usual, path) == 0;
}

static bool is_let_through(const char *path)
{
    const char *name = strrchr(path, '/') + 1;

    for (size_t i = 0; i < sizeof let_through / sizeof *let_through; i++) {
        if (strcmp(path, let_through[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof agents_of_gnupg / sizeof *agents_of_gnupg; i++) {
        if (strcmp(name, agents_of_gnupg[i]) == 0)
            return true;
    }
    return is_named_by(path, "SSH_AUTH_SOCK") || is_display(path);
}

/* A path as the list has it, or NULL without memory. */
static char *tidy_copy(const char *path)
{
    char *copy = strdup(path);

    if (copy)
        cf_mask_tidy(copy);
    return copy;
}

static int note(void *data, const char *path)
{
    const struct sweep *sweep = data;
    char *copy = tidy_copy(path);

    if (copy && cf_mask_hides(sweep->list, copy)) {
        free(copy);
        return 0;
    }
    return cf_mask_add(sweep->list, copy, CF_MASK_LISTENER);
}

static int note_listener(void *data, const struct cf_listener *listener)
{
    struct sweep *sweep = data;
    cf_auto_free char *path = tidy_copy(listener->path);
    int r;

    if (!path)
        return -ENOMEM;
    if (!*path || is_let_through(path))
        return 0;
    r = note(sweep, path);
    return r == 0 ? cf_elsewhere_socket(sweep->elsewhere, listener, note, sweep) : r;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All are of one kind; some have been found by two names. */
static void sort(struct cf_mask_list *list)
{
    size_t n = list->n_known;

    if (list->n > n)
        qsort(list->paths + n, list->n - n, sizeof *list->paths, compare);
    for (size_t i = n; i < list->n; i++) {
        if (n > list->n_known && strcmp(list->paths[i], list->paths[n - 1]) == 0)
            free(list->paths[i]);
        else
            list->paths[n++] = list->paths[i];
    }
    list->n = n;
    for (size_t i = list->n_known; i < n; i++)
        list->inside[i] = cf_mask_is_inside(list, list->paths[i]);
}

int cf_sweep(struct cf_mask_list *list, const struct cf_elsewhere *elsewhere)
{
    struct sweep sweep = { .list = list, .elsewhere = elsewhere };
    int r = cf_listeners_each(note_listener, &sweep);

    if (r == 0)
        sort(list);
    return r;
}
