/*
 * proxy.c - which flows go through the proxy
 *
 * The entries of `bypass` are the rules of a profile of their own, so that
 * names, wildcards and prefixes match by the index that verdicts ask.
 */
#include "profile/proxy.h"

#include <stdlib.h>
#include <string.h>

#include "profile/index.h"
#include "profile/profile.h"
#include "profile/verdict.h"

void cf_proxy_done(struct cf_proxy *proxy)
{
    cf_proxy_url_done(&proxy->url);
    free(proxy->username);
    free(proxy->password_env);
    free(proxy->password_file);
    free(proxy->ca_file);
    free(proxy->ca_text);
    cf_profile_free(proxy->bypass);
    *proxy = (struct cf_proxy) { 0 };
}

/* The entry that holds the name for this flow, or for any when flow is NULL; NULL: none. */
static const struct cf_rule *find_name(const struct cf_index *index, const char *name,
                                       const struct cf_flow_query *flow)
{
    static const struct cf_asker anyone;
    struct cf_name_hit hits[CF_NAME_HITS_MAX];
    unsigned n = cf_index_names(index, name, strlen(name), hits);

    for (unsigned i = 0; i < n; i++) {
        const struct cf_node *node = cf_index_node(index, hits[i].node);
        const struct cf_item *first[2];

        if (flow)
            cf_node_find(node, &anyone, flow->proto, flow->port, first);
        else
            cf_node_find_any(node, &anyone, first);
        if (first[CF_ALLOW])
            return first[CF_ALLOW]->rule;
    }
    return NULL;
}

static const struct cf_rule *find_addr(const struct cf_index *index,
                                       const struct cf_flow_query *flow)
{
    static const struct cf_asker anyone;
    const struct cf_node *node = cf_index_addr(index, &flow->dst);

    for (; node; node = cf_index_parent(index, node)) {
        const struct cf_item *first[2];

        cf_node_find(node, &anyone, flow->proto, flow->port, first);
        if (first[CF_ALLOW])
            return first[CF_ALLOW]->rule;
    }
    return NULL;
}

/* The entry of the first name that was asked for, when each of them has one. */
static const struct cf_rule *find_names(const struct cf_index *index,
                                        const struct cf_flow_query *flow)
{
    const struct cf_rule *first = NULL;

    for (size_t i = 0; i < flow->n_names; i++) {
        const struct cf_rule *rule;

        if (flow->names[i].alias)
            continue;
        rule = find_name(index, flow->names[i].name, flow);
        if (!rule)
            return NULL;
        if (!first)
            first = rule;
    }
    return first;
}

static const struct cf_rule *find_bypass(const struct cf_index *index,
                                         const struct cf_flow_query *flow)
{
    const struct cf_rule *rule = NULL;

    if (flow->dst.family != CF_FAMILY_NONE)
        rule = find_addr(index, flow);
    return rule ? rule : find_names(index, flow);
}

enum cf_route cf_proxy_route(const struct cf_profile *profile, const struct cf_flow_query *query,
                             const struct cf_rule **ret_bypass)
{
    const struct cf_proxy *proxy = &profile->proxy;
    const struct cf_rule *rule = NULL;

    if (proxy->url.scheme != CF_PROXY_NONE && proxy->bypass)
        rule = find_bypass(proxy->bypass->index, query);
    if (ret_bypass)
        *ret_bypass = rule;
    if (proxy->url.scheme == CF_PROXY_NONE || rule)
        return CF_ROUTE_DIRECT;
    if (query->proto == CF_PROTO_TCP ||
        (query->proto == CF_PROTO_UDP && cf_proxy_takes_udp(proxy->url.scheme)))
        return CF_ROUTE_PROXY;
    return proxy->require ? CF_ROUTE_REQUIRED : CF_ROUTE_DIRECT;
}

bool cf_proxy_bypasses_name(const struct cf_profile *profile, const char *name)
{
    const struct cf_profile *bypass = profile->proxy.bypass;

    return bypass && find_name(bypass->index, name, NULL) != NULL;
}

enum cf_proxy_dns cf_proxy_dns(const struct cf_profile *profile)
{
    const struct cf_proxy *proxy = &profile->proxy;

    if (proxy->url.scheme == CF_PROXY_NONE || !proxy->require)
        return CF_PROXY_DNS_DIRECT;
    return cf_proxy_takes_names(proxy->url.scheme) && profile->dns.n_servers == 0
               ? CF_PROXY_DNS_NAMES
               : CF_PROXY_DNS_TUNNEL;
}

bool cf_proxy_resolves_name(const struct cf_profile *profile, const char *name)
{
    return cf_proxy_dns(profile) == CF_PROXY_DNS_NAMES && !cf_proxy_bypasses_name(profile, name);
}

bool cf_proxy_bypasses_names(const struct cf_profile *profile)
{
    const struct cf_profile *bypass = profile->proxy.bypass;

    for (size_t i = 0; bypass && i < bypass->egress.n_rules; i++) {
        enum cf_host_kind kind = bypass->egress.rules[i].endpoint.kind;

        if (kind == CF_HOST_NAME || kind == CF_HOST_ONE || kind == CF_HOST_MANY)
            return true;
    }
    return false;
}

bool cf_proxy_dns_tunnels(const struct cf_profile *profile, const struct cf_addr_port *server)
{
    struct cf_flow_query query = { .dst = server->addr, .port = server->port };
    const struct cf_rule *udp, *tcp;

    if (cf_proxy_dns(profile) != CF_PROXY_DNS_TUNNEL)
        return false;
    query.proto = CF_PROTO_UDP;
    (void)cf_proxy_route(profile, &query, &udp);
    query.proto = CF_PROTO_TCP;
    (void)cf_proxy_route(profile, &query, &tcp);
    return !udp || !tcp;
}
