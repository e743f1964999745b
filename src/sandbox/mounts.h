/*
 * mounts.h - what the command sees of the file system, stage by stage
 *
 * Private to the room; runs in PID 1 and allocates nothing.
 */
#ifndef CF_SANDBOX_MOUNTS_H
#define CF_SANDBOX_MOUNTS_H

#include <stdbool.h>

#include "base/error.h"
#include "sandbox/etc.h"
#include "sandbox/mask.h"

struct cf_mounts_result {
    struct cf_mask_done masked;
    bool host_sysfs; /* /sys could not be renewed: it shows the host's interfaces */
};

/*
 * Both in the new mount and PID namespaces, before any foreign program, one
 * after the other; renew in the new network namespace too. 0 or -errno with
 * a message.
 */
int cf_mounts_cover(const struct cf_etc *etc, const struct cf_mask_list *masks, const char *guard,
                    struct cf_mounts_result *ret_result, struct cf_error *err);
int cf_mounts_renew(bool root, struct cf_mounts_result *ret_result, struct cf_error *err);

#endif
