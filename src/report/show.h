/*
 * show.h - values as a person reads them on a terminal
 */
#ifndef CF_REPORT_SHOW_H
#define CF_REPORT_SHOW_H

#include <stdint.h>

/* Longest text of a size or a duration, and its NUL. */
#define CF_SHOW_SIZE 32

/*
 * Text that cannot act on the terminal: control and invisible characters and
 * bytes that are not UTF-8 become \x1b or \u{202e}. What is wider than
 * max_width columns loses its middle ("..."), less of its end than of its
 * start: the end of a name or a path says whose it is.
 *
 * ret_width: columns that it takes; may be NULL
 *
 * Returns the caller's, free(); NULL when memory is out.
 */
char *cf_show_text(const char *text, unsigned max_width, unsigned *ret_width);

/* "0 B", "402.0 KiB", "12.1 MiB"; returns text. */
char *cf_show_bytes(uint64_t bytes, char text[CF_SHOW_SIZE]);

/* "340 us", "12 ms", "12.4 s", "3 min 05 s", "2 h 05 min"; returns text. */
char *cf_show_duration(uint64_t us, char text[CF_SHOW_SIZE]);

#endif
