/*
 * link.c - the veth pair between sandbox and gateway, with addresses and routes
 *
 * Everything that could send a packet of its own or wait for one is settled
 * beforehand: neighbours are permanent on both ends, addresses are used
 * without duplicate detection, and there are no link-local addresses. Else
 * the first IPv6 packet can wait for a second.
 *
 * In the gateway, the table "local" holds a default route of type local: any
 * address that the sandbox names is one of ours. The sandbox's own addresses
 * are in the same table, more specific, on gw0. So no policy rules are needed
 * and each packet costs one lookup.
 */
#include "netlink/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netlink/request.h"

#define SANDBOX_NAME "eth0"
#define GATEWAY_NAME CF_GATEWAY_INTERFACE
#define LOOPBACK_INDEX 1

/*
 * Behind what some modules put into each new namespace (sit0, gre0, ...). Two, for the kernel
 * takes an interface that has its peer's number for one without a peer.
 */
#define GATEWAY_INDEX 32
#define SANDBOX_INDEX 33
#define STATISTICS_SIZE 4096

#define IPV6_MTU_MIN 1280

/* Locally administered (IEEE 802, 48-bit, second bit of the first byte). */
static const uint8_t sandbox_mac[6] = { 0x02, 0xcf, 0, 0, 0, 2 };
static const uint8_t gateway_mac[6] = { 0x02, 0xcf, 0, 0, 0, 1 };

struct address {
    int family;
    int length; /* bytes */
    uint8_t bytes[16];
};

static struct address address_of(const char *text)
{
    struct address address = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

    address.length = address.family == AF_INET ? 4 : 16;
    inet_pton(address.family, text, address.bytes);
    return address;
}

/* A request that begins with a fixed header; NULL when memory is out. */
static struct nl_msg *request_with(int type, int flags, const void *header, size_t size)
{
    struct nl_msg *request = cf_netlink_request(type, flags);

    if (request && nlmsg_append(request, (void *)header, size, NLMSG_ALIGNTO) < 0) {
        nlmsg_free(request);
        return NULL;
    }
    return request;
}

static int end_put(struct nl_msg *request, const char *name, const uint8_t mac[6], uint32_t mtu)
{
    int r = nla_put_string(request, IFLA_IFNAME, name);

    r |= nla_put(request, IFLA_ADDRESS, 6, mac);
    r |= nla_put_u32(request, IFLA_MTU, mtu);
    /* The kernel would make one for each CPU, use the first, and wait to be rid of the rest. */
    r |= nla_put_u32(request, IFLA_NUM_TX_QUEUES, 1);
    r |= nla_put_u32(request, IFLA_NUM_RX_QUEUES, 1);
    return r;
}

/* gw0 here, and its peer eth0 born in the sandbox's namespace. */
static struct nl_msg *veth_request(int sandbox_netns_fd, uint32_t mtu)
{
    const struct ifinfomsg ours = { .ifi_family = AF_UNSPEC, .ifi_index = GATEWAY_INDEX };
    struct ifinfomsg theirs = { .ifi_family = AF_UNSPEC, .ifi_index = SANDBOX_INDEX };
    struct nl_msg *request =
        request_with(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ours, sizeof(ours));
    struct nlattr *info, *data, *peer;
    int r;

    if (!request)
        return NULL;
    r = end_put(request, GATEWAY_NAME, gateway_mac, mtu);
    info = nla_nest_start(request, IFLA_LINKINFO);
    r |= nla_put_string(request, IFLA_INFO_KIND, "veth");
    data = nla_nest_start(request, IFLA_INFO_DATA);
    peer = nla_nest_start(request, VETH_INFO_PEER);
    r |= nlmsg_append(request, &theirs, sizeof(theirs), NLMSG_ALIGNTO);
    r |= end_put(request, SANDBOX_NAME, sandbox_mac, mtu);
    r |= nla_put_u32(request, IFLA_NET_NS_FD, (uint32_t)sandbox_netns_fd);
    if (r < 0 || !info || !data || !peer) {
        nlmsg_free(request);
        return NULL;
    }
    nla_nest_end(request, peer);
    nla_nest_end(request, data);
    nla_nest_end(request, info);
    return request;
}

/* The kernel settles what it has put off for the interface, to be able to answer. */
static int link_ask(int fd, int index, struct cf_error *err)
{
    const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = index };
    struct nl_msg *request = request_with(RTM_GETLINK, 0, &header, sizeof(header));

    if (request && nla_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) < 0) {
        nlmsg_free(request);
        request = NULL;
    }
    if (cf_netlink_talk(fd, request, NULL, NULL, err) < 0)
        return cf_error_wrap(err, "cannot find interface %d", index);
    return 0;
}

/*
 * Neither a check of the way back nor forwarding, with which an interface is born where
 * the host's are. The sandbox's addresses are anybody's here: they come in by lo as well.
 */
static int open_put(struct nl_msg *request)
{
    struct nlattr *families = nla_nest_start(request, IFLA_AF_SPEC);
    struct nlattr *ipv4 = nla_nest_start(request, AF_INET);
    struct nlattr *settings = nla_nest_start(request, IFLA_INET_CONF);
    int r = nla_put_u32(request, IPV4_DEVCONF_RP_FILTER, 0);

    r |= nla_put_u32(request, IPV4_DEVCONF_FORWARDING, 0);
    if (r < 0 || !families || !ipv4 || !settings)
        return -ENOMEM;
    nla_nest_end(request, settings);
    nla_nest_end(request, ipv4);
    nla_nest_end(request, families);
    return 0;
}

static int link_up(int fd, int index, bool open, struct cf_error *err)
{
    const struct ifinfomsg header = {
        .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP
    };
    struct nl_msg *request = request_with(RTM_NEWLINK, 0, &header, sizeof(header));

    if (request && open && open_put(request) < 0) {
        nlmsg_free(request);
        request = NULL;
    }
    if (cf_netlink_talk(fd, request, NULL, NULL, err) < 0)
        return cf_error_wrap(err, "cannot bring interface %d up%s", index,
                             open ? " without 'rp_filter' and 'forwarding'" : "");
    return 0;
}

static int address_add(int fd, int index, const char *text, int bits, struct cf_error *err)
{
    const struct address address = address_of(text);
    const struct ifaddrmsg header = { .ifa_family = (uint8_t)address.family,
                                      .ifa_prefixlen = (uint8_t)bits,
                                      .ifa_flags = IFA_F_PERMANENT | IFA_F_NODAD,
                                      .ifa_scope = RT_SCOPE_UNIVERSE,
                                      .ifa_index = (uint32_t)index };
    struct nl_msg *request =
        request_with(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));

    if (request && (nla_put(request, IFA_LOCAL, address.length, address.bytes) < 0 ||
                    nla_put(request, IFA_ADDRESS, address.length, address.bytes) < 0)) {
        nlmsg_free(request);
        request = NULL;
    }
    if (cf_netlink_talk(fd, request, NULL, NULL, err) < 0)
        return cf_error_wrap(err, "cannot give interface %d the address '%s'", index, text);
    return 0;
}

static int neighbour_add(int fd, int index, const char *text, const uint8_t mac[6],
                         struct cf_error *err)
{
    const struct address address = address_of(text);
    const struct ndmsg header = { .ndm_family = (uint8_t)address.family,
                                  .ndm_ifindex = index,
                                  .ndm_state = NUD_PERMANENT };
    struct nl_msg *request =
        request_with(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));

    if (request && (nla_put(request, NDA_DST, address.length, address.bytes) < 0 ||
                    nla_put(request, NDA_LLADDR, 6, mac) < 0)) {
        nlmsg_free(request);
        request = NULL;
    }
    if (cf_netlink_talk(fd, request, NULL, NULL, err) < 0)
        return cf_error_wrap(err, "cannot fix the neighbour '%s'", text);
    return 0;
}

struct route {
    int family;
    uint8_t table, type, scope;
    const char *to;  /* one address, or NULL for all */
    const char *via; /* or NULL */
    int index;
};

static int route_add(int fd, const struct route *route, struct cf_error *err)
{
    const struct address to = address_of(route->to ? route->to : "0.0.0.0");
    const struct address via = address_of(route->via ? route->via : "0.0.0.0");
    const struct rtmsg header = { .rtm_family = (uint8_t)route->family,
                                  .rtm_dst_len = (uint8_t)(route->to ? to.length * 8 : 0),
                                  .rtm_table = route->table,
                                  .rtm_protocol = RTPROT_STATIC,
                                  .rtm_scope = route->scope,
                                  .rtm_type = route->type };
    struct nl_msg *request =
        request_with(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));

    if (request && ((route->to && nla_put(request, RTA_DST, to.length, to.bytes) < 0) ||
                    (route->via && nla_put(request, RTA_GATEWAY, via.length, via.bytes) < 0) ||
                    nla_put_u32(request, RTA_OIF, (uint32_t)route->index) < 0)) {
        nlmsg_free(request);
        request = NULL;
    }
    if (cf_netlink_talk(fd, request, NULL, NULL, err) < 0)
        return cf_error_wrap(err, "cannot add a route to '%s'", route->to ? route->to : "default");
    return 0;
}

/*
 * One family inside: an address, a fixed neighbour, a default route. For IPv6
 * the kernel leaves it to a worker to make the route by which an address is
 * received at; a reply that comes sooner would be dropped, so there is one of ours.
 */
static int sandbox_configure(int fd, int index, int family, struct cf_error *err)
{
    const bool ipv4 = family == AF_INET;
    const struct route out = { .family = family,
                               .table = RT_TABLE_MAIN,
                               .type = RTN_UNICAST,
                               .scope = RT_SCOPE_UNIVERSE,
                               .via = ipv4 ? CF_GATEWAY_IPV4 : CF_GATEWAY_IPV6,
                               .index = index };
    const struct route self = { .family = family,
                                .table = RT_TABLE_LOCAL,
                                .type = RTN_LOCAL,
                                .scope = RT_SCOPE_HOST,
                                .to = CF_SANDBOX_IPV6,
                                .index = index };
    int r;

    r = address_add(fd, index, ipv4 ? CF_SANDBOX_IPV4 : CF_SANDBOX_IPV6,
                    ipv4 ? CF_LINK_IPV4_BITS : CF_LINK_IPV6_BITS, err);
    if (r == 0 && !ipv4)
        r = route_add(fd, &self, err);
    if (r == 0)
        r = neighbour_add(fd, index, out.via, gateway_mac, err);
    if (r == 0)
        r = route_add(fd, &out, err);
    return r;
}

/* One family of the gateway: everything is local but the sandbox. */
static int gateway_configure(int fd, int index, int family, struct cf_error *err)
{
    const bool ipv4 = family == AF_INET;
    const struct route in = { .family = family,
                              .table = RT_TABLE_LOCAL,
                              .type = RTN_UNICAST,
                              .scope = RT_SCOPE_LINK,
                              .to = ipv4 ? CF_SANDBOX_IPV4 : CF_SANDBOX_IPV6,
                              .index = index };
    const struct route all = { .family = family,
                               .table = RT_TABLE_LOCAL,
                               .type = RTN_LOCAL,
                               .scope = RT_SCOPE_HOST,
                               .index = LOOPBACK_INDEX };
    int r;

    r = address_add(fd, index, ipv4 ? CF_GATEWAY_IPV4 : CF_GATEWAY_IPV6,
                    ipv4 ? CF_LINK_IPV4_BITS : CF_LINK_IPV6_BITS, err);
    if (r == 0)
        r = neighbour_add(fd, index, in.to, sandbox_mac, err);
    if (r == 0)
        r = route_add(fd, &in, err);
    if (r == 0)
        r = route_add(fd, &all, err);
    return r;
}

/* One end of the link. */
struct end {
    int fd;           /* rtnetlink, in its namespace */
    const char *what; /* of the namespace, for messages */
    int index;
    bool open;        /* for anybody's addresses */
    int (*configure)(int fd, int index, int family, struct cf_error *err);
};

/* lo and the end, up. */
static int end_up(const struct end *end, struct cf_error *err)
{
    int r = link_up(end->fd, LOOPBACK_INDEX, end->open, err);

    if (r == 0)
        r = link_up(end->fd, end->index, end->open, err);
    return r < 0 ? cf_error_wrap(err, "%s", end->what) : 0;
}

static int end_configure(const struct end *end, const struct cf_gateway_config *config,
                         struct cf_error *err)
{
    int r = 0;

    if (config->ipv4)
        r = end->configure(end->fd, end->index, AF_INET, err);
    if (r == 0 && config->ipv6)
        r = end->configure(end->fd, end->index, AF_INET6, err);
    return r < 0 ? cf_error_wrap(err, "%s", end->what) : 0;
}

/*
 * The end that comes up second has a carrier at once and sends at once. The
 * first has it from the other's coming up, and drops what it should send until
 * a worker of the kernel has seen to that; a kernel (6.8) that is asked about
 * the interface sees to it there and then. So the sandbox is second, and the
 * gateway, which only ever answers, is asked.
 */
static int ends_up(const struct end *sandbox, const struct end *gateway, struct cf_error *err)
{
    int r = end_up(gateway, err);

    if (r == 0)
        r = end_up(sandbox, err);
    return r == 0 ? link_ask(gateway->fd, gateway->index, err) : r;
}

int cf_link_make(const struct cf_link *link, const struct cf_gateway_config *config,
                 struct cf_error *err)
{
    uint32_t mtu = config->mtu;
    int r;

    if (config->ipv6 && mtu < IPV6_MTU_MIN)
        mtu = IPV6_MTU_MIN; /* RFC 8200, 5: the kernel takes IPv6 off a smaller link */
    r = cf_netlink_talk(link->gateway_rtnl_fd, veth_request(link->sandbox_netns_fd, mtu), NULL,
                        NULL, err);
    if (r == -EOPNOTSUPP)
        return cf_error_wrap(err, "cannot make a veth pair: the kernel lacks CONFIG_VETH, or its "
                                  "module 'veth' is not loaded (as root: modprobe veth)");
    return r < 0 ? cf_error_wrap(err, "cannot make a veth pair") : 0;
}

int cf_link_start(const struct cf_link *link, const struct cf_gateway_config *config,
                  struct cf_error *err)
{
    const struct end sandbox = { .fd = link->sandbox_rtnl_fd,
                                 .what = "sandbox",
                                 .index = SANDBOX_INDEX,
                                 .configure = sandbox_configure };
    const struct end gateway = {
        .fd = link->gateway_rtnl_fd,
        .what = "gateway",
        .index = GATEWAY_INDEX,
        .open = true,
        .configure = gateway_configure,
    };
    int r;

    r = ends_up(&sandbox, &gateway, err);
    if (r == 0)
        r = end_configure(&sandbox, config, err);
    if (r == 0)
        r = end_configure(&gateway, config, err);
    return r;
}

int cf_link_statistics_open(struct cf_error *err)
{
    int fd = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);

    return fd < 0 ? cf_error_errno(err, -errno, "cannot open the statistics of links") : fd;
}

int cf_link_bytes(int statistics_fd, uint64_t *ret_bytes, struct cf_error *err)
{
    char text[STATISTICS_SIZE], *at;
    ssize_t n = pread(statistics_fd, text, sizeof text - 1, 0);

    if (n < 0)
        return cf_error_errno(err, -errno, "cannot read the statistics of links");
    text[n] = '\0';
    /* The first column behind the name is what was received (proc(5)). */
    at = strstr(text, GATEWAY_NAME ":");
    if (!at)
        return cf_error_set(err, -ENODEV, "the statistics of links have no " GATEWAY_NAME);
    *ret_bytes = strtoull(at + strlen(GATEWAY_NAME ":"), NULL, 10);
    return 0;
}
