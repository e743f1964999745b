/*
 * gateway.c - the two network namespaces of a run, and a hand in the inner one
 *
 * How this works. Two threads each leave the host's namespace for a new one,
 * at the same time, since making one is most of the cost, and the caller goes
 * on with its own work meanwhile, which begins with reading the policy:
 *
 *   gateway's   namespace, first settings, rules, sockets, waits for the
 *               configuration, other settings, GATE ruled, sockets; stays
 *   sandbox's   namespace, GATE netns, first setting, waits for the
 *               configuration, other settings, waits for ruled, makes the link;
 *               then it idles until the end: a thread that ends gives its stack
 *               back, for which the kernel interrupts whoever runs on other CPUs
 *   caller      cf_gateway_configure() opens GATE configured,
 *               cf_gateway_netns_wait() waits for netns,
 *               cf_gateway_finish() for both threads
 *
 * The link waits for the rules, because the sandbox's kernel speaks by itself
 * some milliseconds after it is up (RFC 3810): without rules nothing would
 * account for that. A gateway that is closed before it is configured opens the
 * gate with an error, and both threads end.
 *
 * A gate is opened exactly once, with 0 or the error of the job that should
 * have passed it. Nothing has to be undone by hand: a namespace is gone, with
 * all that is in it, when its last descriptor, thread and socket are.
 */
#include "netlink/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "netlink/count.h"
#include "netlink/link.h"
#include "netlink/nft.h"
#include "netlink/request.h"
#include "netlink/sockets.h"
#include "netlink/sysctl.h"
#include "netlink/thread.h"

/* Datagrams that a socket is emptied of, at most: more than any has room for. */
#define LOST_MAX 65536

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool open;
    int result;
};

/* One thread's part. */
struct job {
    struct cf_gateway_making *making;
    struct gate gate;
    struct cf_error err;
};

/* What lives from cf_gateway_start() to cf_gateway_finish(). */
struct cf_gateway_making {
    struct cf_gateway_config config; /* this and host from when `configured` is open */
    struct cf_sysctl_host host;
    struct gate configured;
    struct cf_gateway *gateway;
    int sandbox_rtnl_fd, gateway_rtnl_fd;
    struct job outer, inner; /* of the gateway's thread and of the sandbox's */
};

static void gate_init(struct gate *gate)
{
    *gate = (struct gate) { 0 };
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->opened, NULL);
}

static void gate_done(struct gate *gate)
{
    pthread_cond_destroy(&gate->opened);
    pthread_mutex_destroy(&gate->lock);
}

static void gate_open(struct gate *gate, int result)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    gate->result = result;
    pthread_cond_broadcast(&gate->opened);
    pthread_mutex_unlock(&gate->lock);
}

static int gate_wait(struct gate *gate)
{
    int result;

    pthread_mutex_lock(&gate->lock);
    while (!gate->open)
        pthread_cond_wait(&gate->opened, &gate->lock);
    result = gate->result;
    pthread_mutex_unlock(&gate->lock);
    return result;
}

static int namespace_enter(struct cf_error *err)
{
    if (unshare(CLONE_NEWNET) == 0)
        return 0;
    if (errno == ENOSPC)
        return cf_error_set(err, -ENOSPC,
                            "too many network namespaces: the limit is in "
                            "/proc/sys/user/max_net_namespaces (as root: sysctl -w "
                            "user.max_net_namespaces=NUMBER)");
    if (errno == EINVAL)
        return cf_error_set(err, -EINVAL, "the kernel lacks network namespaces (CONFIG_NET_NS)");
    return cf_error_errno(err, -errno, "cannot make a network namespace");
}

static int sandbox_namespace_make(struct cf_gateway_making *making, struct cf_error *err)
{
    struct cf_gateway *gateway = making->gateway;
    int r;

    r = namespace_enter(err);
    if (r < 0)
        return r;
    gateway->sandbox_netns_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (gateway->sandbox_netns_fd < 0)
        return cf_error_errno(err, -errno, "cannot open '/proc/thread-self/ns/net'");
    making->sandbox_rtnl_fd = cf_netlink_open(NETLINK_ROUTE, err);
    if (making->sandbox_rtnl_fd < 0)
        return making->sandbox_rtnl_fd;
    gateway->diag_fd = cf_netlink_open(NETLINK_SOCK_DIAG, err);
    return gateway->diag_fd < 0 ? gateway->diag_fd : 0;
}

static int sandbox_namespace_set(struct cf_gateway_making *making, struct cf_error *err)
{
    int r = cf_sysctl_sandbox_early_write(err);

    if (r == 0)
        r = gate_wait(&making->configured);
    return r < 0 ? r : cf_sysctl_sandbox_write(&making->config, &making->host, err);
}

/* The job of the sandbox's thread. */
static int sandbox_make(void *data)
{
    struct job *job = data;
    struct cf_gateway_making *making = job->making;
    struct cf_link link = { 0 };
    int r;

    r = sandbox_namespace_make(making, &job->err);
    gate_open(&job->gate, r);
    if (r == 0)
        r = sandbox_namespace_set(making, &job->err);
    if (r < 0)
        return r;
    if (gate_wait(&making->outer.gate) < 0)
        return 0; /* the other thread says why */
    link.gateway_rtnl_fd = making->gateway_rtnl_fd;
    link.sandbox_rtnl_fd = making->sandbox_rtnl_fd;
    link.sandbox_netns_fd = making->gateway->sandbox_netns_fd;
    r = cf_link_make(&link, &making->config, &job->err);
    return r < 0 ? r : cf_link_start(&link, &making->config, &job->err);
}

static int gateway_namespace_make(struct cf_gateway_making *making, struct cf_error *err)
{
    int r;

    r = namespace_enter(err);
    if (r < 0)
        return r;
    making->gateway_rtnl_fd = cf_netlink_open(NETLINK_ROUTE, err);
    if (making->gateway_rtnl_fd < 0)
        return making->gateway_rtnl_fd;
    r = cf_sysctl_gateway_early_write(err);
    if (r == 0)
        r = cf_nft_load(&making->gateway->counter, err);
    if (r == 0)
        r = cf_sockets_open(making->gateway, err);
    if (r == 0)
        r = gate_wait(&making->configured);
    if (r == 0)
        r = cf_sysctl_gateway_write(&making->config, &making->host, err);
    return r;
}

/* The job of the gateway's thread. */
static int gateway_make(void *data)
{
    struct job *job = data;
    struct cf_gateway_making *making = job->making;
    int r;

    r = gateway_namespace_make(making, &job->err);
    gate_open(&job->gate, r);
    if (r < 0)
        return r;
    making->gateway->links_fd = cf_link_statistics_open(&job->err);
    if (making->gateway->links_fd < 0)
        return making->gateway->links_fd;
    return making->config.ipv6 ? cf_sockets_ipv6_open(making->gateway, &job->err) : 0;
}

/* Waits for the two jobs; the first error is the result. */
static int making_done(struct cf_gateway_making *making, struct cf_error *err)
{
    int r, s;

    if (!making->configured.open) /* only this thread ever opens it */
        gate_open(&making->configured, -ECANCELED);
    r = cf_gateway_thread_finish(making->gateway->thread);
    s = cf_gateway_thread_finish(making->gateway->helper);
    if (err && (r < 0 || s < 0))
        *err = r < 0 ? making->outer.err : making->inner.err;
    cf_fd_close(&making->sandbox_rtnl_fd);
    cf_fd_close(&making->gateway_rtnl_fd);
    gate_done(&making->outer.gate);
    gate_done(&making->inner.gate);
    gate_done(&making->configured);
    making->gateway->making = NULL;
    free(making);
    return r < 0 ? r : s;
}

static struct cf_gateway *gateway_new(void)
{
    struct cf_gateway *gateway = malloc(sizeof(*gateway));

    if (gateway)
        *gateway = (struct cf_gateway) {
            .sandbox_netns_fd = -1,
            .tcp_fd = -1,
            .udp4_fd = -1,
            .udp6_fd = -1,
            .dns4_fd = -1,
            .dns6_fd = -1,
            .raw4_fd = -1,
            .raw6_fd = -1,
            .inject4_fd = -1,
            .inject6_fd = -1,
            .flows_fd = -1,
            .strays_fd = -1,
            .links_fd = -1,
            .counter.fd = -1,
            .diag_fd = -1,
        };
    return gateway;
}

void cf_gateway_close(struct cf_gateway *gateway)
{
    if (!gateway)
        return;
    if (gateway->making)
        making_done(gateway->making, NULL);
    cf_gateway_thread_stop(gateway->thread);
    cf_gateway_thread_stop(gateway->helper);
    cf_fd_close(&gateway->sandbox_netns_fd);
    cf_fd_close(&gateway->tcp_fd);
    cf_fd_close(&gateway->udp4_fd);
    cf_fd_close(&gateway->udp6_fd);
    cf_fd_close(&gateway->dns4_fd);
    cf_fd_close(&gateway->dns6_fd);
    cf_fd_close(&gateway->raw4_fd);
    cf_fd_close(&gateway->raw6_fd);
    cf_fd_close(&gateway->inject4_fd);
    cf_fd_close(&gateway->inject6_fd);
    cf_fd_close(&gateway->flows_fd);
    cf_fd_close(&gateway->strays_fd);
    cf_fd_close(&gateway->links_fd);
    cf_fd_close(&gateway->counter.fd);
    cf_fd_close(&gateway->diag_fd);
    free(gateway);
}

static void gateway_cleanup(struct cf_gateway **gateway)
{
    cf_gateway_close(*gateway);
}

static struct cf_gateway_making *making_new(struct cf_gateway *gateway)
{
    struct cf_gateway_making *making = calloc(1, sizeof(*making));

    if (!making)
        return NULL;
    making->gateway = gateway;
    making->sandbox_rtnl_fd = making->gateway_rtnl_fd = -1;
    making->outer.making = making->inner.making = making;
    gate_init(&making->outer.gate);
    gate_init(&making->inner.gate);
    gate_init(&making->configured);
    return making;
}

int cf_gateway_start(struct cf_gateway **ret, struct cf_error *err)
{
    CF_CLEANUP(gateway_cleanup) struct cf_gateway *gateway = gateway_new();
    struct cf_gateway_making *making;
    int r;

    making = gateway ? making_new(gateway) : NULL;
    if (!making)
        return cf_error_set(err, -ENOMEM, "out of memory");
    gateway->making = making;
    r = cf_gateway_thread_start(&gateway->thread, err);
    if (r == 0)
        r = cf_gateway_thread_start(&making->gateway->helper, err);
    if (r < 0)
        return r;
    cf_gateway_thread_begin(gateway->thread, gateway_make, &making->outer);
    cf_gateway_thread_begin(making->gateway->helper, sandbox_make, &making->inner);
    cf_sysctl_host_read(&making->host);
    *ret = gateway;
    gateway = NULL;
    return 0;
}

void cf_gateway_configure(struct cf_gateway *gateway, const struct cf_gateway_config *config)
{
    gateway->making->config = *config;
    gate_open(&gateway->making->configured, 0);
}

int cf_gateway_netns_wait(struct cf_gateway *gateway, struct cf_error *err)
{
    int r = gateway->making ? gate_wait(&gateway->making->inner.gate) : 0;

    return r < 0 ? cf_gateway_finish(gateway, err) : 0;
}

int cf_gateway_finish(struct cf_gateway *gateway, struct cf_error *err)
{
    return gateway->making ? making_done(gateway->making, err) : 0;
}

struct socket_request {
    int domain, type, protocol;
};

static int socket_make(void *data)
{
    const struct socket_request *request = data;
    int fd =
        socket(request->domain, request->type | SOCK_CLOEXEC | SOCK_NONBLOCK, request->protocol);

    return fd < 0 ? -errno : fd;
}

int cf_gateway_socket(struct cf_gateway *gateway, int domain, int type, int protocol)
{
    struct socket_request request = { .domain = domain, .type = type, .protocol = protocol };

    cf_gateway_thread_begin(gateway->thread, socket_make, &request);
    return cf_gateway_thread_finish(gateway->thread);
}

struct count_request {
    const struct cf_nft_counter *counter;
    uint64_t packets;
    struct cf_error *err;
};

static int count(void *data)
{
    struct count_request *request = data;

    return cf_count_read(request->counter, &request->packets, request->err);
}

int cf_gateway_counters(struct cf_gateway *gateway, uint64_t *ret_packets, uint64_t *ret_bytes,
                        struct cf_error *err)
{
    struct count_request request = { .counter = &gateway->counter, .err = err };
    int r = cf_count_trains(&gateway->counter, &request.packets, err);

    /* As for a command that speaks to nobody: to hand it over and the statistics take 0.1 ms. */
    if (r == 0 && request.packets > 0) {
        cf_gateway_thread_begin(gateway->thread, count, &request);
        r = cf_gateway_thread_finish(gateway->thread);
    }
    if (r == 0)
        r = cf_link_bytes(gateway->links_fd, ret_bytes, err);
    if (r == 0)
        *ret_packets = request.packets;
    return r;
}

uint64_t cf_gateway_lost(int fd)
{
    uint32_t memory[SK_MEMINFO_VARS] = { 0 };
    socklen_t length = sizeof memory;
    uint64_t n = 0;
    char byte;

    if (fd < 0)
        return 0;
    while (n < LOST_MAX && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
        n++;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) == 0)
        n += memory[SK_MEMINFO_DROPS];
    return n;
}
