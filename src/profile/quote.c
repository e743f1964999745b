/*
 * quote.c - text from outside as it may stand in a message
 */
#include "profile/quote.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Room for the longest piece (a character or \xNN), "..." and the NUL. */
#define ROOM_AT_END 8

/* Bytes of the character that text begins with; 0 when it may not be shown as it is. */
static size_t character_length(const char *text, size_t length)
{
    uint32_t point;
    bool valid;
    size_t n = cf_text_decode(text, length, &point, &valid);

    return valid && cf_text_is_printable(point) ? n : 0;
}

const char *cf_quote(const char *text, size_t length, char quoted[CF_QUOTE_SIZE])
{
    size_t to = 0;

    for (size_t from = 0; from < length;) {
        size_t n = character_length(text + from, length - from);

        if (to + ROOM_AT_END > CF_QUOTE_SIZE) {
            memcpy(quoted + to, "...", 3);
            to += 3;
            break;
        }
        if (n > 0) {
            memcpy(quoted + to, text + from, n);
            from += n;
            to += n;
        } else {
            to += (size_t)snprintf(quoted + to, 5, "\\x%02x", (unsigned char)text[from]);
            from++;
        }
    }
    quoted[to] = '\0';
    return quoted;
}
