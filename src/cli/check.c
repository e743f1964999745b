/*
 * check.c - childflow check: every error and every doubtful rule of every policy
 *
 * Nothing is run. In the other formats than text nothing but the document
 * goes to stdout, and a policy that cannot be read is a finding like others.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "report/findings.h"
#include "report/show.h"

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_SARIF, FORMAT_COUNT };

static const char *const format_names[FORMAT_COUNT] = {
    [FORMAT_TEXT] = "text",
    [FORMAT_JSON] = "json",
    [FORMAT_SARIF] = "sarif",
};

/* One policy and what was found in it. */
struct checked {
    const char *path;
    struct cf_diagnostics diagnostics;
    struct cf_error err; /* it cannot be read; "" otherwise */
    bool ok;
};

struct checking {
    const struct cf_options *options;
    enum format format;
    struct checked *policies;
    size_t n_policies;
};

static bool read_format(const char *text, enum format *ret_format)
{
    for (int i = 0; i < FORMAT_COUNT; i++) {
        if (!text || strcmp(text, format_names[i]) == 0) {
            *ret_format = (enum format)i;
            return true;
        }
    }
    cf_cli_say("check: --format: expected text, json or sarif, got '%s'", text);
    return false;
}

static void check_policy(struct checked *checked, bool strict)
{
    const struct cf_policy_options options = { .analyse = true };
    struct cf_profile *profile = NULL;
    int r;

    cf_diagnostics_init(&checked->diagnostics);
    r = cf_policy_load(checked->path, &options, &checked->diagnostics, &profile, &checked->err);
    if (r == 0 || r == -EINVAL)
        checked->err.text[0] = '\0';
    checked->ok = r == 0 && !(strict && checked->diagnostics.n_warnings > 0);
    cf_profile_free(profile);
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void print_text(const struct checked *checked)
{
    const struct cf_diagnostics *found = &checked->diagnostics;
    cf_auto_free char *path = cf_show_text(checked->path, UINT_MAX, NULL);
    const char *name = path ? path : "policy";

    cf_cli_diagnostics_print(found);
    if (checked->err.text[0])
        cf_cli_say("%s", checked->err.text);
    else if (found->n_errors + found->n_warnings == 0)
        printf("%s: ok\n", name);
    else if (found->n_errors == 0)
        printf("%s: %s%zu warning%s\n", name, checked->ok ? "ok, " : "", found->n_warnings,
               plural(found->n_warnings));
    else if (found->n_warnings == 0)
        printf("%s: %zu error%s\n", name, found->n_errors, plural(found->n_errors));
    else
        printf("%s: %zu error%s, %zu warning%s\n", name, found->n_errors,
               plural(found->n_errors), found->n_warnings, plural(found->n_warnings));
}

/* For programs. */

static void rules_fill(struct cf_found_rule rules[CF_CODE_COUNT])
{
    for (int i = 0; i < CF_CODE_COUNT; i++) {
        enum cf_code code = (enum cf_code)i;

        rules[i] = (struct cf_found_rule) {
            .code = cf_code_name(code),
            .title = cf_code_title(code),
            .help = cf_code_help(code),
            .error = cf_code_severity(code) == CF_SEVERITY_ERROR,
        };
    }
}

/* Its related places are the caller's; 0 or -ENOMEM. */
static int found_fill(struct cf_found *found, const struct cf_diagnostic *item,
                      const struct cf_found_rule *rules)
{
    *found = (struct cf_found) {
        .rule = &rules[item->code],
        .at = { item->file, item->line, item->line > 0 ? item->column : 0 },
        .key = item->key,
        .message = item->message,
        .suggestion = item->suggestion,
        .source = item->source,
    };
    if (item->n_related == 0)
        return 0;
    found->related = calloc(item->n_related, sizeof *found->related);
    if (!found->related)
        return -ENOMEM;
    for (size_t i = 0; i < item->n_related; i++)
        found->related[i] = (struct cf_found_place) {
            item->related[i].file,
            item->related[i].line,
            item->related[i].column,
        };
    found->n_related = item->n_related;
    return 0;
}

static int policy_fill(struct cf_found_policy *policy, const struct checked *checked,
                       const struct cf_found_rule *rules)
{
    const struct cf_diagnostics *from = &checked->diagnostics;
    bool unreadable = checked->err.text[0] != '\0';
    int r = 0;

    *policy = (struct cf_found_policy) {
        .file = checked->path,
        .ok = checked->ok,
        .n_errors = from->n_errors + (unreadable ? 1 : 0),
        .n_warnings = from->n_warnings,
        .findings = calloc(from->n_items + 1, sizeof *policy->findings),
    };
    if (!policy->findings)
        return -ENOMEM;
    for (size_t i = 0; i < from->n_items && r == 0; i++)
        r = found_fill(&policy->findings[policy->n_findings++], &from->items[i], rules);
    if (unreadable)
        policy->findings[policy->n_findings++] = (struct cf_found) {
            .rule = &rules[CF_CODE_UNREADABLE],
            .at = { .file = checked->path },
            .message = checked->err.text,
        };
    return r;
}

static void policies_free(struct cf_found_policy *policies, size_t n)
{
    for (size_t i = 0; policies && i < n; i++) {
        for (size_t k = 0; k < policies[i].n_findings; k++)
            free(policies[i].findings[k].related);
        free(policies[i].findings);
    }
    free(policies);
}

/* The document of all policies; 0 or -ENOMEM. */
static int format_document(const struct checking *checking, struct cf_buffer *buffer)
{
    struct cf_found_policy *policies = calloc(checking->n_policies, sizeof *policies);
    struct cf_found_rule rules[CF_CODE_COUNT];
    struct cf_findings findings = {
        .version = PACKAGE_VERSION,
        .rules = rules,
        .n_rules = CF_CODE_COUNT,
        .policies = policies,
        .n_policies = checking->n_policies,
    };
    int r = policies ? 0 : -ENOMEM;

    rules_fill(rules);
    for (size_t i = 0; i < checking->n_policies && r == 0; i++)
        r = policy_fill(&policies[i], &checking->policies[i], rules);
    if (r == 0 && checking->format == FORMAT_JSON)
        r = cf_findings_format_json(&findings, buffer);
    else if (r == 0)
        r = cf_findings_format_sarif(&findings, buffer);
    policies_free(policies, checking->n_policies);
    return r;
}

static int print_document(const struct checking *checking)
{
    struct cf_buffer buffer;
    int status = CF_EXIT_OK;

    cf_buffer_init(&buffer, 0);
    if (format_document(checking, &buffer) < 0) {
        cf_cli_say("check: out of memory");
        status = CF_EXIT_FAILED;
    } else {
        fputs(buffer.data, stdout);
    }
    cf_buffer_done(&buffer);
    return status;
}

/* Returns the exit code. */
static int check_all(struct checking *checking)
{
    int status = CF_EXIT_OK;

    for (size_t i = 0; i < checking->n_policies; i++) {
        struct checked *checked = &checking->policies[i];

        checked->path = checking->options->rest[i];
        check_policy(checked, checking->options->strict);
        if (!checked->ok)
            status = CF_EXIT_POLICY;
        if (checking->format == FORMAT_TEXT)
            print_text(checked);
    }
    if (checking->format != FORMAT_TEXT && print_document(checking) != CF_EXIT_OK)
        status = CF_EXIT_FAILED;
    for (size_t i = 0; i < checking->n_policies; i++)
        cf_diagnostics_done(&checking->policies[i].diagnostics);
    return status;
}

static int check(const struct cf_options *options)
{
    struct checking checking = { .options = options, .n_policies = (size_t)options->n_rest };
    int status;

    if (options->n_rest == 0) {
        cf_cli_say("check: no policy file was named");
        return CF_EXIT_FAILED;
    }
    if (!read_format(options->format, &checking.format))
        return CF_EXIT_FAILED;
    checking.policies = calloc(checking.n_policies, sizeof *checking.policies);
    if (!checking.policies) {
        cf_cli_say("check: out of memory");
        return CF_EXIT_FAILED;
    }
    status = check_all(&checking);
    free(checking.policies);
    return status;
}

int cf_cli_check(int argc, char **argv)
{
    struct cf_options options;
    int status = CF_EXIT_OK;

    if (!cf_options_parse(argc, argv, CF_OPTIONS_CHECK, &options, &status))
        return status;
    status = check(&options);
    cf_options_done(&options);
    if (fflush(stdout) != 0)
        status = CF_EXIT_FAILED;
    return status;
}
