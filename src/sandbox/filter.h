/*
 * filter.h - the system calls that would lead around the namespaces
 *
 * Private to the room. Made in the engine, where memory may be allocated;
 * put in force by the command's process, where it may not.
 */
#ifndef CF_SANDBOX_FILTER_H
#define CF_SANDBOX_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct cf_filter {
    void *code; /* the kernel's classic BPF instructions */
    size_t bytes;
};

/* one_table: no thread may have descriptors that the others of its process have not. 0 or -errno. */
int cf_filter_init(bool one_table, struct cf_filter *ret_filter, struct cf_error *err);
void cf_filter_done(struct cf_filter *filter);

/* For this process and all that it starts; needs no_new_privs. 0 or -errno. */
int cf_filter_install(const struct cf_filter *filter);

#endif
