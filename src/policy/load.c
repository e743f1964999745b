/*
 * load.c - a policy's file and all that it extends, as one tree
 *
 * How this works
 *
 * Files are read depth first, parents from left to right, each once: device
 * and inode say which file a path leads to. A file is open while its parents
 * are read; to meet an open one again is a cycle. Its height, the longest chain
 * of parents above it, is known when it is closed, so that a file that is met
 * again further down is refused when the chain through it gets too long. What
 * is counted (files, bytes, nodes, aliases) is counted over all of them.
 *
 * A file's merged tree is that of its parents from left to right, each on top
 * of those before it, without the keys under `override`, and its own on top of
 * that. It is made once for each file; merge.c shares the nodes and limits the
 * work.
 */
#include "policy/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/fd.h"

/* Bytes of a cycle's chain in a message, but for its ends. */
#define CHAIN_MAX 160

static void read_parents(struct cf_load *load, struct cf_reader *reader, struct cf_load_file *file,
                         unsigned depth);

static void file_free(struct cf_load_file *file)
{
    cf_yaml_document_done(&file->document);
    free(file->parents);
    free(file->path);
    free(file->text);
    free(file);
}

struct cf_source *cf_load_source_find(const struct cf_load *load, const char *name)
{
    for (size_t i = 0; i < load->n_files; i++) {
        if (load->files[i]->source && strcmp(load->files[i]->source->name, name) == 0)
            return load->files[i]->source;
    }
    return NULL;
}

void cf_load_done(struct cf_load *load)
{
    cf_merge_done(&load->merge);
    for (size_t i = 0; i < load->n_files; i++)
        file_free(load->files[i]);
    *load = (struct cf_load) { 0 };
}

static struct cf_load_file *file_new(struct cf_load *load, struct cf_reader *reader)
{
    struct cf_load_file *file = calloc(1, sizeof *file);

    if (file)
        load->files[load->n_files++] = file;
    else
        cf_read_out_of_memory(reader);
    return file;
}

/* The value of a key of the tree's top, or NULL; only lists are of use here. */
static const struct cf_yaml_node *find_list(const struct cf_load_file *file, const char *key)
{
    const struct cf_yaml_node *root = file->document.root;

    for (size_t i = 0; root && root->kind == CF_YAML_MAP && i < root->n_items; i += 2)
        if (strcmp(root->items[i]->text, key) == 0 && root->items[i + 1]->kind == CF_YAML_LIST)
            return root->items[i + 1];
    return NULL;
}

/* Whether an item of such a list is text; what is not is reported with the file's keys. */
static bool is_text(const struct cf_yaml_node *item)
{
    return item->kind == CF_YAML_SCALAR && !cf_yaml_is_null(item) && item->text[0] != '\0';
}

/* The value of a key of a map, or NULL. */
static const struct cf_yaml_node *find_value(const struct cf_yaml_node *map, const char *key)
{
    for (size_t i = 0; map && map->kind == CF_YAML_MAP && i < map->n_items; i += 2)
        if (strcmp(map->items[i]->text, key) == 0)
            return map->items[i + 1];
    return NULL;
}

/* The list `override`; NULL also when it is too long, which is reported with the file's keys. */
static const struct cf_yaml_node *find_override(const struct cf_load_file *file)
{
    const struct cf_yaml_node *list = find_list(file, "override");

    return list && list->n_items <= cf_schema_find("override")->max_items ? list : NULL;
}

/* A group that is overridden and that the file does not have is a slip of the pen, not a wish. */
static void check_groups(const struct cf_load_file *file, struct cf_reader *reader)
{
    const struct cf_yaml_node *list = find_override(file);
    const struct cf_yaml_node *egress = find_value(file->document.root, "egress");
    const struct cf_yaml_node *groups = find_value(egress, "groups");

    for (size_t i = 0; list && i < list->n_items; i++) {
        const struct cf_yaml_node *item = list->items[i];
        const char *group = is_text(item) ? cf_override_group(item->text) : NULL;
        char key[CF_KEY_SIZE], quoted[CF_QUOTED_SIZE];

        if (group && !find_value(groups, group))
            cf_read_report(
                reader,
                CF_FINDING(CF_CODE_UNKNOWN_GROUP, item->mark, cf_key_item("override", i, key)),
                "expected a group that this file has under egress.groups, got %s",
                cf_quote_text(group, quoted));
    }
}

static void read_tree(struct cf_load *load, struct cf_reader *reader, struct cf_load_file *file)
{
    int r = cf_source_check(file->source, reader->diagnostics);

    if (r == 0)
        r = cf_yaml_read(file->source, reader->diagnostics, &load->count, &file->document);
    if (r == -ENOMEM)
        cf_read_out_of_memory(reader);
    file->good = r == 0;
    /* A document that is no map is reported with the file's keys. */
    if (!file->document.root || file->document.root->kind != CF_YAML_MAP)
        load->failed = true;
    if (file->good)
        check_groups(file, reader);
}

static struct cf_load_file *find_file(const struct cf_load *load, const struct cf_file_id *id)
{
    for (size_t i = 0; i < load->n_files; i++)
        if (load->files[i]->has_id && cf_file_same(&load->files[i]->id, id))
            return load->files[i];
    return NULL;
}

/* "a.yaml -> b.yaml -> a.yaml", from the file that is met again. */
static void report_cycle(struct cf_reader *reader, const struct cf_load_file *file,
                         const struct cf_load_file *again, const struct cf_yaml_node *item,
                         const char *key)
{
    const struct cf_load_file *chain[CF_POLICY_DEPTH_MAX + 2];
    char shown[CF_QUOTE_SIZE];
    struct cf_buffer text;
    size_t n = 0;

    for (; file != again; file = file->child)
        chain[n++] = file;
    cf_buffer_init(&text, 0);
    cf_buffer_puts(&text, cf_quote(again->path, strlen(again->path), shown));
    /* The two ends fit into a message however long the paths are. */
    for (size_t i = n; i-- > 0;) {
        if (i > 0 && i < n - 1 && text.length > CHAIN_MAX) {
            cf_buffer_puts(&text, " -> ...");
            i = 0;
        }
        cf_buffer_printf(&text, " -> %s", cf_quote(chain[i]->path, strlen(chain[i]->path), shown));
    }
    if (text.failed)
        cf_read_out_of_memory(reader);
    else
        cf_read_error(reader, item->mark, key,
                      "expected files that do not extend each other in a circle, got %s -> %s",
                      text.data, cf_quote(again->path, strlen(again->path), shown));
    cf_buffer_done(&text);
}

/* A file that was read before: nothing of it is read again. True when it may be a parent. */
static bool check_known(struct cf_reader *reader, const struct cf_load_file *file,
                        const struct cf_load_file *known, const struct cf_yaml_node *item,
                        const char *key, unsigned depth)
{
    if (known->open)
        report_cycle(reader, file, known, item, key);
    else if (depth + known->height > CF_POLICY_DEPTH_MAX)
        cf_read_report(reader, CF_FINDING(CF_CODE_LIMIT, item->mark, key),
                       "expected at most %d files above each other, got more", CF_POLICY_DEPTH_MAX);
    else
        return true;
    return false;
}

/* The text of an opened file to a new entry; NULL with the error reported. */
static struct cf_load_file *read_text(struct cf_load *load, struct cf_reader *reader, int fd,
                                      const struct cf_yaml_node *item, const char *key,
                                      const char *path)
{
    char quoted[CF_QUOTED_SIZE];
    cf_auto_free char *text = NULL;
    struct cf_load_file *file;
    size_t length = 0;
    int r = cf_fd_read_all(fd, CF_POLICY_MAX - load->n_bytes, &text, &length);

    if (r == -EFBIG) {
        cf_read_report(reader, CF_FINDING(CF_CODE_LIMIT, item->mark, key),
                       "expected files of at most %zu bytes together, got more with %s",
                       CF_POLICY_MAX, cf_quote_text(path, quoted));
        return NULL;
    }
    if (r < 0) {
        cf_read_unreadable(reader, item, key, path, r);
        return NULL;
    }
    load->n_bytes += length;
    file = file_new(load, reader);
    if (!file)
        return NULL;
    file->text = text;
    file->length = length;
    text = NULL;
    cf_source_init(&file->own_source, path, file->text, length);
    file->source = &file->own_source;
    return file;
}

/* Open and read a parent that was not read before. Takes path over. */
static struct cf_load_file *read_file(struct cf_load *load, struct cf_reader *reader, int fd,
                                      const struct cf_file_id *id, const struct cf_yaml_node *item,
                                      const char *key, char *path)
{
    struct cf_load_file *file = NULL;

    if (load->n_files == CF_POLICY_FILES_MAX)
        cf_read_report(reader, CF_FINDING(CF_CODE_LIMIT, item->mark, key),
                       "expected at most %d files in a policy, got more", CF_POLICY_FILES_MAX);
    else
        file = read_text(load, reader, fd, item, key, path);
    if (!file) {
        free(path);
        return NULL;
    }
    file->path = path;
    file->id = *id;
    file->has_id = true;
    read_tree(load, reader, file);
    return file;
}

/* One item of `extends`; NULL with the error reported. depth: of the parent. */
static struct cf_load_file *read_parent(struct cf_load *load, struct cf_reader *reader,
                                        struct cf_load_file *file, const struct cf_yaml_node *item,
                                        const char *key, unsigned depth)
{
    char *path = cf_read_path(reader, item);
    struct cf_load_file *parent;
    struct cf_file_id id;
    int fd = path ? cf_file_open(path, &id) : -ENOMEM;

    if (fd < 0) {
        cf_read_unreadable(reader, item, key, path, fd);
        free(path);
        return NULL;
    }
    parent = find_file(load, &id);
    if (parent || depth > CF_POLICY_DEPTH_MAX) {
        const struct cf_load_file none = { .height = 0 };

        if (!check_known(reader, file, parent ? parent : &none, item, key, depth))
            parent = NULL;
        free(path);
    } else {
        parent = read_file(load, reader, fd, &id, item, key, path);
        if (parent) {
            parent->child = file;
            read_parents(load, reader, parent, depth);
        }
    }
    close(fd);
    return parent;
}

/* depth: how far file is from the one that was named. */
static void read_parents(struct cf_load *load, struct cf_reader *reader, struct cf_load_file *file,
                         unsigned depth)
{
    const struct cf_yaml_node *list = find_list(file, "extends");

    if (!list || list->n_items == 0 || list->n_items > cf_schema_find("extends")->max_items)
        return;
    if (depth == 0)
        load->extends = true;
    file->parents = calloc(list->n_items, sizeof(struct cf_load_file *));
    if (!file->parents) {
        cf_read_out_of_memory(reader);
        return;
    }
    file->open = true;
    for (size_t i = 0; i < list->n_items && !reader->out_of_memory; i++) {
        struct cf_load_file *parent;
        char key[CF_KEY_SIZE];

        if (!is_text(list->items[i]))
            continue;
        parent = read_parent(load, reader, file, list->items[i], cf_key_item("extends", i, key),
                             depth + 1);
        if (!parent) {
            load->failed = true;
            continue;
        }
        file->parents[file->n_parents++] = parent;
        if (file->height < parent->height + 1)
            file->height = parent->height + 1;
    }
    file->open = false;
}

void cf_load_read(struct cf_load *load, struct cf_reader *reader, const struct cf_file_id *id)
{
    struct cf_load_file *file;

    *load = (struct cf_load) { .n_bytes = reader->source->length };
    file = file_new(load, reader);
    if (!file)
        return;
    file->path = strdup(reader->source->name);
    if (!file->path) {
        cf_read_out_of_memory(reader);
        return;
    }
    if (id) {
        file->id = *id;
        file->has_id = true;
    }
    file->source = reader->source;
    read_tree(load, reader, file);
    read_parents(load, reader, file, 0);
}

/* The rows and groups that the file's `override` names; what is wrong in it has been reported. */
static int find_overrides(const struct cf_load_file *file, struct cf_overrides *overrides)
{
    const struct cf_yaml_node *list = find_override(file);

    if (!list)
        return 0;
    overrides->rows = calloc(list->n_items + 1, sizeof(const struct cf_schema_key *));
    overrides->groups = calloc(list->n_items + 1, sizeof(const char *));
    if (!overrides->rows || !overrides->groups)
        return -ENOMEM;
    for (size_t i = 0; i < list->n_items; i++) {
        const char *text = is_text(list->items[i]) ? list->items[i]->text : "";
        const struct cf_schema_key *row = cf_override_find(text);
        const char *group = cf_override_group(text);

        if (row)
            overrides->rows[overrides->n_rows++] = row;
        if (group)
            overrides->groups[overrides->n_groups++] = group;
    }
    return 0;
}

static int merge_file(struct cf_load *load, struct cf_load_file *file);

/* The trees of the parents as one; NULL when there are none. */
static int merge_parents(struct cf_load *load, struct cf_load_file *file,
                         struct cf_yaml_node **ret_tree)
{
    struct cf_yaml_node *tree = NULL;

    for (size_t i = 0; i < file->n_parents; i++) {
        struct cf_load_file *parent = file->parents[i];
        int r = merge_file(load, parent);

        if (r < 0)
            return r;
        if (!tree)
            tree = parent->merged;
        else
            r = cf_merge_trees(&load->merge, tree, parent->merged, NULL, &tree);
        if (r < 0)
            return r;
    }
    *ret_tree = tree;
    return 0;
}

/* Depth first, at most CF_POLICY_DEPTH_MAX deep. */
static int merge_file(struct cf_load *load, struct cf_load_file *file)
{
    struct cf_overrides overrides = { 0 };
    struct cf_yaml_node *parents = NULL;
    int r;

    if (file->merged)
        return 0;
    r = merge_parents(load, file, &parents);
    if (r < 0)
        return r;
    if (!parents) {
        file->merged = file->document.root;
        return 0;
    }
    r = find_overrides(file, &overrides);
    if (r == 0)
        r = cf_merge_trees(&load->merge, parents, file->document.root, &overrides, &file->merged);
    free(overrides.rows);
    free(overrides.groups);
    return r;
}

struct cf_yaml_node *cf_load_merge(struct cf_load *load, struct cf_reader *reader)
{
    int r = merge_file(load, load->files[0]);

    if (r == -ENOMEM)
        cf_read_out_of_memory(reader);
    else if (r < 0)
        cf_read_report(
            reader,
            CF_FINDING(CF_CODE_LIMIT, find_list(load->files[0], "extends")->mark, "extends"),
            "expected files that merge in at most %zu steps, got more", CF_MERGE_STEPS_MAX);
    return r < 0 ? NULL : load->files[0]->merged;
}
