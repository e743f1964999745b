/*
 * fixture.c - a resolver with everything around it, for the tests of this room
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static void tap(void *data, const struct cf_event *event)
{
    struct seen *seen = data;
    size_t used = 0;

    if (event->type == CF_EVENT_WARNING) {
        seen->n_warnings++;
        snprintf(seen->warning, sizeof seen->warning, "%s: %s", event->warning.code,
                 event->warning.text);
        return;
    }
    if (event->type != CF_EVENT_DNS)
        abort();
    seen->n++;
    seen->dns = event->dns;
    snprintf(seen->exe, sizeof seen->exe, "%s",
             event->dns.process.exe ? event->dns.process.exe : "");
    snprintf(seen->name, sizeof seen->name, "%s", event->dns.name);
    seen->answers[0] = '\0';
    for (size_t i = 0; i < event->dns.n_answers && used < sizeof seen->answers; i++) {
        const struct cf_event_answer *answer = &event->dns.answers[i];

        used += (size_t)snprintf(seen->answers + used, sizeof seen->answers - used, "%s %u %s;",
                                 answer->name, answer->type, answer->data);
    }
}

void fixture_start(struct fixture *fixture,
                   bool (*script)(struct fake *fake, bool tcp, struct message *answer))
{
    char run[CF_RUN_ID_SIZE];

    memset(fixture, 0, sizeof *fixture);
    cf_run_id_make(run);
    if (cf_loop_new(&fixture->loop, NULL) < 0)
        abort();
    fixture->profile = cf_profile_new();
    if (!fixture->profile || cf_audit_open(NULL, run, NULL, NULL, &fixture->audit, NULL) < 0)
        abort();
    cf_audit_tap(fixture->audit, tap, &fixture->seen);
    fake_start(&fixture->upstream, fixture->loop, false, script);
    fixture->profile->dns.servers = calloc(1, sizeof(struct cf_addr_port));
    fixture->profile->dns.servers[0] = fixture->upstream.at;
    fixture->profile->dns.n_servers = 1;
    fixture->profile->dns.timeout_ms = 10000;
    fixture->profile->dns.attempts = 2;
}

static void rule_add(struct fixture *fixture, enum cf_action action, const char *text)
{
    struct cf_origin origin = { .file = "test", .line = 1 };
    struct cf_endpoint endpoint;

    if (cf_endpoint_parse(text, &endpoint, NULL, NULL) < 0 ||
        cf_profile_rule_add(fixture->profile, action, text, &endpoint, origin) < 0)
        abort();
}

void fixture_allow(struct fixture *fixture, const char *endpoint)
{
    rule_add(fixture, CF_ALLOW, endpoint);
}

void fixture_deny(struct fixture *fixture, const char *endpoint)
{
    rule_add(fixture, CF_DENY, endpoint);
}

void fixture_exe(struct fixture *fixture, const char *glob)
{
    struct cf_profile *profile = fixture->profile;

    profile->egress.rules[profile->egress.n_rules - 1].exe = strdup(glob);
}

static void process_find(void *data, const struct cf_dns_client *client,
                         struct cf_event_process *ret_process)
{
    struct fixture *fixture = data;

    (void)client;
    fixture->n_looked_up++;
    if (!fixture->exe)
        return;
    snprintf(fixture->found_exe, sizeof fixture->found_exe, "%s", fixture->exe);
    *ret_process = (struct cf_event_process) { .pid = 42, .exe = fixture->found_exe };
}

void fixture_host(struct fixture *fixture, const char *name, const char *text)
{
    struct cf_origin origin = { .file = "test", .line = 1 };
    struct cf_addr addr;

    if (cf_addr_parse(text, &addr) < 0 ||
        cf_profile_host_add(fixture->profile, name, &addr, origin) < 0)
        abort();
}

void fixture_open(struct fixture *fixture, size_t cache_entries)
{
    struct cf_resolver_config config = {
        .loop = fixture->loop,
        .profile = fixture->profile,
        .audit = fixture->audit,
        .resolv_conf = fixture->resolv_conf,
        .stream_open = fixture->stream_open,
        .stream_data = fixture,
        .process_find = process_find,
        .process_data = fixture,
    };
    struct cf_error err = { 0 };

    cf_addr_parse("198.18.0.1", &config.loopback4);
    fixture->profile->dns.cache = (int64_t)cache_entries;
    if (cf_profile_seal(fixture->profile) < 0 ||
        cf_names_new(fixture->profile, &fixture->names) < 0)
        abort();
    config.names = fixture->names;
    if (cf_resolver_new(&config, &fixture->resolver, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

void fixture_stop(struct fixture *fixture)
{
    cf_resolver_free(fixture->resolver);
    cf_names_free(fixture->names);
    cf_audit_close(fixture->audit, NULL);
    fake_stop(&fixture->upstream);
    cf_profile_free(fixture->profile);
    cf_loop_free(fixture->loop);
}

static void reply_take(void *data, const uint8_t *message, size_t length)
{
    struct fixture *fixture = data;

    fixture->n_replies++;
    fixture->silent = !message;
    fixture->reply.length = 0;
    if (message)
        message_raw(&fixture->reply, message, length);
    cf_loop_stop(fixture->loop, 0);
}

void fixture_put(struct fixture *fixture, bool tcp, const uint8_t *data, size_t length)
{
    struct cf_dns_client client = { .tcp = tcp };
    struct cf_query *query = NULL;
    unsigned before = fixture->n_replies;

    cf_addr_parse("198.18.0.2", &client.src.addr);
    cf_addr_parse("192.0.2.53", &client.asked.addr);
    client.src.port = 4242;
    client.asked.port = 53;
    if (cf_resolver_query(fixture->resolver, &client, data, length, reply_take, fixture, &query) <
        0)
        abort();
    if ((query == NULL) != (fixture->n_replies > before))
        abort();
    /* A reply that came at once has stopped a loop that did not run: this takes that back. */
    cf_loop_run(fixture->loop);
    if (fixture->n_replies != before + 1)
        abort();
}

int fixture_ask(struct fixture *fixture, const char *name, uint16_t type)
{
    static struct message query;

    message_start(&query, 0x1234, CF_WIRE_RD, name, type);
    fixture_put(fixture, false, query.data, query.length);
    if (fixture->silent || cf_wire_u16(fixture->reply.data) != 0x1234)
        return -1;
    return fixture->reply.data[3] & CF_WIRE_RCODE_MASK;
}

unsigned reply_count(const struct fixture *fixture, int section)
{
    return cf_wire_u16(fixture->reply.data + 6 + 2 * section);
}

const char *reply_addr(const struct fixture *fixture, unsigned index)
{
    static char text[CF_ADDR_TEXT_SIZE];
    struct cf_wire_query query;
    struct cf_wire_answer answer;
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    struct cf_addr addr;
    struct message asked = fixture->reply;

    asked.data[2] &= 0x7f;
    (void)cf_wire_query_parse(asked.data, asked.length, &query);
    if (cf_wire_answer_parse(fixture->reply.data, fixture->reply.length, &query, &answer) < 0)
        return "malformed";
    cf_wire_answer_walk(&answer, &walk);
    while (cf_wire_walk_next(&walk, &rr) > 0 && rr.section == CF_SECTION_ANSWER) {
        if (cf_wire_rr_addr(answer.message, &rr, &addr) == 0 && index-- == 0)
            return cf_addr_format(&addr, text);
    }
    return "none";
}

const char *fixture_names(const struct fixture *fixture, const char *text)
{
    static char list[CF_NAMES_PER_ADDR * (CF_NAME_SIZE + 16)];
    struct cf_flow_name names[CF_NAMES_PER_ADDR];
    uint64_t ids[CF_NAMES_PER_ADDR];
    struct cf_addr addr;
    size_t n, used = 0;

    if (cf_addr_parse(text, &addr) < 0)
        abort();
    n = cf_names_find(fixture->names, &addr, cf_clock_monotonic_us(), names, ids);
    list[0] = '\0';
    for (size_t i = 0; i < n; i++)
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s%s%s", i ? " " : "", names[i].name,
                             names[i].alias    ? "(alias)"
                             : names[i].pinned ? "(pinned)"
                                               : "");
    return list;
}
