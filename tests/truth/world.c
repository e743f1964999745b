/*
 * world.c - the servers of the lab
 *
 * usage: truth_world servers | truth_world group INTERFACE
 *
 * One thread for each connection but those of PORT_CROWD and PORT_SHORT, which one thread serves
 * for thousands. What a server has seen that no client can see goes to standard output, a line
 * each. Prints "ready" when everything listens.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pattern.h"
#include "places.h"

#define BLOCK (1 << 18)
#define DUPLEX_BYTES (UINT64_C(64) << 20)
#define STACK (1 << 17)

struct server {
    int port;
    int backlog;
    bool gated; /* accepts once the gate was opened, each time */
    void (*serve)(int fd);
    int fd;
    sem_t gate;
};

static struct server *server_find(int port);
static sem_t vanished;

static void die(const char *what)
{
    perror(what);
    _exit(1);
}

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One write, so that lines of threads stay whole. */
static void tell(const char *format, ...)
{
    char line[512];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    line[n++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)n) != n)
        _exit(1);
}

static const char *error_name(int error)
{
    return error == 0 ? "ok" : strerrorname_np(error);
}

static bool write_all(int fd, const void *data, size_t length)
{
    const uint8_t *at = data;

    while (length > 0) {
        ssize_t n = send(fd, at, length, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        at += n;
        length -= (size_t)n;
    }
    return true;
}

static bool wait_byte(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) == 1;
}

static void close_by_reset(int fd)
{
    struct linger at_once = { 1, 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void set_on(int fd, int level, int name)
{
    int on = 1;

    setsockopt(fd, level, name, &on, sizeof on);
}

/* Read to the end. Returns 0, or how it ended instead. */
static int read_all(int fd, struct pattern_hash *hash)
{
    uint8_t *block = malloc(BLOCK);
    ssize_t n;
    int error;

    while ((n = recv(fd, block, BLOCK, 0)) > 0)
        pattern_hash_add(hash, block, (size_t)n);
    error = n < 0 ? errno : 0;
    free(block);
    return error;
}

static void send_pattern(int fd, uint64_t bytes)
{
    uint8_t *block = malloc(BLOCK);

    for (uint64_t at = 0; at < bytes; at += BLOCK) {
        uint64_t n = bytes - at < BLOCK ? bytes - at : BLOCK;

        pattern_fill(at, block, (size_t)n);
        if (!write_all(fd, block, (size_t)n))
            break;
    }
    free(block);
}

static void serve_echo(int fd)
{
    char buffer[65536];
    ssize_t n;

    set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        if (!write_all(fd, buffer, (size_t)n))
            return;
}

static void answer_hash(int fd, const struct pattern_hash *hash)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%llu %016llx", (unsigned long long)hash->bytes,
                     (unsigned long long)pattern_hash_value(hash));

    write_all(fd, text, (size_t)n);
}

static void serve_sink(int fd)
{
    struct pattern_hash hash = { 0 };

    if (read_all(fd, &hash) == 0)
        answer_hash(fd, &hash);
}

static void serve_source(int fd)
{
    uint64_t bytes;

    if (recv(fd, &bytes, sizeof bytes, MSG_WAITALL) == sizeof bytes)
        send_pattern(fd, bytes);
}

static void *source_run(void *data)
{
    int fd = *(int *)data;

    send_pattern(fd, DUPLEX_BYTES);
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void serve_duplex(int fd)
{
    struct pattern_hash hash = { 0 };
    pthread_t thread;

    if (pthread_create(&thread, NULL, source_run, &fd) != 0)
        die("pthread_create");
    read_all(fd, &hash);
    pthread_join(thread, NULL);
    tell("server read %llu %016llx", (unsigned long long)hash.bytes,
         (unsigned long long)pattern_hash_value(&hash));
}

static void serve_reset(int fd)
{
    close_by_reset(fd);
}

static void serve_reset_late(int fd)
{
    write_all(fd, "bye", 3);
    wait_byte(fd);
    close_by_reset(fd);
}

static void serve_watch(int fd)
{
    struct pattern_hash hash = { 0 };
    int error = read_all(fd, &hash);

    tell("server read %llu, end %s", (unsigned long long)hash.bytes, error_name(error));
}

static void serve_half(int fd)
{
    write_all(fd, "half", 4);
    shutdown(fd, SHUT_WR);
    serve_watch(fd);
}

static void serve_unread(int fd)
{
    char byte;

    recv(fd, &byte, 1, MSG_PEEK);
}

static void serve_close(int fd)
{
    wait_byte(fd);
}

static void serve_answer_close(int fd)
{
    struct pattern_hash hash = { 0 };

    if (read_all(fd, &hash) == 0)
        write_all(fd, "done", 4);
}

static void serve_urgent(int fd)
{
    struct pollfd all_there = { fd, POLLRDHUP, 0 };
    char text[128];
    size_t length = 0;
    int at_mark = 0;
    ssize_t n;

    poll(&all_there, 1, -1); /* before that, the mark may not be known */
    for (;;) {
        ioctl(fd, SIOCATMARK, &at_mark);
        if (at_mark)
            text[length++] = '|';
        n = recv(fd, text + length, at_mark ? 1 : 16, 0);
        if (n <= 0)
            break;
        length += (size_t)n;
    }
    tell("server read %.*s", (int)length, text);
}

static void serve_shout(int fd)
{
    set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    wait_byte(fd);
    write_all(fd, "ab", 2);
    send(fd, "!", 1, MSG_OOB | MSG_NOSIGNAL);
    write_all(fd, "cd", 2);
}

static void serve_sleeper(int fd)
{
    sem_wait(&server_find(PORT_SLEEPER)->gate);
    serve_sink(fd);
}

static void serve_gate(int fd)
{
    int port;

    if (recv(fd, &port, sizeof port, MSG_WAITALL) == sizeof port) {
        sem_post(&server_find(port)->gate);
        write_all(fd, "g", 1);
    }
}

/* In repair mode, close(2) tells the peer nothing; a rule drops the RSTs that come later. */
static void serve_vanish(int fd)
{
    int unconfirmed = 1, on = 1;
    char byte;

    for (int i = 0; i < 2; i++)
        if (recv(fd, &byte, 1, 0) != 1 || !write_all(fd, &byte, 1))
            return;
    while (unconfirmed > 0 && poll(NULL, 0, 1) == 0)
        if (ioctl(fd, SIOCOUTQ, &unconfirmed) < 0)
            die("SIOCOUTQ");
    if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) < 0)
        die("TCP_REPAIR");
}

static void serve_vanished(int fd)
{
    (void)fd;
    sem_wait(&vanished);
}

static const char *address_text(const struct sockaddr_in6 *sa, char *text)
{
    inet_ntop(AF_INET6, &sa->sin6_addr, text, INET6_ADDRSTRLEN);
    return IN6_IS_ADDR_V4MAPPED(&sa->sin6_addr) ? text + strlen("::ffff:") : text;
}

static void serve_peer(int fd)
{
    struct sockaddr_in6 sa;
    socklen_t length = sizeof sa;
    char text[INET6_ADDRSTRLEN], line[128];
    int n;

    getpeername(fd, (struct sockaddr *)&sa, &length);
    n = snprintf(line, sizeof line, "%s %d", address_text(&sa, text), ntohs(sa.sin6_port));
    write_all(fd, line, (size_t)n);
}

static void serve_pairs(int fd)
{
    char two[2];

    while (recv(fd, two, 2, MSG_WAITALL) == 2)
        write_all(fd, "2", 1);
}

static void serve_pieces(int fd)
{
    char buffer[65536], text[16];
    ssize_t n;

    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        write_all(fd, text, (size_t)snprintf(text, sizeof text, "%zd ", n));
}

static struct server servers[] = {
    { PORT_ECHO, 4096, false, serve_echo, -1, { { 0 } } },
    { PORT_SINK, 4096, false, serve_sink, -1, { { 0 } } },
    { PORT_SOURCE, 4096, false, serve_source, -1, { { 0 } } },
    { PORT_DUPLEX, 4096, false, serve_duplex, -1, { { 0 } } },
    { PORT_RESET, 4096, false, serve_reset, -1, { { 0 } } },
    { PORT_RESET_LATE, 4096, false, serve_reset_late, -1, { { 0 } } },
    { PORT_WATCH, 4096, false, serve_watch, -1, { { 0 } } },
    { PORT_HALF, 4096, false, serve_half, -1, { { 0 } } },
    { PORT_UNREAD, 4096, false, serve_unread, -1, { { 0 } } },
    { PORT_CLOSE, 4096, false, serve_close, -1, { { 0 } } },
    { PORT_URGENT, 4096, false, serve_urgent, -1, { { 0 } } },
    { PORT_SHOUT, 4096, false, serve_shout, -1, { { 0 } } },
    { PORT_SLEEPER, 4096, false, serve_sleeper, -1, { { 0 } } },
    { PORT_SLOW_ACCEPT, 4096, true, serve_echo, -1, { { 0 } } },
    { PORT_BACKLOG, 0, true, serve_echo, -1, { { 0 } } },
    { PORT_GATE, 4096, false, serve_gate, -1, { { 0 } } },
    { PORT_VANISH, 4096, false, serve_vanish, -1, { { 0 } } },
    { PORT_VANISHED, 4096, false, serve_vanished, -1, { { 0 } } },
    { PORT_PEER, 4096, false, serve_peer, -1, { { 0 } } },
    { PORT_PAIRS, 4096, false, serve_pairs, -1, { { 0 } } },
    { PORT_PIECES, 4096, false, serve_pieces, -1, { { 0 } } },
    { PORT_LOSS, 4096, false, serve_echo, -1, { { 0 } } },
    { PORT_ANSWER_CLOSE, 4096, false, serve_answer_close, -1, { { 0 } } },
};

static struct server *server_find(int port)
{
    struct server *server = servers;

    while (server->port != port)
        server++;
    return server;
}

struct connection {
    const struct server *server;
    int fd;
};

static void *connection_run(void *data)
{
    struct connection connection = *(struct connection *)data;

    free(data);
    connection.server->serve(connection.fd);
    close(connection.fd);
    if (connection.server->port == PORT_VANISH)
        sem_post(&vanished);
    return NULL;
}

static void thread_start(void *(*run)(void *), void *data)
{
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK + PTHREAD_STACK_MIN);
    if (pthread_create(&thread, &attr, run, data) != 0)
        die("pthread_create");
    pthread_attr_destroy(&attr);
}

static int accept_next(const struct server *server)
{
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        die("accept");
    return fd;
}

/* The next that has something to say: who has given up waiting is passed over. */
static int accept_gated(struct server *server)
{
    char byte;
    int fd;

    sem_wait(&server->gate);
    for (;;) {
        fd = accept_next(server);
        if (recv(fd, &byte, 1, MSG_PEEK) == 1)
            return fd;
        close(fd);
    }
}

static void *accept_run(void *data)
{
    struct server *server = data;

    for (;;) {
        struct connection *connection = malloc(sizeof *connection);

        connection->server = server;
        connection->fd = server->gated ? accept_gated(server) : accept_next(server);
        thread_start(connection_run, connection);
    }
    return NULL;
}

/* Both families for TCP; for UDP one address, so that replies come from what was asked. */
static int listen_on(int port, int backlog)
{
    struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    set_on(fd, SOL_SOCKET, SO_REUSEADDR);
    if (port == PORT_URGENT)
        set_on(fd, SOL_SOCKET, SO_OOBINLINE); /* is inherited */
    if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(fd, backlog) < 0)
        die("listen");
    return fd;
}

static void crowd_serve(int fd)
{
    char buffer[64];
    ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

    if (n > 0)
        write_all(fd, buffer, (size_t)n);
    else if (n == 0 || errno != EAGAIN)
        close(fd);
}

/* Echo for many, and the shortest of answers. */
static void *crowd_run(void *data)
{
    int crowd = listen_on(PORT_CROWD, 65535), brief = listen_on(PORT_SHORT, 65535);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[64], event = { .events = EPOLLIN };

    event.data.fd = crowd;
    epoll_ctl(epoll, EPOLL_CTL_ADD, crowd, &event);
    event.data.fd = brief;
    epoll_ctl(epoll, EPOLL_CTL_ADD, brief, &event);
    sem_post(data);
    for (;;) {
        int n = epoll_wait(epoll, events, 64, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == crowd) {
                event.data.fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
                epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
            } else if (fd == brief) {
                fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
                write_all(fd, "x", 1);
                close(fd);
            } else {
                crowd_serve(fd);
            }
        }
    }
    return NULL;
}

struct datagrams {
    int port, fd, other_fd; /* other: of ELSEWHERE */
};

static int hops_of(struct msghdr *msg)
{
    int hops = -1;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
            memcpy(&hops, CMSG_DATA(c), sizeof hops);
    return hops;
}

static size_t describe(const struct datagrams *server, struct msghdr *msg, char *data, size_t n)
{
    const struct sockaddr_storage *from = msg->msg_name;
    struct pattern_hash hash = { 0 };

    switch (server->port) {
    case PORT_DATAGRAM_PEER: /* both families have the port in the same place */
        return (size_t)sprintf(data, "%d", ntohs(((const struct sockaddr_in *)from)->sin_port));
    case PORT_LENGTH:
        pattern_hash_add(&hash, data, n);
        return (size_t)sprintf(data, "%zu %016llx", n,
                               (unsigned long long)pattern_hash_value(&hash));
    case PORT_HOPS:
        return (size_t)sprintf(data, "%d", hops_of(msg));
    default:
        return n;
    }
}

static void *datagrams_run(void *data)
{
    const struct datagrams *server = data;
    union {
        struct cmsghdr align;
        char bytes[128];
    } control;
    struct sockaddr_storage from;
    char *buffer = malloc(1 << 16);

    for (;;) {
        struct iovec iov = { buffer, 1 << 16 };
        struct msghdr msg = { .msg_name = &from,
                              .msg_namelen = sizeof from,
                              .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof control };
        ssize_t n = recvmsg(server->fd, &msg, 0);
        size_t length;

        if (n < 0)
            continue;
        length = describe(server, &msg, buffer, (size_t)n);
        if (server->other_fd >= 0)
            sendto(server->other_fd, "other", 5, 0, (struct sockaddr *)&from, msg.msg_namelen);
        for (int i = 0; i < (server->port == PORT_THRICE ? 3 : 1); i++)
            sendto(server->fd, buffer, length, 0, (struct sockaddr *)&from, msg.msg_namelen);
    }
    return NULL;
}

static int datagram_socket(const char *address, int port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
    bool ipv4 = inet_pton(AF_INET, address, &in.sin_addr) == 1;
    int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 4 << 20, r;

    set_on(fd, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, ipv4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (ipv4) {
        r = bind(fd, (struct sockaddr *)&in, sizeof in);
    } else {
        set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
        inet_pton(AF_INET6, address, &in6.sin6_addr);
        r = bind(fd, (struct sockaddr *)&in6, sizeof in6);
    }
    if (r < 0)
        die(address);
    return fd;
}

static void datagrams_start(const char *prefix, int place, int port)
{
    struct datagrams *server = malloc(sizeof *server);
    char address[64];

    snprintf(address, sizeof address, "%s%d", prefix, place);
    server->port = port;
    server->fd = datagram_socket(address, port);
    server->other_fd = port == PORT_ELSEWHERE ? datagram_socket(address, port + 100) : -1;
    thread_start(datagrams_run, server);
}

static void servers_start(void)
{
    static const int ports[] = { PORT_ECHO,          PORT_THRICE, PORT_ELSEWHERE,
                                 PORT_DATAGRAM_PEER, PORT_LENGTH, PORT_HOPS };
    sem_t listening;

    sem_init(&listening, 0, 0);
    thread_start(crowd_run, &listening);
    sem_wait(&listening);
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
        sem_init(&servers[i].gate, 0, 0);
        servers[i].fd = listen_on(servers[i].port, servers[i].backlog);
        thread_start(accept_run, &servers[i]);
    }
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        datagrams_start(PLACE_IPV4, PLACE_WORLD, ports[i]);
        datagrams_start(PLACE_IPV6, PLACE_WORLD, ports[i]);
        datagrams_start(PLACE_IPV4, PLACE_NARROW, ports[i]);
        datagrams_start(PLACE_IPV6, PLACE_NARROW, ports[i]);
    }
}

/* Echo on a router, to datagrams for it and for a group: in the order in which they came. */
static void group_start(const char *interface)
{
    static struct datagrams ipv4 = { .port = PORT_GROUP, .other_fd = -1 }, ipv6;
    struct ip_mreqn join = { .imr_ifindex = (int)if_nametoindex(interface) };
    struct ipv6_mreq join6 = { .ipv6mr_interface = if_nametoindex(interface) };

    ipv6 = ipv4;
    ipv4.fd = datagram_socket("0.0.0.0", PORT_GROUP);
    ipv6.fd = datagram_socket("::", PORT_GROUP);
    inet_pton(AF_INET, GROUP_IPV4, &join.imr_multiaddr);
    inet_pton(AF_INET6, GROUP_IPV6, &join6.ipv6mr_multiaddr);
    if (setsockopt(ipv4.fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join) < 0 ||
        setsockopt(ipv6.fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &join6, sizeof join6) < 0)
        die("join");
    thread_start(datagrams_run, &ipv4);
    thread_start(datagrams_run, &ipv6);
}

int main(int argc, char **argv)
{
    struct rlimit files;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    sem_init(&vanished, 0, 0);
    if (argc == 3 && strcmp(argv[1], "group") == 0)
        group_start(argv[2]);
    else
        servers_start();
    tell("ready");
    for (;;)
        pause();
}
