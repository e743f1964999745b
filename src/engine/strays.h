/*
 * strays.h - packets that are no flow, counted and told of in packets_denied
 *
 * Equal ones are one event: at most one a second for each protocol,
 * destination and reason, and one when the run ends. Bounded: past
 * CF_STRAYS_MAX kinds at once, what is new is counted without a destination.
 */
#ifndef CF_ENGINE_STRAYS_H
#define CF_ENGINE_STRAYS_H

#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/addr.h"
#include "loop/loop.h"

#define CF_STRAYS_MAX 256
#define CF_STRAY_REASON_SIZE 32

struct cf_stray {
    uint8_t protocol;
    struct cf_addr dst;
    char reason[CF_STRAY_REASON_SIZE];
    uint64_t count;
};

struct cf_strays {
    struct cf_loop *loop;
    struct cf_audit *audit;
    struct cf_timer timer;
    struct cf_stray kinds[CF_STRAYS_MAX + 1]; /* the last one: of all that found no room */
    size_t n_kinds;
};

void cf_strays_init(struct cf_strays *strays, struct cf_loop *loop, struct cf_audit *audit);
/* Write what is counted and stop. */
void cf_strays_done(struct cf_strays *strays);

void cf_strays_add(struct cf_strays *strays, uint8_t protocol, const struct cf_addr *dst,
                   const char *reason);
void cf_strays_flush(struct cf_strays *strays);

#endif
