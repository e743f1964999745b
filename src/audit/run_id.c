/*
 * run_id.c - the id of a run: a UUIDv7 (RFC 9562, 5.7)
 */
#include "audit/audit.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#include "audit/run_id.h"
#include "base/clock.h"

/*
 * 48 bits of milliseconds, the version, 12 random bits, the variant, 62
 * random bits. Ids of one machine sort by time to the millisecond; a run has
 * one id, so nothing finer is needed.
 */
static void id_make(uint8_t bytes[16])
{
    uint64_t ms = (uint64_t)cf_clock_realtime_us() / 1000;

    /* Up to 256 bytes are given whole, but for a signal before the pool is ready. */
    while (getrandom(bytes, 16, 0) != 16)
        if (errno != EINTR)
            abort();
    for (int i = 5; i >= 0; i--, ms >>= 8)
        bytes[i] = (uint8_t)ms;
    bytes[6] = (uint8_t)(0x70 | (bytes[6] & 0x0f));
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
}

void cf_run_id_make(char text[CF_RUN_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    char *at = text;

    id_make(bytes);
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 0x0f];
    }
    *at = '\0';
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

int64_t cf_run_id_time_us(const char *text)
{
    int64_t ms = 0;
    int n = 0;

    for (; *text && n < 12; text++) {
        int digit = digit_of(*text);

        if (*text == '-')
            continue;
        if (digit < 0)
            return -1;
        ms = ms << 4 | digit;
        n++;
    }
    return n == 12 && ms <= INT64_MAX / 1000 ? ms * 1000 : -1;
}
