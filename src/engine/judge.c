/*
 * judge.c - where a flow wants to go, and whether it may
 */
#include "engine/judge.h"

#include <string.h>

#include "base/hash.h"
#include "netlink/gateway.h"

#define PORT_HTTP 80
#define PORT_HTTPS 443

struct range {
    uint8_t bytes[16];
    uint8_t bits;
};

static const struct range never_ipv4[] = {
    { { 0 }, 8 },   /* "this network", RFC 1122 */
    { { 127 }, 8 }, /* loopback */
    { { 224 }, 4 }, /* multicast, RFC 5771 */
    { { 240 }, 4 }, /* reserved, and the broadcast address */
};

static const struct range never_ipv6[] = {
    { { 0 }, 96 }, /* unspecified, loopback, IPv4-compatible (RFC 4291, 2.5.5.1) */
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 }, /* IPv4-mapped */
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 },       /* IPv4-translated, RFC 2765 */
    { { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48 },       /* local NAT64, RFC 8215 */
    { { 0x20, 0x01, 0x00, 0x00 }, 32 },                   /* Teredo, RFC 4380 */
    { { 0xfe, 0x80 }, 10 },                               /* link-local: no link but ours */
    { { 0xff }, 8 },                                      /* multicast */
};

/* Prefixes with an IPv4 address inside that honest hosts use: judged by what is inside. */
static const struct {
    struct range range;
    size_t offset; /* of the IPv4 address */
} carriers[] = {
    { { { 0x00, 0x64, 0xff, 0x9b }, 96 }, 12 }, /* NAT64, RFC 6052 */
    { { { 0x20, 0x02 }, 16 }, 2 },              /* 6to4, RFC 3056 */
};

static bool in_range(const struct cf_addr *addr, const struct range *range, uint8_t family)
{
    struct cf_prefix prefix = { .addr.family = family, .bits = range->bits };

    memcpy(prefix.addr.bytes, range->bytes, sizeof prefix.addr.bytes);
    return cf_prefix_contains(&prefix, addr);
}

static bool in_text_prefix(const struct cf_addr *addr, const char *text, uint8_t bits)
{
    struct cf_prefix prefix = { .bits = bits };

    if (cf_addr_parse(text, &prefix.addr) < 0)
        return false;
    cf_addr_mask(&prefix.addr, bits);
    return cf_prefix_contains(&prefix, addr);
}

static bool on_link(const struct cf_addr *addr)
{
    return in_text_prefix(addr, CF_GATEWAY_IPV4, CF_LINK_IPV4_BITS) ||
           in_text_prefix(addr, CF_GATEWAY_IPV6, CF_LINK_IPV6_BITS);
}

static bool is_gateway(const struct cf_addr *addr)
{
    return in_text_prefix(addr, CF_GATEWAY_IPV4, 32) || in_text_prefix(addr, CF_GATEWAY_IPV6, 128);
}

/* True for what an IPv6 address must not carry inside: no packet to it is honest. */
static bool never_inside(const struct cf_addr *ipv4)
{
    return cf_destination_never(ipv4) || on_link(ipv4) ||
           cf_addr_group_find(CF_GROUP_PRIVATE, ipv4) ||
           cf_addr_group_find(CF_GROUP_LINK_LOCAL, ipv4) ||
           cf_addr_group_find(CF_GROUP_METADATA, ipv4);
}

static bool never6(const struct cf_addr *addr)
{
    for (size_t i = 0; i < sizeof never_ipv6 / sizeof *never_ipv6; i++) {
        if (in_range(addr, &never_ipv6[i], CF_FAMILY_IPV6))
            return true;
    }
    for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++) {
        struct cf_addr inside = cf_addr_from_ipv4(addr->bytes + carriers[i].offset);

        if (in_range(addr, &carriers[i].range, CF_FAMILY_IPV6) && never_inside(&inside))
            return true;
    }
    return false;
}

bool cf_destination_never(const struct cf_addr *addr)
{
    if (on_link(addr))
        return !is_gateway(addr);
    if (addr->family == CF_FAMILY_IPV6)
        return never6(addr);
    if (addr->family != CF_FAMILY_IPV4)
        return true;
    for (size_t i = 0; i < sizeof never_ipv4 / sizeof *never_ipv4; i++) {
        if (in_range(addr, &never_ipv4[i], CF_FAMILY_IPV4))
            return true;
    }
    return false;
}

bool cf_destination_multicast(const struct cf_addr *addr)
{
    static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

    if (addr->family == CF_FAMILY_IPV6)
        return addr->bytes[0] == 0xff;
    return (addr->bytes[0] & 0xf0) == 224 || memcmp(addr->bytes, broadcast, 4) == 0;
}

/* The rule of this port of host_ports, or NULL. */
static const struct cf_rule *host_port_find(const struct cf_profile *profile, uint16_t port)
{
    for (size_t i = 0; i < profile->egress.n_host_ports; i++) {
        if (profile->egress.host_ports[i] == port)
            return &profile->egress.host_port_rules[i];
    }
    return NULL;
}

static void judge_gateway(const struct cf_profile *profile, enum cf_proto proto,
                          struct cf_judgement *judgement)
{
    static const uint8_t loopback[4] = { 127, 0, 0, 1 };
    const struct cf_rule *rule = NULL;

    if (proto != CF_PROTO_ICMP)
        rule = host_port_find(profile, judgement->target.port);
    if (!rule) {
        judgement->destination = CF_DESTINATION_GATEWAY;
        cf_judge_deny(judgement, CF_REASON_DEFAULT);
        return;
    }
    judgement->destination = CF_DESTINATION_HOST;
    judgement->verdict = (struct cf_verdict) { CF_ALLOW, false, CF_REASON_RULE, rule };
    judgement->target.addr = cf_addr_from_ipv4(loopback);
}

void cf_judge_deny(struct cf_judgement *judgement, enum cf_reason reason)
{
    judgement->verdict = (struct cf_verdict) { CF_DENY, false, reason, NULL };
}

/*
 * The name that the proxy is given, newest first: one by which the same rule allows
 * the flow. A name that `hosts` pins says an address, and means that one.
 */
static const char *proxy_name_find(const struct cf_profile *profile,
                                   const struct cf_flow_query *query,
                                   const struct cf_verdict *verdict)
{
    struct cf_flow_query alone = *query;
    struct cf_verdict same;

    if (!cf_proxy_takes_names(profile->proxy.url.scheme) || verdict->would_deny ||
        !cf_verdict_is_by_name(verdict))
        return NULL;
    alone.n_names = 1;
    for (size_t i = 0; i < query->n_names; i++) {
        alone.names = &query->names[i];
        if (alone.names->alias || alone.names->pinned)
            continue;
        cf_verdict_flow(profile, &alone, &same);
        if (cf_verdict_is_clean(&same) && same.rule == verdict->rule)
            return alone.names->name;
    }
    return NULL;
}

static void judge_route(const struct cf_profile *profile, const struct cf_flow_query *query,
                        struct cf_judgement *judgement)
{
    if (profile->proxy.url.scheme == CF_PROXY_NONE || judgement->verdict.action != CF_ALLOW ||
        cf_proxy_route(profile, query, NULL) != CF_ROUTE_PROXY)
        return;
    judgement->route = CF_ROUTE_PROXY;
    judgement->proxy_name = proxy_name_find(profile, query, &judgement->verdict);
}

/*
 * The proxy is given the one name, whatever rule allows it: there is no address. So what
 * audit mode lets through and the proxy has no way for has nowhere to go.
 */
static void judge_standin(const struct cf_profile *profile, const struct cf_flow_query *query,
                          struct cf_judgement *judgement)
{
    if (judgement->verdict.action != CF_ALLOW)
        return;
    if (cf_proxy_route(profile, query, NULL) != CF_ROUTE_PROXY) {
        cf_judge_deny(judgement, CF_REASON_PROXY_REQUIRED);
        return;
    }
    judgement->route = CF_ROUTE_PROXY;
    judgement->proxy_name = judgement->names[0].name;
}

void cf_judge(const struct cf_profile *profile, const struct cf_names *names, int64_t now_us,
              enum cf_proto proto, const struct cf_addr_port *dst, const char *exe,
              struct cf_judgement *ret_judgement)
{
    struct cf_judgement *judgement = ret_judgement;
    bool standin = cf_names_is_standin(names, &dst->addr);
    struct cf_flow_query query = {
        .proto = proto, .dst = dst->addr, .port = dst->port, .exe = exe
    };

    judgement->target = *dst;
    judgement->route = CF_ROUTE_DIRECT;
    judgement->proxy_name = NULL;
    judgement->n_names = 0;
    if (cf_destination_never(&dst->addr)) {
        judgement->destination = CF_DESTINATION_NEVER;
        cf_judge_deny(judgement, CF_REASON_DEFAULT);
        return;
    }
    judgement->n_names =
        cf_names_find(names, &dst->addr, now_us, judgement->names, judgement->dns_ids);
    if (is_gateway(&dst->addr)) {
        judge_gateway(profile, proto, judgement);
        return;
    }
    if (standin && judgement->n_names == 0) {
        judgement->destination = CF_DESTINATION_NEVER;
        cf_judge_deny(judgement, CF_REASON_DEFAULT);
        return;
    }
    judgement->destination = CF_DESTINATION_WORLD;
    if (standin)
        query.dst = judgement->target.addr = (struct cf_addr) { .family = CF_FAMILY_NONE };
    query.names = judgement->names;
    query.n_names = judgement->n_names;
    cf_verdict_flow(profile, &query, &judgement->verdict);
    if (standin)
        judge_standin(profile, &query, judgement);
    else
        judge_route(profile, &query, judgement);
}

bool cf_judge_must_show(const struct cf_profile *profile, enum cf_proto proto,
                        const struct cf_judgement *judgement)
{
    uint16_t port = judgement->target.port;

    return profile->egress.verify_names && proto == CF_PROTO_TCP &&
           (port == PORT_HTTPS || port == PORT_HTTP) &&
           judgement->destination == CF_DESTINATION_WORLD &&
           cf_verdict_is_clean(&judgement->verdict) && cf_verdict_is_by_name(&judgement->verdict);
}

enum cf_reason cf_judge_shown(const struct cf_profile *profile, uint16_t port, const char *exe,
                              const struct cf_hello *hello)
{
    struct cf_flow_name name = { .name = hello->name };
    struct cf_flow_query query = { .proto = CF_PROTO_TCP, .port = port, .exe = exe };
    struct cf_verdict verdict;

    if (hello->addr.family != CF_FAMILY_NONE) {
        if (cf_destination_never(&hello->addr))
            return CF_REASON_NAME_MISMATCH;
        query.dst = hello->addr;
    } else if (hello->name[0]) {
        name.pinned = cf_profile_host_find(profile, hello->name) != NULL;
        query.names = &name;
        query.n_names = 1;
    } else {
        return CF_REASON_NAME_MISMATCH;
    }
    cf_verdict_flow(profile, &query, &verdict);
    return cf_verdict_is_clean(&verdict) ? CF_REASON_RULE : CF_REASON_NAME_MISMATCH;
}
