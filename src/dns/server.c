/*
 * server.c - port 53 as the sandbox sees it: UDP datagrams and TCP streams
 *
 * How this works. Datagrams are read in batches, with the address that each
 * was sent to; a request remembers who asked and whom, until its reply. One
 * that is answered at once (from hosts, policy or cache) costs no allocation:
 * requests that are done wait in a short list for the next datagram.
 *
 * Replies gather in the outbox of their socket. When a batch is worked off,
 * and when the resolver has given what came from upstream, the log is written
 * and then they leave in one call: no answer leaves before its event is in the
 * file, and a log that cannot be written lets none out. A reply that the
 * socket does not take is lost, as UDP is; the client asks again.
 */
#include "dns/server.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/hash.h"
#include "dns/outbox.h"
#include "dns/stream.h"

#define DNS_PORT 53
#define BATCH CF_OUTBOX_MAX
#define BATCHES_PER_TURN 4
#define DATAGRAM_MAX 4096
#define SPARE_MAX 1024
#define SOCKET_ROOM (4 << 20)

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 64];
};

struct request {
    struct request *next, *prev;
    struct udp *udp;
    struct cf_query *query; /* NULL unless under way */
    struct cf_dns_route route;
};

struct udp {
    struct cf_watch watch;
    struct cf_dns_server *server;
    struct cf_outbox outbox;
};

struct cf_dns_server {
    struct cf_loop *loop;
    struct cf_resolver *resolver;
    struct udp udp4, udp6;
    struct cf_streams streams;
    struct request *requests; /* in use */
    struct request *spare;
    size_t n_spare;
    uint64_t datagrams_in;
    uint64_t n_batches;
    struct mmsghdr messages[BATCH];
    struct iovec iovecs[BATCH];
    union cf_dns_peer peers[BATCH];
    union control controls[BATCH];
    uint8_t datagrams[BATCH][DATAGRAM_MAX];
};

static struct request *request_new(struct udp *udp)
{
    struct cf_dns_server *server = udp->server;
    struct request *request = server->spare;

    if (request) {
        server->spare = request->next;
        server->n_spare--;
    } else {
        request = malloc(sizeof *request);
        if (!request)
            return NULL;
    }
    request->udp = udp;
    request->query = NULL;
    request->prev = NULL;
    request->next = server->requests;
    if (request->next)
        request->next->prev = request;
    server->requests = request;
    return request;
}

static void request_free(struct request *request)
{
    struct cf_dns_server *server = request->udp->server;

    if (request->next)
        request->next->prev = request->prev;
    if (request->prev)
        request->prev->next = request->next;
    else
        server->requests = request->next;
    if (server->n_spare == SPARE_MAX) {
        free(request);
        return;
    }
    request->next = server->spare;
    server->spare = request;
    server->n_spare++;
}

/* What has gathered leaves, behind its events. */
static void udp_send(struct udp *udp)
{
    if (udp->outbox.n == 0)
        return;
    if (cf_resolver_flush(udp->server->resolver) == 0)
        cf_outbox_send(&udp->outbox, udp->watch.fd);
    else
        cf_outbox_clear(&udp->outbox);
}

static void settled(void *data)
{
    struct cf_dns_server *server = data;

    udp_send(&server->udp4);
    udp_send(&server->udp6);
}

static void reply(void *data, const uint8_t *message, size_t length)
{
    struct request *request = data;
    struct udp *udp = request->udp;

    if (message) {
        if (cf_outbox_is_full(&udp->outbox))
            udp_send(udp);
        cf_outbox_add(&udp->outbox, &request->route, message, length);
    }
    request_free(request);
}

/*
 * The address that a datagram was sent to, as it came and as what its reply
 * leaves from. The route decides the interface, but for link-local addresses.
 */
static int asked_read(struct msghdr *header, union cf_dns_pktinfo *ret_info,
                      struct cf_addr *ret_asked)
{
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg)) {
        if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO) {
            memcpy(&ret_info->ipv4, CMSG_DATA(cmsg), sizeof ret_info->ipv4);
            *ret_asked = cf_addr_from_ipv4(&ret_info->ipv4.ipi_addr);
            ret_info->ipv4.ipi_spec_dst = ret_info->ipv4.ipi_addr;
            ret_info->ipv4.ipi_ifindex = 0;
            return 0;
        }
        if (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_PKTINFO) {
            memcpy(&ret_info->ipv6, CMSG_DATA(cmsg), sizeof ret_info->ipv6);
            *ret_asked = cf_addr_from_ipv6(&ret_info->ipv6.ipi6_addr);
            if (!IN6_IS_ADDR_LINKLOCAL(&ret_info->ipv6.ipi6_addr))
                ret_info->ipv6.ipi6_ifindex = 0;
            return 0;
        }
    }
    return -EINVAL;
}

static void datagram(struct udp *udp, struct mmsghdr *message)
{
    struct cf_dns_client client = { .asked.port = DNS_PORT, .batch = udp->server->n_batches };
    struct request *request = request_new(udp);
    struct cf_query *query;

    if (!request)
        return;
    memcpy(&request->route.peer, message->msg_hdr.msg_name, sizeof request->route.peer);
    if (asked_read(&message->msg_hdr, &request->route.asked, &client.asked.addr) < 0 ||
        cf_addr_port_from_sockaddr(&request->route.peer.any, &client.src) < 0 ||
        cf_resolver_query(udp->server->resolver, &client, message->msg_hdr.msg_iov->iov_base,
                          message->msg_len, reply, request, &query) < 0)
        request_free(request);
    else if (query)
        request->query = query;
}

static int batch_read(struct udp *udp)
{
    struct cf_dns_server *server = udp->server;

    for (size_t i = 0; i < BATCH; i++) {
        struct msghdr *header = &server->messages[i].msg_hdr;

        server->iovecs[i] = (struct iovec) { server->datagrams[i], DATAGRAM_MAX };
        header->msg_name = &server->peers[i];
        header->msg_namelen = sizeof server->peers[i];
        header->msg_iov = &server->iovecs[i];
        header->msg_iovlen = 1;
        header->msg_control = &server->controls[i];
        header->msg_controllen = sizeof server->controls[i];
        header->msg_flags = 0;
    }
    return recvmmsg(udp->watch.fd, server->messages, BATCH, MSG_DONTWAIT, NULL);
}

static void udp_read(struct udp *udp, unsigned batches)
{
    int n = BATCH;

    for (unsigned turn = 0; turn < batches && n == BATCH; turn++) {
        n = batch_read(udp);
        if (n <= 0)
            break;
        udp->server->datagrams_in += (uint64_t)n;
        udp->server->n_batches++;
        for (int i = 0; i < n; i++)
            datagram(udp, &udp->server->messages[i]);
        udp_send(udp);
    }
}

static void udp_ready(struct cf_watch *watch, uint32_t events)
{
    (void)events;
    udp_read(cf_container_of(watch, struct udp, watch), BATCHES_PER_TURN);
}

void cf_dns_server_drain(struct cf_dns_server *server)
{
    struct udp *const both[] = { &server->udp4, &server->udp6 };

    for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
        if (both[i]->watch.fd >= 0)
            udp_read(both[i], UINT_MAX);
    }
}

static int udp_open(struct cf_dns_server *server, struct udp *udp, int family, int fd,
                    struct cf_error *err)
{
    int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    int option = family == AF_INET ? IP_PKTINFO : IPV6_RECVPKTINFO;
    int one = 1, room = SOCKET_ROOM, r;

    udp->server = server;
    udp->watch.fd = -1;
    udp->watch.fn = udp_ready;
    if (fd < 0)
        return 0;
    if (setsockopt(fd, level, option, &one, sizeof one) < 0)
        return cf_error_errno(err, -errno, "cannot learn which DNS server is asked");
    /* As much as the host lets have: a burst that waits is better than one that is lost. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    r = cf_loop_watch(server->loop, &udp->watch, fd, EPOLLIN);
    return r < 0 ? cf_error_errno(err, r, "cannot wait for DNS queries") : 0;
}

int cf_dns_server_new(struct cf_loop *loop, struct cf_resolver *resolver, int fd4, int fd6,
                      struct cf_dns_server **ret_server, struct cf_error *err)
{
    struct cf_dns_server *server = calloc(1, sizeof *server);
    int r;

    if (!server)
        return cf_error_errno(err, -ENOMEM, "cannot make the DNS server");
    server->loop = loop;
    server->resolver = resolver;
    server->udp4.watch.fd = server->udp6.watch.fd = -1;
    server->streams = (struct cf_streams) { .loop = loop, .resolver = resolver };
    cf_resolver_settled(resolver, settled, server);
    r = udp_open(server, &server->udp4, AF_INET, fd4, err);
    if (r == 0)
        r = udp_open(server, &server->udp6, AF_INET6, fd6, err);
    if (r < 0) {
        cf_dns_server_free(server);
        return r;
    }
    *ret_server = server;
    return 0;
}

void cf_dns_server_free(struct cf_dns_server *server)
{
    if (!server)
        return;
    cf_resolver_settled(server->resolver, NULL, NULL);
    cf_streams_close(&server->streams);
    while (server->requests) {
        cf_resolver_cancel(server->requests->query);
        request_free(server->requests);
    }
    while (server->spare) {
        struct request *next = server->spare->next;

        free(server->spare);
        server->spare = next;
    }
    cf_loop_unwatch(server->loop, &server->udp4.watch);
    cf_loop_unwatch(server->loop, &server->udp6.watch);
    free(server);
}

uint64_t cf_dns_server_packets(const struct cf_dns_server *server)
{
    return server->datagrams_in + cf_streams_segments(&server->streams);
}

bool cf_dns_server_is_full(const struct cf_dns_server *server)
{
    return server->streams.n >= CF_DNS_STREAMS_MAX;
}

int cf_dns_server_stream(struct cf_dns_server *server, int fd, const struct cf_addr_port *src,
                         const struct cf_addr_port *asked,
                         void (*closed)(void *data, uint64_t bytes_out, uint64_t bytes_in),
                         void *data)
{
    return cf_streams_open(&server->streams, fd, src, asked, closed, data);
}
