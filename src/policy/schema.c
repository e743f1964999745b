/*
 * schema.c - the one table of every key of the policy language
 */
#include "policy/schema.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/egress.h"
#include "policy/policy.h"
#include "policy/read.h"
#include "policy/writer.h"
#include "profile/profile.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Choices, in the order of the profile's enums; the last entry is NULL. */
static const char *const mode_values[] = { "enforce", "audit", NULL };
static const char *const filter_values[] = { "allowed", "any", NULL };
static const char *const deny_answer_values[] = { "nxdomain", "refused", "zero", NULL };
static const char *const action_values[] = { "deny", "allow", NULL };
static const char *const ipv6_values[] = { "auto", "on", "off", NULL };
static const char *const summary_values[] = { "none", "text", "json", NULL };

static_assert(COUNT(mode_values) == CF_MODE_COUNT + 1, "a name for each mode");
static_assert(COUNT(filter_values) == CF_DNS_FILTER_COUNT + 1, "a name for each filter");
static_assert(COUNT(deny_answer_values) == CF_DENY_ANSWER_COUNT + 1, "a name for each answer");
static_assert(CF_DENY == 0 && CF_ALLOW == 1, "action_values is in this order");
static_assert(COUNT(ipv6_values) == CF_IPV6_COUNT + 1, "a name for each state of IPv6");
static_assert(COUNT(summary_values) == CF_SUMMARY_COUNT + 1, "a name for each summary");

static const char *const backend_values[] = { "auto", "rootless", "rootful", NULL };
static const char *const transport_values[] = { "auto", "udp", "tcp", NULL };
static const char *const point_values[] = { "child", "egress", "egress-logical", "both", NULL };
static const char *const identity_values[] = { "caller", "root", NULL };
static const char *const subset_values[] = { "all", "pid", NULL };

static_assert(COUNT(point_values) == CF_CAPTURE_POINT_COUNT + 1, "a name for each point");
static_assert(COUNT(transport_values) == CF_TRANSPORT_COUNT + 1, "a name for each transport");

/* Where a value lives; a member of any other C type does not compile. */
#define AT(c_type, member)                                                                         \
    (offsetof(struct cf_profile, member) + _Generic(((struct cf_profile *)0)->member, c_type       \
                                                    : (size_t)0))

/* The keys of a rule that is written as a map. */
#define RULE_KEYS(list_path)                                                                       \
    {                                                                                              \
        .path = list_path "[].to",                                                                 \
        .type = CF_TYPE_ENDPOINT,                                                                  \
        .required = true,                                                                          \
        .since = "0.1",                                                                            \
        .help = "the endpoint",                                                                    \
    },                                                                                             \
        {                                                                                          \
            .path = list_path "[].why",                                                            \
            .type = CF_TYPE_STRING,                                                                \
            .maximum = 1024,                                                                       \
            .since = "0.1",                                                                        \
            .help = "the reason, for those who read the policy",                                   \
        },                                                                                         \
        {                                                                                          \
            .path = list_path "[].exe",                                                            \
            .type = CF_TYPE_STRING,                                                                \
            .maximum = 4095,                                                                       \
            .since = "0.1",                                                                        \
            .help = "only for programs of this path, a glob; a last /** is all below a folder",    \
        },                                                                                         \
    {                                                                                              \
        .path = list_path "[].until", .type = CF_TYPE_DATE, .since = "0.1",                        \
        .help = "the last day on which the rule counts, UTC",                                      \
    }

static const struct cf_schema_key keys[] = {
    { .path = "version",
      .type = CF_TYPE_INTEGER,
      .required = true,
      .merge = CF_MERGE_OWN,
      .minimum = 1,
      .maximum = 1,
      .since = "0.1",
      .help = "version of the policy language" },
    { .path = "name",
      .type = CF_TYPE_LABEL,
      .merge = CF_MERGE_OWN,
      .minimum = 1,
      .maximum = 64,
      .since = "0.1",
      .help = "what logs call the policy; left out, the file's name without its extension",
      .field = AT(char *, name) },
    { .path = "description",
      .type = CF_TYPE_STRING,
      .merge = CF_MERGE_OWN,
      .maximum = 4096,
      .since = "0.1",
      .help = "what the policy is for",
      .field = AT(char *, description) },
    { .path = "extends",
      .type = CF_TYPE_PATH,
      .list = true,
      .merge = CF_MERGE_OWN,
      .max_items = 64,
      .fallback = "[]",
      .since = "0.1",
      .help = "policies to start from, beside this file; later ones win",
      .read = cf_read_extends },
    { .path = "override",
      .type = CF_TYPE_KEY,
      .list = true,
      .merge = CF_MERGE_OWN,
      .max_items = 64,
      .fallback = "[]",
      .since = "0.1",
      .help = "keys that are taken from this file alone",
      .read = cf_read_override },
    { .path = "mode",
      .type = CF_TYPE_CHOICE,
      .values = mode_values,
      .fallback = "enforce",
      .since = "0.1",
      .help = "what is done with what the policy denies; audit: block nothing, log each would-be "
              "denial",
      .field = AT(enum cf_mode, mode) },
    { .path = "backend",
      .type = CF_TYPE_CHOICE,
      .values = backend_values,
      .fallback = "auto",
      .help = "how the namespaces are made" },

    { .path = "dns", .type = CF_TYPE_MAP, .since = "0.1", .help = "how names are looked up" },
    { .path = "dns.servers",
      .type = CF_TYPE_SERVER,
      .list = true,
      .max_items = 16,
      .fallback = "[]",
      .since = "0.1",
      .help = "servers to ask; none: those of the host's resolv.conf",
      .field = AT(struct cf_addr_port *, dns.servers),
      .count = AT(size_t, dns.n_servers) },
    { .path = "dns.search",
      .type = CF_TYPE_HOST_NAME,
      .list = true,
      .max_items = 32,
      .fallback = "[]",
      .since = "0.1",
      .help = "domains that short names are tried in",
      .field = AT(char **, dns.search),
      .count = AT(size_t, dns.n_search) },
    { .path = "dns.timeout",
      .type = CF_TYPE_DURATION,
      .unit = "ms",
      .minimum = 100,
      .maximum = 60000,
      .fallback = "2s",
      .since = "0.1",
      .help = "for a server to answer, each attempt",
      .field = AT(int64_t, dns.timeout_ms) },
    { .path = "dns.attempts",
      .type = CF_TYPE_INTEGER,
      .minimum = 1,
      .maximum = 10,
      .fallback = "3",
      .since = "0.1",
      .help = "how often each server is asked",
      .field = AT(int64_t, dns.attempts) },
    { .path = "dns.cache",
      .type = CF_TYPE_INTEGER,
      .unit = "entries",
      .maximum = 1048576,
      .fallback = "4096",
      .since = "0.1",
      .help = "answers that are kept; 0 turns the cache off",
      .field = AT(int64_t, dns.cache) },
    { .path = "dns.transport",
      .type = CF_TYPE_CHOICE,
      .values = transport_values,
      .fallback = "auto",
      .since = "0.1",
      .help = "how servers are asked; auto: over UDP, and over TCP when an answer does not fit",
      .field = AT(enum cf_transport, dns.transport) },
    { .path = "dns.filter",
      .type = CF_TYPE_CHOICE,
      .values = filter_values,
      .fallback = "allowed",
      .since = "0.1",
      .help = "which names are looked up: those that a rule allows, or any",
      .field = AT(enum cf_dns_filter, dns.filter) },
    { .path = "dns.deny_answer",
      .type = CF_TYPE_CHOICE,
      .values = deny_answer_values,
      .fallback = "nxdomain",
      .since = "0.1",
      .help = "what a denied name gets; zero: 0.0.0.0 and ::",
      .field = AT(enum cf_deny_answer, dns.deny_answer) },
    { .path = "dns.deny_types",
      .type = CF_TYPE_RECORD,
      .list = true,
      .protection = true,
      .max_items = 256,
      .fallback = "[ANY, AXFR]",
      .since = "0.1",
      .help = "record types that are refused whatever the name; AXFR and IXFR always are",
      .field = AT(uint16_t *, dns.deny_types),
      .count = AT(size_t, dns.n_deny_types) },
    { .path = "dns.strip_ech",
      .type = CF_TYPE_BOOL,
      .protection = true,
      .fallback = "true",
      .since = "0.1",
      .help = "remove ECH keys from HTTPS and SVCB answers, so that SNI stays readable",
      .field = AT(bool, dns.strip_ech) },
    { .path = "dns.block_rebinding",
      .type = CF_TYPE_BOOL,
      .protection = true,
      .fallback = "true",
      .since = "0.1",
      .help = "deny a public name whose answer is a private address",
      .field = AT(bool, dns.block_rebinding) },
    { .path = "dns.block_encrypted",
      .type = CF_TYPE_BOOL,
      .protection = true,
      .fallback = "true",
      .since = "0.1",
      .help = "deny DoT, DoQ and known DoH endpoints, whatever the rules say",
      .field = AT(bool, dns.block_encrypted) },

    { .path = "hosts",
      .type = CF_TYPE_HOSTS,
      .max_items = 10000,
      .fallback = "{}",
      .since = "0.1",
      .help = "names that the resolver answers itself, with their addresses",
      .read = cf_read_hosts,
      .write = cf_write_hosts },
    { .path = "hosts_file",
      .type = CF_TYPE_PATH,
      .since = "0.1",
      .help = "a file in the form of /etc/hosts to merge, beside this file",
      .read = cf_read_hosts_file_key },

    { .path = "proxy",
      .type = CF_TYPE_MAP,
      .since = "0.1",
      .help = "the way out through a proxy",
      .read = cf_read_proxy,
      .shown = cf_proxy_is_shown },
    { .path = "proxy.url",
      .type = CF_TYPE_STRING,
      .maximum = CF_PROXY_URL_MAX,
      .since = "0.1",
      .help = "the proxy: http, https, socks5 or socks5h://HOST[:PORT], or socks5+unix:/PATH",
      .read = cf_read_proxy_url,
      .write = cf_write_proxy_url },
    { .path = "proxy.username",
      .type = CF_TYPE_STRING,
      .maximum = CF_PROXY_CREDENTIAL_MAX,
      .since = "0.1",
      .help = "who we are to the proxy; with a password",
      .field = AT(char *, proxy.username),
      .read = cf_read_proxy_username },
    { .path = "proxy.password_env",
      .type = CF_TYPE_STRING,
      .maximum = 255,
      .since = "0.1",
      .help = "the environment variable that holds the password; the command does not get it",
      .field = AT(char *, proxy.password_env),
      .read = cf_read_proxy_password_env },
    { .path = "proxy.password_file",
      .type = CF_TYPE_PATH,
      .since = "0.1",
      .help = "the file that holds the password, for its owner alone, beside this file",
      .field = AT(char *, proxy.password_file),
      .read = cf_read_proxy_password_file },
    { .path = "proxy.ca_file",
      .type = CF_TYPE_PATH,
      .since = "0.1",
      .help = "the only authorities that count for an https proxy, in PEM, beside this file",
      .field = AT(char *, proxy.ca_file),
      .read = cf_read_proxy_ca_file },
    { .path = "proxy.timeout",
      .type = CF_TYPE_DURATION,
      .unit = "ms",
      .minimum = 100,
      .maximum = 600000,
      .fallback = "10s",
      .since = "0.1",
      .help = "for the proxy to answer, each flow",
      .field = AT(int64_t, proxy.timeout_ms) },
    { .path = "proxy.require",
      .type = CF_TYPE_BOOL,
      .fallback = "true",
      .since = "0.1",
      .help = "what cannot go through the proxy does not go",
      .field = AT(bool, proxy.require) },
    { .path = "proxy.bypass",
      .type = CF_TYPE_ENDPOINT,
      .list = true,
      .max_items = 10000,
      .fallback = "[]",
      .since = "0.1",
      .help = "what goes without the proxy",
      .read = cf_read_proxy_bypass,
      .write = cf_write_proxy_bypass },

    { .path = "egress", .type = CF_TYPE_MAP, .since = "0.1", .help = "who may be talked to" },
    { .path = "egress.interface",
      .type = CF_TYPE_INTERFACE,
      .list = true,
      .or_one = true,
      .merge = CF_MERGE_WHOLE,
      .max_items = CF_EGRESS_INTERFACES_MAX,
      .since = "0.1",
      .help = "every outbound socket is bound to it; of several, to the first that is up",
      .field = AT(char **, egress.interfaces),
      .count = AT(size_t, egress.n_interfaces),
      .read = cf_read_egress_interface },
    { .path = "egress.ipv6",
      .type = CF_TYPE_CHOICE,
      .values = ipv6_values,
      .fallback = "auto",
      .since = "0.1",
      .help = "whether there is IPv6; auto: when the host has a route; on: no route, no run",
      .field = AT(enum cf_ipv6, egress.ipv6) },
    { .path = "egress.quic",
      .type = CF_TYPE_CHOICE,
      .values = action_values,
      .protection = true,
      .fallback = "deny",
      .since = "0.1",
      .help = "UDP to port 443; where it is denied clients fall back to TCP, where names are seen",
      .field = AT(enum cf_action, egress.quic) },
    { .path = "egress.verify_names",
      .type = CF_TYPE_BOOL,
      .protection = true,
      .fallback = "true",
      .since = "0.1",
      .help = "SNI and HTTP Host must be names that a rule allows",
      .field = AT(bool, egress.verify_names) },
    { .path = "egress.default",
      .type = CF_TYPE_CHOICE,
      .values = action_values,
      .fallback = "deny",
      .since = "0.1",
      .help = "what is done when no rule matches",
      .field = AT(enum cf_action, egress.fallback) },
    { .path = "egress.allow",
      .type = CF_TYPE_ENDPOINT,
      .list = true,
      .max_items = 10000,
      .fallback = "[]",
      .since = "0.1",
      .help = "endpoints that may be talked to",
      .read = cf_read_egress_allow,
      .write = cf_write_egress_allow },
    RULE_KEYS("egress.allow"),
    { .path = "egress.deny",
      .type = CF_TYPE_ENDPOINT,
      .list = true,
      .max_items = 10000,
      .fallback = "[]",
      .since = "0.1",
      .help = "endpoints that may not be talked to",
      .read = cf_read_egress_deny,
      .write = cf_write_egress_deny },
    RULE_KEYS("egress.deny"),
    { .path = "egress.groups",
      .type = CF_TYPE_GROUPS,
      .max_items = 1000,
      .fallback = "{}",
      .since = "0.1",
      .help = "lists of endpoints by name, for rules that say group:NAME",
      .read = cf_read_egress_groups,
      .write = cf_write_egress_groups },
    { .path = "egress.groups[].names_file",
      .type = CF_TYPE_PATH,
      .required = true,
      .since = "0.1",
      .help = "a file of names beside this one, one a line or in the form of /etc/hosts" },
    { .path = "egress.limits",
      .type = CF_TYPE_MAP,
      .since = "0.1",
      .help = "how much traffic there may be" },
    { .path = "egress.limits.connections",
      .type = CF_TYPE_INTEGER,
      .minimum = 1,
      .maximum = 1048576,
      .since = "0.1",
      .help = "flows that are open at a time",
      .field = AT(int64_t, egress.limits.connections) },
    { .path = "egress.limits.new_per_second",
      .type = CF_TYPE_INTEGER,
      .minimum = 1,
      .maximum = 1048576,
      .since = "0.1",
      .help = "flows opened in a second; as many at once, then evenly",
      .field = AT(int64_t, egress.limits.new_per_second) },
    { .path = "egress.limits.bytes",
      .type = CF_TYPE_SIZE,
      .unit = "bytes",
      .minimum = 1,
      .maximum = INT64_C(1) << 60,
      .since = "0.1",
      .help = "payload of all flows, both directions together",
      .field = AT(int64_t, egress.limits.bytes) },
    { .path = "egress.host_ports",
      .type = CF_TYPE_INTEGER,
      .list = true,
      .minimum = 1,
      .maximum = 65535,
      .max_items = 256,
      .fallback = "[]",
      .since = "0.1",
      .help = "ports of the host's loopback, reached as host.childflow.internal",
      .read = cf_read_egress_host_ports,
      .write = cf_write_egress_host_ports },

    { .path = "capture",
      .type = CF_TYPE_MAP,
      .since = "0.1",
      .help = "the command's packets, in a file" },
    { .path = "capture.file",
      .type = CF_TYPE_PATTERN,
      .maximum = 4096,
      .fallback = "\"\"",
      .since = "0.1",
      .help = "the file, with {name}, {run}, {time}, {host}: pcapng, or .pcap; empty: no capture",
      .field = AT(char *, capture.file) },
    { .path = "capture.filter",
      .type = CF_TYPE_STRING,
      .maximum = 2048,
      .fallback = "\"\"",
      .since = "0.1",
      .help = "the packets that are kept, in the language of pcap-filter(7); empty: all",
      .field = AT(char *, capture.filter),
      .read = cf_read_capture_filter },
    { .path = "capture.point",
      .type = CF_TYPE_CHOICE,
      .values = point_values,
      .fallback = "child",
      .since = "0.1",
      .help = "where packets are taken: child, before any verdict; egress: as they leave the host",
      .field = AT(enum cf_capture_point, capture.point) },
    { .path = "capture.snaplen",
      .type = CF_TYPE_INTEGER,
      .unit = "bytes",
      .minimum = 64,
      .maximum = 262144,
      .fallback = "262144",
      .since = "0.1",
      .help = "kept of a packet, from its first byte on",
      .field = AT(int64_t, capture.snaplen) },
    { .path = "capture.max_size",
      .type = CF_TYPE_SIZE,
      .unit = "bytes",
      .minimum = 1 << 20,
      .maximum = INT64_C(1) << 60,
      .since = "0.1",
      .help = "of one file; then the next is begun, in a folder named as `file` less its extension",
      .field = AT(int64_t, capture.max_size) },
    { .path = "capture.keep",
      .type = CF_TYPE_INTEGER,
      .unit = "files",
      .minimum = 1,
      .maximum = 1000000,
      .since = "0.1",
      .help = "that are kept where there is a max_size, the newest; left out: all",
      .field = AT(int64_t, capture.keep) },
    { .path = "capture.tls_keys",
      .type = CF_TYPE_BOOL,
      .fallback = "false",
      .since = "0.1",
      .help = "put the secrets of TLS that the command's libraries write to SSLKEYLOGFILE into it",
      .field = AT(bool, capture.tls_keys) },

    { .path = "audit", .type = CF_TYPE_MAP, .since = "0.1", .help = "what is written down" },
    { .path = "audit.log",
      .type = CF_TYPE_PATTERN,
      .maximum = 4096,
      .fallback = "\"\"",
      .since = "0.1",
      .help = "the log's file, with {name}, {run}, {time}, {host}; empty: no log",
      .field = AT(char *, audit.log) },
    { .path = "audit.summary",
      .type = CF_TYPE_CHOICE,
      .values = summary_values,
      .fallback = "text",
      .since = "0.1",
      .help = "what is printed at the end",
      .field = AT(enum cf_summary, audit.summary) },
    { .path = "audit.fail_on_denial",
      .type = CF_TYPE_BOOL,
      .fallback = "false",
      .since = "0.1",
      .help = "exit 77 when the command succeeded but something was denied",
      .field = AT(bool, audit.fail_on_denial) },
    { .path = "audit.attribution",
      .type = CF_TYPE_BOOL,
      .fallback = "true",
      .help = "log which process opened the flow" },
    { .path = "audit.chain",
      .type = CF_TYPE_BOOL,
      .fallback = "false",
      .help = "each line of the log carries a hash of the one before" },

    { .path = "sandbox", .type = CF_TYPE_MAP, .help = "what the command sees of the host" },
    { .path = "sandbox.identity",
      .type = CF_TYPE_CHOICE,
      .values = identity_values,
      .fallback = "caller",
      .help = "the uid that the command sees" },
    { .path = "sandbox.hostname",
      .type = CF_TYPE_STRING,
      .maximum = 64,
      .help = "the name of the host" },
    { .path = "sandbox.domainname",
      .type = CF_TYPE_STRING,
      .maximum = 64,
      .help = "the NIS domain" },
    { .path = "sandbox.pid", .type = CF_TYPE_MAP, .help = "process numbers" },
    { .path = "sandbox.pid.namespace",
      .type = CF_TYPE_BOOL,
      .fallback = "true",
      .help = "a PID namespace of its own" },
    { .path = "sandbox.pid.max",
      .type = CF_TYPE_INTEGER,
      .minimum = 301,
      .maximum = 4194304,
      .help = "the highest process number" },
    { .path = "sandbox.time", .type = CF_TYPE_MAP, .help = "clocks when the command starts" },
    { .path = "sandbox.time.boottime",
      .type = CF_TYPE_DURATION,
      .unit = "ms",
      .help = "what CLOCK_BOOTTIME reads" },
    { .path = "sandbox.time.monotonic",
      .type = CF_TYPE_DURATION,
      .unit = "ms",
      .help = "what CLOCK_MONOTONIC reads" },
    { .path = "sandbox.proc", .type = CF_TYPE_MAP, .help = "how /proc is mounted" },
    { .path = "sandbox.proc.hidepid",
      .type = CF_TYPE_INTEGER,
      .maximum = 4,
      .help = "hidepid of the mount" },
    { .path = "sandbox.proc.subset",
      .type = CF_TYPE_CHOICE,
      .values = subset_values,
      .fallback = "all",
      .help = "pid: only processes" },
    { .path = "sandbox.root",
      .type = CF_TYPE_STRING,
      .maximum = 4096,
      .fallback = "host",
      .help = "host, tmpfs, ramfs or a directory" },
    { .path = "sandbox.workdir",
      .type = CF_TYPE_STRING,
      .maximum = 4096,
      .help = "where the command starts" },
    { .path = "sandbox.mounts",
      .type = CF_TYPE_MAP,
      .list = true,
      .fallback = "[]",
      .help = "what is mounted or made, in this order" },
    { .path = "sandbox.mounts[].bind", .type = CF_TYPE_STRING, .help = "source of a bind mount" },
    { .path = "sandbox.mounts[].tmpfs", .type = CF_TYPE_STRING, .help = "place of a tmpfs" },
    { .path = "sandbox.mounts[].dir", .type = CF_TYPE_STRING, .help = "a directory to make" },
    { .path = "sandbox.mounts[].file", .type = CF_TYPE_STRING, .help = "an empty file to make" },
    { .path = "sandbox.mounts[].fifo", .type = CF_TYPE_STRING, .help = "a FIFO to make" },
    { .path = "sandbox.mounts[].symlink", .type = CF_TYPE_STRING, .help = "a link to make" },
    { .path = "sandbox.mounts[].hardlink",
      .type = CF_TYPE_STRING,
      .help = "a second name to make" },
    { .path = "sandbox.mounts[].to",
      .type = CF_TYPE_STRING,
      .help = "where a bind goes, what a link points at" },
    { .path = "sandbox.mounts[].options",
      .type = CF_TYPE_STRING,
      .list = true,
      .help = "mount options" },
    { .path = "sandbox.mounts[].try",
      .type = CF_TYPE_BOOL,
      .fallback = "false",
      .help = "nothing happens when the source is missing" },
    { .path = "sandbox.mounts[].size",
      .type = CF_TYPE_SIZE,
      .unit = "bytes",
      .help = "size of a tmpfs" },
    { .path = "sandbox.mounts[].mode", .type = CF_TYPE_MODE_BITS, .help = "permission bits" },
    { .path = "sandbox.mask",
      .type = CF_TYPE_STRING,
      .list = true,
      .fallback = "[]",
      .help = "paths to hide, beside those that are always hidden" },
    { .path = "sandbox.capabilities",
      .type = CF_TYPE_LABEL,
      .list = true,
      .fallback = "[]",
      .help = "capabilities that the command keeps" },
    { .path = "sandbox.no_new_privs",
      .type = CF_TYPE_BOOL,
      .fallback = "true",
      .help = "set-user-ID programs gain nothing" },
    { .path = "sandbox.limits", .type = CF_TYPE_MAP, .help = "resource limits" },
    { .path = "sandbox.limits.processes",
      .type = CF_TYPE_INTEGER,
      .minimum = 1,
      .maximum = 4194304,
      .help = "RLIMIT_NPROC" },
    { .path = "sandbox.limits.open_files",
      .type = CF_TYPE_INTEGER,
      .minimum = 1,
      .maximum = 1073741816,
      .help = "RLIMIT_NOFILE" },
    { .path = "sandbox.limits.core", .type = CF_TYPE_SIZE, .unit = "bytes", .help = "RLIMIT_CORE" },
    { .path = "sandbox.env", .type = CF_TYPE_MAP, .help = "the command's environment" },
    { .path = "sandbox.env.set", .type = CF_TYPE_STRINGS, .help = "variables to set" },
    { .path = "sandbox.env.unset",
      .type = CF_TYPE_STRING,
      .list = true,
      .help = "variables to take out" },
    { .path = "sandbox.env.keep",
      .type = CF_TYPE_STRING,
      .list = true,
      .fallback = "all",
      .help = "variables that stay" },

    { .path = "command",
      .type = CF_TYPE_STRING,
      .list = true,
      .merge = CF_MERGE_WHOLE,
      .min_items = 1,
      .max_items = 10000,
      .since = "0.1",
      .help = "what runs when no command stands behind --",
      .field = AT(char **, command),
      .count = AT(size_t, n_command),
      .read = cf_read_command },
};

const struct cf_schema_key *cf_schema_keys(size_t *ret_n)
{
    *ret_n = COUNT(keys);
    return keys;
}

/* The rows in the order of their paths; the table's own order is that of a policy. */
static const struct cf_schema_key *sorted[COUNT(keys)];
static pthread_once_t sorted_once = PTHREAD_ONCE_INIT;

static int compare_rows(const void *a, const void *b)
{
    const struct cf_schema_key *const *x = a, *const *y = b;

    return strcmp((*x)->path, (*y)->path);
}

static void sort_rows(void)
{
    for (size_t i = 0; i < COUNT(keys); i++)
        sorted[i] = &keys[i];
    qsort(sorted, COUNT(keys), sizeof sorted[0], compare_rows);
}

const struct cf_schema_key *cf_schema_find(const char *path)
{
    const struct cf_schema_key wanted = { .path = path }, *key = &wanted;
    const struct cf_schema_key *const *found;

    pthread_once(&sorted_once, sort_rows);
    found = bsearch(&key, sorted, COUNT(keys), sizeof sorted[0], compare_rows);
    return found ? *found : NULL;
}

/* The name of a row's key in the map at path; NULL when it is no key of that map. */
static const char *find_name(const struct cf_schema_key *key, const char *path, size_t length)
{
    const char *rest = key->path;

    if (length > 0) {
        if (strncmp(rest, path, length) != 0 || rest[length] != '.')
            return NULL;
        rest += length + 1;
    }
    return strpbrk(rest, ".[") ? NULL : rest;
}

const struct cf_schema_key *cf_schema_next_required(const struct cf_schema_key *key,
                                                    const char *path, const char **ret_name)
{
    size_t length = strlen(path);

    for (key = key ? key + 1 : keys; key < keys + COUNT(keys); key++) {
        *ret_name = key->required ? find_name(key, path, length) : NULL;
        if (*ret_name)
            return key;
    }
    return NULL;
}

size_t cf_schema_children(const char *path, const char *names[CF_SCHEMA_CHILDREN_MAX])
{
    size_t length = strlen(path), n = 0;

    for (size_t i = 0; i < COUNT(keys) && n < CF_SCHEMA_CHILDREN_MAX; i++) {
        const char *name = find_name(&keys[i], path, length);

        if (name)
            names[n++] = name;
    }
    return n;
}

bool cf_schema_is_inherited(const struct cf_schema_key *key)
{
    /* Keys of a list's maps are no keys of their own. */
    return key->since && key->merge != CF_MERGE_OWN && !strchr(key->path, '[');
}

#define NOT_IN_FORCE_MAX 16

const char *const *cf_policy_not_in_force(size_t *ret_n)
{
    static const char *paths[NOT_IN_FORCE_MAX];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(keys) && n < NOT_IN_FORCE_MAX; i++)
        if (keys[i].protection && !keys[i].since)
            paths[n++] = keys[i].path;
    *ret_n = n;
    return paths;
}
