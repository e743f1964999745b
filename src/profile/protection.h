/*
 * protection.h - what keys deny beside the rules
 *
 * Of `dns`: deny_types, block_rebinding and block_encrypted; egress.quic; and
 * proxy.require. Each denial names the key as its rule, with the place where
 * the policy sets it. Pure.
 */
#ifndef CF_PROFILE_PROTECTION_H
#define CF_PROFILE_PROTECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"
#include "profile/verdict.h"

struct cf_protections;

/*
 * Make what the profile's keys say ready to be asked; cf_profile_seal() does.
 * Returns 0 or -ENOMEM.
 */
int cf_protections_new(struct cf_profile *profile, struct cf_protections **ret_protections);
void cf_protections_free(struct cf_protections *protections);

/*
 * The functions below return whether a key denies, and write the verdict only
 * then, with the profile's mode applied. The profile is sealed.
 */

/*
 * The asking for a record type. AXFR and IXFR are denied whatever the policy
 * says, and ANY (RFC 8482), which asks for all types, where it denies any.
 */
bool cf_protection_type(const struct cf_profile *profile, uint16_t type,
                        struct cf_verdict *ret_verdict);

/*
 * The asking for a name (normalised), as an alias or by itself: that of a known
 * encrypted resolver, or of a canary. Names of `hosts` are the policy's own.
 */
bool cf_protection_name(const struct cf_profile *profile, const char *name,
                        struct cf_verdict *ret_verdict);

/* A flow of encrypted DNS, by its port, its address or a name that is no pinned one. */
bool cf_protection_flow(const struct cf_profile *profile, const struct cf_flow_query *query,
                        struct cf_verdict *ret_verdict);

/*
 * A flow that the rules allow: what the proxy has no way for, with
 * proxy.require; UDP to the port of QUIC, with egress.quic `deny`.
 */
bool cf_protection_allowed(const struct cf_profile *profile, const struct cf_flow_query *query,
                           struct cf_verdict *ret_verdict);

/* The verdict of one that it might have had a way for, and refuses; the profile has a proxy. */
void cf_protection_proxy_refused(const struct cf_profile *profile, struct cf_verdict *ret_verdict);

/*
 * An answer of a server that holds this address for a public name: denied when
 * the address is not one of the public network, unless a rule by address that
 * is not for all addresses allows exe some flow to it under that name.
 *
 * exe: the program that asks; NULL: not known
 */
bool cf_protection_answer(const struct cf_profile *profile, const char *name,
                          const struct cf_addr *addr, const char *exe,
                          struct cf_verdict *ret_verdict);

/*
 * Whether a name (normalised) is one that the public DNS can give to anybody:
 * not a single label, and not under one of the top-level names that are kept
 * for inside (RFC 6762, G; RFC 8375; `internal` by ICANN).
 */
bool cf_name_is_public(const char *name);

/*
 * Whether an address leads inside, whatever its form: the groups private,
 * loopback, link_local, metadata and multicast, and IPv6 addresses that carry
 * an IPv4 address of these (NAT64, 6to4, IPv4-compatible, IPv4-translated).
 */
bool cf_addr_is_inside(const struct cf_addr *addr);

#endif
