/*
 * summary_table.c - which of the collected lines are printed, and in which order
 */
#include "report/summary_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [CF_LINE_ALLOWED] = "allowed",       [CF_LINE_ASKED] = "asked",   [CF_LINE_FAILED] = "failed",
    [CF_LINE_WOULD_DENY] = "would deny", [CF_LINE_DENIED] = "denied",
};
static_assert(sizeof kind_names / sizeof kind_names[0] == CF_LINE_KIND_COUNT,
              "a name for each kind");

const char *cf_line_kind_name(enum cf_line_kind kind)
{
    return kind_names[kind];
}

/* A flow to the name says the same, and more. */
static bool said_by_flow(const struct cf_summary_line *line)
{
    if (!line->name)
        return false;
    if (line->kind == CF_LINE_ASKED)
        return line->name->flow_allowed || line->name->flow_denied;
    return line->kind != CF_LINE_FAILED && line->name->flow_denied;
}

static void collect(struct cf_hash_node *node, void *data)
{
    const struct cf_summary_line *line = cf_container_of(node, struct cf_summary_line, node);
    struct cf_summary_page *page = data;

    if (!said_by_flow(line))
        page->lines[page->n_lines++] = line;
}

static int compare_counts(uint64_t a, uint64_t b)
{
    return a < b ? 1 : a > b ? -1 : 0;
}

/* By kind, flows before names before packets, what was most first, then by text. */
static int compare(const void *left, const void *right)
{
    const struct cf_summary_line *a = *(const struct cf_summary_line *const *)left;
    const struct cf_summary_line *b = *(const struct cf_summary_line *const *)right;
    int r;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->subject != b->subject)
        return a->subject < b->subject ? -1 : 1;
    r = compare_counts(a->count, b->count);
    if (r == 0)
        r = strcmp(a->destination, b->destination);
    if (r == 0)
        r = strcmp(a->file ? a->file : "", b->file ? b->file : "");
    if (r == 0)
        r = a->line < b->line ? -1 : a->line > b->line;
    return r != 0 ? r : strcmp(a->reason, b->reason);
}

/* Leave out `excess` lines of one kind, from its end, and count them together. */
static size_t drop(struct cf_summary_page *page, enum cf_line_kind kind, size_t excess)
{
    size_t end = page->n_lines, start;

    while (end > 0 && page->lines[end - 1]->kind != kind)
        end--;
    for (start = end; excess > 0 && start > 0 && page->lines[start - 1]->kind == kind; excess--) {
        const struct cf_summary_line *line = page->lines[--start];

        page->rest[line->kind][line->subject].count += line->count;
        page->rest[line->kind][line->subject].bytes += line->bytes;
    }
    memmove(page->lines + start, page->lines + end, (page->n_lines - end) * sizeof *page->lines);
    page->n_lines -= end - start;
    return excess;
}

/* What was denied stays longest: no crowd of names may push it out. */
static void limit(struct cf_summary_page *page)
{
    static const enum cf_line_kind order[] = { CF_LINE_ASKED, CF_LINE_FAILED, CF_LINE_ALLOWED,
                                               CF_LINE_WOULD_DENY, CF_LINE_DENIED };
    size_t excess = page->n_lines > CF_SUMMARY_LINES ? page->n_lines - CF_SUMMARY_LINES : 0;

    static_assert(sizeof order / sizeof order[0] == CF_LINE_KIND_COUNT, "each kind once");
    for (size_t i = 0; i < CF_LINE_KIND_COUNT; i++)
        excess = drop(page, order[i], excess);
}

int cf_summary_page_init(struct cf_summary_page *page, const struct cf_summary_table *summary)
{
    /* cf_hash_each() wants a hash that it may change; collect() does not. */
    struct cf_hash lines = summary->lines;

    memset(page, 0, sizeof *page);
    page->lines = calloc(lines.n_nodes + 1, sizeof *page->lines);
    if (!page->lines)
        return -ENOMEM;
    memcpy(page->rest, summary->rest, sizeof page->rest);
    cf_hash_each(&lines, collect, page);
    qsort(page->lines, page->n_lines, sizeof *page->lines, compare);
    limit(page);
    return 0;
}

void cf_summary_page_done(struct cf_summary_page *page)
{
    free(page->lines);
    page->lines = NULL;
    page->n_lines = 0;
}
