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
 * In the new mount, PID and network namespaces, before any foreign program.
 * 0 or -errno with a message.
 */
int cf_mounts_set_up(const struct cf_etc *etc, const struct cf_mask_list *masks, const char *guard,
                     bool root, struct cf_mounts_result *ret_result, struct cf_error *err);

#endif
