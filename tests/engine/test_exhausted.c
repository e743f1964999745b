/*
 * test_exhausted.c - what the engine does when the host has no more of something
 *
 * Each thing is made to run out. No flow may hang or take another with it, the
 * loop must not spin (its turns are counted), and the next flow works once
 * there is room again.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "../netlink/lab.h"
#include "base/clock.h"
#include "base/fd.h"
#include "descriptors.h"
#include "dial.h"
#include "engine/internal.h"
#include "engine/tcp_flow.h"
#include "fixture.h"
#include "inside.h"
#include "world.h"

#define CROWD 40
#define PIPES_MAX 4096
#define PIPE_BYTES (1 << 20)

static struct rlimit files;

static struct cf_loop *loop(void)
{
    return fixture_engine->config.loop;
}

/* Every warning is this one, and it comes once. */
static void check_warning(const char *code)
{
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 1);
    assert_string_equal(fixture_find(CF_EVENT_WARNING, 0)->text, code);
}

/* Denied for want of something: reason `limit`, and no rule says so. */
static void check_denials(void)
{
    assert_true(fixture_count(CF_EVENT_FLOW_DENIED) > 0);
    for (size_t i = 0; i < fixture_count(CF_EVENT_FLOW_DENIED); i++) {
        const struct fixture_event *event = fixture_find(CF_EVENT_FLOW_DENIED, i);

        assert_int_equal(event->verdict.reason, CF_REASON_LIMIT);
        assert_null(event->verdict.rule);
    }
}

/*
 * How a connect ended: 0 or an errno. Linux queues an ICMP error, of which poll(2) tells, before
 * SO_ERROR has it: until then the socket is neither connected nor not.
 */
static int connect_end(struct pollfd *connecting)
{
    socklen_t size = sizeof(int);
    int error = 0;

    do {
        if (poll(connecting, 1, -1) != 1)
            return errno;
    } while (!(connecting->revents & (POLLOUT | POLLHUP)));
    return getsockopt(connecting->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

/* Connected, or denied at once: nothing between. Returns how many are connected, -1 if not so. */
static int crowd_connect(struct pollfd *polls)
{
    struct sockaddr_storage sa;
    socklen_t length = address(WORLD_IPV4, WORLD_ECHO, &sa);
    int n = 0;

    for (int i = 0; i < CROWD; i++) {
        polls[i] = (struct pollfd) { socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), POLLOUT, 0 };
        if (connect(polls[i].fd, (struct sockaddr *)&sa, length) == 0 || errno != EINPROGRESS)
            return -1;
    }
    for (int i = 0; i < CROWD; i++) {
        int error = connect_end(&polls[i]);

        if (error != 0 && error != EHOSTUNREACH) {
            errno = error;
            return -1;
        }
        fcntl(polls[i].fd, F_SETFL, 0);
        n += error == 0;
        if (error != 0) {
            close(polls[i].fd);
            polls[i].fd = -1;
        }
    }
    return n;
}

/* As long as what was closed is on its way through the engine. */
static int dial_when_there_is_room(void)
{
    int fd;

    do
        fd = dial(SOCK_STREAM, WORLD_IPV4, WORLD_ECHO);
    while (fd < 0 && errno == EHOSTUNREACH);
    CHECK(fd >= 0);
    CHECK(write_all(fd, "again", 5) && reads(fd, "again"));
    return 0;
}

static int crowd_without_descriptors(void)
{
    struct pollfd polls[CROWD];
    int n;

    setrlimit(RLIMIT_NOFILE, &files);
    n = crowd_connect(polls);
    CHECK(n > 0 && n < CROWD);
    for (int i = 0; i < CROWD; i++)
        CHECK(polls[i].fd < 0 || (write_all(polls[i].fd, "here", 4) && reads(polls[i].fd, "here")));
    for (int i = 0; i < CROWD; i++)
        close(polls[i].fd);
    return dial_when_there_is_room();
}

static void flows_without_descriptors_are_denied_and_the_others_live(void **state)
{
    uint64_t turns = cf_loop_turns(loop());

    (void)state;
    descriptors_leave(14);
    assert_int_equal(fixture_begin(crowd_without_descriptors), 0);
    assert_int_equal(fixture_end(), 0);
    descriptors_give_back();
    check_denials();
    check_warning("resources");
    turns = cf_loop_turns(loop()) - turns;
    assert_true(turns < 10 * (CROWD + fixture_count(CF_EVENT_FLOW_DENIED)));
}

/* Every descriptor is a TCP connection's; then other protocols are denied too. */
static int hold_all_and_ask(void)
{
    struct pollfd polls[CROWD];
    char byte;
    int fd;

    setrlimit(RLIMIT_NOFILE, &files);
    CHECK(crowd_connect(polls) > 0);
    /* One may be left over: held by a flow whose other half found none. */
    fd = dial(SOCK_DGRAM, WORLD_IPV4, WORLD_ECHO);
    CHECK(inside_ask(fd, "x", 1, &byte, 1) < 0 && errno == EHOSTUNREACH);
    CHECK(inside_ask(fd, "x", 1, &byte, 1) < 0 && errno == EHOSTUNREACH);
    return 0;
}

static void datagrams_without_descriptors_are_denied_once_each(void **state)
{
    size_t n = 0;

    (void)state;
    descriptors_leave(8);
    assert_int_equal(fixture_begin(hold_all_and_ask), 0);
    assert_int_equal(fixture_end(), 0);
    descriptors_give_back();
    check_denials();
    for (size_t i = 0; i < fixture_count(CF_EVENT_FLOW_DENIED); i++)
        n += fixture_find(CF_EVENT_FLOW_DENIED, i)->proto == CF_PROTO_UDP;
    assert_int_equal(n, 1);
    assert_int_equal(fixture_inside(inside_udp_echo), 0);
}

static int twenty_conversations(void)
{
    char byte;

    setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < 20; i++) {
        int fd = dial(SOCK_DGRAM, WORLD_IPV4, WORLD_ECHO);

        CHECK(fd >= 0);
        CHECK(inside_ask(fd, "x", 1, &byte, 1) == 1);
    }
    return 0;
}

static void the_conversation_idle_for_longest_gives_its_descriptors(void **state)
{
    (void)state;
    descriptors_leave(7);
    assert_int_equal(fixture_begin(twenty_conversations), 0);
    assert_int_equal(fixture_end(), 0);
    descriptors_give_back();
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 20);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_CLOSE), 17);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 0);
    check_warning("resources");
}

static void the_conversation_idle_for_longest_makes_room_in_the_table(void **state)
{
    (void)state;
    fixture_engine->udp.limit = 8;
    assert_int_equal(fixture_inside(twenty_conversations), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 20);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_CLOSE), 12);
    assert_int_equal(fixture_engine->udp.n_flows, 8);
}

static int talk_and_shout(void)
{
    int talk = dial(SOCK_DGRAM, WORLD_IPV4, WORLD_ECHO);
    int shout = dial(SOCK_DGRAM, WORLD_BLACKHOLE_IPV4, 9);
    char byte;

    CHECK(send(shout, "x", 1, 0) == 1);
    CHECK(inside_ask(talk, "x", 1, &byte, 1) == 1);
    return 0;
}

static const uint8_t ping_echo[8] = { ICMP_ECHO };

static int ping_dial(void)
{
    struct sockaddr_storage sa;
    socklen_t length = address(WORLD_IPV4, 0, &sa);
    int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);

    return connect(fd, (struct sockaddr *)&sa, length) < 0 ? -1 : fd;
}

/* A small message, and its answer. */
static int small_ask(int fd, const void *message, size_t length)
{
    char answer[64];

    CHECK(inside_ask(fd, message, length, answer, sizeof answer) == (ssize_t)length);
    return 0;
}

/* As if all flows of a list had been silent for so long. */
static void age(struct cf_list *list, int64_t seconds)
{
    for (struct cf_list *at = list->next; at != list; at = at->next)
        cf_container_of(at, struct cf_flow, age)->touched_us -= seconds * CF_US_PER_S;
    cf_loop_timer_start(loop(), &fixture_engine->udp.idle, 0);
}

static void conversations_end_when_they_are_idle(void **state)
{
    struct cf_udp *udp = &fixture_engine->udp;

    (void)state;
    assert_int_equal(fixture_inside(talk_and_shout), 0);
    fixture_drain();
    assert_int_equal(udp->n_flows, 2);
    age(&udp->one_way, CF_UDP_IDLE_ONE_WAY_S);
    age(&udp->two_way, CF_UDP_IDLE_ONE_WAY_S);
    fixture_wait(CF_EVENT_FLOW_CLOSE, 1);
    assert_int_equal(udp->n_flows, 1);
    assert_false(cf_list_empty(&udp->two_way));
    age(&udp->two_way, CF_UDP_IDLE_S - CF_UDP_IDLE_ONE_WAY_S);
    fixture_wait(CF_EVENT_FLOW_CLOSE, 2);
    assert_int_equal(udp->n_flows, 0);
}

/* As if all flows of a list had been silent for so long, and the timer were due. */
static void age_and_look(struct cf_list *list, struct cf_timer *timer, int64_t seconds)
{
    for (struct cf_list *at = list->next; at != list; at = at->next)
        cf_container_of(at, struct cf_flow, age)->touched_us -= seconds * CF_US_PER_S;
    timer->fn(timer);
}

/* A word before and a word after: while it waits, a denied connect says that it does. */
static int talk_again(int fd, const void *message, size_t length)
{
    CHECK(fd >= 0 && small_ask(fd, message, length) == 0);
    CHECK(dial_error(SOCK_STREAM, DENIED_IPV4, 80) == EHOSTUNREACH);
    world_wait();
    CHECK(small_ask(fd, message, length) == 0);
    return 0;
}

static int datagram_and_again(void)
{
    return talk_again(dial(SOCK_DGRAM, WORLD_IPV4, WORLD_ECHO), "x", 1);
}

static int ping_and_again(void)
{
    return talk_again(ping_dial(), ping_echo, sizeof ping_echo);
}

/* Idle for half of its time it stays; then it ends, and the program, which cannot know, goes on. */
static void check_idle(int (*fn)(void), struct cf_list *list, struct cf_timer *timer, int64_t idle_s)
{
    world_expect();
    assert_int_equal(fixture_begin(fn), 0);
    fixture_wait(CF_EVENT_FLOW_DENIED, 1);
    age_and_look(list, timer, idle_s / 2);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_CLOSE), 0);
    age_and_look(list, timer, idle_s / 2);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_CLOSE), 1);
    assert_true(cf_list_empty(list));
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 1);
    world_tell();
    assert_int_equal(fixture_end(), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 2);
    assert_false(cf_list_empty(list));
}

static void a_conversation_that_was_forgotten_goes_on(void **state)
{
    struct cf_udp *udp = &fixture_engine->udp;

    (void)state;
    check_idle(datagram_and_again, &udp->two_way, &udp->idle, CF_UDP_IDLE_S);
}

static void pings_that_were_forgotten_go_on(void **state)
{
    struct cf_icmp *icmp = &fixture_engine->icmp;

    (void)state;
    check_idle(ping_and_again, &icmp->flows, &icmp->idle, CF_ICMP_IDLE_S);
}

static uint16_t checksum(uint32_t sum, const void *data, size_t length)
{
    const uint8_t *at = data;

    for (size_t i = 0; i + 1 < length; i += 2)
        sum += (uint32_t)at[i] << 8 | at[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* A SYN that no one sent: it becomes a connection in the listener's queue. */
static int stranger_send(uint16_t port)
{
    struct {
        struct iphdr ip;
        struct tcphdr tcp;
        uint8_t options[4]; /* fast open, as the engine asks for it */
    } packet = { .ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP },
                 .tcp = { .doff = 6, .syn = 1, .window = 0xffff },
                 .options = { 34, 2, 1, 1 } };
    const size_t segment = sizeof packet - sizeof packet.ip;
    struct sockaddr_storage to, from;
    struct sockaddr_in *in = (struct sockaddr_in *)&to;
    socklen_t length = address(CF_SANDBOX_IPV4, 0, &from);

    packet.ip.tot_len = htons(sizeof packet);
    packet.ip.saddr = ((struct sockaddr_in *)&from)->sin_addr.s_addr;
    address(WORLD_IPV4, 0, &to);
    packet.ip.daddr = in->sin_addr.s_addr;
    packet.tcp.source = htons(port);
    packet.tcp.dest = htons(80);
    packet.tcp.check =
        checksum((uint32_t)(IPPROTO_TCP + segment), &packet.ip.saddr, 8 + segment);
    return sendto(fixture_engine->config.gateway->inject4_fd, &packet, sizeof packet, 0,
                  (struct sockaddr *)&to, length) == sizeof packet
               ? 0
               : -1;
}

/* How many connections wait at the gateway's listener. */
static unsigned waiting(void)
{
    struct tcp_info info = { 0 };
    socklen_t length = sizeof info;

    assert_int_equal(getsockopt(fixture_engine->config.gateway->tcp_fd, IPPROTO_TCP, TCP_INFO,
                                &info, &length),
                     0);
    return info.tcpi_unacked;
}

static void strangers_send(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(stranger_send((uint16_t)(2000 + i)), 0);
}

static void a_full_queue_of_the_listener_loses_no_connection(void **state)
{
    (void)state;
    assert_int_equal(listen(fixture_engine->config.gateway->tcp_fd, 2), 0);
    assert_int_equal(fixture_begin(inside_crowd), 0);
    strangers_send(10);
    assert_int_equal(waiting(), 3); /* one more than its length, as Linux counts */
    assert_int_equal(fixture_end(), 0);
    fixture_wait(CF_EVENT_FLOW_CLOSE, WORLD_CROWD_SIZE);
    assert_int_equal(waiting(), 0);
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 0);
}

static int denied_once(void)
{
    setrlimit(RLIMIT_NOFILE, &files);
    CHECK(dial_error(SOCK_STREAM, WORLD_IPV4, WORLD_ECHO) == EHOSTUNREACH);
    return 0;
}

static void strangers_are_refused_without_descriptors_too(void **state)
{
    uint64_t turns = cf_loop_turns(loop());

    (void)state;
    assert_int_equal(fixture_begin(denied_once), 0);
    strangers_send(20);
    assert_int_equal(waiting(), 20);
    descriptors_leave(0);
    assert_int_equal(fixture_end(), 0);
    descriptors_give_back();
    assert_int_equal(waiting(), 0);
    assert_true(cf_loop_turns(loop()) - turns < 100);
    check_warning("resources");
    assert_int_equal(fixture_inside(inside_echo_both_families), 0);
}

static int wait_for_the_listener(void)
{
    return denied_once() || denied_once() || denied_once();
}

static void without_any_descriptor_the_listener_pauses(void **state)
{
    uint64_t turns = cf_loop_turns(loop());

    (void)state;
    assert_int_equal(fixture_begin(wait_for_the_listener), 0);
    strangers_send(20);
    assert_int_equal(waiting(), 20);
    cf_fd_close(&fixture_engine->tcp.spare_fd);
    descriptors_leave(0);
    /* The descriptor that the spare had. */
    assert_true(dup(0) < 0);
    assert_int_equal(fixture_end(), 0);
    assert_int_equal(waiting(), 20);
    assert_true(cf_loop_turns(loop()) - turns < 100);
    descriptors_give_back();
    check_warning("resources");
    assert_int_equal(fixture_inside(inside_echo_both_families), 0);
    assert_int_equal(waiting(), 0);
}

/* The server has room for one; the second waits as it does without childflow, alone. */
static int connect_to_a_full_server(void)
{
    struct sockaddr_storage sa;
    socklen_t length = address(WORLD_IPV4, WORLD_FULL, &sa), size = sizeof(int);
    int error = 0, first = dial(SOCK_STREAM, WORLD_IPV4, WORLD_FULL);
    struct pollfd second = { socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), POLLOUT, 0 };

    CHECK(first >= 0);
    CHECK(connect(second.fd, (struct sockaddr *)&sa, length) < 0 && errno == EINPROGRESS);
    for (int i = 0; i < 20; i++)
        CHECK(inside_echo_both_families() == 0);
    CHECK(poll(&second, 1, 0) == 0);
    world_accept();
    CHECK(poll(&second, 1, -1) == 1);
    CHECK(getsockopt(second.fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0);
    fcntl(second.fd, F_SETFL, 0);
    CHECK(write_all(first, "first", 5) && reads(first, "first"));
    CHECK(write_all(second.fd, "second", 6) && reads(second.fd, "second"));
    return 0;
}

static void a_full_server_holds_up_only_those_who_want_it(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(connect_to_a_full_server), 0);
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 0);
}

/* Its copies wait to be read while the timer is due, as after a stop of the whole process. */
static void a_connect_that_is_given_up_too_early_goes_on(void **state)
{
    struct cf_tcp_flow *flow;

    (void)state;
    assert_int_equal(fixture_begin(inside_black_hole), 0);
    fixture_wait(CF_EVENT_FLOW_OPEN, 1);
    flow = cf_container_of(cf_list_first(&fixture_engine->tcp.live), struct cf_tcp_flow, flow.age);
    assert_int_equal(flow->state, CF_TCP_CONNECTING);
    flow->timer.fn(&flow->timer);
    assert_int_equal(fixture_find(CF_EVENT_FLOW_CLOSE, 0)->result, CF_RESULT_TIMEOUT);
    assert_int_equal(fixture_end(), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 2); /* by the copy of its SYN */
}

/* SYNs that come while nobody reads them. */
static int crowd_all_at_once(void)
{
    struct sockaddr_storage sa;
    socklen_t length = address(WORLD_IPV4, WORLD_ECHO, &sa);
    int fds[CROWD];

    for (int i = 0; i < CROWD; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        CHECK(connect(fds[i], (struct sockaddr *)&sa, length) < 0 && errno == EINPROGRESS);
    }
    world_tell();
    for (int i = 0; i < CROWD; i++) {
        struct pollfd writable = { fds[i], POLLOUT, 0 };

        CHECK(poll(&writable, 1, -1) == 1);
        fcntl(fds[i], F_SETFL, 0);
        CHECK(write_all(fds[i], "x", 1) && reads(fds[i], "x"));
    }
    return 0;
}

static void lost_syns_come_again_and_are_counted(void **state)
{
    int size = 1;

    (void)state;
    world_expect();
    assert_int_equal(setsockopt(fixture_engine->config.gateway->flows_fd, SOL_SOCKET, SO_RCVBUF,
                                &size, sizeof size),
                     0);
    assert_int_equal(fixture_begin(crowd_all_at_once), 0);
    world_wait();
    size = 1 << 20;
    setsockopt(fixture_engine->config.gateway->flows_fd, SOL_SOCKET, SO_RCVBUF, &size,
               sizeof size);
    assert_int_equal(fixture_end(), 0);
    check_warning("packets_lost");
    assert_true(fixture_engine->flows_lost.count > 0);
    assert_true(fixture_engine->flows_lost.count < CROWD);
    fixture_stop();
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 2);
    assert_string_equal(fixture_find(CF_EVENT_WARNING, 1)->text, "packets_lost_count");
    assert_int_equal(fixture_start(false), 0);
}

#define QUEUE_BYTES 500 /* of the link, which so takes small packets only */
#define LARGE_BYTES 1000
#define LARGE_N 20

/*
 * Large ones are lost without a word, as in any full queue: what came of them would
 * be told before the small one that is sent last is answered.
 */
static int lose_large(int fd, const void *message, size_t length)
{
    struct msghdr error = { 0 };
    int on = 1;

    CHECK(fd >= 0 && length <= LARGE_BYTES);
    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    CHECK(small_ask(fd, message, length) == 0); /* neighbours know each other */
    for (int i = 0; i < LARGE_N; i++) {
        char large[LARGE_BYTES] = { 0 };

        memcpy(large, message, length);
        CHECK(send(fd, large, sizeof large, 0) == sizeof large);
    }
    CHECK(small_ask(fd, message, length) == 0);
    CHECK(recvmsg(fd, &error, MSG_ERRQUEUE | MSG_DONTWAIT) < 0 && errno == EAGAIN);
    return 0;
}

static int lose_datagrams(void)
{
    return lose_large(dial(SOCK_DGRAM, WORLD_IPV4, WORLD_ECHO), "x", 1) ||
           lose_large(dial(SOCK_DGRAM, WORLD_IPV6, WORLD_ECHO), "x", 1);
}

/* Of IPv4: Linux does not tell the sender of a ping over IPv6. */
static int lose_pings(void)
{
    return lose_large(ping_dial(), ping_echo, sizeof ping_echo);
}

/* What was lost is in no flow's count, nothing is denied, and the loop does not spin. */
static void check_lost(int (*fn)(void), size_t n_flows)
{
    uint64_t turns = cf_loop_turns(loop());

    assert_int_equal(world_queue(QUEUE_BYTES), 0);
    assert_int_equal(fixture_inside(fn), 0);
    assert_int_equal(world_queue(0), 0);
    assert_true(cf_loop_turns(loop()) - turns < 10 * LARGE_N);
    fixture_drain();
    fixture_stop();
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 0);
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_CLOSE), n_flows);
    for (size_t i = 0; i < n_flows; i++)
        assert_true(fixture_find(CF_EVENT_FLOW_CLOSE, i)->bytes_out < LARGE_BYTES);
    assert_int_equal(fixture_start(false), 0);
}

static void datagrams_that_the_host_has_no_room_for_are_lost(void **state)
{
    (void)state;
    check_lost(lose_datagrams, 2);
    assert_int_equal(fixture_inside(inside_udp_echo), 0);
}

static void pings_that_the_host_has_no_room_for_are_lost(void **state)
{
    (void)state;
    check_lost(lose_pings, 1);
    assert_int_equal(fixture_inside(inside_ping), 0);
}

static int tcp4(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV4, WORLD_ECHO);

    CHECK(fd >= 0 && write_all(fd, "four", 4) && reads(fd, "four"));
    return 0;
}

static int tcp6(void)
{
    int fd = dial(SOCK_STREAM, WORLD_IPV6, WORLD_ECHO);

    CHECK(fd >= 0 && write_all(fd, "six", 3) && reads(fd, "six"));
    return 0;
}

static int udp4(void)
{
    int fd = dial(SOCK_DGRAM, WORLD_IPV4, WORLD_ECHO);
    char byte;

    CHECK(fd >= 0 && inside_ask(fd, "x", 1, &byte, 1) == 1);
    return 0;
}

/* The next outward socket of each family stands ready, and no flow holds a descriptor. */
static void make_ahead(void)
{
    const struct cf_tcp *tcp = &fixture_engine->tcp;

    assert_int_equal(fixture_inside(tcp4), 0);
    fixture_wait(CF_EVENT_FLOW_CLOSE, 1);
    cf_loop_rest(loop());
    assert_int_equal(fixture_inside(tcp6), 0);
    fixture_wait(CF_EVENT_FLOW_CLOSE, 1);
    cf_loop_rest(loop());
    assert_true(tcp->ready.fds[0] >= 0 && tcp->ready.fds[1] >= 0);
}

/* The only descriptors that can be had are those of the sockets that were made ahead. */
static void check_made_ahead(int (*fn)(void))
{
    const int *ready = fixture_engine->tcp.ready.fds;
    int others[64], n = 0;

    make_ahead();
    assert_int_equal(fixture_begin(fn), 0);
    do { /* no number below theirs is free */
        others[n] = dup(0);
        assert_true(others[n] >= 0 && n < 63);
    } while (others[n++] < (ready[0] > ready[1] ? ready[0] : ready[1]));
    descriptors_leave(0);
    assert_int_equal(fixture_end(), 0);
    descriptors_give_back();
    while (n > 0)
        close(others[--n]);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 1);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 0);
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 0);
}

static void sockets_made_ahead_go_before_a_datagram_is_denied(void **state)
{
    (void)state;
    check_made_ahead(udp4);
}

static void sockets_made_ahead_go_before_the_listener_lacks_any(void **state)
{
    (void)state;
    check_made_ahead(tcp4);
}

static int transfer(void)
{
    return inside_download() || inside_upload();
}

static void without_room_for_large_pipes_small_ones_do(void **state)
{
    static int pipes[PIPES_MAX][2];
    int n = 0;

    (void)state;
    while (n < PIPES_MAX && pipe2(pipes[n], O_CLOEXEC) == 0 &&
           fcntl(pipes[n++][1], F_SETPIPE_SZ, PIPE_BYTES) >= 0)
        ;
    assert_int_equal(errno, EPERM);
    assert_int_equal(fixture_inside(transfer), 0);
    for (int i = 0; i < n; i++) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 0);
}

static void without_any_pipe_bytes_are_copied(void **state)
{
    (void)state;
    fixture_engine->pipes.limit = 0;
    assert_int_equal(fixture_inside(transfer), 0);
    assert_int_equal(fixture_engine->pipes.n_pipes, 0);
    assert_int_equal(fixture_count(CF_EVENT_WARNING), 0);
}

/* Each meets an engine that knows nothing of what ran out before. */
static int set_up(void **state)
{
    (void)state;
    return fixture_start(false);
}

static int tear_down(void **state)
{
    (void)state;
    fixture_stop();
    return setrlimit(RLIMIT_NOFILE, &files);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int tests(void)
{
    const struct CMUnitTest all[] = {
        TEST(flows_without_descriptors_are_denied_and_the_others_live),
        TEST(datagrams_without_descriptors_are_denied_once_each),
        TEST(sockets_made_ahead_go_before_a_datagram_is_denied),
        TEST(sockets_made_ahead_go_before_the_listener_lacks_any),
        TEST(the_conversation_idle_for_longest_gives_its_descriptors),
        TEST(the_conversation_idle_for_longest_makes_room_in_the_table),
        TEST(conversations_end_when_they_are_idle),
        TEST(a_conversation_that_was_forgotten_goes_on),
        TEST(pings_that_were_forgotten_go_on),
        TEST(a_full_queue_of_the_listener_loses_no_connection),
        TEST(strangers_are_refused_without_descriptors_too),
        TEST(without_any_descriptor_the_listener_pauses),
        TEST(a_full_server_holds_up_only_those_who_want_it),
        TEST(a_connect_that_is_given_up_too_early_goes_on),
        TEST(lost_syns_come_again_and_are_counted),
        TEST(datagrams_that_the_host_has_no_room_for_are_lost),
        TEST(pings_that_the_host_has_no_room_for_are_lost),
        TEST(without_room_for_large_pipes_small_ones_do),
        TEST(without_any_pipe_bytes_are_copied),
    };
    const struct CMUnitTest streams[] = {
        TEST(flows_without_descriptors_are_denied_and_the_others_live),
        TEST(a_full_queue_of_the_listener_loses_no_connection),
        TEST(strangers_are_refused_without_descriptors_too),
        TEST(without_any_descriptor_the_listener_pauses),
        TEST(without_room_for_large_pipes_small_ones_do),
    };
    int failed;

    if (world_start() < 0)
        return 1;
    failed = cmocka_run_group_tests_name("exhausted", all, NULL, NULL);
    fixture_threads = 3;
    failed += cmocka_run_group_tests_name("exhausted, three threads", streams, NULL, NULL);
    world_stop();
    return failed;
}

int main(void)
{
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return lab_run(tests);
}
