/*
 * icmp.h - echo requests of the sandbox (ping), ICMP and ICMPv6
 */
#ifndef CF_ENGINE_ICMP_H
#define CF_ENGINE_ICMP_H

#include <stddef.h>
#include <stdint.h>

#include "engine/list.h"
#include "engine/packet.h"
#include "loop/loop.h"

struct cf_engine;

/* Echo sequences at once; past it the one idle for longest ends. */
#define CF_ICMP_FLOWS_MAX 1024
#define CF_ICMP_IDLE_S 30

struct cf_icmp {
    struct cf_engine *engine;
    struct cf_timer idle;
    struct cf_list flows; /* by last request or reply, oldest first; denied ones too */
    size_t n_flows;
};

void cf_icmp_init(struct cf_icmp *icmp, struct cf_engine *engine);
/* Every sequence that is open is logged as killed. */
void cf_icmp_done(struct cf_icmp *icmp);

/* End the sequences whose sockets are bound to this interface; how many there were. */
size_t cf_icmp_interface_gone(struct cf_icmp *icmp, unsigned ifindex);

/* An echo request was held. */
void cf_icmp_echo(struct cf_icmp *icmp, const struct cf_packet *packet);

#endif
