/*
 * hosts.c - names with addresses of their own: the map `hosts`
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/read.h"

bool cf_read_host_name(struct cf_reader *reader, const char *text, struct cf_mark at,
                       const char *key, char ret_name[CF_NAME_SIZE])
{
    struct cf_error err = { 0 };
    int r;

    if (!cf_read_affords_name(reader, text, at, key))
        return false;
    r = cf_name_normalize(text, ret_name, &err);
    if (r == -ENOMEM)
        cf_read_out_of_memory(reader);
    else if (r < 0)
        cf_read_error(reader, at, key, "%s", err.text);
    else if (strcmp(ret_name, CF_HOST_LOOPBACK_NAME) == 0)
        cf_read_error(reader, at, key,
                      "expected any other name, got '%s', which stands for the "
                      "host's loopback (egress.host_ports)",
                      ret_name);
    else
        return true;
    return false;
}

void cf_read_host_addr(struct cf_reader *reader, const char *name, const char *text,
                       struct cf_mark at, const char *key)
{
    struct cf_addr addr;
    char quoted[CF_QUOTED_SIZE];

    if (cf_addr_parse(text, &addr) < 0)
        cf_read_error(reader, at, key, "expected an IPv4 or IPv6 address, got %s",
                      cf_quote_text(text, quoted));
    else if (cf_profile_host_add(reader->profile, name, &addr, cf_read_origin(reader, at)) < 0)
        cf_read_out_of_memory(reader);
}

static void read_addresses(struct cf_reader *reader, const char *name,
                           const struct cf_yaml_node *node, const char *key)
{
    static const struct cf_schema_key list = { .list = true, .max_items = CF_HOST_ADDRESSES_MAX };

    if (node->kind == CF_YAML_SCALAR && !cf_yaml_is_null(node)) {
        cf_read_host_addr(reader, name, node->text, node->mark, key);
        return;
    }
    if (node->kind != CF_YAML_LIST || node->n_items == 0) {
        cf_read_unexpected(reader, node, key, "an address or a list of addresses");
        return;
    }
    if (!cf_read_list(reader, &list, node, key))
        return;
    for (size_t i = 0; i < node->n_items; i++) {
        const struct cf_yaml_node *item = node->items[i];
        char item_key[CF_KEY_SIZE];

        cf_key_item(key, cf_yaml_item_place(node, i), item_key);
        if (item->kind != CF_YAML_SCALAR || cf_yaml_is_null(item))
            cf_read_unexpected(reader, item, item_key, "an address");
        else
            cf_read_host_addr(reader, name, item->text, item->mark, item_key);
    }
}

void cf_read_hosts(struct cf_reader *reader, const struct cf_schema_key *row,
                   const struct cf_yaml_node *node, const char *key)
{
    if (!cf_read_free_map(reader, row, node, key, "names"))
        return;
    for (size_t i = 0; i < node->n_items && !cf_diagnostics_full(reader->diagnostics); i += 2) {
        const struct cf_yaml_node *item = node->items[i];
        char name[CF_NAME_SIZE], name_key[CF_KEY_SIZE], quoted[CF_QUOTED_SIZE];
        const struct cf_host *known;

        cf_key_child(key, item->text, name_key);
        if (!cf_read_host_name(reader, item->text, item->mark, name_key, name))
            continue;
        known = cf_profile_host_find(reader->profile, name);
        /* The same key written the same way has been reported with the YAML. */
        if (known && item->again)
            continue;
        if (known)
            cf_read_report(reader, CF_FINDING(CF_CODE_DUPLICATE_KEY, item->mark, name_key),
                           "expected each name once, got %s again "
                           "(first at line %u)",
                           cf_quote_text(item->text, quoted), known->origins[0].line);
        else
            read_addresses(reader, name, node->items[i + 1], name_key);
    }
}
