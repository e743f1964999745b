/*
 * egress.c - the one interface that sockets towards the outside leave by
 */
#include "base/egress.h"

#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

/* Linux 5.0; older C libraries do not have the name. */
#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

bool cf_egress_is_loopback(const struct cf_addr *to)
{
    static const uint8_t nothing[15];

    if (to->family == CF_FAMILY_IPV4)
        return to->bytes[0] == 127 || memcmp(to->bytes, nothing, 4) == 0;
    return to->family == CF_FAMILY_IPV6 && memcmp(to->bytes, nothing, sizeof nothing) == 0 &&
           to->bytes[15] <= 1;
}

const char *cf_egress_interface(const char *interface, const struct cf_addr *to)
{
    return interface && cf_egress_is_loopback(to) ? CF_EGRESS_LOOPBACK : interface;
}

int cf_egress_bind(int fd, const char *interface, const struct cf_addr *to)
{
    const char *name = cf_egress_interface(interface, to);
    char bound[IFNAMSIZ] = "";
    socklen_t length = sizeof bound;

    if (!name)
        return 0;
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bound, &length) < 0)
        return -errno;
    return strcmp(bound, name) == 0 ? 0 : -ENODEV;
}

unsigned cf_egress_bound(int fd)
{
    int index = 0;
    socklen_t length = sizeof index;

    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, &length) < 0 || index < 0)
        return 0;
    return (unsigned)index;
}

static const struct cf_egress_listener *listening;

void cf_egress_listen(const struct cf_egress_listener *listener)
{
    listening = listener;
}

void cf_egress_connected(int fd, const struct sockaddr *to)
{
    if (listening)
        listening->connected(listening->data, fd, to);
}

void cf_egress_closing(int fd)
{
    if (listening && fd >= 0)
        listening->closing(listening->data, fd);
}
