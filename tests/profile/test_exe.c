/*
 * test_exe.c - the globs that say which programs a rule is for
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/exe.h"
#include "profile/profile.h"

/* Whether a rule with this glob, which is a good one, is for the program. */
static void check_is_for(const char *glob, const char *exe, bool expected)
{
    struct cf_rule rule = { .action = CF_ALLOW, .exe = (char *)glob };
    struct cf_error err = { 0 };
    size_t column;

    if (cf_exe_check(glob, &column, &err) < 0)
        fail_msg("%s: %s", glob, err.text);
    if (cf_rule_is_for(&rule, exe) != expected)
        fail_msg("%s %s %s", glob, expected ? "is not for" : "is for", exe);
}

static void a_glob_stays_within_a_component(void **state)
{
    (void)state;
    check_is_for("/usr/bin/curl", "/usr/bin/curl", true);
    check_is_for("/usr/bin/curl", "/usr/bin/curl2", false);
    check_is_for("/usr/bin/curl", "/bin/curl", false);
    check_is_for("/usr/bin/python3*", "/usr/bin/python3.11", true);
    check_is_for("/usr/bin/python3*", "/usr/bin/python3", true);
    check_is_for("/usr/bin/python3*", "/usr/bin/python3/x", false);
    check_is_for("/usr/*/curl", "/usr/bin/curl", true);
    check_is_for("/usr/*/curl", "/usr/local/bin/curl", false);
    check_is_for("/opt/?/x", "/opt/a/x", true);
    check_is_for("/opt/?/x", "/opt/ab/x", false);
    check_is_for("/opt/[a-c]/x", "/opt/b/x", true);
    check_is_for("/opt/[!a-c]/x", "/opt/b/x", false);
    check_is_for("/opt/[]a]", "/opt/]", true);
    check_is_for("/opt/[[:digit:]]", "/opt/7", true);
    check_is_for("/opt/]", "/opt/]", true);
    check_is_for("/opt/a\\*", "/opt/a\\b", true);
}

static void two_stars_at_the_end_are_all_below_a_folder(void **state)
{
    (void)state;
    check_is_for("/opt/tool/**", "/opt/tool/bin/a", true);
    check_is_for("/opt/tool/**", "/opt/tool/a", true);
    check_is_for("/opt/tool/**", "/opt/tool", false);
    check_is_for("/opt/tool/**", "/opt/tools/a", false);
    check_is_for("/opt/*/**", "/opt/a/b/c", true);
    check_is_for("/opt/*/**", "/opt/a", false);
}

static void a_program_that_is_not_known_matches_denials_alone(void **state)
{
    struct cf_rule rule = { .action = CF_ALLOW, .exe = (char *)"/usr/bin/curl" };

    (void)state;
    assert_false(cf_rule_is_for(&rule, NULL));
    rule.action = CF_DENY;
    assert_true(cf_rule_is_for(&rule, NULL));
    rule.exe = NULL;
    assert_true(cf_rule_is_for(&rule, NULL));
}

static void check_denies(const char *glob, const char *exe, bool expected)
{
    const struct cf_rule rule = { .action = CF_DENY, .exe = (char *)glob };

    if (cf_rule_is_for(&rule, exe) != expected)
        fail_msg("%s %s %s", glob, expected ? "does not deny" : "denies", exe);
}

static void a_deleted_program_is_denied_what_it_was_and_allowed_nothing(void **state)
{
    char path[5000];

    (void)state;
    check_denies("/usr/bin/curl", "/usr/bin/curl (deleted)", true);
    check_denies("/usr/bin/curl", "/usr/bin/curl2 (deleted)", false);
    check_denies("/usr/bin/curl", "/usr/bin/curl (deleted) (deleted)", false);
    check_denies("/usr/bin/python3.?", "/usr/bin/python3.9 (deleted)", true);
    check_denies("/opt/tool/**", "/opt/tool/a (deleted)", true);
    check_denies("/opt/tool/**", "/opt/tools/a (deleted)", false);
    check_denies("/opt/a (deleted)", "/opt/a (deleted)", true);
    check_denies("/opt/a (deleted)", "/opt/a", false);
    check_is_for("/usr/bin/curl", "/usr/bin/curl (deleted)", false);
    check_is_for("/usr/bin/python3*", "/usr/bin/python3 (deleted)", false);
    check_is_for("/opt/tool/**", "/opt/tool/a (deleted)", false);
    check_is_for("/opt/a (deleted)", "/opt/a (deleted)", false);
    check_is_for("/usr/bin/curl*", "/usr/bin/curl(deleted)", true);
    /* Too long to be looked at without the words: the denial matches. */
    memset(path, 'x', sizeof path);
    memcpy(path + sizeof path - sizeof " (deleted)", " (deleted)", sizeof " (deleted)");
    check_denies("/usr/bin/curl", path, true);
}

static void check_rejects(const char *glob, size_t column, const char *message)
{
    struct cf_error err = { 0 };
    size_t got = SIZE_MAX;

    assert_int_equal(cf_exe_check(glob, &got, &err), -EINVAL);
    assert_string_equal(err.text, message);
    assert_int_equal(got, column);
}

static void what_can_never_match_is_refused(void **state)
{
    (void)state;
    check_rejects("", 0, "expected the absolute path of a program, got ''");
    check_rejects("curl", 0, "expected the absolute path of a program, got 'curl'");
    check_rejects("**", 0, "expected the absolute path of a program, got '**'");
    check_rejects("/", 1, "expected a program's path with a name behind each '/', got '/'");
    check_rejects("//a", 1, "expected a program's path with a name behind each '/', got '//a'");
    check_rejects("/a/..", 3, "expected a program's path without '.' and '..', got '/a/..'");
    check_rejects("/a[/]b", 2, "expected ']' behind '[' in the same component, got '/a[/]b'");
    check_rejects("/a[!]", 2, "expected ']' behind '[' in the same component, got '/a[!]'");
    check_rejects("/a[[:x:]", 2, "expected ']' behind '[' in the same component, got '/a[[:x:]'");
    check_rejects("/a/***", 3, "expected '**' only as the whole last component, got '/a/***'");
    check_rejects("/**/a", 1, "expected '**' only as the whole last component, got '/**/a'");
    check_rejects("/**", 1,
                  "expected a folder in front of '/**' (a rule without exe is for every program), "
                  "got '/**'");
}

static void there_is_an_end_to_wildcards_and_length(void **state)
{
    struct cf_error err = { 0 };
    char path[5000];
    size_t column;

    (void)state;
    assert_int_equal(cf_exe_check("/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a/**", &column, &err), 0);
    check_rejects("/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*/**", 0,
                  "expected at most 16 wildcards, got '/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*/**'");
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[4095] = '\0';
    assert_int_equal(cf_exe_check(path, &column, &err), 0);
    path[4095] = 'x';
    path[4096] = '\0';
    assert_int_equal(cf_exe_check(path, &column, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_glob_stays_within_a_component),
        cmocka_unit_test(two_stars_at_the_end_are_all_below_a_folder),
        cmocka_unit_test(a_program_that_is_not_known_matches_denials_alone),
        cmocka_unit_test(a_deleted_program_is_denied_what_it_was_and_allowed_nothing),
        cmocka_unit_test(what_can_never_match_is_refused),
        cmocka_unit_test(there_is_an_end_to_wildcards_and_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
