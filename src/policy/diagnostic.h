/*
 * diagnostic.h - what is wrong with a policy, all of it at once
 *
 * Each finding is printed as
 *
 *     FILE:LINE:COLUMN: error: KEY: expected ..., got 'WHAT' (did you mean 'X'?)
 *       the line itself
 *             ^
 */
#ifndef CF_POLICY_DIAGNOSTIC_H
#define CF_POLICY_DIAGNOSTIC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "policy/code.h"

/* Another place that a finding speaks of. */
struct cf_related {
    char *file;
    unsigned line, column; /* from 1; 0: not known */
};

struct cf_diagnostic {
    enum cf_severity severity;
    enum cf_code code;
    char *file;
    unsigned line;   /* from 1; 0: the whole file */
    unsigned column; /* from 1, in characters */
    char *key;       /* "egress.allow[2]"; NULL when no key is concerned */
    char *message;
    char *suggestion; /* the nearest known word, which message has too; NULL when there is none */
    struct cf_related *related;
    size_t n_related;
    char *source;          /* the line, a long one cut around the column; NULL when there is none */
    unsigned source_caret; /* characters of source in front of the column */
    unsigned look;         /* the one that found it */
};

/* Findings that are kept, and how many of them may be warnings; those behind are only counted. */
#define CF_DIAGNOSTICS_MAX 1000
#define CF_WARNINGS_MAX 500

struct cf_diagnostics {
    struct cf_diagnostic *items; /* file by file, each in the order of line and column */
    size_t n_items;
    size_t n_errors, n_warnings; /* with those that were not kept */
    bool out_of_memory;          /* a finding was counted, but its text is lost */
    unsigned look, first_look;   /* first_look: 0 while there is no second one */
};

void cf_diagnostics_init(struct cf_diagnostics *diagnostics);
void cf_diagnostics_done(struct cf_diagnostics *diagnostics);

/*
 * The same files are looked at twice, each alone and then as they are merged:
 * between the second call and the third, a place that has a finding since the
 * first call gets no other of that severity. Nothing that was found before is
 * repeated, and nothing is lost.
 */
void cf_diagnostics_first_look(struct cf_diagnostics *diagnostics);
void cf_diagnostics_second_look(struct cf_diagnostics *diagnostics);
void cf_diagnostics_last_look(struct cf_diagnostics *diagnostics);

/*
 * Whether so many errors were found that no more of them will be shown: what
 * is read is refused, and reading it further would cost time for nothing.
 */
bool cf_diagnostics_full(const struct cf_diagnostics *diagnostics);

/* The text of every finding; 0 or -ENOMEM. */
int cf_diagnostics_format(const struct cf_diagnostics *diagnostics, struct cf_buffer *buffer);

#endif
