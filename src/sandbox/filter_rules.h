/*
 * filter_rules.h - the system call filter, as libseccomp makes it
 *
 * For filter_make.c, and for the test of what that made; no part of childflow.
 */
#ifndef CF_SANDBOX_FILTER_RULES_H
#define CF_SANDBOX_FILTER_RULES_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * arch:      as the library names it; NULL: that of this program
 * one_table: no thread may have descriptors that the others of its process have not
 * ret_code:  BPF_MAXINSNS instructions, in the byte order of this program
 *
 * Returns 0, -EINVAL when the library does not know arch, or -errno.
 */
int cf_filter_rules_compile(const char *arch, bool one_table, struct sock_filter *ret_code,
                            size_t *ret_n);

#endif
