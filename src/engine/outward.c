/*
 * outward.c - sockets in the host's namespace, and what became of them
 */
#include "engine/outward.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/egress.h"

static int set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

int cf_outward_open(uint8_t family, int type, int protocol)
{
    bool ipv4 = family == CF_FAMILY_IPV4;
    int fd = socket(ipv4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

    if (fd < 0)
        return -errno;
    if (ipv4)
        set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
    else
        set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
    return fd;
}

int cf_outward_socket(const struct cf_addr *to, int type, int protocol, const char *interface)
{
    int fd = cf_outward_open(to->family, type, protocol), r;

    if (fd < 0)
        return fd;
    r = cf_egress_bind(fd, interface, to);
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}

int cf_outward_connect(int fd, const struct cf_addr_port *to)
{
    struct sockaddr_storage sa;
    socklen_t length = cf_addr_port_to_sockaddr(to, &sa);

    if (connect(fd, (struct sockaddr *)&sa, length) < 0 && errno != EINPROGRESS)
        return -errno;
    cf_egress_connected(fd, (struct sockaddr *)&sa);
    return 0;
}

void cf_outward_ack_hold(int fd)
{
    set_int(fd, IPPROTO_TCP, TCP_QUICKACK, 0);
}

void cf_outward_ack_send(int fd)
{
    set_int(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
}

void cf_outward_local(int fd, struct cf_addr_port *ret_local)
{
    struct sockaddr_storage sa;
    socklen_t length = sizeof sa;

    memset(ret_local, 0, sizeof *ret_local);
    if (getsockname(fd, (struct sockaddr *)&sa, &length) == 0)
        cf_addr_port_from_sockaddr((struct sockaddr *)&sa, ret_local);
}

void cf_outward_settle(int fd, uint8_t family)
{
    if (family == CF_FAMILY_IPV4)
        set_int(fd, IPPROTO_IP, IP_RECVERR, 0);
    else
        set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 0);
}

void cf_outward_set_hops(int fd, uint8_t family, uint8_t hop_limit)
{
    if (family == CF_FAMILY_IPV4)
        set_int(fd, IPPROTO_IP, IP_TTL, hop_limit);
    else
        set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hop_limit);
}

static void error_convert(struct cmsghdr *cmsg, struct cf_outward_error *error)
{
    struct sock_extended_err ee;
    struct sockaddr_storage offender = { 0 };
    struct cf_addr_port from;
    size_t behind = cmsg->cmsg_len - CMSG_LEN(sizeof ee);

    if (cmsg->cmsg_len < CMSG_LEN(sizeof ee))
        return;
    memcpy(&ee, CMSG_DATA(cmsg), sizeof ee);
    error->error = (int)ee.ee_errno;
    error->is_icmp = ee.ee_origin == SO_EE_ORIGIN_ICMP || ee.ee_origin == SO_EE_ORIGIN_ICMP6;
    error->icmp.type = ee.ee_type;
    error->icmp.code = ee.ee_code;
    error->icmp.info = ee.ee_info;
    memcpy(&offender, CMSG_DATA(cmsg) + sizeof ee,
           behind < sizeof offender ? behind : sizeof offender);
    if (cf_addr_port_from_sockaddr((struct sockaddr *)&offender, &from) == 0)
        error->icmp.from = from.addr;
}

bool cf_outward_error_read(int fd, struct cf_outward_error *ret_error)
{
    union {
        struct cmsghdr align;
        char bytes[512];
    } control;
    struct iovec iov = { ret_error->quote, sizeof ret_error->quote };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    ssize_t n = recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);

    if (n < 0)
        return false;
    ret_error->error = 0;
    ret_error->is_icmp = false;
    memset(&ret_error->icmp, 0, sizeof ret_error->icmp);
    ret_error->quote_length = (size_t)n;
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
        if ((cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_RECVERR) ||
            (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_RECVERR))
            error_convert(cmsg, ret_error);
    }
    return true;
}

static enum cf_flow_result result_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return CF_RESULT_REFUSED;
    case ETIMEDOUT:
        return CF_RESULT_TIMEOUT;
    case ECONNRESET:
    case EPIPE:
        return CF_RESULT_RESET;
    default:
        return CF_RESULT_UNREACHABLE;
    }
}

/* Codes that end as this errno inside (Linux' own tables, icmp_err_convert and tab_unreach). */
static uint8_t code_ipv4(int error)
{
    switch (error) {
    case ENETUNREACH:
    case ENODEV: /* the interface that all must leave by is gone, and its routes with it */
        return ICMP_NET_UNREACH;
    case EACCES: /* no code has these; a firewall or route of the host forbids it */
    case EPERM:
        return ICMP_HOST_ANO;
    default:
        return ICMP_HOST_UNREACH;
    }
}

static uint8_t code_ipv6(int error)
{
    switch (error) {
    case ENETUNREACH:
    case ENODEV:
        return ICMP6_DST_UNREACH_NOROUTE;
    case EACCES:
    case EPERM:
        return ICMP6_DST_UNREACH_ADMIN;
    default:
        return ICMP6_DST_UNREACH_ADDR;
    }
}

void cf_outcome_from_errno(int error, uint8_t family, struct cf_outcome *ret_outcome)
{
    memset(ret_outcome, 0, sizeof *ret_outcome);
    ret_outcome->result = result_of(error);
    if (error == ETIMEDOUT) {
        ret_outcome->answer = CF_OUTCOME_SILENT;
    } else if (error == ECONNREFUSED || error == ECONNRESET || cf_outward_exhausted(error)) {
        ret_outcome->answer = CF_OUTCOME_RESET;
    } else {
        bool ipv4 = family == CF_FAMILY_IPV4;

        ret_outcome->answer = CF_OUTCOME_ICMP;
        ret_outcome->error.type = ipv4 ? ICMP_DEST_UNREACH : ICMP6_DST_UNREACH;
        ret_outcome->error.code = ipv4 ? code_ipv4(error) : code_ipv6(error);
    }
}

void cf_outcome_from_error(const struct cf_outward_error *error, uint8_t family,
                           struct cf_outcome *ret_outcome)
{
    const struct cf_addr *from = &error->icmp.from;

    cf_outcome_from_errno(error->error, family, ret_outcome);
    if (!error->is_icmp || from->family != family)
        return;
    ret_outcome->answer = CF_OUTCOME_ICMP;
    ret_outcome->error = error->icmp;
    /* The host's own kernel may speak from an address that no packet can come from. */
    if (from->family == CF_FAMILY_IPV4 ? from->bytes[0] == 127 || from->bytes[0] == 0
                                       : from->bytes[0] == 0 || from->bytes[0] == 0xfe)
        ret_outcome->error.from.family = CF_FAMILY_NONE;
}

void cf_outcome_of_connect(int fd, int error, uint8_t family, struct cf_outcome *ret_outcome)
{
    struct cf_outward_error entry;

    cf_outcome_from_errno(error, family, ret_outcome);
    while (cf_outward_error_read(fd, &entry)) {
        if (entry.is_icmp && (entry.error == error || error == EHOSTUNREACH))
            cf_outcome_from_error(&entry, family, ret_outcome);
    }
}

void cf_outcome_denied(uint8_t family, struct cf_outcome *ret_outcome)
{
    bool ipv4 = family == CF_FAMILY_IPV4;

    memset(ret_outcome, 0, sizeof *ret_outcome);
    ret_outcome->answer = CF_OUTCOME_ICMP;
    ret_outcome->result = CF_RESULT_UNREACHABLE;
    ret_outcome->error.type = ipv4 ? ICMP_DEST_UNREACH : ICMP6_DST_UNREACH;
    ret_outcome->error.code = ipv4 ? ICMP_PKT_FILTERED : ICMP6_DST_UNREACH_ADMIN;
}

bool cf_outward_exhausted(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC:
    case EAGAIN:
    case EADDRNOTAVAIL: /* every local port is taken */
        return true;
    default:
        return false;
    }
}
