/*
 * flow.h - the table of flows and their events
 *
 * A flow is one TCP connection, one UDP conversation, or one echo sequence,
 * known by its protocol and its four-tuple as the sandbox sees it. The
 * protocols embed struct cf_flow in what they keep; the table owns nothing.
 * Every flow that is let through is one flow_open and one flow_close, every
 * other one flow_denied. Single-threaded.
 */
#ifndef CF_ENGINE_FLOW_H
#define CF_ENGINE_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "audit/open_flow.h"
#include "base/addr.h"
#include "base/hash.h"
#include "base/intern.h"
#include "engine/hello.h"
#include "engine/judge.h"
#include "engine/limits.h"
#include "engine/list.h"

/* Flows that are open at once; past it a new one is denied with reason `limit`. */
#define CF_FLOWS_MAX 65536

/* Conversations of the past that a late copy of their SYN can still be told by. */
#define CF_FLOW_GHOSTS 4096

struct cf_flow_key {
    uint8_t protocol;        /* IPPROTO_TCP, UDP, ICMP or ICMPV6 */
    struct cf_addr_port src; /* port: the id, for an echo */
    struct cf_addr_port dst; /* port: 0, for an echo */
};

struct cf_flow {
    struct cf_hash_node node;
    struct cf_list age; /* in a list of its protocol, oldest first */
    struct cf_flow_key key;
    bool listed;  /* can be found by its key */
    bool open;    /* flow_open is written, flow_close is not */
    bool verify;  /* allowed by name, on a port where it must show a name that the policy allows */
    bool shown_tls;    /* `shown` is of TLS, else of HTTP */
    bool counted; /* towards the policy's limits; not what audit mode let through */
    /* While it is open, what its flow_open said: */
    uint8_t reason; /* enum cf_reason */
    int pid;        /* 0: not known */
    const struct cf_rule *rule;
    const char *name, *exe; /* in the table's texts; or NULL */
    const char *shown, *alpn; /* what it showed, for its flow_close; likewise */
    uint64_t id; /* of its events; 0 before the first */
    int64_t opened_us;
    int64_t touched_us; /* last traffic, where the protocol keeps it */
    uint64_t bytes_out; /* payload from the sandbox */
    uint64_t bytes_in;
};

struct cf_flow_ghost {
    struct cf_hash_node node;
    bool listed;
};

/* Who opened a flow, for its event; as in struct cf_engine_config. */
typedef void cf_process_find(void *data, enum cf_proto proto, const struct cf_addr_port *src,
                             const struct cf_addr_port *dst, struct cf_event_process *ret_process);

/* Who else has its socket and does not pass; as in struct cf_engine_config. */
typedef void cf_process_find_other(void *data, enum cf_proto proto, const struct cf_addr_port *src,
                                   const struct cf_addr_port *dst, cf_process_passes *passes,
                                   void *passes_data, struct cf_event_process *ret_process);

struct cf_flow_table {
    struct cf_audit *audit;
    const struct cf_profile *profile;
    const struct cf_names *names;
    const char *interface; /* that outward sockets are bound to; NULL until set, and for none */
    const char *proxy; /* its URL, for the log; NULL until set, and for none */
    bool by_program;               /* some rule asks for the program, so it is found first */
    cf_process_find *process_find; /* or NULL */
    cf_process_find_other *process_find_other; /* NULL until set, and for none */
    void *process_data;
    struct cf_hash hash;
    struct cf_hash ghosts;
    struct cf_flow_ghost *ring; /* CF_FLOW_GHOSTS, oldest at ring_at; NULL before the first */
    size_t ring_at;
    size_t n_open;
    size_t limit;
    bool told_full; /* the log knows that the limit was reached */
    struct cf_limits limits;
    struct cf_intern texts; /* names and programs of open flows */
    uint64_t last_id;
};

/* All are borrowed, find may be NULL. It must not be moved. */
void cf_flow_table_init(struct cf_flow_table *table, struct cf_audit *audit,
                        const struct cf_profile *profile, const struct cf_names *names,
                        cf_process_find *find, void *find_data);
/* No flow may be left in it. */
void cf_flow_table_done(struct cf_flow_table *table);

/* An empty flow, before anything else is done with it. */
void cf_flow_init(struct cf_flow *flow, const struct cf_flow_key *key);

/* NULL when no flow has this key. */
struct cf_flow *cf_flow_find(const struct cf_flow_table *table, const struct cf_flow_key *key);

/* Let it be found by its key, which no other listed flow has. Returns 0 or -ENOMEM. */
int cf_flow_list(struct cf_flow_table *table, struct cf_flow *flow);
/* From here on its key is free for another. No-op when not listed. */
void cf_flow_unlist(struct cf_flow_table *table, struct cf_flow *flow);

/* No more flows may be opened now. */
bool cf_flow_table_full(const struct cf_flow_table *table);

/*
 * Judge a flow that wants to be opened: by the rules, by the policy's limits,
 * then by the table's own. When some rule is for a program, the flow's is
 * looked up first; when the flow would not be let through without knowing it,
 * every program that has the socket must be let through.
 */
void cf_flow_judge(struct cf_flow_table *table, const struct cf_flow *flow,
                   struct cf_judgement *ret_judgement);

/*
 * Write flow_open or flow_denied, as the verdict says, and give the flow its id.
 *
 * via: the outward socket's address; NULL when there is none
 */
void cf_flow_log(struct cf_flow_table *table, struct cf_flow *flow,
                 const struct cf_judgement *judgement, const struct cf_addr_port *via);

/*
 * Judge what an open flow has shown (engine/hello.h): a name that the policy allows for its
 * port and its program, as `Verdict`, 6 of doc/policy.md has it. What it shows is kept for its
 * flow_close; a denial is logged.
 *
 * hello: NULL when it shows none
 *
 * Returns whether it passes, which in audit mode it does.
 */
bool cf_flow_judge_shown(struct cf_flow_table *table, struct cf_flow *flow,
                         const struct cf_hello *hello);

/* Write flow_close. No-op when the flow is not open. */
void cf_flow_log_close(struct cf_flow_table *table, struct cf_flow *flow,
                       enum cf_flow_result result);

/* The same for a flow that came to nothing at its proxy: as in struct cf_event_flow_close. */
void cf_flow_log_proxy_close(struct cf_flow_table *table, struct cf_flow *flow,
                             enum cf_flow_result result, const char *why, const char *words);

/*
 * Call fn for each open flow of a list by age.
 *
 * show: puts in what only the protocol knows; NULL: the flow is relayed, with the bytes it has here
 */
void cf_flow_list_each(const struct cf_list *head, int64_t now_us,
                       void (*show)(const struct cf_flow *flow, struct cf_open_flow *shown),
                       cf_open_flow_fn *fn, void *data);

/* Where the flow's bytes are taken from, NULL when they do not count. */
struct cf_meter *cf_flow_meter(struct cf_flow_table *table, const struct cf_flow *flow);

/* Take n bytes for the flow. When it returns false they must not pass, and the flow ends. */
bool cf_flow_take(struct cf_flow_table *table, const struct cf_flow *flow, uint64_t n);

/* Remember, or ask for, a conversation that is over, by its key and first sequence number. */
void cf_flow_ghost_add(struct cf_flow_table *table, const struct cf_flow_key *key, uint32_t isn);
bool cf_flow_ghost_find(const struct cf_flow_table *table, const struct cf_flow_key *key,
                        uint32_t isn);

#endif
