/*
 * world.c - the servers of the lab: the command line, and who accepts
 *
 * usage: truth_world servers | truth_world group INTERFACE
 *
 * One thread for each connection but those of PORT_CROWD and PORT_SHORT, which one thread serves
 * for thousands. What a server has seen that no client can see goes to standard output, a line
 * each. Prints "ready" when everything listens.
 */
#include "world.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK (1 << 17)

void die(const char *what)
{
    perror(what);
    _exit(1);
}

/* One write, so that lines of threads stay whole. */
void tell(const char *format, ...)
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

bool write_all(int fd, const void *data, size_t length)
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

void set_on(int fd, int level, int name)
{
    int on = 1;

    setsockopt(fd, level, name, &on, sizeof on);
}
void thread_start(void *(*run)(void *), void *data)
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
        sem_post(&world_vanished);
    return NULL;
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

static void servers_start(void)
{
    static const int ports[] = { PORT_ECHO,   PORT_THRICE, PORT_ELSEWHERE, PORT_DATAGRAM_PEER,
                                 PORT_LENGTH, PORT_HOPS,   PORT_TWICE };
    sem_t listening;

    sem_init(&listening, 0, 0);
    thread_start(crowd_run, &listening);
    sem_wait(&listening);
    for (struct server *server = world_servers; server->port; server++) {
        sem_init(&server->gate, 0, 0);
        server->fd = listen_on(server->port, server->backlog);
        thread_start(accept_run, server);
    }
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        datagrams_start(PLACE_IPV4, PLACE_WORLD, ports[i]);
        datagrams_start(PLACE_IPV6, PLACE_WORLD, ports[i]);
        datagrams_start(PLACE_IPV4, PLACE_NARROW, ports[i]);
        datagrams_start(PLACE_IPV6, PLACE_NARROW, ports[i]);
    }
}
int main(int argc, char **argv)
{
    struct rlimit files;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    sem_init(&world_vanished, 0, 0);
    if (argc == 3 && strcmp(argv[1], "group") == 0)
        group_start(argv[2]);
    else
        servers_start();
    tell("ready");
    for (;;)
        pause();
}
