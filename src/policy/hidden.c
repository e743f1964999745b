/*
 * hidden.c - what a finding must not show of a policy
 *
 * To hide too much is the safe mistake: the user part of a URL goes to the
 * last '@', since people put characters into it that RFC 3986 does not allow
 * there.
 */
#include "policy/hidden.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

/*
 * The user part of the URL whose "://" is at `colon`. ret_end: where the URL
 * ends; without a user part there is none in front of it.
 */
static bool find_user_part(const char *text, size_t length, size_t colon, size_t *ret_from,
                           size_t *ret_to, size_t *ret_end)
{
    size_t scheme = colon, end = colon + 3;
    const char *at;
    char quote;

    while (scheme > 0 && (is_word(text[scheme - 1]) || strchr("+.", text[scheme - 1])))
        scheme--;
    quote = scheme > 0 ? text[scheme - 1] : '\0';
    if (quote != '"' && quote != '\'')
        quote = '\0';
    while (end < length && (quote ? text[end] != quote : !is_blank(text[end])))
        end++;
    *ret_end = end;
    at = memrchr(text + colon + 3, '@', end - colon - 3);
    if (!at || at == text + colon + 3)
        return false;
    *ret_from = colon + 3;
    *ret_to = (size_t)(at - text);
    return true;
}

/* What stands behind a key that names a secret and ends at `colon`, up to the line's end. */
static bool find_value(const char *text, size_t length, size_t colon, size_t *ret_from,
                       size_t *ret_to)
{
    static const char *const words[] = { "password", "passwd", "passphrase", "secret", "token" };
    size_t end = colon, start, from = colon + 1;

    if (from < length && !is_blank(text[from]) && (colon == 0 || !is_quote(text[colon - 1])))
        return false; /* no key ends here: "token:443" */
    while (end > 0 && (is_blank(text[end - 1]) || is_quote(text[end - 1])))
        end--;
    for (start = end; start > 0 && is_word(text[start - 1]);)
        start--;
    if (start == end)
        return false;
    while (from < length && is_blank(text[from]))
        from++;
    if (from == length)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == end - start &&
            strncasecmp(text + start, words[i], end - start) == 0) {
            *ret_from = from;
            *ret_to = length;
            return true;
        }
    }
    return false;
}

bool cf_hidden_find(const char *text, size_t length, size_t start, size_t *ret_from, size_t *ret_to)
{
    while (start < length) {
        const char *found = memchr(text + start, ':', length - start);
        size_t colon;

        if (!found)
            return false;
        colon = (size_t)(found - text);
        start = colon + 1;
        if (length - colon > 3 && memcmp(found, "://", 3) == 0) {
            if (find_user_part(text, length, colon, ret_from, ret_to, &start))
                return true;
        } else if (find_value(text, length, colon, ret_from, ret_to)) {
            return true;
        }
    }
    return false;
}

void cf_hidden_mask(char *text, size_t size)
{
    size_t from, to, start = 0;

    while (cf_hidden_find(text, strlen(text), start, &from, &to)) {
        size_t behind = strlen(text + to);

        start = from + strlen(CF_HIDDEN_MASK);
        if (start >= size) {
            text[from] = '\0';
            return;
        }
        if (start + behind >= size)
            behind = size - 1 - start;
        memmove(text + start, text + to, behind);
        memcpy(text + from, CF_HIDDEN_MASK, strlen(CF_HIDDEN_MASK));
        text[start + behind] = '\0';
    }
}
