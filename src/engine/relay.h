/*
 * relay.h - a TCP connection of two sockets, one inside and one outside
 *
 * Moves bytes, ends and errors both ways until both directions are done and the
 * sandbox has all of it, then closes both sockets. Knows nothing of flows and policies; who
 * does can have a gate in front of what the sandbox sends.
 *
 * A relay belongs to the thread of its loop from the start to the end. Any thread
 * may look at what is _Atomic meanwhile.
 */
#ifndef CF_ENGINE_RELAY_H
#define CF_ENGINE_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/event.h"
#include "engine/list.h"
#include "engine/splice.h"
#include "loop/loop.h"
#include "loop/mailbox.h"

struct cf_shard;

struct cf_relay_side {
    struct cf_watch watch;
    int fd;      /* owned; -1 while there is none */
    bool failed; /* its peer has reset it, or the network has */
};

/* What a gate says of the bytes that the sandbox has sent so far. */
enum cf_gate {
    CF_GATE_WAIT,   /* it must see more of them; until then none passes */
    CF_GATE_OPEN,   /* all pass from here on; it is not asked again */
    CF_GATE_FAILED, /* the inside cannot be read, errno says why */
    CF_GATE_GONE,   /* the relay is not this thread's any more: ended, or in another shard */
};

struct cf_relay {
    struct cf_loop *loop;
    struct cf_pipe_pool *pipes;
    struct cf_meter *meter; /* of the bytes of both directions; set before the start, or NULL */
    struct cf_relay_side inside, outside;
    bool outside_plain; /* a socket of the machine (unix(7)), which knows no urgent data; set
                           before the start */
    struct cf_splice out, in; /* from the sandbox, to the sandbox */
    _Atomic bool out_done, in_done;
    _Atomic bool over;      /* all is passed on, but for closing */
    bool spent;             /* the meter ran out: both sides are reset at once */
    _Atomic bool resetting; /* over but for bytes that still leave the last socket */
    int error;              /* first errno that a side failed with */
    bool parked;            /* by cf_relay_park() */
    /* Asked when the inside has bytes, or its end, and none has passed; NULL: all pass. Set before
       the start. It may look at the bytes (MSG_PEEK), take none, and end the relay. */
    enum cf_gate (*gate)(struct cf_relay *relay);
    uint64_t segments;      /* from the sandbox, once the inside is closed */
    struct cf_task task, confirm;
    struct cf_timer timer;
    uint64_t progress; /* what the timer saw last */
    int64_t stuck_us;  /* since when it has not changed */
    /* Called once, with both sockets closed; may free the relay. */
    void (*ended)(struct cf_relay *relay, enum cf_flow_result result);
    struct {                 /* of shards.c */
        struct cf_shard *at; /* NULL before the start and after the end */
        struct cf_list others;
        struct cf_mail mail;
        uint32_t events; /* seen on the outside, and what it failed with, before the start */
        int error;
        enum cf_flow_result result;
    } shard;
};

/* The events that a socket of a relay is watched for: edges of everything. */
uint32_t cf_relay_events(void);

/* All empty; loop and pipes are borrowed. */
void cf_relay_init(struct cf_relay *relay, struct cf_loop *loop, struct cf_pipe_pool *pipes,
                   void (*ended)(struct cf_relay *relay, enum cf_flow_result result));

/*
 * Both fds are set: what others may look at is there from here on. Then
 * cf_relay_start(), which another thread may do.
 */
void cf_relay_prepare(struct cf_relay *relay);

/*
 * Begin. Both fds are set and have TCP_NODELAY and SO_OOBINLINE; outside.watch
 * may be watched already for cf_relay_events(), and the outside may have been
 * told cf_outward_ack_hold(), which ends here.
 *
 * outside_events: what has been seen on the outside so far
 * outside_error:  errno that was taken from the outside already; 0 for none
 *
 * Returns 0, or -errno when the inside cannot be watched; then nothing has begun.
 */
int cf_relay_start(struct cf_relay *relay, uint32_t outside_events, int outside_error);

/* If the end of the outward handshake still waits for data to go with it, it goes now, without. */
void cf_relay_confirm(struct cf_relay *relay);

/*
 * Go on in another loop, with another pool; neither runs now. Returns 0, or -errno when the
 * new loop refuses: then nothing is left to do but to reset both sides.
 */
int cf_relay_move(struct cf_relay *relay, struct cf_loop *loop, struct cf_pipe_pool *pipes);

/* Close both sockets as close(2) does, and let go of everything. ended is not called. */
void cf_relay_done(struct cf_relay *relay);

/* Close one socket with a RST. No-op when it is not open. */
void cf_relay_side_reset(struct cf_relay *relay, struct cf_relay_side *side);
void cf_relay_side_close(struct cf_relay *relay, struct cf_relay_side *side);

/*
 * Nothing that still comes is of use: close the outside, and run no more. The inside stays
 * open until cf_relay_done(), so that what comes over it can be counted.
 */
void cf_relay_park(struct cf_relay *relay);

/* Segments that came over a connection of the gateway, less the SYN, which was counted when held. */
uint64_t cf_relay_segments(int fd);

/* True once all that the sandbox sent, and its end, is with the outward kernel. */
bool cf_relay_delivered(const struct cf_relay *relay);

#endif
