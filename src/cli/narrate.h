/*
 * narrate.h - events as they happen, one line each, for -v
 */
#ifndef CF_CLI_NARRATE_H
#define CF_CLI_NARRATE_H

#include "audit/event.h"

/*
 * Print the event on stderr when this level wants it: 1 for what was denied
 * and warnings, 2 for flows and queries too. Control characters are escaped.
 */
void cf_narrate_event(const struct cf_event *event, int level);

#endif
