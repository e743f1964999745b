/*
 * udp_sockets.c - sockets of a UDP conversation
 */
#include "engine/udp_sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/datagrams.h"

#define BUFFER_BYTES (4 << 20)

void cf_udp_buffers_grow(int fd)
{
    int size = BUFFER_BYTES; /* cut by the kernel to what the host allows */

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static int inside_connect(int fd, const struct cf_flow_key *key)
{
    bool ipv4 = key->src.addr.family == CF_FAMILY_IPV4;
    int level = ipv4 ? IPPROTO_IP : IPPROTO_IPV6, on = 1;
    struct sockaddr_storage sa;
    socklen_t length;

    if (setsockopt(fd, level, ipv4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return -errno;
    length = cf_addr_port_to_sockaddr(&key->dst, &sa);
    if (bind(fd, (struct sockaddr *)&sa, length) < 0)
        return -errno;
    length = cf_addr_port_to_sockaddr(&key->src, &sa);
    return connect(fd, (struct sockaddr *)&sa, length) < 0 ? -errno : 0;
}

int cf_udp_inside_open(struct cf_gateway *gateway, const struct cf_flow_key *key)
{
    uint8_t family = key->src.addr.family;
    int fd = cf_gateway_socket(gateway, family == CF_FAMILY_IPV4 ? AF_INET : AF_INET6, SOCK_DGRAM,
                               0);
    int r;

    if (fd < 0)
        return fd;
    cf_udp_buffers_grow(fd);
    cf_datagrams_want_hops(fd, family);
    r = inside_connect(fd, key);
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}
