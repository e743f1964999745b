/*
 * view.h - a /run of the command's own
 *
 * Private to the room; runs in PID 1 and allocates nothing.
 */
#ifndef CF_SANDBOX_VIEW_H
#define CF_SANDBOX_VIEW_H

#include <stdbool.h>

#include "base/error.h"
#include "sandbox/mask.h"

/*
 * Replace the tops of the list, as far as they are there, in this mount namespace.
 *
 * list:     what is to be left out; what turns out to lie elsewhere is no longer
 *           inside afterwards, and cf_mask_apply() covers it
 * prefix:   of names that are free in a tmpfs of ours, unmounted afterwards; what is written to
 *           the new folders is in it
 * ret_done: which rows were there
 *
 * Returns 0 or -errno with a message.
 */
int cf_view_make(struct cf_mask_list *list, const char *prefix, struct cf_mask_done *ret_done,
                 struct cf_error *err);

#endif
