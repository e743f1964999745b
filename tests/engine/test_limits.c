/*
 * test_limits.c - egress.limits, at moments of the test's own
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/limits.h"

static struct cf_audit *audit;
static struct cf_profile *profile;
static struct cf_limits limits;
static char warnings[512];

static void tap(void *data, const struct cf_event *event)
{
    size_t length = strlen(warnings);

    (void)data;
    if (event->type == CF_EVENT_WARNING)
        snprintf(warnings + length, sizeof warnings - length, "%s\n", event->warning.code);
}

static int set_up(void **state)
{
    struct cf_error err;

    (void)state;
    warnings[0] = '\0';
    profile = cf_profile_new();
    if (!profile || cf_audit_open(NULL, "0", NULL, NULL, &audit, &err) < 0)
        return -1;
    cf_audit_tap(audit, tap, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cf_profile_free(profile);
    return cf_audit_close(audit, NULL);
}

static void start(int64_t connections, int64_t new_per_second, int64_t bytes)
{
    profile->egress.limits.connections = connections;
    profile->egress.limits.new_per_second = new_per_second;
    profile->egress.limits.bytes = bytes;
    cf_limits_init(&limits, audit, profile);
}

/* Whether a flow is let through at that moment; it is open then. */
static bool opens(int64_t now_us)
{
    struct cf_verdict verdict = { .action = CF_ALLOW };

    cf_limits_judge(&limits, now_us, &verdict);
    if (verdict.action != CF_ALLOW) {
        assert_int_equal(verdict.reason, CF_REASON_LIMIT);
        return false;
    }
    cf_limits_opened(&limits, now_us);
    return true;
}

/* How many of so many flows of one moment are let through. */
static int open_many(int64_t now_us, int n)
{
    int opened = 0;

    for (int i = 0; i < n; i++)
        opened += opens(now_us);
    return opened;
}

static void without_limits_all_passes(void **state)
{
    (void)state;
    start(CF_PROFILE_UNSET, CF_PROFILE_UNSET, CF_PROFILE_UNSET);
    assert_int_equal(open_many(0, 10000), 10000);
    assert_null(cf_limits_meter(&limits));
    assert_true(opens(0));
    assert_string_equal(warnings, "");
}

static void a_flow_may_open_when_another_has_closed(void **state)
{
    (void)state;
    start(3, CF_PROFILE_UNSET, CF_PROFILE_UNSET);
    assert_int_equal(open_many(0, 10), 3);
    cf_limits_closed(&limits);
    assert_int_equal(open_many(0, 10), 1);
    assert_string_equal(warnings, "limit_connections\n");
}

static void the_rate_is_a_burst_and_then_even(void **state)
{
    const int64_t t = 5 * CF_US_PER_S;

    (void)state;
    start(CF_PROFILE_UNSET, 10, CF_PROFILE_UNSET);
    assert_int_equal(open_many(t, 20), 10);
    assert_int_equal(open_many(t + 99999, 20), 0);
    assert_int_equal(open_many(t + 100000, 20), 1);
    assert_int_equal(open_many(t + 350000, 20), 2);
    assert_int_equal(open_many(t + 400000, 20), 1);
    assert_int_equal(open_many(t + 3600 * CF_US_PER_S, 20), 10);
    assert_string_equal(warnings, "limit_new_per_second\n");
}

static void a_denied_flow_costs_nothing(void **state)
{
    (void)state;
    start(1, 2, CF_PROFILE_UNSET);
    assert_int_equal(open_many(0, 100), 1);
    cf_limits_closed(&limits);
    assert_int_equal(open_many(0, 100), 1);
    cf_limits_closed(&limits);
    assert_int_equal(open_many(0, 100), 0);
    assert_string_equal(warnings, "limit_connections\nlimit_new_per_second\n");
}

static void the_highest_rate_is_kept_too(void **state)
{
    (void)state;
    start(CF_PROFILE_UNSET, 1048576, CF_PROFILE_UNSET);
    assert_int_equal(open_many(0, 1100000), 1048576);
    assert_int_equal(open_many(500000, 1100000), 524288);
    assert_int_equal(open_many(INT64_MAX, 1100000), 1048576);
}

static void bytes_are_taken_until_none_is_left(void **state)
{
    (void)state;
    start(CF_PROFILE_UNSET, CF_PROFILE_UNSET, 100);
    assert_true(cf_meter_take(&limits.meter, 99));
    assert_true(opens(0));
    assert_true(cf_meter_take(&limits.meter, 1));
    assert_false(opens(0));
    assert_true(cf_meter_take(&limits.meter, 0));
    assert_false(cf_meter_take(&limits.meter, 1));
    cf_limits_spent(&limits);
    assert_string_equal(warnings, "limit_bytes\n");
}

static void what_does_not_fit_leaves_nothing(void **state)
{
    (void)state;
    start(CF_PROFILE_UNSET, CF_PROFILE_UNSET, 100);
    assert_false(cf_meter_take(&limits.meter, 101));
    assert_false(cf_meter_take(&limits.meter, 1));
    assert_false(opens(0));
}

static void what_another_thread_holds_may_come_back(void **state)
{
    struct cf_meter *meter;
    bool wait;

    (void)state;
    start(CF_PROFILE_UNSET, CF_PROFILE_UNSET, 100);
    meter = cf_limits_meter(&limits);
    assert_int_equal(cf_meter_hold(meter, 60, &wait), 60);
    assert_int_equal(cf_meter_hold(meter, 60, &wait), 40);
    assert_int_equal(cf_meter_hold(meter, 60, &wait), 0);
    assert_true(wait);
    assert_true(opens(0));
    cf_meter_settle(meter, 0);
    assert_int_equal(cf_meter_hold(meter, 60, &wait), 0);
    assert_true(wait);
    cf_meter_settle(meter, 7);
    assert_true(opens(0));
    assert_int_equal(cf_meter_hold(meter, 60, &wait), 7);
    cf_meter_settle(meter, 0);
    assert_int_equal(cf_meter_hold(meter, 60, &wait), 0);
    assert_false(wait);
    assert_false(opens(0));
}

static void what_was_taken_and_not_sent_can_be_given_back(void **state)
{
    (void)state;
    start(CF_PROFILE_UNSET, CF_PROFILE_UNSET, 100);
    assert_true(cf_meter_take(&limits.meter, 100));
    assert_false(opens(0));
    cf_meter_give(&limits.meter, 40);
    assert_true(opens(0));
    assert_false(cf_meter_take(&limits.meter, 41));
}

#define THREADS 4

static struct cf_meter shared;

/* Hold, let pass some of it, put back the rest, until all is spent. Returns how much passed. */
static void *spend(void *data)
{
    uint64_t *passed = data, held;
    unsigned seed = (unsigned)(uintptr_t)data;
    bool wait;

    for (;;) {
        uint64_t some;

        held = cf_meter_hold(&shared, 1 + (uint64_t)rand_r(&seed) % 4000, &wait);
        if (held == 0 && !wait)
            return NULL;
        if (held == 0)
            continue;
        some = (uint64_t)rand_r(&seed) % (held + 1);
        *passed += some;
        cf_meter_settle(&shared, held - some);
    }
}

static void exactly_what_a_meter_has_passes_through_many_threads(void **state)
{
    static uint64_t passed[THREADS];
    pthread_t threads[THREADS];
    uint64_t sum = 0;

    (void)state;
    cf_meter_init(&shared, 200000003);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, spend, &passed[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += passed[i];
    }
    assert_int_equal(sum, 200000003);
    assert_true(cf_meter_spent(&shared));
}

static void a_meter_has_a_most(void **state)
{
    bool wait;

    (void)state;
    cf_meter_init(&shared, UINT64_MAX);
    assert_int_equal(cf_meter_left(&shared), CF_METER_MOST);
    assert_int_equal(cf_meter_hold(&shared, UINT64_MAX, &wait), CF_METER_MOST);
    cf_meter_settle(&shared, CF_METER_MOST);
    assert_int_equal(cf_meter_left(&shared), CF_METER_MOST);
}

static void audit_mode_says_what_enforce_would_deny(void **state)
{
    struct cf_verdict verdict = { .action = CF_ALLOW };

    (void)state;
    profile->mode = CF_MODE_AUDIT;
    start(1, CF_PROFILE_UNSET, 100);
    assert_true(opens(0));
    cf_limits_judge(&limits, 0, &verdict);
    assert_int_equal(verdict.action, CF_ALLOW);
    assert_true(verdict.would_deny);
    assert_int_equal(verdict.reason, CF_REASON_LIMIT);
    assert_string_equal(verdict.rule->text, "egress.limits.connections: 1");
    assert_true(cf_meter_take(&limits.meter, 1000000));
    cf_limits_closed(&limits);
    verdict = (struct cf_verdict) { .action = CF_ALLOW };
    cf_limits_judge(&limits, 0, &verdict);
    assert_true(verdict.would_deny);
    assert_string_equal(verdict.rule->text, "egress.limits.bytes: 100");
    assert_string_equal(warnings, "limit_connections\nlimit_bytes\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_limits_all_passes),
        TEST(a_flow_may_open_when_another_has_closed),
        TEST(the_rate_is_a_burst_and_then_even),
        TEST(a_denied_flow_costs_nothing),
        TEST(the_highest_rate_is_kept_too),
        TEST(bytes_are_taken_until_none_is_left),
        TEST(what_does_not_fit_leaves_nothing),
        TEST(what_another_thread_holds_may_come_back),
        TEST(what_was_taken_and_not_sent_can_be_given_back),
        TEST(exactly_what_a_meter_has_passes_through_many_threads),
        TEST(a_meter_has_a_most),
        TEST(audit_mode_says_what_enforce_would_deny),
    };

    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
