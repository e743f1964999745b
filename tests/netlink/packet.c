/*
 * packet.c - packets that a test writes by hand, and those it waits for
 */
#include "packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink/nflog.h"

#define DEADLINE_MS 60000 /* for what never comes; no test waits it out */

struct cf_addr address_of(const char *text)
{
    struct cf_addr addr = { 0 };

    cf_addr_parse(text, &addr);
    return addr;
}

void packet_make(struct packet *packet, const char *from, const char *to, uint8_t protocol,
                 const void *payload, size_t length)
{
    struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = protocol };
    struct ip6_hdr ip6 = { .ip6_nxt = protocol, .ip6_hlim = 64 };
    size_t header;

    if (strchr(to, ':')) {
        ip6.ip6_flow = htonl(6U << 28);
        ip6.ip6_plen = htons((uint16_t)length);
        inet_pton(AF_INET6, from, &ip6.ip6_src);
        inet_pton(AF_INET6, to, &ip6.ip6_dst);
        header = sizeof(ip6);
        memcpy(packet->data, &ip6, header);
    } else {
        ip.tot_len = htons((uint16_t)(sizeof(ip) + length));
        inet_pton(AF_INET, from, &ip.saddr);
        inet_pton(AF_INET, to, &ip.daddr);
        header = sizeof(ip);
        memcpy(packet->data, &ip, header);
    }
    memcpy(packet->data + header, payload, length);
    packet->length = header + length;
}

static bool is_ipv4(const uint8_t *data)
{
    return data[0] >> 4 == 4;
}

static size_t header_length(const uint8_t *data)
{
    return is_ipv4(data) ? (size_t)(data[0] & 15) * 4 : 40;
}

static uint32_t sum(const uint8_t *data, size_t length, uint32_t start)
{
    for (size_t i = 0; i < length; i++)
        start += i & 1 ? data[i] : (uint32_t)data[i] << 8;
    return start;
}

void packet_checksum_tcp(uint8_t *data, size_t length)
{
    const size_t header = header_length(data);
    uint8_t *tcp = data + header;
    uint32_t total = IPPROTO_TCP + (uint32_t)(length - header);

    tcp[16] = tcp[17] = 0;
    total = is_ipv4(data) ? sum(data + 12, 8, total) : sum(data + 8, 32, total);
    total = sum(tcp, length - header, total);
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    total = ~total;
    tcp[16] = (uint8_t)(total >> 8);
    tcp[17] = (uint8_t)total;
}

struct cf_addr packet_source(const struct packet *packet)
{
    return is_ipv4(packet->data) ? cf_addr_from_ipv4(packet->data + 12)
                                 : cf_addr_from_ipv6(packet->data + 8);
}

struct cf_addr packet_destination(const struct packet *packet)
{
    return is_ipv4(packet->data) ? cf_addr_from_ipv4(packet->data + 16)
                                 : cf_addr_from_ipv6(packet->data + 24);
}

uint8_t packet_protocol(const struct packet *packet)
{
    return is_ipv4(packet->data) ? packet->data[9] : packet->data[6];
}

const uint8_t *packet_payload(const struct packet *packet)
{
    return packet->data + header_length(packet->data);
}

int packet_send(int fd, const struct packet *packet)
{
    const struct cf_addr_port at = { .addr = packet_destination(packet) };
    struct sockaddr_storage sa;
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    socklen_t length = cf_addr_port_to_sockaddr(&at, &sa);

    if (!is_ipv4(packet->data)) {
        memcpy(&in6.sin6_addr, packet->data + 24, 16);
        memcpy(&sa, &in6, sizeof(in6));
        length = sizeof(in6);
    }
    if (sendto(fd, packet->data, packet->length, 0, (struct sockaddr *)&sa, length) < 0)
        return -errno;
    return 0;
}

bool wait_readable(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    return poll(&poll_fd, 1, DEADLINE_MS) == 1;
}

struct waiting {
    const struct packet_wanted *wanted;
    struct packet *packet;
};

/* What tells this flow from another: the port that it comes from, or the echo's identifier. */
static uint16_t flow_number(const struct packet *packet)
{
    const bool tcp = packet_protocol(packet) == IPPROTO_TCP;
    const uint8_t *payload = packet_payload(packet) + (tcp ? 0 : 4);

    return (uint16_t)(payload[0] << 8 | payload[1]);
}

static bool is_wanted(const struct packet_wanted *wanted, const struct packet *packet)
{
    const struct cf_addr from = address_of(wanted->from), to = address_of(wanted->to);
    const struct cf_addr source = packet_source(packet), destination = packet_destination(packet);

    return packet_protocol(packet) == wanted->protocol && cf_addr_equal(&source, &from) &&
           cf_addr_equal(&destination, &to) &&
           (wanted->number == 0 || flow_number(packet) == wanted->number);
}

static void keep(void *data, const struct cf_nflog_packet *logged)
{
    const struct waiting *waiting = data;
    struct packet *packet = waiting->packet;

    if (strcmp(logged->prefix, waiting->wanted->prefix) != 0)
        return;
    memcpy(packet->data, logged->data, logged->length);
    packet->length = logged->length;
    if (!is_wanted(waiting->wanted, packet))
        packet->length = 0;
}

bool packet_wait(int fd, const struct packet_wanted *wanted, struct packet *ret)
{
    struct waiting waiting = { .wanted = wanted, .packet = ret };

    ret->length = 0;
    while (ret->length == 0)
        if (!wait_readable(fd) || cf_nflog_read(fd, 1, keep, &waiting) < 0)
            return false;
    return true;
}
