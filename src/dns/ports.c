/*
 * ports.c - the UDP sockets from which one server is asked
 *
 * How this works. The kernel chooses a port at random for each socket when it
 * is connected. A port is
 *
 *   in use   the youngest of the list: queries leave from it
 *   used up  others are younger; it is closed when all that it sent is
 *            answered, or when what is missing can come no more because
 *            wait_ms has passed
 *
 * Whose time is up is looked for when a port is opened, at the old end of the
 * list, and all are closed when no query waits. What came to them by then, or comes
 * to the next, answers nothing and is told of. That, and to open the next
 * port, is done CF_PORTS_REST_US later: neither the reply waits for it, nor the
 * program, which may run only when this thread sleeps, nor its next query,
 * which leaves from the port in use. A timer before the next tick of the kernel
 * would have the clock programmed for each query, which costs a virtual machine
 * more than the work. A port that was opened ahead soon is too old, since with
 * the host's network its own address may change.
 *
 * Queries that never get an answer keep a port each at worst, so there
 * is a most, and the oldest goes before there are more; a port serves more
 * queries before it comes to that, and all that can wait have room in the end.
 * When no socket can be had, the port in use goes on being used, and what it
 * sent first is forgotten.
 */
#include "dns/ports.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/egress.h"
#include "base/hash.h"

struct port {
    struct cf_watch watch;
    struct cf_ports *ports;
    struct port *older, *younger;
    int64_t sent_us; /* the last time */
    struct cf_asked asked;
};

/* A port that was opened ahead is used within a second. */
#define AHEAD_US CF_US_PER_S

/* What is read of a datagram that nobody waits for; of a port opened ahead, so many of them. */
#define MESSAGE_SIZE 4096
#define STRAYS_MAX 16

struct cf_ports {
    struct cf_ports_config config;
    struct sockaddr_storage server;
    socklen_t server_length;
    struct port *oldest, *youngest;
    struct port *ahead; /* opened for the next query, in no list; or NULL */
    int64_t ahead_us;   /* when it was */
    struct cf_timer rest;
    struct port *ready; /* that is read now */
    bool taken;         /* an answer, from that one */
    size_t n_open;
};

static void port_close(struct port *port)
{
    struct cf_ports *ports = port->ports;
    int fd = port->watch.fd;

    *(port->older ? &port->older->younger : &ports->oldest) = port->younger;
    *(port->younger ? &port->younger->older : &ports->youngest) = port->older;
    ports->n_open--;
    if (port == ports->ready)
        ports->ready = NULL;
    cf_egress_closing(fd);
    cf_loop_unwatch_close(ports->config.loop, &port->watch, &fd);
    free(port);
}

static void ahead_close(struct cf_ports *ports)
{
    struct port *port = ports->ahead;
    int fd;

    if (!port)
        return;
    fd = port->watch.fd;
    ports->ahead = NULL;
    cf_egress_closing(fd);
    cf_loop_unwatch_close(ports->config.loop, &port->watch, &fd);
    free(port);
}

/* Nothing was asked from it, so nothing that comes to it is an answer. */
static void ahead_tell(struct cf_ports *ports)
{
    uint8_t message[MESSAGE_SIZE];

    for (unsigned i = 0; i < STRAYS_MAX; i++) {
        ssize_t n = recv(ports->ahead->watch.fd, message, sizeof message, 0);

        if (n < 0)
            return;
        ports->config.unasked(ports->config.data, message, (size_t)n);
    }
}

static bool used_up(const struct port *port)
{
    return port->asked.n >= (port->ports->n_open > CF_PORTS_FEW ? CF_ASKED_MAX : CF_PORTS_QUERIES);
}

static void port_ready(struct cf_watch *watch, uint32_t events)
{
    struct port *port = cf_container_of(watch, struct port, watch);
    struct cf_ports *ports = port->ports;

    (void)events;
    if (port == ports->ahead) {
        ahead_tell(ports);
        ahead_close(ports);
        return;
    }
    ports->ready = port;
    ports->taken = false;
    ports->config.ready(ports->config.data);
    /* All of them may have been closed, this one with them. */
    port = ports->ready;
    ports->ready = NULL;
    if (port && port != ports->youngest && port->asked.n_waiting == 0)
        port_close(port);
}

/* A younger one was opened: close what waits for nothing or in vain, and one if they are too many.
 */
static void old_close(struct cf_ports *ports)
{
    int64_t before_us = cf_clock_monotonic_us() - ports->config.wait_ms * INT64_C(1000);
    struct port *used = ports->youngest->older, *port;

    if (used && used != ports->ready && used->asked.n_waiting == 0)
        port_close(used);
    port = ports->oldest;
    while (port != ports->youngest && (port->sent_us < before_us || ports->n_open > CF_PORTS_MAX)) {
        struct port *next = port->younger;

        if (port != ports->ready)
            port_close(port);
        port = next;
    }
}

static int port_make(struct cf_ports *ports, struct port **ret_port)
{
    int fd = socket(ports->server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct port *port = fd < 0 ? NULL : calloc(1, sizeof *port);
    int r = fd < 0 ? -errno : port ? 0 : -ENOMEM;

    if (r == 0)
        r = cf_egress_bind(fd, ports->config.interface, &ports->config.server.addr);
    if (r == 0 && connect(fd, (struct sockaddr *)&ports->server, ports->server_length) < 0)
        r = -errno;
    if (r == 0)
        cf_egress_connected(fd, (struct sockaddr *)&ports->server);
    if (r == 0) {
        port->watch.fn = port_ready;
        r = cf_loop_watch(ports->config.loop, &port->watch, fd, EPOLLIN);
    }
    if (r < 0) {
        if (fd >= 0)
            close(fd);
        free(port);
        return r;
    }
    port->ports = ports;
    *ret_port = port;
    return 0;
}

static int port_open(struct cf_ports *ports)
{
    struct port *port;
    int r = 0;

    if (ports->ahead && cf_clock_monotonic_us() - ports->ahead_us > AHEAD_US)
        ahead_close(ports);
    port = ports->ahead;
    ports->ahead = NULL;
    if (!port)
        r = port_make(ports, &port);
    if (r < 0)
        return r;
    port->sent_us = cf_clock_monotonic_us();
    port->older = ports->youngest;
    *(port->older ? &port->older->younger : &ports->oldest) = port;
    ports->youngest = port;
    ports->n_open++;
    return 0;
}

void cf_ports_drop(struct cf_ports *ports)
{
    uint8_t message[MESSAGE_SIZE];

    ports->taken = false;
    while (cf_ports_receive(ports, message, sizeof message) >= 0)
        ;
}

static void rest_due(struct cf_timer *timer)
{
    struct cf_ports *ports = cf_container_of(timer, struct cf_ports, rest);

    for (struct port *port = ports->oldest; port; port = port->younger) {
        ports->ready = port;
        cf_ports_drop(ports);
    }
    ports->ready = NULL;
    cf_ports_close(ports);
    ahead_close(ports);
    ports->ahead_us = cf_clock_monotonic_us();
    (void)port_make(ports, &ports->ahead);
}

struct cf_ports *cf_ports_new(const struct cf_ports_config *config)
{
    struct cf_ports *ports = calloc(1, sizeof *ports);

    if (!ports)
        return NULL;
    ports->config = *config;
    ports->rest.fn = rest_due;
    ports->server_length = cf_addr_port_to_sockaddr(&config->server, &ports->server);
    return ports;
}

void cf_ports_free(struct cf_ports *ports)
{
    if (!ports)
        return;
    cf_loop_timer_stop(ports->config.loop, &ports->rest);
    cf_ports_close(ports);
    ahead_close(ports);
    free(ports);
}

int cf_ports_send(struct cf_ports *ports, const uint8_t *message, size_t length)
{
    struct port *port = ports->youngest;
    int r;

    cf_loop_timer_stop(ports->config.loop, &ports->rest);
    if (!port || used_up(port)) {
        r = port_open(ports);
        if (r == 0)
            old_close(ports);
        else if (!port)
            return r;
        port = ports->youngest;
    }
    if (send(port->watch.fd, message, length, 0) < 0)
        return -errno;
    port->sent_us = cf_clock_monotonic_us();
    cf_asked_note(&port->asked, message, length);
    return 0;
}

int cf_ports_local(struct cf_ports *ports, struct sockaddr *ret_sa, socklen_t *length)
{
    int r = ports->youngest ? 0 : port_open(ports);

    if (r == 0 && getsockname(ports->youngest->watch.fd, ret_sa, length) < 0)
        r = -errno;
    return r;
}

ssize_t cf_ports_receive(struct cf_ports *ports, void *at, size_t size)
{
    for (;;) {
        struct port *port = ports->ready;
        ssize_t n;

        /* After the last answer there may be more, but hardly ever is: it is ready again then. */
        if (!port || (ports->taken && port->asked.n_waiting == 0))
            return -EAGAIN;
        n = recv(port->watch.fd, at, size, 0);
        if (n < 0)
            return -errno;
        ports->taken = cf_asked_answered(&port->asked, at, (size_t)n);
        if (ports->taken)
            return n;
        ports->config.unasked(ports->config.data, at, (size_t)n);
    }
}

void cf_ports_close(struct cf_ports *ports)
{
    while (ports->oldest)
        port_close(ports->oldest);
}

void cf_ports_rest(struct cf_ports *ports)
{
    struct cf_loop *loop = ports->config.loop;

    if (cf_loop_timer_start(loop, &ports->rest, cf_loop_now_us(loop) + CF_PORTS_REST_US) < 0)
        cf_ports_close(ports);
}
