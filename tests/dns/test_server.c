/*
 * test_server.c - datagrams and streams are answered from where they were sent
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audit/run_id.h"
#include "base/hash.h"
#include "dns/server.h"
#include "fixture.h"

static struct fixture f;
static struct cf_dns_server *server;
static int fd4, fd6;
static struct cf_addr_port at4, at6;

/* big.example: 2,560 octets of text over TCP; everything that begins with 's': silence. */
static bool zone(struct fake *fake, bool tcp, struct message *answer)
{
    uint8_t text[256];

    if (fake->query.data[13] == 's')
        return false;
    if (fake->query.data[13] != 'b') {
        message_add_addr(answer, SECTION_ANSWER, "a.example", 300, "192.0.2.1");
        return true;
    }
    if (!tcp) {
        message_flags(answer, CF_WIRE_TC);
        return true;
    }
    memset(text, 'x', sizeof text);
    text[0] = 255;
    for (int i = 0; i < 10; i++)
        message_add(answer, SECTION_ANSWER, "big.example", CF_TYPE_TXT, 300, text, sizeof text);
    return true;
}

/* Every address, but of loopback alone. */
static int udp_open(int family, struct cf_addr_port *ret_at)
{
    struct cf_addr_port any = { 0 };
    struct sockaddr_storage sa;
    socklen_t length;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

    any.addr.family = family == AF_INET ? CF_FAMILY_IPV4 : CF_FAMILY_IPV6;
    length = cf_addr_port_to_sockaddr(&any, &sa);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
    if (family == AF_INET6)
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, length), 0);
    length = sizeof sa;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &length), 0);
    cf_addr_port_from_sockaddr((struct sockaddr *)&sa, ret_at);
    return fd;
}

static void start(void)
{
    fixture_start(&f, zone);
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    fd4 = udp_open(AF_INET, &at4);
    fd6 = udp_open(AF_INET6, &at6);
    assert_int_equal(cf_dns_server_new(f.loop, f.resolver, fd4, fd6, &server, NULL), 0);
}

static void stop(void)
{
    cf_dns_server_free(server);
    close(fd4);
    close(fd6);
    fixture_stop(&f);
}

/* A client whose descriptor is read in the loop. */
struct client {
    struct cf_watch watch;
    struct message in;
    size_t wanted; /* stop the loop at so many octets */
    bool ended;
    unsigned n_closed;
    uint64_t bytes_out, bytes_in;
};

static void client_ready(struct cf_watch *watch, uint32_t events)
{
    struct client *client = cf_container_of(watch, struct client, watch);
    ssize_t n = recv(watch->fd, client->in.data + client->in.length,
                     sizeof client->in.data - client->in.length, MSG_DONTWAIT);

    (void)events;
    if (n > 0)
        client->in.length += (size_t)n;
    else if (n == 0 || errno != EAGAIN)
        client->ended = true;
    if (client->ended || client->in.length >= client->wanted)
        cf_loop_stop(f.loop, 0);
}

static void client_open(struct client *client, int fd)
{
    memset(client, 0, sizeof *client);
    client->watch.fn = client_ready;
    assert_int_equal(cf_loop_watch(f.loop, &client->watch, fd, EPOLLIN), 0);
}

static void client_close(struct client *client)
{
    int fd = client->watch.fd;

    cf_loop_unwatch(f.loop, &client->watch);
    close(fd);
}

static void client_wait(struct client *client, size_t wanted)
{
    client->wanted = wanted;
    if (client->in.length < wanted && !client->ended)
        cf_loop_run(f.loop);
}

static void check_datagram(const char *to, uint16_t port, const char *name, const char *want)
{
    struct cf_addr_port peer = { .port = port };
    static struct client client;
    static struct message query;
    struct sockaddr_storage sa;
    socklen_t length;
    int fd;

    assert_int_equal(cf_addr_parse(to, &peer.addr), 0);
    length = cf_addr_port_to_sockaddr(&peer, &sa);
    fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    /* A connected socket takes answers from there alone. */
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, length), 0);
    client_open(&client, fd);
    message_start(&query, 77, CF_WIRE_RD, name, CF_TYPE_A);
    assert_int_equal(send(fd, query.data, query.length, 0), (ssize_t)query.length);
    client_wait(&client, 1);
    f.reply = client.in;
    assert_int_equal(cf_wire_u16(f.reply.data), 77);
    assert_string_equal(reply_addr(&f, 0), want);
    assert_true(cf_addr_equal(&f.seen.dns.asked.addr, &peer.addr));
    assert_int_equal(f.seen.dns.asked.port, 53);
    assert_false(f.seen.dns.tcp);
    client_close(&client);
}

static void datagrams_are_answered_from_the_address_that_was_asked(void **state)
{
    (void)state;
    start();
    check_datagram("127.0.0.5", at4.port, "a.example", "192.0.2.1");
    check_datagram("127.0.0.6", at4.port, "a.example", "192.0.2.1");
    check_datagram("127.0.0.7", at4.port, "denied.test", "none");
    check_datagram("::1", at6.port, "a.example", "192.0.2.1");
    assert_int_equal(f.upstream.n_udp, 1);
    stop();
}

static void log_failed(void *data, const struct cf_error *err)
{
    (void)data;
    (void)err;
    cf_loop_stop(f.loop, 0);
}

static void start_with_log(const char *path)
{
    char run[CF_RUN_ID_SIZE];

    fixture_start(&f, zone);
    fixture_allow(&f, "**.example");
    cf_audit_close(f.audit, NULL);
    cf_run_id_make(run);
    assert_int_equal(cf_audit_open(path, run, log_failed, NULL, &f.audit, NULL), 0);
    fixture_open(&f, 100);
    fd4 = udp_open(AF_INET, &at4);
    fd6 = udp_open(AF_INET6, &at6);
    assert_int_equal(cf_dns_server_new(f.loop, f.resolver, fd4, fd6, &server, NULL), 0);
}

/* Ask for name over UDP and run the loop until the answer or the end of the log. */
static void ask_datagram(struct client *client, const char *name)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(at4.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    static struct message query;

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    client_open(client, fd);
    message_start(&query, 5, CF_WIRE_RD, name, CF_TYPE_A);
    assert_int_equal(send(fd, query.data, query.length, 0), (ssize_t)query.length);
    client_wait(client, 1);
}

static void check_logged(const char *name)
{
    char folder[] = "/tmp/childflow-test-XXXXXX", path[64];
    static struct client client;
    char text[8192];
    ssize_t n;
    int fd;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/log", folder);
    start_with_log(path);
    ask_datagram(&client, name);
    assert_true(client.in.length > 0);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = read(fd, text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_non_null(strstr(text, name));
    close(fd);
    client_close(&client);
    stop();
    unlink(path);
    rmdir(folder);
}

static void an_answer_leaves_when_its_event_is_in_the_file(void **state)
{
    (void)state;
    check_logged("a.example");
    check_logged("denied.test");
}

static void check_unanswered(const char *name)
{
    static struct client client;

    start_with_log("/dev/full");
    ask_datagram(&client, name);
    assert_int_equal(client.in.length, 0);
    assert_int_equal(recv(client.watch.fd, client.in.data, 512, MSG_DONTWAIT), -1);
    client_close(&client);
    stop();
}

static void a_log_that_cannot_be_written_lets_no_answer_out(void **state)
{
    (void)state;
    check_unanswered("a.example");
    check_unanswered("denied.test");
}

static void stream_closed(void *data, uint64_t bytes_out, uint64_t bytes_in)
{
    struct client *client = data;

    client->n_closed++;
    client->bytes_out = bytes_out;
    client->bytes_in = bytes_in;
}

/* A connected pair of TCP sockets; one end goes to the server. */
static int stream_open(struct client *client)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct cf_addr_port src = { .port = 4242 }, asked = { .port = 53 };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int mine = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), theirs, r;
    socklen_t length = sizeof sa;

    assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &length), 0);
    assert_int_equal(connect(mine, (struct sockaddr *)&sa, sizeof sa), 0);
    theirs = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(theirs >= 0);
    close(listener);
    cf_addr_parse("198.18.0.2", &src.addr);
    cf_addr_parse("192.0.2.53", &asked.addr);
    client_open(client, mine);
    r = cf_dns_server_stream(server, theirs, &src, &asked, stream_closed, client);
    if (r < 0)
        close(theirs);
    return r;
}

static void frame(struct message *out, uint16_t id, const char *name, uint16_t type)
{
    static struct message query;
    uint8_t prefix[2];

    message_start(&query, id, CF_WIRE_RD, name, type);
    cf_wire_put_u16(prefix, (uint16_t)query.length);
    message_raw(out, prefix, 2);
    message_raw(out, query.data, query.length);
}

/* The ids of whole answers that came, as bits; each answer is taken once. */
static unsigned ids(const struct client *client)
{
    unsigned seen = 0;

    for (size_t at = 0; at + 2 <= client->in.length;) {
        size_t length = cf_wire_u16(client->in.data + at);

        assert_true(at + 2 + length <= client->in.length);
        seen |= 1U << cf_wire_u16(client->in.data + at + 2);
        at += 2 + length;
    }
    return seen;
}

static void streams_take_questions_one_behind_the_other(void **state)
{
    static struct client client;
    struct message *out = calloc(1, sizeof *out);
    size_t addr = 2 + 12 + 15 + 25, denied = 2 + 12 + 17;

    (void)state;
    start();
    assert_int_equal(stream_open(&client), 0);
    frame(out, 1, "a.example", CF_TYPE_A);
    frame(out, 2, "denied.test", CF_TYPE_A);
    frame(out, 3, "a.example", CF_TYPE_A);
    assert_int_equal(send(client.watch.fd, out->data, out->length, 0), (ssize_t)out->length);
    client_wait(&client, 2 * addr + denied);
    assert_int_equal(ids(&client), 1 << 1 | 1 << 2 | 1 << 3);
    assert_true(f.seen.dns.tcp);
    /* In single octets. */
    client.in.length = out->length = 0;
    frame(out, 4, "a.example", CF_TYPE_A);
    for (size_t i = 0; i < out->length; i++)
        assert_int_equal(send(client.watch.fd, out->data + i, 1, 0), 1);
    client_wait(&client, addr);
    assert_int_equal(ids(&client), 1 << 4);
    /* The end of file comes before the answer does; the answer still goes. */
    client.in.length = out->length = 0;
    frame(out, 5, "A.example", CF_TYPE_AAAA);
    assert_int_equal(send(client.watch.fd, out->data, out->length, 0), (ssize_t)out->length);
    assert_int_equal(shutdown(client.watch.fd, SHUT_WR), 0);
    client_wait(&client, SIZE_MAX);
    assert_int_equal(ids(&client), 1 << 5);
    assert_true(client.ended);
    assert_int_equal(client.n_closed, 1);
    assert_int_equal(client.bytes_out, 4 * (2 + 12 + 15) + denied);
    assert_int_equal(client.bytes_in, 4 * addr + denied);
    client_close(&client);
    free(out);
    stop();
}

static void a_length_below_a_header_closes_the_stream(void **state)
{
    static struct client client;

    (void)state;
    start();
    assert_int_equal(stream_open(&client), 0);
    assert_int_equal(send(client.watch.fd, "\0\x0b", 2, 0), 2);
    client_wait(&client, SIZE_MAX);
    assert_true(client.ended);
    assert_int_equal(client.n_closed, 1);
    assert_int_equal(client.bytes_out, 2);
    client_close(&client);
    stop();
}

static void a_slow_reader_gets_all_of_it(void **state)
{
    static struct client client;
    struct message *out = calloc(1, sizeof *out);
    size_t one = 2 + 12 + 17 + 10 * (13 + 10 + 256), n = 1000, got = 0;

    (void)state;
    start();
    assert_int_equal(stream_open(&client), 0);
    for (size_t i = 0; i < n; i++)
        frame(out, 1, "big.example", CF_TYPE_TXT);
    assert_int_equal(send(client.watch.fd, out->data, out->length, 0), (ssize_t)out->length);
    /* 2.8 MB of answers, taken in pieces of 40,000. */
    while (got < n * one) {
        size_t want = n * one - got < 40000 ? n * one - got : 40000;

        client.in.length = 0;
        client_wait(&client, want);
        assert_false(client.ended);
        got += client.in.length;
    }
    assert_int_equal(got, n * one);
    assert_int_equal(f.seen.n, n);
    client_close(&client);
    free(out);
    stop();
}

static void streams_past_the_limit_are_refused_and_all_close_with_the_server(void **state)
{
    struct client *clients = calloc(257, sizeof *clients);
    struct message *out = calloc(1, sizeof *out);

    (void)state;
    start();
    for (int i = 0; i < 256; i++)
        assert_int_equal(stream_open(&clients[i]), 0);
    assert_int_equal(stream_open(&clients[256]), -ENOSPC);
    assert_int_equal(clients[256].n_closed, 0);
    client_close(&clients[256]);
    /* One of them with questions under way, one that was answered. */
    frame(out, 1, "silent.example", CF_TYPE_A);
    frame(out, 2, "silent.example", CF_TYPE_A);
    frame(out, 3, "denied.test", CF_TYPE_A);
    assert_int_equal(send(clients[7].watch.fd, out->data, out->length, 0), (ssize_t)out->length);
    client_wait(&clients[7], 1);
    assert_int_equal(ids(&clients[7]), 1 << 3);
    stop();
    for (int i = 0; i < 256; i++) {
        assert_int_equal(clients[i].n_closed, 1);
        close(clients[i].watch.fd);
    }
    free(clients);
    free(out);
}

static void a_client_that_goes_away_leaves_nothing_behind(void **state)
{
    static struct client client, other;
    struct message *out = calloc(1, sizeof *out);
    struct linger linger = { .l_onoff = 1 };

    (void)state;
    start();
    assert_int_equal(stream_open(&client), 0);
    assert_int_equal(stream_open(&other), 0);
    frame(out, 1, "silent.example", CF_TYPE_A);
    frame(out, 2, "denied.test", CF_TYPE_A);
    assert_int_equal(send(client.watch.fd, out->data, out->length, 0), (ssize_t)out->length);
    client_wait(&client, 1);
    /* A reset while a question is under way. */
    setsockopt(client.watch.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    client_close(&client);
    assert_int_equal(send(other.watch.fd, out->data, out->length, 0), (ssize_t)out->length);
    client_wait(&other, 1);
    while (!client.n_closed) {
        other.in.length = 0;
        assert_int_equal(send(other.watch.fd, out->data + 32, out->length - 32, 0),
                         (ssize_t)out->length - 32);
        client_wait(&other, 1);
    }
    client_close(&other);
    free(out);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_are_answered_from_the_address_that_was_asked),
        cmocka_unit_test(an_answer_leaves_when_its_event_is_in_the_file),
        cmocka_unit_test(a_log_that_cannot_be_written_lets_no_answer_out),
        cmocka_unit_test(streams_take_questions_one_behind_the_other),
        cmocka_unit_test(a_length_below_a_header_closes_the_stream),
        cmocka_unit_test(a_slow_reader_gets_all_of_it),
        cmocka_unit_test(streams_past_the_limit_are_refused_and_all_close_with_the_server),
        cmocka_unit_test(a_client_that_goes_away_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
