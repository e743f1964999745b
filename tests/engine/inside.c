/*
 * inside.c - what programs in the sandbox do
 */
#include "inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dial.h"
#include "fixture.h"
#include "world.h"

int inside_connect_ends_as_outside(void)
{
    CHECK(dial_error(SOCK_STREAM, WORLD_IPV4, WORLD_ECHO) == 0);
    CHECK(dial_error(SOCK_STREAM, WORLD_IPV6, WORLD_ECHO) == 0);
    CHECK(dial_error(SOCK_STREAM, WORLD_IPV4, WORLD_CLOSED) == ECONNREFUSED);
    CHECK(dial_error(SOCK_STREAM, WORLD_IPV6, WORLD_CLOSED) == ECONNREFUSED);
    CHECK(dial_error(SOCK_STREAM, WORLD_UNREACHABLE_IPV4, 80) == EHOSTUNREACH);
    CHECK(dial_error(SOCK_STREAM, WORLD_UNREACHABLE_IPV6, 80) == ENETUNREACH ||
          errno == EHOSTUNREACH);
    CHECK(dial_error(SOCK_STREAM, WORLD_PROHIBITED_IPV4, 80) == EHOSTUNREACH);
    CHECK(dial_error(SOCK_STREAM, WORLD_NO_ROUTE_IPV4, 80) == ENETUNREACH);
    CHECK(dial_error(SOCK_STREAM, WORLD_NO_ROUTE_IPV6, 80) == ENETUNREACH);
    return 0;
}

int inside_refused_once(void)
{
    CHECK(dial_error(SOCK_STREAM, WORLD_IPV4, WORLD_CLOSED) == ECONNREFUSED);
    return 0;
}

int inside_denied_at_once(void)
{
    CHECK(dial_error(SOCK_STREAM, DENIED_IPV4, 80) == EHOSTUNREACH);
    CHECK(dial_error(SOCK_STREAM, DENIED_IPV6, 80) == EACCES);
    CHECK(dial_error(SOCK_STREAM, "240.0.0.1", 80) == EHOSTUNREACH);
    return 0;
}

int inside_denied_many_times(void)
{
    for (int i = 0; i < 200; i++)
        CHECK(dial_error(SOCK_STREAM, DENIED_IPV4, 80) == EHOSTUNREACH);
    return 0;
}

int inside_black_hole(void)
{
    struct sockaddr_storage sa;
    socklen_t length = address(WORLD_BLACKHOLE_IPV4, 80, &sa);
    int fd = socket(AF_INET, SOCK_STREAM, 0), count = 1;

    CHECK(setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &count, sizeof count) == 0);
    CHECK(connect(fd, (struct sockaddr *)&sa, length) < 0 && errno == ETIMEDOUT);
    return 0;
}

static int echo_once(const char *text)
{
    int fd = dial(SOCK_STREAM, text, WORLD_ECHO);
    struct sockaddr_storage sa;
    struct cf_addr_port peer;
    socklen_t length = sizeof sa;
    char addr[CF_ADDR_TEXT_SIZE];

    CHECK(fd >= 0);
    CHECK(getpeername(fd, (struct sockaddr *)&sa, &length) == 0);
    CHECK(cf_addr_port_from_sockaddr((struct sockaddr *)&sa, &peer) == 0);
    CHECK(strcmp(cf_addr_format(&peer.addr, addr), text) == 0);
    CHECK(write_all(fd, "payload", 7));
    CHECK(reads(fd, "payload"));
    CHECK(shutdown(fd, SHUT_WR) == 0);
    CHECK(at_end(fd));
    return 0;
}

int inside_echo_both_families(void)
{
    return echo_once(WORLD_IPV4) || echo_once(WORLD_IPV6);
}

static uint64_t pattern_hash(uint64_t length)
{
    uint8_t *buffer = malloc(1 << 20);
    uint64_t hash = 0;

    for (uint64_t at = 0; at < length; at += 1 << 20) {
        world_pattern_fill(at, buffer, 1 << 20);
        hash = world_hash(hash, buffer, 1 << 20);
    }
    free(buffer);
    return hash;
}

static bool send_pattern(int fd, uint64_t length)
{
    uint8_t *buffer = malloc(1 << 20);
    bool ok = true;

    for (uint64_t at = 0; ok && at < length; at += 1 << 20) {
        world_pattern_fill(at, buffer, 1 << 20);
        ok = write_all(fd, buffer, 1 << 20);
    }
    free(buffer);
    return ok;
}

int inside_upload(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV4, WORLD_SINK);
    uint64_t hash;

    CHECK(fd >= 0);
    CHECK(send_pattern(fd, WORLD_BULK));
    CHECK(shutdown(fd, SHUT_WR) == 0);
    CHECK(recv(fd, &hash, sizeof hash, MSG_WAITALL) == sizeof hash);
    CHECK(hash == pattern_hash(WORLD_BULK));
    CHECK(at_end(fd));
    return 0;
}

static int read_pattern(int fd)
{
    uint8_t *buffer = malloc(1 << 20);
    uint64_t hash = 0, total = 0;
    ssize_t n;

    while ((n = recv(fd, buffer, 1 << 20, 0)) > 0) {
        hash = world_hash(hash, buffer, (size_t)n);
        total += (uint64_t)n;
    }
    free(buffer);
    CHECK(n == 0);
    CHECK(total == WORLD_BULK);
    CHECK(hash == pattern_hash(WORLD_BULK));
    return 0;
}

int inside_download(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV6, WORLD_SOURCE);

    CHECK(fd >= 0);
    return read_pattern(fd);
}

int inside_half_close(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV4, WORLD_SINK);
    uint64_t hash;

    CHECK(fd >= 0);
    CHECK(write_all(fd, "abc", 3));
    CHECK(shutdown(fd, SHUT_WR) == 0);
    CHECK(recv(fd, &hash, sizeof hash, MSG_WAITALL) == sizeof hash);
    CHECK(hash == world_hash(0, (const uint8_t *)"abc", 3));
    CHECK(at_end(fd));
    return 0;
}

int inside_half_close_of_server(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV4, WORLD_HALF);

    CHECK(fd >= 0);
    CHECK(reads(fd, "half"));
    CHECK(at_end(fd));
    for (int i = 0; i < 100; i++)
        CHECK(write_all(fd, "0123456789", 10));
    return 0;
}

int inside_server_speaks_first(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV6, WORLD_GREET);

    CHECK(fd >= 0);
    CHECK(reads(fd, "hello"));
    CHECK(write_all(fd, "you", 3));
    CHECK(reads(fd, "you"));
    return 0;
}

int inside_reset_of_server(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV4, WORLD_RESET);
    char byte;

    CHECK(fd >= 0);
    CHECK(reads(fd, "bye"));
    CHECK(write_all(fd, "x", 1));
    CHECK(recv(fd, &byte, 1, 0) < 0 && errno == ECONNRESET);
    return 0;
}

static void reset_close(int fd)
{
    struct linger at_once = { 1, 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

static bool all_acknowledged(int fd)
{
    int bytes = 1;

    while (bytes > 0) {
        if (ioctl(fd, SIOCOUTQ, &bytes) < 0)
            return false;
    }
    return true;
}

int inside_reset_of_client(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV4, WORLD_WATCH);

    CHECK(fd >= 0);
    CHECK(write_all(fd, "last words", 10));
    CHECK(all_acknowledged(fd));
    reset_close(fd);
    return 0;
}

int inside_ping_pong(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV4, WORLD_ECHO), on = 1;

    CHECK(fd >= 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (int i = 0; i < 2000; i++) {
        char out = (char)i, in;

        CHECK(send(fd, &out, 1, 0) == 1);
        CHECK(recv(fd, &in, 1, 0) == 1);
        CHECK(in == out);
    }
    return 0;
}

int inside_urgent_out(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV4, WORLD_URGENT), on = 1;

    CHECK(fd >= 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    CHECK(write_all(fd, "ab", 2));
    CHECK(send(fd, "!", 1, MSG_OOB) == 1);
    CHECK(write_all(fd, "cd", 2));
    return 0;
}

int inside_urgent_in(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV4, WORLD_SHOUT), on = 1, at_mark = 0;
    struct pollfd all_there = { fd, POLLRDHUP, 0 };
    char text[32] = "";
    size_t length = 0;
    ssize_t n;

    CHECK(fd >= 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on) == 0);
    CHECK(send(fd, "?", 1, 0) == 1);
    CHECK(poll(&all_there, 1, -1) == 1);
    for (;;) {
        ioctl(fd, SIOCATMARK, &at_mark);
        if (at_mark)
            text[length++] = '|';
        n = recv(fd, text + length, 1, 0);
        if (n <= 0)
            break;
        length += (size_t)n;
    }
    CHECK(n == 0);
    CHECK(strcmp(text, "ab|!cd") == 0);
    return 0;
}

int inside_source_port_reuse(void)
{
    struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(INSIDE_OWN_PORT) };
    struct sockaddr_storage sa;
    socklen_t length = address(WORLD_IPV4, WORLD_SHORT, &sa);
    int on = 1;

    for (int i = 0; i < 20; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
        CHECK(bind(fd, (struct sockaddr *)&own, sizeof own) == 0);
        CHECK(connect(fd, (struct sockaddr *)&sa, length) == 0);
        CHECK(reads(fd, "x"));
        CHECK(at_end(fd));
        close(fd);
    }
    return 0;
}

int inside_crowd(void)
{
    static struct pollfd polls[WORLD_CROWD_SIZE];
    struct sockaddr_storage sa;
    socklen_t length = address(WORLD_IPV4, WORLD_CROWD, &sa);
    char byte;

    for (int i = 0; i < WORLD_CROWD_SIZE; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

        CHECK(fd >= 0);
        CHECK(connect(fd, (struct sockaddr *)&sa, length) < 0 && errno == EINPROGRESS);
        polls[i] = (struct pollfd) { fd, POLLOUT, 0 };
    }
    for (int i = 0; i < WORLD_CROWD_SIZE; i++) {
        int error = 0;
        socklen_t size = sizeof error;

        CHECK(poll(&polls[i], 1, -1) == 1);
        CHECK(getsockopt(polls[i].fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
        errno = error;
        CHECK(error == 0);
        CHECK(send(polls[i].fd, "c", 1, 0) == 1);
    }
    for (int i = 0; i < WORLD_CROWD_SIZE; i++) {
        fcntl(polls[i].fd, F_SETFL, 0);
        CHECK(recv(polls[i].fd, &byte, 1, 0) == 1);
    }
    return 0;
}

/* A connection that is not read holds up nothing but itself. */
int inside_slow_reader_and_another(void)
{
    int slow = dial(SOCK_STREAM, WORLD_IPV4, WORLD_SOURCE);

    CHECK(slow >= 0);
    for (int i = 0; i < 50; i++) {
        if (echo_once(WORLD_IPV4) != 0)
            return 1;
    }
    return read_pattern(slow);
}

int inside_upload_and_leave(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV4, WORLD_SINK);

    CHECK(fd >= 0);
    CHECK(send_pattern(fd, 8 << 20));
    return 0;
}

static int datagram_echo(const char *text, size_t length)
{
    static uint8_t out[65536], in[65536];
    int fd = dial(SOCK_DGRAM, text, WORLD_ECHO);

    CHECK(fd >= 0);
    world_pattern_fill(length, out, length);
    CHECK(send(fd, out, length, 0) == (ssize_t)length);
    CHECK(recv(fd, in, sizeof in, 0) == (ssize_t)length);
    CHECK(memcmp(in, out, length) == 0);
    CHECK(send(fd, out, length, 0) == (ssize_t)length);
    CHECK(recv(fd, in, sizeof in, 0) == (ssize_t)length);
    close(fd);
    return 0;
}

static int datagram_thrice(void)
{
    struct sockaddr_storage sa, from;
    socklen_t length = address(WORLD_IPV4, WORLD_THRICE, &sa);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    char buffer[16];

    CHECK(sendto(fd, "one", 3, 0, (struct sockaddr *)&sa, length) == 3);
    for (int i = 0; i < 3; i++) {
        socklen_t size = sizeof from;

        CHECK(recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &size) == 3);
        CHECK(size == length && memcmp(&from, &sa, 8) == 0);
    }
    return 0;
}

int inside_udp_echo(void)
{
    static const size_t lengths[] = { 1, 0, 1400, 9000, 60000, 65507 };

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        if (datagram_echo(WORLD_IPV4, lengths[i]) != 0 ||
            datagram_echo(WORLD_IPV6, lengths[i]) != 0)
            return 1;
    }
    return datagram_thrice();
}

ssize_t inside_ask(int fd, const void *out, size_t length, void *in, size_t size)
{
    struct pollfd readable = { fd, POLLIN, 0 };

    do {
        if (send(fd, out, length, 0) < 0)
            return -1;
    } while (poll(&readable, 1, 1000) == 0);
    return recv(fd, in, size, 0);
}

/* What a program sees that wants to be told of all errors (IP_RECVERR). */
static int datagram_error(const char *text, int port)
{
    int fd = dial(SOCK_DGRAM, text, port), error, on = 1;
    char byte;

    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    error = inside_ask(fd, "x", 1, &byte, 1) < 0 ? errno : 0;
    close(fd);
    return error;
}

int inside_udp_refused(void)
{
    CHECK(datagram_error(WORLD_IPV4, WORLD_CLOSED) == ECONNREFUSED);
    CHECK(datagram_error(WORLD_IPV6, WORLD_CLOSED) == ECONNREFUSED);
    CHECK(datagram_error(WORLD_UNREACHABLE_IPV4, 9) == EHOSTUNREACH);
    CHECK(datagram_error(WORLD_NO_ROUTE_IPV4, 9) == ENETUNREACH);
    return 0;
}

int inside_udp_denied(void)
{
    int fd = dial(SOCK_DGRAM, DENIED_IPV4, 9);
    char byte;

    for (int i = 0; i < 3; i++) {
        CHECK(send(fd, "x", 1, 0) == 1);
        CHECK(recv(fd, &byte, 1, 0) < 0 && errno == EHOSTUNREACH);
    }
    CHECK(datagram_error(DENIED_IPV6, 9) == EACCES);
    return 0;
}

int inside_udp_send_and_leave(void)
{
    int fd = dial(SOCK_DGRAM, WORLD_IPV4, WORLD_ECHO);

    CHECK(send(fd, "gone", 4, 0) == 4);
    return 0;
}

int inside_ping_error(const char *text, size_t length)
{
    static uint8_t out[16384], in[16384];
    struct sockaddr_storage sa;
    socklen_t size = address(text, 0, &sa);
    bool ipv4 = sa.ss_family == AF_INET;
    int fd = socket(sa.ss_family, SOCK_DGRAM, ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6), on = 1, error;
    ssize_t n;

    if (fd < 0 || connect(fd, (struct sockaddr *)&sa, size) < 0)
        return errno;
    setsockopt(fd, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, ipv4 ? IP_RECVERR : IPV6_RECVERR, &on,
               sizeof on);
    memset(out, 0, 8);
    out[0] = ipv4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
    out[7] = 42;
    world_pattern_fill(0, out + 8, length);
    n = inside_ask(fd, out, 8 + length, in, sizeof in);
    error = n < 0 ? errno : 0;
    close(fd);
    if (n >= 0 && ((size_t)n != 8 + length || in[7] != 42 || memcmp(in + 8, out + 8, length) != 0))
        return EBADMSG;
    return error;
}

int inside_ping(void)
{
    CHECK(inside_ping_error(WORLD_IPV4, 56) == 0);
    CHECK(inside_ping_error(WORLD_IPV6, 56) == 0);
    CHECK(inside_ping_error(WORLD_IPV4, 8000) == 0);
    CHECK(inside_ping_error(WORLD_IPV6, 8000) == 0);
    CHECK(inside_ping_error(WORLD_UNREACHABLE_IPV4, 56) == EHOSTUNREACH);
    return 0;
}

int inside_ping_denied(void)
{
    CHECK(inside_ping_error(DENIED_IPV4, 56) == EHOSTUNREACH);
    CHECK(inside_ping_error(DENIED_IPV6, 56) == EACCES);
    return 0;
}

/* "world.test A" with its length in front, RFC 1035, 4.2.2. */
/* Ask over a connection to port 53. */
static int ask_over_tcp(int fd)
{
    static const uint8_t query[] = { 0, 28,  0x12, 0x34, 1,   0,   0,   1,   0,   0,
                                     0, 0,   0,    0,    5,   'w', 'o', 'r', 'l', 'd',
                                     4, 't', 'e',  's',  't', 0,   0,   1,   0,   1 };
    static const uint8_t expected[] = { 192, 0, 2, 1 };
    uint8_t answer[512];
    ssize_t n;

    CHECK(write_all(fd, query, sizeof query));
    CHECK(recv(fd, answer, 2, MSG_WAITALL) == 2);
    n = recv(fd, answer, (size_t)answer[0] << 8 | answer[1], MSG_WAITALL);
    CHECK(n > 28);
    CHECK(answer[0] == 0x12 && answer[1] == 0x34);
    CHECK(memmem(answer, (size_t)n, expected, sizeof expected) != NULL);
    return 0;
}

int inside_dns_over_tcp(void)
{
    int fd = dial(SOCK_STREAM, DENIED_IPV4, 53);

    CHECK(fd >= 0);
    return ask_over_tcp(fd);
}

int inside_dns_from_one_port(void)
{
    struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(INSIDE_ONE_PORT) };
    struct sockaddr_storage sa;
    socklen_t length = address(DENIED_IPV4, 53, &sa);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(bind(fd, (struct sockaddr *)&own, sizeof own) == 0);
    CHECK(connect(fd, (struct sockaddr *)&sa, length) == 0);
    return ask_over_tcp(fd);
}

int inside_host_port(void)
{
    int fd = dial(SOCK_STREAM, CF_GATEWAY_IPV4, FIXTURE_HOST_PORT);

    CHECK(fd >= 0);
    CHECK(write_all(fd, "h", 1) && reads(fd, "h"));
    close(fd);
    fd = dial(SOCK_STREAM, CF_GATEWAY_IPV6, FIXTURE_HOST_PORT);
    CHECK(fd >= 0);
    CHECK(write_all(fd, "h", 1) && reads(fd, "h"));
    CHECK(dial_error(SOCK_STREAM, CF_GATEWAY_IPV4, 22) == EHOSTUNREACH);
    CHECK(datagram_error(CF_GATEWAY_IPV4, 22) == EHOSTUNREACH);
    return 0;
}

/* Protocol 253 is for experiments (RFC 3692). */
int inside_protocol(void)
{
    struct sockaddr_storage sa;
    socklen_t length = address(WORLD_IPV4, 0, &sa);
    int fd = socket(AF_INET, SOCK_RAW, 253);

    CHECK(fd >= 0);
    for (int i = 0; i < 3; i++)
        CHECK(sendto(fd, "x", 1, 0, (struct sockaddr *)&sa, length) == 1);
    return 0;
}

int inside_audit_mode(void)
{
    CHECK(dial_error(SOCK_STREAM, WORLD_IPV4, WORLD_CLOSED) == ECONNREFUSED);
    CHECK(dial_error(SOCK_STREAM, "10.9.0.2", WORLD_ECHO) == 0); /* no rule allows it */
    return 0;
}
