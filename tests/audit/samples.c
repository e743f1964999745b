/*
 * samples.c - events of each kind with everything in them fixed
 */
#include "samples.h"

#include <string.h>

static char file_name[] = "policies/build.yaml";
static char policy_name[] = "build";
static char text_registry[] = "registry.example.com:443";
static char text_telemetry[] = "telemetry.example.com";
static char text_books[] = "b\xc3\xbc"
                           "cher.example:443";

static char parent_name[] = "policies/base.yaml";
static struct cf_file_digest digests[] = { { .file = file_name }, { .file = parent_name } };
static struct cf_profile profile = {
    .file = file_name,
    .name = policy_name,
    .digests = digests,
    .n_digests = 2,
};
static struct cf_profile built_in = { .name = policy_name };
static const struct cf_rule allow_registry = { .action = CF_ALLOW,
                                               .text = text_registry,
                                               .origin = { file_name, 14, 7 } };
static const struct cf_rule deny_telemetry = { .action = CF_DENY,
                                               .text = text_telemetry,
                                               .origin = { file_name, 22, 31 } };
static const struct cf_rule allow_books = { .action = CF_ALLOW,
                                            .text = text_books,
                                            .origin = { "command line", 0, 0 } };

static char text_group[] = "group:artifacts", text_member[] = "registry.example.com:443";
static char text_ads[] = "group:ads", names_file[] = "/work/policies/ads.txt";
static const struct cf_group ads = { .names_file = names_file };
static const struct cf_rule allow_group = { .action = CF_ALLOW,
                                            .text = text_group,
                                            .origin = { file_name, 15, 7 } };
static const struct cf_rule deny_ads = {
    .action = CF_DENY, .text = text_ads, .origin = { file_name, 23, 12 }, .list = &ads
};
static const struct cf_member member = { .text = text_member, .origin = { file_name, 30, 20 } };

static const struct cf_event_process node = {
    .pid = 7,
    .exe = "/usr/bin/node",
    .argv = "node install --registry https://ci:hunter2@registry.example.com/",
    .parent_pid = 3,
    .parent_exe = "/usr/bin/make",
};
static const struct cf_event_process orphan = { .pid = 9 };
static const struct cf_event_process unknown = { .unknown = "the socket was closed already" };

static struct cf_addr_port at(const char *addr, uint16_t port)
{
    struct cf_addr_port result = { .port = port };

    cf_addr_parse(addr, &result.addr);
    return result;
}

static struct cf_event run_start(void)
{
    static char *command[] = { "make", "-j4", "URL=ftp://ci:hunter2@192.0.2.9/x", NULL };
    static const char *const libraries[] = { "c-ares 1.18.1", "libnftables 1.0.6" };
    static const char *const masked[] = { "/run/dbus/system_bus_socket", "/run/nscd/socket" };
    static const char *const lacking[] = { "egress.verify_names", "egress.quic" };
    static struct cf_addr_port servers[2];
    static char proxy_name[] = "proxy.internal", proxy_user[] = "ci";

    servers[0] = at("192.0.2.53", 53);
    servers[1] = at("2001:db8::1", 5353);
    profile.proxy.url.scheme = CF_PROXY_SOCKS5H;
    profile.proxy.url.name = proxy_name;
    profile.proxy.url.at.port = 1080;
    profile.proxy.username = proxy_user;
    memset(profile.sha256, 'a', 64);
    memset(digests[0].sha256, 'a', 64);
    memset(digests[1].sha256, 'b', 64);
    return (struct cf_event) {
        .type = CF_EVENT_RUN_START,
        .run_start = { .profile = &profile,
                       .mode = CF_MODE_ENFORCE,
                       .command = command,
                       .cwd = "/work/caf\xe9", /* Latin-1: not UTF-8 */
                       .uid = 1000,
                       .user = "ci",
                       .host = "builder",
                       .kernel = "6.18.0",
                       .backend = "rootless",
                       .version = "0.1.0",
                       .libraries = libraries,
                       .n_libraries = 2,
                       .dns_servers = servers,
                       .n_dns_servers = 2,
                       .masked = masked,
                       .n_masked = 2,
                       .not_in_force = lacking,
                       .n_not_in_force = 2 },
    };
}

static struct cf_event run_start_built_in(void)
{
    static char *command[] = { "true", NULL };

    return (struct cf_event) {
        .type = CF_EVENT_RUN_START,
        .run_start = { .profile = &built_in,
                       .mode = CF_MODE_AUDIT,
                       .command = command,
                       .cwd = "/",
                       .host = "builder",
                       .kernel = "6.18.0",
                       .backend = "rootful",
                       .version = "0.1.0",
                       .interface = "eth1" },
    };
}

static struct cf_event dns_allowed(void)
{
    static const struct cf_event_answer answers[] = {
        { "registry.example.com", 5, 300, "cdn.example.net" },
        { "cdn.example.net", 1, 60, "192.0.2.10" },
    };

    return (struct cf_event) {
        .type = CF_EVENT_DNS,
        .dns = { .id = 1,
                 .name = "registry.example.com",
                 .type = 1,
                 .asked = at("192.0.2.53", 53),
                 .process = node,
                 .verdict = { CF_ALLOW, false, CF_REASON_RULE, &allow_registry },
                 .source = CF_DNS_SOURCE_UPSTREAM,
                 .server = at("192.0.2.53", 53),
                 .answers = answers,
                 .n_answers = 2,
                 .latency_us = 1834 },
    };
}

static struct cf_event dns_denied(void)
{
    return (struct cf_event) {
        .type = CF_EVENT_DNS,
        .dns = { .id = 2,
                 .name = "telemetry.example.com",
                 .type = 65280,
                 .tcp = true,
                 .asked = at("2001:db8::53", 53),
                 .process = unknown,
                 .verdict = { CF_DENY, false, CF_REASON_RULE, &deny_telemetry },
                 .source = CF_DNS_SOURCE_POLICY,
                 .rcode = 3,
                 .latency_us = 12 },
    };
}

static struct cf_event dns_would_deny(void)
{
    return (struct cf_event) {
        .type = CF_EVENT_DNS,
        .dns = { .id = 3,
                 .name = "XN--bcher-kva.example",
                 .type = 28,
                 .asked = at("192.0.2.53", 53),
                 .process = orphan,
                 .verdict = { CF_ALLOW, true, CF_REASON_DEFAULT, NULL },
                 .source = CF_DNS_SOURCE_ERROR,
                 .rcode = -1,
                 .latency_us = 15000000 },
    };
}

static struct cf_event flow_open(void)
{
    static const struct cf_flow_name names[] = {
        { .name = "registry.example.com" },
        { .name = "cdn.example.net", .alias = true },
    };
    static const uint64_t ids[] = { 1, 1 };

    return (struct cf_event) {
        .type = CF_EVENT_FLOW_OPEN,
        .flow_open = { .flow = 1,
                       .proto = CF_PROTO_TCP,
                       .src = at("198.18.0.2", 40000),
                       .dst = at("192.0.2.10", 443),
                       .names = names,
                       .dns_ids = ids,
                       .n_names = 2,
                       .process = node,
                       .verdict = { CF_ALLOW, false, CF_REASON_RULE, &allow_registry },
                       .via_local = at("192.0.2.200", 51000),
                       .via_interface = "eth1",
                       .via_proxy = "socks5h://proxy.internal:1080" },
    };
}

static struct cf_event flow_open_would_deny(void)
{
    return (struct cf_event) {
        .type = CF_EVENT_FLOW_OPEN,
        .flow_open = { .flow = 2,
                       .proto = CF_PROTO_ICMP,
                       .src = at("2001:db8:cf::2", 0),
                       .dst = at("2001:db8:20::1", 0),
                       .process = unknown,
                       .verdict = { CF_ALLOW, true, CF_REASON_DEFAULT, NULL } },
    };
}

static struct cf_event flow_open_pinned(void)
{
    static const struct cf_flow_name names[] = {
        { .name = "xn--bcher-kva.example", .pinned = true },
    };

    return (struct cf_event) {
        .type = CF_EVENT_FLOW_OPEN,
        .flow_open = { .flow = 3,
                       .proto = CF_PROTO_UDP,
                       .src = at("198.18.0.2", 40001),
                       .dst = at("192.0.2.11", 443),
                       .names = names,
                       .n_names = 1,
                       .process = orphan,
                       .verdict = { CF_ALLOW, false, CF_REASON_RULE, &allow_books } },
    };
}

static struct cf_event flow_open_by_group(void)
{
    return (struct cf_event) {
        .type = CF_EVENT_FLOW_OPEN,
        .flow_open = { .flow = 5,
                       .proto = CF_PROTO_TCP,
                       .src = at("198.18.0.2", 40003),
                       .dst = at("192.0.2.10", 443),
                       .process = node,
                       .verdict = { .action = CF_ALLOW,
                                    .reason = CF_REASON_RULE,
                                    .rule = &allow_group,
                                    .member = &member } },
    };
}

static struct cf_event dns_denied_by_file(void)
{
    return (struct cf_event) {
        .type = CF_EVENT_DNS,
        .dns = { .id = 9,
                 .name = "ads.example.com",
                 .type = 1,
                 .asked = at("192.0.2.53", 53),
                 .process = node,
                 .verdict = { .action = CF_DENY,
                              .reason = CF_REASON_RULE,
                              .rule = &deny_ads,
                              .names_line = 8123 },
                 .source = CF_DNS_SOURCE_POLICY,
                 .rcode = 3,
                 .latency_us = 12 },
    };
}

static struct cf_event flow_denied(void)
{
    static const struct cf_flow_name names[] = { { .name = "telemetry.example.com" } };
    static const uint64_t ids[] = { 2 };

    return (struct cf_event) {
        .type = CF_EVENT_FLOW_DENIED,
        .flow_open = { .flow = 4,
                       .proto = CF_PROTO_TCP,
                       .src = at("198.18.0.2", 40002),
                       .dst = at("192.0.2.12", 443),
                       .names = names,
                       .dns_ids = ids,
                       .n_names = 1,
                       .process = node,
                       .verdict = { CF_DENY, false, CF_REASON_RULE, &deny_telemetry } },
    };
}

static struct cf_event flow_denied_for_its_name(void)
{
    struct cf_event event = flow_denied();

    event.flow_open.verdict =
        (struct cf_verdict) { CF_ALLOW, true, CF_REASON_NAME_MISMATCH, &allow_books };
    event.flow_open.sni = "other.example.com";
    return event;
}

static struct cf_event flow_close_that_showed(bool tls)
{
    return (struct cf_event) {
        .type = CF_EVENT_FLOW_CLOSE,
        .flow_close = { .flow = 4,
                        .result = CF_RESULT_RESET,
                        .sni = tls ? "other.example.com" : NULL,
                        .http_host = tls ? NULL : "other.example.com",
                        .alpn = tls ? "h2,http/1.1" : NULL },
    };
}

static struct cf_event flow_close(void)
{
    return (struct cf_event) {
        .type = CF_EVENT_FLOW_CLOSE,
        .flow_close = { .flow = 1,
                        .result = CF_RESULT_CLOSED,
                        .bytes_out = 517,
                        .bytes_in = UINT64_C(21474836480),
                        .duration_us = 2500000 },
    };
}

static struct cf_event flow_close_by_proxy(void)
{
    return (struct cf_event) {
        .type = CF_EVENT_FLOW_CLOSE,
        .flow_close = { .flow = 2,
                        .result = CF_RESULT_UNREACHABLE,
                        .duration_us = 1200,
                        .proxy_why = "denied",
                        .proxy_words = "403 Forbidden (ERR_ACCESS_DENIED 0)" },
    };
}

static struct cf_event packets_denied(uint8_t protocol)
{
    struct cf_event event = {
        .type = CF_EVENT_PACKETS_DENIED,
        .packets_denied = { .protocol = protocol, .count = 3, .reason = "protocol" },
    };

    cf_addr_parse("192.0.2.13", &event.packets_denied.dst);
    return event;
}

static struct cf_event capture(void)
{
    return (struct cf_event) {
        .type = CF_EVENT_CAPTURE,
        .capture = { "captures/build.pcapng", 1234, 567890, 2, 1 },
    };
}

static struct cf_event warning(void)
{
    return (struct cf_event) {
        .type = CF_EVENT_WARNING,
        .warning = { "process_left", "pid 12 (\x1b[31msleep\x1b[0m) was left behind, and ended" },
    };
}

static struct cf_event run_end(void)
{
    return (struct cf_event) {
        .type = CF_EVENT_RUN_END,
        .run_end = { .exit_code = 2,
                     .duration_us = 12400000,
                     .totals = { 3, 1, 3, 1, 2, 6, 517, UINT64_C(21474836480) },
                     .accounted = true,
                     .interface_packets = 1000,
                     .interface_bytes = 80000,
                     .logged_packets = 990,
                     .lost_packets = 7,
                     .tree = { 9000000, 104857600 },
                     .self = { 400000, 8388608 } },
    };
}

static struct cf_event run_end_killed(void)
{
    return (struct cf_event) {
        .type = CF_EVENT_RUN_END,
        .run_end = { .exit_code = -1, .exit_signal = 9, .duration_us = 1 },
    };
}

size_t samples_make(struct cf_event events[SAMPLES_MAX])
{
    size_t n = 0;

    events[n++] = run_start();
    events[n++] = run_start_built_in();
    events[n++] = dns_allowed();
    events[n++] = dns_denied();
    events[n++] = dns_would_deny();
    events[n++] = flow_open();
    events[n++] = flow_open_would_deny();
    events[n++] = flow_open_pinned();
    events[n++] = flow_denied();
    events[n++] = flow_denied_for_its_name();
    events[n++] = flow_close_that_showed(true);
    events[n++] = flow_close_that_showed(false);
    events[n++] = flow_open_by_group();
    events[n++] = dns_denied_by_file();
    events[n++] = flow_close();
    events[n++] = flow_close_by_proxy();
    events[n++] = packets_denied(132);
    events[n++] = packets_denied(253);
    events[n++] = capture();
    events[n++] = warning();
    events[n++] = run_end();
    events[n++] = run_end_killed();
    return n;
}
