/*
 * upstream_fake.h - a scripted DNS server on loopback, in the test's own loop
 */
#ifndef TEST_DNS_UPSTREAM_FAKE_H
#define TEST_DNS_UPSTREAM_FAKE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "loop/loop.h"
#include "message.h"

struct fake_conn;

/* The cookie that clients of the tests send, and that must not travel. */
#define CLIENT_COOKIE "12345678"

struct fake {
    struct cf_loop *loop;
    struct cf_watch udp, listener;
    struct fake_conn *conns;
    struct cf_addr_port at; /* UDP and TCP share the port */

    /* Write the answer (the query's copy, with QR set, is there); false for silence. */
    bool (*script)(struct fake *fake, bool tcp, struct message *answer);
    void *data;

    unsigned n_udp, n_tcp; /* queries that were seen */
    struct message query;  /* the last of them, without what c-ares adds of its own: */
    bool mixed;            /* letters of the name in upper case (0x20) */
    uint8_t cookie[40];    /* and a cookie, which is none of CLIENT_COOKIE */
    size_t cookie_length;
    struct sockaddr_storage peer; /* who sent it, over UDP */
    socklen_t peer_length;
};

/* ipv6: on ::1 instead of 127.0.0.1 */
void fake_start(struct fake *fake, struct cf_loop *loop, bool ipv6,
                bool (*script)(struct fake *fake, bool tcp, struct message *answer));
void fake_stop(struct fake *fake);

/* From inside a script: a datagram that goes to who asked before the answer does. */
void fake_send(struct fake *fake, const struct message *message);
/* The same from another address than the one that was asked, or from another port of it. */
void fake_send_from(struct fake *fake, const char *addr, const struct message *message);

#endif
