/*
 * event_json.h - one event as one line of the audit log
 */
#ifndef CF_AUDIT_EVENT_JSON_H
#define CF_AUDIT_EVENT_JSON_H

#include <stdint.h>

#include "audit/event.h"
#include "audit/json.h"
#include "base/buffer.h"

/* What every event starts with. */
struct cf_event_head {
    int64_t realtime_us;
    const char *run; /* borrowed */
    uint64_t seq;
};

/* Bytes of a process's arguments that an event holds, as a reader gets them. */
#define CF_EVENT_ARGV_SIZE 512

/*
 * Append the line and its newline to buffer. Secrets are masked
 * (audit/secret.h). Returns 0, or -ENOMEM (also past the buffer's limit) with
 * nothing appended and the buffer usable.
 */
int cf_event_format_json(const struct cf_event *event, const struct cf_event_head *head,
                         struct cf_buffer *buffer);

/* The `totals` of run_end as an object; also in the summary. */
void cf_event_totals_format_json(const struct cf_event_totals *totals, struct cf_json *json,
                                 const char *key);

#endif
