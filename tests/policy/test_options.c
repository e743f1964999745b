/*
 * test_options.c - what the command line adds to a policy, and where values say they come from
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"
#include "profile/verdict.h"

static const char plain[] = "version: 1\n"
                            "mode: enforce\n"
                            "dns: {servers: [192.0.2.1, 192.0.2.2]}\n"
                            "hosts: {a.example: 192.0.2.3}\n"
                            "egress:\n"
                            "  allow: [a.example.com]\n"
                            "audit: {log: \"a.jsonl\"}\n";

/* The policy above, or the built-in one when text is NULL. */
static int load(const char *text, const struct cf_policy_options *options,
                struct cf_profile **ret_profile, struct cf_buffer *findings)
{
    struct cf_diagnostics diagnostics;
    struct cf_error err = { 0 };
    int r;

    cf_diagnostics_init(&diagnostics);
    if (text)
        r = cf_policy_parse(text, strlen(text), "dir/plain.yaml", options, &diagnostics,
                            ret_profile, &err);
    else
        r = cf_policy_load(NULL, options, &diagnostics, ret_profile, &err);
    assert_int_equal(cf_diagnostics_format(&diagnostics, findings), 0);
    cf_diagnostics_done(&diagnostics);
    return r;
}

static void check_shown(const char *text, const struct cf_policy_options *options,
                        const char *expected)
{
    struct cf_profile *profile = NULL;
    struct cf_buffer findings, shown;

    cf_buffer_init(&findings, 0);
    cf_buffer_init(&shown, 0);
    assert_int_equal(load(text, options, &profile, &findings), 0);
    assert_int_equal(cf_policy_format(profile, true, &shown), 0);
    assert_string_equal(shown.data, expected);
    assert_int_equal(findings.length, 0);
    cf_buffer_done(&shown);
    cf_buffer_done(&findings);
    cf_profile_free(profile);
}

static void each_value_is_shown_with_its_place(void **state)
{
    (void)state;
    check_shown(plain, NULL,
                "version: 1  # dir/plain.yaml:1\n"
                "name: plain  # default\n"
                "mode: enforce  # dir/plain.yaml:2\n"
                "\n"
                "dns:\n"
                "  servers:\n"
                "    - \"192.0.2.1:53\"  # dir/plain.yaml:3\n"
                "    - \"192.0.2.2:53\"  # dir/plain.yaml:3\n"
                "  search: []  # default\n"
                "  timeout: 2s  # default\n"
                "  attempts: 3  # default\n"
                "  cache: 4096  # default\n"
                "  transport: auto  # default\n"
                "  filter: allowed  # default\n"
                "  deny_answer: nxdomain  # default\n"
                "  deny_types:\n"
                "    - ANY  # default\n"
                "    - AXFR  # default\n"
                "  strip_ech: true  # default\n"
                "  block_rebinding: true  # default\n"
                "  block_encrypted: true  # default\n"
                "\n"
                "hosts:\n"
                "  a.example:\n"
                "    - 192.0.2.3  # dir/plain.yaml:4\n"
                "\n"
                "egress:\n"
                "  ipv6: auto  # default\n"
                "  quic: deny  # default\n"
                "  verify_names: true  # default\n"
                "  default: deny  # default\n"
                "  allow:\n"
                "    - a.example.com  # dir/plain.yaml:6\n"
                "  deny: []  # default\n"
                "  groups: {}  # default\n"
                "  host_ports: []  # default\n"
                "\n"
                "capture:\n"
                "  file: \"\"  # default\n"
                "  filter: \"\"  # default\n"
                "  point: child  # default\n"
                "  snaplen: 262144  # default\n"
                "  tls_keys: false  # default\n"
                "\n"
                "audit:\n"
                "  log: a.jsonl  # dir/plain.yaml:7\n"
                "  summary: text  # default\n"
                "  fail_on_denial: false  # default\n");
}

static void options_beat_the_file_and_rules_are_added(void **state)
{
    char *dns[] = { "2001:db8::53", NULL };
    char *interface[] = { "wg0", "eth1", NULL };
    char *allow[] = { "b.example.com:443", "icmp://192.0.2.9", NULL };
    char *deny[] = { "private", NULL };
    struct cf_policy_options options = {
        .mode = "audit",
        .log = "",
        .summary = "none",
        .dns = dns,
        .interface = interface,
        .allow = allow,
        .deny = deny,
    };

    (void)state;
    check_shown(plain, &options,
                "version: 1  # dir/plain.yaml:1\n"
                "name: plain  # default\n"
                "mode: audit  # command line\n"
                "\n"
                "dns:\n"
                "  servers:\n"
                "    - \"[2001:db8::53]:53\"  # command line\n"
                "  search: []  # default\n"
                "  timeout: 2s  # default\n"
                "  attempts: 3  # default\n"
                "  cache: 4096  # default\n"
                "  transport: auto  # default\n"
                "  filter: allowed  # default\n"
                "  deny_answer: nxdomain  # default\n"
                "  deny_types:\n"
                "    - ANY  # default\n"
                "    - AXFR  # default\n"
                "  strip_ech: true  # default\n"
                "  block_rebinding: true  # default\n"
                "  block_encrypted: true  # default\n"
                "\n"
                "hosts:\n"
                "  a.example:\n"
                "    - 192.0.2.3  # dir/plain.yaml:4\n"
                "\n"
                "egress:\n"
                "  interface:\n"
                "    - wg0  # command line\n"
                "    - eth1  # command line\n"
                "  ipv6: auto  # default\n"
                "  quic: deny  # default\n"
                "  verify_names: true  # default\n"
                "  default: deny  # default\n"
                "  allow:\n"
                "    - a.example.com  # dir/plain.yaml:6\n"
                "    - b.example.com:443  # command line\n"
                "    - icmp://192.0.2.9  # command line\n"
                "  deny:\n"
                "    - private  # command line\n"
                "  groups: {}  # default\n"
                "  host_ports: []  # default\n"
                "\n"
                "capture:\n"
                "  file: \"\"  # default\n"
                "  filter: \"\"  # default\n"
                "  point: child  # default\n"
                "  snaplen: 262144  # default\n"
                "  tls_keys: false  # default\n"
                "\n"
                "audit:\n"
                "  log: \"\"  # command line\n"
                "  summary: none  # command line\n"
                "  fail_on_denial: false  # default\n");
}

static void check_verdict(const struct cf_profile *profile, const char *name, const char *addr,
                          enum cf_action action, const char *rule)
{
    const struct cf_flow_name known = { .name = name };
    struct cf_flow_query query = {
        .proto = CF_PROTO_TCP, .port = 80, .names = &known, .n_names = 1
    };
    struct cf_verdict verdict;

    assert_int_equal(cf_addr_parse(addr, &query.dst), 0);
    cf_verdict_flow(profile, &query, &verdict);
    assert_int_equal(verdict.action, action);
    assert_non_null(verdict.rule);
    assert_string_equal(verdict.rule->text, rule);
}

static void a_rule_of_the_command_line_beats_a_more_specific_one(void **state)
{
    static const char text[] = "version: 1\n"
                               "egress:\n"
                               "  allow: [\"tcp://a.example.com:80\"]\n"
                               "  deny: [\"tcp://b.example.org:80\", private]\n";
    char *allow[] = { "*.example.org", NULL };
    char *deny[] = { "**.example.com", NULL };
    struct cf_policy_options options = { .allow = allow, .deny = deny };
    struct cf_profile *profile = NULL;
    struct cf_buffer findings;

    (void)state;
    cf_buffer_init(&findings, 0);
    assert_int_equal(load(text, NULL, &profile, &findings), 0);
    check_verdict(profile, "a.example.com", "192.0.2.1", CF_ALLOW, "tcp://a.example.com:80");
    check_verdict(profile, "b.example.org", "192.0.2.1", CF_DENY, "tcp://b.example.org:80");
    cf_profile_free(profile);
    assert_int_equal(load(text, &options, &profile, &findings), 0);
    check_verdict(profile, "a.example.com", "192.0.2.1", CF_DENY, "**.example.com");
    check_verdict(profile, "b.example.org", "192.0.2.1", CF_ALLOW, "*.example.org");
    check_verdict(profile, "b.example.org", "10.0.0.1", CF_DENY, "private");
    cf_profile_free(profile);
    cf_buffer_done(&findings);
}

static void without_a_file_all_is_allowed_and_audited(void **state)
{
    char *deny[] = { "metadata", NULL };
    struct cf_policy_options options = { .log = "{name}-{run}.jsonl", .deny = deny };

    (void)state;
    check_shown(NULL, &options,
                "version: 1  # default\n"
                "name: audit  # built-in\n"
                "mode: audit  # built-in\n"
                "\n"
                "dns:\n"
                "  servers: []  # default\n"
                "  search: []  # default\n"
                "  timeout: 2s  # default\n"
                "  attempts: 3  # default\n"
                "  cache: 4096  # default\n"
                "  transport: auto  # default\n"
                "  filter: any  # built-in\n"
                "  deny_answer: nxdomain  # default\n"
                "  deny_types:\n"
                "    - ANY  # default\n"
                "    - AXFR  # default\n"
                "  strip_ech: true  # default\n"
                "  block_rebinding: true  # default\n"
                "  block_encrypted: true  # default\n"
                "\n"
                "hosts: {}  # default\n"
                "\n"
                "egress:\n"
                "  ipv6: auto  # default\n"
                "  quic: deny  # default\n"
                "  verify_names: true  # default\n"
                "  default: allow  # built-in\n"
                "  allow: []  # default\n"
                "  deny:\n"
                "    - metadata  # command line\n"
                "  groups: {}  # default\n"
                "  host_ports: []  # default\n"
                "\n"
                "capture:\n"
                "  file: \"\"  # default\n"
                "  filter: \"\"  # default\n"
                "  point: child  # default\n"
                "  snaplen: 262144  # default\n"
                "  tls_keys: false  # default\n"
                "\n"
                "audit:\n"
                "  log: \"{name}-{run}.jsonl\"  # command line\n"
                "  summary: text  # default\n"
                "  fail_on_denial: false  # default\n");
}

static void check_findings(const char *text, const struct cf_policy_options *options,
                           int expected_r, const char *expected)
{
    struct cf_profile *profile = NULL;
    struct cf_buffer findings;

    cf_buffer_init(&findings, 0);
    assert_int_equal(load(text, options, &profile, &findings), expected_r);
    assert_string_equal(findings.data ? findings.data : "", expected);
    cf_buffer_done(&findings);
    cf_profile_free(profile);
}

static void wrong_options_are_reported_behind_the_file(void **state)
{
    char *dns[] = { "192.0.2.1", "dns.example", NULL };
    char *allow[] = { "a.example.com:x", "group:a", "caf\xe9.example", NULL };
    char *interface[] = { "eth0:1", NULL };
    char *deny[] = { "10.0.0.1/8", NULL };
    struct cf_policy_options options = {
        .mode = "enforced",
        .log = "{nam}",
        .summary = "xml",
        .dns = dns,
        .interface = interface,
        .allow = allow,
        .deny = deny,
    };

    (void)state;
    check_findings(
        "version: 3\n", &options, -EINVAL,
        "dir/plain.yaml:1:10: error: version: expected 1, got '3'\n"
        "  version: 3\n"
        "           ^\n"
        "command line: error: --mode: expected enforce or audit, got 'enforced' "
        "(did you mean 'enforce'?)\n"
        "command line: error: --log: expected {name}, {run}, {time} or {host}, got '{nam}' "
        "(did you mean '{name}'?)\n"
        "command line: error: --summary: expected none, text or json, got 'xml'\n"
        "command line: error: --dns: expected a server's address such as 192.0.2.53, "
        "192.0.2.53:5353 or [2001:db8::53]:5353, got 'dns.example'\n"
        "command line: error: --interface: expected the name of an interface (1 to 15 bytes, none "
        "of them '/', ':' or a blank), got 'eth0:1'\n"
        "command line: error: --allow: expected UTF-8 text, got 'caf\\xe9.example'\n"
        "command line: error: --allow: expected a port from 1 to 65535, got 'x'\n"
        "command line: error: --deny: expected '10.0.0.0/8' (the bits behind the prefix must be "
        "zero), got '10.0.0.1/8'\n"
        "command line: error: --allow: expected a group of egress.groups, got 'a'\n");
}

static void a_rule_of_the_file_may_be_given_again(void **state)
{
    char *allow[] = { "a.example.com", "c.example.com", "c.example.com", NULL };
    struct cf_policy_options options = { .allow = allow };

    (void)state;
    check_findings(plain, &options, 0, "");
}

static void an_interface_of_the_command_line_is_tried_once(void **state)
{
    char *interface[] = { "eth1", "eth1", NULL };
    struct cf_policy_options options = { .interface = interface };

    (void)state;
    check_findings(plain, &options, 0,
                   "command line: warning: --interface: expected each interface once, got 'eth1' "
                   "again\n");
}

static void the_hash_is_that_of_the_bytes(void **state)
{
    struct cf_profile *profile = NULL;
    struct cf_buffer findings;

    (void)state;
    cf_buffer_init(&findings, 0);
    assert_int_equal(load("version: 1\n", NULL, &profile, &findings), 0);
    /* printf 'version: 1\n' | sha256sum */
    assert_string_equal(profile->sha256,
                        "09bfcc6a14b83e2192b8673677725c84883ee9cd0c70e45c9ec09daa8f2b2847");
    assert_string_equal(profile->file, "dir/plain.yaml");
    cf_profile_free(profile);
    profile = NULL;
    assert_int_equal(load(NULL, NULL, &profile, &findings), 0);
    assert_string_equal(profile->sha256, "");
    assert_null(profile->file);
    cf_profile_free(profile);
    cf_buffer_done(&findings);
}

static void a_file_that_cannot_be_read_is_not_a_wrong_policy(void **state)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };

    (void)state;
    cf_diagnostics_init(&diagnostics);
    assert_int_equal(cf_policy_load(GOLDEN_DIR "/absent.yaml", NULL, &diagnostics, &profile, &err),
                     -ENOENT);
    assert_non_null(strstr(err.text, "absent.yaml': No such file"));
    assert_int_equal(cf_policy_load(GOLDEN_DIR, NULL, &diagnostics, &profile, &err), -EISDIR);
    assert_int_equal(diagnostics.n_errors, 0);
    assert_null(profile);
    cf_diagnostics_done(&diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_is_shown_with_its_place),
        cmocka_unit_test(options_beat_the_file_and_rules_are_added),
        cmocka_unit_test(a_rule_of_the_command_line_beats_a_more_specific_one),
        cmocka_unit_test(without_a_file_all_is_allowed_and_audited),
        cmocka_unit_test(wrong_options_are_reported_behind_the_file),
        cmocka_unit_test(a_rule_of_the_file_may_be_given_again),
        cmocka_unit_test(an_interface_of_the_command_line_is_tried_once),
        cmocka_unit_test(the_hash_is_that_of_the_bytes),
        cmocka_unit_test(a_file_that_cannot_be_read_is_not_a_wrong_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
