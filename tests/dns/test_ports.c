/*
 * test_ports.c - where queries come from, and what they carry, cannot be guessed
 *
 * All that is compared with chance fails by chance less than once in 10^12 runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "dns/ports.h"
#include "dns/upstream.h"
#include "dns/wire.h"
#include "upstream_fake.h"

#define QUERIES 10000
#define PATIENCE_MS 120000 /* for the question without an answer; no test waits it out */
#define UNDER_WAY 8
#define FORGED "192.0.2.66"
#define FORGED_LAST 66
#define RIGHT "192.0.2.1"

/* One upstream, one server, and what went to and fro. */
struct side {
    struct cf_loop *loop;
    struct fake fake;
    struct cf_upstream *upstream;
    uint16_t ids[QUERIES + 1], ports[QUERIES + 1];
    struct sockaddr_storage first; /* where the first query came from */
    unsigned n_seen, n_sent, n_landed, n_unasked;
    unsigned stop_landed, stop_unasked; /* the loop ends when there were as many */
    bool fooled;                        /* a forged answer was taken */
};

static struct side side;

static void stop_when_all(void)
{
    if (side.n_landed >= side.stop_landed && side.n_unasked >= side.stop_unasked)
        cf_loop_stop(side.loop, 0);
}

static void unasked(void *data, const struct cf_addr_port *server, uint64_t n,
                    const uint8_t *message, size_t length)
{
    (void)data;
    (void)server;
    (void)n;
    (void)message;
    (void)length;
    side.n_unasked++;
    stop_when_all();
}

/* Note where it came from; the first query gets no answer, the others one address. */
static bool noting(struct fake *fake, bool tcp, struct message *answer)
{
    (void)tcp;
    assert_true(side.n_seen <= QUERIES);
    side.ids[side.n_seen] = cf_wire_u16(answer->data);
    side.ports[side.n_seen] = ntohs(((struct sockaddr_in *)&fake->peer)->sin_port);
    if (side.n_seen++ == 0) {
        side.first = fake->peer;
        return false;
    }
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, RIGHT);
    return true;
}

static void side_open(bool (*script)(struct fake *fake, bool tcp, struct message *answer))
{
    struct cf_upstream_config config = {
        .n_servers = 1, .timeout_ms = PATIENCE_MS, .attempts = 1, .unasked = unasked
    };

    memset(&side, 0, sizeof side);
    assert_int_equal(cf_loop_new(&side.loop, NULL), 0);
    fake_start(&side.fake, side.loop, false, script);
    config.loop = side.loop;
    config.servers = &side.fake.at;
    assert_int_equal(cf_upstream_new(&config, &side.upstream, NULL), 0);
}

static void side_close(void)
{
    cf_upstream_free(side.upstream);
    fake_stop(&side.fake);
    cf_loop_free(side.loop);
}

static void ask(void);

/* data: NULL for the first question; time that is up ends the loop */
static void landed(void *data, const uint8_t *message, size_t length,
                   const struct cf_addr_port *server)
{
    (void)server;
    if (!message)
        cf_loop_stop(side.loop, -1);
    if (!message || !data)
        return;
    side.fooled = side.fooled || message[length - 1] == FORGED_LAST;
    side.n_landed++;
    if (side.n_sent <= side.stop_landed)
        ask();
    stop_when_all();
}

/* The first question is the one that waits to the end. */
static void ask(void)
{
    static struct message query;
    struct cf_lookup *lookup;

    message_start(&query, 0, CF_WIRE_RD, side.n_sent ? "a.example" : "held.example", CF_TYPE_A);
    assert_int_equal(cf_upstream_ask(side.upstream, query.data, query.length, 0, landed,
                                     side.n_sent ? &side : NULL, &lookup),
                     0);
    side.n_sent++;
}

/* Ask the one that waits, and n more, no more than UNDER_WAY at once. */
static void ask_all(unsigned n)
{
    side.stop_landed = n;
    while (side.n_sent < 1 + UNDER_WAY && side.n_sent < 1 + n)
        ask();
    assert_int_equal(cf_loop_run(side.loop), 0);
    assert_int_equal(side.n_seen, 1 + n);
}

static int compare_u16(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* Sorts them. */
static unsigned distinct(uint16_t *values, size_t n)
{
    unsigned count = 1;

    qsort(values, n, sizeof *values, compare_u16);
    for (size_t i = 1; i < n; i++)
        count += values[i] != values[i - 1];
    return count;
}

/* The lower and upper end of the ports that the kernel chooses from. */
static void port_range(unsigned *ret_low, unsigned *ret_high)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%u %u", ret_low, ret_high), 2);
    fclose(file);
}

/*
 * With 16 queries from each port there are 625 ports, of 28,232: 7 twice on
 * average, 78 in each eighth of the range.
 */
static void a_server_that_always_has_questions_is_asked_from_many_ports(void **state)
{
    unsigned low, high, eighth[8] = { 0 }, runs = 1, opened = QUERIES / CF_PORTS_QUERIES;

    (void)state;
    port_range(&low, &high);
    if (high - low < 8192)
        skip();
    side_open(noting);
    ask_all(QUERIES);
    for (unsigned i = 1; i <= QUERIES; i++) {
        if (side.ports[i] == side.ports[i - 1])
            continue;
        runs++;
        assert_in_range(side.ports[i], low, high);
        eighth[(side.ports[i] - low) * 8 / (high - low + 1)]++;
    }
    assert_true(runs >= opened - opened / 8);
    for (size_t i = 0; i < 8; i++)
        assert_true(eighth[i] >= 20);
    assert_true(distinct(side.ports, QUERIES) >= opened - opened / 4);
    side_close();
}

/*
 * Of 10,000 out of 65,536, 9,274 differ on average, 0.15 follow upon the one
 * before, and each bit is set in 5,000 (its deviation is 50).
 */
static void ids_follow_no_order(void **state)
{
    unsigned follow = 0, set[16] = { 0 };

    (void)state;
    side_open(noting);
    ask_all(QUERIES);
    for (unsigned i = 1; i <= QUERIES; i++) {
        follow += side.ids[i] == (uint16_t)(side.ids[i - 1] + 1);
        for (unsigned bit = 0; bit < 16; bit++)
            set[bit] += side.ids[i] >> bit & 1;
    }
    assert_true(follow <= 20);
    for (unsigned bit = 0; bit < 16; bit++)
        assert_in_range(set[bit], QUERIES / 2 - 500, QUERIES / 2 + 500);
    assert_true(distinct(side.ids, QUERIES) >= 9000);
    side_close();
}

/* The last query's answer goes to the first query's port, before the right one does to its own. */
static bool misdirecting(struct fake *fake, bool tcp, struct message *answer)
{
    static struct message forged;
    struct sockaddr_storage peer = fake->peer;

    forged = *answer;
    if (noting(fake, tcp, answer) && side.n_seen == 1 + side.stop_landed) {
        message_add_addr(&forged, SECTION_ANSWER, "a.example", 300, FORGED);
        fake->peer = side.first;
        fake_send(fake, &forged);
        fake->peer = peer;
    }
    return side.n_seen > 1;
}

/* n: questions behind the one that keeps the first port open */
static void check_misdirected(unsigned n, bool told)
{
    side_open(misdirecting);
    side.stop_unasked = told;
    ask_all(n);
    assert_int_equal(side.n_unasked, told);
    assert_false(side.fooled);
    side_close();
}

static void an_answer_to_another_port_is_not_taken_and_told(void **state)
{
    (void)state;
    check_misdirected(CF_PORTS_QUERIES, true);
    check_misdirected(3 * CF_PORTS_QUERIES, true);
}

/* By chance, once in 7,000 runs: it is open then, and no port that is closed. */
static bool first_port_came_again(void)
{
    for (unsigned i = CF_PORTS_QUERIES; i < side.n_seen; i++) {
        if (side.ports[i] == side.ports[0])
            return true;
    }
    return false;
}

/* All that the first port was asked from is answered here; so it is closed when there is another.
 */
static bool misdirecting_late(struct fake *fake, bool tcp, struct message *answer)
{
    static struct message forged;

    (void)tcp;
    side.ports[side.n_seen] = ntohs(((struct sockaddr_in *)&fake->peer)->sin_port);
    if (side.n_seen++ == 0)
        side.first = fake->peer;
    if (side.n_seen == 1 + side.stop_landed && !first_port_came_again()) {
        struct sockaddr_storage peer = fake->peer;

        forged = *answer;
        message_add_addr(&forged, SECTION_ANSWER, "a.example", 300, FORGED);
        fake->peer = side.first;
        fake_send(fake, &forged);
        fake->peer = peer;
    }
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, RIGHT);
    return true;
}

static void an_answer_to_a_port_that_is_closed_reaches_nobody(void **state)
{
    (void)state;
    side_open(misdirecting_late);
    ask_all(4 * CF_PORTS_QUERIES);
    assert_int_equal(side.n_unasked, 0);
    assert_false(side.fooled);
    side_close();
}

/* Each is answered. */
static bool answering(struct fake *fake, bool tcp, struct message *answer)
{
    (void)tcp;
    side.ports[side.n_seen++] = ntohs(((struct sockaddr_in *)&fake->peer)->sin_port);
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, RIGHT);
    return true;
}

static void landed_alone(void *data, const uint8_t *message, size_t length,
                         const struct cf_addr_port *server)
{
    (void)data;
    (void)server;
    side.fooled = side.fooled || !message || message[length - 1] == FORGED_LAST;
    cf_loop_stop(side.loop, 0);
}

/* One question, and its answer. */
static void ask_alone(void)
{
    static struct message query;
    struct cf_lookup *lookup;

    message_start(&query, 0, CF_WIRE_RD, "a.example", CF_TYPE_A);
    assert_int_equal(
        cf_upstream_ask(side.upstream, query.data, query.length, 0, landed_alone, NULL, &lookup),
        0);
    assert_int_equal(cf_loop_run(side.loop), 0);
    assert_false(side.fooled);
}

static void rest_over(struct cf_timer *timer)
{
    (void)timer;
    cf_loop_stop(side.loop, 0);
}

/* What is done when no question has come for a moment: this timer is due behind that of the ports. */
static void rest(void)
{
    struct cf_timer after = { .fn = rest_over };

    assert_int_equal(
        cf_loop_timer_start(side.loop, &after, cf_loop_now_us(side.loop) + CF_PORTS_REST_US + 1),
        0);
    assert_int_equal(cf_loop_run(side.loop), 0);
}

static void ask_and_rest(void)
{
    ask_alone();
    rest();
}

/* Of 32, more than six twice is less than chance. */
static void questions_after_a_rest_leave_from_a_port_each(void **state)
{
    unsigned low, high;

    (void)state;
    port_range(&low, &high);
    if (high - low < 8192)
        skip();
    side_open(answering);
    for (int i = 0; i < 32; i++)
        ask_and_rest();
    assert_int_equal(side.n_seen, 32);
    assert_true(distinct(side.ports, 32) >= 26);
    side_close();
}

/* However soon the next comes: a port that is used up is open while the next is chosen. */
static void a_port_serves_so_many_questions_in_a_row_at_most(void **state)
{
    (void)state;
    side_open(answering);
    for (int i = 0; i < 2 * CF_PORTS_QUERIES; i++)
        ask_alone();
    assert_true(distinct(side.ports, CF_PORTS_QUERIES + 1) >= 2);
    side_close();
}

/* The socket that is connected to the server; -1 when there is none. */
static int connected_to(const struct cf_addr_port *at)
{
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_storage sa;
        socklen_t length = sizeof sa;
        struct cf_addr_port peer;

        if (getpeername(fd, (struct sockaddr *)&sa, &length) == 0 &&
            cf_addr_port_from_sockaddr((struct sockaddr *)&sa, &peer) == 0 &&
            cf_addr_port_equal(&peer, at))
            return fd;
    }
    return -1;
}

/* A datagram from the server to the port that rests, or is open for the next question. */
static void send_stray(void)
{
    struct pollfd wait = { .fd = connected_to(&side.fake.at), .events = POLLIN };
    struct sockaddr_storage port;
    socklen_t length = sizeof port;

    assert_true(wait.fd >= 0);
    assert_int_equal(getsockname(wait.fd, (struct sockaddr *)&port, &length), 0);
    assert_int_equal(sendto(side.fake.udp.fd, "forged", 6, 0, (struct sockaddr *)&port, length), 6);
    assert_int_equal(poll(&wait, 1, 60000), 1);
}

/* What comes to it is told of, and it is not used. */
static void a_port_that_is_open_ahead_takes_nothing(void **state)
{
    (void)state;
    side_open(answering);
    side.stop_unasked = 2; /* one does not end the loop */
    assert_int_equal(connected_to(&side.fake.at), -1);
    ask_and_rest();
    send_stray();
    rest();
    assert_int_equal(connected_to(&side.fake.at), -1);
    ask_and_rest();
    assert_int_equal(side.n_seen, 2);
    assert_int_equal(side.n_unasked, 1);
    side_close();
}

/* While the port that the last question left from is still open, and when its rest is over. */
static void what_comes_to_a_port_that_rests_is_told(void **state)
{
    (void)state;
    side_open(answering);
    side.stop_unasked = 2; /* one does not end the loop */
    ask_alone();
    send_stray();
    rest();
    assert_int_equal(side.n_unasked, 1);
    ask_alone();
    assert_int_equal(side.n_seen, 2);
    side_close();
}

/* It came before the question did. */
static void what_waits_at_a_port_when_it_is_used_is_told(void **state)
{
    (void)state;
    side_open(answering);
    side.stop_unasked = 2; /* one does not end the loop */
    ask_and_rest();
    send_stray();
    ask_and_rest();
    assert_int_equal(side.n_seen, 2);
    assert_int_equal(side.n_unasked, 1);
    side_close();
}

static void the_next_question_waits_for_no_rest(void **state)
{
    (void)state;
    side_open(answering);
    for (int i = 0; i < CF_PORTS_QUERIES; i++)
        ask_alone();
    assert_int_equal(side.n_seen, CF_PORTS_QUERIES);
    assert_int_equal(distinct(side.ports, CF_PORTS_QUERIES), 1);
    side_close();
}

static unsigned descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static void nothing_is_ready(void *data)
{
    (void)data;
}

static void nothing_is_told(void *data, const uint8_t *message, size_t length)
{
    (void)data;
    (void)message;
    (void)length;
}

/* Nobody answers: each port has something to wait for. */
static void ports_have_a_most(void **state)
{
    struct cf_ports_config config = { .wait_ms = 60000,
                                      .ready = nothing_is_ready,
                                      .unasked = nothing_is_told };
    unsigned before, n = 0;
    struct cf_ports *ports;
    struct message query;
    struct fake fake;

    (void)state;
    assert_int_equal(cf_loop_new(&config.loop, NULL), 0);
    fake_start(&fake, config.loop, false, NULL);
    config.server = fake.at;
    ports = cf_ports_new(&config);
    assert_non_null(ports);
    message_start(&query, 7, CF_WIRE_RD, "a.example", CF_TYPE_A);
    before = descriptors();
    for (; n < CF_PORTS_FEW * CF_PORTS_QUERIES; n++)
        assert_int_equal(cf_ports_send(ports, query.data, query.length), 0);
    assert_int_equal(descriptors(), before + CF_PORTS_FEW);
    for (; n < 2 * CF_PORTS_MAX * CF_ASKED_MAX; n++)
        assert_int_equal(cf_ports_send(ports, query.data, query.length), 0);
    assert_int_equal(descriptors(), before + CF_PORTS_MAX);
    cf_ports_close(ports);
    assert_int_equal(descriptors(), before);
    cf_ports_free(ports);
    fake_stop(&fake);
    cf_loop_free(config.loop);
}

static void without_descriptors_the_port_in_use_serves_on(void **state)
{
    struct rlimit old, few;

    (void)state;
    side_open(noting);
    ask_all(1); /* the first port is open, and the first question waits */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = (struct rlimit) { .rlim_cur = 0, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    ask();
    ask_all(4 * CF_ASKED_MAX);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(distinct(side.ports, 1 + 4 * CF_ASKED_MAX), 1);
    side_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_always_has_questions_is_asked_from_many_ports),
        cmocka_unit_test(ids_follow_no_order),
        cmocka_unit_test(an_answer_to_another_port_is_not_taken_and_told),
        cmocka_unit_test(an_answer_to_a_port_that_is_closed_reaches_nobody),
        cmocka_unit_test(questions_after_a_rest_leave_from_a_port_each),
        cmocka_unit_test(a_port_serves_so_many_questions_in_a_row_at_most),
        cmocka_unit_test(a_port_that_is_open_ahead_takes_nothing),
        cmocka_unit_test(what_comes_to_a_port_that_rests_is_told),
        cmocka_unit_test(what_waits_at_a_port_when_it_is_used_is_told),
        cmocka_unit_test(the_next_question_waits_for_no_rest),
        cmocka_unit_test(ports_have_a_most),
        cmocka_unit_test(without_descriptors_the_port_in_use_serves_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
