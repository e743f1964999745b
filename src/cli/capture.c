/*
 * capture.c - the packets of a run
 */
#include "config.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/egress.h"
#include "base/fd.h"
#include "capture/tls_keys.h"
#include "cli/run.h"

/* A policy without an end is no policy without a capture: it may have a filter for `-c`. */
static bool is_wanted(const struct cf_run *run)
{
    return run->profile->capture.file && run->profile->capture.file[0];
}

static bool may_open_packet_sockets(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

    return syscall(SYS_capget, &header, data) == 0 &&
           (data[CAP_TO_INDEX(CAP_NET_RAW)].effective & CAP_TO_MASK(CAP_NET_RAW));
}

#define POLICY_MAX ((size_t)4 << 20)

/*
 * Words without which no policy has a point, here or in a parent: "point" itself, an escape
 * that may be part of it, or a parent. What cannot be read twice may have them.
 */
static bool may_have_point(const char *path)
{
    cf_auto_free char *text = NULL;
    struct stat st;
    size_t length;

    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
        cf_fd_read_file(path, POLICY_MAX, &text, &length) < 0)
        return true;
    return memmem(text, length, "point", 5) || memmem(text, length, "extends", 7) ||
           memchr(text, '\\', length);
}

bool cf_run_capture_may_need_host(const struct cf_options *options)
{
    return may_open_packet_sockets() &&
           (options->point || (options->policy && may_have_point(options->policy)));
}

void cf_run_capture_open_host(struct cf_run *run)
{
    if (!is_wanted(run) || !cf_capture_is_outside(run->profile->capture.point))
        return;
    run->outside_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (run->outside_fd < 0)
        run->outside_fd = -errno;
}

static void on_connected(void *data, int fd, const struct sockaddr *to)
{
    cf_capture_connected(data, fd, to);
}

static void on_closing(void *data, int fd)
{
    cf_capture_closing(data, fd);
}

/* Sockets towards the outside are told of from here on. */
static void listen_outside(struct cf_run *run)
{
    run->outside_listener = (struct cf_egress_listener) { .connected = on_connected,
                                                          .closing = on_closing,
                                                          .data = run->capture };
    cf_egress_listen(&run->outside_listener);
}

static int refuse_outside(const struct cf_run *run, struct cf_error *err)
{
    return cf_error_errno(err, run->outside_fd,
                          "capture.point: what leaves the host is seen by a packet socket of the "
                          "host's network alone, which takes CAP_NET_RAW there (root has it); "
                          "'egress-logical' is put together from what the command sent, for "
                          "everyone");
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
        .point = profile->capture.point,
        .tls_keys = profile->capture.tls_keys,
        .application = "childflow " PACKAGE_VERSION,
        .hardware = run->uts.machine,
    };
    uint32_t read = cf_capture_read_length(config.snaplen);
    size_t offset;
    int r;

    if (!is_wanted(run))
        return 0;
    if (cf_capture_is_outside(config.point) && run->outside_fd < 0)
        return refuse_outside(run, err);
    r = cf_capture_filter_compile(config.filter, CF_CAPTURE_ETHERNET, read, &run->capture_filter,
                                  &offset, err);
    if (r == 0 && cf_capture_is_outside(config.point))
        r = cf_capture_filter_compile_outside(config.filter, read, &run->outside_wanted,
                                              &run->outside_filter, &offset, err);
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
    r = cf_capture_new(&config, &run->capture, err);
    if (r == 0 && cf_capture_is_outside(config.point))
        listen_outside(run);
    return r;
}

int cf_run_capture_start(struct cf_run *run, struct cf_error *err)
{
    struct cf_capture_start start = {
        .loop = run->loop,
        .interface = CF_GATEWAY_INTERFACE,
        .filter = &run->capture_filter,
        .fd = -1,
        .outside_fd = run->outside_fd,
        .outside_filter = &run->outside_filter,
        .outside_wanted = &run->outside_wanted,
        .keys_fd = cf_sandbox_key_log_fd(run->sandbox),
        .failed = on_failed,
        .data = run,
    };

    if (!run->capture)
        return 0;
    if (run->profile->capture.point != CF_CAPTURE_EGRESS) {
        start.fd = cf_gateway_socket(run->gateway, AF_PACKET, SOCK_RAW, 0);
        if (start.fd < 0)
            return cf_error_errno(err, start.fd, "cannot open a packet socket for the capture");
    }
    run->outside_fd = -1; /* the capture's now */
    return cf_capture_start(run->capture, &start, err);
}

size_t cf_run_capture_keys(const struct cf_run *run)
{
    return run->capture && run->profile->capture.tls_keys ? CF_TLS_KEYS_MAX : 0;
}

void cf_run_capture_warn(struct cf_run *run)
{
    const char *given = getenv("SSLKEYLOGFILE");

    if (cf_run_capture_keys(run) > 0 && given && given[0])
        cf_audit_warn(run->audit, "tls_keys",
                      "capture.tls_keys: the secrets of TLS go into the capture, and not to '%s', "
                      "which SSLKEYLOGFILE names",
                      given);
}

void cf_run_capture_finish(struct cf_run *run)
{
    struct cf_event event = { .type = CF_EVENT_CAPTURE };
    struct cf_error err = { 0 };
    int r;

    if (!run->capture)
        return;
    r = cf_capture_finish(run->capture, &event.capture, &err);
    cf_audit_emit(run->audit, &event);
    if (r < 0 && !run->capture_failed)
        cf_audit_warn(run->audit, r == -ESTALE ? "capture_changed" : "capture_failed", "%s",
                      err.text);
    if (cf_capture_lacks_keys(run->capture))
        cf_audit_warn(run->audit, "tls_keys",
                      "the command wrote more than %zu MiB of secrets of TLS: the capture lacks "
                      "those behind",
                      CF_TLS_KEYS_MAX >> 20);
}

int cf_run_capture_close(struct cf_run *run, struct cf_error *err)
{
    int r;

    cf_egress_listen(NULL);
    r = cf_capture_close(run->capture, err);

    run->capture = NULL;
    return r;
}
