/*
 * owner.c - which process of the sandbox has a socket
 *
 * How this works. One inet_diag request names the addresses as the sandbox's
 * socket has them: its own first. A TCP socket that is still connecting is
 * found like an established one. A UDP socket that is not connected is found
 * by its own address and port, whatever it sends to, as the kernel itself
 * would deliver to it. A dual-stack socket that talks IPv4 is an IPv6 socket
 * to the kernel's tables but answers to its IPv4 addresses too.
 *
 * The inode is then looked for among the descriptors of every process inside,
 * youngest first (the one that just opened a socket seldom is the oldest).
 * Nothing found means that the process has gone, or has handed the socket to
 * nobody: the caller logs why, and goes on.
 *
 * Where a socket was found is kept by its inode, so that a program that sends
 * many packets from one is looked for once. Whether it is still there,
 * and what program that process is now, is looked at again: a socket passes on to
 * other programs by execve(2), by fork(2), and by Unix sockets. These four looks are 8 us,
 * of a query that takes 20; what is only for the log is as it was found up to
 * CF_OWNER_FRESH_US before.
 *
 * Whether others hold it too is asked for only when something hinges on it
 * (cf_owner_find_other()), for that takes a look at the descriptors of every process;
 * those whose program passes are left out.
 *
 * A thread can have descriptors of its own (unshare(2), CLONE_FILES), and a process
 * goes on without its first thread, whose folder is empty then. So when nobody seems to have
 * the socket, threads are looked into too: /proc has a folder for each. To look into every
 * thread for holders that a rule is about would cost a program with many of them too much: where there are
 * such rules the command's threads cannot have descriptors of their own (sandbox/filter.c), and
 * one thread of each process that runs on tells what it has.
 *
 * A program with thousands of descriptors would make each of its sockets cost
 * thousands of looks, and one thread does them all. So where the next probably
 * is (hints.h) is looked at first, and all looks of a second have a limit.
 */
#include "netlink/owner.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "netlink/hints.h"
#include "netlink/process.h"

#define CACHE_LIMIT 1024
#define LINK_SIZE 48
#define PROCESS_LIMIT 65536

/*
 * About a tenth of a second, and a half for looks at all holders, which deny what they
 * cannot make certain of; to open a process's folder costs as much as a few looks.
 */
#define LOOKS_A_SECOND 40000
#define ALL_LOOKS_A_SECOND 200000
#define LOOKS_A_FOLDER 4

/* A process that is becoming another program lets go of the socket once it has become it. */
#define SEEKS_MAX 4

/* The sandbox's first process is ours, and holds no socket of anybody. */
#define PID_INIT 1

/* Guesses for one socket: as long as they cost less than to look through a small process. */
#define GUESSES_MAX 32

struct entry {
    struct cf_hash_node node;
    struct entry *older, *newer;
    uint64_t inode;
    struct cf_guess at;
    int64_t looked_us; /* when it was there last */
};

/* Looks that are left of a second. */
struct looks {
    int a_second, left;
    int64_t second_us; /* when it began */
};

struct cf_owners {
    int diag_fd, proc_fd;
    bool exact;
    struct cf_processes processes;
    uint32_t sequence;
    struct cf_hash by_inode;
    struct entry *oldest, *newest;
    int *pids;
    size_t n_pids, pids_capacity;
    struct cf_hints hints;
    struct looks looks, all_looks;
};

int cf_owners_new(int diag_fd, int proc_fd, bool exact, struct cf_owners **ret_owners)
{
    struct cf_owners *owners = calloc(1, sizeof *owners);

    if (!owners)
        return -ENOMEM;
    owners->diag_fd = diag_fd;
    owners->proc_fd = proc_fd;
    owners->exact = exact;
    cf_processes_init(&owners->processes, proc_fd);
    cf_hash_init(&owners->by_inode);
    owners->looks.a_second = LOOKS_A_SECOND;
    owners->all_looks.a_second = ALL_LOOKS_A_SECOND;
    *ret_owners = owners;
    return 0;
}

static void entry_drop(struct cf_owners *owners, struct entry *entry)
{
    *(entry->older ? &entry->older->newer : &owners->oldest) = entry->newer;
    *(entry->newer ? &entry->newer->older : &owners->newest) = entry->older;
    cf_hash_remove(&owners->by_inode, &entry->node);
    free(entry);
}

void cf_owners_free(struct cf_owners *owners)
{
    if (!owners)
        return;
    while (owners->oldest)
        entry_drop(owners, owners->oldest);
    cf_hash_done(&owners->by_inode);
    cf_processes_done(&owners->processes);
    free(owners->pids);
    free(owners);
}

static struct entry *entry_find(struct cf_owners *owners, uint64_t inode)
{
    struct cf_hash_node *node =
        cf_hash_find(&owners->by_inode, cf_hash_bytes(&inode, sizeof inode));

    for (; node; node = cf_hash_next(node)) {
        struct entry *entry = cf_container_of(node, struct entry, node);

        if (entry->inode == inode)
            return entry;
    }
    return NULL;
}

/* The newest entry; NULL when memory is out. */
static struct entry *entry_add(struct cf_owners *owners, uint64_t inode)
{
    struct entry *entry;

    if (owners->by_inode.n_nodes >= CACHE_LIMIT)
        entry_drop(owners, owners->oldest);
    entry = calloc(1, sizeof *entry);
    if (!entry ||
        cf_hash_add(&owners->by_inode, &entry->node, cf_hash_bytes(&inode, sizeof inode)) < 0) {
        free(entry);
        return NULL;
    }
    entry->inode = inode;
    entry->older = owners->newest;
    *(owners->newest ? &owners->newest->newer : &owners->oldest) = entry;
    owners->newest = entry;
    return entry;
}

static void diag_addr(const struct cf_addr *addr, __be32 ret[4])
{
    memset(ret, 0, 16);
    memcpy(ret, addr->bytes, cf_addr_bits(addr) / 8);
}

/* The inode of the socket, or 0 with the reason. */
static uint64_t inode_find(struct cf_owners *owners, uint8_t protocol,
                           const struct cf_addr_port *src, const struct cf_addr_port *dst)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
    } request = {
        .header = {
            .nlmsg_len = sizeof request,
            .nlmsg_type = SOCK_DIAG_BY_FAMILY,
            .nlmsg_flags = NLM_F_REQUEST,
            .nlmsg_seq = ++owners->sequence,
        },
        .body = {
            .sdiag_family = src->addr.family == CF_FAMILY_IPV4 ? AF_INET : AF_INET6,
            .sdiag_protocol = protocol,
            .idiag_states = UINT32_MAX,
            .id = {
                .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
            },
        },
    };
    union {
        struct nlmsghdr header;
        char bytes[4096];
    } answer;

    /* For UDP the kernel takes the two ends the other way round (net/ipv4/udp_diag.c). */
    if (protocol == IPPROTO_UDP) {
        const struct cf_addr_port *swap = src;

        src = dst;
        dst = swap;
    }
    request.body.id.idiag_sport = htons(src->port);
    request.body.id.idiag_dport = htons(dst->port);
    diag_addr(&src->addr, request.body.id.idiag_src);
    diag_addr(&dst->addr, request.body.id.idiag_dst);
    if (send(owners->diag_fd, &request, sizeof request, 0) < 0)
        return 0;
    /* The kernel has answered by the time send() returns; older answers are passed over. */
    for (;;) {
        ssize_t n = recv(owners->diag_fd, &answer, sizeof answer, MSG_DONTWAIT);
        const struct inet_diag_msg *socket;

        if (n < (ssize_t)sizeof answer.header)
            return 0;
        if (answer.header.nlmsg_seq != owners->sequence)
            continue;
        if (answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
            n < (ssize_t)(NLMSG_HDRLEN + sizeof *socket))
            return 0;
        socket = (const struct inet_diag_msg *)NLMSG_DATA(&answer.header);
        return socket->idiag_inode;
    }
}

static int pid_descending(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x < y) - (x > y);
}

/* The processes that are inside now, youngest (highest) first. */
static void pids_list(struct cf_owners *owners)
{
    cf_auto_closedir DIR *dir = NULL;
    struct dirent *item;
    int fd = openat(owners->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    owners->n_pids = 0;
    if (fd < 0)
        return;
    dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return;
    }
    while ((item = readdir(dir)) && owners->n_pids < PROCESS_LIMIT) {
        if (!isdigit((unsigned char)item->d_name[0]))
            continue;
        if (owners->n_pids == owners->pids_capacity) {
            size_t capacity = owners->pids_capacity ? owners->pids_capacity * 2 : 64;
            int *pids = realloc(owners->pids, capacity * sizeof *pids);

            if (!pids)
                break;
            owners->pids = pids;
            owners->pids_capacity = capacity;
        }
        owners->pids[owners->n_pids++] = atoi(item->d_name);
    }
    if (owners->n_pids > 1)
        qsort(owners->pids, owners->n_pids, sizeof *owners->pids, pid_descending);
}

static bool may_look(struct looks *looks, int n)
{
    int64_t now = cf_clock_monotonic_us();

    if (looks->second_us == 0 || now - looks->second_us >= CF_US_PER_S) {
        looks->second_us = now;
        looks->left = looks->a_second;
    }
    if (looks->left < n)
        return false;
    looks->left -= n;
    return true;
}

static bool is_socket(int folder_fd, const char *name, const char *link)
{
    char target[64];
    ssize_t n = readlinkat(folder_fd, name, target, sizeof target);

    return n == (ssize_t)strlen(link) && memcmp(target, link, (size_t)n) == 0;
}

static bool is_at(const struct cf_owners *owners, const struct cf_guess *at, const char *link)
{
    char path[32];

    snprintf(path, sizeof path, "%d/fd/%d", at->pid, at->fd);
    return is_socket(owners->proc_fd, path, link);
}

/* Where it probably is. */
static bool hints_look(struct cf_owners *owners, const char *link, struct cf_guess *ret_at)
{
    struct cf_guess guesses[CF_HINT_GUESSES_MAX];
    size_t n = cf_hints_guess(&owners->hints, guesses);

    for (size_t i = 0; i < n && i < GUESSES_MAX && may_look(&owners->looks, 1); i++) {
        if (is_at(owners, &guesses[i], link)) {
            *ret_at = guesses[i];
            return true;
        }
    }
    return false;
}

/*
 * 1: it has the socket; 0: it has not, or is gone; -EBUSY: there is too much to look
 * through; another -errno: it cannot be looked into.
 */
static int pid_look(struct cf_owners *owners, struct looks *looks, int pid, const char *link,
                    struct cf_guess *ret_at)
{
    cf_auto_closedir DIR *dir = NULL;
    char path[32];
    struct dirent *item;
    int fd;

    if (!may_look(looks, LOOKS_A_FOLDER))
        return -EBUSY;
    snprintf(path, sizeof path, "%d/fd", pid);
    fd = openat(owners->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ESRCH ? 0 : -errno;
    dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return -ENOMEM;
    }
    while ((item = readdir(dir))) {
        if (!may_look(looks, 1))
            return -EBUSY;
        if (is_socket(fd, item->d_name, link)) {
            *ret_at = (struct cf_guess) { pid, atoi(item->d_name) };
            return 1;
        }
    }
    return 0;
}

/* The folder of a process's threads; NULL when it is gone. */
static DIR *threads_open(const struct cf_owners *owners, int pid)
{
    char path[32];
    DIR *dir;
    int fd;

    snprintf(path, sizeof path, "%d/task", pid);
    fd = openat(owners->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0)
        close(fd);
    return dir;
}

/* The next thread but the first; 0 behind the last. */
static int thread_next(DIR *dir, int pid)
{
    struct dirent *item;

    while (dir && (item = readdir(dir))) {
        int tid = atoi(item->d_name); /* 0 for "." */

        if (tid != 0 && tid != pid)
            return tid;
    }
    return 0;
}

/* As pid_look(), in all threads but the first. */
static int threads_look(struct cf_owners *owners, int pid, const char *link,
                        struct cf_guess *ret_at)
{
    cf_auto_closedir DIR *dir = threads_open(owners, pid);
    int tid, r;

    while ((tid = thread_next(dir, pid)) != 0) {
        r = pid_look(owners, &owners->looks, tid, link, ret_at);
        if (r == 1 || r == -EBUSY)
            return r;
    }
    return 0;
}

/* Among all processes, then all threads. 1: it is there; 0: none has it; -EBUSY. */
static int pids_look(struct cf_owners *owners, const char *link, struct cf_guess *ret_at)
{
    int r = 0;

    pids_list(owners);
    for (size_t i = 0; i < owners->n_pids && r != 1 && r != -EBUSY; i++)
        r = pid_look(owners, &owners->looks, owners->pids[i], link, ret_at);
    for (size_t i = 0; i < owners->n_pids && r != 1 && r != -EBUSY; i++)
        r = threads_look(owners, owners->pids[i], link, ret_at);
    return r == 1 || r == -EBUSY ? r : 0;
}

/* The socket, as links in /proc name it. Returns its inode, or 0 with the reason. */
static uint64_t socket_find(struct cf_owners *owners, enum cf_proto proto,
                            const struct cf_addr_port *src, const struct cf_addr_port *dst,
                            char ret_link[LINK_SIZE], const char **ret_unknown)
{
    uint64_t inode;

    *ret_unknown = NULL;
    if (proto == CF_PROTO_ICMP) {
        *ret_unknown = "ICMP sockets have no addresses to ask for";
        return 0;
    }
    inode = inode_find(owners, proto == CF_PROTO_TCP ? IPPROTO_TCP : IPPROTO_UDP, src, dst);
    if (inode == 0)
        *ret_unknown = "the socket was closed before it could be looked up";
    snprintf(ret_link, LINK_SIZE, "socket:[%llu]", (unsigned long long)inode);
    return inode;
}

/*
 * Where the socket is, by all means. 1, 0 or -EBUSY.
 *
 * entry: what is kept of it, or NULL; it stays when the socket is still there
 */
static int place_find(struct cf_owners *owners, struct entry *entry, const char *link,
                      struct cf_guess *ret_at, bool *ret_sought)
{
    int r;

    *ret_sought = false;
    if (entry && is_at(owners, &entry->at, link)) {
        *ret_at = entry->at;
        return 1;
    }
    if (!hints_look(owners, link, ret_at)) {
        *ret_sought = true;
        r = pids_look(owners, link, ret_at);
        if (r != 1)
            return r;
    }
    cf_hints_add(&owners->hints, ret_at->pid, ret_at->fd);
    return 1;
}

/* 1: *ret_owner has it, at *ret_at; 0: none; -EBUSY. */
static int holder_find(struct cf_owners *owners, struct entry *entry, const char *link,
                       struct cf_guess *ret_at, const struct cf_owner **ret_owner)
{
    bool sought;
    int r = 0;

    for (int i = 0; i < SEEKS_MAX; i++) {
        r = place_find(owners, entry, link, ret_at, &sought);
        if (r != 1)
            return r;
        *ret_owner = cf_process_find(&owners->processes, ret_at->pid);
        /* A new program closes what is close-on-exec of the one that it was (process.c). */
        if (!sought || is_at(owners, ret_at, link))
            return 1;
    }
    return 0;
}

/* As holder_find(), of a socket that may be asked for again. */
static int holder_find_kept(struct cf_owners *owners, uint64_t inode, const char *link,
                            const struct cf_owner **ret_owner)
{
    struct entry *entry = entry_find(owners, inode);
    int64_t now = cf_clock_monotonic_us();
    struct cf_guess at;
    int r;

    if (entry && !owners->exact && now - entry->looked_us < CF_OWNER_FRESH_US) {
        *ret_owner = cf_process_kept(&owners->processes, entry->at.pid);
        if (*ret_owner)
            return 1;
    }
    r = holder_find(owners, entry, link, &at, ret_owner);
    if (r != 1 && entry)
        entry_drop(owners, entry);
    if (r != 1)
        return r;
    if (!entry)
        entry = entry_add(owners, inode);
    if (entry) {
        entry->at = at;
        entry->looked_us = now;
    }
    return 1;
}

void cf_owner_find(struct cf_owners *owners, enum cf_proto proto, const struct cf_addr_port *src,
                   const struct cf_addr_port *dst, const struct cf_owner **ret_owner,
                   const char **ret_unknown)
{
    char link[LINK_SIZE];
    uint64_t inode = socket_find(owners, proto, src, dst, link, ret_unknown);
    int r;

    *ret_owner = NULL;
    if (inode == 0)
        return;
    r = holder_find_kept(owners, inode, link, ret_owner);
    if (r == 0)
        *ret_unknown = "no process holds the socket any more";
    else if (r < 0)
        *ret_unknown = "there are too many descriptors to look through";
}

/* No process, or one without memory. */
static bool has_ended(int r)
{
    return r == -ENOENT || r == -ESRCH;
}

/* As pid_look(), for a process or thread that runs this program. */
static int program_look(struct cf_owners *owners, int pid, const char *link, const char *program,
                        bool (*passes)(void *data, const char *exe), void *data)
{
    char exe[4096];
    struct cf_guess at;
    int r;

    if (passes(data, program))
        return 0;
    r = pid_look(owners, &owners->all_looks, pid, link, &at);
    if (r == 1) {
        /* Unless it has only just become this program, and is about to close it. */
        cf_process_settle(&owners->processes, pid);
        return is_at(owners, &at, link) ? 1 : 0;
    }
    /* What has ended may not be looked into either. */
    if (r < 0 && r != -EBUSY && has_ended(cf_process_exe(&owners->processes, pid, exe, sizeof exe)))
        return 0;
    return r;
}

/*
 * As program_look(), by the process's first thread, or where that has ended by each that runs on.
 * *ret_pid: which of them it was
 */
static int other_look(struct cf_owners *owners, int pid, const char *link,
                      bool (*passes)(void *data, const char *exe), void *data, int *ret_pid)
{
    cf_auto_closedir DIR *dir = NULL;
    char exe[4096];
    int r;

    *ret_pid = pid;
    if (!may_look(&owners->all_looks, 1))
        return -EBUSY;
    r = cf_process_exe(&owners->processes, pid, exe, sizeof exe);
    if (!has_ended(r))
        return r < 0 ? r : program_look(owners, pid, link, exe, passes, data);
    dir = threads_open(owners, pid);
    for (r = 0; r == 0 && (*ret_pid = thread_next(dir, pid)) != 0;) {
        if (!may_look(&owners->all_looks, 1))
            return -EBUSY;
        r = cf_process_exe(&owners->processes, *ret_pid, exe, sizeof exe);
        if (r == 0)
            r = program_look(owners, *ret_pid, link, exe, passes, data);
        else if (has_ended(r))
            r = 0;
    }
    return r;
}

void cf_owner_find_other(struct cf_owners *owners, enum cf_proto proto,
                         const struct cf_addr_port *src, const struct cf_addr_port *dst,
                         bool (*passes)(void *data, const char *exe), void *data,
                         const struct cf_owner **ret_owner, const char **ret_unknown)
{
    char link[LINK_SIZE];
    uint64_t inode = socket_find(owners, proto, src, dst, link, ret_unknown);
    int r = 0, pid;

    *ret_owner = NULL;
    if (inode == 0)
        return;
    pids_list(owners);
    for (size_t i = 0; i < owners->n_pids && r == 0; i++) {
        if (owners->pids[i] != PID_INIT)
            r = other_look(owners, owners->pids[i], link, passes, data, &pid);
        if (r == 1)
            *ret_owner = cf_process_find(&owners->processes, pid);
    }
    if (r == -EBUSY)
        *ret_unknown = "there are too many descriptors to look through";
    else if (r < 0)
        *ret_unknown = "a process cannot be looked into";
}
