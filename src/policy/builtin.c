/*
 * builtin.c - the policy that is in force when none is given
 */
#include "policy/builtin.h"

#include <errno.h>
#include <string.h>

#include "policy/defaults.h"

static int fill(struct cf_profile *profile)
{
    static const char *const keys[] = { "name", "mode", "dns.filter", "egress.default" };
    struct cf_origin origin = { .file = cf_profile_file(profile, "built-in") };
    int r = 0;

    profile->name = strdup("audit");
    profile->mode = CF_MODE_AUDIT;
    profile->dns.filter = CF_DNS_FILTER_ANY;
    profile->egress.fallback = CF_ALLOW;
    if (!profile->name || !origin.file)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && r == 0; i++)
        r = cf_profile_origin_set(profile, keys[i], origin);
    return r;
}

struct cf_profile *cf_builtin_new(void)
{
    struct cf_profile *profile = cf_defaults_new();

    if (profile && fill(profile) < 0) {
        cf_profile_free(profile);
        profile = NULL;
    }
    return profile;
}
