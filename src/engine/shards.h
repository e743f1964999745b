/*
 * shards.h - relays on several threads
 *
 * A relay is carried by one of N shards from its start to its end: the first is the
 * caller's own loop, each of the others a thread with a loop and pipes of its own.
 * The caller's thread starts relays and hears of their ends; between, nothing is
 * shared with it but what is _Atomic (relay.h, meter.h). One thread calls all of this.
 */
#ifndef CF_ENGINE_SHARDS_H
#define CF_ENGINE_SHARDS_H

#include "base/error.h"
#include "engine/relay.h"
#include "loop/loop.h"

struct cf_shards;

struct cf_shards_config {
    struct cf_loop *loop;       /* the caller's; borrowed, as the pool */
    struct cf_pipe_pool *pipes; /* of the first shard */
    unsigned n;                 /* at least 1; with 1 there is no other thread */
    bool or_one;                /* where the limit of processes allows no thread, do without */
    /* As in struct cf_relay, and in the caller's thread, wherever a relay was. */
    void (*ended)(struct cf_relay *relay, enum cf_flow_result result);
};

/* Start the threads. Returns 0 or -errno with a message. */
int cf_shards_new(const struct cf_shards_config *config, struct cf_shards **ret_shards,
                  struct cf_error *err);

/* How many threads there are, the caller's included. */
unsigned cf_shards_count(const struct cf_shards *shards);

/*
 * Begin a relay that cf_relay_init() has made for the caller's loop, as
 * cf_relay_start() does, in the shard that has the fewest. It is the shard's then
 * until it has ended: its owner may do nothing with it but look.
 *
 * What fails on another thread ends the relay: with CF_RESULT_LIMIT, its error set and
 * not spent.
 */
int cf_shards_start(struct cf_shards *shards, struct cf_relay *relay, uint32_t outside_events,
                    int outside_error);

/*
 * Begin a relay that has a gate, in the caller's own shard, where the gate is asked. Once that
 * opens, cf_shards_spread() gives the relay to the shard that has the fewest. Returns true when
 * that is another one, and the relay is its from here on; one that has begun to
 * move bytes stays.
 */
int cf_shards_start_gated(struct cf_shards *shards, struct cf_relay *relay,
                          uint32_t outside_events, int outside_error);
bool cf_shards_spread(struct cf_shards *shards, struct cf_relay *relay);

/* The relay is in no shard any more; to be called by its owner when it has ended, before it goes. */
void cf_shards_left(struct cf_relay *relay);

/*
 * Ask each thread for the relays that are over by now. Until all of their ends were
 * told, cf_shards_asked() says so; the caller's loop runs meanwhile.
 */
void cf_shards_ask(struct cf_shards *shards);
bool cf_shards_asked(const struct cf_shards *shards);

/*
 * End the threads. What they carry goes on in the caller's loop, and belongs to the
 * caller again; of what has ended by then, ended is called. Relays that start later are
 * the caller's too.
 */
void cf_shards_gather(struct cf_shards *shards);

/* No relay may be left. NULL is allowed. */
void cf_shards_free(struct cf_shards *shards);

#endif
