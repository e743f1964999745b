/*
 * scalar.c - typed values out of nodes, and how a wrong one is reported
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/read.h"
#include "policy/suggest.h"

void cf_read_error(struct cf_reader *reader, struct cf_mark at, const char *key, const char *fmt,
                   ...)
{
    va_list args;

    va_start(args, fmt);
    cf_diagnostics_add_list(reader->diagnostics, reader->source,
                            CF_FINDING(CF_CODE_BAD_VALUE, at, key), fmt, args);
    va_end(args);
}

void cf_read_report(struct cf_reader *reader, const struct cf_finding *finding, const char *fmt,
                    ...)
{
    va_list args;

    va_start(args, fmt);
    cf_diagnostics_add_list(reader->diagnostics, reader->source, finding, fmt, args);
    va_end(args);
}

/* What was written, for the end of a message. Returns text. */
static const char *describe_node(const struct cf_yaml_node *node, char text[CF_QUOTED_SIZE])
{
    if (node->kind == CF_YAML_LIST)
        return "a list";
    if (node->kind == CF_YAML_MAP)
        return "a map";
    if (cf_yaml_is_null(node))
        return "nothing";
    return cf_quote_text(node->text, text);
}

void cf_read_unexpected(struct cf_reader *reader, const struct cf_yaml_node *node, const char *key,
                        const char *what)
{
    char got[CF_QUOTED_SIZE];

    cf_read_error(reader, node->mark, key, "expected %s, got %s", what, describe_node(node, got));
}

void cf_read_out_of_memory(struct cf_reader *reader)
{
    reader->out_of_memory = true;
}

/* The profile's copy of the name of the file that a mark is in. */
static const char *origin_file(struct cf_reader *reader, struct cf_source *source)
{
    if (!source || source == reader->source)
        return reader->file;
    if (source != reader->origin_source) {
        const char *file = cf_profile_file(reader->profile, source->name);

        if (!file) {
            cf_read_out_of_memory(reader);
            return reader->file;
        }
        reader->origin_source = source;
        reader->origin_file = file;
    }
    return reader->origin_file;
}

struct cf_origin cf_read_origin(struct cf_reader *reader, struct cf_mark at)
{
    return (struct cf_origin) {
        .file = origin_file(reader, at.source),
        .line = at.line,
        .column = at.column,
    };
}

/* Whether a name is shown as it is. */
static bool is_plain_name(const char *name)
{
    const char *at = name;

    while ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
           *at == '_' || *at == '-' || *at == '.' || *at == '*')
        at++;
    return at > name && *at == '\0' && at - name < CF_QUOTED_SIZE;
}

/* Append to a key of so many bytes, which is cut where it gets too long. Returns its length. */
static size_t key_append(char text[CF_KEY_SIZE], size_t length, const char *what)
{
    size_t n = strnlen(what, CF_KEY_SIZE - 1 - length);

    memcpy(text + length, what, n);
    text[length + n] = '\0';
    return length + n;
}

/* Both are called for every value there is. */
char *cf_key_child(const char *parent, const char *name, char text[CF_KEY_SIZE])
{
    char quoted[CF_QUOTED_SIZE];
    size_t length = key_append(text, 0, parent);

    if (length > 0)
        length = key_append(text, length, ".");
    key_append(text, length, is_plain_name(name) ? name : cf_quote_text(name, quoted));
    return text;
}

char *cf_key_item(const char *parent, size_t index, char text[CF_KEY_SIZE])
{
    char digits[24], *at = digits + sizeof digits;

    *--at = '\0';
    *--at = ']';
    do
        *--at = (char)('0' + index % 10);
    while (index /= 10);
    *--at = '[';
    key_append(text, key_append(text, 0, parent), at);
    return text;
}

bool cf_read_text(struct cf_reader *reader, const struct cf_schema_key *row,
                  const struct cf_yaml_node *node, const char *key, const char **ret_text)
{
    size_t length;

    if (node->kind != CF_YAML_SCALAR || cf_yaml_is_null(node)) {
        cf_read_unexpected(reader, node, key, cf_schema_describe_item(row));
        return false;
    }
    length = strlen(node->text);
    if (row->maximum > 0 && length > (size_t)row->maximum) {
        cf_read_report(reader, CF_FINDING(CF_CODE_LIMIT, node->mark, key),
                       "expected at most %lld bytes, got %zu", (long long)row->maximum, length);
        return false;
    }
    *ret_text = node->text;
    return true;
}

/* What YAML 1.1 and its users also write for true and false. */
static const char *other_bool(const char *text)
{
    static const char *const yes[] = { "yes", "Yes",  "YES",  "on", "On",
                                       "ON",  "True", "TRUE", "y",  "Y" };
    static const char *const no[] = { "no",  "No",    "NO",    "off", "Off",
                                      "OFF", "False", "FALSE", "n",   "N" };

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcmp(text, yes[i]) == 0)
            return "true";
        if (strcmp(text, no[i]) == 0)
            return "false";
    }
    return NULL;
}

bool cf_read_bool(struct cf_reader *reader, const struct cf_yaml_node *node, const char *key,
                  bool *ret_value)
{
    const char *other;
    char got[CF_QUOTED_SIZE];

    if (node->kind != CF_YAML_SCALAR || cf_yaml_is_null(node)) {
        cf_read_unexpected(reader, node, key, "true or false");
        return false;
    }
    if (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0) {
        if (node->plain) {
            *ret_value = node->text[0] == 't';
            return true;
        }
        cf_read_error(reader, node->mark, key,
                      "expected true or false without quotes, got %s in "
                      "quotes",
                      cf_quote_text(node->text, got));
        return false;
    }
    other = other_bool(node->text);
    if (other)
        cf_read_report(
            reader,
            &(struct cf_finding) {
                .code = CF_CODE_BAD_VALUE, .at = node->mark, .key = key, .suggestion = other },
            "expected true or false and no other spelling, got %s", cf_quote_text(node->text, got));
    else
        cf_read_unexpected(reader, node, key, "true or false");
    return false;
}

/* A decimal number without leading zeros, of at most 18 digits. */
static bool parse_integer(const char *text, int64_t *ret_value)
{
    size_t digits = strspn(text, "0123456789");
    int64_t value = 0;

    if (digits == 0 || digits > 18 || text[digits] != '\0' || (digits > 1 && text[0] == '0'))
        return false;
    for (; *text; text++)
        value = value * 10 + (*text - '0');
    *ret_value = value;
    return true;
}

static bool in_range(const struct cf_schema_key *row, int64_t value)
{
    return !cf_schema_is_ranged(row) || (value >= row->minimum && value <= row->maximum);
}

bool cf_read_integer(struct cf_reader *reader, const struct cf_schema_key *row,
                     const struct cf_yaml_node *node, const char *key, int64_t *ret_value)
{
    char what[CF_SCHEMA_RANGE_SIZE], got[CF_QUOTED_SIZE];
    int64_t value;

    cf_schema_describe_range(row, what);
    if (node->kind != CF_YAML_SCALAR || !parse_integer(node->text, &value) ||
        !in_range(row, value)) {
        cf_read_unexpected(reader, node, key, what);
        return false;
    }
    if (!node->plain) {
        cf_read_error(reader, node->mark, key, "expected %s without quotes, got %s in quotes", what,
                      cf_quote_text(node->text, got));
        return false;
    }
    *ret_value = value;
    return true;
}

static int parse_unit(enum cf_schema_type type, const char *text, int64_t *ret_value,
                      struct cf_unit_error *ret_error)
{
    switch (type) {
    case CF_TYPE_DURATION:
        return cf_duration_parse(text, ret_value, ret_error);
    case CF_TYPE_SIZE:
        return cf_size_parse(text, ret_value, ret_error);
    case CF_TYPE_DATE:
        return cf_date_parse(text, ret_value, ret_error);
    default:
        return cf_mode_bits_parse(text, ret_value, ret_error);
    }
}

bool cf_read_unit(struct cf_reader *reader, const struct cf_schema_key *row,
                  const struct cf_yaml_node *node, const char *key, int64_t *ret_value)
{
    char range[CF_SCHEMA_RANGE_SIZE], got[CF_QUOTED_SIZE];
    struct cf_unit_error error = { 0 };
    const char *what = cf_schema_describe_item(row);
    int64_t value;
    int r;

    if (node->kind != CF_YAML_SCALAR || cf_yaml_is_null(node)) {
        cf_read_unexpected(reader, node, key, what);
        return false;
    }
    r = parse_unit(row->type, node->text, &value, &error);
    if (r == 0 && in_range(row, value)) {
        *ret_value = value;
        return true;
    }
    if (r == 0 || (r == -ERANGE && cf_schema_is_ranged(row)))
        what = cf_schema_describe_range(row, range);
    else if (error.why)
        what = error.why;
    cf_quote_text(node->text, got);
    cf_read_report(
        reader,
        &(struct cf_finding) { .code = CF_CODE_BAD_VALUE,
                               .at = cf_yaml_text_mark(node, error.offset),
                               .key = key,
                               .suggestion = error.suggestion[0] ? error.suggestion : NULL },
        "expected %s, got %s", what, got);
    return false;
}

bool cf_read_label(struct cf_reader *reader, const struct cf_schema_key *row,
                   const struct cf_yaml_node *node, const char *key, const char **ret_text)
{
    char what[CF_SCHEMA_RANGE_SIZE];

    if (node->kind == CF_YAML_SCALAR && !cf_yaml_is_null(node) &&
        cf_schema_is_label(row, node->text)) {
        *ret_text = node->text;
        return true;
    }
    cf_read_unexpected(reader, node, key, cf_schema_describe_range(row, what));
    return false;
}

/* "enforce or audit", "none, text or json". */
static void list_values(const char *const *values, char *text, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; values[i] && used < size; i++) {
        const char *joint = i == 0 ? "" : values[i + 1] ? ", " : " or ";

        used += (size_t)snprintf(text + used, size - used, "%s%s", joint, values[i]);
    }
}

/*
 * The value that was probably meant. The words that other readers of YAML take
 * for true and false are one another's nearest: `no` is nearer to `on` than to `off`.
 */
static const char *suggest_value(const char *text, const char *const *values, unsigned n)
{
    static const char *const switches[][2] = {
        { "yes", "on" },
        { "true", "on" },
        { "no", "off" },
        { "false", "off" },
    };

    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        if (strcasecmp(text, switches[i][0]) != 0)
            continue;
        for (unsigned k = 0; k < n; k++) {
            if (strcmp(values[k], switches[i][1]) == 0)
                return values[k];
        }
        return NULL;
    }
    return cf_suggest(text, values, n);
}

bool cf_read_choice(struct cf_reader *reader, const struct cf_schema_key *row,
                    const struct cf_yaml_node *node, const char *key, unsigned *ret_value)
{
    char what[128], got[CF_QUOTED_SIZE];
    const char *near;
    unsigned n = 0;

    list_values(row->values, what, sizeof what);
    if (node->kind != CF_YAML_SCALAR || cf_yaml_is_null(node)) {
        cf_read_unexpected(reader, node, key, what);
        return false;
    }
    for (; row->values[n]; n++) {
        if (strcmp(row->values[n], node->text) == 0) {
            *ret_value = n;
            return true;
        }
    }
    near = suggest_value(node->text, row->values, n);
    if (near)
        cf_read_report(
            reader,
            &(struct cf_finding) {
                .code = CF_CODE_BAD_VALUE, .at = node->mark, .key = key, .suggestion = near },
            "expected %s, got %s", what, cf_quote_text(node->text, got));
    else
        cf_read_unexpected(reader, node, key, what);
    return false;
}

void cf_read_copy(struct cf_reader *reader, const char *text, char **field)
{
    char *copy = NULL;

    if (text[0] != '\0') {
        copy = strdup(text);
        if (!copy) {
            cf_read_out_of_memory(reader);
            return;
        }
    }
    free(*field);
    *field = copy;
}

bool cf_read_list(struct cf_reader *reader, const struct cf_schema_key *row,
                  const struct cf_yaml_node *node, const char *key)
{
    if (node->kind != CF_YAML_LIST) {
        cf_read_unexpected(reader, node, key, cf_schema_describe(row));
        return false;
    }
    if (node->n_items < row->min_items) {
        cf_read_error(reader, node->mark, key, "expected %s, at least %zu long, got %zu items",
                      cf_schema_describe(row), row->min_items, node->n_items);
        return false;
    }
    if (row->max_items > 0 && node->n_items > row->max_items) {
        cf_read_report(reader, CF_FINDING(CF_CODE_LIMIT, node->mark, key),
                       "expected at most %zu items, got %zu", row->max_items, node->n_items);
        return false;
    }
    return true;
}

bool cf_read_free_map(struct cf_reader *reader, const struct cf_schema_key *row,
                      const struct cf_yaml_node *node, const char *key, const char *what)
{
    if (node->kind != CF_YAML_MAP) {
        cf_read_unexpected(reader, node, key, cf_schema_describe(row));
        return false;
    }
    if (node->n_items / 2 > row->max_items) {
        cf_read_report(reader, CF_FINDING(CF_CODE_LIMIT, node->mark, key),
                       "expected at most %zu %s, got %zu", row->max_items, what, node->n_items / 2);
        return false;
    }
    return true;
}
