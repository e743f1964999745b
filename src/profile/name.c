/*
 * name.c - host names: one form to compare, one to read
 *
 * A name that is ASCII already is lower-cased and checked octet by octet. Any
 * other goes through IDNA 2008 (RFC 5891) with the mapping of UTS #46, which
 * may bring forth anything (full-width digits become digits, an ideographic
 * stop becomes a dot), so that its result passes the same check.
 *
 * What a person takes for another name is refused as it was written, and never
 * shown: letters of two scripts whose letters look alike in one label, and a
 * label of such letters alone under an ASCII top-level name. The xn-- form
 * (RFC 5890, 2.3.2.1), which reads as nothing else, stands for these too.
 */
#include "profile/name.h"

#include <errno.h>
#include <idn2.h>
#include <libpsl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "profile/quote.h"

#define LABEL_MAX 63
#define NAME_MAX_OCTETS (CF_NAME_SIZE - 1)

/* No Unicode text longer than this can become a name of 253 octets. */
#define UNICODE_MAX 1024

#define IDN_FLAGS (IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL)

static void cleanup_idn(char **text)
{
    idn2_free(*text);
}

static int reject(struct cf_error *err, const char *expected, const char *got, size_t length)
{
    char quoted[CF_QUOTE_SIZE];

    return cf_error_set(err, -EINVAL, "expected %s, got '%s'", expected,
                        cf_quote(got, length, quoted));
}

static bool is_name_octet(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/*
 * Programs read a host whose last label is a number as an IPv4 address in one
 * of the old notations of inet_aton(3): 127.1, 0x7f.1, 2130706433.
 */
static bool is_number(const char *label)
{
    if (label[0] == '0' && label[1] == 'x')
        return label[2 + strspn(label + 2, "0123456789abcdef")] == '\0';
    return label[strspn(label, "0123456789")] == '\0';
}

/*
 * Check a name of lower-case ASCII without its final dot. *ret_column is
 * written on failure.
 */
static int check_labels(const char *name, size_t *ret_column, struct cf_error *err)
{
    size_t length = strlen(name), start = 0;

    for (size_t i = 0; i <= length; i++) {
        *ret_column = i;
        if (i < length && name[i] != '.') {
            if (!is_name_octet(name[i]))
                return reject(err, "letters, digits, '-' or '_' in a name", name + i, 1);
            continue;
        }
        if (i == start)
            return reject(err, "a label beside each dot", name, length);
        *ret_column = start;
        if (i - start > LABEL_MAX)
            return reject(err, "a label of at most 63 octets", name + start, i - start);
        start = i + 1;
    }
    *ret_column = 0;
    if (length > NAME_MAX_OCTETS)
        return reject(err, "a name of at most 253 octets", name, length);
    start = length;
    while (start > 0 && name[start - 1] != '.')
        start--;
    if (is_number(name + start))
        return reject(err, "a name, or an address of four decimal numbers", name, length);
    return 0;
}

struct range {
    uint32_t first, last; /* both belong to it */
};

static bool in_ranges(const struct range *ranges, size_t n, uint32_t point)
{
    for (size_t i = 0; i < n; i++) {
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    }
    return false;
}

#define IN(ranges, point) in_ranges((ranges), sizeof(ranges) / sizeof((ranges)[0]), (point))

enum {
    SCRIPT_LATIN = 1,
    SCRIPT_GREEK = 2,
    SCRIPT_CYRILLIC = 4,
    SCRIPT_ARMENIAN = 8,
    SCRIPT_CHEROKEE = 16,
};

/* Scripts that share the looks of letters; 0 for every other character. */
static unsigned script_of(uint32_t point)
{
    static const struct range latin[] = {
        { 'A', 'Z' },         { 'a', 'z' },         { 0x00c0, 0x024f }, { 0x0250, 0x02af },
        { 0x1d00, 0x1d25 },   { 0x1e00, 0x1eff },   { 0x2c60, 0x2c7f }, { 0xa720, 0xa7ff },
        { 0xff21, 0xff3a },   { 0xff41, 0xff5a },
    };
    static const struct range greek[] = { { 0x0370, 0x03ff }, { 0x1f00, 0x1fff } };
    static const struct range cyrillic[] = {
        { 0x0400, 0x052f }, { 0x1c80, 0x1c8f }, { 0x2de0, 0x2dff }, { 0xa640, 0xa69f }
    };
    static const struct range armenian[] = { { 0x0531, 0x0587 } };
    static const struct range cherokee[] = { { 0x13a0, 0x13ff }, { 0xab70, 0xabbf } };

    if (IN(latin, point))
        return SCRIPT_LATIN;
    if (IN(greek, point))
        return SCRIPT_GREEK;
    if (IN(cyrillic, point))
        return SCRIPT_CYRILLIC;
    if (IN(armenian, point))
        return SCRIPT_ARMENIAN;
    return IN(cherokee, point) ? SCRIPT_CHEROKEE : 0;
}

/* Greek and Cyrillic letters, of both cases, that look like one of ASCII. */
static bool looks_like_ascii(uint32_t point)
{
    static const struct range alike[] = {
        /* Greek */
        { 0x0391, 0x0392 }, { 0x0395, 0x0397 }, { 0x0399, 0x039a }, { 0x039c, 0x039d },
        { 0x039f, 0x039f }, { 0x03a1, 0x03a1 }, { 0x03a4, 0x03a5 }, { 0x03a7, 0x03a7 },
        { 0x03b1, 0x03b1 }, { 0x03b9, 0x03ba }, { 0x03bd, 0x03bd }, { 0x03bf, 0x03bf },
        { 0x03c1, 0x03c1 }, { 0x03c5, 0x03c5 }, { 0x03f2, 0x03f3 }, { 0x03f9, 0x03f9 },
        /* Cyrillic */
        { 0x0405, 0x0406 }, { 0x0408, 0x0408 }, { 0x0410, 0x0410 }, { 0x0412, 0x0412 },
        { 0x0415, 0x0415 }, { 0x041a, 0x041a }, { 0x041c, 0x041e }, { 0x0420, 0x0423 },
        { 0x0425, 0x0425 }, { 0x0430, 0x0430 }, { 0x0433, 0x0433 }, { 0x0435, 0x0435 },
        { 0x043a, 0x043a }, { 0x043e, 0x043f }, { 0x0440, 0x0441 }, { 0x0443, 0x0443 },
        { 0x0445, 0x0445 }, { 0x044a, 0x044a }, { 0x044c, 0x044c }, { 0x0455, 0x0456 },
        { 0x0458, 0x0458 }, { 0x0461, 0x0461 }, { 0x0475, 0x0475 }, { 0x04ae, 0x04af },
        { 0x04ba, 0x04bb }, { 0x04bd, 0x04bd }, { 0x04c0, 0x04c0 }, { 0x04cf, 0x04cf },
        { 0x0501, 0x0501 }, { 0x050c, 0x050c }, { 0x051a, 0x051d },
    };

    return IN(alike, point);
}

/* What stands between two dots of a name as it was written. */
struct label {
    unsigned scripts;
    bool ascii;  /* nothing else is in it */
    bool letter; /* some script's is in it */
    bool alike;  /* all of its letters look like one of ASCII */
};

static bool is_dot(uint32_t point)
{
    return point == '.' || point == 0x3002 || point == 0xff0e || point == 0xff61; /* UTS #46 */
}

/* Read the label at *at up to its dot. */
static struct label read_label(const char *text, size_t length, size_t *at)
{
    struct label label = { .ascii = true, .alike = true };

    while (*at < length) {
        uint32_t point;
        unsigned script;
        bool valid;

        *at += cf_text_decode(text + *at, length - *at, &point, &valid);
        if (is_dot(point))
            break;
        script = script_of(point);
        label.scripts |= script;
        label.letter |= script != 0;
        label.ascii &= point < 0x80;
        label.alike &= looks_like_ascii(point) || (point < 0x80 && script == 0);
    }
    return label;
}

/* Whether a person may read text as another name than it is. */
static bool is_deceptive(const char *text)
{
    size_t length = strlen(text), at = 0;
    struct label label = { .ascii = true };
    bool alike = false;

    while (at < length) {
        label = read_label(text, length, &at);
        if (label.scripts & (label.scripts - 1))
            return true;
        alike |= label.letter && label.alike;
    }
    return alike && label.ascii;
}

static bool is_ascii(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text >= 0x80)
            return false;
    }
    return true;
}

/* ascii: what the name is written as instead */
static int reject_deceptive(struct cf_error *err, const char *text, const char *ascii)
{
    char quoted[CF_QUOTE_SIZE], expected[CF_QUOTE_SIZE + 64];

    snprintf(expected, sizeof expected, "a name that reads as no other ('%s' says this one)",
             cf_quote(ascii, strlen(ascii), quoted));
    return reject(err, expected, text, strlen(text));
}

/* Lower-case ASCII of text, which is not empty. */
static int to_ascii(const char *text, char **ret_name, struct cf_error *err)
{
    CF_CLEANUP(cleanup_idn) char *mapped = NULL;
    char quoted[CF_QUOTE_SIZE];
    char *name;
    int r;

    if (!is_ascii(text)) {
        if (strlen(text) > UNICODE_MAX)
            return reject(err, "a name of at most 253 octets", text, strlen(text));
        r = idn2_to_ascii_8z(text, &mapped, IDN_FLAGS);
        if (r == IDN2_MALLOC)
            return cf_error_errno(err, -ENOMEM, "cannot read a name");
        if (r != IDN2_OK)
            return cf_error_set(err, -EINVAL,
                                "expected a name that IDNA 2008 allows, got '%s' (%s)",
                                cf_quote(text, strlen(text), quoted), idn2_strerror(r));
        if (is_deceptive(text))
            return reject_deceptive(err, text, mapped);
        text = mapped;
    }
    name = strdup(text);
    if (!name)
        return cf_error_errno(err, -ENOMEM, "cannot read a name");
    for (char *at = name; *at; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    }
    *ret_name = name;
    return 0;
}

/* A byte is worth one part, a label as many as this more. */
#define LABEL_WORK 3

size_t cf_name_work(const char *text)
{
    size_t length, work = LABEL_WORK;

    if (is_ascii(text))
        return 0;
    for (length = 0; text[length] && length <= UNICODE_MAX; length++)
        work += text[length] == '.' ? 1 + LABEL_WORK : 1;
    return work;
}

int cf_name_normalize_at(const char *text, char ret_name[CF_NAME_SIZE], size_t *ret_column,
                         struct cf_error *err)
{
    cf_auto_free char *name = NULL;
    size_t length, column;
    int r;

    *ret_column = 0;
    if (!*text)
        return reject(err, "a name", "", 0);
    r = to_ascii(text, &name, err);
    if (r < 0)
        return r;
    length = strlen(name);
    if (length > 1 && name[length - 1] == '.')
        name[--length] = '\0';
    r = check_labels(name, &column, err);
    if (r < 0) {
        /* What the mapping made does not stand in the text. */
        *ret_column = is_ascii(text) ? column : 0;
        return r;
    }
    memcpy(ret_name, name, length + 1);
    return 0;
}

int cf_name_normalize(const char *text, char ret_name[CF_NAME_SIZE], struct cf_error *err)
{
    size_t column;

    return cf_name_normalize_at(text, ret_name, &column, err);
}

char *cf_name_to_unicode(const char *name)
{
    CF_CLEANUP(cleanup_idn) char *unicode = NULL;
    char back[CF_NAME_SIZE];

    if (strncmp(name, "xn--", 4) != 0 && !strstr(name, ".xn--"))
        return NULL;
    if (idn2_to_unicode_8z8z(name, &unicode, 0) != IDN2_OK || strcmp(unicode, name) == 0)
        return NULL;
    /* Shown only when it stands for this very name. */
    if (cf_name_normalize(unicode, back, NULL) < 0 || strcmp(back, name) != 0)
        return NULL;
    return strdup(unicode);
}

bool cf_name_is_public_suffix(const char *name)
{
    /*
     * Without the list's last resort, "*": a top-level name that is not on
     * the list is a private one, as `internal`.
     */
    return psl_is_public_suffix2(psl_builtin(), name, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}
