/*
 * live.c - what a run does now, for who watches it
 */
#include "report/live.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "report/show.h"

#define DESTINATION_SIZE (CF_LIVE_LAST_SIZE - 16)
#define DESTINATION_WIDTH 64
#define EXE_WIDTH 40
#define ORIGIN_WIDTH 48
/* A shorter piece of a destination says nothing. */
#define LAST_WIDTH_MIN 12

static const char *const stage_names[] = {
    [CF_FLOW_CONNECTING] = "connecting",
    [CF_FLOW_RELAYED] = "open",
    [CF_FLOW_CLOSING] = "closing",
};
static_assert(sizeof stage_names / sizeof stage_names[0] == CF_FLOW_STAGE_COUNT,
              "a name for each stage");

enum cell {
    CELL_FLOW,
    CELL_STAGE,
    CELL_AGE,
    CELL_SOURCE,
    CELL_DESTINATION,
    CELL_OUT,
    CELL_IN,
    CELL_PID,
    CELL_EXE,
    CELL_ORIGIN,
    CELL_COUNT
};

static const struct {
    const char *title;
    bool right; /* aligned */
} columns[] = {
    [CELL_FLOW] = { "flow", true },
    [CELL_STAGE] = { "state", false },
    [CELL_AGE] = { "age", true },
    [CELL_SOURCE] = { "source", true },
    [CELL_DESTINATION] = { "destination", false },
    [CELL_OUT] = { "out", true },
    [CELL_IN] = { "in", true },
    [CELL_PID] = { "pid", true },
    [CELL_EXE] = { "program", false },
    [CELL_ORIGIN] = { "rule", false },
};
static_assert(sizeof columns / sizeof columns[0] == CELL_COUNT, "a title for each cell");

struct sheet {
    struct {
        char *text; /* printable; owned */
        unsigned width;
    } *cells; /* CELL_COUNT for each row, the titles first */
    size_t n_rows;
    unsigned width[CELL_COUNT];
};

/* "name:443", "udp://[2001:db8::1]:53", "icmp://name", as the policy would write it. */
static void destination_format(enum cf_proto proto, const char *name,
                               const struct cf_addr_port *dst, char text[DESTINATION_SIZE])
{
    const char *prefix = proto == CF_PROTO_TCP ? "" : cf_proto_name(proto);
    char addr[CF_ADDR_TEXT_SIZE], port[16] = "";
    bool brackets = !name && dst->addr.family == CF_FAMILY_IPV6;

    if (proto != CF_PROTO_ICMP)
        snprintf(port, sizeof port, ":%u", (unsigned)dst->port);
    snprintf(text, DESTINATION_SIZE, "%s%s%s%s%s%s", prefix, *prefix ? "://" : "",
             brackets ? "[" : "", name ? name : cf_addr_format(&dst->addr, addr),
             brackets ? "]" : "", port);
}

void cf_live_last(const struct cf_event *event, char last[CF_LIVE_LAST_SIZE])
{
    const struct cf_event_flow_open *flow = &event->flow_open;
    char destination[DESTINATION_SIZE];

    if (event->type == CF_EVENT_FLOW_OPEN || event->type == CF_EVENT_FLOW_DENIED)
        destination_format(flow->proto, cf_event_flow_name(flow), &flow->dst, destination);
    else if (event->type == CF_EVENT_DNS && event->dns.verdict.action == CF_DENY)
        snprintf(destination, sizeof destination, "%s", event->dns.name);
    else
        return;
    snprintf(last, CF_LIVE_LAST_SIZE, "%s%s", event->type == CF_EVENT_FLOW_OPEN ? "" : "denied ",
             destination);
}

static uint64_t denied(const struct cf_event_totals *totals)
{
    return totals->denied + totals->dns_denied + totals->packets_denied;
}

/* "1.2 MiB, 14 queries, 1 denied", and what audit mode let through. */
static void put_figures(const struct cf_live_figures *figures, struct cf_buffer *buffer)
{
    const struct cf_event_totals *totals = figures->totals;
    char bytes[CF_SHOW_SIZE];

    cf_show_bytes(totals->bytes_out + totals->bytes_in + figures->open_bytes, bytes);
    cf_buffer_printf(buffer, "%s, %" PRIu64 " %s, %" PRIu64 " denied", bytes, totals->dns,
                     totals->dns == 1 ? "query" : "queries", denied(totals));
    if (totals->would_deny > 0)
        cf_buffer_printf(buffer, ", %" PRIu64 " would be denied", totals->would_deny);
}

int cf_live_format_line(const struct cf_live_figures *figures, unsigned width,
                        struct cf_buffer *buffer)
{
    static const char before_last[] = ", last ";
    struct cf_buffer head;
    size_t used;

    cf_buffer_init(&head, 0);
    cf_buffer_printf(&head, "childflow: %zu open, ", figures->n_open);
    put_figures(figures, &head);
    if (head.failed) {
        cf_buffer_done(&head);
        return -ENOMEM;
    }
    used = head.length + strlen(before_last);
    cf_buffer_append(buffer, head.data, head.length < width ? head.length : width);
    cf_buffer_done(&head);
    if (figures->last[0] && used + LAST_WIDTH_MIN <= width) {
        cf_auto_free char *last = cf_show_text(figures->last, (unsigned)(width - used), NULL);

        cf_buffer_printf(buffer, "%s%s", before_last, last ? last : "?");
    }
    return buffer->failed ? -ENOMEM : 0;
}

/* What fails is an empty cell, which sheet_put() notices. */
static void cell_set(struct sheet *sheet, enum cell cell, const char *text, unsigned max_width)
{
    size_t at = (sheet->n_rows - 1) * CELL_COUNT + cell;

    sheet->cells[at].text = cf_show_text(text, max_width, &sheet->cells[at].width);
    if (sheet->cells[at].text && sheet->cells[at].width > sheet->width[cell])
        sheet->width[cell] = sheet->cells[at].width;
}

static void cell_printf(struct sheet *sheet, enum cell cell, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void cell_printf(struct sheet *sheet, enum cell cell, const char *format, ...)
{
    char text[CF_SHOW_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cell_set(sheet, cell, text, sizeof text);
}

/* The file and line of the rule; without one, why. */
static void set_origin(struct sheet *sheet, const struct cf_open_flow *flow)
{
    const struct cf_origin *origin = flow->rule ? &flow->rule->origin : NULL;
    cf_auto_free char *text = NULL;

    if (!origin || !origin->file)
        cell_set(sheet, CELL_ORIGIN, cf_reason_name(flow->reason), ORIGIN_WIDTH);
    else if (origin->line == 0)
        cell_set(sheet, CELL_ORIGIN, origin->file, ORIGIN_WIDTH);
    else if (asprintf(&text, "%s:%u", origin->file, origin->line) >= 0)
        cell_set(sheet, CELL_ORIGIN, text, ORIGIN_WIDTH);
    else
        text = NULL;
}

/* "name:443 (192.0.2.1)": the address is never what is cut. */
static void set_destination(struct sheet *sheet, const struct cf_open_flow *flow)
{
    char text[DESTINATION_SIZE], addr[CF_ADDR_TEXT_SIZE];
    cf_auto_free char *shown = NULL;
    cf_auto_free char *whole = NULL;

    destination_format(flow->proto, flow->name, &flow->dst, text);
    shown = cf_show_text(text, DESTINATION_WIDTH, NULL);
    if (!shown || !flow->name) {
        cell_set(sheet, CELL_DESTINATION, text, DESTINATION_WIDTH);
        return;
    }
    if (asprintf(&whole, "%s (%s)", shown, cf_addr_format(&flow->dst.addr, addr)) >= 0)
        cell_set(sheet, CELL_DESTINATION, whole, DESTINATION_WIDTH + CF_ADDR_TEXT_SIZE + 3);
    else
        whole = NULL;
}

static void add_row(struct sheet *sheet, const struct cf_open_flow *flow)
{
    char text[CF_SHOW_SIZE];

    sheet->n_rows++;
    cell_printf(sheet, CELL_FLOW, "%" PRIu64, flow->flow);
    cell_set(sheet, CELL_STAGE, stage_names[flow->stage], UINT32_MAX / 4);
    cell_set(sheet, CELL_AGE, cf_show_duration(flow->age_us, text), UINT32_MAX / 4);
    if (flow->src.port)
        cell_printf(sheet, CELL_SOURCE, "%u", (unsigned)flow->src.port);
    else
        cell_set(sheet, CELL_SOURCE, "-", 1);
    set_destination(sheet, flow);
    cell_set(sheet, CELL_OUT, cf_show_bytes(flow->bytes_out, text), UINT32_MAX / 4);
    cell_set(sheet, CELL_IN, cf_show_bytes(flow->bytes_in, text), UINT32_MAX / 4);
    if (flow->pid)
        cell_printf(sheet, CELL_PID, "%d", flow->pid);
    else
        cell_set(sheet, CELL_PID, "-", 1);
    cell_set(sheet, CELL_EXE, flow->exe ? flow->exe : "-", EXE_WIDTH);
    set_origin(sheet, flow);
}

static int sheet_init(struct sheet *sheet, const struct cf_open_flow *flows, size_t n_flows)
{
    *sheet = (struct sheet) { 0 };
    sheet->cells = calloc((n_flows + 1) * CELL_COUNT, sizeof *sheet->cells);
    if (!sheet->cells)
        return -ENOMEM;
    sheet->n_rows = 1;
    for (int cell = 0; cell < CELL_COUNT; cell++)
        cell_set(sheet, (enum cell)cell, columns[cell].title, UINT32_MAX / 4);
    for (size_t i = 0; i < n_flows; i++)
        add_row(sheet, &flows[i]);
    return 0;
}

static void sheet_done(struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->n_rows * CELL_COUNT; i++)
        free(sheet->cells[i].text);
    free(sheet->cells);
}

static int sheet_put(const struct sheet *sheet, struct cf_buffer *buffer)
{
    for (size_t i = 0; i < sheet->n_rows * CELL_COUNT; i++) {
        size_t cell = i % CELL_COUNT;
        const char *text = sheet->cells[i].text;
        int padding = (int)(sheet->width[cell] - sheet->cells[i].width);
        bool last = cell == CELL_COUNT - 1;

        if (!text)
            return -ENOMEM;
        cf_buffer_printf(buffer, "  %*s%s%*s%s", columns[cell].right ? padding : 0, "", text,
                         columns[cell].right || last ? 0 : padding, "", last ? "\n" : "");
    }
    return 0;
}

int cf_live_format_table(const struct cf_live_figures *figures, const struct cf_open_flow *flows,
                         size_t n_flows, int64_t time_us, struct cf_buffer *buffer)
{
    char time[CF_CLOCK_RFC3339_SIZE], duration[CF_SHOW_SIZE];
    struct sheet sheet;
    int r = 0;

    cf_clock_format_rfc3339(time_us, time);
    cf_buffer_printf(buffer, "childflow: %s, after %s: %zu flow%s open, ", time,
                     cf_show_duration(figures->run_us, duration), figures->n_open,
                     figures->n_open == 1 ? "" : "s");
    put_figures(figures, buffer);
    cf_buffer_puts(buffer, "\n");
    if (n_flows > 0) {
        r = sheet_init(&sheet, flows, n_flows);
        if (r == 0) {
            r = sheet_put(&sheet, buffer);
            sheet_done(&sheet);
        }
    }
    if (figures->n_open > n_flows)
        cf_buffer_printf(buffer, "  and %zu more\n", figures->n_open - n_flows);
    return r < 0 || buffer->failed ? -ENOMEM : 0;
}
