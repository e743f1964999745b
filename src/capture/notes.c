/*
 * notes.c - what is said beside the packets of a flow
 *
 * How this works. An entry has the five-tuple as the sandbox sees it, so that
 * both directions find it, and the comments that wait. It is also found by the
 * number of its flow, for flow_close: packets are read some time after they passed,
 * so a closed entry stays while a comment waits in it, and for its way out; once
 * there is no comment the same five-tuple is another flow. Entries stand in
 * the order in which they were made; past CF_NOTES_MAX the oldest goes. Those in
 * which a comment waits stand in a second order too, by how long it does: not
 * every flow has a packet that passes the filter.
 */
#include "capture/notes.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/egress.h"
#include "base/hash.h"
#include "base/text.h"
#include "capture/tuple.h"

#define COMMENT_MAX ((size_t)8192)

struct note {
    struct cf_hash_node by_key, by_flow;
    struct note *older, *newer;
    struct note *before, *behind; /* of those with a comment */
    struct cf_tuple key;
    uint64_t flow; /* 0: no event will come */
    bool closed;
    char *comment; /* NULL: none waits */
    struct cf_notes_way way;
};

struct cf_notes {
    struct cf_hash by_key, by_flow;
    struct note *oldest, *newest;
    struct note *front, *end; /* the first comment that waits, and the last */
    size_t bytes;             /* of comments */
};

static struct note *find(const struct cf_notes *notes, const struct cf_tuple *key)
{
    struct cf_hash_node *node = cf_hash_find(&notes->by_key, cf_tuple_hash(key));

    for (; node; node = cf_hash_next(node)) {
        struct note *note = cf_container_of(node, struct note, by_key);

        if (cf_tuple_equal(&note->key, key))
            return note;
    }
    return NULL;
}

static struct note *find_flow(const struct cf_notes *notes, uint64_t flow)
{
    struct cf_hash_node *node =
        cf_hash_find(&notes->by_flow, cf_hash_bytes(&flow, sizeof(flow)));

    for (; node; node = cf_hash_next(node)) {
        struct note *note = cf_container_of(node, struct note, by_flow);

        if (note->flow == flow)
            return note;
    }
    return NULL;
}

/* The comment that waits in it, as the caller's own; NULL: none. */
static char *comment_out(struct cf_notes *notes, struct note *note)
{
    char *comment = note->comment;

    if (!comment)
        return NULL;
    *(note->before ? &note->before->behind : &notes->front) = note->behind;
    *(note->behind ? &note->behind->before : &notes->end) = note->before;
    note->before = note->behind = NULL;
    note->comment = NULL;
    notes->bytes -= strlen(comment);
    return comment;
}

/* Let a comment wait in what has none. comment: the note's from here on */
static void comment_in(struct cf_notes *notes, struct note *note, char *comment)
{
    note->comment = comment;
    note->before = notes->end;
    *(note->before ? &note->before->behind : &notes->front) = note;
    notes->end = note;
    notes->bytes += strlen(comment);
    while (notes->bytes > CF_NOTES_COMMENTS_MAX)
        free(comment_out(notes, notes->front));
}

static void note_free(struct cf_notes *notes, struct note *note)
{
    free(comment_out(notes, note));
    cf_hash_remove(&notes->by_key, &note->by_key);
    if (note->flow)
        cf_hash_remove(&notes->by_flow, &note->by_flow);
    *(note->older ? &note->older->newer : &notes->oldest) = note->newer;
    *(note->newer ? &note->newer->older : &notes->newest) = note->older;
    free(note);
}

/* NULL when out of memory: then packets go without what would have been said of them. */
static struct note *note_new(struct cf_notes *notes, const struct cf_tuple *key)
{
    struct note *note = calloc(1, sizeof(*note));

    if (!note)
        return NULL;
    note->key = *key;
    if (cf_hash_add(&notes->by_key, &note->by_key, cf_tuple_hash(key)) < 0) {
        free(note);
        return NULL;
    }
    note->older = notes->newest;
    *(note->older ? &note->older->newer : &notes->oldest) = note;
    notes->newest = note;
    if (notes->by_key.n_nodes > CF_NOTES_MAX)
        note_free(notes, notes->oldest);
    return note;
}

int cf_notes_new(struct cf_notes **ret_notes)
{
    struct cf_notes *notes = calloc(1, sizeof(*notes));

    if (!notes)
        return -ENOMEM;
    cf_hash_init(&notes->by_key);
    cf_hash_init(&notes->by_flow);
    *ret_notes = notes;
    return 0;
}

void cf_notes_free(struct cf_notes *notes)
{
    if (!notes)
        return;
    while (notes->oldest)
        note_free(notes, notes->oldest);
    cf_hash_done(&notes->by_key);
    cf_hash_done(&notes->by_flow);
    free(notes);
}

static struct cf_tuple key_of_frame(const struct cf_frame *frame, bool inbound)
{
    const struct cf_addr_port from = { frame->src, frame->src_port };
    const struct cf_addr_port to = { frame->dst, frame->dst_port };

    return (struct cf_tuple) { .local = inbound ? to : from,
                               .remote = inbound ? from : to,
                               .protocol = frame->protocol };
}

static uint8_t protocol_of(const struct cf_event_flow_open *flow)
{
    if (flow->proto == CF_PROTO_TCP)
        return IPPROTO_TCP;
    if (flow->proto == CF_PROTO_UDP)
        return IPPROTO_UDP;
    return flow->dst.addr.family == CF_FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

static void put_text(struct cf_buffer *out, const char *text)
{
    cf_text_put(out, text, strlen(text));
}

static void put_verdict(struct cf_buffer *out, const struct cf_verdict *verdict)
{
    const struct cf_rule *rule = verdict->rule;

    cf_buffer_printf(out, "; %s%s: %s", verdict->action == CF_ALLOW ? "allow" : "deny",
                     verdict->would_deny ? " (would deny)" : "", cf_reason_name(verdict->reason));
    if (!rule)
        return;
    cf_buffer_puts(out, " ");
    put_text(out, rule->origin.file ? rule->origin.file : "-");
    if (rule->origin.line)
        cf_buffer_printf(out, ":%u", (unsigned)rule->origin.line);
    cf_buffer_puts(out, " '");
    put_text(out, rule->text ? rule->text : "");
    cf_buffer_puts(out, "'");
}

static void put_process(struct cf_buffer *out, const struct cf_event_process *process)
{
    if (process->pid == 0) {
        cf_buffer_puts(out, "; process unknown: ");
        put_text(out, process->unknown ? process->unknown : "not looked up");
        return;
    }
    cf_buffer_printf(out, "; process %d ", process->pid);
    put_text(out, process->exe ? process->exe : "?");
}

void cf_note_format(const struct cf_event_flow_open *flow, struct cf_buffer *out)
{
    cf_buffer_printf(out, "flow %" PRIu64, flow->flow);
    put_verdict(out, &flow->verdict);
    put_process(out, &flow->process);
    for (size_t i = 0; i < flow->n_names; i++) {
        cf_buffer_puts(out, i == 0 ? "; names " : ", ");
        put_text(out, flow->names[i].name);
        if (flow->dns_ids && flow->dns_ids[i])
            cf_buffer_printf(out, " (dns %" PRIu64 ")", flow->dns_ids[i]);
    }
    if (flow->sni || flow->http_host) {
        cf_buffer_puts(out, flow->sni ? "; sni " : "; http_host ");
        put_text(out, flow->sni ? flow->sni : flow->http_host);
    }
}

/* Behind what waits already: one that was opened and then denied has both. */
static void comment_add(struct cf_notes *notes, struct note *note,
                        const struct cf_event_flow_open *flow)
{
    char *before = comment_out(notes, note), *comment;
    struct cf_buffer text;

    cf_buffer_init(&text, COMMENT_MAX);
    if (before) {
        cf_buffer_puts(&text, before);
        cf_buffer_puts(&text, "\n");
    }
    cf_note_format(flow, &text);
    comment = text.length > 0 ? strdup(text.data) : NULL; /* what did not fit is left out */
    cf_buffer_done(&text);
    if (comment) {
        free(before);
        before = comment;
    }
    if (before)
        comment_in(notes, note, before);
}

static struct cf_notes_way way_of(const struct cf_event_flow_open *flow)
{
    struct cf_notes_way way = { 0 };

    if (flow->verdict.action != CF_ALLOW)
        return way;
    way.local = flow->via_local;
    way.is_host = !flow->via_proxy && cf_egress_is_loopback(&way.local.addr);
    return way;
}

static void flow_said(struct cf_notes *notes, const struct cf_event_flow_open *flow)
{
    const struct cf_tuple key = { .local = flow->src,
                                  .remote = flow->dst,
                                  .protocol = protocol_of(flow) };
    struct note *note = find(notes, &key);

    if (note && note->flow != flow->flow) {
        note_free(notes, note);
        note = NULL;
    }
    if (!note)
        note = note_new(notes, &key);
    if (!note)
        return;
    if (note->flow == 0) {
        if (cf_hash_add(&notes->by_flow, &note->by_flow,
                        cf_hash_bytes(&flow->flow, sizeof(flow->flow))) < 0) {
            note_free(notes, note);
            return;
        }
        note->flow = flow->flow;
    }
    note->way = way_of(flow);
    comment_add(notes, note, flow);
}

static bool has_way(const struct note *note)
{
    return note->way.local.addr.family != CF_FAMILY_NONE;
}

static void flow_closed(struct cf_notes *notes, uint64_t flow)
{
    struct note *note = find_flow(notes, flow);

    if (note && (note->comment || has_way(note)))
        note->closed = true;
    else if (note)
        note_free(notes, note);
}

void cf_notes_event(struct cf_notes *notes, const struct cf_event *event)
{
    if (event->type == CF_EVENT_FLOW_OPEN || event->type == CF_EVENT_FLOW_DENIED)
        flow_said(notes, &event->flow_open);
    else if (event->type == CF_EVENT_FLOW_CLOSE)
        flow_closed(notes, event->flow_close.flow);
}

/* Of a flow that is over, all was said. */
static bool is_past(const struct note *note)
{
    return note->closed && !note->comment;
}

bool cf_notes_know(const struct cf_notes *notes, const struct cf_frame *frame, bool inbound)
{
    const struct cf_tuple key = key_of_frame(frame, inbound);
    const struct note *note = find(notes, &key);

    return note && !is_past(note);
}

void cf_notes_give_up(struct cf_notes *notes, const struct cf_frame *frame)
{
    const struct cf_tuple key = key_of_frame(frame, false);
    struct note *note = find(notes, &key);

    if (note)
        note->closed = false;
    else
        note_new(notes, &key);
}

char *cf_notes_take(struct cf_notes *notes, const struct cf_frame *frame, bool inbound)
{
    const struct cf_tuple key = key_of_frame(frame, inbound);
    struct note *note = find(notes, &key);
    char *comment;

    if (!note || !note->comment)
        return NULL;
    comment = comment_out(notes, note);
    if (note->closed && !has_way(note))
        note_free(notes, note);
    return comment;
}

/* Echoes of different ids leave by one address: only where they go to tells them apart. */
static bool is_ping(uint8_t protocol)
{
    return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

void cf_notes_event_outside(struct cf_notes *notes, const struct cf_event *event)
{
    struct cf_event outside = *event;

    if (event->type == CF_EVENT_FLOW_CLOSE) {
        cf_notes_event(notes, event);
        return;
    }
    if (event->type != CF_EVENT_FLOW_OPEN || !event->flow_open.via_local.addr.family)
        return;
    outside.flow_open.src = event->flow_open.via_local;
    if (event->flow_open.proto != CF_PROTO_ICMP) {
        memset(&outside.flow_open.dst, 0, sizeof(outside.flow_open.dst));
        outside.flow_open.dst.addr.family = outside.flow_open.src.addr.family;
    }
    cf_notes_event(notes, &outside);
}

char *cf_notes_take_outside(struct cf_notes *notes, const struct cf_frame *frame, bool inbound)
{
    struct cf_frame outside = *frame;

    if (!is_ping(frame->protocol)) {
        struct cf_addr *far = inbound ? &outside.src : &outside.dst;

        memset(far->bytes, 0, sizeof(far->bytes));
        *(inbound ? &outside.src_port : &outside.dst_port) = 0;
    }
    return cf_notes_take(notes, &outside, inbound);
}

bool cf_notes_find_way(const struct cf_notes *notes, const struct cf_frame *frame, bool inbound,
                       struct cf_notes_way *ret_way)
{
    const struct cf_tuple key = key_of_frame(frame, inbound);
    const struct note *note = find(notes, &key);

    if (!note || !has_way(note))
        return false;
    *ret_way = note->way;
    return true;
}
