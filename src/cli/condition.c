/*
 * condition.c - what would decide otherwise if the name led into it
 *
 * How this works. For each prefix of a rule by address (of an endpoint of its
 * group) an address is looked for at which this very rule decides a flow of
 * the question, and not as the policy does without an address: the verdict
 * code is asked, for the start of the prefix, the address behind it, the start
 * of its upper half, and for both sides of each narrower prefix inside. Where
 * the rule decides in one stretch and narrower ones in others, the stretch
 * begins or ends at one of these.
 */
#include <errno.h>
#include <stdlib.h>

#include "cli/answer.h"
#include "profile/protection.h"

/* One prefix that a rule speaks of. */
struct spoken {
    const struct cf_rule *rule;
    const struct cf_member *member;
    struct cf_prefix prefix;
};

struct search {
    const struct cf_inquiry *inquiry;
    const struct cf_flow_name *name;
    const struct cf_explain_place *place; /* whose address is not known */
    struct spoken *all;
    size_t n_all;
};

static const struct cf_endpoint *endpoint_of(const struct spoken *spoken)
{
    return spoken->member ? &spoken->member->endpoint : &spoken->rule->endpoint;
}

static int add_prefix(struct search *search, struct spoken spoken)
{
    size_t n = search->n_all;

    if ((n & (n - 1)) == 0) {
        struct spoken *grown = reallocarray(search->all, n ? n * 2 : 1, sizeof *search->all);

        if (!grown)
            return -ENOMEM;
        search->all = grown;
    }
    search->all[search->n_all++] = spoken;
    return 0;
}

static int add_prefixes(struct search *search, const struct cf_rule *rule,
                        const struct cf_member *member)
{
    struct spoken spoken = { .rule = rule, .member = member };
    const struct cf_endpoint *endpoint = endpoint_of(&spoken);
    const struct cf_prefix *prefixes = &endpoint->prefix;
    size_t n = 1;
    int r = 0;

    if (endpoint->kind == CF_HOST_GROUP)
        prefixes = cf_addr_group_prefixes(endpoint->group, &n);
    else if (endpoint->kind != CF_HOST_PREFIX)
        return 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        spoken.prefix = prefixes[i];
        r = add_prefix(search, spoken);
    }
    return r;
}

static int add_rules(struct search *search)
{
    const struct cf_profile *profile = search->inquiry->profile;
    int r = 0;

    for (size_t i = 0; i < profile->egress.n_rules && r == 0; i++) {
        const struct cf_rule *rule = &profile->egress.rules[i];
        const struct cf_group *group;

        if (rule->endpoint.kind != CF_HOST_LIST) {
            r = add_prefixes(search, rule, NULL);
            continue;
        }
        group = cf_profile_group_find(profile, rule->endpoint.name);
        for (size_t k = 0; group && k < group->n_members && r == 0; k++)
            r = add_prefixes(search, rule, &group->members[k]);
    }
    return r;
}

/* Whether the rule decides this flow otherwise than row has it. */
static bool decides_flow(const struct search *search, const struct cf_explain_row *row,
                         const struct spoken *spoken, const struct cf_flow_query *query)
{
    struct cf_verdict verdict;

    cf_verdict_flow(search->inquiry->profile, query, &verdict);
    return verdict.rule == spoken->rule && verdict.member == spoken->member &&
           cf_answer_is_denial(&verdict) != cf_answer_is_denial(&row->verdict);
}

/* The same for the flows of one range to addr: at the first port that both have. */
static bool decides_range(const struct search *search, const struct cf_explain_row *row,
                          const struct cf_explain_range *range, const struct spoken *spoken,
                          const struct cf_addr *addr)
{
    const struct cf_endpoint *endpoint = endpoint_of(spoken);
    struct cf_flow_query query = {
        .proto = range->proto,
        .dst = *addr,
        .port = range->first,
        .exe = search->inquiry->exe,
        .names = search->name,
        .n_names = 1,
    };

    if (endpoint->n_ports == 0)
        return decides_flow(search, row, spoken, &query);
    for (size_t i = 0; i < endpoint->n_ports; i++) {
        const struct cf_port_range *ports = &endpoint->ports[i];

        if (ports->first > range->last || ports->last < range->first)
            continue;
        query.port = ports->first > range->first ? ports->first : range->first;
        if (decides_flow(search, row, spoken, &query))
            return true;
    }
    return false;
}

static bool decides(const struct search *search, const struct spoken *spoken,
                    const struct cf_addr *addr)
{
    if (cf_answer_never(search->inquiry->profile, addr))
        return false;
    for (size_t i = 0; i < search->place->n_rows; i++) {
        const struct cf_explain_row *row = &search->place->rows[i];

        for (size_t k = 0; !row->for_resolver && k < row->n_ranges; k++) {
            if (decides_range(search, row, &row->ranges[k], spoken, addr))
                return true;
        }
    }
    return false;
}

/* The address behind the last of a prefix, or in front of its first; false when there is none. */
static bool step_outside(const struct cf_prefix *prefix, bool behind, struct cf_addr *ret_addr)
{
    unsigned n_bytes = cf_addr_bits(&prefix->addr) / 8;
    struct cf_addr addr = prefix->addr;

    for (unsigned bit = prefix->bits; behind && bit < n_bytes * 8; bit++)
        addr.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
    for (unsigned i = n_bytes; i-- > 0;) {
        addr.bytes[i] = (uint8_t)(addr.bytes[i] + (behind ? 1u : 0xffu));
        if (addr.bytes[i] != (behind ? 0 : 0xff)) {
            *ret_addr = addr;
            return true;
        }
    }
    return false;
}

/* The start of the upper half, and the address behind the start; that itself when there is none. */
static struct cf_addr upper_half(const struct cf_prefix *prefix)
{
    struct cf_addr addr = prefix->addr;

    if (prefix->bits < cf_addr_bits(&addr))
        addr.bytes[prefix->bits / 8] |= (uint8_t)(0x80u >> prefix->bits % 8);
    return addr;
}

static struct cf_addr behind_start(const struct cf_prefix *prefix)
{
    struct cf_prefix start = { prefix->addr, (uint8_t)cf_addr_bits(&prefix->addr) };
    struct cf_addr addr;

    if (start.bits == prefix->bits || !step_outside(&start, true, &addr))
        return prefix->addr;
    return addr;
}

/* An address of the prefix at which its rule decides. */
static bool find_addr(const struct search *search, const struct spoken *spoken,
                      struct cf_addr *ret_addr)
{
    const struct cf_prefix *prefix = &spoken->prefix;
    const struct cf_addr usual[] = { behind_start(prefix), prefix->addr, upper_half(prefix) };

    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        *ret_addr = usual[i];
        if (decides(search, spoken, ret_addr))
            return true;
    }
    for (size_t i = 0; i < search->n_all; i++) {
        const struct cf_prefix *inner = &search->all[i].prefix;

        if (inner->bits <= prefix->bits || !cf_prefix_contains(prefix, &inner->addr))
            continue;
        for (int behind = 0; behind < 2; behind++) {
            if (step_outside(inner, behind, ret_addr) && cf_prefix_contains(prefix, ret_addr) &&
                decides(search, spoken, ret_addr))
                return true;
        }
    }
    return false;
}

static int add_condition(struct cf_explain_answer *answer, const struct spoken *spoken,
                         const struct cf_addr *addr)
{
    size_t n = answer->n_conditions;

    if ((n & (n - 1)) == 0) {
        struct cf_explain_condition *grown =
            reallocarray(answer->conditions, n ? n * 2 : 1, sizeof *answer->conditions);

        if (!grown)
            return -ENOMEM;
        answer->conditions = grown;
    }
    answer->conditions[answer->n_conditions++] = (struct cf_explain_condition) {
        .rule = spoken->rule,
        .member = spoken->member,
        .addr = *addr,
    };
    return 0;
}

/* Each endpoint once, however many prefixes it has; they stand one behind the other. */
static int find_conditions(const struct search *search, struct cf_explain_answer *answer)
{
    int r = 0;

    for (size_t i = 0; i < search->n_all && r == 0; i++) {
        const struct spoken *spoken = &search->all[i];
        const struct cf_explain_condition *last =
            answer->n_conditions > 0 ? &answer->conditions[answer->n_conditions - 1] : NULL;
        struct cf_addr addr;

        if (last && last->rule == spoken->rule && last->member == spoken->member)
            continue;
        if (find_addr(search, spoken, &addr))
            r = add_condition(answer, spoken, &addr);
    }
    return r;
}

static bool allows_something(const struct cf_explain_place *place)
{
    for (size_t i = 0; i < place->n_rows; i++) {
        if (!cf_answer_is_denial(&place->rows[i].verdict))
            return true;
    }
    return false;
}

/* A private address that dns.block_rebinding keeps the name from leading to. */
static int add_rebinding(const struct search *search, struct cf_explain_answer *answer)
{
    static const char *const samples[] = { "10.0.0.1", "172.16.0.1", "192.168.0.1", "fd00::1" };
    const struct cf_inquiry *inquiry = search->inquiry;

    for (size_t i = 0; i < sizeof samples / sizeof samples[0] && allows_something(search->place);
         i++) {
        struct spoken spoken = { 0 };
        struct cf_verdict verdict;
        struct cf_addr addr;

        (void)cf_addr_parse(samples[i], &addr);
        if (!cf_protection_answer(inquiry->profile, search->name->name, &addr, inquiry->exe,
                                  &verdict))
            continue;
        spoken.rule = verdict.rule;
        return add_condition(answer, &spoken, &addr);
    }
    return 0;
}

int cf_answer_find_conditions(const struct cf_inquiry *inquiry, struct cf_answer *answer)
{
    struct search search = {
        .inquiry = inquiry,
        .name = &answer->name,
        .place = &answer->answer.places[0],
    };
    int r;

    if (search.place->addr.family != CF_FAMILY_NONE ||
        cf_answer_is_denial(&answer->answer.lookup) ||
        answer->answer.resolver == CF_RESOLVER_PROXY) /* nothing but the name is judged */
        return 0;
    r = add_rebinding(&search, &answer->answer);
    if (r == 0)
        r = add_rules(&search);
    if (r == 0)
        r = find_conditions(&search, &answer->answer);
    free(search.all);
    return r;
}
