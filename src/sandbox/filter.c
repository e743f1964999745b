/*
 * filter.c - the filter that was made when childflow was built, put in force
 *
 * libseccomp took 0.06 ms of every start to load and 0.27 to make it, always the same.
 */
#include "sandbox/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/filter_code.h"

int cf_filter_install(bool one_table)
{
    const struct cf_filter_code *code = &cf_filter_codes[one_table];
    const struct sock_fprog program = {
        .len = code->n,
        .filter = (struct sock_filter *)code->instructions, /* the kernel only reads it */
    };

    /* SPEC_ALLOW: older kernels else slow the whole command down (speculative stores). */
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0)
        return -errno;
    return 0;
}
