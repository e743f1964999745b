/*
 * lint_steps.c - what a verdict costs beside a look-up
 */
#include "profile/lint_steps.h"

#include <string.h>

#include "profile/index.h"

/* Of as many rules for certain programs, which are tried one by one, a step is made. */
#define TRIED_A_STEP 8

static size_t tried_by_name(const struct cf_profile *profile, const char *name)
{
    struct cf_name_hit hits[CF_NAME_HITS_MAX];
    unsigned n_hits = cf_index_names(profile->index, name, strlen(name), hits);
    size_t n = 0;

    for (unsigned i = 0; i < n_hits; i++) {
        if (hits[i].node != CF_NODE_NONE)
            n += cf_index_node(profile->index, hits[i].node)->n_exe;
    }
    return n;
}

static size_t tried_by_addr(const struct cf_profile *profile, const struct cf_addr *addr)
{
    const struct cf_node *node = cf_index_addr(profile->index, addr);
    size_t n = 0;

    for (; node; node = cf_index_parent(profile->index, node))
        n += node->n_exe;
    return n;
}

uint64_t cf_lint_flow_steps(const struct cf_profile *profile, const struct cf_flow_query *query)
{
    size_t n = 0;

    for (size_t i = 0; i < query->n_names; i++)
        n += tried_by_name(profile, query->names[i].name);
    if (query->dst.family != CF_FAMILY_NONE)
        n += tried_by_addr(profile, &query->dst);
    return n / TRIED_A_STEP;
}

uint64_t cf_lint_name_steps(const struct cf_profile *profile, const struct cf_name_query *query)
{
    return tried_by_name(profile, query->name) / TRIED_A_STEP;
}
