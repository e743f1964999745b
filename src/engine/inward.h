/*
 * inward.h - crafted packets on their way into the sandbox
 */
#ifndef CF_ENGINE_INWARD_H
#define CF_ENGINE_INWARD_H

#include <stddef.h>
#include <stdint.h>

#include "engine/craft.h"

struct cf_engine;

/*
 * Send one packet to the sandbox, in fragments when it is longer than the link's
 * MTU. What the log has to say of it is written first: the command may kill us as
 * soon as it is told. Returns 0 or -errno; with a log that failed, nothing is sent.
 */
int cf_inward_send(struct cf_engine *engine, const uint8_t *packet, size_t length);

/* Put a held SYN back in, towards the transparent listener. */
int cf_inward_inject(struct cf_engine *engine, const uint8_t *packet, size_t length);

/*
 * Tell the sender of `original` of an error. When error->from has no family,
 * it is the gateway that speaks.
 */
int cf_inward_error(struct cf_engine *engine, const struct cf_icmp_error *error,
                    const uint8_t *original, size_t length);

#endif
