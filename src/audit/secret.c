/*
 * secret.c - finds what must not reach the log
 */
#include "audit/secret.h"

#include <string.h>
#include <strings.h>

/* Whether text ends in the name of a header that carries credentials. */
static bool ends_in_header(const char *text, size_t length)
{
    static const char name[] = "authorization";
    const size_t n = sizeof name - 1;

    return length >= n && strncasecmp(text + length - n, name, n) == 0;
}

static bool is_scheme_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
}

/*
 * Where the authority that starts at `start` ends. Quotes and other bytes
 * that RFC 3986 forbids there do not end it: programs take them as part of a
 * password, and to mask too much is the safe mistake.
 */
static size_t authority_end(const char *text, size_t length, size_t start)
{
    size_t end = start;

    while (end < length && (unsigned char)text[end] > ' ' && !strchr("/?#", text[end]))
        end++;
    return end;
}

static bool find_user_part(const char *text, size_t length, size_t colon, bool cut,
                           size_t *ret_from, size_t *ret_to)
{
    size_t from = colon + 3, end;
    const char *at;

    if (colon == 0 || !is_scheme_char(text[colon - 1]))
        return false;
    if (length - colon < 3 || text[colon + 1] != '/' || text[colon + 2] != '/')
        return false;
    end = authority_end(text, length, from);
    at = memrchr(text + from, '@', end - from);
    if (cut && end == length)
        *ret_to = end;
    else if (at)
        *ret_to = (size_t)(at - text);
    else
        return false;
    *ret_from = from;
    return *ret_to > from;
}

bool cf_secret_find(const char *text, size_t length, size_t start, bool cut, size_t *ret_from,
                    size_t *ret_to)
{
    while (start < length) {
        const char *found = memchr(text + start, ':', length - start);
        size_t colon;

        if (!found)
            return false;
        colon = (size_t)(found - text);
        start = colon + 1;
        if (ends_in_header(text, colon)) {
            while (start < length && text[start] == ' ')
                start++;
            *ret_from = start;
            *ret_to = length;
            return start < length;
        }
        if (find_user_part(text, length, colon, cut, ret_from, ret_to))
            return true;
    }
    return false;
}
