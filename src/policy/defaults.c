/*
 * defaults.c - the profile of a policy that says nothing
 *
 * What is no plain value (rules, hosts, ports) begins empty, as the new profile
 * is. A default of the table that its own row refuses would be a profile that
 * nobody wrote: there is none then, and the tests find it.
 */
#include "policy/defaults.h"

#include <errno.h>

#include "policy/value.h"

struct cf_profile *cf_defaults_new(void)
{
    struct cf_profile *profile = cf_profile_new();
    size_t n;
    const struct cf_schema_key *keys = cf_schema_keys(&n);

    for (size_t i = 0; profile && i < n; i++) {
        if (cf_value_is_plain(&keys[i]) && cf_value_default(&keys[i], profile) < 0) {
            cf_profile_free(profile);
            return NULL;
        }
    }
    return profile;
}
