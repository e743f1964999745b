/*
 * show.c - childflow show: the policy as it is understood
 */
#include "cli/cli.h"

#include <stdio.h>

int cf_cli_show(int argc, char **argv)
{
    struct cf_options options;
    struct cf_profile *profile = NULL;
    struct cf_buffer text;
    int status;

    if (!cf_options_parse(argc, argv, CF_OPTIONS_SHOW, &options, &status))
        return status;
    if (options.n_rest > 0) {
        cf_cli_say("show: '%s' is not expected; name the policy with -p", options.rest[0]);
        cf_options_done(&options);
        return CF_EXIT_FAILED;
    }
    status = cf_cli_policy_load(&options, &profile);
    if (status == CF_EXIT_OK) {
        cf_buffer_init(&text, 0);
        if (cf_policy_format(profile, true, &text) < 0) {
            cf_cli_say("show: out of memory");
            status = CF_EXIT_FAILED;
        } else if (fputs(text.data, stdout) == EOF || fflush(stdout) != 0) {
            cf_cli_say("show: cannot write to standard output");
            status = CF_EXIT_FAILED;
        }
        cf_buffer_done(&text);
    }
    cf_profile_free(profile);
    cf_options_done(&options);
    return status;
}
