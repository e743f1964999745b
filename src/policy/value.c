/*
 * value.c - values whose type alone says how they are read, kept and written
 *
 * How this works: one entry of `types` for each type has the size of a value,
 * how it is read from a node into its place, and how it is written. Lists are
 * arrays of such values and know nothing of the type. A default of the table
 * is made a node and read like any other, so that it obeys the row too.
 */
#include "policy/value.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "policy/pattern.h"
#include "policy/server.h"
#include "policy/suggest.h"
#include "policy/unit.h"
#include "profile/record_type.h"

#define DNS_PORT 53

struct type {
    size_t size; /* of a value; 0: values of this type are not kept here */
    bool text;   /* it is a char * */
    bool number; /* it is an int64_t */
    /* Into place, which holds nothing yet. False when the error was reported. */
    bool (*read)(struct cf_reader *reader, const struct cf_schema_key *row,
                 const struct cf_yaml_node *node, const char *key, void *place);
    void (*write)(struct cf_writer *writer, const struct cf_schema_key *row, const char *name,
                  const void *place, const struct cf_origin *origin);
};

static bool read_bool(struct cf_reader *reader, const struct cf_schema_key *row,
                      const struct cf_yaml_node *node, const char *key, void *place)
{
    (void)row;
    return cf_read_bool(reader, node, key, place);
}

static void write_bool(struct cf_writer *writer, const struct cf_schema_key *row, const char *name,
                       const void *place, const struct cf_origin *origin)
{
    (void)row;
    cf_writer_bool(writer, name, *(const bool *)place, origin);
}

static bool read_integer(struct cf_reader *reader, const struct cf_schema_key *row,
                         const struct cf_yaml_node *node, const char *key, void *place)
{
    return cf_read_integer(reader, row, node, key, place);
}

static void write_integer(struct cf_writer *writer, const struct cf_schema_key *row,
                          const char *name, const void *place, const struct cf_origin *origin)
{
    (void)row;
    cf_writer_number(writer, name, *(const int64_t *)place, origin);
}

static bool read_choice(struct cf_reader *reader, const struct cf_schema_key *row,
                        const struct cf_yaml_node *node, const char *key, void *place)
{
    return cf_read_choice(reader, row, node, key, place);
}

static void write_choice(struct cf_writer *writer, const struct cf_schema_key *row,
                         const char *name, const void *place, const struct cf_origin *origin)
{
    cf_writer_text(writer, name, row->values[*(const unsigned *)place], origin);
}

static bool read_unit(struct cf_reader *reader, const struct cf_schema_key *row,
                      const struct cf_yaml_node *node, const char *key, void *place)
{
    return cf_read_unit(reader, row, node, key, place);
}

static void write_unit(struct cf_writer *writer, const struct cf_schema_key *row, const char *name,
                       const void *place, const struct cf_origin *origin)
{
    char text[CF_UNIT_SIZE];

    cf_writer_word(writer, name, cf_schema_format(row, *(const int64_t *)place, text), origin);
}

static bool keep_text(struct cf_reader *reader, const char *text, char **place)
{
    *place = strdup(text);
    if (!*place)
        cf_read_out_of_memory(reader);
    return *place != NULL;
}

static bool read_string(struct cf_reader *reader, const struct cf_schema_key *row,
                        const struct cf_yaml_node *node, const char *key, void *place)
{
    const char *text;

    return cf_read_text(reader, row, node, key, &text) && keep_text(reader, text, place);
}

static bool read_label(struct cf_reader *reader, const struct cf_schema_key *row,
                       const struct cf_yaml_node *node, const char *key, void *place)
{
    const char *text;

    return cf_read_label(reader, row, node, key, &text) && keep_text(reader, text, place);
}

static bool read_path(struct cf_reader *reader, const struct cf_schema_key *row,
                      const struct cf_yaml_node *node, const char *key, void *place)
{
    const char *text;

    if (!cf_read_text(reader, row, node, key, &text))
        return false;
    if (text[0] != '\0')
        return keep_text(reader, text, place);
    cf_read_unexpected(reader, node, key, cf_schema_describe_item(row));
    return false;
}

static bool read_pattern(struct cf_reader *reader, const struct cf_schema_key *row,
                         const struct cf_yaml_node *node, const char *key, void *place)
{
    struct cf_error err = { 0 };
    size_t offset = 0;
    const char *text;

    if (!cf_read_text(reader, row, node, key, &text))
        return false;
    if (cf_pattern_check(text, &offset, &err) == 0)
        return keep_text(reader, text, place);
    cf_read_error(reader, cf_yaml_text_mark(node, offset), key, "%s", err.text);
    return false;
}

static bool read_host_name(struct cf_reader *reader, const struct cf_schema_key *row,
                           const struct cf_yaml_node *node, const char *key, void *place)
{
    struct cf_error err = { 0 };
    char name[CF_NAME_SIZE];
    const char *text;

    if (!cf_read_text(reader, row, node, key, &text))
        return false;
    if (cf_name_normalize(text, name, &err) == 0)
        return keep_text(reader, name, place);
    cf_read_error(reader, node->mark, key, "%s", err.text);
    return false;
}

/* What the kernel takes for a name (dev_valid_name() of net/core/dev.c). */
static bool is_interface(const char *text)
{
    size_t length = strlen(text);

    return length > 0 && length < IF_NAMESIZE && !strpbrk(text, "/: \t\n\v\f\r") &&
           strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static bool read_interface(struct cf_reader *reader, const struct cf_schema_key *row,
                           const struct cf_yaml_node *node, const char *key, void *place)
{
    const char *text;

    if (!cf_read_text(reader, row, node, key, &text))
        return false;
    if (is_interface(text))
        return keep_text(reader, text, place);
    cf_read_unexpected(reader, node, key,
                       "the name of an interface (1 to 15 bytes, none of them '/', ':' or a blank)");
    return false;
}

static void write_text(struct cf_writer *writer, const struct cf_schema_key *row, const char *name,
                       const void *place, const struct cf_origin *origin)
{
    const char *text = *(char *const *)place;

    (void)row;
    cf_writer_text(writer, name, text ? text : "", origin);
}

/* The name of a record type that this is in small letters, else a near one; or NULL. */
static const char *near_record(const char *text, char upper[CF_RECORD_TYPE_SIZE])
{
    size_t n, length = strlen(text);
    const char *const *names = cf_record_type_names(&n);
    uint16_t type;

    for (size_t i = 0; length < CF_RECORD_TYPE_SIZE && i <= length; i++)
        upper[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
    if (length < CF_RECORD_TYPE_SIZE && cf_record_type_parse(upper, &type) == 0)
        return upper;
    return cf_suggest(text, names, n);
}

static bool read_record(struct cf_reader *reader, const struct cf_schema_key *row,
                        const struct cf_yaml_node *node, const char *key, void *place)
{
    char got[CF_QUOTED_SIZE], upper[CF_RECORD_TYPE_SIZE];
    const char *text;

    if (!cf_read_text(reader, row, node, key, &text))
        return false;
    if (cf_record_type_parse(text, place) == 0)
        return true;
    cf_read_report(reader,
                   &(struct cf_finding) { .code = CF_CODE_BAD_VALUE,
                                          .at = node->mark,
                                          .key = key,
                                          .suggestion = near_record(text, upper) },
                   "expected %s, got %s", cf_schema_describe_item(row), cf_quote_text(text, got));
    return false;
}

static void write_record(struct cf_writer *writer, const struct cf_schema_key *row,
                         const char *name, const void *place, const struct cf_origin *origin)
{
    char text[CF_RECORD_TYPE_SIZE];

    (void)row;
    cf_writer_text(writer, name, cf_record_type_format(*(const uint16_t *)place, text), origin);
}

static bool read_server(struct cf_reader *reader, const struct cf_schema_key *row,
                        const struct cf_yaml_node *node, const char *key, void *place)
{
    const char *text;

    if (!cf_read_text(reader, row, node, key, &text))
        return false;
    if (cf_server_parse(text, DNS_PORT, place) == 0)
        return true;
    cf_read_unexpected(reader, node, key,
                       "a server's address such as 192.0.2.53, 192.0.2.53:5353 or "
                       "[2001:db8::53]:5353");
    return false;
}

static void write_server(struct cf_writer *writer, const struct cf_schema_key *row,
                         const char *name, const void *place, const struct cf_origin *origin)
{
    char text[CF_ADDR_PORT_TEXT_SIZE];

    (void)row;
    cf_writer_text(writer, name, cf_addr_port_format(place, text), origin);
}

#define NUMBER(read, write)                                                                        \
    {                                                                                              \
        sizeof(int64_t), false, true, read, write                                                  \
    }
#define TEXT(read)                                                                                 \
    {                                                                                              \
        sizeof(char *), true, false, read, write_text                                              \
    }

static const struct type types[] = {
    [CF_TYPE_BOOL] = { sizeof(bool), false, false, read_bool, write_bool },
    [CF_TYPE_CHOICE] = { sizeof(unsigned), false, false, read_choice, write_choice },
    [CF_TYPE_INTEGER] = NUMBER(read_integer, write_integer),
    [CF_TYPE_DURATION] = NUMBER(read_unit, write_unit),
    [CF_TYPE_SIZE] = NUMBER(read_unit, write_unit),
    [CF_TYPE_DATE] = NUMBER(read_unit, write_unit),
    [CF_TYPE_MODE_BITS] = NUMBER(read_unit, write_unit),
    [CF_TYPE_STRING] = TEXT(read_string),
    [CF_TYPE_LABEL] = TEXT(read_label),
    [CF_TYPE_PATH] = TEXT(read_path),
    [CF_TYPE_PATTERN] = TEXT(read_pattern),
    [CF_TYPE_HOST_NAME] = TEXT(read_host_name),
    [CF_TYPE_INTERFACE] = TEXT(read_interface),
    [CF_TYPE_RECORD] = { sizeof(uint16_t), false, false, read_record, write_record },
    [CF_TYPE_SERVER] = { sizeof(struct cf_addr_port), false, false, read_server, write_server },
    [CF_TYPE_COUNT] = { 0 },
};

static void *place_of(const struct cf_profile *profile, size_t offset)
{
    return (char *)profile + offset;
}

bool cf_value_is_plain(const struct cf_schema_key *row)
{
    return row->field > 0 && types[row->type].size > 0;
}

/* Read into a value that may hold something; what is wrong leaves it as it was. */
static void read_one(struct cf_reader *reader, const struct cf_schema_key *row,
                     const struct cf_yaml_node *node, const char *key)
{
    const struct type *type = &types[row->type];
    void *place = place_of(reader->profile, row->field);
    char *text = NULL;

    if (!type->text) {
        type->read(reader, row, node, key, place);
        return;
    }
    if (!type->read(reader, row, node, key, &text))
        return;
    if (text[0] == '\0') {
        free(text);
        text = NULL;
    }
    free(*(char **)place);
    *(char **)place = text;
}

static void *array_of(const struct cf_schema_key *row, const struct cf_profile *profile)
{
    void *items;

    memcpy(&items, place_of(profile, row->field), sizeof items);
    return items;
}

static void list_clear(const struct cf_schema_key *row, struct cf_profile *profile)
{
    void *items = array_of(row, profile), *nothing = NULL;
    size_t *n = place_of(profile, row->count);

    for (size_t i = 0; types[row->type].text && i < *n; i++)
        free(((char **)items)[i]);
    free(items);
    memcpy(place_of(profile, row->field), &nothing, sizeof nothing);
    *n = 0;
}

/* From the command line, whose lists are options given again, an item is called like its list. */
static char *item_key(const struct cf_yaml_node *list, const char *key, size_t index,
                      char text[CF_KEY_SIZE])
{
    if (list->mark.line == 0)
        return cf_key_child("", key, text);
    return cf_key_item(key, cf_yaml_item_place(list, index), text);
}

static void read_list(struct cf_reader *reader, const struct cf_schema_key *row,
                      const struct cf_yaml_node *node, const char *key)
{
    size_t size = types[row->type].size, *n = place_of(reader->profile, row->count);
    char *items;

    if (!cf_read_list(reader, row, node, key))
        return;
    list_clear(row, reader->profile);
    if (node->n_items == 0)
        return;
    items = calloc(node->n_items + 1, size); /* a NULL behind the last text */
    if (!items) {
        cf_read_out_of_memory(reader);
        return;
    }
    memcpy(place_of(reader->profile, row->field), &items, sizeof items);
    for (size_t i = 0; i < node->n_items && !cf_diagnostics_full(reader->diagnostics); i++) {
        const struct cf_yaml_node *item = node->items[i];
        char shown[CF_KEY_SIZE];

        if (!types[row->type].read(reader, row, item, item_key(node, key, i, shown),
                                   items + *n * size))
            continue;
        ++*n;
        /* A default is of no file. */
        if (reader->file && cf_profile_origin_item_add(reader->profile, row->path,
                                                       cf_read_origin(reader, item->mark)) < 0)
            cf_read_out_of_memory(reader);
    }
}

/* The node itself, or a list of it alone where the row lets one item stand for that. */
static const struct cf_yaml_node *as_list(const struct cf_schema_key *row,
                                          const struct cf_yaml_node *node,
                                          struct cf_yaml_node *list, struct cf_yaml_node *item[1])
{
    if (!row->or_one || node->kind != CF_YAML_SCALAR || cf_yaml_is_null(node))
        return node;
    item[0] = (struct cf_yaml_node *)node;
    /* Without a place, so that messages call the item by its key. */
    *list = (struct cf_yaml_node) { .kind = CF_YAML_LIST, .items = item, .n_items = 1 };
    return list;
}

void cf_value_read(struct cf_reader *reader, const struct cf_schema_key *row,
                   const struct cf_yaml_node *node, const char *key)
{
    struct cf_yaml_node list, *item[1];

    if (row->list)
        read_list(reader, row, as_list(row, node, &list, item), key);
    else
        read_one(reader, row, node, key);
}

/* The next word of "[ANY, AXFR]", with its end set to NUL; NULL behind the last. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, "[, ");
    size_t length = strcspn(word, ",]");

    if (length == 0)
        return NULL;
    *at = word + length + (word[length] != '\0');
    word[length] = '\0';
    return word;
}

#define DEFAULT_ITEMS_MAX 16

/* Lists of the table's defaults hold plain words. */
static void default_list(struct cf_reader *reader, const struct cf_schema_key *row, char *text)
{
    struct cf_yaml_node items[DEFAULT_ITEMS_MAX] = { 0 }, *pointers[DEFAULT_ITEMS_MAX];
    struct cf_yaml_node list = { .kind = CF_YAML_LIST, .items = pointers };
    char *at = text;

    for (; list.n_items < DEFAULT_ITEMS_MAX; list.n_items++) {
        struct cf_yaml_node *item = &items[list.n_items];

        item->text = next_word(&at);
        if (!item->text)
            break;
        item->plain = true;
        pointers[list.n_items] = item;
    }
    cf_value_read(reader, row, &list, row->path);
}

int cf_value_default(const struct cf_schema_key *row, struct cf_profile *profile)
{
    bool empty = row->fallback && strcmp(row->fallback, "\"\"") == 0;
    struct cf_yaml_node node = { .kind = CF_YAML_SCALAR, .plain = !empty };
    struct cf_diagnostics diagnostics;
    struct cf_reader reader;
    struct cf_source source;
    int r;

    if (!row->fallback) {
        if (types[row->type].number && !row->list)
            *(int64_t *)place_of(profile, row->field) = CF_PROFILE_UNSET;
        return 0;
    }
    cf_diagnostics_init(&diagnostics);
    cf_reader_init(&reader, &diagnostics, profile);
    cf_source_init(&source, "built-in", NULL, 0);
    reader.source = &source;
    node.text = strdup(empty ? "" : row->fallback);
    if (!node.text)
        cf_read_out_of_memory(&reader);
    else if (!row->list)
        cf_value_read(&reader, row, &node, row->path);
    else if (strcmp(node.text, "[]") != 0)
        default_list(&reader, row, node.text);
    r = reader.out_of_memory ? -ENOMEM : diagnostics.n_errors > 0 ? -EINVAL : 0;
    free(node.text);
    cf_reader_done(&reader);
    cf_diagnostics_done(&diagnostics);
    return r;
}

bool cf_value_is_shown(const struct cf_schema_key *row, const struct cf_profile *profile)
{
    const void *place = place_of(profile, row->field);

    if (row->fallback)
        return true;
    if (row->list)
        return *(const size_t *)place_of(profile, row->count) > 0;
    if (types[row->type].text)
        return *(char *const *)place != NULL;
    return !types[row->type].number || *(const int64_t *)place != CF_PROFILE_UNSET;
}

static void write_list(struct cf_writer *writer, const struct cf_schema_key *row, const char *name,
                       const struct cf_origin *origin)
{
    const struct type *type = &types[row->type];
    const char *items = array_of(row, writer->profile);
    size_t n = *(const size_t *)place_of(writer->profile, row->count);

    if (row->or_one && n == 1) {
        type->write(writer, row, name, items, origin);
        return;
    }
    cf_writer_list(writer, name, n, !writer->origins, origin);
    for (size_t i = 0; i < n; i++) {
        const struct cf_origin *item = cf_profile_origin_item_find(writer->profile, row->path, i);

        if (!item)
            item = &cf_writer_default;
        type->write(writer, row, NULL, items + i * type->size, writer->origins ? item : NULL);
    }
    cf_writer_end(writer);
}

void cf_value_write(struct cf_writer *writer, const struct cf_schema_key *row, const char *name)
{
    const struct cf_origin *origin = cf_writer_origin(writer, row);

    if (row->list)
        write_list(writer, row, name, origin);
    else
        types[row->type].write(writer, row, name, place_of(writer->profile, row->field), origin);
}
