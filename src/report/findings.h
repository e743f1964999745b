/*
 * findings.h - what is wrong with policies, for programs
 *
 * Filled in by who has read the policies; here it becomes one JSON document
 * (schema/childflow-check-v1.schema.json) or one SARIF log. Pointers are
 * borrowed for the length of the call.
 */
#ifndef CF_REPORT_FINDINGS_H
#define CF_REPORT_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* A kind of finding. */
struct cf_found_rule {
    const char *code; /* "unknown-key" */
    const char *title;
    const char *help;
    bool error; /* or a warning */
};

struct cf_found_place {
    const char *file;
    unsigned line, column; /* from 1, in characters; 0: not known */
};

struct cf_found {
    const struct cf_found_rule *rule;
    struct cf_found_place at; /* the file is that of the policy or one that it reads */
    const char *key;          /* NULL when no key is concerned, as with what follows */
    const char *message;
    const char *suggestion;
    const char *source; /* the line */
    struct cf_found_place *related;
    size_t n_related;
};

/* One policy that was checked. */
struct cf_found_policy {
    const char *file;
    bool ok;                     /* childflow check would say so */
    size_t n_errors, n_warnings; /* with those that are not among findings */
    struct cf_found *findings;
    size_t n_findings;
};

struct cf_findings {
    const char *version;               /* of childflow */
    const struct cf_found_rule *rules; /* every kind */
    size_t n_rules;
    const struct cf_found_policy *policies;
    size_t n_policies;
};

/* One document and a line end. They return 0 or -ENOMEM. */
int cf_findings_format_json(const struct cf_findings *findings, struct cf_buffer *buffer);
/* SARIF 2.1.0 (OASIS), so that code hosts show findings beside the lines. */
int cf_findings_format_sarif(const struct cf_findings *findings, struct cf_buffer *buffer);

#endif
