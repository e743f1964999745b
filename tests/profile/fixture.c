/*
 * fixture.c - policies and questions for tests, written on one line
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
#include "profile/record_type.h"

static void add_rule(struct cf_profile *profile, enum cf_action action, const char *text)
{
    struct cf_origin origin = {
        .file = cf_profile_file(profile, "test.yaml"),
        .line = (unsigned)profile->egress.n_rules + 1,
        .column = 1,
    };
    struct cf_endpoint endpoint;
    struct cf_error err = { 0 };

    if (cf_endpoint_parse(text, &endpoint, NULL, &err) < 0)
        fail_msg("'%s': %s", text, err.text);
    assert_int_equal(cf_profile_rule_add(profile, action, text, &endpoint, origin), 0);
}

static void add_type(struct cf_profile *profile, const char *text)
{
    size_t n = profile->dns.n_deny_types;
    uint16_t *grown = reallocarray(profile->dns.deny_types, n + 1, sizeof *grown);

    assert_non_null(grown);
    profile->dns.deny_types = grown;
    assert_int_equal(cf_record_type_parse(text, &grown[n]), 0);
    profile->dns.n_deny_types++;
}

static void add_host(struct cf_profile *profile, char *text)
{
    struct cf_origin origin = { .file = cf_profile_file(profile, "test.yaml") };
    char *space = strchr(text, ' ');
    struct cf_addr addr;

    assert_non_null(space);
    *space = '\0';
    assert_int_equal(cf_addr_parse(space + 1, &addr), 0);
    assert_int_equal(cf_profile_host_add(profile, text, &addr, origin), 0);
}

static void add_clause(struct cf_profile *profile, char *clause)
{
    struct cf_origin origin = { .file = cf_profile_file(profile, "test.yaml") };

    if (strncmp(clause, "allow ", 6) == 0)
        add_rule(profile, CF_ALLOW, clause + 6);
    else if (strncmp(clause, "deny ", 5) == 0)
        add_rule(profile, CF_DENY, clause + 5);
    else if (strncmp(clause, "host ", 5) == 0)
        add_host(profile, clause + 5);
    else if (strncmp(clause, "host_port ", 10) == 0)
        cf_profile_host_port_add(profile, (uint16_t)atoi(clause + 10), origin);
    else if (strcmp(clause, "default allow") == 0)
        profile->egress.fallback = CF_ALLOW;
    else if (strcmp(clause, "audit") == 0)
        profile->mode = CF_MODE_AUDIT;
    else if (strncmp(clause, "deny_type ", 10) == 0)
        add_type(profile, clause + 10);
    else if (strcmp(clause, "block_rebinding") == 0)
        profile->dns.block_rebinding = true;
    else if (strcmp(clause, "block_encrypted") == 0)
        profile->dns.block_encrypted = true;
    else if (strcmp(clause, "verify_names") == 0)
        profile->egress.verify_names = true;
    else if (strcmp(clause, "deny_quic") == 0)
        profile->egress.quic = CF_DENY;
    else if (strcmp(clause, "filter any") == 0)
        profile->dns.filter = CF_DNS_FILTER_ANY;
    else if (*clause)
        fail_msg("no such clause: '%s'", clause);
}

struct cf_profile *fixture_profile(const char *text)
{
    struct cf_profile *profile = cf_profile_new();
    char *copy = strdup(text), *clause = copy;

    assert_non_null(profile);
    profile->egress.quic = CF_ALLOW;
    while (clause) {
        char *end = strstr(clause, "; ");

        if (end) {
            *end = '\0';
            end += 2;
        }
        add_clause(profile, clause);
        clause = end;
    }
    free(copy);
    assert_int_equal(cf_profile_seal(profile), 0);
    return profile;
}

void fixture_shuffle(struct cf_profile *profile, unsigned *seed)
{
    struct cf_rule *rules = profile->egress.rules;

    for (size_t i = profile->egress.n_rules; i > 1; i--) {
        size_t k = (size_t)rand_r(seed) % i;
        struct cf_rule rule = rules[i - 1];

        rules[i - 1] = rules[k];
        rules[k] = rule;
    }
    assert_int_equal(cf_profile_seal(profile), 0);
}

static enum cf_proto read_proto(const char *text)
{
    return strcmp(text, "tcp") == 0   ? CF_PROTO_TCP
           : strcmp(text, "udp") == 0 ? CF_PROTO_UDP
                                      : CF_PROTO_ICMP;
}

void fixture_flow(struct fixture_flow *flow, const char *text)
{
    char *save = NULL, *word;

    memset(flow, 0, sizeof *flow);
    snprintf(flow->text, sizeof flow->text, "%s", text);
    flow->query.names = flow->names;
    flow->query.proto = read_proto(strtok_r(flow->text, " ", &save));
    assert_int_equal(cf_addr_parse(strtok_r(NULL, " ", &save), &flow->query.dst), 0);
    flow->query.port = (uint16_t)atoi(strtok_r(NULL, " ", &save));
    while ((word = strtok_r(NULL, " ", &save))) {
        struct cf_flow_name *name = &flow->names[flow->query.n_names++];
        size_t length = strlen(word);

        assert_true(flow->query.n_names <= FIXTURE_NAMES);
        name->name = word;
        name->alias = word[length - 1] == '~';
        name->pinned = word[length - 1] == '=';
        if (name->alias || name->pinned)
            word[length - 1] = '\0';
    }
}

char *fixture_verdict(const struct cf_verdict *verdict, char text[512])
{
    const char *action = verdict->action == CF_DENY ? "deny"
                         : verdict->would_deny      ? "would_deny"
                                                    : "allow";

    snprintf(text, 512, "%s %s%s%s", action, cf_reason_name(verdict->reason),
             verdict->rule ? " " : "", verdict->rule ? verdict->rule->text : "");
    return text;
}
