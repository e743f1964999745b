/*
 * mounts.h - what the command sees of the file system, stage by stage
 *
 * Private to the room; runs in PID 1 and allocates nothing.
 */
#ifndef CF_SANDBOX_MOUNTS_H
#define CF_SANDBOX_MOUNTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "sandbox/etc.h"
#include "sandbox/hide.h"
#include "sandbox/mask.h"
#include "sandbox/orders.h"

struct cf_mounts_result {
    struct cf_mask_done masked;
    struct cf_hidden hidden;
    dev_t device;    /* of what is ours and writable: it goes with the run */
    bool own_cwd;    /* the command starts in it */
    bool host_sysfs; /* /sys could not be renewed: it shows the host's interfaces */
};

/*
 * In the new mount and PID namespaces, before any foreign program, in this
 * order; renew in the new network namespace too. 0 or -errno with a message.
 *
 * cover:  what no policy has a say in: a new /run, the masks (which wait for place
 *         when /etc is to be replaced, so that they cover what lies below it then)
 * place:  our files over /etc, what the run hides, and its guard over itself, read-only
 * renew:  what shows the network
 * finish: a new /proc, over what the others mounted from, and what is done by its
 *         files; what lies below /proc can only be named afterwards
 */
int cf_mounts_cover(const struct cf_etc *etc, struct cf_mask_list *masks,
                    struct cf_mounts_result *ret_result, struct cf_error *err);
int cf_mounts_place(const struct cf_etc *etc, const struct cf_mask_list *masks,
                    const struct cf_orders *orders, struct cf_mounts_result *ret_result,
                    struct cf_error *err);
int cf_mounts_renew(bool root, struct cf_mounts_result *ret_result, struct cf_error *err);
int cf_mounts_finish(bool root, const struct cf_mask_list *masks,
                     struct cf_mounts_result *ret_result, struct cf_error *err);

#endif
