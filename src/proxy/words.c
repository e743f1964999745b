/*
 * words.c - what a proxy said, made fit for a log
 *
 * How this works. Each byte of the raw words gets a mark when it belongs to a
 * secret: first those that are known by their form, then the login itself,
 * wherever it stands whole, and where the words break off inside it. What is
 * left is written, a run of marked bytes as one mask.
 */
#include "proxy/words.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "audit/secret.h"
#include "base/text.h"
#include "proxy/basic.h"

/* A piece of a secret at the end of words that were cut is masked from this length on. */
#define PIECE_MIN 4

struct words {
    const char *data;
    size_t length;
    bool cut;
    bool is_secret[CF_PROXY_WORDS_RAW];
};

static void mark(struct words *words, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        words->is_secret[i] = true;
}

static void mark_forms(struct words *words)
{
    size_t from, to = 0;

    while (cf_secret_find(words->data, words->length, to, words->cut, &from, &to))
        mark(words, from, to);
}

static void mark_secret(struct words *words, const char *secret, size_t length)
{
    if (length == 0)
        return;
    for (size_t at = 0; at < words->length; at++) {
        size_t left = words->length - at;

        if (left >= length && memcmp(words->data + at, secret, length) == 0)
            mark(words, at, at + length);
        else if (words->cut && left < length && left >= PIECE_MIN &&
                 memcmp(words->data + at, secret, left) == 0)
            mark(words, at, words->length);
    }
}

static void mark_login(struct words *words, const struct cf_proxy_login *login)
{
    char basic[CF_PROXY_BASIC_SIZE];
    int n = cf_proxy_basic_format(login, basic);

    if (login->password)
        mark_secret(words, login->password, strlen(login->password));
    if (n > 0)
        mark_secret(words, basic, (size_t)n);
    explicit_bzero(basic, sizeof basic);
}

/* Append what fits as a whole; false when it does not. */
static bool put(char *text, size_t *length, const char *piece, size_t n)
{
    if (n >= CF_PROXY_WORDS_SIZE - *length)
        return false;
    memcpy(text + *length, piece, n);
    *length += n;
    return true;
}

/* The character at `at`, n bytes long. */
static bool put_character(const struct words *words, size_t at, size_t n, uint32_t point,
                          bool valid, char *text, size_t *length)
{
    char escape[16];
    int m;

    if (valid && cf_text_is_printable(point))
        return put(text, length, words->data + at, n);
    for (size_t i = 0; i < n; i++) {
        if (valid && point >= 0x80)
            m = snprintf(escape, sizeof escape, "\\u{%x}", (unsigned)point);
        else
            m = snprintf(escape, sizeof escape, "\\x%02x", (unsigned char)words->data[at + i]);
        if (!put(text, length, escape, (size_t)m))
            return false;
        if (valid)
            break;
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Bytes from `at` on, up to a secret: no character reaches into one. */
static size_t plain_length(const struct words *words, size_t at)
{
    size_t n = 1;

    while (at + n < words->length && !words->is_secret[at + n])
        n++;
    return n;
}

/* Write the bytes at `at`; returns how many were taken, 0 when there is no more room. */
static size_t write_next(const struct words *words, size_t at, char *text, size_t *length)
{
    size_t n = 1;
    uint32_t point;
    bool valid;

    if (words->is_secret[at]) {
        while (at + n < words->length && words->is_secret[at + n])
            n++;
        return put(text, length, CF_SECRET_MASK, strlen(CF_SECRET_MASK)) ? n : 0;
    }
    if (is_blank(words->data[at])) {
        while (at + n < words->length && is_blank(words->data[at + n]) && !words->is_secret[at + n])
            n++;
        if (*length == 0 || at + n == words->length)
            return n;
        return put(text, length, " ", 1) ? n : 0;
    }
    n = cf_text_decode(words->data + at, plain_length(words, at), &point, &valid);
    return put_character(words, at, n, point, valid, text, length) ? n : 0;
}

void cf_proxy_words_clean(const char *data, size_t length, const struct cf_proxy_login *login,
                          char text[CF_PROXY_WORDS_SIZE])
{
    struct words words = { .data = data, .length = length };
    size_t n = 0, taken;

    if (length > CF_PROXY_WORDS_RAW)
        words.length = CF_PROXY_WORDS_RAW;
    words.cut = length >= CF_PROXY_WORDS_RAW;
    mark_forms(&words);
    if (login && login->user)
        mark_login(&words, login);
    for (size_t at = 0; at < words.length; at += taken) {
        taken = write_next(&words, at, text, &n);
        if (taken == 0)
            break;
    }
    text[n] = '\0';
}
