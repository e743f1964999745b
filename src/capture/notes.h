/*
 * notes.h - what is said beside the packets of a flow
 *
 * The engine's events tell of flows; a packet belongs to one by its protocol,
 * addresses and ports. The comment of an event waits for the next packet of its
 * flow, in either direction, and is given out once.
 */
#ifndef CF_CAPTURE_NOTES_H
#define CF_CAPTURE_NOTES_H

#include <stdbool.h>

#include "audit/event.h"
#include "base/buffer.h"
#include "capture/frame.h"

/* Flows that are remembered; beyond, the oldest are forgotten. */
#define CF_NOTES_MAX 65536

/* Bytes of comments that wait; beyond, the oldest are left out. */
#define CF_NOTES_COMMENTS_MAX ((size_t)16 << 20)

struct cf_notes;

/* Returns 0 or -ENOMEM. */
int cf_notes_new(struct cf_notes **ret_notes);
void cf_notes_free(struct cf_notes *notes);

/* Takes flow_open, flow_denied and flow_close; others are none of its business. */
void cf_notes_event(struct cf_notes *notes, const struct cf_event *event);

/*
 * Was there an event for the flow that this packet of the sandbox (or, with inbound, to it) is
 * of? After flow_close, and until the next event, there was none.
 */
bool cf_notes_know(const struct cf_notes *notes, const struct cf_frame *frame, bool inbound);

/*
 * As the socket that carries the flow outside has them: frames are then of the host, and
 * known by their protocol, local address and port alone. Of what has no such socket: nothing.
 */
void cf_notes_event_outside(struct cf_notes *notes, const struct cf_event *event);
char *cf_notes_take_outside(struct cf_notes *notes, const struct cf_frame *frame, bool inbound);

/* How an allowed flow leaves. */
struct cf_notes_way {
    struct cf_addr_port local; /* our socket's; family NONE: none */
    bool is_host;              /* to the same address: a port of the host's own loopback */
};

/*
 * Where the allowed flow of this packet leaves the host, or left it until it was closed; false
 * when it is not known to.
 */
bool cf_notes_find_way(const struct cf_notes *notes, const struct cf_frame *frame, bool inbound,
                       struct cf_notes_way *ret_way);

/* Say that no event will come for such packets. */
void cf_notes_give_up(struct cf_notes *notes, const struct cf_frame *frame);

/* The comment for this packet: the caller's, free(); NULL when there is none. */
char *cf_notes_take(struct cf_notes *notes, const struct cf_frame *frame, bool inbound);

/* "flow 7; allow: rule policies/build.yaml:14 ...; ..." in one line of printable UTF-8. */
void cf_note_format(const struct cf_event_flow_open *flow, struct cf_buffer *out);

#endif
