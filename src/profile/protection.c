/*
 * protection.c - what keys deny beside the rules
 *
 * How this works. Each key that denies stands for a rule of its own, so that
 * logs, summaries and explanations show it as they show rules; that rule is in
 * no list and in no index. cf_verdict_flow() and cf_verdict_name() ask
 * cf_protection_flow() and cf_protection_name() first: encrypted DNS is denied
 * whatever the rules say, and the key is the switch. The resolver asks
 * cf_protection_type() before it looks at the name, and cf_protection_answer()
 * for each address that came back. proxy.require and egress.quic come last:
 * cf_verdict_flow() asks cf_protection_allowed() about what the rules allow.
 */
#include "profile/protection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/encrypted.h"
#include "profile/index.h"
#include "profile/match.h"
#include "profile/record_type.h"

#define TYPE_IXFR 251
#define TYPE_AXFR 252
#define TYPE_ANY 255

#define KEY_TYPES "dns.deny_types"
#define KEY_REBINDING "dns.block_rebinding"
#define KEY_ENCRYPTED "dns.block_encrypted"
#define KEY_QUIC "egress.quic"
#define KEY_PROXY "proxy.require"

struct cf_protections {
    struct cf_rule rebinding, encrypted, quic, proxy;
    struct cf_rule *types; /* one for each of dns.deny_types */
    size_t n_types;
    struct cf_encrypted *resolvers; /* NULL: block_encrypted is off */
};

/* origin: where the key is set; NULL: it has its default */
static int rule_make(struct cf_profile *profile, const char *text, const struct cf_origin *origin,
                     enum cf_addr_group group, struct cf_rule *ret_rule)
{
    struct cf_rule rule = { .action = CF_DENY, .until = CF_DAY_NEVER };

    rule.endpoint.kind = CF_HOST_GROUP;
    rule.endpoint.group = group;
    rule.endpoint.protos = CF_PROTO_TCP | CF_PROTO_UDP;
    if (origin)
        rule.origin = *origin;
    else
        rule.origin.file = cf_profile_file(profile, "built-in");
    rule.text = strdup(text);
    if (!rule.text || !rule.origin.file) {
        free(rule.text);
        return -ENOMEM;
    }
    *ret_rule = rule;
    return 0;
}

static int types_make(struct cf_profile *profile, struct cf_protections *protections)
{
    protections->types = calloc(profile->dns.n_deny_types + 1, sizeof *protections->types);
    if (!protections->types)
        return -ENOMEM;
    for (size_t i = 0; i < profile->dns.n_deny_types; i++) {
        char text[sizeof KEY_TYPES + 2 + CF_RECORD_TYPE_SIZE], type[CF_RECORD_TYPE_SIZE];

        snprintf(text, sizeof text, KEY_TYPES ": %s",
                 cf_record_type_format(profile->dns.deny_types[i], type));
        if (rule_make(profile, text, cf_profile_origin_item_find(profile, KEY_TYPES, i),
                      CF_GROUP_ANY, &protections->types[i]) < 0)
            return -ENOMEM;
        protections->n_types++;
    }
    return 0;
}

int cf_protections_new(struct cf_profile *profile, struct cf_protections **ret_protections)
{
    struct cf_protections *protections = calloc(1, sizeof *protections);
    int r;

    if (!protections)
        return -ENOMEM;
    r = rule_make(profile, KEY_REBINDING, cf_profile_origin_find(profile, KEY_REBINDING),
                  CF_GROUP_PRIVATE, &protections->rebinding);
    if (r == 0)
        r = rule_make(profile, KEY_ENCRYPTED, cf_profile_origin_find(profile, KEY_ENCRYPTED),
                      CF_GROUP_ANY, &protections->encrypted);
    if (r == 0)
        r = rule_make(profile, KEY_QUIC, cf_profile_origin_find(profile, KEY_QUIC), CF_GROUP_ANY,
                      &protections->quic);
    if (r == 0)
        r = rule_make(profile, KEY_PROXY, cf_profile_origin_find(profile, KEY_PROXY), CF_GROUP_ANY,
                      &protections->proxy);
    if (r == 0)
        r = types_make(profile, protections);
    if (r == 0 && profile->dns.block_encrypted)
        r = cf_encrypted_new(&protections->resolvers);
    if (r < 0) {
        cf_protections_free(protections);
        return r;
    }
    *ret_protections = protections;
    return 0;
}

void cf_protections_free(struct cf_protections *protections)
{
    if (!protections)
        return;
    free(protections->rebinding.text);
    free(protections->encrypted.text);
    free(protections->quic.text);
    free(protections->proxy.text);
    for (size_t i = 0; i < protections->n_types; i++)
        free(protections->types[i].text);
    free(protections->types);
    cf_encrypted_free(protections->resolvers);
    free(protections);
}

static const struct cf_protections *protections_of(const struct cf_profile *profile)
{
    assert(profile->protections); /* cf_profile_seal() */
    return profile->protections;
}

/* Record types. */

bool cf_protection_type(const struct cf_profile *profile, uint16_t type,
                        struct cf_verdict *ret_verdict)
{
    const struct cf_protections *protections = protections_of(profile);

    for (size_t i = 0; i < protections->n_types; i++) {
        if (profile->dns.deny_types[i] == type) {
            cf_verdict_deny(profile, CF_REASON_TYPE, &protections->types[i], ret_verdict);
            return true;
        }
    }
    if (type == TYPE_ANY && protections->n_types > 0) { /* it asks for those too */
        cf_verdict_deny(profile, CF_REASON_TYPE, &protections->types[0], ret_verdict);
        return true;
    }
    if (type != TYPE_AXFR && type != TYPE_IXFR)
        return false;
    cf_verdict_deny(profile, CF_REASON_TYPE, NULL, ret_verdict);
    return true;
}

/* Where an IPv6 address of this prefix, of 16 bits at least, has an IPv4 address in it. */
static const struct {
    struct cf_prefix prefix;
    size_t offset;
} carriers[] = {
    /* RFC 6052, 2.1; RFC 3056; RFC 4291, 2.5.5.1; RFC 2765 */
    { { { CF_FAMILY_IPV6, { 0x00, 0x64, 0xff, 0x9b } }, 96 }, 12 },
    { { { CF_FAMILY_IPV6, { 0x20, 0x02 } }, 16 }, 2 },
    { { { CF_FAMILY_IPV6, { 0 } }, 96 }, 12 },
    { { { CF_FAMILY_IPV6, { [8] = 0xff, [9] = 0xff } }, 96 }, 12 },
};

#define N_CARRIERS (sizeof carriers / sizeof carriers[0])

/* The IPv4 address in an IPv6 address of carrier i, when it is one. */
static bool is_carried(size_t i, const struct cf_addr *addr, struct cf_addr *ret_carried)
{
    if (memcmp(carriers[i].prefix.addr.bytes, addr->bytes, 2) != 0 ||
        !cf_prefix_contains(&carriers[i].prefix, addr))
        return false;
    *ret_carried = cf_addr_from_ipv4(addr->bytes + carriers[i].offset);
    return true;
}

/* Encrypted DNS. */

bool cf_protection_name(const struct cf_profile *profile, const char *name,
                        struct cf_verdict *ret_verdict)
{
    const struct cf_protections *protections = protections_of(profile);

    if (!protections->resolvers ||
        !(cf_encrypted_has_name(protections->resolvers, name) || cf_encrypted_canary(name) != CF_CANARY_NONE) ||
        cf_profile_host_find(profile, name))
        return false;
    cf_verdict_deny(profile, CF_REASON_ENCRYPTED_DNS, &protections->encrypted, ret_verdict);
    return true;
}

static bool is_resolver(const struct cf_encrypted *resolvers, const struct cf_addr *addr)
{
    struct cf_addr carried;

    if (cf_encrypted_has_addr(resolvers, addr))
        return true;
    for (size_t i = 0; i < N_CARRIERS; i++) {
        if (is_carried(i, addr, &carried) && cf_encrypted_has_addr(resolvers, &carried))
            return true;
    }
    return false;
}

static bool is_encrypted(const struct cf_encrypted *resolvers, const struct cf_flow_query *query)
{
    if (query->proto == CF_PROTO_ICMP)
        return false;
    if (query->port == CF_ENCRYPTED_DNS_PORT || is_resolver(resolvers, &query->dst))
        return true;
    for (size_t i = 0; i < query->n_names; i++) {
        if (!query->names[i].pinned && cf_encrypted_has_name(resolvers, query->names[i].name))
            return true;
    }
    return false;
}

bool cf_protection_flow(const struct cf_profile *profile, const struct cf_flow_query *query,
                        struct cf_verdict *ret_verdict)
{
    const struct cf_protections *protections = protections_of(profile);

    if (!protections->resolvers || !is_encrypted(protections->resolvers, query))
        return false;
    cf_verdict_deny(profile, CF_REASON_ENCRYPTED_DNS, &protections->encrypted, ret_verdict);
    return true;
}

/* What the proxy has no way for, and QUIC. */

static bool is_stranded(const struct cf_profile *profile, const struct cf_flow_query *query)
{
    return profile->proxy.url.scheme != CF_PROXY_NONE &&
           cf_proxy_route(profile, query, NULL) == CF_ROUTE_REQUIRED;
}

bool cf_protection_allowed(const struct cf_profile *profile, const struct cf_flow_query *query,
                           struct cf_verdict *ret_verdict)
{
    if (is_stranded(profile, query)) {
        cf_protection_proxy_refused(profile, ret_verdict);
        return true;
    }
    if (profile->egress.quic == CF_ALLOW || query->proto != CF_PROTO_UDP ||
        query->port != CF_QUIC_PORT)
        return false;
    cf_verdict_deny(profile, CF_REASON_QUIC, &protections_of(profile)->quic, ret_verdict);
    return true;
}

void cf_protection_proxy_refused(const struct cf_profile *profile, struct cf_verdict *ret_verdict)
{
    cf_verdict_deny(profile, CF_REASON_PROXY_REQUIRED, &protections_of(profile)->proxy,
                    ret_verdict);
}

/* Rebinding. */

bool cf_name_is_public(const char *name)
{
    static const char *const inside[] = { "corp", "home",  "internal", "intranet",
                                          "lan",  "local", "private",  "localhost" };
    const char *last = strrchr(name, '.');

    if (!last)
        return false;
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        if (strcmp(last + 1, inside[i]) == 0)
            return false;
    }
    last = strstr(name, "home.arpa");
    return !(last && strcmp(last, "home.arpa") == 0 && (last == name || last[-1] == '.'));
}

static bool is_of_inside_group(const struct cf_addr *addr)
{
    static const enum cf_addr_group groups[] = {
        CF_GROUP_PRIVATE,  CF_GROUP_LOOPBACK,  CF_GROUP_LINK_LOCAL,
        CF_GROUP_METADATA, CF_GROUP_MULTICAST,
    };

    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (cf_addr_group_find(groups[i], addr))
            return true;
    }
    return false;
}

bool cf_addr_is_inside(const struct cf_addr *addr)
{
    struct cf_addr carried;

    if (is_of_inside_group(addr))
        return true;
    for (size_t i = 0; i < N_CARRIERS; i++) {
        if (is_carried(i, addr, &carried) && is_of_inside_group(&carried))
            return true;
    }
    return false;
}

/* Whether the flow that an allowing item by address speaks of is allowed under the name. */
static bool opens(const struct cf_profile *profile, const struct cf_item *item,
                  const struct cf_flow_name *name, const struct cf_addr *addr, const char *exe)
{
    struct cf_flow_query flow = { .dst = *addr, .exe = exe, .names = name, .n_names = 1 };
    struct cf_verdict verdict;

    flow.proto = cf_item_flow(item, &flow.port);
    cf_verdict_flow(profile, &flow, &verdict);
    return cf_verdict_is_clean(&verdict);
}

/* Whether a rule by address, but none for all addresses, lets the name lead there. */
static bool is_spoken_of(const struct cf_profile *profile, const struct cf_flow_name *name,
                         const struct cf_addr *addr, const char *exe)
{
    const struct cf_node *wide = cf_index_wide(profile->index, (enum cf_family)addr->family);
    const struct cf_asker asker = { .exe = exe };
    const struct cf_node *node;

    for (node = cf_index_addr(profile->index, addr); node;
         node = cf_index_parent(profile->index, node)) {
        if (node == wide)
            break;
        for (uint32_t i = 0; i < node->n_plain + node->n_exe; i++) {
            const struct cf_item *item = &node->items[i];

            if (item->action == CF_ALLOW && cf_item_takes_part(item, &asker) &&
                opens(profile, item, name, addr, exe))
                return true;
        }
    }
    return false;
}

bool cf_protection_answer(const struct cf_profile *profile, const char *name,
                          const struct cf_addr *addr, const char *exe,
                          struct cf_verdict *ret_verdict)
{
    const struct cf_flow_name flow_name = { .name = name };

    if (!profile->dns.block_rebinding || !cf_addr_is_inside(addr) || !cf_name_is_public(name) ||
        is_spoken_of(profile, &flow_name, addr, exe))
        return false;
    cf_verdict_deny(profile, CF_REASON_REBINDING, &protections_of(profile)->rebinding, ret_verdict);
    return true;
}
