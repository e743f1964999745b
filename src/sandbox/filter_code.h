/*
 * filter_code.h - the system call filter as the kernel takes it
 *
 * Private to the room. filter_code.c is made by filter_make.c while childflow is built.
 */
#ifndef CF_SANDBOX_FILTER_CODE_H
#define CF_SANDBOX_FILTER_CODE_H

#include <linux/filter.h>

struct cf_filter_code {
    const struct sock_filter *instructions;
    unsigned short n;
};

/* [1]: no thread may have descriptors that the others of its process have not. */
extern const struct cf_filter_code cf_filter_codes[2];

#endif
