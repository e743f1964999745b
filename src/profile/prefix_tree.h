/*
 * prefix_tree.h - which prefixes hold an address
 *
 * Made once from all prefixes of one family, then only read.
 */
#ifndef CF_PROFILE_PREFIX_TREE_H
#define CF_PROFILE_PREFIX_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define CF_PREFIX_NONE UINT32_MAX

struct cf_prefix_tree {
    /* Where intervals begin: the address's first 8 bytes and its last; of IPv4 only `high`. */
    uint64_t *high, *low;
    uint32_t *prefix; /* the longest that holds the interval, or NONE */
    size_t n;
};

/* The order that cf_prefix_tree_make() wants: by address, of equal ones the shorter prefix first.
 */
int cf_prefix_compare(const struct cf_prefix *a, const struct cf_prefix *b);

/*
 * prefixes:    of one family, sorted, without doubles; not kept
 * ret_parents: for each prefix the next shorter one that holds it, or NONE
 *
 * Returns 0 or -ENOMEM.
 */
int cf_prefix_tree_make(struct cf_prefix_tree *tree, const struct cf_prefix *prefixes, size_t n,
                        uint32_t *ret_parents);
void cf_prefix_tree_done(struct cf_prefix_tree *tree);

/* The longest prefix that holds the address, as its number, or NONE. */
uint32_t cf_prefix_tree_find(const struct cf_prefix_tree *tree, const struct cf_addr *addr);

#endif
