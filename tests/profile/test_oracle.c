/*
 * test_oracle.c - verdicts beside a second, slower reading of the same page
 *
 * Random policies and questions from a fixed seed.
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
#include "oracle.h"

#define POLICIES 4000
#define QUESTIONS 12

static struct oracle_source source = { .seed = 20260630 };

/* The verdict and the line of its rule; returns text. */
static const char *format(const struct cf_verdict *verdict, char text[600])
{
    size_t n = strlen(fixture_verdict(verdict, text));

    snprintf(text + n, 600 - n, " (line %u)", verdict->rule ? verdict->rule->origin.line : 0);
    return text;
}

static void check_flow_in_two_orders(const struct oracle_policy *policy,
                                     struct cf_profile *const profiles[2])
{
    struct oracle_question question;
    struct cf_verdict verdicts[2];
    char text[600], text_again[600];

    oracle_draw_question(&source, policy, &question);
    for (int i = 0; i < 2; i++) {
        question.query.without = oracle_without(profiles[i], &question.asker);
        cf_verdict_flow(profiles[i], &question.query, &verdicts[i]);
    }
    if (!oracle_check_flow(policy, &question, &verdicts[0]))
        fail_msg("policy '%s': %c %s %u: got '%s'", policy->text, question.proto,
                 oracle_addrs[question.addr], question.query.port, format(&verdicts[0], text));
    assert_string_equal(format(&verdicts[1], text_again), format(&verdicts[0], text));
}

static void check_name_in_two_orders(const struct oracle_policy *policy,
                                     struct cf_profile *const profiles[2])
{
    struct cf_name_query query = {
        .name = oracle_names[oracle_draw(&source, ORACLE_NAME_COUNT)],
        .alias = oracle_draw(&source, 4) == 0,
    };
    struct cf_verdict verdicts[2];
    struct oracle_asker asker;
    char text[600], text_again[600];

    oracle_draw_asker(&source, policy, &asker);
    query.exe = oracle_asker_exe(&asker);
    for (int i = 0; i < 2; i++) {
        query.without = oracle_without(profiles[i], &asker);
        cf_verdict_name(profiles[i], &query, &verdicts[i]);
    }
    if (!oracle_check_name(policy, &asker, query.name, query.alias, &verdicts[0]))
        fail_msg("policy '%s': %s%s: got '%s'", policy->text, query.name, query.alias ? "~" : "",
                 format(&verdicts[0], text));
    assert_string_equal(format(&verdicts[1], text_again), format(&verdicts[0], text));
}

static void verdicts_are_those_of_the_oracle_in_any_order_of_rules(void **state)
{
    struct oracle_policy policy;

    (void)state;
    for (int i = 0; i < POLICIES; i++) {
        struct cf_profile *profiles[2];

        oracle_draw_policy(&source, &policy);
        for (int k = 0; k < 2; k++)
            profiles[k] = oracle_profile(&policy, k == 1);
        for (int k = 0; k < QUESTIONS; k++) {
            check_flow_in_two_orders(&policy, profiles);
            check_name_in_two_orders(&policy, profiles);
        }
        for (int k = 0; k < 2; k++)
            cf_profile_free(profiles[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_are_those_of_the_oracle_in_any_order_of_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
