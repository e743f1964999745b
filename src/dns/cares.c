/*
 * cares.c - one DNS server, asked through c-ares
 *
 * The only file that knows c-ares: 1.18 of Debian 12, and what came later. What
 * differs between versions stands together below.
 *
 * How this works. A server has a channel of its own that makes one attempt for
 * each query. The sockets are made, read and written through functions of ours.
 * What c-ares takes for its UDP socket is a descriptor that is none: datagrams
 * go over the ports of the server (dns/ports.h), which change, and which drop
 * and tell what is the answer to nothing that was asked from them. c-ares
 * compares id and question too, but says nothing. Of an answer it reads a stub
 * (dns/kept.h), and when it says that the stub is its query's, the answer is
 * given. What nobody took is forgotten when c-ares is done with what was ready.
 *
 * 1.18 walks its list of queries in ares_timeout(), which is therefore asked
 * only when the timer has run out, not for each query: all attempts last as
 * long, so a newer one is never due before the one that the timer waits for.
 */
#include "dns/cares.h"

#include <ares.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
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
#include "base/egress.h"
#include "base/fd.h"
#include "base/hash.h"
#include "dns/kept.h"
#include "dns/ports.h"
#include "dns/reply.h"
#include "dns/wire.h"

#define RESOLV_CONF_MAX ((size_t)1 << 20)
#define DNS_PORT 53
#define READS_MAX 65536 /* of one stream in a turn: twice the frames that fit its buffer, and more */

struct cf_cares {
    struct cf_cares_config config;
    ares_channel channel;
    struct cf_timer timer;
    struct sock *socks;
    int spare; /* a descriptor for c-ares to hold; -1 when it has it */
    struct cf_ports *ports;
    struct cf_kept kept;
    struct sockaddr_storage sa;
    socklen_t sa_length;
    bool library;
    uint8_t answer[65536]; /* a datagram that is looked at */
};

/* What c-ares holds as a socket; the loop watches it when it is one of TCP. */
struct sock {
    int fd;
    struct cf_kept_stream *stream; /* NULL for UDP */
    struct cf_watch watch;
    struct cf_cares *cares;
    struct sock *next;
};

/* The stub of this place is the answer to the query. */
static void query_end(struct cf_cares_query *query, bool answered, uint16_t place)
{
    size_t length = 0;
    uint8_t *answer = answered ? cf_kept_take(&query->cares->kept, place, &length) : NULL;

    query->fn(query, answer, length);
}

static void timer_arm(struct cf_cares *cares)
{
    struct timeval tv, *left;

    if (cares->timer.slot != 0)
        return;
    left = ares_timeout(cares->channel, NULL, &tv);
    if (left)
        cf_loop_timer_start(cares->config.loop, &cares->timer,
                            cf_clock_monotonic_us() + (int64_t)left->tv_sec * CF_US_PER_S +
                                left->tv_usec + 1000);
}

static void timer_due(struct cf_timer *timer)
{
    struct cf_cares *cares = cf_container_of(timer, struct cf_cares, timer);

    ares_process_fd(cares->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    timer_arm(cares);
}

static struct sock **sock_find(struct cf_cares *cares, ares_socket_t fd)
{
    struct sock **link = &cares->socks;

    while (*link && (*link)->fd != fd)
        link = &(*link)->next;
    return link;
}

/* One of what c-ares holds as UDP sockets; NULL when no query waits for a datagram. */
static struct sock *udp_socket(const struct cf_cares *cares)
{
    struct sock *sock = cares->socks;

    while (sock && sock->stream)
        sock = sock->next;
    return sock;
}

/*
 * c-ares may close this socket, and so free the watch, while it works; 1.18
 * reads a length first and then what is behind it.
 */
static void sock_ready(struct cf_watch *watch, uint32_t events)
{
    struct sock *sock = cf_container_of(watch, struct sock, watch);
    struct cf_cares *cares = sock->cares;
    uint32_t failed = EPOLLERR | EPOLLHUP;
    ares_socket_t fd = sock->fd;
    unsigned n_left = READS_MAX;

    ares_process_fd(cares->channel, events & (EPOLLIN | failed) ? fd : ARES_SOCKET_BAD,
                    events & (EPOLLOUT | failed) ? fd : ARES_SOCKET_BAD);
    while (*sock_find(cares, fd) == sock && cf_kept_stream_ready(sock->stream) && n_left-- > 0) {
        if (!cf_kept_stream_pending(sock->stream))
            cf_kept_clear(&cares->kept);
        ares_process_fd(cares->channel, fd, ARES_SOCKET_BAD);
    }
    cf_kept_clear(&cares->kept);
    timer_arm(cares);
}

/* Which of its UDP sockets c-ares reads does not matter: it finds the query by its id. */
static void ports_ready(void *data)
{
    struct cf_cares *cares = data;
    struct sock *sock = udp_socket(cares);

    if (!sock) { /* no query waits: a port that rests, and a stray datagram or a late answer */
        cf_ports_drop(cares->ports);
        return;
    }
    ares_process_fd(cares->channel, sock->fd, ARES_SOCKET_BAD);
    cf_kept_clear(&cares->kept);
    timer_arm(cares);
}

static void ports_unasked(void *data, const uint8_t *message, size_t length)
{
    struct cf_cares *cares = data;

    cares->config.unasked(cares->config.data, message, length);
}

/* A socket that cannot be watched answers nobody: its queries time out. */
static void sock_changed(void *data, ares_socket_t fd, int readable, int writable)
{
    uint32_t events = (readable ? (uint32_t)EPOLLIN : 0) | (writable ? (uint32_t)EPOLLOUT : 0);
    struct cf_cares *cares = data;
    struct sock *sock = *sock_find(cares, fd);

    if (!sock || !sock->stream || !events) /* without events it is closed next */
        return;
    if (sock->watch.fd >= 0)
        cf_loop_rewatch(cares->config.loop, &sock->watch, events);
    else
        (void)cf_loop_watch(cares->config.loop, &sock->watch, fd, events);
}

/* c-ares opens and closes its UDP socket for each lone query, so one is kept. */
static int descriptor_take(struct cf_cares *cares)
{
    int fd = cares->spare;

    cares->spare = -1;
    return fd >= 0 ? fd : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void descriptor_give(struct cf_cares *cares, int fd)
{
    if (cares->spare < 0)
        cares->spare = fd;
    else
        close(fd);
}

/* What goes over TCP; a descriptor or -1. Without the interface nobody is asked. */
static int stream_open(const struct cf_cares *cares, int family, int protocol)
{
    int fd, one = 1;

    if (cares->config.stream_open)
        return cares->config.stream_open(cares->config.data);
    fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd < 0)
        return -1;
    if (cf_egress_bind(fd, cares->config.interface, &cares->config.server.addr) < 0)
        cf_fd_close(&fd); /* errno stays */
    else
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static ares_socket_t sock_open(int family, int type, int protocol, void *data)
{
    struct cf_cares *cares = data;
    struct sock *sock = calloc(1, sizeof *sock);

    if (!sock)
        return ARES_SOCKET_BAD;
    if (type != SOCK_DGRAM) {
        sock->stream = calloc(1, sizeof *sock->stream);
        sock->fd = sock->stream ? stream_open(cares, family, protocol) : -1;
    } else {
        sock->fd = descriptor_take(cares);
    }
    if (sock->fd < 0) {
        free(sock->stream);
        free(sock);
        return ARES_SOCKET_BAD;
    }
    sock->cares = cares;
    sock->watch.fd = -1;
    sock->watch.fn = sock_ready;
    sock->next = cares->socks;
    cares->socks = sock;
    return sock->fd;
}

/* With the last of its UDP sockets c-ares has the last query that waits for a datagram ended. */
static int sock_close(ares_socket_t fd, void *data)
{
    struct cf_cares *cares = data;
    struct sock **link = sock_find(cares, fd), *sock = *link;

    if (!sock)
        return close(fd);
    *link = sock->next;
    if (sock->stream) {
        cf_loop_unwatch_close(cares->config.loop, &sock->watch, &fd);
    } else {
        descriptor_give(cares, fd);
        if (!udp_socket(cares))
            cf_ports_rest(cares->ports);
    }
    free(sock->stream);
    free(sock);
    return 0;
}

static int sock_connect(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t length,
                        void *data)
{
    const struct cf_cares *cares = data;
    const struct sock *sock = *sock_find(data, fd);

    int r;

    if (sock && (!sock->stream || cares->config.stream_open))
        return 0;
    r = connect(fd, to, length);
    if (r == 0 || errno == EINPROGRESS)
        cf_egress_connected(fd, to);
    return r;
}

/* The stub of the next answer that came in a datagram; -1 with errno. */
static ares_ssize_t datagram_read(struct cf_cares *cares, void *at, size_t size)
{
    uint8_t stub[CF_KEPT_STUB_MAX];
    ssize_t n = -EAGAIN;
    size_t length = 0;

    while (length == 0 || length > size) {
        n = cares->kept.n < CF_KEPT_MAX ? cf_ports_receive(cares->ports, cares->answer, sizeof cares->answer)
                                        : -EAGAIN;
        if (n < 0) {
            errno = (int)-n;
            return -1;
        }
        length = cf_kept_put(&cares->kept, cares->answer, (size_t)n, stub);
    }
    memcpy(at, stub, length);
    return (ares_ssize_t)length;
}

static ares_ssize_t sock_read(ares_socket_t fd, void *at, size_t size, int flags,
                              struct sockaddr *from, ares_socklen_t *from_length, void *data)
{
    struct cf_cares *cares = data;
    const struct sock *sock = *sock_find(cares, fd);

    (void)flags;
    if (!sock) {
        errno = EBADF;
        return -1;
    }
    if (from && from_length && *from_length >= cares->sa_length) {
        memcpy(from, &cares->sa, cares->sa_length);
        *from_length = cares->sa_length;
    }
    return sock->stream ? cf_kept_stream_read(sock->stream, &cares->kept, fd, at, size)
                        : datagram_read(cares, at, size);
}

/* A datagram goes from the port that is in use. */
static ares_ssize_t datagram_write(struct cf_cares *cares, const void *data, size_t length)
{
    int r = cf_ports_send(cares->ports, data, length);

    if (r < 0) {
        errno = -r;
        return -1;
    }
    return (ares_ssize_t)length;
}

/* What differs between versions. */

#if ARES_VERSION >= 0x011c00 /* 1.28: messages that have been read, and other ways made obsolete */

static void query_landed(void *data, ares_status_t status, size_t timeouts,
                         const ares_dns_record_t *stub)
{
    const ares_dns_rr_t *opt = NULL;

    (void)timeouts;
    if (status == ARES_SUCCESS && ares_dns_record_rr_cnt(stub, ARES_SECTION_ADDITIONAL) == 1)
        opt = ares_dns_record_rr_get_const(stub, ARES_SECTION_ADDITIONAL, 0);
    query_end(data, opt != NULL, opt ? ares_dns_rr_get_u16(opt, ARES_RR_OPT_UDP_SIZE) : 0);
}

/* It chooses the id itself. It calls back when it cannot send, but not when it cannot read. */
static void query_send(struct cf_cares *cares, const uint8_t *message, size_t length,
                       struct cf_cares_query *query)
{
    ares_dns_record_t *parsed = NULL;

    if (ares_dns_parse(message, length, 0, &parsed) != ARES_SUCCESS) {
        query_end(query, false, 0);
        return;
    }
    ares_send_dnsrec(cares->channel, parsed, query_landed, query, NULL);
    ares_dns_record_destroy(parsed);
}

/* "192.0.2.1:53,[2001:db8::1%eth0]:53"; the interface is not ours to follow. */
static int server_read(char *text, struct cf_addr_port *ret_at)
{
    char *colon = strrchr(text, ':'), *host = text, *end;

    if (!colon)
        return -EINVAL;
    *colon = '\0';
    if (*host == '[') {
        host++;
        end = host + strcspn(host, "%]");
        *end = '\0';
    }
    ret_at->port = (uint16_t)strtoul(colon + 1, NULL, 10);
    return cf_addr_parse(host, &ret_at->addr);
}

static int servers_read(ares_channel channel, size_t n_max, struct cf_addr_port *ret_addrs,
                        size_t *ret_n)
{
    char *csv = ares_get_servers_csv(channel), *rest = csv, *text;
    int r = csv ? 0 : -ENOMEM;

    *ret_n = 0;
    while (r == 0 && (text = strsep(&rest, ",")) != NULL) {
        if (*ret_n == n_max)
            r = -E2BIG;
        else if (server_read(text, &ret_addrs[*ret_n]) == 0)
            ++*ret_n;
    }
    ares_free_string(csv);
    return r;
}

#else

static void query_landed(void *data, int status, int timeouts, unsigned char *stub, int length)
{
    (void)timeouts;
    query_end(data, status == ARES_SUCCESS && stub,
              stub ? cf_kept_place(stub, (size_t)length) : 0);
}

/* It takes the id from the message. */
static void query_send(struct cf_cares *cares, uint8_t *message, size_t length,
                       struct cf_cares_query *query)
{
    uint16_t id;

    if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id)
        abort();
    cf_wire_put_u16(message, id);
    ares_send(cares->channel, message, (int)length, query_landed, query);
}

static int servers_read(ares_channel channel, size_t n_max, struct cf_addr_port *ret_addrs,
                        size_t *ret_n)
{
    struct ares_addr_port_node *nodes = NULL;
    int r = ares_get_servers_ports(channel, &nodes) == ARES_SUCCESS ? 0 : -ENOMEM;

    *ret_n = 0;
    for (const struct ares_addr_port_node *at = nodes; r == 0 && at; at = at->next) {
        if (*ret_n == n_max) {
            r = -E2BIG;
            break;
        }
        ret_addrs[*ret_n].addr = at->family == AF_INET ? cf_addr_from_ipv4(&at->addr.addr4)
                                                       : cf_addr_from_ipv6(&at->addr.addr6);
        ret_addrs[(*ret_n)++].port = at->udp_port ? (uint16_t)at->udp_port : DNS_PORT;
    }
    ares_free_data(nodes);
    return r;
}

#endif

/* Cookies (RFC 7873) are exchanged by 1.33 and later without being asked to. */
static void options_newer(struct ares_options *options, int *mask)
{
#ifdef ARES_FLAG_DNS0x20
    options->flags |= ARES_FLAG_DNS0x20; /* 1.32 */
#endif
#ifdef ARES_OPT_MAXTIMEOUTMS
    options->maxtimeout = options->timeout; /* 1.22: 5 s at most without it */
    *mask |= ARES_OPT_MAXTIMEOUTMS;
#endif
#ifdef ARES_OPT_QUERY_CACHE
    options->qcache_max_ttl = 0; /* 1.27: the cache is ours, which knows verdicts */
    *mask |= ARES_OPT_QUERY_CACHE;
#endif
    (void)options;
    (void)mask;
}

#if ARES_VERSION >= 0x012200 /* 1.34: no vectors, more flags */

static int sock_connect_ex(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t length,
                           unsigned flags, void *data)
{
    (void)flags; /* to use TCP Fast Open when it was said to be there */
    return sock_connect(fd, to, length, data);
}

static ares_ssize_t sock_write(ares_socket_t fd, const void *at, size_t length, int flags,
                               const struct sockaddr *to, ares_socklen_t to_length, void *data)
{
    const struct sock *sock = *sock_find(data, fd);

    return sock && !sock->stream ? datagram_write(data, at, length)
                                 : sendto(fd, at, length, flags | MSG_NOSIGNAL, to, to_length);
}

/* Sockets are as they shall be from the start. */
static int sock_setopt(ares_socket_t fd, ares_socket_opt_t option, const void *value,
                       ares_socklen_t length, void *data)
{
    (void)fd;
    (void)option;
    (void)value;
    (void)length;
    (void)data;
    errno = ENOSYS;
    return -1;
}

/*
 * A cookie is for one address of ours alone (RFC 7873, 4.1). None is sent over
 * a stream, and one that somebody else opened need not have an address.
 */
static int sock_name(ares_socket_t fd, struct sockaddr *ret_sa, ares_socklen_t *length, void *data)
{
    struct cf_cares *cares = data;
    const struct sock *sock = *sock_find(cares, fd);
    int r;

    if (sock && sock->stream && cares->config.stream_open) {
        *length = cf_addr_port_to_sockaddr(&cares->config.server, (struct sockaddr_storage *)ret_sa);
        return 0;
    }
    if (!sock || sock->stream)
        return getsockname(fd, ret_sa, length);
    r = cf_ports_local(cares->ports, ret_sa, length);
    errno = r < 0 ? -r : 0;
    return r < 0 ? -1 : 0;
}

static int functions_set(struct cf_cares *cares)
{
    static const struct ares_socket_functions_ex functions = {
        .version = 1,
        .flags = ARES_SOCKFUNC_FLAG_NONBLOCKING,
        .asocket = sock_open,
        .aclose = sock_close,
        .asetsockopt = sock_setopt,
        .aconnect = sock_connect_ex,
        .arecvfrom = sock_read,
        .asendto = sock_write,
        .agetsockname = sock_name,
    };

    return (int)ares_set_socket_functions_ex(cares->channel, &functions, cares);
}

#else

/* A datagram is one piece. */
static ares_ssize_t sock_write(ares_socket_t fd, const struct iovec *pieces, int n, void *data)
{
    const struct sock *sock = *sock_find(data, fd);
    const struct msghdr message = { .msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)n };

    return sock && !sock->stream && n == 1
               ? datagram_write(data, pieces[0].iov_base, pieces[0].iov_len)
               : sendmsg(fd, &message, MSG_NOSIGNAL);
}

static int functions_set(struct cf_cares *cares)
{
    static const struct ares_socket_functions functions = {
        .asocket = sock_open,
        .aclose = sock_close,
        .aconnect = sock_connect,
        .arecvfrom = sock_read,
        .asendv = sock_write,
    };

    ares_set_socket_functions(cares->channel, &functions, cares);
    return ARES_SUCCESS;
}

#endif

/* From here on versions are alike again. */

static int ares_code(int status)
{
    return status == ARES_ENOMEM ? -ENOMEM : -EIO;
}

static int channel_open(struct cf_cares *cares)
{
    struct ares_options options = {
        .flags = ARES_FLAG_EDNS | ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH,
        .ednspsz = CF_REPLY_UDP_MAX, /* what is longer 1.18 asks over TCP */
        .timeout = (int)cares->config.timeout_ms,
        .tries = 1,
        .resolvconf_path = (char[]) { "/dev/null" },
        .sock_state_cb = sock_changed,
        .sock_state_cb_data = cares,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
               ARES_OPT_NOROTATE | ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB;
    char server[CF_ADDR_PORT_TEXT_SIZE];
    int r;

    if (cares->config.stream_open)
        options.flags |= ARES_FLAG_USEVC | ARES_FLAG_STAYOPEN;
    else if (cares->config.transport == CF_TRANSPORT_TCP)
        options.flags |= ARES_FLAG_USEVC;
    else if (cares->config.transport == CF_TRANSPORT_UDP)
        options.flags |= ARES_FLAG_IGNTC;
    options_newer(&options, &mask);
    r = ares_init_options(&cares->channel, &options, mask);
    if (r != ARES_SUCCESS)
        return r;
    r = functions_set(cares);
    if (r != ARES_SUCCESS)
        return r;
    cf_addr_port_format(&cares->config.server, server);
    return ares_set_servers_ports_csv(cares->channel, server);
}

int cf_cares_new(const struct cf_cares_config *config, struct cf_cares **ret_cares,
                 struct cf_error *err)
{
    struct cf_ports_config ports = {
        .loop = config->loop,
        .server = config->server,
        .interface = config->interface,
        .wait_ms = config->timeout_ms,
        .ready = ports_ready,
        .unasked = ports_unasked,
    };
    struct cf_cares *cares = malloc(sizeof *cares);
    char text[CF_ADDR_PORT_TEXT_SIZE];
    int r = ARES_ENOMEM;

    if (cares) {
        memset(cares, 0, offsetof(struct cf_cares, answer));
        cares->config = *config;
        cares->spare = -1;
        cares->timer.fn = timer_due;
        cares->sa_length = cf_addr_port_to_sockaddr(&config->server, &cares->sa);
        ports.data = cares;
        cares->ports = cf_ports_new(&ports);
        if (cares->ports)
            r = ares_library_init(ARES_LIB_INIT_ALL);
        cares->library = cares->ports && r == ARES_SUCCESS;
        if (cares->library)
            r = channel_open(cares);
    }
    if (r != ARES_SUCCESS) {
        cf_cares_free(cares);
        return cf_error_set(err, ares_code(r), "cannot set up DNS server '%s': %s",
                            cf_addr_port_format(&config->server, text), ares_strerror(r));
    }
    *ret_cares = cares;
    return 0;
}

void cf_cares_free(struct cf_cares *cares)
{
    if (!cares)
        return;
    cf_loop_timer_stop(cares->config.loop, &cares->timer);
    if (cares->channel)
        ares_destroy(cares->channel);
    if (cares->library)
        ares_library_cleanup();
    cf_kept_clear(&cares->kept);
    cf_ports_free(cares->ports);
    cf_fd_close(&cares->spare);
    free(cares);
}

void cf_cares_send(struct cf_cares *cares, uint8_t *message, size_t length,
                   struct cf_cares_query *query)
{
    query->cares = cares;
    query_send(cares, message, length, query);
    timer_arm(cares);
}

/*
 * c-ares takes 127.0.0.1 when the file names no server; that is not what was written. 0, -ENOENT
 * when it names none or there is no such file, or another -errno.
 */
static int check_names_server(const char *resolv_conf)
{
    cf_auto_free char *text = NULL;
    size_t length;
    int r = cf_fd_read_file(resolv_conf, RESOLV_CONF_MAX, &text, &length);

    if (r < 0)
        return r;
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "nameserver", 10) == 0 && (line[10] == ' ' || line[10] == '\t'))
            return 0;
    }
    return -ENOENT;
}

int cf_cares_servers(const char *resolv_conf, size_t n_max, struct cf_addr_port **ret_addrs,
                     size_t *ret_n, struct cf_error *err)
{
    cf_auto_free struct cf_addr_port *addrs = calloc(n_max, sizeof *addrs);
    struct ares_options options = { .flags = 0 };
    cf_auto_free char *path = strdup(resolv_conf);
    ares_channel channel;
    int r;

    r = check_names_server(resolv_conf);
    if (r == -ENOENT)
        return cf_error_set(err, r, "'%s' names no DNS server; list some under dns.servers",
                            resolv_conf);
    if (r < 0)
        return cf_error_errno(err, r, "cannot read '%s'", resolv_conf);
    options.resolvconf_path = path;
    r = path && addrs ? ares_library_init(ARES_LIB_INIT_ALL) : ARES_ENOMEM;
    if (r != ARES_SUCCESS)
        return cf_error_set(err, ares_code(r), "cannot read '%s': %s", resolv_conf,
                            ares_strerror(r));
    r = ares_init_options(&channel, &options, ARES_OPT_RESOLVCONF);
    if (r == ARES_SUCCESS) {
        r = servers_read(channel, n_max, addrs, ret_n);
        ares_destroy(channel);
    } else {
        r = ares_code(r);
    }
    ares_library_cleanup();
    if (r == -E2BIG)
        return cf_error_set(err, r, "more than %zu DNS servers", n_max);
    if (r < 0)
        return cf_error_errno(err, r, "cannot read '%s'", resolv_conf);
    *ret_addrs = addrs;
    addrs = NULL;
    return 0;
}

const char *cf_cares_version(void)
{
    static char text[32];

    snprintf(text, sizeof text, "c-ares %s", ares_version(NULL));
    return text;
}
