/*
 * lint_pins.c - addresses that are denied, and open through a name of `hosts`
 *
 * How this works: the verdict is asked for with the name pinned and not
 * pinned; where the first allows by name and the second denies by address,
 * only the pin decides. The ports that are asked are 1 and those at which a
 * rule that speaks of the name or the address begins or has ended (of 53, which
 * is the resolver's, the next), the programs those of all globs, one that no glob
 * names, and an unknown one.
 */
#include "profile/lint_pins.h"

struct pin {
    struct cf_asker *asker;
    struct cf_flow_name name;
    struct cf_flow_query query;
    const struct cf_rule *allow, *denial;
    bool found;
};

static bool is_open_by_pin(struct pin *pin)
{
    struct cf_verdict with, without;

    pin->name.pinned = true;
    if (cf_ask_is_denied(pin->asker, &pin->query, &with) || !cf_verdict_is_by_name(&with))
        return false;
    pin->name.pinned = false;
    if (!cf_ask_is_denied(pin->asker, &pin->query, &without) || !without.rule ||
        without.reason == CF_REASON_ENCRYPTED_DNS || cf_verdict_is_by_name(&without))
        return false;
    pin->allow = with.rule;
    pin->denial = without.rule;
    return true;
}

static void try_flow(struct pin *pin, enum cf_proto proto, unsigned port)
{
    const struct cf_asker *asker = pin->asker;

    pin->query.proto = proto;
    pin->query.port = (uint16_t)port;
    for (size_t i = 0; i <= asker->exes.n && !pin->found && asker->left > 0; i++) {
        pin->query.exe = i < asker->exes.n ? asker->exes.list[i].path : NULL;
        pin->found = is_open_by_pin(pin);
    }
}

static void try_port(struct pin *pin, unsigned port)
{
    if (port == CF_DNS_PORT)
        port++;
    if (port > UINT16_MAX)
        return;
    try_flow(pin, CF_PROTO_TCP, port);
    try_flow(pin, CF_PROTO_UDP, port);
}

static void try_entry(const struct cf_place_entry *entry, void *data)
{
    struct pin *pin = data;

    for (size_t i = 0; i < entry->endpoint->n_ports && !pin->found && pin->asker->left > 0; i++) {
        try_port(pin, entry->endpoint->ports[i].first);
        try_port(pin, entry->endpoint->ports[i].last + 1u);
    }
}

bool cf_lint_pin(struct cf_asker *asker, const struct cf_host *host, const struct cf_addr *addr,
                 const struct cf_rule **ret_allow, const struct cf_rule **ret_denial)
{
    size_t node = cf_places_find_addr(&asker->places, addr);
    struct pin pin = {
        .asker = asker,
        .name = { .name = host->name },
        .query = { .dst = *addr, .n_names = 1 },
    };

    if (!asker->places.nodes[node].denies)
        return false;
    pin.query.names = &pin.name;
    try_port(&pin, 1);
    try_flow(&pin, CF_PROTO_ICMP, 0);
    cf_places_each_name(&asker->places, host->name, try_entry, &pin);
    cf_places_each_addr(&asker->places, node, try_entry, &pin);
    *ret_allow = pin.allow;
    *ret_denial = pin.denial;
    return pin.found;
}
