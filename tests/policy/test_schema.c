/*
 * test_schema.c - the table of keys agrees with what the code does
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"
#include "policy/schema.h"
#include "policy/suggest.h"
#include "policy/value.h"

/* Read one policy; findings are text, printed is the profile. */
static int parse(const char *text, struct cf_buffer *findings, struct cf_buffer *printed)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };
    int r;

    cf_diagnostics_init(&diagnostics);
    cf_buffer_clear(findings);
    cf_buffer_clear(printed);
    r = cf_policy_parse(text, strlen(text), "p.yaml", NULL, &diagnostics, &profile, &err);
    cf_diagnostics_format(&diagnostics, findings);
    if (r == 0)
        cf_policy_format(profile, false, printed);
    cf_profile_free(profile);
    cf_diagnostics_done(&diagnostics);
    return r;
}

/* "egress.allow[].why" and a value: "version: 1\negress: {allow: [{why: VALUE}]}\n". */
static void write_policy(const char *path, const char *value, char text[512])
{
    char ends[32];
    size_t end = sizeof ends - 1, used = 0;

    ends[end] = '\0';
    text[0] = '\0';
    if (strcmp(path, "version") != 0)
        used = (size_t)snprintf(text, 512, "version: 1\n");
    for (;;) {
        size_t length = strcspn(path, ".[");

        used += (size_t)snprintf(text + used, 512 - used, "%.*s: ", (int)length, path);
        path += length;
        if (*path == '\0')
            break;
        if (*path == '[')
            ends[--end] = ']';
        ends[--end] = '}';
        used += (size_t)snprintf(text + used, 512 - used, *path == '[' ? "[{" : "{");
        path += *path == '[' ? strlen("[].") : strlen(".");
    }
    snprintf(text + used, 512 - used, "%s%s\n", value, &ends[end]);
}

static bool is_child_of_unbuilt(const struct cf_schema_key *keys, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(keys[i].path);

        if (!keys[i].since && strncmp(keys[i].path, path, length) == 0 &&
            (path[length] == '.' || path[length] == '['))
            return true;
    }
    return false;
}

static void no_key_of_the_table_is_ignored(void **state)
{
    struct cf_buffer findings, printed;
    size_t n;
    const struct cf_schema_key *keys = cf_schema_keys(&n);

    (void)state;
    cf_buffer_init(&findings, 0);
    cf_buffer_init(&printed, 0);
    for (size_t i = 0; i < n; i++) {
        char text[512], shown[128];
        bool not_built;

        if (is_child_of_unbuilt(keys, n, keys[i].path))
            continue;
        /* A list in a list is wrong for every type. */
        write_policy(keys[i].path, "[[[]]]", text);
        assert_int_equal(parse(text, &findings, &printed), -EINVAL);
        not_built = strstr(findings.data, "not built in this version") != NULL;
        if (not_built != !keys[i].since)
            fail_msg("%s:\n%s", text, findings.data);
        snprintf(shown, sizeof shown, "%s",
                 strrchr(keys[i].path, '.') ? strrchr(keys[i].path, '.') + 1 : keys[i].path);
        assert_non_null(strstr(findings.data, shown));
    }
    cf_buffer_done(&printed);
    cf_buffer_done(&findings);
}

/* A key with its default says the same as without; keys of `proxy` want a URL beside them. */
static void check_default(const struct cf_schema_key *key)
{
    bool proxy = strncmp(key->path, "proxy.", strlen("proxy.")) == 0;
    const char *bare = proxy ? "version: 1\nproxy: {url: http://proxy}\n" : "version: 1\n";
    struct cf_buffer findings, printed, expected;
    char text[512];

    cf_buffer_init(&findings, 0);
    cf_buffer_init(&printed, 0);
    cf_buffer_init(&expected, 0);
    if (proxy)
        snprintf(text, sizeof text, "version: 1\nproxy: {url: http://proxy, %s: %s}\n",
                 key->path + strlen("proxy."), key->fallback);
    else
        write_policy(key->path, key->fallback, text);
    assert_int_equal(parse(bare, &findings, &expected), 0);
    assert_int_equal(parse(text, &findings, &printed), 0);
    assert_string_equal(printed.data, expected.data);
    cf_buffer_done(&expected);
    cf_buffer_done(&printed);
    cf_buffer_done(&findings);
}

static void defaults_are_those_of_the_table(void **state)
{
    size_t n, checked = 0;
    const struct cf_schema_key *keys = cf_schema_keys(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        if (!keys[i].since || !keys[i].fallback)
            continue;
        check_default(&keys[i]);
        checked++;
    }
    assert_true(checked >= 10);
}

/* The defaults of doc/policy.md, as the other rooms see them. */
static void a_policy_that_says_nothing_has_these_values(void **state)
{
    static const char text[] = "version: 1\n";
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };

    (void)state;
    cf_diagnostics_init(&diagnostics);
    assert_int_equal(
        cf_policy_parse(text, sizeof text - 1, "p.yaml", NULL, &diagnostics, &profile, &err), 0);
    assert_int_equal(profile->mode, CF_MODE_ENFORCE);
    assert_int_equal(profile->dns.n_servers, 0);
    assert_int_equal(profile->dns.n_search, 0);
    assert_true(profile->dns.timeout_ms == 2000);
    assert_true(profile->dns.attempts == 3);
    assert_true(profile->dns.cache == 4096);
    assert_int_equal(profile->dns.transport, CF_TRANSPORT_AUTO);
    assert_int_equal(profile->dns.filter, CF_DNS_FILTER_ALLOWED);
    assert_int_equal(profile->dns.deny_answer, CF_DENY_ANSWER_NXDOMAIN);
    assert_int_equal(profile->egress.ipv6, CF_IPV6_AUTO);
    assert_int_equal(profile->egress.fallback, CF_DENY);
    assert_null(profile->audit.log);
    assert_int_equal(profile->audit.summary, CF_SUMMARY_TEXT);
    assert_false(profile->audit.fail_on_denial);
    assert_null(profile->command);
    cf_profile_free(profile);
    cf_diagnostics_done(&diagnostics);
}

/* What is read is kept, or has a reader of its own; what is kept is shown. */
static void every_built_key_has_a_home(void **state)
{
    size_t n;
    const struct cf_schema_key *keys = cf_schema_keys(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const struct cf_schema_key *key = &keys[i];

        if (!key->since || key->type == CF_TYPE_MAP || strchr(key->path, '['))
            continue;
        if (!cf_value_is_plain(key) && !key->read && !cf_schema_is_constant(key))
            fail_msg("%s is built and kept nowhere", key->path);
        if (key->list && key->field > 0 && key->count == 0)
            fail_msg("%s is a list without a length", key->path);
        if ((key->type == CF_TYPE_BOOL || key->type == CF_TYPE_CHOICE) && !key->fallback)
            fail_msg("%s has no default, and no value that means none", key->path);
    }
}

static void each_key_stands_once_behind_its_map(void **state)
{
    size_t n;
    const struct cf_schema_key *keys = cf_schema_keys(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const char *dot = strrchr(keys[i].path, '.');

        assert_ptr_equal(cf_schema_find(keys[i].path), &keys[i]);
        assert_non_null(keys[i].help);
        assert_true(strlen(keys[i].help) <= 90);
        if (dot) {
            char parent[128];
            const struct cf_schema_key *row;
            size_t length = (size_t)(dot - keys[i].path);

            if (dot[-1] == ']')
                length -= 2;
            snprintf(parent, sizeof parent, "%.*s", (int)length, keys[i].path);
            row = cf_schema_find(parent);
            assert_non_null(row);
            assert_true(row < &keys[i]);
        }
    }
}

static void check_choice(const char *key, int value, const char *expected)
{
    assert_string_equal(cf_schema_find(key)->values[value], expected);
}

static void choices_are_those_of_the_profile(void **state)
{
    (void)state;
    for (int i = 0; i < CF_MODE_COUNT; i++)
        check_choice("mode", i, cf_mode_name((enum cf_mode)i));
    check_choice("dns.filter", CF_DNS_FILTER_ALLOWED, "allowed");
    check_choice("dns.filter", CF_DNS_FILTER_ANY, "any");
    check_choice("dns.deny_answer", CF_DENY_ANSWER_NXDOMAIN, "nxdomain");
    check_choice("dns.deny_answer", CF_DENY_ANSWER_REFUSED, "refused");
    check_choice("dns.deny_answer", CF_DENY_ANSWER_ZERO, "zero");
    check_choice("dns.transport", CF_TRANSPORT_AUTO, "auto");
    check_choice("dns.transport", CF_TRANSPORT_UDP, "udp");
    check_choice("dns.transport", CF_TRANSPORT_TCP, "tcp");
    check_choice("egress.ipv6", CF_IPV6_AUTO, "auto");
    check_choice("egress.ipv6", CF_IPV6_ON, "on");
    check_choice("egress.ipv6", CF_IPV6_OFF, "off");
    check_choice("egress.quic", CF_DENY, "deny");
    check_choice("egress.quic", CF_ALLOW, "allow");
    check_choice("audit.summary", CF_SUMMARY_NONE, "none");
    check_choice("audit.summary", CF_SUMMARY_TEXT, "text");
    check_choice("audit.summary", CF_SUMMARY_JSON, "json");
}

static void every_protection_is_in_force(void **state)
{
    size_t n = 1;

    (void)state;
    (void)cf_policy_not_in_force(&n);
    assert_int_equal(n, 0);
}

static void check_distance(const char *a, const char *b, unsigned expected)
{
    assert_int_equal(cf_edit_distance(a, b), expected);
    assert_int_equal(cf_edit_distance(b, a), expected);
}

static void distance_counts_edits_and_swaps(void **state)
{
    (void)state;
    check_distance("", "", 0);
    check_distance("", "abc", 3);
    check_distance("mode", "mode", 0);
    check_distance("mdoe", "mode", 1);
    check_distance("mod", "mode", 1);
    check_distance("modes", "mode", 1);
    check_distance("node", "mode", 1);
    check_distance("kitten", "sitting", 3);
    check_distance("abcdef", "badcfe", 3);
}

static void check_suggestion(const char *text, const char *expected)
{
    static const char *const words[] = { "mode", "name", "hosts", "hosts_file", "dns", NULL };
    const char *found = cf_suggest(text, words, sizeof words / sizeof words[0]);

    if (expected)
        assert_string_equal(found, expected);
    else
        assert_null(found);
}

static void only_a_near_word_is_suggested(void **state)
{
    char huge[4096];

    (void)state;
    check_suggestion("mdoe", "mode");
    check_suggestion("Mode", "mode");
    check_suggestion("nmae", "name");
    check_suggestion("host", "hosts");
    check_suggestion("host_file", "hosts_file");
    check_suggestion("dn", "dns");
    check_suggestion("", NULL);
    check_suggestion("x", NULL);
    check_suggestion("command", NULL);
    memset(huge, 'm', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    check_suggestion(huge, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_key_of_the_table_is_ignored),
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(a_policy_that_says_nothing_has_these_values),
        cmocka_unit_test(every_built_key_has_a_home),
        cmocka_unit_test(each_key_stands_once_behind_its_map),
        cmocka_unit_test(choices_are_those_of_the_profile),
        cmocka_unit_test(every_protection_is_in_force),
        cmocka_unit_test(distance_counts_edits_and_swaps),
        cmocka_unit_test(only_a_near_word_is_suggested),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
