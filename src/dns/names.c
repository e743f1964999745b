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

#define ADDRS_MAX ((size_t)65536)
#define BINDINGS_MAX ((size_t)131072)

struct binding {
    struct binding *next;
    int64_t until_us;
    uint64_t dns_id;
    uint64_t hash; /* of name */
    bool alias;
    char name[];
};

struct entry {
    struct cf_hash_node node;
    struct cf_addr addr;
    struct entry *older, *newer; /* in the line while n_bindings > 0 */
    struct binding *bindings;    /* newest first */
    size_t n_bindings;
    const char **pins; /* borrowed from the profile */
    size_t n_pins;
};

struct cf_names {
    struct cf_hash hash;
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

static void binding_drop(struct cf_names *names, struct entry *entry, struct binding **link)
{
    struct binding *binding = *link;

    *link = binding->next;
    free(binding);
    entry->n_bindings--;
    names->n_bindings--;
}

static void entry_free(struct cf_names *names, struct entry *entry)
{
    cf_hash_remove(&names->hash, &entry->node);
    free(entry->pins);
    free(entry);
}

/* Forget what entry learned, and all of it when it has no pin. */
static void entry_forget(struct cf_names *names, struct entry *entry)
{
    while (entry->bindings)
        binding_drop(names, entry, &entry->bindings);
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

    while (entry->bindings)
        binding_drop(names, entry, &entry->bindings);
    free(entry->pins);
    free(entry);
}

void cf_names_free(struct cf_names *names)
{
    if (!names)
        return;
    cf_hash_each(&names->hash, node_free, names);
    cf_hash_done(&names->hash);
    free(names);
}

/* Take out the binding for this name, and all that are past. */
static struct binding *binding_take(struct cf_names *names, struct entry *entry, const char *name,
                                    bool alias, int64_t now_us)
{
    struct binding **link = &entry->bindings, *found = NULL;
    uint64_t hash = cf_hash_bytes(name, strlen(name));

    while (*link) {
        struct binding *binding = *link;

        if (!found && binding->hash == hash && binding->alias == alias &&
            strcmp(binding->name, name) == 0) {
            *link = binding->next;
            entry->n_bindings--;
            names->n_bindings--;
            found = binding;
        } else if (binding->until_us <= now_us) {
            binding_drop(names, entry, link);
        } else {
            link = &binding->next;
        }
    }
    return found;
}

static struct binding *binding_make(const char *name, bool alias)
{
    size_t size = strlen(name) + 1;
    struct binding *binding = calloc(1, sizeof *binding + size);

    if (!binding)
        return NULL;
    binding->hash = cf_hash_bytes(name, size - 1);
    binding->alias = alias;
    memcpy(binding->name, name, size);
    return binding;
}

static void binding_drop_last(struct cf_names *names, struct entry *entry)
{
    struct binding **link = &entry->bindings;

    while ((*link)->next)
        link = &(*link)->next;
    binding_drop(names, entry, link);
}

int cf_names_bind(struct cf_names *names, const struct cf_addr *addr, const char *name, bool alias,
                  uint64_t dns_id, uint32_t ttl_s, int64_t now_us)
{
    struct entry *entry = entry_obtain(names, addr);
    struct binding *binding;
    int64_t until_us;

    if (!entry)
        return -ENOMEM;
    if (ttl_s < CF_NAMES_TTL_MIN_S)
        ttl_s = CF_NAMES_TTL_MIN_S;
    if (ttl_s > CF_NAMES_TTL_MAX_S)
        ttl_s = CF_NAMES_TTL_MAX_S;
    until_us = now_us + (int64_t)ttl_s * CF_US_PER_S;
    if (entry->n_bindings > 0)
        line_remove(names, entry);
    binding = binding_take(names, entry, name, alias, now_us);
    if (!binding)
        binding = binding_make(name, alias);
    if (!binding) {
        if (entry->n_bindings > 0)
            line_add(names, entry);
        else if (entry->n_pins == 0)
            entry_free(names, entry);
        return -ENOMEM;
    }
    if (binding->until_us < until_us) {
        binding->until_us = until_us;
        binding->dns_id = dns_id;
    }
    if (entry->n_bindings == CF_NAMES_PER_ADDR)
        binding_drop_last(names, entry);
    binding->next = entry->bindings;
    entry->bindings = binding;
    entry->n_bindings++;
    names->n_bindings++;
    line_add(names, entry);
    while (names->n_entries > ADDRS_MAX || names->n_bindings > BINDINGS_MAX)
        entry_forget(names, names->oldest);
    return 0;
}

size_t cf_names_find(const struct cf_names *names, const struct cf_addr *addr, int64_t now_us,
                     struct cf_flow_name ret_names[CF_NAMES_PER_ADDR],
                     uint64_t ret_ids[CF_NAMES_PER_ADDR])
{
    const struct entry *entry = entry_find(names, addr);
    const struct binding *binding;
    size_t n = 0;

    if (!entry)
        return 0;
    for (size_t i = 0; i < entry->n_pins; i++, n++) {
        ret_names[n] = (struct cf_flow_name) { .name = entry->pins[i], .pinned = true };
        ret_ids[n] = 0;
    }
    for (binding = entry->bindings; binding && n < CF_NAMES_PER_ADDR; binding = binding->next) {
        if (binding->until_us <= now_us)
            continue;
        ret_names[n] = (struct cf_flow_name) { .name = binding->name, .alias = binding->alias };
        ret_ids[n++] = binding->dns_id;
    }
    return n;
}
