/*
 * show.c - values as a person reads them on a terminal
 */
#include "report/show.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"

#define ELLIPSIS "..."
#define ELLIPSIS_WIDTH 3

/* Enough for any line that is shown; a path that is named whole is shorter. */
#define TEXT_LIMIT ((size_t)65536)

/* Bytes of the longest start of text that takes at most max_width columns. */
static size_t fit(const char *text, size_t length, unsigned max_width, unsigned *ret_width)
{
    size_t at = 0;

    *ret_width = 0;
    while (at < length) {
        uint32_t point;
        bool valid;
        size_t n = cf_text_decode(text + at, length - at, &point, &valid);
        unsigned width = cf_text_width(point);

        if (*ret_width + width > max_width)
            break;
        *ret_width += width;
        at += n;
    }
    return at;
}

/* text is printable and width columns wide, which is too wide. */
static void put_cut(struct cf_buffer *buffer, const char *text, size_t length, unsigned width,
                    unsigned max_width, unsigned *ret_width)
{
    unsigned room = max_width > ELLIPSIS_WIDTH ? max_width - ELLIPSIS_WIDTH : 0;
    unsigned head_width, skipped;
    size_t head = fit(text, length, room / 3, &head_width), tail;

    /* Leave out one column more where a wide character stands across the edge. */
    tail = fit(text, length, width - (room - head_width), &skipped);
    if (width - skipped > room - head_width)
        tail = fit(text, length, width - (room - head_width) + 1, &skipped);
    cf_buffer_append(buffer, text, head);
    cf_buffer_puts(buffer, ELLIPSIS);
    cf_buffer_append(buffer, text + tail, length - tail);
    *ret_width = head_width + ELLIPSIS_WIDTH + width - skipped;
}

char *cf_show_text(const char *text, unsigned max_width, unsigned *ret_width)
{
    struct cf_buffer escaped, cut;
    unsigned width = 0;
    char *shown;

    cf_buffer_init(&escaped, TEXT_LIMIT);
    cf_buffer_init(&cut, 0);
    cf_text_put(&escaped, text, strlen(text));
    escaped.failed = false; /* what is past the limit is left out */
    if (escaped.length > 0)
        fit(escaped.data, escaped.length, UINT32_MAX / 2, &width);
    if (width > max_width) {
        put_cut(&cut, escaped.data, escaped.length, width, max_width, &width);
        shown = cf_buffer_steal(&cut);
    } else {
        shown = cf_buffer_steal(&escaped);
    }
    cf_buffer_done(&escaped);
    cf_buffer_done(&cut);
    if (ret_width)
        *ret_width = width;
    return shown;
}

char *cf_show_bytes(uint64_t bytes, char text[CF_SHOW_SIZE])
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        snprintf(text, CF_SHOW_SIZE, "%" PRIu64 " B", bytes);
        return text;
    }
    /* 1023.95 would be printed as 1024.0. */
    for (; value >= 1023.95 && unit < sizeof units / sizeof units[0] - 1; unit++)
        value /= 1024;
    snprintf(text, CF_SHOW_SIZE, "%.1f %s", value, units[unit]);
    return text;
}

char *cf_show_duration(uint64_t us, char text[CF_SHOW_SIZE])
{
    uint64_t seconds = (us + 500000) / 1000000;

    if (us < 1000)
        snprintf(text, CF_SHOW_SIZE, "%" PRIu64 " us", us);
    else if (us < 999500)
        snprintf(text, CF_SHOW_SIZE, "%" PRIu64 " ms", (us + 500) / 1000);
    else if (us < 59950000)
        snprintf(text, CF_SHOW_SIZE, "%.1f s", (double)us / 1e6);
    else if (seconds < 3600)
        snprintf(text, CF_SHOW_SIZE, "%" PRIu64 " min %02" PRIu64 " s", seconds / 60, seconds % 60);
    else
        snprintf(text, CF_SHOW_SIZE, "%" PRIu64 " h %02" PRIu64 " min", seconds / 3600,
                 seconds % 3600 / 60);
    return text;
}
