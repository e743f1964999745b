/*
 * lint_proxy.h - what the keys of `proxy` ask for and can never have
 *
 * For `childflow check`. Pure; the profile is sealed. What is not sure is not
 * said: an entry counts as of use wherever it might be.
 */
#ifndef CF_PROFILE_LINT_PROXY_H
#define CF_PROFILE_LINT_PROXY_H

#include <stdbool.h>

#include "profile/profile.h"

/* Whether dns.transport says UDP for DNS servers that are asked through the proxy, over TCP. */
bool cf_lint_proxy_transport(const struct cf_profile *profile);

/*
 * The first server of dns.servers that is asked through the proxy and stands on a
 * loopback, which is another one to the proxy; NULL: there is none.
 */
const struct cf_addr_port *cf_lint_proxy_loopback(const struct cf_profile *profile);

/* What an entry of `bypass` is good for. */
enum cf_bypass_use {
    CF_BYPASS_USED,    /* some flow or DNS server may go by it */
    CF_BYPASS_DENIED,  /* no rule allows a flow that it holds */
    CF_BYPASS_UNKNOWN, /* by address, and what is allowed is names that the proxy resolves */
};

/* entry: a rule of profile->proxy.bypass */
enum cf_bypass_use cf_lint_bypass(const struct cf_profile *profile, const struct cf_rule *entry);

#endif
