/*
 * interface.c - the interface that sockets are bound to: which one, and whether it is still there
 *
 * How this works. A socket joins the kernel's announcements about links, and
 * only then are the links listed, so that nothing which happens to the chosen
 * one is missed. Its index is what sockets are bound to, its name what they
 * will be bound to: both are followed. An announcement that its index is gone,
 * or has another name, ends what was bound to it; one that a link has its name
 * says where new sockets go. When announcements were lost, those that were not
 * are read first, as they are older than what the kernel, asked how things
 * stand, says then.
 */
#include "netlink/interface.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/egress.h"
#include "base/fd.h"
#include "base/hash.h"
#include "netlink/request.h"

/* Of linux/if.h, which does not go with net/if.h. */
#define LINK_LOWER_UP (1U << 16)

/* Room for what the kernel says in one datagram about links. */
#define EVENTS_SIZE 32768
#define EVENTS_A_TURN 64

/* Interfaces that a message lists: a host of containers has many. */
#define LISTED_MAX 16

enum state { ABSENT, DOWN, NO_CARRIER, UP };

struct listing {
    char *const *names; /* that are looked for, and how they are */
    enum state states[CF_EGRESS_INTERFACES_MAX];
    size_t n_names;
    size_t best; /* the place of the first that will do; n_names: none yet */
    struct cf_interface *chosen;
    struct cf_buffer all; /* that there are */
    size_t n_all;
};

static enum state state_of(unsigned flags)
{
    if (!(flags & IFF_UP))
        return DOWN;
    return flags & LINK_LOWER_UP ? UP : NO_CARRIER; /* IFF_RUNNING comes up to a second later */
}

/* The name, index and flags of a link that a message is about; false when it is about none. */
static bool link_read(const struct nlmsghdr *message, struct ifinfomsg *ret_link,
                      char ret_name[CF_INTERFACE_NAME_SIZE])
{
    struct nlattr *attrs[IFLA_MAX + 1] = { 0 };

    if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK)
        return false;
    if (nlmsg_parse((struct nlmsghdr *)message, sizeof *ret_link, attrs, IFLA_MAX, NULL) < 0 ||
        !attrs[IFLA_IFNAME])
        return false;
    memcpy(ret_link, nlmsg_data(message), sizeof *ret_link);
    nla_strlcpy(ret_name, attrs[IFLA_IFNAME], CF_INTERFACE_NAME_SIZE);
    /* A bridge tells what its ports lose in the same way. */
    return ret_link->ifi_family == AF_UNSPEC;
}

static int list_one(void *data, const struct nlmsghdr *answer)
{
    static const char *const words[] = {
        [DOWN] = "down", [NO_CARRIER] = "no carrier", [UP] = "up"
    };
    struct listing *listing = data;
    char name[CF_INTERFACE_NAME_SIZE];
    struct ifinfomsg link;
    enum state state;

    if (!link_read(answer, &link, name))
        return 0;
    state = state_of(link.ifi_flags);
    if (listing->n_all++ < LISTED_MAX)
        cf_buffer_printf(&listing->all, "%s%s (%s)", listing->n_all > 1 ? ", " : "", name,
                         words[state]);
    for (size_t i = 0; i < listing->n_names; i++) {
        if (strcmp(listing->names[i], name) != 0)
            continue;
        listing->states[i] = state;
        if (state != UP || i >= listing->best)
            continue;
        listing->best = i;
        listing->chosen->index = (unsigned)link.ifi_index;
        memcpy(listing->chosen->name, name, sizeof name);
    }
    return 0;
}

/* "'eth1' does not exist, 'wwan0' is down; the host has lo (up), eth0 (up)" */
static int refuse(const struct listing *listing, struct cf_error *err)
{
    static const char *const words[] = {
        [ABSENT] = "does not exist", [DOWN] = "is down", [NO_CARRIER] = "has no carrier"
    };
    CF_CLEANUP(cf_buffer_done) struct cf_buffer lacks;

    cf_buffer_init(&lacks, 0);
    for (size_t i = 0; i < listing->n_names; i++)
        cf_buffer_printf(&lacks, "%s'%s' %s", i ? ", " : "", listing->names[i],
                         words[listing->states[i]]);
    if (lacks.failed || listing->all.failed)
        return cf_error_errno(err, -ENOMEM, "cannot list the interfaces");
    return cf_error_set(err, -ENODEV, "%s; the host has %s%s", lacks.data,
                        listing->all.data ? listing->all.data : "none",
                        listing->n_all > LISTED_MAX ? ", ..." : "");
}

static int choose(struct listing *listing, struct cf_error *err)
{
    struct ifinfomsg link = { .ifi_family = AF_UNSPEC };
    struct nl_msg *request = cf_netlink_request(RTM_GETLINK, NLM_F_DUMP);
    cf_auto_close int fd = -1;
    int r;

    if (request && nlmsg_append(request, &link, sizeof link, NLMSG_ALIGNTO) < 0) {
        nlmsg_free(request);
        request = NULL;
    }
    fd = cf_netlink_open(NETLINK_ROUTE, err);
    if (fd < 0) {
        nlmsg_free(request);
        return fd;
    }
    r = cf_netlink_talk(fd, request, list_one, listing, err);
    if (r < 0)
        return cf_error_wrap(err, "cannot list the interfaces");
    return listing->best < listing->n_names ? 0 : refuse(listing, err);
}

static int events_open(struct cf_error *err)
{
    const struct sockaddr_nl links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
    cf_auto_close int fd = -1;
    int joined;

    fd = cf_netlink_open(NETLINK_ROUTE, err);
    if (fd < 0)
        return fd;
    if (bind(fd, (const struct sockaddr *)&links, sizeof links) < 0)
        return cf_error_errno(err, -errno, "cannot watch the interfaces");
    joined = fd;
    fd = -1;
    return joined;
}

int cf_interface_open(char *const *names, size_t n, struct cf_interface *ret, struct cf_error *err)
{
    struct cf_interface interface = { .watch = { .fd = -1 } };
    struct listing listing = { .names = names, .n_names = n, .best = n, .chosen = &interface };
    int r;

    if (n > CF_EGRESS_INTERFACES_MAX)
        return cf_error_set(err, -E2BIG, "more than %d interfaces", CF_EGRESS_INTERFACES_MAX);
    interface.events_fd = events_open(err);
    if (interface.events_fd < 0)
        return interface.events_fd;
    cf_buffer_init(&listing.all, 0);
    r = choose(&listing, err);
    cf_buffer_done(&listing.all);
    if (r < 0)
        cf_fd_close(&interface.events_fd);
    else
        *ret = interface;
    return r;
}

static void lost(struct cf_interface *interface)
{
    unsigned index = interface->index;

    interface->index = 0;
    if (index)
        interface->gone(interface->data, index);
}

static void event_read(struct cf_interface *interface, const struct nlmsghdr *message)
{
    char name[CF_INTERFACE_NAME_SIZE];
    struct ifinfomsg link;
    bool named;

    if (!link_read(message, &link, name))
        return;
    named = message->nlmsg_type == RTM_NEWLINK && strcmp(name, interface->name) == 0;
    if ((unsigned)link.ifi_index == interface->index ? !named : named)
        lost(interface);
    if (named)
        interface->index = (unsigned)link.ifi_index;
}

/* Announcements were lost: how do things stand? */
static void look_again(struct cf_interface *interface)
{
    unsigned index = if_nametoindex(interface->name);

    if (index == interface->index)
        return;
    lost(interface);
    interface->index = index;
}

static void events_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_interface *interface = cf_container_of(watch, struct cf_interface, watch);
    _Alignas(struct nlmsghdr) char buffer[EVENTS_SIZE];
    bool missed = false;

    (void)events;
    for (int i = 0; i < EVENTS_A_TURN || missed; i++) {
        const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)buffer;
        ssize_t n = recv(watch->fd, buffer, sizeof buffer, MSG_DONTWAIT);
        int left = (int)n;

        if (n < 0 && errno == ENOBUFS)
            missed = true; /* which is said ahead of those that are still there */
        else if (n < 0 && errno != EINTR)
            break;
        for (; n > 0 && nlmsg_ok(message, left);
             message = nlmsg_next((struct nlmsghdr *)message, &left))
            event_read(interface, message);
    }
    if (missed)
        look_again(interface);
}

int cf_interface_watch(struct cf_interface *interface, struct cf_loop *loop,
                       void (*gone)(void *data, unsigned index), void *data, struct cf_error *err)
{
    int r;

    interface->gone = gone;
    interface->data = data;
    interface->watch.fn = events_ready;
    r = cf_loop_watch(loop, &interface->watch, interface->events_fd, EPOLLIN);
    if (r < 0)
        return cf_error_errno(err, r, "cannot watch the interface '%s'", interface->name);
    interface->loop = loop;
    return 0;
}

void cf_interface_close(struct cf_interface *interface)
{
    if (interface->name[0] == '\0')
        return;
    if (interface->loop)
        cf_loop_unwatch(interface->loop, &interface->watch);
    cf_fd_close(&interface->events_fd);
    *interface = (struct cf_interface) { .events_fd = -1, .watch = { .fd = -1 } };
}
