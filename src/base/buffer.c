/*
 * buffer.c - bytes that grow up to a limit
 */
#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT ((size_t)64 << 20)
#define FIRST_CAPACITY ((size_t)256)

void cf_buffer_init(struct cf_buffer *buffer, size_t limit)
{
    *buffer = (struct cf_buffer){ .limit = limit ? limit : DEFAULT_LIMIT };
}

void cf_buffer_done(struct cf_buffer *buffer)
{
    free(buffer->data);
    buffer->data = NULL;
    buffer->length = 0;
    buffer->capacity = 0;
}

void cf_buffer_clear(struct cf_buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = false;
    if (buffer->data)
        buffer->data[0] = '\0';
}

/* Room for `more` bytes and the closing NUL. */
static int reserve(struct cf_buffer *buffer, size_t more)
{
    size_t need, capacity;
    char *data;

    if (buffer->failed)
        return -ENOBUFS;
    if (more > buffer->limit || buffer->length > buffer->limit - more) {
        buffer->failed = true;
        return -ENOBUFS;
    }
    need = buffer->length + more + 1;
    if (need <= buffer->capacity)
        return 0;
    capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    while (capacity < need)
        capacity *= 2;
    data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->failed = true;
        return -ENOMEM;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int cf_buffer_append(struct cf_buffer *buffer, const void *data, size_t length)
{
    int r = reserve(buffer, length);

    if (r < 0)
        return r;
    if (length)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return 0;
}

int cf_buffer_puts(struct cf_buffer *buffer, const char *text)
{
    return cf_buffer_append(buffer, text, strlen(text));
}

int cf_buffer_printf(struct cf_buffer *buffer, const char *fmt, ...)
{
    va_list args;
    int length, r;

    va_start(args, fmt);
    length = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (length < 0) {
        buffer->failed = true;
        return -EINVAL;
    }
    r = reserve(buffer, (size_t)length);
    if (r < 0)
        return r;
    va_start(args, fmt);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, fmt, args);
    va_end(args);
    buffer->length += (size_t)length;
    return 0;
}

char *cf_buffer_steal(struct cf_buffer *buffer)
{
    char *data;

    if (buffer->failed)
        return NULL;
    data = buffer->data ? buffer->data : calloc(1, 1);
    buffer->data = NULL;
    buffer->length = 0;
    buffer->capacity = 0;
    return data;
}
