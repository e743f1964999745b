/*
 * probe.c - what the tests try from inside: one attempt, one line
 *
 * probe WHAT [ARG...] prints "WHAT ok" or "WHAT: " and the error.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int socket_try(char **arg)
{
    return socket(atoi(arg[0]), SOCK_STREAM, 0);
}

/* A filled upper half of the argument: the kernel looks at the lower one only. */
static int socket_wide_try(char **arg)
{
    return (int)syscall(SYS_socket, 0x100000000UL | (unsigned)atoi(arg[0]), SOCK_STREAM, 0);
}

static int socketpair_try(char **arg)
{
    int ends[2];

    return socketpair(atoi(arg[0]), SOCK_STREAM, 0, ends);
}

static int ioctl_try(char **arg)
{
    return (int)syscall(SYS_ioctl, 0, strtoul(arg[0], NULL, 0), "x");
}

/* Whatever the kernel thinks of the rest of such a call. */
static int clone_try(char **arg)
{
    return (int)syscall(SYS_clone, strtoul(arg[0], NULL, 0), NULL, NULL, NULL, NULL);
}

static int clone3_try(char **arg)
{
    (void)arg;
    return (int)syscall(SYS_clone3, NULL, 0);
}

static int unshare_try(char **arg)
{
    return unshare((int)strtoul(arg[0], NULL, 0));
}

static int close_range_try(char **arg)
{
    return (int)syscall(SYS_close_range, 1000000, 1000000, strtoul(arg[0], NULL, 0));
}

static int io_uring_try(char **arg)
{
    char params[256] = { 0 };

    (void)arg;
    return (int)syscall(SYS_io_uring_setup, 1, params);
}

static int limit_try(char **arg)
{
    struct rlimit limit;
    const pid_t pid = (pid_t)strtol(arg[0], NULL, 0);

    if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) < 0)
        return -1;
    return prlimit(pid, RLIMIT_NOFILE, &limit, NULL);
}

/* A key that nobody has; with information for the program that would make it, or without. */
static int request_key_try(char **arg)
{
    return (int)syscall(SYS_request_key, "user", "childflow-test", arg[0], 0);
}

static int unix_connect(const struct sockaddr_un *at, socklen_t length)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    return fd < 0 ? -1 : connect(fd, (const struct sockaddr *)at, length);
}

static int connect_try(char **arg)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };

    snprintf(at.sun_path, sizeof at.sun_path, "%s", arg[0]);
    return unix_connect(&at, sizeof at);
}

/* Many; says which have a name at all. */
static int reach_try(char **arg)
{
    for (; *arg; arg++) {
        if (connect_try(arg) == 0)
            printf("%s is reached\n", *arg);
        else if (errno != ENOENT && errno != EACCES)
            printf("%s is there: %s\n", *arg, strerrorname_np(errno));
    }
    return 0;
}

static int abstract_try(char **arg)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    size_t length = strlen(arg[0]);

    memcpy(at.sun_path + 1, arg[0], length);
    return unix_connect(&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length));
}

static int ptrace_try(char **arg)
{
    return (int)ptrace(PTRACE_SEIZE, atoi(arg[0]), NULL, NULL);
}

static int setns_try(char **arg)
{
    int fd = open(arg[0], O_RDONLY);

    return fd < 0 ? -1 : setns(fd, 0);
}

/* TYPE:OCTETS of a folder's handle, and a place on the same file system. */
static int handle_try(char **arg)
{
    union {
        struct file_handle handle;
        unsigned char octets[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } u = { 0 };
    char *at = strchr(arg[0], ':');
    int mount_fd = open(arg[1], O_RDONLY | O_DIRECTORY);

    u.handle.handle_type = atoi(arg[0]);
    for (; at && at[1]; at += 2)
        sscanf(at + 1, "%2hhx", &u.handle.f_handle[u.handle.handle_bytes++]);
    return mount_fd < 0 ? -1 : open_by_handle_at(mount_fd, &u.handle, O_RDONLY | O_DIRECTORY);
}

static int write_try(char **arg)
{
    int fd = open(arg[0], O_WRONLY);

    return fd;
}

/* The system calls of the other instruction sets, from a 64-bit program. */
#ifdef __x86_64__
static int int80(long number, long a, long b, long c)
{
    long r;

    __asm__ volatile("int $0x80"
                     : "=a"(r)
                     : "a"(number), "b"(a), "c"(b), "d"(c)
                     : "memory", "r8", "r9", "r10", "r11");
    errno = r < 0 ? (int)-r : 0;
    return r < 0 ? -1 : (int)r;
}

static int socket32_try(char **arg)
{
    return int80(359, atoi(arg[0]), SOCK_STREAM, 0);
}

static int socketcall_try(char **arg)
{
    int *call =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

    if (call == MAP_FAILED)
        return -1;
    call[0] = atoi(arg[0]);
    call[1] = SOCK_STREAM;
    return int80(102, 1, (long)call, 0);
}

static int x32_try(char **arg)
{
    return (int)syscall(0x40000000 + SYS_socket, atoi(arg[0]), SOCK_STREAM, 0);
}
#endif

static const struct {
    const char *name;
    int (*try)(char **arg);
} rows[] = {
    { "socket", socket_try },
    { "socket_wide", socket_wide_try },
    { "socketpair", socketpair_try },
    { "ioctl", ioctl_try },
    { "io_uring", io_uring_try },
    { "clone", clone_try },
    { "clone3", clone3_try },
    { "unshare", unshare_try },
    { "close_range", close_range_try },
    { "request_key", request_key_try },
    { "limit", limit_try },
    { "connect", connect_try },
    { "reach", reach_try },
    { "abstract", abstract_try },
    { "ptrace", ptrace_try },
    { "setns", setns_try },
    { "handle", handle_try },
    { "write", write_try },
#ifdef __x86_64__
    { "socket32", socket32_try },
    { "socketcall", socketcall_try },
    { "x32", x32_try },
#endif
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, argv[1]) != 0)
            continue;
        if (rows[i].try(argv + 2) < 0)
            printf("%s: %s\n", argv[1], strerrorname_np(errno));
        else
            printf("%s ok\n", argv[1]);
        return 0;
    }
    printf("%s: not on this machine\n", argc > 1 ? argv[1] : "nothing");
    return 0;
}
