/*
 * quote.c - text from outside as it may stand in a message
 */
#include "profile/quote.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Room for the longest piece (a character or \xNN), "..." and the NUL. */
#define ROOM_AT_END 8

/*
 * Bytes of the character that text begins with (RFC 3629, 4); 0 when it is
 * not well-formed UTF-8 or a control character.
 */
static size_t character_length(const char *text, size_t length)
{
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const unsigned char *at = (const unsigned char *)text;
    uint32_t code;
    size_t n;

    if (at[0] < 0x80)
        return at[0] < 0x20 || at[0] == 0x7f ? 0 : 1;
    n = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || n > length)
        return 0;
    code = at[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return code < 0xa0 ? 0 : n; /* C1 controls */
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
