/*
 * json.h - writes JSON (RFC 8259) into a buffer, one value after the other
 *
 * For writing only; nothing is kept but where a comma is due. What is written
 * is valid UTF-8 on one line, whatever the bytes that come in: what is not
 * UTF-8 becomes U+FFFD, and each character that could break a line or speak
 * to a terminal is written as \uXXXX. Errors stay in the buffer (its
 * `failed`), to be looked at once, at the end.
 *
 * key: a literal that needs no escaping; NULL inside an array and at the top
 */
#ifndef CF_AUDIT_JSON_H
#define CF_AUDIT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* The longest key. */
#define CF_JSON_KEY_MAX 60

struct cf_json {
    struct cf_buffer *buffer; /* borrowed */
    bool comma;               /* one is due before the next value */
};

void cf_json_init(struct cf_json *json, struct cf_buffer *buffer);

void cf_json_object(struct cf_json *json, const char *key);
void cf_json_object_end(struct cf_json *json);
void cf_json_array(struct cf_json *json, const char *key);
void cf_json_array_end(struct cf_json *json);

void cf_json_null(struct cf_json *json, const char *key);
void cf_json_bool(struct cf_json *json, const char *key, bool value);
void cf_json_unsigned(struct cf_json *json, const char *key, uint64_t value);
void cf_json_signed(struct cf_json *json, const char *key, int64_t value);

/* A string; null when text is NULL. */
void cf_json_text(struct cf_json *json, const char *key, const char *text);

/*
 * A string in pieces. room: how many bytes (as a reader gets them, in UTF-8)
 * may still follow; what does not fit is left out, whole characters only.
 */
void cf_json_text_start(struct cf_json *json, const char *key);
void cf_json_text_piece(struct cf_json *json, const char *text, size_t length, size_t *room);
void cf_json_text_stop(struct cf_json *json);

#endif
