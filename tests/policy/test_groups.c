/*
 * test_groups.c - files of names, and the day on which rules are judged
 *
 * Each test works in a folder of its own, where names.txt is.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy/policy.h"
#include "profile/verdict.h"

static const char with_names[] = "version: 1\n"
                                 "egress:\n"
                                 "  default: allow\n"
                                 "  deny: [group:names]\n"
                                 "  groups: {names: {names_file: names.txt}}\n";

static char folder[] = "/tmp/childflow-test-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    unlink("names.txt");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

/* Read the policy; findings must be exactly these. The caller's, NULL when it was refused. */
static struct cf_profile *check_load(const char *text, int32_t today, const char *expected)
{
    struct cf_policy_options options = { .today = today };
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_buffer findings;
    struct cf_error err = { 0 };

    cf_diagnostics_init(&diagnostics);
    cf_buffer_init(&findings, 0);
    (void)cf_policy_parse(text, strlen(text), "p.yaml", &options, &diagnostics, &profile, &err);
    assert_int_equal(cf_diagnostics_format(&diagnostics, &findings), 0);
    assert_string_equal(findings.data ? findings.data : "", expected);
    cf_buffer_done(&findings);
    cf_diagnostics_done(&diagnostics);
    return profile;
}

static void write_names(const char *text, size_t length)
{
    FILE *file = fopen("names.txt", "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* The line of the file that denies the name; 0: it is not denied. */
static unsigned denied_by(const struct cf_profile *profile, const char *name)
{
    const struct cf_name_query query = { .name = name };
    struct cf_verdict verdict;

    cf_verdict_name(profile, &query, &verdict);
    if (verdict.action == CF_ALLOW)
        return 0;
    assert_non_null(verdict.rule);
    assert_string_equal(verdict.rule->text, "group:names");
    assert_null(verdict.member);
    return verdict.names_line;
}

static void each_name_of_a_file_is_known_by_its_line(void **state)
{
    static const char names[] = "# comment\r\n"
                                "one.example\r\n"
                                "\r\n"
                                "Two.Example.   # behind a name\n"
                                "*.three.example\n"
                                "**.four.example\n"
                                "b\xc3\xbc" "cher.example\n"
                                "one.example\n"
                                "host\n"
                                "last.example";
    struct cf_profile *profile;

    (void)state;
    write_names(names, sizeof names - 1);
    profile = check_load(with_names, 0, "");
    assert_non_null(profile);
    assert_int_equal(denied_by(profile, "one.example"), 2);
    assert_int_equal(denied_by(profile, "two.example"), 4);
    assert_int_equal(denied_by(profile, "a.three.example"), 5);
    assert_int_equal(denied_by(profile, "a.b.three.example"), 0);
    assert_int_equal(denied_by(profile, "three.example"), 0);
    assert_int_equal(denied_by(profile, "a.b.four.example"), 6);
    assert_int_equal(denied_by(profile, "xn--bcher-kva.example"), 7);
    assert_int_equal(denied_by(profile, "host"), 9);
    assert_int_equal(denied_by(profile, "last.example"), 10);
    assert_int_equal(denied_by(profile, "comment"), 0);
    assert_int_equal(profile->egress.groups[0]->n_names, 7);
    cf_profile_free(profile);
}

static void a_hosts_file_gives_its_names_but_not_the_machines_own(void **state)
{
    static const char names[] = "127.0.0.1 localhost\n"
                                "::1 localhost ip6-localhost\n"
                                "fe80::1%lo0 localhost\n"
                                "0.0.0.0 0.0.0.0\n"
                                "0.0.0.0 one.example two.example # three.example\n"
                                "0.0.0.0\tfour.example\r\n"
                                ":: 127.0.0.1 five.example\n"
                                "six.example\n";
    struct cf_profile *profile;

    (void)state;
    write_names(names, sizeof names - 1);
    profile = check_load(with_names, 0, "");
    assert_non_null(profile);
    assert_int_equal(denied_by(profile, "one.example"), 5);
    assert_int_equal(denied_by(profile, "two.example"), 5);
    assert_int_equal(denied_by(profile, "three.example"), 0);
    assert_int_equal(denied_by(profile, "four.example"), 6);
    assert_int_equal(denied_by(profile, "five.example"), 7);
    assert_int_equal(denied_by(profile, "six.example"), 8);
    assert_int_equal(denied_by(profile, "localhost"), 0);
    assert_int_equal(profile->egress.groups[0]->n_names, 5);
    cf_profile_free(profile);
}

static void the_machines_own_names_are_passed_over_behind_an_address_alone(void **state)
{
    static const char names[] = "localhost\n";

    (void)state;
    write_names(names, sizeof names - 1);
    assert_null(check_load(with_names, 0,
                           "names.txt:1:1: error: expected a host outside (inside, localhost is "
                           "the sandbox itself; the machine's own ports stand under "
                           "egress.host_ports), got 'localhost'\n"
                           "  localhost\n"
                           "  ^\n"));
}

static void lines_across_the_ends_of_the_buffer_are_whole(void **state)
{
    struct cf_buffer names;
    struct cf_profile *profile;
    char name[64];

    (void)state;
    cf_buffer_init(&names, 0);
    for (unsigned i = 1; i <= 20000; i++)
        cf_buffer_printf(&names, "n%u.%s\n", i, i % 3 ? "example" : "long-label.example");
    assert_false(names.failed);
    write_names(names.data, names.length);
    profile = check_load(with_names, 0, "");
    assert_non_null(profile);
    assert_int_equal(profile->egress.groups[0]->n_names, 20000);
    for (unsigned i = 1; i <= 20000; i++) {
        snprintf(name, sizeof name, "n%u.%s", i, i % 3 ? "example" : "long-label.example");
        assert_int_equal(denied_by(profile, name), i);
    }
    cf_profile_free(profile);
    cf_buffer_done(&names);
}

static void an_empty_file_has_no_names(void **state)
{
    struct cf_profile *profile;

    (void)state;
    write_names("", 0);
    profile = check_load(with_names, 0, "");
    assert_non_null(profile);
    assert_int_equal(profile->egress.groups[0]->n_names, 0);
    cf_profile_free(profile);
}

/* The hash is that of sha256sum(1) for the same bytes. */
static void the_file_is_listed_with_its_hash(void **state)
{
    struct cf_profile *profile;

    (void)state;
    write_names("a.example\n", 10);
    profile = check_load(with_names, 0, "");
    assert_non_null(profile);
    assert_int_equal(profile->n_digests, 2);
    assert_string_equal(profile->digests[1].file, "names.txt");
    assert_string_equal(profile->digests[1].sha256,
                        "2f12e4454293b6e04d2e50ed2620c003be8942f7a3adc5f0d6930b3385b70368");
    cf_profile_free(profile);
}

#define AT_NAMES                                                                                   \
    "    groups: {names: {names_file: names.txt}}\n"                                               \
    "                                 ^\n"

static void a_line_has_a_length_that_it_may_have(void **state)
{
    char *line = malloc(70000);
    struct cf_profile *profile;

    (void)state;
    assert_non_null(line);
    memset(line, '#', 70000);
    line[65534] = '\n';
    write_names(line, 65535);
    profile = check_load(with_names, 0, "");
    assert_non_null(profile);
    cf_profile_free(profile);
    line[65534] = '#';
    write_names(line, 70000);
    assert_null(check_load(with_names, 0,
                           "p.yaml:5:32: error: egress.groups.names.names_file: expected lines of "
                           "at most 65535 bytes, got a longer one in 'names.txt'\n" AT_NAMES));
    free(line);
}

/* A file of blanks and line ends, at even distances, whose holes take no room on disk. */
static void write_lines(size_t n, size_t distance)
{
    int fd = open("names.txt", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pwrite(fd, "\n", 1, (off_t)((i + 1) * distance - 1)), 1);
    assert_int_equal(close(fd), 0);
}

#define HIDDEN                                                                                     \
    "expected a name, or an address and names, got what is not shown here, as the file is not "    \
    "below the folder of the policy\n"

static void a_file_from_elsewhere_is_not_shown(void **state)
{
    char outside[] = "/tmp/childflow-outside-XXXXXX";
    int fd = mkstemp(outside);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a.example\n key=hidden-words\n", 28), 28);
    assert_int_equal(close(fd), 0);
    assert_true(unlink("names.txt") == 0 || errno == ENOENT);
    assert_int_equal(symlink(outside, "names.txt"), 0);
    assert_null(check_load(with_names, 0, "names.txt:2:5: error: " HIDDEN));
    assert_null(check_load("version: 1\nhosts_file: names.txt\n", 0,
                           "names.txt:1:1: error: " HIDDEN "names.txt:2:2: error: " HIDDEN));
    assert_int_equal(unlink("names.txt"), 0);
    assert_int_equal(unlink(outside), 0);
}

static void what_the_kernel_makes_up_is_not_read(void **state)
{
    (void)state;
    assert_null(check_load("version: 1\nhosts_file: /proc/self/environ\n", 0,
                           "p.yaml:2:13: error: hosts_file: expected a regular file, got "
                           "'/proc/self/environ'\n"
                           "  hosts_file: /proc/self/environ\n"
                           "              ^\n"));
}

static void too_many_bytes_are_refused(void **state)
{
    (void)state;
    write_lines(4200, (size_t)64 << 10);
    assert_null(check_load(with_names, 0,
                           "p.yaml:5:32: error: egress.groups.names.names_file: expected at most "
                           "268435456 bytes of names files, got more with 'names.txt'\n" AT_NAMES));
}

static void too_many_lines_are_refused(void **state)
{
    size_t length = ((size_t)16 << 20) + 1;
    char *lines = malloc(length);

    (void)state;
    assert_non_null(lines);
    memset(lines, '\n', length);
    write_names(lines, length);
    free(lines);
    assert_null(check_load(with_names, 0,
                           "p.yaml:5:32: error: egress.groups.names.names_file: expected at most "
                           "16777216 lines of names files, got more with 'names.txt'\n" AT_NAMES));
}

static void a_file_of_something_else_ends_when_no_more_errors_are_kept(void **state)
{
    struct cf_policy_options options = { 0 };
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };
    struct cf_buffer names;

    (void)state;
    cf_buffer_init(&names, 0);
    for (int i = 0; i < 100000; i++)
        cf_buffer_puts(&names, "no name\n");
    write_names(names.data, names.length);
    cf_diagnostics_init(&diagnostics);
    assert_int_equal(cf_policy_parse(with_names, strlen(with_names), "p.yaml", &options,
                                     &diagnostics, &profile, &err),
                     -EINVAL);
    assert_int_equal(diagnostics.n_items, CF_DIAGNOSTICS_MAX);
    assert_in_range(diagnostics.n_errors, CF_DIAGNOSTICS_MAX, CF_DIAGNOSTICS_MAX + 1);
    cf_diagnostics_done(&diagnostics);
    cf_buffer_done(&names);
}

/* The file is found from where the policy is shown, whatever the folder then is. */
static void what_is_shown_names_the_file_by_its_whole_path(void **state)
{
    struct cf_profile *profile, *again;
    struct cf_buffer shown;

    (void)state;
    write_names("a.example\n", 10);
    profile = check_load(with_names, 0, "");
    assert_non_null(profile);
    cf_buffer_init(&shown, 0);
    assert_int_equal(cf_policy_format(profile, false, &shown), 0);
    cf_profile_free(profile);
    assert_int_equal(chdir("/"), 0);
    again = check_load(shown.data, 0, "");
    assert_int_equal(chdir(folder), 0);
    assert_non_null(again);
    assert_int_equal(denied_by(again, "a.example"), 1);
    cf_profile_free(again);
    cf_buffer_done(&shown);
}

static void a_rule_counts_through_its_last_day(void **state)
{
    /* date -u -d 2027-06-30 +%s, in days */
    static const int32_t last = 20999;
    static const char text[] = "version: 1\n"
                               "egress:\n"
                               "  allow: [{to: a.example, until: 2027-06-30}]\n";
    const struct cf_name_query query = { .name = "a.example" };
    struct cf_profile *profile = check_load(text, last, "");
    struct cf_verdict verdict;

    (void)state;
    assert_non_null(profile);
    assert_int_equal(profile->egress.rules[0].until, last);
    cf_verdict_name(profile, &query, &verdict);
    assert_int_equal(verdict.action, CF_ALLOW);
    cf_profile_free(profile);

    profile = check_load(text, last + 1,
                         "p.yaml:3:34: warning: egress.allow[0].until: the rule expired on "
                         "2027-06-30 and takes no part\n"
                         "    allow: [{to: a.example, until: 2027-06-30}]\n"
                         "                                   ^\n");
    assert_non_null(profile);
    cf_verdict_name(profile, &query, &verdict);
    assert_int_equal(verdict.action, CF_DENY);
    assert_int_equal(verdict.reason, CF_REASON_EXPIRED);
    assert_ptr_equal(verdict.rule, &profile->egress.rules[0]);
    cf_profile_free(profile);
}

static void a_group_of_the_file_may_be_named_on_the_command_line(void **state)
{
    static const char text[] = "version: 1\n"
                               "egress: {groups: {g: [\"a.example:443\"]}}\n";
    char *allow[] = { (char *)"group:g", NULL };
    struct cf_policy_options options = { .allow = allow };
    const struct cf_name_query query = { .name = "a.example" };
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };
    struct cf_verdict verdict;

    (void)state;
    cf_diagnostics_init(&diagnostics);
    assert_int_equal(cf_policy_parse(text, strlen(text), "p.yaml", &options, &diagnostics,
                                     &profile, &err),
                     0);
    cf_verdict_name(profile, &query, &verdict);
    assert_int_equal(verdict.action, CF_ALLOW);
    assert_string_equal(verdict.rule->text, "group:g");
    assert_non_null(verdict.member);
    assert_string_equal(verdict.member->text, "a.example:443");
    cf_profile_free(profile);
    cf_diagnostics_done(&diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_of_a_file_is_known_by_its_line),
        cmocka_unit_test(a_hosts_file_gives_its_names_but_not_the_machines_own),
        cmocka_unit_test(the_machines_own_names_are_passed_over_behind_an_address_alone),
        cmocka_unit_test(lines_across_the_ends_of_the_buffer_are_whole),
        cmocka_unit_test(an_empty_file_has_no_names),
        cmocka_unit_test(the_file_is_listed_with_its_hash),
        cmocka_unit_test(a_line_has_a_length_that_it_may_have),
        cmocka_unit_test(a_file_from_elsewhere_is_not_shown),
        cmocka_unit_test(what_the_kernel_makes_up_is_not_read),
        cmocka_unit_test(too_many_bytes_are_refused),
        cmocka_unit_test(too_many_lines_are_refused),
        cmocka_unit_test(a_file_of_something_else_ends_when_no_more_errors_are_kept),
        cmocka_unit_test(what_is_shown_names_the_file_by_its_whole_path),
        cmocka_unit_test(a_rule_counts_through_its_last_day),
        cmocka_unit_test(a_group_of_the_file_may_be_named_on_the_command_line),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
