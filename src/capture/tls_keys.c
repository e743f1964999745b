/*
 * tls_keys.c - secrets of TLS, as the command's libraries append them to a file
 */
#include "capture/tls_keys.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LABEL_MAX 64
#define HEX_MAX 256 /* digits: of any number that there is, twice as many */
#define LINE_MAX_BYTES (LABEL_MAX + 2 * (1 + HEX_MAX))
#define PIECE 16384

void cf_tls_keys_init(struct cf_tls_keys *keys, size_t known_max)
{
    *keys = (struct cf_tls_keys) { .fd = -1, .known_max = known_max };
    cf_buffer_init(&keys->lines, 0);
    cf_buffer_init(&keys->known, 0);
}

void cf_tls_keys_done(struct cf_tls_keys *keys)
{
    cf_buffer_done(&keys->lines);
    cf_buffer_done(&keys->known);
}

/* Behind a label, or NULL. */
static const char *skip_label(const char *at, const char *end)
{
    const char *begin = at;

    while (at < end && ((*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') || *at == '_'))
        at++;
    return at > begin && at - begin <= LABEL_MAX ? at : NULL;
}

/* Behind a space and a number of whole bytes, or NULL. */
static const char *skip_number(const char *at, const char *end)
{
    const char *begin;

    if (!at || at == end || *at != ' ')
        return NULL;
    begin = ++at;
    while (at < end && isxdigit((unsigned char)*at))
        at++;
    return at > begin && at - begin <= HEX_MAX && (at - begin) % 2 == 0 ? at : NULL;
}

static bool is_good(const char *line, const char *end)
{
    return skip_number(skip_number(skip_label(line, end), end), end) == end;
}

size_t cf_tls_keys_filter(const char *text, size_t length, bool *broken, struct cf_buffer *lines)
{
    const char *at = text, *end = text + length, *newline;

    while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
        if (!*broken && is_good(at, newline))
            cf_buffer_append(lines, at, (size_t)(newline - at) + 1);
        *broken = false;
        at = newline + 1;
    }
    if (end - at > LINE_MAX_BYTES)
        *broken = true;
    return *broken ? length : (size_t)(at - text);
}

bool cf_tls_keys_read(struct cf_tls_keys *keys)
{
    char piece[PIECE];
    struct stat st;
    size_t used;
    ssize_t n;

    cf_buffer_clear(&keys->lines);
    if (keys->fd < 0 || keys->taken >= CF_TLS_KEYS_MAX || fstat(keys->fd, &st) < 0)
        return false;
    if ((uint64_t)st.st_size < keys->offset) { /* begun again */
        keys->offset = 0;
        keys->broken = false;
    }
    do {
        n = pread(keys->fd, piece, sizeof piece, (off_t)keys->offset);
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    used = cf_tls_keys_filter(piece, (size_t)n, &keys->broken, &keys->lines);
    keys->offset += used;
    keys->taken += used;
    return used > 0;
}

/* Leave out the oldest, at once so many that it is not done at each line. */
static void forget(struct cf_buffer *known, size_t max)
{
    size_t surplus = known->length - max / 2;
    const char *newline = memchr(known->data + surplus, '\n', known->length - surplus);
    size_t from = newline ? (size_t)(newline + 1 - known->data) : known->length;

    memmove(known->data, known->data + from, known->length - from);
    known->length -= from;
    known->data[known->length] = '\0';
}

void cf_tls_keys_know(struct cf_tls_keys *keys)
{
    if (keys->known_max == 0)
        return;
    cf_buffer_append(&keys->known, keys->lines.data, keys->lines.length);
    if (keys->known.length > keys->known_max)
        forget(&keys->known, keys->known_max);
}

bool cf_tls_keys_overflown(const struct cf_tls_keys *keys)
{
    struct stat st;

    if (keys->fd < 0 || fstat(keys->fd, &st) < 0)
        return false;
    return keys->taken >= CF_TLS_KEYS_MAX || (uint64_t)st.st_size >= CF_TLS_KEYS_MAX;
}
