/*
 * test_rules.c - where each packet of the sandbox goes
 *
 * Packets of all kinds are put on the link as they are, whatever its kernel would say to them,
 * and what the groups of the log then have is compared with a second reading of nflog.h.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "lab.h"
#include "netlink/gateway.h"
#include "netlink/nflog.h"
#include "packet.h"

#define FLOW "a flow"
#define TAKEN "" /* by a socket */
#define KINDS_MAX 4096
#define FIRST_TAG 0x4000

/* One packet; its tag is the identifier of IPv4, or in the label of IPv6. */
struct kind {
    const char *from, *to;
    uint8_t protocol;
    uint8_t byte;   /* type of ICMP, flags of TCP */
    uint16_t port;  /* of UDP */
    uint8_t length; /* of the payload */
    char seen[32];
};

static struct cf_gateway *gateway;
static struct kind kinds[KINDS_MAX];
static size_t n_kinds;
static bool marked;

static bool is_ipv6(const char *address)
{
    return strchr(address, ':') != NULL;
}

static bool is_any(uint8_t byte, const uint8_t *list, size_t n)
{
    return memchr(list, byte, n) != NULL;
}

static bool is_link(const struct kind *kind)
{
    static const uint8_t types[] = { 130, 131, 132, 133, 135, 136, 143 };

    return is_ipv6(kind->to) && kind->protocol == IPPROTO_ICMPV6 && kind->length > 0 &&
           is_any(kind->byte, types, sizeof types);
}

static bool is_forged(const struct kind *kind)
{
    return strcmp(kind->from, is_ipv6(kind->to) ? CF_SANDBOX_IPV6 : CF_SANDBOX_IPV4) != 0;
}

static bool is_syn(const struct kind *kind)
{
    return kind->length < 14 || /* who can tell? */
           (kind->byte & (TH_FIN | TH_SYN | TH_RST | TH_ACK)) == TH_SYN;
}

static bool is_no_destination(const char *to)
{
    struct in6_addr in6;
    uint32_t in4;

    if (is_ipv6(to)) {
        inet_pton(AF_INET6, to, &in6);
        return IN6_IS_ADDR_UNSPECIFIED(&in6) || IN6_IS_ADDR_LOOPBACK(&in6) ||
               IN6_IS_ADDR_V4MAPPED(&in6) || IN6_IS_ADDR_MULTICAST(&in6);
    }
    inet_pton(AF_INET, to, &in4);
    in4 = ntohl(in4);
    return in4 >> 24 == 0 || in4 >> 24 == 127 || IN_MULTICAST(in4) || in4 == INADDR_BROADCAST ||
           in4 == 0xc6120000 || in4 == 0xc6120003;
}

static const char *icmp_way(const struct kind *kind)
{
    static const uint8_t errors4[] = { 3, 11, 12 }, errors6[] = { 1, 2, 3, 4 };
    const bool ipv6 = is_ipv6(kind->to);

    if (kind->length == 0)
        return "icmp";
    if (kind->byte == (ipv6 ? 128 : 8))
        return FLOW;
    return is_any(kind->byte, ipv6 ? errors6 : errors4, ipv6 ? sizeof errors6 : sizeof errors4)
               ? "icmp-error"
               : "icmp";
}

static const char *way(const struct kind *kind)
{
    if (is_link(kind))
        return "link";
    if (is_forged(kind))
        return "forged";
    if (kind->protocol == IPPROTO_TCP && !is_syn(kind))
        return TAKEN;
    if (is_no_destination(kind->to))
        return "destination";
    if (kind->protocol == IPPROTO_TCP)
        return FLOW;
    if (kind->protocol == IPPROTO_UDP)
        return kind->length >= 8 ? TAKEN : "socket";
    if (kind->protocol == (is_ipv6(kind->to) ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
        return icmp_way(kind);
    return "protocol";
}

static void add(const char *from, const char *to, uint8_t protocol, uint8_t byte, uint8_t length)
{
    assert_true(n_kinds < KINDS_MAX);
    kinds[n_kinds++] = (struct kind){ .from = from, .to = to, .protocol = protocol, .byte = byte,
                                      .length = length, .port = byte == 53 ? 53 : 443 };
}

static void add_protocols(const char *from, const char *to)
{
    static const uint8_t types[] = { 0,   1,   2,   3,   4,   5,   8,   10,  11,  12,  13,  127, 128,
                                     129, 130, 133, 134, 135, 136, 137, 142, 143, 144, 255 };
    static const uint8_t flags[] = { 0,      TH_SYN,          TH_SYN | TH_ACK,  TH_SYN | TH_PUSH,
                                     TH_ACK, TH_RST,          TH_FIN,           TH_SYN | TH_FIN,
                                     0xc2,   TH_SYN | TH_RST, TH_SYN | TH_URG };

    for (size_t i = 0; i < sizeof types; i++)
        add(from, to, is_ipv6(to) ? IPPROTO_ICMPV6 : IPPROTO_ICMP, types[i], 24);
    for (size_t i = 0; i < sizeof flags; i++)
        add(from, to, IPPROTO_TCP, flags[i], 20);
    add(from, to, IPPROTO_TCP, TH_ACK, 13);
    add(from, to, is_ipv6(to) ? IPPROTO_ICMPV6 : IPPROTO_ICMP, 8, 0);
    add(from, to, is_ipv6(to) ? IPPROTO_ICMP : IPPROTO_ICMPV6, 8, 24);
    add(from, to, is_ipv6(to) ? IPPROTO_ICMP : IPPROTO_ICMPV6, 128, 24);
    add(from, to, IPPROTO_UDP, 53, 8);
    add(from, to, IPPROTO_UDP, 0, 8);
    add(from, to, IPPROTO_UDP, 0, 3);
    add(from, to, IPPROTO_GRE, 8, 24);
    add(from, to, IPPROTO_SCTP, 128, 24);
}

static void packet_of(const struct kind *kind, struct packet *packet)
{
    const uint16_t tag = htons((uint16_t)(FIRST_TAG + (kind - kinds))), port = htons(kind->port);
    uint8_t payload[64] = { 0 };
    uint32_t sum = 0;
    uint16_t check;

    if (kind->protocol == IPPROTO_TCP) {
        payload[12] = 5 << 4;
        payload[13] = kind->byte;
    } else {
        payload[0] = kind->byte;
    }
    if (kind->protocol == IPPROTO_UDP)
        memcpy(payload + 2, &port, sizeof port);
    packet_make(packet, kind->from, kind->to, kind->protocol, payload, kind->length);
    memcpy(packet->data + (is_ipv6(kind->to) ? 2 : 4), &tag, sizeof tag);
    if (is_ipv6(kind->to))
        return;
    for (int i = 0; i < 20; i += 2) /* the header's own, which nobody writes here */
        sum += (uint32_t)packet->data[i] << 8 | packet->data[i + 1];
    check = htons((uint16_t)~((sum & 0xffff) + (sum >> 16)));
    memcpy(packet->data + 10, &check, sizeof check);
}

static void logged(const struct cf_nflog_packet *packet, const char *where)
{
    const bool ipv6 = packet->data[0] >> 4 == 6;
    const uint8_t *tag = packet->data + (ipv6 ? 2 : 4);
    const size_t number = (size_t)(tag[0] << 8 | tag[1]) - FIRST_TAG;
    uint8_t to[16];

    if (packet->data[ipv6 ? 6 : 9] == 254)
        marked = true;
    if (number >= n_kinds) /* of the sandbox's kernel */
        return;
    assert_int_equal(inet_pton(ipv6 ? AF_INET6 : AF_INET, kinds[number].to, to), 1);
    assert_memory_equal(packet->data + (ipv6 ? 24 : 16), to, ipv6 ? 16 : 4);
    assert_string_equal(kinds[number].seen, "");
    snprintf(kinds[number].seen, sizeof kinds[number].seen, "%s", where);
}

static void flow_logged(void *data, const struct cf_nflog_packet *packet)
{
    (void)data;
    logged(packet, FLOW);
}

static void stray_logged(void *data, const struct cf_nflog_packet *packet)
{
    (void)data;
    logged(packet, packet->prefix);
}

static void read_logs(void)
{
    while (cf_nflog_read(gateway->strays_fd, 16, stray_logged, NULL) > 0)
        ;
    while (cf_nflog_read(gateway->flows_fd, 16, flow_logged, NULL) > 0)
        ;
}

static void put_on_link(int fd, const struct packet *packet)
{
    struct ifreq interface = { .ifr_name = "eth0" };
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(packet->data[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP),
        .sll_halen = 6,
        .sll_addr = { 0x02, 0xcf, 0, 0, 0, 1 }, /* gw0 */
    };

    assert_int_equal(ioctl(fd, SIOCGIFINDEX, &interface), 0);
    to.sll_ifindex = interface.ifr_ifindex;
    assert_int_equal(
        sendto(fd, packet->data, packet->length, 0, (struct sockaddr *)&to, sizeof to),
        (ssize_t)packet->length);
}

/* The last of all, which the log has behind all others. */
static void wait_for_all(int fd)
{
    struct packet packet;

    packet_make(&packet, CF_SANDBOX_IPV6, "2001:db8:1::5", 254, "", 0);
    put_on_link(fd, &packet);
    for (marked = false; !marked;) {
        assert_true(wait_readable(gateway->strays_fd));
        read_logs();
    }
}

static void check_all(void)
{
    cf_auto_close int fd = lab_socket(gateway->sandbox_netns_fd, AF_PACKET, SOCK_DGRAM, 0);
    uint64_t before, after, bytes, counted = 1; /* the last of all */
    struct packet packet;

    assert_true(fd >= 0);
    assert_int_equal(cf_gateway_counters(gateway, &before, &bytes, NULL), 0);
    for (size_t i = 0; i < n_kinds; i++) {
        packet_of(&kinds[i], &packet);
        put_on_link(fd, &packet);
        counted += !is_link(&kinds[i]);
        if (i % 32 == 31)
            read_logs();
    }
    wait_for_all(fd);
    assert_int_equal(cf_gateway_counters(gateway, &after, &bytes, NULL), 0);
    for (size_t i = 0; i < n_kinds; i++) {
        const struct kind *kind = &kinds[i];

        if (strcmp(kind->seen, way(kind)) != 0)
            fail_msg("from '%s' to '%s', protocol %u, byte %u, %u bytes: '%s', not '%s'",
                     kind->from, kind->to, kind->protocol, kind->byte, kind->length, kind->seen,
                     way(kind));
    }
    assert_int_equal(after - before, counted);
}

static void each_packet_of_ipv4_has_its_way(void **state)
{
    static const char *const to[] = {
        "0.0.0.0",   "0.255.255.255",   "1.0.0.0",   "126.255.255.255", "127.0.0.1",
        "128.0.0.0", "127.255.255.255", "224.0.0.0", "223.255.255.255", "239.255.255.255",
        "240.0.0.0", "255.255.255.254", "198.18.0.0", "255.255.255.255", "198.18.0.3",
        "198.18.0.1", "198.18.0.4", "203.0.113.5", "198.17.255.255",
    };

    (void)state;
    n_kinds = 0;
    for (size_t i = 0; i < sizeof to / sizeof *to; i++)
        add_protocols(CF_SANDBOX_IPV4, to[i]);
    add_protocols("192.0.2.7", "203.0.113.5");
    add_protocols("198.18.0.1", "127.0.0.1");
    check_all();
}

/* What the kernel itself drops in front of the rules is not among them (::1, ff00::). */
static void each_packet_of_ipv6_has_its_way(void **state)
{
    static const char *const to[] = {
        "::",        "::2",       "::fffe:ffff:ffff", "::ffff:0:0",    "::ffff:203.0.113.5",
        "::1:0:0:0", "fe80::1",   "ff02::fb",         "ff0e::1",       "feff:ffff::1",
        "64:ff9b::1", "2001:db8:cf::1", "2001:db8:1::5", "::ffff:255.255.255.255",
    };

    (void)state;
    n_kinds = 0;
    for (size_t i = 0; i < sizeof to / sizeof *to; i++)
        add_protocols(CF_SANDBOX_IPV6, to[i]);
    add_protocols("2001:db8:2::7", "2001:db8:1::5");
    add_protocols("2001:db8:cf::1", "ff0e::1");
    check_all();
}

static int setup(void **state)
{
    const struct cf_gateway_config config = {
        .ipv4 = true, .ipv6 = true, .mtu = 1500, .first_gid = getgid(), .last_gid = getgid()
    };
    struct cf_error err = { 0 };

    (void)state;
    if (lab_gateway_open(&config, &gateway, &err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cf_gateway_close(gateway);
    return 0;
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(each_packet_of_ipv4_has_its_way),
        cmocka_unit_test(each_packet_of_ipv6_has_its_way),
    };

    return cmocka_run_group_tests(all, setup, teardown);
}

int main(void)
{
    return lab_run(tests);
}
