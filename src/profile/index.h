/*
 * index.h - the rules by whom they speak of
 *
 * Made by cf_profile_seal() from the rules and groups of a profile, then only
 * read. A node is one host: a name, a wildcard, a prefix, or the file of a
 * group. It has the items of all rules that speak of it.
 */
#ifndef CF_PROFILE_INDEX_H
#define CF_PROFILE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/match.h"
#include "profile/name_set.h"
#include "profile/profile.h"
#include "profile/segments.h"

/*
 * The items stand one behind the other, each part in the order in which they
 * win: those for every program, those for some, and last the allowing ones
 * that have expired.
 */
struct cf_node {
    struct cf_segments *segments; /* of the plain items; NULL when they are few */
    uint32_t n_plain, n_exe, n_expired;
    uint32_t parent; /* of a prefix: the next shorter one, or NONE */
    struct cf_item items[];
};

struct cf_index;

/* What is asked of a node, whatever the protocol and port. */
struct cf_asker {
    const char *exe;               /* NULL: not known */
    const struct cf_rule *without; /* NULL: none */
};

/*
 * Make the index of a profile's rules and add their names to its set.
 *
 * Returns 0, -ENOMEM, or -E2BIG when the rules stand for more endpoints and
 * ranges of ports than CF_INDEX_MAX, or name more than CF_NAME_FILES_MAX
 * groups of names_file.
 */
#define CF_INDEX_MAX ((size_t)1 << 20)
int cf_index_new(struct cf_profile *profile, struct cf_index **ret_index);
void cf_index_free(struct cf_index *index);

/* The names of the set that stood there before the index. */
size_t cf_index_mark(const struct cf_index *index);

/* Nodes that speak of a name, with the host's part of the rank; returns how many. */
unsigned cf_index_names(const struct cf_index *index, const char *name, size_t length,
                        struct cf_name_hit hits[CF_NAME_HITS_MAX]);

/* The same in two steps, between which the memory is on its way. */
void cf_index_names_start(const struct cf_index *index, const char *name, size_t length,
                          struct cf_name_lookup *ret_lookup);
unsigned cf_index_names_find(const struct cf_index *index, const struct cf_name_lookup *lookup,
                             struct cf_name_hit hits[CF_NAME_HITS_MAX]);

const struct cf_node *cf_index_node(const struct cf_index *index, uint32_t node);

/* The node of the longest prefix that holds the address, then of its parents; NULL at the end. */
const struct cf_node *cf_index_addr(const struct cf_index *index, const struct cf_addr *addr);
const struct cf_node *cf_index_parent(const struct cf_index *index, const struct cf_node *node);
/* The node of all addresses of a family, or NULL. */
const struct cf_node *cf_index_wide(const struct cf_index *index, enum cf_family family);

/* Whether a rule that allows has expired. */
bool cf_index_has_expired(const struct cf_index *index);

/* Whether an item counts for who asks, whatever the flow. */
bool cf_item_takes_part(const struct cf_item *item, const struct cf_asker *asker);

/*
 * The items of a node that win for a flow: ret_first[CF_DENY] among those
 * that deny, ret_first[CF_ALLOW] among those that allow; NULL for none.
 */
void cf_node_find(const struct cf_node *node, const struct cf_asker *asker, enum cf_proto proto,
                  uint16_t port, const struct cf_item *ret_first[2]);

/* The same for all flows together: the items that win for one of theirs if nothing else matches. */
void cf_node_find_any(const struct cf_node *node, const struct cf_asker *asker,
                      const struct cf_item *ret_first[2]);

/* Of those two the one that wins over the other. */
const struct cf_item *cf_node_winner(const struct cf_item *const first[2]);

#endif
