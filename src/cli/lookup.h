/*
 * lookup.h - the texts that the command reads under /etc
 */
#ifndef CF_CLI_LOOKUP_H
#define CF_CLI_LOOKUP_H

#include <stdbool.h>

#include "profile/profile.h"

/* resolv.conf(5), hosts(5) and nsswitch.conf(5) of one run; each is owned. */
struct cf_lookup_files {
    char *resolv_conf;
    char *hosts;
    char *nsswitch_conf;
};

/* hostname may be NULL. Returns 0 or -ENOMEM. ret is the caller's, cf_lookup_files_done(). */
int cf_lookup_files_make(const struct cf_profile *profile, const char *hostname, bool ipv6,
                         struct cf_lookup_files *ret);
void cf_lookup_files_done(struct cf_lookup_files *files);

#endif
