/*
 * exe.c - the globs that say which programs a rule is for
 *
 * The kernel names a program by an absolute path without `.`, `..` and empty
 * components, so a glob with one of them would never match and is refused; as
 * is what fnmatch(3) would silently take for ordinary characters.
 */
#include "profile/exe.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "profile/quote.h"

static int reject(struct cf_error *err, size_t *ret_column, const char *text, const char *at,
                  const char *expected)
{
    char quoted[CF_QUOTE_SIZE];

    *ret_column = (size_t)(at - text);
    return cf_error_set(err, -EINVAL, "expected %s, got '%s'", expected,
                        cf_quote(text, strlen(text), quoted));
}

/* The length of [...] at text, 0 when the component ends in front of its ']'. */
static size_t bracket_length(const char *text, size_t left)
{
    size_t at = 1;

    if (at < left && (text[at] == '!' || text[at] == '^'))
        at++;
    if (at < left && text[at] == ']')
        at++; /* the first one is an ordinary character */
    while (at < left && text[at] != ']') {
        const char *end = NULL;

        /* [:alpha:], [.x.], [=x=] */
        if (text[at] == '[' && at + 1 < left && strchr(":.=", text[at + 1])) {
            const char close[] = { text[at + 1], ']' };

            end = memmem(text + at + 2, left - at - 2, close, sizeof close);
        }
        at = end ? (size_t)(end - text) + 2 : at + 1;
    }
    return at < left ? at + 1 : 0;
}

static bool is_component(const char *at, size_t length, const char *name)
{
    return length == strlen(name) && memcmp(at, name, length) == 0;
}

/* One component of text; adds to *wildcards. */
static int check_component(const char *text, const char *at, size_t length, unsigned *wildcards,
                           size_t *ret_column, struct cf_error *err)
{
    if (length == 0)
        return reject(err, ret_column, text, at, "a program's path with a name behind each '/'");
    if (is_component(at, length, ".") || is_component(at, length, ".."))
        return reject(err, ret_column, text, at, "a program's path without '.' and '..'");
    if (is_component(at, length, "**") && !at[length]) {
        if (at == text + 1)
            return reject(err, ret_column, text, at,
                          "a folder in front of '/**' (a rule without exe is for every program)");
        ++*wildcards;
        return 0;
    }
    for (size_t i = 0; i < length; i++) {
        size_t bracket = 1;

        if (at[i] == '*' && i + 1 < length && at[i + 1] == '*')
            return reject(err, ret_column, text, at + i, "'**' only as the whole last component");
        if (at[i] == '[') {
            bracket = bracket_length(at + i, length - i);
            if (bracket == 0)
                return reject(err, ret_column, text, at + i,
                              "']' behind '[' in the same component");
        }
        *wildcards += at[i] == '*' || at[i] == '?' || at[i] == '[';
        i += bracket - 1;
    }
    return 0;
}

int cf_exe_check(const char *text, size_t *ret_column, struct cf_error *err)
{
    const char *at = text;
    unsigned wildcards = 0;
    int r;

    if (text[0] != '/')
        return reject(err, ret_column, text, text, "the absolute path of a program");
    if (strlen(text) >= PATH_MAX)
        return reject(err, ret_column, text, text, "a path of at most 4095 bytes");
    while (*at) {
        size_t length = strcspn(at + 1, "/");

        r = check_component(text, at + 1, length, &wildcards, ret_column, err);
        if (r < 0)
            return r;
        at += 1 + length;
    }
    if (wildcards > CF_EXE_WILDCARDS_MAX)
        return reject(err, ret_column, text, text, "at most 16 wildcards");
    return 0;
}
