/*
 * egress.h - the one interface that sockets towards the outside leave by
 *
 * Every such socket is bound to a device (socket(7), SO_BINDTODEVICE): the
 * kernel then looks for routes of that device alone, and sends by no other.
 * Since Linux 5.7 an ordinary user may do so, once for each socket.
 */
#ifndef CF_BASE_EGRESS_H
#define CF_BASE_EGRESS_H

#include <stdbool.h>

#include "base/addr.h"

/* The interface of the host's own addresses 127.0.0.0/8 and ::1, which no other one leads to. */
#define CF_EGRESS_LOOPBACK "lo"

/* Interfaces among which the first that will do is chosen. */
#define CF_EGRESS_INTERFACES_MAX 16

/*
 * Whether an address is one of those, or 0.0.0.0 or ::, which connect(2) takes
 * for one: what is sent there leaves no machine.
 */
bool cf_egress_is_loopback(const struct cf_addr *to);

/*
 * The interface that a socket towards `to` is bound to when all that goes
 * outside leaves by `interface`: that one, or CF_EGRESS_LOOPBACK. NULL when
 * interface is: the host's routes decide.
 */
const char *cf_egress_interface(const char *interface, const struct cf_addr *to);

/*
 * Bind a new socket, before connect(2), to cf_egress_interface(interface, to).
 * The kernel looks the name up now and keeps the device: when that is gone,
 * the socket sends no more, whatever has its name by then.
 *
 * interface: NULL does nothing
 *
 * Returns 0, -ENODEV when there is no interface of this name, or it is but an
 * alternative name of one (ip-link(8), altname), to which the socket is bound then:
 * after any error it is only to be closed. -EPERM when the
 * kernel is older than 5.7 and the caller lacks CAP_NET_RAW, or another -errno.
 */
int cf_egress_bind(int fd, const char *interface, const struct cf_addr *to);

/*
 * To be called behind each connect(2) of a socket towards the outside that did not fail, and
 * before such a socket of datagrams is closed: who captures what leaves has to know them.
 */
struct cf_egress_listener {
    void (*connected)(void *data, int fd, const struct sockaddr *to);
    void (*closing)(void *data, int fd);
    void *data;
};
void cf_egress_connected(int fd, const struct sockaddr *to);
void cf_egress_closing(int fd); /* -1 does nothing */

/* Who is told, one at a time and in this thread; borrowed; NULL: nobody. */
void cf_egress_listen(const struct cf_egress_listener *listener);

/* The index of the device that a socket is bound to, 0 for none; it may be gone. */
unsigned cf_egress_bound(int fd);

#endif
