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
#include "policy/unit.h"
#include "policy/value.h"
#include "profile/exe.h"

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

void cf_read_once(struct cf_reader *reader, const char *what, char *text, struct cf_mark at,
                  const char *key)
{
    char quoted[CF_QUOTED_SIZE];
    struct seen_rule *seen;
    uint64_t value;

    if (!text) {
        cf_read_out_of_memory(reader);
        return;
    }
    value = cf_hash_bytes(text, strlen(text));
    seen = seen_find(reader, text, value);
    if (seen) {
        cf_quote_text(strchr(text, ' ') + 1, quoted);
        if (seen->origin.line > 0)
            cf_read_report(reader, CF_FINDING(CF_CODE_DUPLICATE_VALUE, at, key),
                           "expected each %s once, got %s again (first at %s:%u)", what, quoted,
                           seen->origin.file, seen->origin.line);
        else
            cf_read_report(reader, CF_FINDING(CF_CODE_DUPLICATE_VALUE, at, key),
                           "expected each %s once, got %s again", what, quoted);
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
    cf_group_uses_free(reader);
}

/* Words that are host names, and what who writes them most likely means; NULL for any other. */
static const char *suggest_for_word(const char *word)
{
    static const char *const meant[][2] = {
        { "all", "any" },        { "anything", "any" },   { "anywhere", "any" },
        { "everything", "any" }, { "everywhere", "any" }, { "internet", "any" },
        { "world", "any" },      { "ipv4", "0.0.0.0/0" }, { "ipv6", "[::]/0" },
        { "tcp", "tcp://any" },  { "udp", "udp://any" },  { "icmp", "icmp://any" },
    };
    const char *groups[CF_GROUP_COUNT];

    for (size_t i = 0; i < sizeof meant / sizeof meant[0]; i++) {
        if (strcmp(word, meant[i][0]) == 0)
            return meant[i][1];
    }
    for (int i = 0; i < CF_GROUP_COUNT; i++)
        groups[i] = cf_addr_group_name((enum cf_addr_group)i);
    return cf_suggest(word, groups, CF_GROUP_COUNT);
}

/* Whether an endpoint is the address of zeros, which is no host's. */
static bool is_zero_address(const struct cf_endpoint *endpoint)
{
    const struct cf_prefix *prefix = &endpoint->prefix;

    if (endpoint->kind != CF_HOST_PREFIX || prefix->bits != cf_addr_bits(&prefix->addr))
        return false;
    for (size_t i = 0; i < sizeof prefix->addr.bytes; i++) {
        if (prefix->addr.bytes[i])
            return false;
    }
    return true;
}

/*
 * A single label that is nearly a group, or reads as one, is a host name, and
 * the address of zeros is not all addresses: say so, it protects nothing else.
 */
static void check_reading(struct cf_reader *reader, const struct cf_endpoint *endpoint,
                          struct cf_mark at, const char *key)
{
    struct cf_finding finding = { .code = CF_CODE_NEAR_GROUP, .at = at, .key = key };
    bool ipv4 = endpoint->prefix.addr.family == CF_FAMILY_IPV4;

    if (is_zero_address(endpoint)) {
        finding.suggestion = ipv4 ? "0.0.0.0/0" : "[::]/0";
        cf_read_report(reader, &finding,
                       "expected an address that a host has, got '%s', which stands for no other "
                       "address",
                       ipv4 ? "0.0.0.0" : "[::]");
    }
    if (endpoint->kind != CF_HOST_NAME || strchr(endpoint->name, '.'))
        return;
    finding.suggestion = suggest_for_word(endpoint->name);
    if (finding.suggestion)
        cf_read_report(reader, &finding,
                       "expected a group or a name with a dot, got '%s', which "
                       "is taken as a host's name",
                       endpoint->name);
}

/* A rule as it is written: as text, or as a map of these keys. */
struct written_rule {
    const struct cf_yaml_node *to; /* NULL: there is none */
    char key[CF_KEY_SIZE];         /* of `to` in messages */
    const char *why, *exe;
    int32_t until;
    bool wrong; /* exe or until was refused; without it the rule would be another one */
};

/* The protocol that what stands before '://' was probably meant to be; NULL when none is near. */
static const char *suggest_protocol(const char *text)
{
    static const char *const protocols[] = { "tcp", "udp", "icmp" };
    const char *end = strstr(text, "://"), *near;
    char word[8];

    if (!end || (size_t)(end - text) >= sizeof word)
        return NULL;
    snprintf(word, sizeof word, "%.*s", (int)(end - text), text);
    near = cf_suggest(word, protocols, sizeof protocols / sizeof protocols[0]);
    return near && strcasecmp(near, word) != 0 ? near : NULL;
}

bool cf_read_endpoint(struct cf_reader *reader, const struct cf_yaml_node *node, const char *key,
                      struct cf_endpoint *ret_endpoint)
{
    struct cf_finding finding = { .code = CF_CODE_BAD_VALUE, .key = key };
    struct cf_error err = { 0 };
    size_t offset = 0;
    int r;

    if (!cf_read_affords_endpoint(reader, node, key))
        return false;
    r = cf_endpoint_parse(node->text, ret_endpoint, &offset, &err);
    if (r == -EINVAL) {
        finding.at = cf_yaml_text_mark(node, offset);
        finding.suggestion = offset == 0 ? suggest_protocol(node->text) : NULL;
        cf_read_report(reader, &finding, "%s", err.text);
    }
    if (r == -ENOMEM)
        cf_read_out_of_memory(reader);
    if (r == 0)
        check_reading(reader, ret_endpoint, cf_yaml_text_mark(node, 0), key);
    return r == 0;
}

bool cf_read_endpoint_alone(struct cf_reader *reader, const struct cf_yaml_node *node,
                            const char *key, const char *no_list, struct cf_endpoint *ret_endpoint)
{
    if (node->kind != CF_YAML_SCALAR || cf_yaml_is_null(node)) {
        cf_read_unexpected(reader, node, key, "an endpoint as text");
        return false;
    }
    if (!cf_read_endpoint(reader, node, key, ret_endpoint))
        return false;
    if (ret_endpoint->kind != CF_HOST_LIST)
        return true;
    cf_read_error(reader, cf_yaml_text_mark(node, 0), key, "expected an endpoint (%s), got '%s'",
                  no_list, node->text);
    cf_endpoint_done(ret_endpoint);
    return false;
}

/* The endpoint of a rule; false when it was refused. */
static bool read_endpoint(struct cf_reader *reader, const struct written_rule *written,
                          struct cf_endpoint *ret_endpoint)
{
    const struct cf_yaml_node *node = written->to;

    if (!cf_read_endpoint(reader, node, written->key, ret_endpoint))
        return false;
    if (ret_endpoint->kind == CF_HOST_LIST)
        cf_read_group_use(reader, ret_endpoint->name,
                          cf_yaml_text_mark(node, strlen(CF_LIST_PREFIX)), written->key);
    return true;
}

static void rule_add(struct cf_reader *reader, enum cf_action action,
                     const struct written_rule *written)
{
    const struct cf_yaml_node *node = written->to;
    struct cf_endpoint endpoint = { 0 };
    struct cf_rule *rule;

    if (!read_endpoint(reader, written, &endpoint))
        return;
    if (written->wrong) {
        cf_endpoint_done(&endpoint);
        return;
    }
    if (cf_profile_rule_add(reader->profile, action, node->text, &endpoint,
                            cf_read_origin(reader, node->mark)) < 0) {
        cf_read_out_of_memory(reader);
        cf_endpoint_done(&endpoint);
        return;
    }
    rule = &reader->profile->egress.rules[reader->profile->egress.n_rules - 1];
    rule->beats_file = !reader->source->text; /* the command line is no file */
    rule->until = written->until;
    if (written->why)
        cf_read_copy(reader, written->why, &rule->why);
    if (written->exe)
        cf_read_copy(reader, written->exe, &rule->exe);
}

/* A glob of programs; NULL when it was refused. */
static const char *read_exe(struct cf_reader *reader, const struct cf_yaml_node *node,
                            const char *key, const char *text)
{
    struct cf_error err = { 0 };
    size_t offset = 0;

    if (cf_exe_check(text, &offset, &err) == 0)
        return text;
    cf_read_error(reader, cf_yaml_text_mark(node, offset), key, "%s", err.text);
    return NULL;
}

/* The last day of a rule; false when it was refused. */
static bool read_until(struct cf_reader *reader, const struct cf_schema_key *row,
                       const struct cf_yaml_node *node, const char *key, int32_t *ret_until)
{
    bool denies = strncmp(row->path, "egress.deny[]", strlen("egress.deny[]")) == 0;
    char date[CF_UNIT_SIZE];
    int64_t days;

    if (!cf_read_unit(reader, row, node, key, &days))
        return false;
    *ret_until = (int32_t)days;
    if (days < reader->profile->today)
        cf_read_report(reader, CF_FINDING(CF_CODE_EXPIRED, node->mark, key),
                       denies ? "the denial expired on %s: it closes nothing any more"
                              : "the rule expired on %s and takes no part",
                       cf_date_format(days, date));
    return true;
}

/* One key of a rule's map. */
static void read_rule_key(struct cf_reader *reader, const struct cf_schema_key *row,
                          const struct cf_yaml_node *node, const char *key,
                          struct written_rule *rule)
{
    const char *text;

    if (row->type == CF_TYPE_DATE) {
        rule->wrong |= !read_until(reader, row, node, key, &rule->until);
    } else if (!cf_read_text(reader, row, node, key, &text)) {
        rule->wrong = true;
    } else if (row->type == CF_TYPE_ENDPOINT) {
        rule->to = node;
        snprintf(rule->key, sizeof rule->key, "%s", key);
    } else if (strcmp(strrchr(row->path, '.'), ".exe") == 0) {
        rule->exe = read_exe(reader, node, key, text);
        rule->wrong |= !rule->exe;
    } else {
        rule->why = text;
    }
}

/* {to: ENDPOINT, why: TEXT, exe: GLOB, until: DATE} */
static void read_rule_map(struct cf_reader *reader, const struct cf_schema_key *row,
                          enum cf_action action, const struct cf_yaml_node *map, const char *key)
{
    struct written_rule rule = { .until = CF_DAY_NEVER };
    char path[CF_KEY_SIZE];

    snprintf(path, sizeof path, "%s[]", row->path);
    for (size_t i = 0; i < map->n_items; i += 2) {
        char shown[CF_KEY_SIZE];
        const struct cf_schema_key *child = cf_read_key(reader, map->items[i], path, key, shown);

        if (child)
            read_rule_key(reader, child, map->items[i + 1], shown, &rule);
    }
    cf_read_required(reader, map, path, key);
    if (rule.to)
        rule_add(reader, action, &rule);
}

static void read_rule_text(struct cf_reader *reader, enum cf_action action,
                           const struct cf_yaml_node *node, const char *key)
{
    struct written_rule rule = { .to = node, .until = CF_DAY_NEVER };

    snprintf(rule.key, sizeof rule.key, "%s", key);
    rule_add(reader, action, &rule);
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
            read_rule_text(reader, action, item, item_key);
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

static bool is_again(const struct cf_yaml_node *list, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(list->items[i]->text, list->items[index]->text) == 0)
            return true;
    return false;
}

/* To try one twice is of no use. */
void cf_read_egress_interface(struct cf_reader *reader, const struct cf_schema_key *row,
                              const struct cf_yaml_node *node, const char *key)
{
    size_t n_errors = reader->diagnostics->n_errors;

    cf_value_read(reader, row, node, key);
    if (node->kind != CF_YAML_LIST || reader->diagnostics->n_errors > n_errors)
        return;
    for (size_t i = 1; i < node->n_items; i++) {
        char item_key[CF_KEY_SIZE];

        if (node->mark.line > 0)
            cf_key_item(key, cf_yaml_item_place(node, i), item_key);
        else
            cf_key_child("", key, item_key);
        if (is_again(node, i))
            cf_read_report(reader,
                           CF_FINDING(CF_CODE_DUPLICATE_VALUE, node->items[i]->mark, item_key),
                           "expected each interface once, got '%s' again", node->items[i]->text);
    }
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
            cf_read_report(reader, CF_FINDING(CF_CODE_DUPLICATE_VALUE, item->mark, item_key),
                           "expected each port once, got '%lld' again", (long long)port);
    }
}
