/*
 * limits.h - egress.limits: how many flows, how fast, how many bytes
 *
 * Asked for each flow that the rules let through, told when one opens and
 * closes; the bytes are taken from a meter by whoever moves them. The first
 * time that a limit is hit is one warning of the log (limit_connections,
 * limit_new_per_second, limit_bytes). In audit mode nothing is held back, and
 * what enforce would have denied does not count. Single-threaded but for the
 * meter.
 */
#ifndef CF_ENGINE_LIMITS_H
#define CF_ENGINE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"
#include "engine/meter.h"
#include "profile/profile.h"
#include "profile/verdict.h"

enum cf_limit {
    CF_LIMIT_CONNECTIONS,
    CF_LIMIT_NEW_PER_SECOND,
    CF_LIMIT_BYTES,
    CF_LIMIT_COUNT
};

struct cf_limits {
    struct cf_audit *audit;
    bool audit_mode;
    struct {
        int64_t value;       /* 0: there is none */
        struct cf_rule rule; /* what the log names: the key, its value and its place */
        char text[64];       /* of the rule */
        bool told;
    } each[CF_LIMIT_COUNT];
    int64_t n_open;
    int64_t credit;    /* millionths of a flow */
    int64_t credit_us; /* when it was that */
    struct cf_meter meter;
};

/* audit and profile are borrowed. It points into itself, and must not be moved. */
void cf_limits_init(struct cf_limits *limits, struct cf_audit *audit,
                    const struct cf_profile *profile);

/* How many flows may be open is limited. */
static inline bool cf_limits_connections(const struct cf_limits *limits)
{
    return limits->each[CF_LIMIT_CONNECTIONS].value != 0;
}

/* As many are open as may be: the next is denied. */
static inline bool cf_limits_full(const struct cf_limits *limits)
{
    return cf_limits_connections(limits) &&
           limits->n_open >= limits->each[CF_LIMIT_CONNECTIONS].value;
}

/* Turn the verdict of a flow that the rules allow into a denial when a limit is hit. */
void cf_limits_judge(struct cf_limits *limits, int64_t now_us, struct cf_verdict *verdict);

/* A flow was opened, or closed, that no rule and no limit would have denied. */
void cf_limits_opened(struct cf_limits *limits, int64_t now_us);
void cf_limits_closed(struct cf_limits *limits);

/* What the bytes of a flow that counts are taken from; NULL when there is no limit of them. */
struct cf_meter *cf_limits_meter(struct cf_limits *limits);

/* Bytes were refused by the meter. */
void cf_limits_spent(struct cf_limits *limits);

#endif
