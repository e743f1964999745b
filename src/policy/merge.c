/*
 * merge.c - a policy's tree on top of those that it extends
 *
 * How this works: no node is changed (but for `compared`) or copied. Where both trees have a map or
 * a list, a new one is made that points at the nodes of both; everything else
 * is shared, so each value keeps the file, line and column that it was written
 * at. Keys and items are found by hash, and every node that is looked at is a
 * step of a budget: a policy that is merged from itself over and over, which
 * would cost more than reading its files did, runs out of it.
 *
 * The table is asked where its keys are: for keys that a file has of its own
 * and values that are replaced as a whole. Below the last key of the table
 * (the names of `hosts`) the kinds of the nodes decide.
 */
#include "policy/merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "policy/read.h"
#include "profile/name.h"

/* What the two nodes are the value of. */
struct place {
    const char *path;                /* "" for the whole; NULL below the keys of the table */
    const struct cf_schema_key *row; /* NULL for the whole and for what has no row */
    const struct cf_overrides *overrides;
    bool overridden; /* one name of a map with free names is */
};

static int merge_values(struct cf_merge *merge, const struct place *place,
                        struct cf_yaml_node *below, struct cf_yaml_node *above,
                        struct cf_yaml_node **ret_node);

void cf_merge_done(struct cf_merge *merge)
{
    cf_yaml_document_done(&merge->made);
    *merge = (struct cf_merge) { 0 };
}

static int take_steps(struct cf_merge *merge, size_t n)
{
    if (n > CF_MERGE_STEPS_MAX - merge->n_steps)
        return -E2BIG;
    merge->n_steps += n;
    return 0;
}

/* A new list or map with room for n items. */
static struct cf_yaml_node *make_node(struct cf_merge *merge, const struct cf_yaml_node *like,
                                      size_t n)
{
    struct cf_yaml_node *node = cf_yaml_node_new(&merge->made, like->kind, like->mark, NULL);

    if (!node)
        return NULL;
    node->items = calloc(n ? n : 1, sizeof(struct cf_yaml_node *));
    return node->items ? node : NULL;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    const uint64_t both[] = { a, b };

    return cf_hash_bytes(both, sizeof both);
}

/* The same for equal nodes; the pairs of a map have no order. */
static uint64_t hash_node(const struct cf_yaml_node *node)
{
    uint64_t hash = node->kind;

    if (node->kind == CF_YAML_SCALAR)
        return cf_hash_bytes(node->text, strlen(node->text));
    for (size_t i = 0; i < node->n_items; i++) {
        if (node->kind == CF_YAML_LIST) {
            hash = mix(hash, hash_node(node->items[i]));
        } else {
            hash += mix(hash_node(node->items[i]), hash_node(node->items[i + 1]));
            i++;
        }
    }
    return hash;
}

static int equal_nodes(struct cf_merge *merge, const struct cf_yaml_node *a,
                       const struct cf_yaml_node *b);

/* Whether map has this pair: first where the other map has it, as most do. */
static int find_pair(struct cf_merge *merge, const struct cf_yaml_node *map, size_t place,
                     struct cf_yaml_node *const pair[2])
{
    for (size_t i = 0; i < map->n_items; i += 2) {
        size_t at = (place + i) % map->n_items;
        int r = take_steps(merge, 1);

        if (r < 0)
            return r;
        if (strcmp(map->items[at]->text, pair[0]->text) == 0)
            return equal_nodes(merge, map->items[at + 1], pair[1]);
    }
    return 0;
}

/* 1: the same text, or the same items or pairs; 0: not; or an error. */
static int equal_nodes(struct cf_merge *merge, const struct cf_yaml_node *a,
                       const struct cf_yaml_node *b)
{
    size_t step = a->kind == CF_YAML_MAP ? 2 : 1;
    int r = take_steps(merge, 1);

    if (r < 0)
        return r;
    if (a == b)
        return 1;
    if (a->kind != b->kind || a->n_items != b->n_items)
        return 0;
    if (a->kind == CF_YAML_SCALAR)
        return strcmp(a->text, b->text) == 0 && cf_yaml_is_null(a) == cf_yaml_is_null(b);
    for (size_t i = 0; i < a->n_items; i += step) {
        r = a->kind == CF_YAML_MAP ? find_pair(merge, b, i, &a->items[i])
                                   : equal_nodes(merge, a->items[i], b->items[i]);
        if (r <= 0)
            return r;
    }
    return 1;
}

/* An item of a list that is being made. */
struct item {
    struct cf_hash_node node;
    const struct cf_yaml_node *value;
};

/* Remember an item. 1: new; 0: it was there; or an error. */
static int add_item(struct cf_merge *merge, struct cf_hash *known, struct item *item,
                    const struct cf_yaml_node *value)
{
    uint64_t hash;
    int r = take_steps(merge, value->n_expanded);

    if (r < 0)
        return r;
    hash = hash_node(value);
    for (struct cf_hash_node *node = cf_hash_find(known, hash); node; node = cf_hash_next(node)) {
        r = equal_nodes(merge, cf_container_of(node, struct item, node)->value, value);
        if (r != 0)
            return r < 0 ? r : 0;
    }
    item->value = value;
    r = cf_hash_add(known, &item->node, hash);
    return r < 0 ? r : 1;
}

/* One list to the end of the result. all: also what is there already. */
static int append_items(struct cf_merge *merge, struct cf_hash *known, struct item *items,
                        const struct cf_yaml_node *from, bool all, struct cf_yaml_node *list)
{
    for (size_t i = 0; i < from->n_items; i++) {
        int r = add_item(merge, known, &items[i], from->items[i]);

        if (r < 0)
            return r;
        if (r == 0 && !all)
            continue;
        list->places[list->n_items] = (unsigned)cf_yaml_item_place(from, i);
        list->items[list->n_items++] = from->items[i];
    }
    return 0;
}

/* The items of below, then those of above that are new. */
static int merge_lists(struct cf_merge *merge, struct cf_yaml_node *below,
                       struct cf_yaml_node *above, struct cf_yaml_node **ret_node)
{
    size_t n = below->n_items + above->n_items;
    cf_auto_free struct item *items = NULL;
    struct cf_yaml_node *list;
    struct cf_hash known;
    int r = take_steps(merge, n);

    if (r < 0)
        return r;
    items = calloc(n ? n : 1, sizeof *items);
    list = make_node(merge, above, n);
    if (list)
        list->places = calloc(n ? n : 1, sizeof *list->places);
    if (!items || !list || !list->places)
        return -ENOMEM;
    cf_hash_init(&known);
    r = append_items(merge, &known, items, below, true, list);
    if (r == 0)
        r = append_items(merge, &known, items + below->n_items, above, false, list);
    cf_hash_done(&known);
    if (r < 0)
        return r;
    *ret_node = list;
    return 0;
}

/* A key of the upper map: as it compares, and where it stands. */
struct pair {
    struct cf_hash_node node;
    const char *key;
    size_t place;
    bool used; /* the lower map has it too */
};

/* As keys of this map compare: names of `hosts` in their normal form, which each is given once. */
static int compared_key(struct cf_merge *merge, const struct place *place, struct cf_yaml_node *key,
                        const char **ret_text)
{
    char name[CF_NAME_SIZE];
    struct cf_error err = { 0 };
    int r = 0;

    *ret_text = key->text;
    if (!place->row || place->row->type != CF_TYPE_HOSTS)
        return 0;
    if (!key->compared) {
        r = take_steps(merge, cf_name_work(key->text));
        if (r < 0)
            return r;
        r = cf_name_normalize(key->text, name, &err);
        key->compared = r == -ENOMEM ? NULL : strdup(r == 0 ? name : key->text);
    }
    *ret_text = key->compared;
    return key->compared ? 0 : -ENOMEM;
}

static int index_pairs(struct cf_merge *merge, const struct place *place,
                       const struct cf_yaml_node *map, struct pair *pairs, struct cf_hash *index)
{
    for (size_t i = 0; i < map->n_items / 2; i++) {
        struct pair *pair = &pairs[i];
        int r = compared_key(merge, place, map->items[2 * i], &pair->key);

        if (r < 0)
            return r;
        pair->place = 2 * i;
        if (cf_hash_add(index, &pair->node, cf_hash_bytes(pair->key, strlen(pair->key))) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* The pair of a key of the lower map; NULL when there is none. */
static struct pair *find_key(const struct cf_hash *index, const char *key)
{
    struct cf_hash_node *node = cf_hash_find(index, cf_hash_bytes(key, strlen(key)));

    for (; node; node = cf_hash_next(node)) {
        struct pair *pair = cf_container_of(node, struct pair, node);

        if (strcmp(pair->key, key) == 0)
            return pair;
    }
    return NULL;
}

static bool is_overridden(const struct place *place)
{
    if (place->overridden)
        return true;
    for (size_t i = 0; place->overrides && i < place->overrides->n_rows; i++)
        if (place->overrides->rows[i] == place->row)
            return true;
    return false;
}

/* Whether an override names one group of this map of them. */
static bool is_group_overridden(const struct place *map, const char *name)
{
    if (!map->overrides || !map->row || map->row->type != CF_TYPE_GROUPS)
        return false;
    for (size_t i = 0; i < map->overrides->n_groups; i++)
        if (strcmp(map->overrides->groups[i], name) == 0)
            return true;
    return false;
}

/* Whether this path is that of a map of groups, or of a map that it is in. */
static bool holds_groups(const char *path, size_t length)
{
    const char *groups = CF_OVERRIDE_GROUP;

    return strncmp(groups, path, length) == 0 && groups[length] == '.';
}

/* Whether an override names a key below this one. */
static bool has_override_below(const struct place *place)
{
    size_t length = place->path ? strlen(place->path) : 0;

    if (place->path && place->overrides && place->overrides->n_groups > 0 &&
        holds_groups(place->path, length))
        return true;
    for (size_t i = 0; place->path && place->overrides && i < place->overrides->n_rows; i++) {
        const char *path = place->overrides->rows[i]->path;

        if (strncmp(path, place->path, length) == 0 && path[length] == '.')
            return true;
    }
    return false;
}

/* What the value of a key is; path is where its path is kept. */
static struct place place_below(const struct place *map, const char *name, char path[CF_KEY_SIZE])
{
    struct place place = {
        .overrides = map->overrides,
        .overridden = is_group_overridden(map, name),
    };

    if (!map->path || strpbrk(name, ".["))
        return place;
    place.row = cf_schema_find(cf_key_child(map->path, name, path));
    if (place.row)
        place.path = path;
    return place;
}

/* One pair of the lower map, with what the upper one has for it, if anything, to the result. */
static int put_pair(struct cf_merge *merge, const struct place *map, struct cf_yaml_node **lower,
                    struct cf_yaml_node **upper, struct cf_yaml_node *result)
{
    char path[CF_KEY_SIZE];
    struct place place = place_below(map, lower[0]->text, path);
    struct cf_yaml_node *value = lower[1];
    int r;

    if (is_overridden(&place) || (place.row && place.row->merge == CF_MERGE_OWN)) {
        if (!upper)
            return 0;
        value = upper[1];
    } else if (upper || has_override_below(&place)) {
        r = merge_values(merge, &place, lower[1], upper ? upper[1] : NULL, &value);
        if (r < 0)
            return r;
    }
    result->items[result->n_items++] = upper ? upper[0] : lower[0];
    result->items[result->n_items++] = value;
    return 0;
}

static int put_pairs(struct cf_merge *merge, const struct place *place,
                     const struct cf_yaml_node *below, const struct cf_yaml_node *above,
                     struct pair *pairs, struct cf_hash *index, struct cf_yaml_node *result)
{
    int r = above ? index_pairs(merge, place, above, pairs, index) : 0;

    for (size_t i = 0; r == 0 && i < below->n_items; i += 2) {
        struct pair *pair;
        const char *key;

        r = compared_key(merge, place, below->items[i], &key);
        if (r < 0)
            return r;
        pair = find_key(index, key);
        if (pair)
            pair->used = true;
        r = put_pair(merge, place, &below->items[i], pair ? &above->items[pair->place] : NULL,
                     result);
    }
    for (size_t i = 0; r == 0 && above && i < above->n_items; i += 2) {
        if (pairs[i / 2].used)
            continue;
        result->items[result->n_items++] = above->items[i];
        result->items[result->n_items++] = above->items[i + 1];
    }
    return r;
}

/* above may be NULL: what the overrides leave of below. */
static int merge_maps(struct cf_merge *merge, const struct place *place, struct cf_yaml_node *below,
                      struct cf_yaml_node *above, struct cf_yaml_node **ret_node)
{
    size_t n_above = above ? above->n_items : 0, n = below->n_items + n_above;
    cf_auto_free struct pair *pairs = NULL;
    struct cf_yaml_node *result;
    struct cf_hash index;
    int r = take_steps(merge, n + 1);

    if (r < 0)
        return r;
    pairs = calloc(n_above / 2 + 1, sizeof *pairs);
    result = make_node(merge, above ? above : below, n);
    if (!pairs || !result)
        return -ENOMEM;
    cf_hash_init(&index);
    r = put_pairs(merge, place, below, above, pairs, &index, result);
    cf_hash_done(&index);
    if (r < 0)
        return r;
    *ret_node = result;
    return 0;
}

static int merge_values(struct cf_merge *merge, const struct place *place,
                        struct cf_yaml_node *below, struct cf_yaml_node *above,
                        struct cf_yaml_node **ret_node)
{
    bool whole = place->row && place->row->merge == CF_MERGE_WHOLE;
    enum cf_yaml_kind kind = above ? above->kind : below->kind;

    if (below != above && below->kind == kind && !whole) {
        if (kind == CF_YAML_MAP)
            return merge_maps(merge, place, below, above, ret_node);
        if (kind == CF_YAML_LIST && above)
            return merge_lists(merge, below, above, ret_node);
    }
    *ret_node = above ? above : below;
    return 0;
}

int cf_merge_trees(struct cf_merge *merge, struct cf_yaml_node *below, struct cf_yaml_node *above,
                   const struct cf_overrides *overrides, struct cf_yaml_node **ret_tree)
{
    const struct place place = { .path = "", .overrides = overrides };

    return merge_values(merge, &place, below, above, ret_tree);
}
