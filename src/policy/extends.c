/*
 * extends.c - the keys `extends` and `override`
 *
 * Only whether they are written well; load.c reads the files and merges them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/load.h"
#include "policy/read.h"
#include "policy/suggest.h"

void cf_read_extends(struct cf_reader *reader, const struct cf_schema_key *row,
                     const struct cf_yaml_node *node, const char *key)
{
    if (!cf_read_list(reader, row, node, key))
        return;
    for (size_t i = 0; i < node->n_items; i++) {
        char item_key[CF_KEY_SIZE];
        const char *text;

        cf_key_item(key, i, item_key);
        if (cf_read_text(reader, row, node->items[i], item_key, &text) && text[0] == '\0')
            cf_read_unexpected(reader, node->items[i], item_key, cf_schema_describe_item(row));
    }
}

const struct cf_schema_key *cf_override_find(const char *text)
{
    const struct cf_schema_key *row = cf_schema_find(text);

    return row && cf_schema_is_inherited(row) ? row : NULL;
}

const char *cf_override_group(const char *text)
{
    size_t length = strlen(CF_OVERRIDE_GROUP);

    return strncmp(text, CF_OVERRIDE_GROUP, length) == 0 && text[length] ? text + length : NULL;
}

/* The key that was probably meant: by its path, or by its last word alone. NULL: none. */
static const char *find_meant(const char *text)
{
    size_t n, n_words = 0;
    const struct cf_schema_key *rows = cf_schema_keys(&n);
    cf_auto_free const char **words = calloc(n, sizeof(const char *));

    for (size_t i = 0; words && i < n; i++) {
        const char *dot = strrchr(rows[i].path, '.');

        if (!cf_schema_is_inherited(&rows[i]))
            continue;
        if (dot && strcmp(dot + 1, text) == 0)
            return rows[i].path;
        words[n_words++] = rows[i].path;
    }
    return words ? cf_suggest(text, words, n_words) : NULL;
}

static void report_override(struct cf_reader *reader, const struct cf_yaml_node *node,
                            const char *key)
{
    const struct cf_schema_key *row = strchr(node->text, '[') ? NULL : cf_schema_find(node->text);
    const char *near = row ? NULL : find_meant(node->text);
    char got[CF_QUOTED_SIZE];

    cf_quote_text(node->text, got);
    if (row && !row->since)
        cf_read_report(reader, CF_FINDING(CF_CODE_NOT_BUILT, node->mark, key),
                       "%s: not built in this version of childflow, so the policy cannot be "
                       "enforced",
                       row->path);
    else if (row)
        cf_read_error(reader, node->mark, key,
                      "expected a key that is inherited, got %s, which each file has of its own",
                      got);
    else if (near)
        cf_read_report(
            reader,
            &(struct cf_finding) {
                .code = CF_CODE_UNKNOWN_KEY, .at = node->mark, .key = key, .suggestion = near },
            "expected a known key, got %s", got);
    else
        cf_read_report(reader, CF_FINDING(CF_CODE_UNKNOWN_KEY, node->mark, key),
                       "expected a known key such as egress.allow or egress, got %s", got);
}

void cf_read_override(struct cf_reader *reader, const struct cf_schema_key *row,
                      const struct cf_yaml_node *node, const char *key)
{
    if (!cf_read_list(reader, row, node, key))
        return;
    for (size_t i = 0; i < node->n_items; i++) {
        char item_key[CF_KEY_SIZE];
        const char *text;

        cf_key_item(key, i, item_key);
        if (cf_read_text(reader, row, node->items[i], item_key, &text) &&
            !cf_override_find(text) && !cf_override_group(text))
            report_override(reader, node->items[i], item_key);
    }
}
