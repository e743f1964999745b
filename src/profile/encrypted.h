/*
 * encrypted.h - public resolvers that speak encrypted DNS
 *
 * What dns.block_encrypted denies: names and addresses of known services, and
 * the ports that belong to encrypted DNS alone. The list is in encrypted.c.
 */
#ifndef CF_PROFILE_ENCRYPTED_H
#define CF_PROFILE_ENCRYPTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* DNS over TLS (RFC 7858, 3.1) and over QUIC (RFC 9250, 4.1.1): TCP and UDP. */
#define CF_ENCRYPTED_DNS_PORT 853

struct cf_encrypted; /* the list, ready to be looked up in */

/* Returns 0 or -ENOMEM. */
int cf_encrypted_new(struct cf_encrypted **ret_encrypted);
void cf_encrypted_free(struct cf_encrypted *encrypted);

/* Whether the address belongs to a service of the list, which does nothing but DNS there. */
bool cf_encrypted_has_addr(const struct cf_encrypted *encrypted, const struct cf_addr *addr);

/* Whether the name (normalised), or one above it, is a service of the list. */
bool cf_encrypted_has_name(const struct cf_encrypted *encrypted, const char *name);

/* What a name is answered with by which programs learn not to turn to encrypted DNS. */
enum cf_canary {
    CF_CANARY_NONE, /* it is no such name */
    CF_CANARY_NXDOMAIN,
    CF_CANARY_NODATA,
};

enum cf_canary cf_encrypted_canary(const char *name);

/* The list as it is written, for tests: names, then addresses and prefixes. Static. */
const char *const *cf_encrypted_names(size_t *ret_n);
const char *const *cf_encrypted_addrs(size_t *ret_n);

#endif
