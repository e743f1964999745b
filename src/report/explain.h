/*
 * explain.h - what the policy says to a question and why, as it is printed
 *
 * The answers are filled in by who can ask all rooms; here they become text
 * for people or JSON (schema/childflow-explain-v1.schema.json). Pointers are
 * borrowed for the length of the call unless a field says otherwise.
 */
#ifndef CF_REPORT_EXPLAIN_H
#define CF_REPORT_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "profile/profile.h"
#include "profile/trace.h"
#include "profile/verdict.h"

enum cf_outcome {
    CF_OUTCOME_ALLOWED,
    CF_OUTCOME_PARTLY,     /* some of the flows that were asked for */
    CF_OUTCOME_WOULD_DENY, /* audit mode lets it through */
    CF_OUTCOME_DENIED,
    CF_OUTCOME_NEVER, /* no policy can allow it: it is not carried, or is the resolver's */
    CF_OUTCOME_COUNT
};

/* Who is asked for the addresses of a name. */
enum cf_resolver_kind {
    CF_RESOLVER_NONE, /* nobody outside: it is denied, or answered by the policy */
    CF_RESOLVER_SERVERS,
    CF_RESOLVER_TUNNEL, /* servers, through the proxy */
    CF_RESOLVER_PROXY,  /* the proxy, when a flow goes there by this name: they are not known here */
    CF_RESOLVER_KIND_COUNT
};

/* Ports of one protocol; 0 to 0 for ICMP. */
struct cf_explain_range {
    enum cf_proto proto;
    uint16_t first, last;
};

/* Flows that get one verdict by one rule, and leave in one way. */
struct cf_explain_row {
    struct cf_verdict verdict;
    enum cf_route route;             /* of what is allowed */
    const struct cf_rule *bypass;    /* the entry of proxy.bypass that makes it direct, or NULL */
    struct cf_explain_range *ranges; /* by protocol, then by port */
    size_t n_ranges;
    bool rest; /* the largest of those that were asked for at once: everything else */
    bool for_resolver; /* no flows: the resolver answers them inside; the verdict says nothing */
};

/* The flows to one address, or to a name whose address is not known. */
struct cf_explain_place {
    struct cf_addr addr;           /* family NONE: not known */
    const struct cf_origin *hosts; /* where `hosts` gives this address; NULL: it does not */
    const char *never;             /* why no flow to it is carried; NULL: it may be */
    struct cf_explain_row *rows;
    size_t n_rows;
    struct cf_trace_entry *losers; /* rules that decide none of the flows */
    size_t n_losers;
};

/* A rule by address that decides when the name resolves into it. */
struct cf_explain_condition {
    const struct cf_rule *rule;
    const struct cf_member *member;
    struct cf_addr addr; /* one such address */
};

/* How the host of an allow differs from the one that was asked for. */
enum cf_near {
    CF_NEAR_SAME,    /* not at all: its `misses` are what differs */
    CF_NEAR_APEX,    /* below the name, not the name itself */
    CF_NEAR_DEEPER,  /* one label more, and there are more */
    CF_NEAR_BELOW,   /* the name itself, not what is below */
    CF_NEAR_SIBLING, /* a name that reads almost the same */
    CF_NEAR_PREFIX,  /* a prefix whose end is close */
    CF_NEAR_COUNT
};

struct cf_explain_near {
    const struct cf_rule *rule;
    const struct cf_member *member;
    enum cf_near near;
    unsigned misses; /* mask of enum cf_miss */
};

struct cf_explain_answer {
    const char *question; /* as it was asked */
    enum cf_outcome outcome;
    const char *name; /* normalised; NULL for an address */
    bool asks_name;   /* `lookup` says something */
    struct cf_verdict lookup;
    enum cf_resolver_kind resolver;
    struct cf_explain_place *places;
    size_t n_places;
    struct cf_explain_condition *conditions;
    size_t n_conditions;
    struct cf_explain_near *nears; /* the nearest first */
    size_t n_nears;
    const char *suggestion; /* YAML that was tried and allows it; NULL: there is none */
    const char *advice;     /* what to do besides or instead; NULL: nothing */
};

struct cf_explanation {
    const struct cf_profile *profile;
    const char *exe; /* NULL: not given */
    const char *const *not_in_force;
    size_t n_not_in_force;
    const struct cf_explain_answer *answers;
    size_t n_answers;
};

/* Append the answers. Return 0, -ENOMEM or -ENOBUFS. */
int cf_explain_format_text(const struct cf_explanation *explanation, struct cf_buffer *buffer);
int cf_explain_format_json(const struct cf_explanation *explanation, struct cf_buffer *buffer);

/* "allowed" and so on; "sibling" and so on. */
const char *cf_outcome_name(enum cf_outcome outcome);
const char *cf_near_name(enum cf_near near);
/* "servers_through_proxy" and so on; NULL for NONE. */
const char *cf_resolver_kind_name(enum cf_resolver_kind kind);

#endif
