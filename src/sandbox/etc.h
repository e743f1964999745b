/*
 * etc.h - our resolv.conf, hosts and nsswitch.conf, whatever stands there
 *
 * Private to the room.
 */
#ifndef CF_SANDBOX_ETC_H
#define CF_SANDBOX_ETC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum cf_etc_file {
    CF_ETC_RESOLV_CONF,
    CF_ETC_HOSTS,
    CF_ETC_NSSWITCH_CONF,
    CF_ETC_COUNT,
};

struct cf_etc {
    const char *texts[CF_ETC_COUNT]; /* borrowed */
    bool missing[CF_ETC_COUNT];
    bool incomplete; /* some file is missing: /etc itself has to be replaced */
    bool writable;   /* the caller may write to /etc */
};

/* Look at /etc as the caller has it. texts are set by the caller. 0 or -errno. */
int cf_etc_plan(struct cf_etc *etc, struct cf_error *err);

/* Where file has its place. */
const char *cf_etc_path(enum cf_etc_file file);

/*
 * Put the files in place, in this mount namespace; allocates nothing.
 *
 * scratch: a tmpfs of ours, unmounted afterwards
 */
int cf_etc_place(const struct cf_etc *etc, const char *scratch, struct cf_error *err);

#endif
