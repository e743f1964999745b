/*
 * text.h - bytes of unknown origin, read as UTF-8
 *
 * Names, paths and arguments are bytes that the command chose. Whoever writes
 * them for a reader goes through here, so that they can neither break a line
 * nor speak to a terminal.
 */
#ifndef CF_BASE_TEXT_H
#define CF_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cf_buffer;

/* What bytes that are not UTF-8 are read as: U+FFFD, REPLACEMENT CHARACTER. */
#define CF_TEXT_REPLACEMENT UINT32_C(0xfffd)

/*
 * The first code point of text. Bytes that are not UTF-8 (overlong forms,
 * surrogates, past U+10FFFF, cut short) are taken as one maximal subpart
 * (Unicode 15, 3.9) and read as the replacement character, with ret_valid
 * false.
 *
 * length: at least 1
 *
 * Returns how many bytes were taken, 1 to 4.
 */
size_t cf_text_decode(const char *text, size_t length, uint32_t *ret_point, bool *ret_valid);

/* Whole files go through these three. Bytes at the front that are LF or ASCII that shows. */
size_t cf_text_plain_span(const char *text, size_t length);
/* Characters that begin in text, which is UTF-8. */
size_t cf_text_count_characters(const char *text, size_t length);
/* LFs in text. */
size_t cf_text_count_lines(const char *text, size_t length);

/*
 * Whether a code point may be shown as it is: false for control characters,
 * line and paragraph separators, and the invisible characters that change the
 * direction or the look of what stands around them.
 */
bool cf_text_is_printable(uint32_t point);

/*
 * Append text as a person may see it: what is not printable becomes \xNN or
 * \u{NNNN}, and so do bytes that are not UTF-8.
 */
void cf_text_put(struct cf_buffer *buffer, const char *text, size_t length);

/* Columns that a printable code point takes on a terminal: 0, 1 or 2. */
unsigned cf_text_width(uint32_t point);

#endif
