/*
 * live.h - a run as it goes on: the line of --live, and the table of SIGUSR1
 */
#ifndef CF_CLI_LIVE_H
#define CF_CLI_LIVE_H

#include "audit/event.h"
#include "loop/loop.h"
#include "report/live.h"

struct cf_run;

struct cf_live {
    struct cf_timer timer;
    int64_t next_us; /* not drawn before */
    char last[CF_LIVE_LAST_SIZE];
    char *line; /* as it was drawn last; owned */
};

/* An event of the run was written; draws the line soon when the run has --live. */
void cf_live_event(struct cf_run *run, const struct cf_event *event);

/* The run ends: no line from here on. */
void cf_live_stop(struct cf_run *run);

/* Print the open flows on standard error. The engine must be there. */
void cf_live_print_table(struct cf_run *run);

#endif
