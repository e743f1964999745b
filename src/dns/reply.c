/*
 * reply.c - the message that the client gets
 */
#include "dns/reply.h"

#include <string.h>

#define OPT_SIZE 11
#define EXTENDED_ERROR_SIZE 6
#define QUESTION_POINTER 0xc00c

void cf_reply_start(struct cf_reply *reply, uint8_t data[CF_REPLY_SIZE],
                    const struct cf_wire_query *query, unsigned rcode)
{
    uint16_t kept = CF_WIRE_OPCODE_MASK | CF_WIRE_RD | CF_WIRE_CD;

    *reply = (struct cf_reply) { .query = query, .data = data, .rcode = rcode };
    reply->extended_error = -1;
    memset(data, 0, CF_WIRE_HEADER_SIZE);
    cf_wire_put_u16(data, query->id);
    cf_wire_put_u16(data + 2, (uint16_t)(CF_WIRE_QR | CF_WIRE_RA | (query->flags & kept)));
    cf_wire_put_u16(data + 4, query->question_length > 0);
    memcpy(data + CF_WIRE_HEADER_SIZE, query->question, query->question_length);
    reply->length = reply->records_at = CF_WIRE_HEADER_SIZE + (size_t)query->question_length;
}

static void add_record(struct cf_reply *reply, uint16_t type, uint32_t ttl, const void *rdata,
                       uint16_t length)
{
    uint8_t *at = reply->data + reply->length;

    if (CF_REPLY_SIZE - reply->length < 12 + (size_t)length + OPT_SIZE + EXTENDED_ERROR_SIZE)
        return;
    cf_wire_put_u16(at, QUESTION_POINTER);
    cf_wire_put_u16(at + 2, type);
    cf_wire_put_u16(at + 4, CF_CLASS_IN);
    cf_wire_put_u32(at + 6, ttl);
    cf_wire_put_u16(at + 10, length);
    memcpy(at + 12, rdata, length);
    reply->length += 12 + (size_t)length;
    cf_wire_put_u16(reply->data + 6, (uint16_t)(cf_wire_u16(reply->data + 6) + 1));
}

void cf_reply_add_addr(struct cf_reply *reply, const struct cf_addr *addr, uint32_t ttl)
{
    if (addr->family == CF_FAMILY_IPV4)
        add_record(reply, CF_TYPE_A, ttl, addr->bytes, 4);
    else
        add_record(reply, CF_TYPE_AAAA, ttl, addr->bytes, 16);
}

void cf_reply_add_ptr(struct cf_reply *reply, const struct cf_domain *target, uint32_t ttl)
{
    add_record(reply, CF_TYPE_PTR, ttl, target->bytes, target->length);
}

void cf_reply_copy(struct cf_reply *reply, const struct cf_wire_answer *answer)
{
    uint16_t kept = CF_WIRE_AA | CF_WIRE_TC | CF_WIRE_AD;
    size_t records = answer->length - answer->records_at;

    /* The question is as long as the client's, so pointers into the answer still hold. */
    memcpy(reply->data + reply->records_at, answer->message + answer->records_at, records);
    reply->length = reply->records_at + records;
    reply->rcode = answer->rcode;
    cf_wire_put_u16(reply->data + 2,
                    (uint16_t)(cf_wire_u16(reply->data + 2) | (answer->flags & kept)));
    for (unsigned i = 0; i < CF_SECTION_COUNT; i++)
        cf_wire_put_u16(reply->data + 6 + 2 * i, answer->counts[i]);
}

static void cut(struct cf_reply *reply)
{
    reply->length = reply->records_at;
    memset(reply->data + 6, 0, 6);
    reply->data[2] |= CF_WIRE_TC >> 8;
}

static void add_opt(struct cf_reply *reply, size_t options_length)
{
    uint8_t *at = reply->data + reply->length;
    size_t error = reply->extended_error >= 0 ? EXTENDED_ERROR_SIZE : 0;

    memset(at, 0, OPT_SIZE);
    cf_wire_put_u16(at + 1, CF_TYPE_OPT);
    cf_wire_put_u16(at + 3, CF_REPLY_UDP_TAKEN);
    at[5] = (uint8_t)(reply->rcode >> 4);
    if (reply->query->edns.dnssec_ok)
        at[7] = 0x80;
    cf_wire_put_u16(at + 9, (uint16_t)(options_length + error));
    if (options_length)
        memcpy(at + OPT_SIZE, reply->options, options_length);
    at += OPT_SIZE + options_length;
    if (error) {
        cf_wire_put_u16(at, CF_EDNS_ERROR);
        cf_wire_put_u16(at + 2, 2);
        cf_wire_put_u16(at + 4, (uint16_t)reply->extended_error);
    }
    reply->length += OPT_SIZE + options_length + error;
    cf_wire_put_u16(reply->data + 10, (uint16_t)(cf_wire_u16(reply->data + 10) + 1));
}

void cf_reply_finish(struct cf_reply *reply, size_t limit)
{
    size_t opt = 0, options_length = reply->options_length;

    if (limit > CF_REPLY_SIZE)
        limit = CF_REPLY_SIZE;
    if (reply->query->edns.present)
        opt = OPT_SIZE + (reply->extended_error >= 0 ? EXTENDED_ERROR_SIZE : 0);
    else if (reply->rcode > CF_WIRE_RCODE_MASK)
        reply->rcode = CF_RCODE_SERVFAIL;
    /* The upstream's options go before its records do. */
    if (reply->length + opt + options_length > limit)
        options_length = 0;
    if (reply->length + opt > limit)
        cut(reply);
    reply->data[3] =
        (uint8_t)((reply->data[3] & ~CF_WIRE_RCODE_MASK) | (reply->rcode & CF_WIRE_RCODE_MASK));
    if (opt)
        add_opt(reply, options_length);
}

size_t cf_reply_udp_limit(const struct cf_wire_query *query)
{
    if (!query->edns.present || query->edns.udp_size < 512)
        return 512;
    return query->edns.udp_size < CF_REPLY_UDP_MAX ? query->edns.udp_size : CF_REPLY_UDP_MAX;
}
