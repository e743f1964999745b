/*
 * explain_json.c - answers for programs: one object on one line
 */
#include "report/explain.h"

#include <assert.h>
#include <errno.h>

#include "audit/json.h"

static const char *const near_names[] = {
    [CF_NEAR_SAME] = "same",   [CF_NEAR_APEX] = "apex",       [CF_NEAR_DEEPER] = "deeper",
    [CF_NEAR_BELOW] = "below", [CF_NEAR_SIBLING] = "sibling", [CF_NEAR_PREFIX] = "prefix",
};
static_assert(sizeof near_names / sizeof near_names[0] == CF_NEAR_COUNT, "a name for each");

const char *cf_near_name(enum cf_near near)
{
    return near_names[near];
}

static const char *const resolver_names[] = {
    [CF_RESOLVER_NONE] = NULL,
    [CF_RESOLVER_SERVERS] = "servers",
    [CF_RESOLVER_TUNNEL] = "servers_through_proxy",
    [CF_RESOLVER_PROXY] = "proxy",
};
static_assert(sizeof resolver_names / sizeof resolver_names[0] == CF_RESOLVER_KIND_COUNT,
              "a name for each");

const char *cf_resolver_kind_name(enum cf_resolver_kind kind)
{
    return resolver_names[kind];
}

static void put_origin(struct cf_json *json, const struct cf_origin *origin)
{
    cf_json_text(json, "file", origin->file);
    if (origin->line > 0)
        cf_json_unsigned(json, "line", origin->line);
    else
        cf_json_null(json, "line");
}

static void put_rule(struct cf_json *json, const char *key, const struct cf_rule *rule,
                     const struct cf_member *member)
{
    if (!rule) {
        cf_json_null(json, key);
        return;
    }
    cf_json_object(json, key);
    cf_json_text(json, "action", rule->action == CF_ALLOW ? "allow" : "deny");
    cf_json_text(json, "text", rule->text);
    put_origin(json, &rule->origin);
    cf_json_text(json, "exe", rule->exe);
    cf_json_text(json, "why", rule->why);
    if (member) {
        cf_json_object(json, "member");
        cf_json_text(json, "text", member->text);
        put_origin(json, &member->origin);
        cf_json_object_end(json);
    } else {
        cf_json_null(json, "member");
    }
    cf_json_object_end(json);
}

static void put_verdict(struct cf_json *json, const char *key, const struct cf_verdict *verdict)
{
    cf_json_object(json, key);
    cf_json_text(json, "action", verdict->action == CF_ALLOW ? "allow" : "deny");
    cf_json_bool(json, "would_deny", verdict->would_deny);
    cf_json_text(json, "reason", cf_reason_name(verdict->reason));
    put_rule(json, "rule", verdict->rule, verdict->member);
    if (verdict->names_line > 0)
        cf_json_unsigned(json, "names_line", verdict->names_line);
    else
        cf_json_null(json, "names_line");
    cf_json_object_end(json);
}

static const char *proto_name(enum cf_proto proto)
{
    return proto == CF_PROTO_TCP ? "tcp" : proto == CF_PROTO_UDP ? "udp" : "icmp";
}

/* What is denied leaves in no way, and what the resolver answers neither. */
static void put_route(struct cf_json *json, const struct cf_explain_row *row)
{
    bool denied = row->verdict.action == CF_DENY || row->verdict.would_deny;

    if (row->for_resolver) {
        cf_json_text(json, "route", "resolver");
        cf_json_null(json, "bypass");
        return;
    }
    cf_json_text(json, "route", denied ? NULL : row->route == CF_ROUTE_PROXY ? "proxy" : "direct");
    put_rule(json, "bypass", denied ? NULL : row->bypass, NULL);
}

static void put_row(struct cf_json *json, const struct cf_explain_row *row)
{
    cf_json_object(json, NULL);
    cf_json_array(json, "ranges");
    for (size_t i = 0; i < row->n_ranges; i++) {
        cf_json_object(json, NULL);
        cf_json_text(json, "proto", proto_name(row->ranges[i].proto));
        cf_json_unsigned(json, "first", row->ranges[i].first);
        cf_json_unsigned(json, "last", row->ranges[i].last);
        cf_json_object_end(json);
    }
    cf_json_array_end(json);
    if (row->for_resolver)
        cf_json_null(json, "verdict");
    else
        put_verdict(json, "verdict", &row->verdict);
    put_route(json, row);
    cf_json_object_end(json);
}

static void put_misses(struct cf_json *json, unsigned misses)
{
    static const struct {
        enum cf_miss miss;
        const char *name;
    } names[] = {
        { CF_MISS_PROTO, "proto" },
        { CF_MISS_PORTS, "ports" },
        { CF_MISS_EXE, "exe" },
        { CF_MISS_EXPIRED, "expired" },
    };

    cf_json_array(json, "misses");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (misses & (unsigned)names[i].miss)
            cf_json_text(json, NULL, names[i].name);
    }
    cf_json_array_end(json);
}

static void put_loser(struct cf_json *json, const struct cf_trace_entry *entry)
{
    static const char *const edges[] = {
        [CF_EDGE_COMMAND_LINE] = "command_line",
        [CF_EDGE_HOST] = "host",
        [CF_EDGE_PROTO] = "proto",
        [CF_EDGE_PORTS] = "ports",
        [CF_EDGE_EXE] = "exe",
    };
    static_assert(sizeof edges / sizeof edges[0] == CF_EDGE_COUNT, "a name for each");

    cf_json_object(json, NULL);
    put_rule(json, "rule", entry->rule, entry->member);
    cf_json_text(json, "fate", cf_fate_name(entry->fate));
    cf_json_text(json, "edge", entry->fate == CF_FATE_LESS_SPECIFIC ? edges[entry->edge] : NULL);
    put_rule(json, "by", entry->by, entry->by_member);
    put_misses(json, entry->misses);
    cf_json_object_end(json);
}

static void put_addr(struct cf_json *json, const struct cf_addr *addr)
{
    char text[CF_ADDR_TEXT_SIZE];

    cf_json_text(json, "address",
                 addr->family == CF_FAMILY_NONE ? NULL : cf_addr_format(addr, text));
}

static void put_place(struct cf_json *json, const struct cf_explain_place *place)
{
    cf_json_object(json, NULL);
    put_addr(json, &place->addr);
    if (place->hosts) {
        cf_json_object(json, "hosts");
        put_origin(json, place->hosts);
        cf_json_object_end(json);
    } else {
        cf_json_null(json, "hosts");
    }
    cf_json_text(json, "never", place->never);
    cf_json_array(json, "flows");
    for (size_t i = 0; i < place->n_rows && !place->never; i++)
        put_row(json, &place->rows[i]);
    cf_json_array_end(json);
    cf_json_array(json, "others");
    for (size_t i = 0; i < place->n_losers && !place->never; i++)
        put_loser(json, &place->losers[i]);
    cf_json_array_end(json);
    cf_json_object_end(json);
}

static void put_conditions(struct cf_json *json, const struct cf_explain_answer *answer)
{
    cf_json_array(json, "conditions");
    for (size_t i = 0; i < answer->n_conditions; i++) {
        cf_json_object(json, NULL);
        put_rule(json, "rule", answer->conditions[i].rule, answer->conditions[i].member);
        put_addr(json, &answer->conditions[i].addr);
        cf_json_object_end(json);
    }
    cf_json_array_end(json);
}

static void put_nears(struct cf_json *json, const struct cf_explain_answer *answer)
{
    cf_json_array(json, "nearest");
    for (size_t i = 0; i < answer->n_nears; i++) {
        cf_json_object(json, NULL);
        put_rule(json, "rule", answer->nears[i].rule, answer->nears[i].member);
        cf_json_text(json, "host", cf_near_name(answer->nears[i].near));
        put_misses(json, answer->nears[i].misses);
        cf_json_object_end(json);
    }
    cf_json_array_end(json);
}

static void put_answer(struct cf_json *json, const struct cf_explain_answer *answer)
{
    cf_json_object(json, NULL);
    cf_json_text(json, "question", answer->question);
    cf_json_text(json, "outcome", cf_outcome_name(answer->outcome));
    cf_json_text(json, "name", answer->name);
    if (answer->asks_name)
        put_verdict(json, "lookup", &answer->lookup);
    else
        cf_json_null(json, "lookup");
    cf_json_text(json, "resolver", cf_resolver_kind_name(answer->resolver));
    cf_json_array(json, "places");
    for (size_t i = 0; i < answer->n_places; i++)
        put_place(json, &answer->places[i]);
    cf_json_array_end(json);
    put_conditions(json, answer);
    put_nears(json, answer);
    cf_json_text(json, "suggestion", answer->suggestion);
    cf_json_text(json, "advice", answer->advice);
    cf_json_object_end(json);
}

int cf_explain_format_json(const struct cf_explanation *explanation, struct cf_buffer *buffer)
{
    const struct cf_profile *profile = explanation->profile;
    struct cf_json json;

    cf_json_init(&json, buffer);
    cf_json_object(&json, NULL);
    cf_json_unsigned(&json, "v", 1);
    cf_json_object(&json, "policy");
    cf_json_text(&json, "file", profile->file);
    cf_json_text(&json, "name", profile->name);
    cf_json_text(&json, "mode", cf_mode_name(profile->mode));
    cf_json_text(&json, "default", profile->egress.fallback == CF_ALLOW ? "allow" : "deny");
    cf_json_array(&json, "interface");
    for (size_t i = 0; i < profile->egress.n_interfaces; i++)
        cf_json_text(&json, NULL, profile->egress.interfaces[i]);
    cf_json_array_end(&json);
    cf_json_object_end(&json);
    cf_json_text(&json, "exe", explanation->exe);
    cf_json_array(&json, "not_in_force");
    for (size_t i = 0; i < explanation->n_not_in_force; i++)
        cf_json_text(&json, NULL, explanation->not_in_force[i]);
    cf_json_array_end(&json);
    cf_json_array(&json, "answers");
    for (size_t i = 0; i < explanation->n_answers; i++)
        put_answer(&json, &explanation->answers[i]);
    cf_json_array_end(&json);
    cf_json_object_end(&json);
    cf_buffer_puts(buffer, "\n");
    return buffer->failed ? -ENOMEM : 0;
}
