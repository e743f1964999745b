/*
 * json_schema.c - the table of keys as a JSON schema, for editors
 *
 * How this works: one object per map of the table, written key by key. Texts
 * of the table hold nothing that JSON escapes but the quotes and backslashes
 * that put_string() takes care of.
 */
#include "policy/json_schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/read.h"
#include "policy/schema.h"
#include "profile/record_type.h"

/* What YAML takes for a number or a truth value is text to the reader of a text. */
#define ANY_TEXT "\"type\": [\"string\", \"number\", \"boolean\"]"

static void put_map(struct cf_buffer *buffer, const char *path, int depth);

static void put_indent(struct cf_buffer *buffer, int depth)
{
    cf_buffer_puts(buffer, "\n");
    while (depth-- > 0)
        cf_buffer_puts(buffer, "  ");
}

static void put_string(struct cf_buffer *buffer, const char *text)
{
    cf_buffer_puts(buffer, "\"");
    for (; *text; text++)
        cf_buffer_printf(buffer, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    cf_buffer_puts(buffer, "\"");
}

static void put_integer(struct cf_buffer *buffer, const struct cf_schema_key *key)
{
    cf_buffer_puts(buffer, "\"type\": \"integer\"");
    if (key->minimum != 0 && key->minimum == key->maximum)
        cf_buffer_printf(buffer, ", \"const\": %lld", (long long)key->minimum);
    else if (key->maximum != 0)
        cf_buffer_printf(buffer, ", \"minimum\": %lld, \"maximum\": %lld", (long long)key->minimum,
                         (long long)key->maximum);
}

static void put_choice(struct cf_buffer *buffer, const struct cf_schema_key *key)
{
    cf_buffer_puts(buffer, "\"enum\": [");
    for (size_t i = 0; key->values[i]; i++) {
        cf_buffer_puts(buffer, i ? ", " : "");
        put_string(buffer, key->values[i]);
    }
    cf_buffer_puts(buffer, "]");
}

/* The keys that may be overridden, for editors to complete. */
static void put_keys(struct cf_buffer *buffer)
{
    size_t n, n_put = 0;
    const struct cf_schema_key *keys = cf_schema_keys(&n);

    cf_buffer_puts(buffer, "\"oneOf\": [{\"type\": \"string\", \"pattern\": "
                           "\"^egress\\\\.groups\\\\.[A-Za-z0-9._-]{1,64}$\"}, {\"enum\": [");
    for (size_t i = 0; i < n; i++) {
        if (!cf_schema_is_inherited(&keys[i]))
            continue;
        cf_buffer_puts(buffer, n_put++ ? ", " : "");
        put_string(buffer, keys[i].path);
    }
    cf_buffer_puts(buffer, "]}]");
}

/* A rule: text, or a map of the keys that the table has below the list, if any. */
static void put_endpoint(struct cf_buffer *buffer, const struct cf_schema_key *key, int depth)
{
    const char *names[CF_SCHEMA_CHILDREN_MAX];
    char path[CF_KEY_SIZE];

    snprintf(path, sizeof path, "%s[]", key->path);
    if (!key->list || cf_schema_children(path, names) == 0) {
        cf_buffer_puts(buffer, "\"type\": \"string\", \"minLength\": 1");
        return;
    }
    cf_buffer_puts(buffer, "\"oneOf\": [");
    put_indent(buffer, depth + 1);
    cf_buffer_puts(buffer, "{\"type\": \"string\", \"minLength\": 1},");
    put_indent(buffer, depth + 1);
    cf_buffer_puts(buffer, "{");
    put_map(buffer, path, depth + 2);
    put_indent(buffer, depth + 1);
    cf_buffer_puts(buffer, "}");
    put_indent(buffer, depth);
    cf_buffer_puts(buffer, "]");
}

static void put_hosts(struct cf_buffer *buffer, const struct cf_schema_key *key)
{
    cf_buffer_printf(buffer,
                     "\"type\": \"object\", \"maxProperties\": %zu, \"additionalProperties\": "
                     "{\"oneOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"items\": "
                     "{\"type\": \"string\"}, \"minItems\": 1, \"maxItems\": %d}]}",
                     key->max_items, CF_HOST_ADDRESSES_MAX);
}

/* A map of free names: a list of endpoints each, or a map of the keys that the table has below. */
static void put_groups(struct cf_buffer *buffer, const struct cf_schema_key *key, int depth)
{
    char path[CF_KEY_SIZE];

    snprintf(path, sizeof path, "%s[]", key->path);
    cf_buffer_printf(buffer, "\"type\": \"object\", \"maxProperties\": %zu, ", key->max_items);
    cf_buffer_printf(buffer, "\"propertyNames\": {\"pattern\": \"^[A-Za-z0-9._-]{1,%d}$\"},",
                     CF_LIST_NAME_MAX);
    put_indent(buffer, depth);
    cf_buffer_puts(buffer, "\"additionalProperties\": {\"oneOf\": [");
    put_indent(buffer, depth + 1);
    cf_buffer_printf(buffer,
                     "{\"type\": \"array\", \"maxItems\": %d, \"items\": {\"type\": "
                     "\"string\", \"minLength\": 1}},",
                     CF_GROUP_MEMBERS_MAX);
    put_indent(buffer, depth + 1);
    cf_buffer_puts(buffer, "{");
    put_map(buffer, path, depth + 2);
    put_indent(buffer, depth + 1);
    cf_buffer_puts(buffer, "}");
    put_indent(buffer, depth);
    cf_buffer_puts(buffer, "]}");
}

static void put_records(struct cf_buffer *buffer)
{
    size_t n;
    const char *const *names = cf_record_type_names(&n);

    cf_buffer_puts(buffer, "\"oneOf\": [{\"type\": \"string\", \"pattern\": "
                           "\"^TYPE[1-9][0-9]{0,4}$\"}, {\"enum\": [");
    for (size_t i = 0; i < n; i++) {
        cf_buffer_puts(buffer, i ? ", " : "");
        put_string(buffer, names[i]);
    }
    cf_buffer_puts(buffer, "]}]");
}

/* The members that say which values one item may have. */
static void put_type(struct cf_buffer *buffer, const struct cf_schema_key *key, int depth)
{
    switch (key->type) {
    case CF_TYPE_MAP:
        put_map(buffer, key->path, depth);
        break;
    case CF_TYPE_BOOL:
        cf_buffer_puts(buffer, "\"type\": \"boolean\"");
        break;
    case CF_TYPE_INTEGER:
        put_integer(buffer, key);
        break;
    case CF_TYPE_CHOICE:
        put_choice(buffer, key);
        break;
    case CF_TYPE_KEY:
        put_keys(buffer);
        break;
    case CF_TYPE_LABEL:
        cf_buffer_printf(buffer, ANY_TEXT ", \"pattern\": \"^[A-Za-z0-9._-]{1,%lld}$\"",
                         (long long)key->maximum);
        break;
    case CF_TYPE_PATTERN:
        cf_buffer_puts(buffer, ANY_TEXT ", \"pattern\": "
                                        "\"^([^{}]|\\\\{(name|run|time|host)\\\\})*$\"");
        break;
    case CF_TYPE_PATH:
        cf_buffer_puts(buffer, ANY_TEXT ", \"minLength\": 1");
        break;
    case CF_TYPE_INTERFACE:
        cf_buffer_puts(buffer, ANY_TEXT ", \"pattern\": \"^[^/:\\\\s]+$\", \"maxLength\": 15");
        break;
    case CF_TYPE_DURATION:
        cf_buffer_puts(buffer, "\"type\": \"string\", "
                               "\"pattern\": \"^(0|[1-9][0-9]*)(ms|s|m|h)$\"");
        break;
    case CF_TYPE_SIZE:
        cf_buffer_puts(buffer, "\"type\": [\"string\", \"integer\"], \"minimum\": 0, "
                               "\"pattern\": \"^(0|[1-9][0-9]*)([KMGT]iB)?$\"");
        break;
    case CF_TYPE_DATE:
        cf_buffer_puts(buffer, "\"type\": \"string\", \"format\": \"date\", "
                               "\"pattern\": \"^[0-9]{4}-[0-9]{2}-[0-9]{2}$\"");
        break;
    case CF_TYPE_MODE_BITS:
        cf_buffer_puts(buffer, "\"type\": [\"string\", \"integer\"], "
                               "\"pattern\": \"^0[0-7]{3,4}$\"");
        break;
    case CF_TYPE_RECORD:
        put_records(buffer);
        break;
    case CF_TYPE_HOST_NAME:
    case CF_TYPE_SERVER:
        cf_buffer_puts(buffer, "\"type\": \"string\", \"minLength\": 1");
        break;
    case CF_TYPE_ENDPOINT:
        put_endpoint(buffer, key, depth);
        break;
    case CF_TYPE_HOSTS:
        put_hosts(buffer, key);
        break;
    case CF_TYPE_GROUPS:
        put_groups(buffer, key, depth);
        break;
    default:
        cf_buffer_puts(buffer, ANY_TEXT);
        break;
    }
}

/* A default of the table is YAML: a list of words, a word, or a value that JSON has too. */
static void put_default(struct cf_buffer *buffer, const struct cf_schema_key *key)
{
    const char *at = key->fallback;

    cf_buffer_puts(buffer, ", \"default\": ");
    if (*at == '"' || *at == '{' || key->type == CF_TYPE_BOOL || key->type == CF_TYPE_INTEGER) {
        cf_buffer_puts(buffer, at);
        return;
    }
    while (*at) {
        size_t length = strcspn(at, "[], ");

        if (length > 0)
            cf_buffer_printf(buffer, "\"%.*s\"", (int)length, at);
        at += length;
        length = strspn(at, "[], ");
        cf_buffer_append(buffer, at, length);
        at += length;
    }
}

/* Numbers whose range the members of the type do not say. */
static bool has_unit(const struct cf_schema_key *key)
{
    return key->type == CF_TYPE_DURATION || key->type == CF_TYPE_SIZE || key->type == CF_TYPE_DATE;
}

static void put_key(struct cf_buffer *buffer, const struct cf_schema_key *key, int depth)
{
    static const char *const merge[] = {
        [CF_MERGE_BY_KIND] = "",
        [CF_MERGE_OWN] = "; not inherited",
        [CF_MERGE_WHOLE] = "; replaced as a whole by a file that extends this one",
    };
    char description[512], range[CF_SCHEMA_RANGE_SIZE] = "";

    if (has_unit(key) && cf_schema_is_ranged(key))
        cf_schema_describe_range(key, range);
    snprintf(description, sizeof description, "%s%s%s%s", key->help, range[0] ? "; " : "", range,
             merge[key->merge]);
    cf_buffer_puts(buffer, "{\"description\": ");
    put_string(buffer, description);
    if (key->fallback)
        put_default(buffer, key);
    cf_buffer_puts(buffer, ",");
    put_indent(buffer, depth + 1);
    if (key->or_one) {
        cf_buffer_puts(buffer, "\"oneOf\": [{");
        put_type(buffer, key, depth + 1);
        cf_buffer_puts(buffer, "}, {");
    }
    if (key->list) {
        cf_buffer_puts(buffer, "\"type\": \"array\", ");
        if (key->min_items)
            cf_buffer_printf(buffer, "\"minItems\": %zu, ", key->min_items);
        if (key->max_items)
            cf_buffer_printf(buffer, "\"maxItems\": %zu, ", key->max_items);
        cf_buffer_puts(buffer, "\"items\": {");
    }
    put_type(buffer, key, depth + 1);
    cf_buffer_puts(buffer, key->or_one ? "}}]}" : key->list ? "}}" : "}");
}

static void put_required(struct cf_buffer *buffer, const char *path, int depth)
{
    const char *names[CF_SCHEMA_CHILDREN_MAX];
    size_t n = cf_schema_children(path, names), n_required = 0;

    for (size_t i = 0; i < n; i++) {
        char child[CF_KEY_SIZE];

        if (!cf_schema_find(cf_key_child(path, names[i], child))->required)
            continue;
        if (n_required++ == 0) {
            put_indent(buffer, depth);
            cf_buffer_puts(buffer, "\"required\": [");
        } else {
            cf_buffer_puts(buffer, ", ");
        }
        put_string(buffer, names[i]);
    }
    if (n_required > 0)
        cf_buffer_puts(buffer, "],");
}

/* The members of a map's schema, without its braces. */
static void put_map(struct cf_buffer *buffer, const char *path, int depth)
{
    const char *names[CF_SCHEMA_CHILDREN_MAX];
    size_t n = cf_schema_children(path, names), n_built = 0;

    cf_buffer_puts(buffer, "\"type\": \"object\", \"additionalProperties\": false,");
    put_required(buffer, path, depth);
    put_indent(buffer, depth);
    cf_buffer_puts(buffer, "\"properties\": {");
    for (size_t i = 0; i < n; i++) {
        char child[CF_KEY_SIZE];
        const struct cf_schema_key *key = cf_schema_find(cf_key_child(path, names[i], child));

        if (!key->since)
            continue;
        cf_buffer_puts(buffer, n_built++ ? "," : "");
        put_indent(buffer, depth + 1);
        put_string(buffer, names[i]);
        cf_buffer_puts(buffer, ": ");
        put_key(buffer, key, depth + 1);
    }
    put_indent(buffer, depth);
    cf_buffer_puts(buffer, "}");
}

int cf_json_schema_write(struct cf_buffer *buffer)
{
    cf_buffer_puts(buffer, "{\n"
                           "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                           "  \"title\": \"childflow policy, version 1\",\n  ");
    put_map(buffer, "", 1);
    cf_buffer_puts(buffer, "\n}\n");
    return buffer->failed ? -ENOMEM : 0;
}
