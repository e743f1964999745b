/*
 * upstream.c - the servers that are asked, through c-ares
 *
 * The only file that knows c-ares, written for 1.18 and for what came later.
 *
 * How this works. Each server has a channel of its own that makes one attempt
 * for each ares_send(), so that it is known which server answered, and what
 * each of them said; who is asked next is decided here. A lookup is
 *
 *   in the air  c-ares holds it; it is on no list
 *   landed      c-ares called back; it waits on the list of landed ones for
 *               the task at the end of the turn, with a copy of the answer
 *
 * and the task sends it out again or gives the answer and frees it. c-ares may
 * call back inside ares_send(), ares_process_fd() and ares_destroy(); nothing
 * of it is called from there, and neither is the client. A cancelled lookup
 * (fn is NULL) is freed when it lands.
 *
 * The sockets are made, read and written through functions of ours. What
 * c-ares takes for its UDP socket is a descriptor that is none: datagrams go
 * over the ports of the server (dns/ports.h), which change, and which drop and
 * tell what is the answer to nothing that was asked from them. c-ares compares
 * id and question too, but says nothing.
 *
 * What 1.18 does that matters here: ares_send() takes the id from the message,
 * so it is made random here; with ARES_FLAG_EDNS it cuts the last eleven
 * octets off a query that got FORMERR without OPT, and clears the flag for the
 * channel. Our OPT stands last and is as long when it has no options; every
 * other FORMERR comes back here, and the query goes out once more without OPT.
 * Its list of queries is walked by ares_timeout(), which is therefore asked
 * only when the timer has run out, not for each query: all attempts last as
 * long, so a newer one is never due before the one that the timer waits for.
 */
#define CARES_NO_DEPRECATED

#include "dns/upstream.h"

#include <ares.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "dns/ports.h"
#include "dns/reply.h"
#include "dns/wire.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_CONF_MAX ((size_t)1 << 20)
#define DNS_PORT 53

static_assert(CF_PORTS_FEW * CF_PORTS_QUERIES + (CF_PORTS_MAX - CF_PORTS_FEW) * CF_ASKED_MAX >=
                  CF_UPSTREAM_LOOKUPS_MAX,
              "an answer has a port that waits for it");

struct server {
    struct cf_upstream *upstream;
    ares_channel channel;
    struct cf_timer timer;
    struct sock *socks;
    int spare; /* a descriptor for c-ares to hold; -1 when it has it */
    struct cf_ports *ports;
    struct sockaddr_storage sa;
    socklen_t sa_length;
    uint64_t n_unasked;
};

/* What c-ares holds as a socket; the loop watches it when it is one of TCP. */
struct sock {
    int fd;
    bool udp;
    struct cf_watch watch;
    struct server *server;
    struct sock *next;
};

struct cf_upstream {
    struct cf_loop *loop;
    struct cf_addr_port *addrs;
    struct server *servers;
    size_t n_servers;
    size_t preferred; /* the one that answered last */
    uint32_t timeout_ms;
    unsigned attempts;
    void (*unasked)(void *data, const struct cf_addr_port *server, uint64_t n,
                    const uint8_t *message, size_t length);
    void (*settled)(void *data);
    void *told_data; /* of unasked() and settled() */
    size_t n_lookups;
    struct cf_lookup *landed, **landed_tail;
    struct cf_task task;
    bool library;
};

struct cf_lookup {
    struct cf_upstream *upstream;
    struct cf_lookup *next; /* among the landed */
    void (*fn)(void *data, const uint8_t *message, size_t length,
               const struct cf_addr_port *server);
    void *data;
    size_t server; /* that was asked last */
    unsigned n_tries;
    uint32_t refused_by; /* a bit for each server that answered but did not help */
    bool fresh;          /* answer came from the last try */
    uint8_t *answer;     /* NULL until there is one */
    size_t answer_length;
    size_t opt_at;
    size_t length;
    uint8_t message[];
};

const char *cf_upstream_library(void)
{
    static char text[32];

    snprintf(text, sizeof text, "c-ares %s", ares_version(NULL));
    return text;
}

static void timer_arm(struct server *server)
{
    struct cf_loop *loop = server->upstream->loop;
    struct timeval tv, *left;

    if (server->timer.slot != 0)
        return;
    left = ares_timeout(server->channel, NULL, &tv);
    if (left)
        cf_loop_timer_start(loop, &server->timer,
                            cf_clock_monotonic_us() + (int64_t)left->tv_sec * CF_US_PER_S +
                                left->tv_usec + 1000);
}

static void timer_due(struct cf_timer *timer)
{
    struct server *server = cf_container_of(timer, struct server, timer);

    ares_process_fd(server->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    timer_arm(server);
}

/* c-ares may close this socket, and so free the watch, while it works. */
static void sock_ready(struct cf_watch *watch, uint32_t events)
{
    struct sock *sock = cf_container_of(watch, struct sock, watch);
    struct server *server = sock->server;
    uint32_t failed = EPOLLERR | EPOLLHUP;
    ares_socket_t fd = sock->fd;

    ares_process_fd(server->channel, events & (EPOLLIN | failed) ? fd : ARES_SOCKET_BAD,
                    events & (EPOLLOUT | failed) ? fd : ARES_SOCKET_BAD);
    timer_arm(server);
}

/* One of what c-ares holds as UDP sockets; NULL when no query waits for a datagram. */
static struct sock *udp_socket(const struct server *server)
{
    struct sock *sock = server->socks;

    while (sock && !sock->udp)
        sock = sock->next;
    return sock;
}

/* Which of its UDP sockets c-ares reads does not matter: it finds the query by its id. */
static void ports_ready(void *data)
{
    struct server *server = data;
    struct sock *sock = udp_socket(server);

    if (!sock) { /* no port is open then, but a port that nobody reads would be ready for ever */
        cf_ports_close(server->ports);
        return;
    }
    ares_process_fd(server->channel, sock->fd, ARES_SOCKET_BAD);
    timer_arm(server);
}

static void ports_unasked(void *data, const uint8_t *message, size_t length)
{
    struct server *server = data;
    struct cf_upstream *upstream = server->upstream;

    server->n_unasked++;
    if (upstream->unasked)
        upstream->unasked(upstream->told_data, &upstream->addrs[server - upstream->servers],
                          server->n_unasked, message, length);
}

static struct sock **sock_find(struct server *server, ares_socket_t fd)
{
    struct sock **link = &server->socks;

    while (*link && (*link)->fd != fd)
        link = &(*link)->next;
    return link;
}

/* A socket that cannot be watched answers nobody: its queries time out. */
static void sock_changed(void *data, ares_socket_t fd, int readable, int writable)
{
    uint32_t events = (readable ? (uint32_t)EPOLLIN : 0) | (writable ? (uint32_t)EPOLLOUT : 0);
    struct server *server = data;
    struct sock *sock = *sock_find(server, fd);

    if (!sock || sock->udp || !events) /* without events it is closed next */
        return;
    if (sock->watch.fd >= 0)
        cf_loop_rewatch(server->upstream->loop, &sock->watch, events);
    else
        (void)cf_loop_watch(server->upstream->loop, &sock->watch, fd, events);
}

/* c-ares opens and closes its UDP socket for each lone query, so one is kept. */
static int descriptor_take(struct server *server)
{
    int fd = server->spare;

    server->spare = -1;
    return fd >= 0 ? fd : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void descriptor_give(struct server *server, int fd)
{
    if (server->spare < 0)
        server->spare = fd;
    else
        close(fd);
}

static ares_socket_t sock_open(int family, int type, int protocol, void *data)
{
    struct server *server = data;
    struct sock *sock = calloc(1, sizeof *sock);
    int one = 1;

    if (!sock)
        return ARES_SOCKET_BAD;
    sock->udp = type == SOCK_DGRAM;
    sock->fd = sock->udp ? descriptor_take(server)
                         : socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (sock->fd < 0) {
        free(sock);
        return ARES_SOCKET_BAD;
    }
    if (!sock->udp)
        (void)setsockopt(sock->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    sock->server = server;
    sock->watch.fd = -1;
    sock->watch.fn = sock_ready;
    sock->next = server->socks;
    server->socks = sock;
    return sock->fd;
}

/* With the last of its UDP sockets c-ares has the last query that waits for a datagram ended. */
static int sock_close(ares_socket_t fd, void *data)
{
    struct server *server = data;
    struct sock **link = sock_find(server, fd), *sock = *link;

    if (!sock)
        return close(fd);
    *link = sock->next;
    if (sock->udp) {
        descriptor_give(server, fd);
        if (!udp_socket(server))
            cf_ports_close(server->ports);
    } else {
        cf_loop_unwatch_close(server->upstream->loop, &sock->watch, &fd);
    }
    free(sock);
    return 0;
}

static int sock_connect(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t length,
                        void *data)
{
    const struct sock *sock = *sock_find(data, fd);

    return sock && sock->udp ? 0 : connect(fd, to, length);
}

static ares_ssize_t sock_read(ares_socket_t fd, void *at, size_t size, int flags,
                              struct sockaddr *from, ares_socklen_t *from_length, void *data)
{
    struct server *server = data;
    const struct sock *sock = *sock_find(server, fd);
    ares_ssize_t n;

    if (!sock || !sock->udp)
        return recvfrom(fd, at, size, flags, from, from_length);
    n = cf_ports_receive(server->ports, at, size);
    if (n < 0) {
        errno = (int)-n;
        return -1;
    }
    if (from && *from_length >= server->sa_length) {
        memcpy(from, &server->sa, server->sa_length);
        *from_length = server->sa_length;
    }
    return n;
}

/* A datagram is one piece. */
static ares_ssize_t sock_write(ares_socket_t fd, const struct iovec *pieces, int n, void *data)
{
    struct server *server = data;
    const struct sock *sock = *sock_find(server, fd);
    int r;

    if (!sock || !sock->udp)
        return writev(fd, pieces, n);
    r = n == 1 ? cf_ports_send(server->ports, pieces[0].iov_base, pieces[0].iov_len) : -EINVAL;
    if (r < 0) {
        errno = -r;
        return -1;
    }
    return (ares_ssize_t)pieces[0].iov_len;
}

static const struct ares_socket_functions sock_functions = {
    .asocket = sock_open,
    .aclose = sock_close,
    .aconnect = sock_connect,
    .arecvfrom = sock_read,
    .asendv = sock_write,
};

static void lookup_free(struct cf_lookup *lookup)
{
    lookup->upstream->n_lookups--;
    free(lookup->answer);
    free(lookup);
}

/* c-ares is done with this attempt, well or not. */
static void lookup_landed(void *data, int status, int timeouts, unsigned char *abuf, int alen)
{
    struct cf_lookup *lookup = data;
    struct cf_upstream *upstream = lookup->upstream;

    (void)timeouts;
    if (status == ARES_EDESTRUCTION || !lookup->fn) {
        lookup_free(lookup);
        return;
    }
    /* Later versions give the body beside a status such as ARES_ENOTFOUND. */
    lookup->fresh = false;
    if (abuf && alen >= CF_WIRE_HEADER_SIZE) {
        uint8_t *copy = malloc((size_t)alen);

        if (copy) {
            memcpy(copy, abuf, (size_t)alen);
            free(lookup->answer);
            lookup->answer = copy;
            lookup->answer_length = (size_t)alen;
            lookup->fresh = true;
        }
    }
    lookup->next = NULL;
    *upstream->landed_tail = lookup;
    upstream->landed_tail = &lookup->next;
    cf_loop_task_add(upstream->loop, &upstream->task);
}

static void lookup_send(struct cf_lookup *lookup, size_t index)
{
    struct server *server = &lookup->upstream->servers[index];
    uint16_t id;

    if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id)
        abort();
    cf_wire_put_u16(lookup->message, id);
    lookup->server = index;
    lookup->n_tries++;
    ares_send(server->channel, lookup->message, (int)lookup->length, lookup_landed, lookup);
    timer_arm(server);
}

/* The next server that has not refused yet, after the last one; -1 when it is enough. */
static int server_next(const struct cf_lookup *lookup)
{
    const struct cf_upstream *upstream = lookup->upstream;

    if (lookup->n_tries >= upstream->attempts * upstream->n_servers)
        return -1;
    for (size_t i = 1; i <= upstream->n_servers; i++) {
        size_t index = (lookup->server + i) % upstream->n_servers;

        if (!(lookup->refused_by & UINT32_C(1) << index))
            return (int)index;
    }
    return -1;
}

static void lookup_finish(struct cf_lookup *lookup)
{
    const struct cf_addr_port *server = &lookup->upstream->addrs[lookup->server];

    lookup->fn(lookup->data, lookup->answer, lookup->answer_length, server);
    lookup_free(lookup);
}

/* Decide what a landed lookup does next. */
static void lookup_advance(struct cf_lookup *lookup)
{
    struct cf_upstream *upstream = lookup->upstream;
    int next, rcode;

    if (lookup->fresh) {
        rcode = lookup->answer[3] & CF_WIRE_RCODE_MASK;
        if (rcode == CF_RCODE_FORMERR && lookup->opt_at) {
            lookup->length = lookup->opt_at;
            lookup->opt_at = 0;
            cf_wire_put_u16(lookup->message + 10, 0);
            lookup_send(lookup, lookup->server);
            return;
        }
        upstream->preferred = lookup->server;
        if (rcode != CF_RCODE_SERVFAIL && rcode != CF_RCODE_NOTIMP && rcode != CF_RCODE_REFUSED) {
            lookup_finish(lookup);
            return;
        }
        lookup->refused_by |= UINT32_C(1) << lookup->server;
    }
    next = server_next(lookup);
    if (next < 0)
        lookup_finish(lookup);
    else
        lookup_send(lookup, (size_t)next);
}

static void landed_run(struct cf_task *task)
{
    struct cf_upstream *upstream = cf_container_of(task, struct cf_upstream, task);
    struct cf_lookup *lookup = upstream->landed;

    /* What lands while these are worked off waits for the next turn. */
    upstream->landed = NULL;
    upstream->landed_tail = &upstream->landed;
    while (lookup) {
        struct cf_lookup *next = lookup->next;

        if (lookup->fn)
            lookup_advance(lookup);
        else
            lookup_free(lookup);
        lookup = next;
    }
    if (upstream->settled)
        upstream->settled(upstream->told_data);
}

/* c-ares takes 127.0.0.1 when the file names no server; that is not what was written. */
static bool names_a_server(const char *resolv_conf)
{
    cf_auto_free char *text = NULL;
    size_t length;

    if (cf_fd_read_file(resolv_conf, RESOLV_CONF_MAX, &text, &length) < 0)
        return false;
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "nameserver", 10) == 0 && (line[10] == ' ' || line[10] == '\t'))
            return true;
    }
    return false;
}

static void options_fill(struct ares_options *options, const struct cf_upstream_config *config,
                         char *resolv_conf, int *ret_mask)
{
    options->flags = ARES_FLAG_EDNS | ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH;
    if (config->transport == CF_TRANSPORT_TCP)
        options->flags |= ARES_FLAG_USEVC;
    if (config->transport == CF_TRANSPORT_UDP)
        options->flags |= ARES_FLAG_IGNTC;
#ifdef ARES_FLAG_DNS0x20
    options->flags |= ARES_FLAG_DNS0x20; /* c-ares 1.32 */
#endif
    options->ednspsz = CF_REPLY_UDP_MAX;
    options->timeout = (int)config->timeout_ms;
    options->tries = 1;
    options->resolvconf_path = resolv_conf;
    *ret_mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                ARES_OPT_NOROTATE | ARES_OPT_RESOLVCONF;
#ifdef ARES_OPT_QUERY_CACHE
    options->qcache_max_ttl = 0; /* the cache is ours: it knows verdicts */
    *ret_mask |= ARES_OPT_QUERY_CACHE;
#endif
}

static int ares_code(int status)
{
    return status == ARES_ENOMEM ? -ENOMEM : -EIO;
}

static int addrs_copy(struct cf_upstream *upstream, const struct ares_addr_port_node *node)
{
    size_t n = 0;

    for (const struct ares_addr_port_node *at = node; at; at = at->next)
        n++;
    upstream->addrs = calloc(n ? n : 1, sizeof *upstream->addrs);
    if (!upstream->addrs)
        return -ENOMEM;
    for (; node && n <= CF_UPSTREAM_SERVERS_MAX; node = node->next) {
        struct cf_addr_port *at = &upstream->addrs[upstream->n_servers++];

        at->addr = node->family == AF_INET ? cf_addr_from_ipv4(&node->addr.addr4)
                                           : cf_addr_from_ipv6(&node->addr.addr6);
        at->port = node->udp_port ? (uint16_t)node->udp_port : DNS_PORT;
    }
    return 0;
}

/* The servers of the host, as c-ares reads them. */
static int addrs_from_host(struct cf_upstream *upstream, const struct cf_upstream_config *config,
                           struct cf_error *err)
{
    const char *path = config->resolv_conf ? config->resolv_conf : RESOLV_CONF;
    struct ares_addr_port_node *nodes = NULL;
    struct ares_options options = { 0 };
    cf_auto_free char *copy = NULL;
    ares_channel channel;
    int mask, r;

    if (!names_a_server(path))
        return cf_error_set(err, -ENOENT, "'%s' names no DNS server; list some under dns.servers",
                            path);
    copy = strdup(path);
    if (!copy)
        return cf_error_errno(err, -ENOMEM, "cannot read '%s'", path);
    options_fill(&options, config, copy, &mask);
    r = ares_init_options(&channel, &options, mask);
    if (r != ARES_SUCCESS)
        return cf_error_set(err, ares_code(r), "cannot read '%s': %s", path, ares_strerror(r));
    r = ares_get_servers_ports(channel, &nodes);
    ares_destroy(channel);
    if (r != ARES_SUCCESS)
        return cf_error_set(err, ares_code(r), "cannot read '%s': %s", path, ares_strerror(r));
    r = addrs_copy(upstream, nodes);
    ares_free_data(nodes);
    if (r < 0)
        return cf_error_errno(err, r, "cannot read '%s'", path);
    return 0;
}

static int server_open(struct server *server, const struct cf_addr_port *at,
                       const struct cf_upstream_config *config)
{
    const struct cf_ports_config ports = {
        .loop = config->loop,
        .server = *at,
        .wait_ms = config->timeout_ms,
        .ready = ports_ready,
        .unasked = ports_unasked,
        .data = server,
    };
    struct ares_addr_port_node node = { .udp_port = at->port, .tcp_port = at->port };
    struct ares_options options = { 0 };
    int mask, r;

    server->sa_length = cf_addr_port_to_sockaddr(at, &server->sa);
    server->ports = cf_ports_new(&ports);
    if (!server->ports)
        return ARES_ENOMEM;
    options_fill(&options, config, (char[]) { "/dev/null" }, &mask);
    options.sock_state_cb = sock_changed;
    options.sock_state_cb_data = server;
    r = ares_init_options(&server->channel, &options, mask | ARES_OPT_SOCK_STATE_CB);
    if (r != ARES_SUCCESS)
        return r;
    ares_set_socket_functions(server->channel, &sock_functions, server);
    if (at->addr.family == CF_FAMILY_IPV4) {
        node.family = AF_INET;
        memcpy(&node.addr.addr4, at->addr.bytes, 4);
    } else {
        node.family = AF_INET6;
        memcpy(&node.addr.addr6, at->addr.bytes, 16);
    }
    return ares_set_servers_ports(server->channel, &node);
}

static int servers_open(struct cf_upstream *upstream, const struct cf_upstream_config *config,
                        struct cf_error *err)
{
    if (upstream->n_servers == 0)
        return cf_error_set(err, -E2BIG, "more than %d DNS servers", CF_UPSTREAM_SERVERS_MAX);
    upstream->servers = calloc(upstream->n_servers, sizeof *upstream->servers);
    if (!upstream->servers)
        return cf_error_errno(err, -ENOMEM, "cannot set up DNS");
    for (size_t i = 0; i < upstream->n_servers; i++)
        upstream->servers[i].spare = -1;
    for (size_t i = 0; i < upstream->n_servers; i++) {
        char text[CF_ADDR_PORT_TEXT_SIZE];
        struct server *server = &upstream->servers[i];
        int r;

        server->upstream = upstream;
        server->timer.fn = timer_due;
        r = server_open(server, &upstream->addrs[i], config);
        if (r != ARES_SUCCESS)
            return cf_error_set(err, ares_code(r), "cannot set up DNS server '%s': %s",
                                cf_addr_port_format(&upstream->addrs[i], text), ares_strerror(r));
    }
    return 0;
}

int cf_upstream_new(const struct cf_upstream_config *config, struct cf_upstream **ret_upstream,
                    struct cf_error *err)
{
    struct cf_upstream *upstream = calloc(1, sizeof *upstream);
    int r;

    if (!upstream)
        return cf_error_errno(err, -ENOMEM, "cannot set up DNS");
    upstream->loop = config->loop;
    upstream->timeout_ms = config->timeout_ms;
    upstream->attempts = config->attempts;
    upstream->unasked = config->unasked;
    upstream->settled = config->settled;
    upstream->told_data = config->data;
    upstream->landed_tail = &upstream->landed;
    upstream->task.fn = landed_run;
    r = ares_library_init(ARES_LIB_INIT_ALL);
    if (r != ARES_SUCCESS) {
        r = cf_error_set(err, ares_code(r), "cannot set up DNS: %s", ares_strerror(r));
        cf_upstream_free(upstream);
        return r;
    }
    upstream->library = true;
    if (config->n_servers == 0) {
        r = addrs_from_host(upstream, config, err);
    } else if (config->n_servers <= CF_UPSTREAM_SERVERS_MAX) {
        upstream->addrs = calloc(config->n_servers, sizeof *upstream->addrs);
        r = upstream->addrs ? 0 : cf_error_errno(err, -ENOMEM, "cannot set up DNS");
        if (r == 0) {
            memcpy(upstream->addrs, config->servers, config->n_servers * sizeof *config->servers);
            upstream->n_servers = config->n_servers;
        }
    } else {
        r = 0;
    }
    if (r == 0)
        r = servers_open(upstream, config, err);
    if (r < 0) {
        cf_upstream_free(upstream);
        return r;
    }
    *ret_upstream = upstream;
    return 0;
}

void cf_upstream_free(struct cf_upstream *upstream)
{
    if (!upstream)
        return;
    for (size_t i = 0; upstream->servers && i < upstream->n_servers; i++) {
        struct server *server = &upstream->servers[i];

        cf_loop_timer_stop(upstream->loop, &server->timer);
        if (server->channel)
            ares_destroy(server->channel);
        cf_ports_free(server->ports);
        cf_fd_close(&server->spare);
    }
    while (upstream->landed) {
        struct cf_lookup *lookup = upstream->landed;

        upstream->landed = lookup->next;
        lookup_free(lookup);
    }
    cf_loop_task_remove(upstream->loop, &upstream->task);
    if (upstream->library)
        ares_library_cleanup();
    free(upstream->servers);
    free(upstream->addrs);
    free(upstream);
}

const struct cf_addr_port *cf_upstream_servers(const struct cf_upstream *upstream, size_t *ret_n)
{
    *ret_n = upstream->n_servers;
    return upstream->addrs;
}

int cf_upstream_ask(struct cf_upstream *upstream, const uint8_t *message, size_t length,
                    size_t opt_at,
                    void (*fn)(void *data, const uint8_t *message, size_t length,
                               const struct cf_addr_port *server),
                    void *data, struct cf_lookup **ret_lookup)
{
    struct cf_lookup *lookup;

    if (upstream->n_lookups >= CF_UPSTREAM_LOOKUPS_MAX)
        return -ENOSPC;
    lookup = calloc(1, sizeof *lookup + length);
    if (!lookup)
        return -ENOMEM;
    lookup->upstream = upstream;
    lookup->fn = fn;
    lookup->data = data;
    lookup->opt_at = opt_at;
    lookup->length = length;
    memcpy(lookup->message, message, length);
    upstream->n_lookups++;
    *ret_lookup = lookup;
    lookup_send(lookup, upstream->preferred);
    return 0;
}

void cf_upstream_cancel(struct cf_lookup *lookup)
{
    lookup->fn = NULL;
}
