/*
 * run_id.h - when a run began, read from its id
 */
#ifndef CF_AUDIT_RUN_ID_H
#define CF_AUDIT_RUN_ID_H

#include <stdint.h>

/* Microseconds since 1970 of a UUIDv7, to the millisecond; -1 when text is none. */
int64_t cf_run_id_time_us(const char *text);

#endif
