/*
 * engine.h - carries the sandbox's traffic, one flow at a time, under the policy
 *
 * TCP connections are held at their SYN, judged, connected outward, and only
 * then let in, so that a connect() inside ends as the outward one did. UDP
 * and ICMP echo are relayed by flow. Port 53 goes to the resolver. Every flow
 * is an event. See "How this works" in engine/tcp.c, udp.c and icmp.c.
 *
 * All of it is called, and all events are written, by the thread of the loop; only
 * the bytes of TCP connections that are open may be moved by others (shards.h).
 */
#ifndef CF_ENGINE_ENGINE_H
#define CF_ENGINE_ENGINE_H

#include "audit/audit.h"
#include "audit/open_flow.h"
#include "base/error.h"
#include "dns/names.h"
#include "dns/server.h"
#include "loop/loop.h"
#include "netlink/gateway.h"
#include "profile/profile.h"
#include "proxy/way.h"

#define CF_ENGINE_THREADS_MAX 64

struct cf_engine;

struct cf_engine_config { /* everything is borrowed and outlives the engine */
    struct cf_loop *loop;
    const struct cf_profile *profile;
    struct cf_audit *audit;
    struct cf_names *names;
    struct cf_dns_server *dns;
    struct cf_gateway *gateway;
    const char *interface; /* that all outward sockets are bound to; NULL: the routes decide */
    struct cf_proxy_way *proxy; /* NULL when the profile has none */
    /*
     * That carry TCP, the caller's included: 1 to CF_ENGINE_THREADS_MAX, all of which
     * must be had. 0: cf_engine_threads_default(), or 1 where the limit of processes
     * (RLIMIT_NPROC) allows no more.
     */
    unsigned threads;

    /*
     * Says which process opened the flow from src to dst, while its socket still
     * waits; what it sets is borrowed until the event is written. NULL when no
     * one can say.
     */
    void (*process_find)(void *data, enum cf_proto proto, const struct cf_addr_port *src,
                         const struct cf_addr_port *dst, struct cf_event_process *ret_process);

    /*
     * Says which other process has that socket too and runs a program that does not
     * pass: pid 0 when there is none, with `unknown` when that is not certain. Asked
     * when passing hinges on the program. NULL: the one that process_find() says is
     * taken to be alone.
     */
    void (*process_find_other)(void *data, enum cf_proto proto, const struct cf_addr_port *src,
                               const struct cf_addr_port *dst, cf_process_passes *passes,
                               void *passes_data, struct cf_event_process *ret_process);
    void *process_data;
};

/* How many threads so many cores are worth: 2 when there are more than 2, else 1. */
unsigned cf_engine_threads_for(int cores);

/* That of the cores that the caller may use. */
unsigned cf_engine_threads_default(void);

/*
 * Returns 0 or -errno with a message; -EINVAL for a profile with a proxy that
 * config lacks. The process must ignore SIGPIPE from here
 * on: bytes are written to sockets by splice(2), which has no flag against it.
 */
int cf_engine_new(const struct cf_engine_config *config, struct cf_engine **ret_engine,
                  struct cf_error *err);

/* How many threads carry TCP, the caller's included. */
unsigned cf_engine_threads(const struct cf_engine *engine);

/*
 * Every process of the sandbox is gone: pass on what they still sent, and only
 * then call done, from the loop, once.
 *
 * What a process wrote before it ended is in buffers: of its own TCP, whose
 * sockets live on without it as long as the sandbox's network namespace does
 * (the gateway holds a descriptor of it: do not close the gateway before
 * done), of the gateway's, and ours. Connections that owe the outside nothing
 * more are closed there at once, for what comes from it is of no use any more;
 * cf_engine_stop() ends them.
 *
 * timeout_us: give up when no byte has moved for so long
 *
 * cf_engine_stop() comes after it; without a drain it cuts uploads short.
 *
 * Returns 0, or -ENOMEM when done will not be called.
 */
int cf_engine_drain(struct cf_engine *engine, int64_t timeout_us, void (*done)(void *data),
                    void *data);

/*
 * An interface is gone: end the flows whose outward sockets are bound to it,
 * which could neither send nor be told of an error. They are logged as
 * unreachable: a TCP connection is reset, and one that is not yet open is
 * answered as if there were no route. Threads that carry TCP are ended first
 * and not begun again.
 *
 * Returns how many flows have ended.
 */
size_t cf_engine_interface_gone(struct cf_engine *engine, unsigned ifindex);

/*
 * End every flow: each that is open is logged as killed, counts of denied
 * packets are written. Call before the audit log closes, and while the gateway,
 * the DNS server and the loop are still there.
 */
void cf_engine_stop(struct cf_engine *engine);
void cf_engine_free(struct cf_engine *engine);

/*
 * Call fn for each flow that is open: TCP oldest first, then UDP, then echoes.
 * fn must not change the engine. For people, now and then: it looks at every flow.
 */
void cf_engine_each_flow(const struct cf_engine *engine, cf_open_flow_fn *fn, void *data);

/*
 * What came from the sandbox and what became of it, counted in one unit: packets as
 * they are on a link, and as receivers get them (netlink/count.h). What is neither
 * logged nor lost is in no event and of no flow.
 */
struct cf_accounting {
    bool known; /* the kernel's counters could be read */
    uint64_t packets, bytes;
    uint64_t logged; /* of a flow or an event; those of port 53 included */
    uint64_t lost;   /* came faster than they were read */
};

/* As it was when cf_engine_stop() began to end what was still open; zero before. */
const struct cf_accounting *cf_engine_accounting(const struct cf_engine *engine);

#endif
