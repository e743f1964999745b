/*
 * summary.h - what a run contacted, short enough to be read every time
 *
 * Collects from the events of a run (cf_audit_tap()) and prints once at the
 * end. Bounded: past 1,024 different lines the rest is counted together.
 */
#ifndef CF_REPORT_SUMMARY_H
#define CF_REPORT_SUMMARY_H

#include <stdbool.h>

#include "audit/event.h"
#include "base/buffer.h"

struct cf_summary_table;

int cf_summary_new(struct cf_summary_table **ret_summary);
void cf_summary_free(struct cf_summary_table *summary);

/* data is a struct cf_summary_table; fits cf_audit_tap(). */
void cf_summary_event(void *data, const struct cf_event *event);

/*
 * The text on stderr: first the policy's name, mode and verdict counts, then
 * protections that are not in force, then a line for each destination and
 * denial, then where the log is. log_path may be NULL.
 */
int cf_summary_format_text(const struct cf_summary_table *summary, const char *log_path,
                           bool colour, struct cf_buffer *buffer);
/* One JSON object on one line with the same figures. */
int cf_summary_format_json(const struct cf_summary_table *summary, const char *log_path,
                           struct cf_buffer *buffer);

#endif
