/*
 * sockets.c - the gateway's sockets, made by the thread that is in its namespace
 */
#include "netlink/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink/link.h"
#include "netlink/nflog.h"

#define BACKLOG 65535

/* Large enough for a burst; the kernel gives an ordinary user what rmem_max allows. */
#define RECEIVE_BUFFER (8 * 1024 * 1024)

/* Bytes of a refused packet that are worth a look, and how many make a batch. */
#define STRAY_BYTES 128
#define STRAY_BATCH 32

/* A row of socket options; the first that fails is the error. */
struct option {
    int level, name, value;
};

static int options_set(int fd, const struct option *options, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                       sizeof(options[i].value)) < 0)
            return -errno;
    return 0;
}

#define OPTIONS_SET(fd, options) options_set(fd, options, sizeof(options) / sizeof(options[0]))

static int socket_bind(int fd, int family, uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    int r;

    if (family == AF_INET)
        r = bind(fd, (struct sockaddr *)&in, sizeof(in));
    else
        r = bind(fd, (struct sockaddr *)&in6, sizeof(in6));
    return r < 0 ? -errno : 0;
}

/* Takes over fd: it is *ret_fd, or closed. */
static int socket_keep(int fd, int r, const char *what, int *ret_fd, struct cf_error *err)
{
    if (fd < 0)
        return cf_error_errno(err, fd, "cannot open %s", what);
    if (r < 0) {
        close(fd);
        return cf_error_errno(err, r, "cannot set up %s", what);
    }
    *ret_fd = fd;
    return 0;
}

static int socket_new(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

    return fd < 0 ? -errno : fd;
}

/* One listener for both families; of IPv4 alone on a kernel without IPv6. */
static int tcp_open(int *ret_fd, struct cf_error *err)
{
    static const struct option options4[] = {
        { SOL_SOCKET, SO_REUSEADDR, 1 },
        { SOL_IP, IP_TRANSPARENT, 1 },
    };
    static const struct option options6[] = {
        { SOL_IPV6, IPV6_V6ONLY, 0 },
        { SOL_SOCKET, SO_REUSEADDR, 1 },
        { SOL_IPV6, IPV6_TRANSPARENT, 1 },
    };
    int family = AF_INET6;
    int r = 0, fd;

    fd = socket_new(AF_INET6, SOCK_STREAM, 0);
    if (fd == -EAFNOSUPPORT) {
        family = AF_INET;
        fd = socket_new(AF_INET, SOCK_STREAM, 0);
    }
    if (fd >= 0)
        r = family == AF_INET ? OPTIONS_SET(fd, options4) : OPTIONS_SET(fd, options6);
    if (fd >= 0 && r == 0)
        r = socket_bind(fd, family, CF_GATEWAY_TCP_PORT);
    if (fd >= 0) /* what is accepted has it too; a kernel that refuses is slower */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, CF_LINK_CONGESTION,
                         sizeof(CF_LINK_CONGESTION) - 1);
    if (fd >= 0 && r == 0 && listen(fd, BACKLOG) < 0)
        r = -errno;
    return socket_keep(fd, r, "the gateway's TCP listener", ret_fd, err);
}

static void receive_buffer_set(int fd)
{
    const int size = RECEIVE_BUFFER;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static int udp_open(int family, uint16_t port, int *ret_fd, struct cf_error *err)
{
    static const struct option options4[] = {
        { SOL_SOCKET, SO_REUSEADDR, 1 },
        { SOL_IP, IP_TRANSPARENT, 1 },
        { SOL_IP, IP_RECVORIGDSTADDR, 1 },
        { SOL_IP, IP_PKTINFO, 1 },
    };
    static const struct option options6[] = {
        { SOL_IPV6, IPV6_V6ONLY, 1 },      { SOL_SOCKET, SO_REUSEADDR, 1 },
        { SOL_IPV6, IPV6_TRANSPARENT, 1 }, { SOL_IPV6, IPV6_RECVORIGDSTADDR, 1 },
        { SOL_IPV6, IPV6_RECVPKTINFO, 1 },
    };
    int r = 0, fd;

    fd = socket_new(family, SOCK_DGRAM, 0);
    if (fd >= 0)
        r = family == AF_INET ? OPTIONS_SET(fd, options4) : OPTIONS_SET(fd, options6);
    if (fd >= 0 && r == 0)
        r = socket_bind(fd, family, port);
    if (fd >= 0 && r == 0)
        receive_buffer_set(fd);
    return socket_keep(fd, r, "the gateway's UDP socket", ret_fd, err);
}

/* For whole packets; IPPROTO_RAW brings its own IP header and receives nothing. */
static int raw_open(int family, int *ret_fd, struct cf_error *err)
{
    return socket_keep(socket_new(family, SOCK_RAW, IPPROTO_RAW), 0, "the gateway's raw socket",
                       ret_fd, err);
}

static int ipv4_open(struct cf_gateway *gateway, struct cf_error *err)
{
    int r;

    r = udp_open(AF_INET, CF_GATEWAY_UDP_PORT, &gateway->udp4_fd, err);
    if (r == 0)
        r = udp_open(AF_INET, CF_GATEWAY_DNS_PORT, &gateway->dns4_fd, err);
    if (r == 0)
        r = raw_open(AF_INET, &gateway->raw4_fd, err);
    if (r == 0)
        r = raw_open(AF_INET, &gateway->inject4_fd, err);
    return r;
}

int cf_sockets_ipv6_open(struct cf_gateway *gateway, struct cf_error *err)
{
    int r;

    r = udp_open(AF_INET6, CF_GATEWAY_UDP_PORT, &gateway->udp6_fd, err);
    if (r == 0)
        r = udp_open(AF_INET6, CF_GATEWAY_DNS_PORT, &gateway->dns6_fd, err);
    if (r == 0)
        r = raw_open(AF_INET6, &gateway->raw6_fd, err);
    if (r == 0)
        r = raw_open(AF_INET6, &gateway->inject6_fd, err);
    return r;
}

static int nflog_open(uint16_t group, uint32_t bytes, uint32_t batch, int *ret_fd,
                      struct cf_error *err)
{
    const struct cf_nflog_config config = { .group = group, .copy_bytes = bytes, .batch = batch };
    int fd = cf_nflog_open(&config, err);

    if (fd < 0)
        return fd;
    receive_buffer_set(fd);
    *ret_fd = fd;
    return 0;
}

int cf_sockets_open(struct cf_gateway *gateway, struct cf_error *err)
{
    int r;

    r = tcp_open(&gateway->tcp_fd, err);
    if (r == 0)
        r = ipv4_open(gateway, err);
    if (r == 0)
        r = nflog_open(CF_NFLOG_FLOWS, 65535, 1, &gateway->flows_fd, err);
    if (r == 0)
        r = nflog_open(CF_NFLOG_STRAYS, STRAY_BYTES, STRAY_BATCH, &gateway->strays_fd, err);
    return r;
}
