/*
 * audit.h - the one writer of the audit log
 *
 * Every event goes through cf_audit_emit(), in order: it is counted, written
 * as one line of JSON when there is a log, and handed to the tap (the summary
 * at the end of a run). Lines leave whole: what a full disk cut is taken back
 * to the last whole line. The caller calls cf_audit_flush() at the end of each
 * turn of its loop; a full buffer flushes by itself, which slows the run rather
 * than losing an event.
 */
#ifndef CF_AUDIT_AUDIT_H
#define CF_AUDIT_AUDIT_H

#include "audit/event.h"
#include "base/error.h"

struct cf_audit;

/* A UUIDv7 (RFC 9562, 5.7) as text and its NUL. */
#define CF_RUN_ID_SIZE 37
void cf_run_id_make(char text[CF_RUN_ID_SIZE]);

/*
 * Replace {name} {run} {time} {host} in a path pattern. {run} is the first
 * eight characters and the last four of the run id joined, {time} is
 * YYYYMMDDTHHMMSSZ. Anything else in braces is -EINVAL with a message. In
 * {name} and {host} a '/' becomes '_'.
 *
 * ret_path: the caller's, free()
 */
int cf_audit_path_expand(const char *pattern, const char *name, const char *run, const char *host,
                         char **ret_path, struct cf_error *err);

/*
 * Open the log.
 *
 * path:     made with its missing folders (mode 0777 less umask), the file
 *           with 0666 less umask, refused when it exists with -EEXIST;
 *           NULL: no log, events are only counted and tapped
 * run:      CF_RUN_ID_SIZE text, copied
 * failed:   called once, when a line could not be written; may be NULL
 *
 * Returns 0 or -errno with a message.
 */
int cf_audit_open(const char *path, const char *run,
                  void (*failed)(void *data, const struct cf_error *err), void *data,
                  struct cf_audit **ret_audit, struct cf_error *err);

/* See every event after it was counted; run_end has its totals then. */
void cf_audit_tap(struct cf_audit *audit, void (*tap)(void *data, const struct cf_event *event),
                  void *data);

/*
 * Count, write and hand on one event. Returns 0, or -errno from the first
 * write that failed on: after that nothing is written, and every call
 * returns the same error.
 */
int cf_audit_emit(struct cf_audit *audit, const struct cf_event *event);

/* Formatted like printf; a convenience for CF_EVENT_WARNING. */
int cf_audit_warn(struct cf_audit *audit, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

int cf_audit_flush(struct cf_audit *audit);

/*
 * Flush, and fsync and read the log again: what is large in a thread, while the caller goes on. No event may
 * follow, and cf_audit_close(), which waits for it, must.
 */
void cf_audit_settle(struct cf_audit *audit);

/*
 * Flush, fsync and close; 0 or the first error of this log, -ESTALE when its
 * path no longer names the file with what was written, byte for byte. audit is freed.
 */
int cf_audit_close(struct cf_audit *audit, struct cf_error *err);

/* Close a log that nobody shall read, and remove it where it is a file that it made. */
void cf_audit_drop(struct cf_audit *audit);

const struct cf_event_totals *cf_audit_totals(const struct cf_audit *audit);
/* The path that is written to, NULL when there is no log. */
const char *cf_audit_path(const struct cf_audit *audit);

#endif
