/*
 * chain.c - from the name that was asked to the addresses at the end
 */
#include "dns/chain.h"

#include <errno.h>

#define KEY_IPV4HINT 4
#define KEY_IPV6HINT 6

/* The record of the answer section that makes the last name an alias; 1, 0 or -EBADMSG. */
static int cname_find(const struct cf_chain *chain, struct cf_wire_rr *ret_rr)
{
    const struct cf_domain *last = &chain->names[chain->n_names - 1];
    struct cf_wire_walk walk;
    int r;

    cf_wire_answer_walk(chain->answer, &walk);
    while ((r = cf_wire_walk_next(&walk, ret_rr)) > 0) {
        if (ret_rr->section != CF_SECTION_ANSWER)
            return 0;
        if (ret_rr->type == CF_TYPE_CNAME && ret_rr->class == CF_CLASS_IN &&
            cf_domain_equal(&ret_rr->owner, last))
            return 1;
    }
    return r;
}

int cf_chain_read(const struct cf_wire_answer *answer, const struct cf_domain *asked,
                  struct cf_chain *ret_chain)
{
    struct cf_wire_rr rr;
    int r;

    ret_chain->answer = answer;
    ret_chain->names[0] = *asked;
    ret_chain->n_names = 1;
    ret_chain->ttl = UINT32_MAX;
    while ((r = cname_find(ret_chain, &rr)) > 0) {
        if (ret_chain->n_names == CF_CHAIN_MAX)
            return -ELOOP;
        if (cf_wire_rr_name(answer->message, &rr, &ret_chain->names[ret_chain->n_names]) < 0)
            return -EBADMSG;
        ret_chain->n_names++;
        if (rr.ttl < ret_chain->ttl)
            ret_chain->ttl = rr.ttl;
    }
    return r;
}

/* Addresses of one hint, or 0 when it is none: size octets each. */
static int hint_addrs(const uint8_t *value, size_t length, size_t size, uint32_t ttl,
                      int (*fn)(void *data, const struct cf_addr *addr, uint32_t ttl), void *data)
{
    int r = 0;

    for (; length >= size && r >= 0; value += size, length -= size) {
        struct cf_addr addr = size == 4 ? cf_addr_from_ipv4(value) : cf_addr_from_ipv6(value);

        r = fn(data, &addr, ttl);
    }
    return r;
}

/* RFC 9460, 2.2: priority, target, then key, length, value until the end. */
static int svcb_addrs(const uint8_t *message, const struct cf_wire_rr *rr, uint32_t ttl,
                      int (*fn)(void *data, const struct cf_addr *addr, uint32_t ttl), void *data)
{
    size_t end = rr->rdata_at + rr->rdata_length, at;
    struct cf_domain target;
    int r = 0;

    if (rr->rdata_length < 3 || cf_domain_read(message, end, rr->rdata_at + 2, &target, &at) < 0)
        return 0;
    while (end - at >= 4 && r >= 0) {
        uint16_t key = cf_wire_u16(message + at), length = cf_wire_u16(message + at + 2);

        at += 4;
        if (length > end - at)
            break;
        if (key == KEY_IPV4HINT)
            r = hint_addrs(message + at, length, 4, ttl, fn, data);
        else if (key == KEY_IPV6HINT)
            r = hint_addrs(message + at, length, 16, ttl, fn, data);
        at += length;
    }
    return r;
}

/* The next record that belongs to the end of the chain; 1, 0 or -EBADMSG. */
static int end_next(const struct cf_chain *chain, struct cf_wire_walk *walk,
                    struct cf_wire_rr *ret_rr)
{
    const struct cf_domain *last = &chain->names[chain->n_names - 1];
    int r;

    while ((r = cf_wire_walk_next(walk, ret_rr)) > 0) {
        if (ret_rr->section != CF_SECTION_ANSWER)
            return 0;
        if (ret_rr->class == CF_CLASS_IN && cf_domain_equal(&ret_rr->owner, last))
            return 1;
    }
    return r;
}

static bool is_svcb(const struct cf_wire_rr *rr)
{
    return rr->type == CF_TYPE_SVCB || rr->type == CF_TYPE_HTTPS;
}

int cf_chain_addrs(const struct cf_chain *chain,
                   int (*fn)(void *data, const struct cf_addr *addr, uint32_t ttl), void *data)
{
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    struct cf_addr addr;
    int r, s = 0;

    cf_wire_answer_walk(chain->answer, &walk);
    while (s >= 0 && (r = end_next(chain, &walk, &rr)) != 0) {
        uint32_t ttl;

        if (r < 0)
            return r;
        ttl = rr.ttl < chain->ttl ? rr.ttl : chain->ttl;
        if (is_svcb(&rr))
            s = svcb_addrs(chain->answer->message, &rr, ttl, fn, data);
        else if (cf_wire_rr_addr(chain->answer->message, &rr, &addr) == 0)
            s = fn(data, &addr, ttl);
    }
    return s < 0 ? s : 0;
}

int cf_chain_targets(const struct cf_chain *chain,
                     int (*fn)(void *data, const struct cf_domain *name), void *data)
{
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    int r, s = 0;

    cf_wire_answer_walk(chain->answer, &walk);
    while (s >= 0 && (r = end_next(chain, &walk, &rr)) != 0) {
        struct cf_domain target;
        size_t next;

        if (r < 0)
            return r;
        if (!is_svcb(&rr) || rr.rdata_length < 3)
            continue;
        if (cf_domain_read(chain->answer->message, rr.rdata_at + rr.rdata_length, rr.rdata_at + 2,
                           &target, &next) == 0 &&
            target.length > 1)
            s = fn(data, &target);
    }
    return s < 0 ? s : 0;
}
