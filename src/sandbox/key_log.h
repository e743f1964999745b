/*
 * key_log.h - where the command's TLS libraries write their secrets
 *
 * Private to the room; runs in PID 1 and allocates nothing. One file of this run
 * alone, which every process of the tree may write to, whatever its ids: most
 * libraries append to the file that SSLKEYLOGFILE names.
 */
#ifndef CF_SANDBOX_KEY_LOG_H
#define CF_SANDBOX_KEY_LOG_H

#include <stddef.h>

#include "base/error.h"
#include "sandbox/mask.h"

/*
 * Make the file, in this mount namespace, with room for so many bytes. Behind cf_view_make(),
 * for its place is in the command's own /run.
 *
 * scratch: a tmpfs of ours
 *
 * Returns 0 or -errno with a message.
 */
int cf_key_log_place(const char *scratch, size_t bytes, const struct cf_mask_list *masks,
                     struct cf_error *err);

/* Have SSLKEYLOGFILE name it, whatever it named before. Returns 0 or -errno. */
int cf_key_log_name(void);

/* Returns a descriptor to read it by, close-on-exec, or -errno. */
int cf_key_log_open(void);

#endif
