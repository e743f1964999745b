/*
 * tcp_outward.c - sockets for outward connections, made before they are wanted
 *
 * How this works. A program waits in connect() while its outward socket is
 * made and set up, which takes 8 of some 100 us. So when one has been taken
 * and nothing else is to do, the next is made, of the same family: one of each
 * at most. It is bound to an interface, where there is one, only when it is taken:
 * by then that may be another one, or gone. Where descriptors have run out, what was
 * made ahead goes first, before anybody is denied for want of them.
 */
#include "engine/tcp_outward.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/egress.h"
#include "base/fd.h"
#include "base/hash.h"
#include "engine/internal.h"
#include "engine/outward.h"

static int *ready_of(struct cf_tcp *tcp, uint8_t family)
{
    return &tcp->ready.fds[family == CF_FAMILY_IPV4 ? 0 : 1];
}

static void set_on(int fd, int level, int name)
{
    int on = 1;

    setsockopt(fd, level, name, &on, sizeof on);
}

static int make(uint8_t family)
{
    int fd = cf_outward_open(family, SOCK_STREAM, IPPROTO_TCP);

    if (fd < 0)
        return fd;
    set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    set_on(fd, SOL_SOCKET, SO_OOBINLINE);
    cf_outward_ack_hold(fd);
    return fd;
}

static void make_next(struct cf_task *task)
{
    struct cf_tcp *tcp = cf_container_of(task, struct cf_tcp, ready.task);
    int *ready = ready_of(tcp, tcp->ready.family);

    if (*ready < 0)
        *ready = make(tcp->ready.family); /* or not: then it is made when it is wanted */
}

int cf_tcp_outward_take(struct cf_tcp *tcp, const struct cf_addr *to)
{
    int *ready = ready_of(tcp, to->family), fd = *ready, r;

    *ready = -1;
    if (fd < 0)
        fd = make(to->family);
    if (fd < 0)
        return fd;
    r = cf_egress_bind(fd, tcp->engine->config.interface, to);
    if (r < 0) {
        close(fd);
        return r;
    }
    tcp->ready.family = to->family;
    cf_loop_task_add_last(tcp->engine->config.loop, &tcp->ready.task);
    return fd;
}

void cf_tcp_outward_init(struct cf_tcp *tcp)
{
    tcp->ready.fds[0] = tcp->ready.fds[1] = -1;
    tcp->ready.task.fn = make_next;
}

bool cf_tcp_outward_forget(struct cf_tcp *tcp)
{
    bool any = tcp->ready.fds[0] >= 0 || tcp->ready.fds[1] >= 0;

    cf_loop_task_remove(tcp->engine->config.loop, &tcp->ready.task);
    cf_fd_close(&tcp->ready.fds[0]);
    cf_fd_close(&tcp->ready.fds[1]);
    return any;
}

void cf_tcp_outward_done(struct cf_tcp *tcp)
{
    cf_tcp_outward_forget(tcp);
}
