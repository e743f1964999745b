/*
 * request.h - ask the kernel over netlink, one request at a time
 *
 * Messages are built and read with libnl's nlmsg and nla functions; sending
 * and waiting is done here, on a plain descriptor, because libnl turns the
 * kernel's errno into numbers of its own and loses the kernel's words.
 *
 * A descriptor speaks to the network namespace in which it was opened, from
 * whatever thread it is used. One request at a time on each.
 */
#ifndef CF_NETLINK_REQUEST_H
#define CF_NETLINK_REQUEST_H

#include "base/error.h"

struct nl_msg;
struct nlmsghdr;

/* A netlink socket, close-on-exec; a descriptor, or -errno with a message. */
int cf_netlink_open(int protocol, struct cf_error *err);

/* A request that waits for its answer, or NULL when memory is out. */
struct nl_msg *cf_netlink_request(int type, int flags);

/*
 * Send a request, free it, and wait until the kernel has answered it.
 *
 * request: freed in every case; NULL is -ENOMEM
 * fn:      called for each message that answers; may be NULL. What it returns
 *          other than 0 ends the wait and is returned; the descriptor is then
 *          good for nothing but close(2)
 *
 * Returns 0, what fn returned, or -errno with the kernel's own words in err.
 */
int cf_netlink_talk(int fd, struct nl_msg *request,
                    int (*fn)(void *data, const struct nlmsghdr *answer), void *data,
                    struct cf_error *err);

#endif
