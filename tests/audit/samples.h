/*
 * samples.h - events of each kind with everything in them fixed
 */
#ifndef CF_TESTS_AUDIT_SAMPLES_H
#define CF_TESTS_AUDIT_SAMPLES_H

#include "audit/event.h"

#define SAMPLES_MAX 32

/* Fill events; returns how many there are. What they point at is static. */
size_t samples_make(struct cf_event events[SAMPLES_MAX]);

#endif
