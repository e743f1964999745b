/*
 * test_engine.c - programs in the sandbox meet a fake internet
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "../netlink/lab.h"
#include "dial.h"
#include "engine/internal.h"
#include "engine/inward.h"
#include "engine/packet.h"
#include "engine/tcp_flow.h"
#include "engine/tcp_outward.h"
#include "fixture.h"
#include "inside.h"
#include "world.h"

#define DEADLINE_MS 60000 /* for what never comes; no test waits it out */

static void check_close(size_t n, enum cf_flow_result result, uint64_t out, uint64_t in)
{
    const struct fixture_event *event;

    fixture_wait(CF_EVENT_FLOW_CLOSE, n + 1);
    event = fixture_find(CF_EVENT_FLOW_CLOSE, n);
    assert_non_null(event);
    assert_string_equal(cf_flow_result_name(event->result), cf_flow_result_name(result));
    assert_int_equal(event->bytes_out, out);
    assert_int_equal(event->bytes_in, in);
}

static void check_warnings_none(void)
{
    const struct fixture_event *event = fixture_find(CF_EVENT_WARNING, 0);

    if (event)
        fail_msg("warning: %s", event->text);
}

static void connect_ends_as_it_does_outside(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_connect_ends_as_outside), 0);
    fixture_wait(CF_EVENT_FLOW_CLOSE, 9);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 9);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 0);
    check_warnings_none();
}

static void refused_connect_is_one_flow_with_its_result(void **state)
{
    const struct fixture_event *open;

    (void)state;
    assert_int_equal(fixture_inside(inside_refused_once), 0);
    check_close(0, CF_RESULT_REFUSED, 0, 0);
    open = fixture_find(CF_EVENT_FLOW_OPEN, 0);
    assert_int_equal(open->proto, CF_PROTO_TCP);
    assert_int_equal(open->dst.port, WORLD_CLOSED);
    assert_int_equal(open->verdict.action, CF_ALLOW);
    assert_string_equal(open->text, "192.0.2.0/24");
    assert_int_equal(open->via.addr.family, CF_FAMILY_IPV4);
    assert_int_not_equal(open->via.port, 0);
}

static void denied_connect_ends_at_once(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_denied_at_once), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 2);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 0);
    assert_int_equal(fixture_find(CF_EVENT_FLOW_DENIED, 0)->verdict.reason, CF_REASON_DEFAULT);
}

static void denial_is_logged_once_each(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_denied_many_times), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 200);
}

static void black_hole_times_out(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_black_hole), 0);
    fixture_wait(CF_EVENT_FLOW_CLOSE, 1);
    check_close(0, CF_RESULT_TIMEOUT, 0, 0);
}

static void echo_passes_in_both_families(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_echo_both_families), 0);
    check_close(0, CF_RESULT_CLOSED, 7, 7);
    check_close(1, CF_RESULT_CLOSED, 7, 7);
}

static int hold_two_of_each_family(void)
{
    for (int i = 0; i < 4; i++) {
        int fd = dial(SOCK_STREAM, i % 2 ? WORLD_IPV6 : WORLD_IPV4, WORLD_ECHO);

        CHECK(fd >= 0 && write_all(fd, "x", 1) && reads(fd, "x"));
    }
    CHECK(dial_error(SOCK_STREAM, DENIED_IPV4, 80) == EHOSTUNREACH); /* they stand: it is told */
    world_wait();
    return 0;
}

static bool has_no_delay(int fd)
{
    int on = 0;
    socklen_t length = sizeof on;

    return getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &length) == 0 && on;
}

/* A program's own Nagle has done its work before; another would be one too many. */
static void small_segments_wait_at_neither_end(void **state)
{
    struct cf_tcp *tcp = &fixture_engine->tcp;
    int n = 0;

    (void)state;
    world_expect();
    cf_tcp_outward_forget(tcp); /* the first of each family is made when it is wanted */
    assert_int_equal(fixture_begin(hold_two_of_each_family), 0);
    fixture_wait(CF_EVENT_FLOW_DENIED, 1);
    for (struct cf_list *at = tcp->live.next; at != &tcp->live; at = at->next) {
        const struct cf_relay *relay = &cf_tcp_flow_at(at)->relay;

        if (cf_tcp_flow_at(at)->state != CF_TCP_RELAYED || relay->inside.fd < 0 ||
            relay->outside.fd < 0)
            continue;
        assert_true(has_no_delay(relay->inside.fd));
        assert_true(has_no_delay(relay->outside.fd));
        n++;
    }
    assert_true(n >= 4);
    world_tell();
    assert_int_equal(fixture_end(), 0);
    fixture_wait(CF_EVENT_FLOW_CLOSE, 4);
}

static void upload_of_100_mib_arrives_as_sent(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_upload), 0);
    check_close(0, CF_RESULT_CLOSED, WORLD_BULK, 8);
}

static void download_of_100_mib_arrives_as_sent(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_download), 0);
    check_close(0, CF_RESULT_CLOSED, 0, WORLD_BULK);
}

static void half_close_of_the_client_passes(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_half_close), 0);
    check_close(0, CF_RESULT_CLOSED, 3, 8);
}

static void half_close_of_the_server_passes(void **state)
{
    (void)state;
    world_expect();
    assert_int_equal(fixture_inside(inside_half_close_of_server), 0);
    check_close(0, CF_RESULT_CLOSED, 1000, 4);
    world_wait();
    assert_int_equal(world_shared->bytes, 1000);
    assert_int_equal(world_shared->error, 0);
}

static void server_may_speak_first(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_server_speaks_first), 0);
    check_close(0, CF_RESULT_CLOSED, 3, 8);
}

static void reset_of_the_server_comes_behind_its_data(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_reset_of_server), 0);
    check_close(0, CF_RESULT_RESET, 1, 3);
}

static void reset_of_the_client_comes_behind_its_data(void **state)
{
    (void)state;
    world_expect();
    assert_int_equal(fixture_inside(inside_reset_of_client), 0);
    check_close(0, CF_RESULT_RESET, 10, 0);
    world_wait();
    assert_int_equal(world_shared->bytes, 10);
    assert_int_equal(world_shared->error, ECONNRESET);
}

static void single_bytes_go_back_and_forth(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_ping_pong), 0);
    check_close(0, CF_RESULT_CLOSED, 2000, 2000);
}

static void urgent_byte_passes_outward(void **state)
{
    (void)state;
    world_expect();
    assert_int_equal(fixture_inside(inside_urgent_out), 0);
    check_close(0, CF_RESULT_CLOSED, 5, 0);
    world_wait();
    assert_string_equal(world_shared->text, "ab|!cd");
}

static void urgent_byte_passes_inward(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_urgent_in), 0);
    check_close(0, CF_RESULT_CLOSED, 1, 5);
}

static void source_port_can_be_used_again(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_source_port_reuse), 0);
    fixture_wait(CF_EVENT_FLOW_CLOSE, 20);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 20);
}

static void crowd_connects_at_once(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_crowd), 0);
    fixture_wait(CF_EVENT_FLOW_CLOSE, WORLD_CROWD_SIZE);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), WORLD_CROWD_SIZE);
    check_warnings_none();
}

static void slow_reader_holds_up_only_itself(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_slow_reader_and_another), 0);
    fixture_wait(CF_EVENT_FLOW_CLOSE, 51);
}

static void bytes_of_flow(void *data, const struct cf_open_flow *flow)
{
    *(uint64_t *)data = flow->bytes_out;
}

static void upload_survives_the_end_of_its_process(void **state)
{
    uint64_t bytes = 0;

    (void)state;
    world_expect();
    assert_int_equal(fixture_inside(inside_upload_and_leave), 0);
    fixture_drain();
    /* It waits for the engine's end, or was ended by the server's answer, which finds no one. */
    cf_engine_each_flow(fixture_engine, bytes_of_flow, &bytes);
    if (fixture_count(CF_EVENT_FLOW_CLOSE) == 1)
        bytes = fixture_find(CF_EVENT_FLOW_CLOSE, 0)->bytes_out;
    assert_int_equal(bytes, 8 << 20);
    world_wait();
    assert_int_equal(world_shared->bytes, 8 << 20);
    assert_int_equal(world_shared->error, 0);
}

static void datagrams_of_all_sizes_come_back(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_udp_echo), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 13);
    check_warnings_none();
}

static void errors_of_datagrams_are_told(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_udp_refused), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 4);
}

static void denied_datagrams_are_one_event_a_conversation(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_udp_denied), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 2);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 0);
}

static void last_datagram_leaves_after_its_process(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_udp_send_and_leave), 0);
    fixture_drain();
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 1);
}

static void pings_are_answered(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_ping), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 5);
    check_warnings_none();
}

static void denied_pings_are_told(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_ping_denied), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 2);
}

static void port_53_is_the_resolver_for_streams_too(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_dns_over_tcp), 0);
    fixture_wait(CF_EVENT_DNS, 1);
    assert_string_equal(fixture_find(CF_EVENT_DNS, 0)->text, "world.test");
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 0);
}

static void wait_readable(int fd)
{
    struct pollfd readable = { fd, POLLIN, 0 };

    assert_int_equal(poll(&readable, 1, DEADLINE_MS), 1);
}

/* A SYN from INSIDE_ONE_PORT to port 53, as one that went back in before. */
static void inject_syn(void)
{
    uint8_t syn[CF_CRAFT_SIZE], bytes[40] = {
        [0] = 0x45,
        [3] = sizeof bytes,
        [8] = 64,
        [9] = IPPROTO_TCP, /* so far IPv4, from here on TCP */
        [20] = INSIDE_ONE_PORT >> 8,
        [21] = INSIDE_ONE_PORT & 0xff,
        [23] = 53,
        [27] = 1,
        [32] = 0x50,
        [33] = CF_TCP_SYN,
    };
    struct cf_packet packet;
    size_t length;

    inet_pton(AF_INET, CF_SANDBOX_IPV4, bytes + 12);
    inet_pton(AF_INET, DENIED_IPV4, bytes + 16);
    assert_int_equal(cf_packet_parse(bytes, sizeof bytes, &packet), 0);
    length = cf_craft_syn(&packet, syn, sizeof syn);
    assert_int_equal(cf_inward_inject(fixture_engine, syn, length), 0);
}

/* The sandbox gave up its connection and takes the port again before we have accepted. */
static void connection_of_an_earlier_syn_is_not_the_next_one(void **state)
{
    const struct cf_gateway *gateway = fixture_engine->config.gateway;

    (void)state;
    assert_int_equal(fixture_begin(inside_dns_from_one_port), 0);
    wait_readable(gateway->flows_fd);
    inject_syn();
    wait_readable(gateway->tcp_fd);
    assert_int_equal(fixture_end(), 0);
}

static void host_port_leads_to_the_loopback_and_no_other_does(void **state)
{
    (void)state;
    assert_int_equal(fixture_inside(inside_host_port), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_OPEN), 2);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 2);
    assert_non_null(fixture_find(CF_EVENT_FLOW_OPEN, 0)->verdict.rule);
}

static void what_is_no_flow_is_counted(void **state)
{
    const struct fixture_event *event;

    (void)state;
    assert_int_equal(fixture_inside(inside_protocol), 0);
    fixture_wait(CF_EVENT_PACKETS_DENIED, 1);
    event = fixture_find(CF_EVENT_PACKETS_DENIED, 0);
    assert_int_equal(event->protocol, 253);
    assert_string_equal(event->text, "protocol");
    assert_int_equal(event->count, 3);
}

static void audit_mode_lets_through_and_says_so(void **state)
{
    (void)state;
    fixture_stop();
    assert_int_equal(fixture_start(true), 0);
    assert_int_equal(fixture_inside(inside_audit_mode), 0);
    assert_int_equal(fixture_count(CF_EVENT_FLOW_DENIED), 0);
    assert_false(fixture_find(CF_EVENT_FLOW_OPEN, 0)->verdict.would_deny);
    assert_true(fixture_find(CF_EVENT_FLOW_OPEN, 1)->verdict.would_deny);
}

static void stopping_leaves_no_descriptor_behind(void **state)
{
    int before;

    (void)state;
    fixture_stop();
    before = lab_count_descriptors();
    assert_int_equal(fixture_start(false), 0);
    assert_int_equal(fixture_inside(inside_echo_both_families), 0);
    assert_int_equal(fixture_inside(inside_udp_echo), 0);
    fixture_stop();
    assert_int_equal(lab_count_descriptors(), before);
}

static int start(void **state)
{
    (void)state;
    return fixture_start(false);
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(connect_ends_as_it_does_outside),
        cmocka_unit_test(refused_connect_is_one_flow_with_its_result),
        cmocka_unit_test(denied_connect_ends_at_once),
        cmocka_unit_test(denial_is_logged_once_each),
        /* Before any datagram: on a slow machine their conversations end meanwhile. */
        cmocka_unit_test(black_hole_times_out),
        cmocka_unit_test(echo_passes_in_both_families),
        cmocka_unit_test(half_close_of_the_client_passes),
        cmocka_unit_test(half_close_of_the_server_passes),
        cmocka_unit_test(server_may_speak_first),
        cmocka_unit_test(reset_of_the_server_comes_behind_its_data),
        cmocka_unit_test(reset_of_the_client_comes_behind_its_data),
        cmocka_unit_test(single_bytes_go_back_and_forth),
        cmocka_unit_test(small_segments_wait_at_neither_end),
        cmocka_unit_test(urgent_byte_passes_outward),
        cmocka_unit_test(urgent_byte_passes_inward),
        cmocka_unit_test(source_port_can_be_used_again),
        cmocka_unit_test(upload_of_100_mib_arrives_as_sent),
        cmocka_unit_test(download_of_100_mib_arrives_as_sent),
        cmocka_unit_test(slow_reader_holds_up_only_itself),
        cmocka_unit_test(crowd_connects_at_once),
        cmocka_unit_test(upload_survives_the_end_of_its_process),
        cmocka_unit_test(datagrams_of_all_sizes_come_back),
        cmocka_unit_test(errors_of_datagrams_are_told),
        cmocka_unit_test(denied_datagrams_are_one_event_a_conversation),
        cmocka_unit_test(last_datagram_leaves_after_its_process),
        cmocka_unit_test(pings_are_answered),
        cmocka_unit_test(denied_pings_are_told),
        cmocka_unit_test(port_53_is_the_resolver_for_streams_too),
        cmocka_unit_test(connection_of_an_earlier_syn_is_not_the_next_one),
        cmocka_unit_test(host_port_leads_to_the_loopback_and_no_other_does),
        cmocka_unit_test(what_is_no_flow_is_counted),
        cmocka_unit_test(audit_mode_lets_through_and_says_so),
        cmocka_unit_test(stopping_leaves_no_descriptor_behind),
    };

    /* What other threads have to do with. */
    const struct CMUnitTest streams[] = {
        cmocka_unit_test(echo_passes_in_both_families),
        cmocka_unit_test(half_close_of_the_client_passes),
        cmocka_unit_test(half_close_of_the_server_passes),
        cmocka_unit_test(reset_of_the_server_comes_behind_its_data),
        cmocka_unit_test(reset_of_the_client_comes_behind_its_data),
        cmocka_unit_test(urgent_byte_passes_outward),
        cmocka_unit_test(source_port_can_be_used_again),
        cmocka_unit_test(upload_of_100_mib_arrives_as_sent),
        cmocka_unit_test(download_of_100_mib_arrives_as_sent),
        cmocka_unit_test(slow_reader_holds_up_only_itself),
        cmocka_unit_test(crowd_connects_at_once),
        cmocka_unit_test(upload_survives_the_end_of_its_process),
        cmocka_unit_test(stopping_leaves_no_descriptor_behind),
    };
    int failed;

    if (world_start() < 0)
        return 1;
    failed = cmocka_run_group_tests_name("engine", all, start, stop);
    fixture_threads = 3;
    failed += cmocka_run_group_tests_name("engine, three threads", streams, start, stop);
    world_stop();
    return failed;
}

int main(void)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return lab_run(tests);
}
