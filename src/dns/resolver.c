/*
 * resolver.c - the stub resolver of a run
 *
 * How this works. A question goes down these steps until one of them ends it:
 *
 *   protocol  not a query: silence; another opcode: NOTIMP; not one question,
 *             or malformed: FORMERR; EDNS version above 0: BADVERS; a class
 *             other than IN: REFUSED
 *   type      one of deny_types, or a zone transfer: REFUSED, and no data for
 *             A and AAAA
 *   name      octets that no host name has: REFUSED, since what the policy
 *             compares must be what is sent
 *   hosts     the policy answers itself: `hosts`, the host's loopback, and the
 *             names of those addresses
 *   policy    the name is denied: the deny answer, at once; when some rule is
 *             for a program, it is found out first who asks
 *   proxy     it resolves the name: a stand-in is given (dns/proxied.h)
 *   cache     what is kept is judged along its chain for each who asks
 *   upstream  the question waits in the list of queries under way
 *
 * and what comes back from upstream loses its keys for ECH, is kept in the
 * cache, judged along its chain of CNAMEs and by its addresses, bound, logged
 * and given, in this order. Answers from the
 * cache are bound again. In audit mode what the policy denies goes on with
 * would_deny set, and is logged like that.
 *
 * A query under way ends in one of three ways: upstream_answered(),
 * cf_resolver_cancel(), cf_resolver_free(); each takes it off the list, logs
 * it and frees it.
 */
#include "dns/resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "dns/ask.h"
#include "dns/cache.h"
#include "dns/ech.h"
#include "dns/judge.h"
#include "dns/proxied.h"
#include "dns/upstream.h"
#include "profile/encrypted.h"
#include "profile/protection.h"

#define OPT_SIZE 11
#define OPTIONS_MAX 512

struct cf_query {
    struct cf_query *next, *prev;
    struct cf_resolver *resolver;
    struct cf_lookup *lookup;
    char *process_text; /* what ask.process points at; or NULL */
    struct cf_ask ask;
};

struct cf_resolver {
    struct cf_upstream *upstream;
    struct cf_cache *cache; /* NULL: off */
    struct cf_query *queries;
    uint64_t n_asked;
    void (*settled)(void *data);
    void *settled_data;
    struct cf_ask_desk desk;
    uint8_t stripped[CF_WIRE_MESSAGE_MAX]; /* an answer without its keys for ECH */
};

/* The first, the second, the fourth and so on are logged: a flood shall not fill the log. */
static void unasked(void *data, const struct cf_addr_port *server, uint64_t n,
                    const uint8_t *message, size_t length)
{
    struct cf_resolver *resolver = data;
    char text[CF_ADDR_PORT_TEXT_SIZE];

    if ((n & (n - 1)) != 0)
        return;
    cf_audit_warn(resolver->desk.config.audit, "dns_unasked",
                  "%s: %llu dropped that answer%s no question of this run; the last has %zu octets "
                  "and the id 0x%04x",
                  cf_addr_port_format(server, text), (unsigned long long)n, n == 1 ? "s" : "",
                  length, length >= 2 ? cf_wire_u16(message) : 0U);
}

static void upstream_settled(void *data)
{
    const struct cf_resolver *resolver = data;

    if (resolver->settled)
        resolver->settled(resolver->settled_data);
}

static bool is_tunnelled(void *data, const struct cf_addr_port *server)
{
    const struct cf_resolver *resolver = data;

    return cf_proxy_dns_tunnels(resolver->desk.config.profile, server);
}

static int stream_open(void *data, const struct cf_addr_port *server)
{
    const struct cf_resolver_config *config = &((const struct cf_resolver *)data)->desk.config;

    return config->stream_open ? config->stream_open(config->stream_data, server) : -EOPNOTSUPP;
}

/* What no tunnel of the proxy leads to, or carries. A loopback means another host to the proxy. */
static int check_tunnelled(struct cf_resolver *resolver, struct cf_error *err)
{
    bool udp = resolver->desk.config.profile->dns.transport == CF_TRANSPORT_UDP;
    char text[CF_ADDR_PORT_TEXT_SIZE];
    size_t n;
    const struct cf_addr_port *servers = cf_resolver_servers(resolver, &n);

    for (size_t i = 0; i < n; i++) {
        if (!is_tunnelled(resolver, &servers[i]))
            continue;
        if (cf_addr_group_find(CF_GROUP_LOOPBACK, &servers[i].addr))
            return cf_error_set(err, -EADDRNOTAVAIL,
                                "the DNS server '%s' is on this host, where the proxy does not "
                                "reach it; list servers that it reaches under dns.servers, or the "
                                "address under proxy.bypass",
                                cf_addr_port_format(&servers[i], text));
        if (udp)
            return cf_error_set(err, -EPROTONOSUPPORT,
                                "the DNS server '%s' is asked through the proxy, over TCP, but "
                                "dns.transport is 'udp'; set it to auto or tcp, or list the "
                                "address under proxy.bypass",
                                cf_addr_port_format(&servers[i], text));
    }
    return 0;
}

/* Whether there can be a name that neither the policy nor the proxy resolves. */
static bool asks_upstream(const struct cf_profile *profile)
{
    return cf_proxy_dns(profile) != CF_PROXY_DNS_NAMES || cf_proxy_bypasses_names(profile);
}

int cf_resolver_new(const struct cf_resolver_config *config, struct cf_resolver **ret_resolver,
                    struct cf_error *err)
{
    struct cf_resolver *resolver = calloc(1, sizeof *resolver);
    struct cf_upstream_config upstream = {
        .loop = config->loop,
        .servers = config->profile->dns.servers,
        .n_servers = config->profile->dns.n_servers,
        .interface = config->interface,
        .resolv_conf = config->resolv_conf,
        .timeout_ms = (uint32_t)config->profile->dns.timeout_ms,
        .attempts = (unsigned)config->profile->dns.attempts,
        .transport = config->profile->dns.transport,
        .unasked = unasked,
        .settled = upstream_settled,
        .is_tunnelled = is_tunnelled,
        .stream_open = stream_open,
        .data = resolver,
    };
    int r = 0;

    if (!resolver)
        return cf_error_errno(err, -ENOMEM, "cannot make the resolver");
    resolver->desk.config = *config;
    resolver->desk.by_program = cf_profile_has_exe(config->profile);
    if (asks_upstream(config->profile))
        r = cf_upstream_new(&upstream, &resolver->upstream, err);
    if (r == 0)
        r = check_tunnelled(resolver, err);
    if (r == 0 && config->profile->dns.cache > 0) {
        r = cf_cache_new((size_t)config->profile->dns.cache, &resolver->cache);
        if (r < 0)
            cf_error_errno(err, r, "cannot make the resolver's cache");
    }
    if (r < 0) {
        cf_resolver_free(resolver);
        return r;
    }
    *ret_resolver = resolver;
    return 0;
}

static void query_free(struct cf_query *query)
{
    if (query->next)
        query->next->prev = query->prev;
    if (query->prev)
        query->prev->next = query->next;
    else
        query->resolver->queries = query->next;
    free(query->process_text);
    free(query);
}

void cf_resolver_cancel(struct cf_query *query)
{
    cf_upstream_cancel(query->lookup);
    cf_ask_silence(&query->ask, false);
    query_free(query);
}

void cf_resolver_free(struct cf_resolver *resolver)
{
    if (!resolver)
        return;
    while (resolver->queries)
        cf_resolver_cancel(resolver->queries);
    cf_upstream_free(resolver->upstream);
    cf_cache_free(resolver->cache);
    free(resolver);
}

const struct cf_addr_port *cf_resolver_servers(const struct cf_resolver *resolver, size_t *ret_n)
{
    *ret_n = 0;
    return resolver->upstream ? cf_upstream_servers(resolver->upstream, ret_n) : NULL;
}

void cf_resolver_settled(struct cf_resolver *resolver, void (*fn)(void *data), void *data)
{
    resolver->settled = fn;
    resolver->settled_data = data;
}

int cf_resolver_flush(struct cf_resolver *resolver)
{
    return cf_audit_flush(resolver->desk.config.audit);
}

const char *cf_resolver_library(void)
{
    return cf_upstream_library();
}

/* Did the shape of the message end the question? parsed: what reading it gave. */
static bool answer_protocol(struct cf_ask *ask, int parsed)
{
    const struct cf_profile *profile = ask->desk->config.profile;
    const struct cf_wire_query *query = &ask->query;
    unsigned rcode;

    if (parsed == -EPROTO) {
        cf_verdict_deny(profile, CF_REASON_MALFORMED, NULL, &ask->verdict);
        cf_ask_silence(ask, true);
        return true;
    }
    if (parsed == -ENOTSUP)
        rcode = CF_RCODE_NOTIMP;
    else if (parsed < 0)
        rcode = CF_RCODE_FORMERR;
    else if (query->edns.present && query->edns.version > 0)
        rcode = CF_RCODE_BADVERS;
    else if (query->class != CF_CLASS_IN)
        rcode = CF_RCODE_REFUSED;
    else
        return false;
    cf_verdict_deny(profile, CF_REASON_MALFORMED, NULL, &ask->verdict);
    cf_ask_fail(ask, rcode, CF_DNS_SOURCE_ERROR, NULL);
    return true;
}

/*
 * Did the type end the question? What programs ask for to find addresses has no
 * data then: they would take REFUSED for a server that does not work, and wait.
 */
static bool answer_type(struct cf_ask *ask)
{
    uint16_t type = ask->query.type;

    if (!cf_protection_type(ask->desk->config.profile, type, &ask->verdict))
        return false;
    if (type == CF_TYPE_AXFR || type == CF_TYPE_IXFR) { /* there is nothing to let it through to */
        ask->verdict.action = CF_DENY;
        ask->verdict.would_deny = false;
    }
    if (cf_judge_passes(&ask->verdict))
        return false;
    cf_ask_fail(ask,
                type == CF_TYPE_A || type == CF_TYPE_AAAA ? CF_RCODE_NOERROR : CF_RCODE_REFUSED,
                CF_DNS_SOURCE_POLICY, NULL);
    return true;
}

/* Did the name's octets end the question? */
static bool answer_name(struct cf_ask *ask)
{
    const struct cf_profile *profile = ask->desk->config.profile;

    ask->named = cf_domain_to_name(&ask->query.name, false, ask->name) == 0;
    if (ask->named)
        return false;
    cf_verdict_deny(profile, CF_REASON_MALFORMED, NULL, &ask->verdict);
    if (cf_judge_passes(&ask->verdict))
        return false;
    cf_ask_fail(ask, CF_RCODE_REFUSED, CF_DNS_SOURCE_POLICY, NULL);
    return true;
}

static void add_if_type(struct cf_reply *reply, const struct cf_addr *addr)
{
    uint16_t type = addr->family == CF_FAMILY_IPV4 ? CF_TYPE_A : CF_TYPE_AAAA;

    if (addr->family != CF_FAMILY_NONE && reply->query->type == type)
        cf_reply_add_addr(reply, addr, CF_ASK_TTL_S);
}

/* The host's loopback is reached through addresses of the gateway; the log names their flows. */
static bool add_loopback(struct cf_ask *ask, struct cf_reply *reply)
{
    const struct cf_resolver_config *config = &ask->desk->config;
    const struct cf_addr *addrs[] = { &config->loopback4, &config->loopback6 };

    if (config->profile->egress.n_host_ports == 0 || strcmp(ask->name, CF_HOST_LOOPBACK_NAME) != 0)
        return false;
    for (size_t i = 0; i < 2; i++) {
        if (addrs[i]->family != CF_FAMILY_NONE)
            (void)cf_names_bind(config->names, addrs[i], ask->name, false, ask->id,
                                CF_NAMES_TTL_MAX_S, ask->started_us);
        add_if_type(reply, addrs[i]);
    }
    return true;
}

/* The name of an address that `hosts` has, or of the host's loopback. */
static bool add_reverse(struct cf_ask *ask, struct cf_reply *reply)
{
    const struct cf_resolver_config *config = &ask->desk->config;
    struct cf_flow_name names[CF_NAMES_PER_ADDR];
    uint64_t ids[CF_NAMES_PER_ADDR];
    struct cf_domain target;
    struct cf_addr addr;
    bool found = false;
    size_t n;

    if (cf_domain_to_addr(&ask->query.name, &addr) < 0)
        return false;
    n = cf_names_find(config->names, &addr, ask->started_us, names, ids);
    for (size_t i = 0; i < n && names[i].pinned; i++) {
        found = true;
        if (ask->query.type == CF_TYPE_PTR && cf_domain_from_host(names[i].name, &target) == 0)
            cf_reply_add_ptr(reply, &target, CF_ASK_TTL_S);
    }
    if (config->profile->egress.n_host_ports > 0 &&
        (cf_addr_equal(&addr, &config->loopback4) || cf_addr_equal(&addr, &config->loopback6))) {
        found = true;
        if (ask->query.type == CF_TYPE_PTR &&
            cf_domain_from_host(CF_HOST_LOOPBACK_NAME, &target) == 0)
            cf_reply_add_ptr(reply, &target, CF_ASK_TTL_S);
    }
    return found;
}

/* Did the policy answer the question itself? */
static bool answer_hosts(struct cf_ask *ask)
{
    const struct cf_profile *profile = ask->desk->config.profile;
    const struct cf_host *host;
    struct cf_wire_answer built;
    struct cf_reply reply;

    if (!ask->named)
        return false;
    cf_reply_start(&reply, ask->desk->reply, &ask->query, CF_RCODE_NOERROR);
    host = cf_profile_host_find(profile, ask->name);
    for (size_t i = 0; host && i < host->n_addrs; i++)
        add_if_type(&reply, &host->addrs[i]);
    if (!host && !add_loopback(ask, &reply) && !add_reverse(ask, &reply))
        return false;
    if (!ask->verdict.would_deny)
        ask->verdict = (struct cf_verdict) { .action = CF_ALLOW, .reason = CF_REASON_DEFAULT };
    cf_wire_answer_parse(reply.data, reply.length, &ask->query, &built);
    cf_ask_give(ask, &reply, CF_DNS_SOURCE_HOSTS, NULL, &built);
    return true;
}

/*
 * Bind and give an answer that was judged. Without its binding an answer would
 * lead to a flow that is denied: then it is none.
 */
static void give_answer(struct cf_ask *ask, const struct cf_wire_answer *answer,
                        const struct cf_chain *chain, enum cf_dns_source source,
                        const struct cf_addr_port *server, int64_t now_us)
{
    uint8_t options[OPTIONS_MAX];
    struct cf_reply reply;

    if (cf_judge_bind(ask, chain, now_us) < 0) {
        cf_ask_fail(ask, CF_RCODE_SERVFAIL, CF_DNS_SOURCE_ERROR, server);
        return;
    }
    cf_reply_start(&reply, ask->desk->reply, &ask->query, answer->rcode);
    cf_reply_copy(&reply, answer);
    reply.options_length = cf_wire_options_copy(&answer->edns, options, sizeof options);
    reply.options = options;
    cf_ask_give(ask, &reply, source, server, answer);
}

/* Does a name of the chain, or an address of the answer, end the question? */
static bool answer_chain(struct cf_ask *ask, const struct cf_chain *chain,
                         const struct cf_addr_port *server)
{
    if (!ask->verdict.would_deny)
        cf_judge_chain(ask, chain);
    if (cf_judge_passes(&ask->verdict) && !ask->verdict.would_deny)
        cf_judge_addrs(ask, chain->answer);
    if (cf_judge_passes(&ask->verdict))
        return false;
    cf_ask_deny(ask, server);
    return true;
}

/* Was the answer kept? */
static bool answer_cache(struct cf_resolver *resolver, struct cf_ask *ask)
{
    const struct cf_wire_answer *answer;
    struct cf_chain chain;

    if (!resolver->cache)
        return false;
    answer = cf_cache_find(resolver->cache, &ask->query, ask->started_us);
    if (!answer || cf_chain_read(answer, &ask->query.name, &chain) < 0)
        return false;
    if (!answer_chain(ask, &chain, NULL))
        give_answer(ask, answer, &chain, CF_DNS_SOURCE_CACHE, NULL, ask->started_us);
    return true;
}

/* Was it a canary of encrypted DNS, which has an answer that programs understand? */
static bool answer_canary(struct cf_ask *ask)
{
    enum cf_canary canary = cf_encrypted_canary(ask->name);

    if (ask->verdict.reason != CF_REASON_ENCRYPTED_DNS || canary == CF_CANARY_NONE)
        return false;
    cf_ask_fail(ask, canary == CF_CANARY_NODATA ? CF_RCODE_NOERROR : CF_RCODE_NXDOMAIN,
                CF_DNS_SOURCE_POLICY, NULL);
    return true;
}

/* Did the policy deny the name? */
static bool answer_denied(struct cf_ask *ask)
{
    if (ask->desk->by_program)
        cf_ask_process_find(ask);
    if (ask->named && !ask->verdict.would_deny)
        cf_judge_name(ask);
    if (cf_judge_passes(&ask->verdict))
        return false;
    if (!answer_canary(ask))
        cf_ask_deny(ask, NULL);
    return true;
}

static void upstream_judged(struct cf_resolver *resolver, struct cf_ask *ask,
                            const uint8_t *message, size_t length,
                            const struct cf_addr_port *server)
{
    bool strip = ask->desk->config.profile->dns.strip_ech;
    int64_t now_us = cf_clock_monotonic_us();
    struct cf_wire_answer answer;
    struct cf_chain chain;

    if (!message) {
        cf_ask_fail(ask, CF_RCODE_SERVFAIL, CF_DNS_SOURCE_ERROR, server);
        return;
    }
    if (cf_wire_answer_parse(message, length, &ask->query, &answer) < 0 ||
        (strip && cf_ech_strip(&answer, resolver->stripped) < 0) ||
        cf_chain_read(&answer, &ask->query.name, &chain) < 0) {
        cf_verdict_deny(ask->desk->config.profile, CF_REASON_MALFORMED, NULL, &ask->verdict);
        cf_ask_fail(ask, CF_RCODE_SERVFAIL, CF_DNS_SOURCE_ERROR, server);
        return;
    }
    if (resolver->cache)
        cf_cache_put(resolver->cache, &ask->query, &answer, now_us);
    if (answer_chain(ask, &chain, server))
        return;
    give_answer(ask, &answer, &chain, CF_DNS_SOURCE_UPSTREAM, server, now_us);
}

static void upstream_answered(void *data, const uint8_t *message, size_t length,
                              const struct cf_addr_port *server)
{
    struct cf_query *query = data;
    struct cf_resolver *resolver = query->resolver;
    char *process_text = query->process_text; /* the ask points at it */
    struct cf_ask ask = query->ask;

    query->process_text = NULL;
    query_free(query);
    upstream_judged(resolver, &ask, message, length, server);
    free(process_text);
}

/*
 * The question as it goes out. Of the client's own octets there are only the name,
 * in lower case as it was compared, the type and three flags: case and EDNS options
 * (which are for one hop, RFC 6891, 6.1.1) could carry what no event shows.
 */
static size_t message_build(const struct cf_wire_query *query, uint8_t *message, size_t *ret_opt_at)
{
    uint8_t *question = message + CF_WIRE_HEADER_SIZE, *opt = question + query->question_length;
    struct cf_domain name = query->name;

    cf_domain_lower(&name);
    memset(message, 0, CF_WIRE_HEADER_SIZE);
    cf_wire_put_u16(message + 2, query->flags & (CF_WIRE_RD | CF_WIRE_AD | CF_WIRE_CD));
    cf_wire_put_u16(message + 4, 1);
    cf_wire_put_u16(message + 10, 1);
    memcpy(question, query->question, query->question_length);
    memcpy(question, name.bytes, name.length);
    memset(opt, 0, OPT_SIZE);
    cf_wire_put_u16(opt + 1, CF_TYPE_OPT);
    cf_wire_put_u16(opt + 3, CF_REPLY_UDP_TAKEN);
    if (query->edns.dnssec_ok)
        opt[7] = 0x80;
    *ret_opt_at = (size_t)(opt - message);
    return *ret_opt_at + OPT_SIZE;
}

/*
 * Who asks is looked up while the server thinks: it costs the answer no time,
 * and the program still has its socket.
 */
static int query_start(struct cf_query *query, const struct cf_ask *ask)
{
    uint8_t message[CF_WIRE_HEADER_SIZE + sizeof ask->query.question + OPT_SIZE];
    size_t length, opt_at;
    int r;

    length = message_build(&ask->query, message, &opt_at);
    r = cf_upstream_ask(query->resolver->upstream, message, length, opt_at, upstream_answered,
                        query, &query->lookup);
    if (r < 0)
        return r;
    query->ask = *ask;
    query->ask.query.edns.options = NULL; /* belonged to the client's message */
    query->ask.query.edns.options_length = 0;
    cf_ask_process_find(&query->ask);
    r = cf_ask_process_keep(&query->ask, &query->process_text);
    if (r < 0)
        cf_upstream_cancel(query->lookup);
    return r;
}

static void ask_upstream(struct cf_resolver *resolver, struct cf_ask *ask,
                         struct cf_query **ret_query)
{
    struct cf_query *query = calloc(1, sizeof *query);
    int r = -ENOMEM;

    if (query) {
        query->resolver = resolver;
        r = query_start(query, ask);
    }
    if (r < 0) {
        free(query);
        if (r == -ENOSPC)
            ask->verdict = (struct cf_verdict) { .action = CF_DENY, .reason = CF_REASON_LIMIT };
        cf_ask_fail(ask, CF_RCODE_SERVFAIL, CF_DNS_SOURCE_ERROR, NULL);
        return;
    }
    query->next = resolver->queries;
    if (query->next)
        query->next->prev = query;
    resolver->queries = query;
    *ret_query = query;
}

int cf_resolver_query(struct cf_resolver *resolver, const struct cf_dns_client *client,
                      const uint8_t *message, size_t length,
                      void (*reply)(void *data, const uint8_t *message, size_t length), void *data,
                      struct cf_query **ret_query)
{
    struct cf_ask ask;
    int parsed;

    ask.desk = &resolver->desk;
    ask.client = *client;
    ask.id = ++resolver->n_asked;
    ask.started_us = cf_clock_monotonic_us();
    ask.named = false;
    ask.name[0] = '\0';
    ask.verdict = (struct cf_verdict) { .action = CF_DENY, .reason = CF_REASON_DEFAULT };
    ask.process = (struct cf_event_process) { 0 };
    ask.process_known = false;
    ask.reply = reply;
    ask.data = data;
    *ret_query = NULL;
    parsed = cf_wire_query_parse(message, length, &ask.query);
    if (!answer_protocol(&ask, parsed) && !answer_type(&ask) && !answer_name(&ask) &&
        !answer_hosts(&ask) && !answer_denied(&ask) && !cf_proxied_answer(&ask) &&
        !answer_cache(resolver, &ask))
        ask_upstream(resolver, &ask, ret_query);
    return 0;
}
