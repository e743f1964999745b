/*
 * explain_reason.c - in words: a rule, how it fared, what it does not hold
 */
#include "report/explain_reason.h"

#include <assert.h>

void cf_explain_put_rule(struct cf_buffer *text, const struct cf_rule *rule,
                         const struct cf_member *member)
{
    cf_buffer_puts(text, rule->text);
    if (member)
        cf_buffer_printf(text, " (%s)", member->text);
    if (rule->exe)
        cf_buffer_printf(text, " for %s", rule->exe);
}

const char *cf_explain_action(enum cf_action action)
{
    return action == CF_ALLOW ? "allow" : "deny";
}

const char *cf_explain_proto(enum cf_proto proto)
{
    return proto == CF_PROTO_TCP ? "tcp" : proto == CF_PROTO_UDP ? "udp" : "icmp";
}

static void put_by(struct cf_buffer *text, const struct cf_trace_entry *entry)
{
    cf_buffer_printf(text, "%s ", entry->by ? cf_explain_action(entry->by->action) : "");
    if (entry->by)
        cf_explain_put_rule(text, entry->by, entry->by_member);
}

static void put_edge(struct cf_buffer *text, const struct cf_trace_entry *entry)
{
    static const char *const edges[] = {
        [CF_EDGE_COMMAND_LINE] = "stands on the command line, which wins over files",
        [CF_EDGE_HOST] = "names the host more exactly",
        [CF_EDGE_PROTO] = "names a protocol, and its host is as exact",
        [CF_EDGE_PORTS] = "names ports, and its host is as exact",
        [CF_EDGE_EXE] = "is for a program, and is as exact otherwise",
    };
    static_assert(sizeof edges / sizeof edges[0] == CF_EDGE_COUNT, "a text for each");

    put_by(text, entry);
    cf_buffer_printf(text, " %s", edges[entry->edge]);
}

static const struct cf_endpoint *endpoint_of(const struct cf_rule *rule,
                                             const struct cf_member *member)
{
    return member ? &member->endpoint : &rule->endpoint;
}

bool cf_explain_is_one_address(const struct cf_rule *rule, const struct cf_member *member)
{
    const struct cf_endpoint *endpoint = endpoint_of(rule, member);

    return endpoint->kind == CF_HOST_PREFIX &&
           endpoint->prefix.bits == cf_addr_bits(&endpoint->prefix.addr);
}

/* Days since 1970-01-01 as a date of the Gregorian calendar. */
static void put_date(struct cf_buffer *text, int32_t day)
{
    /* Years from March, in eras of 400 years (146,097 days). */
    int64_t shifted = (int64_t)day + 719468,
            era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t number = month < 10 ? month + 3 : month - 9;

    cf_buffer_printf(text, "%04d-%02d-%02d", (int)(year + era * 400 + (number <= 2)), (int)number,
                     (int)(of_year - (153 * month + 2) / 5 + 1));
}

static void put_protos(struct cf_buffer *text, unsigned protos)
{
    static const enum cf_proto all[] = { CF_PROTO_TCP, CF_PROTO_UDP, CF_PROTO_ICMP };
    const char *comma = "";

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (protos & (unsigned)all[i]) {
            cf_buffer_printf(text, "%s%s", comma, cf_explain_proto(all[i]));
            comma = " and ";
        }
    }
}

static void put_ports(struct cf_buffer *text, const struct cf_endpoint *endpoint)
{
    cf_buffer_printf(
        text, "port%s ",
        endpoint->n_ports == 1 && endpoint->ports[0].first == endpoint->ports[0].last ? "" : "s");
    for (size_t i = 0; i < endpoint->n_ports; i++) {
        cf_buffer_printf(text, "%s%u", i ? "," : "", (unsigned)endpoint->ports[i].first);
        if (endpoint->ports[i].last != endpoint->ports[i].first)
            cf_buffer_printf(text, "-%u", (unsigned)endpoint->ports[i].last);
    }
}

void cf_explain_put_misses(struct cf_buffer *text, const struct cf_rule *rule,
                           const struct cf_member *member, unsigned misses, const char *exe)
{
    const char *comma = text->length > 0 ? ", " : "";

    if (misses & (CF_MISS_PROTO | CF_MISS_PORTS)) {
        cf_buffer_printf(text, "%sholds ", comma);
        if (misses & CF_MISS_PROTO)
            put_protos(text, endpoint_of(rule, member)->protos);
        else
            put_ports(text, endpoint_of(rule, member));
        cf_buffer_puts(text, " only");
        comma = ", ";
    }
    if (misses & CF_MISS_EXE) {
        cf_buffer_printf(text, "%sis for %s%s", comma, rule->exe,
                         exe ? "" : " (say which program asks with --exe)");
        comma = ", ";
    }
    if (misses & CF_MISS_EXPIRED) {
        cf_buffer_printf(text, "%sexpired on ", comma);
        put_date(text, rule->until);
    }
}

void cf_explain_put_fate(struct cf_buffer *text, const struct cf_trace_entry *entry,
                         const char *exe)
{
    static const char *const texts[] = {
        [CF_FATE_WON] = NULL,
        [CF_FATE_AGREES] = "agrees: without it a wider denial by address could decide",
        [CF_FATE_LIFTS] = "as specific, lifts the denial for a name that is allowed: ",
        [CF_FATE_LESS_SPECIFIC] = NULL,
        [CF_FATE_TIE] = "as specific as a denial, which wins a tie: ",
        [CF_FATE_EQUAL] = "says the same, as specifically, as ",
        [CF_FATE_ALIAS] = "the name is only an alias here",
        [CF_FATE_DENIED_BY_ADDRESS] = "its address is denied: ",
        [CF_FATE_LIFTED] = "lifted for an allowed name, by as specific a rule: ",
        [CF_FATE_PINNED] = "'hosts' pins the address to a name: ",
        [CF_FATE_BY_NAME] = "its name is denied: ",
        [CF_FATE_BY_KEY] = "stands below a key that denies whatever rules say: ",
        [CF_FATE_MISSED] = NULL,
    };
    static_assert(sizeof texts / sizeof texts[0] == CF_FATE_COUNT, "a text for each");

    if (entry->fate == CF_FATE_LESS_SPECIFIC) {
        put_edge(text, entry);
    } else if (entry->fate == CF_FATE_MISSED) {
        cf_explain_put_misses(text, entry->rule, entry->member, entry->misses, exe);
    } else if (texts[entry->fate]) {
        cf_buffer_puts(text, texts[entry->fate]);
        if (entry->by && entry->fate != CF_FATE_AGREES)
            put_by(text, entry);
    }
}
