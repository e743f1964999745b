/*
 * findings_json.c - what is wrong with policies, as JSON
 */
#include "report/findings.h"

#include <errno.h>

#include "audit/json.h"

/* A number that may not be known. */
static void put_number(struct cf_json *json, const char *key, unsigned value)
{
    if (value > 0)
        cf_json_unsigned(json, key, value);
    else
        cf_json_null(json, key);
}

static void put_place(struct cf_json *json, const struct cf_found_place *place)
{
    cf_json_text(json, "file", place->file);
    put_number(json, "line", place->line);
    put_number(json, "column", place->column);
}

static void put_finding(struct cf_json *json, const struct cf_found *found)
{
    cf_json_object(json, NULL);
    cf_json_text(json, "severity", found->rule->error ? "error" : "warning");
    cf_json_text(json, "code", found->rule->code);
    put_place(json, &found->at);
    cf_json_text(json, "key", found->key);
    cf_json_text(json, "message", found->message);
    cf_json_text(json, "suggestion", found->suggestion);
    cf_json_text(json, "source", found->source);
    cf_json_array(json, "related");
    for (size_t i = 0; i < found->n_related; i++) {
        cf_json_object(json, NULL);
        put_place(json, &found->related[i]);
        cf_json_object_end(json);
    }
    cf_json_array_end(json);
    cf_json_object_end(json);
}

static void put_policy(struct cf_json *json, const struct cf_found_policy *policy)
{
    cf_json_object(json, NULL);
    cf_json_text(json, "file", policy->file);
    cf_json_bool(json, "ok", policy->ok);
    cf_json_unsigned(json, "errors", policy->n_errors);
    cf_json_unsigned(json, "warnings", policy->n_warnings);
    cf_json_array(json, "findings");
    for (size_t i = 0; i < policy->n_findings; i++)
        put_finding(json, &policy->findings[i]);
    cf_json_array_end(json);
    cf_json_object_end(json);
}

int cf_findings_format_json(const struct cf_findings *findings, struct cf_buffer *buffer)
{
    struct cf_json json;

    cf_json_init(&json, buffer);
    cf_json_object(&json, NULL);
    cf_json_unsigned(&json, "version", 1);
    cf_json_text(&json, "childflow", findings->version);
    cf_json_array(&json, "files");
    for (size_t i = 0; i < findings->n_policies; i++)
        put_policy(&json, &findings->policies[i]);
    cf_json_array_end(&json);
    cf_json_object_end(&json);
    cf_buffer_puts(buffer, "\n");
    return buffer->failed ? -ENOMEM : 0;
}
