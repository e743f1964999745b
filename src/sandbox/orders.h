/*
 * orders.h - what PID 1 learns from the policy, in one memory file
 *
 * Private to the room. PID 1 is cloned before the policy has been read, so
 * this follows it: texts of any length, which it maps instead of allocating.
 */
#ifndef CF_SANDBOX_ORDERS_H
#define CF_SANDBOX_ORDERS_H

#include "sandbox/etc.h"
#include "sandbox/sandbox.h"

/* What PID 1 reads; it stays mapped as long as PID 1 lives. */
struct cf_orders {
    const char *texts[CF_ETC_COUNT];
    const char *guard, *guard_more; /* NULL: none */
    const char *cwd;   /* NULL: the caller's */
    const char *forget; /* a variable; NULL: none */
    size_t key_log_bytes;
    bool one_table; /* as in struct cf_sandbox_config */
    const char *const *hidden;
    char *const *command;
};

/*
 * The engine's side. Returns a descriptor for cf_orders_open(), close-on-exec; -E2BIG when
 * too much is hidden, or -errno.
 */
int cf_orders_write(const struct cf_sandbox_config *config);

/* PID 1's side: map what was written; allocates nothing. fd: borrowed. 0 or -errno. */
int cf_orders_open(int fd, struct cf_orders *ret_orders);

#endif
