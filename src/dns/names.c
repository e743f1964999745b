/*
 * names.c - which names the addresses of this run are known by
 *
 * How this works. Each address has an entry in a hash table, with its pins
 * (from `hosts`, for good) and its bindings (learned, each with an end), the
 * newest first. Entries with bindings stand in one line by the time of their
 * last binding; when there are too many addresses or too many bindings, the
 * entry that waited longest loses its bindings, and goes when it has no pin.
 * A name met as itself and the same name met as an alias are two bindings, so
 * that an alias never makes an allowance live longer. An end is checked when
 * it is asked for; what is past is dropped when its address is bound again.
 */
#include "dns/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "dns/standins.h"

#define ADDRS_MAX ((size_t)65536)
#define BINDINGS_MAX ((size_t)131072)

struct binding {
    int64_t until_us;
    uint64_t dns_id;
    uint64_t hash; /* of name */
    char *name;
    bool alias;
};

struct entry {
    struct cf_hash_node node;
    struct cf_addr addr;
    struct entry *older, *newer; /* in the line while n_bindings > 0 */
    struct binding *bindings;    /* newest first, side by side: all are looked at for each answer */
    size_t n_bindings, capacity;
    const char **pins; /* borrowed from the profile */
    size_t n_pins;
};

struct cf_names {
    struct cf_hash hash;
    struct cf_standins standins;
    struct entry *newest, *oldest;
    size_t n_entries; /* in the line */
    size_t n_bindings;
};

static void line_remove(struct cf_names *names, struct entry *entry)
{
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        names->newest = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        names->oldest = entry->newer;
    entry->older = entry->newer = NULL;
    names->n_entries--;
}

static void line_add(struct cf_names *names, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = names->newest;
    if (names->newest)
        names->newest->newer = entry;
    else
        names->oldest = entry;
    names->newest = entry;
    names->n_entries++;
}

/* Take binding i out; its name is the caller's. */
static struct binding binding_take(struct cf_names *names, struct entry *entry, size_t i)
{
    struct binding taken = entry->bindings[i];

    entry->n_bindings--;
    names->n_bindings--;
    memmove(entry->bindings + i, entry->bindings + i + 1,
            (entry->n_bindings - i) * sizeof *entry->bindings);
    return taken;
}

static void binding_drop(struct cf_names *names, struct entry *entry, size_t i)
{
    free(binding_take(names, entry, i).name);
}

static void entry_free(struct cf_names *names, struct entry *entry)
{
    cf_hash_remove(&names->hash, &entry->node);
    free(entry->bindings);
    free(entry->pins);
    free(entry);
}

/* Forget what entry learned, and all of it when it has no pin. */
static void entry_forget(struct cf_names *names, struct entry *entry)
{
    while (entry->n_bindings > 0)
        binding_drop(names, entry, entry->n_bindings - 1);
    line_remove(names, entry);
    if (entry->n_pins == 0)
        entry_free(names, entry);
}

static struct entry *entry_find(const struct cf_names *names, const struct cf_addr *addr)
{
    struct cf_hash_node *node = cf_hash_find(&names->hash, cf_hash_bytes(addr, sizeof *addr));

    for (; node; node = cf_hash_next(node)) {
        struct entry *entry = cf_container_of(node, struct entry, node);

        if (cf_addr_equal(&entry->addr, addr))
            return entry;
    }
    return NULL;
}

static struct entry *entry_obtain(struct cf_names *names, const struct cf_addr *addr)
{
    struct entry *entry = entry_find(names, addr);

    if (entry)
        return entry;
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    entry->addr = *addr;
    if (cf_hash_add(&names->hash, &entry->node, cf_hash_bytes(addr, sizeof *addr)) < 0) {
        free(entry);
        return NULL;
    }
    return entry;
}

static int pin(struct cf_names *names, const struct cf_addr *addr, const char *name)
{
    struct entry *entry = entry_obtain(names, addr);
    const char **pins;

    if (!entry)
        return -ENOMEM;
    if (entry->n_pins == CF_NAMES_PER_ADDR) {
        memmove(entry->pins, entry->pins + 1, (CF_NAMES_PER_ADDR - 1) * sizeof *entry->pins);
        entry->pins[CF_NAMES_PER_ADDR - 1] = name;
        return 0;
    }
    pins = realloc(entry->pins, (entry->n_pins + 1) * sizeof *pins);
    if (!pins) {
        if (entry->n_pins == 0)
            entry_free(names, entry);
        return -ENOMEM;
    }
    entry->pins = pins;
    entry->pins[entry->n_pins++] = name;
    return 0;
}

int cf_names_new(const struct cf_profile *profile, struct cf_names **ret_names)
{
    struct cf_names *names = calloc(1, sizeof *names);

    if (!names)
        return -ENOMEM;
    cf_hash_init(&names->hash);
    cf_standins_init(&names->standins);
    names->standins.on = cf_proxy_dns(profile) == CF_PROXY_DNS_NAMES;
    for (size_t i = 0; i < profile->n_hosts; i++) {
        const struct cf_host *host = &profile->hosts[i];

        for (size_t j = 0; j < host->n_addrs; j++) {
            if (pin(names, &host->addrs[j], host->name) < 0) {
                cf_names_free(names);
                return -ENOMEM;
            }
        }
    }
    *ret_names = names;
    return 0;
}

static void node_free(struct cf_hash_node *node, void *data)
{
    struct cf_names *names = data;
    struct entry *entry = cf_container_of(node, struct entry, node);

    while (entry->n_bindings > 0)
        binding_drop(names, entry, entry->n_bindings - 1);
    free(entry->bindings);
    free(entry->pins);
    free(entry);
}

void cf_names_free(struct cf_names *names)
{
    if (!names)
        return;
    cf_hash_each(&names->hash, node_free, names);
    cf_hash_done(&names->hash);
    cf_standins_done(&names->standins);
    free(names);
}

static bool is_binding(const struct binding *binding, const char *name, uint64_t hash, bool alias)
{
    return binding->hash == hash && binding->alias == alias && strcmp(binding->name, name) == 0;
}

/* Take out the binding for this name, and drop all that are past. Without one its name is NULL. */
static struct binding binding_find(struct cf_names *names, struct entry *entry, const char *name,
                                   bool alias, int64_t now_us)
{
    struct binding found = { .hash = cf_hash_bytes(name, strlen(name)), .alias = alias };
    size_t i = 0;

    while (i < entry->n_bindings) {
        const struct binding *binding = &entry->bindings[i];

        if (!found.name && is_binding(binding, name, found.hash, alias))
            found = binding_take(names, entry, i);
        else if (binding->until_us <= now_us)
            binding_drop(names, entry, i);
        else
            i++;
    }
    return found;
}

/* Room for one binding more, in place of the last one when there are too many; not much too much.
 */
static int binding_make_room(struct cf_names *names, struct entry *entry)
{
    size_t capacity = entry->capacity;
    struct binding *bindings;

    if (entry->n_bindings == CF_NAMES_PER_ADDR)
        binding_drop(names, entry, entry->n_bindings - 1);
    if (entry->n_bindings == capacity)
        capacity = capacity ? capacity * 2 : 1;
    while (entry->n_bindings < capacity / 4)
        capacity /= 2;
    if (capacity == entry->capacity)
        return 0;
    bindings = realloc(entry->bindings, capacity * sizeof *bindings);
    if (!bindings)
        return -ENOMEM;
    entry->bindings = bindings;
    entry->capacity = capacity;
    return 0;
}

static int binding_add(struct cf_names *names, struct entry *entry, const struct binding *binding)
{
    int r = binding_make_room(names, entry);

    if (r < 0)
        return r;
    memmove(entry->bindings + 1, entry->bindings, entry->n_bindings * sizeof *binding);
    entry->bindings[0] = *binding;
    entry->n_bindings++;
    names->n_bindings++;
    return 0;
}

int cf_names_bind(struct cf_names *names, const struct cf_addr *addr, const char *name, bool alias,
                  uint64_t dns_id, uint32_t ttl_s, int64_t now_us)
{
    struct binding binding;
    struct entry *entry;
    int64_t until_us;
    int r;

    if (cf_names_is_standin(names, addr))
        return -EADDRNOTAVAIL;
    entry = entry_obtain(names, addr);
    if (!entry)
        return -ENOMEM;
    if (ttl_s < CF_NAMES_TTL_MIN_S)
        ttl_s = CF_NAMES_TTL_MIN_S;
    if (ttl_s > CF_NAMES_TTL_MAX_S)
        ttl_s = CF_NAMES_TTL_MAX_S;
    until_us = now_us + (int64_t)ttl_s * CF_US_PER_S;
    if (entry->n_bindings > 0)
        line_remove(names, entry);
    binding = binding_find(names, entry, name, alias, now_us);
    if (!binding.name)
        binding.name = strdup(name);
    if (binding.until_us < until_us) {
        binding.until_us = until_us;
        binding.dns_id = dns_id;
    }
    r = binding.name ? binding_add(names, entry, &binding) : -ENOMEM;
    if (r < 0)
        free(binding.name);
    if (entry->n_bindings > 0)
        line_add(names, entry);
    else if (entry->n_pins == 0)
        entry_free(names, entry);
    while (names->n_entries > ADDRS_MAX || names->n_bindings > BINDINGS_MAX)
        entry_forget(names, names->oldest);
    return r;
}

size_t cf_names_find(const struct cf_names *names, const struct cf_addr *addr, int64_t now_us,
                     struct cf_flow_name ret_names[CF_NAMES_PER_ADDR],
                     uint64_t ret_ids[CF_NAMES_PER_ADDR])
{
    const struct entry *entry = entry_find(names, addr);
    size_t n = 0;

    if (!entry) {
        const char *name = cf_standins_find(&names->standins, addr, ret_ids);

        if (name)
            ret_names[n++] = (struct cf_flow_name) { .name = name };
        return n;
    }
    for (size_t i = 0; i < entry->n_pins; i++, n++) {
        ret_names[n] = (struct cf_flow_name) { .name = entry->pins[i], .pinned = true };
        ret_ids[n] = 0;
    }
    for (size_t i = 0; i < entry->n_bindings && n < CF_NAMES_PER_ADDR; i++) {
        const struct binding *binding = &entry->bindings[i];

        if (binding->until_us <= now_us)
            continue;
        ret_names[n] = (struct cf_flow_name) { .name = binding->name, .alias = binding->alias };
        ret_ids[n++] = binding->dns_id;
    }
    return n;
}

/* A pin makes a place of it. */
static bool is_pinned(void *data, const struct cf_addr *addr)
{
    const struct entry *entry = entry_find(data, addr);

    return entry && entry->n_pins > 0;
}

int cf_names_standin(struct cf_names *names, const char *name, uint64_t dns_id,
                     struct cf_addr *ret_addr)
{
    return cf_standins_give(&names->standins, name, dns_id, is_pinned, names, ret_addr);
}

bool cf_names_is_standin(const struct cf_names *names, const struct cf_addr *addr)
{
    return cf_standins_has(&names->standins, addr) && !is_pinned((void *)names, addr);
}
