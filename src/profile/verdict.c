/*
 * verdict.c - what the policy says of one flow or one name
 *
 * How this works, by the numbers of "Verdict" in doc/policy.md.
 *
 * 1. A rule matches a flow when its protocols and ports hold the flow's and
 *    its host holds the destination: a rule by name one of the names that the
 *    address is known by, a rule by address the address itself.
 *
 * 2. Within a kind the match of the highest rank wins (match.c), at a tie the
 *    denial. All names of the flow are judged together, except that a name
 *    which is only an alias is judged by itself first: when its own winner is
 *    a denial, that denial takes part; when it is an allow, nothing does.
 *
 * 3. What the two kinds say is brought together:
 *
 *      by name   by address   verdict
 *      deny      any          deny, by the rule by name
 *      allow     none, allow  allow, by the rule by name
 *      allow     deny         deny, by the rule by address, unless as below
 *      none      any          what the address says
 *      none      none         the default (4)
 *
 *    An allow by name stands against a denial by address in two cases. First,
 *    when a rule by address allows this flow with the very rank of the denial:
 *    rule 2 lets the denial win that tie for flows that no name speaks for; a
 *    name that is allowed tips it. (A higher rank has won under rule 2
 *    already, and the address says allow.) Second, when `hosts` pins the
 *    address to a name, no mere alias, whose own winner is an allow: who
 *    wrote both knows where the name leads.
 *
 * 5. is the caller's: query->names holds the names that hold now.
 * 6. is the caller's too: it asks again about the name that was shown, and
 *    brings what it finds to cf_verdict_deny().
 * 7. cf_verdict_deny() is the one place that makes denials and looks at mode.
 *
 * The asking for a name is judged before any address is known, by trying the
 * flows that could follow: each protocol, each port at which the answer can
 * change (the first of a range and the one behind its last), both families.
 * Each of them is
 *
 *   decided by the rules by name, else by a rule for all addresses (`any`,
 *   0.0.0.0/0, [::]/0), else open, which is allowed when the default is, or
 *   the filter is `any`, or the name is an alias.
 *
 * One flow that is allowed is enough. ICMP counts only when a rule allows it,
 * since a rule without a protocol does not speak of ICMP. Where the filter is
 * `any` or the name is an alias, rules for all addresses deny nothing here:
 * what they deny is the flow.
 *
 * Rules are scanned one by one. An index from names and prefixes to rules can
 * take the place of those loops: what they keep does not depend on the order.
 */
#include "profile/verdict.h"

#include <assert.h>
#include <string.h>

#include "profile/match.h"

static const char *const reason_names[] = {
    [CF_REASON_RULE] = "rule",
    [CF_REASON_DEFAULT] = "default",
    [CF_REASON_PRIVATE] = "private",
    [CF_REASON_METADATA] = "metadata",
    [CF_REASON_REBINDING] = "rebinding",
    [CF_REASON_NAME_MISSING] = "name_missing",
    [CF_REASON_NAME_MISMATCH] = "name_mismatch",
    [CF_REASON_ENCRYPTED_DNS] = "encrypted_dns",
    [CF_REASON_TYPE] = "type",
    [CF_REASON_QUIC] = "quic",
    [CF_REASON_PROXY_REQUIRED] = "proxy_required",
    [CF_REASON_LIMIT] = "limit",
    [CF_REASON_EXPIRED] = "expired",
    [CF_REASON_MALFORMED] = "malformed",
};
static_assert(sizeof reason_names / sizeof reason_names[0] == CF_REASON_COUNT, "a name for each");

const char *cf_reason_name(enum cf_reason reason)
{
    return reason_names[reason];
}

static void allow(enum cf_reason reason, const struct cf_rule *rule, struct cf_verdict *ret_verdict)
{
    *ret_verdict = (struct cf_verdict) { .action = CF_ALLOW, .reason = reason, .rule = rule };
}

void cf_verdict_deny(const struct cf_profile *profile, enum cf_reason reason,
                     const struct cf_rule *rule, struct cf_verdict *ret_verdict)
{
    bool audit = profile->mode == CF_MODE_AUDIT;

    *ret_verdict = (struct cf_verdict) {
        .action = audit ? CF_ALLOW : CF_DENY,
        .would_deny = audit,
        .reason = reason,
        .rule = rule,
    };
}

static void deny_by_rule(const struct cf_profile *profile, const struct cf_rule *rule,
                         struct cf_verdict *ret_verdict)
{
    enum cf_reason reason = CF_REASON_RULE;

    if (rule->endpoint.kind == CF_HOST_GROUP && rule->endpoint.group == CF_GROUP_PRIVATE)
        reason = CF_REASON_PRIVATE;
    else if (rule->endpoint.kind == CF_HOST_GROUP && rule->endpoint.group == CF_GROUP_METADATA)
        reason = CF_REASON_METADATA;
    cf_verdict_deny(profile, reason, rule, ret_verdict);
}

static void decide_by_rule(const struct cf_profile *profile, const struct cf_rule *rule,
                           struct cf_verdict *ret_verdict)
{
    if (rule->action == CF_DENY)
        deny_by_rule(profile, rule, ret_verdict);
    else
        allow(CF_REASON_RULE, rule, ret_verdict);
}

static void decide_by_default(const struct cf_profile *profile, struct cf_verdict *ret_verdict)
{
    if (profile->egress.fallback == CF_ALLOW)
        allow(CF_REASON_DEFAULT, NULL, ret_verdict);
    else
        cf_verdict_deny(profile, CF_REASON_DEFAULT, NULL, ret_verdict);
}

static bool is_action(const struct cf_match *match, enum cf_action action)
{
    return match->rule && match->rule->action == action;
}

/* Whether the rule is there for this question, whatever its endpoint. */
static bool takes_part(const struct cf_profile *profile, const struct cf_rule *rule,
                       const char *exe, const struct cf_rule *without)
{
    return rule != without && !cf_rule_is_expired(profile, rule) && cf_rule_is_for(rule, exe);
}

/* The winner among the rules by name for one name. */
static struct cf_match rank_name(const struct cf_profile *profile,
                                 const struct cf_flow_query *query, const char *name)
{
    struct cf_match best = { 0 };
    size_t length = strlen(name);

    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        const struct cf_rule *rule = &profile->egress.rules[i];
        unsigned rank = cf_rule_rank_name(rule, name, length);

        if (rank > 0 && cf_rule_covers(rule, query->proto, query->port) &&
            takes_part(profile, rule, query->exe, query->without))
            cf_match_keep(&best, rule, rank);
    }
    return best;
}

/*
 * The winner among the rules by name for all names of the query.
 * ret_pinned: the winning allow among the names that `hosts` pins
 */
static struct cf_match rank_names(const struct cf_profile *profile,
                                  const struct cf_flow_query *query, struct cf_match *ret_pinned)
{
    struct cf_match best = { 0 };

    *ret_pinned = (struct cf_match) { 0 };
    for (size_t i = 0; i < query->n_names; i++) {
        const struct cf_flow_name *name = &query->names[i];
        struct cf_match own = rank_name(profile, query, name->name);

        if (name->alias && !is_action(&own, CF_DENY))
            continue;
        cf_match_keep(&best, own.rule, own.rank);
        if (name->pinned && is_action(&own, CF_ALLOW))
            cf_match_keep(ret_pinned, own.rule, own.rank);
    }
    return best;
}

/* Of an address that is not known only what holds for all of a family is known. */
static unsigned rank_dst(const struct cf_rule *rule, const struct cf_addr *dst)
{
    unsigned rank;

    if (dst->family != CF_FAMILY_NONE)
        return cf_rule_rank_addr(rule, dst);
    rank = cf_rule_rank_wide(rule, CF_FAMILY_IPV4);
    return rank > 0 ? rank : cf_rule_rank_wide(rule, CF_FAMILY_IPV6);
}

/*
 * The winner among the rules by address.
 * ret_allow: the winning allow, whether it wins over the denials or not
 */
static struct cf_match rank_addr(const struct cf_profile *profile,
                                 const struct cf_flow_query *query, struct cf_match *ret_allow)
{
    struct cf_match best = { 0 };

    *ret_allow = (struct cf_match) { 0 };
    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        const struct cf_rule *rule = &profile->egress.rules[i];
        unsigned rank = rank_dst(rule, &query->dst);

        if (rank == 0 || !cf_rule_covers(rule, query->proto, query->port) ||
            !takes_part(profile, rule, query->exe, query->without))
            continue;
        cf_match_keep(&best, rule, rank);
        if (rule->action == CF_ALLOW)
            cf_match_keep(ret_allow, rule, rank);
    }
    return best;
}

void cf_verdict_flow(const struct cf_profile *profile, const struct cf_flow_query *query,
                     struct cf_verdict *ret_verdict)
{
    struct cf_match pinned, addr_allow;
    struct cf_match name = rank_names(profile, query, &pinned);
    struct cf_match addr = rank_addr(profile, query, &addr_allow);

    if (is_action(&name, CF_ALLOW) && is_action(&addr, CF_DENY)) {
        if (addr_allow.rule && addr_allow.rank == addr.rank)
            decide_by_rule(profile, name.rule, ret_verdict);
        else if (pinned.rule)
            decide_by_rule(profile, pinned.rule, ret_verdict);
        else
            decide_by_rule(profile, addr.rule, ret_verdict);
        return;
    }
    if (name.rule)
        decide_by_rule(profile, name.rule, ret_verdict);
    else if (addr.rule)
        decide_by_rule(profile, addr.rule, ret_verdict);
    else
        decide_by_default(profile, ret_verdict);
}

/* What is known so far of the flows that could follow the asking for a name. */
struct asking {
    const struct cf_profile *profile;
    const struct cf_name_query *query;
    size_t length;
    bool lenient;          /* only a denial by name counts */
    struct cf_match allow; /* the winning rule among those that allow a flow */
    struct cf_match deny;  /* and among those that deny one */
    bool open;             /* a flow that no rule decides */
};

/* A rule for all addresses ranks below every rule by name. */
static unsigned rank_for_asking(const struct asking *asking, const struct cf_rule *rule,
                                enum cf_family family)
{
    unsigned rank;

    if (!takes_part(asking->profile, rule, asking->query->exe, asking->query->without))
        return 0;
    rank = cf_rule_rank_name(rule, asking->query->name, asking->length);
    if (rank > 0)
        return rank;
    if (asking->lenient && rule->action == CF_DENY)
        return 0;
    return cf_rule_rank_wide(rule, family);
}

static bool may_match(const struct asking *asking, const struct cf_rule *rule)
{
    return rank_for_asking(asking, rule, CF_FAMILY_IPV4) > 0 ||
           rank_for_asking(asking, rule, CF_FAMILY_IPV6) > 0;
}

static bool may_any_match(const struct asking *asking)
{
    for (size_t i = 0; i < asking->profile->egress.n_rules; i++) {
        if (may_match(asking, &asking->profile->egress.rules[i]))
            return true;
    }
    return false;
}

/* Judge the flows of one protocol to one port. */
static void try_flow(struct asking *asking, enum cf_proto proto, uint16_t port)
{
    static const enum cf_family families[] = { CF_FAMILY_IPV4, CF_FAMILY_IPV6 };

    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        struct cf_match best = { 0 };

        for (size_t i = 0; i < asking->profile->egress.n_rules; i++) {
            const struct cf_rule *rule = &asking->profile->egress.rules[i];
            unsigned rank = rank_for_asking(asking, rule, families[f]);

            if (rank > 0 && cf_rule_covers(rule, proto, port))
                cf_match_keep(&best, rule, rank);
        }
        if (is_action(&best, CF_ALLOW))
            cf_match_keep(&asking->allow, best.rule, best.rank);
        else if (proto == CF_PROTO_ICMP)
            continue;
        else if (best.rule)
            cf_match_keep(&asking->deny, best.rule, best.rank);
        else
            asking->open = true;
    }
}

static void try_port(struct asking *asking, uint16_t port)
{
    try_flow(asking, CF_PROTO_TCP, port);
    try_flow(asking, CF_PROTO_UDP, port);
}

/* Try one flow of each set of flows that the rules cannot tell apart. */
static void try_flows(struct asking *asking)
{
    try_flow(asking, CF_PROTO_ICMP, 0);
    try_port(asking, 1);
    for (size_t i = 0; i < asking->profile->egress.n_rules; i++) {
        const struct cf_endpoint *endpoint = &asking->profile->egress.rules[i].endpoint;

        if (endpoint->n_ports == 0 || !may_match(asking, &asking->profile->egress.rules[i]))
            continue;
        for (size_t k = 0; k < endpoint->n_ports; k++) {
            try_port(asking, endpoint->ports[k].first);
            if (endpoint->ports[k].last < UINT16_MAX)
                try_port(asking, (uint16_t)(endpoint->ports[k].last + 1));
        }
    }
}

/*
 * The usual case in one pass: when no rule denies the name, the allow of the
 * highest rank wins for its own flows. Returns whether that decided.
 */
static bool try_allow_alone(const struct asking *asking, struct cf_verdict *ret_verdict)
{
    struct cf_match best = { 0 };

    for (size_t i = 0; i < asking->profile->egress.n_rules; i++) {
        const struct cf_rule *rule = &asking->profile->egress.rules[i];
        unsigned rank = cf_rule_rank_name(rule, asking->query->name, asking->length);

        if (!takes_part(asking->profile, rule, asking->query->exe, asking->query->without))
            continue;
        if (rank > 0 && rule->action == CF_DENY)
            return false;
        cf_match_keep(&best, rule, rank);
    }
    if (best.rule)
        allow(CF_REASON_RULE, best.rule, ret_verdict);
    return best.rule != NULL;
}

/* Names that the policy itself answers. */
static bool is_own_name(const struct cf_profile *profile, const char *name)
{
    return cf_profile_host_find(profile, name) ||
           (profile->egress.n_host_ports > 0 && strcmp(name, CF_HOST_LOOPBACK_NAME) == 0);
}

void cf_verdict_name(const struct cf_profile *profile, const struct cf_name_query *query,
                     struct cf_verdict *ret_verdict)
{
    struct asking asking = {
        .profile = profile,
        .query = query,
        .length = strlen(query->name),
        .lenient = query->alias || profile->dns.filter == CF_DNS_FILTER_ANY,
    };

    if (is_own_name(profile, query->name)) {
        allow(CF_REASON_DEFAULT, NULL, ret_verdict);
        return;
    }
    if (try_allow_alone(&asking, ret_verdict))
        return;
    if (may_any_match(&asking))
        try_flows(&asking);
    else
        asking.open = true;
    if (asking.allow.rule)
        allow(CF_REASON_RULE, asking.allow.rule, ret_verdict);
    else if (asking.open && asking.lenient)
        allow(CF_REASON_DEFAULT, NULL, ret_verdict);
    else if (asking.open)
        decide_by_default(profile, ret_verdict);
    else
        deny_by_rule(profile, asking.deny.rule, ret_verdict);
}
