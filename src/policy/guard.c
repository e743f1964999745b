/*
 * guard.c - text that libyaml would take very long for
 *
 * How this works. libyaml's scanner reads a scalar to its end before anyone
 * may refuse it, and two of its habits are not linear. Behind each word of a
 * scalar, and each line, it clears the whole buffer in which it has kept
 * blanks and line ends; that buffer is as large as the longest run of them so
 * far. And it compares each %TAG directive with all that stand before it. So
 * the text is looked through first for what feeds these two: a run of blanks,
 * and lines that begin with '%'. Neither limit is near anything that a policy
 * has a use for. Nesting needs no such check: the parser never reads more
 * than 1,024 characters ahead of the event that breaks that limit.
 */
#include "policy/guard.h"

#include <errno.h>
#include <string.h>

static int refuse(struct cf_source *source, struct cf_diagnostics *diagnostics, size_t offset,
                  int limit, const char *what)
{
    cf_diagnostics_add(
        diagnostics, source,
        &(struct cf_finding) { .code = CF_CODE_LIMIT, .at = cf_source_mark(source, offset) },
        "expected at most %d %s, got more", limit, what);
    return -EINVAL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The blank that is one too many; the length when there is none. */
static size_t find_blanks(const char *text, size_t length)
{
    size_t start = 0, at = CF_YAML_BLANKS_MAX;

    /* The first run behind start that is too long has a blank at `at`, or begins behind it. */
    while (at < length) {
        size_t first = at;

        while (first > start && is_blank(text[first]) && is_blank(text[first - 1]))
            first--;
        for (; at < length && is_blank(text[at]); at++)
            if (at - first == CF_YAML_BLANKS_MAX)
                return at;
        start = at + 1;
        at = start + CF_YAML_BLANKS_MAX;
    }
    return length;
}

/* The directive that is one too many; the length when there is none. */
static size_t find_directives(const char *text, size_t length)
{
    const char *first = length > 0 ? memchr(text, '%', length) : NULL;
    int n = 0;

    for (size_t i = first ? (size_t)(first - text) : length; i < length; i++)
        if (text[i] == '%' && (i == 0 || text[i - 1] == '\n') && ++n > CF_YAML_DIRECTIVES_MAX)
            return i;
    return length;
}

int cf_yaml_guard(struct cf_source *source, struct cf_diagnostics *diagnostics)
{
    size_t blanks = find_blanks(source->text, source->length);
    size_t directives = find_directives(source->text, blanks);

    if (directives < blanks)
        return refuse(source, diagnostics, directives, CF_YAML_DIRECTIVES_MAX,
                      "directives (lines that begin with '%')");
    if (blanks < source->length)
        return refuse(source, diagnostics, blanks, CF_YAML_BLANKS_MAX,
                      "blanks and line ends in a row");
    return 0;
}
