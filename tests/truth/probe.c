/*
 * probe.c - the command line, and what the behaviours have in common
 *
 * usage: truth_probe BEHAVIOUR 4|6 [NUMBER...]
 */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define BLOCK (1 << 18)

int probe_family;
long probe_arguments[4];

void say(const char *format, ...)
{
    static bool any;
    va_list args;

    if (any)
        fputs("; ", stdout);
    any = true;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

static char notes[1024];

void note(const char *format, ...)
{
    char line[256];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    snprintf(notes + strlen(notes), sizeof notes - strlen(notes), "# %s\n", line);
}

const char *name_of(int error)
{
    return error == 0 ? "ok" : strerrorname_np(error);
}

void give_up(const char *what)
{
    say("%s: %s", what, name_of(errno));
    putchar('\n');
    exit(1);
}

const char *events_text(short events)
{
    static const struct {
        short bit;
        const char *name;
    } names[] = { { POLLIN, "IN " },   { POLLPRI, "PRI " }, { POLLOUT, "OUT " },
                  { POLLERR, "ERR " }, { POLLHUP, "HUP " }, { POLLRDHUP, "RDHUP " } };
    static char text[64];

    text[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (events & names[i].bit)
            strcat(text, names[i].name);
    if (text[0])
        text[strlen(text) - 1] = '\0';
    return text;
}

socklen_t address(const char *text, long port, struct sockaddr_storage *ret)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(ret, &in, sizeof in);
        return sizeof in;
    }
    if (inet_pton(AF_INET6, text, &in6.sin6_addr) != 1)
        give_up(text);
    memcpy(ret, &in6, sizeof in6);
    return sizeof in6;
}

socklen_t place(long number, long port, struct sockaddr_storage *ret)
{
    char text[64];

    snprintf(text, sizeof text, "%s%ld", probe_family == AF_INET ? PLACE_IPV4 : PLACE_IPV6, number);
    return address(text, port, ret);
}

int new_socket(int type)
{
    int fd = socket(probe_family, type | SOCK_CLOEXEC, 0);

    if (fd < 0)
        give_up("socket");
    return fd;
}

int error_of(int fd)
{
    int error = 0;
    socklen_t length = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        give_up("SO_ERROR");
    return error;
}

void set_int(int fd, int level, int name, int value)
{
    if (setsockopt(fd, level, name, &value, sizeof value) < 0)
        give_up("setsockopt");
}

int connect_to(int fd, long number, long port)
{
    struct sockaddr_storage sa;
    socklen_t length = place(number, port, &sa);

    return connect(fd, (struct sockaddr *)&sa, length) < 0 ? errno : 0;
}

static int dial_as(int type, long port)
{
    int fd = new_socket(type);

    errno = connect_to(fd, PLACE_WORLD, port);
    if (errno != 0)
        give_up("connect");
    return fd;
}

int dial(long port)
{
    return dial_as(SOCK_STREAM, port);
}

int dial_datagram(long port)
{
    return dial_as(SOCK_DGRAM, port);
}

size_t write_all(int fd, const void *data, size_t length)
{
    const uint8_t *at = data;

    while (length > 0) {
        ssize_t n = send(fd, at, length, MSG_NOSIGNAL);

        if (n < 0)
            break;
        at += n;
        length -= (size_t)n;
    }
    return length;
}

size_t read_text(int fd, char *ret, size_t length)
{
    ssize_t n = recv(fd, ret, length, MSG_WAITALL);

    if (n < 0)
        give_up("recv");
    ret[n] = '\0';
    return (size_t)n;
}

int read_all(int fd, struct pattern_hash *hash)
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

void say_rest(int fd)
{
    char text[1024];
    size_t length = 0;
    ssize_t n;

    while ((n = recv(fd, text + length, sizeof text - 1 - length, 0)) > 0)
        length += (size_t)n;
    text[length] = '\0';
    say("read \"%s\", end %s", text, name_of(n < 0 ? errno : 0));
}

short wait_for(int fd, short events)
{
    struct pollfd poll_fd = { fd, events, 0 };

    while (poll(&poll_fd, 1, -1) < 0)
        if (errno != EINTR)
            give_up("poll");
    return poll_fd.revents;
}

short wait_for_all(int fd, short events)
{
    short seen;

    while (((seen = wait_for(fd, events)) & events) != events)
        sched_yield();
    return seen;
}

void wait_confirmed(int fd)
{
    int bytes = 1;

    while (bytes > 0)
        if (ioctl(fd, SIOCOUTQ, &bytes) < 0)
            give_up("SIOCOUTQ");
}

void send_pattern(int fd, uint64_t bytes)
{
    uint8_t *block = malloc(BLOCK);

    for (uint64_t at = 0; at < bytes; at += BLOCK) {
        uint64_t n = bytes - at < BLOCK ? bytes - at : BLOCK;

        pattern_fill(at, block, (size_t)n);
        if (write_all(fd, block, (size_t)n) > 0)
            give_up("send");
    }
    free(block);
}

void expect_pattern(uint64_t bytes, struct pattern_hash *ret)
{
    uint8_t *block = malloc(BLOCK);

    memset(ret, 0, sizeof *ret);
    for (uint64_t at = 0; at < bytes; at += BLOCK) {
        uint64_t n = bytes - at < BLOCK ? bytes - at : BLOCK;

        pattern_fill(at, block, (size_t)n);
        pattern_hash_add(ret, block, (size_t)n);
    }
    free(block);
}

void open_gate(int port)
{
    int fd = dial(PORT_GATE);
    char byte;

    if (write_all(fd, &port, sizeof port) > 0 || recv(fd, &byte, 1, 0) != 1)
        give_up("gate");
    close(fd);
}

void reset_on_close(int fd)
{
    struct linger at_once = { 1, 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void close_confirmed(int fd)
{
    struct linger wait = { 1, 60 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &wait, sizeof wait);
    close(fd);
}

int echo_byte(int fd, char byte)
{
    char back;
    ssize_t n;

    if (send(fd, &byte, 1, MSG_NOSIGNAL) < 0)
        return errno;
    n = recv(fd, &back, 1, 0);
    if (n < 0)
        return errno;
    return n == 1 && back == byte ? 0 : EPIPE;
}

static const struct behaviour *find(const char *name)
{
    static const struct behaviour *const tables[] = {
        connect_behaviours,  stream_behaviours, end_behaviours,  address_behaviours,
        datagram_behaviours, echo_behaviours,   many_behaviours,
    };

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct behaviour *at = tables[i]; at->name; at++)
            if (strcmp(at->name, name) == 0)
                return at;
    return NULL;
}

int main(int argc, char **argv)
{
    const struct behaviour *behaviour = argc >= 3 && argc <= 7 ? find(argv[1]) : NULL;
    struct rlimit files;

    if (!behaviour) {
        fprintf(stderr, "usage: truth_probe BEHAVIOUR 4|6 [NUMBER...]\n");
        return 2;
    }
    probe_family = strcmp(argv[2], "4") == 0 ? AF_INET : AF_INET6;
    for (int i = 3; i < argc; i++)
        probe_arguments[i - 3] = strtol(argv[i], NULL, 10);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    behaviour->run();
    printf("\n%s", notes);
    return 0;
}
