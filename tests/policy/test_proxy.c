/*
 * test_proxy.c - the keys of `proxy` as the other rooms see them
 *
 * What is wrong with them, and how they are shown: golden-proxy/.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy/hidden.h"
#include "policy/policy.h"
#include "profile/verdict.h"

#define CREDENTIALS "username: ci, password_env: PROXY_PASSWORD"

static int load(const char *text, const char *url, struct cf_profile **ret_profile,
                struct cf_buffer *findings)
{
    const struct cf_policy_options options = { .proxy = url };
    struct cf_diagnostics diagnostics;
    struct cf_error err = { 0 };
    int r;

    *ret_profile = NULL;
    cf_diagnostics_init(&diagnostics);
    cf_buffer_init(findings, 0);
    cf_buffer_puts(findings, "");
    if (text)
        r = cf_policy_parse(text, strlen(text), "dir/p.yaml", &options, &diagnostics, ret_profile,
                            &err);
    else
        r = cf_policy_load(NULL, &options, &diagnostics, ret_profile, &err);
    assert_int_equal(cf_diagnostics_format(&diagnostics, findings), 0);
    cf_diagnostics_done(&diagnostics);
    return r;
}

static struct cf_profile *read_good(const char *text, const char *url)
{
    struct cf_profile *profile;
    struct cf_buffer findings;

    if (load(text, url, &profile, &findings) < 0)
        fail_msg("%s", findings.data);
    cf_buffer_done(&findings);
    return profile;
}

static void check_refused(const char *text, const char *url, const char *expected)
{
    struct cf_profile *profile;
    struct cf_buffer findings;

    assert_int_equal(load(text, url, &profile, &findings), -EINVAL);
    assert_string_equal(findings.data, expected);
    cf_buffer_done(&findings);
}

static void a_policy_without_a_proxy_has_none(void **state)
{
    struct cf_profile *profile = read_good("version: 1\n", NULL);

    (void)state;
    assert_int_equal(profile->proxy.url.scheme, CF_PROXY_NONE);
    assert_null(profile->proxy.bypass);
    assert_true(profile->proxy.require);
    cf_profile_free(profile);
}

static void keys_are_kept_as_they_are_meant(void **state)
{
    struct cf_profile *profile =
        read_good("version: 1\n"
                  "proxy: {url: 'socks5h://[2001:db8::1]:9050', " CREDENTIALS ",\n"
                  "        timeout: 1500ms, require: false, bypass: ['**.internal']}\n",
                  NULL);
    const struct cf_proxy *proxy = &profile->proxy;
    struct cf_addr addr;

    (void)state;
    assert_int_equal(cf_addr_parse("2001:db8::1", &addr), 0);
    assert_int_equal(proxy->url.scheme, CF_PROXY_SOCKS5H);
    assert_true(cf_addr_equal(&proxy->url.at.addr, &addr));
    assert_int_equal(proxy->url.at.port, 9050);
    assert_string_equal(proxy->username, "ci");
    assert_string_equal(proxy->password_env, "PROXY_PASSWORD");
    assert_null(proxy->password_file);
    assert_true(proxy->timeout_ms == 1500);
    assert_false(proxy->require);
    assert_true(cf_proxy_bypasses_name(profile, "a.internal"));
    assert_int_equal(proxy->bypass->egress.rules[0].origin.line, 3);
    assert_string_equal(proxy->bypass->egress.rules[0].origin.file, "dir/p.yaml");
    cf_profile_free(profile);
}

static void a_password_file_is_beside_the_policy(void **state)
{
    struct cf_profile *profile =
        read_good("version: 1\n"
                  "proxy: {url: http://proxy, username: ci, password_file: secrets/proxy}\n",
                  NULL);
    char *folder = getcwd(NULL, 0), expected[4200];

    (void)state;
    snprintf(expected, sizeof expected, "%s/dir/secrets/proxy", folder);
    assert_string_equal(profile->proxy.password_file, expected);
    free(folder);
    cf_profile_free(profile);
}

/* What was hashed is what counts, whatever becomes of the file. */
static void certificates_are_kept_with_their_hash(void **state)
{
    struct cf_profile *profile =
        read_good("version: 1\n"
                  "proxy: {url: https://proxy, ca_file: " GOLDEN_PROXY_DIR "/files/ca.pem}\n",
                  NULL);
    const struct cf_proxy *proxy = &profile->proxy;

    (void)state;
    assert_string_equal(proxy->ca_file, GOLDEN_PROXY_DIR "/files/ca.pem");
    assert_int_equal(proxy->ca_length, strlen(proxy->ca_text));
    assert_memory_equal(proxy->ca_text, "-----BEGIN CERTIFICATE-----\n", 28);
    assert_int_equal(profile->n_digests, 2);
    assert_string_equal(profile->digests[1].file, GOLDEN_PROXY_DIR "/files/ca.pem");
    cf_profile_free(profile);
}

static void the_command_lines_proxy_replaces_that_of_the_file(void **state)
{
    static const char text[] =
        "version: 1\n"
        "proxy: {url: http://proxy, bypass: [10.0.0.0/8], " CREDENTIALS "}\n";
    struct cf_profile *profile = read_good(text, "https://other.internal");

    (void)state;
    assert_int_equal(profile->proxy.url.scheme, CF_PROXY_HTTPS);
    assert_string_equal(profile->proxy.url.name, "other.internal");
    assert_string_equal(profile->proxy.username, "ci");
    assert_int_equal(profile->proxy.bypass->egress.n_rules, 1);
    assert_string_equal(cf_profile_origin_find(profile, "proxy.url")->file, CF_COMMAND_LINE);
    cf_profile_free(profile);
}

static void the_command_line_may_give_the_url_alone(void **state)
{
    struct cf_profile *profile = read_good(NULL, "http://proxy");

    (void)state;
    assert_int_equal(profile->proxy.url.scheme, CF_PROXY_HTTP);
    assert_true(profile->proxy.require);
    cf_profile_free(profile);
    profile = read_good("version: 1\nproxy: {require: false}\n", "http://proxy");
    assert_false(profile->proxy.require);
    cf_profile_free(profile);
}

static void the_command_lines_proxy_is_checked_with_the_files_keys(void **state)
{
    (void)state;
    check_refused("version: 1\n"
                  "proxy: {username: 'c:i', password_env: X}\n",
                  "http://proxy",
                  "dir/p.yaml:2:19: error: proxy.username: expected a name without ':', which "
                  "Basic cannot carry (RFC 7617, 2), got 'c:i'\n"
                  "  proxy: {username: 'c:i', password_env: X}\n"
                  "                    ^\n");
    check_refused(NULL, "http://ci:hunter2@proxy",
                  "command line: error: --proxy: expected a URL without a user part; put the name "
                  "into proxy.username and name the password's place in proxy.password_env or "
                  "proxy.password_file\n");
    check_refused(NULL, "",
                  "command line: error: --proxy: expected a URL that begins with http, "
                  "https, socks5, socks5h or socks5+unix, got none\n");
}

static void check_mask(const char *text, const char *expected)
{
    char copy[256];

    snprintf(copy, sizeof copy, "%s", text);
    cf_hidden_mask(copy, sizeof copy);
    assert_string_equal(copy, expected);
}

static void what_is_secret_by_its_form_is_hidden(void **state)
{
    (void)state;
    check_mask("http://ci:hunter2@proxy:3128", "http://***@proxy:3128");
    check_mask("a http://ci:p@ss@proxy b@c", "a http://***@proxy b@c");
    check_mask("'http://ci:hun ter2@proxy' b@c", "'http://***@proxy' b@c");
    check_mask("\"http://ci:hun/ter2?#@proxy\"", "\"http://***@proxy\"");
    check_mask("[\"http://a@b\", \"http://c@d\"]", "[\"http://***@b\", \"http://***@d\"]");
    check_mask("  password: hunter2 # x", "  password: ***");
    check_mask("{\"PassWord\":\"hunter2\"}", "{\"PassWord\":***");
    check_mask("a: {token : hunter2}", "a: {token : ***");
}

static void what_is_no_secret_is_shown(void **state)
{
    (void)state;
    check_mask("tcp://a.example.com # ask ops@example.com",
               "tcp://a.example.com # ask ops@example.com");
    check_mask("password_env: PROXY_PASSWORD", "password_env: PROXY_PASSWORD");
    check_mask("password_file: secret", "password_file: secret");
    check_mask("- token:443", "- token:443");
    check_mask("password:", "password:");
    check_mask("my.password.example:443", "my.password.example:443");
    check_mask("http://@proxy ://", "http://@proxy ://");
    check_mask("", "");
}

static void a_mask_stays_within_its_room(void **state)
{
    char text[16];

    (void)state;
    for (size_t size = 10; size <= sizeof text; size++) {
        memset(text, 'x', sizeof text);
        snprintf(text, size, "a://b@cdefghijk");
        cf_hidden_mask(text, size);
        assert_true(strlen(text) < size);
        for (size_t i = size; i < sizeof text; i++)
            assert_int_equal(text[i], 'x');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_without_a_proxy_has_none),
        cmocka_unit_test(keys_are_kept_as_they_are_meant),
        cmocka_unit_test(a_password_file_is_beside_the_policy),
        cmocka_unit_test(certificates_are_kept_with_their_hash),
        cmocka_unit_test(the_command_lines_proxy_replaces_that_of_the_file),
        cmocka_unit_test(the_command_line_may_give_the_url_alone),
        cmocka_unit_test(the_command_lines_proxy_is_checked_with_the_files_keys),
        cmocka_unit_test(what_is_secret_by_its_form_is_hidden),
        cmocka_unit_test(what_is_no_secret_is_shown),
        cmocka_unit_test(a_mask_stays_within_its_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
