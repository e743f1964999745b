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

int cf_yaml_guard(struct cf_source *source, struct cf_diagnostics *diagnostics)
{
    const char *text = source->text;
    int n_directives = 0, n_blanks = 0;

    for (size_t i = 0; i < source->length; i++) {
        n_blanks = is_blank(text[i]) ? n_blanks + 1 : 0;
        if (n_blanks > CF_YAML_BLANKS_MAX)
            return refuse(source, diagnostics, i, CF_YAML_BLANKS_MAX,
                          "blanks and line ends in a row");
        if (text[i] == '%' && (i == 0 || text[i - 1] == '\n') &&
            ++n_directives > CF_YAML_DIRECTIVES_MAX)
            return refuse(source, diagnostics, i, CF_YAML_DIRECTIVES_MAX,
                          "directives (lines that begin with '%')");
    }
    return 0;
}
