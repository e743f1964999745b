/*
 * oracle.c - a second, slower reading of the page on verdicts
 *
 * How this works: the oracle shares no code with the room. It keeps its own
 * rules (their text is written for the room to read), names as lists of labels,
 * addresses as strings of bits, and finds winners by comparing every match with
 * every other one.
 */
#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MATCHES_MAX ((ORACLE_RULES) * (ORACLE_NAMES + 1))

unsigned oracle_draw(struct oracle_source *source, unsigned below)
{
    if (!source->data)
        return (unsigned)rand_r(&source->seed) % below;
    if (source->length == 0)
        return 0;
    source->length--;
    return *source->data++ % below;
}

/* The world that is drawn from. */

const char *const oracle_names[ORACLE_NAME_COUNT] = {
    "t.example",     "a.t.example",     "b.t.example",       "a.a.t.example",
    "b.a.t.example", "b.b.a.t.example", "a.b.b.a.t.example", "u.example",
};

const char *const oracle_addrs[ORACLE_ADDR_COUNT] = {
    "10.0.0.1",        "10.1.2.3",    "192.0.2.1", "169.254.169.254",
    "100.100.100.200", "2001:db8::1", "fd00::1",
};

/* Hosts of address rules: text, and the bits that an address must begin with. */
static const struct {
    const char *text;
    const char *bits[3];
} addr_hosts[] = {
    { "10.0.0.0/8", { "4:00001010" } },
    { "10.0.0.0/7", { "4:0000101" } },
    { "10.1.0.0/16", { "4:0000101000000001" } },
    { "192.0.2.0/24", { "4:110000000000000000000010" } },
    { "100.64.0.0/10", { "4:0110010001" } },
    { "0.0.0.0/0", { "4:" } },
    { "[::]/0", { "6:" } },
    { "[2001:db8::]/32", { "6:00100000000000010000110110111000" } },
    { "[fd00::]/8", { "6:11111101" } },
    { "private", { "4:00001010", "4:0110010001", "6:1111110" } },
    { "link_local", { "4:1010100111111110" } },
    { "metadata", { "4:10101001111111101010100111111110", "4:01100100011001000110010011001000" } },
    { "any", { "4:", "6:" } },
};

/* Programs that ask, and the globs of rules: whether a glob holds a program, by hand. */
static const char *const exes[] = { NULL, "/usr/bin/a", "/usr/bin/b", "/opt/x", "/opt/x/y/z" };

static const struct {
    const char *glob;
    bool holds[5];
} exe_globs[] = {
    { "/usr/bin/a", { false, true, false, false, false } },
    { "/usr/bin/*", { false, true, true, false, false } },
    { "/opt/*", { false, false, false, true, false } },
    { "/opt/x/**", { false, false, false, false, true } },
};

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

struct match {
    const struct oracle_rule *rule;
    int specific[5]; /* compared from the left */
};

struct matches {
    struct match at[MATCHES_MAX];
    unsigned n;
};

static void write_rule(struct oracle_rule *rule)
{
    static const char *const stars[] = { "", "*.", "**." };
    size_t n = 0;

    rule->text[0] = '\0';
    if (rule->proto)
        n += (size_t)snprintf(rule->text, sizeof rule->text, "%s://",
                              rule->proto == 't'   ? "tcp"
                              : rule->proto == 'u' ? "udp"
                                                   : "icmp");
    n += (size_t)snprintf(rule->text + n, sizeof rule->text - n, "%s%s", stars[rule->stars],
                          rule->host >= 0 ? addr_hosts[rule->host].text : rule->name);
    for (unsigned i = 0; i < rule->n_ports; i++)
        n += (size_t)snprintf(rule->text + n, sizeof rule->text - n, "%c%u-%u", i ? ',' : ':',
                              rule->ports[i][0], rule->ports[i][1]);
}

const char *oracle_exe(const struct oracle_rule *rule)
{
    return rule->exe >= 0 ? exe_globs[rule->exe].glob : "";
}

static void draw_rule(struct oracle_source *source, struct oracle_rule *rule)
{
    *rule = (struct oracle_rule) { .allow = oracle_draw(source, 2), .host = -1, .exe = -1 };
    rule->expired = oracle_draw(source, 8) == 7;
    if (oracle_draw(source, 4) == 3)
        rule->exe = (int)oracle_draw(source, COUNT(exe_globs));
    if (oracle_draw(source, 2))
        rule->host = (int)oracle_draw(source, COUNT(addr_hosts));
    else
        rule->stars = (int)oracle_draw(source, 3);
    rule->name = oracle_names[oracle_draw(source, rule->stars ? 5 : COUNT(oracle_names))];
    if (oracle_draw(source, 3) == 0)
        rule->proto = "tui"[oracle_draw(source, 3)];
    if (rule->proto != 'i' && oracle_draw(source, 2))
        rule->n_ports = 1 + oracle_draw(source, 3);
    for (unsigned i = 0; i < rule->n_ports; i++) {
        rule->ports[i][0] = oracle_draw(source, 4) ? 1 + oracle_draw(source, 6) : 1;
        rule->ports[i][1] =
            oracle_draw(source, 4) ? rule->ports[i][0] + oracle_draw(source, 3) : 65535;
    }
    write_rule(rule);
}

/* What the page says of one rule and one flow. */

/* Whether the rule is there for whoever asks, had it not expired. */
static bool is_for(const struct oracle_rule *rule, const struct oracle_asker *asker)
{
    if (rule == asker->without)
        return false;
    if (rule->exe < 0)
        return true;
    return asker->exe == 0 ? !rule->allow : exe_globs[rule->exe].holds[asker->exe];
}

static bool holds_flow(const struct oracle_rule *rule, char proto, unsigned port)
{
    if (rule->proto ? rule->proto != proto : proto == 'i')
        return false;
    for (unsigned i = 0; i < rule->n_ports; i++) {
        if (port >= rule->ports[i][0] && port <= rule->ports[i][1])
            return true;
    }
    return rule->n_ports == 0;
}

static int labels(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot ? 1 + labels(dot + 1) : 1;
}

/* The name without its first n labels; NULL when it has no more than that. */
static const char *without(const char *name, int n)
{
    if (labels(name) <= n)
        return NULL;
    for (; n > 0; n--)
        name = strchr(name, '.') + 1;
    return name;
}

static bool match_name(const struct oracle_rule *rule, const char *name, struct match *match)
{
    int more = labels(name) - labels(rule->name);
    bool fits = rule->stars == 0 ? more == 0 : rule->stars == 1 ? more == 1 : more >= 1;

    if (rule->host >= 0 || !fits || strcmp(without(name, more), rule->name) != 0)
        return false;
    *match =
        (struct match) { rule, { 2 - rule->stars, rule->stars == 2 ? labels(rule->name) : 0 } };
    return true;
}

/* bits: as addr_bits() has them, or a family alone for all of its addresses */
static bool match_addr(const struct oracle_rule *rule, const char *bits, struct match *match)
{
    bool fits = false;

    if (rule->host < 0)
        return false;
    for (int i = 0; i < 3 && addr_hosts[rule->host].bits[i]; i++) {
        const char *wanted = addr_hosts[rule->host].bits[i];
        int length = (int)strlen(wanted);

        if (strncmp(bits, wanted, (size_t)length) != 0)
            continue;
        if (!fits || length > match->specific[0])
            *match = (struct match) { rule, { length } };
        fits = true;
    }
    return fits;
}

static void add(struct matches *matches, struct match match)
{
    match.specific[2] = match.rule->proto != 0;
    match.specific[3] = match.rule->n_ports > 0;
    match.specific[4] = match.rule->exe >= 0;
    matches->at[matches->n++] = match;
}

static int compare(const struct match *a, const struct match *b)
{
    for (int i = 0; i < 5; i++) {
        if (a->specific[i] != b->specific[i])
            return a->specific[i] - b->specific[i];
    }
    return 0;
}

/* No other match is more specific. */
static bool is_top(const struct matches *matches, const struct match *match)
{
    for (unsigned i = 0; i < matches->n; i++) {
        if (compare(&matches->at[i], match) > 0)
            return false;
    }
    return true;
}

/* A winner that allows, or denies, exists. */
static bool has_top(const struct matches *matches, bool allow)
{
    for (unsigned i = 0; i < matches->n; i++) {
        if (matches->at[i].rule->allow == allow && is_top(matches, &matches->at[i]))
            return true;
    }
    return false;
}

enum says { NOTHING, ALLOWS, DENIES };

static enum says says(const struct matches *matches)
{
    return has_top(matches, false) ? DENIES : has_top(matches, true) ? ALLOWS : NOTHING;
}

/* This rule is a winner of this action. */
static bool is_winner(const struct matches *matches, bool allow, const struct cf_rule *rule)
{
    for (unsigned i = 0; i < matches->n; i++) {
        if (matches->at[i].rule->allow == allow && is_top(matches, &matches->at[i]) && rule &&
            matches->at[i].rule->number + 1 == rule->origin.line)
            return true;
    }
    return false;
}

void oracle_draw_policy(struct oracle_source *source, struct oracle_policy *policy)
{
    size_t n;

    *policy = (struct oracle_policy) {
        .n_rules = oracle_draw(source, ORACLE_RULES + 1),
        .default_allow = oracle_draw(source, 4) == 0,
        .audit = oracle_draw(source, 5) == 0,
        .filter_any = oracle_draw(source, 4) == 0,
    };
    n = (size_t)snprintf(policy->text, sizeof policy->text, "%s%s%s",
                         policy->default_allow ? "default allow; " : "",
                         policy->audit ? "audit; " : "", policy->filter_any ? "filter any; " : "");
    for (unsigned i = 0; i < policy->n_rules; i++) {
        draw_rule(source, &policy->rules[i]);
        policy->rules[i].number = i;
        n += (size_t)snprintf(policy->text + n, sizeof policy->text - n, "%s %s%s%s%s; ",
                              policy->rules[i].allow ? "allow" : "deny", policy->rules[i].text,
                              policy->rules[i].exe >= 0 ? " exe " : "",
                              oracle_exe(&policy->rules[i]),
                              policy->rules[i].expired ? " expired" : "");
    }
}

static void match_names(const struct oracle_policy *policy, const struct oracle_asker *asker,
                        const char *name, char proto, unsigned port, struct matches *ret)
{
    struct match match;

    ret->n = 0;
    for (unsigned i = 0; i < policy->n_rules; i++) {
        if (!policy->rules[i].expired && is_for(&policy->rules[i], asker) &&
            holds_flow(&policy->rules[i], proto, port) &&
            match_name(&policy->rules[i], name, &match))
            add(ret, match);
    }
}

static void match_addrs(const struct oracle_policy *policy, const struct oracle_asker *asker,
                        const char *bits, char proto, unsigned port, struct matches *ret)
{
    ret->n = 0;
    for (unsigned i = 0; i < policy->n_rules; i++) {
        struct match match = { 0 };

        if (!policy->rules[i].expired && is_for(&policy->rules[i], asker) &&
            holds_flow(&policy->rules[i], proto, port) &&
            match_addr(&policy->rules[i], bits, &match))
            add(ret, match);
    }
}

/* Check the parts of a verdict that follow from what was decided. */
static bool is_verdict(const struct oracle_policy *policy, const struct cf_verdict *verdict,
                       bool denied)
{
    enum cf_reason reason = verdict->rule ? CF_REASON_RULE : CF_REASON_DEFAULT;

    if (denied && verdict->rule) {
        const char *text = verdict->rule->text;

        if (strstr(text, "private"))
            reason = CF_REASON_PRIVATE;
        else if (strstr(text, "metadata"))
            reason = CF_REASON_METADATA;
    }
    return verdict->action == (denied && !policy->audit ? CF_DENY : CF_ALLOW) &&
           verdict->would_deny == (denied && policy->audit) && verdict->reason == reason;
}

static struct cf_addr read_addr(unsigned index)
{
    struct cf_addr addr;

    if (cf_addr_parse(oracle_addrs[index], &addr) < 0)
        abort();
    return addr;
}

/* An address as a string of bits behind its family. */
static const char *addr_bits(unsigned index)
{
    static char bits[160];
    struct cf_addr addr;
    size_t n;

    addr = read_addr(index);
    n = (size_t)snprintf(bits, sizeof bits, "%c:", addr.family == CF_FAMILY_IPV4 ? '4' : '6');
    for (unsigned i = 0; i < cf_addr_bits(&addr); i++)
        bits[n++] = addr.bytes[i / 8] >> (7 - i % 8) & 1 ? '1' : '0';
    bits[n] = '\0';
    return bits;
}

void oracle_draw_asker(struct oracle_source *source, const struct oracle_policy *policy,
                       struct oracle_asker *asker)
{
    *asker = (struct oracle_asker) { .exe = oracle_draw(source, COUNT(exes)) };
    if (policy->n_rules > 0 && oracle_draw(source, 8) == 7)
        asker->without = &policy->rules[oracle_draw(source, policy->n_rules)];
}

const char *oracle_asker_exe(const struct oracle_asker *asker)
{
    return exes[asker->exe];
}

void oracle_draw_question(struct oracle_source *source, const struct oracle_policy *policy,
                          struct oracle_question *question)
{
    static const enum cf_proto protos[] = { CF_PROTO_TCP, CF_PROTO_UDP, CF_PROTO_ICMP };
    unsigned proto = oracle_draw(source, 7) ? oracle_draw(source, 2) : 2;

    *question = (struct oracle_question) { .addr = oracle_draw(source, COUNT(oracle_addrs)),
                                           .proto = "tui"[proto] };
    question->query.proto = protos[proto];
    question->query.dst = read_addr(question->addr);
    question->query.port = proto == 2 ? 0 : (uint16_t)(1 + oracle_draw(source, 9));
    question->query.names = question->names;
    oracle_draw_asker(source, policy, &question->asker);
    question->query.exe = exes[question->asker.exe];
    question->query.n_names = oracle_draw(source, 4);
    for (size_t i = 0; i < question->query.n_names; i++) {
        question->names[i].name = oracle_names[oracle_draw(source, COUNT(oracle_names))];
        question->names[i].alias = oracle_draw(source, 4) == 0;
        question->names[i].pinned = oracle_draw(source, 4) == 0;
    }
}

/* All that the oracle knows of one flow. */
struct findings {
    struct matches by_name, by_addr;
    struct matches pinned; /* of pinned names that are allowed */
};

static void find(const struct oracle_policy *policy, const struct oracle_question *question,
                 struct findings *ret)
{
    ret->by_name.n = ret->pinned.n = 0;
    for (size_t i = 0; i < question->query.n_names; i++) {
        const struct cf_flow_name *name = &question->names[i];
        struct matches own;

        match_names(policy, &question->asker, name->name, question->proto, question->query.port,
                    &own);
        for (unsigned k = 0; k < own.n; k++) {
            if (!name->alias ||
                (says(&own) == DENIES && is_top(&own, &own.at[k]) && !own.at[k].rule->allow))
                add(&ret->by_name, own.at[k]);
            if (name->pinned && !name->alias && says(&own) == ALLOWS)
                add(&ret->pinned, own.at[k]);
        }
    }
    match_addrs(policy, &question->asker, addr_bits(question->addr), question->proto,
                question->query.port, &ret->by_addr);
}

/* The default; when it denies, a rule that would have allowed before it expired is named. */
static bool is_default(const struct oracle_policy *policy, const struct cf_verdict *verdict,
                       const struct matches *expired)
{
    if (policy->default_allow || expired->n == 0)
        return !verdict->rule && is_verdict(policy, verdict, !policy->default_allow);
    return is_winner(expired, true, verdict->rule) && verdict->reason == CF_REASON_EXPIRED &&
           verdict->would_deny == policy->audit &&
           verdict->action == (policy->audit ? CF_ALLOW : CF_DENY);
}

/* Rules that would have allowed: by name, and only when there are none by address. */
static void find_expired(const struct oracle_policy *policy, const struct oracle_asker *asker,
                         const struct oracle_question *question, struct matches *ret)
{
    ret->n = 0;
    for (unsigned i = 0; i < 2 * policy->n_rules; i++) {
        const struct oracle_rule *rule = &policy->rules[i % policy->n_rules];
        struct match match = { 0 };

        if (i == policy->n_rules && ret->n > 0)
            break;
        if (!rule->expired || !rule->allow || !is_for(rule, asker) ||
            !holds_flow(rule, question->proto, question->query.port))
            continue;
        if (i >= policy->n_rules) {
            if (match_addr(rule, addr_bits(question->addr), &match))
                add(ret, match);
            continue;
        }
        for (size_t k = 0; k < question->query.n_names; k++)
            if (!question->names[k].alias && match_name(rule, question->names[k].name, &match))
                add(ret, match);
    }
}

/* The same for any flow to a name. */
static void find_expired_asking(const struct oracle_policy *policy,
                                const struct oracle_asker *asker, const char *name,
                                struct matches *ret)
{
    ret->n = 0;
    for (unsigned i = 0; i < 2 * policy->n_rules; i++) {
        const struct oracle_rule *rule = &policy->rules[i % policy->n_rules];
        struct match match = { 0 };

        if (i == policy->n_rules && ret->n > 0)
            break;
        if (!rule->expired || !rule->allow || !is_for(rule, asker))
            continue;
        if (i < policy->n_rules ? match_name(rule, name, &match)
                                : match_addr(rule, "4:", &match) || match_addr(rule, "6:", &match))
            add(ret, match);
    }
}

bool oracle_check_flow(const struct oracle_policy *policy, const struct oracle_question *question,
                       const struct cf_verdict *verdict)
{
    struct findings found;
    enum says name, addr;

    find(policy, question, &found);
    name = says(&found.by_name);
    addr = says(&found.by_addr);
    if (name == DENIES)
        return is_verdict(policy, verdict, true) && is_winner(&found.by_name, false, verdict->rule);
    if (name == ALLOWS && addr == DENIES) {
        if (has_top(&found.by_addr, true))
            return is_verdict(policy, verdict, false) &&
                   is_winner(&found.by_name, true, verdict->rule);
        if (found.pinned.n > 0)
            return is_verdict(policy, verdict, false) &&
                   is_winner(&found.pinned, true, verdict->rule);
    }
    if (addr == DENIES)
        return is_verdict(policy, verdict, true) && is_winner(&found.by_addr, false, verdict->rule);
    if (name == ALLOWS || addr == ALLOWS)
        return is_verdict(policy, verdict, false) &&
               is_winner(name == ALLOWS ? &found.by_name : &found.by_addr, true, verdict->rule);
    find_expired(policy, &question->asker, question, &found.by_name);
    return is_default(policy, verdict, &found.by_name);
}

/* Judge every flow that could follow the asking, one after the other. */
bool oracle_check_name(const struct oracle_policy *policy, const struct oracle_asker *asker,
                       const char *name, bool alias, const struct cf_verdict *verdict)
{
    static const unsigned ports[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 65535 };
    bool lenient = alias || policy->filter_any, allowed = false, open = false, named = false;
    struct matches expired;

    for (unsigned i = 0; i < 3 * 2 * COUNT(ports); i++) {
        char proto = "tui"[i % 3];
        unsigned port = proto == 'i' ? 0 : ports[i / 6];
        struct matches by_name, wide;
        const struct matches *decides = &by_name;

        match_names(policy, asker, name, proto, port, &by_name);
        match_addrs(policy, asker, i / 3 % 2 ? "4:" : "6:", proto, port, &wide);
        for (unsigned k = 0; lenient && k < wide.n;) {
            if (wide.at[k].rule->allow)
                k++;
            else
                wide.at[k] = wide.at[--wide.n];
        }
        if (by_name.n == 0)
            decides = &wide;
        allowed |= says(decides) == ALLOWS;
        open |= says(decides) == NOTHING && proto != 'i';
        named |= is_winner(decides, says(decides) == ALLOWS, verdict->rule) &&
                 (says(decides) == ALLOWS) == (verdict->action == CF_ALLOW && !verdict->would_deny);
    }
    find_expired_asking(policy, asker, name, &expired);
    if (allowed)
        return named && is_verdict(policy, verdict, false);
    if (open)
        return lenient ? !verdict->rule && is_verdict(policy, verdict, false)
                       : is_default(policy, verdict, &expired);
    return named && is_verdict(policy, verdict, true);
}

static void add_rule(struct cf_profile *profile, const struct oracle_rule *rule)
{
    struct cf_origin origin = {
        .file = cf_profile_file(profile, "oracle.yaml"),
        .line = rule->number + 1,
        .column = 1,
    };
    struct cf_endpoint endpoint;
    struct cf_rule *added;

    if (cf_endpoint_parse(rule->text, &endpoint, NULL, NULL) < 0 ||
        cf_profile_rule_add(profile, rule->allow ? CF_ALLOW : CF_DENY, rule->text, &endpoint,
                            origin) < 0)
        abort();
    added = &profile->egress.rules[profile->egress.n_rules - 1];
    if (rule->exe >= 0)
        added->exe = strdup(oracle_exe(rule));
    if (rule->expired)
        added->until = profile->today - 1;
}

struct cf_profile *oracle_profile(const struct oracle_policy *policy, bool backwards)
{
    struct cf_profile *profile = cf_profile_new();

    if (!profile)
        abort();
    profile->egress.fallback = policy->default_allow ? CF_ALLOW : CF_DENY;
    profile->mode = policy->audit ? CF_MODE_AUDIT : CF_MODE_ENFORCE;
    profile->dns.filter = policy->filter_any ? CF_DNS_FILTER_ANY : CF_DNS_FILTER_ALLOWED;
    for (unsigned i = 0; i < policy->n_rules; i++)
        add_rule(profile, &policy->rules[backwards ? policy->n_rules - 1 - i : i]);
    if (cf_profile_seal(profile) < 0)
        abort();
    return profile;
}

const struct cf_rule *oracle_without(const struct cf_profile *profile,
                                     const struct oracle_asker *asker)
{
    for (size_t i = 0; asker->without && i < profile->egress.n_rules; i++)
        if (profile->egress.rules[i].origin.line == asker->without->number + 1)
            return &profile->egress.rules[i];
    return NULL;
}
