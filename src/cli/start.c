/*
 * start.c - a run from the profile to the command's first instruction
 */
#include "config.h"

#include "cli/run.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_file.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "cli/lookup.h"
#include "cli/narrate.h"
#include "cli/terminal.h"
#include "proxy/tls.h"

#define DRAIN_US (5 * CF_US_PER_S)

static void on_event(void *data, const struct cf_event *event)
{
    struct cf_run *run = data;

    if (run->capture)
        cf_capture_event(run->capture, event);
    cf_summary_event(run->summary, event);
    if (run->options->verbose > 0)
        cf_narrate_event(event, run->options->verbose);
    cf_live_event(run, event);
}

/* The log is the evidence: without it the tree does not go on. */
static void on_log_failed(void *data, const struct cf_error *err)
{
    struct cf_run *run = data;

    run->log_failed = true;
    snprintf(run->log_error, sizeof run->log_error, "%s", err->text);
    cf_run_end_tree(run);
}

void cf_run_end_tree(struct cf_run *run)
{
    if (run->sandbox && !run->ended)
        cf_sandbox_kill(run->sandbox);
    else if (run->loop)
        cf_loop_stop(run->loop, 0);
}

/*
 * At the end of each turn, before the next wait. This process may be killed at any
 * time, so what the command did must be in the file by the time that it has an effect.
 */
static void on_wait(void *data)
{
    cf_audit_flush(data);
}

static bool is_of_job_control(uint32_t signal)
{
    return signal == SIGCONT || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU ||
           signal == SIGWINCH;
}

static void on_signal(struct cf_signals *signals, const struct signalfd_siginfo *info)
{
    struct cf_run *run = cf_container_of(signals, struct cf_run, signals);

    if (info->ssi_signo == SIGUSR1) {
        cf_live_print_table(run);
        return;
    }
    if (cf_run_is_told((int)info->ssi_signo))
        run->told = true;
    if (run->ended && !is_of_job_control(info->ssi_signo)) {
        cf_loop_stop(run->loop, 0); /* the wait for the last bytes is cut short */
        return;
    }
    cf_sandbox_forward(run->sandbox, info);
}

static void on_drained(void *data)
{
    struct cf_run *run = data;

    cf_loop_stop(run->loop, 0);
}

static void warn_leftovers(struct cf_run *run, const struct cf_sandbox_end *end)
{
    struct cf_buffer names;

    if (end->n_left == 0)
        return;
    cf_buffer_init(&names, 0);
    for (size_t i = 0; i < end->n_leftovers; i++)
        cf_buffer_printf(&names, "%s%s (%d)", i ? ", " : "", end->leftovers[i].name,
                         (int)end->leftovers[i].pid);
    cf_audit_warn(run->audit, "left_behind", "the command left %zu process%s behind, ended: %s%s",
                  end->n_left, end->n_left == 1 ? "" : "es", names.data ? names.data : "",
                  end->n_left > end->n_leftovers ? ", ..." : "");
    cf_buffer_done(&names);
}

static void on_sandbox_ended(void *data, const struct cf_sandbox_end *end)
{
    struct cf_run *run = data;

    run->ended = true;
    run->exit_code = end->exit_code;
    run->exit_signal = end->exit_signal;
    run->tree = (struct cf_event_usage) {
        .cpu_us = end->cpu_us,
        .peak_memory_bytes = end->peak_memory_bytes,
    };
    if (end->exec_errno)
        cf_cli_say("cannot run '%s': %s", run->command[0], strerror(end->exec_errno));
    if (end->killed) {
        run->exit_code = -1;
        run->exit_signal = SIGKILL;
        if (!run->capture_failed) /* then it was us */
            cf_audit_warn(run->audit, "init_killed",
                          "the sandbox's PID 1 was killed from outside, and the tree with it");
    }
    warn_leftovers(run, end);
    if (!run->log_failed)
        cf_dns_server_drain(run->dns);
    if (run->log_failed || run->capture_failed ||
        cf_engine_drain(run->engine, DRAIN_US, on_drained, run) < 0)
        cf_loop_stop(run->loop, 0);
}

static int open_log(struct cf_run *run, struct cf_error *err)
{
    cf_auto_free char *path = NULL;
    int r;

    if (run->profile->audit.log) {
        r = cf_audit_path_expand(run->profile->audit.log, run->profile->name, run->id,
                                 run->uts.nodename, &path, err);
        if (r < 0)
            return r;
    }
    r = cf_summary_new(&run->summary);
    if (r < 0)
        return cf_error_errno(err, r, "cannot make the summary");
    r = cf_audit_open(path, run->id, on_log_failed, run, &run->audit, err);
    if (r < 0)
        return r;
    cf_audit_tap(run->audit, on_event, run);
    return 0;
}

/*
 * Who may ping inside: root's whole range, as far as it exists. In a container, or a user
 * namespace that an ordinary user made, few ids do, and a range with others in it is refused.
 */
static void ping_gids(const struct cf_identity *identity, unsigned *ret_first, unsigned *ret_last)
{
    unsigned first, outside, count;
    char line[64];
    FILE *map;

    *ret_first = *ret_last = identity->gid;
    map = identity->root ? fopen("/proc/self/gid_map", "re") : NULL;
    if (!map)
        return;
    while (fgets(line, sizeof line, map)) {
        if (sscanf(line, "%u %u %u", &first, &outside, &count) == 3 && first <= identity->gid &&
            identity->gid - first < count) {
            *ret_first = first;
            *ret_last = count > INT32_MAX - first ? INT32_MAX : first + count - 1;
        }
    }
    fclose(map);
}

int cf_run_begin(struct cf_run *run, struct cf_error *err)
{
    int r = cf_sandbox_identity(&run->identity, err);

    if (r == 0)
        r = cf_sandbox_begin(&run->identity, &run->caller, &run->sandbox, err);
    return r < 0 ? r : cf_gateway_start(&run->gateway, err);
}

/* What the host has, and what the policy wants of it. */
static int configure_network(struct cf_run *run, struct cf_error *err)
{
    struct cf_gateway_config config = { .ipv4 = true };
    int r;

    r = cf_run_interface_choose(run, err);
    if (r == 0)
        r = cf_host_network_read(run->interface.index, &run->network, err);
    if (r < 0)
        return r;
    if (run->profile->egress.ipv6 == CF_IPV6_ON && !run->network.has_ipv6)
        return cf_error_set(err, -ENETUNREACH,
                            "egress.ipv6 is on, but the host has no IPv6 route%s%s; "
                            "add one, or set egress.ipv6 to auto",
                            cf_run_interface(run) ? " by " : "", run->interface.name);
    run->ipv6 = run->network.has_ipv6 && run->profile->egress.ipv6 != CF_IPV6_OFF;
    config.ipv6 = run->ipv6;
    config.mtu = run->network.mtu;
    ping_gids(&run->identity, &config.first_gid, &config.last_gid);
    cf_gateway_configure(run->gateway, &config);
    return 0;
}

/*
 * The password of the proxy. PID 1 of the sandbox is there already, and forgets
 * its copy of the environment's before it makes the command. From here on a crash
 * leaves no core (core(5): a limit of 1 also stops a program that takes cores):
 * the secret has pages of its own, but what is sent passes through others. The
 * command gets the caller's limit back.
 */
static int take_password(struct cf_run *run, struct cf_error *err)
{
    const struct cf_proxy *proxy = &run->profile->proxy;
    struct rlimit limit;
    int r;

    if (!proxy->username)
        return 0;
    if (getrlimit(RLIMIT_CORE, &limit) < 0)
        return cf_error_errno(err, -errno, "cannot read the limit of cores");
    limit.rlim_cur = limit.rlim_max < 1 ? limit.rlim_max : 1;
    if (setrlimit(RLIMIT_CORE, &limit) < 0)
        return cf_error_errno(err, -errno, "cannot set the limit of cores");
    r = cf_secret_read(proxy->password_env, proxy->password_file, CF_PROXY_CREDENTIAL_MAX,
                       &run->password, err);
    return r < 0 ? cf_error_wrap(err, "%s",
                                 proxy->password_env ? "proxy.password_env" : "proxy.password_file")
                 : 0;
}

/* A named one: what comes out of it would be what the command writes, too. */
static bool log_is_fifo(const struct cf_run *run)
{
    cf_auto_free char *path = NULL;
    struct stat st;

    if (cf_audit_path(run->audit))
        path = realpath(cf_audit_path(run->audit), NULL); /* of /dev/fd/N there is none */
    return path && stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Beside the network, and inside it as soon as there is something to be inside of. */
static int start_sandbox(struct cf_run *run, struct cf_error *err)
{
    const struct cf_proxy *proxy = &run->profile->proxy;
    /* What the command could read the password from, go around the policy by, or lie by. */
    const char *hidden[4] = { NULL };
    size_t n_hidden = 0;
    struct cf_sandbox_config config = {
        .command = run->command,
        .guard = cf_audit_path(run->audit),
        .guard_more = run->capture ? cf_capture_guard(run->capture) : NULL,
        .hidden = hidden,
        .forget = proxy->password_env,
        .key_log_bytes = cf_run_capture_keys(run),
        .one_table = cf_profile_has_exe(run->profile),
    };
    struct cf_lookup_files files;
    int r;

    if (proxy->url.path)
        hidden[n_hidden++] = proxy->url.path;
    if (proxy->password_file)
        hidden[n_hidden++] = proxy->password_file;
    if (log_is_fifo(run))
        hidden[n_hidden++] = cf_audit_path(run->audit);
    r = cf_loop_new(&run->loop, err);
    if (r < 0)
        return r;
    cf_loop_before_wait(run->loop, on_wait, run->audit);
    r = cf_lookup_files_make(run->profile, run->uts.nodename, run->ipv6, &files);
    if (r < 0)
        return cf_error_errno(err, r, "cannot make the files under /etc");
    config.resolv_conf = files.resolv_conf;
    config.hosts = files.hosts;
    config.nsswitch_conf = files.nsswitch_conf;
    r = cf_sandbox_start(run->sandbox, &config, run->loop, on_sandbox_ended, run, err);
    cf_lookup_files_done(&files);
    if (r == 0)
        r = cf_gateway_netns_wait(run->gateway, err);
    if (r == 0)
        r = cf_sandbox_join(run->sandbox, run->gateway->sandbox_netns_fd, err);
    return r;
}

/* The owner of a socket as an event says it. */
static struct cf_event_process process_of(const struct cf_owner *owner, const char *unknown)
{
    if (!owner)
        return (struct cf_event_process) { .unknown = unknown };
    return (struct cf_event_process) {
        .pid = owner->pid,
        .exe = owner->exe,
        .argv = owner->argv,
        .parent_pid = owner->parent_pid,
        .parent_exe = owner->parent_exe,
    };
}

static void find_process(void *data, enum cf_proto proto, const struct cf_addr_port *src,
                         const struct cf_addr_port *dst, struct cf_event_process *ret_process)
{
    struct cf_run *run = data;
    const struct cf_owner *owner;
    const char *unknown;

    cf_owner_find(run->owners, proto, src, dst, &owner, &unknown);
    *ret_process = process_of(owner, unknown);
}

static void find_other(void *data, enum cf_proto proto, const struct cf_addr_port *src,
                       const struct cf_addr_port *dst, cf_process_passes *passes,
                       void *passes_data, struct cf_event_process *ret_process)
{
    struct cf_run *run = data;
    const struct cf_owner *owner;
    const char *unknown;

    cf_owner_find_other(run->owners, proto, src, dst, passes, passes_data, &owner, &unknown);
    *ret_process = process_of(owner, unknown);
}

static enum cf_proto proto_of(const struct cf_dns_client *client)
{
    return client->tcp ? CF_PROTO_TCP : CF_PROTO_UDP;
}

static void find_client(void *data, const struct cf_dns_client *client,
                        struct cf_event_process *ret_process)
{
    find_process(data, proto_of(client), &client->src, &client->asked, ret_process);
}

static void find_other_client(void *data, const struct cf_dns_client *client,
                              cf_process_passes *passes, void *passes_data,
                              struct cf_event_process *ret_process)
{
    find_other(data, proto_of(client), &client->src, &client->asked, passes, passes_data,
               ret_process);
}

/* The name may come from a daemon, or from afar: best asked for while there is time. */
static int find_user(struct cf_run *run, struct cf_error *err)
{
    const struct passwd *user = getpwuid(run->identity.uid);

    run->user = user ? strdup(user->pw_name) : NULL;
    return user && !run->user ? cf_error_errno(err, -ENOMEM, "cannot note who runs it") : 0;
}

/* All that needs neither the network nor the sandbox, while these come to be. */
static int open_resolver(struct cf_run *run, struct cf_error *err)
{
    struct cf_resolver_config config = {
        .profile = run->profile,
        .process_find = find_client,
        .process_find_other = find_other_client,
        .process_data = run,
        .stream_open = cf_run_proxy_stream,
        .stream_data = run,
    };
    int r;

    r = cf_names_new(run->profile, &run->names);
    if (r < 0)
        return cf_error_errno(err, r, "cannot make the table of names");
    cf_addr_parse(CF_GATEWAY_IPV4, &config.loopback4);
    if (run->ipv6)
        cf_addr_parse(CF_GATEWAY_IPV6, &config.loopback6);
    config.loop = run->loop;
    config.audit = run->audit;
    config.names = run->names;
    config.interface = cf_run_interface(run);
    r = cf_resolver_new(&config, &run->resolver, err);
    return r < 0 ? r : cf_run_interface_check_servers(run, err);
}

static int open_engine(struct cf_run *run, struct cf_error *err)
{
    struct cf_engine_config engine = {
        .profile = run->profile,
        .process_find = find_process,
        .process_find_other = find_other,
        .process_data = run,
        .loop = run->loop,
        .audit = run->audit,
        .names = run->names,
        .interface = cf_run_interface(run),
        .threads = run->options->engine_threads,
    };
    int r;

    r = cf_gateway_finish(run->gateway, err);
    if (r == 0)
        r = cf_sandbox_ready(run->sandbox, err);
    if (r < 0)
        return r;
    r = cf_owners_new(run->gateway->diag_fd, cf_sandbox_proc_fd(run->sandbox),
                      cf_profile_has_exe(run->profile), &run->owners);
    if (r < 0)
        return cf_error_errno(err, r, "cannot make the table of processes");
    r = cf_dns_server_new(run->loop, run->resolver, run->gateway->dns4_fd, run->gateway->dns6_fd,
                          &run->dns, err);
    if (r < 0)
        return r;
    engine.dns = run->dns;
    engine.gateway = run->gateway;
    engine.proxy = run->proxy;
    r = cf_engine_new(&engine, &run->engine, err);
    if (r == 0)
        r = cf_run_capture_start(run, err);
    return r < 0 ? r : cf_run_interface_watch(run, err);
}

static int emit_run_start(struct cf_run *run)
{
    const char *libraries[] = { cf_resolver_library(), cf_tls_library() };
    cf_auto_free char *cwd = getcwd(NULL, 0);
    struct cf_event event = { .type = CF_EVENT_RUN_START };
    struct cf_event_run_start *start = &event.run_start;

    start->profile = run->profile;
    start->mode = run->profile->mode;
    start->command = run->command;
    start->cwd = cwd;
    start->uid = run->identity.uid;
    start->user = run->user;
    start->host = run->uts.nodename;
    start->kernel = run->uts.release;
    start->backend = run->identity.root ? "rootful" : "rootless";
    start->version = PACKAGE_VERSION;
    start->libraries = libraries;
    start->n_libraries = libraries[1] ? 2 : 1;
    start->interface = cf_run_interface(run);
    start->dns_servers = cf_resolver_servers(run->resolver, &start->n_dns_servers);
    start->masked = cf_sandbox_masked(run->sandbox, &start->n_masked);
    start->not_in_force = cf_policy_not_in_force(&start->n_not_in_force);
    return cf_audit_emit(run->audit, &event);
}

/* A number that nobody asked for is no reason to refuse a run, but one to speak of. */
static void emit_threads_warning(struct cf_run *run)
{
    if (run->options->engine_threads == 0 &&
        cf_engine_threads(run->engine) < cf_engine_threads_default())
        cf_audit_warn(run->audit, "engine_threads",
                      "the limit of processes (ulimit -u) allows no second engine thread: one "
                      "carries all connections");
}

static void emit_sandbox_warnings(struct cf_run *run)
{
    size_t n;
    const char *const *warnings = cf_sandbox_warnings(run->sandbox, &n);

    for (size_t i = 0; i < n; i++)
        cf_audit_warn(run->audit, "sandbox", "%s", warnings[i]);
}

int cf_run_start(struct cf_run *run, struct cf_error *err)
{
    sigset_t set;
    int r;

    r = configure_network(run, err);
    if (r == 0)
        r = take_password(run, err);
    if (r == 0)
        r = open_log(run, err);
    if (r == 0)
        r = cf_run_capture_open(run, err);
    if (r == 0)
        r = start_sandbox(run, err);
    if (r == 0)
        r = find_user(run, err);
    if (r == 0)
        r = open_resolver(run, err);
    if (r == 0)
        r = cf_run_proxy_open(run, err);
    if (r == 0)
        r = open_engine(run, err);
    if (r < 0)
        return r;
    sigemptyset(&set);
    cf_sandbox_signals(&set);
    sigaddset(&set, SIGUSR1); /* is ours */
    cf_terminal_share(cf_sandbox_group(run->sandbox));
    cf_log_file_wait_by(cf_run_wait_for_reader, run);
    run->signals.fn = on_signal;
    r = cf_loop_signals_start(run->loop, &run->signals, &set);
    if (r < 0)
        return cf_error_errno(err, r, "cannot watch signals");
    r = emit_run_start(run);
    if (r == 0) {
        emit_sandbox_warnings(run);
        emit_threads_warning(run);
        cf_run_capture_warn(run);
        r = cf_audit_flush(run->audit);
    }
    if (r < 0)
        return cf_error_set(err, r, "%s", run->log_error);
    run->started = true;
    return cf_sandbox_exec(run->sandbox, err);
}
