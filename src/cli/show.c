/*
 * show.c - childflow show: the policy as it is understood
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* Print the profile; returns the exit code. */
static int print(const struct cf_profile *profile, bool json, bool origins)
{
    int status = CF_EXIT_FAILED;
    struct cf_buffer text;
    int r;

    cf_buffer_init(&text, 0);
    if (json)
        r = cf_policy_format_json(profile, origins, &text);
    else
        r = cf_policy_format(profile, origins, &text);
    if (r < 0)
        cf_cli_say("show: out of memory");
    else if (fputs(text.data, stdout) == EOF || fflush(stdout) != 0)
        cf_cli_say("show: cannot write to standard output");
    else
        status = CF_EXIT_OK;
    cf_buffer_done(&text);
    return status;
}

int cf_cli_show(int argc, char **argv)
{
    struct cf_options options;
    struct cf_profile *profile = NULL;
    bool json;
    int status;

    if (!cf_options_parse(argc, argv, CF_OPTIONS_SHOW, &options, &status))
        return status;
    json = options.format && strcmp(options.format, "json") == 0;
    status = CF_EXIT_FAILED;
    if (options.n_rest > 0) {
        cf_cli_say("show: '%s' is not expected; name the policy with -p", options.rest[0]);
    } else if (options.format && !json && strcmp(options.format, "yaml") != 0) {
        cf_cli_say("show: --format: expected yaml or json, got '%s'", options.format);
    } else {
        status = cf_cli_policy_load(&options, &profile);
        if (status == CF_EXIT_OK)
            status = print(profile, json, options.origins);
    }
    cf_profile_free(profile);
    cf_options_done(&options);
    return status;
}
