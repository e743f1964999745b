/*
 * inward.c - crafted packets on their way into the sandbox
 *
 * All leave through raw sockets of the gateway's namespace, which fill in the
 * identification of an IPv4 packet that has none, and fragment nothing.
 */
#include "engine/inward.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/internal.h"

/* As large as the largest packet: a link's MTU can be that of lo. */
#define SCRATCH_SIZE 65536

static int send_to(int fd4, int fd6, const uint8_t *packet, size_t length)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    ssize_t n;

    if (packet[0] >> 4 == 4) {
        memcpy(&in.sin_addr, packet + 16, 4);
        n = sendto(fd4, packet, length, MSG_DONTWAIT, (struct sockaddr *)&in, sizeof in);
    } else {
        memcpy(&in6.sin6_addr, packet + 24, 16);
        n = sendto(fd6, packet, length, MSG_DONTWAIT, (struct sockaddr *)&in6, sizeof in6);
    }
    return n < 0 ? -errno : 0;
}

static int send_one(void *data, const uint8_t *packet, size_t length)
{
    const struct cf_gateway *gateway = ((struct cf_engine *)data)->config.gateway;

    return send_to(gateway->raw4_fd, gateway->raw6_fd, packet, length);
}

int cf_inward_send(struct cf_engine *engine, const uint8_t *packet, size_t length)
{
    static uint8_t scratch[SCRATCH_SIZE];
    static uint32_t ident;
    size_t mtu = engine->mtu < SCRATCH_SIZE ? engine->mtu : SCRATCH_SIZE;
    int r = cf_audit_flush(engine->config.audit);

    if (r < 0)
        return r;
    ident = ident % UINT16_MAX + 1; /* never 0: the kernel would choose one for each fragment */
    return cf_craft_fragments(packet, length, mtu, ident, scratch, send_one, engine);
}

int cf_inward_inject(struct cf_engine *engine, const uint8_t *packet, size_t length)
{
    const struct cf_gateway *gateway = engine->config.gateway;

    return send_to(gateway->inject4_fd, gateway->inject6_fd, packet, length);
}

int cf_inward_error(struct cf_engine *engine, const struct cf_icmp_error *error,
                    const uint8_t *original, size_t length)
{
    struct cf_icmp_error from_gateway = *error;
    uint8_t packet[CF_CRAFT_SIZE];
    size_t n;

    if (error->from.family == CF_FAMILY_NONE)
        cf_addr_parse(original[0] >> 4 == 4 ? CF_GATEWAY_IPV4 : CF_GATEWAY_IPV6,
                      &from_gateway.from);
    n = cf_craft_icmp_error(&from_gateway, original, length, packet, sizeof packet);
    return n == 0 ? -EMSGSIZE : cf_inward_send(engine, packet, n);
}
