/*
 * test_live.c - figures of a moment, as a line and as a table
 *
 * The expected tables are the golden files beside this one. After a change of
 * the format: `test_live --write FOLDER`, and read the difference.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "report/live.h"

/* Where golden files are written to; NULL: compare. */
static const char *write_to;

static char file_name[] = "policies/build.yaml";
static char name_mirror[] = "mirror.example.org";

static const struct cf_rule rule_mirror = {
    .action = CF_ALLOW,
    .endpoint = { .kind = CF_HOST_MANY, .name = name_mirror },
    .origin = { file_name, 15, 7 },
};
static const struct cf_rule rule_option = {
    .action = CF_ALLOW,
    .endpoint = { .kind = CF_HOST_PREFIX },
    .origin = { "command line", 0, 0 },
};

static struct cf_addr_port at(const char *addr, uint16_t port)
{
    struct cf_addr_port result = { .port = port };

    assert_int_equal(cf_addr_parse(addr, &result.addr), 0);
    return result;
}

static void check_line(const struct cf_event_totals *totals, size_t n_open, uint64_t open_bytes,
                       const char *last, unsigned width, const char *expected)
{
    const struct cf_live_figures figures = { totals, n_open, open_bytes, last, 0 };
    struct cf_buffer line;

    cf_buffer_init(&line, 0);
    assert_int_equal(cf_live_format_line(&figures, width, &line), 0);
    assert_string_equal(line.data ? line.data : "", expected);
    cf_buffer_done(&line);
}

static void the_line_says_what_is_open_moved_asked_and_denied(void **state)
{
    const struct cf_event_totals none = { 0 }, one = { .dns = 1, .denied = 1, .bytes_in = 1000 };
    const struct cf_event_totals many = { .dns = 14, .dns_denied = 2, .denied = 3,
                                          .packets_denied = 4, .bytes_out = 1 << 20 };
    const struct cf_event_totals audit = { .dns = 2, .would_deny = 5 };

    (void)state;
    check_line(&none, 0, 0, "", 80, "childflow: 0 open, 0 B, 0 queries, 0 denied");
    check_line(&one, 3, 24, "registry.example.com:443", 120,
               "childflow: 3 open, 1.0 KiB, 1 query, 1 denied, last registry.example.com:443");
    check_line(&many, 1, 1 << 20, "denied udp://192.0.2.1:53", 120,
               "childflow: 1 open, 2.0 MiB, 14 queries, 9 denied, last denied udp://192.0.2.1:53");
    check_line(&audit, 0, 0, "", 80,
               "childflow: 0 open, 0 B, 2 queries, 0 denied, 5 would be denied");
}

static void the_line_is_cut_to_the_width(void **state)
{
    const struct cf_event_totals none = { 0 };
    const char *last = "registry.example.com:443";

    (void)state;
    check_line(&none, 0, 0, last, 75,
               "childflow: 0 open, 0 B, 0 queries, 0 denied, last registry.example.com:443");
    check_line(&none, 0, 0, last, 70,
               "childflow: 0 open, 0 B, 0 queries, 0 denied, last regis...mple.com:443");
    check_line(&none, 0, 0, last, 62,
               "childflow: 0 open, 0 B, 0 queries, 0 denied, last reg...om:443");
    check_line(&none, 0, 0, last, 61, "childflow: 0 open, 0 B, 0 queries, 0 denied");
    check_line(&none, 0, 0, last, 12, "childflow: 0");
    check_line(&none, 0, 0, last, 0, "");
}

static void what_acts_on_a_terminal_is_escaped_in_the_line(void **state)
{
    const struct cf_event_totals none = { 0 };

    (void)state;
    check_line(&none, 0, 0, "denied a\r\x1b[2Jb", 80,
               "childflow: 0 open, 0 B, 0 queries, 0 denied, last denied a\\x0d\\x1b[2Jb");
}

static void check_last(const struct cf_event *event, const char *before, const char *expected)
{
    char last[CF_LIVE_LAST_SIZE];

    snprintf(last, sizeof last, "%s", before);
    cf_live_last(event, last);
    assert_string_equal(last, expected);
}

static void the_last_destination_is_of_flows_and_denied_names(void **state)
{
    const struct cf_flow_name names[] = { { "alias.example.net", true, false },
                                          { "a.mirror.example.org", false, false } };
    struct cf_event event = { .type = CF_EVENT_FLOW_OPEN };

    (void)state;
    event.flow_open.proto = CF_PROTO_TCP;
    event.flow_open.dst = at("192.0.2.1", 443);
    check_last(&event, "", "192.0.2.1:443");
    event.flow_open.names = names;
    event.flow_open.n_names = 2;
    event.flow_open.verdict.rule = &rule_mirror;
    check_last(&event, "x", "a.mirror.example.org:443");
    event.type = CF_EVENT_FLOW_DENIED;
    event.flow_open.n_names = 0;
    event.flow_open.proto = CF_PROTO_UDP;
    event.flow_open.dst = at("2001:db8::1", 53);
    check_last(&event, "", "denied udp://[2001:db8::1]:53");
    event.flow_open.proto = CF_PROTO_ICMP;
    event.flow_open.dst = at("2001:db8::1", 0);
    check_last(&event, "", "denied icmp://[2001:db8::1]");
    event = (struct cf_event) { .type = CF_EVENT_DNS };
    event.dns.name = "telemetry.example.com";
    event.dns.verdict.action = CF_DENY;
    check_last(&event, "", "denied telemetry.example.com");
    event.dns.verdict.action = CF_ALLOW;
    check_last(&event, "as before", "as before");
    event.type = CF_EVENT_FLOW_CLOSE;
    check_last(&event, "as before", "as before");
}

static void check_table(const struct cf_live_figures *figures, const struct cf_open_flow *flows,
                        size_t n_flows, const char *golden)
{
    cf_auto_free char *expected = NULL;
    struct cf_buffer text;
    char path[512];
    size_t length;

    snprintf(path, sizeof path, "%s/%s", write_to ? write_to : TEST_DIR, golden);
    cf_buffer_init(&text, 0);
    assert_int_equal(cf_live_format_table(figures, flows, n_flows, 1795323906000000, &text), 0);
    if (write_to) {
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_true(fputs(text.data, file) >= 0);
        assert_int_equal(fclose(file), 0);
    } else {
        assert_int_equal(cf_fd_read_file(path, 1 << 20, &expected, &length), 0);
        assert_string_equal(text.data, expected);
    }
    cf_buffer_done(&text);
}

static void the_table_has_a_line_for_each_flow(void **state)
{
    const struct cf_event_totals totals = { .dns = 14, .denied = 1, .bytes_out = 100 };
    const struct cf_live_figures figures = { &totals, 5, 3 << 20, "", 12400000 };
    const struct cf_open_flow flows[] = {
        { .flow = 1, .proto = CF_PROTO_TCP, .stage = CF_FLOW_CONNECTING,
          .src = at("198.18.0.2", 40123), .dst = at("192.0.2.1", 443),
          .name = "a.mirror.example.org", .age_us = 340, .pid = 2, .exe = "/usr/bin/curl",
          .reason = CF_REASON_RULE, .rule = &rule_mirror },
        { .flow = 12, .proto = CF_PROTO_UDP, .stage = CF_FLOW_RELAYED,
          .src = at("2001:db8::2", 53124), .dst = at("2001:db8::1", 53),
          .age_us = 12000000, .bytes_out = 800, .bytes_in = 3 << 20, .pid = 123,
          .reason = CF_REASON_RULE, .rule = &rule_option },
        { .flow = 103, .proto = CF_PROTO_ICMP, .stage = CF_FLOW_RELAYED,
          .src = at("198.18.0.2", 0), .dst = at("192.0.2.7", 0), .age_us = 1000,
          .reason = CF_REASON_DEFAULT },
        { .flow = 104, .proto = CF_PROTO_TCP, .stage = CF_FLOW_CLOSING,
          .src = at("198.18.0.2", 1), .dst = at("192.0.2.7", 80), .name = "a\x1b[2Jb\n",
          .age_us = 7500000000, .pid = 7,
          .exe = "/home/user/very/long/path/to/a/program/\x1b]0;title\x07/of/the/command",
          .reason = CF_REASON_RULE, .rule = &rule_mirror },
    };

    (void)state;
    check_table(&figures, flows, 4, "live.txt");
}

static void a_table_without_flows_is_its_first_line(void **state)
{
    const struct cf_event_totals totals = { .dns = 1, .would_deny = 2 };
    const struct cf_live_figures figures = { &totals, 0, 0, "", 5000 };

    (void)state;
    check_table(&figures, NULL, 0, "live-nothing.txt");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_says_what_is_open_moved_asked_and_denied),
        cmocka_unit_test(the_line_is_cut_to_the_width),
        cmocka_unit_test(what_acts_on_a_terminal_is_escaped_in_the_line),
        cmocka_unit_test(the_last_destination_is_of_flows_and_denied_names),
        cmocka_unit_test(the_table_has_a_line_for_each_flow),
        cmocka_unit_test(a_table_without_flows_is_its_first_line),
    };

    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        write_to = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
