/*
 * run.h - the state of one run, shared by its beginning, middle and end
 */
#ifndef CF_CLI_RUN_H
#define CF_CLI_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/utsname.h>

#include "audit/audit.h"
#include "base/egress.h"
#include "base/secret.h"
#include "capture/capture.h"
#include "cli/cli.h"
#include "cli/live.h"
#include "dns/names.h"
#include "dns/resolver.h"
#include "dns/server.h"
#include "engine/engine.h"
#include "loop/loop.h"
#include "netlink/gateway.h"
#include "netlink/interface.h"
#include "netlink/owner.h"
#include "proxy/streams.h"
#include "proxy/way.h"
#include "report/summary.h"
#include "sandbox/sandbox.h"

struct cf_run {
    const struct cf_options *options;
    struct cf_caller caller;
    struct cf_profile *profile;
    char *const *command;
    char id[CF_RUN_ID_SIZE];
    struct utsname uts;
    char *user; /* name of the caller; NULL: it has none */
    int64_t start_us;

    struct cf_secret password; /* of the proxy; empty when it wants none */
    struct cf_host_network network;
    struct cf_interface interface; /* without a name: the host's routes decide */
    struct cf_identity identity;
    struct cf_gateway *gateway;
    struct cf_audit *audit;
    struct cf_loop *loop;
    struct cf_owners *owners;
    struct cf_names *names;
    struct cf_resolver *resolver;
    struct cf_dns_server *dns;
    struct cf_proxy_way *proxy; /* NULL when the policy has none */
    struct cf_proxy_streams *streams; /* to DNS servers, through it; NULL like that */
    uint64_t n_streams_failed;
    struct cf_engine *engine;
    struct cf_sandbox *sandbox;
    struct cf_summary_table *summary;
    struct cf_signals signals;
    struct cf_live live;
    struct cf_capture *capture; /* NULL when the policy has none */
    struct cf_capture_filter capture_filter;
    struct cf_egress_listener outside_listener;
    int outside_fd; /* a packet socket of the host, or why there is none: -errno */
    struct cf_capture_filter outside_filter, outside_wanted;
    char *capture_comment, *capture_os, *capture_path; /* what its file says, and where it is */

    bool ipv6;
    bool started;        /* the command has been let go */
    bool ended;          /* nothing of the command is left */
    bool log_failed, capture_failed;
    bool told; /* to end, by a signal */
    char log_error[CF_ERROR_TEXT_SIZE];
    char capture_error[CF_ERROR_TEXT_SIZE];
    int exit_code;       /* of the command; -1 when a signal ended it */
    int exit_signal;
    struct cf_event_usage tree; /* what the sandbox has used */
};

/*
 * What a run needs whatever its policy says is begun while that is read: the
 * engine's user namespace, and both network namespaces. Called while there is one
 * thread. What was made stays in run for cf_run_close(), which alone may follow
 * when this fails or the policy is refused. Returns 0 or -errno with a message.
 */
int cf_run_begin(struct cf_run *run, struct cf_error *err);

/*
 * Set everything up to the command's first instruction. On failure the
 * command has not run unless run->started says so, and what was made stays
 * in run for cf_run_close().
 */
int cf_run_start(struct cf_run *run, struct cf_error *err);

/* The interface that all sockets are bound to; NULL when the host's routes decide. */
const char *cf_run_interface(const struct cf_run *run);

/*
 * Choose it as the policy says, and see that sockets can be bound to it; that
 * the DNS servers, where the host's are used, can be reached by it; and from
 * then on end the flows that lose it. They do nothing when the policy has none.
 * Each returns 0 or -errno with a message.
 */
int cf_run_interface_choose(struct cf_run *run, struct cf_error *err);
int cf_run_interface_check_servers(const struct cf_run *run, struct cf_error *err);
int cf_run_interface_watch(struct cf_run *run, struct cf_error *err);

/*
 * Find out where the policy's proxy is, and be ready to use it; nothing when it
 * has none. Returns 0 or -errno with a message.
 */
int cf_run_proxy_open(struct cf_run *run, struct cf_error *err);

/* A stream to a DNS server through it, as struct cf_resolver_config wants it; data: the run. */
int cf_run_proxy_stream(void *data, const struct cf_addr_port *server);

/*
 * A packet socket of the host can only be had before cf_run_begin(), and by who has
 * CAP_NET_RAW. Can this caller have one, and may the policy want it? Asked before the policy
 * has been read; and open it, once it has, if it wants it.
 */
bool cf_run_capture_may_need_host(const struct cf_options *options);
void cf_run_capture_open_host(struct cf_run *run);

/*
 * Make the file of the policy's capture; take packets from the gateway, which is whole; end
 * it, and say what it has. They do nothing when the policy has none. The first two
 * return 0 or -errno with a message.
 */
int cf_run_capture_open(struct cf_run *run, struct cf_error *err);
int cf_run_capture_start(struct cf_run *run, struct cf_error *err);
void cf_run_capture_finish(struct cf_run *run);
/* Bytes of secrets of TLS that it takes of the command; 0: it takes none. */
size_t cf_run_capture_keys(const struct cf_run *run);
/* Say, in the log, what the caller wanted and does not get. */
void cf_run_capture_warn(struct cf_run *run);
/* Close its file. Returns 0 or -errno with a message. */
int cf_run_capture_close(struct cf_run *run, struct cf_error *err);

/* What cannot be written down ends the tree. */
void cf_run_end_tree(struct cf_run *run);

/*
 * A log or a capture that is a FIFO takes nothing (cf_log_file_wait_by()): wait until it does, or,
 * when the run was told to end, for a second. Returns 0, -ECANCELED or another -errno.
 */
int cf_run_wait_for_reader(void *run, int fd);

/* Is this a signal that asks a run to end? */
bool cf_run_is_told(int signal);

/* Take back a log, and a capture, in which nothing was said. */
void cf_run_drop_log(struct cf_run *run);

/* The command has run: end everything in order. Returns the exit code. */
int cf_run_finish(struct cf_run *run);

/* Let go of all that the run holds; takes any half-made state. */
void cf_run_close(struct cf_run *run);

#endif
