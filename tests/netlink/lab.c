/*
 * lab.c - user and network namespaces for a test program
 */
#include "lab.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"

#define ORDINARY_ID 12345
#define SKIP 77

static bool namespaces_enter(void)
{
    const unsigned uid = getuid(), gid = getgid();
    const char *all = "0 0 4294967295";
    char uids[64], gids[64];

    snprintf(uids, sizeof(uids), "%u %u 1", uid, uid);
    snprintf(gids, sizeof(gids), "%u %u 1", gid, gid);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        printf("skipped: no user and network namespaces for uid %u: %s\n", uid, strerror(errno));
        return false;
    }
    if (cf_fd_write_file("/proc/self/setgroups", "deny") < 0 ||
        (cf_fd_write_file("/proc/self/uid_map", all) < 0 &&
         cf_fd_write_file("/proc/self/uid_map", uids) < 0) ||
        (cf_fd_write_file("/proc/self/gid_map", all) < 0 &&
         cf_fd_write_file("/proc/self/gid_map", gids) < 0)) {
        printf("skipped: uid %u cannot map itself: %s\n", uid, strerror(errno));
        return false;
    }
    return true;
}

/* Programs that a test starts, such as ip, may administer the lab's network. */
static bool capability_pass_on(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2];

    if (syscall(SYS_capget, &header, data) < 0)
        return false;
    data[0].inheritable |= 1U << CAP_NET_ADMIN;
    return syscall(SYS_capset, &header, data) == 0 &&
           prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) == 0;
}

/* In a child, so that the caller stays where it is. */
static int run_as(bool ordinary, int (*tests)(void))
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        if (ordinary && (setresgid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) < 0 ||
                         setresuid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) < 0))
            _exit(1);
        prctl(PR_SET_DUMPABLE, 1); /* else /proc/self/uid_map is root's */
        status = namespaces_enter() && capability_pass_on() ? tests() : SKIP;
        fflush(NULL);
        _exit(status > 0 && status != SKIP ? 1 : status);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return 1;
    return WEXITSTATUS(status);
}

int lab_run(int (*tests)(void))
{
    int r, s;

    r = run_as(false, tests);
    if (getuid() != 0 || (r != 0 && r != SKIP))
        return r;
    s = run_as(true, tests);
    return s != 0 ? s : r;
}

int lab_gateway_open(const struct cf_gateway_config *config, struct cf_gateway **ret,
                     struct cf_error *err)
{
    struct cf_gateway *gateway = NULL;
    int r = cf_gateway_start(&gateway, err);

    if (r < 0)
        return r;
    cf_gateway_configure(gateway, config);
    r = cf_gateway_finish(gateway, err);
    if (r < 0)
        cf_gateway_close(gateway);
    else
        *ret = gateway;
    return r;
}

int lab_socket(int netns_fd, int domain, int type, int protocol)
{
    cf_auto_close int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int fd;

    if (home < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
        return -1;
    fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (setns(home, CLONE_NEWNET) < 0)
        abort();
    return fd;
}

static int entries_count(const char *path)
{
    cf_auto_closedir DIR *dir = opendir(path);
    struct dirent *entry;
    int count = 0;

    while (dir && (entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    return count;
}

int lab_count_descriptors(void)
{
    return entries_count("/proc/self/fd");
}

int lab_count_threads(void)
{
    return entries_count("/proc/self/task");
}

bool lab_wait_threads(int count)
{
    const int64_t deadline = cf_clock_monotonic_us() + 60 * CF_US_PER_S;

    while (lab_count_threads() != count) {
        if (cf_clock_monotonic_us() > deadline)
            return false;
        sched_yield();
    }
    return true;
}
