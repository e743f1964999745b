/*
 * summary.c - collects what a run contacted
 *
 * How this works. Each flow, query and packets_denied event adds to one line,
 * found by what would be printed: kind, subject, destination, and the rule's
 * place or the reason. A line lives as long as the summary. An open flow
 * remembers its line until it closes, for its bytes. A query's line is bound
 * to its name, and a flow marks the names that it was known by; whether a
 * name's own line is printed is decided at the end (summary_table.c): not
 * when a flow says the same.
 *
 * Events borrow what they point at, so all text is copied. Each table has a
 * limit; what comes later, and what finds no memory, is counted together in
 * `rest`, so that the figures add up whatever the command does.
 */
#include "report/summary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/summary_table.h"

/* Longest texts that are kept of one event. */
#define DESTINATION_SIZE 2048
#define WARNING_SIZE 1024

int cf_summary_new(struct cf_summary_table **ret_summary)
{
    struct cf_summary_table *summary = calloc(1, sizeof *summary);

    if (!summary)
        return -ENOMEM;
    cf_hash_init(&summary->lines);
    cf_hash_init(&summary->names);
    cf_hash_init(&summary->flows);
    if (cf_lookups_new(&summary->lookups) < 0) {
        cf_summary_free(summary);
        return -ENOMEM;
    }
    *ret_summary = summary;
    return 0;
}

static void line_free(struct cf_summary_line *line)
{
    if (!line)
        return;
    for (size_t i = 0; i < CF_LINE_PROCESSES; i++)
        free(line->processes[i]);
    free(line->destination);
    free(line->file);
    free(line->reason);
    free(line);
}

static void free_line(struct cf_hash_node *node, void *data)
{
    (void)data;
    line_free(cf_container_of(node, struct cf_summary_line, node));
}

static void free_name(struct cf_hash_node *node, void *data)
{
    struct cf_summary_name *name = cf_container_of(node, struct cf_summary_name, node);

    (void)data;
    free(name->name);
    free(name);
}

static void free_flow(struct cf_hash_node *node, void *data)
{
    (void)data;
    free(cf_container_of(node, struct cf_summary_flow, node));
}

void cf_summary_free(struct cf_summary_table *summary)
{
    if (!summary)
        return;
    cf_hash_each(&summary->lines, free_line, NULL);
    cf_hash_each(&summary->names, free_name, NULL);
    cf_hash_each(&summary->flows, free_flow, NULL);
    cf_hash_done(&summary->lines);
    cf_hash_done(&summary->names);
    cf_hash_done(&summary->flows);
    cf_lookups_free(summary->lookups);
    for (size_t i = 0; i < summary->n_not_in_force; i++)
        free(summary->not_in_force[i]);
    for (size_t i = 0; i < summary->n_warnings; i++) {
        free((char *)summary->warnings[i].code);
        free((char *)summary->warnings[i].text);
    }
    free((char *)summary->capture.file);
    free(summary->proxy.url);
    free(summary->proxy.why);
    free(summary->proxy.words);
    free(summary->policy);
    free(summary->policy_file);
    free(summary);
}

/* What a line is found by. Borrowed text. */
struct key {
    enum cf_line_kind kind;
    enum cf_line_subject subject;
    const char *destination;
    const char *file;
    unsigned line;
    const char *reason;
};

static uint64_t key_hash(const struct key *key)
{
    const uint64_t parts[] = {
        (uint64_t)key->kind,
        (uint64_t)key->subject,
        cf_hash_bytes(key->destination, strlen(key->destination)),
        key->file ? cf_hash_bytes(key->file, strlen(key->file)) : 0,
        key->line,
        cf_hash_bytes(key->reason, strlen(key->reason)),
    };

    return cf_hash_bytes(parts, sizeof parts);
}

static bool key_matches(const struct key *key, const struct cf_summary_line *line)
{
    if (key->kind != line->kind || key->subject != line->subject || key->line != line->line)
        return false;
    if (strcmp(key->destination, line->destination) != 0 || strcmp(key->reason, line->reason) != 0)
        return false;
    return key->file && line->file ? strcmp(key->file, line->file) == 0 : !key->file && !line->file;
}

static struct cf_summary_line *line_new(const struct key *key)
{
    struct cf_summary_line *line = calloc(1, sizeof *line);

    if (!line)
        return NULL;
    line->kind = key->kind;
    line->subject = key->subject;
    line->line = key->line;
    line->destination = strdup(key->destination);
    line->reason = strdup(key->reason);
    line->file = key->file ? strdup(key->file) : NULL;
    if (!line->destination || !line->reason || (key->file && !line->file)) {
        line_free(line);
        return NULL;
    }
    return line;
}

/* The line for key, made when it is new; NULL past the limit. */
static struct cf_summary_line *line_get(struct cf_summary_table *summary, const struct key *key)
{
    const size_t limit =
        key->subject == CF_LINE_NAME ? CF_SUMMARY_NAME_LINES : CF_SUMMARY_FLOW_LINES;
    size_t *n = &summary->n_lines[key->kind][key->subject];
    uint64_t hash = key_hash(key);
    struct cf_hash_node *node = cf_hash_find(&summary->lines, hash);
    struct cf_summary_line *line;

    for (; node; node = cf_hash_next(node)) {
        line = cf_container_of(node, struct cf_summary_line, node);
        if (key_matches(key, line))
            return line;
    }
    if (*n >= limit)
        return NULL;
    line = line_new(key);
    if (!line)
        return NULL;
    if (cf_hash_add(&summary->lines, &line->node, hash) < 0) {
        line_free(line);
        return NULL;
    }
    (*n)++;
    return line;
}

static struct cf_summary_line *line_count(struct cf_summary_table *summary, const struct key *key,
                                          uint64_t count)
{
    struct cf_summary_line *line = line_get(summary, key);

    if (line)
        line->count += count;
    else
        summary->rest[key->kind][key->subject].count += count;
    return line;
}

static void key_of_verdict(struct key *key, const struct cf_verdict *verdict)
{
    key->reason = cf_reason_name(verdict->reason);
    /* A rule that let a flow be opened is not why it was denied for the name that it showed. */
    if (verdict->reason == CF_REASON_NAME_MISSING || verdict->reason == CF_REASON_NAME_MISMATCH)
        return;
    /* A key that has its default stands nowhere: the reason says more. */
    if (verdict->rule && verdict->rule->origin.file &&
        (verdict->rule->origin.line > 0 || verdict->reason == CF_REASON_RULE ||
         verdict->reason == CF_REASON_PRIVATE || verdict->reason == CF_REASON_METADATA)) {
        key->file = verdict->rule->origin.file;
        key->line = verdict->rule->origin.line;
    }
}

/* Remember which programs a line stands for: two by name, the next by hash. */
static void line_add_process(struct cf_summary_line *line, const struct cf_event_process *process)
{
    const char *exe = process->pid ? process->exe : NULL;
    const char *slash = exe ? strrchr(exe, '/') : NULL;
    const char *name = slash && slash[1] ? slash + 1 : exe;
    uint64_t hash;

    if (!name || !name[0])
        return;
    hash = cf_hash_bytes(name, strlen(name));
    for (size_t i = 0; i < line->n_processes; i++)
        if (line->process_hashes[i] == hash)
            return;
    if (line->n_processes == CF_LINE_PROCESS_HASHES)
        return;
    if (line->n_processes < CF_LINE_PROCESSES) {
        line->processes[line->n_processes] = strndup(name, 255);
        if (!line->processes[line->n_processes])
            return;
    }
    line->process_hashes[line->n_processes++] = hash;
}

/* Lower case, without the final dot. */
static void fold_name(const char *text, char folded[DESTINATION_SIZE])
{
    size_t n = strnlen(text, DESTINATION_SIZE - 1);

    for (size_t i = 0; i < n; i++)
        folded[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 'a' - 'A') : text[i];
    if (n > 1 && folded[n - 1] == '.')
        n--;
    folded[n] = '\0';
}

static struct cf_summary_name *name_find(const struct cf_summary_table *summary, const char *text,
                                         uint64_t hash)
{
    struct cf_hash_node *node = cf_hash_find(&summary->names, hash);

    for (; node; node = cf_hash_next(node)) {
        struct cf_summary_name *name = cf_container_of(node, struct cf_summary_name, node);

        if (strcmp(name->name, text) == 0)
            return name;
    }
    return NULL;
}

/* NULL when memory is out; as many as there are lines, so no limit of its own. */
static struct cf_summary_name *name_get(struct cf_summary_table *summary, const char *text)
{
    uint64_t hash = cf_hash_bytes(text, strlen(text));
    struct cf_summary_name *name = name_find(summary, text, hash);

    if (name)
        return name;
    name = calloc(1, sizeof *name);
    if (!name)
        return NULL;
    name->name = strdup(text);
    if (!name->name || cf_hash_add(&summary->names, &name->node, hash) < 0) {
        free(name->name);
        free(name);
        return NULL;
    }
    return name;
}

static void line_add_type(struct cf_summary_line *line, uint16_t type)
{
    for (size_t i = 0; i < line->n_types; i++)
        if (line->types[i] == type)
            return;
    if (line->n_types < CF_LINE_TYPES)
        line->types[line->n_types++] = type;
    else
        line->more_types = true;
}

/* NXDOMAIN is an answer: search domains alone make many. */
static bool is_failure(const struct cf_event_dns *dns)
{
    return dns->rcode != 0 && dns->rcode != 3;
}

static void add_dns(struct cf_summary_table *summary, const struct cf_event_dns *dns)
{
    char folded[DESTINATION_SIZE], rcode[CF_EVENT_CODE_SIZE];
    struct key key = { .kind = CF_LINE_ASKED, .subject = CF_LINE_NAME, .destination = folded };
    struct cf_summary_line *line;

    fold_name(dns->name ? dns->name : "", folded);
    if (dns->verdict.would_deny) {
        key.kind = CF_LINE_WOULD_DENY;
        summary->names_would_deny++;
    } else if (dns->verdict.action == CF_DENY) {
        key.kind = CF_LINE_DENIED;
    } else if (is_failure(dns)) {
        key.kind = CF_LINE_FAILED;
    }
    cf_lookups_add(summary->lookups, folded, key.kind == CF_LINE_DENIED);
    if (key.kind == CF_LINE_FAILED)
        key.reason = dns->rcode < 0 ? "no answer" : cf_event_rcode_format(dns->rcode, rcode);
    else
        key_of_verdict(&key, &dns->verdict);
    line = line_count(summary, &key, 1);
    if (!line)
        return;
    if (!line->name)
        line->name = name_get(summary, folded);
    line_add_type(line, dns->type);
    line_add_process(line, &dns->process);
}

/* As the policy would write it: udp://host:port, [address]:port, **.name:port. */
static void flow_destination(const struct cf_event_flow_open *flow, char text[DESTINATION_SIZE])
{
    const bool allowed = cf_verdict_is_clean(&flow->verdict);
    const struct cf_endpoint *rule = allowed ? cf_event_flow_endpoint(flow) : NULL;
    char addr[CF_ADDR_TEXT_SIZE], port[16] = "", prefix[16] = "";
    const char *name = cf_event_flow_name(flow), *wildcard = "";
    bool brackets = false;

    if (flow->proto != CF_PROTO_TCP)
        snprintf(prefix, sizeof prefix, "%s://", cf_proto_name(flow->proto));
    if (flow->proto != CF_PROTO_ICMP)
        snprintf(port, sizeof port, ":%u", (unsigned)flow->dst.port);
    if (rule && rule->kind != CF_HOST_NAME) {
        wildcard = rule->kind == CF_HOST_ONE ? "*." : "**.";
        name = rule->name;
    } else if (!name) {
        name = cf_addr_format(&flow->dst.addr, addr);
        brackets = flow->dst.addr.family == CF_FAMILY_IPV6;
    }
    snprintf(text, DESTINATION_SIZE, "%s%s%s%s%s%s", prefix, wildcard, brackets ? "[" : "", name,
             brackets ? "]" : "", port);
}

static void mark_names(struct cf_summary_table *summary, const struct cf_event_flow_open *flow,
                       bool denied)
{
    for (size_t i = 0; i < flow->n_names; i++) {
        const char *text = flow->names[i].name;
        struct cf_summary_name *name = name_find(summary, text, cf_hash_bytes(text, strlen(text)));

        if (name && denied)
            name->flow_denied = true;
        else if (name)
            name->flow_allowed = true;
    }
}

/* Without memory for it, the flow's bytes are counted with the rest. */
static void remember_flow(struct cf_summary_table *summary, uint64_t id,
                          struct cf_summary_line *line)
{
    struct cf_summary_flow *flow;

    if (!line || summary->flows.n_nodes >= CF_SUMMARY_OPEN_FLOWS)
        return;
    flow = calloc(1, sizeof *flow);
    if (!flow)
        return;
    flow->flow = id;
    flow->line = line;
    if (cf_hash_add(&summary->flows, &flow->node, cf_hash_bytes(&id, sizeof id)) < 0)
        free(flow);
}

static void add_flow(struct cf_summary_table *summary, const struct cf_event_flow_open *flow,
                     bool opened)
{
    char destination[DESTINATION_SIZE];
    struct key key = {
        .kind = opened ? CF_LINE_ALLOWED : CF_LINE_DENIED,
        .subject = CF_LINE_FLOW,
        .destination = destination,
    };
    struct cf_summary_line *line;

    if (flow->verdict.would_deny) {
        key.kind = CF_LINE_WOULD_DENY;
        summary->flows_would_deny++;
    }
    flow_destination(flow, destination);
    key_of_verdict(&key, &flow->verdict);
    line = line_count(summary, &key, 1);
    if (line)
        line_add_process(line, &flow->process);
    if (opened) {
        remember_flow(summary, flow->flow, line);
        summary->proxy.through += flow->via_proxy != NULL;
        summary->proxy.past += flow->via_proxy == NULL;
    }
    mark_names(summary, flow, key.kind != CF_LINE_ALLOWED);
}

/* What the proxy, or this end of it, said last. */
static void add_proxy_failure(struct cf_summary_proxy *proxy,
                              const struct cf_event_flow_close *close)
{
    proxy->failed++;
    free(proxy->why);
    free(proxy->words);
    proxy->why = strdup(close->proxy_why);
    proxy->words = strndup(close->proxy_words ? close->proxy_words : "", WARNING_SIZE);
}

static void add_flow_close(struct cf_summary_table *summary,
                           const struct cf_event_flow_close *close)
{
    uint64_t bytes = close->bytes_out + close->bytes_in;
    struct cf_hash_node *node =
        cf_hash_find(&summary->flows, cf_hash_bytes(&close->flow, sizeof close->flow));

    if (close->proxy_why)
        add_proxy_failure(&summary->proxy, close);
    for (; node; node = cf_hash_next(node)) {
        struct cf_summary_flow *flow = cf_container_of(node, struct cf_summary_flow, node);

        if (flow->flow != close->flow)
            continue;
        flow->line->bytes += bytes;
        cf_hash_remove(&summary->flows, node);
        free(flow);
        return;
    }
    summary->rest[CF_LINE_ALLOWED][CF_LINE_FLOW].bytes += bytes;
}

static void add_packets(struct cf_summary_table *summary,
                        const struct cf_event_packets_denied *packets)
{
    char destination[DESTINATION_SIZE], addr[CF_ADDR_TEXT_SIZE], protocol[CF_EVENT_CODE_SIZE];
    const bool v6 = packets->dst.family == CF_FAMILY_IPV6;
    const struct key key = {
        .kind = CF_LINE_DENIED,
        .subject = CF_LINE_PACKETS,
        .destination = destination,
        .reason = packets->reason ? packets->reason : "",
    };

    if (packets->dst.family == CF_FAMILY_NONE) /* what the engine itself counted together */
        snprintf(destination, sizeof destination, "many destinations");
    else
        snprintf(destination, sizeof destination, "%s://%s%s%s",
                 cf_event_protocol_format(packets->protocol, protocol), v6 ? "[" : "",
                 cf_addr_format(&packets->dst, addr), v6 ? "]" : "");
    line_count(summary, &key, packets->count);
}

static void add_warning(struct cf_summary_table *summary, const struct cf_event_warning *warning)
{
    char *code, *text;

    if (summary->n_warnings == CF_SUMMARY_WARNINGS) {
        summary->more_warnings++;
        return;
    }
    code = strndup(warning->code ? warning->code : "", WARNING_SIZE);
    text = strndup(warning->text ? warning->text : "", WARNING_SIZE);
    if (!code || !text) {
        free(code);
        free(text);
        summary->more_warnings++;
        return;
    }
    summary->warnings[summary->n_warnings++] = (struct cf_event_warning) { code, text };
}

static void add_capture(struct cf_summary_table *summary, const struct cf_event_capture *capture)
{
    char *file = strdup(capture->file ? capture->file : "");

    if (!file)
        return;
    free((char *)summary->capture.file);
    summary->capture = *capture;
    summary->capture.file = file;
}

static void add_run_start(struct cf_summary_table *summary, const struct cf_event_run_start *start)
{
    const struct cf_profile *profile = start->profile;

    if (summary->policy)
        return; /* a run starts once */
    summary->policy = strdup(profile->name ? profile->name : "");
    summary->policy_file = profile->file ? strdup(profile->file) : NULL;
    summary->mode = start->mode;
    if (profile->proxy.url.scheme != CF_PROXY_NONE)
        summary->proxy.url = cf_proxy_url_format(&profile->proxy.url);
    summary->proxy.dns = cf_proxy_dns(profile);
    for (size_t i = 0; i < start->n_not_in_force; i++) {
        char *text;

        if (summary->n_not_in_force == CF_SUMMARY_NOT_IN_FORCE)
            break;
        text = strdup(start->not_in_force[i]);
        if (text)
            summary->not_in_force[summary->n_not_in_force++] = text;
    }
}

void cf_summary_event(void *data, const struct cf_event *event)
{
    struct cf_summary_table *summary = data;

    cf_event_count(event, &summary->totals);
    switch (event->type) {
    case CF_EVENT_RUN_START:
        add_run_start(summary, &event->run_start);
        break;
    case CF_EVENT_DNS:
        add_dns(summary, &event->dns);
        break;
    case CF_EVENT_FLOW_OPEN:
    case CF_EVENT_FLOW_DENIED:
        add_flow(summary, &event->flow_open, event->type == CF_EVENT_FLOW_OPEN);
        break;
    case CF_EVENT_FLOW_CLOSE:
        add_flow_close(summary, &event->flow_close);
        break;
    case CF_EVENT_PACKETS_DENIED:
        add_packets(summary, &event->packets_denied);
        break;
    case CF_EVENT_CAPTURE:
        add_capture(summary, &event->capture);
        break;
    case CF_EVENT_WARNING:
        add_warning(summary, &event->warning);
        break;
    case CF_EVENT_RUN_END:
        summary->ended = true;
        summary->duration_us = event->run_end.duration_us;
        break;
    case CF_EVENT_COUNT:
        break;
    }
}
