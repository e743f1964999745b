/*
 * probe_address.c - whom a program is connected to, and as whom
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

/* "ADDRESS" or "ADDRESS PORT". */
static const char *text_of(const struct sockaddr_storage *sa, bool with_port)
{
    static char text[80];
    const struct sockaddr_in *in = (const void *)sa;
    const struct sockaddr_in6 *in6 = (const void *)sa;
    bool ipv4 = sa->ss_family == AF_INET;

    inet_ntop(sa->ss_family, ipv4 ? (const void *)&in->sin_addr : (const void *)&in6->sin6_addr,
              text, sizeof text);
    if (with_port)
        snprintf(text + strlen(text), 8, " %d", ntohs(ipv4 ? in->sin_port : in6->sin6_port));
    return text;
}

static int port_of(const struct sockaddr_storage *sa)
{
    return ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port); /* the same place */
}

static void say_peer(int fd)
{
    struct sockaddr_storage sa;
    socklen_t length = sizeof sa;

    if (getpeername(fd, (struct sockaddr *)&sa, &length) < 0)
        say("getpeername %s", name_of(errno));
    else
        say("getpeername %s", text_of(&sa, true));
}

static void own_name(int fd, struct sockaddr_storage *ret)
{
    socklen_t length = sizeof *ret;

    if (getsockname(fd, (struct sockaddr *)ret, &length) < 0)
        give_up("getsockname");
}

static void peer_name(void)
{
    int fd = dial(PORT_ECHO);

    say_peer(fd);
    say("echo %s", name_of(echo_byte(fd, 'x')));
    fd = dial_datagram(PORT_ECHO);
    say_peer(fd);
    fd = new_socket(SOCK_STREAM);
    say_peer(fd);
}

static void socket_name(void)
{
    int fd = dial(PORT_ECHO);
    struct sockaddr_storage sa;

    own_name(fd, &sa);
    say("getsockname %s", text_of(&sa, false));
    say("port %s", port_of(&sa) != 0 ? "given" : "0");
}

/* Whom the server sees, and whether that is what this program is called here. */
static void seen_name(void)
{
    int fd = dial(PORT_PEER), port;
    struct sockaddr_storage sa;
    char text[128], seen[64];
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_WAITALL);

    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "%63s %d", seen, &port) != 2)
        give_up("peer");
    own_name(fd, &sa);
    say("server sees %s", seen);
    say("port %s", port == port_of(&sa) ? "the same" : "another");
}

static int bound(int type, int port)
{
    struct sockaddr_storage sa;
    socklen_t length = address(probe_family == AF_INET ? "0.0.0.0" : "::", port, &sa);
    int fd = new_socket(type);

    set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(fd, (struct sockaddr *)&sa, length) < 0)
        give_up("bind");
    return fd;
}

/* One source port, twenty connections to one server, one after the other. */
static void port_reuse(void)
{
    char text[4];
    int good = 0;

    for (int i = 0; i < 20; i++) {
        int fd = bound(SOCK_STREAM, PORT_OWN_SHORT);
        int error = connect_to(fd, PLACE_WORLD, PORT_SHORT);

        if (error != 0)
            say("connect %s", name_of(error));
        else
            good += read_text(fd, text, 2) == 1;
        close_confirmed(fd);
    }
    say("%d of 20", good);
}

/* As above, and each ends with a reset. */
static void port_reuse_reset(void)
{
    int good = 0;

    for (int i = 0; i < 20; i++) {
        int fd = bound(SOCK_STREAM, PORT_OWN_RESET);
        int error = connect_to(fd, PLACE_WORLD, PORT_ECHO);

        if (error == 0)
            error = echo_byte(fd, 'x');
        if (error != 0)
            say("%s", name_of(error));
        good += error == 0;
        reset_on_close(fd);
        close(fd);
    }
    say("%d of 20", good);
}

/* One source port, two servers at the same time. */
static void port_shared(void)
{
    int first = bound(SOCK_STREAM, PORT_OWN_SHARED), second = bound(SOCK_STREAM, PORT_OWN_SHARED);

    say("connect %s", name_of(connect_to(first, PLACE_WORLD, PORT_ECHO)));
    say("connect %s", name_of(connect_to(second, PLACE_WORLD, PORT_CROWD)));
    say("echo %s", name_of(echo_byte(first, 'a')));
    say("echo %s", name_of(echo_byte(second, 'b')));
}

/* An IPv6 socket to an IPv4 server: always of IPv4 on the way. */
static void mapped(void)
{
    char text[64];
    struct sockaddr_storage sa;
    socklen_t length;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(text, sizeof text, "::ffff:%s%d", PLACE_IPV4, PLACE_WORLD);
    length = address(text, PORT_ECHO, &sa);
    say("connect %s", name_of(connect(fd, (struct sockaddr *)&sa, length) < 0 ? errno : 0));
    say_peer(fd);
    say("echo %s", name_of(echo_byte(fd, 'x')));
    fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&sa, length) < 0)
        give_up("connect");
    say_peer(fd);
    say("datagram %s", name_of(echo_byte(fd, 'y')));
    address(text, PORT_CLOSED, &sa);
    fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    say("closed %s", name_of(connect(fd, (struct sockaddr *)&sa, length) < 0 ? errno : 0));
}

/* An IPv6 socket that wants no IPv4. */
static void mapped_v6_only(void)
{
    struct sockaddr_storage sa;
    socklen_t length = address("::ffff:203.0.113.80", PORT_ECHO, &sa);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    say("connect %s", name_of(connect(fd, (struct sockaddr *)&sa, length) < 0 ? errno : 0));
}

/* As the host's own address. */
static void bind_host(void)
{
    struct sockaddr_storage sa;
    socklen_t length = address(probe_family == AF_INET ? "192.0.2.10" : "2001:db8:1::10", 0, &sa);
    int fd = new_socket(SOCK_STREAM);

    say("bind %s", name_of(bind(fd, (struct sockaddr *)&sa, length) < 0 ? errno : 0));
}

const struct behaviour address_behaviours[] = {
    { "peer-name", peer_name },
    { "socket-name", socket_name },
    { "seen-name", seen_name },
    { "port-reuse", port_reuse },
    { "port-reuse-reset", port_reuse_reset },
    { "port-shared", port_shared },
    { "mapped", mapped },
    { "mapped-v6-only", mapped_v6_only },
    { "bind-host", bind_host },
    { NULL, NULL },
};
