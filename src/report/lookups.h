/*
 * lookups.h - what the names of a run say together
 *
 * Which names were asked most, and under which domains so many different
 * names were asked that they may have carried data. Bounded, whatever is asked.
 */
#ifndef CF_REPORT_LOOKUPS_H
#define CF_REPORT_LOOKUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cf_lookups;

/* Names, and domains, that are counted at a time. */
#define CF_LOOKUPS_NAMES 1024
#define CF_LOOKUPS_DOMAINS 256
/* Different names that are counted below one domain. */
#define CF_LOOKUPS_DIFFERENT 1024

/*
 * Different names below one domain look like a tunnel from here on: either
 * many bits in labels as dense as encoded data, or very many octets whatever
 * they are. doc/audit.md says why these.
 */
#define CF_TUNNEL_NAMES 32
#define CF_TUNNEL_BITS (UINT64_C(8) * 2048)
#define CF_TUNNEL_CENTIBITS 320 /* of entropy, a character; hundredths */
#define CF_TUNNEL_OCTETS (UINT64_C(16) << 10)

struct cf_lookups_name {
    const char *name; /* borrowed */
    uint64_t count;   /* at least */
};

struct cf_lookups_domain {
    const char *domain; /* borrowed */
    uint64_t names;     /* different ones below it; CF_LOOKUPS_DIFFERENT or more */
    uint64_t octets;    /* of their labels below it, without dots */
    uint64_t centibits; /* entropy of a character in its label, on average */
    uint64_t left;      /* of the names: those that were not denied */
};

/* Returns 0 or -ENOMEM. */
int cf_lookups_new(struct cf_lookups **ret_lookups);
void cf_lookups_free(struct cf_lookups *lookups);

/* One query. name: lower case, no final dot; denied: it did not go out */
void cf_lookups_add(struct cf_lookups *lookups, const char *name, bool denied);

/* Different names so far, at least. */
uint64_t cf_lookups_count(const struct cf_lookups *lookups);

/* The names that were asked most, the most first; returns how many, up to max. */
size_t cf_lookups_top(const struct cf_lookups *lookups, struct cf_lookups_name *ret_names,
                      size_t max);

/* The domains that look like tunnels, the most octets first; returns how many, up to max. */
size_t cf_lookups_tunnels(const struct cf_lookups *lookups, struct cf_lookups_domain *ret_domains,
                          size_t max);

#endif
