/*
 * outbox.h - replies over UDP that leave together
 *
 * Replies are copied in, and go out in one sendmmsg(2) when the log has their
 * events. The first failure of a datagram loses that datagram, as UDP does.
 */
#ifndef CF_DNS_OUTBOX_H
#define CF_DNS_OUTBOX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "dns/reply.h"

#define CF_OUTBOX_MAX 32

union cf_dns_peer {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

union cf_dns_pktinfo {
    struct in_pktinfo ipv4;
    struct in6_pktinfo ipv6;
};

/* Who asked and whom: where a reply goes, and what it leaves from. */
struct cf_dns_route {
    union cf_dns_peer peer; /* its family says which of each union */
    union cf_dns_pktinfo asked;
};

struct cf_outbox {
    size_t n;
    struct mmsghdr headers[CF_OUTBOX_MAX];
    struct iovec iovecs[CF_OUTBOX_MAX];
    struct {
        struct cf_dns_route route;
        _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(union cf_dns_pktinfo))];
        uint8_t message[CF_REPLY_UDP_MAX];
    } letters[CF_OUTBOX_MAX];
};

static inline bool cf_outbox_is_full(const struct cf_outbox *outbox)
{
    return outbox->n == CF_OUTBOX_MAX;
}

/* Copy a reply of at most CF_REPLY_UDP_MAX octets in; the outbox is not full. */
void cf_outbox_add(struct cf_outbox *outbox, const struct cf_dns_route *route,
                   const uint8_t *message, size_t length);

/* Send all through fd, without waiting; what it does not take is lost. Empty afterwards. */
void cf_outbox_send(struct cf_outbox *outbox, int fd);

/* Throw all away. */
void cf_outbox_clear(struct cf_outbox *outbox);

#endif
