/*
 * account.c - do the packets that came from the sandbox and those that were logged agree?
 *
 * How this works. Both sides grow while they are read. What was logged is read in front
 * of what came, so a packet in between can only be one too many of what came; and read
 * again behind it: when it is still the same, nothing came in between. The
 * processes of the sandbox are gone by then, and their kernel has little left to say.
 */
#include "engine/account.h"

#include "dns/server.h"
#include "engine/internal.h"

#define LOOKS 16

static uint64_t logged(struct cf_engine *engine)
{
    return engine->packets + cf_tcp_segments(&engine->tcp) +
           (engine->config.dns ? cf_dns_server_packets(engine->config.dns) : 0);
}

void cf_account(struct cf_engine *engine)
{
    struct cf_gateway *gateway = engine->config.gateway;
    struct cf_accounting *is = &engine->accounting;
    uint64_t before;

    is->lost = engine->lost + cf_gateway_lost(gateway->udp4_fd) +
               cf_gateway_lost(gateway->udp6_fd) + cf_gateway_lost(gateway->dns4_fd) +
               cf_gateway_lost(gateway->dns6_fd);
    is->logged = logged(engine);
    for (int i = 0; i < LOOKS; i++) {
        before = is->logged;
        is->known = cf_gateway_counters(gateway, &is->packets, &is->bytes, NULL) == 0;
        is->logged = logged(engine);
        if (!is->known || is->logged == before)
            return;
    }
    is->logged = before;
}
