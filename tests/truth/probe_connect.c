/*
 * probe_connect.c - how connect(2) ends
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

/* PLACE PORT: a connect that waits, and once more with the same socket. */
static void connect_blocking(void)
{
    int fd = new_socket(SOCK_STREAM);

    say("connect %s", name_of(connect_to(fd, probe_arguments[0], probe_arguments[1])));
    say("SO_ERROR %s", name_of(error_of(fd)));
    say("again %s", name_of(connect_to(fd, probe_arguments[0], probe_arguments[1])));
}

/*
 * What a program with an event loop sees of one connect. Which events come with an ICMP error
 * depends on whether it is faster than the return of connect(2).
 */
static void poll_once(bool with_events, char *text, size_t size)
{
    int fd = new_socket(SOCK_STREAM | SOCK_NONBLOCK);
    int error = connect_to(fd, probe_arguments[0], probe_arguments[1]);
    short events;

    if (error != EINPROGRESS) {
        snprintf(text, size, "connect %s", name_of(error));
    } else {
        events = wait_for(fd, POLLIN | POLLOUT | POLLRDHUP);
        error = error_of(fd);
        snprintf(text, size, "poll %s, SO_ERROR %s", with_events ? events_text(events) : "ends",
                 name_of(error));
    }
    close(fd);
}

/* PLACE PORT TIMES: all must see the same, or each other thing is said. */
static void poll_often(bool with_events)
{
    char seen[8][96];
    size_t n_seen = 0;

    for (long i = 0; i < probe_arguments[2]; i++) {
        char text[96];
        size_t k = 0;

        poll_once(with_events, text, sizeof text);
        while (k < n_seen && strcmp(seen[k], text) != 0)
            k++;
        if (k == n_seen && n_seen < 8)
            strcpy(seen[n_seen++], text);
    }
    for (size_t k = 0; k < n_seen; k++)
        say("%s", seen[k]);
}

static void connect_polled(void)
{
    poll_often(true);
}

static void connect_ended(void)
{
    poll_often(false);
}

/* PLACE PORT TIMES: a connect that waits; each other outcome is said. */
static void connect_often(void)
{
    int seen[8];
    size_t n_seen = 0;

    for (long i = 0; i < probe_arguments[2]; i++) {
        int fd = new_socket(SOCK_STREAM), error;
        size_t k = 0;

        error = connect_to(fd, probe_arguments[0], probe_arguments[1]);
        close(fd);
        while (k < n_seen && seen[k] != error)
            k++;
        if (k == n_seen && n_seen < 8)
            seen[n_seen++] = error;
    }
    for (size_t k = 0; k < n_seen; k++)
        say("connect %s", name_of(seen[k]));
}

/* PLACE: nothing answers, and one repetition is all that is tried. */
static void connect_hole(void)
{
    int fd = new_socket(SOCK_STREAM);

    set_int(fd, IPPROTO_TCP, TCP_SYNCNT, 1);
    say("connect %s", name_of(connect_to(fd, probe_arguments[0], 80)));
}

static void connect_user_timeout(void)
{
    int fd = new_socket(SOCK_STREAM);

    set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 500);
    say("connect %s", name_of(connect_to(fd, PLACE_HOLE, 80)));
}

/* A program that gives up before the network does. */
static void connect_abandoned(void)
{
    int fd = new_socket(SOCK_STREAM | SOCK_NONBLOCK);

    say("connect %s", name_of(connect_to(fd, PLACE_HOLE, 80)));
    say("close %s", name_of(close(fd) < 0 ? errno : 0));
    fd = dial(PORT_ECHO);
    say("another %s", name_of(echo_byte(fd, 'x')));
}

static void say_echo(int fd)
{
    char text[8];

    if (write_all(fd, "hello", 5) > 0)
        give_up("send");
    read_text(fd, text, 5);
    say("echo %s", text);
}

/* The peer's kernel connects, its program accepts later. */
static void slow_accept(void)
{
    int fd = dial(PORT_SLOW_ACCEPT);
    char text[8];

    say("connect ok");
    if (write_all(fd, "hello", 5) > 0)
        give_up("send");
    open_gate(PORT_SLOW_ACCEPT);
    read_text(fd, text, 5);
    say("echo %s", text);
}

/* The first SYN is lost: the second, a second later, is not. */
static void syn_lost(void)
{
    say_echo(dial(PORT_LOSS));
}

/* Room for one that is not accepted yet: the next does not come in. */
static void backlog_full(void)
{
    int first = dial(PORT_BACKLOG), second = new_socket(SOCK_STREAM);

    set_int(second, IPPROTO_TCP, TCP_SYNCNT, 1);
    say("first ok");
    say("second %s", name_of(connect_to(second, PLACE_WORLD, PORT_BACKLOG)));
    open_gate(PORT_BACKLOG);
    say_echo(first);
}

static void wait_syn_repeated(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t length;

    do {
        length = sizeof info;
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
            give_up("TCP_INFO");
    } while (info.tcpi_retransmits == 0 && poll(NULL, 0, 10) == 0);
}

/* As above, and then there is room. */
static void backlog_drained(void)
{
    int first = dial(PORT_BACKLOG), second = new_socket(SOCK_STREAM | SOCK_NONBLOCK);

    say("second %s", name_of(connect_to(second, PLACE_WORLD, PORT_BACKLOG)));
    wait_syn_repeated(second);
    open_gate(PORT_BACKLOG);
    say_echo(first);
    say("poll %s", events_text(wait_for(second, POLLOUT)));
    fcntl(second, F_SETFL, 0);
    open_gate(PORT_BACKLOG);
    say_echo(second);
}

/* Data that is handed over together with the connect (RFC 7413), and no cookie. */
static void connect_fast_open(void)
{
    struct sockaddr_storage sa;
    socklen_t length = place(PLACE_WORLD, PORT_ECHO, &sa);
    int fd = new_socket(SOCK_STREAM);
    char text[8];
    ssize_t n = sendto(fd, "hello", 5, MSG_FASTOPEN, (struct sockaddr *)&sa, length);

    say("sendto %zd %s", n, name_of(n < 0 ? errno : 0));
    read_text(fd, text, 5);
    say("echo %s", text);
}

/* Dissolve a connection, and make another with the same socket. */
static void connect_again_elsewhere(void)
{
    struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
    int fd = dial(PORT_ECHO);

    say("first %s", name_of(echo_byte(fd, 'a')));
    say("AF_UNSPEC %s", name_of(connect(fd, &nowhere, sizeof nowhere) < 0 ? errno : 0));
    say("connect %s", name_of(connect_to(fd, PLACE_WORLD, PORT_CROWD)));
    say("second %s", name_of(echo_byte(fd, 'b')));
}

/* States that connect(2) tells of when it is called once more. */
static void connect_states(void)
{
    int fd = new_socket(SOCK_STREAM | SOCK_NONBLOCK);

    say("connect %s", name_of(connect_to(fd, PLACE_HOLE, 80)));
    say("again %s", name_of(connect_to(fd, PLACE_HOLE, 80)));
    close(fd);
    fd = dial(PORT_ECHO);
    say("connected %s", name_of(connect_to(fd, PLACE_WORLD, PORT_ECHO)));
}

/* A program's own servers, on its own loopback. */
static void loopback(void)
{
    struct sockaddr_storage sa;
    socklen_t length = address(probe_family == AF_INET ? "127.0.0.1" : "::1", 0, &sa);
    int listener = new_socket(SOCK_STREAM), fd = new_socket(SOCK_STREAM), other;
    char byte;

    if (bind(listener, (struct sockaddr *)&sa, length) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&sa, &length) < 0)
        give_up("listen");
    say("connect %s", name_of(connect(fd, (struct sockaddr *)&sa, length) < 0 ? errno : 0));
    other = accept(listener, NULL, NULL);
    if (other < 0 || send(fd, "x", 1, 0) != 1 || recv(other, &byte, 1, 0) != 1)
        give_up("accept");
    say("read %c", byte);
    close(other);
    close(listener);
    fd = new_socket(SOCK_STREAM);
    say("closed %s", name_of(connect(fd, (struct sockaddr *)&sa, length) < 0 ? errno : 0));
}

const struct behaviour connect_behaviours[] = {
    { "connect", connect_blocking },
    { "connect-polled", connect_polled },
    { "connect-ended", connect_ended },
    { "connect-often", connect_often },
    { "connect-hole", connect_hole },
    { "connect-user-timeout", connect_user_timeout },
    { "connect-abandoned", connect_abandoned },
    { "slow-accept", slow_accept },
    { "syn-lost", syn_lost },
    { "backlog-full", backlog_full },
    { "backlog-drained", backlog_drained },
    { "connect-fast-open", connect_fast_open },
    { "connect-again-elsewhere", connect_again_elsewhere },
    { "connect-states", connect_states },
    { "loopback", loopback },
    { NULL, NULL },
};
