/*
 * open_flow.h - what can be said of a flow between its flow_open and its flow_close
 *
 * Not an event: the log has none of it. The engine tells it when asked, for
 * people who watch a run.
 */
#ifndef CF_AUDIT_OPEN_FLOW_H
#define CF_AUDIT_OPEN_FLOW_H

#include <stddef.h>
#include <stdint.h>

#include "audit/event.h"

enum cf_flow_stage {
    CF_FLOW_CONNECTING, /* nobody inside has it yet */
    CF_FLOW_RELAYED,
    CF_FLOW_CLOSING, /* one direction has ended, or both and bytes are on their way */
    CF_FLOW_STAGE_COUNT
};

struct cf_open_flow { /* pointers are borrowed as long as the flow is open */
    uint64_t flow;    /* of its events */
    enum cf_proto proto;
    enum cf_flow_stage stage;
    struct cf_addr_port src; /* in the sandbox; port 0 for ICMP */
    struct cf_addr_port dst;
    const char *name;   /* the destination's, as cf_event_flow_name(); NULL: none is known */
    uint64_t age_us;    /* since flow_open */
    uint64_t bytes_out; /* payload from the sandbox so far */
    uint64_t bytes_in;
    int pid;                    /* who opened it, as the sandbox numbers it; 0: not known */
    const char *exe;            /* NULL: not known */
    enum cf_reason reason;      /* of its verdict */
    const struct cf_rule *rule; /* NULL for a default */
};

typedef void cf_open_flow_fn(void *data, const struct cf_open_flow *flow);

#endif
