/*
 * verdict.h - what the policy says of one flow or one name
 *
 * Pure: the same question gets the same answer, whatever the order of the
 * rules. The rules of decision are "Verdict" in doc/policy.md; "How this
 * works" in verdict.c follows them one by one.
 */
#ifndef CF_PROFILE_VERDICT_H
#define CF_PROFILE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

/*
 * The port of DNS (RFC 1035, 4.2). What goes to it is answered inside by the
 * resolver, whatever the address: the engine has no flow of it, so that no
 * rule decides, and look-ups are judged by name.
 */
#define CF_DNS_PORT 53

/* Whether flows of this kind are the resolver's. port: in host order */
static inline bool cf_flow_is_for_resolver(enum cf_proto proto, uint16_t port)
{
    return port == CF_DNS_PORT && proto != CF_PROTO_ICMP;
}

enum cf_reason {
    CF_REASON_RULE,
    CF_REASON_DEFAULT,
    CF_REASON_PRIVATE,
    CF_REASON_METADATA,
    CF_REASON_REBINDING,
    CF_REASON_NAME_MISSING,
    CF_REASON_NAME_MISMATCH,
    CF_REASON_ENCRYPTED_DNS,
    CF_REASON_TYPE,
    CF_REASON_QUIC,
    CF_REASON_PROXY_REQUIRED,
    CF_REASON_LIMIT,
    CF_REASON_EXPIRED,
    CF_REASON_MALFORMED,
    CF_REASON_COUNT
};

struct cf_verdict {
    enum cf_action action; /* what is done */
    bool would_deny;       /* audit mode let through what enforce denies */
    enum cf_reason reason;
    const struct cf_rule *rule; /* borrowed from the profile; NULL for a default */
    const struct cf_member
        *member;         /* the endpoint of rule's group that matched; NULL: none, or a file's */
    uint32_t names_line; /* of the names_file of rule's group; 0: not from one */
};

/* A name that the destination address is known by in this run. */
struct cf_flow_name {
    const char *name; /* normalised */
    bool alias;       /* only met inside a CNAME chain: counts for denials alone */
    bool pinned;      /* `hosts` gives this address to this name */
};

struct cf_flow_query {
    enum cf_proto proto;
    struct cf_addr dst; /* family NONE: not known, only rules for all addresses match it */
    uint16_t port;      /* host order; 0 for ICMP */
    const char *exe;    /* the program that asks; NULL: not known */
    const struct cf_flow_name *names;
    size_t n_names;
    const struct cf_rule *without; /* judged as if this rule were not there; NULL: with all */
};

struct cf_name_query {
    const char *name; /* normalised */
    bool alias;       /* only met inside a CNAME chain */
    const char *exe;  /* the program that asks; NULL: not known */
    const struct cf_rule *without;
};

/*
 * Judge a flow. Never fails. In audit mode action is CF_ALLOW and would_deny
 * says what enforce would have done. A denial by default that a rule past its
 * `until` would have allowed has the reason `expired` and that rule. What
 * dns.block_encrypted denies is denied before the rules are asked, and what
 * egress.quic and proxy.require deny when they allow it; their rules (also in
 * cf_verdict_name()) are none of the profile's list.
 */
void cf_verdict_flow(const struct cf_profile *profile, const struct cf_flow_query *query,
                     struct cf_verdict *ret_verdict);

/*
 * Judge the asking for a name (normalised): allowed when some flow to that
 * name could be allowed by name, by a rule for all addresses (`any`), or by an
 * egress.default of allow. With dns.filter `any`, only a deny rule by name
 * that leaves no flow possible denies. Names that the policy answers itself
 * (`hosts`, host.childflow.internal) are always allowed: reason default, no
 * rule.
 * For an alias, too, only a deny rule by name that leaves no flow possible
 * denies.
 */
void cf_verdict_name(const struct cf_profile *profile, const struct cf_name_query *query,
                     struct cf_verdict *ret_verdict);

/*
 * Whether some flow to this address is allowed by a rule by address, whoever
 * asks: one that such a rule speaks of, judged by all rules. What audit mode
 * lets through is not allowed.
 *
 * ret_verdict: of that flow; written on true only as one to be used
 */
bool cf_verdict_addr(const struct cf_profile *profile, const struct cf_addr *addr,
                     struct cf_verdict *ret_verdict);

/* Whether it is an allow, and not only one of audit mode for what would be denied. */
bool cf_verdict_is_clean(const struct cf_verdict *verdict);

/* Whether the verdict's rule is by name: the rule itself, or what of its group matched. */
bool cf_verdict_is_by_name(const struct cf_verdict *verdict);

/* A verdict that does not come from a rule, with the profile's mode applied. */
void cf_verdict_deny(const struct cf_profile *profile, enum cf_reason reason,
                     const struct cf_rule *rule, struct cf_verdict *ret_verdict);

const char *cf_reason_name(enum cf_reason reason);

/* Whether a flow is denied so by a key of its own, which no rule lifts. */
bool cf_reason_is_of_key(enum cf_reason reason);

#endif
