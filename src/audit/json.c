/*
 * json.c - writes JSON into a buffer
 *
 * Why not jansson: it builds a tree (an allocation for each key and value,
 * each string checked and copied) that lives only until it is printed. A dns
 * event took 13 us that way and takes 2 to 4 us here, and the log must not be
 * what slows a run of 100,000 lookups a second. Reading is what a tree is for:
 * the tests read with jansson, so that this file does not judge itself.
 */
#include "audit/json.h"

#include <string.h>

#include "base/text.h"

void cf_json_init(struct cf_json *json, struct cf_buffer *buffer)
{
    *json = (struct cf_json) { .buffer = buffer };
}

/* What stands before a value: the comma, the key and its colon, in one append. */
static void lead_in(struct cf_json *json, const char *key)
{
    char lead[CF_JSON_KEY_MAX + 4];
    size_t n = 0, length;

    if (json->comma)
        lead[n++] = ',';
    json->comma = true;
    if (key) {
        length = strnlen(key, CF_JSON_KEY_MAX);
        lead[n++] = '"';
        memcpy(lead + n, key, length);
        n += length;
        lead[n++] = '"';
        lead[n++] = ':';
    }
    cf_buffer_append(json->buffer, lead, n);
}

static void open_with(struct cf_json *json, const char *key, const char *bracket)
{
    lead_in(json, key);
    cf_buffer_append(json->buffer, bracket, 1);
    json->comma = false;
}

static void close_with(struct cf_json *json, const char *bracket)
{
    cf_buffer_append(json->buffer, bracket, 1);
    json->comma = true;
}

void cf_json_object(struct cf_json *json, const char *key)
{
    open_with(json, key, "{");
}

void cf_json_object_end(struct cf_json *json)
{
    close_with(json, "}");
}

void cf_json_array(struct cf_json *json, const char *key)
{
    open_with(json, key, "[");
}

void cf_json_array_end(struct cf_json *json)
{
    close_with(json, "]");
}

void cf_json_null(struct cf_json *json, const char *key)
{
    lead_in(json, key);
    cf_buffer_append(json->buffer, "null", 4);
}

void cf_json_bool(struct cf_json *json, const char *key, bool value)
{
    lead_in(json, key);
    cf_buffer_puts(json->buffer, value ? "true" : "false");
}

/* By hand: cf_buffer_printf() formats each number twice, once to measure it. */
static void put_number(struct cf_json *json, bool negative, uint64_t value)
{
    char digits[24];
    char *at = digits + sizeof digits;

    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    if (negative)
        *--at = '-';
    cf_buffer_append(json->buffer, at, (size_t)(digits + sizeof digits - at));
}

void cf_json_unsigned(struct cf_json *json, const char *key, uint64_t value)
{
    lead_in(json, key);
    put_number(json, false, value);
}

void cf_json_signed(struct cf_json *json, const char *key, int64_t value)
{
    lead_in(json, key);
    put_number(json, value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static void put_escape(struct cf_json *json, uint32_t point)
{
    switch (point) {
    case '"':
        cf_buffer_append(json->buffer, "\\\"", 2);
        break;
    case '\\':
        cf_buffer_append(json->buffer, "\\\\", 2);
        break;
    case '\n':
        cf_buffer_append(json->buffer, "\\n", 2);
        break;
    case '\t':
        cf_buffer_append(json->buffer, "\\t", 2);
        break;
    default:
        /* Past U+FFFF a surrogate pair: RFC 8259, 7. */
        if (point > 0xffff) {
            cf_buffer_printf(json->buffer, "\\u%04x", 0xd800u + ((point - 0x10000u) >> 10));
            point = 0xdc00u + ((point - 0x10000u) & 0x3ffu);
        }
        cf_buffer_printf(json->buffer, "\\u%04x", (unsigned)point);
        break;
    }
}

static bool is_plain_ascii(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void cf_json_text_start(struct cf_json *json, const char *key)
{
    lead_in(json, key);
    cf_buffer_append(json->buffer, "\"", 1);
}

void cf_json_text_piece(struct cf_json *json, const char *text, size_t length, size_t *room)
{
    size_t copied = 0, at = 0;

    while (at < length) {
        uint32_t point = (unsigned char)text[at];
        bool valid = true, plain = is_plain_ascii(text[at]);
        size_t taken = plain ? 1 : cf_text_decode(text + at, length - at, &point, &valid);
        size_t given = valid ? taken : 3; /* U+FFFD is three bytes */

        if (given > *room) {
            *room = 0;
            break;
        }
        *room -= given;
        if (!plain)
            plain = valid && point >= 0x80 && cf_text_is_printable(point);
        if (!plain) {
            cf_buffer_append(json->buffer, text + copied, at - copied);
            put_escape(json, point);
            copied = at + taken;
        }
        at += taken;
    }
    cf_buffer_append(json->buffer, text + copied, at - copied);
}

void cf_json_text_stop(struct cf_json *json)
{
    cf_buffer_append(json->buffer, "\"", 1);
}

void cf_json_text(struct cf_json *json, const char *key, const char *text)
{
    size_t room = SIZE_MAX;

    if (!text) {
        cf_json_null(json, key);
        return;
    }
    cf_json_text_start(json, key);
    cf_json_text_piece(json, text, strlen(text), &room);
    cf_json_text_stop(json);
}
