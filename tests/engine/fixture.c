/*
 * fixture.c - a gateway and an engine, and processes in the sandbox's network
 */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../netlink/lab.h"
#include "base/fd.h"
#include "dns/resolver.h"
#include "world.h"

struct fixture_event fixture_events[FIXTURE_EVENTS];
size_t fixture_n_events;
struct cf_engine *fixture_engine;
struct fixture_limits fixture_limits;
unsigned fixture_threads = 1;
struct cf_proxy_way *(*fixture_proxy)(struct cf_loop *loop, struct cf_proxy *ret_policy);

static struct {
    struct cf_loop *loop;
    struct cf_profile *profile;
    struct cf_audit *audit;
    struct cf_names *names;
    struct cf_resolver *resolver;
    struct cf_dns_server *dns;
    struct cf_gateway *gateway;
    struct cf_proxy_way *proxy;
    enum cf_event_type wait_type;
    size_t wait_n;
    pid_t host_pid;
    struct cf_child inside;
} fixture;

static void copy_flow(const struct cf_event_flow_open *open, struct fixture_event *to)
{
    to->flow = open->flow;
    to->proto = open->proto;
    to->src = open->src;
    to->dst = open->dst;
    to->verdict = open->verdict;
    to->via = open->via_local;
    to->by_proxy = open->via_proxy != NULL;
    if (open->verdict.rule)
        snprintf(to->text, sizeof to->text, "%s", open->verdict.rule->text);
}

static void tap(void *data, const struct cf_event *event)
{
    struct fixture_event *to = &fixture_events[fixture_n_events % FIXTURE_EVENTS];

    (void)data;
    memset(to, 0, sizeof *to);
    to->type = event->type;
    switch (event->type) {
    case CF_EVENT_FLOW_OPEN:
    case CF_EVENT_FLOW_DENIED:
        copy_flow(&event->flow_open, to);
        break;
    case CF_EVENT_FLOW_CLOSE:
        to->flow = event->flow_close.flow;
        to->result = event->flow_close.result;
        to->bytes_out = event->flow_close.bytes_out;
        to->bytes_in = event->flow_close.bytes_in;
        if (event->flow_close.proxy_why)
            snprintf(to->text, sizeof to->text, "%s", event->flow_close.proxy_why);
        break;
    case CF_EVENT_PACKETS_DENIED:
        to->protocol = event->packets_denied.protocol;
        to->dst.addr = event->packets_denied.dst;
        to->count = event->packets_denied.count;
        snprintf(to->text, sizeof to->text, "%s", event->packets_denied.reason);
        break;
    case CF_EVENT_WARNING:
        snprintf(to->text, sizeof to->text, "%s", event->warning.code);
        break;
    case CF_EVENT_DNS:
        snprintf(to->text, sizeof to->text, "%.60s", event->dns.name);
        break;
    default:
        break;
    }
    fixture_n_events++;
    if (fixture.wait_n > 0 && fixture_count(fixture.wait_type) >= fixture.wait_n)
        cf_loop_stop(fixture.loop, 0);
}

size_t fixture_count(enum cf_event_type type)
{
    size_t n = 0;

    for (size_t i = 0; i < fixture_n_events && i < FIXTURE_EVENTS; i++)
        n += fixture_events[i].type == type;
    return n;
}

const struct fixture_event *fixture_find(enum cf_event_type type, size_t n)
{
    for (size_t i = 0; i < fixture_n_events && i < FIXTURE_EVENTS; i++) {
        if (fixture_events[i].type == type && n-- == 0)
            return &fixture_events[i];
    }
    return NULL;
}

void fixture_wait(enum cf_event_type type, size_t n)
{
    fixture.wait_type = type;
    fixture.wait_n = n;
    if (fixture_count(type) < n)
        cf_loop_run(fixture.loop);
    fixture.wait_n = 0;
}

static int rule(enum cf_action action, const char *text)
{
    struct cf_origin origin = { cf_profile_file(fixture.profile, "test.yaml"), 1, 1 };
    struct cf_endpoint endpoint;
    struct cf_error err;

    if (cf_endpoint_parse(text, &endpoint, NULL, &err) < 0) {
        fprintf(stderr, "%s: %s\n", text, err.text);
        return -1;
    }
    return cf_profile_rule_add(fixture.profile, action, text, &endpoint, origin);
}

static int profile_make(bool audit_mode)
{
    static const char *const allowed[] = {
        "192.0.2.0/24",          "[2001:db8:1::]/48",   "203.0.112.0/21",
        "[2001:db8:2::]/47",     "icmp://192.0.2.0/24", "icmp://[2001:db8:1::]/48",
        "icmp://203.0.112.0/21",
    };
    struct cf_origin origin = { NULL, 1, 1 };
    struct cf_addr addr;

    fixture.profile = cf_profile_new();
    fixture.profile->mode = audit_mode ? CF_MODE_AUDIT : CF_MODE_ENFORCE;
    fixture.profile->egress.limits.connections = fixture_limits.connections;
    fixture.profile->egress.limits.new_per_second = fixture_limits.new_per_second;
    fixture.profile->egress.limits.bytes = fixture_limits.bytes;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        if (rule(CF_ALLOW, allowed[i]) < 0)
            return -1;
    }
    origin.file = cf_profile_file(fixture.profile, "test.yaml");
    cf_addr_parse(WORLD_IPV4, &addr);
    if (cf_profile_host_add(fixture.profile, "world.test", &addr, origin) < 0 ||
        cf_profile_host_port_add(fixture.profile, FIXTURE_HOST_PORT, origin) < 0)
        return -1;
    fixture.profile->dns.servers = calloc(1, sizeof *fixture.profile->dns.servers);
    fixture.profile->dns.servers[0] = (struct cf_addr_port) { addr, 5353 };
    fixture.profile->dns.n_servers = 1;
    fixture.profile->dns.timeout_ms = 2000;
    fixture.profile->dns.attempts = 3;
    return cf_profile_seal(fixture.profile);
}

static int rooms_open(struct cf_error *err)
{
    struct cf_gateway_config gateway = {
        .ipv4 = true, .ipv6 = true, .mtu = 1500, .first_gid = getgid(), .last_gid = getgid()
    };
    struct cf_resolver_config resolver = { .profile = fixture.profile };
    struct cf_engine_config engine = { .profile = fixture.profile, .threads = fixture_threads };
    int r;

    r = lab_gateway_open(&gateway, &fixture.gateway, err);
    if (r == 0)
        r = cf_loop_new(&fixture.loop, err);
    if (r == 0)
        r = cf_audit_open(NULL, "0", NULL, NULL, &fixture.audit, err);
    if (r < 0)
        return r;
    cf_audit_tap(fixture.audit, tap, NULL);
    if (fixture_proxy)
        engine.proxy = fixture.proxy = fixture_proxy(fixture.loop, &fixture.profile->proxy);
    if (cf_names_new(fixture.profile, &fixture.names) < 0)
        return cf_error_set(err, -ENOMEM, "names");
    resolver.loop = engine.loop = fixture.loop;
    resolver.audit = engine.audit = fixture.audit;
    resolver.names = engine.names = fixture.names;
    r = cf_resolver_new(&resolver, &fixture.resolver, err);
    if (r == 0)
        r = cf_dns_server_new(fixture.loop, fixture.resolver, fixture.gateway->dns4_fd,
                              fixture.gateway->dns6_fd, &fixture.dns, err);
    engine.dns = fixture.dns;
    engine.gateway = fixture.gateway;
    return r < 0 ? r : cf_engine_new(&engine, &fixture_engine, err);
}

/* An echo server on the host's loopback, which the sandbox must not reach otherwise. */
static int host_server_start(void)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(FIXTURE_HOST_PORT) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(fd, 16) < 0)
        return -1;
    fixture.host_pid = fork();
    if (fixture.host_pid == 0) {
        char byte;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            int client = accept(fd, NULL, NULL);

            while (recv(client, &byte, 1, 0) == 1)
                send(client, &byte, 1, MSG_NOSIGNAL);
            close(client);
        }
    }
    close(fd);
    return fixture.host_pid < 0 ? -1 : 0;
}

int fixture_start(bool audit_mode)
{
    struct cf_error err = { 0 };
    char range[64];

    signal(SIGPIPE, SIG_IGN);
    snprintf(range, sizeof range, "%u %u", getgid(), getgid());
    cf_fd_write_file("/proc/sys/net/ipv4/ping_group_range", range);
    fixture_n_events = 0;
    if (host_server_start() < 0 || profile_make(audit_mode) < 0)
        return -1;
    if (rooms_open(&err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    return 0;
}

void fixture_stop(void)
{
    cf_engine_free(fixture_engine);
    cf_dns_server_free(fixture.dns);
    cf_resolver_free(fixture.resolver);
    cf_names_free(fixture.names);
    if (fixture.audit)
        cf_audit_close(fixture.audit, NULL);
    cf_gateway_close(fixture.gateway);
    cf_proxy_way_free(fixture.proxy);
    cf_loop_free(fixture.loop);
    cf_profile_free(fixture.profile);
    if (fixture.host_pid > 0) {
        kill(fixture.host_pid, SIGKILL);
        waitpid(fixture.host_pid, NULL, 0);
    }
    memset(&fixture, 0, sizeof fixture);
    fixture_engine = NULL;
}

static void child_ended(struct cf_child *child)
{
    cf_loop_child_stop(fixture.loop, child);
    cf_loop_stop(fixture.loop, 0);
}

int fixture_begin(int (*fn)(void))
{
    pid_t pid;

    fixture_n_events = 0;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        int status;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (setns(fixture.gateway->sandbox_netns_fd, CLONE_NEWNET) < 0)
            _exit(99);
        for (int fd = 3; fd < 4096; fd++)
            close(fd);
        status = fn();
        fflush(NULL);
        _exit(status);
    }
    fixture.inside = (struct cf_child) { .fn = child_ended };
    return pid < 0 || cf_loop_child_start(fixture.loop, &fixture.inside, pid) < 0 ? -1 : 0;
}

int fixture_end(void)
{
    int status;

    cf_loop_run(fixture.loop);
    waitpid(fixture.inside.pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int fixture_inside(int (*fn)(void))
{
    return fixture_begin(fn) < 0 ? -1 : fixture_end();
}

static void drained(void *data)
{
    (void)data;
    cf_loop_stop(fixture.loop, 0);
}

void fixture_drain(void)
{
    if (cf_engine_drain(fixture_engine, 5000000, drained, NULL) == 0)
        cf_loop_run(fixture.loop);
}
