/*
 * test_trace.c - how rules fared: one by one, and over random policies
 *
 * The property: the trace's winner is the verdict's rule, every rule whose
 * host holds is named, and a policy without the rules that lost gives the
 * same verdict by the same rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "profile/trace.h"

#define POLICIES 3000
#define QUESTIONS 10
#define RULES_MAX 9

static unsigned seed = 20261122;

static unsigned draw(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

static const char *const edge_names[] = {
    [CF_EDGE_COMMAND_LINE] = "command_line",
    [CF_EDGE_HOST] = "host",
    [CF_EDGE_PROTO] = "proto",
    [CF_EDGE_PORTS] = "ports",
    [CF_EDGE_EXE] = "exe",
};

/* "TEXT FATE[:EDGE][:BY][:MISSES]" for each entry, with "; " between them. */
static void format_trace(const struct cf_trace *trace, char text[1024])
{
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < trace->n_entries; i++) {
        const struct cf_trace_entry *entry = &trace->entries[i];

        n += (size_t)snprintf(text + n, 1024 - n, "%s%s %s", i ? "; " : "", entry->rule->text,
                              cf_fate_name(entry->fate));
        if (entry->fate == CF_FATE_LESS_SPECIFIC)
            n += (size_t)snprintf(text + n, 1024 - n, ":%s", edge_names[entry->edge]);
        if (entry->by)
            n += (size_t)snprintf(text + n, 1024 - n, ":%s", entry->by->text);
        if (entry->misses)
            n += (size_t)snprintf(text + n, 1024 - n, ":%u", entry->misses);
    }
}

static void check_trace(const char *policy, const char *question, const char *expected)
{
    struct cf_profile *profile = fixture_profile(policy);
    struct fixture_flow flow;
    struct cf_trace trace;
    char text[1024];

    fixture_flow(&flow, question);
    assert_int_equal(cf_trace_flow(profile, &flow.query, &trace), 0);
    format_trace(&trace, text);
    assert_string_equal(text, expected);
    cf_trace_done(&trace);
    cf_profile_free(profile);
}

static void a_rule_loses_to_a_more_specific_one_of_its_kind(void **state)
{
    (void)state;
    check_trace("allow **.x.example; deny a.x.example", "tcp 192.0.2.1 443 a.x.example",
                "a.x.example won; **.x.example less_specific:host:a.x.example");
    check_trace("allow a.x.example; allow tcp://a.x.example", "tcp 192.0.2.1 443 a.x.example",
                "tcp://a.x.example won; a.x.example less_specific:proto:tcp://a.x.example");
    check_trace("allow a.x.example; allow a.x.example:443", "tcp 192.0.2.1 443 a.x.example",
                "a.x.example:443 won; a.x.example less_specific:ports:a.x.example:443");
    check_trace("deny private; allow 10.0.0.0/24", "tcp 10.0.0.1 443",
                "10.0.0.0/24 won; private less_specific:host:10.0.0.0/24");
}

static void an_allow_loses_a_tie(void **state)
{
    (void)state;
    check_trace("allow a.x.example; deny a.x.example", "tcp 192.0.2.1 443 a.x.example",
                "a.x.example won; a.x.example tie:a.x.example");
}

static void a_denial_by_address_beats_an_allow_by_name_unless_it_is_lifted(void **state)
{
    (void)state;
    check_trace("allow a.x.example; deny private", "tcp 10.0.0.1 443 a.x.example",
                "private won; a.x.example denied_by_address:private");
    check_trace("allow a.x.example; deny 10.0.0.1; allow 10.0.0.1", "tcp 10.0.0.1 443 a.x.example",
                "a.x.example won; 10.0.0.1 lifted:10.0.0.1; 10.0.0.1 lifts:10.0.0.1");
    check_trace("allow a.x.example; deny private",
                "tcp 10.0.0.1 443 a.x.example=", "a.x.example won; private pinned:a.x.example");
    check_trace("allow a.x.example; deny private; allow 10.0.0.0/16",
                "tcp 10.0.0.1 443 a.x.example",
                "a.x.example won; 10.0.0.0/16 agrees:a.x.example; "
                "private less_specific:host:10.0.0.0/16");
}

static void a_denial_by_name_leaves_the_address_without_a_say(void **state)
{
    (void)state;
    check_trace("deny a.x.example; allow 192.0.2.0/24", "tcp 192.0.2.1 443 a.x.example",
                "a.x.example won; 192.0.2.0/24 by_name:a.x.example");
}

static void an_alias_allows_nothing(void **state)
{
    (void)state;
    check_trace("allow a.x.example", "tcp 192.0.2.1 443 a.x.example~", "a.x.example alias");
}

static void what_a_rule_misses_is_said(void **state)
{
    (void)state;
    check_trace("allow a.x.example:80; allow udp://a.x.example", "tcp 192.0.2.1 443 a.x.example",
                "udp://a.x.example missed:1; a.x.example:80 missed:2");
}

/* The world that random policies are drawn from. */

static const char *const names[] = {
    "t.example", "a.t.example", "b.t.example", "a.a.t.example", "b.a.t.example", "u.example",
};

static const char *const hosts[] = {
    "t.example",    "a.t.example",   "a.a.t.example",  "*.t.example",
    "**.t.example", "*.a.t.example", "**.a.t.example", "u.example",
    "10.0.0.0/8",   "10.0.0.1",      "10.0.0.0/16",    "private",
    "any",          "0.0.0.0/0",     "[fd00::]/8",     "[2001:db8::]/32",
};

static const char *const ports[] = { "", "", ":1", ":1-3", ":2,5" };
static const char *const protos[] = { "", "", "", "tcp://", "udp://", "icmp://" };
static const char *const addrs[] = { "10.0.0.1", "10.1.2.3", "192.0.2.1", "fd00::1",
                                     "2001:db8::1" };

static const char *const exes[] = { "/usr/bin/a", "/usr/bin/b", "/opt/**" };
static const char *const askers[] = { "/usr/bin/a", "/opt/tools/c" };

/* Groups that rules name: endpoints, or names as a file has them. */
#define GROUPS 4
#define GROUP_SIZE 3

struct drawn_rule {
    bool allow, expired;
    const char *exe; /* NULL: every program */
    int group;       /* -1: none, and text is the endpoint */
    char text[128];
};

struct drawn {
    unsigned n_rules;
    struct drawn_rule rules[RULES_MAX];
    unsigned members[GROUPS][GROUP_SIZE]; /* into hosts, of even groups; into names of odd ones */
    bool default_allow;
};

static void draw_rule(struct drawn_rule *rule)
{
    const char *proto = protos[draw(COUNT(protos))];

    *rule = (struct drawn_rule) {
        .allow = draw(2),
        .expired = draw(6) == 0,
        .exe = draw(4) == 0 ? exes[draw(COUNT(exes))] : NULL,
        .group = draw(4) == 0 ? (int)draw(GROUPS) : -1,
    };
    if (rule->group >= 0)
        snprintf(rule->text, sizeof rule->text, "group:g%d", rule->group);
    else
        snprintf(rule->text, sizeof rule->text, "%s%s%s", proto, hosts[draw(COUNT(hosts))],
                 proto[0] == 'i' ? "" : ports[draw(COUNT(ports))]);
}

static void draw_policy(struct drawn *policy)
{
    policy->n_rules = draw(RULES_MAX + 1);
    policy->default_allow = draw(4) == 0;
    for (unsigned i = 0; i < policy->n_rules; i++)
        draw_rule(&policy->rules[i]);
    for (unsigned i = 0; i < GROUPS; i++) {
        for (unsigned k = 0; k < GROUP_SIZE; k++)
            policy->members[i][k] = draw(i % 2 ? COUNT(names) : COUNT(hosts));
    }
}

static void parse(const char *text, struct cf_endpoint *ret)
{
    assert_int_equal(cf_endpoint_parse(text, ret, NULL, NULL), 0);
}

static void add_groups(const struct drawn *policy, struct cf_profile *profile,
                       struct cf_origin origin)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        char name[] = { 'g', (char)('0' + i), '\0' };
        struct cf_group *group;

        assert_int_equal(cf_profile_group_add(profile, name, origin, &group), 0);
        for (unsigned k = 0; i % 2 == 0 && k < GROUP_SIZE; k++) {
            const char *text = hosts[policy->members[i][k]];
            struct cf_endpoint endpoint;

            parse(text, &endpoint);
            assert_int_equal(cf_profile_group_member_add(group, text, &endpoint, origin), 0);
        }
        if (i % 2 == 0)
            continue;
        group->names_file = strdup("/names");
        for (unsigned k = 0; k < GROUP_SIZE; k++) {
            const char *text = names[policy->members[i][k]];

            assert_int_equal(
                cf_profile_group_name_add(profile, group, CF_HOST_NAME, text, strlen(text), k + 1),
                0);
        }
    }
}

static void add_rule(const struct drawn_rule *drawn, struct cf_profile *profile,
                     struct cf_origin origin)
{
    struct cf_endpoint endpoint = { .kind = CF_HOST_LIST };
    struct cf_rule *rule;

    if (drawn->group >= 0)
        endpoint.name = strdup(drawn->text + strlen("group:"));
    else
        parse(drawn->text, &endpoint);
    assert_int_equal(cf_profile_rule_add(profile, drawn->allow ? CF_ALLOW : CF_DENY, drawn->text,
                                         &endpoint, origin),
                     0);
    rule = &profile->egress.rules[profile->egress.n_rules - 1];
    rule->exe = drawn->exe ? strdup(drawn->exe) : NULL;
    if (drawn->expired)
        rule->until = profile->today - 1;
}

/* keep: one flag for each rule; NULL: all of them. The line is the rule's place in the policy. */
static struct cf_profile *make(const struct drawn *policy, const bool *keep)
{
    struct cf_profile *profile = cf_profile_new();
    struct cf_origin origin = { .line = 1, .column = 1 };

    assert_non_null(profile);
    origin.file = cf_profile_file(profile, "test.yaml");
    profile->today = 20000;
    profile->egress.fallback = policy->default_allow ? CF_ALLOW : CF_DENY;
    add_groups(policy, profile, origin);
    for (unsigned i = 0; i < policy->n_rules; i++) {
        origin.line = i + 1;
        if (!keep || keep[i])
            add_rule(&policy->rules[i], profile, origin);
    }
    assert_int_equal(cf_profile_seal(profile), 0);
    return profile;
}

static void draw_question(struct fixture_flow *flow)
{
    static const char *const kinds[] = { "tcp", "tcp", "udp", "icmp" };
    static const char *const marks[] = { "", "", "", "~", "=" };
    const char *kind = kinds[draw(COUNT(kinds))];
    char text[512];
    size_t n = (size_t)snprintf(text, sizeof text, "%s %s %u", kind, addrs[draw(COUNT(addrs))],
                                kind[0] == 'i' ? 0 : 1 + draw(6));

    for (unsigned i = draw(4); i > 0; i--)
        n += (size_t)snprintf(text + n, sizeof text - n, " %s%s", names[draw(COUNT(names))],
                              marks[draw(COUNT(marks))]);
    fixture_flow(flow, text);
    if (draw(5) == 0)
        flow->query.dst = (struct cf_addr) { 0 };
    flow->query.exe = draw(3) ? askers[draw(COUNT(askers))] : NULL;
}

static bool is_same(const struct cf_verdict *a, const struct cf_verdict *b)
{
    return a->action == b->action && a->reason == b->reason && a->names_line == b->names_line &&
           !a->rule == !b->rule && (!a->rule || a->rule->origin.line == b->rule->origin.line) &&
           !a->member == !b->member &&
           (!a->member || strcmp(a->member->text, b->member->text) == 0);
}

/*
 * The same without the losers. Of a group's endpoints some may have lost while
 * the rule won; they stay, and another one may decide.
 */
static bool is_same_rule(const struct cf_verdict *a, const struct cf_verdict *b)
{
    bool is_group = b->member || b->names_line > 0;

    if (!is_group || !a->rule || !b->rule)
        return is_same(a, b);
    return a->action == b->action && a->rule->origin.line == b->rule->origin.line;
}

static void check_winner(const struct cf_profile *profile, const struct cf_trace *trace)
{
    const struct cf_trace_entry *first = trace->entries;
    const struct cf_verdict *verdict = &trace->verdict;
    bool won = trace->n_entries > 0 && first->fate == CF_FATE_WON;

    assert_int_equal(won, verdict->rule && verdict->reason != CF_REASON_EXPIRED);
    if (won) {
        assert_ptr_equal(first->rule, verdict->rule);
        assert_ptr_equal(first->member, verdict->member);
        assert_int_equal(first->names_line, verdict->names_line);
    }
    for (size_t i = 0; i < trace->n_entries; i++) {
        const struct cf_trace_entry *entry = &trace->entries[i];

        assert_int_equal(entry->fate == CF_FATE_WON, won && i == 0);
        assert_int_equal(entry->fate == CF_FATE_MISSED, entry->misses != 0);
        assert_in_range(entry->rule - profile->egress.rules, 0, profile->egress.n_rules - 1);
    }
}

/* A policy of the rules that did not lose says the same. */
static void check_without_losers(const struct drawn *policy, const struct cf_profile *profile,
                                 const struct cf_flow_query *query, const struct cf_trace *trace)
{
    bool keep[RULES_MAX] = { false };
    struct cf_profile *less;
    struct cf_verdict verdict;

    for (size_t i = 0; i < trace->n_entries; i++)
        keep[trace->entries[i].rule - profile->egress.rules] |=
            !cf_fate_is_lost(trace->entries[i].fate);
    /* What would have allowed it, had it not expired, is named by the verdict too. */
    if (trace->verdict.reason == CF_REASON_EXPIRED)
        keep[trace->verdict.rule - profile->egress.rules] = true;
    less = make(policy, keep);
    cf_verdict_flow(less, query, &verdict);
    assert_true(is_same_rule(&verdict, &trace->verdict));
    cf_profile_free(less);
}

/*
 * Without any one rule that lost the verdict stays, unless the rule stood in
 * for others: a denial of a pinned name keeps an allow of it from lifting.
 */
static void check_without_one(const struct cf_profile *profile, const struct cf_flow_query *query,
                              const struct cf_trace *trace)
{
    for (size_t k = 0; k < profile->egress.n_rules; k++) {
        struct cf_flow_query without = *query;
        struct cf_verdict verdict;
        bool matters = false;

        without.without = &profile->egress.rules[k];
        for (size_t i = 0; i < trace->n_entries; i++) {
            enum cf_fate fate = trace->entries[i].fate;

            if (trace->entries[i].rule == without.without)
                matters |= !cf_fate_is_lost(fate) || fate == CF_FATE_ALIAS ||
                           fate == CF_FATE_DENIED_BY_ADDRESS || fate == CF_FATE_PINNED;
        }
        for (size_t i = 0; i < query->n_names; i++)
            matters |= query->names[i].pinned;
        matters |= trace->verdict.reason == CF_REASON_EXPIRED;
        cf_verdict_flow(profile, &without, &verdict);
        if (!matters)
            assert_true(is_same(&verdict, &trace->verdict));
    }
}

static void the_winner_is_the_verdicts_and_losers_change_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < POLICIES; i++) {
        struct drawn policy;
        struct cf_profile *profile;

        draw_policy(&policy);
        profile = make(&policy, NULL);
        for (int k = 0; k < QUESTIONS; k++) {
            struct fixture_flow flow;
            struct cf_trace trace;
            struct cf_verdict verdict;

            draw_question(&flow);
            assert_int_equal(cf_trace_flow(profile, &flow.query, &trace), 0);
            cf_verdict_flow(profile, &flow.query, &verdict);
            assert_true(is_same(&trace.verdict, &verdict));
            check_winner(profile, &trace);
            check_without_losers(&policy, profile, &flow.query, &trace);
            check_without_one(profile, &flow.query, &trace);
            cf_trace_done(&trace);
        }
        cf_profile_free(profile);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_loses_to_a_more_specific_one_of_its_kind),
        cmocka_unit_test(an_allow_loses_a_tie),
        cmocka_unit_test(a_denial_by_address_beats_an_allow_by_name_unless_it_is_lifted),
        cmocka_unit_test(a_denial_by_name_leaves_the_address_without_a_say),
        cmocka_unit_test(an_alias_allows_nothing),
        cmocka_unit_test(what_a_rule_misses_is_said),
        cmocka_unit_test(the_winner_is_the_verdicts_and_losers_change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
