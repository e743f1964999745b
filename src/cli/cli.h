/*
 * cli.h - the one room that speaks to people and picks exit codes
 */
#ifndef CF_CLI_CLI_H
#define CF_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "policy/diagnostic.h"
#include "policy/policy.h"
#include "profile/profile.h"

/* doc/policy.md, "Exit status": the conventions of env(1), timeout(1), sysexits. */
enum cf_exit {
    CF_EXIT_OK = 0,
    CF_EXIT_DENIED = 77,
    CF_EXIT_POLICY = 78,
    CF_EXIT_FAILED = 125,
};

/* A list of borrowed strings, NULL-terminated once something is in it. */
struct cf_strings {
    char **items;
    size_t n_items;
};

/* What the command line of any subcommand asks for. */
struct cf_options {
    const char *policy; /* -p; NULL for the built-in policy */
    const char *mode, *proxy, *log, *summary;
    const char *capture, *point;
    const char *format; /* of what is printed; NULL: not given */
    bool origins;
    bool strict;        /* check: warnings count as errors */
    const char *exe;    /* explain: the program that asks */
    struct cf_strings dns, interface, allow, deny;
    struct cf_strings address; /* explain: what names resolve to */
    bool quiet;
    bool live; /* run: keep a status line on the terminal */
    unsigned engine_threads; /* run: 0 when not given */
    int verbose;
    char **rest; /* what stands behind the options, NULL-terminated */
    int n_rest;
};

/* Which options a subcommand takes. */
enum cf_option_set {
    CF_OPTIONS_RUN,
    CF_OPTIONS_CHECK,
    CF_OPTIONS_SHOW,
    CF_OPTIONS_EXPLAIN,
};

/*
 * Read the options of argv[1...]. --help and --version are answered here.
 *
 * ret:        set when there is something to do; the caller's, cf_options_done()
 * ret_status: the exit code otherwise; what is wrong has been said on stderr
 *
 * Returns whether there is something to do.
 */
bool cf_options_parse(int argc, char **argv, enum cf_option_set set, struct cf_options *ret,
                      int *ret_status);
void cf_options_done(struct cf_options *options);

/* The options as the policy room takes them; borrowed. */
struct cf_policy_options cf_cli_policy_options(const struct cf_options *options);

/*
 * Load the policy that the options name, and say on stderr what is wrong
 * with it. Returns CF_EXIT_OK with *ret_profile, or the exit code.
 */
int cf_cli_policy_load(const struct cf_options *options, struct cf_profile **ret_profile);

/* Print findings on stderr, or nothing when there are none. */
void cf_cli_diagnostics_print(const struct cf_diagnostics *diagnostics);

/* "childflow: ..." on stderr, in one line; what is not printable (base/text.h) as an escape. */
void cf_cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What --help and --version print, on stdout; 0 or -EIO. */
int cf_cli_help(void);
int cf_cli_version(void);

/* The subcommands; each returns the exit code. argv[0] is the subcommand. */
int cf_cli_run(int argc, char **argv);
int cf_cli_check(int argc, char **argv);
int cf_cli_show(int argc, char **argv);
int cf_cli_explain(int argc, char **argv);

#endif
