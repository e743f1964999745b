/*
 * lint_places.h - what the rules of a profile speak of, place by place
 *
 * Tells the analysis which other rules can have a say about a name or an
 * address, so that it knows where verdicts can change. It judges nothing.
 */
#ifndef CF_PROFILE_LINT_PLACES_H
#define CF_PROFILE_LINT_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "profile/profile.h"

#define CF_PLACE_NONE ((size_t)-1)

/* One endpoint of one rule: its own, or a member of its group. */
struct cf_place_entry {
    const struct cf_rule *rule;
    const struct cf_endpoint *endpoint;
};

/*
 * One prefix that a rule speaks of; 0.0.0.0/0 and ::/0 always are there.
 * Nodes stand in the order of a walk: parents in front of what is inside them.
 */
struct cf_place_node {
    struct cf_prefix prefix;
    size_t parent;               /* the next shorter prefix that holds it, or NONE */
    size_t end;                  /* the first node behind it that is not inside it */
    size_t first_entry, n_entries; /* in by_addr */
    bool has_gap;
    struct cf_addr gap;  /* an address of it that no node inside it holds */
    bool allows, denies; /* an entry of it, or of a node that holds it, does */
};

struct cf_places {
    struct cf_place_entry *by_name; /* sorted by the name without stars */
    size_t n_by_name;
    struct cf_place_entry *by_addr; /* node by node */
    size_t n_by_addr;
    struct cf_place_node *nodes;
    size_t n_nodes;
    /* Nodes with a gap that a name must be asked with: what the address says differs there. */
    size_t *telling;
    size_t n_telling;
};

/* Rules that have expired are left out. Returns 0 or -ENOMEM; places borrows from profile. */
int cf_places_init(struct cf_places *places, const struct cf_profile *profile);
void cf_places_done(struct cf_places *places);

/* The node of exactly this prefix, or NONE. */
size_t cf_places_find(const struct cf_places *places, const struct cf_prefix *prefix);

/* The longest prefix that holds the address; there always is one. */
size_t cf_places_find_addr(const struct cf_places *places, const struct cf_addr *addr);

/* Whether an entry by name has exactly this text behind its stars. */
bool cf_places_have_name(const struct cf_places *places, const char *name);

/* Whether the endpoint, one by name, holds this name. */
bool cf_place_holds_name(const struct cf_endpoint *endpoint, const char *name);

/* Every entry by name that holds the name; every entry by address of the node and its parents. */
typedef void cf_place_fn(const struct cf_place_entry *entry, void *data);
void cf_places_each_name(const struct cf_places *places, const char *name, cf_place_fn *fn,
                         void *data);
void cf_places_each_addr(const struct cf_places *places, size_t node, cf_place_fn *fn, void *data);

#endif
