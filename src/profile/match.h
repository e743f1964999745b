/*
 * match.h - what a rule matches with, and which of two matches wins
 *
 * The order in which matches win is total: two different rules never tie, so
 * the winner of a set of matches does not depend on where its rules stand.
 */
#ifndef CF_PROFILE_MATCH_H
#define CF_PROFILE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

/* HTTP/3 is on the port of https (RFC 9114, 3.1), over UDP. */
#define CF_QUIC_PORT 443

/*
 * One endpoint of one rule: its own, or that of a member of its group. What a
 * verdict looks at stands here, so that the rule itself is not touched.
 */
struct cf_item {
    const struct cf_rule *rule;
    const struct cf_member *member;    /* of the rule's group; NULL: none, or a name of a file */
    const struct cf_port_range *ports; /* NULL: all */
    struct cf_port_range first_port;   /* the first of them */
    uint32_t rank;    /* without the host's part; in the index an item by address has it too */
    uint16_t n_ports; /* 65536 ports have no more ranges that are apart */
    uint8_t protos;   /* mask of enum cf_proto */
    uint8_t action : 1; /* enum cf_action */
    uint8_t group : 4;  /* enum cf_addr_group of its endpoint; CF_GROUP_COUNT: it is none */
};

/* One item that matches; rank says how specifically. */
struct cf_match {
    const struct cf_item *item; /* NULL: none does */
    unsigned rank;
    uint32_t names_line; /* of the file that the name stands in; 0: none */
};

/*
 * The item of a rule. member: NULL for the rule's own endpoint, or, when that
 * is a group of names_file, for any of the file's names.
 */
struct cf_item cf_item_make(const struct cf_rule *rule, const struct cf_member *member);

/* Who is spoken of: the member's endpoint, or the rule's. */
const struct cf_endpoint *cf_item_endpoint(const struct cf_item *item);

/* Rules are of two kinds: by name and by address. A rule for a group is of its members' kinds. */
bool cf_rule_is_by_name(const struct cf_rule *rule);

/*
 * How specifically the rule names this host: more is more specific, 0 does
 * not match. Ranks compare within a kind only. For who looks at one rule; the
 * index finds those that match.
 *
 * name: normalised; length without the NUL
 */
unsigned cf_rule_rank_name(const struct cf_rule *rule, const char *name, size_t length);
unsigned cf_rule_rank_addr(const struct cf_rule *rule, const struct cf_addr *addr);

/* cf_rule_rank_addr() for a rule that holds every address of the family, 0 for any other. */
unsigned cf_rule_rank_wide(const struct cf_rule *rule, enum cf_family family);

/* Whether the item's protocols and ports hold this flow; port is 0 for ICMP. */
bool cf_item_covers(const struct cf_item *item, enum cf_proto proto, uint16_t port);

/*
 * A flow that the item speaks of: its first protocol and port, but UDP to the
 * port of QUIC only where it speaks of no other.
 */
enum cf_proto cf_item_flow(const struct cf_item *item, uint16_t *ret_port);

/* Negative when a wins over b, of the same host; items of equal outcome have an order too. */
int cf_item_compare(const struct cf_item *a, const struct cf_item *b);

/* The host's part of a rank: more is more specific, within a kind. labels: of the text without
 * stars */
unsigned cf_match_host_name(enum cf_host_kind kind, unsigned labels);
unsigned cf_match_host_addr(unsigned prefix_bits);

unsigned cf_match_rank(const struct cf_item *item, unsigned host);

/* The rank without what a rule of the command line has on top. */
unsigned cf_match_rank_plain(const struct cf_item *item, unsigned host);

/* In which respect the higher of two ranks of one kind is more specific. */
enum cf_edge {
    CF_EDGE_COMMAND_LINE, /* it stands there, which beats every file */
    CF_EDGE_HOST,
    CF_EDGE_PROTO, /* it has a protocol */
    CF_EDGE_PORTS, /* it has ports */
    CF_EDGE_EXE,   /* it is for a program */
    CF_EDGE_COUNT
};

enum cf_edge cf_rank_edge(unsigned higher, unsigned lower);

/* Keep the one that wins in best: the more specific, at a tie the denial. NULL never wins. */
void cf_match_keep(struct cf_match *best, const struct cf_item *item, unsigned rank,
                   uint32_t names_line);

#endif
