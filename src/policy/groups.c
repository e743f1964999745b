/*
 * groups.c - lists of endpoints by name: the map `egress.groups`
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "policy/read.h"
#include "policy/suggest.h"

static void use_done(struct cf_group_use *use)
{
    free(use->key);
    free(use->name);
}

void cf_read_group_use(struct cf_reader *reader, const char *name, struct cf_mark at,
                       const char *key)
{
    size_t n = reader->n_group_uses;
    struct cf_group_use use = { .source = reader->source, .at = at };
    struct cf_group_use *uses = reader->group_uses;

    if ((n & (n - 1)) == 0) {
        uses = realloc(uses, (n ? 2 * n : 1) * sizeof *uses);
        if (!uses) {
            cf_read_out_of_memory(reader);
            return;
        }
        reader->group_uses = uses;
    }
    use.key = strdup(key);
    use.name = strdup(name);
    if (!use.key || !use.name) {
        cf_read_out_of_memory(reader);
        use_done(&use);
        return;
    }
    uses[reader->n_group_uses++] = use;
}

/* The group that was probably meant; NULL also when too many were looked at. */
static const char *find_near(struct cf_reader *reader, const char *name)
{
    const struct cf_profile *profile = reader->profile;
    size_t n = profile->egress.n_groups;
    cf_auto_free const char **names = NULL;

    if (n > CF_READ_COMPARED_MAX - reader->work->compared)
        return NULL;
    reader->work->compared += n;
    names = calloc(n + 1, sizeof *names);
    if (!names) {
        cf_read_out_of_memory(reader);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        names[i] = profile->egress.groups[i]->name;
    return cf_suggest(name, names, n);
}

static void report_use(struct cf_reader *reader, const struct cf_group_use *use)
{
    const char *near = find_near(reader, use->name);

    cf_read_report(reader,
                   &(struct cf_finding) {
                       .code = CF_CODE_UNKNOWN_GROUP,
                       .at = use->at,
                       .key = use->key,
                       .suggestion = near,
                   },
                   "expected a group of egress.groups, got '%s'", use->name);
}

void cf_read_group_uses(struct cf_reader *reader)
{
    struct cf_source *source = reader->source;

    for (size_t i = 0; i < reader->n_group_uses && !cf_diagnostics_full(reader->diagnostics); i++) {
        struct cf_group_use *use = &reader->group_uses[i];

        reader->source = use->source;
        if (!cf_profile_group_find(reader->profile, use->name))
            report_use(reader, use);
    }
    reader->source = source;
    cf_group_uses_free(reader);
}

void cf_group_uses_free(struct cf_reader *reader)
{
    for (size_t i = 0; i < reader->n_group_uses; i++)
        use_done(&reader->group_uses[i]);
    free(reader->group_uses);
    reader->group_uses = NULL;
    reader->n_group_uses = 0;
}

/* The same endpoint twice in a group is nothing but a mistake. */
static char *member_identity(const struct cf_group *group, const struct cf_endpoint *endpoint)
{
    cf_auto_free char *canonical = cf_endpoint_format(endpoint);
    char *text;

    if (!canonical)
        return NULL;
    text = malloc(strlen(CF_LIST_PREFIX) + strlen(group->name) + strlen(canonical) + 2);
    if (text)
        stpcpy(stpcpy(stpcpy(stpcpy(text, CF_LIST_PREFIX), group->name), " "), canonical);
    return text;
}

static void read_member(struct cf_reader *reader, struct cf_group *group,
                        const struct cf_yaml_node *node, const char *key)
{
    struct cf_endpoint endpoint = { 0 };

    if (!cf_read_endpoint_alone(reader, node, key, "a group is not part of another", &endpoint))
        return;
    cf_read_once(reader, "endpoint", member_identity(group, &endpoint), node->mark, key);
    if (cf_profile_group_member_add(group, node->text, &endpoint,
                                    cf_read_origin(reader, node->mark)) < 0)
        cf_read_out_of_memory(reader);
    cf_endpoint_done(&endpoint);
}

static void read_members(struct cf_reader *reader, struct cf_group *group,
                         const struct cf_yaml_node *list, const char *key)
{
    static const struct cf_schema_key row = { .type = CF_TYPE_ENDPOINT,
                                              .list = true,
                                              .max_items = CF_GROUP_MEMBERS_MAX };

    if (!cf_read_list(reader, &row, list, key))
        return;
    for (size_t i = 0; i < list->n_items && !cf_diagnostics_full(reader->diagnostics); i++) {
        char item_key[CF_KEY_SIZE];

        read_member(reader, group, list->items[i], cf_key_item(key, i, item_key));
    }
}

/* {names_file: PATH} */
static void read_file_map(struct cf_reader *reader, struct cf_group *group,
                          const struct cf_schema_key *row, const struct cf_yaml_node *map,
                          const char *key)
{
    char path[CF_KEY_SIZE];

    snprintf(path, sizeof path, "%s[]", row->path);
    for (size_t i = 0; i < map->n_items; i += 2) {
        const struct cf_yaml_node *value = map->items[i + 1];
        char shown[CF_KEY_SIZE];
        const struct cf_schema_key *child = cf_read_key(reader, map->items[i], path, key, shown);
        const char *text;

        if (!child || group->names_file || !cf_read_text(reader, child, value, shown, &text))
            continue;
        if (!text[0])
            cf_read_unexpected(reader, value, shown, cf_schema_describe(child));
        else if (!reader->alone)
            cf_read_names_file(reader, group, value, shown);
    }
    cf_read_required(reader, map, path, key);
}

/* The group itself, even when what it holds is wrong; NULL when its name is. */
static struct cf_group *add_group(struct cf_reader *reader, const struct cf_yaml_node *name,
                                  const char *key)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name->text);
    enum cf_addr_group addresses;
    struct cf_group *group = NULL;

    if (length == 0 || length > CF_LIST_NAME_MAX || strspn(name->text, allowed) != length)
        cf_read_unexpected(reader, name, key,
                           "a group's name of 1 to 64 letters, digits, '.', '_' and '-'");
    else if (cf_addr_group_parse(name->text, &addresses) == 0)
        cf_read_unexpected(reader, name, key, "a name that no group of addresses has");
    else if (cf_profile_group_add(reader->profile, name->text, cf_read_origin(reader, name->mark),
                                  &group) < 0)
        cf_read_out_of_memory(reader);
    return group;
}

void cf_read_egress_groups(struct cf_reader *reader, const struct cf_schema_key *row,
                           const struct cf_yaml_node *node, const char *key)
{
    if (!cf_read_free_map(reader, row, node, key, "groups"))
        return;
    for (size_t i = 0; i < node->n_items && !cf_diagnostics_full(reader->diagnostics); i += 2) {
        const struct cf_yaml_node *name = node->items[i], *value = node->items[i + 1];
        struct cf_group *group;
        char group_key[CF_KEY_SIZE];

        /* The same key again has been reported with the YAML. */
        if (cf_profile_group_find(reader->profile, name->text))
            continue;
        group = add_group(reader, name, cf_key_child(key, name->text, group_key));
        if (!group)
            continue;
        if (value->kind == CF_YAML_LIST)
            read_members(reader, group, value, group_key);
        else if (value->kind == CF_YAML_MAP)
            read_file_map(reader, group, row, value, group_key);
        else
            cf_read_unexpected(reader, value, group_key,
                               "a list of endpoints, or a map with 'names_file'");
    }
}
