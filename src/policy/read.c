/*
 * read.c - tree and table to profile
 *
 * How this works: every key of a map is looked up in the table of schema.c. A
 * key that is unknown or not built is an error; a map is walked in turn; any
 * other value goes to the reader of its row, or by its type to value.c. Readers
 * report what is wrong and return, so the walk always ends at the last key.
 */
#include "policy/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/suggest.h"
#include "policy/value.h"
#include "profile/name.h"

/* Read last: names of `hosts` come first, wherever the file has them. */
void cf_read_hosts_file_key(struct cf_reader *reader, const struct cf_schema_key *row,
                            const struct cf_yaml_node *node, const char *key)
{
    const char *text;

    if (!cf_read_text(reader, row, node, key, &text))
        return;
    if (text[0] == '\0')
        cf_read_unexpected(reader, node, key, cf_schema_describe(row));
    else
        reader->hosts_file = node;
}

void cf_read_command(struct cf_reader *reader, const struct cf_schema_key *row,
                     const struct cf_yaml_node *node, const char *key)
{
    const struct cf_yaml_node *program =
        node->kind == CF_YAML_LIST && node->n_items > 0 ? node->items[0] : NULL;
    char item_key[CF_KEY_SIZE];

    cf_value_read(reader, row, node, key);
    if (program && program->kind == CF_YAML_SCALAR && !cf_yaml_is_null(program) &&
        program->text[0] == '\0')
        cf_read_unexpected(reader, program, cf_key_item(key, 0, item_key), "a program");
}

bool cf_read_affords_name(struct cf_reader *reader, const char *text, struct cf_mark at,
                          const char *key)
{
    struct cf_read_work *work = reader->work;
    size_t parts = cf_name_work(text);

    if (parts <= CF_READ_NAMES_MAX - work->names) {
        work->names += parts;
        return true;
    }
    if (!work->too_much)
        cf_read_report(reader, CF_FINDING(CF_CODE_LIMIT, at, key),
                       "expected at most %zu bytes of international names, got more; names in "
                       "their xn-- form, and those of a names_file, do not count",
                       CF_READ_NAMES_MAX);
    work->too_much = true;
    return false;
}

bool cf_read_affords_endpoint(struct cf_reader *reader, const struct cf_yaml_node *node,
                              const char *key)
{
    struct cf_read_work *work = reader->work;

    if (work->endpoints < CF_READ_ENDPOINTS_MAX) {
        work->endpoints++;
        return cf_read_affords_name(reader, node->text, node->mark, key);
    }
    if (!work->too_much)
        cf_read_report(reader, CF_FINDING(CF_CODE_LIMIT, node->mark, key),
                       "expected at most %zu endpoints in all lists together, got more; a "
                       "names_file has room for names",
                       CF_READ_ENDPOINTS_MAX);
    work->too_much = true;
    return false;
}

/* A value that can be one only needs no place in the profile. */
static void read_constant(struct cf_reader *reader, const struct cf_schema_key *row,
                          const struct cf_yaml_node *node, const char *key)
{
    int64_t value;

    cf_read_integer(reader, row, node, key, &value);
}

static cf_read_fn *reader_of(const struct cf_schema_key *row)
{
    if (row->read)
        return row->read;
    if (cf_value_is_plain(row))
        return cf_value_read;
    return cf_schema_is_constant(row) ? read_constant : NULL;
}

/* Maps nest as deep as the table does, so this ends. */
static void read_map(struct cf_reader *reader, const struct cf_schema_key *row,
                     const struct cf_yaml_node *map, const char *key)
{
    const char *path = row ? row->path : "";

    if (map->kind != CF_YAML_MAP) {
        cf_read_unexpected(reader, map, row ? key : NULL,
                           row ? "a map of keys"
                               : "a map of keys "
                                 "that begins with 'version: 1'");
        return;
    }
    for (size_t i = 0; i < map->n_items; i += 2) {
        char shown[CF_KEY_SIZE];
        const struct cf_schema_key *child = cf_read_key(reader, map->items[i], path, key, shown);

        if (child)
            cf_read_value(reader, child, map->items[i + 1], shown);
    }
    cf_read_required(reader, map, path, key);
}

void cf_read_value(struct cf_reader *reader, const struct cf_schema_key *row,
                   const struct cf_yaml_node *node, const char *key)
{
    cf_read_fn *read = reader_of(row);

    if (row->type == CF_TYPE_MAP) {
        read_map(reader, row, node, key);
        if (row->read)
            row->read(reader, row, node, key);
        return;
    }
    if (!read) {
        /* A row that says it is built and is not: refuse rather than ignore. */
        cf_read_report(reader, CF_FINDING(CF_CODE_NOT_BUILT, node->mark, key),
                       "not built in this version of childflow, so the policy "
                       "cannot be enforced");
        return;
    }
    if (cf_profile_origin_set(reader->profile, row->path, cf_read_origin(reader, node->mark)) < 0)
        cf_read_out_of_memory(reader);
    read(reader, row, node, key);
}

void cf_read_document(struct cf_reader *reader, const struct cf_yaml_node *root)
{
    if (root && !cf_yaml_is_null(root))
        read_map(reader, NULL, root, "");
    else
        cf_read_required(reader, NULL, "", "");
}

/* The full path of a key of this name elsewhere in the table, or NULL. */
static const char *find_elsewhere(const char *name)
{
    size_t n;
    const struct cf_schema_key *rows = cf_schema_keys(&n);

    for (size_t i = 0; i < n; i++) {
        const char *last = strrchr(rows[i].path, '.');

        if (last && !strchr(rows[i].path, '[') && strcmp(last + 1, name) == 0)
            return rows[i].path;
    }
    return NULL;
}

/* "version, name, description": the built keys of a map. */
static void list_keys(const char *path, const char *const *names, size_t n, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < n && used < size; i++) {
        char child[CF_KEY_SIZE];
        const struct cf_schema_key *row = cf_schema_find(cf_key_child(path, names[i], child));

        if (row && row->since)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", names[i]);
    }
}

static void report_unknown(struct cf_reader *reader, const struct cf_yaml_node *name,
                           const char *path, const char *shown)
{
    const char *names[CF_SCHEMA_CHILDREN_MAX], *near;
    char got[CF_QUOTED_SIZE], known[256];
    size_t n;

    if (strcmp(path, "proxy") == 0 && strcasecmp(name->text, "password") == 0) {
        cf_read_report(reader, CF_FINDING(CF_CODE_UNKNOWN_KEY, name->mark, shown),
                       "expected password_env or password_file, which name the password's place: "
                       "in a policy everyone can read it");
        return;
    }
    n = cf_schema_children(path, names);
    near = cf_suggest(name->text, names, n);
    if (!near)
        near = find_elsewhere(name->text);
    cf_quote_text(name->text, got);
    if (near) {
        cf_read_report(
            reader,
            &(struct cf_finding) {
                .code = CF_CODE_UNKNOWN_KEY, .at = name->mark, .key = shown, .suggestion = near },
            "expected a known key, got %s", got);
        return;
    }
    list_keys(path, names, n, known, sizeof known);
    cf_read_report(reader, CF_FINDING(CF_CODE_UNKNOWN_KEY, name->mark, shown),
                   "expected a known key (%s), got %s", known, got);
}

const struct cf_schema_key *cf_read_key(struct cf_reader *reader, const struct cf_yaml_node *name,
                                        const char *path, const char *key, char shown[CF_KEY_SIZE])
{
    char full[CF_KEY_SIZE];
    const struct cf_schema_key *row = NULL;

    if (cf_diagnostics_full(reader->diagnostics))
        return NULL;
    cf_key_child(key, name->text, shown);
    /* A name with a dot would reach into the map below. */
    if (!strpbrk(name->text, ".["))
        row = cf_schema_find(cf_key_child(path, name->text, full));
    if (!row) {
        report_unknown(reader, name, path, shown);
        return NULL;
    }
    if (!row->since) {
        cf_read_report(reader, CF_FINDING(CF_CODE_NOT_BUILT, name->mark, shown),
                       "not built in this version of childflow, so the policy "
                       "cannot be enforced");
        return NULL;
    }
    return row;
}

static bool map_has(const struct cf_yaml_node *map, const char *name)
{
    for (size_t i = 0; map && i < map->n_items; i += 2)
        if (strcmp(map->items[i]->text, name) == 0)
            return true;
    return false;
}

void cf_read_required(struct cf_reader *reader, const struct cf_yaml_node *map, const char *path,
                      const char *key)
{
    const struct cf_mark first = { .line = 1, .column = 1 };
    struct cf_mark at = map ? map->mark : first;
    const struct cf_schema_key *row = NULL;
    const char *name;

    while ((row = cf_schema_next_required(row, path, &name))) {
        char shown[CF_KEY_SIZE];

        if (map_has(map, name))
            continue;
        cf_key_child(key, name, shown);
        cf_read_report(reader, CF_FINDING(CF_CODE_MISSING_KEY, at, shown),
                       "expected this key (%s), got none", row->help);
    }
}

void cf_read_default_name(struct cf_reader *reader)
{
    const struct cf_schema_key *row = cf_schema_find("name");
    const char *slash = strrchr(reader->file, '/');
    const char *base = slash ? slash + 1 : reader->file;
    const char *dot = strrchr(base, '.');
    size_t length = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    char *name, quoted[CF_QUOTED_SIZE], what[CF_SCHEMA_RANGE_SIZE];

    if (reader->profile->name)
        return;
    name = strndup(base, length);
    if (!name) {
        cf_read_out_of_memory(reader);
        return;
    }
    if (cf_schema_is_label(row, name)) {
        reader->profile->name = name;
        return;
    }
    cf_schema_describe_range(row, what);
    cf_read_error(reader, (struct cf_mark) { 0 }, "name",
                  "expected this key, as the file's name is not %s, got %s", what,
                  cf_quote_text(name, quoted));
    free(name);
}
