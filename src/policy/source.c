/*
 * source.c - the text of a file, and places in it
 */
#include "policy/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/hidden.h"

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

void cf_source_init_line(struct cf_source *source, const char *name, unsigned line,
                         const char *text, size_t length)
{
    cf_source_init(source, name, NULL, 0);
    source->text = text;
    source->length = length;
    source->places[0] = source->last = (struct cf_source_place) { .line = line, .column = 1 };
    source->n_places = 1;
}

/* Go from a known character on to the first one at `offset` or behind it. */
static void go_on(const struct cf_source *source, struct cf_source_place *here, size_t offset)
{
    const char *from = source->text + here->offset, *newline;

    while (offset < source->length && ((unsigned char)source->text[offset] & 0xc0) == 0x80)
        offset++;
    newline = memrchr(from, '\n', offset - here->offset);
    if (newline) {
        here->line += (unsigned)cf_text_count_lines(from, offset - here->offset);
        here->column = 1;
        from = newline + 1;
    }
    here->column +=
        (unsigned)cf_text_count_characters(from, (size_t)(source->text + offset - from));
    here->offset = offset;
}

/*
 * Note places at even distances, once: from then on every place is found by
 * walking over a small part of the text, however findings jump about in it.
 */
static void note_places(struct cf_source *source)
{
    size_t distance = source->length / CF_SOURCE_PLACES + 1, n = 1;
    struct cf_source_place here = { .line = 1, .column = 1 };

    source->places[0] = source->last = here;
    for (; n * distance < source->length; n++) {
        go_on(source, &here, n * distance);
        source->places[n] = here;
    }
    source->n_places = n;
}

static bool is_behind(const struct cf_source_place *place, struct cf_mark at)
{
    return place->line > at.line || (place->line == at.line && place->column > at.column);
}

/* The nearest place that is known and not behind at. */
static struct cf_source_place nearest_place(const struct cf_source *source, struct cf_mark at)
{
    size_t n = source->n_places;

    while (n > 1 && is_behind(&source->places[n - 1], at))
        n--;
    if (!is_behind(&source->last, at) && source->last.offset > source->places[n - 1].offset)
        return source->last;
    return source->places[n - 1];
}

/* The end of the line that place is in. */
static size_t find_line_end(struct cf_source *source, const struct cf_source_place *place)
{
    const char *from = source->text + place->offset;
    const char *newline;

    if (source->end_line == place->line)
        return source->line_end;
    newline = memchr(from, '\n', source->length - place->offset);
    source->end_line = place->line;
    source->line_end = newline ? (size_t)(newline - source->text) : source->length;
    if (newline && newline > source->text && newline[-1] == '\r')
        source->line_end--;
    return source->line_end;
}

const char *cf_source_find(struct cf_source *source, struct cf_mark at, size_t *ret_length)
{
    struct cf_source_place here;
    size_t end;

    if (!source->text || at.line == 0)
        return NULL;
    if (source->n_places == 0)
        note_places(source);
    here = nearest_place(source, at);
    while (here.line < at.line) {
        const char *from = source->text + here.offset;
        const char *newline = memchr(from, '\n', source->length - here.offset);

        if (!newline)
            return NULL;
        here.offset = (size_t)(newline - source->text) + 1;
        here.line++;
        here.column = 1;
    }
    end = find_line_end(source, &here);
    /* So many characters have at least as many bytes. */
    while (here.column < at.column && here.offset < end) {
        size_t bytes = at.column - here.column;

        go_on(source, &here, here.offset + bytes < end ? here.offset + bytes : end);
    }
    source->last = here;
    if (here.offset > end)
        here.offset = end;
    *ret_length = end - here.offset;
    return source->text + here.offset;
}

struct cf_mark cf_source_mark(struct cf_source *source, size_t offset)
{
    struct cf_source_place here = { .line = 1, .column = 1 };

    go_on(source, &here, offset < source->length ? offset : source->length);
    return (struct cf_mark) { .line = here.line, .column = here.column };
}

unsigned cf_utf8_length(const char *text, size_t length, unsigned *ret_code)
{
    uint32_t point;
    bool valid;
    size_t n;

    if (length == 0)
        return 0;
    n = cf_text_decode(text, length, &point, &valid);
    if (!valid)
        return 0;
    if (ret_code)
        *ret_code = point;
    return (unsigned)n;
}

/*
 * Whether a character hides, or turns or joins what stands around it, so that
 * a text reads as another one than it is. Joiners and variation selectors are
 * parts of some scripts, and of emoji; behind ASCII they only hide.
 */
static bool is_hidden(unsigned code, unsigned before)
{
    if (code == 0x200c || code == 0x200d || (code >= 0xfe00 && code <= 0xfe0f))
        return before < 0x80;
    return code >= 0xa0 && !cf_text_is_printable(code);
}

#define HIDDEN                                                                                     \
    "expected text as it shows, got a character that hides or turns what stands around it"

bool cf_text_has_tags(const char *text)
{
    unsigned code = 0;

    for (; *text; text++) {
        if ((unsigned char)*text >= 0xf0 && cf_utf8_length(text, strnlen(text, 4), &code) == 4 &&
            !cf_text_is_printable(code))
            return true;
    }
    return false;
}

/* What is wrong with the character at this place; NULL when it may stand there. */
static const char *character_fault(unsigned code, unsigned before, char next)
{
    if (code == 0)
        return "expected text, got a NUL byte";
    if (code == '\t' || code == '\n')
        return NULL;
    if (code == '\r')
        return next == '\n' ? NULL : "expected LF at the end of a line, got CR alone";
    if (code == 0x85 || code == 0x2028 || code == 0x2029)
        return "expected LF at the end of a line, got a line end that editors do not show";
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xfeff || code == 0xfffe ||
        code == 0xffff)
        return "expected text, got a control character";
    return is_hidden(code, before) ? HIDDEN : NULL;
}

const char *cf_text_fault(const char *text, size_t length, size_t *ret_offset)
{
    size_t at = 0;
    unsigned before = 0;

    while (at < length) {
        size_t plain =
            (unsigned char)text[at] < 0x80 ? cf_text_plain_span(text + at, length - at) : 0;
        const char *fault;
        unsigned code = 0, n;

        if (plain > 0) {
            at += plain;
            before = (unsigned char)text[at - 1];
            continue;
        }
        n = cf_utf8_length(text + at, length - at, &code);

        if (n == 0)
            fault = "expected UTF-8 text, got other bytes";
        else
            fault = character_fault(code, before, at + 1 < length ? text[at + 1] : '\0');
        if (fault) {
            *ret_offset = at;
            return fault;
        }
        before = code;
        at += n;
    }
    return NULL;
}

int cf_source_check(struct cf_source *source, struct cf_diagnostics *diagnostics)
{
    size_t at;
    const char *fault = cf_text_fault(source->text, source->length, &at);

    if (!fault)
        return 0;
    cf_diagnostics_add(diagnostics, source,
                       CF_FINDING(CF_CODE_SYNTAX, cf_source_mark(source, at), NULL), "%s", fault);
    return -EINVAL;
}

char *cf_quote_text(const char *value, char text[CF_QUOTED_SIZE])
{
    const char *user = strstr(value, "://"), *at = user ? strrchr(user, '@') : NULL;
    char quoted[CF_QUOTE_SIZE], masked[CF_QUOTE_SIZE + 1];

    /* Quotes are cut short, and then nobody could tell a user part. */
    if (at && at > user + 3) {
        snprintf(masked, sizeof masked, "%.*s" CF_HIDDEN_MASK "%s", (int)(user + 3 - value), value,
                 at);
        value = masked;
    }
    snprintf(text, CF_QUOTED_SIZE, "'%s'", cf_quote(value, strlen(value), quoted));
    return text;
}
