/*
 * cleanup.h - locals that let go of what they own when the scope ends
 *
 * A local that owns something wears one of these tags and starts empty. It is
 * handed over in two plain lines: *ret_x = x; x = NULL (or -1).
 */
#ifndef CF_BASE_CLEANUP_H
#define CF_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CF_CLEANUP(function) __attribute__((cleanup(function)))

static inline void cf_cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void cf_cleanup_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cf_cleanup_fclose(FILE **file)
{
    if (*file)
        fclose(*file);
}

static inline void cf_cleanup_closedir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

#define cf_auto_free CF_CLEANUP(cf_cleanup_free)
#define cf_auto_close CF_CLEANUP(cf_cleanup_close)
#define cf_auto_fclose CF_CLEANUP(cf_cleanup_fclose)
#define cf_auto_closedir CF_CLEANUP(cf_cleanup_closedir)

#endif
