/*
 * test_notes.c - what is said beside the packets of a flow
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/notes.h"

static char rule_text[] = "registry.example.com:443";
static char rule_file[] = "policies/build.yaml";
static const struct cf_rule rule = { .text = rule_text, .origin = { rule_file, 14, 7 } };

static struct cf_addr_port at(const char *addr, uint16_t port)
{
    struct cf_addr_port result = { .port = port };

    assert_int_equal(cf_addr_parse(addr, &result.addr), 0);
    return result;
}

static struct cf_event event_of(uint64_t flow, enum cf_event_type type)
{
    return (struct cf_event) {
        .type = type,
        .flow_open = { .flow = flow,
                       .proto = CF_PROTO_TCP,
                       .src = at("198.18.0.2", 40000),
                       .dst = at("192.0.2.1", 443),
                       .process = { .pid = 7, .exe = "/usr/bin/node" },
                       .verdict = { .action = type == CF_EVENT_FLOW_OPEN ? CF_ALLOW : CF_DENY,
                                    .reason = CF_REASON_RULE,
                                    .rule = &rule } },
    };
}

static struct cf_frame frame_of(bool inbound)
{
    const struct cf_addr_port inside = at("198.18.0.2", 40000), outside = at("192.0.2.1", 443);

    return (struct cf_frame) {
        .protocol = IPPROTO_TCP,
        .src = inbound ? outside.addr : inside.addr,
        .dst = inbound ? inside.addr : outside.addr,
        .src_port = inbound ? outside.port : inside.port,
        .dst_port = inbound ? inside.port : outside.port,
    };
}

static struct cf_notes *notes_make(void)
{
    struct cf_notes *notes;

    assert_int_equal(cf_notes_new(&notes), 0);
    return notes;
}

static void tell(struct cf_notes *notes, uint64_t flow, enum cf_event_type type)
{
    const struct cf_event event = event_of(flow, type);

    cf_notes_event(notes, &event);
}

static void close_flow(struct cf_notes *notes, uint64_t flow)
{
    const struct cf_event event = { .type = CF_EVENT_FLOW_CLOSE, .flow_close = { .flow = flow } };

    cf_notes_event(notes, &event);
}

static void check_taken(struct cf_notes *notes, bool inbound, const char *expected)
{
    const struct cf_frame frame = frame_of(inbound);
    char *text = cf_notes_take(notes, &frame, inbound);

    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
    free(text);
}

#define OPENED "flow 3; allow: rule policies/build.yaml:14 'registry.example.com:443'" \
               "; process 7 /usr/bin/node"
#define DENIED "flow 3; deny: rule policies/build.yaml:14 'registry.example.com:443'" \
               "; process 7 /usr/bin/node"

static void check_known(const struct cf_notes *notes, bool expected)
{
    struct cf_frame frame = frame_of(false);

    assert_int_equal(cf_notes_know(notes, &frame, false), expected);
    frame = frame_of(true);
    assert_int_equal(cf_notes_know(notes, &frame, true), expected);
    assert_false(cf_notes_know(notes, &frame, false)); /* the other way round is another flow */
}

static void the_words_of_an_event_are_given_to_one_packet(void **state)
{
    struct cf_notes *notes = notes_make();

    (void)state;
    check_known(notes, false);
    check_taken(notes, false, NULL);
    tell(notes, 3, CF_EVENT_FLOW_OPEN);
    check_known(notes, true);
    check_taken(notes, false, OPENED);
    check_taken(notes, false, NULL);
    check_taken(notes, true, NULL);
    check_known(notes, true);
    cf_notes_free(notes);
}

static void a_packet_to_the_sandbox_gets_them_too(void **state)
{
    struct cf_notes *notes = notes_make();

    (void)state;
    tell(notes, 3, CF_EVENT_FLOW_OPEN);
    check_taken(notes, true, OPENED);
    check_taken(notes, false, NULL);
    cf_notes_free(notes);
}

static void a_flow_that_is_denied_later_says_so_then(void **state)
{
    struct cf_notes *notes = notes_make();

    (void)state;
    tell(notes, 3, CF_EVENT_FLOW_OPEN);
    check_taken(notes, false, OPENED);
    tell(notes, 3, CF_EVENT_FLOW_DENIED);
    check_taken(notes, false, DENIED);
    tell(notes, 4, CF_EVENT_FLOW_OPEN);
    tell(notes, 4, CF_EVENT_FLOW_DENIED);
    check_known(notes, true);
    close_flow(notes, 4);
    check_known(notes, true); /* its words wait */
    free(cf_notes_take(notes, &(struct cf_frame) { .protocol = IPPROTO_UDP }, false));
    cf_notes_free(notes);
}

static void ports_that_are_used_again_are_another_flow(void **state)
{
    struct cf_notes *notes = notes_make();

    (void)state;
    tell(notes, 2, CF_EVENT_FLOW_OPEN);
    tell(notes, 3, CF_EVENT_FLOW_OPEN); /* nobody took the words of flow 2 */
    check_taken(notes, false, OPENED);
    close_flow(notes, 2);
    check_known(notes, true);
    close_flow(notes, 3);
    check_known(notes, false);
    cf_notes_free(notes);
}

static void what_is_given_up_is_known_until_an_event_tells_of_it(void **state)
{
    const struct cf_frame frame = frame_of(false);
    struct cf_notes *notes = notes_make();

    (void)state;
    cf_notes_give_up(notes, &frame);
    check_known(notes, true);
    check_taken(notes, false, NULL);
    tell(notes, 3, CF_EVENT_FLOW_DENIED);
    check_taken(notes, false, DENIED);
    cf_notes_free(notes);
}

static void the_oldest_are_forgotten(void **state)
{
    struct cf_frame frame = frame_of(false);
    struct cf_notes *notes = notes_make();

    (void)state;
    tell(notes, 3, CF_EVENT_FLOW_OPEN);
    for (unsigned i = 0; i < CF_NOTES_MAX - 1; i++) {
        frame.dst_port = (uint16_t)i;
        frame.protocol = IPPROTO_UDP;
        cf_notes_give_up(notes, &frame);
    }
    check_known(notes, true);
    frame.protocol = IPPROTO_ICMP;
    cf_notes_give_up(notes, &frame);
    check_known(notes, false);
    close_flow(notes, 3);
    cf_notes_free(notes);
}

static void comments_that_nobody_takes_have_a_limit(void **state)
{
    static char exe[4001];
    struct cf_event event = event_of(3, CF_EVENT_FLOW_DENIED);
    struct cf_frame frame = frame_of(false);
    struct cf_notes *notes = notes_make();
    size_t bytes = 0, n = 0;

    (void)state;
    memset(exe, 'x', sizeof(exe) - 1);
    event.flow_open.process.exe = exe;
    for (unsigned i = 0; i < 8000; i++) {
        event.flow_open.flow = i + 1;
        event.flow_open.src.port = (uint16_t)i;
        cf_notes_event(notes, &event);
    }
    for (unsigned i = 8000; i-- > 0;) { /* the newest are there */
        char *text;

        frame.src_port = (uint16_t)i;
        text = cf_notes_take(notes, &frame, false);
        assert_true(text || bytes + 2 * sizeof(exe) > CF_NOTES_COMMENTS_MAX);
        n += text != NULL;
        bytes += text ? strlen(text) : 0;
        free(text);
    }
    assert_true(n > 0 && bytes <= CF_NOTES_COMMENTS_MAX);
    cf_notes_free(notes);
}

static void the_way_out_is_found_after_the_flow_was_closed(void **state)
{
    struct cf_event event = event_of(3, CF_EVENT_FLOW_OPEN);
    const struct cf_frame out = frame_of(false), in = frame_of(true);
    const struct cf_addr_port outside = at("192.0.2.7", 50000);
    struct cf_notes *notes = notes_make();
    struct cf_notes_way way;

    (void)state;
    event.flow_open.via_local = outside;
    cf_notes_event(notes, &event);
    close_flow(notes, 3);
    check_taken(notes, false, OPENED);
    check_known(notes, false);
    assert_true(cf_notes_find_way(notes, &out, false, &way));
    assert_true(cf_addr_port_equal(&way.local, &outside));
    assert_true(cf_notes_find_way(notes, &in, true, &way));
    cf_notes_give_up(notes, &out); /* no event came: a late packet of the flow */
    check_known(notes, true);
    assert_true(cf_notes_find_way(notes, &out, false, &way));
    tell(notes, 4, CF_EVENT_FLOW_DENIED);
    assert_false(cf_notes_find_way(notes, &out, false, &way));
    cf_notes_free(notes);
}

static void check_host(const char *local, const char *proxy, bool expected)
{
    struct cf_event event = event_of(3, CF_EVENT_FLOW_OPEN);
    const struct cf_frame frame = frame_of(false);
    struct cf_notes *notes = notes_make();
    struct cf_notes_way way;

    event.flow_open.via_local = at(local, 50000);
    event.flow_open.via_proxy = proxy;
    cf_notes_event(notes, &event);
    assert_true(cf_notes_find_way(notes, &frame, false, &way));
    assert_int_equal(way.is_host, expected);
    cf_notes_free(notes);
}

static void a_port_of_the_host_is_at_its_loopback(void **state)
{
    (void)state;
    check_host("127.0.0.1", NULL, true);
    check_host("192.0.2.7", NULL, false);
    check_host("127.0.0.1", "http://127.0.0.1:3128", false);
}

static void check_format(const struct cf_event_flow_open *flow, const char *expected)
{
    struct cf_buffer text;

    cf_buffer_init(&text, 0);
    cf_note_format(flow, &text);
    assert_string_equal(text.data, expected);
    cf_buffer_done(&text);
}

static void everything_that_is_known_is_said_in_one_printable_line(void **state)
{
    static const struct cf_flow_name names[] = { { .name = "registry.example.com" },
                                                 { .name = "cdn.example.net" } };
    static const uint64_t ids[] = { 5, 0 };
    struct cf_event event = event_of(3, CF_EVENT_FLOW_OPEN);
    struct cf_event_flow_open *flow = &event.flow_open;

    (void)state;
    flow->names = names;
    flow->dns_ids = ids;
    flow->n_names = 2;
    check_format(flow, OPENED "; names registry.example.com (dns 5), cdn.example.net");
    flow->verdict = (struct cf_verdict) { .action = CF_ALLOW,
                                          .would_deny = true,
                                          .reason = CF_REASON_DEFAULT };
    flow->process = (struct cf_event_process) { .pid = 7, .exe = "/tmp/a\nb\x1b\xff" };
    flow->n_names = 0;
    flow->sni = "other.example.net";
    check_format(flow, "flow 3; allow (would deny): default; process 7 /tmp/a\\x0ab\\x1b\\xff"
                       "; sni other.example.net");
    flow->sni = NULL;
    flow->process = (struct cf_event_process) { .unknown = "the socket was closed already" };
    check_format(flow, "flow 3; allow (would deny): default"
                       "; process unknown: the socket was closed already");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_an_event_are_given_to_one_packet),
        cmocka_unit_test(a_packet_to_the_sandbox_gets_them_too),
        cmocka_unit_test(a_flow_that_is_denied_later_says_so_then),
        cmocka_unit_test(ports_that_are_used_again_are_another_flow),
        cmocka_unit_test(what_is_given_up_is_known_until_an_event_tells_of_it),
        cmocka_unit_test(the_oldest_are_forgotten),
        cmocka_unit_test(comments_that_nobody_takes_have_a_limit),
        cmocka_unit_test(the_way_out_is_found_after_the_flow_was_closed),
        cmocka_unit_test(a_port_of_the_host_is_at_its_loopback),
        cmocka_unit_test(everything_that_is_known_is_said_in_one_printable_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
