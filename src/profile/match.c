/*
 * match.c - whether a rule matches, and which of two matches wins
 *
 * How this works. A rank is host << 3 | protocol given << 2 | ports given << 1
 * | exe given.
 * The host's part is
 *
 *   by name     an exact name        3 << 8
 *               *.name               2 << 8
 *               **.name              1 << 8 | labels of name
 *   by address  a prefix             bits + 1
 *               a group              bits + 1 of its longest prefix that holds the address
 *
 * and a rule of the command line has 1 << 17 on top, above every rule of a
 * file, so that more specific hosts come first, then rules with a protocol, then
 * rules with ports, then rules for a program. How many ports a rule lists does not count. Of equal
 * ranks the denial wins. What is still equal has the same outcome, and only
 * the rule that the log names is at stake: a group before a prefix (its
 * reason says more), then by text, then by where it was written.
 */
#include "profile/match.h"

#include <string.h>

bool cf_rule_is_by_name(const struct cf_rule *rule)
{
    return rule->endpoint.kind == CF_HOST_NAME || rule->endpoint.kind == CF_HOST_ONE ||
           rule->endpoint.kind == CF_HOST_MANY;
}

bool cf_rule_covers(const struct cf_rule *rule, enum cf_proto proto, uint16_t port)
{
    const struct cf_endpoint *endpoint = &rule->endpoint;

    if (!(endpoint->protos & (unsigned)proto))
        return false;
    if (!endpoint->ports)
        return true;
    for (size_t i = 0; i < endpoint->n_ports && endpoint->ports[i].first <= port; i++) {
        if (port <= endpoint->ports[i].last)
            return true;
    }
    return false;
}

#define BEATS_FILE (1u << 17)

static unsigned rank_of(const struct cf_rule *rule, unsigned host)
{
    return (rule->beats_file ? BEATS_FILE : 0) | host << 3 | (rule->endpoint.proto_given ? 4u : 0) |
           (rule->endpoint.ports ? 2u : 0) | (rule->exe ? 1u : 0);
}

static unsigned count_labels(const char *name)
{
    unsigned n = 1;

    for (; *name; name++)
        n += *name == '.';
    return n;
}

unsigned cf_rule_rank_name(const struct cf_rule *rule, const char *name, size_t length)
{
    const struct cf_endpoint *endpoint = &rule->endpoint;
    size_t tail;

    if (!cf_rule_is_by_name(rule))
        return 0;
    tail = strlen(endpoint->name);
    if (endpoint->kind == CF_HOST_NAME)
        return tail == length && memcmp(endpoint->name, name, length) == 0 ? rank_of(rule, 3u << 8)
                                                                           : 0;
    if (length < tail + 2 || name[length - tail - 1] != '.' ||
        memcmp(endpoint->name, name + length - tail, tail) != 0)
        return 0;
    if (endpoint->kind == CF_HOST_MANY)
        return rank_of(rule, 1u << 8 | count_labels(endpoint->name));
    return memchr(name, '.', length - tail - 1) ? 0 : rank_of(rule, 2u << 8);
}

unsigned cf_rule_rank_addr(const struct cf_rule *rule, const struct cf_addr *addr)
{
    const struct cf_prefix *prefix = NULL;

    if (rule->endpoint.kind == CF_HOST_GROUP)
        prefix = cf_addr_group_find(rule->endpoint.group, addr);
    else if (rule->endpoint.kind == CF_HOST_PREFIX &&
             cf_prefix_contains(&rule->endpoint.prefix, addr))
        prefix = &rule->endpoint.prefix;
    return prefix ? rank_of(rule, prefix->bits + 1u) : 0;
}

unsigned cf_rule_rank_wide(const struct cf_rule *rule, enum cf_family family)
{
    const struct cf_endpoint *endpoint = &rule->endpoint;
    unsigned rank;

    if (!(endpoint->kind == CF_HOST_GROUP && endpoint->group == CF_GROUP_ANY) &&
        !(endpoint->kind == CF_HOST_PREFIX && endpoint->prefix.bits == 0 &&
          endpoint->prefix.addr.family == family))
        return 0;
    rank = rank_of(rule, 1);
    /* Beside rules by name: an allow never beats their denial, wherever it stands. */
    return rule->action == CF_ALLOW ? rank & ~BEATS_FILE : rank;
}

/* Of two rules with the same outcome: does a come before b? */
static bool is_named_before(const struct cf_rule *a, const struct cf_rule *b)
{
    int order;

    if (a->endpoint.kind != b->endpoint.kind)
        return a->endpoint.kind > b->endpoint.kind;
    order = strcmp(a->text, b->text);
    if (order == 0 && a->origin.file && b->origin.file)
        order = strcmp(a->origin.file, b->origin.file);
    if (order != 0)
        return order < 0;
    if (a->origin.line != b->origin.line)
        return a->origin.line < b->origin.line;
    return a->origin.column < b->origin.column;
}

void cf_match_keep(struct cf_match *best, const struct cf_rule *rule, unsigned rank)
{
    bool wins;

    if (!rule || rank == 0)
        return;
    if (!best->rule)
        wins = true;
    else if (rank != best->rank)
        wins = rank > best->rank;
    else if (rule->action != best->rule->action)
        wins = rule->action == CF_DENY;
    else
        wins = is_named_before(rule, best->rule);
    if (wins)
        *best = (struct cf_match) { .rule = rule, .rank = rank };
}
