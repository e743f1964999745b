/*
 * caller.c - what the caller handed over, kept for the command
 */
#include "sandbox/caller.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static int compare_fds(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

/* Descriptors of this process that an exec would hand on. */
static int list_fds(int **ret_fds, size_t *ret_n)
{
    cf_auto_closedir DIR *dir = opendir("/proc/self/fd");
    cf_auto_free int *fds = NULL;
    size_t n = 0, capacity = 0;
    struct dirent *entry;

    if (!dir)
        return -errno;
    while ((entry = readdir(dir))) {
        int flags, fd = atoi(entry->d_name);

        if (entry->d_name[0] == '.' || fd == dirfd(dir))
            continue;
        flags = fcntl(fd, F_GETFD);
        if (flags < 0 || (flags & FD_CLOEXEC))
            continue;
        if (n == capacity) {
            int *grown;

            capacity = capacity ? capacity * 2 : 16;
            grown = realloc(fds, capacity * sizeof *fds);
            if (!grown)
                return -ENOMEM;
            fds = grown;
        }
        fds[n++] = fd;
    }
    if (n > 0)
        qsort(fds, n, sizeof *fds, compare_fds);
    *ret_fds = fds;
    fds = NULL;
    *ret_n = n;
    return 0;
}

/* open(2) takes the lowest free number, so this ends as soon as 0 to 2 are taken. */
static int fill_standard_fds(void)
{
    for (;;) {
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (fd < 0)
            return -errno;
        if (fd > 2) {
            close(fd);
            return 0;
        }
    }
}

static void save_signals(struct cf_caller *caller)
{
    sigemptyset(&caller->ignored);
    sigprocmask(SIG_SETMASK, NULL, &caller->mask);
    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction action;

        if (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            sigaddset(&caller->ignored, signal);
    }
}

int cf_sandbox_caller_save(struct cf_caller *ret_caller, struct cf_error *err)
{
    struct cf_caller caller = { 0 };
    struct sigaction plain = { .sa_handler = SIG_DFL };
    int r;

    save_signals(&caller);
    for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
        if (getrlimit((__rlimit_resource_t)i, &caller.limits[i]) < 0)
            return cf_error_errno(err, -errno, "cannot read resource limit %d", i);
    }
    r = list_fds(&caller.fds, &caller.n_fds);
    if (r < 0)
        return cf_error_errno(err, r, "cannot list '/proc/self/fd'; is /proc mounted?");
    r = fill_standard_fds();
    if (r < 0) {
        cf_sandbox_caller_done(&caller);
        return cf_error_errno(err, r, "cannot open '/dev/null'");
    }
    sigaction(SIGCHLD, &plain, NULL);
    *ret_caller = caller;
    return 0;
}

void cf_sandbox_caller_done(struct cf_caller *caller)
{
    free(caller->fds);
    caller->fds = NULL;
    caller->n_fds = 0;
}
