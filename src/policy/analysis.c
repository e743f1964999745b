/*
 * analysis.c - what is doubtful about the rules of a policy, as findings
 */
#include "policy/analysis.h"

#include <assert.h>

#include "base/buffer.h"
#include "profile/lint.h"
#include "profile/verdict.h"

/* Rules that a message names; the others are counted. */
#define NAMED_MAX 3

static const enum cf_code codes[] = {
    [CF_LINT_DUPLICATE] = CF_CODE_DUPLICATE_RULE,  [CF_LINT_EMPTY] = CF_CODE_EMPTY_GROUP,
    [CF_LINT_SHADOWED] = CF_CODE_SHADOWED,         [CF_LINT_UNREACHABLE] = CF_CODE_UNREACHABLE,
    [CF_LINT_REDUNDANT] = CF_CODE_REDUNDANT,       [CF_LINT_WIDER] = CF_CODE_OVER_WIDE,
    [CF_LINT_EVERYTHING] = CF_CODE_OVER_WIDE,      [CF_LINT_QUIC] = CF_CODE_QUIC,
    [CF_LINT_RESOLVER] = CF_CODE_RESOLVER_PORT,    [CF_LINT_PINNED] = CF_CODE_PINNED,
    [CF_LINT_NOT_ANALYSED] = CF_CODE_NOT_ANALYSED,
};
static_assert(sizeof codes / sizeof codes[0] == CF_LINT_KIND_COUNT, "a code for each");

static void put_rule(struct cf_buffer *text, const struct cf_rule *rule)
{
    char quoted[CF_QUOTED_SIZE];

    cf_buffer_puts(text, cf_quote_text(rule->text, quoted));
    if (rule->origin.line > 0)
        cf_buffer_printf(text, " (%s:%u)", rule->origin.file, rule->origin.line);
}

/* "'a' (p.yaml:3), 'b' (p.yaml:4) and 2 others" */
static void put_others(struct cf_buffer *text, const struct cf_lint_finding *finding)
{
    size_t n = finding->n_others, named = n > NAMED_MAX ? NAMED_MAX - 1 : n;

    for (size_t i = 0; i < named; i++) {
        cf_buffer_puts(text, i == 0 ? "" : i + 1 == n ? " and " : ", ");
        put_rule(text, finding->others[i]);
    }
    if (n > named)
        cf_buffer_printf(text, " and %zu others", n - named);
}

static void put_duplicate(struct cf_buffer *text, const struct cf_lint_finding *finding)
{
    const struct cf_rule *kept = finding->others[0];
    char quoted[CF_QUOTED_SIZE];

    cf_buffer_printf(text, "expected each rule once, got %s again (%s at %s:%u)",
                     cf_quote_text(finding->rule->text, quoted),
                     kept < finding->rule ? "first" : "it counts longer", kept->origin.file,
                     kept->origin.line);
}

/* Where the default is among what allows the same, the rules beside it explain little. */
static void put_redundant(struct cf_buffer *text, const struct cf_lint_finding *finding)
{
    cf_buffer_puts(text, "adds nothing: what it allows is allowed by ");
    if (finding->by_default)
        cf_buffer_puts(text, "egress.default");
    else
        put_others(text, finding);
    cf_buffer_puts(text, " as well");
}

static void put_resolver(struct cf_buffer *text, const struct cf_lint_finding *finding)
{
    if (!finding->whole)
        cf_buffer_puts(text, "one of its ports can never match: ");
    else if (finding->opens || finding->closes)
        cf_buffer_printf(text,
                         "%s no more than the look-up: ", finding->opens ? "opens" : "closes");
    else
        cf_buffer_puts(text, "can never match: ");
    cf_buffer_printf(text,
                     "port %d of every address is answered inside, by the resolver, and look-ups "
                     "are judged by name",
                     CF_DNS_PORT);
}

static void put_pinned(struct cf_buffer *text, const struct cf_lint_finding *finding)
{
    char addr[CF_ADDR_TEXT_SIZE];

    cf_buffer_printf(text, "'%s' opens %s, which ", finding->host->name,
                     cf_addr_format(finding->addr, addr));
    put_others(text, finding);
    cf_buffer_puts(text, " denies: ");
    put_rule(text, finding->rule);
    cf_buffer_puts(text, " allows the name, and a pinned address goes with it");
}

static void put_everything(struct cf_buffer *text, const struct cf_endpoint *endpoint)
{
    const char *family = "";

    if (endpoint->kind == CF_HOST_PREFIX)
        family = endpoint->prefix.addr.family == CF_FAMILY_IPV4 ? "IPv4 " : "IPv6 ";
    cf_buffer_printf(text,
                     "allows every %saddress on every port, so that egress.default: deny has "
                     "nothing left to deny%s",
                     family, *family ? " there" : "");
}

static void put_message(struct cf_buffer *text, const struct cf_lint_finding *finding)
{
    bool one = finding->n_others == 1;

    switch (finding->kind) {
    case CF_LINT_DUPLICATE:
        put_duplicate(text, finding);
        break;
    case CF_LINT_EMPTY:
        cf_buffer_printf(text, "can never match: group '%s' has no endpoints",
                         finding->rule->endpoint.name);
        break;
    case CF_LINT_SHADOWED:
        cf_buffer_puts(text, "can never match: every flow that it allows is denied by ");
        put_others(text, finding);
        break;
    case CF_LINT_UNREACHABLE:
        cf_buffer_puts(text, "can never match: ");
        put_others(text, finding);
        cf_buffer_printf(text, " %s every flow that it speaks of", one ? "decides" : "decide");
        break;
    case CF_LINT_REDUNDANT:
        put_redundant(text, finding);
        break;
    case CF_LINT_WIDER:
        cf_buffer_puts(text, "is wider than ");
        put_others(text, finding);
        cf_buffer_printf(text, ", which then %s nothing", one ? "adds" : "add");
        break;
    case CF_LINT_EVERYTHING:
        put_everything(text, &finding->rule->endpoint);
        break;
    case CF_LINT_QUIC:
        cf_buffer_puts(text, "allows QUIC as well (egress.quic: allow), where names are not "
                             "verified: write tcp:// for TCP alone, and udp:// beside it where "
                             "QUIC is meant");
        break;
    case CF_LINT_RESOLVER:
        put_resolver(text, finding);
        break;
    case CF_LINT_PINNED:
        put_pinned(text, finding);
        break;
    default:
        cf_buffer_printf(text,
                         "this rule and %zu behind it were not analysed: the rules overlap in too "
                         "many ways",
                         finding->n_skipped - 1);
    }
}

static const struct cf_origin *origin_of(const struct cf_lint_finding *lint)
{
    if (lint->host)
        return &lint->host->origins[lint->addr - lint->host->addrs];
    return lint->member ? &lint->member->origin : &lint->rule->origin;
}

/* The list that the rule stands in. */
static const char *key_of(const struct cf_profile *profile, const struct cf_rule *rule)
{
    for (size_t i = 0; i < profile->egress.n_host_ports; i++)
        if (rule == &profile->egress.host_port_rules[i])
            return "egress.host_ports";
    return rule->action == CF_ALLOW ? "egress.allow" : "egress.deny";
}

static void report(struct cf_reader *reader, const struct cf_load *load,
                   const struct cf_lint_finding *lint)
{
    const struct cf_origin *related[CF_LINT_OTHERS_MAX];
    const struct cf_origin *origin = origin_of(lint);
    struct cf_finding finding = {
        .code = codes[lint->kind],
        .at = { origin->line, origin->column, cf_load_source_find(load, origin->file) },
        .key = lint->rule ? key_of(reader->profile, lint->rule) : NULL,
        .related = related,
    };
    struct cf_source elsewhere; /* the command line */
    struct cf_buffer text;
    char key[CF_KEY_SIZE];

    cf_source_init(&elsewhere, origin->file, NULL, 0);
    if (lint->host)
        finding.key =
            finding.at.source ? cf_key_child("hosts", lint->host->name, key) : "hosts_file";
    if (lint->member)
        finding.key = cf_key_child("egress.groups", lint->group->name, key);
    if (!finding.at.source)
        finding.at.source = &elsewhere;
    for (size_t i = 0; i < lint->n_others && i < CF_LINT_OTHERS_MAX; i++) {
        if (lint->others[i]->origin.line > 0) /* a key that has its default stands nowhere */
            related[finding.n_related++] = &lint->others[i]->origin;
    }
    cf_buffer_init(&text, 0);
    put_message(&text, lint);
    if (text.failed)
        cf_read_out_of_memory(reader);
    else
        cf_read_report(reader, &finding, "%s", text.data);
    cf_buffer_done(&text);
}

void cf_read_analysis(struct cf_reader *reader, const struct cf_load *load, bool whole)
{
    struct cf_lint lint;
    int r = whole ? cf_lint(reader->profile, CF_LINT_BUDGET, &lint)
                  : cf_lint_duplicates(reader->profile, &lint);

    if (r < 0) {
        cf_read_out_of_memory(reader);
        return;
    }
    /* What was not looked at comes first, lest it is among the warnings that are only counted. */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < lint.n_findings; i++) {
            if ((lint.findings[i].kind == CF_LINT_NOT_ANALYSED) == (pass == 0))
                report(reader, load, &lint.findings[i]);
        }
    }
    cf_lint_done(&lint);
    if (whole)
        cf_read_proxy_analysis(reader, load);
}
