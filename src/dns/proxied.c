/*
 * proxied.c - questions whose names the proxy is to resolve
 *
 * How this works. What a program connects to is a stand-in (dns/standins.h),
 * and the proxy is asked for its name. The name is judged before; where it
 * leads is not known here, so nothing but the name is. Two kinds of names are
 * kept from the proxy, since it would not resolve them but take them for an
 * address that no rule has seen: those whose last label is a number, which
 * many read as IPv4 addresses ("10.0.0.1", "127.1", "0x7f000001"), and those
 * of the proxy's own loopback (RFC 6761, 6.3).
 */
#include "dns/proxied.h"

#include <errno.h>
#include <string.h>

static const char digits[] = "0123456789", hex_digits[] = "0123456789abcdef";

/* As the URL standard tells hosts that are addresses. name: normalised */
static bool ends_in_a_number(const char *name)
{
    const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;

    if (last[strspn(last, digits)] == '\0')
        return true;
    return last[0] == '0' && last[1] == 'x' && last[2 + strspn(last + 2, hex_digits)] == '\0';
}

static bool is_loopback_name(const char *name)
{
    static const char loopback[] = "localhost";
    size_t length = strlen(name), own = sizeof loopback - 1;

    return length >= own && strcmp(name + length - own, loopback) == 0 &&
           (length == own || name[length - own - 1] == '.');
}

/* The first, the second, the fourth and so on are told: a flood shall not fill the log. */
static void warn_exhausted(struct cf_ask *ask)
{
    uint64_t n = ++ask->desk->n_exhausted;

    if ((n & (n - 1)) == 0)
        cf_audit_warn(ask->desk->config.audit, "standins_exhausted",
                      "all stand-ins for names that the proxy resolves are given: '%s' got none "
                      "(%llu such questions)",
                      ask->name, (unsigned long long)n);
}

static int add_standin(struct cf_ask *ask, struct cf_reply *reply)
{
    struct cf_addr addr;
    int r;

    if (!ask->named || ask->query.type != CF_TYPE_A || is_loopback_name(ask->name))
        return 0;
    r = cf_names_standin(ask->desk->config.names, ask->name, ask->id, &addr);
    if (r == -ENOSPC)
        warn_exhausted(ask);
    if (r == 0)
        cf_reply_add_addr(reply, &addr, CF_ASK_TTL_S);
    return r;
}

static void add_name(struct cf_ask *ask, struct cf_reply *reply)
{
    const struct cf_names *names = ask->desk->config.names;
    struct cf_flow_name found[CF_NAMES_PER_ADDR];
    uint64_t ids[CF_NAMES_PER_ADDR];
    struct cf_domain target;
    struct cf_addr addr;

    if (ask->query.type == CF_TYPE_PTR && cf_domain_to_addr(&ask->query.name, &addr) == 0 &&
        cf_names_is_standin(names, &addr) &&
        cf_names_find(names, &addr, ask->started_us, found, ids) > 0 &&
        cf_domain_from_host(found[0].name, &target) == 0)
        cf_reply_add_ptr(reply, &target, CF_ASK_TTL_S);
}

bool cf_proxied_answer(struct cf_ask *ask)
{
    const struct cf_profile *profile = ask->desk->config.profile;
    struct cf_wire_answer built;
    struct cf_reply reply;

    if (ask->named ? !cf_proxy_resolves_name(profile, ask->name)
                   : cf_proxy_dns(profile) != CF_PROXY_DNS_NAMES)
        return false;
    if (ask->named && ends_in_a_number(ask->name)) {
        ask->verdict = (struct cf_verdict) { .action = CF_DENY, .reason = CF_REASON_MALFORMED };
        cf_ask_fail(ask, CF_RCODE_REFUSED, CF_DNS_SOURCE_POLICY, NULL);
        return true;
    }
    cf_reply_start(&reply, ask->desk->reply, &ask->query, CF_RCODE_NOERROR);
    if (add_standin(ask, &reply) < 0) {
        cf_ask_fail(ask, CF_RCODE_SERVFAIL, CF_DNS_SOURCE_ERROR, NULL);
        return true;
    }
    add_name(ask, &reply);
    cf_wire_answer_parse(reply.data, reply.length, &ask->query, &built);
    cf_ask_give(ask, &reply, CF_DNS_SOURCE_PROXY, NULL, &built);
    return true;
}
