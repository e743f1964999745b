/*
 * fuzz_policy.c - any bytes are a policy or an error, and a policy says the same when shown
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "policy/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Findings are text that a terminal can take, in the order of their places. */
static void check_findings(const struct cf_diagnostics *diagnostics)
{
    struct cf_buffer text;

    cf_buffer_init(&text, 0);
    require(cf_diagnostics_format(diagnostics, &text) == 0);
    for (size_t at = 0; at < text.length;) {
        unsigned code = 0;
        unsigned length = cf_utf8_length(text.data + at, text.length - at, &code);

        require(length > 0 && (code == '\n' || code == '\t' || code >= 0x20) && code != 0x7f);
        at += length;
    }
    for (size_t i = 1; i < diagnostics->n_items; i++) {
        const struct cf_diagnostic *a = &diagnostics->items[i - 1], *b = &diagnostics->items[i];

        require(strcmp(a->file, b->file) != 0 || a->line < b->line ||
                (a->line == b->line && a->column <= b->column));
    }
    cf_buffer_done(&text);
}

/* NULL when the policy is wrong. */
static struct cf_profile *read_policy(const char *text, size_t size)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };
    int r;

    cf_diagnostics_init(&diagnostics);
    r = cf_policy_parse(text, size, "fuzz.yaml", NULL, &diagnostics, &profile, &err);
    require((r == 0) == (profile != NULL) && (r == 0) == (diagnostics.n_errors == 0));
    check_findings(&diagnostics);
    cf_diagnostics_done(&diagnostics);
    return profile;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cf_profile *profile = read_policy((const char *)data, size), *again;
    struct cf_buffer shown[2];

    if (!profile)
        return 0;
    for (int i = 0; i < 2; i++) {
        cf_buffer_init(&shown[i], 0);
        require(cf_policy_format(profile, i == 0, &shown[i]) == 0);
    }
    again = read_policy(shown[0].data, shown[0].length);
    require(again != NULL);
    cf_buffer_clear(&shown[0]);
    require(cf_policy_format(again, false, &shown[0]) == 0);
    require(strcmp(shown[0].data, shown[1].data) == 0);
    for (int i = 0; i < 2; i++)
        cf_buffer_done(&shown[i]);
    cf_profile_free(again);
    cf_profile_free(profile);
    return 0;
}
