/*
 * interface.c - egress.interface in a run: chosen at its start, watched to its end
 */
#include "cli/run.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/egress.h"

const char *cf_run_interface(const struct cf_run *run)
{
    return run->interface.name[0] ? run->interface.name : NULL;
}

int cf_run_interface_choose(struct cf_run *run, struct cf_error *err)
{
    static const struct cf_addr anywhere = { .family = CF_FAMILY_NONE };
    const struct cf_profile *profile = run->profile;
    cf_auto_close int fd = -1;
    int r;

    if (profile->egress.n_interfaces == 0)
        return 0;
    r = cf_interface_open(profile->egress.interfaces, profile->egress.n_interfaces, &run->interface,
                          err);
    if (r < 0)
        return cf_error_wrap(err, "egress.interface");
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    r = fd < 0 ? -errno : cf_egress_bind(fd, run->interface.name, &anywhere);
    if (r == -EPERM)
        return cf_error_set(err, r,
                            "egress.interface: this kernel lets an ordinary user bind no socket "
                            "to '%s'; it takes Linux 5.7, or CAP_NET_RAW",
                            run->interface.name);
    if (r < 0)
        return cf_error_errno(err, r, "egress.interface: cannot bind a socket to '%s'",
                              run->interface.name);
    return 0;
}

/*
 * A server on the host's loopback asks others in its turn, and by which interface
 * is its own affair. Whoever wants that names it in the policy.
 */
int cf_run_interface_check_servers(const struct cf_run *run, struct cf_error *err)
{
    char text[CF_ADDR_PORT_TEXT_SIZE];
    const struct cf_addr_port *servers;
    size_t n;

    if (!cf_run_interface(run) || strcmp(run->interface.name, CF_EGRESS_LOOPBACK) == 0 ||
        run->profile->dns.n_servers > 0)
        return 0;
    servers = cf_resolver_servers(run->resolver, &n);
    for (size_t i = 0; i < n; i++) {
        if (cf_egress_is_loopback(&servers[i].addr))
            return cf_error_set(err, -EHOSTUNREACH,
                                "egress.interface is '%s', but the host's resolv.conf names the "
                                "DNS server %s, which that interface does not lead to; list "
                                "servers under dns.servers",
                                run->interface.name, cf_addr_port_format(&servers[i], text));
    }
    return 0;
}

/* Nothing moves to another interface: what used this one ends, and so does what comes. */
static void on_interface_gone(void *data, unsigned index)
{
    struct cf_run *run = data;
    size_t n = cf_engine_interface_gone(run->engine, index);

    cf_audit_warn(run->audit, "interface_gone",
                  "the interface '%s' is gone: %zu flow%s ended, and no other can begin while "
                  "there is none of that name",
                  run->interface.name, n, n == 1 ? "" : "s");
}

int cf_run_interface_watch(struct cf_run *run, struct cf_error *err)
{
    if (!cf_run_interface(run))
        return 0;
    return cf_interface_watch(&run->interface, run->loop, on_interface_gone, run, err);
}
