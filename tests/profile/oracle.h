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

#define ORACLE_RULES 24
#define ORACLE_GROUPS 2
#define ORACLE_MEMBERS 4
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

struct oracle_endpoint {
    char proto; /* 't', 'u', 'i', or 0 for none written */
    int host;   /* index into addr_hosts, or -1 */
    int stars;
    const char *name;
    unsigned n_ports;
    unsigned ports[3][2];
    char text[120];
};

/* Members, or names of a file, which have stars and a name alone; or nothing. */
struct oracle_group {
    bool is_file;
    unsigned n;
    struct oracle_endpoint members[ORACLE_MEMBERS];
};

struct oracle_rule {
    unsigned number; /* its line in the profile, from 1 */
    bool allow, expired;
    int glob;  /* index into globs, or -1 */
    int group; /* index into the policy's groups, or -1: endpoint */
    struct oracle_endpoint endpoint;
    char text[120];
};

struct oracle_policy {
    struct oracle_rule rules[ORACLE_RULES];
    unsigned n_rules;
    struct oracle_group groups[ORACLE_GROUPS];
    bool default_allow, audit, filter_any, quic;
    char text[8192]; /* for messages */
};

struct oracle_question {
    struct cf_flow_query query;
    struct cf_flow_name names[ORACLE_NAMES];
    int addr; /* -1: not known */
    char proto;
    int program;    /* index into programs, or -1: not known */
    int without;    /* a rule of the policy, or -1 */
    char text[512]; /* for messages */
};

struct oracle_asking {
    struct cf_name_query query;
    int program, without;
    char text[256];
};

/* A crowded policy has many rules for few hosts. */
void oracle_draw_policy(struct oracle_source *source, struct oracle_policy *policy);
void oracle_draw_question(struct oracle_source *source, const struct oracle_policy *policy,
                          struct oracle_question *question);
void oracle_draw_asking(struct oracle_source *source, const struct oracle_policy *policy,
                        struct oracle_asking *asking);

/* The policy as a sealed profile, the caller's; its rules from the last to the first if backwards.
 */
struct cf_profile *oracle_profile(const struct oracle_policy *policy, bool backwards);

/* Ask a profile of the policy, wherever its rules stand. */
void oracle_ask_flow(const struct cf_profile *profile, const struct oracle_question *question,
                     struct cf_verdict *ret_verdict);
void oracle_ask_name(const struct cf_profile *profile, const struct oracle_asking *asking,
                     struct cf_verdict *ret_verdict);

/* Whether the verdict is what the page says. */
bool oracle_check_flow(const struct oracle_policy *policy, const struct oracle_question *question,
                       const struct cf_verdict *verdict);
bool oracle_check_name(const struct oracle_policy *policy, const struct oracle_asking *asking,
                       const struct cf_verdict *verdict);

#endif
