/*
 * check.c - childflow check: every error of every policy, nothing is run
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>

static int check_one(const char *path)
{
    struct cf_profile *profile = NULL;
    struct cf_diagnostics diagnostics;
    struct cf_error err = { 0 };
    int r;

    cf_diagnostics_init(&diagnostics);
    r = cf_policy_load(path, NULL, &diagnostics, &profile, &err);
    cf_cli_diagnostics_print(&diagnostics);
    if (r < 0 && r != -EINVAL)
        cf_cli_say("%s", err.text);
    else if (r < 0)
        printf("%s: %zu error%s\n", path, diagnostics.n_errors,
               diagnostics.n_errors == 1 ? "" : "s");
    else
        printf("%s: ok\n", path);
    cf_diagnostics_done(&diagnostics);
    cf_profile_free(profile);
    return r < 0 ? CF_EXIT_POLICY : CF_EXIT_OK;
}

int cf_cli_check(int argc, char **argv)
{
    struct cf_options options;
    int status = CF_EXIT_OK;

    if (!cf_options_parse(argc, argv, CF_OPTIONS_CHECK, &options, &status))
        return status;
    if (options.n_rest == 0) {
        cf_cli_say("check: no policy file was named");
        status = CF_EXIT_FAILED;
    }
    for (int i = 0; i < options.n_rest; i++) {
        int one = check_one(options.rest[i]);

        if (one != CF_EXIT_OK)
            status = one;
    }
    cf_options_done(&options);
    if (fflush(stdout) != 0)
        status = CF_EXIT_FAILED;
    return status;
}
