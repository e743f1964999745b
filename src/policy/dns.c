/*
 * dns.c - the lists under `dns`
 */
#include <stdlib.h>
#include <string.h>

#include "policy/read.h"
#include "policy/server.h"

#define DNS_PORT 53

static void server_add(struct cf_reader *reader, const struct cf_addr_port *server)
{
    struct cf_profile *profile = reader->profile;
    size_t n = profile->dns.n_servers;
    struct cf_addr_port *servers = realloc(profile->dns.servers, (n + 1) * sizeof *servers);

    if (!servers) {
        cf_read_out_of_memory(reader);
        return;
    }
    servers[n] = *server;
    profile->dns.servers = servers;
    profile->dns.n_servers = n + 1;
}

/* What was there before is replaced. */
void cf_read_dns_servers(struct cf_reader *reader, const struct cf_schema_key *row,
                         const struct cf_yaml_node *node, const char *key)
{
    if (!cf_read_list(reader, row, node, key))
        return;
    reader->profile->dns.n_servers = 0;
    for (size_t i = 0; i < node->n_items; i++) {
        char item_key[CF_KEY_SIZE];
        struct cf_addr_port server;
        const char *text;

        if (node->mark.line > 0)
            cf_key_item(key, i, item_key);
        else
            cf_key_child("", key, item_key);
        if (!cf_read_text(reader, row, node->items[i], item_key, &text))
            continue;
        if (cf_server_parse(text, DNS_PORT, &server) < 0)
            cf_read_unexpected(reader, node->items[i], item_key,
                               "a server's address such as 192.0.2.53, 192.0.2.53:5353 or "
                               "[2001:db8::53]:5353");
        else
            server_add(reader, &server);
    }
}

static void search_add(struct cf_reader *reader, const char *name)
{
    struct cf_profile *profile = reader->profile;
    size_t n = profile->dns.n_search;
    char **search = realloc(profile->dns.search, (n + 1) * sizeof *search);

    if (!search) {
        cf_read_out_of_memory(reader);
        return;
    }
    profile->dns.search = search;
    search[n] = strdup(name);
    if (search[n])
        profile->dns.n_search = n + 1;
    else
        cf_read_out_of_memory(reader);
}

void cf_read_dns_search(struct cf_reader *reader, const struct cf_schema_key *row,
                        const struct cf_yaml_node *node, const char *key)
{
    if (!cf_read_list(reader, row, node, key))
        return;
    for (size_t i = 0; i < node->n_items; i++) {
        char item_key[CF_KEY_SIZE], name[CF_NAME_SIZE];
        struct cf_error err = { 0 };
        const char *text;

        cf_key_item(key, i, item_key);
        if (!cf_read_text(reader, row, node->items[i], item_key, &text))
            continue;
        if (cf_name_normalize(text, name, &err) < 0)
            cf_read_error(reader, node->items[i]->mark, item_key, "%s", err.text);
        else
            search_add(reader, name);
    }
}
