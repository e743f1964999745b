/*
 * test_summary.c - sequences of events, and the summary that they give
 *
 * The expected texts are the golden files beside this one. After a change of
 * the format: `test_summary --write FOLDER`, and read the difference.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "report/summary.h"

/* Where golden files are written to; NULL: compare. */
static const char *write_to;

static char file_name[] = "policies/build.yaml";
static char name_registry[] = "registry.example.com";
static char name_mirror[] = "mirror.example.org";
static char name_telemetry[] = "telemetry.example.com";

static const struct cf_rule allow_registry = {
    .action = CF_ALLOW,
    .endpoint = { .kind = CF_HOST_NAME, .name = name_registry },
    .origin = { file_name, 14, 7 },
};
static const struct cf_rule allow_mirror = {
    .action = CF_ALLOW,
    .endpoint = { .kind = CF_HOST_MANY, .name = name_mirror },
    .origin = { file_name, 15, 7 },
};
static const struct cf_rule allow_network = {
    .action = CF_ALLOW,
    .endpoint = { .kind = CF_HOST_PREFIX },
    .origin = { "command line", 0, 0 },
};
static const struct cf_rule deny_telemetry = {
    .action = CF_DENY,
    .endpoint = { .kind = CF_HOST_NAME, .name = name_telemetry },
    .origin = { file_name, 22, 31 },
};
static const struct cf_rule deny_ads = {
    .action = CF_DENY,
    .endpoint = { .kind = CF_HOST_ONE, .name = name_mirror },
    .origin = { file_name, 23, 7 },
};

static struct cf_summary_table *summary_new(void)
{
    struct cf_summary_table *summary = NULL;

    assert_int_equal(cf_summary_new(&summary), 0);
    return summary;
}

static void start_by(struct cf_summary_table *summary, const char *name, enum cf_mode mode,
                     const char *const *not_in_force, size_t n, const struct cf_proxy *proxy)
{
    char text[256];
    struct cf_profile profile = { .name = text, .proxy = *proxy };
    const struct cf_event event = {
        .type = CF_EVENT_RUN_START,
        .run_start = { .profile = &profile,
                       .mode = mode,
                       .not_in_force = not_in_force,
                       .n_not_in_force = n },
    };

    snprintf(text, sizeof text, "%s", name);
    cf_summary_event(summary, &event);
    memset(text, '?', sizeof text - 1); /* borrowed for the call alone */
}

static void start(struct cf_summary_table *summary, const char *name, enum cf_mode mode,
                  const char *const *not_in_force, size_t n)
{
    start_by(summary, name, mode, not_in_force, n, &(struct cf_proxy) { 0 });
}

static void end(struct cf_summary_table *summary, uint64_t duration_us)
{
    const struct cf_event event = { .type = CF_EVENT_RUN_END,
                                    .run_end = { .duration_us = duration_us } };

    cf_summary_event(summary, &event);
}

/* What differs between flows; the rest is fixed. */
struct flow {
    uint64_t id;
    enum cf_proto proto; /* 0: TCP */
    const char *addr;
    uint16_t port;
    const char *name;  /* NULL: none is known */
    const char *alias; /* NULL: none */
    const char *exe;   /* NULL: not known */
    const struct cf_rule *rule;
    const struct cf_member *member; /* of the rule's group */
    bool would_deny;
    bool denied;
    const char *proxy; /* through which it goes; NULL: none */
    const char *why;   /* of the proxy that gives no connection, with words; it is closed then */
    const char *words;
    uint64_t bytes; /* of an allowed one, which is closed then; 0: it stays open */
};

static void flow_is(struct cf_summary_table *summary, const struct flow *flow)
{
    const struct cf_flow_name names[] = { { .name = flow->alias, .alias = true },
                                          { .name = flow->name } };
    const size_t first = flow->alias ? 0 : 1;
    struct cf_event event = {
        .type = flow->denied ? CF_EVENT_FLOW_DENIED : CF_EVENT_FLOW_OPEN,
        .flow_open = { .flow = flow->id,
                       .proto = flow->proto ? flow->proto : CF_PROTO_TCP,
                       .dst = { .port = flow->port },
                       .names = names + first,
                       .n_names = flow->name ? 2 - first : 0,
                       .process = { .pid = flow->exe ? 7 : 0, .exe = flow->exe },
                       .via_proxy = flow->proxy,
                       .verdict = { flow->denied ? CF_DENY : CF_ALLOW, flow->would_deny,
                                    flow->rule ? CF_REASON_RULE : CF_REASON_DEFAULT, flow->rule,
                                    flow->member } },
    };

    cf_addr_parse(flow->addr, &event.flow_open.dst.addr);
    cf_summary_event(summary, &event);
    if (flow->denied || (flow->bytes == 0 && !flow->why))
        return;
    event = (struct cf_event) {
        .type = CF_EVENT_FLOW_CLOSE,
        .flow_close = { .flow = flow->id, .proxy_why = flow->why, .proxy_words = flow->words },
    };
    if (flow->bytes > 0) {
        event.flow_close.bytes_out = 1;
        event.flow_close.bytes_in = flow->bytes - 1;
    }
    cf_summary_event(summary, &event);
}

static void name_is(struct cf_summary_table *summary, const char *name, uint16_t type,
                    enum cf_action action, bool would_deny, const struct cf_rule *rule)
{
    const struct cf_event event = {
        .type = CF_EVENT_DNS,
        .dns = { .name = name,
                 .type = type,
                 .verdict = { action, would_deny, rule ? CF_REASON_RULE : CF_REASON_DEFAULT,
                              rule } },
    };

    cf_summary_event(summary, &event);
}

static void warning_is(struct cf_summary_table *summary, const char *text)
{
    const struct cf_event event = { .type = CF_EVENT_WARNING, .warning = { "test", text } };

    cf_summary_event(summary, &event);
}

static void packets_are(struct cf_summary_table *summary, uint8_t protocol, const char *addr,
                        uint64_t count)
{
    struct cf_event event = {
        .type = CF_EVENT_PACKETS_DENIED,
        .packets_denied = { .protocol = protocol, .count = count, .reason = "protocol" },
    };

    cf_addr_parse(addr, &event.packets_denied.dst);
    cf_summary_event(summary, &event);
}

static void check_golden(const char *got, const char *golden)
{
    cf_auto_free char *expected = NULL;
    char path[512];
    size_t length;

    if (write_to) {
        cf_auto_fclose FILE *file = NULL;

        snprintf(path, sizeof path, "%s/%s", write_to, golden);
        file = fopen(path, "we");
        assert_non_null(file);
        fputs(got, file);
        return;
    }
    snprintf(path, sizeof path, "%s/%s", TEST_DIR, golden);
    assert_int_equal(cf_fd_read_file(path, (size_t)1 << 20, &expected, &length), 0);
    assert_string_equal(got, expected);
}

static void check_text(const struct cf_summary_table *summary, const char *log, bool colour,
                       const char *golden)
{
    struct cf_buffer buffer;

    cf_buffer_init(&buffer, 0);
    assert_int_equal(cf_summary_format_text(summary, log, colour, &buffer), 0);
    check_golden(buffer.data, golden);
    cf_buffer_done(&buffer);
}

static json_t *json_of(const struct cf_summary_table *summary, const char *log, const char *golden)
{
    struct cf_buffer buffer;
    json_t *value;

    cf_buffer_init(&buffer, 0);
    assert_int_equal(cf_summary_format_json(summary, log, &buffer), 0);
    assert_ptr_equal(strchr(buffer.data, '\n'), buffer.data + buffer.length - 1);
    value = json_loadb(buffer.data, buffer.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(value);
    if (golden)
        check_golden(buffer.data, golden);
    cf_buffer_done(&buffer);
    return value;
}

/* The sample of doc/audit.md. */
static void make_build(struct cf_summary_table *summary)
{
    const struct flow npm = { .addr = "192.0.2.10",
                              .port = 443,
                              .name = "registry.example.com",
                              .alias = "cdn.example.net",
                              .exe = "/usr/bin/npm",
                              .rule = &allow_registry,
                              .bytes = 1409745 };
    const struct flow curl = { .addr = "192.0.2.11",
                               .port = 80,
                               .name = "a.mirror.example.org",
                               .exe = "/usr/bin/curl",
                               .rule = &allow_mirror,
                               .bytes = 82330 };
    const struct flow node = { .addr = "192.0.2.12",
                               .port = 443,
                               .name = "telemetry.example.com",
                               .exe = "/usr/local/bin/node",
                               .rule = &deny_telemetry,
                               .denied = true };

    start(summary, "build", CF_MODE_ENFORCE, NULL, 0);
    for (int i = 0; i < 28; i++)
        name_is(summary, "Registry.Example.com.", 1, CF_ALLOW, false, &allow_registry);
    name_is(summary, "a.mirror.example.org", 28, CF_ALLOW, false, &allow_mirror);
    name_is(summary, "a.mirror.example.org", 1, CF_ALLOW, false, &allow_mirror);
    name_is(summary, "telemetry.example.com", 1, CF_DENY, false, &deny_telemetry);
    for (uint64_t id = 1; id <= 16; id++) {
        struct flow flow = id <= 9 ? npm : id <= 14 ? curl : node;

        flow.id = id;
        flow_is(summary, &flow);
    }
    end(summary, 12400000);
}

static void summary_of_a_build_is_the_sample_of_the_document(void **state)
{
    struct cf_summary_table *summary = summary_new();

    (void)state;
    make_build(summary);
    check_text(summary, "audit/build-01939f2a.jsonl", false, "build.txt");
    check_text(summary, "audit/build-01939f2a.jsonl", true, "build-colour.txt");
    json_decref(json_of(summary, "audit/build-01939f2a.jsonl", "build.json"));
    cf_summary_free(summary);
}

static void failed_is(struct cf_summary_table *summary, const char *name, int rcode)
{
    const struct cf_event event = {
        .type = CF_EVENT_DNS,
        .dns = { .name = name,
                 .type = 1,
                 .rcode = rcode,
                 .source = CF_DNS_SOURCE_ERROR,
                 .verdict = { CF_ALLOW, false, CF_REASON_RULE, &allow_mirror } },
    };

    cf_summary_event(summary, &event);
}

/* Look-ups that fail, names that are asked often, and names that carry data. */
static void summary_names_what_stands_out_among_the_look_ups(void **state)
{
    struct cf_summary_table *summary = summary_new();
    char name[128];

    (void)state;
    start(summary, "build", CF_MODE_ENFORCE, NULL, 0);
    failed_is(summary, "dead.mirror.example.org", 2);
    failed_is(summary, "dead.mirror.example.org", 2);
    failed_is(summary, "silent.mirror.example.org", -1);
    failed_is(summary, "gone.mirror.example.org", 3);
    for (int i = 0; i < 40; i++)
        name_is(summary, "registry.example.com", 1, CF_ALLOW, false, &allow_registry);
    for (unsigned i = 0; i < 100; i++) {
        for (unsigned k = 0; k < 48; k++)
            name[k] = "abcdefghijklmnopqrstuvwxyz234567"[(i * 7 + k * (11 + i % 13)) % 32];
        snprintf(name + 48, sizeof name - 48, "%u.telemetry.example.com", i);
        name_is(summary, name, 16, CF_DENY, false, &deny_telemetry);
    }
    end(summary, 1000000);
    check_text(summary, NULL, false, "lookups.txt");
    json_decref(json_of(summary, NULL, "lookups.json"));
    cf_summary_free(summary);
}

static const char *const resolvers[] = { "http://proxy.internal:3128",
                                         "socks5://proxy.internal:1080",
                                         "socks5h://proxy.internal:1080" };

/* Who resolves: nobody must ask the proxy, it must be asked through, it does. */
static void check_proxy(size_t which, bool require, const char *words, const char *golden)
{
    struct cf_summary_table *summary = summary_new();
    struct cf_proxy proxy = { .require = require };
    struct cf_error err = { 0 };
    struct flow flow = { .id = 1,
                         .addr = "192.0.2.10",
                         .port = 443,
                         .name = "registry.example.com",
                         .rule = &allow_registry,
                         .proxy = resolvers[which],
                         .bytes = 1000 };
    char text[64];

    assert_int_equal(cf_proxy_url_parse(resolvers[which], &proxy.url, NULL, &err), 0);
    start_by(summary, "build", CF_MODE_ENFORCE, NULL, 0, &proxy);
    cf_proxy_url_done(&proxy.url);
    flow_is(summary, &flow);
    flow.id++;
    flow_is(summary, &flow);
    flow.id++;
    flow.proxy = NULL;
    flow_is(summary, &flow);
    for (int i = 0; words && i < 2; i++) {
        flow.id++;
        flow.proxy = resolvers[which];
        flow.why = i == 0 ? "down" : "denied";
        flow.words = i == 0 ? "nobody is there" : words;
        flow.bytes = 0;
        flow_is(summary, &flow);
    }
    end(summary, 1000000);
    snprintf(text, sizeof text, "%s.txt", golden);
    check_text(summary, NULL, false, text);
    snprintf(text, sizeof text, "%s.json", golden);
    json_decref(json_of(summary, NULL, text));
    cf_summary_free(summary);
}

static void summary_says_what_went_through_the_proxy_and_who_resolved(void **state)
{
    (void)state;
    check_proxy(0, false, NULL, "proxy-direct");
    check_proxy(1, true, NULL, "proxy-tunnel");
    check_proxy(2, true, "403 Words of \x1b[31mthe proxy\r\n  denied  all", "proxy-names");
}

static void run_that_contacted_nothing_has_one_line(void **state)
{
    struct cf_summary_table *summary = summary_new();

    (void)state;
    start(summary, "build", CF_MODE_ENFORCE, NULL, 0);
    end(summary, 4200);
    check_text(summary, NULL, false, "quiet.txt");
    cf_summary_free(summary);
}

static void run_that_never_started_still_has_a_summary(void **state)
{
    struct cf_summary_table *summary = summary_new();

    (void)state;
    check_text(summary, NULL, false, "nothing.txt");
    json_decref(json_of(summary, NULL, "nothing.json"));
    cf_summary_free(summary);
}

/* Every kind of line, in one run of audit mode. */
static void make_audit(struct cf_summary_table *summary)
{
    static const char *const lacking[] = { "egress.verify_names", "egress.quic" };
    const struct flow flows[] = {
        { .id = 1, .addr = "192.0.2.20", .port = 5432, .rule = &allow_network, .bytes = 100 },
        { .id = 2, .addr = "2001:db8::5", .port = 5432, .rule = &allow_network },
        { .id = 3,
          .proto = CF_PROTO_UDP,
          .addr = "192.0.2.21",
          .port = 123,
          .name = "ntp.example.net",
          .would_deny = true,
          .bytes = 96 },
        { .id = 4, .proto = CF_PROTO_ICMP, .addr = "2001:db8::5", .would_deny = true },
        { .id = 5,
          .addr = "192.0.2.22",
          .port = 80,
          .name = "x.mirror.example.org",
          .rule = &deny_ads,
          .would_deny = true,
          .bytes = 4096 },
        { .id = 6,
          .addr = "192.0.2.23",
          .port = 80,
          .name = "cdn.example.net",
          .alias = "edge.example.net",
          .rule = &allow_network,
          .bytes = 2048 },
    };

    start(summary, "default", CF_MODE_AUDIT, lacking, 2);
    name_is(summary, "ntp.example.net", 1, CF_ALLOW, true, NULL);
    name_is(summary, "never.example.net", 1, CF_ALLOW, true, NULL);
    name_is(summary, "never.example.net", 28, CF_ALLOW, true, NULL);
    name_is(summary, "cdn.example.net", 1, CF_ALLOW, true, NULL);
    name_is(summary, "looked.example.org", 1, CF_ALLOW, false, &allow_mirror);
    name_is(summary, "looked.example.org", 28, CF_ALLOW, false, &allow_mirror);
    name_is(summary, "bad..name", 255, CF_DENY, false, NULL);
    for (size_t i = 0; i < sizeof flows / sizeof flows[0]; i++)
        flow_is(summary, &flows[i]);
    packets_are(summary, 2, "224.0.0.22", 3);
    packets_are(summary, 2, "224.0.0.22", 2);
    packets_are(summary, 253, "2001:db8::6", 1);
    warning_is(summary, "pid 12 (sleep) was left behind, and ended");
    end(summary, 3725000000);
}

static void every_kind_of_line_has_its_form(void **state)
{
    struct cf_summary_table *summary = summary_new();

    (void)state;
    make_audit(summary);
    check_text(summary, "/var/log/childflow.jsonl", false, "audit.txt");
    json_decref(json_of(summary, "/var/log/childflow.jsonl", "audit.json"));
    cf_summary_free(summary);
}

/* What matched of the group says where a flow went; the place is the rule's. */
static void a_flow_by_a_group_is_shown_by_its_member(void **state)
{
    static char group[] = "artifacts";
    const struct cf_rule rule = {
        .action = CF_ALLOW,
        .endpoint = { .kind = CF_HOST_LIST, .name = group },
        .origin = { file_name, 16, 7 },
    };
    const struct cf_member wildcard = { .endpoint = { .kind = CF_HOST_ONE, .name = name_mirror } };
    const struct cf_member name = { .endpoint = { .kind = CF_HOST_NAME, .name = name_mirror } };
    const struct flow flows[] = {
        { .id = 1,
          .addr = "192.0.2.21",
          .port = 80,
          .name = "a.mirror.example.org",
          .rule = &rule,
          .member = &wildcard,
          .bytes = 1 },
        { .id = 2,
          .addr = "192.0.2.22",
          .port = 443,
          .name = "cdn.example.net",
          .rule = &rule,
          .member = &name,
          .bytes = 1 },
        /* Out of a file: no member, and the group's name is no part of a host's. */
        { .id = 3,
          .addr = "192.0.2.23",
          .port = 443,
          .name = "x.artifacts",
          .rule = &rule,
          .bytes = 1 },
    };
    struct cf_summary_table *summary = summary_new();

    (void)state;
    start(summary, "groups", CF_MODE_ENFORCE, NULL, 0);
    for (size_t i = 0; i < sizeof flows / sizeof flows[0]; i++)
        flow_is(summary, &flows[i]);
    end(summary, 1000000);
    check_text(summary, NULL, false, "groups.txt");
    cf_summary_free(summary);
}

static void make_hostile(struct cf_summary_table *summary)
{
    static const char *const lacking[] = { "a\x1b[2J" };
    const struct cf_rule rule = { .origin = { "p\x07olicy\xff.yaml", 3, 1 } };
    char long_name[600];
    struct flow flow = { .id = 1,
                         .addr = "192.0.2.30",
                         .port = 443,
                         .name = "ok\x1b]0;owned\x07.example",
                         .exe = "/tmp/\x1b[31mred",
                         .rule = &rule };

    start(summary, "pol\x1b[1micy", CF_MODE_ENFORCE, lacking, 1);
    flow_is(summary, &flow);
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    memcpy(long_name, "registry.example.com.", 21);
    memcpy(long_name + sizeof long_name - 14, ".evil.example", 13);
    flow.name = long_name;
    flow.exe = "/opt/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e";
    flow_is(summary, &flow);
    name_is(summary, "denied\\.\x9b\xe2\x80\xae.example\n  allowed  all", 65280, CF_DENY, false,
            NULL);
    warning_is(summary, "line one\nline two \xf0\x9f\x98\x80 \xc2\x9b"
                        "31m");
    end(summary, 1000000);
}

static void hostile_text_cannot_act_on_the_terminal(void **state)
{
    struct cf_summary_table *summary = summary_new();
    struct cf_buffer buffer;

    (void)state;
    make_hostile(summary);
    check_text(summary, "a\x1b]log\n.jsonl", false, "hostile.txt");
    cf_buffer_init(&buffer, 0);
    cf_summary_format_text(summary, "a\x1b]log\n.jsonl", false, &buffer);
    for (size_t i = 0; i < buffer.length; i++)
        assert_true((unsigned char)buffer.data[i] >= ' ' || buffer.data[i] == '\n');
    cf_buffer_done(&buffer);
    json_decref(json_of(summary, "a\x1b]log\n.jsonl", "hostile.json"));
    cf_summary_free(summary);
}

static void processes_past_the_second_are_counted(void **state)
{
    struct cf_summary_table *summary = summary_new();
    struct flow flow = { .addr = "192.0.2.10", .port = 443, .rule = &allow_network };

    (void)state;
    start(summary, "build", CF_MODE_ENFORCE, NULL, 0);
    for (uint64_t id = 0; id < 60; id++) {
        char exe[32];

        snprintf(exe, sizeof exe, "/usr/bin/tool%u", (unsigned)(id % 5));
        flow.id = id + 1;
        flow.exe = exe;
        flow_is(summary, &flow);
    }
    flow.port = 80;
    for (uint64_t id = 0; id < 60; id++) {
        char exe[32];

        snprintf(exe, sizeof exe, "/usr/bin/tool%u", (unsigned)id);
        flow.id = id + 100;
        flow.exe = exe;
        flow_is(summary, &flow);
    }
    check_text(summary, NULL, false, "processes.txt");
    cf_summary_free(summary);
}

static uint64_t count_of(const json_t *root, const char *verdict, const char *of, size_t *ret_lines)
{
    const json_t *line;
    uint64_t count = 0;
    size_t i;

    *ret_lines = 0;
    json_array_foreach(json_object_get(root, "lines"), i, line)
    {
        if (strcmp(json_string_value(json_object_get(line, "verdict")), verdict) != 0 ||
            strcmp(json_string_value(json_object_get(line, "of")), of) != 0)
            continue;
        count += (uint64_t)json_integer_value(json_object_get(line, "count"));
        *ret_lines += !json_is_null(json_object_get(line, "destination"));
    }
    return count;
}

static void check_count(const json_t *root, const char *verdict, const char *of, uint64_t count,
                        size_t lines)
{
    size_t n;

    assert_int_equal(count_of(root, verdict, of, &n), count);
    assert_int_equal(n, lines);
}

/* 3,000 names asked, 2,000 allowed flows and 900 denied ones, all different. */
static void make_crowd(struct cf_summary_table *summary)
{
    start(summary, "build", CF_MODE_ENFORCE, NULL, 0);
    for (unsigned i = 0; i < 3000; i++) {
        char name[64];

        snprintf(name, sizeof name, "n%u.example", i);
        name_is(summary, name, 1, CF_ALLOW, false, &allow_network);
    }
    for (unsigned i = 0; i < 2900; i++) {
        char addr[32];
        const struct flow flow = { .id = i + 1,
                                   .addr = addr,
                                   .port = 443,
                                   .denied = i >= 2000,
                                   .rule = i >= 2000 ? NULL : &allow_network,
                                   .bytes = 10 };

        snprintf(addr, sizeof addr, "10.0.%u.%u", i / 256, i % 256);
        flow_is(summary, &flow);
    }
    end(summary, 1);
}

static void crowd_is_counted_together_and_hides_no_denial(void **state)
{
    struct cf_summary_table *summary = summary_new();
    struct cf_buffer buffer;
    size_t lines = 0;
    json_t *root;

    (void)state;
    make_crowd(summary);
    root = json_of(summary, NULL, NULL);
    check_count(root, "denied", "flows", 900, 900);
    check_count(root, "allowed", "flows", 2000, 124);
    check_count(root, "asked", "names", 3000, 0);
    json_decref(root);
    cf_buffer_init(&buffer, 0);
    assert_int_equal(cf_summary_format_text(summary, NULL, false, &buffer), 0);
    for (size_t i = 0; i < buffer.length; i++)
        lines += buffer.data[i] == '\n';
    assert_int_equal(lines, 1 + 1024 + 2);
    assert_non_null(strstr(buffer.data, "  asked    (others, see the log)"));
    cf_buffer_done(&buffer);
    cf_summary_free(summary);
}

static void bytes_of_flows_without_a_line_are_not_lost(void **state)
{
    struct cf_summary_table *summary = summary_new();
    uint64_t bytes = 0;
    const json_t *line;
    json_t *root;
    size_t i;

    (void)state;
    make_crowd(summary);
    root = json_of(summary, NULL, NULL);
    json_array_foreach(json_object_get(root, "lines"), i, line) bytes +=
        (uint64_t)json_integer_value(json_object_get(line, "bytes"));
    assert_int_equal(bytes, 20000);
    json_decref(root);
    cf_summary_free(summary);
}

static void warnings_past_the_limit_are_counted(void **state)
{
    struct cf_summary_table *summary = summary_new();

    (void)state;
    start(summary, "build", CF_MODE_ENFORCE, NULL, 0);
    for (int i = 0; i < 20; i++)
        warning_is(summary, "again");
    check_text(summary, NULL, false, "warnings.txt");
    cf_summary_free(summary);
}

static void buffer_that_is_too_small_is_an_error(void **state)
{
    struct cf_summary_table *summary = summary_new();
    struct cf_buffer buffer;

    (void)state;
    make_build(summary);
    cf_buffer_init(&buffer, 100);
    assert_int_equal(cf_summary_format_text(summary, NULL, false, &buffer), -ENOBUFS);
    cf_buffer_clear(&buffer);
    assert_int_equal(cf_summary_format_json(summary, NULL, &buffer), -ENOBUFS);
    cf_buffer_done(&buffer);
    cf_summary_free(summary);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summary_of_a_build_is_the_sample_of_the_document),
        cmocka_unit_test(summary_names_what_stands_out_among_the_look_ups),
        cmocka_unit_test(summary_says_what_went_through_the_proxy_and_who_resolved),
        cmocka_unit_test(run_that_contacted_nothing_has_one_line),
        cmocka_unit_test(run_that_never_started_still_has_a_summary),
        cmocka_unit_test(every_kind_of_line_has_its_form),
        cmocka_unit_test(a_flow_by_a_group_is_shown_by_its_member),
        cmocka_unit_test(hostile_text_cannot_act_on_the_terminal),
        cmocka_unit_test(processes_past_the_second_are_counted),
        cmocka_unit_test(crowd_is_counted_together_and_hides_no_denial),
        cmocka_unit_test(bytes_of_flows_without_a_line_are_not_lost),
        cmocka_unit_test(warnings_past_the_limit_are_counted),
        cmocka_unit_test(buffer_that_is_too_small_is_an_error),
    };

    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        write_to = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
