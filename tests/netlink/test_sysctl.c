/*
 * test_sysctl.c - the settings of both namespaces, read in them
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "lab.h"
#include "netlink/gateway.h"
#include "netlink/link.h"
#include "netlink/sysctl.h"

struct setting {
    const char *name; /* below /proc/sys/net */
    const char *value;
};

/* Those of the namespace that we are in; in a child, which says which one differs. */
static bool settings_are(const struct setting *settings, size_t count)
{
    char path[128], value[64];
    bool same = true;

    for (size_t i = 0; i < count; i++) {
        cf_auto_close int fd = -1;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/sys/net/%s", settings[i].name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, value, sizeof(value) - 1);
        value[n < 0 ? 0 : n] = '\0';
        value[strcspn(value, "\n")] = '\0';
        for (char *tab = value; (tab = strchr(tab, '\t'));)
            *tab = ' ';
        if (strcmp(value, settings[i].value) != 0) {
            print_error("%s is '%s', not '%s'\n", path, value, settings[i].value);
            same = false;
        }
    }
    return same;
}

#define SETTINGS_ARE(settings) settings_are(settings, sizeof(settings) / sizeof(settings[0]))

static const struct setting host_settings[] = {
    { "ipv4/ip_unprivileged_port_start", "80" },
    { "ipv4/ip_local_port_range", "20000 29999" },
    { "ipv4/tcp_ecn", "1" },
};

/* A host with other settings than most, which we are in from then on. */
static bool host_make(void)
{
    char path[128];

    if (unshare(CLONE_NEWNET) < 0)
        return false;
    for (size_t i = 0; i < sizeof(host_settings) / sizeof(host_settings[0]); i++) {
        snprintf(path, sizeof(path), "/proc/sys/net/%s", host_settings[i].name);
        if (cf_fd_write_file(path, host_settings[i].value) < 0)
            return false;
    }
    return true;
}

static int settings_child(void)
{
    static const struct setting gateway_settings[] = {
        { "ipv4/tcp_ecn", "1" },
        { "ipv4/ip_forward", "0" },
        { "ipv4/conf/all/rp_filter", "0" },
        { "ipv4/conf/lo/rp_filter", "0" },
        { "ipv4/conf/gw0/rp_filter", "0" },
        { "ipv4/conf/lo/forwarding", "0" },
        { "ipv4/conf/gw0/forwarding", "0" },
        { "ipv4/tcp_no_metrics_save", "1" },
        { "ipv4/tcp_fastopen", "3" },
        { "ipv6/conf/all/forwarding", "0" },
        { "ipv6/conf/lo/disable_ipv6", "0" },
        { "ipv6/conf/gw0/disable_ipv6", "0" },
        { "ipv6/conf/gw0/addr_gen_mode", "1" },
    };
    static const struct setting sandbox_settings[] = {
        { "ipv4/tcp_congestion_control", CF_LINK_CONGESTION },
        { "ipv6/conf/lo/disable_ipv6", "1" },
        { "ipv6/conf/eth0/disable_ipv6", "0" },
        { "ipv6/conf/eth0/addr_gen_mode", "1" },
    };
    const struct cf_gateway_config config = {
        .ipv4 = true, .ipv6 = true, .mtu = 1500, .first_gid = getgid(), .last_gid = getgid()
    };
    cf_auto_close int gateway_netns_fd = -1;
    struct cf_gateway *gateway = NULL;
    struct cf_error err = { 0 };

    if (!host_make() || cf_fd_write_file("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1") < 0)
        return 3;
    if (lab_gateway_open(&config, &gateway, &err) < 0) {
        print_error("%s\n", err.text);
        return 3;
    }
    gateway_netns_fd = ioctl(gateway->tcp_fd, SIOCGSKNS);
    if (setns(gateway->sandbox_netns_fd, CLONE_NEWNET) < 0 || !SETTINGS_ARE(host_settings) ||
        !SETTINGS_ARE(sandbox_settings))
        return 4;
    if (setns(gateway_netns_fd, CLONE_NEWNET) < 0 || !SETTINGS_ARE(gateway_settings))
        return 5;
    return 0;
}

/* What sysctl.c takes for granted. */
static int born_child(void)
{
    static const struct setting born[] = {
        { "ipv4/ip_unprivileged_port_start", CF_SYSCTL_BORN_PORT_START },
        { "ipv4/ip_local_port_range", CF_SYSCTL_BORN_PORT_RANGE },
        { "ipv4/tcp_ecn", CF_SYSCTL_BORN_ECN },
    };

    if (!host_make())
        return 3;
    return unshare(CLONE_NEWNET) == 0 && SETTINGS_ARE(born) ? 0 : 4;
}

static void check_child(int (*child)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(child());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void settings_are_ours_or_the_hosts(void **state)
{
    (void)state;
    check_child(settings_child);
}

static void new_namespaces_have_the_values_that_are_not_read(void **state)
{
    (void)state;
    check_child(born_child);
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(settings_are_ours_or_the_hosts),
        cmocka_unit_test(new_namespaces_have_the_values_that_are_not_read),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
    return lab_run(tests);
}
