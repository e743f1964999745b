/*
 * upstream_fake.c - a scripted DNS server on loopback, in the test's own loop
 */
#include "upstream_fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "dns/wire.h"

struct fake_conn {
    struct cf_watch watch;
    struct fake *fake;
    struct fake_conn *next;
    size_t length;
    uint8_t in[2 + 65535];
};

/* Take out the cookie of c-ares, which stands in an OPT at the end. */
static void cookie_strip(struct fake *fake, const struct cf_wire_edns *edns)
{
    struct message *query = &fake->query;
    size_t at = (size_t)(edns->options - query->data);

    while (edns->present && query->length - at >= 4) {
        size_t length = cf_wire_u16(query->data + at + 2);

        if (cf_wire_u16(query->data + at) == 10 && length >= 8 &&
            length <= sizeof fake->cookie && memcmp(query->data + at + 4, CLIENT_COOKIE, 8) != 0) {
            memcpy(fake->cookie, query->data + at + 4, length);
            fake->cookie_length = length;
            cf_wire_put_u16((uint8_t *)edns->options - 2,
                            (uint16_t)(edns->options_length - 4 - length));
            query->length -= 4 + length;
            memmove(query->data + at, query->data + at + 4 + length, query->length - at);
            return;
        }
        at += 4 + length;
    }
}

static void query_note(struct fake *fake, const uint8_t *query, size_t length)
{
    struct cf_wire_query parsed;

    fake->query.length = 0;
    fake->cookie_length = 0;
    fake->mixed = false;
    message_raw(&fake->query, query, length);
    (void)cf_wire_query_parse(fake->query.data, length, &parsed);
    for (size_t i = CF_WIRE_HEADER_SIZE; i < CF_WIRE_HEADER_SIZE + (size_t)parsed.name.length;) {
        size_t end = i + 1 + fake->query.data[i];

        while (++i < end) {
            if (fake->query.data[i] >= 'A' && fake->query.data[i] <= 'Z') {
                fake->query.data[i] |= 0x20;
                fake->mixed = true;
            }
        }
    }
    if (parsed.edns.present)
        cookie_strip(fake, &parsed.edns);
}

static bool answer_make(struct fake *fake, bool tcp, const uint8_t *query, size_t length,
                        struct message *answer)
{
    struct cf_wire_query parsed;

    (void)cf_wire_query_parse(query, length, &parsed);
    query_note(fake, query, length);
    if (tcp)
        fake->n_tcp++;
    else
        fake->n_udp++;
    /* The question alone, without the OPT. */
    answer->length = 0;
    message_raw(answer, query, CF_WIRE_HEADER_SIZE + (size_t)parsed.question_length);
    memset(answer->data + 6, 0, 6);
    message_flags(answer, CF_WIRE_QR | CF_WIRE_RA);
    return fake->script(fake, tcp, answer);
}

static void udp_ready(struct cf_watch *watch, uint32_t events)
{
    struct fake *fake = cf_container_of(watch, struct fake, udp);
    static struct message answer;
    uint8_t query[65535];
    ssize_t n;

    (void)events;
    for (;;) {
        fake->peer_length = sizeof fake->peer;
        n = recvfrom(watch->fd, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&fake->peer,
                     &fake->peer_length);
        if (n < CF_WIRE_HEADER_SIZE)
            return;
        if (answer_make(fake, false, query, (size_t)n, &answer))
            fake_send(fake, &answer);
    }
}

void fake_send(struct fake *fake, const struct message *message)
{
    sendto(fake->udp.fd, message->data, message->length, 0, (struct sockaddr *)&fake->peer,
           fake->peer_length);
}

void fake_send_from(struct fake *fake, const char *addr, const struct message *message)
{
    struct cf_addr_port from = { 0 };
    struct sockaddr_storage sa;
    socklen_t length;
    int fd;

    if (cf_addr_parse(addr, &from.addr) < 0)
        abort();
    length = cf_addr_port_to_sockaddr(&from, &sa);
    fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, length) < 0 ||
        sendto(fd, message->data, message->length, 0, (struct sockaddr *)&fake->peer,
               fake->peer_length) < 0)
        abort();
    close(fd);
}

static void conn_close(struct fake_conn *conn)
{
    struct fake_conn **link = &conn->fake->conns;
    int fd = conn->watch.fd;

    while (*link != conn)
        link = &(*link)->next;
    *link = conn->next;
    cf_loop_unwatch(conn->fake->loop, &conn->watch);
    close(fd);
    free(conn);
}

static void conn_ready(struct cf_watch *watch, uint32_t events)
{
    struct fake_conn *conn = cf_container_of(watch, struct fake_conn, watch);
    static struct message answer;
    uint8_t prefix[2];
    ssize_t n;

    (void)events;
    n = recv(watch->fd, conn->in + conn->length, sizeof conn->in - conn->length, MSG_DONTWAIT);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            conn_close(conn);
        return;
    }
    conn->length += (size_t)n;
    while (conn->length >= 2 && conn->length - 2 >= cf_wire_u16(conn->in)) {
        size_t length = cf_wire_u16(conn->in);

        if (answer_make(conn->fake, true, conn->in + 2, length, &answer)) {
            cf_wire_put_u16(prefix, (uint16_t)answer.length);
            if (send(watch->fd, prefix, 2, MSG_NOSIGNAL | MSG_MORE) < 0 ||
                send(watch->fd, answer.data, answer.length, MSG_NOSIGNAL) < 0) {
                conn_close(conn);
                return;
            }
        }
        conn->length -= 2 + length;
        memmove(conn->in, conn->in + 2 + length, conn->length);
    }
}

static void listener_ready(struct cf_watch *watch, uint32_t events)
{
    struct fake *fake = cf_container_of(watch, struct fake, listener);
    struct fake_conn *conn = calloc(1, sizeof *conn);
    int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (fd < 0 || !conn)
        abort();
    conn->fake = fake;
    conn->watch.fn = conn_ready;
    conn->next = fake->conns;
    fake->conns = conn;
    if (cf_loop_watch(fake->loop, &conn->watch, fd, EPOLLIN) < 0)
        abort();
}

/* A UDP and a TCP socket on one port that the kernel chose for the first. */
static bool sockets_open(struct fake *fake, int *ret_udp, int *ret_tcp)
{
    struct cf_addr_port any = { .addr = fake->at.addr };
    struct sockaddr_storage sa;
    socklen_t length = cf_addr_port_to_sockaddr(&any, &sa);
    int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    int udp = socket(sa.ss_family, SOCK_DGRAM | flags, 0);
    int tcp = socket(sa.ss_family, SOCK_STREAM | flags, 0);

    if (udp < 0 || tcp < 0 || bind(udp, (struct sockaddr *)&sa, length) < 0)
        abort();
    length = sizeof sa;
    if (getsockname(udp, (struct sockaddr *)&sa, &length) < 0)
        abort();
    cf_addr_port_from_sockaddr((struct sockaddr *)&sa, &fake->at);
    if (bind(tcp, (struct sockaddr *)&sa, length) < 0 || listen(tcp, 16) < 0) {
        close(udp);
        close(tcp);
        return false;
    }
    *ret_udp = udp;
    *ret_tcp = tcp;
    return true;
}

void fake_start(struct fake *fake, struct cf_loop *loop, bool ipv6,
                bool (*script)(struct fake *fake, bool tcp, struct message *answer))
{
    int udp, tcp;

    memset(fake, 0, sizeof *fake);
    fake->loop = loop;
    fake->script = script;
    cf_addr_parse(ipv6 ? "::1" : "127.0.0.1", &fake->at.addr);
    while (!sockets_open(fake, &udp, &tcp))
        ;
    fake->udp.fn = udp_ready;
    fake->listener.fn = listener_ready;
    if (cf_loop_watch(loop, &fake->udp, udp, EPOLLIN) < 0 ||
        cf_loop_watch(loop, &fake->listener, tcp, EPOLLIN) < 0)
        abort();
}

void fake_stop(struct fake *fake)
{
    int udp = fake->udp.fd, tcp = fake->listener.fd;

    while (fake->conns)
        conn_close(fake->conns);
    cf_loop_unwatch(fake->loop, &fake->udp);
    cf_loop_unwatch(fake->loop, &fake->listener);
    close(udp);
    close(tcp);
}
