/*
 * chain.c - from the name that was asked to the addresses at the end
 */
#include "dns/chain.h"

#include <errno.h>

#include "dns/svcb.h"

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

static int svcb_addrs(const uint8_t *message, const struct cf_wire_rr *rr, uint32_t ttl,
                      int (*fn)(void *data, const struct cf_addr *addr, uint32_t ttl), void *data)
{
    struct cf_svcb_param param;
    struct cf_svcb svcb;
    int r = 0;

    if (cf_svcb_open(&svcb, message, rr) < 0)
        return 0;
    while (r >= 0 && cf_svcb_next(&svcb, &param) > 0) {
        if (param.key == CF_SVCB_IPV4HINT)
            r = hint_addrs(message + param.at, param.length, 4, ttl, fn, data);
        else if (param.key == CF_SVCB_IPV6HINT)
            r = hint_addrs(message + param.at, param.length, 16, ttl, fn, data);
    }
    return r;
}

static int rr_addrs(const uint8_t *message, const struct cf_wire_rr *rr, uint32_t ttl,
                    int (*fn)(void *data, const struct cf_addr *addr, uint32_t ttl), void *data)
{
    struct cf_addr addr;

    if (cf_svcb_is(rr))
        return svcb_addrs(message, rr, ttl, fn, data);
    return cf_wire_rr_addr(message, rr, &addr) == 0 ? fn(data, &addr, ttl) : 0;
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

int cf_chain_addrs(const struct cf_chain *chain,
                   int (*fn)(void *data, const struct cf_addr *addr, uint32_t ttl), void *data)
{
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    int r, s = 0;

    cf_wire_answer_walk(chain->answer, &walk);
    while (s >= 0 && (r = end_next(chain, &walk, &rr)) != 0) {
        uint32_t ttl;

        if (r < 0)
            return r;
        ttl = rr.ttl < chain->ttl ? rr.ttl : chain->ttl;
        s = rr_addrs(chain->answer->message, &rr, ttl, fn, data);
    }
    return s < 0 ? s : 0;
}

int cf_answer_addrs(const struct cf_wire_answer *answer,
                    int (*fn)(void *data, const struct cf_addr *addr, uint32_t ttl), void *data)
{
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    int r, s = 0;

    cf_wire_answer_walk(answer, &walk);
    while (s >= 0 && (r = cf_wire_walk_next(&walk, &rr)) != 0) {
        if (r < 0)
            return r;
        s = rr_addrs(answer->message, &rr, rr.ttl, fn, data);
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
        struct cf_svcb svcb;

        if (r < 0)
            return r;
        if (cf_svcb_is(&rr) && cf_svcb_open(&svcb, chain->answer->message, &rr) == 0 &&
            svcb.target.length > 1)
            s = fn(data, &svcb.target);
    }
    return s < 0 ? s : 0;
}
