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
 * Before all this stand the keys of `dns` (protection.c): with block_encrypted,
 * encrypted DNS and the names of its services are denied whatever the rules say.
 * Behind it stand egress.quic and proxy.require, which deny what rules allow.
 *
 * The rules that matter are looked up (index.c): a node for the name and for
 * each of its wildcards that a rule or a file has, a node for each prefix that
 * holds the address. Each node gives its own winner, and cf_match_keep() takes
 * the winner of those; what it keeps does not depend on the order. Rules past
 * their `until` are not among them; when nothing matches and the default
 * denies, they are looked through for one that would have allowed.
 */
#include "profile/verdict.h"

#include <assert.h>
#include <string.h>

#include "profile/index.h"
#include "profile/match.h"
#include "profile/protection.h"

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

bool cf_reason_is_of_key(enum cf_reason reason)
{
    return reason == CF_REASON_ENCRYPTED_DNS || reason == CF_REASON_QUIC ||
           reason == CF_REASON_PROXY_REQUIRED;
}

static void allow(enum cf_reason reason, struct cf_verdict *ret_verdict)
{
    *ret_verdict = (struct cf_verdict) { .action = CF_ALLOW, .reason = reason };
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

bool cf_verdict_is_clean(const struct cf_verdict *verdict)
{
    return verdict->action == CF_ALLOW && !verdict->would_deny;
}

bool cf_verdict_is_by_name(const struct cf_verdict *verdict)
{
    const struct cf_endpoint *endpoint;

    if (!verdict->rule)
        return false;
    endpoint = verdict->member ? &verdict->member->endpoint : &verdict->rule->endpoint;
    return verdict->names_line > 0 || endpoint->kind == CF_HOST_NAME ||
           endpoint->kind == CF_HOST_ONE || endpoint->kind == CF_HOST_MANY;
}

/* Say which endpoint of which rule it was. */
static void name_match(const struct cf_match *match, struct cf_verdict *verdict)
{
    verdict->rule = match->item->rule;
    verdict->member = match->item->member;
    verdict->names_line = match->names_line;
}

static void deny_by_match(const struct cf_profile *profile, const struct cf_match *match,
                          struct cf_verdict *ret_verdict)
{
    enum cf_reason reason = CF_REASON_RULE;

    if (match->item->group == CF_GROUP_PRIVATE)
        reason = CF_REASON_PRIVATE;
    else if (match->item->group == CF_GROUP_METADATA)
        reason = CF_REASON_METADATA;
    cf_verdict_deny(profile, reason, match->item->rule, ret_verdict);
    name_match(match, ret_verdict);
}

static void decide_by_match(const struct cf_profile *profile, const struct cf_match *match,
                            struct cf_verdict *ret_verdict)
{
    if (match->item->action == CF_DENY) {
        deny_by_match(profile, match, ret_verdict);
        return;
    }
    allow(CF_REASON_RULE, ret_verdict);
    name_match(match, ret_verdict);
}

/* expired: the rule that would have allowed before it expired, if there is one */
static void decide_by_default(const struct cf_profile *profile, const struct cf_match *expired,
                              struct cf_verdict *ret_verdict)
{
    if (profile->egress.fallback == CF_ALLOW) {
        allow(CF_REASON_DEFAULT, ret_verdict);
    } else if (expired->item) {
        cf_verdict_deny(profile, CF_REASON_EXPIRED, NULL, ret_verdict);
        name_match(expired, ret_verdict);
    } else {
        cf_verdict_deny(profile, CF_REASON_DEFAULT, NULL, ret_verdict);
    }
}

static bool is_action(const struct cf_match *match, enum cf_action action)
{
    return match->item && match->item->action == action;
}

/* What is asked about a flow, without its ends. */
struct question {
    const struct cf_index *index;
    struct cf_asker asker;
    enum cf_proto proto;
    uint16_t port;
};

static struct question question_of(const struct cf_profile *profile,
                                   const struct cf_flow_query *query)
{
    return (struct question) {
        .index = profile->index,
        .asker = { .exe = query->exe, .without = query->without },
        .proto = query->proto,
        .port = query->port,
    };
}

/* The winner among the rules by name for one name. */
static struct cf_match rank_name(const struct question *question,
                                 const struct cf_name_lookup *lookup)
{
    struct cf_name_hit hits[CF_NAME_HITS_MAX];
    unsigned n = cf_index_names_find(question->index, lookup, hits);
    struct cf_match best = { 0 };

    for (unsigned i = 0; i < n; i++) {
        const struct cf_item *first[2], *winner;

        if (hits[i].node == CF_NODE_NONE)
            continue;
        cf_node_find(cf_index_node(question->index, hits[i].node), &question->asker,
                     question->proto, question->port, first);
        winner = cf_node_winner(first);
        if (winner)
            cf_match_keep(&best, winner, cf_match_rank(winner, hits[i].host), hits[i].line);
    }
    return best;
}

/*
 * The winner among the rules by name for all names of the query.
 * lookup: of the first one, started; overwritten
 * ret_pinned: the winning allow among the names that `hosts` pins
 */
static struct cf_match rank_names(const struct question *question,
                                  const struct cf_flow_query *query, struct cf_name_lookup *lookup,
                                  struct cf_match *ret_pinned)
{
    struct cf_match best = { 0 };

    *ret_pinned = (struct cf_match) { 0 };
    for (size_t i = 0; i < query->n_names; i++) {
        const struct cf_flow_name *name = &query->names[i];
        struct cf_match own;

        if (i > 0)
            cf_index_names_start(question->index, name->name, strlen(name->name), lookup);
        own = rank_name(question, lookup);
        if (name->alias && !is_action(&own, CF_DENY))
            continue;
        cf_match_keep(&best, own.item, own.rank, own.names_line);
        if (name->pinned && is_action(&own, CF_ALLOW))
            cf_match_keep(ret_pinned, own.item, own.rank, own.names_line);
    }
    return best;
}

/* The winner, and the winning allow, among the rules by address. */
struct by_addr {
    struct cf_match best;
    struct cf_match allow; /* whether it wins over the denials or not */
};

static void rank_prefix(const struct question *question, const struct cf_node *node,
                        struct by_addr *by_addr)
{
    const struct cf_item *first[2], *winner;

    if (!node)
        return;
    cf_node_find(node, &question->asker, question->proto, question->port, first);
    winner = cf_node_winner(first);
    if (winner)
        cf_match_keep(&by_addr->best, winner, winner->rank, 0);
    if (first[CF_ALLOW])
        cf_match_keep(&by_addr->allow, first[CF_ALLOW], first[CF_ALLOW]->rank, 0);
}

/* Of an address that is not known only what holds for all of a family is known. */
static struct by_addr rank_addr(const struct question *question, const struct cf_addr *dst)
{
    struct by_addr by_addr = { 0 };

    if (dst->family == CF_FAMILY_NONE) {
        rank_prefix(question, cf_index_wide(question->index, CF_FAMILY_IPV4), &by_addr);
        rank_prefix(question, cf_index_wide(question->index, CF_FAMILY_IPV6), &by_addr);
        return by_addr;
    }
    for (const struct cf_node *node = cf_index_addr(question->index, dst); node;
         node = cf_index_parent(question->index, node))
        rank_prefix(question, node, &by_addr);
    return by_addr;
}

/* Keep the winner of a node's expired items, if it wins. proto: 0 for any flow */
static void keep_expired(struct cf_match *best, const struct cf_node *node,
                         const struct question *question, unsigned host, uint32_t line)
{
    const struct cf_item *item, *end;

    if (!node)
        return;
    item = node->items + node->n_plain + node->n_exe;
    for (end = item + node->n_expired; item < end; item++) {
        if (!cf_item_takes_part(item, &question->asker) ||
            (question->proto != 0 && !cf_item_covers(item, question->proto, question->port)))
            continue;
        cf_match_keep(best, item, cf_match_rank(item, host), line);
        return;
    }
}

static void keep_expired_by_name(struct cf_match *best, const struct question *question,
                                 const char *name)
{
    struct cf_name_hit hits[CF_NAME_HITS_MAX];
    unsigned n = cf_index_names(question->index, name, strlen(name), hits);

    for (unsigned i = 0; i < n; i++) {
        if (hits[i].node != CF_NODE_NONE)
            keep_expired(best, cf_index_node(question->index, hits[i].node), question, hits[i].host,
                         hits[i].line);
    }
}

static void keep_expired_wide(struct cf_match *best, const struct question *question)
{
    static const enum cf_family families[] = { CF_FAMILY_IPV4, CF_FAMILY_IPV6 };

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        keep_expired(best, cf_index_wide(question->index, families[i]), question, 0, 0);
}

/* The rule past its `until` that would have allowed the flow. */
static struct cf_match find_expired(const struct question *question,
                                    const struct cf_flow_query *query)
{
    struct cf_match best = { 0 };

    if (!cf_index_has_expired(question->index))
        return best;
    for (size_t i = 0; i < query->n_names; i++) {
        if (!query->names[i].alias)
            keep_expired_by_name(&best, question, query->names[i].name);
    }
    if (best.item)
        return best;
    if (query->dst.family == CF_FAMILY_NONE) {
        keep_expired_wide(&best, question);
        return best;
    }
    for (const struct cf_node *node = cf_index_addr(question->index, &query->dst); node;
         node = cf_index_parent(question->index, node))
        keep_expired(&best, node, question, 0, 0);
    return best;
}

/* By the rules alone. lookup: of the first name, started; overwritten */
static void decide_flow(const struct cf_profile *profile, const struct cf_flow_query *query,
                        struct cf_name_lookup *lookup, struct cf_verdict *ret_verdict)
{
    struct question question = question_of(profile, query);
    struct cf_match pinned, expired;
    struct cf_match name;
    struct by_addr addr;

    addr = rank_addr(&question, &query->dst);
    name = rank_names(&question, query, lookup, &pinned);
    if (is_action(&name, CF_ALLOW) && is_action(&addr.best, CF_DENY)) {
        if (addr.allow.item && addr.allow.rank == addr.best.rank)
            decide_by_match(profile, &name, ret_verdict);
        else if (pinned.item)
            decide_by_match(profile, &pinned, ret_verdict);
        else
            decide_by_match(profile, &addr.best, ret_verdict);
    } else if (name.item) {
        decide_by_match(profile, &name, ret_verdict);
    } else if (addr.best.item) {
        decide_by_match(profile, &addr.best, ret_verdict);
    } else {
        expired = find_expired(&question, query);
        decide_by_default(profile, &expired, ret_verdict);
    }
}

void cf_verdict_flow(const struct cf_profile *profile, const struct cf_flow_query *query,
                     struct cf_verdict *ret_verdict)
{
    struct cf_name_lookup lookup;

    assert(profile->index); /* cf_profile_seal() */
    if (query->n_names > 0)
        cf_index_names_start(profile->index, query->names[0].name, strlen(query->names[0].name),
                             &lookup);
    if (cf_protection_flow(profile, query, ret_verdict))
        return;
    decide_flow(profile, query, &lookup, ret_verdict);
    if (cf_verdict_is_clean(ret_verdict))
        cf_protection_allowed(profile, query, ret_verdict);
}

/* Try a flow that an allowing item speaks of. */
static bool try_item(const struct cf_profile *profile, const struct cf_item *item,
                     const struct cf_addr *addr, struct cf_verdict *ret_verdict)
{
    struct cf_flow_query flow = { .dst = *addr };

    flow.proto = cf_item_flow(item, &flow.port);
    cf_verdict_flow(profile, &flow, ret_verdict);
    return cf_verdict_is_clean(ret_verdict);
}

bool cf_verdict_addr(const struct cf_profile *profile, const struct cf_addr *addr,
                     struct cf_verdict *ret_verdict)
{
    const struct cf_node *node;

    assert(profile->index); /* cf_profile_seal() */
    for (node = cf_index_addr(profile->index, addr); node;
         node = cf_index_parent(profile->index, node)) {
        for (uint32_t i = 0; i < node->n_plain; i++) {
            if (node->items[i].action == CF_ALLOW &&
                try_item(profile, &node->items[i], addr, ret_verdict))
                return true;
        }
    }
    return false;
}

/* What is known so far of the flows that could follow the asking for a name. */
struct asking {
    const struct cf_profile *profile;
    const struct cf_index *index;
    struct cf_asker asker;
    bool lenient; /* only a denial by name counts */
    bool is_host; /* `hosts` has the name */
    struct cf_name_hit hits[CF_NAME_HITS_MAX];
    unsigned n_hits;       /* those with a node */
    struct cf_match allow; /* the winning rule among those that allow a flow */
    struct cf_match deny;  /* and among those that deny one */
    bool open;             /* a flow that no rule decides */
};

static const enum cf_family families[] = { CF_FAMILY_IPV4, CF_FAMILY_IPV6 };
#define N_FAMILIES (sizeof families / sizeof families[0])

static void find_nodes(struct asking *asking, const struct cf_name_lookup *lookup)
{
    unsigned n = cf_index_names_find(asking->index, lookup, asking->hits);

    for (unsigned i = 0; i < n; i++) {
        if (asking->hits[i].node != CF_NODE_NONE)
            asking->hits[asking->n_hits++] = asking->hits[i];
        else
            asking->is_host = true;
    }
}

/* Whether no rule is for all addresses of a family. */
static bool is_narrow(const struct cf_index *index)
{
    return !cf_index_wide(index, CF_FAMILY_IPV4) && !cf_index_wide(index, CF_FAMILY_IPV6);
}

static bool is_for_all_ports(const struct cf_item *item)
{
    return !item->ports && item->protos & CF_PROTO_TCP && item->protos & CF_PROTO_UDP;
}

/*
 * The usual cases in one pass: when no rule denies the name, the allow of the
 * highest rank wins for its own flows; when none allows it and the denial of
 * the highest rank is for all ports, that one wins for all flows, unless a
 * rule for all addresses speaks of them. Returns whether that decided.
 */
static bool try_alone(const struct asking *asking, struct cf_verdict *ret_verdict)
{
    struct cf_match best[2] = { 0 };

    for (unsigned i = 0; i < asking->n_hits; i++) {
        const struct cf_name_hit *hit = &asking->hits[i];
        const struct cf_item *first[2];

        cf_node_find_any(cf_index_node(asking->index, hit->node), &asking->asker, first);
        for (int action = 0; action < 2; action++) {
            if (first[action])
                cf_match_keep(&best[action], first[action], cf_match_rank(first[action], hit->host),
                              hit->line);
        }
    }
    if (best[CF_ALLOW].item && !best[CF_DENY].item) {
        decide_by_match(asking->profile, &best[CF_ALLOW], ret_verdict);
        return true;
    }
    if (!best[CF_DENY].item || best[CF_ALLOW].item || !is_for_all_ports(best[CF_DENY].item) ||
        !is_narrow(asking->index))
        return false;
    decide_by_match(asking->profile, &best[CF_DENY], ret_verdict);
    return true;
}

/*
 * A rule for all addresses ranks below every rule by name, and an allow from
 * the command line does so too: it never beats their denial.
 */
static void keep_wide(const struct asking *asking, enum cf_family family, enum cf_proto proto,
                      uint16_t port, struct cf_match *best)
{
    const struct cf_node *node = cf_index_wide(asking->index, family);
    const struct cf_item *first[2];

    if (!node)
        return;
    cf_node_find(node, &asking->asker, proto, port, first);
    if (first[CF_ALLOW])
        cf_match_keep(best, first[CF_ALLOW], cf_match_rank_plain(first[CF_ALLOW], 0), 0);
    if (first[CF_DENY] && !asking->lenient)
        cf_match_keep(best, first[CF_DENY], first[CF_DENY]->rank, 0);
}

/* Judge the flows of one protocol to one port. */
static void try_flow(struct asking *asking, enum cf_proto proto, uint16_t port)
{
    struct cf_match by_name = { 0 };

    for (unsigned i = 0; i < asking->n_hits; i++) {
        const struct cf_name_hit *hit = &asking->hits[i];
        const struct cf_item *first[2], *winner;

        cf_node_find(cf_index_node(asking->index, hit->node), &asking->asker, proto, port, first);
        winner = cf_node_winner(first);
        if (winner)
            cf_match_keep(&by_name, winner, cf_match_rank(winner, hit->host), hit->line);
    }
    for (size_t f = 0; f < N_FAMILIES; f++) {
        struct cf_match best = by_name;

        keep_wide(asking, families[f], proto, port, &best);
        if (is_action(&best, CF_ALLOW))
            cf_match_keep(&asking->allow, best.item, best.rank, best.names_line);
        else if (proto == CF_PROTO_ICMP)
            continue;
        else if (best.item)
            cf_match_keep(&asking->deny, best.item, best.rank, best.names_line);
        else
            asking->open = true;
    }
}

static void try_port(struct asking *asking, uint16_t port)
{
    try_flow(asking, CF_PROTO_TCP, port);
    try_flow(asking, CF_PROTO_UDP, port);
}

/* Try the ports at which a node's items begin, and those behind them. */
static void try_ports_of(struct asking *asking, const struct cf_node *node, bool only_allow)
{
    for (uint32_t i = 0; i < node->n_plain + node->n_exe; i++) {
        const struct cf_item *item = &node->items[i];

        if (item->n_ports == 0 || (only_allow && item->action == CF_DENY) ||
            !cf_item_takes_part(item, &asking->asker))
            continue;
        for (size_t k = 0; k < item->n_ports; k++) {
            try_port(asking, item->ports[k].first);
            if (item->ports[k].last < UINT16_MAX)
                try_port(asking, (uint16_t)(item->ports[k].last + 1));
        }
    }
}

/* Try one flow of each set of flows that the rules cannot tell apart. */
static void try_flows(struct asking *asking)
{
    try_flow(asking, CF_PROTO_ICMP, 0);
    try_port(asking, 1);
    for (unsigned i = 0; i < asking->n_hits; i++)
        try_ports_of(asking, cf_index_node(asking->index, asking->hits[i].node), false);
    for (size_t f = 0; f < N_FAMILIES; f++) {
        const struct cf_node *node = cf_index_wide(asking->index, families[f]);

        if (node)
            try_ports_of(asking, node, asking->lenient);
    }
}

/* The rule past its `until` that would have allowed some flow to the name. */
static struct cf_match find_expired_asking(const struct asking *asking)
{
    struct question question = { .index = asking->index, .asker = asking->asker };
    struct cf_match best = { 0 };

    if (!cf_index_has_expired(asking->index))
        return best;
    for (unsigned i = 0; i < asking->n_hits; i++)
        keep_expired(&best, cf_index_node(asking->index, asking->hits[i].node), &question,
                     asking->hits[i].host, asking->hits[i].line);
    if (!best.item)
        keep_expired_wide(&best, &question);
    return best;
}

void cf_verdict_name(const struct cf_profile *profile, const struct cf_name_query *query,
                     struct cf_verdict *ret_verdict)
{
    struct cf_name_lookup lookup;
    struct asking asking;
    struct cf_match expired;

    assert(profile->index); /* cf_profile_seal() */
    cf_index_names_start(profile->index, query->name, strlen(query->name), &lookup);
    if (cf_protection_name(profile, query->name, ret_verdict))
        return;
    asking.profile = profile;
    asking.index = profile->index;
    asking.asker = (struct cf_asker) { .exe = query->exe, .without = query->without };
    asking.lenient = query->alias || profile->dns.filter == CF_DNS_FILTER_ANY;
    asking.is_host =
        profile->egress.n_host_ports > 0 && strcmp(query->name, CF_HOST_LOOPBACK_NAME) == 0;
    asking.n_hits = 0;
    asking.allow = asking.deny = (struct cf_match) { 0 };
    asking.open = false;
    find_nodes(&asking, &lookup);
    if (asking.is_host) { /* the policy itself answers it */
        allow(CF_REASON_DEFAULT, ret_verdict);
        return;
    }
    if (try_alone(&asking, ret_verdict))
        return;
    try_flows(&asking);
    if (asking.allow.item) {
        decide_by_match(profile, &asking.allow, ret_verdict);
    } else if (asking.open && asking.lenient) {
        allow(CF_REASON_DEFAULT, ret_verdict);
    } else if (asking.open) {
        expired = find_expired_asking(&asking);
        decide_by_default(profile, &expired, ret_verdict);
    } else {
        deny_by_match(profile, &asking.deny, ret_verdict);
    }
}
