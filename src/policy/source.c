/*
 * source.c - the text of a file, and places in it
 */
#include "policy/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

void cf_source_init(struct cf_source *source, const char *name, const char *text, size_t length)
{
    size_t skip = 0;

    if (text && length >= 3 && memcmp(text, BYTE_ORDER_MARK, 3) == 0)
        skip = 3;
    *source = (struct cf_source) {
        .name = name,
        .text = text ? text + skip : NULL,
        .length = length - skip,
    };
}

/* Make offset the front of the current line. */
static void enter_line(struct cf_source *source, unsigned line, size_t offset)
{
    const char *start = source->text + offset;
    const char *newline = memchr(start, '\n', source->length - offset);
    size_t end = newline ? (size_t)(newline - source->text) : source->length;

    if (newline && end > offset && source->text[end - 1] == '\r')
        end--;
    source->line = line;
    source->line_offset = offset;
    source->line_end = end;
    source->column = 1;
    source->column_offset = offset;
}

/* Go to a line; false when there is no such line. */
static bool seek_line(struct cf_source *source, unsigned line)
{
    if (source->line == 0 || line < source->line)
        enter_line(source, 1, 0);
    while (source->line < line) {
        const char *end = source->text + source->line_end;
        const char *newline = memchr(end, '\n', source->length - source->line_end);

        if (!newline)
            return false;
        enter_line(source, source->line + 1, (size_t)(newline - source->text) + 1);
    }
    return true;
}

const char *cf_source_find(struct cf_source *source, struct cf_mark at, size_t *ret_length)
{
    if (!source->text || at.line == 0 || !seek_line(source, at.line))
        return NULL;
    if (at.column < source->column) {
        source->column = 1;
        source->column_offset = source->line_offset;
    }
    while (source->column < at.column && source->column_offset < source->line_end) {
        unsigned n = cf_utf8_length(source->text + source->column_offset,
                                    source->line_end - source->column_offset, NULL);

        source->column_offset += n ? n : 1;
        source->column++;
    }
    *ret_length = source->line_end - source->column_offset;
    return source->text + source->column_offset;
}

struct cf_mark cf_source_mark(struct cf_source *source, size_t offset)
{
    struct cf_mark mark = { .line = 1, .column = 1 };
    const char *at = source->text, *end;

    if (offset > source->length)
        offset = source->length;
    end = source->text + offset;
    for (;;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        if (!newline)
            break;
        mark.line++;
        at = newline + 1;
    }
    while (at < end) {
        unsigned length = cf_utf8_length(at, (size_t)(end - at), NULL);

        at += length ? length : 1;
        mark.column++;
    }
    return mark;
}

unsigned cf_utf8_length(const char *text, size_t length, unsigned *ret_code)
{
    static const unsigned smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first;
    unsigned n, code;

    if (length == 0)
        return 0;
    first = (unsigned char)text[0];
    n = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    if (n == 0 || n > length)
        return 0;
    code = n == 1 ? first : first & (0x7fU >> n);
    for (unsigned i = 1; i < n; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    }
    if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    if (ret_code)
        *ret_code = code;
    return n;
}

/* What is wrong with the character at this place; NULL when it may stand there. */
static const char *character_fault(unsigned code, char next)
{
    if (code == 0)
        return "expected text, got a NUL byte";
    if (code == '\t' || code == '\n')
        return NULL;
    if (code == '\r')
        return next == '\n' ? NULL : "expected LF at the end of a line, got CR alone";
    if (code == 0x85 || code == 0x2028 || code == 0x2029)
        return "expected LF at the end of a line, got a line end that editors do not show";
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xfeff || code >= 0xfffe)
        return code < 0x10000 ? "expected text, got a control character" : NULL;
    return NULL;
}

int cf_source_check(struct cf_source *source, struct cf_diagnostics *diagnostics)
{
    size_t at = 0;

    while (at < source->length) {
        const char *fault;
        unsigned code = 0;
        unsigned length = cf_utf8_length(source->text + at, source->length - at, &code);

        if (length == 0)
            fault = "expected UTF-8 text, got other bytes";
        else
            fault = character_fault(code, at + 1 < source->length ? source->text[at + 1] : '\0');
        if (fault) {
            cf_diagnostics_add(diagnostics, CF_SEVERITY_ERROR, source, cf_source_mark(source, at),
                               NULL, "%s", fault);
            return -EINVAL;
        }
        at += length;
    }
    return 0;
}

char *cf_quote_text(const char *value, char text[CF_QUOTED_SIZE])
{
    char quoted[CF_QUOTE_SIZE];

    snprintf(text, CF_QUOTED_SIZE, "'%s'", cf_quote(value, strlen(value), quoted));
    return text;
}
