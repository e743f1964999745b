/*
 * interface.h - the interface that sockets are bound to: which one, and whether it is still there
 *
 * See base/egress.h for the binding itself. Needs no rights; the caller is in
 * the network namespace that is asked about.
 */
#ifndef CF_NETLINK_INTERFACE_H
#define CF_NETLINK_INTERFACE_H

#include <stddef.h>

#include "base/error.h"
#include "loop/loop.h"

#define CF_INTERFACE_NAME_SIZE 16 /* the kernel's IFNAMSIZ, with its NUL */

struct cf_interface {
    char name[CF_INTERFACE_NAME_SIZE];
    unsigned index; /* 0 while no interface has the name */
    int events_fd;  /* what happens to links, from before the choice on */
    struct cf_loop *loop;
    struct cf_watch watch;
    void (*gone)(void *data, unsigned index);
    void *data;
};

/*
 * Choose the first of some interfaces that exists, is up and has a carrier
 * (netdevice(7): IFF_UP and IFF_LOWER_UP).
 *
 * n:   1 to CF_EGRESS_INTERFACES_MAX
 * ret: for cf_interface_close()
 *
 * Returns 0; -ENODEV when there is none, with a message that says what each of
 * them lacks and which interfaces there are; or another -errno with a message.
 */
int cf_interface_open(char *const *names, size_t n, struct cf_interface *ret, struct cf_error *err);

/*
 * From now on call gone(data, index) when the interface is no more, or has
 * another name. When another takes the name, that one is watched.
 *
 * Returns 0 or -errno with a message.
 */
int cf_interface_watch(struct cf_interface *interface, struct cf_loop *loop,
                       void (*gone)(void *data, unsigned index), void *data, struct cf_error *err);

/* No-op for one that is all zeros, or closed. */
void cf_interface_close(struct cf_interface *interface);

#endif
