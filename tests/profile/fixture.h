/*
 * fixture.h - policies and questions for tests, written on one line
 */
#ifndef CF_TESTS_PROFILE_FIXTURE_H
#define CF_TESTS_PROFILE_FIXTURE_H

#include "profile/profile.h"
#include "profile/verdict.h"

/*
 * A profile from clauses with "; " between them:
 *
 *   allow ENDPOINT, deny ENDPOINT, default allow, audit, filter any,
 *   host NAME ADDR, host_port PORT, deny_type TYPE, block_rebinding,
 *   block_encrypted
 *
 * A clause that cannot be read fails the test.
 */
struct cf_profile *fixture_profile(const char *text);

/* Put the rules in another order, drawn from *seed. */
void fixture_shuffle(struct cf_profile *profile, unsigned *seed);

#define FIXTURE_NAMES 8

/* A flow query and the memory behind it. */
struct fixture_flow {
    struct cf_flow_query query;
    struct cf_flow_name names[FIXTURE_NAMES];
    char text[512];
};

/* "tcp 192.0.2.1 443 NAME NAME~ NAME=": ~ is an alias, = is pinned. */
void fixture_flow(struct fixture_flow *flow, const char *text);

/* "allow rule TEXT", "deny default", "would_deny private private"; returns text. */
char *fixture_verdict(const struct cf_verdict *verdict, char text[512]);

#endif
