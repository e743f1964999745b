/*
 * answer.c - questions put to the code that enforces
 *
 * How this works. A question has places: the addresses that its host has (the
 * address itself, those of `hosts`, those of --address), or one place whose
 * address is not known. For a known address cf_judge() of the engine says
 * whether the flow is carried at all and what the verdict is; cf_trace_flow()
 * says how the other rules fared, with the names that the engine would know.
 * An unknown one is one that only rules for all addresses hold; condition.c
 * looks for what would decide otherwise.
 *
 * A question without a port is put once for each class of flows that the
 * rules can tell apart: classes begin at port 1, at the first port of a range
 * of a rule whose host is right, or of an entry of proxy.bypass, and behind its
 * last. Neighbours with the same verdict and way out become one row again. Port 53
 * is the resolver's, which cf_flow_is_for_resolver() says to the engine and here.
 */
#include "cli/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dns/names.h"
#include "engine/judge.h"
#include "netlink/gateway.h"
#include "profile/encrypted.h"
#include "profile/match.h"
#include "profile/protection.h"

/* A long life for a name that the question gives an address. */
#define BIND_S 3600

static const enum cf_proto protos[] = { CF_PROTO_TCP, CF_PROTO_UDP, CF_PROTO_ICMP };
#define N_PROTOS (sizeof protos / sizeof protos[0])

/* One place being asked about. */
struct asking {
    const struct cf_inquiry *inquiry;
    const struct cf_question *question;
    const struct cf_flow_name *name;
    struct cf_explain_place *place;
    struct cf_names *names;
};

/* One more in an array that grows by doubling; 0 or -ENOMEM. */
static int grow(void **array, size_t n, size_t size)
{
    void *grown;

    if ((n & (n - 1)) != 0)
        return 0;
    grown = reallocarray(*array, n ? n * 2 : 1, size);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    return 0;
}

#define GROW(array, n) grow((void **)&(array), (n), sizeof *(array))

static bool is_loopback_name(const struct cf_question *question)
{
    return strcmp(question->name, "localhost") == 0;
}

static bool is_host_name(const struct cf_question *question)
{
    return strcmp(question->name, CF_HOST_LOOPBACK_NAME) == 0;
}

const char *cf_answer_never(const struct cf_profile *profile, const struct cf_addr *addr)
{
    if (addr->family == CF_FAMILY_NONE)
        return NULL;
    if (cf_addr_group_find(CF_GROUP_LOOPBACK, addr))
        return "inside, this is the sandbox's own loopback; a port of the host is opened by "
               "'host_ports' as " CF_HOST_LOOPBACK_NAME;
    if (cf_destination_multicast(addr))
        return "multicast and broadcast are not carried";
    if (cf_destination_never(addr))
        return "no socket outside is ever given this address";
    if (addr->family == CF_FAMILY_IPV6 && profile->egress.ipv6 == CF_IPV6_OFF)
        return "'egress.ipv6' is off: there is no IPv6 inside";
    return NULL;
}

/* Whether the answer that has the place's address would be denied, and the address not be known. */
static bool is_rebinding(const struct asking *asking, struct cf_verdict *ret_verdict)
{
    const struct cf_question *question = asking->question;

    return question->name[0] && !asking->place->hosts && !is_loopback_name(question) &&
           !is_host_name(question) &&
           cf_protection_answer(asking->inquiry->profile, question->name, &asking->place->addr,
                                asking->inquiry->exe, ret_verdict);
}

/* How a flow leaves when it is allowed. */
struct way {
    enum cf_route route;
    const struct cf_rule *bypass;
    bool to_resolver; /* nowhere: it is answered inside */
};

/* Audit mode cannot let through what has no address but the proxy's, and no way there. */
static void deny_stranded(const struct asking *asking, const struct way *way,
                          struct cf_verdict *verdict)
{
    if (verdict->action != CF_ALLOW || way->route != CF_ROUTE_REQUIRED ||
        !cf_proxy_resolves_name(asking->inquiry->profile, asking->question->name))
        return;
    verdict->action = CF_DENY;
    verdict->would_deny = false;
}

/*
 * Judge one flow and trace it, by what the engine would know. What does not go
 * to the world has no way out, and of what goes to the resolver there is no
 * flow: no rule is asked.
 */
static int ask(const struct asking *asking, enum cf_proto proto, uint16_t port,
               struct cf_judgement *judgement, struct cf_trace *ret_trace, struct way *ret_way)
{
    const struct cf_profile *profile = asking->inquiry->profile;
    const struct cf_addr_port dst = { asking->place->addr, port };
    struct cf_flow_query query = {
        .proto = proto,
        .dst = dst.addr,
        .port = port,
        .exe = asking->inquiry->exe,
        .names = asking->name,
        .n_names = asking->question->name[0] ? 1 : 0,
    };
    int r;

    *ret_way = (struct way) { .to_resolver = cf_flow_is_for_resolver(proto, port) };
    if (ret_way->to_resolver) {
        *ret_trace = (struct cf_trace) { .verdict = { .action = CF_ALLOW,
                                                      .reason = CF_REASON_DEFAULT } };
        return 0;
    }
    if (dst.addr.family == CF_FAMILY_NONE) {
        ret_way->route = cf_proxy_route(profile, &query, &ret_way->bypass);
        r = cf_trace_flow(profile, &query, ret_trace);
        if (r == 0)
            deny_stranded(asking, ret_way, &ret_trace->verdict);
        return r;
    }
    if (is_rebinding(asking, &judgement->verdict)) {
        *ret_trace = (struct cf_trace) { .verdict = judgement->verdict };
        return 0;
    }
    cf_judge(profile, asking->names, 0, proto, &dst, query.exe, judgement);
    if (judgement->destination != CF_DESTINATION_WORLD) {
        *ret_trace = (struct cf_trace) { .verdict = judgement->verdict };
        return 0;
    }
    query.names = judgement->names;
    query.n_names = judgement->n_names;
    ret_way->route = cf_proxy_route(profile, &query, &ret_way->bypass);
    return cf_trace_flow(profile, &query, ret_trace);
}

/* Rows. */

static bool is_same_verdict(const struct cf_verdict *a, const struct cf_verdict *b)
{
    return a->action == b->action && a->would_deny == b->would_deny && a->reason == b->reason &&
           a->rule == b->rule && a->member == b->member && a->names_line == b->names_line;
}

static struct cf_explain_row *find_row(struct cf_explain_place *place,
                                       const struct cf_verdict *verdict, const struct way *way)
{
    for (size_t i = 0; i < place->n_rows; i++) {
        struct cf_explain_row *row = &place->rows[i];

        if (row->for_resolver == way->to_resolver && is_same_verdict(&row->verdict, verdict) &&
            (cf_answer_is_denial(verdict) ||
             (row->route == way->route && row->bypass == way->bypass)))
            return row;
    }
    if (GROW(place->rows, place->n_rows) < 0)
        return NULL;
    place->rows[place->n_rows] = (struct cf_explain_row) {
        .verdict = *verdict,
        .route = way->route,
        .bypass = way->bypass,
        .for_resolver = way->to_resolver,
    };
    return &place->rows[place->n_rows++];
}

static int add_range(struct cf_explain_place *place, const struct cf_verdict *verdict,
                     const struct way *way, struct cf_explain_range range)
{
    struct cf_explain_row *row = find_row(place, verdict, way);
    struct cf_explain_range *last;

    if (!row)
        return -ENOMEM;
    last = row->n_ranges > 0 ? &row->ranges[row->n_ranges - 1] : NULL;
    if (last && last->proto == range.proto && last->last + 1 == range.first) {
        last->last = range.last;
        return 0;
    }
    if (GROW(row->ranges, row->n_ranges) < 0)
        return -ENOMEM;
    row->ranges[row->n_ranges++] = range;
    return 0;
}

/* Which of two fates of one rule in two flows says more. */
static bool says_more(const struct cf_trace_entry *a, const struct cf_trace_entry *b)
{
    if (a->fate != b->fate)
        return a->fate < b->fate;
    return a->fate == CF_FATE_MISSED &&
           __builtin_popcount(a->misses) < __builtin_popcount(b->misses);
}

/* Remember each rule once, with the fate that says most. */
static int add_fates(struct cf_explain_place *place, const struct cf_trace *trace)
{
    for (size_t i = 0; i < trace->n_entries; i++) {
        const struct cf_trace_entry *entry = &trace->entries[i];
        size_t k = 0;

        while (k < place->n_losers &&
               (place->losers[k].rule != entry->rule || place->losers[k].member != entry->member ||
                place->losers[k].name != entry->name))
            k++;
        if (k == place->n_losers) {
            if (GROW(place->losers, place->n_losers) < 0)
                return -ENOMEM;
            place->losers[place->n_losers++] = *entry;
        } else if (says_more(entry, &place->losers[k])) {
            place->losers[k] = *entry;
        }
    }
    return 0;
}

static void drop_winners(struct cf_explain_place *place)
{
    size_t kept = 0;

    for (size_t i = 0; i < place->n_losers; i++) {
        if (place->losers[i].fate != CF_FATE_WON)
            place->losers[kept++] = place->losers[i];
    }
    place->n_losers = kept;
}

static int ask_class(const struct asking *asking, struct cf_explain_range range)
{
    cf_auto_free struct cf_judgement *judgement = calloc(1, sizeof *judgement);
    struct cf_trace trace = { 0 };
    struct way way;
    int r = -ENOMEM;

    if (judgement)
        r = ask(asking, range.proto, range.first, judgement, &trace, &way);
    if (r < 0)
        return r;
    /* The names of a judgement are borrowed; there is one, the question's own. */
    for (size_t i = 0; i < trace.n_entries; i++) {
        if (trace.entries[i].name)
            trace.entries[i].name = asking->name;
    }
    r = add_range(asking->place, &trace.verdict, &way, range);
    if (r == 0)
        r = add_fates(asking->place, &trace);
    cf_trace_done(&trace);
    return r;
}

/* Classes of ports. */

/* One bit for each port at which a class begins. */
struct marks {
    uint8_t bits[65536 / 8];
};

static void mark(struct marks *marks, unsigned port)
{
    if (port <= UINT16_MAX)
        marks->bits[port / 8] |= (uint8_t)(1u << port % 8);
}

static bool is_marked(const struct marks *marks, unsigned port)
{
    return marks->bits[port / 8] >> port % 8 & 1;
}

/*
 * A port that is not as its neighbours are, whatever the rules, is a class by
 * itself where they are allowed; elsewhere nothing goes there, as to the rest.
 */
static int mark_special(const struct asking *asking, enum cf_proto proto, unsigned port,
                        struct cf_judgement *judgement, struct marks *marks)
{
    for (int beside = -1; beside <= 1; beside += 2) {
        struct cf_trace trace;
        struct way way;
        bool allowed;
        int r = ask(asking, proto, (uint16_t)((int)port + beside), judgement, &trace, &way);

        if (r < 0)
            return r;
        allowed = !cf_answer_is_denial(&trace.verdict);
        cf_trace_done(&trace);
        if (!allowed)
            continue;
        mark(marks, port);
        mark(marks, port + 1);
        return 0;
    }
    return 0;
}

static void mark_ports(struct marks *marks, const struct cf_endpoint *endpoint)
{
    for (size_t k = 0; k < endpoint->n_ports; k++) {
        mark(marks, endpoint->ports[k].first);
        mark(marks, endpoint->ports[k].last + 1u);
    }
}

static int mark_classes(const struct asking *asking, enum cf_proto proto, struct marks *marks)
{
    cf_auto_free struct cf_judgement *judgement = calloc(1, sizeof *judgement);
    const struct cf_profile *profile = asking->inquiry->profile, *bypass = profile->proxy.bypass;
    struct cf_trace trace;
    struct way way;
    int r = -ENOMEM;

    if (judgement)
        r = ask(asking, proto, 1, judgement, &trace, &way);
    if (r < 0)
        return r;
    for (size_t i = 0; i < trace.n_entries; i++) {
        const struct cf_trace_entry *entry = &trace.entries[i];

        mark_ports(marks, entry->member ? &entry->member->endpoint : &entry->rule->endpoint);
    }
    cf_trace_done(&trace);
    for (size_t i = 0; bypass && i < bypass->egress.n_rules; i++)
        mark_ports(marks, &bypass->egress.rules[i].endpoint);
    for (size_t i = 0; is_host_name(asking->question) && i < profile->egress.n_host_ports; i++) {
        mark(marks, profile->egress.host_ports[i]);
        mark(marks, profile->egress.host_ports[i] + 1u);
    }
    if (profile->egress.quic == CF_DENY && proto == CF_PROTO_UDP) {
        mark(marks, CF_QUIC_PORT);
        mark(marks, CF_QUIC_PORT + 1);
    }
    r = mark_special(asking, proto, CF_DNS_PORT, judgement, marks);
    if (r == 0 && profile->dns.block_encrypted)
        r = mark_special(asking, proto, CF_ENCRYPTED_DNS_PORT, judgement, marks);
    return r;
}

static int ask_proto(const struct asking *asking, enum cf_proto proto)
{
    cf_auto_free struct marks *marks = NULL;
    uint16_t port = asking->question->port;
    int r;

    if (proto == CF_PROTO_ICMP)
        port = 0;
    if (proto == CF_PROTO_ICMP || port > 0)
        return ask_class(asking, (struct cf_explain_range) { proto, port, port });
    marks = calloc(1, sizeof *marks);
    if (!marks)
        return -ENOMEM;
    r = mark_classes(asking, proto, marks);
    for (unsigned first = 1; r == 0 && first <= UINT16_MAX;) {
        unsigned last = first;

        while (last < UINT16_MAX && !is_marked(marks, last + 1))
            last++;
        r = ask_class(asking, (struct cf_explain_range) { proto, (uint16_t)first, (uint16_t)last });
        first = last + 1;
    }
    return r;
}

static size_t count_flows(const struct cf_explain_row *row)
{
    size_t n = 0;

    for (size_t i = 0; i < row->n_ranges; i++)
        n += (size_t)(row->ranges[i].last - row->ranges[i].first) + 1;
    return n;
}

/* The largest row is the rest, and stands last. */
static void order_rows(struct cf_explain_place *place)
{
    size_t largest = 0;
    struct cf_explain_row rest;

    if (place->n_rows == 0)
        return;
    for (size_t i = 1; i < place->n_rows; i++) {
        if (count_flows(&place->rows[i]) > count_flows(&place->rows[largest]))
            largest = i;
    }
    rest = place->rows[largest];
    rest.rest = true;
    memmove(&place->rows[largest], &place->rows[largest + 1],
            (place->n_rows - largest - 1) * sizeof *place->rows);
    place->rows[place->n_rows - 1] = rest;
}

static int ask_place(struct asking *asking)
{
    int r = 0;

    asking->place->never = cf_answer_never(asking->inquiry->profile, &asking->place->addr);
    if (!asking->place->never && cf_names_is_standin(asking->names, &asking->place->addr))
        asking->place->never = "it stands for a name that the proxy resolves: ask about that";
    for (size_t i = 0; i < N_PROTOS && r == 0; i++) {
        if (asking->question->protos & (unsigned)protos[i])
            r = ask_proto(asking, protos[i]);
    }
    drop_winners(asking->place);
    if (asking->question->port == 0 && !asking->question->proto_given)
        order_rows(asking->place);
    return r;
}

/* Places. */

static int add_place(struct cf_explain_answer *answer, const struct cf_addr *addr,
                     const struct cf_origin *hosts)
{
    if (GROW(answer->places, answer->n_places) < 0)
        return -ENOMEM;
    answer->places[answer->n_places++] =
        (struct cf_explain_place) { .addr = *addr, .hosts = hosts };
    return 0;
}

static int add_text_place(struct cf_explain_answer *answer, const char *text)
{
    struct cf_addr addr = { 0 };

    (void)cf_addr_parse(text, &addr);
    return add_place(answer, &addr, NULL);
}

static bool is_proxied(const struct cf_answer *answer)
{
    return answer->answer.resolver == CF_RESOLVER_PROXY;
}

static int find_places(const struct cf_inquiry *inquiry, struct cf_answer *answer)
{
    const struct cf_question *question = &answer->question;
    const struct cf_host *host = NULL;
    int r = 0;

    if (!question->name[0])
        return add_place(&answer->answer, &question->addr, NULL);
    if (is_loopback_name(question))
        return add_text_place(&answer->answer, "127.0.0.1");
    if (is_host_name(question))
        return add_text_place(&answer->answer, CF_GATEWAY_IPV4);
    host = cf_profile_host_find(inquiry->profile, question->name);
    for (size_t i = 0; host && i < host->n_addrs && r == 0; i++)
        r = add_place(&answer->answer, &host->addrs[i], &host->origins[i]);
    for (size_t i = 0; !host && !is_proxied(answer) && i < inquiry->n_addrs && r == 0; i++)
        r = add_place(&answer->answer, &inquiry->addrs[i], NULL);
    if (r == 0 && answer->answer.n_places == 0)
        r = add_place(&answer->answer, &(struct cf_addr) { 0 }, NULL);
    return r;
}

/* Let the engine's table know what the question says of its name. */
static int bind_name(struct asking *asking)
{
    int r = cf_names_new(asking->inquiry->profile, &asking->names);

    if (r < 0 || !asking->question->name[0] || asking->place->addr.family == CF_FAMILY_NONE ||
        asking->place->hosts)
        return r;
    return cf_names_bind(asking->names, &asking->place->addr, asking->question->name, false, 1,
                         BIND_S, 0);
}

/* The whole. */

static int ask_places(const struct cf_inquiry *inquiry, struct cf_answer *ret)
{
    struct cf_explain_answer *answer = &ret->answer;
    int r = 0;

    for (size_t i = 0; i < answer->n_places && r == 0; i++) {
        struct asking asking = { inquiry, &ret->question, &ret->name, &answer->places[i], NULL };

        r = bind_name(&asking);
        if (r == 0)
            r = ask_place(&asking);
        cf_names_free(asking.names);
    }
    return r;
}

static void ask_name(const struct cf_inquiry *inquiry, struct cf_answer *ret)
{
    const struct cf_name_query query = { .name = ret->question.name, .exe = inquiry->exe };

    if (!ret->question.name[0])
        return;
    ret->answer.asks_name = true;
    ret->answer.name = ret->question.name;
    if (is_loopback_name(&ret->question))
        ret->answer.lookup =
            (struct cf_verdict) { .action = CF_ALLOW, .reason = CF_REASON_DEFAULT };
    else
        cf_verdict_name(inquiry->profile, &query, &ret->answer.lookup);
}

/* What is denied, and what the policy answers, is asked of nobody. */
static enum cf_resolver_kind resolver_of(const struct cf_profile *profile,
                                         const struct cf_answer *answer)
{
    const struct cf_question *question = &answer->question;

    if (!answer->answer.asks_name || answer->answer.lookup.action == CF_DENY ||
        is_loopback_name(question) || is_host_name(question) ||
        cf_profile_host_find(profile, question->name))
        return CF_RESOLVER_NONE;
    if (cf_proxy_resolves_name(profile, question->name))
        return CF_RESOLVER_PROXY;
    return cf_proxy_dns(profile) == CF_PROXY_DNS_TUNNEL ? CF_RESOLVER_TUNNEL : CF_RESOLVER_SERVERS;
}

/* What the rows say together. */
static enum cf_outcome outcome_of(const struct cf_explain_answer *answer)
{
    bool allowed = false, denied = false, would_deny = answer->lookup.would_deny, carried = false;

    for (size_t i = 0; i < answer->n_places; i++) {
        for (size_t k = 0; !answer->places[i].never && k < answer->places[i].n_rows; k++) {
            const struct cf_verdict *verdict = &answer->places[i].rows[k].verdict;

            if (answer->places[i].rows[k].for_resolver)
                continue;
            carried = true;
            allowed = allowed || !cf_answer_is_denial(verdict);
            denied = denied || cf_answer_is_denial(verdict);
            would_deny = would_deny || verdict->would_deny;
        }
    }
    if (!carried)
        return CF_OUTCOME_NEVER;
    if (answer->asks_name && cf_answer_is_denial(&answer->lookup))
        allowed = false;
    if (allowed)
        return denied ? CF_OUTCOME_PARTLY : CF_OUTCOME_ALLOWED;
    return would_deny ? CF_OUTCOME_WOULD_DENY : CF_OUTCOME_DENIED;
}

int cf_answer_make(const struct cf_inquiry *inquiry, struct cf_answer *ret)
{
    int r;

    ret->answer.question = ret->question.text;
    ret->name = (struct cf_flow_name) {
        .name = ret->question.name,
        .pinned = ret->question.name[0] &&
                  cf_profile_host_find(inquiry->profile, ret->question.name) != NULL,
    };
    ask_name(inquiry, ret);
    ret->answer.resolver = resolver_of(inquiry->profile, ret);
    r = find_places(inquiry, ret);
    if (r == 0)
        r = ask_places(inquiry, ret);
    if (r == 0)
        ret->answer.outcome = outcome_of(&ret->answer);
    return r;
}

bool cf_answer_is_denial(const struct cf_verdict *verdict)
{
    return verdict->action == CF_DENY || verdict->would_deny;
}

/* Whether QUIC is all that is denied, to who asks for a port and means no protocol. */
static bool is_denied_quic_alone(const struct cf_answer *answer)
{
    const struct cf_explain_answer *all = &answer->answer;

    if (answer->question.proto_given)
        return false;
    for (size_t i = 0; i < all->n_places; i++) {
        for (size_t k = 0; !all->places[i].never && k < all->places[i].n_rows; k++) {
            const struct cf_verdict *verdict = &all->places[i].rows[k].verdict;

            if (cf_answer_is_denial(verdict) && verdict->reason != CF_REASON_QUIC)
                return false;
        }
    }
    return true;
}

bool cf_answer_is_allowed(const struct cf_answer *answer)
{
    return answer->answer.outcome == CF_OUTCOME_ALLOWED ||
           (answer->answer.outcome == CF_OUTCOME_PARTLY &&
            (answer->question.port == 0 || is_denied_quic_alone(answer)));
}

void cf_answer_done(struct cf_answer *answer)
{
    for (size_t i = 0; i < answer->answer.n_places; i++) {
        struct cf_explain_place *place = &answer->answer.places[i];

        for (size_t k = 0; k < place->n_rows; k++)
            free(place->rows[k].ranges);
        free(place->rows);
        free(place->losers);
    }
    free(answer->answer.places);
    free(answer->answer.conditions);
    free(answer->answer.nears);
    free(answer->suggestion);
    free(answer->advice);
    *answer = (struct cf_answer) { 0 };
}
