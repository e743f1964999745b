/*
 * error.c - one error, said once, owned by the caller
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int cf_error_set(struct cf_error *err, int code, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return code;
    err->code = code;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    return code;
}

int cf_error_errno(struct cf_error *err, int code, const char *fmt, ...)
{
    size_t length;
    va_list args;

    if (!err)
        return code;
    err->code = code;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    length = strlen(err->text);
    snprintf(err->text + length, sizeof err->text - length, ": %s", strerror(-code));
    return code;
}

int cf_error_wrap(struct cf_error *err, const char *fmt, ...)
{
    char before[CF_ERROR_TEXT_SIZE];
    va_list args;

    if (!err)
        return -EIO;
    memcpy(before, err->text, sizeof before);
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    size_t length = strlen(err->text);
    snprintf(err->text + length, sizeof err->text - length, ": %s", before);
    return err->code;
}
