/*
 * test_lint.c - what is said about rules is true, and nothing is left unsaid
 *
 * Rows of small policies with what is found in them, then random policies from
 * a fixed seed: every question of a small world is asked, with each rule and
 * without it, and what was said is held against the answers.
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
#include "profile/lint.h"

static const char *const kind_names[CF_LINT_KIND_COUNT] = {
    [CF_LINT_DUPLICATE] = "duplicate",     [CF_LINT_EMPTY] = "empty",
    [CF_LINT_SHADOWED] = "shadowed",       [CF_LINT_UNREACHABLE] = "unreachable",
    [CF_LINT_REDUNDANT] = "redundant",     [CF_LINT_WIDER] = "wider",
    [CF_LINT_PINNED] = "pinned",           [CF_LINT_QUIC] = "quic",
    [CF_LINT_EVERYTHING] = "everything",   [CF_LINT_NOT_ANALYSED] = "not analysed",
    [CF_LINT_RESOLVER] = "resolver",
};

/* "KIND RULE by OTHER, OTHER", one after the other. */
static void format(const struct cf_lint *lint, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < lint->n_findings && used < size; i++) {
        const struct cf_lint_finding *finding = &lint->findings[i];

        used += (size_t)snprintf(text + used, size - used, "%s%s %s", i ? "; " : "",
                                 kind_names[finding->kind],
                                 finding->member ? finding->member->text : finding->rule->text);
        if (finding->kind == CF_LINT_RESOLVER && !finding->whole && used < size)
            used += (size_t)snprintf(text + used, size - used, " in part");
        for (size_t k = 0; k < finding->n_others && k < CF_LINT_OTHERS_MAX && used < size; k++)
            used += (size_t)snprintf(text + used, size - used, "%s%s", k ? ", " : " by ",
                                     finding->others[k]->text);
        if (finding->by_default && used < size)
            used += (size_t)snprintf(text + used, size - used, " by default");
        if (finding->n_skipped > 0 && used < size)
            used += (size_t)snprintf(text + used, size - used, " and %zu more",
                                     finding->n_skipped - 1);
    }
}

static void check_profile(struct cf_profile *profile, uint64_t budget, const char *expected)
{
    struct cf_lint lint;
    char text[2048];

    assert_int_equal(cf_profile_seal(profile), 0);
    assert_int_equal(cf_lint(profile, budget, &lint), 0);
    format(&lint, text, sizeof text);
    assert_string_equal(text, expected);
    cf_lint_done(&lint);
}

static void check_lint(const char *policy, const char *expected)
{
    struct cf_profile *profile = fixture_profile(policy);

    check_profile(profile, CF_LINT_BUDGET, expected);
    cf_profile_free(profile);
}

static void rules_of_use_are_not_mentioned(void **state)
{
    (void)state;
    check_lint("", "");
    check_lint("allow a.example; allow b.example:443; deny *.example.org", "");
    check_lint("allow **.t.example; deny a.t.example", "");
    check_lint("allow 10.0.0.0/8; deny 10.1.0.0/16; allow 10.1.2.3", "");
    check_lint("allow a.example:443; allow a.example:80", "");
    check_lint("allow *.t.example:443; allow a.t.example", "");
    /* Both halves of the prefix are spoken for, but not for every port. */
    check_lint("allow 10.0.0.0/8; deny 10.0.0.0/9:443; deny 10.128.0.0/9:443", "");
    check_lint("allow udp://a.example; allow tcp://a.example; allow icmp://a.example", "");
}

static void denials_are_not_called_redundant(void **state)
{
    (void)state;
    check_lint("allow a.example; deny private", "");
    check_lint("deny private; deny metadata", "");
    check_lint("deny **.t.example; deny a.t.example:443", "");
}

static void rules_of_one_meaning_are_duplicates_of_the_first(void **state)
{
    (void)state;
    check_lint("allow a.example; allow A.Example.", "duplicate A.Example. by a.example");
    check_lint("deny 10.0.0.0/8; deny 10.0.0.0/8; deny 10.0.0.0/8",
               "duplicate 10.0.0.0/8 by 10.0.0.0/8; duplicate 10.0.0.0/8 by 10.0.0.0/8");
    check_lint("allow a.example:80,443; allow a.example:443,80",
               "duplicate a.example:443,80 by a.example:80,443");
    check_lint("allow a.example; deny a.example", "shadowed a.example by a.example");
}

static void an_allow_that_denials_beat_everywhere_is_shadowed(void **state)
{
    (void)state;
    check_lint("allow a.example; deny any", "shadowed a.example by any");
    check_lint("allow a.example; deny 0.0.0.0/0", "");
    check_lint("allow a.example; deny 0.0.0.0/0; deny [::]/0",
               "shadowed a.example by 0.0.0.0/0, [::]/0");
    check_lint("allow a.example:443; deny tcp://a.example:443; deny udp://a.example:443",
               "shadowed a.example:443 by tcp://a.example:443, udp://a.example:443");
    check_lint("allow 10.0.0.0/8; deny 10.0.0.0/9; deny 10.128.0.0/9",
               "shadowed 10.0.0.0/8 by 10.0.0.0/9, 10.128.0.0/9");
    check_lint("allow 10.0.0.0/8:5-9; deny 10.0.0.0/8:1-100",
               "shadowed 10.0.0.0/8:5-9 by 10.0.0.0/8:1-100");
}

static void an_allow_by_name_is_not_shadowed_where_an_address_is_allowed(void **state)
{
    (void)state;
    check_lint("allow a.example; deny any; allow 10.0.0.0/8", "");
    check_lint("allow a.example:443; deny any; allow 10.0.0.0/8:80",
               "shadowed a.example:443 by any");
    check_lint("allow a.example; deny any; host a.example 10.0.0.9", "pinned a.example by any");
}

static void what_names_the_port_of_the_resolver_is_told(void **state)
{
    (void)state;
    check_lint("allow 192.0.2.1:53", "resolver 192.0.2.1:53");
    check_lint("allow udp://a.example:53; deny tcp://10.0.0.0/8:53; default allow",
               "resolver udp://a.example:53; resolver tcp://10.0.0.0/8:53");
    check_lint("allow a.example:53,443; deny b.example:80,53",
               "resolver a.example:53,443 in part; resolver b.example:80,53 in part");
    check_lint("host_port 53; host_port 80", "resolver host.childflow.internal:53");
    /* It can never match, so that it makes nothing wider, and shadows nothing. */
    check_lint("allow 10.0.0.0/8; allow 10.0.0.1:53", "resolver 10.0.0.1:53");
    check_lint("allow a.example; deny a.example:53", "resolver a.example:53");
    /* Of a range nothing is said, and its other ports count. */
    check_lint("allow 192.0.2.1:50-60; allow 192.0.2.2; allow icmp://192.0.2.3", "");
    check_lint("allow 192.0.2.1:53-54; deny 192.0.2.1:54",
               "shadowed 192.0.2.1:53-54 by 192.0.2.1:54");
    check_lint("allow 192.0.2.1:53-60; deny any", "");
    check_lint("allow 192.0.2.1:53-60; deny 192.0.2.1:1-100",
               "shadowed 192.0.2.1:53-60 by 192.0.2.1:1-100");
    check_lint("allow 192.0.2.1:52-53; allow 192.0.2.1:52",
               "unreachable 192.0.2.1:52-53 by 192.0.2.1:52");
    check_lint("allow a.example:53; allow a.example:53",
               "duplicate a.example:53 by a.example:53; resolver a.example:53");
}

static void an_allow_of_quic_alone_is_shadowed_by_the_key(void **state)
{
    (void)state;
    check_lint("allow udp://a.example:443; deny_quic", "shadowed udp://a.example:443 by egress.quic");
    check_lint("allow udp://192.0.2.0/24:443; deny_quic",
               "shadowed udp://192.0.2.0/24:443 by egress.quic");
    check_lint("allow a.example:443; deny tcp://a.example:443; deny_quic",
               "shadowed a.example:443 by tcp://a.example:443, egress.quic");
    check_lint("allow udp://a.example:443-444; deny_quic", "");
    check_lint("allow udp://a.example; deny_quic", "");
    check_lint("allow a.example:443; allow udp://a.example:80; deny_quic", "");
    check_lint("allow udp://**.example:443; deny udp://a.example:443; deny_quic; default allow",
               "shadowed udp://**.example:443 by egress.quic");
    check_lint("allow udp://a.example:443", "");
}

static void an_allow_that_opens_quic_unsaid_is_named_where_names_are_verified(void **state)
{
    (void)state;
    check_lint("allow a.example:443; verify_names", "quic a.example:443");
    check_lint("allow a.example; verify_names", "quic a.example");
    check_lint("allow **.a.example:80-1000; verify_names", "quic **.a.example:80-1000");
    check_lint("allow a.example:443", "");
    check_lint("allow a.example:443; verify_names; deny_quic", "");
    check_lint("allow a.example:80; verify_names", "");
    check_lint("allow tcp://a.example:443; allow udp://a.example:443; verify_names", "");
    check_lint("allow a.example:443; deny udp://a.example:443; verify_names", "");
    check_lint("allow 192.0.2.1:443; verify_names", "");
    check_lint("allow a.example:443; allow A.example:443; verify_names",
               "duplicate A.example:443 by a.example:443; quic a.example:443");
}

static void a_name_of_hosts_that_opens_a_denied_address_is_named(void **state)
{
    (void)state;
    check_lint("allow *.t.example:80; deny private; deny metadata; host a.t.example 169.254.169.254",
               "pinned *.t.example:80 by metadata");
    check_lint("allow tcp://a.example:443; deny 10.0.0.0/8:443-444; host a.example 10.0.0.9",
               "pinned tcp://a.example:443 by 10.0.0.0/8:443-444");
    check_lint("allow a.example; deny private; host a.example 192.0.2.1", "");
    check_lint("allow a.example:443; deny 10.0.0.0/8:80; host a.example 10.0.0.9", "");
    check_lint("allow a.example; allow 10.0.0.9; deny private; host a.example 10.0.0.9", "");
    check_lint("allow a.example; deny private; host b.example 10.0.0.9", "");
    check_lint("deny a.example; deny private; host a.example 10.0.0.9", "");
}

static void an_allow_by_address_that_lifts_a_denial_is_of_use(void **state)
{
    (void)state;
    check_lint("allow 10.0.0.0/8; deny 10.0.0.0/8", "shadowed 10.0.0.0/8 by 10.0.0.0/8");
    check_lint("allow 10.0.0.0/8; deny 10.0.0.0/8; allow a.example", "");
    check_lint("allow 10.0.0.0/8:443; deny 10.0.0.0/8:443; allow a.example:80",
               "shadowed 10.0.0.0/8:443 by 10.0.0.0/8:443");
}

static void a_rule_that_others_decide_is_unreachable(void **state)
{
    (void)state;
    check_lint("allow a.example; allow tcp://a.example; allow udp://a.example; deny **.example.org",
               "unreachable a.example by tcp://a.example, udp://a.example");
    check_lint("deny 10.0.0.0/8; allow 10.0.0.0/9; allow 10.128.0.0/9",
               "unreachable 10.0.0.0/8 by 10.0.0.0/9, 10.128.0.0/9");
    check_lint("deny private; deny 10.0.0.0/8", "unreachable 10.0.0.0/8 by private");
}

static void an_allow_inside_another_makes_that_one_wider(void **state)
{
    (void)state;
    check_lint("allow **.t.example; allow a.t.example:443",
               "wider **.t.example by a.t.example:443");
    check_lint("allow **.t.example; allow a.t.example; allow b.t.example; allow t.example",
               "wider **.t.example by a.t.example, b.t.example");
    check_lint("allow **.t.example; allow *.t.example; allow a.t.example",
               "wider **.t.example by *.t.example; wider *.t.example by a.t.example");
    check_lint("allow 10.0.0.0/8; allow 10.1.0.0/16:443", "wider 10.0.0.0/8 by 10.1.0.0/16:443");
    check_lint("allow 10.0.0.0/8; deny 10.1.0.0/16; allow 10.1.2.0/24", "");
    check_lint("allow **.t.example; deny *.t.example; allow a.t.example", "");
    /* The name lifts the denial of its pinned address; the wide rule would not. */
    check_lint("allow any:1-65535; allow a.example; deny 10.0.0.0/8; host a.example 10.0.0.9",
               "pinned a.example by 10.0.0.0/8; everything any:1-65535");
}

static void an_allow_that_several_others_cover_is_redundant(void **state)
{
    (void)state;
    check_lint("allow *.t.example:1-500; allow *.t.example:400-65535; allow a.t.example:443,600",
               "redundant a.t.example:443,600 by *.t.example:1-500, *.t.example:400-65535");
    check_lint("default allow; allow a.example", "redundant a.example by default");
    check_lint("default allow; allow a.example; deny **.example", "");
    check_lint("default allow; allow 10.1.0.0/16; deny 10.0.0.0/8", "");
}

static void an_allow_of_everything_is_named(void **state)
{
    (void)state;
    check_lint("allow any", "everything any");
    check_lint("allow tcp://0.0.0.0/0", "everything tcp://0.0.0.0/0");
    check_lint("allow [::]/0", "everything [::]/0");
    check_lint("allow icmp://any", "");
    check_lint("allow any:443", "");
    check_lint("allow any:1-65535", "everything any:1-65535");
    check_lint("allow any:2-65535", "");
    check_lint("allow any; allow a.example:443", "wider any by a.example:443; everything any");
}

static void programs_are_told_apart(void **state)
{
    struct cf_profile *profile = fixture_profile("allow a.example; allow a.example");

    (void)state;
    profile->egress.rules[1].exe = strdup("/usr/bin/python3*");
    check_profile(profile, CF_LINT_BUDGET, "wider a.example by a.example");
    profile->egress.rules[0].action = CF_DENY;
    check_profile(profile, CF_LINT_BUDGET, "");
    profile->egress.rules[0].exe = strdup("/usr/bin/*");
    check_profile(profile, CF_LINT_BUDGET, "shadowed a.example by a.example");
    free(profile->egress.rules[0].exe);
    profile->egress.rules[0].exe = strdup("/usr/bin/**");
    check_profile(profile, CF_LINT_BUDGET, "shadowed a.example by a.example");
    free(profile->egress.rules[0].exe);
    profile->egress.rules[0].exe = strdup("/usr/bin/python3.1[0-2]");
    check_profile(profile, CF_LINT_BUDGET, "");
    cf_profile_free(profile);
}

static void a_rule_that_ends_covers_no_rule_that_goes_on(void **state)
{
    struct cf_profile *profile = fixture_profile("allow **.t.example; allow a.t.example");

    (void)state;
    profile->egress.rules[0].until = 20;
    check_profile(profile, CF_LINT_BUDGET, "");
    profile->egress.rules[1].until = 20;
    check_profile(profile, CF_LINT_BUDGET, "wider **.t.example by a.t.example");
    profile->today = 21;
    check_profile(profile, CF_LINT_BUDGET, "");
    cf_profile_free(profile);
}

static void rules_that_were_not_looked_at_are_counted(void **state)
{
    struct cf_profile *profile =
        fixture_profile("allow a.example; allow b.example; allow c.example; deny any");

    (void)state;
    check_profile(profile, 0, "not analysed a.example and 3 more");
    cf_profile_free(profile);
}

#define PROGRAMS 2000

/* Rules of which each is for programs of its own. host: where %u is the rule's number */
static struct cf_profile *profile_of_programs(const char *host)
{
    struct cf_profile *profile = fixture_profile("");

    for (unsigned i = 0; i < PROGRAMS; i++) {
        struct cf_endpoint endpoint = { 0 };
        char text[64];

        snprintf(text, sizeof text, host, i);
        assert_int_equal(cf_endpoint_parse(text, &endpoint, NULL, NULL), 0);
        assert_int_equal(cf_profile_rule_add(profile, CF_ALLOW, text, &endpoint,
                                             (struct cf_origin) { .file = "p.yaml" }),
                         0);
        snprintf(text, sizeof text, "/opt/x%u/*", i);
        profile->egress.rules[i].exe = strdup(text);
    }
    return profile;
}

static enum cf_lint_kind first_kind(struct cf_profile *profile, uint64_t budget)
{
    enum cf_lint_kind kind = CF_LINT_KIND_COUNT;
    struct cf_lint lint;

    assert_int_equal(cf_profile_seal(profile), 0);
    assert_int_equal(cf_lint(profile, budget, &lint), 0);
    if (lint.n_findings > 0)
        kind = lint.findings[0].kind;
    cf_lint_done(&lint);
    cf_profile_free(profile);
    return kind;
}

static void rules_for_programs_are_dear_only_where_they_meet(void **state)
{
    (void)state;
    assert_int_equal(first_kind(profile_of_programs("a%u.example"), PROGRAMS * 60),
                     CF_LINT_KIND_COUNT);
    assert_int_equal(first_kind(profile_of_programs("a.example"), PROGRAMS * 60),
                     CF_LINT_NOT_ANALYSED);
}

/* Random policies. */

#define POLICIES 800
#define RULES_MAX 7

static unsigned seed = 20261122;

static unsigned draw(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

static const char *const hosts[] = {
    "t.example", "a.t.example", "b.a.t.example", "*.t.example", "*.a.t.example",
    "**.t.example", "**.a.t.example", "10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9",
    "10.1.0.0/16", "private", "any", "0.0.0.0/0", "[::]/0", "[fd00::]/8",
};

/* Every name and every address that a rule with one of these hosts can tell from others. */
static const char *const names[] = {
    "t.example",     "a.t.example",   "f.t.example",     "f.f.t.example", "b.a.t.example",
    "f.a.t.example", "f.f.a.t.example", "f.b.a.t.example",
};

static const char *const addrs[] = {
    "10.0.0.1",    "10.1.2.3", "10.128.0.1",  "192.0.2.1", "172.16.0.1",
    "2001:db8::1", "fd00::1",  "fc00::1",
};

static const char *const globs[] = { "/bin/*", "/bin/a*", "/bin/**", "/opt/x" };
static const char *const exes[] = {
    NULL, "/none", "/bin/a", "/bin/ab", "/bin/b", "/bin/d/e", "/opt/x",
};

#define PORTS 9 /* 1 to 8, and 65535 */
#define QUESTIONS ((COUNT(names) + 1) * COUNT(addrs) * COUNT(exes) * (2 * PORTS + 1))

struct question {
    struct cf_flow_query query;
    struct cf_flow_name name;
};

/* The n-th question of the world. */
static void question_make(const struct cf_profile *profile, unsigned n, struct question *ret)
{
    unsigned flow = n % (2 * PORTS + 1), name;

    *ret = (struct question) { .query.names = &ret->name };
    n /= 2 * PORTS + 1;
    ret->query.proto = flow == 2 * PORTS ? CF_PROTO_ICMP
                       : flow % 2        ? CF_PROTO_UDP
                                         : CF_PROTO_TCP;
    if (flow < 2 * PORTS)
        ret->query.port = flow / 2 + 1 == PORTS ? 65535 : (uint16_t)(flow / 2 + 1);
    ret->query.exe = exes[n % COUNT(exes)];
    n /= COUNT(exes);
    assert_int_equal(cf_addr_parse(addrs[n % COUNT(addrs)], &ret->query.dst), 0);
    name = n / COUNT(addrs);
    if (name < COUNT(names)) {
        const struct cf_host *host = cf_profile_host_find(profile, names[name]);

        ret->query.n_names = 1;
        ret->name.name = names[name];
        for (size_t i = 0; host && i < host->n_addrs; i++)
            ret->name.pinned |= cf_addr_equal(&host->addrs[i], &ret->query.dst);
    }
}

static unsigned draw_host(char *text, size_t size)
{
    static const char *const protos[] = { "", "", "", "", "tcp://", "udp://", "icmp://" };
    const char *proto = protos[draw(COUNT(protos))];
    unsigned first = 1 + draw(6);
    size_t used = (size_t)snprintf(text, size, "%s%s", proto, hosts[draw(COUNT(hosts))]);

    if (*proto != 'i' && draw(2))
        used += (size_t)snprintf(text + used, size - used, ":%u-%u", first,
                                 draw(3) ? first + draw(3) : 65535);
    return (unsigned)used;
}

static void draw_policy(char *text, size_t size)
{
    unsigned n_rules = 1 + draw(RULES_MAX);
    size_t used = (size_t)snprintf(text, size, "%s", draw(5) ? "" : "default allow; ");

    if (draw(4) == 0)
        used += (size_t)snprintf(text + used, size - used, "host f.t.example 10.0.0.1; ");
    for (unsigned i = 0; i < n_rules; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s%s ", i ? "; " : "",
                                 draw(3) ? "allow" : "deny");
        used += draw_host(text + used, size - used);
    }
}

/* A rule for a group instead of an endpoint, with members and with names of a file. */
static void draw_group(struct cf_profile *profile, struct cf_rule *rule)
{
    struct cf_group *group;
    char name[16], text[128], all[512];
    size_t used = (size_t)snprintf(all, sizeof all, "group of");
    unsigned n_members = draw(3), n_names = draw(3);

    snprintf(name, sizeof name, "g%zu", profile->egress.n_groups);
    assert_int_equal(cf_profile_group_add(profile, name, rule->origin, &group), 0);
    for (unsigned i = 0; i < n_members; i++) {
        struct cf_endpoint endpoint;
        struct cf_error err = { 0 };

        draw_host(text, sizeof text);
        assert_int_equal(cf_endpoint_parse(text, &endpoint, NULL, &err), 0);
        assert_int_equal(cf_profile_group_member_add(group, text, &endpoint, rule->origin), 0);
        used += (size_t)snprintf(all + used, sizeof all - used, " %s", text);
    }
    for (unsigned i = 0; i < n_names; i++) {
        static const enum cf_host_kind kinds[] = { CF_HOST_NAME, CF_HOST_ONE, CF_HOST_MANY };
        const char *of = names[draw(2)];

        assert_int_equal(cf_profile_group_name_add(profile, group, kinds[draw(COUNT(kinds))], of,
                                                   strlen(of), i + 1),
                         0);
        used += (size_t)snprintf(all + used, sizeof all - used, " file's %s", of);
    }
    free(rule->text);
    rule->text = strdup(all); /* for who reads a failure */
    cf_endpoint_done(&rule->endpoint);
    rule->endpoint = (struct cf_endpoint) { .kind = CF_HOST_LIST,
                                            .protos = CF_PROTO_TCP | CF_PROTO_UDP,
                                            .name = strdup(name) };
}

/* What is true of one rule. */
struct truth {
    bool wins;           /* some question */
    bool matters;        /* some question has another answer without it */
    bool matters_asking; /* so has the asking for some name */
    bool duplicate, never, shadowed, covered; /* what was said */
};

static bool is_denied(const struct cf_verdict *verdict)
{
    return verdict->action == CF_DENY;
}

static void find_truth(const struct cf_profile *profile, struct truth *truths)
{
    struct cf_verdict with, without;

    for (unsigned q = 0; q < QUESTIONS; q++) {
        struct question question;

        question_make(profile, q, &question);
        cf_verdict_flow(profile, &question.query, &with);
        if (with.rule)
            truths[with.rule - profile->egress.rules].wins = true;
        for (size_t i = 0; i < profile->egress.n_rules; i++) {
            if (truths[i].matters)
                continue;
            question.query.without = &profile->egress.rules[i];
            cf_verdict_flow(profile, &question.query, &without);
            truths[i].matters = is_denied(&with) != is_denied(&without);
        }
    }
    for (unsigned q = 0; q < COUNT(names) * COUNT(exes); q++) {
        struct cf_name_query query = { .name = names[q % COUNT(names)],
                                       .exe = exes[q / COUNT(names)] };

        cf_verdict_name(profile, &query, &with);
        for (size_t i = 0; i < profile->egress.n_rules; i++) {
            query.without = &profile->egress.rules[i];
            cf_verdict_name(profile, &query, &without);
            truths[i].matters_asking |= is_denied(&with) != is_denied(&without);
        }
        query.without = NULL;
    }
}

static void note_findings(const struct cf_profile *profile, const struct cf_lint *lint,
                          struct truth *truths)
{
    for (size_t i = 0; i < lint->n_findings; i++) {
        const struct cf_lint_finding *finding = &lint->findings[i];
        struct truth *truth = &truths[finding->rule - profile->egress.rules];

        truth->duplicate |= finding->kind == CF_LINT_DUPLICATE;
        truth->shadowed |= finding->kind == CF_LINT_SHADOWED;
        truth->never |= finding->kind == CF_LINT_UNREACHABLE ||
                        finding->kind == CF_LINT_SHADOWED || finding->kind == CF_LINT_EMPTY;
        truth->covered |= finding->kind == CF_LINT_REDUNDANT;
        if (finding->kind == CF_LINT_DUPLICATE)
            truths[finding->others[0] - profile->egress.rules].duplicate = true;
        for (size_t k = 0; finding->kind == CF_LINT_WIDER && k < finding->n_others; k++)
            truths[finding->others[k] - profile->egress.rules].covered = true;
    }
}

/* NULL when what was said of the rule is the truth. */
static const char *find_lie(const struct cf_rule *rule, const struct truth *truth, bool any_never)
{
    bool allows_icmp =
        rule->endpoint.kind == CF_HOST_LIST || rule->endpoint.protos == CF_PROTO_ICMP;

    if (truth->duplicate)
        return truth->matters || truth->matters_asking ? "a duplicate matters" : NULL;
    if (truth->never && (truth->wins || truth->matters))
        return "it can match";
    if (truth->never && !truth->shadowed && truth->matters_asking)
        return "names are asked for because of it";
    if (truth->covered && (truth->matters || truth->matters_asking))
        return "it adds something";
    if (!truth->never && !truth->wins && !truth->matters)
        return "it can never match, and nobody says so";
    /*
     * A rule that can never match itself is not called wider, and an allow of
     * ICMP is left alone: under `default: allow` it also opens names.
     */
    if (!allows_icmp && rule->action == CF_ALLOW && !truth->never && !truth->covered &&
        !truth->matters && !truth->matters_asking && !any_never)
        return "it adds nothing, and nobody says so";
    return NULL;
}

static void check_policy(const char *text, struct cf_profile *profile)
{
    struct truth truths[RULES_MAX] = { 0 };
    struct cf_lint lint;
    bool any_never = false, any_duplicate = false;
    char said[2048];

    assert_int_equal(cf_lint(profile, CF_LINT_BUDGET, &lint), 0);
    format(&lint, said, sizeof said);
    find_truth(profile, truths);
    note_findings(profile, &lint, truths);
    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        any_never |= truths[i].never;
        any_duplicate |= truths[i].duplicate;
    }
    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        const struct cf_rule *rule = &profile->egress.rules[i];
        const char *lie = find_lie(rule, &truths[i], any_never || any_duplicate);

        for (size_t k = 0; lie && k < profile->egress.n_rules; k++)
            print_message("%s %s for %s\n", profile->egress.rules[k].action ? "allow" : "deny",
                          profile->egress.rules[k].text,
                          profile->egress.rules[k].exe ? profile->egress.rules[k].exe : "all");
        if (lie)
            fail_msg("policy '%s': rule %zu '%s' (for %s): %s; said: '%s'", text, i, rule->text,
                     rule->exe ? rule->exe : "all", lie, said);
    }
    cf_lint_done(&lint);
}

static void what_is_said_of_random_policies_is_true_and_all(void **state)
{
    char text[1024];

    (void)state;
    for (int i = 0; i < POLICIES; i++) {
        struct cf_profile *profile;

        draw_policy(text, sizeof text);
        profile = fixture_profile(text);
        for (size_t k = 0; k < profile->egress.n_rules; k++) {
            if (draw(4) == 0)
                profile->egress.rules[k].exe = strdup(globs[draw(COUNT(globs))]);
            if (draw(8) == 0)
                draw_group(profile, &profile->egress.rules[k]);
        }
        assert_int_equal(cf_profile_seal(profile), 0);
        check_policy(text, profile);
        cf_profile_free(profile);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_of_use_are_not_mentioned),
        cmocka_unit_test(denials_are_not_called_redundant),
        cmocka_unit_test(rules_of_one_meaning_are_duplicates_of_the_first),
        cmocka_unit_test(an_allow_that_denials_beat_everywhere_is_shadowed),
        cmocka_unit_test(an_allow_by_name_is_not_shadowed_where_an_address_is_allowed),
        cmocka_unit_test(what_names_the_port_of_the_resolver_is_told),
        cmocka_unit_test(an_allow_of_quic_alone_is_shadowed_by_the_key),
        cmocka_unit_test(an_allow_that_opens_quic_unsaid_is_named_where_names_are_verified),
        cmocka_unit_test(a_name_of_hosts_that_opens_a_denied_address_is_named),
        cmocka_unit_test(an_allow_by_address_that_lifts_a_denial_is_of_use),
        cmocka_unit_test(a_rule_that_others_decide_is_unreachable),
        cmocka_unit_test(an_allow_inside_another_makes_that_one_wider),
        cmocka_unit_test(an_allow_that_several_others_cover_is_redundant),
        cmocka_unit_test(an_allow_of_everything_is_named),
        cmocka_unit_test(programs_are_told_apart),
        cmocka_unit_test(a_rule_that_ends_covers_no_rule_that_goes_on),
        cmocka_unit_test(rules_that_were_not_looked_at_are_counted),
        cmocka_unit_test(rules_for_programs_are_dear_only_where_they_meet),
        cmocka_unit_test(what_is_said_of_random_policies_is_true_and_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
