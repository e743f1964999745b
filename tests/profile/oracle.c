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

#define MATCHES_MAX ((ORACLE_RULES) * (ORACLE_MEMBERS) * (ORACLE_NAMES + 1))
#define TODAY 20000
#define QUIC_PORT 443

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

/* Programs that rules can be for, and which programs they are. */
static const char *const programs[] = { "/usr/bin/curl", "/usr/bin/python3", "/opt/tools/a/b",
                                        "/usr/bin/curl (deleted)" };
#define FIRST_DELETED 3 /* held by denials alone */
static const struct {
    const char *text;
    bool holds[4];
} globs[] = {
    { "/usr/bin/curl", { true, false, false, true } },
    { "/usr/bin/*", { true, true, false, true } },
    { "/opt/**", { false, false, true, false } },
    { "/usr/*", { false, false, false, false } },
};

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

struct match {
    const struct oracle_rule *rule;
    const struct oracle_endpoint *endpoint; /* the rule's, or its group's */
    unsigned line;                          /* of the group's file, or 0 */
    int specific[5];                        /* compared from the left */
};

struct matches {
    struct match at[MATCHES_MAX];
    unsigned n;
};

static void write_endpoint(struct oracle_endpoint *endpoint)
{
    static const char *const stars[] = { "", "*.", "**." };
    char *text = endpoint->text;
    size_t size = sizeof endpoint->text, n = 0;

    text[0] = '\0';
    if (endpoint->proto)
        n += (size_t)snprintf(text, size, "%s://",
                              endpoint->proto == 't'   ? "tcp"
                              : endpoint->proto == 'u' ? "udp"
                                                       : "icmp");
    n += (size_t)snprintf(text + n, size - n, "%s%s", stars[endpoint->stars],
                          endpoint->host >= 0 ? addr_hosts[endpoint->host].text : endpoint->name);
    for (unsigned i = 0; i < endpoint->n_ports; i++)
        n += (size_t)snprintf(text + n, size - n, "%c%u-%u", i ? ',' : ':', endpoint->ports[i][0],
                              endpoint->ports[i][1]);
}

/* crowded: few hosts */
static void draw_endpoint(struct oracle_source *source, struct oracle_endpoint *endpoint,
                          bool crowded)
{
    *endpoint = (struct oracle_endpoint) { .host = -1 };
    if (oracle_draw(source, 2))
        endpoint->host = (int)oracle_draw(source, crowded ? 2 : COUNT(addr_hosts));
    else
        endpoint->stars = (int)oracle_draw(source, 3);
    endpoint->name = oracle_names[oracle_draw(source, crowded           ? 1
                                                      : endpoint->stars ? 5
                                                                        : COUNT(oracle_names))];
    if (oracle_draw(source, 3) == 0)
        endpoint->proto = "tui"[oracle_draw(source, 3)];
    if (endpoint->proto != 'i' && oracle_draw(source, 2))
        endpoint->n_ports = 1 + oracle_draw(source, 3);
    for (unsigned i = 0; i < endpoint->n_ports; i++) {
        endpoint->ports[i][0] = oracle_draw(source, 4) ? 1 + oracle_draw(source, 6) : 1;
        endpoint->ports[i][1] =
            oracle_draw(source, 4) ? endpoint->ports[i][0] + oracle_draw(source, 3) : 65535;
    }
    write_endpoint(endpoint);
}

static void draw_file_name(struct oracle_source *source, struct oracle_endpoint *name)
{
    *name = (struct oracle_endpoint) { .host = -1, .stars = (int)oracle_draw(source, 3) };
    name->name = oracle_names[oracle_draw(source, name->stars ? 5 : COUNT(oracle_names))];
    write_endpoint(name);
}

static void draw_group(struct oracle_source *source, struct oracle_group *group, bool crowded)
{
    group->is_file = oracle_draw(source, 2);
    group->n = oracle_draw(source, ORACLE_MEMBERS + 1);
    for (unsigned i = 0; i < group->n; i++) {
        if (group->is_file)
            draw_file_name(source, &group->members[i]);
        else
            draw_endpoint(source, &group->members[i], crowded);
    }
}

static void draw_rule(struct oracle_source *source, struct oracle_rule *rule, bool crowded)
{
    *rule = (struct oracle_rule) { .allow = oracle_draw(source, 2), .group = -1, .glob = -1 };
    draw_endpoint(source, &rule->endpoint, crowded);
    if (oracle_draw(source, 5) == 0)
        rule->group = (int)oracle_draw(source, ORACLE_GROUPS);
    if (oracle_draw(source, 5) == 0)
        rule->glob = (int)oracle_draw(source, COUNT(globs));
    rule->expired = oracle_draw(source, 8) == 0;
    if (rule->group >= 0)
        snprintf(rule->text, sizeof rule->text, "group:g%d", rule->group);
    else
        memcpy(rule->text, rule->endpoint.text, sizeof rule->text);
}

/* What the page says of one rule and one flow. */

/* proto: 0 for any flow */
static bool holds_flow(const struct oracle_endpoint *endpoint, char proto, unsigned port)
{
    if (proto == 0)
        return true;
    if (endpoint->proto ? endpoint->proto != proto : proto == 'i')
        return false;
    for (unsigned i = 0; i < endpoint->n_ports; i++) {
        if (port >= endpoint->ports[i][0] && port <= endpoint->ports[i][1])
            return true;
    }
    return endpoint->n_ports == 0;
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

static bool match_name(const struct oracle_endpoint *endpoint, const char *name,
                       struct match *match)
{
    int more = labels(name) - labels(endpoint->name);
    bool fits = endpoint->stars == 0 ? more == 0 : endpoint->stars == 1 ? more == 1 : more >= 1;

    if (endpoint->host >= 0 || !fits || strcmp(without(name, more), endpoint->name) != 0)
        return false;
    match->specific[0] = 2 - endpoint->stars;
    match->specific[1] = endpoint->stars == 2 ? labels(endpoint->name) : 0;
    return true;
}

/*
 * bits: as addr_bits() has them, or a family alone for all of its addresses,
 * or NULL for an address that is not known
 */
static bool match_addr(const struct oracle_endpoint *endpoint, const char *bits,
                       struct match *match)
{
    bool fits = false;

    if (endpoint->host < 0)
        return false;
    for (int i = 0; i < 3 && addr_hosts[endpoint->host].bits[i]; i++) {
        const char *wanted = addr_hosts[endpoint->host].bits[i];
        int length = (int)strlen(wanted);

        if (bits ? strncmp(bits, wanted, (size_t)length) != 0 : length > 2)
            continue;
        if (!fits || length > match->specific[0])
            match->specific[0] = length;
        fits = true;
    }
    return fits;
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

/* Some match of this action that the verdict names is a winner. */
static bool is_winner(const struct matches *matches, bool allow, const struct cf_verdict *verdict)
{
    for (unsigned i = 0; i < matches->n; i++) {
        const struct match *match = &matches->at[i];
        const char *member =
            match->rule->group >= 0 && match->line == 0 ? match->endpoint->text : "";

        if (match->rule->allow == allow && is_top(matches, match) && verdict->rule &&
            match->rule->number == verdict->rule->origin.line &&
            strcmp(verdict->member ? verdict->member->text : "", member) == 0 &&
            verdict->names_line == match->line)
            return true;
    }
    return false;
}

static void write_policy(struct oracle_policy *policy)
{
    char *text = policy->text;
    size_t size = sizeof policy->text, n;

    n = (size_t)snprintf(text, size, "%s%s%s%s", policy->default_allow ? "default allow; " : "",
                         policy->audit ? "audit; " : "", policy->filter_any ? "filter any; " : "",
                         policy->quic ? "quic; " : "");
    for (unsigned i = 0; i < ORACLE_GROUPS; i++) {
        n += (size_t)snprintf(text + n, size - n, "g%u%s:", i,
                              policy->groups[i].is_file ? " (file)" : "");
        for (unsigned k = 0; k < policy->groups[i].n; k++)
            n += (size_t)snprintf(text + n, size - n, " %s", policy->groups[i].members[k].text);
        n += (size_t)snprintf(text + n, size - n, "; ");
    }
    for (unsigned i = 0; i < policy->n_rules; i++) {
        const struct oracle_rule *rule = &policy->rules[i];

        n += (size_t)snprintf(text + n, size - n, "%s %s%s%s%s; ", rule->allow ? "allow" : "deny",
                              rule->text, rule->glob >= 0 ? " for " : "",
                              rule->glob >= 0 ? globs[rule->glob].text : "",
                              rule->expired ? " (expired)" : "");
    }
}

void oracle_draw_policy(struct oracle_source *source, struct oracle_policy *policy)
{
    bool crowded = oracle_draw(source, 6) == 0;

    memset(policy, 0, sizeof *policy);
    policy->n_rules = oracle_draw(source, crowded ? ORACLE_RULES + 1 : 10);
    policy->default_allow = oracle_draw(source, 4) == 0;
    policy->audit = oracle_draw(source, 5) == 0;
    policy->filter_any = oracle_draw(source, 4) == 0;
    for (unsigned i = 0; i < ORACLE_GROUPS; i++)
        draw_group(source, &policy->groups[i], crowded);
    for (unsigned i = 0; i < policy->n_rules; i++)
        draw_rule(source, &policy->rules[i], crowded);
    for (unsigned i = 0; i < policy->n_rules; i++)
        policy->rules[i].number = i + 1;
    policy->quic = oracle_draw(source, 2);
    write_policy(policy);
}

/* What is asked of every rule beside its endpoint. */
struct asker {
    int program, without;
    bool expired; /* asks for allowing rules that have expired, instead of those that hold */
};

static bool takes_part(const struct oracle_policy *policy, unsigned i, const struct asker *asker)
{
    const struct oracle_rule *rule = &policy->rules[i];

    if ((int)i == asker->without || rule->expired != asker->expired ||
        (asker->expired && !rule->allow))
        return false;
    if (rule->glob < 0)
        return true;
    if (rule->allow && (asker->program < 0 || asker->program >= FIRST_DELETED))
        return false;
    return asker->program < 0 || globs[rule->glob].holds[asker->program];
}

/* Who is asked about: a name, or, when it is NULL, an address as match_addr() has it. */
struct end {
    const char *name;
    const char *bits;
};

static void match_endpoint(const struct oracle_rule *rule, const struct oracle_endpoint *endpoint,
                           unsigned line, const struct end *end, struct matches *ret)
{
    struct match match = { .rule = rule, .endpoint = endpoint, .line = line };

    if (end->name ? !match_name(endpoint, end->name, &match)
                  : !match_addr(endpoint, end->bits, &match))
        return;
    match.specific[2] = endpoint->proto != 0;
    match.specific[3] = endpoint->n_ports > 0;
    match.specific[4] = rule->glob >= 0;
    ret->at[ret->n++] = match;
}

/* A line that says the same once more is not kept. */
static bool is_double(const struct oracle_group *group, unsigned k)
{
    for (unsigned i = 0; i < k; i++) {
        if (strcmp(group->members[i].text, group->members[k].text) == 0)
            return true;
    }
    return false;
}

static void find_matches(const struct oracle_policy *policy, const struct asker *asker,
                         const struct end *end, char proto, unsigned port, struct matches *ret)
{
    ret->n = 0;
    for (unsigned i = 0; i < policy->n_rules; i++) {
        const struct oracle_rule *rule = &policy->rules[i];
        const struct oracle_group *group = rule->group < 0 ? NULL : &policy->groups[rule->group];

        if (!takes_part(policy, i, asker))
            continue;
        if (!group && holds_flow(&rule->endpoint, proto, port))
            match_endpoint(rule, &rule->endpoint, 0, end, ret);
        for (unsigned k = 0; group && k < group->n; k++) {
            if (holds_flow(&group->members[k], proto, port) &&
                !(group->is_file && is_double(group, k)))
                match_endpoint(rule, &group->members[k], group->is_file ? k + 1 : 0, end, ret);
        }
    }
}

/* Check the parts of a verdict that follow from what was decided. */
static bool is_verdict(const struct oracle_policy *policy, const struct cf_verdict *verdict,
                       bool denied)
{
    enum cf_reason reason = verdict->rule ? CF_REASON_RULE : CF_REASON_DEFAULT;

    if (denied && verdict->rule) {
        const char *text = verdict->member ? verdict->member->text : verdict->rule->text;

        if (strstr(text, "private"))
            reason = CF_REASON_PRIVATE;
        else if (strstr(text, "metadata"))
            reason = CF_REASON_METADATA;
    }
    return verdict->action == (denied && !policy->audit ? CF_DENY : CF_ALLOW) &&
           verdict->would_deny == (denied && policy->audit) && verdict->reason == reason;
}

/* Check a verdict where no rule decides; expired: the allowing ones that would have. */
static bool is_default(const struct oracle_policy *policy, const struct cf_verdict *verdict,
                       const struct matches *expired, bool denied)
{
    if (!denied || expired->n == 0)
        return !verdict->rule && is_verdict(policy, verdict, denied);
    return verdict->reason == CF_REASON_EXPIRED && is_winner(expired, true, verdict) &&
           verdict->action == (policy->audit ? CF_ALLOW : CF_DENY) &&
           verdict->would_deny == policy->audit;
}

static struct cf_addr read_addr(int index)
{
    struct cf_addr addr;

    if (cf_addr_parse(oracle_addrs[index], &addr) < 0)
        abort();
    return addr;
}

/* An address as a string of bits behind its family. */
static const char *addr_bits(int index)
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

static int draw_program(struct oracle_source *source)
{
    return (int)oracle_draw(source, COUNT(programs) + 1) - 1;
}

static int draw_without(struct oracle_source *source, const struct oracle_policy *policy)
{
    return policy->n_rules && oracle_draw(source, 4) == 0
               ? (int)oracle_draw(source, policy->n_rules)
               : -1;
}

static void write_question(struct oracle_question *question)
{
    char *text = question->text;
    size_t size = sizeof question->text, n;

    n = (size_t)snprintf(text, size, "%c %s %u by %s without %d:", question->proto,
                         question->addr < 0 ? "?" : oracle_addrs[question->addr],
                         (unsigned)question->query.port,
                         question->query.exe ? question->query.exe : "?", question->without);
    for (size_t i = 0; i < question->query.n_names; i++)
        n += (size_t)snprintf(text + n, size - n, " %s%s%s", question->names[i].name,
                              question->names[i].alias ? "~" : "",
                              question->names[i].pinned ? "=" : "");
}

void oracle_draw_question(struct oracle_source *source, const struct oracle_policy *policy,
                          struct oracle_question *question)
{
    static const enum cf_proto protos[] = { CF_PROTO_TCP, CF_PROTO_UDP, CF_PROTO_ICMP };
    unsigned proto = oracle_draw(source, 7) ? oracle_draw(source, 2) : 2;

    *question = (struct oracle_question) {
        .addr = (int)oracle_draw(source, COUNT(oracle_addrs) + 1) - 1,
        .proto = "tui"[proto],
        .program = draw_program(source),
        .without = draw_without(source, policy),
    };
    question->query.proto = protos[proto];
    if (question->addr >= 0)
        question->query.dst = read_addr(question->addr);
    if (question->program >= 0)
        question->query.exe = programs[question->program];
    question->query.port = proto == 2 ? 0 : (uint16_t)(1 + oracle_draw(source, 10));
    if (question->query.port == 10)
        question->query.port = QUIC_PORT;
    question->query.names = question->names;
    question->query.n_names = oracle_draw(source, 4);
    for (size_t i = 0; i < question->query.n_names; i++) {
        question->names[i].name = oracle_names[oracle_draw(source, COUNT(oracle_names))];
        question->names[i].alias = oracle_draw(source, 4) == 0;
        question->names[i].pinned = oracle_draw(source, 4) == 0;
    }
    write_question(question);
}

void oracle_draw_asking(struct oracle_source *source, const struct oracle_policy *policy,
                        struct oracle_asking *asking)
{
    *asking = (struct oracle_asking) {
        .program = draw_program(source),
        .without = draw_without(source, policy),
    };
    asking->query.name = oracle_names[oracle_draw(source, COUNT(oracle_names))];
    asking->query.alias = oracle_draw(source, 4) == 0;
    if (asking->program >= 0)
        asking->query.exe = programs[asking->program];
    snprintf(asking->text, sizeof asking->text, "%s%s by %s without %d", asking->query.name,
             asking->query.alias ? "~" : "", asking->query.exe ? asking->query.exe : "?",
             asking->without);
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void add_group(struct cf_profile *profile, const struct oracle_group *group, unsigned number)
{
    static const enum cf_host_kind kinds[] = { CF_HOST_NAME, CF_HOST_ONE, CF_HOST_MANY };
    struct cf_origin origin = { .file = cf_profile_file(profile, "oracle.yaml"), .line = 1 };
    struct cf_endpoint endpoint;
    struct cf_group *made;
    char name[8];

    snprintf(name, sizeof name, "g%u", number);
    require(cf_profile_group_add(profile, name, origin, &made) == 0);
    for (unsigned i = 0; i < group->n; i++) {
        const struct oracle_endpoint *member = &group->members[i];

        origin.line = i + 1;
        if (group->is_file) {
            require(cf_profile_group_name_add(profile, made, kinds[member->stars], member->name,
                                              strlen(member->name), i + 1) == 0);
        } else {
            require(cf_endpoint_parse(member->text, &endpoint, NULL, NULL) == 0);
            require(cf_profile_group_member_add(made, member->text, &endpoint, origin) == 0);
        }
    }
}

static void add_rule(struct cf_profile *profile, const struct oracle_rule *rule)
{
    struct cf_origin origin = { .file = cf_profile_file(profile, "oracle.yaml"),
                                .line = rule->number };
    struct cf_endpoint endpoint = { .kind = CF_HOST_LIST, .protos = CF_PROTO_TCP | CF_PROTO_UDP };
    struct cf_rule *made;

    if (rule->group >= 0) {
        endpoint.name = strdup(rule->text + strlen("group:"));
        require(endpoint.name != NULL);
    } else {
        require(cf_endpoint_parse(rule->text, &endpoint, NULL, NULL) == 0);
    }
    require(cf_profile_rule_add(profile, rule->allow ? CF_ALLOW : CF_DENY, rule->text, &endpoint,
                                origin) == 0);
    made = &profile->egress.rules[profile->egress.n_rules - 1];
    if (rule->expired)
        made->until = TODAY - 1;
    if (rule->glob >= 0)
        made->exe = strdup(globs[rule->glob].text);
}

struct cf_profile *oracle_profile(const struct oracle_policy *policy, bool backwards)
{
    struct cf_profile *profile = cf_profile_new();

    require(profile != NULL);
    profile->today = TODAY;
    profile->egress.fallback = policy->default_allow ? CF_ALLOW : CF_DENY;
    profile->mode = policy->audit ? CF_MODE_AUDIT : CF_MODE_ENFORCE;
    profile->egress.quic = policy->quic ? CF_ALLOW : CF_DENY;
    profile->dns.filter = policy->filter_any ? CF_DNS_FILTER_ANY : CF_DNS_FILTER_ALLOWED;
    for (unsigned i = 0; i < ORACLE_GROUPS; i++)
        add_group(profile, &policy->groups[i], i);
    for (unsigned i = 0; i < policy->n_rules; i++)
        add_rule(profile, &policy->rules[backwards ? policy->n_rules - 1 - i : i]);
    require(cf_profile_seal(profile) == 0);
    return profile;
}

/* The rule of the profile that was made of this one; NULL for -1. */
static const struct cf_rule *rule_of(const struct cf_profile *profile, int number)
{
    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        if ((int)profile->egress.rules[i].origin.line == number + 1)
            return &profile->egress.rules[i];
    }
    return NULL;
}

void oracle_ask_flow(const struct cf_profile *profile, const struct oracle_question *question,
                     struct cf_verdict *ret_verdict)
{
    struct cf_flow_query query = question->query;

    query.names = question->names;
    query.without = rule_of(profile, question->without);
    cf_verdict_flow(profile, &query, ret_verdict);
}

void oracle_ask_name(const struct cf_profile *profile, const struct oracle_asking *asking,
                     struct cf_verdict *ret_verdict)
{
    struct cf_name_query query = asking->query;

    query.without = rule_of(profile, asking->without);
    cf_verdict_name(profile, &query, ret_verdict);
}

/* All that the oracle knows of one flow. */
struct findings {
    struct matches by_name, by_addr;
    struct matches pinned;  /* of pinned names that are allowed */
    struct matches expired; /* by name, or, when there is none, by address */
};

static void append(struct matches *matches, const struct match *match)
{
    matches->at[matches->n++] = *match;
}

static void find_by_name(const struct oracle_policy *policy, const struct oracle_question *question,
                         const struct cf_flow_name *name, struct findings *ret)
{
    struct asker asker = { question->program, question->without, false };
    struct end end = { .name = name->name };
    struct matches own;

    find_matches(policy, &asker, &end, question->proto, question->query.port, &own);
    for (unsigned k = 0; k < own.n; k++) {
        if (!name->alias ||
            (says(&own) == DENIES && is_top(&own, &own.at[k]) && !own.at[k].rule->allow))
            append(&ret->by_name, &own.at[k]);
        if (name->pinned && !name->alias && says(&own) == ALLOWS)
            append(&ret->pinned, &own.at[k]);
    }
    asker.expired = true;
    find_matches(policy, &asker, &end, question->proto, question->query.port, &own);
    for (unsigned k = 0; k < own.n && !name->alias; k++)
        append(&ret->expired, &own.at[k]);
}

static void find(const struct oracle_policy *policy, const struct oracle_question *question,
                 struct findings *ret)
{
    struct asker asker = { question->program, question->without, false };
    struct end end = { .bits = question->addr < 0 ? NULL : addr_bits(question->addr) };

    ret->by_name.n = ret->pinned.n = ret->expired.n = 0;
    for (size_t i = 0; i < question->query.n_names; i++)
        find_by_name(policy, question, &question->names[i], ret);
    find_matches(policy, &asker, &end, question->proto, question->query.port, &ret->by_addr);
    asker.expired = true;
    if (ret->expired.n == 0)
        find_matches(policy, &asker, &end, question->proto, question->query.port, &ret->expired);
}

/* Whether the rules let a flow through, or the default where they say nothing of it. */
static bool is_let_through(const struct oracle_policy *policy, const struct findings *found)
{
    enum says name = says(&found->by_name), addr = says(&found->by_addr);

    if (name == ALLOWS && addr == DENIES)
        return has_top(&found->by_addr, true) || found->pinned.n > 0;
    if (name == NOTHING && addr == NOTHING)
        return policy->default_allow;
    return name != DENIES && addr != DENIES;
}

static bool is_denied_by_quic(const struct oracle_policy *policy, const struct cf_verdict *verdict)
{
    return verdict->reason == CF_REASON_QUIC && verdict->rule && !verdict->member &&
           strcmp(verdict->rule->text, "egress.quic") == 0 &&
           verdict->action == (policy->audit ? CF_ALLOW : CF_DENY) &&
           verdict->would_deny == policy->audit;
}

bool oracle_check_flow(const struct oracle_policy *policy, const struct oracle_question *question,
                       const struct cf_verdict *verdict)
{
    struct findings found;
    enum says name, addr;

    find(policy, question, &found);
    name = says(&found.by_name);
    addr = says(&found.by_addr);
    if (!policy->quic && question->proto == 'u' && question->query.port == QUIC_PORT &&
        is_let_through(policy, &found))
        return is_denied_by_quic(policy, verdict);
    if (name == DENIES)
        return is_verdict(policy, verdict, true) && is_winner(&found.by_name, false, verdict);
    if (name == ALLOWS && addr == DENIES) {
        if (has_top(&found.by_addr, true))
            return is_verdict(policy, verdict, false) && is_winner(&found.by_name, true, verdict);
        if (found.pinned.n > 0)
            return is_verdict(policy, verdict, false) && is_winner(&found.pinned, true, verdict);
    }
    if (addr == DENIES)
        return is_verdict(policy, verdict, true) && is_winner(&found.by_addr, false, verdict);
    if (name == ALLOWS || addr == ALLOWS)
        return is_verdict(policy, verdict, false) &&
               is_winner(name == ALLOWS ? &found.by_name : &found.by_addr, true, verdict);
    return is_default(policy, verdict, &found.expired, !policy->default_allow);
}

/* What rules for all addresses say; lenient: only those that allow count. */
static void find_wide(const struct oracle_policy *policy, const struct asker *asker,
                      const char *family, char proto, unsigned port, bool lenient,
                      struct matches *ret)
{
    struct end end = { .bits = family };

    find_matches(policy, asker, &end, proto, port, ret);
    for (unsigned k = 0; lenient && k < ret->n;) {
        if (ret->at[k].rule->allow)
            k++;
        else
            ret->at[k] = ret->at[--ret->n];
    }
}

/* The allowing rules past their day for some flow to the name. */
static void find_expired(const struct oracle_policy *policy, const struct oracle_asking *asking,
                         struct matches *ret)
{
    struct asker asker = { asking->program, asking->without, true };
    struct end name = { .name = asking->query.name }, unknown = { .bits = NULL };

    find_matches(policy, &asker, &name, 0, 0, ret);
    if (ret->n == 0)
        find_matches(policy, &asker, &unknown, 0, 0, ret);
}

/* Judge every flow that could follow the asking, one after the other. */
bool oracle_check_name(const struct oracle_policy *policy, const struct oracle_asking *asking,
                       const struct cf_verdict *verdict)
{
    static const unsigned ports[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 65535 };
    struct asker asker = { asking->program, asking->without, false };
    struct end end = { .name = asking->query.name };
    bool lenient = asking->query.alias || policy->filter_any;
    bool allowed = false, open = false, named = false;
    struct matches by_name, wide, expired;

    for (unsigned i = 0; i < 3 * 2 * COUNT(ports); i++) {
        char proto = "tui"[i % 3];
        unsigned port = proto == 'i' ? 0 : ports[i / 6];
        const struct matches *decides = &by_name;

        find_matches(policy, &asker, &end, proto, port, &by_name);
        find_wide(policy, &asker, i / 3 % 2 ? "4:" : "6:", proto, port, lenient, &wide);
        if (by_name.n == 0)
            decides = &wide;
        allowed |= says(decides) == ALLOWS;
        open |= says(decides) == NOTHING && proto != 'i';
        named |= is_winner(decides, says(decides) == ALLOWS, verdict) &&
                 (says(decides) == ALLOWS) == (verdict->action == CF_ALLOW && !verdict->would_deny);
    }
    if (allowed)
        return named && is_verdict(policy, verdict, false);
    find_expired(policy, asking, &expired);
    if (open)
        return is_default(policy, verdict, &expired, !lenient && !policy->default_allow);
    return named && is_verdict(policy, verdict, true);
}
