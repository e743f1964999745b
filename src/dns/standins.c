/*
 * standins.c - addresses that stand for names which are resolved elsewhere
 *
 * How this works. Addresses are given upwards, the first and the last of the
 * prefix and those that are spoken for are passed over, and none is taken
 * back: a program may keep an address for as long as it runs, and must not
 * find another name behind it. What is given stands in the order of the
 * addresses, so that the name of one is found by bisection.
 */
#include "dns/standins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST 1
#define END 65535 /* the last one that is given is before it */

struct cf_standin {
    struct cf_hash_node node;
    uint64_t dns_id;
    uint16_t host; /* the last 16 bits of the address */
    char name[];
};

static const uint8_t network[2] = { 198, 19 };

void cf_standins_init(struct cf_standins *standins)
{
    *standins = (struct cf_standins) { .next = FIRST };
    cf_hash_init(&standins->hash);
}

void cf_standins_done(struct cf_standins *standins)
{
    for (size_t i = 0; i < standins->n_given; i++)
        free(standins->given[i]);
    free(standins->given);
    cf_hash_done(&standins->hash);
}

bool cf_standins_has(const struct cf_standins *standins, const struct cf_addr *addr)
{
    return standins->on && addr->family == CF_FAMILY_IPV4 &&
           memcmp(addr->bytes, network, sizeof network) == 0;
}

static struct cf_addr addr_of(uint32_t host)
{
    const uint8_t bytes[4] = { network[0], network[1], (uint8_t)(host >> 8), (uint8_t)host };

    return cf_addr_from_ipv4(bytes);
}

static struct cf_standin *find_name(const struct cf_standins *standins, const char *name)
{
    struct cf_hash_node *node =
        cf_hash_find(&standins->hash, cf_hash_bytes(name, strlen(name)));

    for (; node; node = cf_hash_next(node)) {
        struct cf_standin *standin = cf_container_of(node, struct cf_standin, node);

        if (strcmp(standin->name, name) == 0)
            return standin;
    }
    return NULL;
}

static int make_room(struct cf_standins *standins)
{
    size_t capacity = standins->capacity ? standins->capacity * 2 : 16;
    struct cf_standin **given;

    if (standins->n_given < standins->capacity)
        return 0;
    given = realloc(standins->given, capacity * sizeof(struct cf_standin *));
    if (!given)
        return -ENOMEM;
    standins->given = given;
    standins->capacity = capacity;
    return 0;
}

static int add(struct cf_standins *standins, const char *name, struct cf_standin **ret_standin)
{
    size_t length = strlen(name);
    struct cf_standin *standin;

    if (make_room(standins) < 0)
        return -ENOMEM;
    standin = calloc(1, sizeof *standin + length + 1);
    if (!standin)
        return -ENOMEM;
    memcpy(standin->name, name, length + 1);
    standin->host = (uint16_t)standins->next;
    if (cf_hash_add(&standins->hash, &standin->node, cf_hash_bytes(name, length)) < 0) {
        free(standin);
        return -ENOMEM;
    }
    standins->next++;
    standins->given[standins->n_given++] = standin;
    *ret_standin = standin;
    return 0;
}

int cf_standins_give(struct cf_standins *standins, const char *name, uint64_t dns_id,
                     bool (*taken)(void *data, const struct cf_addr *addr), void *data,
                     struct cf_addr *ret_addr)
{
    struct cf_standin *standin;
    int r;

    if (!standins->on)
        return -EOPNOTSUPP;
    standin = find_name(standins, name);
    while (!standin && standins->next < END) {
        struct cf_addr addr = addr_of(standins->next);

        if (!taken(data, &addr))
            break;
        standins->next++;
    }
    if (!standin && standins->next >= END)
        return -ENOSPC;
    if (!standin) {
        r = add(standins, name, &standin);
        if (r < 0)
            return r;
    }
    standin->dns_id = dns_id;
    *ret_addr = addr_of(standin->host);
    return 0;
}

static int compare(const void *key, const void *element)
{
    const struct cf_standin *const *standin = element;
    const uint16_t *host = key;

    return (int)*host - (int)(*standin)->host;
}

const char *cf_standins_find(const struct cf_standins *standins, const struct cf_addr *addr,
                             uint64_t *ret_dns_id)
{
    uint16_t host = (uint16_t)(addr->bytes[2] << 8 | addr->bytes[3]);
    struct cf_standin *const *found;

    if (!cf_standins_has(standins, addr) || standins->n_given == 0)
        return NULL;
    found = bsearch(&host, standins->given, standins->n_given, sizeof(struct cf_standin *), compare);
    if (!found)
        return NULL;
    *ret_dns_id = (*found)->dns_id;
    return (*found)->name;
}
