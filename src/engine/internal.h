/*
 * internal.h - what the files of this room share: the engine itself
 */
#ifndef CF_ENGINE_INTERNAL_H
#define CF_ENGINE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/flow.h"
#include "engine/icmp.h"
#include "engine/shards.h"
#include "engine/splice.h"
#include "engine/strays.h"
#include "engine/tcp.h"
#include "engine/udp.h"

/* Warnings that a run needs to see once. */
enum cf_engine_warning {
    CF_WARNING_RESOURCES, /* descriptors, memory or ports have run out */
    CF_WARNING_LOST,      /* the kernel dropped logged packets */
    CF_WARNING_STREAMS,   /* as many connections to the resolver as it serves */
    CF_WARNING_ICMP,      /* no ping socket may be opened */
    CF_WARNING_COUNT
};

/* What was lost of a group's packets, by the gaps in their numbers. */
struct cf_lost {
    uint32_t next;
    uint64_t count;
};

struct cf_engine {
    struct cf_engine_config config;
    struct cf_flow_table flows;
    struct cf_pipe_pool pipes;
    struct cf_shards *shards;
    struct cf_strays strays;
    struct cf_tcp tcp;
    struct cf_udp udp;
    struct cf_icmp icmp;
    struct cf_watch flows_watch, strays_watch;
    uint32_t mtu;     /* of the link to the sandbox */
    struct cf_lost flows_lost, strays_lost;
    uint64_t packets; /* of the sandbox, accounted for so far, but for those of open TCP flows */
    uint64_t lost;    /* datagrams that found a socket full */
    struct cf_accounting accounting;
    bool warned[CF_WARNING_COUNT];
    bool recounting; /* the limit of connections is reached: what is over is asked for */
    struct {
        void (*done)(void *data);
        void *data;
        struct cf_timer timer;
        int64_t timeout_us;
        int64_t moved_us; /* when bytes last moved */
        uint64_t moved;
    } drain;
};

/* As cf_flow_judge(); flows that are over do not count towards a limit. */
void cf_engine_judge(struct cf_engine *engine, const struct cf_flow *flow,
                     struct cf_judgement *ret_judgement);

/*
 * Descriptors have run out: give up those that nobody would miss, which are sockets
 * made ahead and what flows that are over have not closed yet. Returns whether it is
 * worth another try.
 */
bool cf_engine_make_room(struct cf_engine *engine);

/* Write a warning unless this run has had it. */
void cf_engine_warn(struct cf_engine *engine, enum cf_engine_warning warning, int error);

#endif
