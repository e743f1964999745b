/*
 * capture.c - the packets of a run
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "cli/run.h"

/* A policy without an end is no policy without a capture: it may have a filter for `-c`. */
static bool is_wanted(const struct cf_run *run)
{
    return run->profile->capture.file && run->profile->capture.file[0];
}

static void on_failed(void *data, const struct cf_error *err)
{
    struct cf_run *run = data;

    run->capture_failed = true;
    snprintf(run->capture_error, sizeof run->capture_error, "%s", err->text);
    cf_audit_warn(run->audit, "capture_failed", "%s", err->text);
    cf_run_end_tree(run);
}

/* Which policy, in which version, and which run: what ties the file to the log. */
static char *comment_make(const struct cf_run *run)
{
    const struct cf_profile *profile = run->profile;
    struct cf_buffer text;
    char *comment;

    cf_buffer_init(&text, 0);
    cf_buffer_printf(&text, "policy %s", profile->name);
    if (profile->file)
        cf_buffer_printf(&text, ", %s, sha256 %s", profile->file, profile->sha256);
    cf_buffer_printf(&text, "; mode %s; run %s", cf_mode_name(profile->mode), run->id);
    comment = cf_buffer_steal(&text);
    cf_buffer_done(&text);
    return comment;
}

static uint64_t or_none(int64_t number)
{
    return number > 0 ? (uint64_t)number : 0;
}

int cf_run_capture_open(struct cf_run *run, struct cf_error *err)
{
    const struct cf_profile *profile = run->profile;
    struct cf_capture_config config = {
        .max_size = or_none(profile->capture.max_size),
        .keep = or_none(profile->capture.keep),
        .snaplen = (uint32_t)profile->capture.snaplen,
        .filter = profile->capture.filter,
        .application = "childflow " PACKAGE_VERSION,
        .hardware = run->uts.machine,
    };
    size_t offset;
    int r;

    if (!is_wanted(run))
        return 0;
    r = cf_capture_filter_compile(config.filter, CF_CAPTURE_ETHERNET, config.snaplen,
                                  &run->capture_filter, &offset, err);
    if (r < 0)
        return cf_error_wrap(err, "capture.filter");
    r = cf_audit_path_expand(profile->capture.file, profile->name, run->id, run->uts.nodename,
                             &run->capture_path, err);
    if (r < 0)
        return r;
    run->capture_comment = comment_make(run);
    if (!run->capture_comment ||
        asprintf(&run->capture_os, "%s %s", run->uts.sysname, run->uts.release) < 0) {
        run->capture_os = NULL;
        return cf_error_set(err, -ENOMEM, "out of memory");
    }
    config.path = run->capture_path;
    config.os = run->capture_os;
    config.comment = run->capture_comment;
    return cf_capture_new(&config, &run->capture, err);
}

int cf_run_capture_start(struct cf_run *run, struct cf_error *err)
{
    struct cf_capture_start start = {
        .loop = run->loop,
        .interface = CF_GATEWAY_INTERFACE,
        .filter = &run->capture_filter,
        .failed = on_failed,
        .data = run,
    };

    if (!run->capture)
        return 0;
    start.fd = cf_gateway_socket(run->gateway, AF_PACKET, SOCK_RAW, 0);
    if (start.fd < 0)
        return cf_error_errno(err, start.fd, "cannot open a packet socket for the capture");
    return cf_capture_start(run->capture, &start, err);
}

void cf_run_capture_finish(struct cf_run *run)
{
    struct cf_event event = { .type = CF_EVENT_CAPTURE };

    if (!run->capture)
        return;
    cf_capture_finish(run->capture, &event.capture);
    cf_audit_emit(run->audit, &event);
}

int cf_run_capture_close(struct cf_run *run, struct cf_error *err)
{
    int r = cf_capture_close(run->capture, err);

    run->capture = NULL;
    return r;
}
