/*
 * flow.c - the table of flows and their events
 *
 * How this works. A flow is made unlisted; listed while packets with its key
 * are meant for it; unlisted when its key goes to a successor (a new SYN on
 * the same four-tuple) or when it ends. It is open between flow_open and
 * flow_close, which need not be the time it is listed: a denied flow is listed
 * and never open, and a superseded connection still delivers what it holds.
 *
 * Ghosts are hashes of key and sequence number in a ring: the oldest makes
 * room. A copy of a SYN is as old as one turn of the loop at most when its
 * connection has come and gone, so the ring need not be long. Two keys with one
 * 64-bit hash under a secret are as good as impossible, and would cost one SYN
 * that its sender repeats.
 */
#include "engine/flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/egress.h"

/* protocol, two families, two addresses, two ports, a sequence number */
#define KEY_BYTES (1 + 2 + 32 + 4 + 4)

static uint64_t key_hash(const struct cf_flow_key *key, uint32_t isn)
{
    uint8_t bytes[KEY_BYTES] = { key->protocol, key->src.addr.family, key->dst.addr.family };

    memcpy(bytes + 3, key->src.addr.bytes, 16);
    memcpy(bytes + 19, key->dst.addr.bytes, 16);
    memcpy(bytes + 35, &key->src.port, 2);
    memcpy(bytes + 37, &key->dst.port, 2);
    memcpy(bytes + 39, &isn, 4);
    return cf_hash_bytes(bytes, sizeof bytes);
}

static bool key_equal(const struct cf_flow_key *a, const struct cf_flow_key *b)
{
    return a->protocol == b->protocol && cf_addr_port_equal(&a->src, &b->src) &&
           cf_addr_port_equal(&a->dst, &b->dst);
}

void cf_flow_table_init(struct cf_flow_table *table, struct cf_audit *audit,
                        const struct cf_profile *profile, const struct cf_names *names,
                        cf_process_find *find, void *find_data)
{
    memset(table, 0, sizeof *table);
    table->audit = audit;
    table->profile = profile;
    table->names = names;
    table->by_program = cf_profile_has_exe(profile);
    table->process_find = find;
    table->process_data = find_data;
    table->limit = CF_FLOWS_MAX;
    cf_limits_init(&table->limits, audit, profile);
    cf_hash_init(&table->hash);
    cf_hash_init(&table->ghosts);
    cf_intern_init(&table->texts);
}

void cf_flow_table_done(struct cf_flow_table *table)
{
    cf_hash_done(&table->hash);
    cf_hash_done(&table->ghosts);
    cf_intern_done(&table->texts);
    free(table->ring);
    table->ring = NULL;
}

void cf_flow_init(struct cf_flow *flow, const struct cf_flow_key *key)
{
    memset(flow, 0, sizeof *flow);
    cf_list_init(&flow->age);
    flow->key = *key;
}

struct cf_flow *cf_flow_find(const struct cf_flow_table *table, const struct cf_flow_key *key)
{
    struct cf_hash_node *node = cf_hash_find(&table->hash, key_hash(key, 0));

    for (; node; node = cf_hash_next(node)) {
        struct cf_flow *flow = cf_container_of(node, struct cf_flow, node);

        if (key_equal(&flow->key, key))
            return flow;
    }
    return NULL;
}

int cf_flow_list(struct cf_flow_table *table, struct cf_flow *flow)
{
    int r = cf_hash_add(&table->hash, &flow->node, key_hash(&flow->key, 0));

    if (r == 0)
        flow->listed = true;
    return r;
}

void cf_flow_unlist(struct cf_flow_table *table, struct cf_flow *flow)
{
    if (!flow->listed)
        return;
    cf_hash_remove(&table->hash, &flow->node);
    flow->listed = false;
}

bool cf_flow_table_full(const struct cf_flow_table *table)
{
    return table->n_open >= table->limit;
}

static enum cf_proto proto_of(const struct cf_flow_key *key)
{
    switch (key->protocol) {
    case IPPROTO_TCP:
        return CF_PROTO_TCP;
    case IPPROTO_UDP:
        return CF_PROTO_UDP;
    default:
        return CF_PROTO_ICMP;
    }
}

static void find_process(const struct cf_flow_table *table, const struct cf_flow *flow,
                         struct cf_event_process *ret_process)
{
    *ret_process = (struct cf_event_process) { .unknown = "not_looked_up" };
    if (table->process_find)
        table->process_find(table->process_data, proto_of(&flow->key), &flow->key.src,
                            &flow->key.dst, ret_process);
}

static void deny_full(struct cf_flow_table *table, struct cf_judgement *judgement)
{
    cf_judge_deny(judgement, CF_REASON_LIMIT);
    if (table->told_full)
        return;
    table->told_full = true;
    cf_audit_warn(table->audit, "limit_flows",
                  "%zu flows are open, and this version carries no more: others are denied until "
                  "some end",
                  table->n_open);
}

struct question {
    const struct cf_flow_table *table;
    const struct cf_flow *flow;
    int64_t now_us;
};

static void judge_as(const struct question *question, const char *exe,
                     struct cf_judgement *ret_judgement)
{
    const struct cf_flow_key *key = &question->flow->key;

    cf_judge(question->table->profile, question->table->names, question->now_us, proto_of(key),
             &key->dst, exe, ret_judgement);
}

static bool program_passes(void *data, const char *exe)
{
    struct cf_judgement judgement;

    judge_as(data, exe, &judgement);
    return cf_verdict_is_clean(&judgement.verdict);
}

/* The program passes, for what it is: so must each that has the socket, or that one decides. */
static void judge_others(const struct question *question, struct cf_judgement *judgement)
{
    const struct cf_flow_table *table = question->table;
    const struct cf_flow_key *key = &question->flow->key;
    struct cf_event_process other = { 0 };

    table->process_find_other(table->process_data, proto_of(key), &key->src, &key->dst,
                              program_passes, (void *)question, &other);
    if (other.pid == 0 && !other.unknown)
        return;
    judgement->process = other;
    judge_as(question, other.exe, judgement);
}

void cf_flow_judge(struct cf_flow_table *table, const struct cf_flow *flow,
                   struct cf_judgement *ret_judgement)
{
    struct question question = { table, flow, cf_clock_monotonic_us() };
    struct cf_judgement *judgement = ret_judgement;

    judgement->process = (struct cf_event_process) { 0 };
    judgement->process_known = table->by_program;
    if (table->by_program)
        find_process(table, flow, &judgement->process);
    judge_as(&question, judgement->process.exe, judgement);
    if (table->by_program && table->process_find_other && cf_verdict_is_clean(&judgement->verdict) &&
        !program_passes(&question, NULL))
        judge_others(&question, judgement);
    if (cf_verdict_is_clean(&judgement->verdict))
        cf_limits_judge(&table->limits, question.now_us, &judgement->verdict);
    if (judgement->verdict.action == CF_ALLOW && cf_flow_table_full(table))
        deny_full(table, judgement);
}

/* What its flow_open says, for who asks while it is open. */
static void remember(struct cf_flow_table *table, struct cf_flow *flow,
                     const struct cf_event_flow_open *open)
{
    flow->reason = (uint8_t)open->verdict.reason;
    flow->rule = open->verdict.rule;
    flow->pid = open->process.pid;
    flow->exe = cf_intern_hold(&table->texts, open->process.pid ? open->process.exe : NULL);
    flow->name = cf_intern_hold(&table->texts, cf_event_flow_name(open));
}

static void forget(struct cf_flow_table *table, struct cf_flow *flow)
{
    cf_intern_drop(&table->texts, flow->exe);
    cf_intern_drop(&table->texts, flow->name);
    cf_intern_drop(&table->texts, flow->shown);
    cf_intern_drop(&table->texts, flow->alpn);
    flow->exe = flow->name = flow->shown = flow->alpn = NULL;
    flow->rule = NULL;
}

void cf_flow_log(struct cf_flow_table *table, struct cf_flow *flow,
                 const struct cf_judgement *judgement, const struct cf_addr_port *via)
{
    bool allowed = judgement->verdict.action == CF_ALLOW;
    struct cf_event event = { .type = allowed ? CF_EVENT_FLOW_OPEN : CF_EVENT_FLOW_DENIED };
    struct cf_event_flow_open *open = &event.flow_open;

    flow->id = ++table->last_id;
    flow->opened_us = cf_clock_monotonic_us();
    open->flow = flow->id;
    open->proto = proto_of(&flow->key);
    open->src = flow->key.src;
    open->dst = flow->key.dst;
    if (open->proto == CF_PROTO_ICMP)
        open->src.port = 0;
    open->names = judgement->names;
    open->dns_ids = judgement->dns_ids;
    open->n_names = judgement->n_names;
    if (judgement->process_known)
        open->process = judgement->process;
    else
        find_process(table, flow, &open->process);
    open->verdict = judgement->verdict;
    open->via_interface = cf_egress_interface(table->interface, &judgement->target.addr);
    if (via)
        open->via_local = *via;
    if (allowed && judgement->route == CF_ROUTE_PROXY) {
        open->via_proxy = table->proxy;
        open->via_interface = cf_egress_interface(table->interface, &open->via_local.addr);
    }
    if (allowed) {
        flow->open = true;
        remember(table, flow, open);
        flow->verify = cf_judge_must_show(table->profile, open->proto, judgement);
        table->n_open++;
        flow->counted = !judgement->verdict.would_deny;
        if (flow->counted)
            cf_limits_opened(&table->limits, flow->opened_us);
    }
    cf_audit_emit(table->audit, &event);
}

/* The same flow, denied after all. Its verdict is by the rule that let it be opened. */
static void log_shown_denied(struct cf_flow_table *table, const struct cf_flow *flow,
                             enum cf_reason reason, const char *shown,
                             struct cf_verdict *ret_verdict)
{
    struct question question = { table, flow, cf_clock_monotonic_us() };
    struct cf_event event = { .type = CF_EVENT_FLOW_DENIED };
    struct cf_event_flow_open *denied = &event.flow_open;
    struct cf_judgement judgement;

    judge_as(&question, flow->exe, &judgement); /* for the names, and for the member of a group */
    cf_verdict_deny(table->profile, reason, flow->rule, ret_verdict);
    if (judgement.verdict.rule == flow->rule) {
        ret_verdict->member = judgement.verdict.member;
        ret_verdict->names_line = judgement.verdict.names_line;
    }
    denied->flow = flow->id;
    denied->proto = proto_of(&flow->key);
    denied->src = flow->key.src;
    denied->dst = flow->key.dst;
    denied->names = judgement.names;
    denied->dns_ids = judgement.dns_ids;
    denied->n_names = judgement.n_names;
    find_process(table, flow, &denied->process);
    if (denied->process.pid == 0 && flow->pid != 0)
        denied->process = (struct cf_event_process) { .pid = flow->pid, .exe = flow->exe };
    denied->verdict = *ret_verdict;
    denied->sni = flow->shown_tls ? shown : NULL;
    denied->http_host = flow->shown_tls ? NULL : shown;
    cf_audit_emit(table->audit, &event);
}

bool cf_flow_judge_shown(struct cf_flow_table *table, struct cf_flow *flow,
                         const struct cf_hello *hello)
{
    struct cf_verdict verdict = { .action = CF_ALLOW };
    enum cf_reason reason = CF_REASON_NAME_MISSING;

    if (hello) {
        reason = cf_judge_shown(table->profile, flow->key.dst.port, flow->exe, hello);
        flow->shown_tls = hello->kind == CF_HELLO_TLS;
        flow->shown = cf_intern_hold(&table->texts, hello->text);
        flow->alpn = cf_intern_hold(&table->texts, hello->alpn[0] ? hello->alpn : NULL);
    }
    if (reason != CF_REASON_RULE)
        log_shown_denied(table, flow, reason, hello ? hello->text : NULL, &verdict);
    return verdict.action == CF_ALLOW;
}

void cf_flow_log_close(struct cf_flow_table *table, struct cf_flow *flow,
                       enum cf_flow_result result)
{
    cf_flow_log_proxy_close(table, flow, result, NULL, NULL);
}

void cf_flow_log_proxy_close(struct cf_flow_table *table, struct cf_flow *flow,
                             enum cf_flow_result result, const char *why, const char *words)
{
    struct cf_event event = { .type = CF_EVENT_FLOW_CLOSE };

    if (!flow->open)
        return;
    flow->open = false;
    table->n_open--;
    event.flow_close.flow = flow->id;
    event.flow_close.result = result;
    event.flow_close.bytes_out = flow->bytes_out;
    event.flow_close.bytes_in = flow->bytes_in;
    event.flow_close.duration_us = (uint64_t)(cf_clock_monotonic_us() - flow->opened_us);
    event.flow_close.proxy_why = why;
    event.flow_close.proxy_words = words;
    event.flow_close.sni = flow->shown_tls ? flow->shown : NULL;
    event.flow_close.http_host = flow->shown_tls ? NULL : flow->shown;
    event.flow_close.alpn = flow->alpn;
    cf_audit_emit(table->audit, &event);
    forget(table, flow);
    if (flow->counted)
        cf_limits_closed(&table->limits);
}

static void show_flow(const struct cf_flow *flow, int64_t now_us, struct cf_open_flow *ret_shown)
{
    *ret_shown = (struct cf_open_flow) {
        .flow = flow->id,
        .proto = proto_of(&flow->key),
        .stage = CF_FLOW_RELAYED,
        .src = flow->key.src,
        .dst = flow->key.dst,
        .name = flow->name,
        .age_us = (uint64_t)(now_us - flow->opened_us),
        .bytes_out = flow->bytes_out,
        .bytes_in = flow->bytes_in,
        .pid = flow->pid,
        .exe = flow->exe,
        .reason = (enum cf_reason)flow->reason,
        .rule = flow->rule,
    };
    if (ret_shown->proto == CF_PROTO_ICMP)
        ret_shown->src.port = 0;
}

void cf_flow_list_each(const struct cf_list *head, int64_t now_us,
                       void (*show)(const struct cf_flow *flow, struct cf_open_flow *shown),
                       cf_open_flow_fn *fn, void *data)
{
    for (struct cf_list *at = head->next; at != head; at = at->next) {
        const struct cf_flow *flow = cf_container_of(at, struct cf_flow, age);
        struct cf_open_flow shown;

        if (!flow->open)
            continue;
        show_flow(flow, now_us, &shown);
        if (show)
            show(flow, &shown);
        fn(data, &shown);
    }
}

struct cf_meter *cf_flow_meter(struct cf_flow_table *table, const struct cf_flow *flow)
{
    return flow->counted ? cf_limits_meter(&table->limits) : NULL;
}

bool cf_flow_take(struct cf_flow_table *table, const struct cf_flow *flow, uint64_t n)
{
    struct cf_meter *meter = cf_flow_meter(table, flow);

    if (!meter || cf_meter_take(meter, n))
        return true;
    cf_limits_spent(&table->limits);
    return false;
}

void cf_flow_ghost_add(struct cf_flow_table *table, const struct cf_flow_key *key, uint32_t isn)
{
    struct cf_flow_ghost *ghost;

    if (!table->ring)
        table->ring = calloc(CF_FLOW_GHOSTS, sizeof *table->ring);
    if (!table->ring)
        return; /* a late copy of its SYN opens a connection of its own */
    ghost = &table->ring[table->ring_at];
    table->ring_at = (table->ring_at + 1) % CF_FLOW_GHOSTS;
    if (ghost->listed)
        cf_hash_remove(&table->ghosts, &ghost->node);
    ghost->listed = cf_hash_add(&table->ghosts, &ghost->node, key_hash(key, isn)) == 0;
}

bool cf_flow_ghost_find(const struct cf_flow_table *table, const struct cf_flow_key *key,
                        uint32_t isn)
{
    return cf_hash_find(&table->ghosts, key_hash(key, isn)) != NULL;
}
