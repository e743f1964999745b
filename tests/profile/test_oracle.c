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

static void check_flow_in_two_orders(const struct oracle_policy *policy, struct cf_profile *profile)
{
    struct oracle_question question;
    struct cf_verdict verdict, again;
    char text[512], text_again[512];

    oracle_draw_question(&source, &question);
    cf_verdict_flow(profile, &question.query, &verdict);
    fixture_verdict(&verdict, text);
    if (!oracle_check_flow(policy, &question, &verdict))
        fail_msg("policy '%s': %c %s %u: got '%s'", policy->text, question.proto,
                 oracle_addrs[question.addr], question.query.port, text);
    fixture_shuffle(profile, &source.seed);
    cf_verdict_flow(profile, &question.query, &again);
    assert_string_equal(fixture_verdict(&again, text_again), text);
}

static void check_name_in_two_orders(const struct oracle_policy *policy, struct cf_profile *profile)
{
    const char *name = oracle_names[oracle_draw(&source, ORACLE_NAME_COUNT)];
    bool alias = oracle_draw(&source, 4) == 0;
    struct cf_verdict verdict, again;
    char text[512], text_again[512];

    cf_verdict_name(profile, &(struct cf_name_query) { .name = name, .alias = alias }, &verdict);
    fixture_verdict(&verdict, text);
    if (!oracle_check_name(policy, name, alias, &verdict))
        fail_msg("policy '%s': %s%s: got '%s'", policy->text, name, alias ? "~" : "", text);
    fixture_shuffle(profile, &source.seed);
    cf_verdict_name(profile, &(struct cf_name_query) { .name = name, .alias = alias }, &again);
    assert_string_equal(fixture_verdict(&again, text_again), text);
}

static void verdicts_are_those_of_the_oracle_in_any_order_of_rules(void **state)
{
    struct oracle_policy policy;

    (void)state;
    for (int i = 0; i < POLICIES; i++) {
        struct cf_profile *profile;

        oracle_draw_policy(&source, &policy);
        profile = fixture_profile(policy.text);
        for (int k = 0; k < QUESTIONS; k++) {
            check_flow_in_two_orders(&policy, profile);
            check_name_in_two_orders(&policy, profile);
        }
        cf_profile_free(profile);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_are_those_of_the_oracle_in_any_order_of_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
