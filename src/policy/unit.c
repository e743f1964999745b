/*
 * unit.c - durations, sizes, dates and permission bits as a policy writes them
 *
 * How this works: a number with a unit is digits and one word of a table. The
 * first entry of each factor is the spelling that is taken; the others are
 * what people write elsewhere, and only lead to a suggestion.
 */
#include "policy/unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"

struct unit {
    const char *word;  /* as it is written; NULL ends the table */
    const char *taken; /* the spelling that is meant; NULL: word itself is taken */
    int64_t factor;
};

static const struct unit duration_units[] = {
    { "ms", NULL, 1 },
    { "s", NULL, 1000 },
    { "m", NULL, 60000 },
    { "h", NULL, 3600000 },
    { "msec", "ms", 1 },
    { "millis", "ms", 1 },
    { "milliseconds", "ms", 1 },
    { "sec", "s", 1 },
    { "secs", "s", 1 },
    { "second", "s", 1 },
    { "seconds", "s", 1 },
    { "min", "m", 1 },
    { "mins", "m", 1 },
    { "minute", "m", 1 },
    { "minutes", "m", 1 },
    { "hr", "h", 1 },
    { "hour", "h", 1 },
    { "hours", "h", 1 },
    { "d", "h", 24 },
    { "day", "h", 24 },
    { "days", "h", 24 },
    { NULL, NULL, 0 },
};

static const struct unit size_units[] = {
    { "KiB", NULL, INT64_C(1) << 10 },
    { "MiB", NULL, INT64_C(1) << 20 },
    { "GiB", NULL, INT64_C(1) << 30 },
    { "TiB", NULL, INT64_C(1) << 40 },
    { "K", "KiB", 1 },
    { "KB", "KiB", 1 },
    { "M", "MiB", 1 },
    { "MB", "MiB", 1 },
    { "G", "GiB", 1 },
    { "GB", "GiB", 1 },
    { "T", "TiB", 1 },
    { "TB", "TiB", 1 },
    { "B", "", 1 },
    { "bytes", "", 1 },
    { NULL, NULL, 0 },
};

static int refuse(struct cf_unit_error *error, size_t offset, const char *why)
{
    error->offset = offset;
    error->why = why;
    return -EINVAL;
}

/* Digits without leading zeros; -ERANGE past INT64_MAX. */
static int number_parse(const char *text, size_t length, int64_t *ret_value)
{
    int64_t value = 0;

    if (length == 0 || (length > 1 && text[0] == '0'))
        return -EINVAL;
    for (size_t i = 0; i < length; i++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text[i] - '0', &value))
            return -ERANGE;
    *ret_value = value;
    return 0;
}

/* What "2 S" and "64kb" may have meant; left empty when that is not clear. */
static void suggest(const struct unit *units, int64_t value, const char *rest,
                    struct cf_unit_error *error)
{
    const char *word = rest + strspn(rest, " ");

    for (const struct unit *unit = units; unit->word; unit++) {
        const char *taken = unit->taken ? unit->taken : unit->word;
        int64_t times = unit->taken ? unit->factor : 1, meant;

        if (strcasecmp(unit->word, word) != 0 || __builtin_mul_overflow(value, times, &meant))
            continue;
        snprintf(error->suggestion, sizeof error->suggestion, "%lld%s", (long long)meant, taken);
        return;
    }
}

static int parse(const struct unit *units, bool bare, const char *text, int64_t *ret_value,
                 struct cf_unit_error *error)
{
    size_t digits = strspn(text, DIGITS);
    const char *word = text + digits;
    int64_t value;
    int r = number_parse(text, digits, &value);

    *error = (struct cf_unit_error) { 0 };
    if (r == -ERANGE)
        error->why = "a number below 2^63";
    if (r < 0)
        return r;
    if (bare && *word == '\0') {
        *ret_value = value;
        return 0;
    }
    for (const struct unit *unit = units; unit->word && !unit->taken; unit++) {
        if (strcmp(unit->word, word) != 0)
            continue;
        if (__builtin_mul_overflow(value, unit->factor, &value)) {
            error->why = "a number below 2^63";
            return -ERANGE;
        }
        *ret_value = value;
        return 0;
    }
    suggest(units, value, word, error);
    return refuse(error, digits, NULL);
}

int cf_duration_parse(const char *text, int64_t *ret_ms, struct cf_unit_error *ret_error)
{
    return parse(duration_units, false, text, ret_ms, ret_error);
}

int cf_size_parse(const char *text, int64_t *ret_bytes, struct cf_unit_error *ret_error)
{
    return parse(size_units, true, text, ret_bytes, ret_error);
}

/* The largest unit that leaves no rest. */
static char *format(const struct unit *units, int64_t value, const char *alone,
                    char text[CF_UNIT_SIZE])
{
    const char *word = alone;
    int64_t factor = 1;

    for (const struct unit *unit = units; unit->word && !unit->taken; unit++) {
        if (value != 0 && value % unit->factor == 0) {
            word = unit->word;
            factor = unit->factor;
        }
    }
    snprintf(text, CF_UNIT_SIZE, "%lld%s", (long long)(value / factor), word);
    return text;
}

char *cf_duration_format(int64_t ms, char text[CF_UNIT_SIZE])
{
    return ms == 0 ? strcpy(text, "0s") : format(duration_units, ms, "ms", text);
}

char *cf_size_format(int64_t bytes, char text[CF_UNIT_SIZE])
{
    return format(size_units, bytes, "", text);
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_of_month(int64_t year, int64_t month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 0000-01-01 to the first day of a year. */
static int64_t days_before_year(int64_t year)
{
    int64_t past = year - 1;

    return year * 365 + (year > 0 ? past / 4 - past / 100 + past / 400 + 1 : 0);
}

#define YEAR_FIRST 1970
#define YEAR_LAST 9999

/* "2027-6-3" is no date, but it is clear which one is meant. */
static int refuse_date(const char *text, struct cf_unit_error *error)
{
    unsigned year, month, day;
    int end = 0;
    size_t at = 0;

    if (strspn(text, DIGITS) == 4 &&
        sscanf(text, "%4u-%2u-%2u%n", &year, &month, &day, &end) == 3 && text[end] == '\0' &&
        strspn(text, DIGITS "-") == (size_t)end && year >= YEAR_FIRST && month >= 1 &&
        month <= 12 && day >= 1 && day <= days_of_month(year, month))
        snprintf(error->suggestion, sizeof error->suggestion, "%04u-%02u-%02u", year, month, day);
    while (at < 10 && (at == 4 || at == 7 ? text[at] == '-' : text[at] >= '0' && text[at] <= '9'))
        at++;
    return refuse(error, at, NULL);
}

int cf_date_parse(const char *text, int64_t *ret_days, struct cf_unit_error *ret_error)
{
    int64_t part[3] = { 0 }, days;
    static const uint8_t starts[] = { 0, 5, 8 }, ends[] = { 4, 7, 10 };

    *ret_error = (struct cf_unit_error) { 0 };
    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
        return refuse_date(text, ret_error);
    for (int i = 0; i < 3; i++) {
        for (size_t at = starts[i]; at < ends[i]; at++) {
            if (text[at] < '0' || text[at] > '9')
                return refuse_date(text, ret_error);
            part[i] = part[i] * 10 + (text[at] - '0');
        }
    }
    if (part[0] < YEAR_FIRST)
        return refuse(ret_error, starts[0], "a year from 1970");
    if (part[1] < 1 || part[1] > 12)
        return refuse(ret_error, starts[1], "a month from 01 to 12");
    if (part[2] < 1 || part[2] > days_of_month(part[0], part[1]))
        return refuse(ret_error, starts[2], "a day that the month has");
    days = days_before_year(part[0]) - days_before_year(YEAR_FIRST);
    for (int64_t month = 1; month < part[1]; month++)
        days += days_of_month(part[0], month);
    *ret_days = days + part[2] - 1;
    return 0;
}

char *cf_date_format(int64_t days, char text[CF_UNIT_SIZE])
{
    int64_t at = days + days_before_year(YEAR_FIRST), year = at / 366, month = 1;

    while (year < YEAR_LAST && days_before_year(year + 1) <= at)
        year++;
    at -= days_before_year(year);
    for (; month < 12 && at >= days_of_month(year, month); month++)
        at -= days_of_month(year, month);
    snprintf(text, CF_UNIT_SIZE, "%04lld-%02lld-%02lld", (long long)year, (long long)month,
             (long long)at + 1);
    return text;
}

int cf_mode_bits_parse(const char *text, int64_t *ret_bits, struct cf_unit_error *ret_error)
{
    size_t digits = strspn(text, "01234567");
    int64_t bits = 0;

    *ret_error = (struct cf_unit_error) { 0 };
    if (text[digits] != '\0' || digits == 0 || digits > 5)
        return refuse(ret_error, text[digits] ? digits : 0, NULL);
    if (text[0] != '0' || digits < 4) {
        if (text[0] != '0' && (digits == 3 || digits == 4))
            snprintf(ret_error->suggestion, sizeof ret_error->suggestion, "0%s", text);
        return refuse(ret_error, 0, NULL);
    }
    for (; *text; text++)
        bits = bits * 8 + (*text - '0');
    *ret_bits = bits;
    return 0;
}

char *cf_mode_bits_format(int64_t bits, char text[CF_UNIT_SIZE])
{
    snprintf(text, CF_UNIT_SIZE, "0%03llo", (unsigned long long)bits);
    return text;
}
