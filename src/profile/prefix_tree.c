/*
 * prefix_tree.c - which prefixes hold an address
 *
 * How this works. Two prefixes either nest or have nothing in common. So the
 * prefixes of a family cut its addresses into intervals, at most two for each
 * prefix and one more, and in each interval one prefix is the longest. A
 * binary search finds the interval; its prefix's parents are the others that
 * hold the address, from the longer to the shorter.
 *
 * The intervals are written in one pass over the sorted prefixes, with a stack
 * of those that are open: a prefix begins an interval of its own, and where it
 * ends one of its parent's begins. What begins at the same address replaces
 * what was written there.
 */
#include "profile/prefix_tree.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 129 /* prefixes of 0 to 128 bits */

struct key {
    uint64_t high, low;
};

static struct key key_of(const struct cf_addr *addr)
{
    struct key key;

    memcpy(&key.high, addr->bytes, 8);
    memcpy(&key.low, addr->bytes + 8, 8);
    key.high = be64toh(key.high);
    key.low = be64toh(key.low);
    return key;
}

static bool key_is_below(struct key a, struct key b)
{
    return a.high != b.high ? a.high < b.high : a.low < b.low;
}

/* The address behind the prefix's last; false when there is none. */
static bool key_behind(const struct cf_prefix *prefix, struct key *ret)
{
    struct key key = key_of(&prefix->addr);

    if (prefix->bits == 0)
        return false;
    if (prefix->bits <= 64) {
        key.high += UINT64_C(1) << (64 - prefix->bits);
        if (key.high == 0)
            return false;
    } else {
        key.low += UINT64_C(1) << (128 - prefix->bits);
        if (key.low == 0 && ++key.high == 0)
            return false;
    }
    *ret = key;
    return true;
}

int cf_prefix_compare(const struct cf_prefix *a, const struct cf_prefix *b)
{
    int order = memcmp(a->addr.bytes, b->addr.bytes, sizeof a->addr.bytes);

    return order != 0 ? order : (int)a->bits - (int)b->bits;
}

static void interval_add(struct cf_prefix_tree *tree, struct key start, uint32_t prefix)
{
    size_t n = tree->n;

    if (n > 0 && tree->high[n - 1] == start.high && tree->low[n - 1] == start.low)
        n--;
    tree->high[n] = start.high;
    tree->low[n] = start.low;
    tree->prefix[n] = prefix;
    tree->n = n + 1;
}

struct open_prefixes {
    uint32_t at[DEPTH_MAX];
    unsigned n;
};

static uint32_t top(const struct open_prefixes *open)
{
    return open->n > 0 ? open->at[open->n - 1] : CF_PREFIX_NONE;
}

/* Close every open prefix that ends before next; all when next is NULL. */
static void close_before(struct cf_prefix_tree *tree, const struct cf_prefix *prefixes,
                         struct open_prefixes *open, const struct cf_prefix *next)
{
    while (open->n > 0) {
        const struct cf_prefix *last = &prefixes[top(open)];
        struct key behind;

        if (next && cf_prefix_contains(last, &next->addr))
            return;
        open->n--;
        if (key_behind(last, &behind))
            interval_add(tree, behind, top(open));
    }
}

int cf_prefix_tree_make(struct cf_prefix_tree *tree, const struct cf_prefix *prefixes, size_t n,
                        uint32_t *ret_parents)
{
    struct open_prefixes open = { .n = 0 };

    *tree = (struct cf_prefix_tree) { 0 };
    if (n == 0)
        return 0;
    tree->high = calloc(2 * n + 1, sizeof *tree->high);
    tree->low = calloc(2 * n + 1, sizeof *tree->low);
    tree->prefix = calloc(2 * n + 1, sizeof *tree->prefix);
    if (!tree->high || !tree->low || !tree->prefix) {
        cf_prefix_tree_done(tree);
        return -ENOMEM;
    }
    interval_add(tree, (struct key) { 0, 0 }, CF_PREFIX_NONE);
    for (size_t i = 0; i < n; i++) {
        close_before(tree, prefixes, &open, &prefixes[i]);
        ret_parents[i] = top(&open);
        open.at[open.n++] = (uint32_t)i;
        interval_add(tree, key_of(&prefixes[i].addr), (uint32_t)i);
    }
    close_before(tree, prefixes, &open, NULL);
    return 0;
}

void cf_prefix_tree_done(struct cf_prefix_tree *tree)
{
    free(tree->high);
    free(tree->low);
    free(tree->prefix);
    *tree = (struct cf_prefix_tree) { 0 };
}

uint32_t cf_prefix_tree_find(const struct cf_prefix_tree *tree, const struct cf_addr *addr)
{
    struct key key = key_of(addr);
    size_t first = 0, n = tree->n;

    if (n == 0)
        return CF_PREFIX_NONE;
    /* The last interval that does not begin above the address; the first one begins at zero. */
    while (n > 1) {
        size_t half = n / 2;
        struct key middle = { tree->high[first + half], 0 };

        if (middle.high == key.high)
            middle.low = tree->low[first + half];
        first = key_is_below(key, middle) ? first : first + half;
        n -= half;
    }
    return tree->prefix[first];
}
