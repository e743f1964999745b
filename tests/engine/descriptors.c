/*
 * descriptors.c - descriptors run out
 */
#include "descriptors.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

static struct rlimit before;

static bool is_free(int fd)
{
    return fcntl(fd, F_GETFD) < 0;
}

void descriptors_leave(int n)
{
    struct rlimit few;
    int end = 0;

    for (int left = n; left > 0 || !is_free(end); end++)
        left -= is_free(end);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true((rlim_t)end < before.rlim_cur);
    few = before;
    few.rlim_cur = (rlim_t)end;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
}

void descriptors_give_back(void)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}
