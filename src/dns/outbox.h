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

#define CF_OUTBOX_MAX 64

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

/* What one message needs beside its header: what it leaves from, and how it is cut. */
union cf_outbox_control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(union cf_dns_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
};

struct cf_outbox {
    size_t n;
    struct {
        struct cf_dns_route route;
        size_t length;
        bool packed; /* it is in a message */
        uint8_t message[CF_REPLY_UDP_MAX];
    } letters[CF_OUTBOX_MAX];

    /* Made when they are sent: a message has the next so many pieces. */
    struct mmsghdr messages[CF_OUTBOX_MAX];
    union cf_outbox_control controls[CF_OUTBOX_MAX];
    struct iovec pieces[CF_OUTBOX_MAX];
};

static inline bool cf_outbox_is_full(const struct cf_outbox *outbox)
{
    return outbox->n == CF_OUTBOX_MAX;
}

/* Copy a reply of at most CF_REPLY_UDP_MAX octets in; the outbox is not full. */
void cf_outbox_add(struct cf_outbox *outbox, const struct cf_dns_route *route,
                   const uint8_t *message, size_t length);

/*
 * Send all through fd, without waiting, in any order; what it does not take
 * is lost. Empty afterwards.
 */
void cf_outbox_send(struct cf_outbox *outbox, int fd);

/* Throw all away. */
void cf_outbox_clear(struct cf_outbox *outbox);

#endif
