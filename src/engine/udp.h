/*
 * udp.h - UDP conversations of the sandbox
 */
#ifndef CF_ENGINE_UDP_H
#define CF_ENGINE_UDP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/list.h"
#include "loop/loop.h"

struct cf_engine;

/* Conversations at once, two descriptors each; past it the one idle for longest ends. */
#define CF_UDP_FLOWS_MAX 4096

/* Denied conversations that are remembered, so that each is one event. */
#define CF_UDP_DENIED_MAX 1024

/* A conversation ends after this long without a datagram. */
#define CF_UDP_IDLE_S 180
#define CF_UDP_IDLE_ONE_WAY_S 30 /* only one side has spoken */

struct cf_udp {
    struct cf_engine *engine;
    struct cf_watch new4, new6;
    struct cf_timer idle;
    struct cf_list one_way, two_way, denied; /* by last datagram, oldest first */
    size_t n_flows, n_denied;
    size_t limit;      /* of n_flows */
    int64_t second_us; /* when this second of ICMP errors began */
    unsigned n_errors; /* sent in it */
};

/* Returns 0 or -errno with a message. */
int cf_udp_init(struct cf_udp *udp, struct cf_engine *engine, struct cf_error *err);
/* Every conversation that is open is logged as killed. */
void cf_udp_done(struct cf_udp *udp);

/* End the conversations whose outward sockets are bound to this interface; how many there were. */
size_t cf_udp_interface_gone(struct cf_udp *udp, unsigned ifindex);

/* Send on what the sandbox has sent so far. */
void cf_udp_drain(struct cf_udp *udp);

#endif
