/*
 * outbox.c - replies over UDP that leave together
 */
#include "dns/outbox.h"

#include <errno.h>
#include <string.h>

static void put_pktinfo(struct msghdr *header, int level, int type, const void *info, size_t size)
{
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(header);

    cmsg->cmsg_level = level;
    cmsg->cmsg_type = type;
    cmsg->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(cmsg), info, size);
    header->msg_controllen = CMSG_SPACE(size);
}

void cf_outbox_add(struct cf_outbox *outbox, const struct cf_dns_route *route,
                   const uint8_t *message, size_t length)
{
    size_t i = outbox->n++;
    struct msghdr *header = &outbox->headers[i].msg_hdr;
    bool ipv4 = route->peer.any.sa_family == AF_INET;

    outbox->letters[i].route = *route;
    memcpy(outbox->letters[i].message, message, length);
    outbox->iovecs[i] = (struct iovec) { outbox->letters[i].message, length };
    *header = (struct msghdr) {
        .msg_name = &outbox->letters[i].route.peer,
        .msg_namelen = ipv4 ? sizeof route->peer.ipv4 : sizeof route->peer.ipv6,
        .msg_iov = &outbox->iovecs[i],
        .msg_iovlen = 1,
        .msg_control = outbox->letters[i].control,
        .msg_controllen = sizeof outbox->letters[i].control,
    };
    if (ipv4)
        put_pktinfo(header, IPPROTO_IP, IP_PKTINFO, &route->asked.ipv4, sizeof route->asked.ipv4);
    else
        put_pktinfo(header, IPPROTO_IPV6, IPV6_PKTINFO, &route->asked.ipv6,
                    sizeof route->asked.ipv6);
}

void cf_outbox_send(struct cf_outbox *outbox, int fd)
{
    size_t at = 0;

    while (at < outbox->n) {
        int n = sendmmsg(fd, outbox->headers + at, (unsigned)(outbox->n - at),
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN)
            break; /* there is no room for the others either */
        at += n > 0 ? (size_t)n : 1;
    }
    outbox->n = 0;
}

void cf_outbox_clear(struct cf_outbox *outbox)
{
    outbox->n = 0;
}
