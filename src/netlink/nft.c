/*
 * nft.c - the rules that bring every packet of the sandbox to the engine
 *
 * In the gateway's namespace, where packets come from two places: lo, which are held
 * SYNs on their way back in, and gw0. A packet of the sandbox ends in one of three ways:
 *
 *   - handed to a socket of ours (tproxy): segments of a connection, datagrams.
 *     A segment that belongs to no connection reaches the listener, whose
 *     kernel answers with a RST.
 *   - logged to group 7 and dropped: a SYN, an echo request. The engine judges
 *     and answers them.
 *   - logged to group 8 and dropped: what can be no flow, with the reason as
 *     prefix. So every packet is accounted for.
 *
 * To load them is for the kernel to look up each expression by name in a list of all,
 * 2.5 us, so there are few. What goes somewhere goes on to a second chain, by one
 * rule for each family that has all addresses in it that are nowhere, instead of a rule
 * for each of these. The last rule takes what is left over, and stray.c reads from the
 * packet what it was, instead of a rule for each reason: 94 expressions for 201.
 *
 * The tproxy expression turns on reassembly in front of this chain, for both
 * families, so that fragments are judged as the packet they make.
 *
 * The rules are a table of ours, put into nf_tables' own netlink messages and
 * sent as one transaction. libnftables does the same from text in 2.0 to
 * 2.5 ms, this in 0.2 ms; the whole gateway opens in 2.
 */
#include "netlink/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "netlink/gateway.h"
#include "netlink/nft_message.h"
#include "netlink/request.h"
#include "netlink/stray.h"

#define LOOPBACK_INDEX 1

/* Of packets that go somewhere. */
#define CHAIN_ON "on"

/* NF_IP_PRI_MANGLE: behind reassembly, in front of routing. */
#define PRIORITY_MANGLE (-150)

/* Bytes of a refused packet that are worth a look, and how many make a batch. */
#define STRAY_BYTES 128
#define STRAY_BATCH 32

/* From the first to the last, as text; last is NULL for one. */
struct span {
    const char *first, *last;
};

/* Where nothing goes; the last two are broadcasts of the link. */
static const struct span nowhere_ipv4[] = {
    { "0.0.0.0", "0.255.255.255" },
    { "127.0.0.0", "127.255.255.255" },
    { "224.0.0.0", "239.255.255.255" },
    { "255.255.255.255", NULL },
    { "198.18.0.0", NULL },
    { "198.18.0.3", NULL },
};

static const struct span nowhere_ipv6[] = {
    { "::", "::1" },
    { "::ffff:0.0.0.0", "::ffff:255.255.255.255" },
    { "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
};

/* What a rule looks at, besides family and protocol. */
enum part {
    PART_NONE,
    PART_NOT_SOURCE, /* any other than this address */
    PART_SOMEWHERE,  /* a destination that is in none of nowhere_ipv4 and nowhere_ipv6 */
    PART_PORT,
    PART_NOT_SYN, /* TCP flags other than of a first segment */
    PART_TYPE,    /* of ICMP */
    PART_LINK,    /* of ICMP for IPv6: what a kernel says to the link (RFC 2710, 3810, 4861) */
};

enum action { ACTION_COUNT, ACTION_FLOW, ACTION_STRAY, ACTION_SOCKET, ACTION_DROP, ACTION_GO_ON };

struct rule {
    bool go_on; /* in the second chain */
    bool from_lo;
    uint8_t family;   /* NFPROTO_IPV4, NFPROTO_IPV6, 0: both */
    uint8_t protocol; /* 0: any */
    uint8_t part;     /* enum part */
    uint8_t type;     /* of PART_TYPE */
    uint8_t action;   /* enum action */
    uint16_t port;    /* of PART_PORT, and of the socket */
    const char *address;
    const char *reason; /* of ACTION_STRAY */
};

#define IPV4 .family = NFPROTO_IPV4
#define IPV6 .family = NFPROTO_IPV6
#define TCP .protocol = IPPROTO_TCP
#define UDP .protocol = IPPROTO_UDP
#define ICMP .family = NFPROTO_IPV4, .protocol = IPPROTO_ICMP
#define ICMP6 .family = NFPROTO_IPV6, .protocol = IPPROTO_ICMPV6
#define NOT_FROM(a) .part = PART_NOT_SOURCE, .address = (a)
#define TYPE(t) .part = PART_TYPE, .type = (t)
#define FLOW .action = ACTION_FLOW
#define SOCKET(p) .action = ACTION_SOCKET, .port = (p)
#define STRAY(why) .action = ACTION_STRAY, .reason = (why)

/* The first that matches decides. nflog.h explains the reasons. */
static const struct rule rules[] = {
    { .from_lo = true, TCP, SOCKET(CF_GATEWAY_TCP_PORT) },
    { .from_lo = true, .action = ACTION_DROP },
    { ICMP6, .part = PART_LINK, STRAY("link") },
    { .action = ACTION_COUNT }, /* all else that the sandbox sent: count.c reads it */
    { IPV4, NOT_FROM(CF_SANDBOX_IPV4), STRAY("forged") },
    { IPV6, NOT_FROM(CF_SANDBOX_IPV6), STRAY("forged") },
    { TCP, .part = PART_NOT_SYN, SOCKET(CF_GATEWAY_TCP_PORT) },
    { IPV4, .part = PART_SOMEWHERE, .action = ACTION_GO_ON },
    { IPV6, .part = PART_SOMEWHERE, .action = ACTION_GO_ON },
    { STRAY("destination") },
    { .go_on = true, TCP, FLOW },
    { .go_on = true, UDP, .part = PART_PORT, SOCKET(CF_GATEWAY_DNS_PORT) },
    { .go_on = true, UDP, SOCKET(CF_GATEWAY_UDP_PORT) },
    { .go_on = true, ICMP, TYPE(8), FLOW },
    { .go_on = true, ICMP6, TYPE(128), FLOW },
    { .go_on = true, STRAY(CF_STRAY_REST) },
};

#define RULES_COUNT (sizeof rules / sizeof rules[0])

/* One transaction: messages numbered from 1. Failures stick to the buffer. */
struct batch {
    struct cf_buffer bytes;
    uint32_t n_messages;
    uint32_t first_rule; /* number of the first rule's message */
    uint8_t family;      /* NFPROTO_INET, or NFPROTO_IPV4 on a kernel without IPv6 */
    const struct rule *sent[RULES_COUNT];
};

static void address_load(struct cf_nft_message *e, bool ipv4, bool source)
{
    if (ipv4)
        cf_nft_payload(e, NFT_PAYLOAD_NETWORK_HEADER, source ? 12 : 16, 4);
    else
        cf_nft_payload(e, NFT_PAYLOAD_NETWORK_HEADER, source ? 8 : 24, 16);
}

static void address_match(struct cf_nft_message *e, const struct rule *rule)
{
    const bool ipv4 = rule->family == NFPROTO_IPV4;
    uint8_t bytes[16];

    inet_pton(ipv4 ? AF_INET : AF_INET6, rule->address, bytes);
    address_load(e, ipv4, true);
    cf_nft_compare(e, NFT_CMP_NEQ, bytes, ipv4 ? 4 : 16);
}

static void somewhere_match(struct cf_nft_message *e, bool ipv4)
{
    const struct span *spans = ipv4 ? nowhere_ipv4 : nowhere_ipv6;
    const size_t n_spans =
        ipv4 ? sizeof nowhere_ipv4 / sizeof *spans : sizeof nowhere_ipv6 / sizeof *spans;
    uint8_t first[16], last[16];

    address_load(e, ipv4, false);
    for (size_t i = 0; i < n_spans; i++) {
        inet_pton(ipv4 ? AF_INET : AF_INET6, spans[i].first, first);
        if (spans[i].last) {
            inet_pton(ipv4 ? AF_INET : AF_INET6, spans[i].last, last);
            cf_nft_range(e, NFT_RANGE_NEQ, first, last, ipv4 ? 4 : 16);
        } else {
            cf_nft_compare(e, NFT_CMP_NEQ, first, ipv4 ? 4 : 16);
        }
    }
}

/* All from a query of listeners to their newest report, but advertisements of routers and
 * redirects. */
static void link_match(struct cf_nft_message *e)
{
    const uint8_t first = 130, last = 143, router = 134, redirect = 137, before_last = 142;

    cf_nft_payload(e, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
    cf_nft_range(e, NFT_RANGE_EQ, &first, &last, 1);
    cf_nft_compare(e, NFT_CMP_NEQ, &router, 1);
    cf_nft_range(e, NFT_RANGE_NEQ, &redirect, &before_last, 1);
}

static void part_match(struct cf_nft_message *e, const struct rule *rule)
{
    static const uint8_t flags = TH_FIN | TH_SYN | TH_RST | TH_ACK, syn = TH_SYN;
    const uint16_t port = htons(rule->port);

    switch ((enum part)rule->part) {
    case PART_NONE:
        break;
    case PART_NOT_SOURCE:
        address_match(e, rule);
        break;
    case PART_SOMEWHERE:
        somewhere_match(e, rule->family == NFPROTO_IPV4);
        break;
    case PART_PORT:
        cf_nft_payload(e, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof port);
        cf_nft_compare(e, NFT_CMP_EQ, &port, sizeof port);
        break;
    case PART_NOT_SYN:
        cf_nft_payload(e, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1);
        cf_nft_mask(e, &flags, 1);
        cf_nft_compare(e, NFT_CMP_NEQ, &syn, 1);
        break;
    case PART_TYPE:
        cf_nft_payload(e, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
        cf_nft_compare(e, NFT_CMP_EQ, &rule->type, 1);
        break;
    case PART_LINK:
        link_match(e);
        break;
    }
}

static void action_put(struct cf_nft_message *e, const struct rule *rule, uint8_t family)
{
    switch ((enum action)rule->action) {
    case ACTION_COUNT:
        cf_nft_count(e);
        return;
    case ACTION_GO_ON:
        cf_nft_verdict(e, NFT_GOTO, CHAIN_ON);
        return;
    case ACTION_FLOW:
        cf_nft_log(e, CF_NFLOG_FLOWS, UINT16_MAX, 1, NULL);
        break;
    case ACTION_STRAY:
        cf_nft_log(e, CF_NFLOG_STRAYS, STRAY_BYTES, STRAY_BATCH, rule->reason);
        break;
    case ACTION_SOCKET:
        cf_nft_socket(e, family, rule->port);
        break;
    case ACTION_DROP:
        break;
    }
    cf_nft_verdict(e, rule->action == ACTION_SOCKET ? NF_ACCEPT : NF_DROP, NULL);
}

static void message_end(struct batch *batch, struct cf_nft_message *e)
{
    if (e->failed) {
        batch->bytes.failed = true;
    } else {
        nlmsg_hdr(e->message)->nlmsg_seq = ++batch->n_messages;
        cf_buffer_append(&batch->bytes, nlmsg_hdr(e->message), nlmsg_hdr(e->message)->nlmsg_len);
    }
    cf_nft_message_done(e);
}

/* Begin or end of the transaction. */
static void edge_put(struct batch *batch, int type)
{
    struct cf_nft_message e;

    cf_nft_message_init(&e, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    message_end(batch, &e);
}

static void table_put(struct batch *batch)
{
    struct cf_nft_message e;

    cf_nft_message_init(&e, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, NLM_F_CREATE,
                        batch->family, 0);
    cf_nft_put(&e, NFTA_TABLE_NAME, CF_NFT_TABLE, sizeof CF_NFT_TABLE);
    message_end(batch, &e);
}

/* A hook makes it the one that packets begin with. */
static void chain_put(struct batch *batch, const char *name, bool hooked)
{
    struct nlattr *hook;
    struct cf_nft_message e;

    cf_nft_message_init(&e, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN, NLM_F_CREATE,
                        batch->family, 0);
    cf_nft_put(&e, NFTA_CHAIN_TABLE, CF_NFT_TABLE, sizeof CF_NFT_TABLE);
    cf_nft_put(&e, NFTA_CHAIN_NAME, name, strlen(name) + 1);
    if (hooked) {
        hook = cf_nft_nest(&e, NFTA_CHAIN_HOOK);
        cf_nft_put_u32(&e, NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
        cf_nft_put_u32(&e, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY_MANGLE);
        cf_nft_unnest(&e, hook);
        cf_nft_put_u32(&e, NFTA_CHAIN_POLICY, NF_DROP);
        cf_nft_put(&e, NFTA_CHAIN_TYPE, "filter", sizeof "filter");
    }
    message_end(batch, &e);
}

static void rule_put(struct batch *batch, const struct rule *rule, bool last)
{
    const int flags = NLM_F_CREATE | NLM_F_APPEND | (last ? NLM_F_ACK : 0) |
                      (rule->action == ACTION_COUNT ? NLM_F_ECHO : 0);
    const uint32_t loopback = LOOPBACK_INDEX; /* in the host's byte order */
    const char *chain = rule->go_on ? CHAIN_ON : CF_NFT_CHAIN;
    struct nlattr *expressions;
    struct cf_nft_message e;

    cf_nft_message_init(&e, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE, flags, batch->family, 0);
    cf_nft_put(&e, NFTA_RULE_TABLE, CF_NFT_TABLE, sizeof CF_NFT_TABLE);
    cf_nft_put(&e, NFTA_RULE_CHAIN, chain, strlen(chain) + 1);
    expressions = cf_nft_nest(&e, NFTA_RULE_EXPRESSIONS);
    if (rule->from_lo)
        cf_nft_meta(&e, NFT_META_IIF, &loopback, sizeof loopback);
    if (rule->family)
        cf_nft_meta(&e, NFT_META_NFPROTO, &rule->family, 1);
    if (rule->protocol)
        cf_nft_meta(&e, NFT_META_L4PROTO, &rule->protocol, 1);
    part_match(&e, rule);
    action_put(&e, rule, batch->family);
    cf_nft_unnest(&e, expressions);
    message_end(batch, &e);
}

static void batch_done(struct batch *batch)
{
    cf_buffer_done(&batch->bytes);
}

static void batch_make(struct batch *batch)
{
    size_t n = 0;

    edge_put(batch, NFNL_MSG_BATCH_BEGIN);
    table_put(batch);
    chain_put(batch, CF_NFT_CHAIN, true);
    chain_put(batch, CHAIN_ON, false);
    batch->first_rule = batch->n_messages + 1;
    for (size_t i = 0; i < RULES_COUNT; i++) {
        if (batch->family == NFPROTO_IPV4 && rules[i].family == NFPROTO_IPV6)
            continue;
        batch->sent[n++] = &rules[i];
        rule_put(batch, &rules[i], i == RULES_COUNT - 1);
    }
    edge_put(batch, NFNL_MSG_BATCH_END);
}

/* What the kernel lacks when it refuses this message. */
static const char *lack_name(const struct batch *batch, uint32_t number)
{
    if (number < batch->first_rule)
        return batch->family == NFPROTO_INET
                   ? "nf_tables for IPv4 and IPv6 (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET, "
                     "module 'nf_tables')"
                   : "nf_tables for IPv4 (CONFIG_NF_TABLES, CONFIG_NF_TABLES_IPV4, "
                     "module 'nf_tables')";
    if (number - batch->first_rule >= RULES_COUNT)
        return "nf_tables (CONFIG_NF_TABLES)";
    if (batch->sent[number - batch->first_rule]->action == ACTION_COUNT)
        return "nf_tables' counter (CONFIG_NFT_COUNTER, module 'nft_counter')";
    if (batch->sent[number - batch->first_rule]->action == ACTION_SOCKET)
        return "nf_tables' tproxy (CONFIG_NFT_TPROXY, module 'nft_tproxy')";
    return "nf_tables' log over netlink (CONFIG_NFT_LOG, CONFIG_NETFILTER_NETLINK_LOG, modules "
           "'nft_log' and 'nfnetlink_log')";
}

static int refusal_set(const struct batch *batch, uint32_t number, int code, struct cf_error *err)
{
    const bool lacks =
        code == -EOPNOTSUPP || code == -ENOENT || code == -EAFNOSUPPORT || code == -EPROTONOSUPPORT;

    if (lacks)
        return cf_error_errno(err, code,
                              "the kernel lacks %s; load the module as root, or use a kernel that "
                              "has it",
                              lack_name(batch, number));
    return cf_error_errno(err, code, "the kernel refuses message %u of the gateway's rules",
                          number);
}

/* The kernel's echo of the rule that counts says what it is to be asked for by. */
static void echo_read(const struct nlmsghdr *answer, struct cf_nft_counter *counter)
{
    struct nlattr *of[NFTA_RULE_MAX + 1];

    if (answer->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE) &&
        nlmsg_parse((struct nlmsghdr *)(uintptr_t)answer, sizeof(struct nfgenmsg), of,
                    NFTA_RULE_MAX, NULL) == 0 &&
        of[NFTA_RULE_HANDLE] && nla_len(of[NFTA_RULE_HANDLE]) == (int)sizeof counter->handle_be)
        memcpy(&counter->handle_be, nla_data(of[NFTA_RULE_HANDLE]), sizeof counter->handle_be);
}

/* The kernel has answered by the time send(2) returns. */
static int answers_read(int fd, const struct batch *batch, struct cf_nft_counter *counter,
                        struct cf_error *err)
{
    _Alignas(struct nlmsghdr) char buffer[16384];
    struct nlmsghdr *answer;
    bool done = false;
    ssize_t n;
    int left;

    while ((n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
        answer = (struct nlmsghdr *)(void *)buffer;
        for (left = (int)n; nlmsg_ok(answer, left); answer = nlmsg_next(answer, &left)) {
            const struct nlmsgerr *error = nlmsg_data(answer);

            echo_read(answer, counter);
            if (answer->nlmsg_type != NLMSG_ERROR ||
                answer->nlmsg_len < NLMSG_LENGTH(sizeof *error))
                continue;
            if (error->error != 0)
                return refusal_set(batch, answer->nlmsg_seq, error->error, err);
            done = true;
        }
    }
    return done && counter->handle_be
               ? 0
               : cf_error_set(err, -EIO, "the kernel does not confirm the gateway's rules");
}

static bool kernel_has_ipv6(void)
{
    cf_auto_close int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    return fd >= 0;
}

int cf_nft_load(struct cf_nft_counter *ret_counter, struct cf_error *err)
{
    struct cf_nft_counter counter = { .fd = -1 };
    CF_CLEANUP(batch_done) struct batch batch = { 0 };
    cf_auto_close int fd = -1;
    int r;

    fd = cf_netlink_open(NETLINK_NETFILTER, err);
    if (fd < 0)
        return cf_error_wrap(err, fd == -EPROTONOSUPPORT
                                      ? "the kernel lacks nfnetlink (CONFIG_NETFILTER_NETLINK)"
                                      : "cannot ask nfnetlink");
    cf_buffer_init(&batch.bytes, 0);
    batch.family = kernel_has_ipv6() ? NFPROTO_INET : NFPROTO_IPV4;
    batch_make(&batch);
    if (batch.bytes.failed)
        return cf_error_set(err, -ENOMEM, "cannot make the gateway's rules: out of memory");
    if (send(fd, batch.bytes.data, batch.bytes.length, 0) < 0)
        return cf_error_errno(err, -errno, "cannot send the gateway's rules");
    r = answers_read(fd, &batch, &counter, err);
    if (r < 0)
        return r;
    counter.family = batch.family;
    counter.fd = fd;
    fd = -1;
    *ret_counter = counter;
    return 0;
}
