/*
 * summary_table.h - what a summary has collected, for those who print it
 */
#ifndef CF_REPORT_SUMMARY_TABLE_H
#define CF_REPORT_SUMMARY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/event.h"
#include "base/hash.h"
#include "report/lookups.h"
#include "report/summary.h"

/* Lines that are printed, whatever was collected. */
#define CF_SUMMARY_LINES 1024
/* Lines that are collected of each kind and subject; the rest is counted together. */
#define CF_SUMMARY_FLOW_LINES 1024
#define CF_SUMMARY_NAME_LINES 4096
/* Flows that are open at a time and whose bytes find their line. */
#define CF_SUMMARY_OPEN_FLOWS 65536
#define CF_SUMMARY_WARNINGS 16
#define CF_SUMMARY_NOT_IN_FORCE 64
/* Names that were asked most, which are shown when more than so many were; tunnels. */
#define CF_SUMMARY_TOP_NAMES 5
#define CF_SUMMARY_FEW_NAMES 10
#define CF_SUMMARY_TUNNELS 8

/* In the order in which they are printed. */
enum cf_line_kind {
    CF_LINE_ALLOWED,
    CF_LINE_ASKED,  /* a name that was allowed and that no flow went to */
    CF_LINE_FAILED, /* a name that was allowed and got no answer that says anything */
    CF_LINE_WOULD_DENY,
    CF_LINE_DENIED,
    CF_LINE_KIND_COUNT
};

enum cf_line_subject { CF_LINE_FLOW, CF_LINE_NAME, CF_LINE_PACKETS, CF_LINE_SUBJECT_COUNT };

#define CF_LINE_PROCESSES 2       /* by name */
#define CF_LINE_PROCESS_HASHES 16 /* told apart */
#define CF_LINE_TYPES 4

/* A name that was asked for, and what came of it. */
struct cf_summary_name {
    struct cf_hash_node node;
    char *name; /* lower case, no final dot */
    bool flow_allowed;
    bool flow_denied; /* or would be */
};

struct cf_summary_line {
    struct cf_hash_node node;
    enum cf_line_kind kind;
    enum cf_line_subject subject;
    char *destination;
    char *file;    /* of the rule; NULL when none decided */
    unsigned line; /* 0: none */
    char *reason;
    uint64_t count; /* flows, tries, queries or packets */
    uint64_t bytes; /* both ways */

    char *processes[CF_LINE_PROCESSES]; /* base names */
    uint64_t process_hashes[CF_LINE_PROCESS_HASHES];
    size_t n_processes; /* different ones, up to CF_LINE_PROCESS_HASHES */

    uint16_t types[CF_LINE_TYPES]; /* of queries */
    size_t n_types;
    bool more_types;
    const struct cf_summary_name *name; /* of queries */
};

/* An open flow. */
struct cf_summary_flow {
    struct cf_hash_node node;
    uint64_t flow;
    struct cf_summary_line *line;
};

/* The way out through a proxy. */
struct cf_summary_proxy {
    char *url; /* NULL: there is none */
    enum cf_proxy_dns dns;
    uint64_t through, past; /* flows that were let through */
    uint64_t failed;        /* of those through it: it, or what is behind it, gave no connection */
    char *why, *words;      /* of the last that failed */
};

/* What found no room in the table. */
struct cf_summary_rest {
    uint64_t count, bytes;
};

struct cf_summary_table {
    char *policy, *policy_file; /* NULL before run_start */
    enum cf_mode mode;
    char *not_in_force[CF_SUMMARY_NOT_IN_FORCE];
    size_t n_not_in_force;

    struct cf_summary_proxy proxy;
    struct cf_event_capture capture; /* file is owned; NULL: there was none */

    struct cf_hash lines, names, flows;
    struct cf_lookups *lookups;
    size_t n_lines[CF_LINE_KIND_COUNT][CF_LINE_SUBJECT_COUNT];
    struct cf_summary_rest rest[CF_LINE_KIND_COUNT][CF_LINE_SUBJECT_COUNT];

    struct cf_event_warning warnings[CF_SUMMARY_WARNINGS]; /* texts are owned */
    size_t n_warnings;
    uint64_t more_warnings;

    struct cf_event_totals totals;
    uint64_t flows_would_deny, names_would_deny;
    bool ended;
    uint64_t duration_us;
};

/* The lines to print, in order, and what is counted together, by kind and subject. */
struct cf_summary_page {
    const struct cf_summary_line **lines;
    size_t n_lines;
    struct cf_summary_rest rest[CF_LINE_KIND_COUNT][CF_LINE_SUBJECT_COUNT];
};

/* Returns 0 or -ENOMEM. What page points at lives as long as the summary. */
int cf_summary_page_init(struct cf_summary_page *page, const struct cf_summary_table *summary);
void cf_summary_page_done(struct cf_summary_page *page);

/* "allowed", "asked", "failed", "would deny", "denied". */
const char *cf_line_kind_name(enum cf_line_kind kind);

#endif
