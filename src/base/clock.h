/*
 * clock.h - what time it is, and how it is written
 */
#ifndef CF_BASE_CLOCK_H
#define CF_BASE_CLOCK_H

#include <stdint.h>

#define CF_US_PER_S INT64_C(1000000)

/* Microseconds since an arbitrary point, never going back (CLOCK_MONOTONIC). */
int64_t cf_clock_monotonic_us(void);

/* Microseconds since 1970-01-01 00:00 UTC (CLOCK_REALTIME). */
int64_t cf_clock_realtime_us(void);

/* "2026-06-30T12:34:56.123456Z" (RFC 3339, UTC, microseconds) and its NUL. */
#define CF_CLOCK_RFC3339_SIZE 28
void cf_clock_format_rfc3339(int64_t realtime_us, char text[CF_CLOCK_RFC3339_SIZE]);

#endif
