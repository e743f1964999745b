/*
 * limits.c - egress.limits: how many flows, how fast, how many bytes
 *
 * How this works. new_per_second is a bucket of credit: it holds one second's
 * worth of flows, is full at the start, and gains evenly, so that N flows may
 * come at once and from then on one each 1/N of a second. A flow that is denied
 * costs nothing.
 *
 * The meter starts with what the limit of bytes allows and is counted down.
 * Without a limit nobody is given it. In audit mode it starts with more than can
 * ever pass, and what counts is how much was taken.
 */
#include "engine/limits.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define FLOW INT64_C(1000000) /* of credit */

static const struct {
    const char *key, *code, *denied, *would_deny;
} names[] = {
    [CF_LIMIT_CONNECTIONS] = { "egress.limits.connections", "limit_connections",
                               "flows beyond it are denied until others end",
                               "flows beyond it would be denied until others end" },
    [CF_LIMIT_NEW_PER_SECOND] = { "egress.limits.new_per_second", "limit_new_per_second",
                                  "flows that come faster are denied",
                                  "flows that come faster would be denied" },
    [CF_LIMIT_BYTES] = { "egress.limits.bytes", "limit_bytes",
                         "flows end where they go beyond it, and new ones are denied",
                         "flows would end where they go beyond it, and new ones be denied" },
};
static_assert(sizeof names / sizeof *names == CF_LIMIT_COUNT, "names of each limit");

static void row_init(struct cf_limits *limits, const struct cf_profile *profile, enum cf_limit limit,
                     int64_t value)
{
    const struct cf_origin *origin = cf_profile_origin_find(profile, names[limit].key);
    struct cf_rule *rule = &limits->each[limit].rule;

    limits->each[limit].value = value > 0 ? value : 0;
    snprintf(limits->each[limit].text, sizeof limits->each[limit].text, "%s: %" PRId64,
             names[limit].key, value);
    rule->action = CF_DENY;
    rule->text = limits->each[limit].text;
    rule->endpoint.kind = CF_HOST_PREFIX;
    rule->until = CF_DAY_NEVER;
    if (origin)
        rule->origin = *origin;
}

void cf_limits_init(struct cf_limits *limits, struct cf_audit *audit,
                    const struct cf_profile *profile)
{
    memset(limits, 0, sizeof *limits);
    limits->audit = audit;
    limits->audit_mode = profile->mode == CF_MODE_AUDIT;
    row_init(limits, profile, CF_LIMIT_CONNECTIONS, profile->egress.limits.connections);
    row_init(limits, profile, CF_LIMIT_NEW_PER_SECOND, profile->egress.limits.new_per_second);
    row_init(limits, profile, CF_LIMIT_BYTES, profile->egress.limits.bytes);
    limits->credit = limits->each[CF_LIMIT_NEW_PER_SECOND].value * FLOW;
    cf_meter_init(&limits->meter, CF_METER_MOST);
    if (!limits->audit_mode && limits->each[CF_LIMIT_BYTES].value > 0)
        cf_meter_init(&limits->meter, (uint64_t)limits->each[CF_LIMIT_BYTES].value);
}

static void credit_gain(struct cf_limits *limits, int64_t now_us)
{
    int64_t rate = limits->each[CF_LIMIT_NEW_PER_SECOND].value, full = rate * FLOW;
    int64_t passed = now_us - limits->credit_us;

    limits->credit_us = now_us;
    if (passed >= CF_US_PER_S || limits->credit + passed * rate > full)
        limits->credit = full;
    else
        limits->credit += passed * rate;
}

static bool bytes_spent(const struct cf_limits *limits)
{
    uint64_t value = (uint64_t)limits->each[CF_LIMIT_BYTES].value;

    if (value == 0)
        return false;
    if (!limits->audit_mode)
        return cf_meter_spent(&limits->meter);
    return CF_METER_MOST - cf_meter_left(&limits->meter) >= value;
}

static bool is_hit(struct cf_limits *limits, enum cf_limit limit, int64_t now_us)
{
    switch (limit) {
    case CF_LIMIT_CONNECTIONS:
        return cf_limits_full(limits);
    case CF_LIMIT_NEW_PER_SECOND:
        credit_gain(limits, now_us);
        return limits->credit < FLOW;
    default:
        return bytes_spent(limits);
    }
}

/* One warning for each limit of a run. */
static void tell(struct cf_limits *limits, enum cf_limit limit)
{
    const struct cf_origin *origin = &limits->each[limit].rule.origin;

    if (limits->each[limit].told)
        return;
    limits->each[limit].told = true;
    cf_audit_warn(limits->audit, names[limit].code, "%s (%s:%u) is reached: %s",
                  limits->each[limit].text, origin->file ? origin->file : "built-in", origin->line,
                  limits->audit_mode ? names[limit].would_deny : names[limit].denied);
}

void cf_limits_judge(struct cf_limits *limits, int64_t now_us, struct cf_verdict *verdict)
{
    for (int limit = 0; limit < CF_LIMIT_COUNT; limit++) {
        if (limits->each[limit].value == 0 || !is_hit(limits, (enum cf_limit)limit, now_us))
            continue;
        tell(limits, (enum cf_limit)limit);
        *verdict = (struct cf_verdict) { .action = limits->audit_mode ? CF_ALLOW : CF_DENY,
                                         .would_deny = limits->audit_mode,
                                         .reason = CF_REASON_LIMIT,
                                         .rule = &limits->each[limit].rule };
        return;
    }
}

void cf_limits_opened(struct cf_limits *limits, int64_t now_us)
{
    limits->n_open++;
    if (limits->each[CF_LIMIT_NEW_PER_SECOND].value == 0)
        return;
    credit_gain(limits, now_us);
    limits->credit -= FLOW;
}

void cf_limits_closed(struct cf_limits *limits)
{
    limits->n_open--;
    if (limits->audit_mode && bytes_spent(limits))
        tell(limits, CF_LIMIT_BYTES);
}

struct cf_meter *cf_limits_meter(struct cf_limits *limits)
{
    return limits->each[CF_LIMIT_BYTES].value > 0 ? &limits->meter : NULL;
}

void cf_limits_spent(struct cf_limits *limits)
{
    tell(limits, CF_LIMIT_BYTES);
}
