/*
 * event.c - names as the log writes them
 */
#include "audit/event.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const event_names[] = {
    [CF_EVENT_RUN_START] = "run_start",     [CF_EVENT_DNS] = "dns",
    [CF_EVENT_FLOW_OPEN] = "flow_open",     [CF_EVENT_FLOW_CLOSE] = "flow_close",
    [CF_EVENT_FLOW_DENIED] = "flow_denied", [CF_EVENT_PACKETS_DENIED] = "packets_denied",
    [CF_EVENT_CAPTURE] = "capture",         [CF_EVENT_WARNING] = "warning",
    [CF_EVENT_RUN_END] = "run_end",
};
static_assert(N_OF(event_names) == CF_EVENT_COUNT, "a name for each event");

static const char *const source_names[] = {
    [CF_DNS_SOURCE_HOSTS] = "hosts",       [CF_DNS_SOURCE_CACHE] = "cache",
    [CF_DNS_SOURCE_UPSTREAM] = "upstream", [CF_DNS_SOURCE_POLICY] = "policy",
    [CF_DNS_SOURCE_PROXY] = "proxy",       [CF_DNS_SOURCE_ERROR] = "error",
};
static_assert(N_OF(source_names) == CF_DNS_SOURCE_COUNT, "a name for each source");

static const char *const result_names[] = {
    [CF_RESULT_CLOSED] = "closed",   [CF_RESULT_RESET] = "reset",
    [CF_RESULT_REFUSED] = "refused", [CF_RESULT_UNREACHABLE] = "unreachable",
    [CF_RESULT_TIMEOUT] = "timeout", [CF_RESULT_KILLED] = "killed",
    [CF_RESULT_LIMIT] = "limit",
};
static_assert(N_OF(result_names) == CF_RESULT_COUNT, "a name for each result");

const char *cf_event_type_name(enum cf_event_type type)
{
    return event_names[type];
}

const char *cf_dns_source_name(enum cf_dns_source source)
{
    return source_names[source];
}

const char *cf_flow_result_name(enum cf_flow_result result)
{
    return result_names[result];
}

/* The values are bits of a mask, hence no table. */
const char *cf_proto_name(enum cf_proto proto)
{
    switch (proto) {
    case CF_PROTO_TCP:
        return "tcp";
    case CF_PROTO_UDP:
        return "udp";
    case CF_PROTO_ICMP:
        return "icmp";
    }
    return "unknown";
}

struct code {
    unsigned value;
    const char *name;
};

/* n is small, and what is asked for most stands first. */
static const char *code_find(const struct code *codes, size_t n, unsigned value)
{
    for (size_t i = 0; i < n; i++)
        if (codes[i].value == value)
            return codes[i].name;
    return NULL;
}

/* IANA, "DNS RCODEs". */
const char *cf_event_rcode_format(int rcode, char text[CF_EVENT_CODE_SIZE])
{
    static const struct code rcodes[] = {
        { 0, "NOERROR" },  { 3, "NXDOMAIN" },   { 2, "SERVFAIL" }, { 5, "REFUSED" },
        { 1, "FORMERR" },  { 4, "NOTIMP" },     { 6, "YXDOMAIN" }, { 7, "YXRRSET" },
        { 8, "NXRRSET" },  { 9, "NOTAUTH" },    { 10, "NOTZONE" }, { 11, "DSOTYPENI" },
        { 16, "BADVERS" }, { 23, "BADCOOKIE" },
    };
    const char *name = code_find(rcodes, N_OF(rcodes), (unsigned)rcode);

    if (name)
        return name;
    snprintf(text, CF_EVENT_CODE_SIZE, "RCODE%d", rcode);
    return text;
}

/* IANA, "Assigned Internet Protocol Numbers". */
const char *cf_event_protocol_format(uint8_t protocol, char text[CF_EVENT_CODE_SIZE])
{
    static const struct code protocols[] = {
        { 6, "tcp" },   { 17, "udp" },   { 1, "icmp" },      { 58, "ipv6-icmp" }, { 2, "igmp" },
        { 41, "ipv6" }, { 4, "ipv4" },   { 47, "gre" },      { 50, "esp" },       { 51, "ah" },
        { 33, "dccp" }, { 132, "sctp" }, { 136, "udplite" },
    };
    const char *name = code_find(protocols, N_OF(protocols), protocol);

    if (name)
        return name;
    snprintf(text, CF_EVENT_CODE_SIZE, "%u", (unsigned)protocol);
    return text;
}

static void count_verdict(struct cf_event_totals *totals, const struct cf_verdict *verdict)
{
    if (verdict->would_deny)
        totals->would_deny++;
}

void cf_event_count(const struct cf_event *event, struct cf_event_totals *totals)
{
    switch (event->type) {
    case CF_EVENT_DNS:
        totals->dns++;
        if (event->dns.verdict.action == CF_DENY)
            totals->dns_denied++;
        count_verdict(totals, &event->dns.verdict);
        break;
    case CF_EVENT_FLOW_OPEN:
        totals->flows++;
        count_verdict(totals, &event->flow_open.verdict);
        break;
    case CF_EVENT_FLOW_DENIED:
        if (event->flow_open.verdict.action == CF_DENY)
            totals->denied++;
        count_verdict(totals, &event->flow_open.verdict);
        break;
    case CF_EVENT_FLOW_CLOSE:
        totals->bytes_out += event->flow_close.bytes_out;
        totals->bytes_in += event->flow_close.bytes_in;
        break;
    case CF_EVENT_PACKETS_DENIED:
        totals->packets_denied += event->packets_denied.count;
        break;
    case CF_EVENT_RUN_START:
    case CF_EVENT_CAPTURE:
    case CF_EVENT_WARNING:
    case CF_EVENT_RUN_END:
    case CF_EVENT_COUNT:
        break;
    }
}

static bool under(const char *name, const char *suffix)
{
    size_t n = strlen(name), n_suffix = strlen(suffix);

    return n > n_suffix && name[n - n_suffix - 1] == '.' &&
           strcmp(name + n - n_suffix, suffix) == 0;
}

const struct cf_endpoint *cf_event_flow_endpoint(const struct cf_event_flow_open *flow)
{
    const struct cf_verdict *verdict = &flow->verdict;
    const struct cf_endpoint *endpoint = verdict->rule ? &verdict->rule->endpoint : NULL;

    if (verdict->member)
        endpoint = &verdict->member->endpoint;
    /* A name of a group's file is one that the flow has. */
    return endpoint && endpoint->name && endpoint->kind != CF_HOST_LIST ? endpoint : NULL;
}

const char *cf_event_flow_name(const struct cf_event_flow_open *flow)
{
    const struct cf_endpoint *rule = cf_event_flow_endpoint(flow);
    const char *best = NULL;

    if (rule && rule->kind == CF_HOST_NAME)
        return rule->name;
    for (size_t i = 0; i < flow->n_names; i++) {
        const struct cf_flow_name *name = &flow->names[i];

        if (rule && under(name->name, rule->name))
            return name->name;
        if (!best && !name->alias)
            best = name->name;
    }
    return best || flow->n_names == 0 ? best : flow->names[0].name;
}
