/*
 * diagnostic.c - what is wrong with a policy, all of it at once
 */
#include "policy/diagnostic.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "policy/hidden.h"
#include "policy/source.h"

/* Characters of a long line that are kept in front of the caret and behind it. */
#define SOURCE_BEFORE 60
#define SOURCE_BEHIND 56
#define MESSAGE_SIZE 1024

void cf_diagnostics_init(struct cf_diagnostics *diagnostics)
{
    *diagnostics = (struct cf_diagnostics) { 0 };
}

static void diagnostic_done(struct cf_diagnostic *item)
{
    free(item->file);
    free(item->key);
    free(item->message);
    free(item->suggestion);
    for (size_t i = 0; i < item->n_related; i++)
        free(item->related[i].file);
    free(item->related);
    free(item->source);
}

void cf_diagnostics_done(struct cf_diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics->n_items; i++)
        diagnostic_done(&diagnostics->items[i]);
    free(diagnostics->items);
    cf_diagnostics_init(diagnostics);
}

bool cf_diagnostics_full(const struct cf_diagnostics *diagnostics)
{
    return diagnostics->n_errors >= CF_DIAGNOSTICS_MAX;
}

/* They return how many characters that are. */
static unsigned put_word(struct cf_buffer *buffer, const char *word)
{
    cf_buffer_puts(buffer, word);
    return (unsigned)strlen(word);
}

/* One character of a line as it is shown: what would act on a terminal, or hides, becomes '?'. */
static unsigned put_shown(struct cf_buffer *buffer, const char *at, unsigned length, unsigned code)
{
    bool plain = length > 0 && (code == '\t' || cf_text_is_printable(code));

    if (plain)
        cf_buffer_append(buffer, at, length);
    else
        cf_buffer_puts(buffer, "?");
    return 1;
}

/* A line that is shown in part, and what of it must not be. */
struct shown_line {
    const char *text; /* from some bytes in front of what is shown */
    size_t length;    /* to some bytes behind it */
    size_t from, to;  /* the next part that is hidden; both the length when there is none */
};

/* As far around what is shown a URL is looked for. */
#define LOOK_AROUND 4096

static void find_hidden(struct shown_line *line, size_t start)
{
    if (!cf_hidden_find(line->text, line->length, start, &line->from, &line->to))
        line->from = line->to = line->length;
}

/* at: in a line of the source, `left` bytes in front of its end */
static struct shown_line look_around(const struct cf_source *source, const char *at, size_t left)
{
    struct shown_line line = { .text = at };

    while (line.text > source->text && line.text[-1] != '\n' && at - line.text < LOOK_AROUND)
        line.text--;
    line.length = (size_t)(at - line.text) + (left < LOOK_AROUND ? left : LOOK_AROUND);
    find_hidden(&line, 0);
    return line;
}

static bool is_hidden(struct shown_line *line, const char *at)
{
    size_t offset = (size_t)(at - line->text);

    while (offset >= line->to && line->to < line->length)
        find_hidden(line, line->to);
    return offset >= line->from && offset < line->to;
}

/*
 * The line around the column, with "..." where it was cut, and "***" for what
 * is hidden. NULL when there is nothing to show or memory is out; *ret_caret is
 * how many characters stand in front of the column.
 */
static char *cut_line(struct cf_source *source, const struct cf_finding *finding,
                      unsigned *ret_caret)
{
    struct cf_mark at = finding->at, first = { .line = at.line, .column = 1 };
    unsigned shown = 0, here;
    struct shown_line line;
    struct cf_buffer buffer;
    bool hidden = false;
    const char *text;
    size_t left = 0;
    char *cut;

    if (at.column > SOURCE_BEFORE + 4)
        first.column = at.column - SOURCE_BEFORE;
    text = cf_source_find(source, first, &left);
    if (!text || (first.column == 1 && left == 0))
        return NULL;
    line = look_around(source, text, left);
    cf_buffer_init(&buffer, 0);
    if (first.column > 1)
        shown = put_word(&buffer, "...");
    for (here = first.column; left > 0 && here <= at.column + SOURCE_BEHIND; here++) {
        unsigned code = 0;
        unsigned n = cf_utf8_length(text, left, &code);
        bool before = hidden;

        if (here == at.column)
            *ret_caret = shown;
        hidden = is_hidden(&line, text) || (finding->secret && here >= at.column);
        if (!hidden)
            shown += put_shown(&buffer, text, n, code);
        else if (!before)
            shown += put_word(&buffer, CF_HIDDEN_MASK);
        text += n ? n : 1;
        left -= n ? n : 1;
    }
    if (here <= at.column)
        *ret_caret = shown + (at.column - here);
    if (left > 0)
        cf_buffer_puts(&buffer, "...");
    cut = cf_buffer_steal(&buffer);
    cf_buffer_done(&buffer);
    return cut;
}

/* Whether a finding at line and column comes behind item. */
static bool comes_behind(const struct cf_diagnostic *item, unsigned line, unsigned column)
{
    return item->line < line || (item->line == line && item->column <= column);
}

/* Where the finding belongs: files in the order of their first finding, then by place. */
static size_t find_place(const struct cf_diagnostics *diagnostics, const char *file,
                         struct cf_mark at)
{
    size_t place = diagnostics->n_items;

    while (place > 0 && strcmp(diagnostics->items[place - 1].file, file) != 0)
        place--;
    if (place == 0)
        return diagnostics->n_items;
    while (place > 0 && strcmp(diagnostics->items[place - 1].file, file) == 0 &&
           !comes_behind(&diagnostics->items[place - 1], at.line, at.column))
        place--;
    return place;
}

static int related_fill(struct cf_diagnostic *item, const struct cf_finding *finding)
{
    if (finding->n_related == 0)
        return 0;
    item->related = calloc(finding->n_related, sizeof *item->related);
    if (!item->related)
        return -ENOMEM;
    for (size_t i = 0; i < finding->n_related; i++) {
        const struct cf_origin *origin = finding->related[i];
        struct cf_related *related = &item->related[item->n_related];

        *related = (struct cf_related) { .line = origin->line, .column = origin->column };
        related->file = strdup(origin->file);
        if (!related->file)
            return -ENOMEM;
        item->n_related++;
    }
    return 0;
}

static int diagnostic_fill(struct cf_diagnostic *item, struct cf_source *source,
                           const struct cf_finding *finding, const char *message)
{
    item->code = finding->code;
    item->line = finding->at.line;
    item->column = finding->at.column;
    item->file = strdup(source->name);
    item->message = strdup(message);
    if (finding->key)
        item->key = strdup(finding->key);
    if (finding->suggestion)
        item->suggestion = strdup(finding->suggestion);
    if (!item->file || !item->message || (finding->key && !item->key) ||
        (finding->suggestion && !item->suggestion) || related_fill(item, finding) < 0)
        return -ENOMEM;
    if (!source->text || source->hidden || finding->at.line == 0)
        return 0;
    item->source = cut_line(source, finding, &item->source_caret);
    return 0;
}

static int diagnostics_insert(struct cf_diagnostics *diagnostics, const struct cf_diagnostic *item)
{
    struct cf_mark at = { .line = item->line, .column = item->column };
    size_t n = diagnostics->n_items, place;
    struct cf_diagnostic *items;

    items = realloc(diagnostics->items, (n + 1) * sizeof *items);
    if (!items)
        return -ENOMEM;
    diagnostics->items = items;
    place = find_place(diagnostics, item->file, at);
    memmove(&items[place + 1], &items[place], (n - place) * sizeof *items);
    items[place] = *item;
    diagnostics->n_items++;
    return 0;
}

void cf_diagnostics_first_look(struct cf_diagnostics *diagnostics)
{
    diagnostics->look++;
}

void cf_diagnostics_second_look(struct cf_diagnostics *diagnostics)
{
    diagnostics->first_look = diagnostics->look++;
}

void cf_diagnostics_last_look(struct cf_diagnostics *diagnostics)
{
    diagnostics->first_look = 0;
}

/*
 * Whether the first look found something as bad at this place. What it only
 * counted is not known: warnings are taken for some of these.
 */
static bool was_found(const struct cf_diagnostics *diagnostics, enum cf_severity severity,
                      const char *file, struct cf_mark at)
{
    if (diagnostics->first_look == 0 || at.line == 0)
        return false;
    if (severity == CF_SEVERITY_WARNING && diagnostics->n_warnings > CF_WARNINGS_MAX)
        return true;
    for (size_t i = 0; i < diagnostics->n_items; i++) {
        const struct cf_diagnostic *item = &diagnostics->items[i];

        if (item->line == at.line && item->column == at.column &&
            item->look == diagnostics->first_look && item->severity <= severity &&
            strcmp(item->file, file) == 0)
            return true;
    }
    return false;
}

void cf_diagnostics_add_list(struct cf_diagnostics *diagnostics, struct cf_source *source,
                             const struct cf_finding *finding, const char *fmt, va_list args)
{
    enum cf_severity severity = cf_code_severity(finding->code);
    struct cf_diagnostic item = { .severity = severity, .look = diagnostics->look };
    char message[MESSAGE_SIZE];
    size_t length;

    if (finding->at.source)
        source = finding->at.source;
    if (was_found(diagnostics, severity, source->name, finding->at))
        return;
    if (severity == CF_SEVERITY_ERROR)
        diagnostics->n_errors++;
    else
        diagnostics->n_warnings++;
    if (diagnostics->n_items >= CF_DIAGNOSTICS_MAX ||
        (severity == CF_SEVERITY_WARNING && diagnostics->n_warnings > CF_WARNINGS_MAX))
        return;
    vsnprintf(message, sizeof message, fmt, args);
    cf_hidden_mask(message, sizeof message);
    /* A policy from elsewhere must not print the machine's own files into a log. */
    if (source->hidden)
        snprintf(
            message, sizeof message,
            "expected a name, or an address and names, got what is not shown here, as the file "
            "is not below the folder of the policy");
    length = strlen(message);
    if (finding->suggestion)
        snprintf(message + length, sizeof message - length, " (did you mean '%s'?)",
                 finding->suggestion);
    if (diagnostic_fill(&item, source, finding, message) < 0 ||
        diagnostics_insert(diagnostics, &item) < 0) {
        diagnostic_done(&item);
        diagnostics->out_of_memory = true;
    }
}

void cf_diagnostics_add(struct cf_diagnostics *diagnostics, struct cf_source *source,
                        const struct cf_finding *finding, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    cf_diagnostics_add_list(diagnostics, source, finding, fmt, args);
    va_end(args);
}

/* Blanks as wide as what stands in front of the column; tabs stay tabs. */
static void put_caret(struct cf_buffer *buffer, const struct cf_diagnostic *item)
{
    size_t left = strlen(item->source);
    const char *at = item->source;

    cf_buffer_puts(buffer, "  ");
    for (unsigned i = 0; i < item->source_caret; i++) {
        unsigned code = ' '; /* behind the end of the line */
        unsigned length = cf_utf8_length(at, left, &code);

        if (code == '\t')
            cf_buffer_puts(buffer, "\t");
        else
            cf_buffer_append(buffer, "  ", cf_text_width(code));
        at += length;
        left -= length;
    }
    cf_buffer_puts(buffer, "^\n");
}

static void put_diagnostic(struct cf_buffer *buffer, const struct cf_diagnostic *item)
{
    cf_text_put(buffer, item->file, strlen(item->file));
    if (item->line > 0)
        cf_buffer_printf(buffer, ":%u:%u", item->line, item->column);
    cf_buffer_puts(buffer, item->severity == CF_SEVERITY_ERROR ? ": error: " : ": warning: ");
    if (item->key)
        cf_buffer_printf(buffer, "%s: ", item->key);
    cf_buffer_printf(buffer, "%s\n", item->message);
    if (item->source) {
        cf_buffer_printf(buffer, "  %s\n", item->source);
        put_caret(buffer, item);
    }
}

int cf_diagnostics_format(const struct cf_diagnostics *diagnostics, struct cf_buffer *buffer)
{
    size_t all = diagnostics->n_errors + diagnostics->n_warnings;

    for (size_t i = 0; i < diagnostics->n_items; i++)
        put_diagnostic(buffer, &diagnostics->items[i]);
    if (cf_diagnostics_full(diagnostics))
        cf_buffer_puts(buffer, "and perhaps more: reading ended here\n");
    else if (all > diagnostics->n_items)
        cf_buffer_printf(buffer, "and %zu more\n", all - diagnostics->n_items);
    return buffer->failed ? -ENOMEM : 0;
}
