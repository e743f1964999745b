/*
 * lookups.c - what the names of a run say together
 *
 * How this works. Both tables count the heaviest in bounded room ("Space
 * saving", Metwally and others, 2005): what is new takes the place of the
 * lightest and begins with its weight, so that whatever makes up more than one
 * part in N of all weight is in a table of N. A name weighs its queries, a
 * domain the octets of different names below it.
 *
 * A domain is the registrable one, below which somebody can make names as he
 * likes. Different names are told by their keyed hashes: names that come again
 * add nothing, and past CF_LOOKUPS_DIFFERENT none does. Figures of a domain are
 * those since it came into the table.
 *
 * The entropy of a label is that of its characters' frequencies in it, times
 * its length: the bits that its own statistics could carry.
 */
#include "report/lookups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "profile/name.h"

/* Places for hashes: at first, and then twice as many whenever half are taken. */
#define PLACES_MIN 16

/* Longer than any name; what is longer is escaped and no host's. */
#define TEXT_SIZE 256

struct entry {
    struct cf_hash_node node;
    char text[TEXT_SIZE];
    uint64_t weight;
    uint64_t begun; /* of it, what it began with: another's */
    size_t place;   /* in its table */
};

struct domain {
    struct entry entry;
    uint64_t names, octets, left;
    uint64_t bits;  /* in 1,024ths */
    uint64_t *seen; /* hashes of its names, by open addressing; 0: a free place */
    size_t n_places;
};

struct table {
    struct entry **entries;
    size_t n, max, entry_size;
    uint64_t floor; /* no entry is lighter */
    size_t at;      /* the one that was found last */
    struct cf_hash hash;
};

struct cf_lookups {
    struct table names, domains;
    uint64_t n_different;
};

static int table_init(struct table *table, size_t max, size_t entry_size)
{
    table->max = max;
    table->entry_size = entry_size;
    cf_hash_init(&table->hash);
    table->entries = calloc(max, sizeof(struct entry *));
    return table->entries ? 0 : -ENOMEM;
}

/* What an entry owns. */
static void entry_clear(const struct table *table, struct entry *entry)
{
    if (table->entry_size == sizeof(struct domain))
        free(cf_container_of(entry, struct domain, entry)->seen);
}

static void table_done(struct table *table)
{
    for (size_t i = 0; i < table->n; i++) {
        entry_clear(table, table->entries[i]);
        free(table->entries[i]);
    }
    free(table->entries);
    cf_hash_done(&table->hash);
}

int cf_lookups_new(struct cf_lookups **ret_lookups)
{
    struct cf_lookups *lookups = calloc(1, sizeof *lookups);

    if (!lookups)
        return -ENOMEM;
    if (table_init(&lookups->names, CF_LOOKUPS_NAMES, sizeof(struct entry)) < 0 ||
        table_init(&lookups->domains, CF_LOOKUPS_DOMAINS, sizeof(struct domain)) < 0) {
        cf_lookups_free(lookups);
        return -ENOMEM;
    }
    *ret_lookups = lookups;
    return 0;
}

void cf_lookups_free(struct cf_lookups *lookups)
{
    if (!lookups)
        return;
    table_done(&lookups->names);
    table_done(&lookups->domains);
    free(lookups);
}

static struct entry *table_find(const struct table *table, const char *text, uint64_t hash)
{
    struct cf_hash_node *node = cf_hash_find(&table->hash, hash);

    for (; node; node = cf_hash_next(node)) {
        struct entry *entry = cf_container_of(node, struct entry, node);

        if (strcmp(entry->text, text) == 0)
            return entry;
    }
    return NULL;
}

/* The next entry of the least weight that is known, from where the last one was found. */
static struct entry *next_of_floor(struct table *table)
{
    for (size_t i = 0; i < table->n; i++) {
        struct entry *entry;

        table->at = table->at + 1 < table->n ? table->at + 1 : 0;
        entry = table->entries[table->at];
        if (entry->weight <= table->floor)
            return entry;
    }
    return NULL;
}

/*
 * Weights only grow: entries that were of the least weight are found one after
 * the other, and when there is none left the least is looked for again.
 */
static struct entry *lightest(struct table *table)
{
    struct entry *found = next_of_floor(table);

    if (found)
        return found;
    table->floor = UINT64_MAX;
    for (size_t i = 0; i < table->n; i++) {
        if (table->entries[i]->weight < table->floor)
            table->floor = table->entries[i]->weight;
    }
    return next_of_floor(table);
}

/* An entry for a text that has none; NULL when memory is out. */
static struct entry *table_add(struct table *table, const char *text, uint64_t hash)
{
    struct entry *entry;
    uint64_t weight = 0;
    size_t place = table->n;

    if (table->n < table->max) {
        entry = malloc(table->entry_size);
        if (!entry)
            return NULL;
    } else {
        entry = lightest(table);
        weight = entry->weight;
        place = entry->place;
        cf_hash_remove(&table->hash, &entry->node);
        entry_clear(table, entry);
    }
    memset(entry, 0, table->entry_size);
    memcpy(entry->text, text, strlen(text) + 1);
    entry->weight = entry->begun = weight;
    entry->place = place;
    if (cf_hash_add(&table->hash, &entry->node, hash) < 0) {
        if (place < table->n) /* the last takes its place */
            table->entries[place] = table->entries[--table->n];
        if (place < table->n)
            table->entries[place]->place = place;
        free(entry);
        return NULL;
    }
    table->entries[place] = entry;
    if (place == table->n)
        table->n++;
    return entry;
}

/* Where the registrable domain of a name begins; NULL when nothing stands below it. */
static const char *domain_of(const char *name)
{
    const char *domain = NULL;

    for (const char *at = name; at; at = strchr(at, '.')) {
        at += *at == '.';
        if (cf_name_is_public_suffix(at))
            break;
        domain = at;
    }
    return domain == name ? NULL : domain;
}

#define FRACTION_BITS 10

/* The binary logarithm of n, 1 to 255, in 1,024ths: a bit of the fraction for each squaring. */
static uint64_t log2_of(size_t n)
{
    unsigned whole = 63U - (unsigned)__builtin_clzll(n);
    uint64_t x = (uint64_t)n << (31 - whole), result = whole; /* x: 1 to 2, with 31 bits behind */

    for (int i = 0; i < FRACTION_BITS; i++) {
        x = x * x >> 31;
        result = result << 1 | x >> 32;
        x >>= x >> 32;
    }
    return result;
}

/* Bits that the characters of a label could carry by their own frequencies, in 1,024ths. */
static uint64_t label_bits(const char *label, size_t length)
{
    unsigned counts[256] = { 0 };
    uint64_t bits = 0;

    for (size_t i = 0; i < length; i++)
        counts[(unsigned char)label[i]]++;
    for (size_t i = 0; i < 256; i++) {
        if (counts[i] > 0)
            bits += counts[i] * (log2_of(length) - log2_of(counts[i]));
    }
    return bits;
}

/* The place of a hash, or the free one where it belongs. */
static uint64_t *place_of(uint64_t *seen, size_t n_places, uint64_t hash)
{
    size_t at = hash & (n_places - 1);

    while (seen[at] != 0 && seen[at] != hash)
        at = (at + 1) & (n_places - 1);
    return &seen[at];
}

static bool make_room(struct domain *domain)
{
    size_t n = domain->n_places ? domain->n_places * 2 : PLACES_MIN;
    uint64_t *seen;

    if (domain->names * 2 < domain->n_places)
        return true;
    seen = calloc(n, sizeof *seen);
    if (!seen)
        return false;
    for (size_t i = 0; i < domain->n_places; i++) {
        if (domain->seen[i] != 0)
            *place_of(seen, n, domain->seen[i]) = domain->seen[i];
    }
    free(domain->seen);
    domain->seen = seen;
    domain->n_places = n;
    return true;
}

/* Whether the name is another than those before; false too when there is no room for more. */
static bool is_new(struct domain *domain, const char *name)
{
    uint64_t hash = cf_hash_bytes(name, strlen(name)) | 1, *place;

    if (domain->names == CF_LOOKUPS_DIFFERENT || !make_room(domain))
        return false;
    place = place_of(domain->seen, domain->n_places, hash);
    if (*place == hash)
        return false;
    *place = hash;
    return true;
}

static void domain_count(struct domain *domain, const char *name, const char *end, bool denied)
{
    if (!is_new(domain, name))
        return;
    domain->names++;
    domain->left += !denied;
    while (name < end) {
        size_t length = strcspn(name, ".");

        domain->octets += length;
        domain->entry.weight += length;
        domain->bits += label_bits(name, length);
        name += length + 1;
    }
}

static void add_to_domain(struct cf_lookups *lookups, const char *name, bool denied)
{
    const char *domain = domain_of(name);
    struct entry *entry;
    uint64_t hash;

    if (!domain)
        return;
    hash = cf_hash_bytes(domain, strlen(domain));
    entry = table_find(&lookups->domains, domain, hash);
    if (!entry)
        entry = table_add(&lookups->domains, domain, hash);
    if (entry)
        domain_count(cf_container_of(entry, struct domain, entry), name, domain - 1, denied);
}

void cf_lookups_add(struct cf_lookups *lookups, const char *name, bool denied)
{
    size_t length = strlen(name);
    struct entry *entry;
    uint64_t hash;

    if (length == 0 || length >= TEXT_SIZE)
        return;
    hash = cf_hash_bytes(name, length);
    entry = table_find(&lookups->names, name, hash);
    if (!entry) {
        lookups->n_different += lookups->names.n < lookups->names.max;
        entry = table_add(&lookups->names, name, hash);
        add_to_domain(lookups, name, denied);
    }
    if (entry)
        entry->weight++;
}

uint64_t cf_lookups_count(const struct cf_lookups *lookups)
{
    return lookups->n_different;
}

/* By what is their own for sure. */
static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;
    uint64_t own_x = x->weight - x->begun, own_y = y->weight - y->begun;

    if (own_x != own_y)
        return own_x < own_y ? 1 : -1;
    return strcmp(x->text, y->text);
}

/* The entries, the heaviest first; the caller's. NULL when memory is out. */
static const struct entry **sorted(const struct table *table)
{
    const struct entry **entries = calloc(table->n + 1, sizeof(const struct entry *));

    if (!entries)
        return NULL;
    for (size_t i = 0; i < table->n; i++)
        entries[i] = table->entries[i];
    qsort(entries, table->n, sizeof(const struct entry *), compare_entries);
    return entries;
}

size_t cf_lookups_top(const struct cf_lookups *lookups, struct cf_lookups_name *ret_names,
                      size_t max)
{
    const struct entry **entries = sorted(&lookups->names);
    size_t n = 0;

    for (; entries && n < max && n < lookups->names.n; n++)
        ret_names[n] =
            (struct cf_lookups_name) { entries[n]->text, entries[n]->weight - entries[n]->begun };
    free(entries);
    return n;
}

static bool is_tunnel(const struct domain *domain)
{
    if (domain->names < CF_TUNNEL_NAMES)
        return false;
    return domain->octets >= CF_TUNNEL_OCTETS ||
           (domain->bits >> FRACTION_BITS >= CF_TUNNEL_BITS &&
            domain->bits * 100 >> FRACTION_BITS >= domain->octets * CF_TUNNEL_CENTIBITS);
}

size_t cf_lookups_tunnels(const struct cf_lookups *lookups, struct cf_lookups_domain *ret_domains,
                          size_t max)
{
    const struct entry **entries = sorted(&lookups->domains);
    size_t n = 0;

    for (size_t i = 0; entries && n < max && i < lookups->domains.n; i++) {
        const struct domain *domain = cf_container_of(entries[i], const struct domain, entry);

        if (!is_tunnel(domain))
            continue;
        ret_domains[n++] = (struct cf_lookups_domain) {
            .domain = domain->entry.text,
            .names = domain->names,
            .octets = domain->octets,
            .centibits = (domain->bits * 100 >> FRACTION_BITS) / domain->octets,
            .left = domain->left,
        };
    }
    free(entries);
    return n;
}
