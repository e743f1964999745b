/*
 * trace.h - how each rule that speaks of a flow fared in its verdict
 *
 * For people who ask why: the verdict is that of cf_verdict_flow(), and every
 * other rule whose host holds one of the names or the address is named with
 * what kept it from deciding. Pure; not for packet paths.
 */
#ifndef CF_PROFILE_TRACE_H
#define CF_PROFILE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/match.h"
#include "profile/profile.h"
#include "profile/verdict.h"

enum cf_fate {
    CF_FATE_WON,               /* it is the verdict's */
    CF_FATE_AGREES,            /* an allow by address beside the allow by name that won */
    CF_FATE_LIFTS,             /* an allow by address, as specific as the denial `by`: lifts it */
    CF_FATE_LESS_SPECIFIC,     /* than `by`, in `edge` */
    CF_FATE_TIE,               /* an allow, as specific as the denial `by` */
    CF_FATE_EQUAL,             /* says what `by` says, as specifically */
    CF_FATE_ALIAS,             /* an allow of a name that is only an alias */
    CF_FATE_DENIED_BY_ADDRESS, /* an allow by name; `by` denies the address */
    CF_FATE_LIFTED,            /* a denial by address that the allow by address `by` lifts */
    CF_FATE_PINNED,            /* `hosts` pins the address to a name that `by` allows */
    CF_FATE_BY_NAME,           /* by address, while `by` denies the name */
    CF_FATE_BY_KEY,            /* `by` is a key of `dns`, which stands above rules */
    CF_FATE_MISSED,            /* its host is right, `misses` says what is not */
    CF_FATE_COUNT
};

/* In which respect a rule does not hold a flow, as bits of a mask. */
enum cf_miss {
    CF_MISS_PROTO = 1,
    CF_MISS_PORTS = 2,
    CF_MISS_EXE = 4,
    CF_MISS_EXPIRED = 8,
};

/* One rule, or one endpoint of its group. Pointers are borrowed from profile and query. */
struct cf_trace_entry {
    const struct cf_rule *rule;
    const struct cf_member *member;  /* NULL when the rule is no list's, or a file's */
    uint32_t names_line;             /* of the group's names_file; 0: not from one */
    const struct cf_flow_name *name; /* by which it speaks of the flow; NULL: by the address */
    unsigned rank;
    unsigned misses; /* mask of enum cf_miss */
    enum cf_fate fate;
    enum cf_edge edge;                 /* LESS_SPECIFIC */
    const struct cf_rule *by;          /* NULL where the fate names none */
    const struct cf_member *by_member; /* the endpoint of by's group; may be NULL */
};

struct cf_trace {
    struct cf_verdict verdict;
    /* What won stands first; what only missed last; else the more specific first. */
    struct cf_trace_entry *entries;
    size_t n_entries;
};

/*
 * Judge a flow and say how each rule fared.
 *
 * ret_trace: the caller's, cf_trace_done(); borrows from profile and query
 *
 * Returns 0 or -ENOMEM.
 */
int cf_trace_flow(const struct cf_profile *profile, const struct cf_flow_query *query,
                  struct cf_trace *ret_trace);
void cf_trace_done(struct cf_trace *trace);

/* Whether the verdict would be the same without every rule of this fate. */
bool cf_fate_is_lost(enum cf_fate fate);

/* "less_specific" and so on. */
const char *cf_fate_name(enum cf_fate fate);

/*
 * What keeps a rule from holding the flow, whatever its host: enum cf_miss.
 * member: the endpoint of its group; NULL for its own, or for a name of a file
 */
unsigned cf_trace_misses(const struct cf_profile *profile, const struct cf_rule *rule,
                         const struct cf_member *member, const struct cf_flow_query *query);

#endif
