/*
 * proxy.h - the way out through a proxy: what the keys of `proxy` mean
 *
 * The profile has one struct cf_proxy. The password is not in it, only where
 * it comes from: what a run needs of it is read when the run starts
 * (base/secret.h), and is never part of what is shown. No I/O.
 */
#ifndef CF_PROFILE_PROXY_H
#define CF_PROFILE_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"

struct cf_flow_query;
struct cf_profile;
struct cf_rule;

enum cf_proxy_scheme {
    CF_PROXY_NONE,        /* there is no proxy */
    CF_PROXY_HTTP,        /* CONNECT (RFC 9110, 9.3.6) */
    CF_PROXY_HTTPS,       /* the same in TLS */
    CF_PROXY_SOCKS5,      /* RFC 1928; addresses are resolved here */
    CF_PROXY_SOCKS5H,     /* the same; names are resolved there */
    CF_PROXY_SOCKS5_UNIX, /* as SOCKS5, by a socket of the file system */
    CF_PROXY_SCHEME_COUNT
};

/* RFC 1929, 2: a name and a password have at most so many octets, and one at least. */
#define CF_PROXY_CREDENTIAL_MAX 255

/* The longest path of a socket, without its NUL (unix(7)). */
#define CF_PROXY_PATH_MAX 107

/* The longest URL of a policy, in bytes. */
#define CF_PROXY_URL_MAX 2048

struct cf_proxy_url {
    enum cf_proxy_scheme scheme;
    char *name;             /* normalised; NULL when it is an address or a path */
    struct cf_addr_port at; /* the address, family NONE when `name` is set; the port of both */
    char *path;             /* SOCKS5_UNIX: absolute; else NULL */
};

struct cf_proxy {
    struct cf_proxy_url url;
    char *username;      /* NULL: none, and then there is no password either */
    char *password_env;  /* the variable that holds it; NULL: not from one */
    char *password_file; /* an absolute path; NULL: not from a file */
    char *ca_file;       /* an absolute path; HTTPS alone; NULL: the system's authorities */
    char *ca_text;       /* what was in it when the policy was read: PEM, with a NUL behind */
    size_t ca_length;
    int64_t timeout_ms;        /* for the proxy to answer, each flow, with its own connect */
    bool require;              /* what cannot go through the proxy does not go */
    struct cf_profile *bypass; /* its rules are the entries, all of them allow; NULL: none */
};

/*
 * Parse a URL of a policy:
 *
 *     http://HOST[:PORT]  https://HOST[:PORT]  socks5://HOST[:PORT]
 *     socks5h://HOST[:PORT]  socks5+unix:/PATH
 *
 * HOST is a name (international ones too), an IPv4 address, or an IPv6 address
 * in brackets; one that is IPv4-mapped is the IPv4 address. Without PORT it is
 * 1080, as for curl, and 443 of https. A final '/' may stand behind; a user
 * part, another path, a query and a fragment are errors. No message holds any
 * part of a URL that has a user part.
 *
 * ret:        the caller's, cf_proxy_url_done()
 * ret_column: offset in text of what was wrong, written on failure; may be NULL
 *
 * Returns 0, -EINVAL with what was expected and what was got, or -ENOMEM.
 */
int cf_proxy_url_parse(const char *text, struct cf_proxy_url *ret, size_t *ret_column,
                       struct cf_error *err);
void cf_proxy_url_done(struct cf_proxy_url *url);

/* Canonical text, always with a port, that parses to the same; the caller's, NULL: no memory. */
char *cf_proxy_url_format(const struct cf_proxy_url *url);

/* "http" and so on; static. */
const char *cf_proxy_scheme_name(enum cf_proxy_scheme scheme);

/* Whether the proxy is given names, and not only addresses. */
bool cf_proxy_takes_names(enum cf_proxy_scheme scheme);
/* Whether the scheme has a way for datagrams (RFC 1928, 7), which a proxy may still refuse. */
bool cf_proxy_takes_udp(enum cf_proxy_scheme scheme);

void cf_proxy_done(struct cf_proxy *proxy);

/* How an allowed flow leaves. */
enum cf_route {
    CF_ROUTE_DIRECT,   /* there is no proxy, it is bypassed, or it need not be used */
    CF_ROUTE_PROXY,    /* through it; what it cannot take is denied as `proxy_required` */
    CF_ROUTE_REQUIRED, /* not at all: the scheme has no way for it, and `require` is on */
    CF_ROUTE_COUNT
};

/*
 * The route of a flow that the rules allow; the profile is sealed. Never fails.
 * cf_verdict_flow() denies what is REQUIRED, so that a flow that it allows has
 * one of the others, or, in audit mode, is let through directly.
 *
 * A flow is bypassed when an entry of `bypass` holds its address, or when it
 * has names and each one that was asked for (no alias) is held by an entry: an
 * address that a further name leads to is not spoken to around the proxy.
 *
 * ret_bypass: set to the entry that decided, or to NULL; may be NULL
 */
enum cf_route cf_proxy_route(const struct cf_profile *profile, const struct cf_flow_query *query,
                             const struct cf_rule **ret_bypass);

/*
 * Whether some flow to this name (normalised) is bypassed by name, so that
 * its addresses are needed here.
 */
bool cf_proxy_bypasses_name(const struct cf_profile *profile, const char *name);

/* Where the names of a run are resolved. */
enum cf_proxy_dns {
    CF_PROXY_DNS_DIRECT, /* by DNS servers that are asked from here: nothing requires a proxy */
    CF_PROXY_DNS_TUNNEL, /* by DNS servers that are asked through the proxy */
    CF_PROXY_DNS_NAMES,  /* by the proxy itself, but for names that are bypassed */
    CF_PROXY_DNS_COUNT
};

/*
 * With `require` the proxy resolves names when it takes them and the policy
 * lists no server under dns.servers; else the servers are asked through it.
 */
enum cf_proxy_dns cf_proxy_dns(const struct cf_profile *profile);

/* Whether the proxy resolves this name (normalised), so that its addresses are not known here. */
bool cf_proxy_resolves_name(const struct cf_profile *profile, const char *name);

/* Whether some entry of `bypass` is by name, so that names may have to be resolved here. */
bool cf_proxy_bypasses_names(const struct cf_profile *profile);

/*
 * Whether this server is asked through the proxy: with CF_PROXY_DNS_TUNNEL,
 * unless an entry of `bypass` holds it for UDP and for TCP. The profile is sealed.
 */
bool cf_proxy_dns_tunnels(const struct cf_profile *profile, const struct cf_addr_port *server);

#endif
