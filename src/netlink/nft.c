/*
 * nft.c - the rules that bring every packet of the sandbox to the engine
 *
 * One chain, in the gateway's namespace, where packets come from two places:
 * lo, which are held SYNs on their way back in, and gw0. A packet of the
 * sandbox ends in one of three ways:
 *
 *   - handed to a socket of ours (tproxy): segments of a connection, datagrams.
 *     A segment that belongs to no connection reaches the listener, whose
 *     kernel answers with a RST.
 *   - logged to group 7 and dropped: a SYN, an echo request. The engine judges
 *     and answers them.
 *   - logged to group 8 and dropped: what can be no flow, with the reason as
 *     prefix. So every packet is accounted for.
 *
 * The tproxy expression turns on reassembly in front of this chain, for both
 * families, so that fragments are judged as the packet they make.
 */
#include "netlink/nft.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "netlink/gateway.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

#define FLOW " log group " TEXT(CF_NFLOG_FLOWS) " snaplen 65535 queue-threshold 1 drop\n"
#define STRAY(reason)                                                                              \
    " log prefix \"" reason                                                                        \
    "\" group " TEXT(CF_NFLOG_STRAYS) " snaplen 128 queue-threshold 32 drop\n"

#define CHAIN_OPEN                                                                                 \
    " chain gate {\n"                                                                              \
    "  type filter hook prerouting priority mangle; policy drop;\n"

#define CHAIN_CLOSE " }\n}\n"

static const char ipv4_only[] =
    "table ip childflow {\n" CHAIN_OPEN "  iif lo meta l4proto tcp tproxy to :" TEXT(
        CF_GATEWAY_TCP_PORT) " accept\n"
                             "  iif lo drop\n"
                             "  ip saddr != " CF_SANDBOX_IPV4
                                 STRAY("forged") "  ip daddr { 0.0.0.0/8, 127.0.0.0/8, "
                                                 "224.0.0.0/4, 255.255.255.255, 198.18.0.0, "
                                                 "198.18.0.3 }" STRAY(
                                                     "destination") "  tcp flags & (fin | syn | "
                                                                    "rst | ack) == syn" FLOW
                                                                    "  meta l4proto tcp tproxy to "
                                                                    ":" TEXT(
                                                                        CF_GATEWAY_TCP_PORT) " acce"
                                                                                             "pt\n"
                                                                                             "  "
                                                                                             "udp "
                                                                                             "dport"
                                                                                             " 53 "
                                                                                             "tprox"
                                                                                             "y to "
                                                                                             ":" TEXT(
                                                                                                 CF_GATEWAY_DNS_PORT) " accept\n"
                                                                                                                      "  meta l4proto udp tproxy to :" TEXT(
                                                                                                                          CF_GATEWAY_UDP_PORT) " accept\n"
                                                                                                                                               "  icmp type echo-request" FLOW
                                                                                                                                               "  icmp type { destination-unreachable, time-exceeded, parameter-problem }" STRAY("icmp-error") "  meta l4proto icmp" STRAY(
                                                                                                                                                   "icmp") "  meta l4proto { tcp, udp }" STRAY("socket") "  " STRAY("protocol")
                                                                                                                                                   CHAIN_CLOSE;

static const char both[] = "table inet childflow {\n" CHAIN_OPEN
                           "  iif lo meta l4proto tcp tproxy to :" TEXT(
                               CF_GATEWAY_TCP_PORT) " accept\n"
                                                    "  iif lo drop\n"
                                                    "  icmpv6 type { nd-router-solicit, "
                                                    "nd-neighbor-solicit, nd-neighbor-advert,"
                                                    "    mld-listener-report, mld-listener-done, "
                                                    "mld2-listener-report }" STRAY(
                                                        "link") "  ip saddr != " CF_SANDBOX_IPV4 STRAY("forged") "  ip6 saddr != " CF_SANDBOX_IPV6
                                                        STRAY("forged") "  ip daddr { 0.0.0.0/8, "
                                                                        "127.0.0.0/8, 224.0.0.0/4, "
                                                                        "255.255.255.255, "
                                                                        "198.18.0.0, 198.18.0.3 "
                                                                        "}" STRAY("destination") " "
                                                                                                 " "
                                                                                                 "i"
                                                                                                 "p"
                                                                                                 "6"
                                                                                                 " "
                                                                                                 "d"
                                                                                                 "a"
                                                                                                 "d"
                                                                                                 "d"
                                                                                                 "r"
                                                                                                 " "
                                                                                                 "{"
                                                                                                 " "
                                                                                                 ":"
                                                                                                 ":"
                                                                                                 "/"
                                                                                                 "1"
                                                                                                 "2"
                                                                                                 "7"
                                                                                                 ","
                                                                                                 " "
                                                                                                 ":"
                                                                                                 ":"
                                                                                                 "f"
                                                                                                 "f"
                                                                                                 "f"
                                                                                                 "f"
                                                                                                 ":"
                                                                                                 "0"
                                                                                                 ":"
                                                                                                 "0"
                                                                                                 "/"
                                                                                                 "9"
                                                                                                 "6"
                                                                                                 ","
                                                                                                 " "
                                                                                                 "f"
                                                                                                 "f"
                                                                                                 "0"
                                                                                                 "0"
                                                                                                 ":"
                                                                                                 ":"
                                                                                                 "/"
                                                                                                 "8"
                                                                                                 " "
                                                                                                 "}" STRAY("destination") "  tcp flags & (fin | syn | rst | ack) == syn" FLOW
                                                                                                                          "  meta l4proto tcp tproxy to :" TEXT(
                                                                                                                              CF_GATEWAY_TCP_PORT) " accept\n"
                                                                                                                                                   "  udp dport 53 tproxy to :" TEXT(
                                                                                                                                                       CF_GATEWAY_DNS_PORT) " accept\n"
                                                                                                                                                                            "  meta l4proto udp tproxy to :" TEXT(CF_GATEWAY_UDP_PORT) " accept\n"
                                                                                                                                                                                                                                       "  icmp type echo-request" FLOW "  icmpv6 type echo-request" FLOW "  icmp type { destination-unreachable, time-exceeded, parameter-problem }" STRAY("icmp-error") "  icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }" STRAY("icmp-error") "  meta l4proto { icmp, icmpv6 }" STRAY("icmp") "  meta l4proto { tcp, udp }" STRAY(
                                                                                                                                                                                                                                           "socket") "  " STRAY("protocol")
                                                                                                                                                                                                                                           CHAIN_CLOSE;

static void context_free(struct nft_ctx **context)
{
    if (*context)
        nft_ctx_free(*context);
}

static bool run(struct nft_ctx *context, const char *text)
{
    return nft_run_cmd_from_buffer(context, text) == 0;
}

/* The rules were refused: try their parts one by one and name the first that fails. */
static int missing_name(struct nft_ctx *context, struct cf_error *err)
{
    static const struct {
        const char *text, *lacks;
    } parts[] = {
        { "add table ip cf_probe", "nf_tables (CONFIG_NF_TABLES, module 'nf_tables')" },
        { "add chain ip cf_probe c { type filter hook prerouting priority mangle; }",
          "nf_tables for IPv4 (CONFIG_NF_TABLES_IPV4)" },
        { "add rule ip cf_probe c log group 1", "nf_tables' log expression and nfnetlink_log "
                                                "(CONFIG_NFT_LOG, CONFIG_NETFILTER_NETLINK_LOG, "
                                                "modules 'nft_log' and 'nfnetlink_log')" },
        { "add rule ip cf_probe c meta l4proto tcp tproxy to :1",
          "nf_tables' tproxy expression (CONFIG_NFT_TPROXY, module 'nft_tproxy')" },
        { "add table inet cf_probe6; add chain inet cf_probe6 c { type filter hook prerouting "
          "priority mangle; }",
          "nf_tables for both families (CONFIG_NF_TABLES_INET)" },
        { "add rule inet cf_probe6 c meta l4proto tcp tproxy to :1",
          "nf_tables' tproxy expression for IPv6 (CONFIG_NF_TPROXY_IPV6, CONFIG_NF_DEFRAG_IPV6)" },
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (!run(context, parts[i].text))
            return cf_error_set(err, -EOPNOTSUPP,
                                "the kernel lacks %s; as root, load the module or use a kernel "
                                "that has it",
                                parts[i].lacks);
    return -EIO;
}

static bool kernel_has_ipv6(void)
{
    cf_auto_close int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    return fd >= 0;
}

int cf_nft_load(struct cf_error *err)
{
    CF_CLEANUP(context_free) struct nft_ctx *context = NULL;
    const char *words;

    context = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!context)
        return cf_error_set(err, -EOPNOTSUPP,
                            "cannot open a netfilter socket: the kernel lacks nfnetlink "
                            "(CONFIG_NETFILTER_NETLINK), or memory is out");
    nft_ctx_buffer_output(context);
    nft_ctx_buffer_error(context);
    if (run(context, kernel_has_ipv6() ? both : ipv4_only))
        return 0;
    if (missing_name(context, err) == -EOPNOTSUPP)
        return err ? err->code : -EOPNOTSUPP;
    words = nft_ctx_get_error_buffer(context);
    return cf_error_set(err, -EIO, "the kernel refuses the gateway's rules: %.*s",
                        (int)strcspn(words ? words : "", "\n"), words ? words : "");
}
