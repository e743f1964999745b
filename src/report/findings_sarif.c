/*
 * findings_sarif.c - what is wrong with policies, as SARIF
 *
 * Static Analysis Results Interchange Format 2.1.0 (OASIS, 2020). One run; its
 * driver lists every kind of finding, whether it was found or not, so that the
 * index of a rule is the same in every log.
 */
#include "report/findings.h"

#include <errno.h>
#include <string.h>

#include "audit/json.h"

#define SARIF_SCHEMA                                                                               \
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

/* A path as a URI reference (RFC 3986, 4.2; RFC 8089 for one that begins at the root). */
static void put_uri(struct cf_json *json, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~/!$&'()*+,;=@";
    struct cf_buffer uri;

    cf_buffer_init(&uri, 0);
    cf_buffer_puts(&uri, path[0] == '/' ? "file://" : "");
    for (const char *at = path; *at; at++) {
        if (strchr(plain, *at))
            cf_buffer_append(&uri, at, 1);
        else
            cf_buffer_printf(&uri, "%%%02X", (unsigned char)*at);
    }
    if (uri.failed)
        json->buffer->failed = true;
    cf_json_text(json, "uri", uri.data);
    cf_buffer_done(&uri);
}

static void put_location(struct cf_json *json, const struct cf_found_place *place)
{
    cf_json_object(json, NULL);
    cf_json_object(json, "physicalLocation");
    cf_json_object(json, "artifactLocation");
    put_uri(json, place->file);
    cf_json_object_end(json);
    if (place->line > 0) {
        cf_json_object(json, "region");
        cf_json_unsigned(json, "startLine", place->line);
        if (place->column > 0)
            cf_json_unsigned(json, "startColumn", place->column);
        cf_json_object_end(json);
    }
    cf_json_object_end(json);
    cf_json_object_end(json);
}

static void put_text(struct cf_json *json, const char *key, const char *text)
{
    cf_json_object(json, key);
    cf_json_text(json, "text", text);
    cf_json_object_end(json);
}

/* "egress.allow: can never match": what stands behind the place in the text for people. */
static void put_message(struct cf_json *json, const struct cf_found *found)
{
    struct cf_buffer text;

    cf_buffer_init(&text, 0);
    if (found->key)
        cf_buffer_printf(&text, "%s: ", found->key);
    cf_buffer_puts(&text, found->message);
    if (text.failed)
        json->buffer->failed = true;
    put_text(json, "message", text.data);
    cf_buffer_done(&text);
}

static void put_result(struct cf_json *json, const struct cf_findings *findings,
                       const struct cf_found *found)
{
    cf_json_object(json, NULL);
    cf_json_text(json, "ruleId", found->rule->code);
    cf_json_unsigned(json, "ruleIndex", (size_t)(found->rule - findings->rules));
    cf_json_text(json, "level", found->rule->error ? "error" : "warning");
    put_message(json, found);
    cf_json_array(json, "locations");
    put_location(json, &found->at);
    cf_json_array_end(json);
    if (found->n_related > 0) {
        cf_json_array(json, "relatedLocations");
        for (size_t i = 0; i < found->n_related; i++)
            put_location(json, &found->related[i]);
        cf_json_array_end(json);
    }
    cf_json_object_end(json);
}

static void put_rule(struct cf_json *json, const struct cf_found_rule *rule)
{
    cf_json_object(json, NULL);
    cf_json_text(json, "id", rule->code);
    put_text(json, "shortDescription", rule->title);
    put_text(json, "fullDescription", rule->help);
    put_text(json, "help", rule->help);
    cf_json_object(json, "defaultConfiguration");
    cf_json_text(json, "level", rule->error ? "error" : "warning");
    cf_json_object_end(json);
    cf_json_object_end(json);
}

static void put_driver(struct cf_json *json, const struct cf_findings *findings)
{
    cf_json_object(json, "tool");
    cf_json_object(json, "driver");
    cf_json_text(json, "name", "childflow");
    cf_json_text(json, "version", findings->version);
    cf_json_array(json, "rules");
    for (size_t i = 0; i < findings->n_rules; i++)
        put_rule(json, &findings->rules[i]);
    cf_json_array_end(json);
    cf_json_object_end(json);
    cf_json_object_end(json);
}

static void put_run(struct cf_json *json, const struct cf_findings *findings)
{
    cf_json_object(json, NULL);
    put_driver(json, findings);
    cf_json_text(json, "columnKind", "unicodeCodePoints");
    cf_json_array(json, "results");
    for (size_t i = 0; i < findings->n_policies; i++) {
        for (size_t k = 0; k < findings->policies[i].n_findings; k++)
            put_result(json, findings, &findings->policies[i].findings[k]);
    }
    cf_json_array_end(json);
    cf_json_object_end(json);
}

int cf_findings_format_sarif(const struct cf_findings *findings, struct cf_buffer *buffer)
{
    struct cf_json json;

    cf_json_init(&json, buffer);
    cf_json_object(&json, NULL);
    cf_json_text(&json, "$schema", SARIF_SCHEMA);
    cf_json_text(&json, "version", "2.1.0");
    cf_json_array(&json, "runs");
    put_run(&json, findings);
    cf_json_array_end(&json);
    cf_json_object_end(&json);
    cf_buffer_puts(buffer, "\n");
    return buffer->failed ? -ENOMEM : 0;
}
