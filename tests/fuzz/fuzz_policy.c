/*
 * fuzz_policy.c - any bytes are a policy or an error, and a policy says the same when shown
 *
 * A line `=== N`, N from 1 to 3, ends the policy: what stands behind it is a file
 * of that name beside it, for `extends` and for every key that names a file.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "policy/policy.h"
#include "policy/source.h"

#define FILES 3
#define SEPARATOR "=== "

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/childflow-fuzz.XXXXXX";
static char policy_path[sizeof folder + sizeof "/fuzz.yaml"];
static bool is_there[FILES + 1];

static void require(bool holds)
{
    if (!holds)
        abort();
}

static char *file_path(int n, char path[sizeof policy_path])
{
    snprintf(path, sizeof policy_path, "%s/%d", folder, n);
    return path;
}

static void remove_folder(void)
{
    char path[sizeof policy_path];

    for (int n = 1; n <= FILES; n++)
        unlink(file_path(n, path));
    rmdir(folder);
}

static void make_folder(void)
{
    if (policy_path[0])
        return;
    require(mkdtemp(folder) != NULL);
    snprintf(policy_path, sizeof policy_path, "%s/fuzz.yaml", folder);
    atexit(remove_folder);
}

static void write_file(int n, const char *text, size_t length)
{
    char path[sizeof policy_path];
    cf_auto_close int fd = open(file_path(n, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    is_there[n] = true;
    require(fd >= 0 && write(fd, text, length) == (ssize_t)length);
}

/* Where the next line of that form begins; its number, and where its text begins. */
static const char *find_separator(const char *text, size_t length, int *ret_n,
                                  const char **ret_text)
{
    const char *end = text + length, *at = text;

    for (; (at = memmem(at, (size_t)(end - at), "\n" SEPARATOR, 5)); at++) {
        if (end - at < 7 || at[5] < '1' || at[5] > '0' + FILES || at[6] != '\n')
            continue;
        *ret_n = at[5] - '0';
        *ret_text = at + 7;
        return at + 1;
    }
    return end;
}

/* Write the files behind the policy; returns the policy's length. */
static size_t write_files(const char *text, size_t length)
{
    const char *end = text + length, *next, *policy_end;
    char path[sizeof policy_path];
    int n, next_n;

    for (n = 1; n <= FILES; n++)
        if (is_there[n])
            unlink(file_path(n, path));
    memset(is_there, 0, sizeof is_there);
    policy_end = find_separator(text, length, &n, &next);
    for (const char *stop = policy_end; stop < end; n = next_n) {
        text = next;
        stop = find_separator(text, (size_t)(end - text), &next_n, &next);
        write_file(n, text, (size_t)(stop - text));
    }
    return length - (size_t)(end - policy_end);
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

        require(length > 0 && (code == '\n' || code == '\t' || cf_text_is_printable(code)));
        at += length;
    }
    for (size_t i = 1; i < diagnostics->n_items; i++) {
        const struct cf_diagnostic *a = &diagnostics->items[i - 1], *b = &diagnostics->items[i];

        require(strcmp(a->file, b->file) != 0 || a->line < b->line ||
                (a->line == b->line && a->column <= b->column));
    }
    cf_buffer_done(&text);
}

static size_t count_lines(const char *text, size_t length)
{
    size_t n = 1;

    for (const char *at = text; (at = memchr(at, '\n', length - (size_t)(at - text))); at++)
        n++;
    return n;
}

/* Each finding of the policy is at a place that it has. */
static void check_places(const struct cf_diagnostics *diagnostics, const char *text, size_t size)
{
    size_t lines = count_lines(text, size);

    require(diagnostics->n_items <= CF_DIAGNOSTICS_MAX);
    for (size_t i = 0; i < diagnostics->n_items; i++) {
        const struct cf_diagnostic *item = &diagnostics->items[i];

        require(item->message[0] && (item->line == 0) == (item->column == 0));
        if (strcmp(item->file, policy_path) != 0)
            continue;
        require(item->line <= lines && item->column <= size + 1);
        require(!item->source || item->source_caret <= strlen(item->source));
    }
}

/* NULL when the policy is wrong. */
static struct cf_profile *read_policy(const char *text, size_t size)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };
    int r;

    cf_diagnostics_init(&diagnostics);
    r = cf_policy_parse(text, size, policy_path, NULL, &diagnostics, &profile, &err);
    require((r == 0) == (profile != NULL) && (r == 0) == (diagnostics.n_errors == 0));
    check_findings(&diagnostics);
    check_places(&diagnostics, text, size);
    cf_diagnostics_done(&diagnostics);
    return profile;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cf_profile *profile, *again;
    struct cf_buffer shown[2];

    make_folder();
    size = write_files((const char *)data, size);
    profile = read_policy((const char *)data, size);
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
