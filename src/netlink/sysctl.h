/*
 * sysctl.h - settings of the two namespaces
 *
 * /proc/sys/net shows each task the settings of its own network namespace, so
 * these run in the thread that is in the namespace to be set.
 */
#ifndef CF_NETLINK_SYSCTL_H
#define CF_NETLINK_SYSCTL_H

#include <stdbool.h>

#include "base/error.h"
#include "netlink/gateway.h"

/* Values of the host that programs inside can notice; "" where the host has none. */
struct cf_sysctl_host {
    char unprivileged_port_start[32];
    char local_port_range[32];
    char tcp_ecn[32];
    char loopback_disable_ipv6[32];
};

/* Read in the host's namespace, before anything is unshared. */
void cf_sysctl_host_read(struct cf_sysctl_host *ret);

/*
 * All return 0 or -errno with a message; run in a fresh namespace without links.
 * Each namespace has two parts, one of which can go before the configuration is known.
 */
int cf_sysctl_sandbox_ipv4_write(const struct cf_sysctl_host *host, struct cf_error *err);
int cf_sysctl_sandbox_write(const struct cf_gateway_config *config,
                            const struct cf_sysctl_host *host, struct cf_error *err);
int cf_sysctl_gateway_ipv4_write(const struct cf_sysctl_host *host, struct cf_error *err);
int cf_sysctl_gateway_ipv6_write(struct cf_error *err);

#endif
