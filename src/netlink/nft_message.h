/*
 * nft_message.h - nf_tables' netlink messages, expression by expression
 *
 * A failure sticks to the message, so that the caller checks once. Only
 * nft.c uses this.
 */
#ifndef CF_NETLINK_NFT_MESSAGE_H
#define CF_NETLINK_NFT_MESSAGE_H

#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nl_msg;
struct nlattr;

struct cf_nft_message {
    struct nl_msg *message;        /* NULL when memory is out */
    struct nlattr *element, *data; /* of the expression that is being written */
    bool failed;
};

/* A message with its fixed header. */
void cf_nft_message_init(struct cf_nft_message *e, int type, int flags, uint8_t family,
                         uint16_t resource);
void cf_nft_message_done(struct cf_nft_message *e);

/* Attributes; numbers are turned into network order. */
void cf_nft_put(struct cf_nft_message *e, int type, const void *data, size_t length);
void cf_nft_put_u32(struct cf_nft_message *e, int type, uint32_t value);
struct nlattr *cf_nft_nest(struct cf_nft_message *e, int type);
void cf_nft_unnest(struct cf_nft_message *e, struct nlattr *attr);

/* Match a fact of the packet that is not in its bytes; value as the kernel keeps it. */
void cf_nft_meta(struct cf_nft_message *e, enum nft_meta_keys key, const void *value,
                 size_t length);

/* Load bytes of the packet, keep some of their bits, match them. */
void cf_nft_payload(struct cf_nft_message *e, enum nft_payload_bases base, uint32_t offset,
                    uint32_t length);
void cf_nft_mask(struct cf_nft_message *e, const uint8_t *bytes, uint32_t length);
void cf_nft_compare(struct cf_nft_message *e, enum nft_cmp_ops how, const void *bytes,
                    size_t length);

/* Match bytes that are from first to last in memcmp(3)'s order, or are not. */
void cf_nft_range(struct cf_nft_message *e, enum nft_range_ops how, const void *first,
                  const void *last, size_t length);

/* Count what comes so far. */
void cf_nft_count(struct cf_nft_message *e);

/* What a rule does: log to a group (prefix may be NULL), take a socket, decide; chain is of
 * NFT_GOTO. */
void cf_nft_log(struct cf_nft_message *e, uint16_t group, uint32_t bytes, uint16_t batch,
                const char *prefix);
void cf_nft_socket(struct cf_nft_message *e, uint8_t family, uint16_t port);
void cf_nft_verdict(struct cf_nft_message *e, int code, const char *chain);

#endif
