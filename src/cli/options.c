/*
 * options.c - the command line as a value
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

enum {
    OPTION_MODE = 256,
    OPTION_DNS,
    OPTION_ALLOW,
    OPTION_DENY,
    OPTION_LOG,
    OPTION_SUMMARY,
    OPTION_ORIGINS,
};

#define POLICY_OPTIONS                                      \
    { "policy", required_argument, NULL, 'p' },             \
    { "mode", required_argument, NULL, OPTION_MODE },       \
    { "dns", required_argument, NULL, OPTION_DNS },         \
    { "allow", required_argument, NULL, OPTION_ALLOW },     \
    { "deny", required_argument, NULL, OPTION_DENY },       \
    { "log", required_argument, NULL, OPTION_LOG },         \
    { "summary", required_argument, NULL, OPTION_SUMMARY }

static const struct option run_options[] = {
    POLICY_OPTIONS,
    { "quiet", no_argument, NULL, 'q' },
    { "verbose", no_argument, NULL, 'v' },
    { NULL, 0, NULL, 0 },
};

static const struct option show_options[] = {
    POLICY_OPTIONS,
    { "origins", no_argument, NULL, OPTION_ORIGINS },
    { NULL, 0, NULL, 0 },
};

static const struct option check_options[] = {
    { NULL, 0, NULL, 0 },
};

/* '+' stops at the first word that is no option: the rest is the command's. */
static const struct {
    const char *letters;
    const struct option *options;
} sets[] = {
    [CF_OPTIONS_RUN] = { "+p:qv", run_options },
    [CF_OPTIONS_CHECK] = { "+", check_options },
    [CF_OPTIONS_SHOW] = { "+p:", show_options },
};

void cf_cli_say(const char *fmt, ...)
{
    va_list args;

    fputs("childflow: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

static int strings_add(struct cf_strings *strings, char *item)
{
    char **items = realloc(strings->items, (strings->n_items + 2) * sizeof(char *));

    if (!items) {
        cf_cli_say("out of memory");
        return -ENOMEM;
    }
    strings->items = items;
    items[strings->n_items++] = item;
    items[strings->n_items] = NULL;
    return 0;
}

static int option_apply(struct cf_options *options, int option)
{
    switch (option) {
    case 'p':
        options->policy = optarg;
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case 'v':
        options->verbose++;
        return 0;
    case OPTION_MODE:
        options->mode = optarg;
        return 0;
    case OPTION_LOG:
        options->log = optarg;
        return 0;
    case OPTION_SUMMARY:
        options->summary = optarg;
        return 0;
    case OPTION_ORIGINS:
        options->origins = true;
        return 0;
    case OPTION_DNS:
        return strings_add(&options->dns, optarg);
    case OPTION_ALLOW:
        return strings_add(&options->allow, optarg);
    case OPTION_DENY:
        return strings_add(&options->deny, optarg);
    default:
        /* getopt_long() has said what is wrong. */
        cf_cli_say("try 'childflow --help'");
        return -EINVAL;
    }
}

int cf_options_parse(int argc, char **argv, enum cf_option_set set, struct cf_options *ret)
{
    struct cf_options options = { 0 };
    static char program[] = "childflow";
    char *first = argv[0];
    int option, r = 0;

    argv[0] = program; /* what getopt_long() puts in front of its messages */
    optind = 0;
    while (r == 0 &&
           (option = getopt_long(argc, argv, sets[set].letters, sets[set].options, NULL)) != -1)
        r = option_apply(&options, option);
    argv[0] = first;
    if (r < 0) {
        cf_options_done(&options);
        return r;
    }
    options.rest = argv + optind;
    options.n_rest = argc - optind;
    *ret = options;
    return 0;
}

void cf_options_done(struct cf_options *options)
{
    free(options->dns.items);
    free(options->allow.items);
    free(options->deny.items);
    *options = (struct cf_options){ 0 };
}

void cf_cli_diagnostics_print(const struct cf_diagnostics *diagnostics)
{
    struct cf_buffer text;

    if (diagnostics->n_items == 0)
        return;
    cf_buffer_init(&text, 0);
    if (cf_diagnostics_format(diagnostics, &text) == 0 && text.data)
        fputs(text.data, stderr);
    else
        cf_cli_say("out of memory while printing what is wrong with the policy");
    cf_buffer_done(&text);
}

int cf_cli_policy_load(const struct cf_options *options, struct cf_profile **ret_profile)
{
    const struct cf_policy_options beats = {
        .mode = options->mode,
        .log = options->log,
        .summary = options->summary,
        .dns = options->dns.items,
        .allow = options->allow.items,
        .deny = options->deny.items,
    };
    struct cf_diagnostics diagnostics;
    struct cf_error err = { 0 };
    int r;

    cf_diagnostics_init(&diagnostics);
    r = cf_policy_load(options->policy, &beats, &diagnostics, ret_profile, &err);
    cf_cli_diagnostics_print(&diagnostics);
    if (r == -EINVAL)
        cf_cli_say("%zu error%s in the policy, nothing was run", diagnostics.n_errors,
                   diagnostics.n_errors == 1 ? "" : "s");
    else if (r < 0)
        cf_cli_say("%s", err.text);
    cf_diagnostics_done(&diagnostics);
    return r < 0 ? CF_EXIT_POLICY : CF_EXIT_OK;
}
