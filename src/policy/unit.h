/*
 * unit.h - durations, sizes, dates and permission bits as a policy writes them
 *
 * Pure text to number and back. Each parser takes the whole text or refuses
 * it; each formatter writes the one canonical form, which parses to the same
 * number.
 */
#ifndef CF_POLICY_UNIT_H
#define CF_POLICY_UNIT_H

#include <stddef.h>
#include <stdint.h>

/* Room for any formatted value and for any suggestion, with the NUL. */
#define CF_UNIT_SIZE 64

/*
 * What a parser found wrong.
 */
struct cf_unit_error {
    size_t offset;                 /* the byte of the text */
    const char *why;               /* NULL: it is not of this form at all; static otherwise */
    char suggestion[CF_UNIT_SIZE]; /* what may have been meant; "" for none */
};

/* A whole number and ms, s, m or h: "500ms", "2s". */
int cf_duration_parse(const char *text, int64_t *ret_ms, struct cf_unit_error *ret_error);
/* Bytes: a whole number, alone or with KiB, MiB, GiB or TiB. */
int cf_size_parse(const char *text, int64_t *ret_bytes, struct cf_unit_error *ret_error);
/* A day of the Gregorian calendar, "2027-06-30", from 1970-01-01, as days since then. */
int cf_date_parse(const char *text, int64_t *ret_days, struct cf_unit_error *ret_error);
/* Octal, with a leading zero: "0700", at most 07777. */
int cf_mode_bits_parse(const char *text, int64_t *ret_bits, struct cf_unit_error *ret_error);

/*
 * The parsers return 0, or -EINVAL for what is wrong and -ERANGE for a number
 * that no policy can mean (2^63 and more), with ret_error filled. The values
 * of the formatters are not negative. Each returns text.
 */
char *cf_duration_format(int64_t ms, char text[CF_UNIT_SIZE]);
char *cf_size_format(int64_t bytes, char text[CF_UNIT_SIZE]);
char *cf_date_format(int64_t days, char text[CF_UNIT_SIZE]);
char *cf_mode_bits_format(int64_t bits, char text[CF_UNIT_SIZE]);

#endif
