/*
 * buffer.h - bytes that grow up to a limit
 *
 * One growing run of bytes with a hard limit, for text and for wire messages.
 * The bytes are always followed by a NUL that length does not count, so that
 * text can be read as a C string. An append that fails changes nothing and
 * marks the buffer failed; later appends do nothing, so a caller may check
 * once at the end.
 */
#ifndef CF_BASE_BUFFER_H
#define CF_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct cf_buffer {
    char *data; /* NULL until the first append */
    size_t length;
    size_t capacity;
    size_t limit; /* bytes; 0 means 64 MiB */
    bool failed;
};

void cf_buffer_init(struct cf_buffer *buffer, size_t limit);
void cf_buffer_done(struct cf_buffer *buffer);

/* Forget the bytes and the failure, keep the memory. */
void cf_buffer_clear(struct cf_buffer *buffer);

/* Return 0, -ENOMEM, or -ENOBUFS past the limit. */
int cf_buffer_append(struct cf_buffer *buffer, const void *data, size_t length);
int cf_buffer_puts(struct cf_buffer *buffer, const char *text);
int cf_buffer_printf(struct cf_buffer *buffer, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The text as the caller's own string (free()); the buffer is empty after.
 * NULL when the buffer has failed or memory is out.
 */
char *cf_buffer_steal(struct cf_buffer *buffer);

#endif
