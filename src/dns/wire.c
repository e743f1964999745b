/*
 * wire.c - DNS messages read with every step bounded
 */
#include "dns/wire.h"

#include <errno.h>
#include <string.h>

#include "dns/rdata.h"

#define RR_FIXED_SIZE 10 /* type, class, TTL, length of the data */
#define EDNS_DO 0x8000

void cf_wire_walk_start(struct cf_wire_walk *walk, const uint8_t *message, size_t length, size_t at)
{
    *walk = (struct cf_wire_walk) { .message = message, .length = length, .at = at };
    for (unsigned i = 0; i < CF_SECTION_COUNT; i++)
        walk->left[i] = cf_wire_u16(message + 6 + 2 * i);
}

int cf_wire_walk_next(struct cf_wire_walk *walk, struct cf_wire_rr *ret_rr)
{
    const uint8_t *fixed;
    size_t at;

    while (walk->section < CF_SECTION_COUNT && walk->left[walk->section] == 0)
        walk->section++;
    if (walk->section == CF_SECTION_COUNT)
        return 0;
    if (cf_domain_read(walk->message, walk->length, walk->at, &ret_rr->owner, &at) < 0)
        return -EBADMSG;
    if (walk->length - at < RR_FIXED_SIZE)
        return -EBADMSG;
    fixed = walk->message + at;
    ret_rr->section = (enum cf_wire_section)walk->section;
    ret_rr->at = walk->at;
    ret_rr->type = cf_wire_u16(fixed);
    ret_rr->class = cf_wire_u16(fixed + 2);
    ret_rr->ttl = cf_wire_u32(fixed + 4);
    if (ret_rr->ttl > INT32_MAX && ret_rr->type != CF_TYPE_OPT)
        ret_rr->ttl = 0;
    ret_rr->ttl_at = at + 4;
    ret_rr->rdata_at = at + RR_FIXED_SIZE;
    ret_rr->rdata_length = cf_wire_u16(fixed + 8);
    if (ret_rr->rdata_length > walk->length - ret_rr->rdata_at)
        return -EBADMSG;
    walk->at = ret_rr->rdata_at + ret_rr->rdata_length;
    walk->left[walk->section]--;
    return 1;
}

/* Whole options only: each length must lead exactly to the next, the last to the end. */
static bool options_are_whole(const uint8_t *options, size_t length)
{
    while (length >= 4) {
        size_t size = 4 + (size_t)cf_wire_u16(options + 2);

        if (size > length)
            return false;
        options += size;
        length -= size;
    }
    return length == 0;
}

static int edns_read(const uint8_t *message, const struct cf_wire_rr *rr,
                     struct cf_wire_edns *ret_edns)
{
    if (ret_edns->present || rr->section != CF_SECTION_ADDITIONAL || rr->owner.length != 1)
        return -EBADMSG;
    if (!options_are_whole(message + rr->rdata_at, rr->rdata_length))
        return -EBADMSG;
    ret_edns->present = true;
    ret_edns->udp_size = rr->class;
    ret_edns->rcode_high = (uint8_t)(rr->ttl >> 24);
    ret_edns->version = (uint8_t)(rr->ttl >> 16);
    ret_edns->dnssec_ok = rr->ttl & EDNS_DO;
    ret_edns->options = message + rr->rdata_at;
    ret_edns->options_length = rr->rdata_length;
    return 0;
}

static int question_read(const uint8_t *message, size_t length, struct cf_domain *ret_name,
                         size_t *ret_end)
{
    size_t at;

    if (cf_wire_u16(message + 4) != 1)
        return -EBADMSG;
    if (cf_domain_read(message, length, CF_WIRE_HEADER_SIZE, ret_name, &at) < 0 || length - at < 4)
        return -EBADMSG;
    *ret_end = at + 4;
    return 0;
}

int cf_wire_query_parse(const uint8_t *message, size_t length, struct cf_wire_query *ret_query)
{
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    size_t end;
    int r;

    ret_query->id = ret_query->flags = ret_query->type = ret_query->class = 0;
    ret_query->question_length = 0;
    ret_query->name.length = 1;
    ret_query->name.bytes[0] = 0;
    ret_query->edns = (struct cf_wire_edns) { 0 };
    if (length < CF_WIRE_HEADER_SIZE)
        return -EPROTO;
    ret_query->id = cf_wire_u16(message);
    ret_query->flags = cf_wire_u16(message + 2);
    if (ret_query->flags & CF_WIRE_QR)
        return -EPROTO;
    if (ret_query->flags & CF_WIRE_OPCODE_MASK)
        return -ENOTSUP;
    /* Nothing stands before the first name, so this one holds no pointer. */
    if (question_read(message, length, &ret_query->name, &end) < 0) {
        ret_query->name.length = 1;
        ret_query->name.bytes[0] = 0;
        return -EBADMSG;
    }
    ret_query->type = cf_wire_u16(message + end - 4);
    ret_query->class = cf_wire_u16(message + end - 2);
    ret_query->question_length = (uint16_t)(end - CF_WIRE_HEADER_SIZE);
    memcpy(ret_query->question, message + CF_WIRE_HEADER_SIZE, ret_query->question_length);
    cf_wire_walk_start(&walk, message, length, end);
    while ((r = cf_wire_walk_next(&walk, &rr)) > 0) {
        if (rr.type == CF_TYPE_OPT && edns_read(message, &rr, &ret_query->edns) < 0)
            return -EBADMSG;
    }
    return r < 0 || walk.at != length ? -EBADMSG : 0;
}

int cf_wire_answer_parse(const uint8_t *message, size_t length, const struct cf_wire_query *query,
                         struct cf_wire_answer *ret_answer)
{
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    struct cf_domain name;
    size_t end;
    int r;

    *ret_answer = (struct cf_wire_answer) { .message = message };
    if (length < CF_WIRE_HEADER_SIZE || question_read(message, length, &name, &end) < 0)
        return -EBADMSG;
    ret_answer->id = cf_wire_u16(message);
    ret_answer->flags = cf_wire_u16(message + 2);
    ret_answer->rcode = ret_answer->flags & CF_WIRE_RCODE_MASK;
    ret_answer->records_at = end;
    if (!(ret_answer->flags & CF_WIRE_QR) || (ret_answer->flags & CF_WIRE_OPCODE_MASK))
        return -EBADMSG;
    if (!cf_domain_equal(&name, &query->name) || cf_wire_u16(message + end - 4) != query->type ||
        cf_wire_u16(message + end - 2) != query->class)
        return -EPROTO;
    ret_answer->length = end;
    cf_wire_walk_start(&walk, message, length, end);
    while ((r = cf_wire_walk_next(&walk, &rr)) > 0) {
        if (rr.type == CF_TYPE_OPT) {
            if (edns_read(message, &rr, &ret_answer->edns) < 0)
                return -EBADMSG;
        } else if (cf_rdata_check(message, &rr) < 0) {
            return -EBADMSG;
        } else if (!ret_answer->edns.present) {
            ret_answer->length = walk.at;
            ret_answer->counts[rr.section]++;
        }
    }
    ret_answer->rcode |= (uint16_t)(ret_answer->edns.rcode_high << 4);
    return r < 0 || walk.at != length ? -EBADMSG : 0;
}

void cf_wire_answer_walk(const struct cf_wire_answer *answer, struct cf_wire_walk *ret_walk)
{
    cf_wire_walk_start(ret_walk, answer->message, answer->length, answer->records_at);
    memcpy(ret_walk->left, answer->counts, sizeof ret_walk->left);
}

int cf_wire_rr_addr(const uint8_t *message, const struct cf_wire_rr *rr, struct cf_addr *ret_addr)
{
    if (rr->class != CF_CLASS_IN)
        return -EINVAL;
    if (rr->type == CF_TYPE_A && rr->rdata_length == 4)
        *ret_addr = cf_addr_from_ipv4(message + rr->rdata_at);
    else if (rr->type == CF_TYPE_AAAA && rr->rdata_length == 16)
        *ret_addr = cf_addr_from_ipv6(message + rr->rdata_at);
    else
        return -EINVAL;
    return 0;
}

int cf_wire_rr_name(const uint8_t *message, const struct cf_wire_rr *rr, struct cf_domain *ret_name)
{
    size_t end = rr->rdata_at + rr->rdata_length, next;

    if (cf_domain_read(message, end, rr->rdata_at, ret_name, &next) < 0 || next != end)
        return -EBADMSG;
    return 0;
}

static bool option_travels(uint16_t code)
{
    return code != CF_EDNS_COOKIE && code != CF_EDNS_KEEPALIVE && code != CF_EDNS_PADDING;
}

size_t cf_wire_options_copy(const struct cf_wire_edns *edns, uint8_t *ret_options, size_t size)
{
    size_t used = 0;

    for (size_t at = 0; at + 4 <= edns->options_length;) {
        const uint8_t *option = edns->options + at;
        size_t whole = 4 + (size_t)cf_wire_u16(option + 2);

        at += whole;
        if (!option_travels(cf_wire_u16(option)) || whole > size - used)
            continue;
        memcpy(ret_options + used, option, whole);
        used += whole;
    }
    return used;
}
