/*
 * options.c - the command line as a value
 */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cli/cli.h"

/* Two paths and what is wrong with them. */
#define MESSAGE_SIZE 10240

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/terminal.h"
#include "engine/engine.h"

enum {
    OPTION_MODE = 256,
    OPTION_PROXY,
    OPTION_DNS,
    OPTION_INTERFACE,
    OPTION_ALLOW,
    OPTION_DENY,
    OPTION_LOG,
    OPTION_SUMMARY,
    OPTION_POINT,
    OPTION_FORMAT,
    OPTION_ORIGINS,
    OPTION_STRICT,
    OPTION_EXE,
    OPTION_ADDRESS,
    OPTION_LIVE,
    OPTION_ENGINE_THREADS,
};

#define POLICY_OPTIONS                                      \
    { "policy", required_argument, NULL, 'p' },             \
    { "mode", required_argument, NULL, OPTION_MODE },       \
    { "proxy", required_argument, NULL, OPTION_PROXY },     \
    { "dns", required_argument, NULL, OPTION_DNS },         \
    { "interface", required_argument, NULL, OPTION_INTERFACE }, \
    { "allow", required_argument, NULL, OPTION_ALLOW },     \
    { "deny", required_argument, NULL, OPTION_DENY },       \
    { "log", required_argument, NULL, OPTION_LOG },         \
    { "summary", required_argument, NULL, OPTION_SUMMARY }, \
    { "capture", required_argument, NULL, 'c' },            \
    { "point", required_argument, NULL, OPTION_POINT },     \
    { "help", no_argument, NULL, 'h' },                     \
    { "version", no_argument, NULL, 'V' }

static const struct option run_options[] = {
    POLICY_OPTIONS,
    { "quiet", no_argument, NULL, 'q' },
    { "verbose", no_argument, NULL, 'v' },
    { "live", no_argument, NULL, OPTION_LIVE },
    { "engine-threads", required_argument, NULL, OPTION_ENGINE_THREADS },
    { NULL, 0, NULL, 0 },
};

static const struct option show_options[] = {
    POLICY_OPTIONS,
    { "format", required_argument, NULL, OPTION_FORMAT },
    { "origins", no_argument, NULL, OPTION_ORIGINS },
    { NULL, 0, NULL, 0 },
};

static const struct option explain_options[] = {
    POLICY_OPTIONS,
    { "format", required_argument, NULL, OPTION_FORMAT },
    { "exe", required_argument, NULL, OPTION_EXE },
    { "address", required_argument, NULL, OPTION_ADDRESS },
    { NULL, 0, NULL, 0 },
};

static const struct option check_options[] = {
    { "strict", no_argument, NULL, OPTION_STRICT },
    { "format", required_argument, NULL, OPTION_FORMAT },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { NULL, 0, NULL, 0 },
};

/* '+' stops at the first word that is no option: the rest is the command's. */
static const struct {
    const char *letters;
    const struct option *options;
} sets[] = {
    [CF_OPTIONS_RUN] = { "+p:c:qvhV", run_options },
    [CF_OPTIONS_CHECK] = { "hV", check_options },
    [CF_OPTIONS_SHOW] = { "+p:c:hV", show_options },
    [CF_OPTIONS_EXPLAIN] = { "p:c:hV", explain_options },
};

void cf_cli_say(const char *fmt, ...)
{
    CF_CLEANUP(cf_buffer_done) struct cf_buffer buffer;
    char message[MESSAGE_SIZE];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    cf_buffer_init(&buffer, 0);
    cf_text_put(&buffer, message, strlen(message));
    cf_terminal_clear();
    fprintf(stderr, "childflow: %s\n", buffer.failed || !buffer.data ? "out of memory" : buffer.data);
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

/* A run has one policy: of two, one would be ignored. */
static int policy_set(struct cf_options *options, const char *path)
{
    if (options->policy) {
        cf_cli_say("-p is given twice, for '%s' and '%s'; a run has one policy", options->policy,
                   path);
        return -EINVAL;
    }
    options->policy = path;
    return 0;
}

static int live_set(struct cf_options *options)
{
    const char *refusal = cf_terminal_refusal();

    if (refusal) {
        cf_cli_say("--live: %s", refusal);
        return -EINVAL;
    }
    options->live = true;
    return 0;
}

/* Digits alone: strtoul(3) takes signs and spaces too. */
static int engine_threads_set(struct cf_options *options, const char *text)
{
    unsigned n = 0;

    for (const char *at = text; *at >= '0' && *at <= '9' && n <= CF_ENGINE_THREADS_MAX; at++)
        n = n * 10 + (unsigned)(*at - '0');
    if (n < 1 || n > CF_ENGINE_THREADS_MAX || strspn(text, "0123456789") != strlen(text)) {
        cf_cli_say("--engine-threads takes a number from 1 to %d, not '%s'", CF_ENGINE_THREADS_MAX,
                   text);
        return -EINVAL;
    }
    options->engine_threads = n;
    return 0;
}

/* Returns 0 to go on, 1 when all that was asked for is printed, or an error that was said. */
static int option_apply(struct cf_options *options, int option)
{
    switch (option) {
    case 'p':
        return policy_set(options, optarg);
    case 'h':
        return cf_cli_help() < 0 ? -EIO : 1;
    case 'V':
        return cf_cli_version() < 0 ? -EIO : 1;
    case 'q':
        options->quiet = true;
        return 0;
    case 'v':
        options->verbose++;
        return 0;
    case OPTION_MODE:
        options->mode = optarg;
        return 0;
    case OPTION_PROXY:
        options->proxy = optarg;
        return 0;
    case OPTION_LOG:
        options->log = optarg;
        return 0;
    case 'c':
        options->capture = optarg;
        return 0;
    case OPTION_POINT:
        options->point = optarg;
        return 0;
    case OPTION_SUMMARY:
        options->summary = optarg;
        return 0;
    case OPTION_FORMAT:
        options->format = optarg;
        return 0;
    case OPTION_ORIGINS:
        options->origins = true;
        return 0;
    case OPTION_STRICT:
        options->strict = true;
        return 0;
    case OPTION_LIVE:
        return live_set(options);
    case OPTION_ENGINE_THREADS:
        return engine_threads_set(options, optarg);
    case OPTION_EXE:
        options->exe = optarg;
        return 0;
    case OPTION_ADDRESS:
        return strings_add(&options->address, optarg);
    case OPTION_DNS:
        return strings_add(&options->dns, optarg);
    case OPTION_INTERFACE:
        return strings_add(&options->interface, optarg);
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

bool cf_options_parse(int argc, char **argv, enum cf_option_set set, struct cf_options *ret,
                      int *ret_status)
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
    if (r != 0) {
        *ret_status = r < 0 ? CF_EXIT_FAILED : CF_EXIT_OK;
        cf_options_done(&options);
        return false;
    }
    options.rest = argv + optind;
    options.n_rest = argc - optind;
    *ret = options;
    return true;
}

void cf_options_done(struct cf_options *options)
{
    free(options->dns.items);
    free(options->interface.items);
    free(options->allow.items);
    free(options->deny.items);
    free(options->address.items);
    *options = (struct cf_options){ 0 };
}

void cf_cli_diagnostics_print(const struct cf_diagnostics *diagnostics)
{
    struct cf_buffer text;

    if (diagnostics->n_items == 0)
        return;
    cf_buffer_init(&text, 0);
    if (cf_diagnostics_format(diagnostics, &text) == 0 && text.data)
        cf_terminal_print(text.data);
    else
        cf_cli_say("out of memory while printing what is wrong with the policy");
    cf_buffer_done(&text);
}

/* Is every error one of an option's value, and the policy itself right? */
static bool of_command_line(const struct cf_diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics->n_items; i++) {
        const struct cf_diagnostic *item = &diagnostics->items[i];

        if (item->severity == CF_SEVERITY_ERROR && strcmp(item->file, CF_COMMAND_LINE) != 0)
            return false;
    }
    return true;
}

struct cf_policy_options cf_cli_policy_options(const struct cf_options *options)
{
    return (struct cf_policy_options) {
        .mode = options->mode,
        .proxy = options->proxy,
        .log = options->log,
        .summary = options->summary,
        .capture = options->capture,
        .point = options->point,
        .dns = options->dns.items,
        .interface = options->interface.items,
        .allow = options->allow.items,
        .deny = options->deny.items,
    };
}

int cf_cli_policy_load(const struct cf_options *options, struct cf_profile **ret_profile)
{
    const struct cf_policy_options beats = cf_cli_policy_options(options);
    struct cf_diagnostics diagnostics;
    struct cf_error err = { 0 };
    int status, r;

    cf_diagnostics_init(&diagnostics);
    r = cf_policy_load(options->policy, &beats, &diagnostics, ret_profile, &err);
    cf_cli_diagnostics_print(&diagnostics);
    status = r < 0 ? CF_EXIT_POLICY : CF_EXIT_OK;
    if (r == -EINVAL && of_command_line(&diagnostics))
        status = CF_EXIT_FAILED;
    if (r == -EINVAL)
        cf_cli_say("%zu error%s %s", diagnostics.n_errors, diagnostics.n_errors == 1 ? "" : "s",
                   status == CF_EXIT_POLICY ? "in the policy" : "on the command line");
    else if (r < 0)
        cf_cli_say("%s", err.text);
    cf_diagnostics_done(&diagnostics);
    return status;
}
