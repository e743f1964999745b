/*
 * stray.c - why a packet that no rule spoke of can be no flow
 *
 * The kernel could say so with a rule for each reason, which would take longer to make than
 * anything else of the gateway (nft.c). IPv4 is RFC 791, IPv6 and its extension headers RFC 8200.
 */
#include "netlink/stray.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

/* As of engine/packet.c: a chain longer than this has no honest use. */
#define EXTENSIONS_MAX 8

/* What an IP packet carries, and where. */
struct load {
    int protocol; /* -1: it does not say */
    size_t at;
};

static struct load load_of_ipv6(const uint8_t *data, size_t length)
{
    struct load load = { .protocol = data[6], .at = 40 };

    for (int i = 0; i < EXTENSIONS_MAX; i++) {
        const bool fragment = load.protocol == IPPROTO_FRAGMENT;

        if (!fragment && load.protocol != IPPROTO_HOPOPTS && load.protocol != IPPROTO_ROUTING &&
            load.protocol != IPPROTO_DSTOPTS)
            return load;
        if (length < load.at + 8)
            break;
        load.protocol = data[load.at];
        load.at += fragment ? 8 : ((size_t)data[load.at + 1] + 1) * 8;
    }
    load.protocol = -1;
    return load;
}

static const char *icmp_reason(const uint8_t *data, size_t length, const struct load *load,
                               const char *errors)
{
    return length > load->at && data[load->at] != 0 && strchr(errors, data[load->at]) ? "icmp-error"
                                                                                      : "icmp";
}

const char *cf_stray_reason(const uint8_t *data, size_t length)
{
    const bool ipv4 = length >= 20 && data[0] >> 4 == 4, ipv6 = length >= 40 && data[0] >> 4 == 6;
    struct load load = { .protocol = -1 };

    if (ipv4)
        load = (struct load) { .protocol = data[9], .at = (size_t)(data[0] & 0x0f) * 4 };
    else if (ipv6)
        load = load_of_ipv6(data, length);
    if (load.protocol == IPPROTO_TCP || load.protocol == IPPROTO_UDP)
        return "socket";
    if (ipv4 && load.protocol == IPPROTO_ICMP)
        return icmp_reason(data, length, &load, "\3\13\14");
    if (ipv6 && load.protocol == IPPROTO_ICMPV6)
        return icmp_reason(data, length, &load, "\1\2\3\4");
    return "protocol";
}
