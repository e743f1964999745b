/*
 * group.c - address groups that a rule can name
 *
 * After the IANA special-purpose registries (RFC 6890) and what the cloud
 * providers document. Where an address inside is meant only through a
 * translator, its form under the well-known NAT64 prefix (RFC 6052, 2.1)
 * belongs to the group too, so that a network with NAT64 is no way around.
 *
 * private holds 192.0.0.0/24 (RFC 6890, IETF protocol assignments: DS-Lite
 * and the like, only met inside a provider's network) and the old site-local
 * fec0::/10. It does not hold the documentation and benchmark networks, which
 * nobody uses for inside services. loopback holds 0.0.0.0/8 and ::, which
 * Linux takes for the own host.
 */
#include "profile/endpoint.h"

#include <assert.h>
#include <errno.h>
#include <strings.h>

#define IPV4(b0, b1, b2, b3, prefix_bits)                                                          \
    {                                                                                              \
        .addr = { .family = CF_FAMILY_IPV4, .bytes = { b0, b1, b2, b3 } }, .bits = prefix_bits     \
    }

#define IPV6(prefix_bits, ...)                                                                     \
    {                                                                                              \
        .addr = { .family = CF_FAMILY_IPV6, .bytes = { __VA_ARGS__ } }, .bits = prefix_bits        \
    }

/* 64:ff9b:: with an IPv4 address at its end. */
#define NAT64(b0, b1, b2, b3, ipv4_bits)                                                           \
    IPV6(96 + (ipv4_bits), 0x00, 0x64, 0xff, 0x9b, [12] = b0, b1, b2, b3)

#define BOTH(b0, b1, b2, b3, bits) IPV4(b0, b1, b2, b3, bits), NAT64(b0, b1, b2, b3, bits)

static const struct cf_prefix private_prefixes[] = {
    BOTH(10, 0, 0, 0, 8),                         /* RFC 1918 */
    BOTH(172, 16, 0, 0, 12),                      /* RFC 1918 */
    BOTH(192, 168, 0, 0, 16),                     /* RFC 1918 */
    BOTH(100, 64, 0, 0, 10),                      /* RFC 6598, shared by a provider's customers */
    BOTH(192, 0, 0, 0, 24),                       /* RFC 6890 */
    IPV6(7, 0xfc),                                /* RFC 4193, unique local */
    IPV6(10, 0xfe, 0xc0),                         /* RFC 3879, site-local */
    IPV6(48, 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01), /* RFC 8215, a network's own NAT64 */
};

static const struct cf_prefix loopback_prefixes[] = {
    BOTH(127, 0, 0, 0, 8), /* RFC 1122, 3.2.1.3 */
    BOTH(0, 0, 0, 0, 8),   /* RFC 1122, 3.2.1.3, "this host" */
    IPV6(128, [15] = 1),   /* RFC 4291, 2.5.3 */
    IPV6(128, 0),          /* RFC 4291, 2.5.2 */
};

static const struct cf_prefix link_local_prefixes[] = {
    BOTH(169, 254, 0, 0, 16), /* RFC 3927 */
    IPV6(10, 0xfe, 0x80),     /* RFC 4291, 2.5.6 */
};

static const struct cf_prefix metadata_prefixes[] = {
    BOTH(169, 254, 169, 254, 32), /* AWS, Azure, Google, Oracle, OpenStack, and most others */
    BOTH(169, 254, 170, 2, 32),   /* AWS, credentials of a container */
    BOTH(169, 254, 170, 23, 32),  /* AWS, identity of a pod */
    BOTH(169, 254, 0, 23, 32),    /* Tencent */
    BOTH(169, 254, 42, 42, 32),   /* Scaleway */
    BOTH(100, 100, 100, 200, 32), /* Alibaba */
    BOTH(168, 63, 129, 16, 32),   /* Azure, the host's agent */
    BOTH(192, 0, 0, 192, 32),     /* Oracle, classic */
    IPV6(128, 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54), /* AWS */
    IPV6(128, 0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23),       /* AWS, pod */
    IPV6(128, 0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54), /* Google */
    IPV6(128, 0xfd, 0x00, 0x00, 0x42, [15] = 0x42),       /* Scaleway */
    IPV6(128, 0xfe, 0x80, [12] = 0xa9, 0xfe, 0xa9, 0xfe), /* OpenStack */
};

static const struct cf_prefix multicast_prefixes[] = {
    BOTH(224, 0, 0, 0, 4),        /* RFC 5771 */
    BOTH(255, 255, 255, 255, 32), /* RFC 919, broadcast */
    IPV6(8, 0xff),                /* RFC 4291, 2.7 */
};

static const struct cf_prefix any_prefixes[] = {
    IPV4(0, 0, 0, 0, 0),
    IPV6(0, 0),
};

#define GROUP(group_name, table)                                                                   \
    {                                                                                              \
        .name = group_name, .prefixes = table, .n_prefixes = sizeof(table) / sizeof((table)[0])    \
    }

static const struct {
    const char *name;
    const struct cf_prefix *prefixes;
    size_t n_prefixes;
} groups[] = {
    [CF_GROUP_PRIVATE] = GROUP("private", private_prefixes),
    [CF_GROUP_LOOPBACK] = GROUP("loopback", loopback_prefixes),
    [CF_GROUP_LINK_LOCAL] = GROUP("link_local", link_local_prefixes),
    [CF_GROUP_METADATA] = GROUP("metadata", metadata_prefixes),
    [CF_GROUP_MULTICAST] = GROUP("multicast", multicast_prefixes),
    [CF_GROUP_ANY] = GROUP("any", any_prefixes),
};
static_assert(sizeof groups / sizeof groups[0] == CF_GROUP_COUNT, "one row for each group");

const char *cf_addr_group_name(enum cf_addr_group group)
{
    return groups[group].name;
}

int cf_addr_group_parse(const char *text, enum cf_addr_group *ret_group)
{
    for (int i = 0; i < CF_GROUP_COUNT; i++) {
        if (strcasecmp(text, groups[i].name) == 0) {
            *ret_group = (enum cf_addr_group)i;
            return 0;
        }
    }
    return -EINVAL;
}

const struct cf_prefix *cf_addr_group_find(enum cf_addr_group group, const struct cf_addr *addr)
{
    const struct cf_prefix *longest = NULL;

    for (size_t i = 0; i < groups[group].n_prefixes; i++) {
        const struct cf_prefix *prefix = &groups[group].prefixes[i];

        if (cf_prefix_contains(prefix, addr) && (!longest || prefix->bits > longest->bits))
            longest = prefix;
    }
    return longest;
}

const struct cf_prefix *cf_addr_group_prefixes(enum cf_addr_group group, size_t *ret_n)
{
    *ret_n = groups[group].n_prefixes;
    return groups[group].prefixes;
}
