/*
 * sweep.h - every socket at which somebody outside waits when the run begins
 *
 * Private to the room.
 */
#ifndef CF_SANDBOX_SWEEP_H
#define CF_SANDBOX_SWEEP_H

#include "sandbox/elsewhere.h"
#include "sandbox/mask.h"

/*
 * Add them to the list, whose known rows and tops stand, sorted: all of this network
 * namespace that have a path, but those that are let through and what is hidden anyway.
 *
 * Returns 0, -ENOMEM, -ENOSPC when they are too many, or another -errno.
 */
int cf_sweep(struct cf_mask_list *list, const struct cf_elsewhere *elsewhere);

#endif
