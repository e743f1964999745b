/*
 * hide.h - what the run itself keeps from its command: its proxy's password and socket
 *
 * Private to the room; runs in PID 1 and allocates nothing.
 */
#ifndef CF_SANDBOX_HIDE_H
#define CF_SANDBOX_HIDE_H

#include <stdbool.h>

#include "base/error.h"
#include "sandbox/mask.h"
#include "sandbox/orders.h"

struct cf_hidden {
    bool hidden[CF_SANDBOX_HIDDEN_MAX];  /* it was there */
    bool exposed[CF_SANDBOX_HIDDEN_MAX]; /* a socket; one made anew in its place would be seen */
    bool movable; /* something that was there could be moved (movable.h) */
};

/*
 * Hide what the orders say, in this mount namespace, after cf_view_make(); the working directory
 * is the caller's as yet.
 *
 * masks:   whose tops have been replaced
 * cover:   an empty file
 * scratch: as cf_view_make() has it
 *
 * Returns 0, or -errno with a message: what cannot be hidden for good refuses the run.
 */
int cf_hide(const struct cf_orders *orders, const struct cf_mask_list *masks, const char *cover,
            const char *scratch, struct cf_hidden *ret_hidden, struct cf_error *err);

#endif
