/*
 * match.c - what a rule matches with, and which of two matches wins
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
 * rules with ports, then rules for a program. How many ports a rule lists does
 * not count. A rule for a group has the host, protocol and ports of the member
 * that matches. Of equal ranks the denial wins. What is still equal has the
 * same outcome, and only the rule that the log names is at stake: a group of
 * addresses before a prefix (its reason says more), then by text, then by
 * where it was written.
 */
#include "profile/match.h"

#include <string.h>

#define BEATS_FILE (1u << 17)

const struct cf_endpoint *cf_item_endpoint(const struct cf_item *item)
{
    return item->member ? &item->member->endpoint : &item->rule->endpoint;
}

struct cf_item cf_item_make(const struct cf_rule *rule, const struct cf_member *member)
{
    struct cf_item item = { .rule = rule, .member = member, .action = rule->action & 1 };
    const struct cf_endpoint *endpoint = cf_item_endpoint(&item);

    item.group = endpoint->kind == CF_HOST_GROUP ? endpoint->group & 15 : CF_GROUP_COUNT;
    item.ports = endpoint->ports;
    item.n_ports = (uint16_t)endpoint->n_ports;
    if (item.ports)
        item.first_port = item.ports[0];
    item.protos = (uint8_t)endpoint->protos;
    if (endpoint->kind == CF_HOST_LIST)
        item.protos = CF_PROTO_TCP | CF_PROTO_UDP;
    item.rank = (rule->beats_file ? BEATS_FILE : 0) | (endpoint->proto_given ? 4u : 0) |
                (endpoint->ports ? 2u : 0) | (rule->exe ? 1u : 0);
    return item;
}

bool cf_item_covers(const struct cf_item *item, enum cf_proto proto, uint16_t port)
{
    if (!(item->protos & (unsigned)proto))
        return false;
    if (!item->ports || (item->first_port.first <= port && port <= item->first_port.last))
        return true;
    for (size_t i = 1; i < item->n_ports && item->ports[i].first <= port; i++) {
        if (port <= item->ports[i].last)
            return true;
    }
    return false;
}

static uint16_t udp_port(const struct cf_item *item)
{
    for (size_t i = 0; i < item->n_ports; i++) {
        if (item->ports[i].first != CF_QUIC_PORT)
            return item->ports[i].first;
        if (item->ports[i].last > CF_QUIC_PORT)
            return CF_QUIC_PORT + 1;
    }
    return item->ports ? CF_QUIC_PORT : CF_QUIC_PORT + 1;
}

enum cf_proto cf_item_flow(const struct cf_item *item, uint16_t *ret_port)
{
    *ret_port = 0;
    if (!(item->protos & (CF_PROTO_TCP | CF_PROTO_UDP)))
        return CF_PROTO_ICMP;
    if (!(item->protos & CF_PROTO_TCP)) {
        *ret_port = udp_port(item);
        return CF_PROTO_UDP;
    }
    *ret_port = item->ports ? item->ports[0].first : 443;
    return CF_PROTO_TCP;
}

unsigned cf_match_host_name(enum cf_host_kind kind, unsigned labels)
{
    switch (kind) {
    case CF_HOST_NAME:
        return 3u << 8;
    case CF_HOST_ONE:
        return 2u << 8;
    default:
        return 1u << 8 | labels;
    }
}

unsigned cf_match_host_addr(unsigned prefix_bits)
{
    return prefix_bits + 1;
}

unsigned cf_match_rank(const struct cf_item *item, unsigned host)
{
    return item->rank | host << 3;
}

unsigned cf_match_rank_plain(const struct cf_item *item, unsigned host)
{
    return cf_match_rank(item, host) & ~BEATS_FILE;
}

bool cf_rule_is_by_name(const struct cf_rule *rule)
{
    return rule->endpoint.kind == CF_HOST_NAME || rule->endpoint.kind == CF_HOST_ONE ||
           rule->endpoint.kind == CF_HOST_MANY;
}

static unsigned rank_of(const struct cf_rule *rule, unsigned host)
{
    struct cf_item item = cf_item_make(rule, NULL);

    return cf_match_rank(&item, host);
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
    bool fits;

    if (!cf_rule_is_by_name(rule))
        return 0;
    tail = strlen(endpoint->name);
    if (endpoint->kind == CF_HOST_NAME)
        fits = tail == length && memcmp(endpoint->name, name, length) == 0;
    else
        fits = length >= tail + 2 && name[length - tail - 1] == '.' &&
               memcmp(endpoint->name, name + length - tail, tail) == 0 &&
               !(endpoint->kind == CF_HOST_ONE && memchr(name, '.', length - tail - 1));
    return fits ? rank_of(rule, cf_match_host_name(endpoint->kind, count_labels(endpoint->name)))
                : 0;
}

unsigned cf_rule_rank_addr(const struct cf_rule *rule, const struct cf_addr *addr)
{
    const struct cf_prefix *prefix = NULL;

    if (rule->endpoint.kind == CF_HOST_GROUP)
        prefix = cf_addr_group_find(rule->endpoint.group, addr);
    else if (rule->endpoint.kind == CF_HOST_PREFIX &&
             cf_prefix_contains(&rule->endpoint.prefix, addr))
        prefix = &rule->endpoint.prefix;
    return prefix ? rank_of(rule, cf_match_host_addr(prefix->bits)) : 0;
}

unsigned cf_rule_rank_wide(const struct cf_rule *rule, enum cf_family family)
{
    const struct cf_endpoint *endpoint = &rule->endpoint;

    if (!(endpoint->kind == CF_HOST_GROUP && endpoint->group == CF_GROUP_ANY) &&
        !(endpoint->kind == CF_HOST_PREFIX && endpoint->prefix.bits == 0 &&
          endpoint->prefix.addr.family == family))
        return 0;
    return rank_of(rule, cf_match_host_addr(0));
}

enum cf_edge cf_rank_edge(unsigned higher, unsigned lower)
{
    if ((higher & BEATS_FILE) != (lower & BEATS_FILE))
        return CF_EDGE_COMMAND_LINE;
    if (higher >> 3 != lower >> 3)
        return CF_EDGE_HOST;
    if ((higher & 4) != (lower & 4))
        return CF_EDGE_PROTO;
    return (higher & 2) != (lower & 2) ? CF_EDGE_PORTS : CF_EDGE_EXE;
}

static int compare_origins(const struct cf_origin *a, const struct cf_origin *b)
{
    int order = a->file && b->file ? strcmp(a->file, b->file) : 0;

    if (order != 0)
        return order;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->column < b->column ? -1 : a->column > b->column;
}

/* Of two items with the same outcome: which one is named? */
static int compare_texts(const struct cf_item *a, const struct cf_item *b)
{
    bool a_group = cf_item_endpoint(a)->kind == CF_HOST_GROUP;
    bool b_group = cf_item_endpoint(b)->kind == CF_HOST_GROUP;
    int order;

    if (a_group != b_group)
        return a_group ? -1 : 1;
    order = strcmp(a->rule->text, b->rule->text);
    if (order == 0)
        order = compare_origins(&a->rule->origin, &b->rule->origin);
    if (order != 0 || !a->member || !b->member)
        return order;
    order = strcmp(a->member->text, b->member->text);
    return order != 0 ? order : compare_origins(&a->member->origin, &b->member->origin);
}

/* The order in which matches win, by rank, then by what is denied, then by text. */
static int compare(const struct cf_item *a, unsigned a_rank, const struct cf_item *b,
                   unsigned b_rank)
{
    if (a_rank != b_rank)
        return a_rank > b_rank ? -1 : 1;
    if (a->action != b->action)
        return a->action == CF_DENY ? -1 : 1;
    return a == b ? 0 : compare_texts(a, b);
}

int cf_item_compare(const struct cf_item *a, const struct cf_item *b)
{
    return compare(a, a->rank, b, b->rank);
}

void cf_match_keep(struct cf_match *best, const struct cf_item *item, unsigned rank,
                   uint32_t names_line)
{
    if (item && (!best->item || compare(item, rank, best->item, best->rank) < 0))
        *best = (struct cf_match) { .item = item, .rank = rank, .names_line = names_line };
}
