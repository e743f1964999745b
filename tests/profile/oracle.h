/*
 * oracle.h - policies and questions that are drawn, and what their verdicts must be
 *
 * Used by test_oracle.c, which draws from a seed, and by tests/fuzz/fuzz_verdict.c,
 * which draws from the bytes of the fuzzer.
 */
#ifndef CF_TESTS_PROFILE_ORACLE_H
#define CF_TESTS_PROFILE_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"
#include "profile/verdict.h"

#define ORACLE_RULES 9
#define ORACLE_NAMES 8 /* of one flow */
#define ORACLE_NAME_COUNT 8
#define ORACLE_ADDR_COUNT 7

/* The names and addresses of which questions are made. */
extern const char *const oracle_names[ORACLE_NAME_COUNT];
extern const char *const oracle_addrs[ORACLE_ADDR_COUNT];

/* Where choices come from: bytes, borrowed, and 0 behind the last; or, when data is NULL, seed. */
struct oracle_source {
    const uint8_t *data;
    size_t length;
    unsigned seed;
};

/* A number from 0 to below - 1. */
unsigned oracle_draw(struct oracle_source *source, unsigned below);

struct oracle_rule {
    bool allow;
    char proto;      /* 't', 'u', 'i', or 0 for none written */
    int host;        /* index into addr_hosts, or -1 */
    int exe;         /* which glob of a program, or -1 */
    bool expired;    /* its last day was yesterday */
    unsigned number; /* its line, from 0 */
    int stars;
    const char *name;
    unsigned n_ports;
    unsigned ports[3][2];
    char text[160];
};

struct oracle_policy {
    struct oracle_rule rules[ORACLE_RULES];
    unsigned n_rules;
    bool default_allow, audit, filter_any;
    char text[2048];
};

/* Who asks, and the rule that is to be left out, if any. */
struct oracle_asker {
    unsigned exe;
    const struct oracle_rule *without;
};

struct oracle_question {
    struct oracle_asker asker;
    struct cf_flow_query query;
    struct cf_flow_name names[ORACLE_NAMES];
    unsigned addr;
    char proto;
};

void oracle_draw_policy(struct oracle_source *source, struct oracle_policy *policy);
void oracle_draw_question(struct oracle_source *source, const struct oracle_policy *policy,
                          struct oracle_question *question);
void oracle_draw_asker(struct oracle_source *source, const struct oracle_policy *policy,
                       struct oracle_asker *asker);

/* The policy as a sealed profile; backwards: its rules from the last to the first. */
struct cf_profile *oracle_profile(const struct oracle_policy *policy, bool backwards);

/* The rule of a profile that is to be left out, or NULL. */
const struct cf_rule *oracle_without(const struct cf_profile *profile,
                                     const struct oracle_asker *asker);

/* The rule's glob, "" for none; the path of the program that asks, NULL when it is not known. */
const char *oracle_exe(const struct oracle_rule *rule);
const char *oracle_asker_exe(const struct oracle_asker *asker);

/* Whether the verdict is what the page says. */
bool oracle_check_flow(const struct oracle_policy *policy, const struct oracle_question *question,
                       const struct cf_verdict *verdict);
bool oracle_check_name(const struct oracle_policy *policy, const struct oracle_asker *asker,
                       const char *name, bool alias, const struct cf_verdict *verdict);

#endif
