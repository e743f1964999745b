/*
 * event_json.c - one event as one line of the audit log
 *
 * The order of the fields is the order of doc/audit.md; each field has its
 * place in schema/childflow-audit-v1.schema.json, and a sample of each event
 * is checked against it.
 */
#include "audit/event_json.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "audit/json.h"
#include "audit/secret.h"
#include "base/cleanup.h"
#include "base/clock.h"

/*
 * A text in which a secret may stand. room: see cf_json_text_piece(). cut:
 * the text may lack its end, see cf_secret_find().
 */
static void put_masked(struct cf_json *json, const char *key, const char *text, bool cut,
                       size_t room)
{
    size_t length, at = 0, from, to;

    if (!text) {
        cf_json_null(json, key);
        return;
    }
    length = strlen(text);
    cf_json_text_start(json, key);
    while (cf_secret_find(text, length, at, cut, &from, &to)) {
        cf_json_text_piece(json, text + at, from - at, &room);
        cf_json_text_piece(json, CF_SECRET_MASK, strlen(CF_SECRET_MASK), &room);
        at = to;
    }
    cf_json_text_piece(json, text + at, length - at, &room);
    cf_json_text_stop(json);
}

static void put_addr(struct cf_json *json, const char *key, const struct cf_addr *addr)
{
    char text[CF_ADDR_TEXT_SIZE];

    cf_json_text(json, key, addr->family ? cf_addr_format(addr, text) : NULL);
}

/* {ip, port}, or null when there is no address. */
static void put_addr_port(struct cf_json *json, const char *key, const struct cf_addr_port *at)
{
    if (!at->addr.family) {
        cf_json_null(json, key);
        return;
    }
    cf_json_object(json, key);
    put_addr(json, "ip", &at->addr);
    cf_json_unsigned(json, "port", at->port);
    cf_json_object_end(json);
}

/* Which endpoint of the rule's group it was: its text, or the place of a name in a file. */
static void put_member(struct cf_json *json, const struct cf_verdict *verdict)
{
    const struct cf_group *group = verdict->rule->list;
    struct cf_buffer place;

    if (verdict->member) {
        cf_json_text(json, "member", verdict->member->text);
    } else if (verdict->names_line > 0 && group && group->names_file) {
        cf_buffer_init(&place, 0);
        cf_buffer_printf(&place, "%s:%u", group->names_file, (unsigned)verdict->names_line);
        if (place.failed)
            json->buffer->failed = true;
        else
            cf_json_text(json, "member", place.data);
        cf_buffer_done(&place);
    }
}

static void put_verdict(struct cf_json *json, const struct cf_verdict *verdict)
{
    cf_json_object(json, "verdict");
    cf_json_text(json, "action", verdict->action == CF_ALLOW ? "allow" : "deny");
    if (verdict->would_deny)
        cf_json_bool(json, "would_deny", true);
    cf_json_text(json, "reason", cf_reason_name(verdict->reason));
    if (verdict->rule) {
        const struct cf_origin *origin = &verdict->rule->origin;

        cf_json_object(json, "rule");
        cf_json_text(json, "text", verdict->rule->text);
        cf_json_text(json, "file", origin->file);
        if (origin->line)
            cf_json_unsigned(json, "line", origin->line);
        else
            cf_json_null(json, "line");
        put_member(json, verdict);
        cf_json_object_end(json);
    } else {
        cf_json_null(json, "rule");
    }
    cf_json_object_end(json);
}

static void put_process(struct cf_json *json, const struct cf_event_process *process)
{
    if (process->pid == 0) {
        cf_json_null(json, "process");
        cf_json_text(json, "process_unknown",
                     process->unknown ? process->unknown : "not looked up");
        return;
    }
    cf_json_object(json, "process");
    cf_json_signed(json, "pid", process->pid);
    cf_json_text(json, "exe", process->exe);
    /* As long as the limit: whoever read it may have cut it there. */
    put_masked(json, "argv", process->argv,
               process->argv && strlen(process->argv) + 1 >= CF_EVENT_ARGV_SIZE,
               CF_EVENT_ARGV_SIZE);
    if (process->parent_pid) {
        cf_json_object(json, "parent");
        cf_json_signed(json, "pid", process->parent_pid);
        cf_json_text(json, "exe", process->parent_exe);
        cf_json_object_end(json);
    } else {
        cf_json_null(json, "parent");
    }
    cf_json_object_end(json);
}

static void put_texts(struct cf_json *json, const char *key, const char *const *texts, size_t n)
{
    cf_json_array(json, key);
    for (size_t i = 0; i < n; i++)
        cf_json_text(json, NULL, texts[i]);
    cf_json_array_end(json);
}

/* The Unicode form of an international name, else NULL; the caller's. */
static char *unicode_of(const char *name)
{
    char lower[CF_NAME_SIZE];
    size_t n = strlen(name);

    if (n >= sizeof lower || !strcasestr(name, "xn--"))
        return NULL;
    for (size_t i = 0; i <= n; i++)
        lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 'a' - 'A') : name[i];
    if (n > 1 && lower[n - 1] == '.')
        lower[n - 1] = '\0';
    return cf_name_to_unicode(lower);
}

static void put_policy(struct cf_json *json, const struct cf_event_run_start *start)
{
    const struct cf_profile *profile = start->profile;

    cf_json_object(json, "policy");
    cf_json_text(json, "file", profile->file);
    cf_json_text(json, "sha256", profile->sha256[0] ? profile->sha256 : NULL);
    cf_json_text(json, "name", profile->name);
    cf_json_text(json, "mode", cf_mode_name(start->mode));
    cf_json_array(json, "files");
    for (size_t i = 0; i < profile->n_digests; i++) {
        cf_json_object(json, NULL);
        cf_json_text(json, "file", profile->digests[i].file);
        cf_json_text(json, "sha256", profile->digests[i].sha256);
        cf_json_object_end(json);
    }
    cf_json_array_end(json);
    cf_json_object_end(json);
}

/* Its URL, which has no user part. */
static void put_proxy(struct cf_json *json, const struct cf_proxy_url *url)
{
    cf_auto_free char *text = url->scheme == CF_PROXY_NONE ? NULL : cf_proxy_url_format(url);

    if (url->scheme != CF_PROXY_NONE && !text)
        json->buffer->failed = true;
    cf_json_text(json, "proxy", text);
}

static const char *const dns_routes[] = {
    [CF_PROXY_DNS_DIRECT] = "direct",
    [CF_PROXY_DNS_TUNNEL] = "tunnel",
    [CF_PROXY_DNS_NAMES] = "proxy",
};
static_assert(sizeof dns_routes / sizeof dns_routes[0] == CF_PROXY_DNS_COUNT, "a name for each");

static void put_run_start(struct cf_json *json, const struct cf_event_run_start *start)
{
    put_policy(json, start);
    cf_json_array(json, "command");
    for (char *const *argument = start->command; argument && *argument; argument++)
        put_masked(json, NULL, *argument, false, SIZE_MAX);
    cf_json_array_end(json);
    cf_json_text(json, "cwd", start->cwd);
    cf_json_object(json, "user");
    cf_json_unsigned(json, "uid", start->uid);
    cf_json_text(json, "name", start->user);
    cf_json_object_end(json);
    cf_json_text(json, "host", start->host);
    cf_json_text(json, "kernel", start->kernel);
    cf_json_text(json, "backend", start->backend);
    cf_json_text(json, "version", start->version);
    put_texts(json, "libraries", start->libraries, start->n_libraries);
    cf_json_text(json, "interface", start->interface);
    cf_json_array(json, "dns_servers");
    for (size_t i = 0; i < start->n_dns_servers; i++)
        put_addr_port(json, NULL, &start->dns_servers[i]);
    cf_json_array_end(json);
    cf_json_text(json, "dns_route", dns_routes[cf_proxy_dns(start->profile)]);
    put_proxy(json, &start->profile->proxy.url);
    put_texts(json, "masked", start->masked, start->n_masked);
    put_texts(json, "not_in_force", start->not_in_force, start->n_not_in_force);
}

static void put_answers(struct cf_json *json, const struct cf_event_dns *dns)
{
    char text[CF_EVENT_CODE_SIZE];

    cf_json_array(json, "answers");
    for (size_t i = 0; i < dns->n_answers; i++) {
        const struct cf_event_answer *answer = &dns->answers[i];

        cf_json_object(json, NULL);
        cf_json_text(json, "name", answer->name);
        cf_json_text(json, "type", cf_record_type_format(answer->type, text));
        cf_json_unsigned(json, "ttl", answer->ttl);
        cf_json_text(json, "data", answer->data);
        cf_json_object_end(json);
    }
    cf_json_array_end(json);
}

static void put_dns(struct cf_json *json, const struct cf_event_dns *dns)
{
    cf_auto_free char *unicode = dns->name ? unicode_of(dns->name) : NULL;
    char text[CF_EVENT_CODE_SIZE];

    cf_json_unsigned(json, "id", dns->id);
    cf_json_text(json, "name", dns->name);
    if (unicode)
        cf_json_text(json, "name_unicode", unicode);
    cf_json_text(json, "type", cf_record_type_format(dns->type, text));
    cf_json_text(json, "transport", dns->tcp ? "tcp" : "udp");
    put_addr_port(json, "asked", &dns->asked);
    put_process(json, &dns->process);
    put_verdict(json, &dns->verdict);
    cf_json_text(json, "source", cf_dns_source_name(dns->source));
    put_addr_port(json, "server", &dns->server);
    cf_json_text(json, "rcode", dns->rcode < 0 ? NULL : cf_event_rcode_format(dns->rcode, text));
    put_answers(json, dns);
    cf_json_unsigned(json, "latency_us", dns->latency_us);
}

/* `names`, `names_unicode` where it says more, and the `dns` ids beside them. */
static void put_names(struct cf_json *json, const struct cf_event_flow_open *flow)
{
    bool international = false;

    cf_json_array(json, "names");
    for (size_t i = 0; i < flow->n_names; i++) {
        cf_json_text(json, NULL, flow->names[i].name);
        international = international || strstr(flow->names[i].name, "xn--");
    }
    cf_json_array_end(json);
    if (international) {
        cf_json_array(json, "names_unicode");
        for (size_t i = 0; i < flow->n_names; i++) {
            cf_auto_free char *unicode = unicode_of(flow->names[i].name);

            cf_json_text(json, NULL, unicode ? unicode : flow->names[i].name);
        }
        cf_json_array_end(json);
    }
    cf_json_array(json, "dns");
    for (size_t i = 0; i < flow->n_names; i++)
        cf_json_unsigned(json, NULL, flow->dns_ids ? flow->dns_ids[i] : 0);
    cf_json_array_end(json);
}

static void put_flow(struct cf_json *json, const struct cf_event_flow_open *flow)
{
    cf_json_unsigned(json, "flow", flow->flow);
    cf_json_text(json, "proto", cf_proto_name(flow->proto));
    put_addr_port(json, "src", &flow->src);
    put_addr_port(json, "dst", &flow->dst);
    put_names(json, flow);
    put_process(json, &flow->process);
    put_verdict(json, &flow->verdict);
}

static void put_flow_open(struct cf_json *json, const struct cf_event_flow_open *flow)
{
    put_flow(json, flow);
    cf_json_object(json, "via");
    cf_json_text(json, "interface", flow->via_interface);
    put_addr_port(json, "local", &flow->via_local);
    cf_json_text(json, "proxy", flow->via_proxy);
    cf_json_object_end(json);
}

/* Only what there is. */
static void put_shown(struct cf_json *json, const char *sni, const char *http_host)
{
    if (sni)
        cf_json_text(json, "sni", sni);
    if (http_host)
        cf_json_text(json, "http_host", http_host);
}

static void put_flow_close(struct cf_json *json, const struct cf_event_flow_close *flow)
{
    cf_json_unsigned(json, "flow", flow->flow);
    cf_json_text(json, "result", cf_flow_result_name(flow->result));
    cf_json_unsigned(json, "bytes_out", flow->bytes_out);
    cf_json_unsigned(json, "bytes_in", flow->bytes_in);
    cf_json_unsigned(json, "duration_us", flow->duration_us);
    put_shown(json, flow->sni, flow->http_host);
    if (flow->alpn)
        cf_json_text(json, "alpn", flow->alpn);
    if (!flow->proxy_why)
        return;
    cf_json_object(json, "proxy");
    cf_json_text(json, "why", flow->proxy_why);
    cf_json_text(json, "words", flow->proxy_words);
    cf_json_object_end(json);
}

static void put_packets_denied(struct cf_json *json, const struct cf_event_packets_denied *packets)
{
    char text[CF_EVENT_CODE_SIZE];

    cf_json_text(json, "proto", cf_event_protocol_format(packets->protocol, text));
    cf_json_object(json, "dst");
    put_addr(json, "ip", &packets->dst);
    cf_json_object_end(json);
    cf_json_unsigned(json, "count", packets->count);
    cf_json_text(json, "reason", packets->reason);
}

static void put_capture(struct cf_json *json, const struct cf_event_capture *capture)
{
    cf_json_text(json, "file", capture->file);
    cf_json_unsigned(json, "packets", capture->packets);
    cf_json_unsigned(json, "bytes", capture->bytes);
    cf_json_unsigned(json, "dropped", capture->dropped);
    cf_json_unsigned(json, "files", capture->files);
}

static void put_usage(struct cf_json *json, const char *key, const struct cf_event_usage *usage)
{
    cf_json_object(json, key);
    cf_json_unsigned(json, "cpu_us", usage->cpu_us);
    cf_json_unsigned(json, "peak_memory_bytes", usage->peak_memory_bytes);
    cf_json_object_end(json);
}

static void put_accounting(struct cf_json *json, const struct cf_event_run_end *end)
{
    uint64_t known = end->logged_packets + end->lost_packets;

    if (!end->accounted) {
        cf_json_null(json, "accounting");
        return;
    }
    cf_json_object(json, "accounting");
    cf_json_object(json, "interface");
    cf_json_unsigned(json, "packets", end->interface_packets);
    cf_json_unsigned(json, "bytes", end->interface_bytes);
    cf_json_object_end(json);
    cf_json_object(json, "logged");
    cf_json_unsigned(json, "packets", end->logged_packets);
    cf_json_object_end(json);
    cf_json_object(json, "lost");
    cf_json_unsigned(json, "packets", end->lost_packets);
    cf_json_object_end(json);
    cf_json_unsigned(json, "unaccounted",
                     end->interface_packets > known ? end->interface_packets - known : 0);
    cf_json_object_end(json);
}

static void put_run_end(struct cf_json *json, const struct cf_event_run_end *end)
{
    cf_json_object(json, "exit");
    if (end->exit_signal)
        cf_json_signed(json, "signal", end->exit_signal);
    else
        cf_json_signed(json, "code", end->exit_code);
    cf_json_object_end(json);
    cf_json_unsigned(json, "duration_us", end->duration_us);
    cf_event_totals_format_json(&end->totals, json, "totals");
    put_accounting(json, end);
    cf_json_object(json, "usage");
    put_usage(json, "tree", &end->tree);
    put_usage(json, "childflow", &end->self);
    cf_json_object_end(json);
}

void cf_event_totals_format_json(const struct cf_event_totals *totals, struct cf_json *json,
                                 const char *key)
{
    cf_json_object(json, key);
    cf_json_unsigned(json, "dns", totals->dns);
    cf_json_unsigned(json, "dns_denied", totals->dns_denied);
    cf_json_unsigned(json, "flows", totals->flows);
    cf_json_unsigned(json, "denied", totals->denied);
    cf_json_unsigned(json, "would_deny", totals->would_deny);
    cf_json_unsigned(json, "packets_denied", totals->packets_denied);
    cf_json_unsigned(json, "bytes_out", totals->bytes_out);
    cf_json_unsigned(json, "bytes_in", totals->bytes_in);
    cf_json_object_end(json);
}

static void put_body(struct cf_json *json, const struct cf_event *event)
{
    switch (event->type) {
    case CF_EVENT_RUN_START:
        put_run_start(json, &event->run_start);
        break;
    case CF_EVENT_DNS:
        put_dns(json, &event->dns);
        break;
    case CF_EVENT_FLOW_OPEN:
        put_flow_open(json, &event->flow_open);
        break;
    case CF_EVENT_FLOW_CLOSE:
        put_flow_close(json, &event->flow_close);
        break;
    case CF_EVENT_FLOW_DENIED:
        put_flow(json, &event->flow_open);
        put_shown(json, event->flow_open.sni, event->flow_open.http_host);
        break;
    case CF_EVENT_PACKETS_DENIED:
        put_packets_denied(json, &event->packets_denied);
        break;
    case CF_EVENT_CAPTURE:
        put_capture(json, &event->capture);
        break;
    case CF_EVENT_WARNING:
        cf_json_text(json, "code", event->warning.code);
        put_masked(json, "text", event->warning.text, false, SIZE_MAX);
        break;
    case CF_EVENT_RUN_END:
        put_run_end(json, &event->run_end);
        break;
    case CF_EVENT_COUNT:
        break;
    }
}

int cf_event_format_json(const struct cf_event *event, const struct cf_event_head *head,
                         struct cf_buffer *buffer)
{
    char time[CF_CLOCK_RFC3339_SIZE];
    size_t start = buffer->length;
    struct cf_json json;

    cf_clock_format_rfc3339(head->realtime_us, time);
    cf_json_init(&json, buffer);
    cf_json_object(&json, NULL);
    cf_json_unsigned(&json, "v", 1);
    cf_json_text(&json, "time", time);
    cf_json_text(&json, "run", head->run);
    cf_json_unsigned(&json, "seq", head->seq);
    cf_json_text(&json, "event", cf_event_type_name(event->type));
    put_body(&json, event);
    cf_json_object_end(&json);
    cf_buffer_append(buffer, "\n", 1);
    if (!buffer->failed)
        return 0;
    buffer->failed = false;
    buffer->length = start;
    if (buffer->data)
        buffer->data[start] = '\0';
    return -ENOMEM;
}
