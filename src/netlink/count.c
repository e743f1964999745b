/*
 * count.c - what the sandbox has sent, counted by the kernel
 *
 * How this works. The first rule of the door (nft.c) counts what the kernel handles
 * as one: a packet, the packet that fragments make, or a train of segments that is
 * cut only where it leaves the machine, or at a socket. The receivers count segments. How
 * many more these are is the difference of two statistics of IP, which are kept at
 * one place, in front of reassembly: received, one for each train, and by their ECN
 * bits, one for each segment of it (RFC 3168; ip_rcv_core() and ip6_rcv_core()).
 *
 * /proc/thread-self/net is of the network namespace that the thread is in. Counts only
 * grow, and each is read behind the ones that are taken from it, so packets that come
 * meanwhile make the sum larger and never smaller.
 */
#include "netlink/count.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netlink/nft.h"
#include "netlink/request.h"

#define STATISTICS "/proc/thread-self/net/"
#define STATISTICS_SIZE 16384

struct door {
    bool found;
    uint64_t packets;
};

/* The counter among the expressions of a rule. */
static void expressions_read(struct nlattr *list, struct door *door)
{
    struct nlattr *element, *of[NFTA_EXPR_MAX + 1], *counter[NFTA_COUNTER_MAX + 1];
    uint64_t packets;
    int left;

    nla_for_each_nested(element, list, left)
    {
        if (nla_parse_nested(of, NFTA_EXPR_MAX, element, NULL) < 0 || !of[NFTA_EXPR_NAME] ||
            !of[NFTA_EXPR_DATA] || nla_strcmp(of[NFTA_EXPR_NAME], "counter") != 0 ||
            nla_parse_nested(counter, NFTA_COUNTER_MAX, of[NFTA_EXPR_DATA], NULL) < 0 ||
            !counter[NFTA_COUNTER_PACKETS] ||
            nla_len(counter[NFTA_COUNTER_PACKETS]) != (int)sizeof packets)
            continue;
        memcpy(&packets, nla_data(counter[NFTA_COUNTER_PACKETS]), sizeof packets);
        door->packets += be64toh(packets);
        door->found = true;
    }
}

static int rule_read(void *data, const struct nlmsghdr *answer)
{
    struct nlattr *of[NFTA_RULE_MAX + 1];

    if (nlmsg_parse((struct nlmsghdr *)answer, sizeof(struct nfgenmsg), of, NFTA_RULE_MAX, NULL) ==
            0 &&
        of[NFTA_RULE_EXPRESSIONS])
        expressions_read(of[NFTA_RULE_EXPRESSIONS], data);
    return 0;
}

static int door_read(const struct cf_nft_counter *counter, uint64_t *ret_packets,
                     struct cf_error *err)
{
    struct nfgenmsg header = { .nfgen_family = counter->family, .version = NFNETLINK_V0 };
    struct nl_msg *request = cf_netlink_request(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, 0);
    struct door door = { 0 };
    int r;

    if (request &&
        (nlmsg_append(request, &header, sizeof header, NLMSG_ALIGNTO) < 0 ||
         nla_put_string(request, NFTA_RULE_TABLE, CF_NFT_TABLE) < 0 ||
         nla_put_string(request, NFTA_RULE_CHAIN, CF_NFT_CHAIN) < 0 ||
         nla_put(request, NFTA_RULE_HANDLE, sizeof counter->handle_be, &counter->handle_be) < 0)) {
        nlmsg_free(request);
        request = NULL;
    }
    r = cf_netlink_talk(counter->fd, request, rule_read, &door, err);
    if (r == 0 && !door.found)
        r = cf_error_set(err, -ENOENT, "the kernel does not name its counter");
    *ret_packets = door.packets;
    return r;
}

/* The whole file, as text; -ENOENT without IPv6. */
static int statistics_read(const char *path, char text[STATISTICS_SIZE])
{
    cf_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t n;

    if (fd < 0)
        return -errno;
    while ((n = read(fd, text + length, STATISTICS_SIZE - 1 - length)) > 0)
        length += (size_t)n;
    text[length] = '\0';
    return n < 0 ? -errno : 0;
}

/* The value under `name`, where a line of names stands above one of values, both with this title. */
static uint64_t column(const char *text, const char *title, const char *name)
{
    const size_t length = strlen(name);
    const char *at = strstr(text, title), *value = at ? strstr(at + 1, title) : NULL;

    while (at && value && (at = strchr(at + 1, ' ')) && (value = strchr(value + 1, ' '))) {
        if (strncmp(at + 1, name, length) == 0 && (at[1 + length] == ' ' || at[1 + length] == '\n'))
            return strtoull(value, NULL, 10);
    }
    return 0;
}

/* The value behind `name`, at the start of a line. */
static uint64_t row(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static int trains_ipv4(char text[STATISTICS_SIZE], uint64_t *ret_more)
{
    static const char *const names[] = { "InNoECTPkts", "InECT1Pkts", "InECT0Pkts", "InCEPkts" };
    uint64_t trains, segments = 0;
    int r;

    r = statistics_read(STATISTICS "snmp", text);
    if (r < 0)
        return r;
    trains = column(text, "Ip:", "InReceives");
    r = statistics_read(STATISTICS "netstat", text);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        segments += column(text, "IpExt:", names[i]);
    if (segments < trains)
        return -ENODATA;
    *ret_more = segments - trains;
    return 0;
}

static int trains_ipv6(char text[STATISTICS_SIZE], uint64_t *ret_more)
{
    static const char *const names[] = { "Ip6InNoECTPkts", "Ip6InECT1Pkts", "Ip6InECT0Pkts",
                                         "Ip6InCEPkts" };
    uint64_t trains, segments = 0;
    int r = statistics_read(STATISTICS "snmp6", text);

    *ret_more = 0;
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    trains = row(text, "Ip6InReceives");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        segments += row(text, names[i]);
    if (segments < trains)
        return -ENODATA;
    *ret_more = segments - trains;
    return 0;
}

/* How many more segments than trains there were. */
static int more_read(uint64_t *ret_more)
{
    uint64_t more4, more6;
    char text[STATISTICS_SIZE];
    int r = trains_ipv4(text, &more4);

    if (r == 0)
        r = trains_ipv6(text, &more6);
    if (r == 0)
        *ret_more = more4 + more6;
    return r;
}

static int counted(int r, struct cf_error *err)
{
    return r < 0 ? cf_error_wrap(err, "cannot count what came from the sandbox") : 0;
}

int cf_count_trains(const struct cf_nft_counter *counter, uint64_t *ret_trains,
                    struct cf_error *err)
{
    return counted(door_read(counter, ret_trains, err), err);
}

int cf_count_read(const struct cf_nft_counter *counter, uint64_t *ret_packets, struct cf_error *err)
{
    uint64_t trains, more;
    int r = more_read(&more);

    if (r < 0)
        return cf_error_errno(err, r, "cannot read the statistics of the gateway's IP");
    r = door_read(counter, &trains, err);
    if (r == 0)
        *ret_packets = trains + more;
    return counted(r, err);
}
