/*
 * name.c - host names: one form to compare, one to read
 *
 * A name that is ASCII already is lower-cased and checked octet by octet. Any
 * other goes through IDNA 2008 (RFC 5891) with the mapping of UTS #46, which
 * may bring forth anything (full-width digits become digits, an ideographic
 * stop becomes a dot), so that its result passes the same check.
 */
#include "profile/name.h"

#include <errno.h>
#include <idn2.h>
#include <libpsl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
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

static bool is_ascii(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text >= 0x80)
            return false;
    }
    return true;
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
