/*
 * trace.c - how each rule that speaks of a flow fared in its verdict
 *
 * How this works. The verdict is asked for first, and nothing here changes
 * it. Then every rule (every endpoint of a group) whose host holds a name or
 * the address is put down with its rank, by the functions of match.c that the
 * verdict is made with. What a rule misses besides its host keeps it out;
 * among the others the winners are found again: of each name, of all names,
 * of the address ("How this works" in verdict.c). The fate of a rule is the
 * first of those that it lost to.
 */
#include "profile/trace.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/index.h"

static const char *const fate_names[] = {
    [CF_FATE_WON] = "won",         [CF_FATE_AGREES] = "agrees",
    [CF_FATE_LIFTS] = "lifts",     [CF_FATE_LESS_SPECIFIC] = "less_specific",
    [CF_FATE_TIE] = "tie",         [CF_FATE_EQUAL] = "equal",
    [CF_FATE_ALIAS] = "alias",     [CF_FATE_DENIED_BY_ADDRESS] = "denied_by_address",
    [CF_FATE_LIFTED] = "lifted",   [CF_FATE_PINNED] = "pinned",
    [CF_FATE_BY_NAME] = "by_name", [CF_FATE_BY_KEY] = "by_key",
    [CF_FATE_MISSED] = "missed",
};
static_assert(sizeof fate_names / sizeof fate_names[0] == CF_FATE_COUNT, "a name for each");

const char *cf_fate_name(enum cf_fate fate)
{
    return fate_names[fate];
}

bool cf_fate_is_lost(enum cf_fate fate)
{
    return fate != CF_FATE_WON && fate != CF_FATE_AGREES && fate != CF_FATE_LIFTS;
}

/* The winners of one question; NULL where no rule takes part. */
struct winners {
    const struct cf_flow_query *query;
    struct cf_trace *trace;
    const struct cf_trace_entry *name;  /* of all names */
    const struct cf_trace_entry *addr;  /* by address */
    const struct cf_trace_entry *allow; /* of those by address that allow */
};

unsigned cf_trace_misses(const struct cf_profile *profile, const struct cf_rule *rule,
                         const struct cf_member *member, const struct cf_flow_query *query)
{
    const struct cf_item item = cf_item_make(rule, member);
    unsigned misses = 0;

    if (!(item.protos & (unsigned)query->proto))
        misses |= CF_MISS_PROTO;
    else if (!cf_item_covers(&item, query->proto, query->port))
        misses |= CF_MISS_PORTS;
    if (!cf_rule_is_for(rule, query->exe))
        misses |= CF_MISS_EXE;
    if (cf_rule_is_expired(profile, rule))
        misses |= CF_MISS_EXPIRED;
    return misses;
}

static int add(struct cf_trace *trace, struct cf_trace_entry entry)
{
    size_t n = trace->n_entries;

    if ((n & (n - 1)) == 0) {
        struct cf_trace_entry *grown =
            reallocarray(trace->entries, n ? n * 2 : 1, sizeof *trace->entries);

        if (!grown)
            return -ENOMEM;
        trace->entries = grown;
    }
    trace->entries[trace->n_entries++] = entry;
    return 0;
}

/* As the verdict has it: of an address that is not known only what holds for all of a family. */
static unsigned rank_dst(const struct cf_rule *rule, const struct cf_addr *dst)
{
    unsigned rank;

    if (dst->family != CF_FAMILY_NONE)
        return cf_rule_rank_addr(rule, dst);
    rank = cf_rule_rank_wide(rule, CF_FAMILY_IPV4);
    return rank > 0 ? rank : cf_rule_rank_wide(rule, CF_FAMILY_IPV6);
}

/* Put down one endpoint of a rule, once for each name that it holds, or for the address. */
static int put_endpoint(struct cf_trace *trace, const struct cf_profile *profile,
                        const struct cf_flow_query *query, struct cf_trace_entry entry)
{
    struct cf_rule one = *entry.rule; /* with the endpoint of its group; borrows both */
    int r = 0;

    if (entry.member)
        one.endpoint = entry.member->endpoint;
    entry.misses = cf_trace_misses(profile, entry.rule, entry.member, query);
    entry.rank = rank_dst(&one, &query->dst);
    if (entry.rank > 0)
        return add(trace, entry);
    for (size_t i = 0; i < query->n_names && r == 0; i++) {
        const char *name = query->names[i].name;

        entry.name = &query->names[i];
        entry.rank = cf_rule_rank_name(&one, name, strlen(name));
        if (entry.rank > 0)
            r = add(trace, entry);
    }
    return r;
}

static int put_rule(struct cf_trace *trace, const struct cf_profile *profile,
                    const struct cf_flow_query *query, const struct cf_rule *rule)
{
    struct cf_trace_entry entry = { .rule = rule };
    const struct cf_group *group;
    int r = 0;

    if (rule == query->without)
        return 0;
    if (rule->endpoint.kind != CF_HOST_LIST)
        return put_endpoint(trace, profile, query, entry);
    group = cf_profile_group_find(profile, rule->endpoint.name);
    for (size_t i = 0; group && i < group->n_members && r == 0; i++) {
        entry.member = &group->members[i];
        r = put_endpoint(trace, profile, query, entry);
    }
    return r;
}

/* Put down the rules whose group has the name in its file; too many names to look at each. */
static int put_files(struct cf_trace *trace, const struct cf_profile *profile,
                     const struct cf_flow_query *query, const struct cf_flow_name *name)
{
    struct cf_name_hit hits[CF_NAME_HITS_MAX];
    unsigned n = cf_index_names(profile->index, name->name, strlen(name->name), hits);
    int r = 0;

    for (unsigned i = 0; i < n; i++) {
        const struct cf_node *node;

        if (hits[i].line == 0 || hits[i].node == CF_NODE_NONE)
            continue;
        node = cf_index_node(profile->index, hits[i].node);
        for (uint32_t k = 0; k < node->n_plain + node->n_exe + node->n_expired && r == 0; k++) {
            const struct cf_item *item = &node->items[k];
            struct cf_trace_entry entry = { .rule = item->rule,
                                            .names_line = hits[i].line,
                                            .name = name };

            entry.misses = cf_trace_misses(profile, item->rule, NULL, query);
            entry.rank = cf_match_rank(item, hits[i].host);
            if (item->rule != query->without)
                r = add(trace, entry);
        }
    }
    return r;
}

static bool is_verdict(const struct cf_trace *trace, const struct cf_trace_entry *entry)
{
    return entry->misses == 0 && trace->verdict.rule == entry->rule &&
           trace->verdict.member == entry->member && trace->verdict.names_line == entry->names_line;
}

/* Whether a comes before b: more specific, at a tie a denial, then what the verdict names. */
static bool is_better(const struct cf_trace *trace, const struct cf_trace_entry *a,
                      const struct cf_trace_entry *b)
{
    if (!b || a->rank != b->rank)
        return !b || a->rank > b->rank;
    if (a->rule->action != b->rule->action)
        return a->rule->action == CF_DENY;
    return is_verdict(trace, a) && !is_verdict(trace, b);
}

/* The winner among the rules for one name of the query. */
static const struct cf_trace_entry *find_own(const struct cf_trace *trace,
                                             const struct cf_flow_name *name)
{
    const struct cf_trace_entry *best = NULL;

    for (size_t i = 0; i < trace->n_entries; i++) {
        const struct cf_trace_entry *entry = &trace->entries[i];

        if (entry->name == name && entry->misses == 0 && is_better(trace, entry, best))
            best = entry;
    }
    return best;
}

static void find_winners(struct winners *winners)
{
    const struct cf_flow_query *query = winners->query;
    const struct cf_trace *trace = winners->trace;

    for (size_t i = 0; i < query->n_names; i++) {
        const struct cf_trace_entry *own = find_own(trace, &query->names[i]);

        if (own && !(own->name->alias && own->rule->action == CF_ALLOW) &&
            is_better(trace, own, winners->name))
            winners->name = own;
    }
    winners->addr = find_own(trace, NULL);
    for (size_t i = 0; i < trace->n_entries; i++) {
        const struct cf_trace_entry *entry = &trace->entries[i];

        if (!entry->name && entry->misses == 0 && entry->rule->action == CF_ALLOW &&
            is_better(trace, entry, winners->allow))
            winners->allow = entry;
    }
}

static void set_fate(struct cf_trace_entry *entry, enum cf_fate fate,
                     const struct cf_trace_entry *by)
{
    entry->fate = fate;
    entry->by = by ? by->rule : NULL;
    entry->by_member = by ? by->member : NULL;
}

/* How entry lost to one of its kind. */
static void set_beaten(struct cf_trace_entry *entry, const struct cf_trace_entry *by)
{
    if (entry->rank == by->rank) {
        set_fate(entry, entry->rule->action == by->rule->action ? CF_FATE_EQUAL : CF_FATE_TIE, by);
        return;
    }
    set_fate(entry, CF_FATE_LESS_SPECIFIC, by);
    entry->edge = cf_rank_edge(by->rank, entry->rank);
}

static void set_by_verdict(struct cf_trace_entry *entry, enum cf_fate fate,
                           const struct cf_verdict *verdict)
{
    entry->fate = fate;
    entry->by = verdict->rule;
    entry->by_member = verdict->member;
}

static void judge_by_name(const struct winners *winners, struct cf_trace_entry *entry)
{
    const struct cf_verdict *verdict = &winners->trace->verdict;
    const struct cf_trace_entry *own = find_own(winners->trace, entry->name);

    if (entry != own)
        set_beaten(entry, own);
    else if (entry->name->alias && entry->rule->action == CF_ALLOW)
        set_fate(entry, CF_FATE_ALIAS, NULL);
    else if (entry != winners->name)
        set_beaten(entry, winners->name);
    else if (verdict->action == CF_DENY || verdict->would_deny)
        set_by_verdict(entry, CF_FATE_DENIED_BY_ADDRESS, verdict);
    else
        set_by_verdict(entry, CF_FATE_PINNED, verdict);
}

static void judge_by_addr(const struct winners *winners, struct cf_trace_entry *entry)
{
    const struct cf_trace_entry *name = winners->name, *addr = winners->addr;
    bool allowed_by_name = name && name->rule->action == CF_ALLOW;

    if (entry != addr) {
        set_beaten(entry, addr);
        if (entry->fate == CF_FATE_TIE && allowed_by_name)
            entry->fate = CF_FATE_LIFTS;
    } else if (!allowed_by_name) {
        set_by_verdict(entry, CF_FATE_BY_NAME, &winners->trace->verdict);
    } else if (entry->rule->action == CF_ALLOW) {
        set_fate(entry, CF_FATE_AGREES, name);
    } else if (winners->allow && winners->allow->rank == entry->rank) {
        set_fate(entry, CF_FATE_LIFTED, winners->allow);
    } else {
        set_by_verdict(entry, CF_FATE_PINNED, &winners->trace->verdict);
    }
}

static void judge(const struct winners *winners, struct cf_trace_entry *entry)
{
    if (entry->misses != 0)
        set_fate(entry, CF_FATE_MISSED, NULL);
    else if (cf_reason_is_of_key(winners->trace->verdict.reason))
        set_by_verdict(entry, CF_FATE_BY_KEY, &winners->trace->verdict);
    else if (is_verdict(winners->trace, entry))
        set_fate(entry, CF_FATE_WON, NULL);
    else if (entry->name)
        judge_by_name(winners, entry);
    else
        judge_by_addr(winners, entry);
}

/* A rule that won by one of the names is named once. */
static void drop_doubles(struct cf_trace *trace)
{
    size_t kept = 0;
    bool won = false;

    for (size_t i = 0; i < trace->n_entries; i++) {
        bool is_won = trace->entries[i].fate == CF_FATE_WON;

        if (!(is_won && won))
            trace->entries[kept++] = trace->entries[i];
        won = won || is_won;
    }
    trace->n_entries = kept;
}

static int place_of(const struct cf_trace_entry *entry)
{
    if (entry->fate == CF_FATE_WON)
        return 0;
    return entry->fate == CF_FATE_MISSED ? 2 : 1;
}

static int compare_entries(const void *a, const void *b)
{
    const struct cf_trace_entry *x = a, *y = b;

    if (place_of(x) != place_of(y))
        return place_of(x) - place_of(y);
    if (!x->name != !y->name)
        return x->name ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1;
    return x->member < y->member ? -1 : x->member > y->member;
}

int cf_trace_flow(const struct cf_profile *profile, const struct cf_flow_query *query,
                  struct cf_trace *ret_trace)
{
    struct cf_trace trace = { 0 };
    struct winners winners = { .query = query, .trace = &trace };
    int r = 0;

    cf_verdict_flow(profile, query, &trace.verdict);
    for (size_t i = 0; i < profile->egress.n_rules && r == 0; i++)
        r = put_rule(&trace, profile, query, &profile->egress.rules[i]);
    for (size_t i = 0; i < query->n_names && r == 0; i++)
        r = put_files(&trace, profile, query, &query->names[i]);
    if (r < 0) {
        cf_trace_done(&trace);
        return r;
    }
    find_winners(&winners);
    for (size_t i = 0; i < trace.n_entries; i++)
        judge(&winners, &trace.entries[i]);
    drop_doubles(&trace);
    if (trace.n_entries > 0)
        qsort(trace.entries, trace.n_entries, sizeof *trace.entries, compare_entries);
    *ret_trace = trace;
    return 0;
}

void cf_trace_done(struct cf_trace *trace)
{
    free(trace->entries);
    *trace = (struct cf_trace) { 0 };
}
