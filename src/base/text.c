/*
 * text.c - bytes of unknown origin, read as UTF-8
 */
#include "base/text.h"

#include "base/buffer.h"

/* What may follow a lead byte: Unicode 15, table 3-7, "Well-Formed UTF-8". */
struct lead {
    uint8_t length;    /* of the whole sequence; 0: no sequence starts so */
    uint8_t low, high; /* of the second byte; later ones are 80..BF */
};

static struct lead lead_of(uint8_t byte)
{
    if (byte < 0x80)
        return (struct lead) { 1, 0, 0 };
    if (byte < 0xc2)
        return (struct lead) { 0, 0, 0 };
    if (byte < 0xe0)
        return (struct lead) { 2, 0x80, 0xbf };
    if (byte < 0xf0)
        return (struct lead) { 3, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf };
    if (byte < 0xf5)
        return (struct lead) { 4, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf };
    return (struct lead) { 0, 0, 0 };
}

size_t cf_text_decode(const char *text, size_t length, uint32_t *ret_point, bool *ret_valid)
{
    const uint8_t *bytes = (const uint8_t *)text;
    struct lead lead = lead_of(bytes[0]);
    uint32_t point;
    size_t n = 1;

    *ret_point = CF_TEXT_REPLACEMENT;
    *ret_valid = false;
    if (lead.length == 0)
        return 1;
    point = lead.length == 1 ? bytes[0] : bytes[0] & (0x7fu >> lead.length);
    for (; n < lead.length; n++) {
        uint8_t low = n == 1 ? lead.low : 0x80, high = n == 1 ? lead.high : 0xbf;

        if (n == length || bytes[n] < low || bytes[n] > high)
            return n;
        point = point << 6 | (bytes[n] & 0x3fu);
    }
    *ret_point = point;
    *ret_valid = true;
    return n;
}

/*
 * How this works: bytes are looked at in blocks of one size, without a jump
 * inside, which is what compilers make vectors of. A count fits into a byte.
 */
#define BLOCK 64

static bool is_plain(char c)
{
    return ((unsigned char)(c - ' ') < 0x7f - ' ') | (c == '\n');
}

static unsigned is_first(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

size_t cf_text_plain_span(const char *text, size_t length)
{
    size_t at = 0;

    while (length - at >= BLOCK) {
        uint8_t others = 0;

        for (size_t i = 0; i < BLOCK; i++)
            others |= (uint8_t)!is_plain(text[at + i]);
        if (others)
            break;
        at += BLOCK;
    }
    while (at < length && is_plain(text[at]))
        at++;
    return at;
}

size_t cf_text_count_characters(const char *text, size_t length)
{
    size_t n = 0;

    for (; length >= BLOCK; length -= BLOCK, text += BLOCK) {
        uint8_t some = 0;

        for (size_t i = 0; i < BLOCK; i++)
            some = (uint8_t)(some + is_first(text[i]));
        n += some;
    }
    for (size_t i = 0; i < length; i++)
        n += is_first(text[i]);
    return n;
}

size_t cf_text_count_lines(const char *text, size_t length)
{
    size_t n = 0;

    for (; length >= BLOCK; length -= BLOCK, text += BLOCK) {
        uint8_t some = 0;

        for (size_t i = 0; i < BLOCK; i++)
            some = (uint8_t)(some + (text[i] == '\n'));
        n += some;
    }
    for (size_t i = 0; i < length; i++)
        n += text[i] == '\n';
    return n;
}

struct range {
    uint32_t first, last; /* both belong to it */
};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool in_ranges(const struct range *ranges, size_t n, uint32_t point)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (point > ranges[middle].last)
            low = middle + 1;
        else if (point < ranges[middle].first)
            high = middle;
        else
            return true;
    }
    return false;
}

bool cf_text_is_printable(uint32_t point)
{
    static const struct range hidden[] = {
        { 0x0000, 0x001f },   /* C0 */
        { 0x007f, 0x009f },   /* DEL and C1 */
        { 0x00ad, 0x00ad },   /* soft hyphen */
        { 0x034f, 0x034f },   /* combining grapheme joiner */
        { 0x061c, 0x061c },   /* Arabic letter mark */
        { 0x115f, 0x1160 },   /* Hangul fillers */
        { 0x17b4, 0x17b5 },   /* Khmer inherent vowels */
        { 0x180e, 0x180e },   /* Mongolian vowel separator */
        { 0x200b, 0x200f },   /* zero width, direction marks */
        { 0x2028, 0x202e },   /* separators, embeddings and overrides */
        { 0x2060, 0x206f },   /* invisible operators, isolates */
        { 0x3164, 0x3164 },   /* Hangul filler */
        { 0xfeff, 0xfeff },   /* byte order mark */
        { 0xffa0, 0xffa0 },   /* Hangul filler of half width */
        { 0xfff9, 0xfffb },   /* interlinear annotation */
        { 0x1bca0, 0x1bca3 }, /* shorthand controls */
        { 0x1d173, 0x1d17a }, /* musical controls */
        { 0xe0000, 0xe0fff }, /* tags, variation selectors */
    };

    /* Most of what is written: ASCII, Latin, and from the kana to the Hangul. */
    if ((point >= 0x20 && point < 0x7f) || (point >= 0xae && point < 0x34f) ||
        (point > 0x3164 && point < 0xd7a4))
        return true;
    return !in_ranges(hidden, N_OF(hidden), point);
}

void cf_text_put(struct cf_buffer *buffer, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        uint32_t point;
        bool valid;
        size_t n = cf_text_decode(text + at, length - at, &point, &valid);

        if (!valid)
            for (size_t i = 0; i < n; i++)
                cf_buffer_printf(buffer, "\\x%02x", (unsigned char)text[at + i]);
        else if (cf_text_is_printable(point))
            cf_buffer_append(buffer, text + at, n);
        else
            cf_buffer_printf(buffer, point < 0x80 ? "\\x%02x" : "\\u{%x}", (unsigned)point);
        at += n;
    }
}

/*
 * The large blocks of UAX #11 (wide) and of the combining marks. wcwidth()
 * would need a locale, which childflow does not set: the same run reads the
 * same everywhere.
 */
unsigned cf_text_width(uint32_t point)
{
    static const struct range combining[] = {
        { 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x0610, 0x061a },
        { 0x064b, 0x065f }, { 0x093c, 0x093c }, { 0x0941, 0x0948 }, { 0x094d, 0x094d },
        { 0x0e31, 0x0e31 }, { 0x0e34, 0x0e3a }, { 0x0e47, 0x0e4e }, { 0x1ab0, 0x1aff },
        { 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
    };
    static const struct range wide[] = {
        { 0x1100, 0x115e },   { 0x231a, 0x231b },   { 0x2e80, 0x303e },   { 0x3041, 0x33ff },
        { 0x3400, 0x4dbf },   { 0x4e00, 0xa4cf },   { 0xa960, 0xa97f },   { 0xac00, 0xd7a3 },
        { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },
        { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1faff }, { 0x20000, 0x3fffd },
    };

    if (point < 0x0300)
        return 1;
    if (in_ranges(combining, N_OF(combining), point))
        return 0;
    return in_ranges(wide, N_OF(wide), point) ? 2 : 1;
}
