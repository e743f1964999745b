/*
 * pattern.c - paths with placeholders, as audit.log has them
 */
#include "policy/pattern.h"

#include <errno.h>
#include <string.h>

#include "policy/source.h"
#include "policy/suggest.h"

#define EXPECTED "expected {name}, {run}, {time} or {host}"

static const char *const placeholders[] = { "{name}", "{run}", "{time}", "{host}" };
#define N_PLACEHOLDERS (sizeof placeholders / sizeof placeholders[0])

/* The length of the placeholder at text, 0 when there is none. */
static size_t match_placeholder(const char *text)
{
    for (size_t i = 0; i < N_PLACEHOLDERS; i++)
        if (strncmp(text, placeholders[i], strlen(placeholders[i])) == 0)
            return strlen(placeholders[i]);
    return 0;
}

static int refuse_braces(const char *text, struct cf_error *err)
{
    char word[64], quoted[CF_QUOTED_SIZE];
    size_t length = strcspn(text, "}");
    const char *near;

    if (text[0] == '}')
        return cf_error_set(err, -EINVAL, "expected '{' in front of '}', got '}' alone");
    if (text[length] == '\0')
        return cf_error_set(err, -EINVAL, EXPECTED ", got '{' without '}'");
    if (length + 2 > sizeof word)
        return cf_error_set(err, -EINVAL, EXPECTED ", got %zu bytes in braces", length - 1);
    memcpy(word, text, length + 1);
    word[length + 1] = '\0';
    near = cf_suggest(word, placeholders, N_PLACEHOLDERS);
    if (near)
        return cf_error_set(err, -EINVAL, EXPECTED ", got %s (did you mean '%s'?)",
                            cf_quote_text(word, quoted), near);
    return cf_error_set(err, -EINVAL, EXPECTED ", got %s", cf_quote_text(word, quoted));
}

int cf_pattern_check(const char *text, size_t *ret_offset, struct cf_error *err)
{
    size_t length = strlen(text), at = 0;

    while ((at += strcspn(text + at, "{}")) < length) {
        size_t placeholder = match_placeholder(text + at);

        if (placeholder == 0) {
            *ret_offset = at;
            return refuse_braces(text + at, err);
        }
        at += placeholder;
    }
    if (length > 0 && text[length - 1] == '/') {
        *ret_offset = length - 1;
        return cf_error_set(err, -EINVAL, "expected the path of a file, got that of a directory");
    }
    return 0;
}
