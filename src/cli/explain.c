/*
 * explain.c - childflow explain: what the policy says to a question, and why
 *
 * Nothing is run and nothing is sent: a name has the addresses of `hosts`, or
 * those of --address, or none that are known.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/advise.h"
#include "cli/answer.h"
#include "report/explain.h"

/* Addresses of a name, as many as `hosts` may give it. */
#define ADDRS_MAX 64

struct work {
    const struct cf_options *options;
    struct cf_profile *profile;
    struct cf_addr addrs[ADDRS_MAX];
    struct cf_inquiry inquiry;
    struct cf_answer *answers; /* one for each question */
    size_t n_answers;
    bool json;
};

/* Usage errors are said here; all of them, not the first alone. */
static bool read_addrs(struct work *work)
{
    const struct cf_strings *texts = &work->options->address;
    bool good = true;

    if (texts->n_items > ADDRS_MAX) {
        cf_cli_say("explain: more than %d times --address", ADDRS_MAX);
        return false;
    }
    for (size_t i = 0; i < texts->n_items; i++) {
        if (cf_addr_parse(texts->items[i], &work->addrs[i]) < 0) {
            cf_cli_say("explain: --address: expected an address, got '%s'", texts->items[i]);
            good = false;
        }
    }
    return good;
}

static bool read_questions(struct work *work)
{
    bool good = true, named = false;

    work->n_answers = (size_t)work->options->n_rest;
    if (work->n_answers == 0) {
        cf_cli_say("explain: expected a question, such as tcp://registry.example.com:443, "
                   "a name or an address");
        return false;
    }
    work->answers = calloc(work->n_answers, sizeof *work->answers);
    if (!work->answers) {
        cf_cli_say("out of memory");
        work->n_answers = 0;
        return false;
    }
    for (size_t i = 0; i < work->n_answers; i++) {
        struct cf_error err = { 0 };

        if (cf_question_parse(work->options->rest[i], &work->answers[i].question, &err) < 0) {
            cf_cli_say("explain: %s", err.text);
            good = false;
        }
        named = named || work->answers[i].question.name[0];
    }
    if (good && !named && work->options->address.n_items > 0) {
        cf_cli_say("explain: --address says what a name resolves to, and no name is asked for");
        good = false;
    }
    return good;
}

static bool read_format(struct work *work)
{
    const char *format = work->options->format;

    work->json = format && strcmp(format, "json") == 0;
    if (!format || work->json || strcmp(format, "text") == 0)
        return true;
    cf_cli_say("explain: --format: expected text or json, got '%s'", format);
    return false;
}

static bool check_exe(const struct work *work)
{
    const char *exe = work->options->exe;

    if (!exe || exe[0] == '/')
        return true;
    cf_cli_say("explain: --exe: expected the absolute path of a program, got '%s'", exe);
    return false;
}

/* --address cannot contradict the policy. */
static bool check_addrs(const struct work *work)
{
    bool good = true;

    for (size_t i = 0; i < work->n_answers && work->options->address.n_items > 0; i++) {
        const struct cf_question *question = &work->answers[i].question;
        const struct cf_host *host =
            question->name[0] ? cf_profile_host_find(work->profile, question->name) : NULL;

        if (host) {
            cf_cli_say("explain: --address: '%s' has its addresses from 'hosts' (%s:%u), whatever "
                       "others say",
                       host->name, host->origins[0].file, host->origins[0].line);
            good = false;
        } else if (question->name[0] && cf_proxy_resolves_name(work->profile, question->name)) {
            cf_cli_say("explain: --address: the proxy resolves '%s', whatever it resolves to here",
                       question->name);
            good = false;
        }
    }
    return good;
}

static int answer_all(struct work *work)
{
    int r = 0;

    for (size_t i = 0; i < work->n_answers && r == 0; i++) {
        r = cf_answer_make(&work->inquiry, &work->answers[i]);
        if (r == 0)
            r = cf_answer_find_conditions(&work->inquiry, &work->answers[i]);
        if (r == 0)
            r = cf_answer_find_nears(&work->inquiry, &work->answers[i]);
        if (r == 0)
            r = cf_advise(work->options, &work->inquiry, &work->answers[i]);
    }
    return r;
}

static int print_all(const struct work *work)
{
    struct cf_explanation explanation = { .profile = work->profile, .exe = work->options->exe };
    cf_auto_free struct cf_explain_answer *answers = calloc(work->n_answers, sizeof *answers);
    struct cf_buffer text;
    int r;

    if (!answers)
        return -ENOMEM;
    for (size_t i = 0; i < work->n_answers; i++)
        answers[i] = work->answers[i].answer;
    explanation.answers = answers;
    explanation.n_answers = work->n_answers;
    explanation.not_in_force = cf_policy_not_in_force(&explanation.n_not_in_force);
    cf_buffer_init(&text, 0);
    r = work->json ? cf_explain_format_json(&explanation, &text)
                   : cf_explain_format_text(&explanation, &text);
    if (r == 0 && (fputs(text.data, stdout) == EOF || fflush(stdout) != 0))
        r = -EIO;
    cf_buffer_done(&text);
    return r;
}

static int explain(struct work *work)
{
    int status, r;

    status = cf_cli_policy_load(work->options, &work->profile);
    if (status != CF_EXIT_OK)
        return status;
    if (!check_addrs(work))
        return CF_EXIT_FAILED;
    work->inquiry = (struct cf_inquiry) {
        .profile = work->profile,
        .exe = work->options->exe,
        .addrs = work->addrs,
        .n_addrs = work->options->address.n_items,
    };
    r = answer_all(work);
    if (r == 0)
        r = print_all(work);
    if (r < 0) {
        cf_cli_say("explain: %s", r == -EIO ? "cannot write to standard output" : "out of memory");
        return CF_EXIT_FAILED;
    }
    for (size_t i = 0; i < work->n_answers; i++) {
        if (!cf_answer_is_allowed(&work->answers[i]))
            status = CF_EXIT_DENIED;
    }
    return status;
}

int cf_cli_explain(int argc, char **argv)
{
    struct cf_options options;
    struct work work = { .options = &options };
    int status = CF_EXIT_FAILED;
    bool good;

    if (!cf_options_parse(argc, argv, CF_OPTIONS_EXPLAIN, &options, &status))
        return status;
    good = read_format(&work) && check_exe(&work);
    good = read_addrs(&work) && good;
    good = read_questions(&work) && good;
    status = good ? explain(&work) : CF_EXIT_FAILED;
    for (size_t i = 0; i < work.n_answers; i++)
        cf_answer_done(&work.answers[i]);
    free(work.answers);
    cf_profile_free(work.profile);
    cf_options_done(&options);
    return status;
}
