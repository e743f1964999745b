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

/* fixture_verdict() with what of a group it was. */
static char *write_verdict(const struct cf_verdict *verdict, char text[640])
{
    char whole[512];

    snprintf(text, 640, "%s / %s / %u", fixture_verdict(verdict, whole),
             verdict->member ? verdict->member->text : "", (unsigned)verdict->names_line);
    return text;
}

static void check_flow_in_two_orders(const struct oracle_policy *policy, struct cf_profile *profile)
{
    struct oracle_question question;
    struct cf_verdict verdict, again;
    char text[640], text_again[640];

    oracle_draw_question(&source, policy, &question);
    oracle_ask_flow(profile, &question, &verdict);
    write_verdict(&verdict, text);
    if (!oracle_check_flow(policy, &question, &verdict))
        fail_msg("policy '%s': %s: got '%s'", policy->text, question.text, text);
    fixture_shuffle(profile, &source.seed);
    oracle_ask_flow(profile, &question, &again);
    assert_string_equal(write_verdict(&again, text_again), text);
}

static void check_name_in_two_orders(const struct oracle_policy *policy, struct cf_profile *profile)
{
    struct oracle_asking asking;
    struct cf_verdict verdict, again;
    char text[640], text_again[640];

    oracle_draw_asking(&source, policy, &asking);
    oracle_ask_name(profile, &asking, &verdict);
    write_verdict(&verdict, text);
    if (!oracle_check_name(policy, &asking, &verdict))
        fail_msg("policy '%s': %s: got '%s'", policy->text, asking.text, text);
    fixture_shuffle(profile, &source.seed);
    oracle_ask_name(profile, &asking, &again);
    assert_string_equal(write_verdict(&again, text_again), text);
}

static void verdicts_are_those_of_the_oracle_in_any_order_of_rules(void **state)
{
    struct oracle_policy policy;

    (void)state;
    for (int i = 0; i < POLICIES; i++) {
        struct cf_profile *profile;

        oracle_draw_policy(&source, &policy);
        profile = oracle_profile(&policy, false);
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
