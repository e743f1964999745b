/*
 * fuzz_verdict.c - any bytes are a policy and questions, and each verdict is the oracle's
 *
 * The oracle is tests/profile/oracle.c. The rules stand in a second profile from
 * the last to the first, whose verdicts must be the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../profile/oracle.h"

#define QUESTIONS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_same(const struct cf_verdict *a, const struct cf_verdict *b)
{
    require(a->action == b->action && a->would_deny == b->would_deny && a->reason == b->reason);
    require(!a->rule == !b->rule);
    require(!a->rule || a->rule->origin.line == b->rule->origin.line);
    require(!a->member == !b->member && a->names_line == b->names_line);
    require(!a->member || strcmp(a->member->text, b->member->text) == 0);
}

/* Say which policy and question it was, so that a finding can be read. */
static void require_right(bool right, const struct oracle_policy *policy, const char *question)
{
    if (!right)
        fprintf(stderr, "policy '%s': %s\n", policy->text, question);
    require(right);
}

static void ask_flow(struct oracle_source *source, const struct oracle_policy *policy,
                     const struct cf_profile *const profiles[2])
{
    struct oracle_question question;
    struct cf_verdict verdicts[2];

    oracle_draw_question(source, policy, &question);
    for (int i = 0; i < 2; i++)
        oracle_ask_flow(profiles[i], &question, &verdicts[i]);
    require_right(oracle_check_flow(policy, &question, &verdicts[0]), policy, question.text);
    require_same(&verdicts[0], &verdicts[1]);
}

static void ask_name(struct oracle_source *source, const struct oracle_policy *policy,
                     const struct cf_profile *const profiles[2])
{
    struct oracle_asking asking;
    struct cf_verdict verdicts[2];

    oracle_draw_asking(source, policy, &asking);
    for (int i = 0; i < 2; i++)
        oracle_ask_name(profiles[i], &asking, &verdicts[i]);
    require_right(oracle_check_name(policy, &asking, &verdicts[0]), policy, asking.text);
    require_same(&verdicts[0], &verdicts[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct oracle_source source = { .data = data ? data : (const uint8_t *)"", .length = size };
    struct cf_profile *profiles[2];
    struct oracle_policy policy;

    oracle_draw_policy(&source, &policy);
    profiles[0] = oracle_profile(&policy, false);
    profiles[1] = oracle_profile(&policy, true);
    for (int i = 0; i < QUESTIONS && source.length > 0; i++) {
        const struct cf_profile *const both[2] = { profiles[0], profiles[1] };

        if (oracle_draw(&source, 2))
            ask_name(&source, &policy, both);
        else
            ask_flow(&source, &policy, both);
    }
    for (int i = 0; i < 2; i++)
        cf_profile_free(profiles[i]);
    return 0;
}
