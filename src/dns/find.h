/*
 * find.h - the addresses of one name, for the caller itself and not for the sandbox
 *
 * Waits until it is answered: for the start of a run, before there is anything
 * else to do.
 */
#ifndef CF_DNS_FIND_H
#define CF_DNS_FIND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/error.h"
#include "profile/profile.h"

struct cf_find_config {
    const struct cf_profile *profile; /* its servers, and how they are asked */
    const char *interface;            /* that sockets are bound to (base/egress.h); NULL for none */
    bool ipv6;                        /* IPv6 addresses are wanted too, and come first */
};

/* Addresses that are given; more are dropped. */
#define CF_FIND_MAX 8

/*
 * Ask for the addresses of a name (normalised), aliases followed as the servers
 * follow them.
 *
 * Returns how many were written, 0 when the name has none or nobody answered,
 * or -errno with a message.
 */
int cf_dns_find(const struct cf_find_config *config, const char *name,
                struct cf_addr ret_addrs[CF_FIND_MAX], struct cf_error *err);

#endif
