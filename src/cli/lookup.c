/*
 * lookup.c - the texts that the command reads under /etc
 *
 * Names are looked up in our hosts file and then at our resolver, and
 * nowhere else: no mdns, no resolve, no module that asks a daemon of the host.
 */
#include "cli/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "netlink/gateway.h"

/* bytes; a longer nsswitch.conf is no nsswitch.conf */
#define NSSWITCH_LIMIT ((size_t)65536)

static char *resolv_conf_make(const struct cf_profile *profile)
{
    struct cf_buffer text;
    char *stolen;

    cf_buffer_init(&text, 0);
    cf_buffer_puts(&text, "# Made by childflow for this run.\nnameserver " CF_GATEWAY_IPV4 "\n");
    if (profile->dns.n_search > 0) {
        cf_buffer_puts(&text, "search");
        for (size_t i = 0; i < profile->dns.n_search; i++)
            cf_buffer_printf(&text, " %s", profile->dns.search[i]);
        cf_buffer_puts(&text, "\n");
    }
    cf_buffer_puts(&text, "options edns0\n");
    stolen = cf_buffer_steal(&text);
    cf_buffer_done(&text);
    return stolen;
}

static char *hosts_make(const struct cf_profile *profile, const char *hostname, bool ipv6)
{
    struct cf_buffer text;
    char addr[CF_ADDR_TEXT_SIZE], *stolen;

    cf_buffer_init(&text, 0);
    cf_buffer_puts(&text, "# Made by childflow for this run.\n127.0.0.1 localhost\n"
                          "::1 localhost ip6-localhost ip6-loopback\n");
    if (hostname && hostname[0] && strcmp(hostname, "localhost") != 0)
        cf_buffer_printf(&text, "127.0.1.1 %s\n", hostname);
    if (profile->egress.n_host_ports > 0) {
        cf_buffer_puts(&text, CF_GATEWAY_IPV4 " " CF_HOST_LOOPBACK_NAME "\n");
        if (ipv6)
            cf_buffer_puts(&text, CF_GATEWAY_IPV6 " " CF_HOST_LOOPBACK_NAME "\n");
    }
    for (size_t i = 0; i < profile->n_hosts; i++) {
        const struct cf_host *host = &profile->hosts[i];

        for (size_t j = 0; j < host->n_addrs; j++)
            cf_buffer_printf(&text, "%s %s\n", cf_addr_format(&host->addrs[j], addr), host->name);
    }
    stolen = cf_buffer_steal(&text);
    cf_buffer_done(&text);
    return stolen;
}

/* Is this line of nsswitch.conf the one for database? */
static bool is_database(const char *line, const char *database)
{
    size_t length = strlen(database);

    line += strspn(line, " \t");
    return strncmp(line, database, length) == 0 && line[length + strspn(line + length, " \t")] == ':';
}

/*
 * The host's own file, so that users and groups are found as outside, less
 * what it says of host names. A missing file means the C library's defaults.
 */
static char *nsswitch_make(void)
{
    cf_auto_free char *ours = NULL;
    struct cf_buffer text;
    size_t length;
    char *stolen, *rest, *line;

    cf_buffer_init(&text, 0);
    cf_buffer_puts(&text, "# Made by childflow for this run: the host's, but for host names.\n"
                          "hosts: files dns\nnetworks: files\n");
    if (cf_fd_read_file("/etc/nsswitch.conf", NSSWITCH_LIMIT, &ours, &length) == 0) {
        rest = ours;
        while ((line = strsep(&rest, "\n"))) {
            if (*line && !is_database(line, "hosts") && !is_database(line, "networks"))
                cf_buffer_printf(&text, "%s\n", line);
        }
    }
    stolen = cf_buffer_steal(&text);
    cf_buffer_done(&text);
    return stolen;
}

int cf_lookup_files_make(const struct cf_profile *profile, const char *hostname, bool ipv6,
                         struct cf_lookup_files *ret)
{
    struct cf_lookup_files files = {
        .resolv_conf = resolv_conf_make(profile),
        .hosts = hosts_make(profile, hostname, ipv6),
        .nsswitch_conf = nsswitch_make(),
    };

    if (!files.resolv_conf || !files.hosts || !files.nsswitch_conf) {
        cf_lookup_files_done(&files);
        return -ENOMEM;
    }
    *ret = files;
    return 0;
}

void cf_lookup_files_done(struct cf_lookup_files *files)
{
    free(files->resolv_conf);
    free(files->hosts);
    free(files->nsswitch_conf);
    *files = (struct cf_lookup_files){ 0 };
}
