/*
 * source.h - the text of a file, and places in it
 *
 * Lines end at LF or CR LF and at nothing else, so that YAML, the messages and
 * an editor count the same lines; columns are characters of UTF-8.
 */
#ifndef CF_POLICY_SOURCE_H
#define CF_POLICY_SOURCE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "policy/diagnostic.h"
#include "profile/profile.h"
#include "profile/quote.h"

struct cf_source;

/* A place in a file. Two words: passed by value. */
struct cf_mark {
    unsigned line;            /* from 1; 0: the whole file */
    unsigned column;          /* from 1, in characters */
    struct cf_source *source; /* the file, borrowed; NULL: the one that is being read */
};

/* A character of a file, whose line and column are known. */
struct cf_source_place {
    size_t offset;
    unsigned line, column;
};

#define CF_SOURCE_PLACES 128

struct cf_source {
    const char *name; /* what messages call it; borrowed */
    const char *text; /* borrowed; NULL for what is not a file */
    size_t length;
    /* places to search from: at even distances, and the one that was found last */
    struct cf_source_place places[CF_SOURCE_PLACES], last;
    size_t n_places;   /* 0: not looked for yet */
    bool hidden;       /* findings show nothing of the text, only where it is wrong */
    unsigned end_line; /* the line whose end is known, 0: none */
    size_t line_end;
};

/* A byte order mark at the front of text is left out. */
void cf_source_init(struct cf_source *source, const char *name, const char *text, size_t length);

/* A source of which only one line, without its end, is at hand. */
void cf_source_init_line(struct cf_source *source, const char *name, unsigned line,
                         const char *text, size_t length);

/*
 * The line's bytes from a column on, without the line's end. A column behind
 * the end is the end. NULL when there is no such line.
 */
const char *cf_source_find(struct cf_source *source, struct cf_mark at, size_t *ret_length);

/* The place of a byte. */
struct cf_mark cf_source_mark(struct cf_source *source, size_t offset);

/*
 * The first thing that no text file may hold (below), as a message; NULL when
 * there is none. Static.
 */
const char *cf_text_fault(const char *text, size_t length, size_t *ret_offset);

/*
 * Whether a value, whose characters may have been written as escapes, has a
 * hidden one past U+FFFF. YAML and JSON have no common escape for it, so that
 * it could not be shown.
 */
bool cf_text_has_tags(const char *text);

/*
 * Report what no text file may hold: NUL bytes, bytes that are not UTF-8,
 * control characters, line ends that an editor does not show as such, and
 * characters that hide or turn what stands around them.
 * Returns 0, or -EINVAL after one finding.
 */
int cf_source_check(struct cf_source *source, struct cf_diagnostics *diagnostics);

/* One finding, but for its message. */
struct cf_finding {
    enum cf_code code;
    struct cf_mark at;      /* line 0 for the whole file */
    const char *key;        /* NULL when no key is concerned */
    const char *suggestion; /* the nearest known word, put behind the message; NULL: none */
    bool secret;            /* what stands behind the place in its line is not shown */
    const struct cf_origin *const *related; /* other places that the message speaks of */
    size_t n_related;
};

/* A finding without anything more, in a call. */
#define CF_FINDING(code_, at_, key_)                                                               \
    (&(struct cf_finding) { .code = (code_), .at = (at_), .key = (key_) })

/* Add one finding. source: of marks that name no file of their own */
void cf_diagnostics_add(struct cf_diagnostics *diagnostics, struct cf_source *source,
                        const struct cf_finding *finding, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void cf_diagnostics_add_list(struct cf_diagnostics *diagnostics, struct cf_source *source,
                             const struct cf_finding *finding, const char *fmt, va_list args)
    __attribute__((format(printf, 4, 0)));

/* Text of the policy as messages quote it, in single quotes, a URL without its user part. */
#define CF_QUOTED_SIZE (CF_QUOTE_SIZE + 2)
char *cf_quote_text(const char *value, char text[CF_QUOTED_SIZE]); /* returns text */

/*
 * The length of the UTF-8 character at text (1 to 4), or 0 when the bytes are
 * none (RFC 3629).
 */
unsigned cf_utf8_length(const char *text, size_t length, unsigned *ret_code);

#endif
