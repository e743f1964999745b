/*
 * strays.c - packets that are no flow, counted and told of in packets_denied
 */
#include "engine/strays.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"

#define EVERY_US CF_US_PER_S

static void timer_due(struct cf_timer *timer)
{
    cf_strays_flush(cf_container_of(timer, struct cf_strays, timer));
}

void cf_strays_init(struct cf_strays *strays, struct cf_loop *loop, struct cf_audit *audit)
{
    memset(strays, 0, sizeof *strays);
    strays->loop = loop;
    strays->audit = audit;
    strays->timer.fn = timer_due;
}

void cf_strays_done(struct cf_strays *strays)
{
    if (!strays->loop)
        return;
    cf_strays_flush(strays);
    cf_loop_timer_stop(strays->loop, &strays->timer);
}

static void emit(struct cf_strays *strays, const struct cf_stray *kind)
{
    struct cf_event event = { .type = CF_EVENT_PACKETS_DENIED };

    event.packets_denied.protocol = kind->protocol;
    event.packets_denied.dst = kind->dst;
    event.packets_denied.count = kind->count;
    event.packets_denied.reason = kind->reason;
    cf_audit_emit(strays->audit, &event);
}

void cf_strays_flush(struct cf_strays *strays)
{
    struct cf_stray *rest = &strays->kinds[CF_STRAYS_MAX];

    for (size_t i = 0; i < strays->n_kinds; i++)
        emit(strays, &strays->kinds[i]);
    if (rest->count > 0)
        emit(strays, rest);
    rest->count = 0;
    strays->n_kinds = 0;
}

static struct cf_stray *kind_find(struct cf_strays *strays, uint8_t protocol,
                                  const struct cf_addr *dst, const char *reason)
{
    struct cf_stray *kind;

    for (size_t i = 0; i < strays->n_kinds; i++) {
        kind = &strays->kinds[i];
        if (kind->protocol == protocol && cf_addr_equal(&kind->dst, dst) &&
            strncmp(kind->reason, reason, sizeof kind->reason - 1) == 0)
            return kind;
    }
    if (strays->n_kinds == CF_STRAYS_MAX) {
        kind = &strays->kinds[CF_STRAYS_MAX];
        if (kind->count == 0) {
            memset(kind, 0, sizeof *kind);
            strcpy(kind->reason, "many");
        }
        return kind;
    }
    kind = &strays->kinds[strays->n_kinds++];
    memset(kind, 0, sizeof *kind);
    kind->protocol = protocol;
    kind->dst = *dst;
    strncpy(kind->reason, reason, sizeof kind->reason - 1);
    return kind;
}

void cf_strays_add(struct cf_strays *strays, uint8_t protocol, const struct cf_addr *dst,
                   const char *reason)
{
    kind_find(strays, protocol, dst, reason)->count++;
    if (strays->timer.slot == 0)
        cf_loop_timer_start(strays->loop, &strays->timer, cf_clock_monotonic_us() + EVERY_US);
}
