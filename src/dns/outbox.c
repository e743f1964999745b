/*
 * outbox.c - replies over UDP that leave together
 *
 * How this works. Most of what a datagram costs is its way through the stack
 * and over the link, whatever its size. Who asks much at once has many answers
 * of one length in a batch: these leave as one message with UDP_SEGMENT, which
 * goes that way once, and only the socket that it is for cuts it into datagrams
 * (the kernel's udp_rcv_segment()). What is not taken as one, such as replies
 * that are longer than the link's packets, goes out datagram by datagram.
 */
#include "dns/outbox.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#define FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)

/* Of one message: it is an IP packet of at most 65,535 octets, headers included. */
#define BYTES_MAX 65000

void cf_outbox_add(struct cf_outbox *outbox, const struct cf_dns_route *route,
                   const uint8_t *message, size_t length)
{
    size_t i = outbox->n++;

    outbox->letters[i].route = *route;
    outbox->letters[i].length = length;
    outbox->letters[i].packed = false;
    memcpy(outbox->letters[i].message, message, length);
}

static bool is_route(const struct cf_dns_route *a, const struct cf_dns_route *b)
{
    if (a->peer.any.sa_family != b->peer.any.sa_family)
        return false;
    if (a->peer.any.sa_family == AF_INET)
        return memcmp(&a->peer.ipv4, &b->peer.ipv4, sizeof a->peer.ipv4) == 0 &&
               memcmp(&a->asked.ipv4, &b->asked.ipv4, sizeof a->asked.ipv4) == 0;
    return memcmp(&a->peer.ipv6, &b->peer.ipv6, sizeof a->peer.ipv6) == 0 &&
           memcmp(&a->asked.ipv6, &b->asked.ipv6, sizeof a->asked.ipv6) == 0;
}

/* Put the letter, and what may go with it, into pieces; returns how many. */
static size_t pack(struct cf_outbox *outbox, size_t first, struct iovec *pieces)
{
    const struct cf_dns_route *route = &outbox->letters[first].route;
    size_t length = outbox->letters[first].length, most = BYTES_MAX / length, n = 0;

    for (size_t i = first; i < outbox->n && n < most; i++) {
        if (outbox->letters[i].packed || outbox->letters[i].length != length ||
            !is_route(&outbox->letters[i].route, route))
            continue;
        outbox->letters[i].packed = true;
        pieces[n++] = (struct iovec) { outbox->letters[i].message, length };
    }
    return n;
}

static void put_control(struct msghdr *header, int level, int type, const void *data, size_t size)
{
    struct cmsghdr *cmsg = (void *)((uint8_t *)header->msg_control + header->msg_controllen);

    cmsg->cmsg_level = level;
    cmsg->cmsg_type = type;
    cmsg->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(cmsg), data, size);
    header->msg_controllen += CMSG_SPACE(size);
}

static void address(struct msghdr *header, struct cf_dns_route *route)
{
    bool ipv4 = route->peer.any.sa_family == AF_INET;

    header->msg_name = &route->peer;
    header->msg_namelen = ipv4 ? sizeof route->peer.ipv4 : sizeof route->peer.ipv6;
    if (ipv4)
        put_control(header, IPPROTO_IP, IP_PKTINFO, &route->asked.ipv4, sizeof route->asked.ipv4);
    else
        put_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &route->asked.ipv6,
                    sizeof route->asked.ipv6);
}

/* Make messages of all letters; returns how many. */
static size_t pack_all(struct cf_outbox *outbox)
{
    size_t n_messages = 0, n_pieces = 0;

    for (size_t i = 0; i < outbox->n; i++) {
        struct msghdr *header = &outbox->messages[n_messages].msg_hdr;
        uint16_t length = (uint16_t)outbox->letters[i].length;

        if (outbox->letters[i].packed)
            continue;
        *header = (struct msghdr) { .msg_iov = outbox->pieces + n_pieces };
        header->msg_iovlen = pack(outbox, i, header->msg_iov);
        header->msg_control = &outbox->controls[n_messages];
        address(header, &outbox->letters[i].route);
        if (header->msg_iovlen > 1)
            put_control(header, IPPROTO_UDP, UDP_SEGMENT, &length, sizeof length);
        n_pieces += header->msg_iovlen;
        n_messages++;
    }
    return n_messages;
}

/* Send the pieces of a message that is not taken as one. */
static void send_apart(int fd, const struct msghdr *header)
{
    struct msghdr piece = *header;

    piece.msg_iovlen = 1;
    piece.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
    for (size_t i = 0; i < header->msg_iovlen; i++) {
        piece.msg_iov = header->msg_iov + i;
        (void)sendmsg(fd, &piece, FLAGS);
    }
}

void cf_outbox_send(struct cf_outbox *outbox, int fd)
{
    size_t at = 0, n_messages = pack_all(outbox);

    while (at < n_messages) {
        int n = sendmmsg(fd, outbox->messages + at, (unsigned)(n_messages - at), FLAGS);

        if (n < 0 && errno == EAGAIN)
            break; /* there is no room for the others either */
        if (n <= 0 && outbox->messages[at].msg_hdr.msg_iovlen > 1)
            send_apart(fd, &outbox->messages[at].msg_hdr);
        at += n > 0 ? (size_t)n : 1;
    }
    outbox->n = 0;
}

void cf_outbox_clear(struct cf_outbox *outbox)
{
    outbox->n = 0;
}
