/*
 * engine.h - carries the sandbox's traffic, one flow at a time, under the policy
 *
 * TCP connections are held at their SYN, judged, connected outward, and only
 * then let in, so that a connect() inside ends as the outward one did. UDP
 * and ICMP echo are relayed by flow. Port 53 goes to the resolver. Every flow
 * is an event. See "How this works" in engine/tcp.c, udp.c and icmp.c.
 */
#ifndef CF_ENGINE_ENGINE_H
#define CF_ENGINE_ENGINE_H

#include "audit/audit.h"
#include "base/error.h"
#include "dns/names.h"
#include "dns/server.h"
#include "loop/loop.h"
#include "netlink/gateway.h"
#include "profile/profile.h"

struct cf_engine;

struct cf_engine_config { /* everything is borrowed and outlives the engine */
    struct cf_loop *loop;
    const struct cf_profile *profile;
    struct cf_audit *audit;
    struct cf_names *names;
    struct cf_dns_server *dns;
    struct cf_gateway *gateway;
};

/* Returns 0 or -errno with a message. */
int cf_engine_new(const struct cf_engine_config *config, struct cf_engine **ret_engine,
                  struct cf_error *err);

/*
 * End every flow: each that is open is logged as killed, counts of denied
 * packets are written. Call before the audit log closes.
 */
void cf_engine_stop(struct cf_engine *engine);
void cf_engine_free(struct cf_engine *engine);

/* Packets from the sandbox that a flow or an event accounts for. */
uint64_t cf_engine_logged_packets(const struct cf_engine *engine);

#endif
