/*
 * audit.c - the one writer of the audit log
 *
 * How this works. An event is counted, formatted behind the lines that wait
 * in `lines`, and handed to the tap. The lines leave in one write when they
 * reach FLUSH_BYTES, or when the caller flushes. The descriptor blocks: a log
 * that cannot keep up slows the run.
 *
 * A log is good until its first error; `error` then keeps it, the caller is
 * told once (`failed`), waiting lines are dropped and nothing is written any
 * more. A hole in `seq` can thus not come about: the file ends early instead,
 * at a whole line. Counting and the tap go on, so that the summary of a run
 * that ends for this reason is still right.
 */
#include "audit/audit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/event_json.h"
#include "audit/log_file.h"
#include "base/buffer.h"
#include "base/clock.h"

#define FLUSH_BYTES ((size_t)65536)
#define WARNING_SIZE 1024

struct cf_audit {
    struct cf_log_file file; /* fd -1: no log */
    char *path;              /* NULL: no log */
    char run[CF_RUN_ID_SIZE];
    uint64_t seq;
    struct cf_buffer lines;
    int error;
    void (*failed)(void *data, const struct cf_error *err);
    void *failed_data;
    void (*tap)(void *data, const struct cf_event *event);
    void *tap_data;
    struct cf_event_totals totals;
};

static void audit_free(struct cf_audit *audit)
{
    if (!audit)
        return;
    cf_buffer_done(&audit->lines);
    free(audit->path);
    free(audit);
}

int cf_audit_open(const char *path, const char *run,
                  void (*failed)(void *data, const struct cf_error *err), void *data,
                  struct cf_audit **ret_audit, struct cf_error *err)
{
    struct cf_audit *audit = calloc(1, sizeof *audit);
    int r = 0;

    if (!audit)
        return cf_error_set(err, -ENOMEM, "out of memory");
    audit->file.fd = -1;
    audit->failed = failed;
    audit->failed_data = data;
    snprintf(audit->run, sizeof audit->run, "%s", run);
    cf_buffer_init(&audit->lines, 0);
    if (path) {
        audit->path = strdup(path);
        r = audit->path ? cf_log_file_open(path, "log", 0666, &audit->file, err)
                        : cf_error_set(err, -ENOMEM, "out of memory");
    }
    if (r < 0) {
        audit_free(audit);
        return r;
    }
    *ret_audit = audit;
    return 0;
}

void cf_audit_tap(struct cf_audit *audit, void (*tap)(void *data, const struct cf_event *event),
                  void *data)
{
    audit->tap = tap;
    audit->tap_data = data;
}

/* Keep the first error and tell of it. */
static int fail(struct cf_audit *audit, int code)
{
    struct cf_error err;

    if (audit->error)
        return audit->error;
    audit->error = code;
    cf_buffer_clear(&audit->lines);
    cf_error_errno(&err, code, "cannot write the log '%s'", audit->path);
    if (audit->failed)
        audit->failed(audit->failed_data, &err);
    return code;
}

int cf_audit_flush(struct cf_audit *audit)
{
    int r;

    if (audit->error || audit->lines.length == 0)
        return audit->error;
    r = cf_log_file_write(&audit->file, audit->lines.data, audit->lines.length);
    if (r < 0)
        return fail(audit, r);
    cf_buffer_clear(&audit->lines);
    return 0;
}

static int write_line(struct cf_audit *audit, const struct cf_event *event)
{
    struct cf_event_head head = { .run = audit->run, .seq = audit->seq };
    int r;

    if (audit->file.fd < 0 || audit->error)
        return audit->error;
    head.realtime_us = cf_clock_realtime_us();
    r = cf_event_format_json(event, &head, &audit->lines);
    if (r < 0) {
        cf_audit_flush(audit); /* the lines before it are good */
        return fail(audit, r);
    }
    audit->seq++;
    return audit->lines.length >= FLUSH_BYTES ? cf_audit_flush(audit) : 0;
}

int cf_audit_emit(struct cf_audit *audit, const struct cf_event *event)
{
    struct cf_event end;
    int r;

    cf_event_count(event, &audit->totals);
    if (event->type == CF_EVENT_RUN_END) {
        end = *event;
        end.run_end.totals = audit->totals;
        event = &end;
    }
    r = write_line(audit, event);
    if (audit->tap)
        audit->tap(audit->tap_data, event);
    return r;
}

int cf_audit_warn(struct cf_audit *audit, const char *code, const char *fmt, ...)
{
    char text[WARNING_SIZE];
    struct cf_event event = { .type = CF_EVENT_WARNING, .warning = { code, text } };
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return cf_audit_emit(audit, &event);
}

void cf_audit_settle(struct cf_audit *audit)
{
    cf_audit_flush(audit);
    cf_log_file_sync(&audit->file);
}

int cf_audit_close(struct cf_audit *audit, struct cf_error *err)
{
    struct cf_error changed = { 0 };
    int r, stale;

    if (!audit)
        return 0;
    cf_audit_flush(audit);
    stale = cf_log_file_check(&audit->file, audit->path, &changed);
    r = cf_log_file_close(&audit->file);
    if (audit->error)
        r = audit->error;
    if (r == 0 && stale < 0)
        r = cf_error_set(err, stale, "%s", changed.text);
    else if (r < 0)
        cf_error_errno(err, r, "cannot write the log '%s'", audit->path);
    audit_free(audit);
    return r;
}

void cf_audit_drop(struct cf_audit *audit)
{
    if (!audit)
        return;
    cf_buffer_clear(&audit->lines);
    /* What is no regular file (a pipe, /dev/null) was there before us. */
    if (audit->file.regular && cf_log_file_intact(&audit->file, audit->path))
        unlink(audit->path);
    cf_log_file_close(&audit->file);
    audit_free(audit);
}

const struct cf_event_totals *cf_audit_totals(const struct cf_audit *audit)
{
    return &audit->totals;
}

const char *cf_audit_path(const struct cf_audit *audit)
{
    return audit->path;
}
