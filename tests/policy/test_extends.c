/*
 * test_extends.c - policies of several files: where they are found, how many there may be, what
 * is known of each
 *
 * The rules of merging are in golden/ok-extends*.yaml; here are files that a
 * tree of text cannot hold, and very many of them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy/policy.h"

static char folder[] = "/tmp/childflow-extends-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

static void __attribute__((format(printf, 2, 3))) put(const char *path, const char *fmt, ...)
{
    FILE *file = fopen(path, "w");
    va_list args;

    assert_non_null(file);
    va_start(args, fmt);
    vfprintf(file, fmt, args);
    va_end(args);
    assert_int_equal(fclose(file), 0);
}

static int load(const char *path, struct cf_diagnostics *diagnostics,
                struct cf_profile **ret_profile)
{
    struct cf_error err = { 0 };

    return cf_policy_load(path, NULL, diagnostics, ret_profile, &err);
}

/* The policy is right; the caller's. */
static struct cf_profile *load_good(const char *path)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_buffer findings;

    cf_diagnostics_init(&diagnostics);
    cf_buffer_init(&findings, 0);
    load(path, &diagnostics, &profile);
    cf_diagnostics_format(&diagnostics, &findings);
    if (!profile)
        fail_msg("%s", findings.data);
    cf_buffer_done(&findings);
    cf_diagnostics_done(&diagnostics);
    return profile;
}

/* The policy is wrong, and its findings hold expected. Returns how many errors there are. */
static size_t check_wrong(const char *path, const char *expected)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_buffer findings;
    size_t n;

    cf_diagnostics_init(&diagnostics);
    cf_buffer_init(&findings, 0);
    assert_int_equal(load(path, &diagnostics, &profile), -EINVAL);
    assert_int_equal(cf_diagnostics_format(&diagnostics, &findings), 0);
    if (!strstr(findings.data, expected))
        fail_msg("%.2000s", findings.data);
    n = diagnostics.n_errors;
    cf_buffer_done(&findings);
    cf_diagnostics_done(&diagnostics);
    return n;
}

static void check_shown(const char *path, bool origins, const char *expected)
{
    struct cf_profile *profile = load_good(path);
    struct cf_buffer shown;

    cf_buffer_init(&shown, 0);
    assert_int_equal(cf_policy_format(profile, origins, &shown), 0);
    if (!strstr(shown.data, expected))
        fail_msg("%s", shown.data);
    cf_buffer_done(&shown);
    cf_profile_free(profile);
}

static void each_value_names_its_own_file(void **state)
{
    (void)state;
    mkdir("sub", 0700);
    put("sub/base.yaml", "version: 1\n"
                         "mode: audit\n"
                         "dns: {search: [a.example]}\n"
                         "hosts: {b.example: [192.0.2.2]}\n"
                         "egress:\n"
                         "  default: allow\n"
                         "  allow:\n"
                         "    - a.example.com\n"
                         "  host_ports: [80]\n");
    put("top.yaml", "version: 1\n"
                    "extends: [sub/base.yaml]\n"
                    "hosts: {a.example: 192.0.2.1, b.example: [192.0.2.3]}\n"
                    "egress: {allow: [b.example.com]}\n"
                    "audit: {summary: json}\n"
                    "dns: {search: [b.example]}\n");
    check_shown("top.yaml", true, "mode: audit  # sub/base.yaml:2\n");
    check_shown("top.yaml", true, "    - a.example  # sub/base.yaml:3\n");
    check_shown("top.yaml", true, "    - b.example  # top.yaml:6\n");
    check_shown("top.yaml", true, "  a.example:\n    - 192.0.2.1  # top.yaml:3\n");
    check_shown("top.yaml", true,
                "  b.example:\n"
                "    - 192.0.2.2  # sub/base.yaml:4\n"
                "    - 192.0.2.3  # top.yaml:3\n");
    check_shown("top.yaml", true, "  default: allow  # sub/base.yaml:6\n");
    check_shown("top.yaml", true, "    - a.example.com  # sub/base.yaml:8\n");
    check_shown("top.yaml", true, "    - b.example.com  # top.yaml:4\n");
    check_shown("top.yaml", true, "  summary: json  # top.yaml:5\n");
}

static void check_digest(const struct cf_profile *profile, size_t i, const char *file,
                         const char *sha256)
{
    assert_true(i < profile->n_digests);
    assert_string_equal(profile->digests[i].file, file);
    assert_string_equal(profile->digests[i].sha256, sha256);
}

static void every_file_that_was_read_is_listed_once(void **state)
{
    struct cf_profile *profile;

    (void)state;
    mkdir("sub", 0700);
    put("top.yaml", "version: 1\nextends: [sub/left.yaml, sub/right.yaml]\n");
    put("sub/left.yaml", "version: 1\nextends: [base.yaml]\nhosts_file: replaced\n");
    put("sub/right.yaml", "version: 1\nextends: [base.yaml]\nhosts_file: hosts\n");
    put("sub/base.yaml", "version: 1\n");
    put("sub/hosts", "192.0.2.1 a.example\n");
    profile = load_good("top.yaml");
    assert_int_equal(profile->n_digests, 5);
    check_digest(profile, 0, "top.yaml", profile->sha256);
    assert_string_equal(profile->digests[1].file, "sub/left.yaml");
    /* printf 'version: 1\n' | sha256sum */
    check_digest(profile, 2, "sub/base.yaml",
                 "09bfcc6a14b83e2192b8673677725c84883ee9cd0c70e45c9ec09daa8f2b2847");
    assert_string_equal(profile->digests[3].file, "sub/right.yaml");
    /* printf '192.0.2.1 a.example\n' | sha256sum */
    check_digest(profile, 4, "sub/hosts",
                 "050383e2fc2e11093ad1588dd0c54865de71fb452db0ae88242848e54f87020c");
    cf_profile_free(profile);
}

static void a_path_is_relative_to_the_file_that_has_it(void **state)
{
    char text[512], cwd[256];

    (void)state;
    mkdir("sub", 0700);
    mkdir("sub/deep", 0700);
    put("sub/deep/hosts", "192.0.2.1 deep.example\n");
    put("sub/hosts", "192.0.2.1 sub.example\n");
    put("hosts", "192.0.2.1 top.example\n");
    put("sub/deep/base.yaml", "version: 1\nhosts_file: hosts\n");
    put("sub/middle.yaml", "version: 1\nextends: [deep/base.yaml]\n");
    put("top.yaml", "version: 1\nextends: [sub/middle.yaml]\n");
    check_shown("top.yaml", false, "hosts:\n  deep.example: [192.0.2.1]\n\n");
    put("sub/middle.yaml", "version: 1\nextends: [deep/base.yaml]\nhosts_file: hosts\n");
    check_shown("top.yaml", false, "hosts:\n  sub.example: [192.0.2.1]\n\n");
    put("top.yaml", "version: 1\nextends: [sub/middle.yaml]\nhosts_file: hosts\n");
    check_shown("top.yaml", false, "hosts:\n  top.example: [192.0.2.1]\n\n");
    put("sub/deep/up.yaml", "version: 1\nextends: [../../top.yaml]\n");
    check_shown("sub/deep/up.yaml", false, "hosts:\n  top.example: [192.0.2.1]\n\n");
    assert_non_null(getcwd(cwd, sizeof cwd));
    snprintf(text, sizeof text, "%s/sub/middle.yaml", cwd);
    put("sub/deep/absolute.yaml", "version: 1\nextends: [%s]\n", text);
    check_shown("sub/deep/absolute.yaml", false, "hosts:\n  sub.example: [192.0.2.1]\n\n");
}

static void a_parent_is_a_regular_file(void **state)
{
    (void)state;
    unlink("fifo");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    mkdir("folder", 0700);
    put("top.yaml", "version: 1\nextends: [fifo, folder, /dev/zero, absent]\n");
    assert_int_equal(check_wrong("top.yaml", "top.yaml:2:11: error: extends[0]: expected a "
                                             "regular file, got 'fifo'\n"),
                     4);
    check_wrong("top.yaml", "extends[1]: expected a file that can be read, got 'folder' (Is a "
                            "directory)\n");
    check_wrong("top.yaml", "extends[2]: expected a regular file, got '/dev/zero'\n");
    check_wrong("top.yaml", "extends[3]: expected a file that can be read, got 'absent' (No such "
                            "file or directory)\n");
}

static void a_cycle_is_found_through_links(void **state)
{
    (void)state;
    unlink("link.yaml");
    put("top.yaml", "version: 1\nextends: [middle.yaml]\n");
    put("middle.yaml", "version: 1\nextends: [link.yaml]\n");
    assert_int_equal(symlink("top.yaml", "link.yaml"), 0);
    assert_int_equal(check_wrong("top.yaml", "middle.yaml:2:11: error: extends[0]: expected files "
                                             "that do not extend each other in a circle, got "
                                             "top.yaml -> middle.yaml -> top.yaml\n"),
                     1);
    unlink("link.yaml");
}

static void the_chain_of_a_long_cycle_is_cut_in_the_middle(void **state)
{
    char name[9][120];

    (void)state;
    for (int i = 0; i < 9; i++)
        snprintf(name[i], sizeof name[i], "%d%0100d.yaml", i, 0);
    for (int i = 0; i < 9; i++)
        put(name[i], "version: 1\nextends: [%s]\n", name[(i + 1) % 9]);
    check_wrong(name[0], " -> ... -> 8");
    check_wrong(name[0], "0.yaml\n");
}

/* First comes with n parents, each of which has n_each of its own. */
static void put_tree(unsigned n, unsigned n_each)
{
    FILE *file = fopen("top.yaml", "w");

    fputs("version: 1\nextends: [", file);
    for (unsigned i = 0; i < n; i++)
        fprintf(file, "p%u.yaml, ", i);
    fputs("]\n", file);
    assert_int_equal(fclose(file), 0);
    for (unsigned i = 0; i < n; i++) {
        char name[32];

        snprintf(name, sizeof name, "p%u.yaml", i);
        file = fopen(name, "w");
        fputs("version: 1\nextends: [", file);
        for (unsigned j = 0; j < n_each; j++) {
            char parent[32];

            snprintf(parent, sizeof parent, "p%u-%u.yaml", i, j);
            put(parent, "version: 1\negress: {allow: [\"%u-%u.example.com\"]}\n", i, j);
            fprintf(file, "%s, ", parent);
        }
        fputs("]\n", file);
        assert_int_equal(fclose(file), 0);
    }
}

static void a_policy_has_64_files_and_not_one_more(void **state)
{
    struct cf_profile *profile;

    (void)state;
    put_tree(9, 6);
    profile = load_good("top.yaml");
    assert_int_equal(profile->n_digests, 64);
    assert_int_equal(profile->egress.n_rules, 54);
    cf_profile_free(profile);
    put("p8.yaml", "version: 1\nextends: [p8-0.yaml, p0.yaml, p8-1.yaml, p8-2.yaml, p8-3.yaml, "
                   "p8-4.yaml, p8-5.yaml]\n");
    cf_profile_free(load_good("top.yaml"));
    put("more.yaml", "version: 1\n");
    put("p8-5.yaml", "version: 1\nextends: [more.yaml]\n");
    assert_int_equal(check_wrong("top.yaml", "p8-5.yaml:2:11: error: extends[0]: expected at most "
                                             "64 files in a policy, got more\n"),
                     1);
}

/* Files that each hold so many bytes, and a policy that extends three of them. */
static void files_hold_4_mib_together(void **state)
{
    size_t third = ((size_t)4 << 20) / 3;
    char *comment = malloc(third + 1);

    (void)state;
    assert_non_null(comment);
    memset(comment, '#', third - 50);
    comment[third - 50] = '\0';
    put("a.yaml", "version: 1\n%s\n", comment);
    put("b.yaml", "version: 1\n%s\n", comment);
    put("c.yaml", "version: 1\n%s\n", comment);
    put("top.yaml", "version: 1\nextends: [a.yaml, b.yaml, c.yaml]\n");
    cf_profile_free(load_good("top.yaml"));
    put("d.yaml", "version: 1\n%.200s\n", comment);
    put("top.yaml", "version: 1\nextends: [a.yaml, b.yaml, c.yaml, d.yaml]\n");
    assert_int_equal(check_wrong("top.yaml", "top.yaml:2:35: error: extends[3]: expected files of "
                                             "at most 4194304 bytes together, got more with "
                                             "'d.yaml'\n"),
                     1);
    free(comment);
}

/* A file with n aliases of one item. */
static void put_aliases(const char *path, unsigned n)
{
    FILE *file = fopen(path, "w");

    fputs("version: 1\negress: {allow: [&a x.example.com", file);
    while (n-- > 0)
        fputs(", *a", file);
    fputs("]}\n", file);
    assert_int_equal(fclose(file), 0);
}

static void put_commands(const char *path, unsigned n)
{
    FILE *file = fopen(path, "w");

    fputs("version: 1\ncommand: [x", file);
    while (n-- > 0)
        fputs(", x", file);
    fputs("]\n", file);
    assert_int_equal(fclose(file), 0);
}

static void nodes_and_aliases_are_counted_over_all_files(void **state)
{
    (void)state;
    put("top.yaml", "version: 1\nextends: [a.yaml, b.yaml]\n");
    put_aliases("a.yaml", 5000);
    put_aliases("b.yaml", 5000);
    cf_profile_free(load_good("top.yaml"));
    put_aliases("b.yaml", 5001);
    assert_int_equal(check_wrong("top.yaml", "b.yaml:2:"), 1);
    check_wrong("top.yaml", "aliases that stand for at most 10000 nodes, got more\n");
    put_commands("a.yaml", 75000);
    put_commands("b.yaml", 75000);
    check_wrong("top.yaml", "b.yaml:2:");
    check_wrong("top.yaml", "expected at most 150000 values and keys, got more\n");
}

/* A file with one rule n times. */
static void put_doubtful(const char *path, unsigned n)
{
    FILE *file = fopen(path, "w");

    fputs("version: 1\negress:\n  allow:\n", file);
    while (n-- > 0)
        fputs("    - privat\n", file);
    assert_int_equal(fclose(file), 0);
}

/* What is in force is what was merged, however much there is to say about it. */
static void thousands_of_warnings_hide_no_rule(void **state)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;

    (void)state;
    put("top.yaml", "version: 1\nextends: [a.yaml]\negress: {deny: [private]}\nmode: audit\n");
    put_doubtful("a.yaml", 5000);
    cf_diagnostics_init(&diagnostics);
    assert_int_equal(load("top.yaml", &diagnostics, &profile), 0);
    assert_int_equal(diagnostics.n_warnings, 5000);
    assert_int_equal(profile->egress.n_rules, 5001);
    assert_int_equal(profile->mode, CF_MODE_AUDIT);
    cf_profile_free(profile);
    profile = NULL;
    put("top.yaml", "version: 1\nextends: [a.yaml]\nname: a b\n");
    assert_int_equal(load("top.yaml", &diagnostics, &profile), -EINVAL);
    assert_int_equal(diagnostics.n_errors, 1);
    cf_diagnostics_done(&diagnostics);
}

/*
 * Layers of files, each of which extends all of the layer below; the lowest
 * have long lists. Merged without a limit, it would be 8^7 lists.
 */
static void files_that_multiply_end_in_an_error(void **state)
{
    (void)state;
    for (int layer = 0; layer < 7; layer++) {
        for (int i = 0; i < 8; i++) {
            char name[32];
            FILE *file;

            snprintf(name, sizeof name, "l%d-%d.yaml", layer, i);
            file = fopen(name, "w");
            fputs("version: 1\nextends: [", file);
            for (int j = 0; layer > 0 && j < 8; j++)
                fprintf(file, "l%d-%d.yaml, ", layer - 1, j);
            fputs("]\negress:\n  allow:\n", file);
            for (int j = 0; j < 500; j++)
                fprintf(file, "    - h%d-%d-%d.example.com\n", layer, i, j);
            assert_int_equal(fclose(file), 0);
        }
    }
    put("top.yaml", "version: 1\nextends: [l6-0.yaml, l6-1.yaml]\n");
    assert_int_equal(check_wrong("top.yaml", "top.yaml:2:10: error: extends: expected files that "
                                             "merge in at most 500000 steps, got more\n"),
                     1);
}

/* An error of a parent refuses each of the policies that have it, though it is reported before. */
static void a_finding_of_an_earlier_policy_does_not_hide_one(void **state)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;

    (void)state;
    put("base.yaml", "version: 1\nmode: x\n");
    put("one.yaml", "version: 1\nextends: [base.yaml]\n");
    put("two.yaml", "version: 1\nextends: [base.yaml]\n");
    cf_diagnostics_init(&diagnostics);
    assert_int_equal(load("one.yaml", &diagnostics, &profile), -EINVAL);
    assert_int_equal(diagnostics.n_errors, 1);
    assert_int_equal(load("two.yaml", &diagnostics, &profile), -EINVAL);
    assert_int_equal(diagnostics.n_errors, 2);
    assert_int_equal(load("base.yaml", &diagnostics, &profile), -EINVAL);
    assert_int_equal(diagnostics.n_errors, 3);
    assert_null(profile);
    cf_diagnostics_done(&diagnostics);
}

static void text_of_no_file_has_parents_beside_its_name(void **state)
{
    static const char text[] = "version: 1\nextends: [base.yaml]\n";
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };

    (void)state;
    mkdir("sub", 0700);
    put("sub/base.yaml", "version: 1\nmode: audit\n");
    cf_diagnostics_init(&diagnostics);
    assert_int_equal(
        cf_policy_parse(text, strlen(text), "sub/text", NULL, &diagnostics, &profile, &err), 0);
    assert_int_equal(profile->mode, CF_MODE_AUDIT);
    assert_string_equal(profile->name, "text");
    cf_profile_free(profile);
    cf_diagnostics_done(&diagnostics);
}

static void what_the_command_line_says_beats_all_files(void **state)
{
    char *allow[] = { "b.example.com", NULL };
    struct cf_policy_options options = { .mode = "enforce", .allow = allow };
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };

    (void)state;
    put("base.yaml", "version: 1\nmode: audit\negress: {deny: [b.example.com]}\n");
    put("top.yaml", "version: 1\nextends: [base.yaml]\n");
    cf_diagnostics_init(&diagnostics);
    assert_int_equal(cf_policy_load("top.yaml", &options, &diagnostics, &profile, &err), 0);
    assert_int_equal(profile->mode, CF_MODE_ENFORCE);
    assert_int_equal(profile->egress.n_rules, 2);
    assert_false(profile->egress.rules[0].beats_file);
    assert_string_equal(profile->egress.rules[0].origin.file, "base.yaml");
    assert_true(profile->egress.rules[1].beats_file);
    cf_profile_free(profile);
    cf_diagnostics_done(&diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_names_its_own_file),
        cmocka_unit_test(every_file_that_was_read_is_listed_once),
        cmocka_unit_test(a_path_is_relative_to_the_file_that_has_it),
        cmocka_unit_test(a_parent_is_a_regular_file),
        cmocka_unit_test(a_cycle_is_found_through_links),
        cmocka_unit_test(the_chain_of_a_long_cycle_is_cut_in_the_middle),
        cmocka_unit_test(a_policy_has_64_files_and_not_one_more),
        cmocka_unit_test(files_hold_4_mib_together),
        cmocka_unit_test(nodes_and_aliases_are_counted_over_all_files),
        cmocka_unit_test(thousands_of_warnings_hide_no_rule),
        cmocka_unit_test(files_that_multiply_end_in_an_error),
        cmocka_unit_test(a_finding_of_an_earlier_policy_does_not_hide_one),
        cmocka_unit_test(text_of_no_file_has_parents_beside_its_name),
        cmocka_unit_test(what_the_command_line_says_beats_all_files),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
