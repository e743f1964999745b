/*
 * finish.c - a run from the end of the command to the exit code
 */
#include "cli/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "audit/log_file.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "cli/terminal.h"

#define STATUS_MAX ((size_t)64 << 10)

/* VmHWM of proc_pid_status(5), or 0. ru_maxrss would do, but begins with that of who started us. */
static uint64_t peak_memory(void)
{
    cf_auto_free char *status = NULL;
    unsigned long long kib = 0;
    const char *line;
    size_t length;

    if (cf_fd_read_file("/proc/self/status", STATUS_MAX, &status, &length) < 0)
        return 0;
    line = strstr(status, "\nVmHWM:");
    if (!line || sscanf(line, "\nVmHWM: %llu", &kib) != 1)
        return 0;
    return kib * 1024;
}

static struct cf_event_usage usage_of_self(void)
{
    struct cf_event_usage usage = { 0 };
    struct rusage r;

    if (getrusage(RUSAGE_SELF, &r) == 0) {
        usage.cpu_us = (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * CF_US_PER_S +
                       (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
    }
    usage.peak_memory_bytes = peak_memory();
    return usage;
}

static void emit_run_end(struct cf_run *run)
{
    struct cf_event event = { .type = CF_EVENT_RUN_END };
    struct cf_event_run_end *end = &event.run_end;
    const struct cf_accounting *accounting = cf_engine_accounting(run->engine);

    end->exit_code = run->exit_code;
    end->exit_signal = run->exit_signal;
    end->duration_us = (uint64_t)(cf_clock_monotonic_us() - run->start_us);
    end->accounted = accounting->known;
    end->interface_packets = accounting->packets;
    end->interface_bytes = accounting->bytes;
    end->logged_packets = accounting->logged;
    end->lost_packets = accounting->lost;
    end->tree = run->tree;
    end->self = usage_of_self();
    cf_audit_emit(run->audit, &event);
}

static void print_summary(struct cf_run *run, const char *log_path)
{
    struct cf_buffer text;
    bool colour;
    int r;

    if (run->options->quiet || run->profile->audit.summary == CF_SUMMARY_NONE)
        return;
    cf_buffer_init(&text, 0);
    if (run->profile->audit.summary == CF_SUMMARY_JSON) {
        r = cf_summary_format_json(run->summary, log_path, &text);
    } else {
        colour = isatty(STDERR_FILENO) && (!getenv("NO_COLOR") || !getenv("NO_COLOR")[0]);
        r = cf_summary_format_text(run->summary, log_path, colour, &text);
    }
    if (r == 0 && text.data)
        cf_terminal_print(text.data);
    else
        cf_cli_say("out of memory while printing the summary");
    cf_buffer_done(&text);
}

/* What carried the tree's traffic, and the tree's namespaces. */
static void release(struct cf_run *run)
{
    cf_engine_free(run->engine);
    run->engine = NULL;
    cf_proxy_streams_free(run->streams);
    run->streams = NULL;
    cf_proxy_way_free(run->proxy);
    run->proxy = NULL;
    cf_dns_server_free(run->dns);
    run->dns = NULL;
    cf_resolver_free(run->resolver);
    run->resolver = NULL;
    cf_names_free(run->names);
    run->names = NULL;
    cf_owners_free(run->owners);
    run->owners = NULL;
    cf_sandbox_free(run->sandbox);
    run->sandbox = NULL;
    if (run->loop)
        cf_loop_signals_stop(run->loop, &run->signals);
    cf_interface_close(&run->interface);
    cf_loop_free(run->loop);
    run->loop = NULL;
    cf_gateway_close(run->gateway);
    run->gateway = NULL;
}

void cf_run_close(struct cf_run *run)
{
    cf_live_stop(run);
    cf_log_file_wait_by(NULL, NULL);
    release(run);
    cf_secret_done(&run->password);
    free(run->user);
    cf_capture_filter_done(&run->capture_filter);
    cf_capture_filter_done(&run->outside_filter);
    cf_capture_filter_done(&run->outside_wanted);
    cf_fd_close(&run->outside_fd);
    free(run->capture_comment);
    free(run->capture_os);
    free(run->capture_path);
    cf_summary_free(run->summary);
    cf_profile_free(run->profile);
    cf_sandbox_caller_done(&run->caller);
}

void cf_run_drop_log(struct cf_run *run)
{
    cf_audit_drop(run->audit);
    run->audit = NULL;
    cf_egress_listen(NULL);
    cf_capture_drop(run->capture);
    run->capture = NULL;
}

static bool was_denied(const struct cf_event_totals *totals)
{
    return totals->denied > 0 || totals->dns_denied > 0 || totals->packets_denied > 0;
}

int cf_run_finish(struct cf_run *run)
{
    cf_auto_free char *log_path = NULL;
    struct cf_error err = { 0 }, capture_err = { 0 };
    bool denied, failed, uncaptured;

    cf_live_stop(run);
    cf_engine_stop(run->engine);
    cf_dns_server_free(run->dns);
    run->dns = NULL;
    cf_resolver_free(run->resolver);
    run->resolver = NULL;
    cf_run_capture_finish(run);
    emit_run_end(run);
    cf_audit_settle(run->audit);
    uncaptured = cf_run_capture_close(run, &capture_err) < 0;
    release(run);
    denied = was_denied(cf_audit_totals(run->audit));
    if (cf_audit_path(run->audit))
        log_path = strdup(cf_audit_path(run->audit));
    failed = cf_audit_close(run->audit, &err) < 0;
    run->audit = NULL;
    if (run->log_failed)
        cf_cli_say("the audit log could not be written, the run was ended: %s", run->log_error);
    else if (failed)
        cf_cli_say("%s", err.text);
    if (run->capture_failed)
        cf_cli_say("the capture could not be written, the run was ended: %s", run->capture_error);
    else if (uncaptured)
        cf_cli_say("%s", capture_err.text);
    print_summary(run, log_path);
    if (failed || run->log_failed || uncaptured || run->capture_failed)
        return CF_EXIT_FAILED;
    if (run->exit_code < 0)
        return 128 + run->exit_signal;
    if (run->exit_code == 0 && run->profile->audit.fail_on_denial && denied)
        return CF_EXIT_DENIED;
    return run->exit_code;
}
