/*
 * summary_json.c - the summary for programs: one object on one line
 */
#include <assert.h>
#include <errno.h>

#include "audit/event_json.h"
#include "audit/json.h"
#include "report/summary.h"
#include "report/summary_table.h"

static const char *subject_name(enum cf_line_subject subject)
{
    static const char *const names[] = {
        [CF_LINE_FLOW] = "flows",
        [CF_LINE_NAME] = "names",
        [CF_LINE_PACKETS] = "packets",
    };

    return names[subject];
}

static const char *verdict_name(enum cf_line_kind kind)
{
    return kind == CF_LINE_WOULD_DENY ? "would_deny" : cf_line_kind_name(kind);
}

static void put_rule(struct cf_json *json, const struct cf_summary_line *line)
{
    cf_json_text(json, "reason", line->reason);
    if (!line->file) {
        cf_json_null(json, "rule");
        return;
    }
    cf_json_object(json, "rule");
    cf_json_text(json, "file", line->file);
    if (line->line)
        cf_json_unsigned(json, "line", line->line);
    else
        cf_json_null(json, "line");
    cf_json_object_end(json);
}

static void put_processes(struct cf_json *json, const struct cf_summary_line *line)
{
    size_t n = line->n_processes < CF_LINE_PROCESSES ? line->n_processes : CF_LINE_PROCESSES;

    cf_json_array(json, "processes");
    for (size_t i = 0; i < n; i++)
        cf_json_text(json, NULL, line->processes[i]);
    cf_json_array_end(json);
    cf_json_unsigned(json, "more_processes", line->n_processes - n);
}

static void put_types(struct cf_json *json, const struct cf_summary_line *line)
{
    char text[CF_EVENT_CODE_SIZE];

    cf_json_array(json, "types");
    for (size_t i = 0; i < line->n_types; i++)
        cf_json_text(json, NULL, cf_record_type_format(line->types[i], text));
    cf_json_array_end(json);
}

/* destination is null for what is counted together. */
static void put_figures(struct cf_json *json, enum cf_line_kind kind, enum cf_line_subject subject,
                        const char *destination, uint64_t count, uint64_t bytes)
{
    cf_json_text(json, "verdict", verdict_name(kind));
    cf_json_text(json, "of", subject_name(subject));
    cf_json_text(json, "destination", destination);
    cf_json_unsigned(json, "count", count);
    if (subject == CF_LINE_FLOW)
        cf_json_unsigned(json, "bytes", bytes);
}

static void put_lines(struct cf_json *json, const struct cf_summary_page *page)
{
    cf_json_array(json, "lines");
    for (size_t i = 0; i < page->n_lines; i++) {
        const struct cf_summary_line *line = page->lines[i];

        cf_json_object(json, NULL);
        put_figures(json, line->kind, line->subject, line->destination, line->count, line->bytes);
        if (line->subject == CF_LINE_NAME)
            put_types(json, line);
        put_processes(json, line);
        put_rule(json, line);
        cf_json_object_end(json);
    }
    for (int kind = 0; kind < CF_LINE_KIND_COUNT; kind++) {
        for (int subject = 0; subject < CF_LINE_SUBJECT_COUNT; subject++) {
            const struct cf_summary_rest *rest = &page->rest[kind][subject];

            if (rest->count == 0 && rest->bytes == 0)
                continue;
            cf_json_object(json, NULL);
            put_figures(json, (enum cf_line_kind)kind, (enum cf_line_subject)subject, NULL,
                        rest->count, rest->bytes);
            cf_json_object_end(json);
        }
    }
    cf_json_array_end(json);
}

static void put_warnings(struct cf_json *json, const struct cf_summary_table *summary)
{
    cf_json_array(json, "warnings");
    for (size_t i = 0; i < summary->n_warnings; i++) {
        cf_json_object(json, NULL);
        cf_json_text(json, "code", summary->warnings[i].code);
        cf_json_text(json, "text", summary->warnings[i].text);
        cf_json_object_end(json);
    }
    cf_json_array_end(json);
    cf_json_unsigned(json, "more_warnings", summary->more_warnings);
}

static void put_lookups(struct cf_json *json, const struct cf_lookups *lookups)
{
    struct cf_lookups_name names[CF_SUMMARY_TOP_NAMES];
    struct cf_lookups_domain domains[CF_SUMMARY_TUNNELS];
    size_t n_names = cf_lookups_top(lookups, names, CF_SUMMARY_TOP_NAMES);
    size_t n_domains = cf_lookups_tunnels(lookups, domains, CF_SUMMARY_TUNNELS);

    cf_json_array(json, "top_names");
    for (size_t i = 0; i < n_names; i++) {
        cf_json_object(json, NULL);
        cf_json_text(json, "name", names[i].name);
        cf_json_unsigned(json, "count", names[i].count);
        cf_json_object_end(json);
    }
    cf_json_array_end(json);
    cf_json_array(json, "tunnels");
    for (size_t i = 0; i < n_domains; i++) {
        cf_json_object(json, NULL);
        cf_json_text(json, "domain", domains[i].domain);
        cf_json_unsigned(json, "names", domains[i].names);
        cf_json_unsigned(json, "octets", domains[i].octets);
        cf_json_unsigned(json, "centibits_per_character", domains[i].centibits);
        cf_json_unsigned(json, "went_out", domains[i].left);
        cf_json_object_end(json);
    }
    cf_json_array_end(json);
}

static void put_proxy(struct cf_json *json, const struct cf_summary_proxy *proxy)
{
    static const char *const resolvers[] = {
        [CF_PROXY_DNS_DIRECT] = "servers",
        [CF_PROXY_DNS_TUNNEL] = "servers_through_proxy",
        [CF_PROXY_DNS_NAMES] = "proxy",
    };
    static_assert(sizeof resolvers / sizeof resolvers[0] == CF_PROXY_DNS_COUNT, "a name for each");

    if (!proxy->url) {
        cf_json_null(json, "proxy");
        return;
    }
    cf_json_object(json, "proxy");
    cf_json_text(json, "url", proxy->url);
    cf_json_text(json, "resolver", resolvers[proxy->dns]);
    cf_json_unsigned(json, "flows_through", proxy->through);
    cf_json_unsigned(json, "flows_past", proxy->past);
    cf_json_unsigned(json, "flows_failed", proxy->failed);
    cf_json_text(json, "last_why", proxy->why);
    cf_json_text(json, "last_words", proxy->words);
    cf_json_object_end(json);
}

static void put_capture(struct cf_json *json, const struct cf_event_capture *capture)
{
    if (!capture->file) {
        cf_json_null(json, "capture");
        return;
    }
    cf_json_object(json, "capture");
    cf_json_text(json, "file", capture->file);
    cf_json_unsigned(json, "packets", capture->packets);
    cf_json_unsigned(json, "bytes", capture->bytes);
    cf_json_unsigned(json, "dropped", capture->dropped);
    cf_json_unsigned(json, "files", capture->files);
    cf_json_object_end(json);
}

static void put_summary(struct cf_json *json, const struct cf_summary_table *summary,
                        const struct cf_summary_page *page, const char *log_path)
{
    cf_json_object(json, NULL);
    cf_json_text(json, "policy", summary->policy);
    cf_json_text(json, "file", summary->policy_file);
    cf_json_text(json, "mode", cf_mode_name(summary->mode));
    cf_event_totals_format_json(&summary->totals, json, "totals");
    if (summary->ended)
        cf_json_unsigned(json, "duration_us", summary->duration_us);
    else
        cf_json_null(json, "duration_us");
    cf_json_array(json, "not_in_force");
    for (size_t i = 0; i < summary->n_not_in_force; i++)
        cf_json_text(json, NULL, summary->not_in_force[i]);
    cf_json_array_end(json);
    put_proxy(json, &summary->proxy);
    put_lines(json, page);
    put_lookups(json, summary->lookups);
    put_warnings(json, summary);
    put_capture(json, &summary->capture);
    cf_json_text(json, "log", log_path);
    cf_json_object_end(json);
    cf_buffer_append(json->buffer, "\n", 1);
}

int cf_summary_format_json(const struct cf_summary_table *summary, const char *log_path,
                           struct cf_buffer *buffer)
{
    struct cf_summary_page page;
    struct cf_json json;
    int r = cf_summary_page_init(&page, summary);

    if (r < 0)
        return r;
    cf_json_init(&json, buffer);
    put_summary(&json, summary, &page, log_path);
    cf_summary_page_done(&page);
    return buffer->failed ? -ENOBUFS : 0;
}
