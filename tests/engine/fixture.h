/*
 * fixture.h - a gateway and an engine, and processes in the sandbox's network
 */
#ifndef CF_TESTS_ENGINE_FIXTURE_H
#define CF_TESTS_ENGINE_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/event.h"
#include "engine/engine.h"

/* A port of the host's loopback that the policy opens, and the server on it. */
#define FIXTURE_HOST_PORT 7200

/* What happened, as the events say; the last ones in a ring. */
struct fixture_event {
    enum cf_event_type type;
    uint64_t flow;
    enum cf_proto proto;
    struct cf_addr_port src, dst;
    struct cf_verdict verdict;
    enum cf_flow_result result;
    uint64_t bytes_out, bytes_in, count;
    uint8_t protocol;
    char text[64]; /* a warning's code, a reason, the rule's text, a name, what of a proxy ended it */
    struct cf_addr_port via;
    bool by_proxy;
};

#define FIXTURE_EVENTS 8192

extern struct fixture_event fixture_events[FIXTURE_EVENTS];
extern size_t fixture_n_events;
extern struct cf_engine *fixture_engine;

/* egress.limits of the next start; 0: none. */
extern struct fixture_limits {
    int64_t connections, new_per_second, bytes;
} fixture_limits;

/* The engine's, from the next start on; 1 unless a test sets it. */
extern unsigned fixture_threads;

/*
 * The way of the next start's proxy, with the policy's keys for it; NULL: there is
 * none. The function is called once the loop is there; fixture_stop() frees the way.
 */
extern struct cf_proxy_way *(*fixture_proxy)(struct cf_loop *loop, struct cf_proxy *ret_policy);

/* In a network namespace with a world; returns 0, or -1 with a message on stderr. */
int fixture_start(bool audit_mode);
void fixture_stop(void);

/*
 * Run fn in a process inside, and the loop until it has ended. Events of
 * before are forgotten.
 *
 * Returns what fn returned (0 to 255), or -1 when it was killed.
 */
int fixture_inside(int (*fn)(void));

/*
 * The two halves of it: the process is there, and the loop does not run yet.
 * fixture_begin() returns 0 or -1.
 */
int fixture_begin(int (*fn)(void));
int fixture_end(void);

/* Run the loop until there are this many events of this type. */
void fixture_wait(enum cf_event_type type, size_t n);
size_t fixture_count(enum cf_event_type type);
/* The n-th of this type, from 0; NULL when there are fewer. */
const struct fixture_event *fixture_find(enum cf_event_type type, size_t n);

/* cf_engine_drain(), and the loop until it is done. */
void fixture_drain(void);

#endif
