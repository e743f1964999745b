/*
 * lint_ask.c - questions that between them try all that a rule speaks of
 *
 * How this works. A verdict depends on a flow's host, protocol, port and
 * program. Each is asked where the answer can change:
 *
 *   host      a name: itself. `*.x`: a label that no rule knows under x; what is
 *             more specific than the wildcard wins over it or does not cover
 *             the flow, so those names teach nothing. `**.x`: one label, and two.
 *             A prefix: an address of it that no longer prefix of another rule
 *             holds, then one for each of those prefixes inside it. A group of
 *             endpoints: its members, and the names of its file.
 *   address   of a name: one of each family that no rule singles out. Where
 *             rules by address both allow and deny follows, since there a name
 *             may be allowed that a denial stops elsewhere, and what `hosts`
 *             pins to the name.
 *   port      the first of each of the rule's ranges, and within them the
 *             first and the one behind the last of every range of a rule that
 *             speaks of the same name or address. Of port 53, the resolver's,
 *             nothing is asked.
 *   program   paths that the rule's glob matches, with several texts for each
 *             wildcard, and those of other rules' globs that it matches too.
 *
 * Most questions are settled by the first port and program, so these are
 * asked before the others are gathered.
 */
#include "profile/lint_ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/encrypted.h"
#include "profile/lint_steps.h"
#include "profile/match.h"
#include "profile/name_set.h"

/* One place that is asked about. */
struct place {
    const struct cf_rule *rule;
    const struct cf_endpoint *endpoint;
    struct cf_flow_query query; /* dst and names are set */
    struct cf_flow_name name;
    size_t node; /* that holds dst */
    cf_ask_fn *fn;
    void *data;
};

static bool spend(struct cf_asker *asker, uint64_t steps)
{
    if (asker->left < steps) {
        asker->left = 0;
        return false;
    }
    asker->left -= steps;
    return true;
}

/* Programs. */

/* What comparing a glob with a path costs, beside a verdict. */
#define GLOB_STEPS 4

/* Add those of some programs that the rule is for. */
static bool exes_choose(struct cf_asker *asker, const struct cf_rule *rule, size_t first, size_t n)
{
    if (!spend(asker, n * (rule->exe ? GLOB_STEPS : 1)))
        return false;
    for (size_t i = first; i < first + n; i++) {
        if (cf_rule_is_for(rule, asker->exes.list[i].path))
            asker->mine[asker->n_mine++] = asker->exes.list[i].path;
    }
    return true;
}

/* Once for each rule: the programs of other rules, and an unknown one. */
static bool exes_complete(struct cf_asker *asker, const struct cf_rule *rule)
{
    size_t first, n;

    if (asker->has_all)
        return true;
    asker->has_all = true;
    cf_lint_exes_own(&asker->exes, rule, &first, &n);
    if (!exes_choose(asker, rule, 0, first) ||
        !exes_choose(asker, rule, first + n, asker->exes.n - first - n))
        return false;
    if (cf_rule_is_for(rule, NULL))
        asker->mine[asker->n_mine++] = NULL;
    return true;
}

static void port_mark(uint8_t *seen, size_t port, size_t *n)
{
    if (port <= UINT16_MAX && !seen[port]) {
        seen[port] = 1;
        ++*n;
    }
}

static int name_ports_find(struct cf_asker *asker)
{
    cf_auto_free uint8_t *seen = calloc(UINT16_MAX + 1, 1);
    size_t n = 0;

    if (!seen)
        return -ENOMEM;
    for (size_t i = 0; i < asker->places.n_by_name; i++) {
        const struct cf_endpoint *endpoint = asker->places.by_name[i].endpoint;

        for (size_t k = 0; k < endpoint->n_ports; k++) {
            port_mark(seen, endpoint->ports[k].first, &n);
            port_mark(seen, endpoint->ports[k].last + (size_t)1, &n);
        }
    }
    asker->name_ports = calloc(n + 1, sizeof *asker->name_ports);
    if (!asker->name_ports)
        return -ENOMEM;
    for (size_t port = 0; port <= UINT16_MAX; port++) {
        if (seen[port])
            asker->name_ports[asker->n_name_ports++] = (uint16_t)port;
    }
    return 0;
}

int cf_asker_init(struct cf_asker *asker, const struct cf_profile *profile, uint64_t budget)
{
    int r;

    *asker = (struct cf_asker) { .profile = profile, .left = budget };
    r = cf_places_init(&asker->places, profile);
    if (r == 0)
        r = name_ports_find(asker);
    if (r == 0)
        r = cf_lint_exes_init(&asker->exes, profile);
    asker->mine = calloc(asker->exes.n + 1, sizeof(const char *));
    if (r == 0 && !asker->mine)
        r = -ENOMEM;
    if (r < 0)
        cf_asker_done(asker);
    return r;
}

void cf_asker_done(struct cf_asker *asker)
{
    cf_places_done(&asker->places);
    cf_lint_exes_done(&asker->exes);
    free(asker->mine);
    free(asker->ports);
    free(asker->name_ports);
    *asker = (struct cf_asker) { 0 };
}

/* Ports. */

struct gathering {
    struct cf_asker *asker;
    const struct cf_endpoint *within;
};

static bool has_port(const struct cf_endpoint *endpoint, uint16_t port)
{
    for (size_t i = 0; i < endpoint->n_ports; i++) {
        if (port >= endpoint->ports[i].first && port <= endpoint->ports[i].last)
            return true;
    }
    return endpoint->n_ports == 0;
}

static void port_add(struct gathering *gathering, uint32_t port)
{
    struct cf_asker *asker = gathering->asker;

    if (port > UINT16_MAX || !has_port(gathering->within, (uint16_t)port))
        return;
    if (asker->n_ports == asker->ports_capacity) {
        size_t capacity = asker->ports_capacity ? asker->ports_capacity * 2 : 64;
        uint16_t *grown = realloc(asker->ports, capacity * sizeof *grown);

        if (!grown) {
            asker->out_of_memory = true;
            return;
        }
        asker->ports = grown;
        asker->ports_capacity = capacity;
    }
    asker->ports[asker->n_ports++] = (uint16_t)port;
}

static void gather_ports(const struct cf_place_entry *entry, void *data)
{
    struct gathering *gathering = data;

    if (!spend(gathering->asker, 1 + entry->endpoint->n_ports))
        return;
    for (size_t i = 0; i < entry->endpoint->n_ports; i++) {
        port_add(gathering, entry->endpoint->ports[i].first);
        port_add(gathering, entry->endpoint->ports[i].last + 1u);
    }
}

/* An allow by address may lift a denial only for flows that a name speaks for. */
static void gather_name_ports(struct gathering *gathering)
{
    struct cf_asker *asker = gathering->asker;

    for (size_t i = 0; i < asker->n_name_ports && spend(asker, 1); i++)
        port_add(gathering, asker->name_ports[i]);
}

static int compare_ports(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/* Every port of the endpoint at which a verdict at this place can change. */
static void ports_gather(struct cf_asker *asker, const struct place *place)
{
    struct gathering gathering = { .asker = asker, .within = place->endpoint };
    size_t n = 0;

    asker->n_ports = 0;
    if (place->endpoint->n_ports == 0)
        port_add(&gathering, 1);
    for (size_t i = 0; i < place->endpoint->n_ports; i++)
        port_add(&gathering, place->endpoint->ports[i].first);
    port_add(&gathering, CF_DNS_PORT + 1);
    if (asker->profile->dns.block_encrypted)
        port_add(&gathering, CF_ENCRYPTED_DNS_PORT + 1);
    port_add(&gathering, asker->profile->egress.quic == CF_DENY ? CF_QUIC_PORT + 1 : CF_QUIC_PORT);
    if (place->query.n_names > 0)
        cf_places_each_name(&asker->places, place->name.name, gather_ports, &gathering);
    else if (place->rule->action == CF_ALLOW && asker->places.nodes[place->node].denies)
        gather_name_ports(&gathering);
    cf_places_each_addr(&asker->places, place->node, gather_ports, &gathering);
    if (asker->n_ports == 0)
        return;
    qsort(asker->ports, asker->n_ports, sizeof *asker->ports, compare_ports);
    for (size_t i = 0; i < asker->n_ports; i++) {
        if (n == 0 || asker->ports[n - 1] != asker->ports[i])
            asker->ports[n++] = asker->ports[i];
    }
    asker->n_ports = n;
}

/* Questions. Each of these returns true when it is to stop: fn said so, or nothing is left. */

static bool ask(struct cf_asker *asker, struct place *place, enum cf_proto proto, uint16_t port,
                const char *exe)
{
    if (!(place->endpoint->protos & (unsigned)proto) || cf_flow_is_for_resolver(proto, port))
        return false;
    place->query.proto = proto;
    place->query.port = proto == CF_PROTO_ICMP ? 0 : port;
    place->query.exe = exe;
    place->query.names = &place->name;
    return asker->left == 0 || place->fn(asker, &place->query, place->data) || asker->left == 0;
}

static bool ask_port(struct cf_asker *asker, struct place *place, uint16_t port, const char *exe)
{
    return ask(asker, place, CF_PROTO_TCP, port, exe) || ask(asker, place, CF_PROTO_UDP, port, exe);
}

static bool ask_place(struct cf_asker *asker, struct place *place)
{
    uint16_t first = place->endpoint->n_ports > 0 ? place->endpoint->ports[0].first : 1;

    if (asker->n_mine == 0)
        return false;
    if (ask_port(asker, place, first, asker->mine[0]))
        return true;
    ports_gather(asker, place);
    if (asker->out_of_memory || !exes_complete(asker, place->rule))
        return true;
    for (size_t e = 0; e < asker->n_mine; e++) {
        if (ask(asker, place, CF_PROTO_ICMP, 0, asker->mine[e]))
            return true;
        for (size_t i = 0; i < asker->n_ports; i++) {
            if (ask_port(asker, place, asker->ports[i], asker->mine[e]))
                return true;
        }
    }
    return false;
}

static bool ask_node(struct cf_asker *asker, struct place *place, size_t node)
{
    place->node = node;
    place->query.dst = asker->places.nodes[node].gap;
    return asker->places.nodes[node].has_gap && ask_place(asker, place);
}

/* A name with each address at which the rules by address differ. */
static bool ask_nodes(struct cf_asker *asker, struct place *place)
{
    for (size_t i = 0; i < asker->places.n_telling; i++) {
        if (!spend(asker, 1) || ask_node(asker, place, asker->places.telling[i]))
            return true;
    }
    return false;
}

static bool ask_pinned_host(struct cf_asker *asker, struct place *place, const struct cf_host *host)
{
    place->name.name = host->name;
    place->name.pinned = true;
    for (size_t i = 0; i < host->n_addrs; i++) {
        place->query.dst = host->addrs[i];
        place->node = cf_places_find_addr(&asker->places, &host->addrs[i]);
        if (ask_place(asker, place))
            return true;
    }
    place->name.pinned = false;
    return false;
}

/* The names of `hosts` that the endpoint holds, with their addresses. */
static bool ask_pinned(struct cf_asker *asker, struct place *place)
{
    const struct cf_profile *profile = asker->profile;
    const struct cf_host *host;

    if (place->endpoint->kind == CF_HOST_NAME) {
        host = cf_profile_host_find(profile, place->endpoint->name);
        return host && ask_pinned_host(asker, place, host);
    }
    if (!spend(asker, profile->n_hosts))
        return true;
    for (size_t i = 0; i < profile->n_hosts; i++) {
        if (cf_place_holds_name(place->endpoint, profile->hosts[i].name) &&
            ask_pinned_host(asker, place, &profile->hosts[i]))
            return true;
    }
    return false;
}

static bool is_known(const struct cf_asker *asker, const char *name)
{
    return cf_places_have_name(&asker->places, name) || cf_profile_host_find(asker->profile, name);
}

/* A name below parent that nothing in the profile singles out; false when it would be too long. */
static bool fresh_name(const struct cf_asker *asker, const char *parent, char name[CF_NAME_SIZE])
{
    for (unsigned i = 0; i < 1000000; i++) {
        int n = snprintf(name, CF_NAME_SIZE, "x%u.%s", i, parent);

        if (n < 0 || n >= CF_NAME_SIZE)
            return false;
        if (!is_known(asker, name))
            return true;
    }
    return false;
}

/* A name of the endpoint that only wildcards hold. labels: more than its text has */
static bool name_make(const struct cf_asker *asker, const struct cf_endpoint *endpoint,
                      unsigned labels, char name[CF_NAME_SIZE])
{
    char parent[CF_NAME_SIZE];

    snprintf(name, CF_NAME_SIZE, "%s", endpoint->name);
    for (unsigned i = 0; i < labels; i++) {
        memcpy(parent, name, CF_NAME_SIZE);
        if (!fresh_name(asker, parent, name))
            return false;
    }
    return true;
}

/* sure: cleared when no name could be made */
static bool ask_names(struct cf_asker *asker, struct place *place, bool *sure)
{
    unsigned least = place->endpoint->kind == CF_HOST_NAME ? 0 : 1;
    unsigned most = place->endpoint->kind == CF_HOST_MANY ? 2 : least;
    char name[CF_NAME_SIZE];

    place->query.n_names = 1;
    for (unsigned labels = least; labels <= most; labels++) {
        place->name.name = name;
        if (!name_make(asker, place->endpoint, labels, name))
            *sure = false;
        else if (ask_nodes(asker, place))
            return true;
    }
    return ask_pinned(asker, place);
}

static bool ask_prefix(struct cf_asker *asker, struct place *place, const struct cf_prefix *prefix)
{
    size_t node = cf_places_find(&asker->places, prefix), end;

    if (node == CF_PLACE_NONE)
        return false;
    end = asker->places.nodes[node].end;
    for (; node < end; node++) {
        if (!spend(asker, 1) || ask_node(asker, place, node))
            return true;
    }
    return false;
}

static bool ask_endpoint(struct cf_asker *asker, struct place *place, bool *sure)
{
    const struct cf_prefix *prefixes = &place->endpoint->prefix;
    size_t n = 1;

    place->query = (struct cf_flow_query) { 0 };
    place->name = (struct cf_flow_name) { 0 };
    if (place->endpoint->kind != CF_HOST_PREFIX && place->endpoint->kind != CF_HOST_GROUP)
        return ask_names(asker, place, sure);
    if (place->endpoint->kind == CF_HOST_GROUP)
        prefixes = cf_addr_group_prefixes(place->endpoint->group, &n);
    for (size_t i = 0; i < n; i++) {
        if (ask_prefix(asker, place, &prefixes[i]))
            return true;
    }
    return false;
}

/*
 * The next name of a group's file as an endpoint; false at the end. at: 0 to
 * begin with; name: memory for the endpoint's
 */
static bool file_next(struct cf_asker *asker, const struct cf_group *group, uint64_t *at,
                      char name[CF_NAME_SIZE], struct cf_endpoint *ret_endpoint)
{
    struct cf_name_key key;

    while (group->n_names > 0 && spend(asker, 1) &&
           cf_name_set_next(asker->profile->names, at, &key)) {
        if (key.owner != CF_NAME_OF_GROUP + group->number || key.length >= CF_NAME_SIZE)
            continue;
        memcpy(name, key.name, key.length);
        name[key.length] = '\0';
        *ret_endpoint = (struct cf_endpoint) {
            .protos = CF_PROTO_TCP | CF_PROTO_UDP,
            .kind = key.kind,
            .name = name,
        };
        return true;
    }
    return false;
}

/* Every name of a group's file. */
static bool ask_file(struct cf_asker *asker, struct place *place, const struct cf_group *group,
                     bool *sure)
{
    struct cf_endpoint endpoint;
    char name[CF_NAME_SIZE];
    uint64_t at = 0;

    place->endpoint = &endpoint;
    while (file_next(asker, group, &at, name, &endpoint)) {
        if (ask_endpoint(asker, place, sure))
            return true;
    }
    return false;
}

static bool ask_rule(struct cf_asker *asker, struct place *place, bool *sure)
{
    const struct cf_group *group;

    if (place->rule->endpoint.kind != CF_HOST_LIST)
        return ask_endpoint(asker, place, sure);
    group = cf_profile_group_find(asker->profile, place->rule->endpoint.name);
    for (size_t i = 0; group && i < group->n_members; i++) {
        place->endpoint = &group->members[i].endpoint;
        if (ask_endpoint(asker, place, sure))
            return true;
    }
    return group && ask_file(asker, place, group, sure);
}

enum cf_ask_end cf_ask_each(struct cf_asker *asker, const struct cf_rule *rule, cf_ask_fn *fn,
                            void *data)
{
    struct place place = {
        .rule = rule,
        .endpoint = &rule->endpoint,
        .fn = fn,
        .data = data,
    };
    bool sure = true, stopped;
    size_t first, n;

    asker->n_mine = 0;
    asker->has_all = false;
    cf_lint_exes_own(&asker->exes, rule, &first, &n);
    if (!exes_choose(asker, rule, first, n))
        return CF_ASK_EXHAUSTED;
    if (asker->n_mine == 0)
        sure = false;
    stopped = ask_rule(asker, &place, &sure);
    if (asker->left == 0 || asker->out_of_memory)
        return CF_ASK_EXHAUSTED;
    return stopped ? CF_ASK_STOPPED : sure ? CF_ASK_DONE : CF_ASK_UNSURE;
}

bool cf_ask_is_denied(struct cf_asker *asker, const struct cf_flow_query *query,
                      struct cf_verdict *ret_verdict)
{
    spend(asker, 1 + (asker->exes.n_globs ? cf_lint_flow_steps(asker->profile, query) : 0));
    cf_verdict_flow(asker->profile, query, ret_verdict);
    return ret_verdict->action == CF_DENY || ret_verdict->would_deny;
}

bool cf_ask_is_name_denied(struct cf_asker *asker, const struct cf_name_query *query,
                           struct cf_verdict *ret_verdict)
{
    spend(asker, 1 + (asker->exes.n_globs ? cf_lint_name_steps(asker->profile, query) : 0));
    cf_verdict_name(asker->profile, query, ret_verdict);
    return ret_verdict->action == CF_DENY || ret_verdict->would_deny;
}

/* A search for a flow whose denial an allow by address lifts. */
struct lifting {
    struct cf_asker *asker;
    const struct cf_rule *rule;
    const struct cf_flow_query *query;
    const struct cf_rule *denial;
    bool lifts;
};

/* Try a name that some rule allows. Returns whether that settled it. */
static bool lift_by(struct lifting *lifting, const struct cf_endpoint *endpoint)
{
    struct cf_flow_query named = *lifting->query;
    char text[CF_NAME_SIZE];
    struct cf_flow_name name = { .name = text };
    struct cf_verdict verdict;

    if (!(endpoint->protos & (unsigned)named.proto) || !has_port(endpoint, named.port) ||
        !name_make(lifting->asker, endpoint, endpoint->kind == CF_HOST_NAME ? 0 : 1, text))
        return false;
    named.names = &name;
    named.n_names = 1;
    /* Denied in spite of a name that is allowed: no tie, whatever the name. */
    if (cf_ask_is_denied(lifting->asker, &named, &verdict))
        return verdict.rule == lifting->denial;
    named.without = lifting->rule;
    lifting->lifts = cf_ask_is_denied(lifting->asker, &named, &verdict);
    return true;
}

static bool lift_by_file(struct lifting *lifting, const struct cf_rule *by)
{
    const struct cf_profile *profile = lifting->asker->profile;
    const struct cf_group *group = NULL;
    struct cf_endpoint endpoint;
    char name[CF_NAME_SIZE];
    uint64_t at = 0;

    if (by->endpoint.kind == CF_HOST_LIST)
        group = cf_profile_group_find(profile, by->endpoint.name);
    while (group && file_next(lifting->asker, group, &at, name, &endpoint)) {
        if (lift_by(lifting, &endpoint))
            return true;
    }
    return false;
}

bool cf_ask_lifts(struct cf_asker *asker, const struct cf_rule *rule,
                  const struct cf_flow_query *query, const struct cf_rule *denial)
{
    const struct cf_profile *profile = asker->profile;
    struct lifting lifting = { .asker = asker, .rule = rule, .query = query, .denial = denial };

    for (size_t i = 0; i < asker->places.n_by_name && spend(asker, 1); i++) {
        const struct cf_place_entry *by = &asker->places.by_name[i];

        if (by->rule->action == CF_ALLOW && cf_rule_is_for(by->rule, query->exe) &&
            lift_by(&lifting, by->endpoint))
            return lifting.lifts;
    }
    for (size_t i = 0; i < profile->egress.n_rules && spend(asker, 1); i++) {
        const struct cf_rule *by = &profile->egress.rules[i];

        if (by->action == CF_ALLOW && !cf_rule_is_expired(profile, by) &&
            cf_rule_is_for(by, query->exe) && lift_by_file(&lifting, by))
            break;
    }
    return lifting.lifts;
}
