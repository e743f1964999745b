/*
 * merge.h - a policy's tree on top of those that it extends
 */
#ifndef CF_POLICY_MERGE_H
#define CF_POLICY_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/schema.h"
#include "policy/yaml.h"

/*
 * Nodes that the merging of one policy may look at, so that files that extend
 * each other in many ways end in an error soon.
 */
#define CF_MERGE_STEPS_MAX ((size_t)500000)

struct cf_merge {
    struct cf_yaml_document made; /* owns the lists and maps that had to be made */
    size_t n_steps;
};

/* In front of the name of a group that `override` names. */
#define CF_OVERRIDE_GROUP "egress.groups."

/* The keys of an `override` list; all zero: none. */
struct cf_overrides {
    const struct cf_schema_key **rows;
    size_t n_rows;
    const char **groups; /* names of single groups of egress.groups */
    size_t n_groups;
};

void cf_merge_done(struct cf_merge *merge);

/*
 * One map of two: the keys of below, then those that above adds. Where both
 * have a key, two maps are merged, two lists are appended, and any other value
 * of above replaces that of below; the table says which keys differ.
 *
 * below:     a map; borrowed by the result
 * above:     a map; borrowed by the result
 * overrides: keys that below does not give; NULL: none
 * ret_tree:  lives as long as merge and both trees
 *
 * Returns 0, -ENOMEM, or -E2BIG after CF_MERGE_STEPS_MAX nodes.
 */
int cf_merge_trees(struct cf_merge *merge, struct cf_yaml_node *below, struct cf_yaml_node *above,
                   const struct cf_overrides *overrides, struct cf_yaml_node **ret_tree);

#endif
