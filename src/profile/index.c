/*
 * index.c - the rules by whom they speak of
 *
 * How this works. Every rule becomes items: one for its endpoint, or one for
 * each member of its group, or one for the names of its group's file. Every
 * item goes to a node:
 *
 *   by name     the entry of the name set (name_set.c) with its kind and name
 *   by address  the prefix; of an address group, each of its prefixes
 *   of a file   the group: all names of the file share it
 *
 * What an item's rank has beside the host is the same wherever it is met, so
 * that a node's items have one order (match.c). They are sorted into it here,
 * and a verdict takes the first that covers the flow. With many items the
 * node gets a table of port segments (segments.c). Items for some programs
 * only are kept apart and tried one by one, as long as they come before what
 * has been found; so are the allowing rules that have expired, which decide
 * nothing and only explain a denial. Expired denials are left out.
 *
 * Nodes of names come first, in the order in which they are met, then those of
 * groups with a file, then those of prefixes in the order of prefix_tree.c.
 * They are numbered so while the index is made. In the end they stand in one
 * block, each with its items behind it and at the begin of a cache line, so
 * that a node with a single item, as most are, is one line: all that a verdict
 * reads once the host is found. From then on a node's number is its line.
 */
#include "profile/index.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/prefix_tree.h"

#define LINE 64

/* With as many items as this a binary search of segments is quicker than a scan. */
#define SEGMENTS_FROM 8

struct cf_index {
    const struct cf_name_set *names;
    size_t mark;
    uint8_t *lines; /* of the nodes */
    size_t n_lines;
    uint32_t *group_nodes;            /* for each group the node of its file, or NONE */
    struct cf_prefix_tree ipv4, ipv6; /* their prefixes are nodes */
    uint32_t wide_ipv4, wide_ipv6;    /* the node of all addresses, or NONE */
    bool has_expired;
};

/* An item on its way to a node. */
struct placed {
    uint32_t node;
    bool expired;
    struct cf_item item;
};

struct placed_prefix {
    struct cf_prefix prefix;
    uint32_t placed; /* the number of its item */
};

struct builder {
    struct cf_profile *profile;
    struct cf_index *index;
    struct placed *placed;
    size_t n_placed;
    struct placed_prefix *prefixes;
    size_t n_prefixes;
    size_t n_nodes;
    uint32_t first_prefix; /* the number of the first prefix's node; those of IPv4 come first */
    uint32_t *parents;     /* of each prefix the next shorter one's number, or NONE */
    uint32_t *lines;       /* of each node */
};

/* How many nodes the items of one endpoint go to. */
static size_t count_places(const struct cf_endpoint *endpoint)
{
    size_t n = 1;

    if (endpoint->kind == CF_HOST_GROUP)
        cf_addr_group_prefixes(endpoint->group, &n);
    return n;
}

/* How much a rule stands for: items, and what counts against CF_INDEX_MAX. */
static size_t count_items(const struct cf_profile *profile, const struct cf_rule *rule,
                          size_t *ret_weight)
{
    const struct cf_group *group;
    size_t n = 0, weight = 0;

    if (rule->endpoint.kind != CF_HOST_LIST) {
        *ret_weight = 0;
        return count_places(&rule->endpoint);
    }
    group = cf_profile_group_find(profile, rule->endpoint.name);
    assert(group);
    for (size_t i = 0; i < group->n_members && weight <= CF_INDEX_MAX; i++) {
        size_t places = count_places(&group->members[i].endpoint);

        n += places;
        weight += places + group->members[i].endpoint.n_ports;
    }
    *ret_weight = weight + 1;
    return n + 1;
}

static bool is_prefix(const struct cf_endpoint *endpoint)
{
    return endpoint->kind == CF_HOST_PREFIX || endpoint->kind == CF_HOST_GROUP;
}

static void place_item(struct builder *builder, const struct cf_item *item, uint32_t node)
{
    bool expired = cf_rule_is_expired(builder->profile, item->rule);

    builder->placed[builder->n_placed++] =
        (struct placed) { .node = node, .expired = expired, .item = *item };
    builder->index->has_expired |= expired;
}

static void place_prefixes(struct builder *builder, const struct cf_item *item)
{
    const struct cf_endpoint *endpoint = cf_item_endpoint(item);
    const struct cf_prefix *prefixes = &endpoint->prefix;
    struct cf_item here = *item;
    size_t n = 1;

    if (endpoint->kind == CF_HOST_GROUP)
        prefixes = cf_addr_group_prefixes(endpoint->group, &n);
    for (size_t i = 0; i < n; i++) {
        builder->prefixes[builder->n_prefixes++] = (struct placed_prefix) {
            .prefix = prefixes[i],
            .placed = (uint32_t)builder->n_placed,
        };
        here.rank = cf_match_rank(item, cf_match_host_addr(prefixes[i].bits));
        place_item(builder, &here, CF_NODE_NONE);
    }
}

static int place_name(struct builder *builder, const struct cf_item *item)
{
    const struct cf_endpoint *endpoint = cf_item_endpoint(item);
    struct cf_name_key key = { endpoint->kind, CF_NAME_OF_RULES, endpoint->name,
                               strlen(endpoint->name) };
    uint32_t node = (uint32_t)builder->n_nodes;
    bool added;

    if (cf_name_set_add(builder->profile->names, &key, node, &added) < 0)
        return -ENOMEM;
    if (added)
        builder->n_nodes++;
    else
        cf_name_set_get(builder->profile->names, &key, &node);
    place_item(builder, item, node);
    return 0;
}

/* Put one endpoint of a rule in its place. Expired denials have none. */
static int place(struct builder *builder, const struct cf_rule *rule,
                 const struct cf_member *member)
{
    struct cf_item item = cf_item_make(rule, member);

    if (rule->action == CF_DENY && cf_rule_is_expired(builder->profile, rule))
        return 0;
    if (!is_prefix(cf_item_endpoint(&item)))
        return place_name(builder, &item);
    place_prefixes(builder, &item);
    return 0;
}

static int place_members(struct builder *builder, const struct cf_rule *rule)
{
    const struct cf_group *group = cf_profile_group_find(builder->profile, rule->endpoint.name);
    int r = 0;

    for (size_t i = 0; r == 0 && i < group->n_members; i++)
        r = place(builder, rule, &group->members[i]);
    return r;
}

static int place_rules(struct builder *builder)
{
    const struct cf_profile *profile = builder->profile;
    int r = 0;

    for (size_t i = 0; r == 0 && i < profile->egress.n_rules; i++) {
        const struct cf_rule *rule = &profile->egress.rules[i];

        r = rule->endpoint.kind == CF_HOST_LIST ? place_members(builder, rule)
                                                : place(builder, rule, NULL);
    }
    return r;
}

/* Rules for the names of a file, behind the nodes of names. */
static int place_files(struct builder *builder)
{
    const struct cf_profile *profile = builder->profile;
    unsigned n_files = 0;

    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        const struct cf_rule *rule = &profile->egress.rules[i];
        const struct cf_group *group;
        struct cf_item item;
        uint32_t *node;

        if (rule->endpoint.kind != CF_HOST_LIST ||
            (rule->action == CF_DENY && cf_rule_is_expired(profile, rule)))
            continue;
        group = cf_profile_group_find(profile, rule->endpoint.name);
        node = &builder->index->group_nodes[group->number];
        if (group->n_names == 0)
            continue;
        if (*node == CF_NODE_NONE) {
            if (++n_files > CF_NAME_FILES_MAX)
                return -E2BIG;
            *node = (uint32_t)builder->n_nodes++;
        }
        item = cf_item_make(rule, NULL);
        place_item(builder, &item, *node);
    }
    return 0;
}

static int compare_prefixes(const void *a, const void *b)
{
    const struct placed_prefix *x = a, *y = b;

    if (x->prefix.addr.family != y->prefix.addr.family)
        return x->prefix.addr.family < y->prefix.addr.family ? -1 : 1;
    return cf_prefix_compare(&x->prefix, &y->prefix);
}

/* Give every prefix its node, and list each once. Returns how many there are. */
static size_t number_prefixes(struct builder *builder, struct cf_prefix *ret_prefixes)
{
    struct placed_prefix *list = builder->prefixes;
    size_t n = 0;

    if (builder->n_prefixes > 0)
        qsort(list, builder->n_prefixes, sizeof *list, compare_prefixes);
    for (size_t i = 0; i < builder->n_prefixes; i++) {
        if (i == 0 || compare_prefixes(&list[i - 1], &list[i]) != 0)
            ret_prefixes[n++] = list[i].prefix;
        builder->placed[list[i].placed].node = (uint32_t)(builder->n_nodes + n - 1);
    }
    return n;
}

/* The tree of one family; its prefixes' numbers begin at first. */
static int tree_make(struct cf_prefix_tree *tree, const struct cf_prefix *prefixes, size_t n,
                     uint32_t first, uint32_t *ret_parents)
{
    int r = cf_prefix_tree_make(tree, prefixes, n, ret_parents);

    for (size_t i = 0; r == 0 && i < n; i++) {
        if (ret_parents[i] != CF_PREFIX_NONE)
            ret_parents[i] += first;
    }
    for (size_t i = 0; r == 0 && i < tree->n; i++) {
        if (tree->prefix[i] != CF_PREFIX_NONE)
            tree->prefix[i] += first;
    }
    return r;
}

static int trees_make(struct builder *builder)
{
    cf_auto_free struct cf_prefix *prefixes = calloc(builder->n_prefixes + 1, sizeof *prefixes);
    struct cf_index *index = builder->index;
    uint32_t first = (uint32_t)builder->n_nodes;
    size_t n, n_ipv4 = 0;
    int r;

    builder->parents = calloc(builder->n_prefixes + 1, sizeof *builder->parents);
    if (!prefixes || !builder->parents)
        return -ENOMEM;
    n = number_prefixes(builder, prefixes);
    while (n_ipv4 < n && prefixes[n_ipv4].addr.family == CF_FAMILY_IPV4)
        n_ipv4++;
    builder->first_prefix = first;
    builder->n_nodes += n;
    index->wide_ipv4 = n_ipv4 > 0 && prefixes[0].bits == 0 ? first : CF_NODE_NONE;
    index->wide_ipv6 =
        n > n_ipv4 && prefixes[n_ipv4].bits == 0 ? first + (uint32_t)n_ipv4 : CF_NODE_NONE;
    r = tree_make(&index->ipv4, prefixes, n_ipv4, first, builder->parents);
    if (r < 0)
        return r;
    return tree_make(&index->ipv6, prefixes + n_ipv4, n - n_ipv4, first + (uint32_t)n_ipv4,
                     builder->parents + n_ipv4);
}

/* Expired ones last, then by whether a program is asked for, then by who wins. */
static int compare_items(const void *a, const void *b)
{
    const struct placed *x = *(const struct placed *const *)a,
                        *y = *(const struct placed *const *)b;

    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    if (x->expired != y->expired)
        return x->expired ? 1 : -1;
    return cf_item_compare(&x->item, &y->item);
}

/* Spread a node's items, which are in the order in which they win, over its parts. */
static int node_fill(struct cf_node *node, struct placed *const *placed, size_t n)
{
    uint32_t n_plain = 0, n_exe = 0;

    for (size_t i = 0; i < n; i++) {
        if (placed[i]->expired)
            node->n_expired++;
        else if (placed[i]->item.rule->exe)
            node->n_exe++;
        else
            node->n_plain++;
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = i;

        if (!placed[i]->expired)
            at = placed[i]->item.rule->exe ? node->n_plain + n_exe++ : n_plain++;
        node->items[at] = placed[i]->item;
    }
    if (node->n_plain < SEGMENTS_FROM)
        return 0;
    node->segments = cf_segments_new(node->items, node->n_plain);
    return node->segments ? 0 : -ENOMEM;
}

static struct cf_node *node_at(const struct cf_index *index, uint32_t line)
{
    return (struct cf_node *)(void *)(index->lines + (size_t)line * LINE);
}

static size_t lines_of(size_t n_items)
{
    return (sizeof(struct cf_node) + n_items * sizeof(struct cf_item) + LINE - 1) / LINE;
}

/* How many items go to the same node as the first of them. */
static size_t count_same(struct placed *const *order, size_t n)
{
    size_t same = 1;

    while (same < n && order[same]->node == order[0]->node)
        same++;
    return same;
}

/* Give each node its lines. order: of all items, by node */
static int lines_make(struct builder *builder, struct placed *const *order)
{
    struct cf_index *index = builder->index;
    size_t n, bytes;

    builder->lines = calloc(builder->n_nodes + 1, sizeof *builder->lines);
    if (!builder->lines)
        return -ENOMEM;
    for (size_t i = 0; i < builder->n_placed; i += n) {
        n = count_same(order + i, builder->n_placed - i);
        builder->lines[order[i]->node] = (uint32_t)index->n_lines;
        index->n_lines += lines_of(n);
    }
    bytes = (index->n_lines + 1) * LINE;
    index->lines = aligned_alloc(LINE, bytes);
    if (!index->lines)
        return -ENOMEM;
    memset(index->lines, 0, bytes);
    return 0;
}

static uint32_t line_of(const struct builder *builder, uint32_t node)
{
    return node == CF_NODE_NONE ? CF_NODE_NONE : builder->lines[node];
}

static int nodes_fill(struct builder *builder)
{
    cf_auto_free struct placed **order = calloc(builder->n_placed + 1, sizeof(struct placed *));
    size_t n;
    int r;

    if (!order)
        return -ENOMEM;
    for (size_t i = 0; i < builder->n_placed; i++)
        order[i] = &builder->placed[i];
    if (builder->n_placed > 0)
        qsort(order, builder->n_placed, sizeof *order, compare_items);
    r = lines_make(builder, order);
    for (size_t i = 0; r == 0 && i < builder->n_placed; i += n) {
        uint32_t number = order[i]->node;
        struct cf_node *node = node_at(builder->index, builder->lines[number]);

        n = count_same(order + i, builder->n_placed - i);
        node->parent = CF_NODE_NONE;
        if (number >= builder->first_prefix)
            node->parent = line_of(builder, builder->parents[number - builder->first_prefix]);
        r = node_fill(node, order + i, n);
    }
    return r;
}

/* From now on a node is where it stands. */
static void nodes_renumber(struct builder *builder)
{
    struct cf_index *index = builder->index;
    struct cf_prefix_tree *trees[] = { &index->ipv4, &index->ipv6 };

    cf_name_set_renumber(builder->profile->names, index->mark, builder->lines);
    for (size_t i = 0; i < builder->profile->egress.n_groups; i++)
        index->group_nodes[i] = line_of(builder, index->group_nodes[i]);
    for (size_t t = 0; t < sizeof trees / sizeof trees[0]; t++) {
        for (size_t i = 0; i < trees[t]->n; i++)
            trees[t]->prefix[i] = line_of(builder, trees[t]->prefix[i]);
    }
    index->wide_ipv4 = line_of(builder, index->wide_ipv4);
    index->wide_ipv6 = line_of(builder, index->wide_ipv6);
}

static int builder_start(struct builder *builder)
{
    const struct cf_profile *profile = builder->profile;
    size_t n = 0, weight = 0;

    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        size_t weight_of_rule;

        n += count_items(profile, &profile->egress.rules[i], &weight_of_rule);
        weight += weight_of_rule;
        if (weight > CF_INDEX_MAX)
            return -E2BIG;
    }
    builder->placed = calloc(n + 1, sizeof *builder->placed);
    builder->prefixes = calloc(n + 1, sizeof *builder->prefixes);
    builder->index->group_nodes =
        calloc(profile->egress.n_groups + 1, sizeof *builder->index->group_nodes);
    if (!builder->placed || !builder->prefixes || !builder->index->group_nodes)
        return -ENOMEM;
    memset(builder->index->group_nodes, 0xff,
           profile->egress.n_groups * sizeof *builder->index->group_nodes);
    return 0;
}

static int build(struct builder *builder)
{
    int r = builder_start(builder);

    if (r == 0)
        r = place_rules(builder);
    if (r == 0)
        r = place_files(builder);
    if (r == 0)
        r = trees_make(builder);
    if (r == 0)
        r = nodes_fill(builder);
    if (r == 0)
        nodes_renumber(builder);
    return r;
}

int cf_index_new(struct cf_profile *profile, struct cf_index **ret_index)
{
    struct builder builder = { .profile = profile };
    size_t mark = cf_name_set_mark(profile->names);
    int r;

    builder.index = calloc(1, sizeof *builder.index);
    if (!builder.index)
        return -ENOMEM;
    builder.index->names = profile->names;
    builder.index->mark = mark;
    r = build(&builder);
    free(builder.placed);
    free(builder.prefixes);
    free(builder.parents);
    free(builder.lines);
    if (r < 0) {
        cf_index_free(builder.index);
        cf_name_set_rewind(profile->names, mark);
        return r;
    }
    *ret_index = builder.index;
    return 0;
}

void cf_index_free(struct cf_index *index)
{
    size_t n;

    if (!index)
        return;
    for (size_t line = 0; index->lines && line < index->n_lines; line += n) {
        struct cf_node *node = node_at(index, (uint32_t)line);

        n = lines_of((size_t)node->n_plain + node->n_exe + node->n_expired);
        cf_segments_free(node->segments);
    }
    free(index->lines);
    free(index->group_nodes);
    cf_prefix_tree_done(&index->ipv4);
    cf_prefix_tree_done(&index->ipv6);
    free(index);
}

size_t cf_index_mark(const struct cf_index *index)
{
    return index->mark;
}

unsigned cf_index_names(const struct cf_index *index, const char *name, size_t length,
                        struct cf_name_hit hits[CF_NAME_HITS_MAX])
{
    struct cf_name_lookup lookup;

    cf_index_names_start(index, name, length, &lookup);
    return cf_index_names_find(index, &lookup, hits);
}

void cf_index_names_start(const struct cf_index *index, const char *name, size_t length,
                          struct cf_name_lookup *ret_lookup)
{
    cf_name_set_start(index->names, name, length, ret_lookup);
}

unsigned cf_index_names_find(const struct cf_index *index, const struct cf_name_lookup *lookup,
                             struct cf_name_hit hits[CF_NAME_HITS_MAX])
{
    unsigned n = cf_name_set_find(index->names, lookup, index->group_nodes, hits);

    for (unsigned i = 0; i < n; i++) {
        if (hits[i].node != CF_NODE_NONE)
            __builtin_prefetch(node_at(index, hits[i].node));
    }
    return n;
}

const struct cf_node *cf_index_node(const struct cf_index *index, uint32_t node)
{
    return node_at(index, node);
}

static const struct cf_node *node_or_null(const struct cf_index *index, uint32_t node)
{
    return node == CF_NODE_NONE ? NULL : node_at(index, node);
}

const struct cf_node *cf_index_addr(const struct cf_index *index, const struct cf_addr *addr)
{
    static_assert(CF_PREFIX_NONE == CF_NODE_NONE, "a prefix is a node");
    bool ipv4 = addr->family == CF_FAMILY_IPV4;

    return node_or_null(index, cf_prefix_tree_find(ipv4 ? &index->ipv4 : &index->ipv6, addr));
}

const struct cf_node *cf_index_parent(const struct cf_index *index, const struct cf_node *node)
{
    return node_or_null(index, node->parent);
}

const struct cf_node *cf_index_wide(const struct cf_index *index, enum cf_family family)
{
    return node_or_null(index, family == CF_FAMILY_IPV4 ? index->wide_ipv4 : index->wide_ipv6);
}

bool cf_index_has_expired(const struct cf_index *index)
{
    return index->has_expired;
}

bool cf_item_takes_part(const struct cf_item *item, const struct cf_asker *asker)
{
    return item->rule != asker->without && cf_rule_is_for(item->rule, asker->exe);
}

/* Which flow it is about; proto 0: any. */
static bool is_about(const struct cf_item *item, enum cf_proto proto, uint16_t port)
{
    return proto == 0 || cf_item_covers(item, proto, port);
}

static void scan(const struct cf_node *node, const struct cf_asker *asker, enum cf_proto proto,
                 uint16_t port, const struct cf_item *ret_first[2])
{
    for (uint32_t i = 0; i < node->n_plain && !(ret_first[0] && ret_first[1]); i++) {
        const struct cf_item *item = &node->items[i];

        if (!ret_first[item->action] && item->rule != asker->without && is_about(item, proto, port))
            ret_first[item->action] = item;
    }
}

/*
 * Items for some programs, as long as one can come before what has been found.
 * They are in the order in which they win themselves, and an item for every
 * program never has their rank.
 */
static void scan_exe(const struct cf_node *node, const struct cf_asker *asker, enum cf_proto proto,
                     uint16_t port, const struct cf_item *ret_first[2])
{
    const struct cf_item *item = node->items + node->n_plain, *end = item + node->n_exe;

    for (; item < end; item++) {
        const struct cf_item *found = ret_first[item->action];

        if ((!found || item->rank > found->rank) && is_about(item, proto, port) &&
            cf_item_takes_part(item, asker))
            ret_first[item->action] = item;
    }
}

static void find(const struct cf_node *node, const struct cf_asker *asker, enum cf_proto proto,
                 uint16_t port, const struct cf_segment *segment,
                 const struct cf_item *ret_first[2])
{
    ret_first[CF_DENY] = ret_first[CF_ALLOW] = NULL;
    if (segment && !asker->without) {
        for (int action = 0; action < 2; action++) {
            if (segment->first[action] != CF_SEGMENT_NONE)
                ret_first[action] = &node->items[segment->first[action]];
        }
    } else {
        scan(node, asker, proto, port, ret_first);
    }
    if (node->n_exe > 0)
        scan_exe(node, asker, proto, port, ret_first);
}

void cf_node_find(const struct cf_node *node, const struct cf_asker *asker, enum cf_proto proto,
                  uint16_t port, const struct cf_item *ret_first[2])
{
    const struct cf_segment *segment =
        node->segments ? cf_segments_find(node->segments, proto, port) : NULL;

    find(node, asker, proto, port, segment, ret_first);
}

void cf_node_find_any(const struct cf_node *node, const struct cf_asker *asker,
                      const struct cf_item *ret_first[2])
{
    const struct cf_segment *segment = node->segments ? cf_segments_any(node->segments) : NULL;

    find(node, asker, (enum cf_proto)0, 0, segment, ret_first);
}

const struct cf_item *cf_node_winner(const struct cf_item *const first[2])
{
    if (!first[CF_DENY] || !first[CF_ALLOW])
        return first[CF_DENY] ? first[CF_DENY] : first[CF_ALLOW];
    return first[CF_DENY]->rank >= first[CF_ALLOW]->rank ? first[CF_DENY] : first[CF_ALLOW];
}
