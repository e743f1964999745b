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

/* What these have in every new namespace, whatever the host has (inet_init_net(), tcp_sk_init()).
 */
#define CF_SYSCTL_BORN_PORT_START "1024"
#define CF_SYSCTL_BORN_PORT_RANGE "32768 60999"
#define CF_SYSCTL_BORN_ECN "2"

/* Values of the host that programs inside can notice; "" where the host has none. */
struct cf_sysctl_host {
    char unprivileged_port_start[32];
    char local_port_range[32];
    char tcp_ecn[32];
    char loopback_disable_ipv6[32];
};

/* In a thread that is in the host's namespace. */
void cf_sysctl_host_read(struct cf_sysctl_host *ret);

/*
 * All return 0 or -errno with a message; run in a fresh namespace without links.
 * Each namespace has two parts, one of which can go before anything is known.
 */
int cf_sysctl_sandbox_early_write(struct cf_error *err);
int cf_sysctl_sandbox_write(const struct cf_gateway_config *config,
                            const struct cf_sysctl_host *host, struct cf_error *err);
int cf_sysctl_gateway_early_write(struct cf_error *err);
int cf_sysctl_gateway_write(const struct cf_gateway_config *config,
                            const struct cf_sysctl_host *host, struct cf_error *err);

#endif
