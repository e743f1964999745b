/*
 * summary_text.c - the summary as a person reads it
 *
 * Every line is a row of cells; a first pass over the rows makes the cells
 * and finds how wide each column is, a second one prints. All text from
 * outside goes through cf_show_text().
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/show.h"
#include "report/summary.h"
#include "report/summary_table.h"

/* Columns at most. */
#define DESTINATION_WIDTH 60
#define PROCESS_WIDTH 24
#define ORIGIN_WIDTH 60
#define WARNING_WIDTH 240

enum cell {
    CELL_KIND,
    CELL_DESTINATION,
    CELL_COUNT,
    CELL_BYTES,
    CELL_PROCESS,
    CELL_ORIGIN,
    N_CELLS
};

struct row {
    enum cf_line_kind kind;
    char *text[N_CELLS]; /* NULL: empty */
    unsigned width[N_CELLS];
    uint64_t count;
    const char *unit;
};

struct sheet {
    struct row *rows;
    size_t n_rows;
    unsigned width[N_CELLS]; /* 0: the column is left out */
    int count_width;         /* of the digits */
    bool colour;
    bool failed; /* memory ran out on the way */
};

static const char *plural(uint64_t n, const char *one, const char *more)
{
    return n == 1 ? one : more;
}

static const char *unit_of(enum cf_line_kind kind, enum cf_line_subject subject, uint64_t n)
{
    if (subject == CF_LINE_PACKETS)
        return plural(n, "packet", "packets");
    if (subject == CF_LINE_NAME)
        return kind == CF_LINE_ASKED || kind == CF_LINE_FAILED ? plural(n, "time", "times")
                                                               : "asked";
    return kind == CF_LINE_DENIED ? plural(n, "try", "tries") : plural(n, "flow", "flows");
}

/* What went through carries bytes; the rest never does. */
static bool has_bytes(enum cf_line_kind kind, enum cf_line_subject subject)
{
    return subject == CF_LINE_FLOW && kind != CF_LINE_DENIED;
}

static void set_cell(struct sheet *sheet, struct row *row, enum cell cell, const char *text,
                     unsigned max_width)
{
    if (!text || !text[0])
        return;
    row->text[cell] = cf_show_text(text, max_width, &row->width[cell]);
    if (!row->text[cell])
        sheet->failed = true;
}

static void set_count(struct row *row, enum cf_line_kind kind, enum cf_line_subject subject,
                      uint64_t count)
{
    row->kind = kind;
    row->count = count;
    row->unit = unit_of(kind, subject, count);
}

static void set_bytes(struct sheet *sheet, struct row *row, uint64_t bytes)
{
    char text[CF_SHOW_SIZE];

    set_cell(sheet, row, CELL_BYTES, cf_show_bytes(bytes, text), CF_SHOW_SIZE);
}

/* "name (A, AAAA)": the types are never what is cut. */
static void set_destination(struct sheet *sheet, struct row *row,
                            const struct cf_summary_line *line)
{
    char types[CF_LINE_TYPES * (CF_EVENT_CODE_SIZE + 2) + 16] = "", code[CF_EVENT_CODE_SIZE];
    cf_auto_free char *name = NULL;
    cf_auto_free char *whole = NULL;
    size_t n = 0;

    if (line->subject != CF_LINE_NAME || line->kind == CF_LINE_ASKED) {
        set_cell(sheet, row, CELL_DESTINATION, line->destination, DESTINATION_WIDTH);
        return;
    }
    for (size_t i = 0; i < line->n_types; i++)
        n += (size_t)snprintf(types + n, sizeof types - n, "%s%s", i ? ", " : "",
                              cf_record_type_format(line->types[i], code));
    if (line->more_types)
        snprintf(types + n, sizeof types - n, ", ...");
    name = cf_show_text(line->destination, DESTINATION_WIDTH, NULL);
    if (!name || asprintf(&whole, "%s (%s)", name, types) < 0) {
        whole = NULL;
        sheet->failed = true;
        return;
    }
    set_cell(sheet, row, CELL_DESTINATION, whole, DESTINATION_WIDTH * 2);
}

/* "npm", "node, npm", "node, npm +3"; as many as can be told apart end in "or more". */
static void set_processes(struct sheet *sheet, struct row *row, const struct cf_summary_line *line)
{
    char text[CF_LINE_PROCESSES * (PROCESS_WIDTH * 4 + 2) + 32] = "";
    size_t n = 0;

    for (size_t i = 0; i < CF_LINE_PROCESSES && i < line->n_processes; i++) {
        cf_auto_free char *name = cf_show_text(line->processes[i], PROCESS_WIDTH, NULL);

        if (!name) {
            sheet->failed = true;
            return;
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? ", " : "", name);
    }
    if (line->n_processes > CF_LINE_PROCESSES)
        snprintf(text + n, sizeof text - n, " +%zu%s", line->n_processes - CF_LINE_PROCESSES,
                 line->n_processes == CF_LINE_PROCESS_HASHES ? " or more" : "");
    set_cell(sheet, row, CELL_PROCESS, text, UINT32_MAX / 4);
}

static void set_origin(struct sheet *sheet, struct row *row, const struct cf_summary_line *line)
{
    cf_auto_free char *text = NULL;

    if (!line->file || line->line == 0) {
        set_cell(sheet, row, CELL_ORIGIN, line->file ? line->file : line->reason, ORIGIN_WIDTH);
        return;
    }
    if (asprintf(&text, "%s:%u", line->file, line->line) < 0) {
        text = NULL;
        sheet->failed = true;
        return;
    }
    set_cell(sheet, row, CELL_ORIGIN, text, ORIGIN_WIDTH);
}

static void row_of_line(struct sheet *sheet, const struct cf_summary_line *line)
{
    struct row *row = &sheet->rows[sheet->n_rows++];

    set_count(row, line->kind, line->subject, line->count);
    set_cell(sheet, row, CELL_KIND, cf_line_kind_name(line->kind), UINT32_MAX / 4);
    set_destination(sheet, row, line);
    if (has_bytes(line->kind, line->subject))
        set_bytes(sheet, row, line->bytes);
    set_processes(sheet, row, line);
    set_origin(sheet, row, line);
}

static void row_of_rest(struct sheet *sheet, const struct cf_summary_page *page,
                        enum cf_line_kind kind, enum cf_line_subject subject)
{
    const struct cf_summary_rest *rest = &page->rest[kind][subject];
    struct row *row;

    if (rest->count == 0 && rest->bytes == 0)
        return;
    row = &sheet->rows[sheet->n_rows++];
    set_count(row, kind, subject, rest->count);
    set_cell(sheet, row, CELL_KIND, cf_line_kind_name(kind), UINT32_MAX / 4);
    set_cell(sheet, row, CELL_DESTINATION, "(others, see the log)", DESTINATION_WIDTH);
    if (has_bytes(kind, subject))
        set_bytes(sheet, row, rest->bytes);
}

static void measure(struct sheet *sheet)
{
    int unit_width = 0;

    for (size_t i = 0; i < sheet->n_rows; i++) {
        const struct row *row = &sheet->rows[i];
        int digits = snprintf(NULL, 0, "%" PRIu64, row->count);
        int unit = (int)strlen(row->unit);

        for (int cell = 0; cell < N_CELLS; cell++)
            if (row->width[cell] > sheet->width[cell])
                sheet->width[cell] = row->width[cell];
        sheet->count_width = digits > sheet->count_width ? digits : sheet->count_width;
        unit_width = unit > unit_width ? unit : unit_width;
    }
    sheet->width[CELL_COUNT] = (unsigned)(sheet->count_width + 1 + unit_width);
    /* The lines that follow the rows stand in the same columns. */
    if (sheet->width[CELL_KIND] < strlen("allowed"))
        sheet->width[CELL_KIND] = (unsigned)strlen("allowed");
}

static int sheet_init(struct sheet *sheet, const struct cf_summary_page *page, bool colour)
{
    memset(sheet, 0, sizeof *sheet);
    sheet->colour = colour;
    sheet->rows = calloc(page->n_lines + (size_t)CF_LINE_KIND_COUNT * CF_LINE_SUBJECT_COUNT,
                         sizeof *sheet->rows);
    if (!sheet->rows)
        return -ENOMEM;
    for (int kind = 0, i = 0; kind < CF_LINE_KIND_COUNT; kind++) {
        for (; (size_t)i < page->n_lines && (int)page->lines[i]->kind == kind; i++)
            row_of_line(sheet, page->lines[i]);
        for (int subject = 0; subject < CF_LINE_SUBJECT_COUNT; subject++)
            row_of_rest(sheet, page, (enum cf_line_kind)kind, (enum cf_line_subject)subject);
    }
    measure(sheet);
    return 0;
}

static void sheet_done(struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->n_rows; i++)
        for (int cell = 0; cell < N_CELLS; cell++)
            free(sheet->rows[i].text[cell]);
    free(sheet->rows);
}

static void put_padding(struct cf_buffer *buffer, unsigned width, unsigned column)
{
    if (width < column)
        cf_buffer_printf(buffer, "%*s", (int)(column - width), "");
}

static void put_kind(struct cf_buffer *buffer, const struct sheet *sheet, const char *text,
                     const char *colour)
{
    cf_buffer_printf(buffer, "  %s%s%s", sheet->colour ? colour : "", text,
                     sheet->colour && colour[0] ? "\x1b[0m" : "");
    put_padding(buffer, (unsigned)strlen(text), sheet->width[CELL_KIND]);
    cf_buffer_puts(buffer, "  ");
}

/* Blanks at the end of a line help nobody. */
static void end_line(struct cf_buffer *buffer)
{
    while (buffer->length > 0 && buffer->data[buffer->length - 1] == ' ')
        buffer->data[--buffer->length] = '\0';
    cf_buffer_puts(buffer, "\n");
}

#define GREEN "\x1b[32m"
#define YELLOW "\x1b[33m"
#define RED "\x1b[31m"

static void put_row(struct cf_buffer *buffer, const struct sheet *sheet, const struct row *row)
{
    static const char *const colours[CF_LINE_KIND_COUNT] = {
        [CF_LINE_ALLOWED] = GREEN,     [CF_LINE_ASKED] = "",   [CF_LINE_FAILED] = YELLOW,
        [CF_LINE_WOULD_DENY] = YELLOW, [CF_LINE_DENIED] = RED,
    };
    unsigned count_width = (unsigned)sheet->count_width + 1 + (unsigned)strlen(row->unit);

    put_kind(buffer, sheet, row->text[CELL_KIND], colours[row->kind]);
    cf_buffer_puts(buffer, row->text[CELL_DESTINATION] ? row->text[CELL_DESTINATION] : "");
    put_padding(buffer, row->width[CELL_DESTINATION], sheet->width[CELL_DESTINATION]);
    cf_buffer_printf(buffer, "  %*" PRIu64 " %s", sheet->count_width, row->count, row->unit);
    put_padding(buffer, count_width, sheet->width[CELL_COUNT]);
    for (int cell = CELL_BYTES; cell < N_CELLS; cell++) {
        const char *text = row->text[cell] ? row->text[cell] : "";

        if (sheet->width[cell] == 0)
            continue;
        cf_buffer_puts(buffer, "  ");
        if (cell == CELL_BYTES)
            put_padding(buffer, row->width[cell], sheet->width[cell]);
        cf_buffer_puts(buffer, text);
        if (cell != CELL_BYTES)
            put_padding(buffer, row->width[cell], sheet->width[cell]);
    }
    end_line(buffer);
}

/* ", 2 denied", ", 2 would be denied", or in audit mode both, where both are. */
static void put_denied(struct cf_buffer *buffer, const struct cf_summary_table *summary,
                       uint64_t denied, uint64_t would_deny)
{
    if (summary->mode == CF_MODE_AUDIT)
        cf_buffer_printf(buffer, ", %" PRIu64 " would be denied", would_deny);
    if (summary->mode != CF_MODE_AUDIT || denied > 0)
        cf_buffer_printf(buffer, ", %" PRIu64 " denied", denied);
}

static int put_first_line(struct cf_buffer *buffer, const struct cf_summary_table *summary)
{
    cf_auto_free char *policy = cf_show_text(summary->policy ? summary->policy : "?", 64, NULL);
    const struct cf_event_totals *totals = &summary->totals;
    char text[CF_SHOW_SIZE];

    if (!policy)
        return -ENOMEM;
    cf_buffer_printf(buffer, "childflow: %s, %s: %" PRIu64 " %s allowed", policy,
                     cf_mode_name(summary->mode), totals->flows,
                     plural(totals->flows, "flow", "flows"));
    put_denied(buffer, summary, totals->denied, summary->flows_would_deny);
    cf_buffer_printf(buffer, "; %" PRIu64 " %s asked", totals->dns,
                     plural(totals->dns, "name", "names"));
    put_denied(buffer, summary, totals->dns_denied, summary->names_would_deny);
    if (totals->packets_denied > 0)
        cf_buffer_printf(buffer, "; %" PRIu64 " %s denied", totals->packets_denied,
                         plural(totals->packets_denied, "packet", "packets"));
    if (summary->ended)
        cf_buffer_printf(buffer, "; %s", cf_show_duration(summary->duration_us, text));
    cf_buffer_puts(buffer, "\n");
    return 0;
}

static int put_not_in_force(struct cf_buffer *buffer, const struct cf_summary_table *summary)
{
    if (summary->n_not_in_force == 0)
        return 0;
    cf_buffer_puts(buffer, "  not in force in this version: ");
    for (size_t i = 0; i < summary->n_not_in_force; i++) {
        cf_auto_free char *text = cf_show_text(summary->not_in_force[i], 80, NULL);

        if (!text)
            return -ENOMEM;
        cf_buffer_printf(buffer, "%s%s", i ? ", " : "", text);
    }
    cf_buffer_puts(buffer, "\n");
    return 0;
}

static int put_warnings(struct cf_buffer *buffer, const struct sheet *sheet,
                        const struct cf_summary_table *summary)
{
    for (size_t i = 0; i < summary->n_warnings; i++) {
        cf_auto_free char *text = cf_show_text(summary->warnings[i].text, WARNING_WIDTH, NULL);

        if (!text)
            return -ENOMEM;
        put_kind(buffer, sheet, "warning", YELLOW);
        cf_buffer_printf(buffer, "%s\n", text);
    }
    if (summary->more_warnings > 0) {
        put_kind(buffer, sheet, "warning", YELLOW);
        cf_buffer_printf(buffer, "and %" PRIu64 " more, see the log\n", summary->more_warnings);
    }
    return 0;
}

static int put_top_names(struct cf_buffer *buffer, const struct sheet *sheet,
                         const struct cf_summary_table *summary)
{
    struct cf_lookups_name names[CF_SUMMARY_TOP_NAMES];
    size_t n;

    /* Few names all stand in rows of their own. */
    if (cf_lookups_count(summary->lookups) <= CF_SUMMARY_FEW_NAMES)
        return 0;
    n = cf_lookups_top(summary->lookups, names, CF_SUMMARY_TOP_NAMES);
    while (n > 0 && names[n - 1].count < 2) /* once is not often */
        n--;
    if (n == 0)
        return 0;
    put_kind(buffer, sheet, "names", "");
    for (size_t i = 0; i < n; i++) {
        cf_auto_free char *text = cf_show_text(names[i].name, DESTINATION_WIDTH, NULL);

        if (!text)
            return -ENOMEM;
        cf_buffer_printf(buffer, "%s%s %" PRIu64, i ? ", " : "asked most: ", text, names[i].count);
    }
    cf_buffer_puts(buffer, "\n");
    return 0;
}

static int put_tunnels(struct cf_buffer *buffer, const struct sheet *sheet,
                       const struct cf_summary_table *summary)
{
    struct cf_lookups_domain domains[CF_SUMMARY_TUNNELS];
    size_t n = cf_lookups_tunnels(summary->lookups, domains, CF_SUMMARY_TUNNELS);
    char octets[CF_SHOW_SIZE];

    for (size_t i = 0; i < n; i++) {
        cf_auto_free char *text = cf_show_text(domains[i].domain, DESTINATION_WIDTH, NULL);

        if (!text)
            return -ENOMEM;
        put_kind(buffer, sheet, "tunnel?", RED);
        cf_buffer_printf(buffer,
                         "%s: %" PRIu64 "%s different names below it hold %s, %" PRIu64
                         ".%02" PRIu64 " bits a character; %" PRIu64 " went out\n",
                         text, domains[i].names,
                         domains[i].names == CF_LOOKUPS_DIFFERENT ? " or more" : "",
                         cf_show_bytes(domains[i].octets, octets), domains[i].centibits / 100,
                         domains[i].centibits % 100, domains[i].left);
    }
    return 0;
}

/* How what was let through left, and who resolved the names. */
static int put_proxy(struct cf_buffer *buffer, const struct sheet *sheet,
                     const struct cf_summary_proxy *proxy)
{
    static const char *const resolved[] = {
        [CF_PROXY_DNS_DIRECT] = "names are resolved past it",
        [CF_PROXY_DNS_TUNNEL] = "DNS servers are asked through it",
        [CF_PROXY_DNS_NAMES] = "it resolves the names",
    };
    static_assert(sizeof resolved / sizeof resolved[0] == CF_PROXY_DNS_COUNT, "a text for each");
    cf_auto_free char *url = proxy->url ? cf_show_text(proxy->url, DESTINATION_WIDTH, NULL) : NULL;
    cf_auto_free char *words = NULL;

    if (!proxy->url)
        return 0;
    if (proxy->words)
        words = cf_show_text(proxy->words, WARNING_WIDTH, NULL);
    if (!url || (proxy->words && !words))
        return -ENOMEM;
    put_kind(buffer, sheet, "proxy", "");
    cf_buffer_printf(buffer, "%s: %" PRIu64 " %s through it, %" PRIu64 " past it; %s\n", url,
                     proxy->through, plural(proxy->through, "flow", "flows"), proxy->past,
                     resolved[proxy->dns]);
    if (proxy->failed == 0)
        return 0;
    put_kind(buffer, sheet, "", "");
    cf_buffer_printf(buffer, "%" PRIu64 " failed there, the last with '%s'", proxy->failed,
                     proxy->why ? proxy->why : "?");
    cf_buffer_printf(buffer, "%s%s\n", words && words[0] ? ": " : "", words ? words : "");
    return 0;
}

static int put_capture(struct cf_buffer *buffer, const struct sheet *sheet,
                       const struct cf_event_capture *capture)
{
    cf_auto_free char *text = NULL;
    char bytes[CF_SHOW_SIZE];

    if (!capture->file)
        return 0;
    text = cf_show_text(capture->file, UINT32_MAX / 4, NULL); /* whole: it will be copied */
    if (!text)
        return -ENOMEM;
    put_kind(buffer, sheet, "capture", "");
    cf_buffer_printf(buffer, "%s: %" PRIu64 " %s, %s, %" PRIu64 " dropped\n", text,
                     capture->packets, plural(capture->packets, "packet", "packets"),
                     cf_show_bytes(capture->bytes, bytes), capture->dropped);
    return 0;
}

static int put_log(struct cf_buffer *buffer, const struct sheet *sheet, const char *log_path)
{
    cf_auto_free char *text = NULL;

    if (!log_path)
        return 0;
    text = cf_show_text(log_path, UINT32_MAX / 4, NULL); /* whole: it will be copied */
    if (!text)
        return -ENOMEM;
    put_kind(buffer, sheet, "log", "");
    cf_buffer_printf(buffer, "%s\n", text);
    return 0;
}

static int put_all(struct cf_buffer *buffer, const struct cf_summary_table *summary,
                   const struct sheet *sheet, const char *log_path)
{
    int r = put_first_line(buffer, summary);

    if (r == 0)
        r = put_not_in_force(buffer, summary);
    for (size_t i = 0; r == 0 && i < sheet->n_rows; i++)
        put_row(buffer, sheet, &sheet->rows[i]);
    if (r == 0)
        r = put_proxy(buffer, sheet, &summary->proxy);
    if (r == 0)
        r = put_top_names(buffer, sheet, summary);
    if (r == 0)
        r = put_tunnels(buffer, sheet, summary);
    if (r == 0)
        r = put_warnings(buffer, sheet, summary);
    if (r == 0)
        r = put_capture(buffer, sheet, &summary->capture);
    return r < 0 ? r : put_log(buffer, sheet, log_path);
}

int cf_summary_format_text(const struct cf_summary_table *summary, const char *log_path,
                           bool colour, struct cf_buffer *buffer)
{
    struct cf_summary_page page;
    struct sheet sheet;
    int r = cf_summary_page_init(&page, summary);

    if (r < 0)
        return r;
    r = sheet_init(&sheet, &page, colour);
    if (r == 0) {
        r = sheet.failed ? -ENOMEM : put_all(buffer, summary, &sheet, log_path);
        sheet_done(&sheet);
    }
    cf_summary_page_done(&page);
    return r == 0 && buffer->failed ? -ENOBUFS : r;
}
