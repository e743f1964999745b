/*
 * test_streams.c - streams through a proxy that can be written to before they stand
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "fake.h"
#include "proxy/streams.h"

/* Longer than any test runs. */
#define NEVER_MS 600000

#define REQUEST "CONNECT 192.0.2.53:53 HTTP/1.1\r\nHost: 192.0.2.53:53\r\n\r\n"
#define TUNNEL "HTTP/1.1 200 Connection established\r\n\r\n"

static struct cf_loop *loop;
static struct fake fake;
static struct cf_proxy_streams *streams;
static struct cf_addr_port server;
static int fd = -1;
static char got[64];
static size_t n_got;
static unsigned n_failed;
static enum cf_proxy_why why;
static int dial_error; /* of a dial that does not start, positive */

static int make_socket(void *data, const struct cf_addr *to)
{
    assert_ptr_equal(data, &fake);
    return socket(to->family == CF_FAMILY_IPV4 ? AF_INET : AF_INET6,
                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int dial(void *data, const struct cf_proxy_call *call, struct cf_proxy_dial **ret_dial)
{
    const struct cf_proxy_dial_config config = {
        .loop = loop,
        .scheme = CF_PROXY_HTTP,
        .addrs = &fake.at,
        .n_addrs = 1,
        .target = call->target,
        .timeout_ms = NEVER_MS,
        .make_socket = call->make_socket,
        .done = call->done,
        .data = call->data,
    };

    assert_ptr_equal(data, &fake);
    return dial_error ? -dial_error : cf_proxy_dial_start(&config, ret_dial);
}

static void failed(void *data, const struct cf_addr_port *to,
                   const struct cf_proxy_dialled *dialled)
{
    assert_ptr_equal(data, &fake);
    assert_true(cf_addr_port_equal(to, &server));
    why = dialled->outcome.why;
    n_failed++;
}

static int set_up(void **state)
{
    struct cf_proxy_streams_config config = { .dial = dial, .make_socket = make_socket, .failed = failed, .data = &fake };

    (void)state;
    if (cf_loop_new(&loop, NULL) < 0)
        return -1;
    fake_open(&fake, loop, "127.0.0.1", NULL);
    server.port = 53;
    n_got = n_failed = 0;
    dial_error = 0;
    config.loop = loop;
    if (cf_addr_parse("192.0.2.53", &server.addr) < 0)
        return -1;
    return cf_proxy_streams_new(&config, &streams);
}

static int tear_down(void **state)
{
    (void)state;
    if (fd >= 0)
        close(fd);
    fd = -1;
    cf_proxy_streams_free(streams);
    fake_close(&fake);
    cf_loop_free(loop);
    return 0;
}

/* Read on; true when the stream has ended. */
static bool is_ended(void)
{
    ssize_t n;

    assert_true(n_got < sizeof got);
    n = recv(fd, got + n_got, sizeof got - n_got, 0);
    if (n > 0)
        n_got += (size_t)n;
    return n == 0 || (n < 0 && errno != EAGAIN);
}

static bool has_ten(void)
{
    (void)is_ended();
    return n_got >= 10;
}

static bool is_none(void)
{
    return cf_proxy_streams_count(streams) == 0;
}

static bool is_accepted(void)
{
    return fake.n_accepted > 0;
}

static void open_stream(void)
{
    fd = cf_proxy_streams_open(streams, &server);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void what_is_written_early_is_said_when_the_tunnel_stands(void **state)
{
    (void)state;
    fake_says(&fake, REQUEST, TUNNEL);
    fake_says(&fake, "question 1", "answer one");
    open_stream();
    assert_int_equal(send(fd, "question 1", 10, 0), 10);
    run_until(loop, has_ten);
    assert_memory_equal(got, "answer one", 10);
    assert_int_equal(n_failed, 0);
    assert_int_equal(cf_proxy_streams_count(streams), 1);
}

static void the_end_of_the_tunnel_comes_behind_what_it_said(void **state)
{
    (void)state;
    fake_says(&fake, REQUEST, TUNNEL);
    fake_says(&fake, "question 1", "answer one");
    fake.end = FAKE_CLOSES;
    open_stream();
    assert_int_equal(send(fd, "question 1", 10, 0), 10);
    run_until(loop, is_ended);
    assert_int_equal(n_got, 10);
    assert_memory_equal(got, "answer one", 10);
    run_until(loop, is_none);
}

static void a_tunnel_that_the_proxy_refuses_ends_the_stream_and_is_told(void **state)
{
    (void)state;
    fake_says(&fake, REQUEST, "HTTP/1.1 403 Forbidden\r\n\r\n");
    open_stream();
    run_until(loop, is_ended);
    assert_int_equal(n_got, 0);
    assert_int_equal(n_failed, 1);
    assert_int_equal(why, CF_PROXY_DENIED);
    assert_int_equal(cf_proxy_streams_count(streams), 0);
}

static void a_tunnel_that_is_reset_ends_the_stream(void **state)
{
    (void)state;
    fake_says(&fake, REQUEST, TUNNEL);
    fake_says(&fake, "question 1", "");
    fake.end = FAKE_RESETS;
    open_stream();
    assert_int_equal(send(fd, "question 1", 10, 0), 10);
    run_until(loop, is_ended);
    run_until(loop, is_none);
    assert_int_equal(n_failed, 0);
}

static void a_stream_that_is_closed_early_cancels_its_dial(void **state)
{
    (void)state;
    open_stream();
    run_until(loop, is_accepted);
    assert_int_equal(cf_proxy_streams_count(streams), 1);
    close(fd);
    fd = -1;
    run_until(loop, is_none);
    assert_int_equal(n_failed, 0);
}

static void a_stream_that_is_closed_later_closes_its_tunnel(void **state)
{
    (void)state;
    fake_says(&fake, REQUEST, TUNNEL);
    fake_says(&fake, "question 1", "answer one");
    open_stream();
    assert_int_equal(send(fd, "question 1", 10, 0), 10);
    run_until(loop, has_ten);
    close(fd);
    fd = -1;
    run_until(loop, is_none);
}

static void a_dial_that_does_not_start_is_an_error_at_once(void **state)
{
    size_t before = count_descriptors();

    (void)state;
    dial_error = ENOMEM;
    assert_int_equal(cf_proxy_streams_open(streams, &server), -ENOMEM);
    assert_int_equal(cf_proxy_streams_count(streams), 0);
    assert_int_equal(count_descriptors(), before);
}

/* More than all that waits on the way, both ways at once; every byte comes back. */
#define MANY ((size_t)1 << 20)

static size_t n_sent, n_back;

static bool is_all_back(void)
{
    char out[4096], in[4096];
    ssize_t n;

    while (n_sent < MANY) {
        size_t length = MANY - n_sent < sizeof out ? MANY - n_sent : sizeof out;

        for (size_t i = 0; i < length; i++)
            out[i] = (char)((n_sent + i) % 251);
        n = send(fd, out, length, MSG_NOSIGNAL);
        if (n < 0)
            break;
        n_sent += (size_t)n;
    }
    while ((n = recv(fd, in, sizeof in, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            assert_int_equal(in[i], (char)((n_back + (size_t)i) % 251));
        n_back += (size_t)n;
    }
    return n_back == MANY;
}

/* A tunnel that leads back to who wrote: the other end of a pair, echoed by the loop. */
static struct cf_watch echo_watch;
static char echoed[512];
static size_t n_echoed;

static void echo(struct cf_watch *watch, uint32_t events)
{
    ssize_t n;

    (void)events;
    if (n_echoed == 0) {
        n = recv(watch->fd, echoed, sizeof echoed, MSG_DONTWAIT);
        if (n > 0)
            n_echoed = (size_t)n;
    }
    n = n_echoed ? send(watch->fd, echoed, n_echoed, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (n > 0) {
        n_echoed -= (size_t)n;
        memmove(echoed, echoed + n, n_echoed);
    }
}

static struct cf_task dialled_task;
static struct cf_proxy_call dialled_call;
static int tunnel_fd;

static void dial_ends(struct cf_task *task)
{
    const struct cf_proxy_dialled dialled = { .fd = tunnel_fd, .words = "" };

    (void)task;
    dialled_call.done(dialled_call.data, &dialled);
}

static int dial_pair(void *data, const struct cf_proxy_call *call, struct cf_proxy_dial **ret_dial)
{
    (void)data;
    dialled_call = *call;
    dialled_task.fn = dial_ends;
    *ret_dial = NULL;
    cf_loop_task_add(loop, &dialled_task);
    return 0;
}

static void every_byte_comes_through_whatever_the_sides_take_at_a_time(void **state)
{
    struct cf_proxy_streams_config config = { .dial = dial_pair, .failed = failed, .data = &fake };
    struct cf_proxy_streams *own;
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    tunnel_fd = fds[0];
    echo_watch.fn = echo;
    assert_int_equal(cf_loop_watch(loop, &echo_watch, fds[1], EPOLLIN | EPOLLOUT),
                     0);
    config.loop = loop;
    assert_int_equal(cf_proxy_streams_new(&config, &own), 0);
    fd = cf_proxy_streams_open(own, &server);
    assert_true(fd >= 0);
    n_sent = n_back = 0;
    run_until(loop, is_all_back);
    assert_int_equal(n_sent, MANY);
    cf_proxy_streams_free(own);
    cf_loop_unwatch(loop, &echo_watch);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_early_is_said_when_the_tunnel_stands,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_of_the_tunnel_comes_behind_what_it_said, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_tunnel_that_the_proxy_refuses_ends_the_stream_and_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_tunnel_that_is_reset_ends_the_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stream_that_is_closed_early_cancels_its_dial, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_stream_that_is_closed_later_closes_its_tunnel, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_dial_that_does_not_start_is_an_error_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_byte_comes_through_whatever_the_sides_take_at_a_time,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
