/*
 * lint_proxy.c - what the keys of `proxy` ask for and can never have
 *
 * How this works. An entry of `bypass` is held against each endpoint that is
 * allowed: the protocols, ports and hosts of both must meet. An entry by
 * address meets an allow by name only where addresses of names are known here;
 * an entry by name meets an allow by address only where the name can be looked
 * up.
 */
#include "profile/lint_proxy.h"

#include <string.h>

#include "profile/lint_places.h"

static bool is_by_name(const struct cf_endpoint *endpoint)
{
    return endpoint->kind == CF_HOST_NAME || endpoint->kind == CF_HOST_ONE ||
           endpoint->kind == CF_HOST_MANY;
}

bool cf_lint_proxy_transport(const struct cf_profile *profile)
{
    if (cf_proxy_dns(profile) != CF_PROXY_DNS_TUNNEL ||
        profile->dns.transport != CF_TRANSPORT_UDP)
        return false;
    for (size_t i = 0; i < profile->dns.n_servers; i++) {
        if (cf_proxy_dns_tunnels(profile, &profile->dns.servers[i]))
            return true;
    }
    return profile->dns.n_servers == 0 && !profile->proxy.bypass;
}

const struct cf_addr_port *cf_lint_proxy_loopback(const struct cf_profile *profile)
{
    for (size_t i = 0; i < profile->dns.n_servers; i++) {
        const struct cf_addr_port *server = &profile->dns.servers[i];

        if (cf_addr_group_find(CF_GROUP_LOOPBACK, &server->addr) &&
            cf_proxy_dns_tunnels(profile, server))
            return server;
    }
    return NULL;
}

static bool ports_meet(const struct cf_endpoint *a, const struct cf_endpoint *b)
{
    if (a->n_ports == 0 || b->n_ports == 0)
        return true;
    for (size_t i = 0; i < a->n_ports; i++) {
        for (size_t k = 0; k < b->n_ports; k++) {
            if (a->ports[i].first <= b->ports[k].last && b->ports[k].first <= a->ports[i].last)
                return true;
        }
    }
    return false;
}

/* Whether one of the flows that these speak of, hosts apart, is the same. */
static bool flows_meet(const struct cf_endpoint *a, const struct cf_endpoint *b)
{
    unsigned protos = a->protos & b->protos;

    return protos & CF_PROTO_ICMP || (protos && ports_meet(a, b));
}

static bool is_below(const char *name, const char *parent)
{
    size_t length = strlen(name), tail = strlen(parent);

    return length > tail && name[length - tail - 1] == '.' &&
           strcmp(name + length - tail, parent) == 0;
}

/* Both by name: whether some name is held by both. */
static bool names_meet(const struct cf_endpoint *a, const struct cf_endpoint *b)
{
    if (a->kind == CF_HOST_NAME)
        return cf_place_holds_name(b, a->name);
    if (b->kind == CF_HOST_NAME)
        return cf_place_holds_name(a, b->name);
    return strcmp(a->name, b->name) == 0 || (b->kind == CF_HOST_MANY && is_below(a->name, b->name)) ||
           (a->kind == CF_HOST_MANY && is_below(b->name, a->name));
}

static const struct cf_prefix *prefixes_of(const struct cf_endpoint *endpoint, size_t *ret_n)
{
    *ret_n = 1;
    return endpoint->kind == CF_HOST_GROUP ? cf_addr_group_prefixes(endpoint->group, ret_n)
                                           : &endpoint->prefix;
}

static bool prefixes_meet(const struct cf_endpoint *a, const struct cf_endpoint *b)
{
    size_t n_a, n_b;
    const struct cf_prefix *of_a = prefixes_of(a, &n_a), *of_b = prefixes_of(b, &n_b);

    for (size_t i = 0; i < n_a; i++) {
        for (size_t k = 0; k < n_b; k++) {
            if (cf_prefix_contains(&of_a[i], &of_b[k].addr) ||
                cf_prefix_contains(&of_b[k], &of_a[i].addr))
                return true;
        }
    }
    return false;
}

static bool holds_addr(const struct cf_endpoint *endpoint, const struct cf_addr *addr)
{
    size_t n;
    const struct cf_prefix *prefixes = prefixes_of(endpoint, &n);

    for (size_t i = 0; i < n; i++) {
        if (cf_prefix_contains(&prefixes[i], addr))
            return true;
    }
    return false;
}

/* What is asked about one entry. */
struct asking {
    const struct cf_profile *profile;
    const struct cf_endpoint *entry;
    bool allows;      /* there are allows at all: else it is what others extend */
    bool meets;       /* an allow that it surely or perhaps has a part of */
    bool name;        /* a name of it can be looked up */
    bool behind_name; /* an allow by name that meets it in all but the host, which is not known */
    bool by_addr;     /* an allow by address that meets it in all but the host */
};

/* Whether addresses of some name that the allow holds are known here. */
static bool is_resolved_here(const struct asking *asking, const struct cf_endpoint *allow)
{
    const struct cf_profile *profile = asking->profile, *bypass = profile->proxy.bypass;

    if (cf_proxy_dns(profile) != CF_PROXY_DNS_NAMES)
        return true;
    for (size_t i = 0; i < bypass->egress.n_rules; i++) {
        const struct cf_endpoint *other = &bypass->egress.rules[i].endpoint;

        if (is_by_name(other) && names_meet(other, allow))
            return true;
    }
    for (size_t i = 0; i < profile->n_hosts; i++) {
        if (cf_place_holds_name(allow, profile->hosts[i].name))
            return true;
    }
    return false;
}

static void meet(struct asking *asking, const struct cf_endpoint *allow)
{
    const struct cf_endpoint *entry = asking->entry;
    bool flows = flows_meet(entry, allow);

    if (is_by_name(entry) && is_by_name(allow)) {
        bool names = names_meet(entry, allow);

        asking->name = asking->name || names;
        asking->meets = asking->meets || (names && flows);
    } else if (is_by_name(entry)) {
        asking->by_addr = asking->by_addr || flows;
    } else if (is_by_name(allow)) {
        asking->behind_name = asking->behind_name || flows;
        asking->meets = asking->meets || (flows && is_resolved_here(asking, allow));
    } else {
        asking->meets = asking->meets || (flows && prefixes_meet(entry, allow));
    }
}

/* A file of names is not gone through: it may hold any. */
static void meet_names_file(struct asking *asking)
{
    if (is_by_name(asking->entry) || cf_proxy_dns(asking->profile) != CF_PROXY_DNS_NAMES)
        asking->meets = true;
    else
        asking->behind_name = true;
}

static void meet_rule(struct asking *asking, const struct cf_rule *rule)
{
    if (rule->action != CF_ALLOW || cf_rule_is_expired(asking->profile, rule))
        return;
    asking->allows = true;
    if (!rule->list) {
        meet(asking, &rule->endpoint);
        return;
    }
    if (rule->list->names_file)
        meet_names_file(asking);
    for (size_t i = 0; i < rule->list->n_members; i++)
        meet(asking, &rule->list->members[i].endpoint);
}

/* A name of the entry that the policy lets ask for, or has the addresses of. */
static bool is_looked_up(const struct asking *asking)
{
    const struct cf_profile *profile = asking->profile;

    if (asking->name || profile->dns.filter == CF_DNS_FILTER_ANY)
        return true;
    for (size_t i = 0; i < profile->n_hosts; i++) {
        if (cf_place_holds_name(asking->entry, profile->hosts[i].name))
            return true;
    }
    return false;
}

/* The entry is about servers: those of the host are not known here. */
static bool holds_server(const struct asking *asking)
{
    const struct cf_profile *profile = asking->profile;

    if (is_by_name(asking->entry) || cf_proxy_dns(profile) != CF_PROXY_DNS_TUNNEL)
        return false;
    for (size_t i = 0; i < profile->dns.n_servers; i++) {
        if (holds_addr(asking->entry, &profile->dns.servers[i].addr))
            return true;
    }
    return profile->dns.n_servers == 0;
}

enum cf_bypass_use cf_lint_bypass(const struct cf_profile *profile, const struct cf_rule *entry)
{
    struct asking asking = { .profile = profile, .entry = &entry->endpoint };

    if (profile->egress.fallback == CF_ALLOW || holds_server(&asking))
        return CF_BYPASS_USED;
    for (size_t i = 0; i < profile->egress.n_rules && !asking.meets; i++)
        meet_rule(&asking, &profile->egress.rules[i]);
    if (!asking.allows || asking.meets || (asking.by_addr && is_looked_up(&asking)))
        return CF_BYPASS_USED;
    return asking.behind_name ? CF_BYPASS_UNKNOWN : CF_BYPASS_DENIED;
}
