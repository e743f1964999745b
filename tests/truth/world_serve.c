/*
 * world_serve.c - what the servers do with a connection
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "world.h"

#define BLOCK (1 << 18)
#define DUPLEX_BYTES (UINT64_C(64) << 20)

sem_t world_vanished;

static const char *error_name(int error)
{
    return error == 0 ? "ok" : strerrorname_np(error);
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
    sem_wait(&world_vanished);
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

/* All of PORT_STALL: what they have ever written, how many there are, and how many cannot write. */
static struct {
    _Atomic uint64_t bytes;
    _Atomic uint32_t open, full;
} stalled;

static void serve_stall(int fd)
{
    struct pollfd writable = { fd, POLLOUT, 0 };
    static const uint8_t block[BLOCK];
    ssize_t n;

    stalled.open++;
    do {
        n = send(fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            stalled.bytes += (uint64_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            stalled.full++;
            n = poll(&writable, 1, -1);
            stalled.full--;
        }
    } while (n > 0);
    stalled.open--;
}

static void serve_stall_state(int fd)
{
    while (wait_byte(fd)) {
        struct stall_state state = { stalled.bytes, stalled.open, stalled.full };

        write_all(fd, &state, sizeof state);
    }
}

/* Whether the client has ended, now or, when more cannot be sent before, at some time. */
static bool end_came(int fd, bool wait)
{
    struct pollfd poll_fd = { fd, (short)(POLLRDHUP | (wait ? POLLOUT : 0)), 0 };

    poll(&poll_fd, 1, wait ? -1 : 0);
    return poll_fd.revents & (POLLRDHUP | POLLERR);
}

static void serve_endless(int fd)
{
    uint8_t *block = malloc(BLOCK);
    uint64_t at = 0;
    bool full = false;

    while (!end_came(fd, full)) {
        size_t part = at % BLOCK;
        ssize_t n;

        if (part == 0)
            pattern_fill(at, block, BLOCK);
        n = send(fd, block + part, BLOCK - part, MSG_DONTWAIT | MSG_NOSIGNAL);
        full = n < 0;
        at += full ? 0 : (uint64_t)n;
    }
    free(block);
}

struct server world_servers[] = {
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
    { PORT_STALL, 4096, false, serve_stall, -1, { { 0 } } },
    { PORT_STALL_STATE, 4096, false, serve_stall_state, -1, { { 0 } } },
    { PORT_ENDLESS, 4096, false, serve_endless, -1, { { 0 } } },
    { 0, 0, false, NULL, -1, { { 0 } } },
};

struct server *server_find(int port)
{
    struct server *server = world_servers;

    while (server->port != port)
        server++;
    return server;
}
