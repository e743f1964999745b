/*
 * format.c - profile to text that parses to the same profile
 *
 * How this works: the table is walked as the reader walks it, map by map, and
 * each built row writes its value: by its type (value.c), or by its own
 * function. A key that has neither a value nor a default is left out, and so
 * is a map with nothing in it, or whose row says that it means nothing.
 */
#include <errno.h>
#include <string.h>

#include "policy/policy.h"
#include "policy/value.h"
#include "policy/writer.h"

static bool is_shown(const struct cf_schema_key *row, const struct cf_profile *profile)
{
    if (!row->since)
        return false;
    if (cf_value_is_plain(row))
        return cf_value_is_shown(row, profile);
    return row->write || cf_schema_is_constant(row);
}

/* The rows right below a map that are written; maps among them when one below is. */
static size_t shown_children(const struct cf_profile *profile, const char *path,
                             const struct cf_schema_key *rows[CF_SCHEMA_CHILDREN_MAX],
                             const char *names[CF_SCHEMA_CHILDREN_MAX])
{
    size_t n = cf_schema_children(path, names), n_shown = 0;

    for (size_t i = 0; i < n; i++) {
        const struct cf_schema_key *below[CF_SCHEMA_CHILDREN_MAX], *row;
        const char *ignored[CF_SCHEMA_CHILDREN_MAX];
        char child[CF_KEY_SIZE];

        row = cf_schema_find(cf_key_child(path, names[i], child));
        if (row->type == CF_TYPE_MAP ? (row->shown && !row->shown(profile)) ||
                                           shown_children(profile, row->path, below, ignored) == 0
                                     : !is_shown(row, profile))
            continue;
        rows[n_shown] = row;
        names[n_shown++] = names[i];
    }
    return n_shown;
}

static void write_children(struct cf_writer *writer, const char *path)
{
    const struct cf_schema_key *rows[CF_SCHEMA_CHILDREN_MAX];
    const char *names[CF_SCHEMA_CHILDREN_MAX];
    size_t n = shown_children(writer->profile, path, rows, names);

    for (size_t i = 0; i < n; i++) {
        if (rows[i]->type == CF_TYPE_MAP) {
            cf_writer_map(writer, names[i], 1, false, NULL);
            write_children(writer, rows[i]->path);
            cf_writer_end(writer);
        } else if (rows[i]->write) {
            rows[i]->write(writer, rows[i], names[i]);
        } else if (cf_value_is_plain(rows[i])) {
            cf_value_write(writer, rows[i], names[i]);
        } else {
            cf_writer_number(writer, names[i], rows[i]->minimum, cf_writer_origin(writer, rows[i]));
        }
    }
}

static int format(const struct cf_profile *profile, bool json, bool origins,
                  struct cf_buffer *buffer)
{
    struct cf_writer writer;

    cf_writer_init(&writer, profile, json, origins, buffer);
    write_children(&writer, "");
    return cf_writer_done(&writer);
}

int cf_policy_format(const struct cf_profile *profile, bool origins, struct cf_buffer *buffer)
{
    return format(profile, false, origins, buffer);
}

int cf_policy_format_json(const struct cf_profile *profile, bool origins, struct cf_buffer *buffer)
{
    return format(profile, true, origins, buffer);
}
