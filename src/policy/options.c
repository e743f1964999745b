/*
 * options.c - what the command line adds to a policy
 *
 * How this works: a value becomes a node without a place and goes through the
 * reader of the key that it stands for, so that an option is checked exactly
 * as the key is.
 */
#include "policy/options.h"

#include <stdlib.h>
#include <string.h>

/* A policy is text; a value that is not could not be shown as a policy. */
static bool is_text(struct cf_reader *reader, const char *option, const char *value)
{
    size_t left = strlen(value);
    const char *at = value;
    char quoted[CF_QUOTED_SIZE];

    while (left > 0) {
        unsigned length = cf_utf8_length(at, left, NULL);

        if (length == 0) {
            cf_read_error(reader, (struct cf_mark) { 0 }, option, "expected UTF-8 text, got %s",
                          cf_quote_text(value, quoted));
            return false;
        }
        at += length;
        left -= length;
    }
    return true;
}

static void read_scalar(struct cf_reader *reader, const char *path, const char *option,
                        const char *value)
{
    struct cf_yaml_node node = { .kind = CF_YAML_SCALAR, .text = (char *)value };

    if (value && is_text(reader, option, value))
        cf_read_value(reader, cf_schema_find(path), &node, option);
}

static void read_list(struct cf_reader *reader, const char *path, const char *option,
                      char *const *values)
{
    struct cf_yaml_node list = { .kind = CF_YAML_LIST }, *items;
    size_t n = 0;

    while (values && values[n])
        n++;
    if (n == 0)
        return;
    items = calloc(n, sizeof *items);
    list.items = calloc(n, sizeof(struct cf_yaml_node *));
    if (items && list.items) {
        for (size_t i = 0; i < n; i++) {
            items[i].text = values[i];
            if (is_text(reader, option, values[i]))
                list.items[list.n_items++] = &items[i];
        }
        cf_read_value(reader, cf_schema_find(path), &list, option);
    } else {
        cf_read_out_of_memory(reader);
    }
    free(list.items);
    free(items);
}

void cf_read_options(struct cf_reader *reader, const struct cf_policy_options *options)
{
    struct cf_source source;

    cf_source_init(&source, CF_COMMAND_LINE, NULL, 0);
    cf_reader_source(reader, &source);
    if (reader->out_of_memory)
        return;
    read_scalar(reader, "mode", "--mode", options->mode);
    read_scalar(reader, "audit.log", "--log", options->log);
    read_scalar(reader, "capture.file", "--capture", options->capture);
    read_scalar(reader, "capture.point", "--point", options->point);
    read_scalar(reader, "audit.summary", "--summary", options->summary);
    read_scalar(reader, "proxy.url", "--proxy", options->proxy);
    read_list(reader, "dns.servers", "--dns", options->dns);
    read_list(reader, "egress.interface", "--interface", options->interface);
    read_list(reader, "egress.allow", "--allow", options->allow);
    read_list(reader, "egress.deny", "--deny", options->deny);
    cf_read_group_uses(reader);
    reader->source = NULL;
}
