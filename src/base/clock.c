/*
 * clock.c - what time it is, and how it is written
 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * CF_US_PER_S + now.tv_nsec / 1000;
}

int64_t cf_clock_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t cf_clock_realtime_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

void cf_clock_format_rfc3339(int64_t realtime_us, char text[CF_CLOCK_RFC3339_SIZE])
{
    char whole[64];
    struct tm utc;
    time_t seconds = (time_t)(realtime_us / CF_US_PER_S);
    int64_t us = realtime_us % CF_US_PER_S;

    if (us < 0) {
        us += CF_US_PER_S;
        seconds--;
    }
    gmtime_r(&seconds, &utc);
    /* Years past 9999 would not fit; RFC 3339 has four digits. */
    snprintf(whole, sizeof whole, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
             (unsigned)(utc.tm_year + 1900) % 10000u, (unsigned)(utc.tm_mon + 1) % 100u,
             (unsigned)utc.tm_mday % 100u, (unsigned)utc.tm_hour % 100u,
             (unsigned)utc.tm_min % 100u, (unsigned)utc.tm_sec % 100u,
             (unsigned)us % 1000000u);
    memcpy(text, whole, CF_CLOCK_RFC3339_SIZE - 1);
    text[CF_CLOCK_RFC3339_SIZE - 1] = '\0';
}
