/*
 * near.c - allows that nearly hold a question
 *
 * How this works: each rule that allows (each endpoint of its group) gets a
 * distance from the first flow of the question that is denied: how far its
 * host is from the one that was asked for, and how much else it misses. The
 * nearest are kept. Where a rule denies, only an allow of the very host counts.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/answer.h"
#include "policy/suggest.h"
#include "profile/match.h"

#define NEARS_MAX 3

/* Edits between names that read almost the same. */
#define EDITS_MAX 2

/* A prefix is near when so many bits less would hold the address. */
#define PREFIX_BITS_NEAR 4
/* What two addresses must have in common to be near at all. */
#define PREFIX_BITS_COMMON 8

/* Distances of hosts; each miss besides adds MISS. */
enum {
    FAR_APEX = 20,
    FAR_BELOW = 30,
    FAR_SIBLING = 40, /* and the edits */
    FAR_PREFIX = 50,  /* and the bits */
    MISS = 3,
};

struct search {
    const struct cf_inquiry *inquiry;
    const struct cf_question *question;
    struct cf_flow_query query; /* the flow that is denied */
    bool any_port;              /* the question has none: ports miss nothing */
    bool by_rule;               /* a rule denies it */
    struct cf_explain_near found[NEARS_MAX];
    unsigned far[NEARS_MAX];
    size_t n_found;
};

static bool is_below(const char *name, const char *above)
{
    size_t length = strlen(name), tail = strlen(above);

    return length > tail + 1 && name[length - tail - 1] == '.' &&
           strcmp(name + length - tail, above) == 0;
}

/* Whether few edits lead from one name to the other; one of a short label is another host. */
static bool is_sibling(const char *name, const char *other, unsigned *ret_edits)
{
    size_t length = strcspn(name, "."), other_length = strcspn(other, ".");
    char label[CF_NAME_SIZE], other_label[CF_NAME_SIZE];

    *ret_edits = cf_edit_distance(name, other);
    if (*ret_edits > EDITS_MAX)
        return false;
    memcpy(label, name, length);
    memcpy(other_label, other, other_length);
    label[length] = other_label[other_length] = '\0';
    return cf_edit_distance(label, other_label) * 3 <= length;
}

static unsigned far_of_name(const struct cf_endpoint *endpoint, const char *name,
                            enum cf_near *ret_near)
{
    unsigned edits;

    switch (endpoint->kind) {
    case CF_HOST_ONE:
    case CF_HOST_MANY:
        *ret_near = strcmp(name, endpoint->name) == 0 ? CF_NEAR_APEX : CF_NEAR_DEEPER;
        if (*ret_near == CF_NEAR_APEX || is_below(name, endpoint->name))
            return FAR_APEX;
        return UINT_MAX;
    case CF_HOST_NAME:
        *ret_near = CF_NEAR_BELOW;
        if (is_below(name, endpoint->name))
            return FAR_BELOW;
        *ret_near = CF_NEAR_SIBLING;
        return is_sibling(name, endpoint->name, &edits) ? FAR_SIBLING + edits : UINT_MAX;
    default:
        return UINT_MAX;
    }
}

static unsigned count_common(const struct cf_addr *a, const struct cf_addr *b)
{
    unsigned bits = cf_addr_bits(a), n = 0;

    if (a->family != b->family)
        return 0;
    while (n < bits && !((a->bytes[n / 8] ^ b->bytes[n / 8]) & (0x80u >> n % 8)))
        n++;
    return n;
}

static unsigned far_of_addr(const struct cf_endpoint *endpoint, const struct cf_addr *addr,
                            enum cf_near *ret_near)
{
    unsigned common;

    *ret_near = CF_NEAR_PREFIX;
    if (endpoint->kind != CF_HOST_PREFIX || addr->family == CF_FAMILY_NONE)
        return UINT_MAX;
    common = count_common(&endpoint->prefix.addr, addr);
    if (common < PREFIX_BITS_COMMON || common + PREFIX_BITS_NEAR < endpoint->prefix.bits)
        return UINT_MAX;
    return FAR_PREFIX + endpoint->prefix.bits - common;
}

/* 0 when the host is the one that was asked for. */
static unsigned far_of(const struct search *search, const struct cf_rule *rule,
                       const struct cf_endpoint *endpoint, enum cf_near *ret_near)
{
    const char *name = search->question->name;
    struct cf_rule one = *rule;

    one.endpoint = *endpoint;
    *ret_near = CF_NEAR_SAME;
    if ((name[0] && cf_rule_rank_name(&one, name, strlen(name)) > 0) ||
        (search->query.dst.family != CF_FAMILY_NONE &&
         cf_rule_rank_addr(&one, &search->query.dst) > 0))
        return 0;
    if (search->by_rule)
        return UINT_MAX;
    return name[0] ? far_of_name(endpoint, name, ret_near)
                   : far_of_addr(endpoint, &search->query.dst, ret_near);
}

static void keep(struct search *search, struct cf_explain_near near, unsigned far)
{
    size_t place = search->n_found;

    while (place > 0 && search->far[place - 1] > far)
        place--;
    if (place == NEARS_MAX)
        return;
    if (search->n_found < NEARS_MAX)
        search->n_found++;
    for (size_t i = search->n_found - 1; i > place; i--) {
        search->found[i] = search->found[i - 1];
        search->far[i] = search->far[i - 1];
    }
    search->found[place] = near;
    search->far[place] = far;
}

static void look_at(struct search *search, const struct cf_rule *rule,
                    const struct cf_member *member)
{
    const struct cf_endpoint *endpoint = member ? &member->endpoint : &rule->endpoint;
    struct cf_explain_near near = { .rule = rule, .member = member };
    unsigned far = far_of(search, rule, endpoint, &near.near);

    if (far == UINT_MAX)
        return;
    near.misses = cf_trace_misses(search->inquiry->profile, rule, member, &search->query);
    if (search->any_port)
        near.misses &= ~(unsigned)(CF_MISS_PORTS | CF_MISS_PROTO);
    if (near.near == CF_NEAR_SAME && near.misses == 0)
        return; /* it holds the flow, and lost: that is said elsewhere */
    keep(search, near, far + MISS * (unsigned)__builtin_popcount(near.misses));
}

static void look_at_rule(struct search *search, const struct cf_rule *rule)
{
    const struct cf_group *group;

    if (rule->action != CF_ALLOW)
        return;
    if (rule->endpoint.kind != CF_HOST_LIST) {
        look_at(search, rule, NULL);
        return;
    }
    group = cf_profile_group_find(search->inquiry->profile, rule->endpoint.name);
    for (size_t i = 0; group && i < group->n_members; i++)
        look_at(search, rule, &group->members[i]);
}

/* The first flow that is denied, as a query; false when none is. No allow lifts a key. */
static bool find_denied(const struct cf_explain_answer *answer, struct search *search)
{
    for (size_t i = 0; i < answer->n_places; i++) {
        const struct cf_explain_place *place = &answer->places[i];

        for (size_t k = 0; !place->never && k < place->n_rows; k++) {
            const struct cf_explain_row *row = &place->rows[k];

            if (!cf_answer_is_denial(&row->verdict) ||
                row->verdict.reason == CF_REASON_ENCRYPTED_DNS ||
                row->verdict.reason == CF_REASON_QUIC)
                continue;
            search->query.dst = place->addr;
            search->query.proto = row->ranges[0].proto;
            search->query.port = row->ranges[0].first;
            search->by_rule = row->verdict.reason != CF_REASON_DEFAULT &&
                              row->verdict.reason != CF_REASON_EXPIRED;
            return true;
        }
    }
    return false;
}

int cf_answer_find_nears(const struct cf_inquiry *inquiry, struct cf_answer *answer)
{
    struct search search = {
        .inquiry = inquiry,
        .question = &answer->question,
        .query.exe = inquiry->exe,
        .any_port = answer->question.port == 0 && !answer->question.proto_given,
    };

    if (cf_answer_is_allowed(answer) || !find_denied(&answer->answer, &search))
        return 0;
    for (size_t i = 0; i < inquiry->profile->egress.n_rules; i++)
        look_at_rule(&search, &inquiry->profile->egress.rules[i]);
    if (search.n_found == 0)
        return 0;
    answer->answer.nears = calloc(search.n_found, sizeof *answer->answer.nears);
    if (!answer->answer.nears)
        return -ENOMEM;
    memcpy(answer->answer.nears, search.found, search.n_found * sizeof *search.found);
    answer->answer.n_nears = search.n_found;
    return 0;
}
