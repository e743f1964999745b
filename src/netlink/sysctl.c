/*
 * sysctl.c - settings of the two namespaces
 *
 * To open one is most of what it costs, 8 to 25 us: the kernel makes an inode
 * for each in each namespace, and is rid of it with the namespace. So what has
 * no effect is not looked at:
 *
 *   - What a new namespace has anyway: some settings begin with the same value in
 *     all of them, whatever the host has. The new namespace's are not read when
 *     that is the value wanted.
 *   - lo's, when `default` is right: lo was born with its values. Those of gw0 and
 *     eth0 come from `default` as well; what rtnetlink can set is set with the
 *     message that brings a device up (link.c).
 *   - ICMP's in the gateway: the rules (nft.c) drop what they do not give to a socket of
 *     ours, so no redirect and no advertisement gets to its kernel, and of what
 *     goes to 127.0.0.0/8 (route_localnet) only what a RST answers. Redirects are
 *     sent by who forwards.
 *   - accept_ra and accept_redirects in the sandbox: the gateway sends neither, and no
 *     one else is on the link. accept_dad: our addresses ask for no detection.
 *   - The gateway's queues for SYNs and for connections: a SYN goes back in when its
 *     connection will be taken next, and again when that came to nothing.
 *   - rp_filter in the sandbox: all routes lead to eth0.
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
    const char *born; /* what every new namespace has, or NULL */
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

/* Opened once for both; old is what it was. */
static int setting_change(const struct setting *setting, char old[VALUE_SIZE], struct cf_error *err)
{
    cf_auto_close int fd = -1;
    char path[128];
    int r = 0;

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

static int setting_write(const struct setting *setting, struct cf_error *err)
{
    char old[VALUE_SIZE];

    if (setting->value[0] == '\0' || (setting->born && strcmp(setting->born, setting->value) == 0))
        return 0;
    return setting_change(setting, old, err);
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

/*
 * IPv6 on the link and on lo. That of `all` only matters to who writes it, which
 * sets it everywhere; it differs from the default where the host hands its own values on
 * (net.core.devconf_inherit_init_net).
 */
static int ipv6_switch(const char *link, const char *loopback, struct cf_error *err)
{
    const struct setting all = { "ipv6/conf/all/disable_ipv6", "0", NEEDED, NULL };
    const struct setting made = { "ipv6/conf/default/disable_ipv6", link, NEEDED, NULL };
    const struct setting lo = { "ipv6/conf/lo/disable_ipv6", loopback, NEEDED, NULL };
    char born[VALUE_SIZE];
    int r = setting_change(&made, born, err);

    if (r == 0 && strcmp(born, "0") != 0) {
        r = setting_write(&all, err);
        if (r == 0)
            r = setting_write(&made, err);
    }
    if (r == 0 && (strcmp(born, "0") != 0 || strcmp(loopback, "0") != 0))
        r = setting_write(&lo, err);
    return r;
}

int cf_sysctl_sandbox_early_write(struct cf_error *err)
{
    const struct setting settings[] = {
        { "ipv4/tcp_congestion_control", CF_LINK_CONGESTION, HELPFUL, NULL },
    };

    return WRITE(settings, err);
}

int cf_sysctl_sandbox_write(const struct cf_gateway_config *config,
                            const struct cf_sysctl_host *host, struct cf_error *err)
{
    char gids[VALUE_SIZE];
    const struct setting ipv4[] = {
        { "ipv4/ip_unprivileged_port_start", host->unprivileged_port_start, NEEDED,
          CF_SYSCTL_BORN_PORT_START },
        { "ipv4/ip_local_port_range", host->local_port_range, HELPFUL, CF_SYSCTL_BORN_PORT_RANGE },
        { "ipv4/tcp_ecn", host->tcp_ecn, HELPFUL, CF_SYSCTL_BORN_ECN },
        { "ipv4/ping_group_range", gids, NEEDED, NULL },
    };
    const struct setting ipv6[] = {
        { "ipv6/conf/default/addr_gen_mode", "1", NEEDED, NULL },
    };
    int r;

    snprintf(gids, sizeof(gids), "%u %u", config->first_gid, config->last_gid);
    r = WRITE(ipv4, err);
    /* lo keeps ::1 where the host's has it. */
    if (r == 0 && host->loopback_disable_ipv6[0] != '\0')
        r = ipv6_switch(config->ipv6 ? "0" : "1", host->loopback_disable_ipv6, err);
    if (r == 0 && config->ipv6)
        r = WRITE(ipv6, err);
    return r;
}

int cf_sysctl_gateway_early_write(struct cf_error *err)
{
    const struct setting settings[] = {
        { "ipv4/ip_forward", "0", NEEDED, NULL },
        { "ipv4/conf/all/rp_filter", "0", NEEDED, NULL }, /* the largest of this and the device's */
        { "ipv4/tcp_no_metrics_save", "1", HELPFUL, NULL },
        { "ipv4/tcp_fastopen", "3", HELPFUL, NULL }, /* engine/tcp_accept.c says what for */
    };

    return WRITE(settings, err);
}

int cf_sysctl_gateway_write(const struct cf_gateway_config *config,
                            const struct cf_sysctl_host *host, struct cf_error *err)
{
    const struct setting ipv4[] = {
        { "ipv4/tcp_ecn", host->tcp_ecn, HELPFUL, CF_SYSCTL_BORN_ECN },
    };
    const struct setting ipv6[] = {
        { "ipv6/conf/all/forwarding", "0", NEEDED, NULL },
        { "ipv6/conf/default/addr_gen_mode", "1", NEEDED, NULL },
    };
    int r = WRITE(ipv4, err);

    if (r == 0 && config->ipv6)
        r = ipv6_switch("0", "0", err);
    if (r == 0 && config->ipv6)
        r = WRITE(ipv6, err);
    return r;
}
