/*
 * egress.c - the lists under `egress`: rules and ports of the host
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "policy/read.h"
#include "policy/suggest.h"

/* A rule that was read, by its canonical text, to find the same one again. */
struct seen_rule {
    struct cf_hash_node node;
    char *text; /* "allow tcp://name:443" */
    struct cf_origin origin;
};

static struct seen_rule *seen_find(struct cf_reader *reader, const char *text, uint64_t value)
{
    struct cf_hash_node *node = cf_hash_find(&reader->rules, value);

    for (; node; node = cf_hash_next(node)) {
        struct seen_rule *seen = cf_container_of(node, struct seen_rule, node);

        if (strcmp(seen->text, text) == 0)
            return seen;
    }
    return NULL;
}

/* Warn when the rule stands there already, otherwise remember it. Takes text over. */
static void seen_check(struct cf_reader *reader, char *text, struct cf_mark at, const char *key)
{
    uint64_t value = cf_hash_bytes(text, strlen(text));
    struct seen_rule *seen = seen_find(reader, text, value);
    char quoted[CF_QUOTED_SIZE];

    if (seen) {
        cf_quote_text(strchr(text, ' ') + 1, quoted);
        if (seen->origin.line > 0)
            cf_read_warning(reader, at, key,
                            "expected each rule once, got %s again (first at "
                            "%s:%u)",
                            quoted, seen->origin.file, seen->origin.line);
        else
            cf_read_warning(reader, at, key, "expected each rule once, got %s again", quoted);
        free(text);
        return;
    }
    seen = calloc(1, sizeof *seen);
    if (!seen || cf_hash_add(&reader->rules, &seen->node, value) < 0) {
        cf_read_out_of_memory(reader);
        free(seen);
        free(text);
        return;
    }
    seen->text = text;
    seen->origin = cf_read_origin(reader, at);
}

static void seen_free(struct cf_hash_node *node, void *data)
{
    struct seen_rule *seen = cf_container_of(node, struct seen_rule, node);

    cf_hash_remove(data, node);
    free(seen->text);
    free(seen);
}

void cf_reader_done(struct cf_reader *reader)
{
    cf_hash_each(&reader->rules, seen_free, &reader->rules);
    cf_hash_done(&reader->rules);
}

/* The rule's canonical text with its action, for seen_check(); NULL when out of memory. */
static char *rule_identity(enum cf_action action, const struct cf_endpoint *endpoint)
{
    cf_auto_free char *canonical = cf_endpoint_format(endpoint);
    struct cf_buffer buffer;
    char *text;

    if (!canonical)
        return NULL;
    cf_buffer_init(&buffer, 0);
    cf_buffer_printf(&buffer, "%s %s", action == CF_ALLOW ? "allow" : "deny", canonical);
    text = cf_buffer_steal(&buffer);
    cf_buffer_done(&buffer);
    return text;
}

/* A single label that is nearly a group is a host name; say so, it protects nothing else. */
static void check_group_name(struct cf_reader *reader, const struct cf_endpoint *endpoint,
                             struct cf_mark at, const char *key)
{
    const char *groups[CF_GROUP_COUNT], *near;

    if (endpoint->kind != CF_HOST_NAME || strchr(endpoint->name, '.'))
        return;
    for (int i = 0; i < CF_GROUP_COUNT; i++)
        groups[i] = cf_addr_group_name((enum cf_addr_group)i);
    near = cf_suggest(endpoint->name, groups, CF_GROUP_COUNT);
    if (near)
        cf_read_warning(reader, at, key,
                        "expected a group or a name with a dot, got '%s', which "
                        "is taken as a host's name (did you mean '%s'?)",
                        endpoint->name, near);
}

/* Endpoint text of a rule to the profile; true when a rule was added. */
static bool rule_add(struct cf_reader *reader, enum cf_action action,
                     const struct cf_yaml_node *node, const char *key)
{
    struct cf_endpoint endpoint = { 0 };
    struct cf_error err = { 0 };
    size_t offset = 0;
    char *identity;
    int r;

    if (strncmp(node->text, "group:", 6) == 0) {
        cf_read_error(reader, node->mark, key,
                      "group: not built in this version of childflow, so "
                      "the policy cannot be enforced");
        return false;
    }
    r = cf_endpoint_parse(node->text, &endpoint, &offset, &err);
    if (r == -EINVAL)
        cf_read_error(reader, cf_yaml_text_mark(node, offset), key, "%s", err.text);
    if (r == -ENOMEM)
        cf_read_out_of_memory(reader);
    if (r < 0)
        return false;
    check_group_name(reader, &endpoint, cf_yaml_text_mark(node, 0), key);
    identity = rule_identity(action, &endpoint);
    if (identity)
        seen_check(reader, identity, node->mark, key);
    if (!identity || cf_profile_rule_add(reader->profile, action, node->text, &endpoint,
                                         cf_read_origin(reader, node->mark)) < 0) {
        cf_read_out_of_memory(reader);
        cf_endpoint_done(&endpoint);
        return false;
    }
    reader->profile->egress.rules[reader->profile->egress.n_rules - 1].beats_file =
        !reader->source->text; /* the command line is no file */
    return true;
}

/* {to: ENDPOINT, why: TEXT} */
static void read_rule_map(struct cf_reader *reader, const struct cf_schema_key *row,
                          enum cf_action action, const struct cf_yaml_node *map, const char *key)
{
    const struct cf_yaml_node *to = NULL;
    char path[CF_KEY_SIZE], to_key[CF_KEY_SIZE] = "";
    const char *text, *why = NULL;

    snprintf(path, sizeof path, "%s[]", row->path);
    for (size_t i = 0; i < map->n_items; i += 2) {
        char shown[CF_KEY_SIZE];
        const struct cf_yaml_node *value = map->items[i + 1];
        const struct cf_schema_key *child = cf_read_key(reader, map->items[i], path, key, shown);

        if (!child || !cf_read_text(reader, child, value, shown, &text))
            continue;
        if (child->type == CF_TYPE_ENDPOINT) {
            to = value;
            memcpy(to_key, shown, sizeof to_key);
        } else {
            why = text;
        }
    }
    cf_read_required(reader, map, path, key);
    if (to && rule_add(reader, action, to, to_key) && why)
        cf_read_copy(reader, why,
                     &reader->profile->egress.rules[reader->profile->egress.n_rules - 1].why);
}

static void read_rules(struct cf_reader *reader, const struct cf_schema_key *row,
                       enum cf_action action, const struct cf_yaml_node *node, const char *key)
{
    if (!cf_read_list(reader, row, node, key))
        return;
    for (size_t i = 0; i < node->n_items && !cf_diagnostics_full(reader->diagnostics); i++) {
        const struct cf_yaml_node *item = node->items[i];
        char item_key[CF_KEY_SIZE];

        if (node->mark.line > 0)
            cf_key_item(key, cf_yaml_item_place(node, i), item_key);
        else
            cf_key_child("", key, item_key);
        if (item->kind == CF_YAML_MAP)
            read_rule_map(reader, row, action, item, item_key);
        else if (item->kind == CF_YAML_LIST || cf_yaml_is_null(item))
            cf_read_unexpected(reader, item, item_key, "an endpoint, or a map with 'to'");
        else
            rule_add(reader, action, item, item_key);
    }
}

void cf_read_egress_allow(struct cf_reader *reader, const struct cf_schema_key *row,
                          const struct cf_yaml_node *node, const char *key)
{
    read_rules(reader, row, CF_ALLOW, node, key);
}

void cf_read_egress_deny(struct cf_reader *reader, const struct cf_schema_key *row,
                         const struct cf_yaml_node *node, const char *key)
{
    read_rules(reader, row, CF_DENY, node, key);
}

void cf_read_egress_host_ports(struct cf_reader *reader, const struct cf_schema_key *row,
                               const struct cf_yaml_node *node, const char *key)
{
    struct cf_profile *profile = reader->profile;

    if (!cf_read_list(reader, row, node, key))
        return;
    for (size_t i = 0; i < node->n_items; i++) {
        const struct cf_yaml_node *item = node->items[i];
        size_t before = profile->egress.n_host_ports;
        char item_key[CF_KEY_SIZE];
        int64_t port;

        cf_key_item(key, cf_yaml_item_place(node, i), item_key);
        if (!cf_read_integer(reader, row, item, item_key, &port))
            continue;
        if (cf_profile_host_port_add(profile, (uint16_t)port, cf_read_origin(reader, item->mark)) <
            0)
            cf_read_out_of_memory(reader);
        else if (profile->egress.n_host_ports == before)
            cf_read_warning(reader, item->mark, item_key,
                            "expected each port once, got '%lld' "
                            "again",
                            (long long)port);
    }
}
