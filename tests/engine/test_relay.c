/*
 * test_relay.c - a relay between two connections over the loopback
 *
 * client ═ inside ─ relay ─ outside ═ server: the test plays both ends. The relay is in the
 * test's own thread, with pipes and without, or in another.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "engine/outward.h"
#include "engine/relay.h"
#include "engine/shards.h"

#define SECONDS 600     /* for all of them; a tenth of it is not taken */
#define PATIENCE_US (120 * CF_US_PER_S) /* for what never comes; no test waits it out */

static struct cf_loop *loop;
static struct cf_pipe_pool pipes;
static struct cf_relay relay;
static struct cf_shards *shards;  /* NULL: no other thread */
static struct cf_relay neighbour; /* keeps the first shard busy, so that the relay gets another */
static int neighbour_fds[2];
static int client, server; /* blocking; -1 when closed */
static bool over;
static enum cf_flow_result result;

/* What the loop waits for: a condition that is asked after each turn. */
static bool (*condition)(void);
static int64_t deadline_us;

static void ask(struct cf_task *task)
{
    if (condition())
        cf_loop_stop(loop, 0);
    else if (cf_clock_monotonic_us() > deadline_us)
        cf_loop_stop(loop, -ETIMEDOUT);
    else
        cf_loop_task_add(loop, task);
}

static void run_until(bool (*until)(void))
{
    struct cf_task task = { .fn = ask };

    condition = until;
    deadline_us = cf_clock_monotonic_us() + PATIENCE_US;
    cf_loop_task_add(loop, &task);
    assert_int_equal(cf_loop_run(loop), 0);
    cf_loop_task_remove(loop, &task);
}

static bool is_over(void)
{
    return over;
}

static void ended(struct cf_relay *ended_relay, enum cf_flow_result ended_result)
{
    (void)ended_relay;
    over = true;
    result = ended_result;
}

static void pair(int *ret_near, int *ret_far)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    socklen_t length = sizeof sa;

    assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &length), 0);
    *ret_far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*ret_far, (struct sockaddr *)&sa, sizeof sa), 0);
    *ret_near = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(*ret_near >= 0);
    close(listener);
    setsockopt(*ret_near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(*ret_far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(*ret_near, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    setsockopt(*ret_far, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
}

static int set_up(void **state)
{
    struct cf_error err;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    over = false;
    if (cf_loop_new(&loop, &err) < 0)
        return -1;
    cf_pipe_pool_init(&pipes, 1);
    cf_relay_init(&relay, loop, &pipes, ended);
    pair(&relay.inside.fd, &client);
    pair(&relay.outside.fd, &server);
    cf_relay_prepare(&relay);
    return cf_relay_start(&relay, 0, 0);
}

/* The outside is no TCP: a TLS stream's pump (proxy/tls_pump.h) gives such a descriptor. */
static int set_up_with_a_socket_pair(void **state)
{
    struct cf_error err;
    int fds[2];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    over = false;
    if (cf_loop_new(&loop, &err) < 0)
        return -1;
    cf_pipe_pool_init(&pipes, 1);
    cf_relay_init(&relay, loop, &pipes, ended);
    pair(&relay.inside.fd, &client);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return -1;
    relay.outside.fd = fds[0];
    server = fds[1];
    cf_relay_prepare(&relay);
    return cf_relay_start(&relay, 0, 0);
}

static int set_up_on_another_thread(void **state)
{
    struct cf_shards_config config = { .pipes = &pipes, .n = 2, .ended = ended };
    struct cf_error err;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    over = false;
    if (cf_loop_new(&loop, &err) < 0)
        return -1;
    config.loop = loop;
    if (cf_shards_new(&config, &shards, &err) < 0)
        return -1;
    cf_relay_init(&neighbour, loop, &pipes, ended);
    pair(&neighbour.inside.fd, &neighbour_fds[0]);
    pair(&neighbour.outside.fd, &neighbour_fds[1]);
    cf_relay_init(&relay, loop, &pipes, ended);
    pair(&relay.inside.fd, &client);
    pair(&relay.outside.fd, &server);
    if (cf_shards_start(shards, &neighbour, 0, 0) < 0 || cf_shards_start(shards, &relay, 0, 0) < 0)
        return -1;
    assert_ptr_not_equal(relay.loop, loop);
    return 0;
}

static int set_up_without_pipes(void **state)
{
    int r = set_up(state);

    pipes.limit = 0;
    return r;
}

static int tear_down(void **state)
{
    (void)state;
    if (shards) {
        cf_shards_gather(shards);
        cf_shards_left(&neighbour);
        cf_shards_left(&relay);
        cf_relay_done(&neighbour);
        cf_fd_close(&neighbour_fds[0]);
        cf_fd_close(&neighbour_fds[1]);
    }
    cf_relay_done(&relay);
    cf_shards_free(shards);
    shards = NULL;
    assert_int_equal(pipes.n_pipes, pipes.n_free); /* none is left with a direction */
    cf_pipe_pool_done(&pipes);
    cf_fd_close(&client);
    cf_fd_close(&server);
    cf_loop_free(loop);
    return 0;
}

static void reset_close(int *fd)
{
    struct linger at_once = { 1, 0 };

    setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    cf_fd_close(fd);
}

static int awaited_fd;
static size_t awaited_bytes;

static bool has_bytes(void)
{
    int bytes = 0;

    ioctl(awaited_fd, SIOCINQ, &bytes);
    return (size_t)bytes >= awaited_bytes;
}

/* Run until `fd` has exactly this text to read, and read it. */
static void check_reads(int fd, const char *expected)
{
    char text[64] = "";

    awaited_fd = fd;
    awaited_bytes = strlen(expected);
    run_until(has_bytes);
    assert_int_equal(recv(fd, text, awaited_bytes, MSG_DONTWAIT), awaited_bytes);
    assert_string_equal(text, expected);
}

static bool is_readable(void)
{
    struct pollfd readable = { awaited_fd, POLLIN, 0 };

    return poll(&readable, 1, 0) == 1;
}

/* What a read of `fd` ends with: 0 at the end of data, or errno. */
static void check_ends(int fd, int expected)
{
    ssize_t n;
    char byte;

    awaited_fd = fd;
    run_until(is_readable);
    n = recv(fd, &byte, 1, MSG_DONTWAIT);
    assert_int_equal(n < 0 ? errno : (int)n, expected);
}

static void check_over(enum cf_flow_result expected)
{
    run_until(is_over);
    assert_int_equal(result, expected);
}

static unsigned n_asked; /* of the gate */

/* Waits for four bytes. */
static enum cf_gate gate_of_four(struct cf_relay *gated)
{
    char text[5];
    ssize_t n = recv(gated->inside.fd, text, sizeof text, MSG_PEEK | MSG_DONTWAIT);

    assert_true(n > 0);
    n_asked++;
    if (n < 4)
        return CF_GATE_WAIT;
    return shards && cf_shards_spread(shards, gated) ? CF_GATE_GONE : CF_GATE_OPEN;
}

static bool was_asked(void)
{
    return n_asked > 0;
}

static int set_up_with_a_gate(void **state)
{
    n_asked = 0;
    if (set_up(state) < 0)
        return -1;
    relay.gate = gate_of_four; /* nothing has run yet */
    return 0;
}

static int set_up_with_a_gate_among_threads(void **state)
{
    struct cf_shards_config config = { .pipes = &pipes, .n = 2, .ended = ended };
    struct cf_error err;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    over = false;
    n_asked = 0;
    if (cf_loop_new(&loop, &err) < 0)
        return -1;
    config.loop = loop;
    if (cf_shards_new(&config, &shards, &err) < 0)
        return -1;
    cf_relay_init(&neighbour, loop, &pipes, ended);
    pair(&neighbour.inside.fd, &neighbour_fds[0]);
    pair(&neighbour.outside.fd, &neighbour_fds[1]);
    cf_relay_init(&relay, loop, &pipes, ended);
    pair(&relay.inside.fd, &client);
    pair(&relay.outside.fd, &server);
    relay.gate = gate_of_four;
    if (cf_shards_start(shards, &neighbour, 0, 0) < 0 ||
        cf_shards_start_gated(shards, &relay, 0, 0) < 0)
        return -1;
    assert_ptr_equal(relay.loop, loop);
    return 0;
}

static void check_holds(int fd)
{
    int bytes = -1;

    assert_int_equal(ioctl(fd, SIOCINQ, &bytes), 0);
    assert_int_equal(bytes, 0);
}

static void bytes_wait_for_the_gate_and_the_other_way_does_not(void **state)
{
    (void)state;
    assert_int_equal(send(client, "go", 2, 0), 2);
    run_until(was_asked);
    assert_int_equal(send(server, "hi", 2, 0), 2);
    check_reads(client, "hi");
    check_holds(server);
    assert_int_equal(send(client, "od", 2, 0), 2);
    check_reads(server, "good");
    assert_int_equal(n_asked, 2);
    shutdown(client, SHUT_WR);
    check_ends(server, 0);
    cf_fd_close(&server);
    check_ends(client, 0);
    cf_fd_close(&client);
    check_over(CF_RESULT_CLOSED);
}

static void a_server_that_resets_passes_a_gate_that_waits(void **state)
{
    (void)state;
    assert_int_equal(send(client, "go", 2, 0), 2);
    run_until(was_asked);
    reset_close(&server);
    check_over(CF_RESULT_RESET);
    check_ends(client, ECONNRESET);
}

static void a_gate_that_opens_gives_the_relay_to_the_thread_with_the_fewest(void **state)
{
    (void)state;
    assert_int_equal(send(client, "go", 2, 0), 2);
    run_until(was_asked);
    check_holds(server);
    assert_int_equal(send(client, "od", 2, 0), 2);
    check_reads(server, "good");
    assert_ptr_not_equal(relay.loop, loop);
    assert_int_equal(send(server, "pong!", 5, 0), 5);
    check_reads(client, "pong!");
}

static void bytes_and_ends_pass_both_ways(void **state)
{
    (void)state;
    assert_int_equal(send(client, "ping", 4, 0), 4);
    check_reads(server, "ping");
    assert_int_equal(send(server, "pong!", 5, 0), 5);
    check_reads(client, "pong!");
    shutdown(client, SHUT_WR);
    check_ends(server, 0);
    assert_int_equal(send(server, "late", 4, 0), 4);
    check_reads(client, "late");
    cf_fd_close(&server);
    check_ends(client, 0);
    check_over(CF_RESULT_CLOSED);
    assert_int_equal(relay.out.total, 4);
    assert_int_equal(relay.in.total, 9);
}

static void reset_arrives_behind_the_data(void **state)
{
    (void)state;
    assert_int_equal(send(server, "last words", 10, 0), 10);
    reset_close(&server);
    check_reads(client, "last words");
    check_ends(client, ECONNRESET);
    check_over(CF_RESULT_RESET);
    assert_int_equal(relay.in.total, 10);
}

static void reset_after_the_end_of_data_passes(void **state)
{
    (void)state;
    shutdown(server, SHUT_WR);
    check_ends(client, 0);
    reset_close(&server);
    check_over(CF_RESULT_RESET);
    assert_true(send(client, "x", 1, MSG_NOSIGNAL) < 0);
}

static void write_to_a_closed_server_resets_the_client(void **state)
{
    (void)state;
    cf_fd_close(&server);
    check_ends(client, 0);
    assert_int_equal(send(client, "x", 1, MSG_NOSIGNAL), 1);
    check_over(CF_RESULT_RESET);
    assert_true(send(client, "x", 1, MSG_NOSIGNAL) < 0);
}

static void urgent_byte_keeps_its_place(void **state)
{
    int at_mark = 0;

    (void)state;
    assert_int_equal(send(client, "ab", 2, 0), 2);
    assert_int_equal(send(client, "!", 1, MSG_OOB), 1);
    assert_int_equal(send(client, "cd", 2, 0), 2);
    check_reads(server, "ab");
    awaited_bytes = 3;
    run_until(has_bytes);
    assert_int_equal(ioctl(server, SIOCATMARK, &at_mark), 0);
    assert_true(at_mark);
    check_reads(server, "!cd");
    shutdown(client, SHUT_WR);
    check_ends(server, 0);
    assert_int_equal(relay.out.total, 5);
}

static void end_right_behind_an_urgent_byte_is_not_lost(void **state)
{
    (void)state;
    assert_int_equal(send(client, "a", 1, 0), 1);
    assert_int_equal(send(client, "!", 1, MSG_OOB), 1);
    shutdown(client, SHUT_WR);
    check_reads(server, "a");
    check_reads(server, "!");
    check_ends(server, 0);
}

static void a_socket_pair_that_breaks_resets_the_client(void **state)
{
    (void)state;
    assert_int_equal(send(server, "last words", 10, 0), 10);
    assert_int_equal(send(client, "unread", 6, 0), 6);
    awaited_fd = server;
    awaited_bytes = 6;
    run_until(has_bytes);
    cf_fd_close(&server);
    check_reads(client, "last words");
    check_ends(client, ECONNRESET);
    check_over(CF_RESULT_RESET);
}

static void a_reset_closes_a_socket_pair_at_once(void **state)
{
    (void)state;
    assert_int_equal(send(client, "unread", 6, 0), 6);
    awaited_fd = server;
    awaited_bytes = 6;
    run_until(has_bytes);
    reset_close(&client);
    check_over(CF_RESULT_RESET);
    assert_int_equal(relay.stuck_us, 0); /* what is in the pair was not waited for */
    check_reads(server, "unread");
    check_ends(server, 0);
}

static uint64_t sent, received;

/* Push what goes in at the client, take some at the server. */
static bool pumped(void)
{
    static uint8_t buffer[100000];
    ssize_t n;

    if (sent < 50000000) {
        for (size_t i = 0; i < sizeof buffer; i++)
            buffer[i] = (uint8_t)((sent + i) % 251);
        n = send(client, buffer, sizeof buffer, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            sent += (uint64_t)n;
    }
    n = recv(server, buffer, 7777 + received % 50000, MSG_DONTWAIT);
    for (ssize_t i = 0; i < n; i++) {
        if (buffer[i] != (uint8_t)((received + (uint64_t)i) % 251))
            fail_msg("byte %llu is wrong", (unsigned long long)received + (unsigned long long)i);
    }
    if (n > 0)
        received += (uint64_t)n;
    return sent >= 50000000 && received == sent;
}

static void bulk_arrives_byte_for_byte(void **state)
{
    (void)state;
    sent = received = 0;
    run_until(pumped);
    assert_int_equal(relay.out.total, sent);
}

static bool client_is_full(void)
{
    static uint8_t buffer[100000];
    static int idle;
    ssize_t n = send(client, buffer, sizeof buffer, MSG_DONTWAIT | MSG_NOSIGNAL);

    idle = n > 0 ? 0 : idle + 1;
    return idle > 1000;
}

static void reader_that_never_reads_holds_one_pipe_at_most(void **state)
{
    (void)state;
    run_until(client_is_full);
    if (shards)
        cf_shards_gather(shards); /* to look at what is the relay's own */
    assert_true(pipes.n_pipes - pipes.n_free <= 1);
    assert_true(relay.out.pending <= 1 << 20);
    /* The other way is not held up. */
    assert_int_equal(send(server, "hello", 5, 0), 5);
    check_reads(client, "hello");
}

static int listener; /* of the server, where its connection waits */

/* As tcp_held.c connects: the server has not heard the end of the handshake yet. */
static int set_up_held(void **state)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof sa;
    struct cf_error err;

    (void)state;
    over = false;
    server = -1;
    if (cf_loop_new(&loop, &err) < 0)
        return -1;
    cf_pipe_pool_init(&pipes, 1);
    cf_relay_init(&relay, loop, &pipes, ended);
    pair(&relay.inside.fd, &client);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &length), 0);
    relay.outside.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cf_outward_ack_hold(relay.outside.fd);
    assert_int_equal(connect(relay.outside.fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(fcntl(relay.outside.fd, F_SETFL, O_NONBLOCK), 0);
    cf_relay_prepare(&relay);
    return cf_relay_start(&relay, 0, 0);
}

static int tear_down_held(void **state)
{
    cf_fd_close(&listener);
    return tear_down(state);
}

static bool has_rested(void)
{
    return !cf_loop_rest(loop);
}

static void server_that_speaks_first_has_its_connection_at_once(void **state)
{
    (void)state;
    run_until(has_rested);
    server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    assert_int_equal(send(server, "hello", 5, 0), 5);
    check_reads(client, "hello");
}

static void first_data_brings_the_server_its_connection(void **state)
{
    (void)state;
    assert_int_equal(send(client, "hello", 5, 0), 5);
    awaited_fd = listener;
    run_until(is_readable);
    server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    check_reads(server, "hello");
}

static void server_has_a_connection_that_is_reset_at_once(void **state)
{
    char byte;

    (void)state;
    cf_relay_side_reset(&relay, &relay.outside);
    server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    assert_int_equal(recv(server, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down),                                      \
        { #name "_without_pipes", name, set_up_without_pipes, tear_down, NULL },                   \
    {                                                                                              \
#name "_on_another_thread", name, set_up_on_another_thread, tear_down, NULL                \
    }
#define ON_A_PAIR(name)                                                                            \
    {                                                                                              \
#name "_with_a_socket_pair", name, set_up_with_a_socket_pair, tear_down, NULL                      \
    }
#define HELD(name) cmocka_unit_test_setup_teardown(name, set_up_held, tear_down_held)
    const struct CMUnitTest tests[] = {
        TEST(bytes_and_ends_pass_both_ways),
        TEST(reset_arrives_behind_the_data),
        TEST(reset_after_the_end_of_data_passes),
        TEST(write_to_a_closed_server_resets_the_client),
        TEST(urgent_byte_keeps_its_place),
        TEST(end_right_behind_an_urgent_byte_is_not_lost),
        TEST(bulk_arrives_byte_for_byte),
        TEST(reader_that_never_reads_holds_one_pipe_at_most),
        ON_A_PAIR(bytes_and_ends_pass_both_ways),
        ON_A_PAIR(bulk_arrives_byte_for_byte),
        cmocka_unit_test_setup_teardown(bytes_wait_for_the_gate_and_the_other_way_does_not,
                                        set_up_with_a_gate, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_resets_passes_a_gate_that_waits,
                                        set_up_with_a_gate, tear_down),
        cmocka_unit_test_setup_teardown(
            a_gate_that_opens_gives_the_relay_to_the_thread_with_the_fewest,
            set_up_with_a_gate_among_threads, tear_down),
        cmocka_unit_test_setup_teardown(a_socket_pair_that_breaks_resets_the_client,
                                        set_up_with_a_socket_pair, tear_down),
        cmocka_unit_test_setup_teardown(a_reset_closes_a_socket_pair_at_once,
                                        set_up_with_a_socket_pair, tear_down),
        HELD(server_that_speaks_first_has_its_connection_at_once),
        HELD(first_data_brings_the_server_its_connection),
        HELD(server_has_a_connection_that_is_reset_at_once),
    };

    alarm(SECONDS); /* what no deadline of the loop ends: a socket that blocks, another thread */
    return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
