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
#define PROCESS_LIMIT 65536

/* About a tenth of a second; to open a process's folder costs as much as a few looks. */
#define LOOKS_A_SECOND 40000
#define LOOKS_A_FOLDER 4

/* Guesses for one socket: as long as they cost less than to look through a small process. */
#define GUESSES_MAX 32

struct entry {
    struct cf_hash_node node;
    struct entry *older, *newer;
    uint64_t inode;
    struct cf_owner owner;
};

struct cf_owners {
    int diag_fd, proc_fd;
    struct cf_processes processes;
    uint32_t sequence;
    struct cf_hash by_inode;
    struct entry *oldest, *newest;
    int *pids;
    size_t n_pids, pids_capacity;
    struct cf_hints hints;
    int64_t second_us; /* when the second of looks began */
    int looks;         /* left in it */
};

int cf_owners_new(int diag_fd, int proc_fd, struct cf_owners **ret_owners)
{
    struct cf_owners *owners = calloc(1, sizeof *owners);

    if (!owners)
        return -ENOMEM;
    owners->diag_fd = diag_fd;
    owners->proc_fd = proc_fd;
    cf_processes_init(&owners->processes, proc_fd);
    cf_hash_init(&owners->by_inode);
    *ret_owners = owners;
    return 0;
}

static void entry_drop(struct cf_owners *owners, struct entry *entry)
{
    *(entry->older ? &entry->older->newer : &owners->oldest) = entry->newer;
    *(entry->newer ? &entry->newer->older : &owners->newest) = entry->older;
    cf_hash_remove(&owners->by_inode, &entry->node);
    cf_owner_done(&entry->owner);
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

/* Take over *owner as the newest entry; NULL when memory is out. */
static struct entry *entry_add(struct cf_owners *owners, uint64_t inode, struct cf_owner *owner)
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
    entry->owner = *owner;
    *owner = (struct cf_owner) { 0 };
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

static bool may_look(struct cf_owners *owners, int looks)
{
    int64_t now = cf_clock_monotonic_us();

    if (owners->second_us == 0 || now - owners->second_us >= CF_US_PER_S) {
        owners->second_us = now;
        owners->looks = LOOKS_A_SECOND;
    }
    if (owners->looks < looks)
        return false;
    owners->looks -= looks;
    return true;
}

static bool is_socket(int folder_fd, const char *name, const char *link)
{
    char target[64];
    ssize_t n = readlinkat(folder_fd, name, target, sizeof target);

    return n == (ssize_t)strlen(link) && memcmp(target, link, (size_t)n) == 0;
}

/* Where it probably is. Returns the process, or 0. */
static int hints_look(struct cf_owners *owners, const char *link)
{
    struct cf_guess guesses[CF_HINT_GUESSES_MAX];
    size_t n = cf_hints_guess(&owners->hints, guesses);
    char path[32];

    for (size_t i = 0; i < n && i < GUESSES_MAX && may_look(owners, 1); i++) {
        snprintf(path, sizeof path, "%d/fd/%d", guesses[i].pid, guesses[i].fd);
        if (is_socket(owners->proc_fd, path, link)) {
            cf_hints_add(&owners->hints, guesses[i].pid, guesses[i].fd);
            return guesses[i].pid;
        }
    }
    return 0;
}

/* 1: it has the socket; 0: it has not; -EBUSY: there is too much to look through. */
static int pid_has_socket(struct cf_owners *owners, int pid, const char *link)
{
    cf_auto_closedir DIR *dir = NULL;
    char path[32];
    struct dirent *item;
    int fd;

    if (!may_look(owners, LOOKS_A_FOLDER))
        return -EBUSY;
    snprintf(path, sizeof path, "%d/fd", pid);
    fd = openat(owners->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return 0;
    }
    while ((item = readdir(dir))) {
        if (!may_look(owners, 1))
            return -EBUSY;
        if (is_socket(fd, item->d_name, link)) {
            cf_hints_add(&owners->hints, pid, atoi(item->d_name));
            return 1;
        }
    }
    return 0;
}

/* Among all processes. Returns the process, 0 when none has it, or -EBUSY. */
static int pids_look(struct cf_owners *owners, const char *link)
{
    pids_list(owners);
    for (size_t i = 0; i < owners->n_pids; i++) {
        int r = pid_has_socket(owners, owners->pids[i], link);

        if (r != 0)
            return r < 0 ? r : owners->pids[i];
    }
    return 0;
}

void cf_owner_find(struct cf_owners *owners, enum cf_proto proto, const struct cf_addr_port *src,
                   const struct cf_addr_port *dst, const struct cf_owner **ret_owner,
                   const char **ret_unknown)
{
    struct cf_owner owner = { 0 };
    struct entry *entry;
    char link[48];
    uint64_t inode;
    int pid = 0;

    *ret_owner = NULL;
    *ret_unknown = NULL;
    if (proto == CF_PROTO_ICMP) {
        *ret_unknown = "ICMP sockets have no addresses to ask for";
        return;
    }
    inode = inode_find(owners, proto == CF_PROTO_TCP ? IPPROTO_TCP : IPPROTO_UDP, src, dst);
    if (inode == 0) {
        *ret_unknown = "the socket was closed before it could be looked up";
        return;
    }
    entry = entry_find(owners, inode);
    if (!entry) {
        snprintf(link, sizeof link, "socket:[%llu]", (unsigned long long)inode);
        pid = hints_look(owners, link);
        if (pid == 0)
            pid = pids_look(owners, link);
        if (pid > 0) {
            cf_process_read(&owners->processes, pid, &owner);
            entry = entry_add(owners, inode, &owner);
        }
        cf_owner_done(&owner);
    }
    if (entry)
        *ret_owner = &entry->owner;
    else if (pid < 0)
        *ret_unknown = "there are too many descriptors to look through";
    else
        *ret_unknown = "no process holds the socket any more";
}
