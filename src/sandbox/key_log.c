/*
 * key_log.c - where the command's TLS libraries write their secrets
 *
 * How this works. The file lies in a tmpfs of its own, which has room for it alone:
 * what a hostile command writes ends at its size, and takes nothing from others.
 * It is mounted over an empty file in the command's /run, so that it can neither be
 * removed nor replaced by a name that the engine does not read, and goes with the
 * namespace.
 */
#include "sandbox/key_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/attach.h"

#define VARIABLE "SSLKEYLOGFILE="
#define PLACE "/run/childflow-tls-keys"

static int file_make(const char *folder, const char *source, size_t bytes)
{
    cf_auto_close int fd = -1;
    char options[96];

    snprintf(options, sizeof options, "mode=0755,nr_inodes=2,size=%zu", bytes);
    if (mkdir(folder, 0755) < 0 ||
        mount("childflow", folder, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0)
        return -errno;
    fd = open(source, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    /* Every uid of root's tree may append, and one needs not read what another wrote. */
    return fd < 0 || fchmod(fd, 0622) < 0 ? -errno : 0;
}

/* A run inside of a run has the file of the outer one there, and covers it. */
static int file_show(const char *source)
{
    cf_auto_close int target = -1;

    if (mknod(PLACE, S_IFREG | 0600, 0) < 0 && errno != EEXIST)
        return -errno;
    target = open(PLACE, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return target < 0 ? -errno : cf_attach(source, target, CF_ATTACH_AS_IT_IS);
}

int cf_key_log_place(const char *scratch, size_t bytes, const struct cf_mask_list *masks,
                     struct cf_error *err)
{
    char folder[64], source[80];
    int r;

    snprintf(folder, sizeof folder, "%s/tls-keys", scratch);
    snprintf(source, sizeof source, "%s/keys", folder);
    r = cf_mask_is_inside(masks, PLACE) ? file_make(folder, source, bytes) : -ENOENT;
    if (r == 0)
        r = file_show(source);
    return r < 0 ? cf_error_errno(err, r, "cannot make '%s' for the secrets of TLS", PLACE) : 0;
}

int cf_key_log_name(void)
{
    static char entry[] = VARIABLE PLACE;
    size_t n = 0;
    char **names;

    while (environ && environ[n])
        n++;
    names = mmap(NULL, (n + 2) * sizeof *names, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (names == MAP_FAILED)
        return -errno;
    names[0] = entry;
    for (size_t i = 0, to = 1; i < n; i++)
        if (strncmp(environ[i], VARIABLE, sizeof VARIABLE - 1) != 0)
            names[to++] = environ[i];
    environ = names;
    return 0;
}

int cf_key_log_open(void)
{
    int fd = open(PLACE, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}
