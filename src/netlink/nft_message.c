/*
 * nft_message.c - nf_tables' netlink messages, expression by expression
 *
 * A rule is a list of expressions, each a name and attributes of its own, all
 * numbers in network order. Loads write register 1, matches read it.
 */
#include "netlink/nft_message.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

/* Names and values: of the longest, an address, and then some. */
#define ATTRIBUTE_MAX 32

static_assert(ATTRIBUTE_MAX % NLA_ALIGNTO == 0, "room for what follows the longest");

/* Overwrite what was appended. */
static void patch(struct cf_nft_message *e, size_t at, const void *data, size_t length)
{
    if (!e->bytes->failed)
        memcpy(e->bytes->data + at, data, length);
}

void cf_nft_message_init(struct cf_nft_message *e, struct cf_buffer *bytes, uint16_t type,
                         uint16_t flags, uint8_t family, uint16_t resource)
{
    const struct nlmsghdr header = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags };
    const struct nfgenmsg netfilter = { .nfgen_family = family,
                                        .version = NFNETLINK_V0,
                                        .res_id = htons(resource) };

    *e = (struct cf_nft_message) { .bytes = bytes, .start = bytes->length };
    cf_buffer_append(bytes, &header, sizeof header);
    cf_buffer_append(bytes, &netfilter, sizeof netfilter);
}

void cf_nft_message_done(struct cf_nft_message *e, uint32_t number)
{
    const uint32_t length = (uint32_t)(e->bytes->length - e->start);

    patch(e, e->start + offsetof(struct nlmsghdr, nlmsg_len), &length, sizeof length);
    patch(e, e->start + offsetof(struct nlmsghdr, nlmsg_seq), &number, sizeof number);
}

/* What is appended ends where the kernel wants the next to begin, with zeros in between. */
void cf_nft_put(struct cf_nft_message *e, uint16_t type, const void *data, size_t length)
{
    struct {
        struct nlattr head;
        char data[ATTRIBUTE_MAX];
    } attr = { .head = { .nla_len = (uint16_t)(sizeof attr.head + length), .nla_type = type } };

    if (length > sizeof attr.data) {
        e->bytes->failed = true;
        return;
    }
    if (length > 0)
        memcpy(attr.data, data, length);
    cf_buffer_append(e->bytes, &attr, sizeof attr.head + NLA_ALIGN(length));
}

void cf_nft_put_u32(struct cf_nft_message *e, uint16_t type, uint32_t value)
{
    const uint32_t be = htonl(value);

    cf_nft_put(e, type, &be, sizeof be);
}

static void put_u16(struct cf_nft_message *e, uint16_t type, uint16_t value)
{
    const uint16_t be = htons(value);

    cf_nft_put(e, type, &be, sizeof be);
}

size_t cf_nft_nest(struct cf_nft_message *e, uint16_t type)
{
    const size_t nest = e->bytes->length;

    cf_nft_put(e, NLA_F_NESTED | type, NULL, 0);
    return nest;
}

void cf_nft_unnest(struct cf_nft_message *e, size_t nest)
{
    const uint16_t length = (uint16_t)(e->bytes->length - nest);

    patch(e, nest + offsetof(struct nlattr, nla_len), &length, sizeof length);
}

static void begin(struct cf_nft_message *e, const char *name)
{
    e->element = cf_nft_nest(e, NFTA_LIST_ELEM);
    cf_nft_put(e, NFTA_EXPR_NAME, name, strlen(name) + 1);
    e->data = cf_nft_nest(e, NFTA_EXPR_DATA);
}

static void end(struct cf_nft_message *e)
{
    cf_nft_unnest(e, e->data);
    cf_nft_unnest(e, e->element);
}

static void put_value(struct cf_nft_message *e, uint16_t type, const void *data, size_t length)
{
    const size_t attr = cf_nft_nest(e, type);

    cf_nft_put(e, NFTA_DATA_VALUE, data, length);
    cf_nft_unnest(e, attr);
}

void cf_nft_payload(struct cf_nft_message *e, enum nft_payload_bases base, uint32_t offset,
                    uint32_t length)
{
    begin(e, "payload");
    cf_nft_put_u32(e, NFTA_PAYLOAD_DREG, NFT_REG_1);
    cf_nft_put_u32(e, NFTA_PAYLOAD_BASE, base);
    cf_nft_put_u32(e, NFTA_PAYLOAD_OFFSET, offset);
    cf_nft_put_u32(e, NFTA_PAYLOAD_LEN, length);
    end(e);
}

void cf_nft_mask(struct cf_nft_message *e, const uint8_t *bytes, uint32_t length)
{
    static const uint8_t zero[16];

    begin(e, "bitwise");
    cf_nft_put_u32(e, NFTA_BITWISE_SREG, NFT_REG_1);
    cf_nft_put_u32(e, NFTA_BITWISE_DREG, NFT_REG_1);
    cf_nft_put_u32(e, NFTA_BITWISE_LEN, length);
    put_value(e, NFTA_BITWISE_MASK, bytes, length);
    put_value(e, NFTA_BITWISE_XOR, zero, length);
    end(e);
}

void cf_nft_compare(struct cf_nft_message *e, enum nft_cmp_ops how, const void *bytes,
                    size_t length)
{
    begin(e, "cmp");
    cf_nft_put_u32(e, NFTA_CMP_SREG, NFT_REG_1);
    cf_nft_put_u32(e, NFTA_CMP_OP, how);
    put_value(e, NFTA_CMP_DATA, bytes, length);
    end(e);
}

void cf_nft_range(struct cf_nft_message *e, enum nft_range_ops how, const void *first,
                  const void *last, size_t length)
{
    begin(e, "range");
    cf_nft_put_u32(e, NFTA_RANGE_SREG, NFT_REG_1);
    cf_nft_put_u32(e, NFTA_RANGE_OP, how);
    put_value(e, NFTA_RANGE_FROM_DATA, first, length);
    put_value(e, NFTA_RANGE_TO_DATA, last, length);
    end(e);
}

void cf_nft_meta(struct cf_nft_message *e, enum nft_meta_keys key, const void *value, size_t length)
{
    begin(e, "meta");
    cf_nft_put_u32(e, NFTA_META_KEY, key);
    cf_nft_put_u32(e, NFTA_META_DREG, NFT_REG_1);
    end(e);
    cf_nft_compare(e, NFT_CMP_EQ, value, length);
}

void cf_nft_count(struct cf_nft_message *e)
{
    begin(e, "counter");
    end(e);
}

void cf_nft_log(struct cf_nft_message *e, uint16_t group, uint32_t bytes, uint16_t batch,
                const char *prefix)
{
    begin(e, "log");
    put_u16(e, NFTA_LOG_GROUP, group);
    cf_nft_put_u32(e, NFTA_LOG_SNAPLEN, bytes);
    put_u16(e, NFTA_LOG_QTHRESHOLD, batch);
    if (prefix)
        cf_nft_put(e, NFTA_LOG_PREFIX, prefix, strlen(prefix) + 1);
    end(e);
}

void cf_nft_socket(struct cf_nft_message *e, uint8_t family, uint16_t port)
{
    const uint16_t port_be = htons(port);

    begin(e, "immediate");
    cf_nft_put_u32(e, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    put_value(e, NFTA_IMMEDIATE_DATA, &port_be, sizeof port_be);
    end(e);
    begin(e, "tproxy");
    cf_nft_put_u32(e, NFTA_TPROXY_FAMILY, family == NFPROTO_INET ? NFPROTO_UNSPEC : family);
    cf_nft_put_u32(e, NFTA_TPROXY_REG_PORT, NFT_REG_1);
    end(e);
}

void cf_nft_verdict(struct cf_nft_message *e, int code, const char *chain)
{
    size_t data, value;

    begin(e, "immediate");
    cf_nft_put_u32(e, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    data = cf_nft_nest(e, NFTA_IMMEDIATE_DATA);
    value = cf_nft_nest(e, NFTA_DATA_VERDICT);
    cf_nft_put_u32(e, NFTA_VERDICT_CODE, (uint32_t)code);
    if (chain)
        cf_nft_put(e, NFTA_VERDICT_CHAIN, chain, strlen(chain) + 1);
    cf_nft_unnest(e, value);
    cf_nft_unnest(e, data);
    end(e);
}
