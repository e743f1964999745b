/*
 * nft_message.c - nf_tables' netlink messages, expression by expression
 *
 * A rule is a list of expressions, each a name and attributes of its own, all
 * numbers in network order. Loads write register 1, matches read it.
 */
#include "netlink/nft_message.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

void cf_nft_message_init(struct cf_nft_message *e, int type, int flags, uint8_t family,
                         uint16_t resource)
{
    struct nfgenmsg header = { .nfgen_family = family,
                               .version = NFNETLINK_V0,
                               .res_id = htons(resource) };

    *e = (struct cf_nft_message) { .message = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags) };
    if (!e->message || nlmsg_append(e->message, &header, sizeof header, NLMSG_ALIGNTO) < 0)
        e->failed = true;
}

void cf_nft_message_done(struct cf_nft_message *e)
{
    nlmsg_free(e->message);
}

void cf_nft_put(struct cf_nft_message *e, int type, const void *data, size_t length)
{
    if (!e->message || nla_put(e->message, type, (int)length, data) < 0)
        e->failed = true;
}

void cf_nft_put_u32(struct cf_nft_message *e, int type, uint32_t value)
{
    const uint32_t be = htonl(value);

    cf_nft_put(e, type, &be, sizeof be);
}

static void put_u16(struct cf_nft_message *e, int type, uint16_t value)
{
    const uint16_t be = htons(value);

    cf_nft_put(e, type, &be, sizeof be);
}

struct nlattr *cf_nft_nest(struct cf_nft_message *e, int type)
{
    struct nlattr *attr = e->message ? nla_nest_start(e->message, type) : NULL;

    if (!attr)
        e->failed = true;
    return attr;
}

void cf_nft_unnest(struct cf_nft_message *e, struct nlattr *attr)
{
    if (attr)
        nla_nest_end(e->message, attr);
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

static void put_value(struct cf_nft_message *e, int type, const void *data, size_t length)
{
    struct nlattr *attr = cf_nft_nest(e, type);

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
    struct nlattr *data, *value;

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
