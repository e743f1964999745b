/*
 * live.h - what a run does now, for who watches it: one line, or a table of its open flows
 */
#ifndef CF_REPORT_LIVE_H
#define CF_REPORT_LIVE_H

#include <stddef.h>
#include <stdint.h>

#include "audit/event.h"
#include "audit/open_flow.h"
#include "base/buffer.h"

/* Flows that a table lists; the rest is counted. */
#define CF_LIVE_ROWS 1024

/* Bytes of the longest destination: a name of DNS, escaped, and what stands around it. */
#define CF_LIVE_LAST_SIZE 1056

/* The figures of a run at one moment. */
struct cf_live_figures {
    const struct cf_event_totals *totals; /* of its events so far; borrowed */
    size_t n_open;                        /* flows */
    uint64_t open_bytes;                  /* both ways, of the flows that are open */
    const char *last;                     /* cf_live_last(); "": nothing yet */
    uint64_t run_us;                      /* since its start */
};

/*
 * When the event is a flow or a denied name: where that went, as the policy
 * would write it ("registry.example.com:443", "denied udp://192.0.2.1:53").
 * Other events leave last as it is.
 */
void cf_live_last(const struct cf_event *event, char last[CF_LIVE_LAST_SIZE]);

/*
 * "childflow: 3 open, 1.2 MiB, 14 queries, 1 denied, last registry.example.com:443",
 * no line end, printable, at most width columns: first the destination loses
 * its middle, then the line its end.
 */
int cf_live_format_line(const struct cf_live_figures *figures, unsigned width,
                        struct cf_buffer *buffer);

/*
 * A line with the time and the figures, and a line for each flow, in the order given.
 *
 * flows:   n_flows of the figures' n_open; what is missing is counted in a last line
 * time_us: now, on the real-time clock
 *
 * Returns 0 or -ENOMEM.
 */
int cf_live_format_table(const struct cf_live_figures *figures, const struct cf_open_flow *flows,
                         size_t n_flows, int64_t time_us, struct cf_buffer *buffer);

#endif
