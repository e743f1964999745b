/*
 * proxy.c - the policy's proxy in a run: where it is, and what it takes to use it
 *
 * Its name is the caller's own affair and is looked up once, before the command
 * runs: in the policy's `hosts`, then by the DNS servers of the run where the
 * policy lists some or names an interface, which the host's own look-up knows
 * nothing of; else as the host looks up any name.
 */
#include "cli/run.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "dns/find.h"
#include "engine/outward.h"
#include "proxy/race.h"

static_assert(CF_FIND_MAX <= CF_PROXY_RACE_MAX, "there is room for what is found");

struct places {
    struct cf_addr addrs[CF_PROXY_RACE_MAX];
    size_t n;
};

static void add(const struct cf_run *run, struct places *places, const struct cf_addr *addr)
{
    if (places->n < CF_PROXY_RACE_MAX && (run->ipv6 || addr->family == CF_FAMILY_IPV4))
        places->addrs[places->n++] = *addr;
}

static int find_by_host(const struct cf_run *run, const char *name, struct places *places,
                        struct cf_error *err)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found, *at;
    struct cf_addr_port addr;
    int r = getaddrinfo(name, NULL, &hints, &found);

    if (r != 0)
        return cf_error_set(err, -ENOENT, "%s", gai_strerror(r));
    for (at = found; at; at = at->ai_next) {
        if (cf_addr_port_from_sockaddr(at->ai_addr, &addr) == 0)
            add(run, places, &addr.addr);
    }
    freeaddrinfo(found);
    return 0;
}

static int find_by_servers(const struct cf_run *run, const char *name, struct places *places,
                           struct cf_error *err)
{
    const struct cf_find_config config = {
        .profile = run->profile,
        .interface = cf_run_interface(run),
        .ipv6 = run->ipv6,
    };
    int n = cf_dns_find(&config, name, places->addrs, err);

    places->n = n > 0 ? (size_t)n : 0;
    return n < 0 ? n : 0;
}

static int find(const struct cf_run *run, const char *name, struct places *places,
                struct cf_error *err)
{
    const struct cf_host *host = cf_profile_host_find(run->profile, name);
    bool listed = run->profile->dns.n_servers > 0 || cf_run_interface(run);
    int r = 0;

    if (host) {
        for (size_t i = 0; i < host->n_addrs; i++)
            add(run, places, &host->addrs[i]);
    } else {
        r = listed ? find_by_servers(run, name, places, err)
                   : find_by_host(run, name, places, err);
    }
    if (r == 0 && places->n == 0)
        r = cf_error_set(err, -ENOENT, "no address");
    if (r == 0)
        return 0;
    return cf_error_wrap(err,
                         "proxy.url: cannot find '%s' by %s; correct it, or give its address "
                         "under `hosts`",
                         name, host ? "`hosts`" : listed ? "the DNS servers" : "the host's resolver");
}

static int dial(void *data, const struct cf_proxy_call *call, struct cf_proxy_dial **ret_dial)
{
    const struct cf_run *run = data;

    return cf_proxy_way_dial(run->proxy, call, ret_dial);
}

static int make_socket(void *data, const struct cf_addr *to)
{
    return cf_outward_socket(to, SOCK_STREAM, IPPROTO_TCP, cf_run_interface(data));
}

/* The first, the second, the fourth and so on are told: a flood shall not fill the log. */
static void warn_failed(struct cf_run *run, const struct cf_addr_port *server, const char *why,
                        const char *words)
{
    char text[CF_ADDR_PORT_TEXT_SIZE];
    uint64_t n = ++run->n_streams_failed;

    if ((n & (n - 1)) == 0)
        cf_audit_warn(run->audit, "dns_tunnel",
                      "the proxy gave no tunnel to the DNS server %s: %s%s%s (%llu such attempts)",
                      cf_addr_port_format(server, text), why, words[0] ? ": " : "", words,
                      (unsigned long long)n);
}

static void stream_failed(void *data, const struct cf_addr_port *server,
                          const struct cf_proxy_dialled *dialled)
{
    warn_failed(data, server, cf_proxy_why_name(dialled->outcome.why), dialled->words);
}

int cf_run_proxy_stream(void *data, const struct cf_addr_port *server)
{
    struct cf_run *run = data;
    int fd = run->streams ? cf_proxy_streams_open(run->streams, server) : -ENOTCONN;

    if (fd < 0)
        warn_failed(run, server, strerror(-fd), "");
    return fd;
}

static int open_streams(struct cf_run *run, struct cf_error *err)
{
    const struct cf_proxy_streams_config config = {
        .loop = run->loop,
        .dial = dial,
        .make_socket = make_socket,
        .failed = stream_failed,
        .data = run,
    };
    int r = cf_proxy_streams_new(&config, &run->streams);

    return r < 0 ? cf_error_errno(err, r, "cannot use the proxy") : 0;
}

int cf_run_proxy_open(struct cf_run *run, struct cf_error *err)
{
    const struct cf_proxy_url *url = &run->profile->proxy.url;
    struct cf_addr_port addrs[CF_PROXY_RACE_MAX];
    struct cf_proxy_way_config config = {
        .loop = run->loop,
        .proxy = &run->profile->proxy,
        .addrs = addrs,
        .password = run->password.bytes,
    };
    struct places places = { .n = 0 };
    int r = 0;

    if (url->scheme == CF_PROXY_NONE)
        return 0;
    if (url->name) {
        r = find(run, url->name, &places, err);
    } else if (!url->path) {
        places.addrs[0] = url->at.addr;
        places.n = 1;
    }
    if (r < 0)
        return r;
    for (size_t i = 0; i < places.n; i++)
        addrs[i] = (struct cf_addr_port) { places.addrs[i], url->at.port };
    config.n_addrs = places.n;
    r = cf_proxy_way_new(&config, &run->proxy, err);
    return r < 0 ? r : open_streams(run, err);
}
