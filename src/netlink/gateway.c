/*
 * gateway.c - the two network namespaces of a run, and a hand in the inner one
 *
 * How this works. Two threads each leave the host's namespace for a new one,
 * at the same time, since making one is most of the cost. The sandbox's thread
 * keeps a descriptor of its namespace and an rtnetlink socket in it, and ends.
 * The gateway's stays for good. Then the link is made by this thread, through
 * the two rtnetlink sockets, while the gateway's thread opens its sockets and
 * loads the rules. Nothing has to be undone by hand: a namespace is gone, with
 * all that is in it, when its last descriptor, thread and socket are.
 */
#include "netlink/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "netlink/link.h"
#include "netlink/nft.h"
#include "netlink/request.h"
#include "netlink/sockets.h"
#include "netlink/sysctl.h"
#include "netlink/thread.h"

/* One thread's part of cf_gateway_open(). */
struct job {
    const struct cf_gateway_config *config;
    const struct cf_sysctl_host *host;
    struct cf_gateway *gateway;
    int netns_fd, rtnl_fd, diag_fd; /* of the sandbox's */
    struct cf_error err;
};

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

static int sandbox_namespace_make(void *data)
{
    struct job *job = data;
    int r;

    r = namespace_enter(&job->err);
    if (r < 0)
        return r;
    job->netns_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (job->netns_fd < 0)
        return cf_error_errno(&job->err, -errno, "cannot open '/proc/thread-self/ns/net'");
    job->rtnl_fd = cf_netlink_open(NETLINK_ROUTE, &job->err);
    if (job->rtnl_fd < 0)
        return job->rtnl_fd;
    job->diag_fd = cf_netlink_open(NETLINK_SOCK_DIAG, &job->err);
    if (job->diag_fd < 0)
        return job->diag_fd;
    return cf_sysctl_sandbox_write(job->config, job->host, &job->err);
}

static int gateway_namespace_make(void *data)
{
    struct job *job = data;
    int r;

    r = namespace_enter(&job->err);
    if (r < 0)
        return r;
    job->gateway->rtnl_fd = cf_netlink_open(NETLINK_ROUTE, &job->err);
    if (job->gateway->rtnl_fd < 0)
        return job->gateway->rtnl_fd;
    return cf_sysctl_gateway_write(job->config, job->host, &job->err);
}

static int gateway_namespace_fill(void *data)
{
    struct job *job = data;
    int r;

    r = cf_sockets_open(job->gateway, job->config, &job->err);
    if (r == 0)
        r = cf_nft_load(&job->err);
    return r;
}

/* Both namespaces; the sandbox's descriptors are in job in any case. */
static int namespaces_make(struct cf_gateway_thread *thread, struct job *sandbox,
                           struct job *gateway, struct cf_error *err)
{
    struct cf_gateway_thread *helper = NULL;
    int r, s;

    r = cf_gateway_thread_start(&helper, err);
    if (r < 0)
        return r;
    cf_gateway_thread_begin(thread, gateway_namespace_make, gateway);
    cf_gateway_thread_begin(helper, sandbox_namespace_make, sandbox);
    r = cf_gateway_thread_finish(thread);
    s = cf_gateway_thread_finish(helper);
    cf_gateway_thread_stop(helper);
    if (r < 0 && err)
        *err = gateway->err;
    else if (s < 0 && err)
        *err = sandbox->err;
    return r < 0 ? r : s;
}

static int namespaces_join(const struct cf_gateway *gateway, struct job *job, int sandbox_rtnl_fd,
                           struct cf_error *err)
{
    const struct cf_link link = { .gateway_rtnl_fd = gateway->rtnl_fd,
                                  .sandbox_rtnl_fd = sandbox_rtnl_fd,
                                  .sandbox_netns_fd = gateway->sandbox_netns_fd };
    int r, s;

    cf_gateway_thread_begin(gateway->thread, gateway_namespace_fill, job);
    r = cf_link_make(&link, job->config, err);
    s = cf_gateway_thread_finish(gateway->thread);
    if (r == 0 && s < 0 && err)
        *err = job->err;
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
            .rtnl_fd = -1,
            .diag_fd = -1,
        };
    return gateway;
}

void cf_gateway_close(struct cf_gateway *gateway)
{
    if (!gateway)
        return;
    cf_gateway_thread_stop(gateway->thread);
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
    cf_fd_close(&gateway->rtnl_fd);
    cf_fd_close(&gateway->diag_fd);
    free(gateway);
}

static void gateway_cleanup(struct cf_gateway **gateway)
{
    cf_gateway_close(*gateway);
}

int cf_gateway_open(const struct cf_gateway_config *config, struct cf_gateway **ret,
                    struct cf_error *err)
{
    CF_CLEANUP(gateway_cleanup) struct cf_gateway *gateway = NULL;
    cf_auto_close int sandbox_rtnl_fd = -1;
    struct cf_sysctl_host host;
    struct job inner = { .config = config, .host = &host };
    struct job sandbox = {
        .config = config, .host = &host, .netns_fd = -1, .rtnl_fd = -1, .diag_fd = -1
    };
    int r;

    gateway = gateway_new();
    if (!gateway)
        return cf_error_set(err, -ENOMEM, "out of memory");
    inner.gateway = gateway;
    cf_sysctl_host_read(&host);
    r = cf_gateway_thread_start(&gateway->thread, err);
    if (r == 0)
        r = namespaces_make(gateway->thread, &sandbox, &inner, err);
    gateway->sandbox_netns_fd = sandbox.netns_fd;
    gateway->diag_fd = sandbox.diag_fd;
    sandbox_rtnl_fd = sandbox.rtnl_fd;
    if (r == 0)
        r = namespaces_join(gateway, &inner, sandbox_rtnl_fd, err);
    if (r < 0)
        return r;
    *ret = gateway;
    gateway = NULL;
    return 0;
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

int cf_gateway_counters(struct cf_gateway *gateway, uint64_t *ret_packets, uint64_t *ret_bytes)
{
    return cf_link_counters(gateway->rtnl_fd, ret_packets, ret_bytes);
}
