/*
 * sysctl.c - settings of the two namespaces
 *
 * A setting that already has the value is left alone, so that a /proc/sys
 * mounted read-only (many containers) only matters where it must. What cannot
 * be set is an error when the design rests on it, and is passed over where
 * the kernel's own value is merely slower: older kernels hide some settings
 * from a user namespace.
 */
#include "netlink/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netlink/link.h"

#define ROOT "/proc/sys/net/"
#define VALUE_SIZE 32

enum need { NEEDED, HELPFUL };

struct setting {
    const char *name;  /* below /proc/sys/net/ */
    const char *value; /* "" leaves it */
    enum need need;
};

/* The value without its newline, tabs as spaces; "" when it cannot be read. */
static void value_of(int fd, char value[VALUE_SIZE])
{
    ssize_t n = fd < 0 ? -1 : read(fd, value, VALUE_SIZE - 1);
    char *c;

    value[n < 0 ? 0 : n] = '\0';
    value[strcspn(value, "\n")] = '\0';
    for (c = value; *c; c++)
        if (*c == '\t')
            *c = ' ';
}

static void value_read(const char *name, char value[VALUE_SIZE])
{
    cf_auto_close int fd = -1;
    char path[128];

    snprintf(path, sizeof(path), ROOT "%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    value_of(fd, value);
}

/* Opened once for both: to find a setting by its path is most of what it costs. */
static int setting_write(const struct setting *setting, struct cf_error *err)
{
    cf_auto_close int fd = -1;
    char path[128], old[VALUE_SIZE];
    int r = 0;

    if (setting->value[0] == '\0')
        return 0;
    snprintf(path, sizeof(path), ROOT "%s", setting->name);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        r = -errno;
        value_read(setting->name, old);
    } else {
        value_of(fd, old);
    }
    if (strcmp(old, setting->value) == 0)
        return 0;
    /* At the start again: what is written behind it is passed over (sysctl_writes_strict). */
    if (r == 0 && pwrite(fd, setting->value, strlen(setting->value), 0) < 0)
        r = -errno;
    if (r < 0 && setting->need == NEEDED)
        return cf_error_errno(err, r, "cannot write '%s' to '%s' in a namespace of our own%s",
                              setting->value, path,
                              r == -EROFS ? " (/proc/sys must be mounted writable)" : "");
    return 0;
}

static int settings_write(const struct setting *settings, size_t count, struct cf_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int r = setting_write(&settings[i], err);

        if (r < 0)
            return r;
    }
    return 0;
}

#define WRITE(settings, err) settings_write(settings, sizeof(settings) / sizeof(settings[0]), err)

void cf_sysctl_host_read(struct cf_sysctl_host *ret)
{
    value_read("ipv4/ip_unprivileged_port_start", ret->unprivileged_port_start);
    value_read("ipv4/ip_local_port_range", ret->local_port_range);
    value_read("ipv4/tcp_ecn", ret->tcp_ecn);
    value_read("ipv6/conf/lo/disable_ipv6", ret->loopback_disable_ipv6);
}

int cf_sysctl_sandbox_ipv4_write(const struct cf_sysctl_host *host, struct cf_error *err)
{
    const struct setting ipv4[] = {
        { "ipv4/ip_unprivileged_port_start", host->unprivileged_port_start, NEEDED },
        { "ipv4/ip_local_port_range", host->local_port_range, HELPFUL },
        { "ipv4/tcp_ecn", host->tcp_ecn, HELPFUL },
        { "ipv4/tcp_congestion_control", CF_LINK_CONGESTION, HELPFUL },
        { "ipv4/conf/all/rp_filter", "0", NEEDED },
        { "ipv4/conf/default/rp_filter", "0", NEEDED },
    };

    return WRITE(ipv4, err);
}

int cf_sysctl_sandbox_write(const struct cf_gateway_config *config,
                            const struct cf_sysctl_host *host, struct cf_error *err)
{
    char gids[VALUE_SIZE];
    const bool kernel_ipv6 = host->loopback_disable_ipv6[0] != '\0';
    const struct setting groups[] = { { "ipv4/ping_group_range", gids, NEEDED } };
    /* eth0 is born with the defaults; lo keeps ::1 where the host's has it. */
    const struct setting ipv6[] = {
        { "ipv6/conf/all/disable_ipv6", "0", NEEDED },
        { "ipv6/conf/default/disable_ipv6", config->ipv6 ? "0" : "1", NEEDED },
        { "ipv6/conf/lo/disable_ipv6", host->loopback_disable_ipv6, NEEDED },
        { "ipv6/conf/default/accept_ra", "0", NEEDED },
        { "ipv6/conf/default/accept_redirects", "0", NEEDED },
        { "ipv6/conf/default/accept_dad", "0", NEEDED },
        { "ipv6/conf/default/addr_gen_mode", "1", NEEDED },
    };
    int r;

    snprintf(gids, sizeof(gids), "%u %u", config->first_gid, config->last_gid);
    r = WRITE(groups, err);
    if (r == 0 && kernel_ipv6)
        r = WRITE(ipv6, err);
    return r;
}

int cf_sysctl_gateway_ipv4_write(const struct cf_sysctl_host *host, struct cf_error *err)
{
    /* rp_filter and its like: the new namespace has the host's values, and
     * the largest of `all` and the interface counts. */
    const struct setting ipv4[] = {
        { "ipv4/ip_forward", "0", NEEDED },
        { "ipv4/conf/all/rp_filter", "0", NEEDED },
        { "ipv4/conf/default/rp_filter", "0", NEEDED },
        { "ipv4/conf/lo/rp_filter", "0", NEEDED },
        { "ipv4/conf/all/send_redirects", "0", HELPFUL },
        { "ipv4/conf/default/send_redirects", "0", HELPFUL },
        { "ipv4/conf/all/accept_redirects", "0", HELPFUL },
        { "ipv4/conf/default/accept_redirects", "0", HELPFUL },
        { "ipv4/conf/all/route_localnet", "0", NEEDED },
        { "ipv4/conf/default/route_localnet", "0", NEEDED },
        { "ipv4/tcp_ecn", host->tcp_ecn, HELPFUL },
        { "ipv4/tcp_no_metrics_save", "1", HELPFUL },
        { "ipv4/tcp_fastopen", "3", HELPFUL }, /* engine/tcp_accept.c says what for */
        { "ipv4/tcp_max_syn_backlog", "65535", HELPFUL },
        { "core/somaxconn", "65535", HELPFUL },
    };

    return WRITE(ipv4, err);
}

int cf_sysctl_gateway_ipv6_write(struct cf_error *err)
{
    const struct setting ipv6[] = {
        { "ipv6/conf/all/disable_ipv6", "0", NEEDED },
        { "ipv6/conf/default/disable_ipv6", "0", NEEDED },
        { "ipv6/conf/lo/disable_ipv6", "0", NEEDED },
        { "ipv6/conf/all/forwarding", "0", NEEDED },
        { "ipv6/conf/default/accept_ra", "0", NEEDED },
        { "ipv6/conf/default/accept_redirects", "0", NEEDED },
        { "ipv6/conf/default/accept_dad", "0", NEEDED },
        { "ipv6/conf/default/addr_gen_mode", "1", NEEDED },
    };

    return WRITE(ipv6, err);
}
