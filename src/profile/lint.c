/*
 * lint.c - rules that do nothing, or more than they seem to
 *
 * How this works. Rules that are equal in all that verdicts look at are found
 * by sorting. Of each set one is kept, the one that counts longest, of those
 * the first; the others are duplicates of it and are not looked at again. In
 * what follows a win of any of the set counts as a win of the one.
 *
 * First pass: every question about a rule (lint_ask.c) is put to
 * cf_verdict_flow() until the rule wins one. A rule that wins none, and whose
 * removal no denial's tie depends on, can never match; those that win instead
 * are named.
 *
 * Second pass, for allows that do win: the questions that the rule wins are
 * judged again without it. As soon as one is denied, the rule is of use.
 * Otherwise it adds nothing to those that allow instead. When it is one rule
 * alone, that one is wider, and the finding is about it.
 *
 * What names the resolver's port is told by itself, before these passes: no flow
 * goes there, so that nothing is asked about it.
 *
 * Third pass, where egress.quic allows and egress.verify_names is on: an allow
 * by name that lets QUIC through because it names no protocol.
 *
 * Nothing is said where one could not be sure: when a rule that wins, or
 * allows instead, ends before this one does; when globs of programs overlap in
 * a way that samples do not settle.
 */
#include "profile/lint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/encrypted.h"
#include "profile/lint_ask.h"
#include "profile/lint_pins.h"
#include "profile/match.h"

struct linter {
    const struct cf_profile *profile;
    struct cf_lint *lint;
    struct cf_asker asker;
    size_t *kept; /* for each rule: itself, or the equal one that is kept */
    bool *twin;   /* it is kept, and has a duplicate */
    bool *never;  /* it can never match */
};

/* Who decides instead of a rule. */
struct instead {
    struct linter *linter;
    const struct cf_rule *rule;
    const struct cf_rule *others[CF_LINT_OTHERS_MAX];
    size_t n_others;
    bool allow, deny, by_default; /* what the others do */
    bool unsure;
};

static int finding_add(struct cf_lint *lint, const struct cf_lint_finding *finding)
{
    size_t n = lint->n_findings;

    if ((n & (n - 1)) == 0) {
        struct cf_lint_finding *grown = realloc(lint->findings, (n ? n * 2 : 1) * sizeof *grown);

        if (!grown)
            return -ENOMEM;
        lint->findings = grown;
    }
    lint->findings[lint->n_findings++] = *finding;
    return 0;
}

/* Duplicates. */

static int compare_texts(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

static int compare_numbers(long a, long b)
{
    return (a > b) - (a < b);
}

static int compare_hosts(const struct cf_endpoint *a, const struct cf_endpoint *b)
{
    int order = compare_numbers(a->kind, b->kind);

    if (order == 0)
        order = compare_texts(a->name, b->name);
    if (order == 0 && a->kind == CF_HOST_GROUP)
        order = compare_numbers(a->group, b->group);
    if (order == 0 && a->kind == CF_HOST_PREFIX)
        order = compare_numbers(a->prefix.bits, b->prefix.bits);
    if (order == 0 && a->kind == CF_HOST_PREFIX)
        order = memcmp(&a->prefix.addr, &b->prefix.addr, sizeof a->prefix.addr);
    return order;
}

static int compare_ports(const struct cf_endpoint *a, const struct cf_endpoint *b)
{
    int order = compare_numbers((long)a->n_ports, (long)b->n_ports);

    for (size_t i = 0; i < a->n_ports && order == 0; i++) {
        order = compare_numbers(a->ports[i].first, b->ports[i].first);
        if (order == 0)
            order = compare_numbers(a->ports[i].last, b->ports[i].last);
    }
    return order;
}

/* In all that verdicts look at, but for how long the rules count. */
static int compare_meaning(const struct cf_rule *a, const struct cf_rule *b)
{
    int order = compare_numbers(a->action, b->action);

    if (order == 0)
        order = compare_hosts(&a->endpoint, &b->endpoint);
    if (order == 0)
        order = compare_numbers(a->endpoint.protos, b->endpoint.protos);
    if (order == 0)
        order = compare_numbers(a->endpoint.proto_given, b->endpoint.proto_given);
    if (order == 0)
        order = compare_ports(&a->endpoint, &b->endpoint);
    if (order == 0)
        order = compare_texts(a->exe, b->exe);
    if (order == 0)
        order = compare_numbers(a->beats_file, b->beats_file);
    return order;
}

/* Of equal rules the one that is kept comes first. */
static int compare_rules(const void *x, const void *y)
{
    const struct cf_rule *a = *(const struct cf_rule *const *)x;
    const struct cf_rule *b = *(const struct cf_rule *const *)y;
    int order = compare_meaning(a, b);

    if (order == 0)
        order = compare_numbers(b->until, a->until);
    return order != 0 ? order : (a > b) - (a < b);
}

/* For each rule itself, or the equal one that is kept; the caller's. NULL when out of memory. */
static size_t *kept_find(const struct cf_profile *profile)
{
    const struct cf_rule *rules = profile->egress.rules;
    size_t n = profile->egress.n_rules, n_sorted = 0;
    cf_auto_free const struct cf_rule **sorted = calloc(n + 1, sizeof(const struct cf_rule *));
    size_t *kept = calloc(n + 1, sizeof *kept);

    if (!sorted || !kept) {
        free(kept);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        kept[i] = i;
        if (!cf_rule_is_expired(profile, &rules[i]))
            sorted[n_sorted++] = &rules[i];
    }
    qsort(sorted, n_sorted, sizeof(const struct cf_rule *), compare_rules);
    for (size_t i = 1; i < n_sorted; i++) {
        if (compare_meaning(sorted[i - 1], sorted[i]) == 0)
            kept[sorted[i] - rules] = kept[sorted[i - 1] - rules];
    }
    return kept;
}

static int duplicates_report(const struct cf_profile *profile, const size_t *kept,
                             struct cf_lint *lint)
{
    int r = 0;

    for (size_t i = 0; i < profile->egress.n_rules && r == 0; i++) {
        if (kept[i] != i)
            r = finding_add(lint, &(struct cf_lint_finding) {
                                      .kind = CF_LINT_DUPLICATE,
                                      .rule = &profile->egress.rules[i],
                                      .others = { &profile->egress.rules[kept[i]] },
                                      .n_others = 1,
                                  });
    }
    return r;
}

int cf_lint_duplicates(const struct cf_profile *profile, struct cf_lint *ret_lint)
{
    cf_auto_free size_t *kept = kept_find(profile);
    int r = -ENOMEM;

    *ret_lint = (struct cf_lint) { 0 };
    if (kept)
        r = duplicates_report(profile, kept, ret_lint);
    if (r < 0)
        cf_lint_done(ret_lint);
    return r;
}

void cf_lint_done(struct cf_lint *lint)
{
    free(lint->findings);
    *lint = (struct cf_lint) { 0 };
}

/* What the passes have in common. */

static size_t number_of(const struct linter *linter, const struct cf_rule *rule)
{
    return (size_t)(rule - linter->profile->egress.rules);
}

/* A key that denies stands in no list, and for itself. */
static const struct cf_rule *kept_of(const struct linter *linter, const struct cf_rule *rule)
{
    if (rule < linter->profile->egress.rules ||
        rule >= linter->profile->egress.rules + linter->profile->egress.n_rules)
        return rule;
    return &linter->profile->egress.rules[linter->kept[number_of(linter, rule)]];
}

/* Whether samples of a's glob may not tell what b's covers of it. */
static bool is_blurred(const struct cf_rule *a, const struct cf_rule *b)
{
    if (!b->exe || (a->exe && strcmp(a->exe, b->exe) == 0))
        return false;
    return strpbrk(b->exe, "[?") || (a->exe && strchr(a->exe, '['));
}

/* Keep one rule that decides instead. */
static void instead_add(struct instead *instead, const struct cf_rule *other)
{
    other = kept_of(instead->linter, other);
    if (other->until < instead->rule->until || is_blurred(instead->rule, other)) {
        instead->unsure = true;
        return;
    }
    instead->allow |= other->action == CF_ALLOW;
    instead->deny |= other->action == CF_DENY;
    for (size_t i = 0; i < instead->n_others && i < CF_LINT_OTHERS_MAX; i++) {
        if (instead->others[i] == other)
            return;
    }
    /* Of those behind the last that is kept, doubles count too: many is many. */
    if (instead->n_others < CF_LINT_OTHERS_MAX)
        instead->others[instead->n_others] = other;
    instead->n_others++;
}

static struct cf_lint_finding finding_of(const struct instead *instead, enum cf_lint_kind kind)
{
    struct cf_lint_finding finding = {
        .kind = kind,
        .rule = instead->rule,
        .n_others = instead->n_others,
        .by_default = instead->by_default,
    };

    memcpy(finding.others, instead->others, sizeof finding.others);
    return finding;
}

/*
 * Whether an allow by address that loses to a denial is of use all the same.
 * With a duplicate beside it, the verdict without it would not tell.
 */
static bool lifts(struct instead *instead, const struct cf_flow_query *query,
                  const struct cf_verdict *verdict)
{
    const struct cf_rule *rule = instead->rule;

    if (query->n_names > 0 || rule->action != CF_ALLOW || !verdict->rule ||
        verdict->rule->action != CF_DENY || cf_reason_is_of_key(verdict->reason))
        return false;
    instead->unsure |= instead->linter->twin[number_of(instead->linter, rule)];
    return instead->unsure || cf_ask_lifts(&instead->linter->asker, rule, query, verdict->rule);
}

/* First pass. */

/*
 * Whether a denial of encrypted DNS says nothing of the rule: it does not
 * concern a denial, and one address of a prefix does not stand for the others.
 */
static bool is_beside_the_rule(const struct cf_rule *rule, const struct cf_flow_query *query)
{
    const struct cf_endpoint *endpoint = &rule->endpoint;

    if (rule->action == CF_DENY)
        return true;
    return query->port != CF_ENCRYPTED_DNS_PORT && query->n_names == 0 &&
           !(endpoint->kind == CF_HOST_PREFIX &&
             endpoint->prefix.bits == cf_addr_bits(&endpoint->prefix.addr));
}

/* Stop at a question that the rule wins, or that would have another answer without it. */
static bool look_for_a_win(struct cf_asker *asker, const struct cf_flow_query *query, void *data)
{
    struct instead *instead = data;
    struct cf_verdict verdict;

    cf_ask_is_denied(asker, query, &verdict);
    if (!verdict.rule || verdict.reason == CF_REASON_EXPIRED)
        return true; /* the rule does not match what was made up for it */
    if (verdict.reason == CF_REASON_ENCRYPTED_DNS && is_beside_the_rule(instead->rule, query))
        return true;
    if (verdict.reason == CF_REASON_QUIC && instead->rule->action == CF_DENY)
        return true;
    if (kept_of(instead->linter, verdict.rule) == instead->rule || lifts(instead, query, &verdict))
        return true;
    instead_add(instead, verdict.rule);
    return instead->unsure;
}

static bool is_empty(const struct linter *linter, const struct cf_rule *rule)
{
    const struct cf_group *group;

    if (rule->endpoint.kind != CF_HOST_LIST)
        return false;
    group = cf_profile_group_find(linter->profile, rule->endpoint.name);
    return group && group->n_members == 0 && group->n_names == 0;
}

static int report_never(struct linter *linter, struct instead *instead)
{
    enum cf_lint_kind kind = CF_LINT_UNREACHABLE;
    struct cf_lint_finding finding;

    if (instead->rule->action == CF_ALLOW && !instead->allow)
        kind = CF_LINT_SHADOWED;
    finding = finding_of(instead, kind);
    linter->never[number_of(linter, instead->rule)] = true;
    return finding_add(linter->lint, &finding);
}

/* ret_end: how the asking ended */
static int check_matches(struct linter *linter, const struct cf_rule *rule,
                         enum cf_ask_end *ret_end)
{
    struct instead instead = { .linter = linter, .rule = rule };

    *ret_end = CF_ASK_DONE;
    if (is_empty(linter, rule)) {
        linter->never[number_of(linter, rule)] = true;
        return finding_add(linter->lint,
                           &(struct cf_lint_finding) { .kind = CF_LINT_EMPTY, .rule = rule });
    }
    *ret_end = cf_ask_each(&linter->asker, rule, look_for_a_win, &instead);
    if (*ret_end != CF_ASK_DONE || instead.n_others == 0)
        return 0;
    return report_never(linter, &instead);
}

/* Second pass. */

static bool is_everywhere(const struct cf_endpoint *endpoint, enum cf_proto proto)
{
    bool all_ports = !endpoint->ports || (endpoint->n_ports == 1 && endpoint->ports[0].first <= 1 &&
                                          endpoint->ports[0].last == UINT16_MAX);

    if (!all_ports || !(endpoint->protos & (unsigned)proto))
        return false;
    if (endpoint->kind == CF_HOST_GROUP)
        return endpoint->group == CF_GROUP_ANY;
    return endpoint->kind == CF_HOST_PREFIX && endpoint->prefix.bits == 0;
}

/* Whether the rule is for all addresses and ports of a family. */
static bool is_everything(const struct linter *linter, const struct cf_rule *rule,
                          enum cf_proto proto)
{
    const struct cf_group *group = NULL;

    if (rule->endpoint.kind == CF_HOST_LIST)
        group = cf_profile_group_find(linter->profile, rule->endpoint.name);
    for (size_t i = 0; group && i < group->n_members; i++) {
        if (is_everywhere(&group->members[i].endpoint, proto))
            return true;
    }
    return is_everywhere(&rule->endpoint, proto);
}

/* Whether the name of a question is looked up only because of the rule that is left out. */
static bool is_asked_for(struct cf_asker *asker, const struct cf_flow_query *query)
{
    struct cf_name_query name = { .exe = query->exe, .without = query->without };
    struct cf_verdict verdict;

    if (query->n_names == 0)
        return false;
    name.name = query->names[0].name;
    if (!cf_ask_is_name_denied(asker, &name, &verdict))
        return false;
    name.without = NULL;
    return !cf_ask_is_name_denied(asker, &name, &verdict);
}

/* Stop at a question that is allowed by this rule and by nothing else. */
static bool look_for_use(struct cf_asker *asker, const struct cf_flow_query *query, void *data)
{
    struct instead *instead = data;
    struct cf_flow_query without = *query;
    struct cf_verdict verdict, instead_of;
    bool wins;

    without.without = instead->rule;
    cf_ask_is_denied(asker, query, &verdict);
    wins = verdict.rule == instead->rule;
    /* First what settles it most often. */
    if (wins && cf_ask_is_denied(asker, &without, &instead_of))
        return true;
    if (is_asked_for(asker, &without))
        return true;
    if (!wins)
        return lifts(instead, query, &verdict);
    verdict = instead_of;
    if (verdict.rule)
        instead_add(instead, verdict.rule);
    else
        instead->by_default = true;
    /* An allow of ICMP, unlike the default, opens names whose other flows are denied. */
    if (!verdict.rule && query->proto == CF_PROTO_ICMP &&
        (query->n_names > 0 || is_everything(instead->linter, instead->rule, CF_PROTO_ICMP)))
        instead->unsure = true;
    return instead->unsure;
}

/* Every narrower rule of one wider rule stands in one finding. */
static int report_wider(struct linter *linter, const struct cf_rule *wide,
                        const struct cf_rule *narrow)
{
    struct cf_lint *lint = linter->lint;

    for (size_t i = 0; i < lint->n_findings; i++) {
        struct cf_lint_finding *finding = &lint->findings[i];

        if (finding->kind != CF_LINT_WIDER || finding->rule != wide)
            continue;
        if (finding->n_others < CF_LINT_OTHERS_MAX)
            finding->others[finding->n_others] = narrow;
        finding->n_others++;
        return 0;
    }
    return finding_add(lint, &(struct cf_lint_finding) {
                                 .kind = CF_LINT_WIDER,
                                 .rule = wide,
                                 .others = { narrow },
                                 .n_others = 1,
                             });
}

static int check_use(struct linter *linter, const struct cf_rule *rule, enum cf_ask_end *ret_end)
{
    struct instead instead = { .linter = linter, .rule = rule };
    struct cf_lint_finding finding;

    *ret_end = cf_ask_each(&linter->asker, rule, look_for_use, &instead);
    if (*ret_end != CF_ASK_DONE || (instead.n_others == 0 && !instead.by_default))
        return 0;
    if (instead.n_others == 1 && !instead.by_default) {
        if (linter->never[number_of(linter, instead.others[0])])
            return 0;
        return report_wider(linter, instead.others[0], rule);
    }
    finding = finding_of(&instead, CF_LINT_REDUNDANT);
    return finding_add(linter->lint, &finding);
}

static int check_everything(struct linter *linter, const struct cf_rule *rule)
{
    if (linter->profile->egress.fallback == CF_ALLOW || rule->exe ||
        !is_everything(linter, rule, CF_PROTO_TCP))
        return 0;
    return finding_add(linter->lint,
                       &(struct cf_lint_finding) { .kind = CF_LINT_EVERYTHING, .rule = rule });
}

/* The resolver's port. */

/* Whether the endpoint names the port by itself. ret_whole: and no other, nor ICMP */
static bool is_for_resolver(const struct cf_endpoint *endpoint, bool *ret_whole)
{
    bool is_for = false;

    *ret_whole = endpoint->n_ports > 0;
    for (size_t i = 0; i < endpoint->n_ports; i++) {
        if (endpoint->ports[i].first == CF_DNS_PORT && endpoint->ports[i].last == CF_DNS_PORT)
            is_for = true;
        else
            *ret_whole = false;
    }
    return is_for;
}

static bool is_by_name(const struct cf_endpoint *endpoint)
{
    return endpoint->kind == CF_HOST_NAME || endpoint->kind == CF_HOST_ONE ||
           endpoint->kind == CF_HOST_MANY;
}

/* Whether a rule of this kind is for the group. */
static bool has_rule(const struct cf_profile *profile, const struct cf_group *group,
                     enum cf_action action)
{
    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        const struct cf_rule *rule = &profile->egress.rules[i];

        if (rule->list == group && rule->action == action && !cf_rule_is_expired(profile, rule))
            return true;
    }
    return false;
}

/*
 * An allow of a name opens look-ups, whatever its ports, where no denial takes all of
 * these. Nothing is asked about those that speak of nothing else.
 */
static int resolver_rules(struct linter *linter)
{
    const struct cf_profile *profile = linter->profile;
    int r = 0;

    for (size_t i = 0; i < profile->egress.n_rules && r == 0; i++) {
        const struct cf_rule *rule = &profile->egress.rules[i];
        struct cf_lint_finding finding = { .kind = CF_LINT_RESOLVER, .rule = rule };

        if (linter->kept[i] != i || cf_rule_is_expired(profile, rule) ||
            !is_for_resolver(&rule->endpoint, &finding.whole))
            continue;
        finding.opens = rule->action == CF_ALLOW && is_by_name(&rule->endpoint);
        finding.closes = rule->action == CF_DENY && is_by_name(&rule->endpoint);
        r = finding_add(linter->lint, &finding);
    }
    for (size_t i = 0; i < profile->egress.n_host_ports && r == 0; i++) {
        if (profile->egress.host_ports[i] == CF_DNS_PORT)
            r = finding_add(linter->lint,
                            &(struct cf_lint_finding) {
                                .kind = CF_LINT_RESOLVER,
                                .rule = &profile->egress.host_port_rules[i],
                                .whole = true,
                            });
    }
    return r;
}

static int resolver_group(struct linter *linter, const struct cf_group *group)
{
    bool allowed = has_rule(linter->profile, group, CF_ALLOW);
    bool denied = has_rule(linter->profile, group, CF_DENY);
    int r = 0;

    for (size_t i = 0; i < group->n_members && r == 0; i++) {
        const struct cf_endpoint *endpoint = &group->members[i].endpoint;
        struct cf_lint_finding finding = {
            .kind = CF_LINT_RESOLVER,
            .member = &group->members[i],
            .group = group,
            .opens = allowed && is_by_name(endpoint),
            .closes = denied && is_by_name(endpoint),
        };

        if (is_for_resolver(endpoint, &finding.whole))
            r = finding_add(linter->lint, &finding);
    }
    return r;
}

static int resolver_members(struct linter *linter)
{
    const struct cf_profile *profile = linter->profile;
    int r = 0;

    for (size_t i = 0; i < profile->egress.n_groups && r == 0; i++)
        r = resolver_group(linter, profile->egress.groups[i]);
    return r;
}

typedef int check_fn(struct linter *linter, const struct cf_rule *rule, enum cf_ask_end *ret_end);

/* QUIC. */

static bool has_protocol(const struct cf_verdict *verdict)
{
    const struct cf_endpoint *endpoint =
        verdict->member ? &verdict->member->endpoint : &verdict->rule->endpoint;

    return endpoint->proto_given;
}

/* Stop at QUIC to a name that the rule allows without saying that it is UDP. */
static bool look_for_quic(struct cf_asker *asker, const struct cf_flow_query *query, void *data)
{
    struct instead *instead = data;
    struct cf_verdict verdict;

    if (query->proto != CF_PROTO_UDP || query->port != CF_QUIC_PORT ||
        cf_ask_is_denied(asker, query, &verdict))
        return false;
    instead->allow = verdict.rule && kept_of(instead->linter, verdict.rule) == instead->rule &&
                     cf_verdict_is_by_name(&verdict) && !has_protocol(&verdict);
    return instead->allow;
}

/* Names are not verified in QUIC: who turns both on is asked to say where it is meant. */
static int check_quic(struct linter *linter, const struct cf_rule *rule, enum cf_ask_end *ret_end)
{
    struct instead instead = { .linter = linter, .rule = rule };

    *ret_end = cf_ask_each(&linter->asker, rule, look_for_quic, &instead);
    if (!instead.allow)
        return 0;
    return finding_add(linter->lint,
                       &(struct cf_lint_finding) { .kind = CF_LINT_QUIC, .rule = rule });
}

/* Whether a pass looks at this rule. */
static bool is_for_pass(const struct linter *linter, size_t i, check_fn *check)
{
    const struct cf_rule *rule = &linter->profile->egress.rules[i];

    if (linter->kept[i] != i || cf_rule_is_expired(linter->profile, rule))
        return false;
    return check == check_matches || (rule->action == CF_ALLOW && !linter->never[i] &&
                                      (check == check_quic || !linter->twin[i]));
}

/* ret_skipped: the first rule that was not looked at for lack of budget; ret_n: how many */
static int pass(struct linter *linter, check_fn *check, const struct cf_rule **ret_skipped,
                size_t *ret_n)
{
    const struct cf_profile *profile = linter->profile;
    int r = 0;

    for (size_t i = 0; i < profile->egress.n_rules && r == 0; i++) {
        enum cf_ask_end end = CF_ASK_EXHAUSTED;

        if (!is_for_pass(linter, i, check))
            continue;
        if (linter->asker.left > 0)
            r = check(linter, &profile->egress.rules[i], &end);
        if (end == CF_ASK_EXHAUSTED && (*ret_n)++ == 0)
            *ret_skipped = &profile->egress.rules[i];
    }
    return linter->asker.out_of_memory ? -ENOMEM : r;
}

/* The names of `hosts`. When the budget runs out here, no rule is looked at, which is reported. */
static int lint_hosts(struct linter *linter)
{
    const struct cf_profile *profile = linter->profile;
    int r = 0;

    for (size_t i = 0; i < profile->n_hosts; i++) {
        const struct cf_host *host = &profile->hosts[i];

        for (size_t k = 0; k < host->n_addrs && r == 0; k++) {
            struct cf_lint_finding finding = {
                .kind = CF_LINT_PINNED, .n_others = 1, .host = host, .addr = &host->addrs[k]
            };

            if (cf_lint_pin(&linter->asker, host, finding.addr, &finding.rule, &finding.others[0]))
                r = finding_add(linter->lint, &finding);
        }
    }
    return r;
}

static int lint_rules(struct linter *linter)
{
    const struct cf_profile *profile = linter->profile;
    const struct cf_rule *rules = profile->egress.rules;
    struct cf_lint_finding skipped = { .kind = CF_LINT_NOT_ANALYSED };
    int r = duplicates_report(profile, linter->kept, linter->lint);

    if (r == 0)
        r = resolver_rules(linter);
    if (r == 0)
        r = resolver_members(linter);
    if (r == 0)
        r = lint_hosts(linter);
    if (r == 0)
        r = pass(linter, check_matches, &skipped.rule, &skipped.n_skipped);
    if (r == 0 && skipped.n_skipped == 0)
        r = pass(linter, check_use, &skipped.rule, &skipped.n_skipped);
    if (r == 0 && skipped.n_skipped == 0 && profile->egress.quic == CF_ALLOW &&
        profile->egress.verify_names)
        r = pass(linter, check_quic, &skipped.rule, &skipped.n_skipped);
    for (size_t i = 0; i < profile->egress.n_rules && r == 0; i++) {
        if (linter->kept[i] == i && !linter->never[i] && rules[i].action == CF_ALLOW &&
            !cf_rule_is_expired(profile, &rules[i]))
            r = check_everything(linter, &rules[i]);
    }
    if (r == 0 && skipped.n_skipped > 0)
        r = finding_add(linter->lint, &skipped);
    return r;
}

int cf_lint(const struct cf_profile *profile, uint64_t budget, struct cf_lint *ret_lint)
{
    cf_auto_free size_t *kept = kept_find(profile);
    cf_auto_free bool *never = calloc(profile->egress.n_rules + 1, sizeof *never);
    cf_auto_free bool *twin = calloc(profile->egress.n_rules + 1, sizeof *twin);
    struct linter linter = {
        .profile = profile,
        .lint = ret_lint,
        .kept = kept,
        .twin = twin,
        .never = never,
    };
    int r;

    *ret_lint = (struct cf_lint) { 0 };
    if (!kept || !never || !twin)
        return -ENOMEM;
    for (size_t i = 0; i < profile->egress.n_rules; i++)
        twin[kept[i]] |= kept[i] != i;
    r = cf_asker_init(&linter.asker, profile, budget);
    if (r < 0)
        return r;
    r = lint_rules(&linter);
    cf_asker_done(&linter.asker);
    if (r < 0)
        cf_lint_done(ret_lint);
    return r;
}
