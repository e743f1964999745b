/*
 * sockets.c - which packets of a host are those of sockets of ours
 *
 * How this works. An entry is found by protocol, local and remote end. One of
 * TCP has the sequence number of its SYN from when that was seen: another SYN
 * from the same end is another's connection, and the entry goes. One of
 * datagrams is found by its cookie when it is closed, and keeps the time:
 * packets are read some time after they passed. Should a descriptor be closed
 * without a word, its cookie tells that it is another socket by now.
 */
#include "capture/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "capture/tuple.h"

struct entry {
    struct cf_hash_node node, by_cookie; /* by_cookie: of datagrams alone */
    struct entry *older, *newer;
    struct cf_tuple key;
    unsigned ifindex;  /* that it sends by; 0: not seen yet */
    int fd;            /* of datagrams; -1 once it is closed, and of TCP */
    uint64_t cookie;   /* SO_COOKIE */
    int64_t closed_ns; /* 0: it is open */
    uint32_t isn;
    bool has_isn;
};

struct cf_capture_sockets {
    struct cf_hash hash, by_cookie;
    struct entry *oldest, *newest;
};

static struct entry *find(const struct cf_capture_sockets *sockets, const struct cf_tuple *key)
{
    struct cf_hash_node *node = cf_hash_find(&sockets->hash, cf_tuple_hash(key));

    for (; node; node = cf_hash_next(node)) {
        struct entry *entry = cf_container_of(node, struct entry, node);

        if (cf_tuple_equal(&entry->key, key))
            return entry;
    }
    return NULL;
}

static void entry_free(struct cf_capture_sockets *sockets, struct entry *entry)
{
    cf_hash_remove(&sockets->hash, &entry->node);
    if (entry->key.protocol != IPPROTO_TCP)
        cf_hash_remove(&sockets->by_cookie, &entry->by_cookie);
    *(entry->older ? &entry->older->newer : &sockets->oldest) = entry->newer;
    *(entry->newer ? &entry->newer->older : &sockets->newest) = entry->older;
    free(entry);
}

int cf_capture_sockets_new(struct cf_capture_sockets **ret_sockets)
{
    struct cf_capture_sockets *sockets = calloc(1, sizeof(*sockets));

    if (!sockets)
        return -ENOMEM;
    cf_hash_init(&sockets->hash);
    cf_hash_init(&sockets->by_cookie);
    *ret_sockets = sockets;
    return 0;
}

void cf_capture_sockets_free(struct cf_capture_sockets *sockets)
{
    if (!sockets)
        return;
    while (sockets->oldest)
        entry_free(sockets, sockets->oldest);
    cf_hash_done(&sockets->hash);
    cf_hash_done(&sockets->by_cookie);
    free(sockets);
}

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof(cookie);

    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0 ? 0 : cookie;
}

/* Both ends; of a ping socket the local port is the id of its echoes, and the other end has none. */
static int key_read(int fd, const struct sockaddr *to, struct cf_tuple *ret_key)
{
    struct sockaddr_storage local;
    socklen_t length = sizeof(local), size = sizeof(int);
    int protocol, r;

    memset(ret_key, 0, sizeof(*ret_key));
    if (getsockname(fd, (struct sockaddr *)&local, &length) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
        return -errno;
    r = cf_addr_port_from_sockaddr((struct sockaddr *)&local, &ret_key->local);
    if (r == 0)
        r = cf_addr_port_from_sockaddr(to, &ret_key->remote);
    ret_key->protocol = (uint8_t)protocol;
    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
        ret_key->remote.port = 0;
    return r;
}

int cf_capture_sockets_add(struct cf_capture_sockets *sockets, int fd, const struct sockaddr *to)
{
    struct entry *entry, *before;
    struct cf_tuple key;
    int r = key_read(fd, to, &key);

    if (r < 0)
        return r;
    before = find(sockets, &key);
    if (before)
        entry_free(sockets, before);
    entry = calloc(1, sizeof(*entry));
    if (!entry || cf_hash_add(&sockets->hash, &entry->node, cf_tuple_hash(&key)) < 0) {
        free(entry);
        return -ENOMEM;
    }
    entry->key = key;
    entry->fd = key.protocol == IPPROTO_TCP ? -1 : fd;
    entry->cookie = cookie_of(fd);
    if (entry->fd >= 0 && cf_hash_add(&sockets->by_cookie, &entry->by_cookie,
                                      cf_hash_bytes(&entry->cookie, sizeof(entry->cookie))) < 0) {
        cf_hash_remove(&sockets->hash, &entry->node);
        free(entry);
        return -ENOMEM;
    }
    entry->older = sockets->newest;
    *(entry->older ? &entry->older->newer : &sockets->oldest) = entry;
    sockets->newest = entry;
    if (sockets->hash.n_nodes > CF_CAPTURE_SOCKETS_MAX)
        entry_free(sockets, sockets->oldest);
    return 0;
}

void cf_capture_sockets_close(struct cf_capture_sockets *sockets, int fd, int64_t time_ns)
{
    uint64_t cookie = cookie_of(fd);
    struct cf_hash_node *node =
        cf_hash_find(&sockets->by_cookie, cf_hash_bytes(&cookie, sizeof(cookie)));

    for (; node; node = cf_hash_next(node)) {
        struct entry *entry = cf_container_of(node, struct entry, by_cookie);

        if (entry->cookie != cookie)
            continue;
        entry->fd = -1;
        entry->closed_ns = time_ns;
    }
}

/* Is it still the connection, or the socket, that the entry was made for? */
static bool is_same(struct entry *entry, const struct cf_ring_packet *packet,
                    const struct cf_frame *frame, bool outbound)
{
    uint32_t seq;

    if (entry->key.protocol != IPPROTO_TCP) {
        if (entry->closed_ns)
            return packet->time_ns <= entry->closed_ns;
        return cookie_of(entry->fd) == entry->cookie;
    }
    if (!outbound || !frame->first)
        return true;
    memcpy(&seq, packet->data + frame->payload + 4, sizeof(seq));
    if (entry->has_isn)
        return entry->isn == seq;
    entry->isn = seq;
    entry->has_isn = true;
    return true;
}

bool cf_capture_sockets_own(struct cf_capture_sockets *sockets,
                            const struct cf_ring_packet *packet, const struct cf_frame *frame,
                            bool *ret_outbound)
{
    const struct cf_addr_port from = { frame->src, frame->src_port };
    const struct cf_addr_port to = { frame->dst, frame->dst_port };
    struct cf_tuple key = { .local = from, .remote = to, .protocol = frame->protocol };
    struct entry *entry;
    bool outbound = true;

    key.local.port += frame->echo;
    entry = find(sockets, &key);
    if (!entry) {
        outbound = false;
        key.local = to;
        key.local.port += frame->echo;
        key.remote = from;
        entry = find(sockets, &key);
    }
    if (!entry || packet->outgoing != (outbound || packet->loopback))
        return false;
    if (!is_same(entry, packet, frame, outbound)) {
        entry_free(sockets, entry);
        return false;
    }
    if (outbound && entry->ifindex == 0)
        entry->ifindex = packet->ifindex;
    *ret_outbound = outbound;
    return entry->ifindex == 0 || entry->ifindex == packet->ifindex;
}
