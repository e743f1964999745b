/*
 * lint_places.c - what the rules of a profile speak of, place by place
 *
 * How this works. Names: a name is held by the entries of its own text, of
 * its text without the first label (`*`), and of every shorter end of it
 * (`**`); each is a binary search in one sorted array.
 *
 * Addresses: two prefixes either nest or have nothing in common, so that the
 * sorted prefixes are a tree written down in the order of a walk. The gap of a
 * node is looked for from its first address on, past each child that begins
 * just there.
 */
#include "profile/lint_places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* An entry by address on its way to a node. */
struct placed {
    struct cf_prefix prefix;
    struct cf_place_entry entry; /* rule is NULL for the two that always are there */
};

struct builder {
    struct cf_places *places;
    struct placed *placed;
    size_t n_placed, capacity;
    size_t by_name_capacity;
};

static const struct cf_prefix everything[] = {
    { .addr = { .family = CF_FAMILY_IPV4 } },
    { .addr = { .family = CF_FAMILY_IPV6 } },
};

static int place_prefix(struct builder *b, const struct cf_prefix *prefix,
                        struct cf_place_entry entry)
{
    if (b->n_placed == b->capacity) {
        size_t capacity = b->capacity ? b->capacity * 2 : 64;
        struct placed *grown = realloc(b->placed, capacity * sizeof *grown);

        if (!grown)
            return -ENOMEM;
        b->placed = grown;
        b->capacity = capacity;
    }
    b->placed[b->n_placed++] = (struct placed) { .prefix = *prefix, .entry = entry };
    return 0;
}

static int place_name(struct builder *b, struct cf_place_entry entry)
{
    struct cf_places *places = b->places;

    if (places->n_by_name == b->by_name_capacity) {
        size_t capacity = b->by_name_capacity ? b->by_name_capacity * 2 : 64;
        struct cf_place_entry *grown = realloc(places->by_name, capacity * sizeof *grown);

        if (!grown)
            return -ENOMEM;
        places->by_name = grown;
        b->by_name_capacity = capacity;
    }
    places->by_name[places->n_by_name++] = entry;
    return 0;
}

static int place_endpoint(struct builder *b, const struct cf_rule *rule,
                          const struct cf_endpoint *endpoint)
{
    struct cf_place_entry entry = { .rule = rule, .endpoint = endpoint };
    const struct cf_prefix *prefixes = &endpoint->prefix;
    size_t n = 1;
    int r = 0;

    if (endpoint->kind == CF_HOST_LIST)
        return 0;
    if (endpoint->kind != CF_HOST_PREFIX && endpoint->kind != CF_HOST_GROUP)
        return place_name(b, entry);
    if (endpoint->kind == CF_HOST_GROUP)
        prefixes = cf_addr_group_prefixes(endpoint->group, &n);
    for (size_t i = 0; i < n && r == 0; i++)
        r = place_prefix(b, &prefixes[i], entry);
    return r;
}

static int place_rule(struct builder *b, const struct cf_profile *profile,
                      const struct cf_rule *rule)
{
    const struct cf_group *group = NULL;
    int r;

    if (rule->endpoint.kind == CF_HOST_LIST)
        group = cf_profile_group_find(profile, rule->endpoint.name);
    r = place_endpoint(b, rule, &rule->endpoint);
    for (size_t i = 0; group && i < group->n_members && r == 0; i++)
        r = place_endpoint(b, rule, &group->members[i].endpoint);
    return r;
}

static int compare_names(const void *a, const void *b)
{
    const struct cf_place_entry *x = a, *y = b;

    return strcmp(x->endpoint->name, y->endpoint->name);
}

static int compare_prefixes(const struct cf_prefix *a, const struct cf_prefix *b)
{
    int order = memcmp(a->addr.bytes, b->addr.bytes, sizeof a->addr.bytes);

    if (a->addr.family != b->addr.family)
        return a->addr.family < b->addr.family ? -1 : 1;
    return order != 0 ? order : (int)a->bits - (int)b->bits;
}

static int compare_placed(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;

    return compare_prefixes(&x->prefix, &y->prefix);
}

static bool holds(const struct cf_prefix *outer, const struct cf_prefix *inner)
{
    return outer->bits <= inner->bits && cf_prefix_contains(outer, &inner->addr);
}

/* One node for each prefix of the sorted list, with its entries. */
static int nodes_make(struct cf_places *places, const struct placed *placed, size_t n)
{
    places->nodes = calloc(n, sizeof *places->nodes);
    places->by_addr = calloc(n, sizeof *places->by_addr);
    if (!places->nodes || !places->by_addr)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        struct cf_place_node *node;

        if (places->n_nodes == 0 ||
            compare_prefixes(&places->nodes[places->n_nodes - 1].prefix, &placed[i].prefix) != 0) {
            places->nodes[places->n_nodes++] = (struct cf_place_node) {
                .prefix = placed[i].prefix,
                .first_entry = places->n_by_addr,
            };
        }
        node = &places->nodes[places->n_nodes - 1];
        if (placed[i].entry.rule) {
            places->by_addr[places->n_by_addr++] = placed[i].entry;
            node->n_entries++;
        }
    }
    return 0;
}

/* Who holds whom. */
static void nodes_nest(struct cf_places *places)
{
    for (size_t i = 0; i < places->n_nodes; i++) {
        size_t parent = i > 0 ? i - 1 : CF_PLACE_NONE;

        while (parent != CF_PLACE_NONE &&
               !holds(&places->nodes[parent].prefix, &places->nodes[i].prefix)) {
            places->nodes[parent].end = i;
            parent = places->nodes[parent].parent;
        }
        places->nodes[i].parent = parent;
    }
    for (size_t i = 0; i < places->n_nodes; i++) {
        if (places->nodes[i].end == 0)
            places->nodes[i].end = places->n_nodes;
    }
}

/* The address behind a prefix's last one; false when the family ends there. */
static bool step_behind(const struct cf_prefix *prefix, struct cf_addr *ret_addr)
{
    struct cf_addr addr = prefix->addr;

    for (unsigned bit = prefix->bits; bit > 0; bit--) {
        uint8_t mask = (uint8_t)(0x80u >> ((bit - 1) % 8));

        addr.bytes[(bit - 1) / 8] ^= mask;
        if (addr.bytes[(bit - 1) / 8] & mask) {
            *ret_addr = addr;
            return true;
        }
    }
    return false;
}

static void find_gap(struct cf_places *places, size_t i)
{
    struct cf_place_node *node = &places->nodes[i];
    struct cf_addr at = node->prefix.addr;
    size_t child = i + 1;

    while (child < node->end && cf_prefix_contains(&places->nodes[child].prefix, &at)) {
        if (!step_behind(&places->nodes[child].prefix, &at))
            return;
        child = places->nodes[child].end;
    }
    node->has_gap = cf_prefix_contains(&node->prefix, &at);
    node->gap = at;
}

static void find_actions(struct cf_places *places, size_t i)
{
    struct cf_place_node *node = &places->nodes[i];

    if (node->parent != CF_PLACE_NONE) {
        node->allows = places->nodes[node->parent].allows;
        node->denies = places->nodes[node->parent].denies;
    }
    for (size_t k = 0; k < node->n_entries; k++) {
        if (places->by_addr[node->first_entry + k].rule->action == CF_ALLOW)
            node->allows = true;
        else
            node->denies = true;
    }
}

static bool is_root(const struct cf_places *places, size_t i)
{
    return places->nodes[i].parent == CF_PLACE_NONE;
}

/*
 * Of a family, the address that no rule singles out; there may be none, then
 * all. Besides those that are allowed here and denied there: where nothing is
 * denied an allow by name holds as it does anywhere, and where nothing is
 * allowed the denial does.
 */
static int find_telling(struct cf_places *places)
{
    bool split = false;

    places->telling = calloc(places->n_nodes, sizeof *places->telling);
    if (!places->telling)
        return -ENOMEM;
    for (size_t i = 0; i < places->n_nodes; i++) {
        if (is_root(places, i) && places->nodes[i].has_gap)
            places->telling[places->n_telling++] = i;
        split |= is_root(places, i) && !places->nodes[i].has_gap;
    }
    for (size_t i = 0; i < places->n_nodes; i++) {
        const struct cf_place_node *node = &places->nodes[i];

        if (!is_root(places, i) && node->has_gap && (split || (node->allows && node->denies)))
            places->telling[places->n_telling++] = i;
    }
    return 0;
}

static int places_fill(struct builder *b, const struct cf_profile *profile)
{
    int r = 0;

    for (size_t i = 0; i < 2 && r == 0; i++)
        r = place_prefix(b, &everything[i], (struct cf_place_entry) { 0 });
    for (size_t i = 0; i < profile->egress.n_rules && r == 0; i++) {
        if (!cf_rule_is_expired(profile, &profile->egress.rules[i]))
            r = place_rule(b, profile, &profile->egress.rules[i]);
    }
    if (r < 0)
        return r;
    if (b->places->n_by_name > 0)
        qsort(b->places->by_name, b->places->n_by_name, sizeof *b->places->by_name, compare_names);
    qsort(b->placed, b->n_placed, sizeof *b->placed, compare_placed);
    return nodes_make(b->places, b->placed, b->n_placed);
}

static int places_link(struct cf_places *places)
{
    nodes_nest(places);
    for (size_t i = 0; i < places->n_nodes; i++) {
        find_gap(places, i);
        find_actions(places, i);
    }
    return find_telling(places);
}

int cf_places_init(struct cf_places *places, const struct cf_profile *profile)
{
    struct builder b = { .places = places };
    int r;

    *places = (struct cf_places) { 0 };
    r = places_fill(&b, profile);
    free(b.placed);
    if (r == 0)
        r = places_link(places);
    if (r < 0)
        cf_places_done(places);
    return r;
}

void cf_places_done(struct cf_places *places)
{
    free(places->by_name);
    free(places->by_addr);
    free(places->nodes);
    free(places->telling);
    *places = (struct cf_places) { 0 };
}

size_t cf_places_find(const struct cf_places *places, const struct cf_prefix *prefix)
{
    size_t low = 0, high = places->n_nodes;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_prefixes(&places->nodes[middle].prefix, prefix);

        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return CF_PLACE_NONE;
}

size_t cf_places_find_addr(const struct cf_places *places, const struct cf_addr *addr)
{
    const struct cf_prefix whole = { .addr = *addr, .bits = (uint8_t)cf_addr_bits(addr) };
    size_t low = 0, high = places->n_nodes;

    /* The last node that does not come behind the address is inside all that hold it. */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (compare_prefixes(&places->nodes[middle].prefix, &whole) <= 0)
            low = middle;
        else
            high = middle;
    }
    while (!cf_prefix_contains(&places->nodes[low].prefix, addr))
        low = places->nodes[low].parent;
    return low;
}

bool cf_place_holds_name(const struct cf_endpoint *endpoint, const char *name)
{
    size_t length = strlen(name), tail = strlen(endpoint->name);

    if (endpoint->kind == CF_HOST_NAME)
        return strcmp(endpoint->name, name) == 0;
    if (length < tail + 2 || name[length - tail - 1] != '.' ||
        strcmp(endpoint->name, name + length - tail) != 0)
        return false;
    return endpoint->kind == CF_HOST_MANY || !memchr(name, '.', length - tail - 1);
}

/* The first entry whose name is not in front of text. */
static size_t first_of(const struct cf_places *places, const char *text)
{
    size_t low = 0, high = places->n_by_name;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(places->by_name[middle].endpoint->name, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool cf_places_have_name(const struct cf_places *places, const char *name)
{
    size_t at = first_of(places, name);

    return at < places->n_by_name && strcmp(places->by_name[at].endpoint->name, name) == 0;
}

void cf_places_each_name(const struct cf_places *places, const char *name, cf_place_fn *fn,
                         void *data)
{
    for (const char *end = name; end; end = strchr(end, '.') ? strchr(end, '.') + 1 : NULL) {
        for (size_t i = first_of(places, end);
             i < places->n_by_name && strcmp(places->by_name[i].endpoint->name, end) == 0; i++) {
            if (cf_place_holds_name(places->by_name[i].endpoint, name))
                fn(&places->by_name[i], data);
        }
    }
}

void cf_places_each_addr(const struct cf_places *places, size_t node, cf_place_fn *fn, void *data)
{
    for (; node != CF_PLACE_NONE; node = places->nodes[node].parent) {
        const struct cf_place_node *at = &places->nodes[node];

        for (size_t i = 0; i < at->n_entries; i++)
            fn(&places->by_addr[at->first_entry + i], data);
    }
}
