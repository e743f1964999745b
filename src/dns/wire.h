/*
 * wire.h - DNS messages read with every step bounded (RFC 1035, 4; RFC 6891)
 *
 * What is read here came from the sandbox or from the network: nothing is
 * believed before it was checked against the length of the message.
 */
#ifndef CF_DNS_WIRE_H
#define CF_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "dns/domain.h"

#define CF_WIRE_HEADER_SIZE 12
#define CF_WIRE_MESSAGE_MAX 65535

/* Bits of the header's second word (RFC 1035, 4.1.1; RFC 4035, 3.1.6). */
#define CF_WIRE_QR 0x8000
#define CF_WIRE_OPCODE_MASK 0x7800
#define CF_WIRE_AA 0x0400
#define CF_WIRE_TC 0x0200
#define CF_WIRE_RD 0x0100
#define CF_WIRE_RA 0x0080
#define CF_WIRE_AD 0x0020
#define CF_WIRE_CD 0x0010
#define CF_WIRE_RCODE_MASK 0x000f

enum cf_wire_rcode {
    CF_RCODE_NOERROR = 0,
    CF_RCODE_FORMERR = 1,
    CF_RCODE_SERVFAIL = 2,
    CF_RCODE_NXDOMAIN = 3,
    CF_RCODE_NOTIMP = 4,
    CF_RCODE_REFUSED = 5,
    CF_RCODE_BADVERS = 16,
};

enum cf_wire_type {
    CF_TYPE_A = 1,
    CF_TYPE_NS = 2,
    CF_TYPE_CNAME = 5,
    CF_TYPE_SOA = 6,
    CF_TYPE_PTR = 12,
    CF_TYPE_MX = 15,
    CF_TYPE_TXT = 16,
    CF_TYPE_AAAA = 28,
    CF_TYPE_SRV = 33,
    CF_TYPE_DNAME = 39,
    CF_TYPE_OPT = 41,
    CF_TYPE_RRSIG = 46,
    CF_TYPE_SVCB = 64,
    CF_TYPE_HTTPS = 65,
    CF_TYPE_IXFR = 251,
    CF_TYPE_AXFR = 252,
};

#define CF_CLASS_IN 1

/* EDNS options that only concern two neighbours and are never handed on. */
#define CF_EDNS_COOKIE 10    /* RFC 7873 */
#define CF_EDNS_KEEPALIVE 11 /* RFC 7828 */
#define CF_EDNS_PADDING 12   /* RFC 7830 */

#define CF_EDNS_ERROR 15 /* RFC 8914 */
#define CF_EXTENDED_BLOCKED 15

static inline uint16_t cf_wire_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t cf_wire_u32(const uint8_t *at)
{
    return (uint32_t)cf_wire_u16(at) << 16 | cf_wire_u16(at + 2);
}

static inline void cf_wire_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void cf_wire_put_u32(uint8_t *at, uint32_t value)
{
    cf_wire_put_u16(at, (uint16_t)(value >> 16));
    cf_wire_put_u16(at + 2, (uint16_t)value);
}

/* The OPT record of a message. */
struct cf_wire_edns {
    bool present;
    bool dnssec_ok;
    uint8_t version;
    uint8_t rcode_high; /* the upper eight bits of the response code */
    uint16_t udp_size;  /* as it was said, maybe below 512 */
    uint16_t options_length;
    const uint8_t *options; /* borrowed from the message; whole options only */
};

struct cf_wire_query {
    uint16_t id;
    uint16_t flags;
    uint16_t type;
    uint16_t class;
    uint16_t question_length; /* 0 when no question could be read */
    struct cf_domain name;
    uint8_t question[CF_DOMAIN_SIZE + 4]; /* as it came: name, type, class */
    struct cf_wire_edns edns;
};

/*
 * Read a query. As much of ret_query as could be read is set in every case.
 *
 * Returns 0; -EPROTO for what gets no answer (less than a header, or not a
 * query); -ENOTSUP for an opcode other than QUERY; -EBADMSG for what gets
 * FORMERR: not one question, counts that lie, two OPTs, octets left over.
 */
int cf_wire_query_parse(const uint8_t *message, size_t length, struct cf_wire_query *ret_query);

enum cf_wire_section {
    CF_SECTION_ANSWER,
    CF_SECTION_AUTHORITY,
    CF_SECTION_ADDITIONAL,
    CF_SECTION_COUNT
};

struct cf_wire_rr {
    enum cf_wire_section section;
    size_t at; /* offset of the owner's name */
    struct cf_domain owner;
    uint16_t type;
    uint16_t class;
    uint32_t ttl;    /* 0 when the top bit was set (RFC 2181, 8) */
    size_t ttl_at;   /* offset of the TTL */
    size_t rdata_at; /* offset of the data */
    uint16_t rdata_length;
};

/* The records of a message, one after the other. */
struct cf_wire_walk {
    const uint8_t *message;
    size_t length;
    size_t at;
    unsigned section;
    uint16_t left[CF_SECTION_COUNT];
};

/* at: offset of the first record. The message has a whole header. */
void cf_wire_walk_start(struct cf_wire_walk *walk, const uint8_t *message, size_t length,
                        size_t at);
/* 1 with the next record, 0 behind the last, -EBADMSG when it does not fit. */
int cf_wire_walk_next(struct cf_wire_walk *walk, struct cf_wire_rr *ret_rr);

/* An answer from upstream, or one that was kept. */
struct cf_wire_answer {
    const uint8_t *message; /* borrowed */
    size_t length;          /* octets up to the OPT, which is not counted in records */
    size_t records_at;      /* offset behind the question */
    uint16_t id;
    uint16_t flags;
    uint16_t rcode; /* with the upper bits of EDNS */
    uint16_t counts[CF_SECTION_COUNT];
    struct cf_wire_edns edns;
};

/*
 * Read an answer and check that every record lies inside it, is what its type
 * says (cf_rdata_check()), and that nothing is left over. The OPT and what
 * stands behind it in the additional section are left out of length and
 * counts.
 *
 * query: the question that it must answer
 *
 * Returns 0; -EBADMSG when it is malformed, -EPROTO when it answers another
 * question.
 */
int cf_wire_answer_parse(const uint8_t *message, size_t length, const struct cf_wire_query *query,
                         struct cf_wire_answer *ret_answer);

/* Walk the records of a parsed answer (the OPT left out). */
void cf_wire_answer_walk(const struct cf_wire_answer *answer, struct cf_wire_walk *ret_walk);

/* The address in an A or AAAA record of class IN; 0 or -EINVAL. */
int cf_wire_rr_addr(const uint8_t *message, const struct cf_wire_rr *rr, struct cf_addr *ret_addr);

/* The name that the data of a record consists of (CNAME, NS, PTR, DNAME); 0 or -EBADMSG. */
int cf_wire_rr_name(const uint8_t *message, const struct cf_wire_rr *rr,
                    struct cf_domain *ret_name);

/*
 * Copy the options that may travel on (not cookies, keepalive, padding).
 * Returns how many octets were written; options that do not fit are left out.
 */
size_t cf_wire_options_copy(const struct cf_wire_edns *edns, uint8_t *ret_options, size_t size);

#endif
