/*
 * datagrams.c - many datagrams with one system call
 */
#include "engine/datagrams.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

union control {
    struct cmsghdr align;
    uint8_t bytes[256];
};

static uint8_t slots[CF_DATAGRAMS_BATCH][CF_DATAGRAM_SIZE];
static union control controls[CF_DATAGRAMS_BATCH];
static struct sockaddr_storage names[CF_DATAGRAMS_BATCH];

/* An IPv4-mapped address that was on the wire as IPv6 stays IPv6, to be refused. */
static void addr_read(const struct sockaddr *sa, struct cf_addr_port *at)
{
    struct sockaddr_in6 in6;

    if (cf_addr_port_from_sockaddr(sa, at) < 0 || sa->sa_family != AF_INET6)
        return;
    memcpy(&in6, sa, sizeof in6);
    at->addr.family = CF_FAMILY_IPV6;
    memcpy(at->addr.bytes, &in6.sin6_addr, 16);
}

static void control_read(struct msghdr *msg, struct cf_datagram *datagram)
{
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
        bool ipv4 = cmsg->cmsg_level == IPPROTO_IP, ipv6 = cmsg->cmsg_level == IPPROTO_IPV6;
        int hops;

        if ((ipv4 && cmsg->cmsg_type == IP_ORIGDSTADDR) ||
            (ipv6 && cmsg->cmsg_type == IPV6_ORIGDSTADDR)) {
            addr_read((struct sockaddr *)(void *)CMSG_DATA(cmsg), &datagram->to);
        } else if ((ipv4 && cmsg->cmsg_type == IP_TTL) ||
                   (ipv6 && cmsg->cmsg_type == IPV6_HOPLIMIT)) {
            memcpy(&hops, CMSG_DATA(cmsg), sizeof hops);
            datagram->hop_limit = (uint8_t)hops;
        }
    }
}

int cf_datagrams_receive(int fd, struct cf_datagram **ret_datagrams)
{
    static struct cf_datagram datagrams[CF_DATAGRAMS_BATCH];
    struct mmsghdr headers[CF_DATAGRAMS_BATCH];
    struct iovec iovs[CF_DATAGRAMS_BATCH];
    int n;

    memset(headers, 0, sizeof headers);
    for (int i = 0; i < CF_DATAGRAMS_BATCH; i++) {
        iovs[i] = (struct iovec) { slots[i], CF_DATAGRAM_SIZE };
        headers[i].msg_hdr = (struct msghdr) { .msg_name = &names[i],
                                               .msg_namelen = sizeof names[i],
                                               .msg_iov = &iovs[i],
                                               .msg_iovlen = 1,
                                               .msg_control = &controls[i],
                                               .msg_controllen = sizeof controls[i] };
    }
    n = recvmmsg(fd, headers, CF_DATAGRAMS_BATCH, MSG_DONTWAIT, NULL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    memset(datagrams, 0, (size_t)n * sizeof *datagrams);
    for (int i = 0; i < n; i++) {
        datagrams[i].data = slots[i];
        datagrams[i].length = headers[i].msg_len;
        if (headers[i].msg_hdr.msg_namelen > 0)
            addr_read((struct sockaddr *)&names[i], &datagrams[i].from);
        control_read(&headers[i].msg_hdr, &datagrams[i]);
    }
    *ret_datagrams = datagrams;
    return n;
}

int cf_datagrams_send(int fd, const struct cf_datagram *datagrams, int n)
{
    struct mmsghdr headers[CF_DATAGRAMS_BATCH];
    struct iovec iovs[CF_DATAGRAMS_BATCH];
    int sent;

    memset(headers, 0, (size_t)n * sizeof *headers);
    for (int i = 0; i < n; i++) {
        iovs[i] = (struct iovec) { datagrams[i].data, datagrams[i].length };
        headers[i].msg_hdr.msg_iov = &iovs[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    sent = sendmmsg(fd, headers, (unsigned)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

void cf_datagrams_want_hops(int fd, uint8_t family)
{
    int on = 1;

    if (family == CF_FAMILY_IPV4)
        setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    else
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on);
}
