/*
 * writer.c - a policy as text: YAML or JSON, with or without origins
 *
 * How this works: a stack says what is open. begin_entry() writes what stands
 * in front of a value (its line's indent and its key, or the separator in a
 * flow), end_entry() what stands behind it. In YAML a line ends there, with
 * the origin; in JSON the origin goes to `places`, by the path that the stack
 * spells.
 */
#include "policy/writer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "policy/source.h"

const struct cf_origin cf_writer_default = { 0 };

const struct cf_origin *cf_writer_origin(const struct cf_writer *writer,
                                         const struct cf_schema_key *row)
{
    const struct cf_origin *origin = cf_profile_origin_find(writer->profile, row->path);

    return origin ? origin : &cf_writer_default;
}

/* Words that some reader of YAML takes for something else than text. */
static bool is_reserved(const char *text)
{
    static const char *const words[] = { "null", "true", "false", "yes", "no",  "on",
                                         "off",  "y",    "n",     "~",   "nan", "inf" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

/* Whether text can stand without quotes and is text to every reader of YAML. */
static bool is_plain(const char *text, bool flow)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@+";
    size_t length = strlen(text);
    const char *dot = strchr(text, '.');

    if (length == 0 || length > 200 || strspn(text, allowed) != length || is_reserved(text))
        return false;
    if (text[length - 1] == ':' || strchr("-:@+.", text[0]) || (flow && strchr(text, ':')))
        return false;
    /* Digits may be a number or a time; an IPv4 address has too many dots for one. */
    if (text[0] >= '0' && text[0] <= '9')
        return dot && strchr(dot + 1, '.') && !strchr(text, ':');
    return true;
}

/* In double quotes, as YAML and JSON both read it. */
static void put_quoted(struct cf_buffer *buffer, const char *text)
{
    size_t left = strlen(text);
    unsigned before = 0;

    cf_buffer_puts(buffer, "\"");
    while (left > 0) {
        unsigned code = 0;
        unsigned length = cf_utf8_length(text, left, &code);

        if (length == 0) {
            /* Nothing that was read is like this; keep the output UTF-8 all the same. */
            cf_buffer_puts(buffer, "\\uFFFD");
            length = 1;
        } else if (code == '"' || code == '\\') {
            cf_buffer_printf(buffer, "\\%c", (char)code);
        } else if (code == '\n') {
            cf_buffer_puts(buffer, "\\n");
        } else if (code == '\t') {
            cf_buffer_puts(buffer, "\\t");
        } else if (!cf_text_is_printable(code) || code == 0xfffe || code == 0xffff ||
                   (before < 0x80 && code >= 0xfe00 && code <= 0xfe0f)) {
            cf_buffer_printf(buffer, "\\u%04x", code);
        } else {
            cf_buffer_append(buffer, text, length);
        }
        before = code;
        text += length;
        left -= length;
    }
    cf_buffer_puts(buffer, "\"");
}

static bool in_flow(const struct cf_writer *writer)
{
    return writer->levels[writer->depth].flow;
}

static void put_text(struct cf_writer *writer, const char *text)
{
    if (!writer->json && is_plain(text, in_flow(writer)))
        cf_buffer_puts(writer->buffer, text);
    else
        put_quoted(writer->buffer, text);
}

static void put_indent(struct cf_writer *writer, unsigned depth)
{
    while (depth-- > 0)
        cf_buffer_puts(writer->buffer, "  ");
}

/* "dns.servers", "egress.allow[0]"; a longer one than any key is cut. */
static void path_set(struct cf_writer *writer, const char *name)
{
    size_t length = writer->levels[writer->depth].path_length;
    size_t room = sizeof writer->path - length;
    int used;

    if (name)
        used = snprintf(writer->path + length, room, "%s%s", length ? "." : "", name);
    else
        used =
            snprintf(writer->path + length, room, "[%zu]", writer->levels[writer->depth].n_items);
    writer->path_length = length + ((size_t)used < room ? (size_t)used : room - 1);
}

/* What stands in front of a value; joint: between its key and itself. */
static void begin_entry(struct cf_writer *writer, const char *name, const char *joint)
{
    bool first = writer->levels[writer->depth].n_items == 0;

    path_set(writer, name);
    if (in_flow(writer)) {
        cf_buffer_puts(writer->buffer, first ? "" : ", ");
    } else {
        if (writer->json)
            cf_buffer_puts(writer->buffer, first ? "\n" : ",\n");
        put_indent(writer, writer->depth + (writer->json ? 1 + writer->origins : 0));
        if (!writer->json && !name)
            cf_buffer_puts(writer->buffer, "- ");
    }
    writer->levels[writer->depth].n_items++;
    if (!name)
        return;
    put_text(writer, name);
    cf_buffer_puts(writer->buffer, joint);
}

static void put_place(struct cf_writer *writer, const struct cf_origin *origin)
{
    struct cf_buffer *places = &writer->places;

    cf_buffer_puts(places, places->length ? ",\n    " : "\n    ");
    put_quoted(places, writer->path);
    cf_buffer_puts(places, ": {");
    if (origin->file) {
        cf_buffer_puts(places, "\"file\": ");
        put_quoted(places, origin->file);
        if (origin->line > 0)
            cf_buffer_printf(places, ", \"line\": %u", origin->line);
    } else {
        cf_buffer_puts(places, "\"default\": true");
    }
    cf_buffer_puts(places, "}");
}

static void put_comment(struct cf_writer *writer, const struct cf_origin *origin)
{
    char quoted[CF_QUOTE_SIZE];

    if (!origin->file) {
        cf_buffer_puts(writer->buffer, "  # default");
        return;
    }
    cf_buffer_printf(writer->buffer, "  # %s",
                     cf_quote(origin->file, strlen(origin->file), quoted));
    if (origin->line > 0)
        cf_buffer_printf(writer->buffer, ":%u", origin->line);
}

/* What stands behind a value. */
static void end_entry(struct cf_writer *writer, const struct cf_origin *origin)
{
    if (writer->origins && origin) {
        if (writer->json)
            put_place(writer, origin);
        else
            put_comment(writer, origin);
    }
    if (!writer->json && !in_flow(writer))
        cf_buffer_puts(writer->buffer, "\n");
}

void cf_writer_text(struct cf_writer *writer, const char *name, const char *text,
                    const struct cf_origin *origin)
{
    begin_entry(writer, name, ": ");
    put_text(writer, text);
    end_entry(writer, origin);
}

void cf_writer_word(struct cf_writer *writer, const char *name, const char *word,
                    const struct cf_origin *origin)
{
    begin_entry(writer, name, ": ");
    cf_buffer_printf(writer->buffer, writer->json ? "\"%s\"" : "%s", word);
    end_entry(writer, origin);
}

void cf_writer_number(struct cf_writer *writer, const char *name, int64_t number,
                      const struct cf_origin *origin)
{
    begin_entry(writer, name, ": ");
    cf_buffer_printf(writer->buffer, "%" PRId64, number);
    end_entry(writer, origin);
}

void cf_writer_bool(struct cf_writer *writer, const char *name, bool value,
                    const struct cf_origin *origin)
{
    begin_entry(writer, name, ": ");
    cf_buffer_puts(writer->buffer, value ? "true" : "false");
    end_entry(writer, origin);
}

/* An item of a list is always a flow: it has no key whose line it could begin. */
static void begin_level(struct cf_writer *writer, const char *name, bool list, size_t n, bool flow,
                        const struct cf_origin *origin)
{
    bool brackets;

    assert(writer->depth + 1 < CF_WRITER_DEPTH_MAX);
    flow = flow || !name || n == 0 || in_flow(writer);
    brackets = flow || writer->json;
    if (!writer->json && writer->depth == 0)
        cf_buffer_puts(writer->buffer, "\n");
    begin_entry(writer, name, brackets ? ": " : ":\n");
    if (brackets)
        cf_buffer_puts(writer->buffer, list ? "[" : "{");
    writer->depth++;
    writer->levels[writer->depth].list = list;
    writer->levels[writer->depth].flow = flow;
    writer->levels[writer->depth].n_items = 0;
    writer->levels[writer->depth].path_length = writer->path_length;
    writer->levels[writer->depth].origin = flow ? origin : NULL;
}

void cf_writer_map(struct cf_writer *writer, const char *name, size_t n, bool flow,
                   const struct cf_origin *origin)
{
    begin_level(writer, name, false, n, flow, origin);
}

void cf_writer_list(struct cf_writer *writer, const char *name, size_t n, bool flow,
                    const struct cf_origin *origin)
{
    begin_level(writer, name, true, n, flow, origin);
}

void cf_writer_end(struct cf_writer *writer)
{
    bool flow = in_flow(writer), list = writer->levels[writer->depth].list;
    const struct cf_origin *origin = writer->levels[writer->depth].origin;

    writer->path_length = writer->levels[writer->depth].path_length;
    writer->path[writer->path_length] = '\0';
    writer->depth--;
    if (!flow && !writer->json)
        return;
    if (!flow) {
        cf_buffer_puts(writer->buffer, "\n");
        put_indent(writer, writer->depth + 1 + writer->origins);
    }
    cf_buffer_puts(writer->buffer, list ? "]" : "}");
    end_entry(writer, origin);
}

void cf_writer_init(struct cf_writer *writer, const struct cf_profile *profile, bool json,
                    bool origins, struct cf_buffer *buffer)
{
    *writer = (struct cf_writer) {
        .buffer = buffer,
        .profile = profile,
        .json = json,
        .origins = origins,
    };
    cf_buffer_init(&writer->places, 0);
    if (json)
        cf_buffer_puts(buffer, origins ? "{\n  \"policy\": {" : "{");
}

int cf_writer_done(struct cf_writer *writer)
{
    struct cf_buffer *places = &writer->places;
    bool failed;

    if (writer->json && writer->origins) {
        cf_buffer_puts(writer->buffer, "\n  },\n  \"origins\": {");
        cf_buffer_append(writer->buffer, places->data, places->length);
        cf_buffer_puts(writer->buffer, "\n  }");
    }
    if (writer->json)
        cf_buffer_puts(writer->buffer, "\n}\n");
    failed = writer->buffer->failed || places->failed;
    cf_buffer_done(places);
    return failed ? -ENOMEM : 0;
}
