/*
 * test_policies.c - the policies that are shipped say what their comments say
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"
#include "profile/lint.h"
#include "profile/verdict.h"

/* The profile of a file, or of text when it is not NULL; any finding fails the test. */
static struct cf_profile *load_either(const char *path, const struct cf_buffer *text)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_buffer findings;
    struct cf_error err = { 0 };

    cf_diagnostics_init(&diagnostics);
    cf_buffer_init(&findings, 0);
    if (text)
        cf_policy_parse(text->data, text->length, path, NULL, &diagnostics, &profile, &err);
    else
        cf_policy_load(path, NULL, &diagnostics, &profile, &err);
    cf_diagnostics_format(&diagnostics, &findings);
    if (diagnostics.n_items > 0 || !profile)
        fail_msg("%s %s", err.text, findings.data ? findings.data : "");
    cf_buffer_done(&findings);
    cf_diagnostics_done(&diagnostics);
    return profile;
}

static struct cf_profile *load(const char *path)
{
    return load_either(path, NULL);
}

/* What `show` prints of the file is the same policy, and prints the same again. */
static void check_round_trip(const char *path)
{
    struct cf_profile *profile = load(path), *again;
    struct cf_buffer text, second;

    cf_buffer_init(&text, 0);
    cf_buffer_init(&second, 0);
    assert_int_equal(cf_policy_format(profile, false, &text), 0);
    again = load_either("shown", &text);
    assert_int_equal(cf_policy_format(again, false, &second), 0);
    assert_string_equal(second.data, text.data);
    assert_string_equal(again->name, profile->name);
    cf_buffer_done(&text);
    cf_buffer_done(&second);
    cf_profile_free(again);
    cf_profile_free(profile);
}

/* What `check --strict` looks for: no rule is without effect, or wider than one beside it. */
static void check_no_doubt(const char *path)
{
    struct cf_profile *profile = load(path);
    struct cf_lint lint;

    assert_int_equal(cf_lint(profile, CF_LINT_BUDGET, &lint), 0);
    if (lint.n_findings > 0)
        fail_msg("%s:%u: '%s': finding of kind %d", path, lint.findings[0].rule->origin.line,
                 lint.findings[0].rule->text, (int)lint.findings[0].kind);
    cf_lint_done(&lint);
    cf_profile_free(profile);
}

/* The first line, from which editors know the schema. */
static void check_editor_line(const char *path, const char *expected)
{
    FILE *file = fopen(path, "re");
    char line[256] = "";

    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    assert_string_equal(line, expected);
}

/* name: the one that dst was looked up by, or NULL. */
static void check_flow(const struct cf_profile *profile, const char *name, const char *dst,
                       uint16_t port, enum cf_action action, bool would_deny)
{
    struct cf_flow_name known = { .name = name };
    struct cf_flow_query query = {
        .proto = CF_PROTO_TCP,
        .port = port,
        .names = &known,
        .n_names = name ? 1 : 0,
    };
    struct cf_verdict verdict;

    assert_int_equal(cf_addr_parse(dst, &query.dst), 0);
    cf_verdict_flow(profile, &query, &verdict);
    assert_int_equal(verdict.action, action);
    assert_int_equal(verdict.would_deny, would_deny);
}

static void check_name(const struct cf_profile *profile, const char *name, enum cf_action action)
{
    struct cf_verdict verdict;

    cf_verdict_name(profile, &(struct cf_name_query) { .name = name }, &verdict);
    assert_int_equal(verdict.action, action);
}

/* What base.yaml denies, whatever the policy that extends it allows. */
static void check_base_denials(const struct cf_profile *profile, const char *allowed)
{
    check_flow(profile, allowed, "10.0.0.1", 443, CF_DENY, false);
    check_flow(profile, allowed, "169.254.1.1", 443, CF_DENY, false);
    check_flow(profile, NULL, "169.254.169.254", 80, CF_DENY, false);
    check_flow(profile, NULL, "192.0.2.1", 443, CF_DENY, false);
    check_flow(profile, "drop.example.org", "192.0.2.1", 443, CF_DENY, false);
    check_name(profile, "drop.example.org", CF_DENY);
}

static void base_allows_nothing(void **state)
{
    struct cf_profile *profile = load(POLICIES_DIR "/base.yaml");

    (void)state;
    assert_int_equal(profile->mode, CF_MODE_ENFORCE);
    check_base_denials(profile, "registry.example.com");
    check_flow(profile, "registry.example.com", "192.0.2.1", 443, CF_DENY, false);
    check_name(profile, "registry.example.com", CF_DENY);
    cf_profile_free(profile);
}

static void build_allows_the_groups_of_base_and_no_other_place(void **state)
{
    struct cf_profile *profile = load(POLICIES_DIR "/build.yaml");

    (void)state;
    assert_string_equal(profile->name, "build");
    assert_int_equal(profile->mode, CF_MODE_ENFORCE);
    assert_string_equal(profile->command[0], "make");
    assert_true(profile->audit.fail_on_denial);
    check_base_denials(profile, "registry.example.com");
    check_flow(profile, "packages.example.org", "192.0.2.1", 80, CF_ALLOW, false);
    check_flow(profile, "registry.example.com", "192.0.2.1", 443, CF_ALLOW, false);
    check_flow(profile, "registry.example.com", "192.0.2.1", 80, CF_DENY, false);
    check_flow(profile, "eu.releases.example.net", "192.0.2.1", 443, CF_ALLOW, false);
    check_flow(profile, "releases.example.net", "192.0.2.1", 443, CF_DENY, false);
    check_name(profile, "git.example.net", CF_ALLOW);
    cf_profile_free(profile);
}

static void ci_allows_no_code_and_fails_on_denial(void **state)
{
    struct cf_profile *profile = load(POLICIES_DIR "/ci.yaml");

    (void)state;
    assert_true(profile->audit.fail_on_denial);
    assert_int_equal(profile->audit.summary, CF_SUMMARY_JSON);
    assert_int_equal(profile->egress.n_host_ports, 0);
    check_base_denials(profile, "registry.example.com");
    check_flow(profile, "artifacts.example.com", "192.0.2.1", 443, CF_ALLOW, false);
    check_name(profile, "git.example.net", CF_DENY);
    cf_profile_free(profile);
}

static void agent_allows_its_model_and_no_upload(void **state)
{
    struct cf_profile *profile = load(POLICIES_DIR "/agent.yaml");

    (void)state;
    assert_false(profile->audit.fail_on_denial);
    assert_int_equal(profile->egress.n_host_ports, 0);
    check_base_denials(profile, "api.model.example.com");
    check_flow(profile, "api.model.example.com", "192.0.2.1", 443, CF_ALLOW, false);
    check_name(profile, "other.model.example.com", CF_DENY);
    check_flow(profile, "git.example.net", "192.0.2.1", 443, CF_ALLOW, false);
    check_flow(profile, "git.example.net", "192.0.2.1", 22, CF_DENY, false);
    check_flow(profile, "raw.git.example.net", "192.0.2.1", 443, CF_ALLOW, false);
    check_flow(profile, "uploads.git.example.net", "192.0.2.1", 443, CF_DENY, false);
    check_name(profile, "uploads.git.example.net", CF_DENY);
    cf_profile_free(profile);
}

static void offline_allows_nothing(void **state)
{
    struct cf_profile *profile = load(POLICIES_DIR "/offline.yaml");

    (void)state;
    check_flow(profile, "packages.example.org", "192.0.2.1", 80, CF_DENY, false);
    check_name(profile, "packages.example.org", CF_DENY);
    cf_profile_free(profile);
}

static void proxied_allows_what_build_does_and_requires_the_proxy(void **state)
{
    struct cf_profile *profile = load(POLICIES_DIR "/proxied.yaml");

    (void)state;
    assert_int_equal(profile->proxy.url.scheme, CF_PROXY_HTTP);
    assert_true(profile->proxy.require);
    assert_null(profile->proxy.bypass);
    assert_int_equal(cf_proxy_dns(profile), CF_PROXY_DNS_NAMES);
    assert_true(profile->audit.fail_on_denial);
    check_base_denials(profile, "registry.example.com");
    check_flow(profile, "registry.example.com", "192.0.2.1", 443, CF_ALLOW, false);
    check_flow(profile, "registry.example.com", "192.0.2.1", 80, CF_DENY, false);
    cf_profile_free(profile);
}

static void audit_everything_lets_all_through_and_marks_some(void **state)
{
    struct cf_profile *profile = load(POLICIES_DIR "/audit-everything.yaml");

    (void)state;
    check_flow(profile, NULL, "192.0.2.1", 443, CF_ALLOW, false);
    check_flow(profile, NULL, "10.0.0.1", 443, CF_ALLOW, true);
    check_flow(profile, NULL, "169.254.169.254", 80, CF_ALLOW, true);
    check_name(profile, "evil.example.com", CF_ALLOW);
    cf_profile_free(profile);
}

static void every_policy_is_shown_as_it_is_and_has_no_doubtful_rule(void **state)
{
    static const struct {
        const char *path;
        const char *schema; /* the folder, from the policy's own */
    } shipped[] = {
        { POLICIES_DIR "/agent.yaml", ".." },
        { POLICIES_DIR "/audit-everything.yaml", ".." },
        { POLICIES_DIR "/base.yaml", ".." },
        { POLICIES_DIR "/build.yaml", ".." },
        { POLICIES_DIR "/ci.yaml", ".." },
        { POLICIES_DIR "/offline.yaml", ".." },
        { POLICIES_DIR "/proxied.yaml", ".." },
        { EXAMPLES_DIR "/agent-shell/policy.yaml", "../.." },
        { EXAMPLES_DIR "/c-build/policy.yaml", "../.." },
        { EXAMPLES_DIR "/python-fetcher/policy.yaml", "../.." },
        { EXAMPLES_DIR "/quickstart/policies/build.yaml", "../../.." },
    };
    char line[256];

    (void)state;
    for (size_t i = 0; i < sizeof shipped / sizeof shipped[0]; i++) {
        snprintf(line, sizeof line,
                 "# yaml-language-server: $schema=%s/schema/childflow-policy-v1.schema.json\n",
                 shipped[i].schema);
        check_editor_line(shipped[i].path, line);
        check_round_trip(shipped[i].path);
        check_no_doubt(shipped[i].path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_policy_is_shown_as_it_is_and_has_no_doubtful_rule),
        cmocka_unit_test(base_allows_nothing),
        cmocka_unit_test(build_allows_the_groups_of_base_and_no_other_place),
        cmocka_unit_test(ci_allows_no_code_and_fails_on_denial),
        cmocka_unit_test(agent_allows_its_model_and_no_upload),
        cmocka_unit_test(offline_allows_nothing),
        cmocka_unit_test(proxied_allows_what_build_does_and_requires_the_proxy),
        cmocka_unit_test(audit_everything_lets_all_through_and_marks_some),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
