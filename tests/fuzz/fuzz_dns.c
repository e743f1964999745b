/*
 * fuzz_dns.c - any octets as a query, as an answer, and as both
 *
 * The first two octets are the length of a query; the answer is what follows.
 * Whatever is read is walked, formatted, answered, cut and read again.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/cache.h"
#include "dns/chain.h"
#include "dns/ech.h"
#include "dns/rdata.h"
#include "dns/reply.h"
#include "dns/svcb.h"
#include "dns/wire.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

static uint8_t reply_data[CF_REPLY_SIZE];
static uint8_t stripped_data[CF_WIRE_MESSAGE_MAX];
static struct cf_chain chain;

static int count_addr(void *data, const struct cf_addr *addr, uint32_t ttl)
{
    (void)ttl;
    CHECK(addr->family != CF_FAMILY_NONE);
    ++*(unsigned *)data;
    return 0;
}

static int count_name(void *data, const struct cf_domain *name)
{
    char text[CF_NAME_SIZE];

    (void)cf_domain_to_name(name, true, text);
    ++*(unsigned *)data;
    return 0;
}

/* Our own reply reads as an answer to the question, within its limit. */
static void check_reply(struct cf_reply *reply, const struct cf_wire_query *query, size_t limit)
{
    struct cf_wire_answer answer;

    cf_reply_finish(reply, limit);
    CHECK(reply->length <= limit || reply->length <= 512);
    if (query->question_length && !(query->flags & CF_WIRE_OPCODE_MASK))
        CHECK(cf_wire_answer_parse(reply->data, reply->length, query, &answer) == 0);
}

static void format_all(const struct cf_wire_answer *answer)
{
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    char text[1024];
    int length;

    cf_wire_answer_walk(answer, &walk);
    while (cf_wire_walk_next(&walk, &rr) > 0) {
        length = cf_rdata_format(answer->message, &rr, text, sizeof text);
        CHECK(length < 0 || strlen(text) == (size_t)length);
    }
}

static bool has_ech(const struct cf_wire_answer *answer)
{
    struct cf_svcb_param param;
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    struct cf_svcb svcb;
    bool found = false;

    cf_wire_answer_walk(answer, &walk);
    while (cf_wire_walk_next(&walk, &rr) > 0) {
        if (!cf_svcb_is(&rr) || cf_svcb_open(&svcb, answer->message, &rr) < 0)
            continue;
        while (cf_svcb_next(&svcb, &param) > 0)
            found = found || param.key == CF_SVCB_ECH;
    }
    return found;
}

/* Without its keys the answer still reads to its last octet, and is no longer than it was. */
static void check_stripped(const struct cf_wire_answer *answer)
{
    struct cf_wire_answer stripped = *answer;
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    int r;

    if (cf_ech_strip(&stripped, stripped_data) < 0)
        return;
    CHECK(!has_ech(&stripped));
    CHECK((stripped.message == answer->message) == !has_ech(answer));
    CHECK(stripped.length <= answer->length);
    cf_wire_answer_walk(&stripped, &walk);
    while ((r = cf_wire_walk_next(&walk, &rr)) > 0)
        ;
    CHECK(r == 0 && walk.at == stripped.length);
}

static void try_answer(const struct cf_wire_query *query, const uint8_t *message, size_t length)
{
    const struct cf_wire_answer *kept;
    struct cf_wire_answer answer;
    struct cf_cache *cache;
    struct cf_reply reply;
    unsigned n = 0;

    if (cf_wire_answer_parse(message, length, query, &answer) < 0)
        return;
    format_all(&answer);
    check_stripped(&answer);
    if (cf_chain_read(&answer, &query->name, &chain) == 0) {
        (void)cf_chain_addrs(&chain, count_addr, &n);
        (void)cf_chain_targets(&chain, count_name, &n);
    }
    if (cf_cache_new(4, &cache) == 0) {
        cf_cache_put(cache, query, &answer, 0);
        kept = cf_cache_find(cache, query, 5000000);
        if (kept)
            format_all(kept);
        cf_cache_free(cache);
    }
    cf_reply_start(&reply, reply_data, query, answer.rcode);
    cf_reply_copy(&reply, &answer);
    check_reply(&reply, query, cf_reply_udp_limit(query));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[CF_DOMAIN_TEXT_SIZE];
    struct cf_wire_query query;
    struct cf_reply reply;
    struct cf_addr addr;
    size_t length;
    uint8_t *copy;

    if (size < 2)
        return 0;
    length = cf_wire_u16(data) % (size - 1);
    data += 2;
    size -= 2;
    /* Exactly as long as it says, so that a sanitizer sees what reads past the end. */
    copy = malloc(length + 1);
    if (!copy)
        return 0;
    memcpy(copy, data, length);
    if (cf_wire_query_parse(copy, length, &query) != -EPROTO) {
        cf_domain_format(&query.name, text);
        (void)cf_domain_to_addr(&query.name, &addr);
        cf_reply_start(&reply, reply_data, &query, CF_RCODE_FORMERR);
        reply.extended_error = CF_EXTENDED_BLOCKED;
        check_reply(&reply, &query, cf_reply_udp_limit(&query));
        if (query.question_length)
            try_answer(&query, data + length, size - length);
    }
    free(copy);
    return 0;
}
