/*
 * suggest.c - the known word that was probably meant
 */
#include "policy/suggest.h"

#include <limits.h>
#include <string.h>

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

/* Optimal string alignment: three rows of the table are enough. */
unsigned cf_edit_distance(const char *a, const char *b)
{
    unsigned rows[3][CF_SUGGEST_MAX + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];
    size_t n_a = strnlen(a, CF_SUGGEST_MAX + 1), n_b = strnlen(b, CF_SUGGEST_MAX + 1);

    if (n_a > CF_SUGGEST_MAX || n_b > CF_SUGGEST_MAX)
        return UINT_MAX;
    for (size_t j = 0; j <= n_b; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= n_a; i++) {
        unsigned *free_row = before;

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n_b; j++) {
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        before = above;
        above = row;
        row = free_row;
    }
    return above[n_b];
}

const char *cf_suggest(const char *text, const char *const *words, size_t n)
{
    size_t length = strlen(text);
    unsigned nearest = (unsigned)(length < 3 ? 1 : length / 3) + 1;
    const char *found = NULL;

    if (length > CF_SUGGEST_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t size = words[i] ? strlen(words[i]) : 0;
        unsigned distance;

        if (!words[i])
            continue;
        if (size > length ? size - length >= nearest : length - size >= nearest)
            continue;
        distance = cf_edit_distance(text, words[i]);
        /* A word that shares nothing with the text is no suggestion. */
        if (distance < nearest && distance < size) {
            nearest = distance;
            found = words[i];
        }
    }
    return found;
}
