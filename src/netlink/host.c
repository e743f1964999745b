/*
 * host.c - what the host's own network looks like
 *
 * The kernel is asked which way it would send a packet to an address that
 * belongs to nobody: that answer already has policy rules, several tables and
 * split default routes in it. Only when there is no such way are the routes
 * listed, for a host that knows some networks and no default.
 *
 * The question may be for one interface. For IPv4 the kernel then always has an
 * answer, as for a socket that is bound to it: where the interface has no route,
 * the destination is taken for a neighbour.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "base/cleanup.h"
#include "netlink/gateway.h"
#include "netlink/request.h"

/* The 6to4 relays' address (gone since RFC 7526), and one of 2000::/16 (never given out). */
#define NOBODY_IPV4 "192.88.99.1"
#define NOBODY_IPV6 "2000::1"

#define MTU_DEFAULT 1500
#define MTU_MAX 65535 /* of the link to the sandbox; lo has one more */

static int way_read(void *data, const struct nlmsghdr *answer)
{
    const struct rtmsg *route = nlmsg_data(answer);
    struct nlattr *attrs[RTA_MAX + 1] = { 0 };
    int *ifindex = data;

    if (answer->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_UNICAST)
        return 0;
    if (nlmsg_parse((struct nlmsghdr *)answer, sizeof(*route), attrs, RTA_MAX, NULL) < 0)
        return 0;
    if (attrs[RTA_OIF])
        *ifindex = (int)nla_get_u32(attrs[RTA_OIF]);
    return 0;
}

/* The interface towards an address that is nobody's, 0 when there is none; `only`: 0 for any. */
static int way_find(int fd, int family, unsigned only, int *ret_ifindex, struct cf_error *err)
{
    struct rtmsg route = { .rtm_family = (unsigned char)family };
    struct nl_msg *request = cf_netlink_request(RTM_GETROUTE, 0);
    uint8_t to[16];
    const int length = family == AF_INET ? 4 : 16;
    int ifindex = 0, r;

    inet_pton(family, family == AF_INET ? NOBODY_IPV4 : NOBODY_IPV6, to);
    route.rtm_dst_len = (unsigned char)(length * 8);
    if (request && (nlmsg_append(request, &route, sizeof(route), NLMSG_ALIGNTO) < 0 ||
                    nla_put(request, RTA_DST, length, to) < 0 ||
                    (only && nla_put_u32(request, RTA_OIF, only) < 0))) {
        nlmsg_free(request);
        request = NULL;
    }
    r = cf_netlink_talk(fd, request, way_read, &ifindex, err);
    if (r == -ENOMEM || r == -ENOBUFS)
        return cf_error_wrap(err, "cannot look up the default route");
    *ret_ifindex = r == 0 ? ifindex : 0; /* other errors are answers: unreachable, prohibited */
    return 0;
}

static bool destination_is_link_local(int family, const struct nlattr *to)
{
    const uint8_t *bytes;

    if (!to)
        return false;
    bytes = nla_data(to);
    if (family == AF_INET)
        return nla_len(to) == 4 && bytes[0] == 169 && bytes[1] == 254;
    return nla_len(to) == 16 &&
           (bytes[0] == 0xff || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80));
}

#define LOOPBACK_INDEX 1 /* of lo, in each network namespace */

/* Returns 1, which ends the listing, at the first route that leads somewhere. */
static int route_read(void *data, const struct nlmsghdr *answer)
{
    const struct rtmsg *route = nlmsg_data(answer);
    struct nlattr *attrs[RTA_MAX + 1] = { 0 };
    const unsigned *only = data;
    unsigned out;

    if (answer->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_UNICAST ||
        route->rtm_table == RT_TABLE_LOCAL)
        return 0;
    if (nlmsg_parse((struct nlmsghdr *)answer, sizeof(*route), attrs, RTA_MAX, NULL) < 0)
        return 0;
    out = attrs[RTA_OIF] ? nla_get_u32(attrs[RTA_OIF]) : 0;
    if (*only ? out != *only : out == LOOPBACK_INDEX)
        return 0;
    return destination_is_link_local(route->rtm_family, attrs[RTA_DST]) ? 0 : 1;
}

/* Uses a socket of its own, as the listing is left where it gets interesting. */
static int any_route_find(int family, unsigned only, bool *ret_found, struct cf_error *err)
{
    struct rtmsg route = { .rtm_family = (unsigned char)family };
    struct nl_msg *request;
    cf_auto_close int fd = -1;
    int r;

    fd = cf_netlink_open(NETLINK_ROUTE, err);
    if (fd < 0)
        return fd;
    request = cf_netlink_request(RTM_GETROUTE, NLM_F_DUMP);
    if (request && nlmsg_append(request, &route, sizeof(route), NLMSG_ALIGNTO) < 0) {
        nlmsg_free(request);
        request = NULL;
    }
    r = cf_netlink_talk(fd, request, route_read, &only, err);
    if (r < 0 && r != -EAFNOSUPPORT && r != -EOPNOTSUPP)
        return cf_error_wrap(err, "cannot list the routes");
    *ret_found = r == 1;
    return 0;
}

struct link_facts {
    uint32_t mtu;
    char name[16];
};

static int link_read(void *data, const struct nlmsghdr *answer)
{
    struct nlattr *attrs[IFLA_MAX + 1] = { 0 };
    struct link_facts *facts = data;

    if (answer->nlmsg_type != RTM_NEWLINK ||
        nlmsg_parse((struct nlmsghdr *)answer, sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL) < 0)
        return 0;
    if (attrs[IFLA_MTU])
        facts->mtu = nla_get_u32(attrs[IFLA_MTU]);
    if (attrs[IFLA_IFNAME])
        nla_strlcpy(facts->name, attrs[IFLA_IFNAME], sizeof(facts->name));
    return 0;
}

static int link_facts_find(int fd, int ifindex, struct link_facts *ret, struct cf_error *err)
{
    struct ifinfomsg link = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };
    struct nl_msg *request = cf_netlink_request(RTM_GETLINK, 0);
    int r;

    if (request && nlmsg_append(request, &link, sizeof(link), NLMSG_ALIGNTO) < 0) {
        nlmsg_free(request);
        request = NULL;
    }
    r = cf_netlink_talk(fd, request, link_read, ret, err);
    if (r < 0)
        return cf_error_wrap(err, "cannot read the interface of the default route");
    return 0;
}

/* One family's part of the answer; the smaller MTU of the two families wins. */
static int family_read(int fd, int family, unsigned only, struct cf_host_network *network,
                       bool *ret_has, struct cf_error *err)
{
    struct link_facts facts = { 0 };
    int ifindex = 0, r;

    r = way_find(fd, family, only, &ifindex, err);
    if (r < 0)
        return r;
    *ret_has = ifindex != 0;
    if (ifindex == 0) {
        r = any_route_find(family, only, ret_has, err);
        if (r < 0 || !only)
            return r;
    }
    r = link_facts_find(fd, only ? (int)only : ifindex, &facts, err);
    if (r < 0)
        return r;
    if (network->interface[0] == '\0')
        memcpy(network->interface, facts.name, sizeof(network->interface));
    if (facts.mtu && (network->mtu == 0 || facts.mtu < network->mtu))
        network->mtu = facts.mtu;
    return 0;
}

int cf_host_network_read(unsigned ifindex, struct cf_host_network *ret, struct cf_error *err)
{
    struct cf_host_network network = { 0 };
    cf_auto_close int fd = -1;
    int r;

    fd = cf_netlink_open(NETLINK_ROUTE, err);
    if (fd < 0)
        return fd;
    r = family_read(fd, AF_INET, ifindex, &network, &network.has_ipv4, err);
    if (r == 0)
        r = family_read(fd, AF_INET6, ifindex, &network, &network.has_ipv6, err);
    if (r < 0)
        return r;
    if (network.mtu == 0)
        network.mtu = MTU_DEFAULT;
    if (network.mtu > MTU_MAX)
        network.mtu = MTU_MAX;
    *ret = network;
    return 0;
}
