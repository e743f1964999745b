/*
 * listeners.c - the unix sockets of this network namespace that have a path
 *
 * One request, and a list of those in two states: who listens, and who is bound
 * and connected to nobody, which is how datagram sockets wait.
 */
#include "sandbox/listeners.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

/* As much as the kernel puts into one message of a list. */
#define MESSAGE_SIZE 32768

static int ask(int fd)
{
    const struct {
        struct nlmsghdr header;
        struct unix_diag_req body;
    } request = {
        .header = {
            .nlmsg_len = sizeof request,
            .nlmsg_type = SOCK_DIAG_BY_FAMILY,
            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
        },
        .body = {
            .sdiag_family = AF_UNIX,
            .udiag_states = 1U << TCP_LISTEN | 1U << TCP_CLOSE,
            .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS,
        },
    };

    return send(fd, &request, sizeof request, 0) < 0 ? -errno : 0;
}

/* The kernel's own form of a device number: 12 bits and 20. */
static dev_t device_of(uint32_t number)
{
    return makedev(number >> 20, number & 0xfffff);
}

static int read_one(struct nlmsghdr *header,
                    int (*fn)(void *data, const struct cf_listener *listener), void *data)
{
    char path[sizeof(struct sockaddr_un) + 1] = "";
    struct cf_listener listener = { .path = path };
    const struct unix_diag_msg *body = NLMSG_DATA(header);
    int left = (int)header->nlmsg_len - (int)NLMSG_LENGTH(sizeof *body);

    for (struct rtattr *at = (struct rtattr *)(void *)((char *)header + NLMSG_LENGTH(sizeof *body));
         RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        size_t length = RTA_PAYLOAD(at);

        if (at->rta_type == UNIX_DIAG_NAME && length < sizeof path) {
            memcpy(path, RTA_DATA(at), length);
            path[length] = '\0';
        } else if (at->rta_type == UNIX_DIAG_VFS && length >= sizeof(struct unix_diag_vfs)) {
            struct unix_diag_vfs file;

            memcpy(&file, RTA_DATA(at), sizeof file);
            listener.device = device_of(file.udiag_vfs_dev);
            listener.inode = file.udiag_vfs_ino;
        }
    }
    return path[0] == '/' ? fn(data, &listener) : 0;
}

/* 1: there is more to come. */
static int read_some(struct nlmsghdr *header, int left,
                     int (*fn)(void *data, const struct cf_listener *listener), void *data)
{
    for (; NLMSG_OK(header, (unsigned)left); header = NLMSG_NEXT(header, left)) {
        int r;

        if (header->nlmsg_type == NLMSG_DONE)
            return 0;
        if (header->nlmsg_type == NLMSG_ERROR)
            return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
        r = read_one(header, fn, data);
        if (r != 0)
            return r;
    }
    return 1;
}

int cf_listeners_each(int (*fn)(void *data, const struct cf_listener *listener), void *data)
{
    cf_auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    _Alignas(struct nlmsghdr) char message[MESSAGE_SIZE];
    int r = fd < 0 ? -errno : ask(fd);

    if (r < 0)
        return r;
    do {
        ssize_t n = recv(fd, message, sizeof message, 0);

        if (n < 0 && errno == EINTR)
            r = 1;
        else
            r = n < 0 ? -errno : read_some((struct nlmsghdr *)(void *)message, (int)n, fn, data);
    } while (r == 1);
    return r;
}
