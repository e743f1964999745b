/*
 * filter.h - the system calls that would lead around the namespaces
 *
 * Private to the room. filter_rules.c says which these are.
 */
#ifndef CF_SANDBOX_FILTER_H
#define CF_SANDBOX_FILTER_H

#include <stdbool.h>

/*
 * For this process and all that it starts; needs no_new_privs, and allocates nothing.
 *
 * one_table: no thread may have descriptors that the others of its process have not
 *
 * Returns 0 or -errno.
 */
int cf_filter_install(bool one_table);

#endif
