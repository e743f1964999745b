/*
 * man_page.c - the table of keys as a section of a manual page
 */
#include "policy/man_page.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "policy/policy.h"
#include "policy/schema.h"

/* Text between macros: no line of it begins with a control character. */
static void put_text(struct cf_buffer *buffer, const char *text)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            cf_buffer_puts(buffer, *text == '-' ? "\\-" : "\\e");
        else
            cf_buffer_append(buffer, text, 1);
    }
}

static void put_sentence(struct cf_buffer *buffer, const char *text)
{
    char first[2] = { (char)toupper((unsigned char)text[0]) };

    put_text(buffer, first);
    put_text(buffer, text + 1);
    cf_buffer_puts(buffer, ".\n");
}

/* Whether there is a number of more than one value. */
static bool has_range(const struct cf_schema_key *key)
{
    return (key->type == CF_TYPE_INTEGER || key->type == CF_TYPE_DURATION ||
            key->type == CF_TYPE_SIZE || key->type == CF_TYPE_DATE ||
            key->type == CF_TYPE_MODE_BITS) &&
           cf_schema_is_ranged(key) && !cf_schema_is_constant(key);
}

/* "One of nxdomain, refused, zero; default nxdomain." */
static void put_values(struct cf_buffer *buffer, const struct cf_schema_key *key)
{
    char range[CF_SCHEMA_RANGE_SIZE];
    struct cf_buffer line;

    cf_buffer_init(&line, 0);
    if (key->type == CF_TYPE_CHOICE)
        cf_buffer_puts(&line, "one of ");
    else if (has_range(key) && !key->list)
        cf_buffer_puts(&line, cf_schema_describe_range(key, range));
    else
        cf_buffer_puts(&line, cf_schema_describe(key));
    for (size_t i = 0; key->type == CF_TYPE_CHOICE && key->values[i]; i++)
        cf_buffer_printf(&line, "%s%s", i ? ", " : "", key->values[i]);
    if (has_range(key) && key->list)
        cf_buffer_printf(&line, ", each %s", cf_schema_describe_range(key, range));
    if (key->type == CF_TYPE_INTEGER && key->unit)
        cf_buffer_printf(&line, " (%s)", key->unit);
    if (key->required)
        cf_buffer_puts(&line, "; required");
    else if (key->fallback)
        cf_buffer_printf(&line, "; default %s", key->fallback);
    if (line.data)
        put_sentence(buffer, line.data);
    cf_buffer_done(&line);
}

static void put_key(struct cf_buffer *buffer, const struct cf_schema_key *key)
{
    cf_buffer_puts(buffer, ".TP\n.B ");
    put_text(buffer, key->path);
    cf_buffer_puts(buffer, "\n");
    put_sentence(buffer, key->help);
    put_values(buffer, key);
    if (key->merge == CF_MERGE_OWN)
        put_sentence(buffer, "not inherited");
    if (key->merge == CF_MERGE_WHOLE)
        put_sentence(buffer, "replaced as a whole by a file that extends this one");
}

/* Keys below a map that is not built are left out: the map says it. */
static bool is_named(const struct cf_schema_key *keys, size_t i)
{
    for (size_t map = 0; map < i; map++) {
        size_t length = strlen(keys[map].path);

        if (!keys[map].since && strncmp(keys[i].path, keys[map].path, length) == 0 &&
            (keys[i].path[length] == '.' || keys[i].path[length] == '['))
            return false;
    }
    return true;
}

static void put_later(struct cf_buffer *buffer, const struct cf_schema_key *keys, size_t n,
                      bool protection)
{
    const char *separator = "";

    for (size_t i = 0; i < n; i++) {
        if (keys[i].since || keys[i].protection != protection || !is_named(keys, i))
            continue;
        cf_buffer_puts(buffer, separator);
        put_text(buffer, keys[i].path);
        separator = ",\n";
    }
    cf_buffer_puts(buffer, ".\n");
}

int cf_man_keys_write(struct cf_buffer *buffer)
{
    size_t n, n_protections;
    const struct cf_schema_key *keys = cf_schema_keys(&n);

    cf_buffer_puts(buffer, ".SH KEYS\nEvery key but\n.B version\nmay be left out.\n");
    for (size_t i = 0; i < n; i++)
        if (keys[i].since && keys[i].type != CF_TYPE_MAP)
            put_key(buffer, &keys[i]);
    cf_buffer_puts(buffer, ".SS Not built in this version\n");
    (void)cf_policy_not_in_force(&n_protections);
    if (n_protections > 0) {
        cf_buffer_puts(buffer, "These protections are not in force, and each summary says so:\n");
        put_later(buffer, keys, n, true);
        cf_buffer_puts(buffer, ".P\n");
    }
    cf_buffer_puts(buffer, "A policy with one of these is refused:\n");
    put_later(buffer, keys, n, false);
    return buffer->failed ? -ENOMEM : 0;
}
