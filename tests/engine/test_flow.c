/*
 * test_flow.c - the table of flows, its events, and where a flow may go
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/flow.h"
#include "engine/judge.h"

static struct cf_audit *audit;
static struct cf_flow_table table;
static struct cf_event last;
static size_t n_events;

static void tap(void *data, const struct cf_event *event)
{
    (void)data;
    last = *event;
    n_events++;
}

static struct cf_profile *profile;
static struct cf_names *names;
static const char *exe;      /* of whoever opens a flow */
static unsigned n_looked_up; /* times that this was asked */

static void find_process(void *data, enum cf_proto proto, const struct cf_addr_port *src,
                         const struct cf_addr_port *dst, struct cf_event_process *ret_process)
{
    (void)data;
    (void)proto;
    (void)src;
    (void)dst;
    n_looked_up++;
    ret_process->pid = 42;
    ret_process->exe = exe;
}

static int set_up(void **state)
{
    struct cf_error err;

    (void)state;
    n_events = 0;
    n_looked_up = 0;
    exe = NULL;
    profile = cf_profile_new();
    if (!profile || cf_profile_seal(profile) < 0 || cf_names_new(profile, &names) < 0 ||
        cf_audit_open(NULL, "0", NULL, NULL, &audit, &err) < 0)
        return -1;
    cf_audit_tap(audit, tap, NULL);
    cf_flow_table_init(&table, audit, profile, names, find_process, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cf_flow_table_done(&table);
    cf_names_free(names);
    cf_profile_free(profile);
    return cf_audit_close(audit, NULL);
}

static struct cf_flow_key key_of(uint8_t protocol, uint16_t src_port, const char *dst,
                                 uint16_t port)
{
    struct cf_flow_key key = { .protocol = protocol, .src.port = src_port, .dst.port = port };

    cf_addr_parse("198.18.0.2", &key.src.addr);
    assert_int_equal(cf_addr_parse(dst, &key.dst.addr), 0);
    return key;
}

static void flow_is_found_by_its_whole_key(void **state)
{
    struct cf_flow_key key = key_of(IPPROTO_TCP, 4000, "192.0.2.1", 80), other;
    struct cf_flow flow;

    (void)state;
    cf_flow_init(&flow, &key);
    assert_null(cf_flow_find(&table, &key));
    assert_int_equal(cf_flow_list(&table, &flow), 0);
    assert_ptr_equal(cf_flow_find(&table, &key), &flow);
    other = key_of(IPPROTO_UDP, 4000, "192.0.2.1", 80);
    assert_null(cf_flow_find(&table, &other));
    other = key_of(IPPROTO_TCP, 4001, "192.0.2.1", 80);
    assert_null(cf_flow_find(&table, &other));
    other = key_of(IPPROTO_TCP, 4000, "192.0.2.1", 81);
    assert_null(cf_flow_find(&table, &other));
    other = key_of(IPPROTO_TCP, 4000, "192.0.2.2", 80);
    assert_null(cf_flow_find(&table, &other));
    cf_flow_unlist(&table, &flow);
    cf_flow_unlist(&table, &flow);
    assert_null(cf_flow_find(&table, &key));
}

static void allowed_flow_is_one_open_and_one_close(void **state)
{
    struct cf_flow_key key = key_of(IPPROTO_TCP, 4000, "192.0.2.1", 80);
    struct cf_judgement judgement = { .verdict.action = CF_ALLOW };
    struct cf_flow flow;

    (void)state;
    cf_flow_init(&flow, &key);
    cf_flow_log(&table, &flow, &judgement, NULL);
    assert_int_equal(last.type, CF_EVENT_FLOW_OPEN);
    assert_int_equal(last.flow_open.flow, 1);
    assert_int_equal(last.flow_open.process.pid, 42);
    flow.bytes_out = 5;
    flow.bytes_in = 6;
    cf_flow_log_close(&table, &flow, CF_RESULT_RESET);
    cf_flow_log_close(&table, &flow, CF_RESULT_CLOSED);
    assert_int_equal(n_events, 2);
    assert_int_equal(last.flow_close.flow, 1);
    assert_int_equal(last.flow_close.result, CF_RESULT_RESET);
    assert_int_equal(last.flow_close.bytes_out, 5);
    assert_int_equal(last.flow_close.bytes_in, 6);
}

static void denied_flow_has_no_close_and_echo_no_port(void **state)
{
    struct cf_flow_key key = key_of(IPPROTO_ICMP, 4000, "192.0.2.1", 0);
    struct cf_judgement judgement = { 0 };
    struct cf_flow flow;

    (void)state;
    cf_judge_deny(&judgement, CF_REASON_LIMIT);
    cf_flow_init(&flow, &key);
    cf_flow_log(&table, &flow, &judgement, NULL);
    assert_int_equal(last.type, CF_EVENT_FLOW_DENIED);
    assert_int_equal(last.flow_open.proto, CF_PROTO_ICMP);
    assert_int_equal(last.flow_open.src.port, 0);
    assert_int_equal(last.flow_open.verdict.reason, CF_REASON_LIMIT);
    cf_flow_log_close(&table, &flow, CF_RESULT_CLOSED);
    assert_int_equal(n_events, 1);
}

static void table_is_full_at_its_limit_until_a_flow_closes(void **state)
{
    struct cf_flow_key key = key_of(IPPROTO_TCP, 4000, "192.0.2.1", 80);
    struct cf_judgement judgement = { .verdict.action = CF_ALLOW };
    struct cf_flow a, b;

    (void)state;
    table.limit = 2;
    cf_flow_init(&a, &key);
    cf_flow_init(&b, &key);
    cf_flow_log(&table, &a, &judgement, NULL);
    assert_false(cf_flow_table_full(&table));
    cf_flow_log(&table, &b, &judgement, NULL);
    assert_true(cf_flow_table_full(&table));
    cf_flow_log_close(&table, &a, CF_RESULT_CLOSED);
    assert_false(cf_flow_table_full(&table));
    cf_flow_log_close(&table, &b, CF_RESULT_CLOSED);
}

static void ghosts_are_known_until_newer_ones_need_room(void **state)
{
    struct cf_flow_key key = key_of(IPPROTO_TCP, 4000, "192.0.2.1", 80);

    (void)state;
    cf_flow_ghost_add(&table, &key, 7);
    assert_true(cf_flow_ghost_find(&table, &key, 7));
    assert_false(cf_flow_ghost_find(&table, &key, 8));
    for (uint32_t i = 0; i < CF_FLOW_GHOSTS - 1; i++)
        cf_flow_ghost_add(&table, &key, 1000 + i);
    assert_true(cf_flow_ghost_find(&table, &key, 7));
    cf_flow_ghost_add(&table, &key, 99);
    assert_false(cf_flow_ghost_find(&table, &key, 7));
    assert_true(cf_flow_ghost_find(&table, &key, 99));
}

static void check_never(const char *text, bool expected)
{
    struct cf_addr addr = { .family = CF_FAMILY_IPV6 };

    /* cf_addr_parse() folds what a packet's header does not. */
    if (strncmp(text, "::ffff:", 7) == 0) {
        memset(addr.bytes + 10, 0xff, 2);
        addr.bytes[12] = 192;
    } else {
        assert_int_equal(cf_addr_parse(text, &addr), 0);
    }
    if (cf_destination_never(&addr) != expected)
        fail_msg("%s: expected %d", text, expected);
}

static void some_destinations_are_never_given_a_socket(void **state)
{
    (void)state;
    check_never("0.0.0.0", true);
    check_never("0.1.2.3", true);
    check_never("127.0.0.1", true);
    check_never("127.255.255.255", true);
    check_never("224.0.0.1", true);
    check_never("239.255.255.255", true);
    check_never("240.0.0.1", true);
    check_never("255.255.255.255", true);
    check_never("198.18.0.0", true);
    check_never("198.18.0.2", true);
    check_never("198.18.0.3", true);
    check_never("::", true);
    check_never("::1", true);
    check_never("::192.0.2.1", true);
    check_never("::ffff:192.0.2.1", true);
    check_never("::ffff:0:192.0.2.1", true);
    check_never("64:ff9b::127.0.0.1", true);
    check_never("64:ff9b::10.0.0.1", true);
    check_never("64:ff9b::169.254.169.254", true);
    check_never("64:ff9b::198.18.0.1", true);
    check_never("64:ff9b:1::1", true);
    check_never("2002:7f00:1::", true);
    check_never("2002:a00:1::", true);
    check_never("2001:0:1::1", true);
    check_never("fe80::1", true);
    check_never("ff02::1", true);
    check_never("2001:db8:cf::2", true);
    check_never("198.18.0.1", false);
    check_never("2001:db8:cf::1", false);
    check_never("192.0.2.1", false);
    check_never("10.0.0.1", false); /* the policy's matter */
    check_never("169.254.169.254", false);
    check_never("223.255.255.255", false);
    check_never("2001:db8::1", false);
    check_never("64:ff9b::192.0.2.1", false);
    check_never("64:ff9b::8.8.8.8", false);
    check_never("2002:808:808::", false);
    check_never("fd00::1", false);
}

static void check_judge(const struct cf_profile *of, const char *text, uint16_t port,
                        enum cf_proto proto, enum cf_destination destination, enum cf_action action)
{
    struct cf_addr_port dst = { .port = port };
    struct cf_judgement judgement;
    struct cf_names *known;

    assert_int_equal(cf_names_new(of, &known), 0);
    assert_int_equal(cf_addr_parse(text, &dst.addr), 0);
    cf_judge(of, known, 1, proto, &dst, NULL, &judgement);
    assert_int_equal(judgement.destination, destination);
    assert_int_equal(judgement.verdict.action, action);
    if (destination == CF_DESTINATION_HOST) {
        assert_int_equal(judgement.target.addr.bytes[0], 127);
        assert_non_null(judgement.verdict.rule);
    }
    cf_names_free(known);
}

static void gateway_is_the_host_at_its_listed_ports_only(void **state)
{
    struct cf_profile *with_port = cf_profile_new();
    struct cf_origin origin = { NULL, 1, 1 };

    (void)state;
    assert_int_equal(cf_profile_host_port_add(with_port, 5432, origin), 0);
    assert_int_equal(cf_profile_seal(with_port), 0);
    for (int mode = CF_MODE_ENFORCE; mode <= CF_MODE_AUDIT; mode++) {
        with_port->mode = (enum cf_mode)mode;
        check_judge(with_port, "198.18.0.1", 5432, CF_PROTO_TCP, CF_DESTINATION_HOST, CF_ALLOW);
        check_judge(with_port, "198.18.0.1", 5432, CF_PROTO_UDP, CF_DESTINATION_HOST, CF_ALLOW);
        check_judge(with_port, "2001:db8:cf::1", 5432, CF_PROTO_TCP, CF_DESTINATION_HOST,
                    CF_ALLOW);
        check_judge(with_port, "198.18.0.1", 5433, CF_PROTO_TCP, CF_DESTINATION_GATEWAY,
                    CF_DENY);
        check_judge(with_port, "198.18.0.1", 0, CF_PROTO_ICMP, CF_DESTINATION_GATEWAY, CF_DENY);
        check_judge(with_port, "127.0.0.1", 5432, CF_PROTO_TCP, CF_DESTINATION_NEVER, CF_DENY);
    }
    check_judge(with_port, "192.0.2.1", 80, CF_PROTO_TCP, CF_DESTINATION_WORLD, CF_ALLOW);
    with_port->mode = CF_MODE_ENFORCE;
    check_judge(with_port, "192.0.2.1", 80, CF_PROTO_TCP, CF_DESTINATION_WORLD, CF_DENY);
    cf_profile_free(with_port);
}

/* A policy that requires a proxy which resolves names. */
static struct cf_profile *proxied(const char *url, enum cf_mode mode, const char *const *rules)
{
    struct cf_origin origin = { NULL, 1, 1 };
    struct cf_profile *of = cf_profile_new();
    struct cf_endpoint endpoint;

    assert_int_equal(cf_proxy_url_parse(url, &of->proxy.url, NULL, NULL), 0);
    of->proxy.require = true;
    of->mode = mode;
    for (; *rules; rules++) {
        bool deny = **rules == '-';

        assert_int_equal(cf_endpoint_parse(*rules + deny, &endpoint, NULL, NULL), 0);
        assert_int_equal(cf_profile_rule_add(of, deny ? CF_DENY : CF_ALLOW, *rules + deny,
                                             &endpoint, origin),
                         0);
    }
    assert_int_equal(cf_profile_seal(of), 0);
    return of;
}

/* A flow to the stand-in of a name (NULL: to one that nobody was given). */
static void check_standin(const struct cf_profile *of, const char *name, enum cf_proto proto,
                          uint16_t port, enum cf_destination destination, enum cf_action action,
                          enum cf_reason reason)
{
    struct cf_addr_port dst = { .port = port };
    struct cf_judgement judgement;
    struct cf_names *known;

    assert_int_equal(cf_names_new(of, &known), 0);
    if (name)
        assert_int_equal(cf_names_standin(known, name, 7, &dst.addr), 0);
    else
        assert_int_equal(cf_addr_parse("198.19.0.1", &dst.addr), 0);
    cf_judge(of, known, 1, proto, &dst, NULL, &judgement);
    assert_int_equal(judgement.destination, destination);
    assert_int_equal(judgement.verdict.action, action);
    assert_int_equal(judgement.route, action == CF_ALLOW ? CF_ROUTE_PROXY : CF_ROUTE_DIRECT);
    assert_int_equal(judgement.verdict.reason, reason);
    assert_int_equal(judgement.n_names, name ? 1 : 0);
    if (action == CF_ALLOW)
        assert_string_equal(judgement.proxy_name, name);
    if (name) {
        assert_int_equal(judgement.target.addr.family, CF_FAMILY_NONE);
        assert_int_equal(judgement.target.port, port);
        assert_string_equal(judgement.names[0].name, name);
        assert_int_equal(judgement.dns_ids[0], 7);
    }
    cf_names_free(known);
}

static void a_stand_in_is_judged_by_its_name_alone(void **state)
{
    static const char *const rules[] = { "a.example:443", "198.19.0.0/16", "-private", NULL };
    struct cf_profile *of = proxied("socks5h://proxy", CF_MODE_ENFORCE, rules);
    const enum cf_destination world = CF_DESTINATION_WORLD;

    (void)state;
    check_standin(of, "a.example", CF_PROTO_TCP, 443, world, CF_ALLOW, CF_REASON_RULE);
    check_standin(of, "a.example", CF_PROTO_UDP, 443, world, CF_DENY, CF_REASON_QUIC);
    of->egress.quic = CF_ALLOW;
    check_standin(of, "a.example", CF_PROTO_UDP, 443, world, CF_ALLOW, CF_REASON_RULE);
    check_standin(of, "a.example", CF_PROTO_TCP, 80, world, CF_DENY, CF_REASON_DEFAULT);
    check_standin(of, "b.example", CF_PROTO_TCP, 443, world, CF_DENY, CF_REASON_DEFAULT);
    cf_profile_free(of);
}

static void a_stand_in_that_was_not_given_is_no_destination(void **state)
{
    static const char *const rules[] = { "any", NULL };
    struct cf_profile *of;

    (void)state;
    for (int mode = CF_MODE_ENFORCE; mode <= CF_MODE_AUDIT; mode++) {
        of = proxied("http://proxy", (enum cf_mode)mode, rules);
        check_standin(of, NULL, CF_PROTO_TCP, 443, CF_DESTINATION_NEVER, CF_DENY,
                      CF_REASON_DEFAULT);
        cf_profile_free(of);
    }
}

static void what_a_proxy_has_no_way_for_never_goes_to_a_stand_in(void **state)
{
    static const char *const rules[] = { "any", "icmp://any", NULL };
    const enum cf_destination world = CF_DESTINATION_WORLD;
    struct cf_profile *of;

    (void)state;
    for (int mode = CF_MODE_ENFORCE; mode <= CF_MODE_AUDIT; mode++) {
        of = proxied("http://proxy", (enum cf_mode)mode, rules);
        check_standin(of, "a.example", CF_PROTO_TCP, 443, world, CF_ALLOW, CF_REASON_RULE);
        check_standin(of, "a.example", CF_PROTO_UDP, 443, world, CF_DENY,
                      CF_REASON_PROXY_REQUIRED);
        check_standin(of, "a.example", CF_PROTO_ICMP, 0, world, CF_DENY, CF_REASON_PROXY_REQUIRED);
        cf_profile_free(of);
    }
}

/* Judge and log a flow of the program; it is looked up so often. */
static void check_program(const char *program, enum cf_action action, unsigned looked_up)
{
    struct cf_flow_key key = key_of(IPPROTO_TCP, 4000, "192.0.2.1", 443);
    struct cf_judgement judgement;
    struct cf_flow flow;

    exe = program;
    n_looked_up = 0;
    cf_flow_init(&flow, &key);
    cf_flow_judge(&table, &flow, &judgement);
    assert_int_equal(judgement.verdict.action, action);
    cf_flow_log(&table, &flow, &judgement, NULL);
    assert_int_equal(n_looked_up, looked_up);
    cf_flow_log_close(&table, &flow, CF_RESULT_CLOSED);
}

static void the_program_is_looked_up_once_whatever_the_rules(void **state)
{
    struct cf_profile *with_exe = cf_profile_new();
    struct cf_endpoint endpoint;
    struct cf_origin origin = { NULL, 1, 1 };

    (void)state;
    check_program("/usr/bin/curl", CF_DENY, 1);
    assert_int_equal(cf_endpoint_parse("192.0.2.1:443", &endpoint, NULL, NULL), 0);
    assert_int_equal(cf_profile_rule_add(with_exe, CF_ALLOW, "192.0.2.1:443", &endpoint, origin),
                     0);
    with_exe->egress.rules[0].exe = strdup("/usr/bin/curl");
    assert_int_equal(cf_profile_seal(with_exe), 0);
    cf_flow_table_done(&table);
    cf_flow_table_init(&table, audit, with_exe, names, find_process, NULL);
    check_program("/usr/bin/curl", CF_ALLOW, 1);
    check_program("/usr/bin/wget", CF_DENY, 1);
    check_program(NULL, CF_DENY, 1);
    cf_profile_free(with_exe);
}

static void collect(void *data, const struct cf_open_flow *flow)
{
    *(struct cf_open_flow *)data = *flow;
}

static void an_open_flow_shows_what_its_flow_open_said(void **state)
{
    static char name[] = "web.example.com", program[] = "/usr/bin/curl";
    const struct cf_rule rule = { .action = CF_ALLOW };
    struct cf_flow_key key = key_of(IPPROTO_UDP, 4000, "192.0.2.1", 80);
    struct cf_judgement judgement = { .verdict = { .action = CF_ALLOW, .rule = &rule },
                                      .names = { { .name = name } }, .n_names = 1 };
    struct cf_open_flow shown = { 0 };
    struct cf_list list;
    struct cf_flow flow;

    (void)state;
    exe = program;
    cf_list_init(&list);
    cf_flow_init(&flow, &key);
    cf_list_add(&list, &flow.age);
    cf_flow_list_each(&list, 0, NULL, collect, &shown);
    assert_int_equal(shown.flow, 0);
    cf_flow_log(&table, &flow, &judgement, NULL);
    name[0] = program[0] = 'x'; /* both were borrowed */
    flow.bytes_out = 5;
    flow.bytes_in = 6;
    cf_flow_list_each(&list, flow.opened_us + 7, NULL, collect, &shown);
    assert_int_equal(shown.flow, 1);
    assert_int_equal(shown.proto, CF_PROTO_UDP);
    assert_int_equal(shown.stage, CF_FLOW_RELAYED);
    assert_int_equal(shown.src.port, 4000);
    assert_int_equal(shown.dst.port, 80);
    assert_string_equal(shown.name, "web.example.com");
    assert_int_equal(shown.age_us, 7);
    assert_int_equal(shown.bytes_out, 5);
    assert_int_equal(shown.bytes_in, 6);
    assert_int_equal(shown.pid, 42);
    assert_string_equal(shown.exe, "/usr/bin/curl");
    assert_ptr_equal(shown.rule, &rule);
    assert_int_equal(table.texts.hash.n_nodes, 2);
    cf_flow_log_close(&table, &flow, CF_RESULT_CLOSED);
    assert_int_equal(table.texts.hash.n_nodes, 0);
    shown.flow = 0;
    cf_flow_list_each(&list, 0, NULL, collect, &shown);
    assert_int_equal(shown.flow, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(flow_is_found_by_its_whole_key),
        TEST(allowed_flow_is_one_open_and_one_close),
        TEST(an_open_flow_shows_what_its_flow_open_said),
        TEST(denied_flow_has_no_close_and_echo_no_port),
        TEST(table_is_full_at_its_limit_until_a_flow_closes),
        TEST(ghosts_are_known_until_newer_ones_need_room),
        TEST(the_program_is_looked_up_once_whatever_the_rules),
        cmocka_unit_test(some_destinations_are_never_given_a_socket),
        cmocka_unit_test(gateway_is_the_host_at_its_listed_ports_only),
cmocka_unit_test(a_stand_in_is_judged_by_its_name_alone),
cmocka_unit_test(a_stand_in_that_was_not_given_is_no_destination),
cmocka_unit_test(what_a_proxy_has_no_way_for_never_goes_to_a_stand_in),
    };

    return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
