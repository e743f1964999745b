/*
 * live.c - a run as it goes on
 *
 * How this works. The line is drawn by a timer that an event starts, and that
 * starts itself again as long as a flow is open, whose bytes change without an
 * event. A line that says what stands there already is not drawn. To count the
 * bytes, every open flow is looked at, so the pause after it grows with what
 * that took: with many flows the line is slower, and not the flows.
 */
#include "cli/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "cli/run.h"
#include "cli/terminal.h"

#define PAUSE_US (CF_US_PER_S / 5)
#define PAUSE_FACTOR 100 /* of what a look at all flows took */

struct census {
    size_t n_open;
    uint64_t bytes;
    struct cf_open_flow *flows; /* room for CF_LIVE_ROWS; NULL: only count */
};

static void count(void *data, const struct cf_open_flow *flow)
{
    struct census *census = data;

    if (census->flows && census->n_open < CF_LIVE_ROWS)
        census->flows[census->n_open] = *flow;
    census->n_open++;
    census->bytes += flow->bytes_out + flow->bytes_in;
}

static struct cf_live_figures figures_of(const struct cf_run *run, struct census *census)
{
    cf_engine_each_flow(run->engine, count, census);
    return (struct cf_live_figures) {
        .totals = cf_audit_totals(run->audit),
        .n_open = census->n_open,
        .open_bytes = census->bytes,
        .last = run->live.last,
        .run_us = (uint64_t)(cf_clock_monotonic_us() - run->start_us),
    };
}

static void draw(struct cf_run *run, const struct cf_live_figures *figures)
{
    struct cf_live *live = &run->live;
    struct cf_buffer line;

    cf_buffer_init(&line, 0);
    /* In the last column, the cursor of some terminals goes to the next line. */
    if (cf_live_format_line(figures, cf_terminal_width() - 1, &line) == 0 && line.data &&
        (!cf_terminal_drawn() || !live->line || strcmp(live->line, line.data) != 0) &&
        cf_terminal_draw(line.data)) {
        free(live->line);
        live->line = cf_buffer_steal(&line);
    }
    cf_buffer_done(&line);
}

static void timer_due(struct cf_timer *timer)
{
    struct cf_run *run = cf_container_of(timer, struct cf_run, live.timer);
    int64_t start_us = cf_clock_monotonic_us(), took_us;
    struct census census = { 0 };
    struct cf_live_figures figures = figures_of(run, &census);

    took_us = cf_clock_monotonic_us() - start_us;
    draw(run, &figures);
    run->live.next_us = start_us + PAUSE_US + PAUSE_FACTOR * took_us;
    if (census.n_open > 0)
        cf_loop_timer_start(run->loop, timer, run->live.next_us);
}

void cf_live_event(struct cf_run *run, const struct cf_event *event)
{
    struct cf_live *live = &run->live;

    if (!run->options->live || run->ended)
        return;
    cf_live_last(event, live->last);
    if (!run->started || live->timer.slot)
        return;
    live->timer.fn = timer_due;
    cf_loop_timer_start(run->loop, &live->timer, live->next_us);
}

void cf_live_stop(struct cf_run *run)
{
    if (run->loop)
        cf_loop_timer_stop(run->loop, &run->live.timer);
    cf_terminal_clear();
    free(run->live.line);
    run->live.line = NULL;
}

static int by_number(const void *left, const void *right)
{
    const struct cf_open_flow *a = left, *b = right;

    return (a->flow > b->flow) - (a->flow < b->flow);
}

void cf_live_print_table(struct cf_run *run)
{
    struct census census = { .flows = calloc(CF_LIVE_ROWS, sizeof *census.flows) };
    struct cf_live_figures figures;
    struct cf_buffer text;
    size_t n_rows;
    int r = -ENOMEM;

    cf_buffer_init(&text, 0);
    if (census.flows) {
        figures = figures_of(run, &census);
        n_rows = census.n_open < CF_LIVE_ROWS ? census.n_open : CF_LIVE_ROWS;
        qsort(census.flows, n_rows, sizeof *census.flows, by_number);
        r = cf_live_format_table(&figures, census.flows, n_rows, cf_clock_realtime_us(), &text);
    }
    if (r == 0)
        cf_terminal_print(text.data);
    else
        cf_cli_say("out of memory while printing the flows");
    cf_buffer_done(&text);
    free(census.flows);
}
