/*
 * test_bombs.c - policies that were written to cost much get their error within bounds
 *
 * Each is read by a process of its own, in which memory ends at BOMB_MEMORY_LIMIT:
 * what needs more fails with ENOMEM instead of the error that is expected. Time
 * is bounded by what is counted, never by a clock; tests/bench/bombs.c measures it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bombs.h"
#include "policy/policy.h"

/* A sanitizer's shadow needs far more address space than any limit. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_SHADOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SHADOW 1
#endif
#endif
#ifndef HAS_SHADOW
#define HAS_SHADOW 0
#endif

/* Errors that one step of reading may add before the next one sees that they are too many. */
#define ERRORS_AT_ONCE 64

static char folder[] = "/tmp/childflow-bombs.XXXXXX";

/* Let this process have so many bytes more than it has. */
static bool limit_memory(size_t bytes)
{
    FILE *stream = fopen("/proc/self/statm", "re");
    struct rlimit limit;
    unsigned long pages;
    int n;

    if (HAS_SHADOW)
        return stream && fclose(stream) == 0;
    n = stream ? fscanf(stream, "%lu", &pages) : 0;
    if (stream)
        fclose(stream);
    if (n != 1)
        return false;
    limit.rlim_cur = limit.rlim_max = pages * (size_t)sysconf(_SC_PAGESIZE) + bytes;
    return setrlimit(RLIMIT_AS, &limit) == 0;
}

/* Returns what went wrong, or NULL. */
static const char *read_bomb(const struct bomb *bomb, const struct cf_buffer *text)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_buffer findings;
    struct cf_error err = { 0 };
    const char *fault = NULL;
    int r;

    cf_diagnostics_init(&diagnostics);
    cf_buffer_init(&findings, 0);
    r = cf_policy_parse(text->data, text->length, "bomb.yaml", NULL, &diagnostics, &profile, &err);
    cf_diagnostics_format(&diagnostics, &findings);
    if (r != (bomb->expected ? -EINVAL : 0))
        fault = r == -ENOMEM ? "needs more memory than it may" : "is not judged as expected";
    else if (bomb->expected && (!findings.data || !strstr(findings.data, bomb->expected)))
        fault = "gets another error";
    else if (diagnostics.n_errors > CF_DIAGNOSTICS_MAX + ERRORS_AT_ONCE)
        fault = "is read on behind the last error that is shown";
    if (fault)
        fprintf(stderr, "%s: %s: %.400s\n", bomb->name, fault,
                findings.data ? findings.data : err.text);
    cf_buffer_done(&findings);
    cf_profile_free(profile);
    cf_diagnostics_done(&diagnostics);
    return fault;
}

static int child(const struct bomb *bomb)
{
    struct cf_buffer text, file;
    const char *fault = "cannot be laid";

    cf_buffer_init(&text, 0);
    cf_buffer_init(&file, 0);
    bomb->write(&text, &file);
    if (!text.failed && !file.failed && chdir(folder) == 0 && bomb_files_write(&file)) {
        cf_buffer_done(&file);
        if (limit_memory(BOMB_MEMORY_LIMIT - text.capacity))
            fault = read_bomb(bomb, &text);
    }
    cf_buffer_done(&text);
    return fault ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void gets_its_error_within_bounds(void **state)
{
    const struct bomb *bomb = *state;
    int status = -1;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(child(bomb));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    if (chdir(folder) < 0)
        return -1;
    bomb_files_remove();
    return chdir("/") < 0 ? -1 : rmdir(folder);
}

int main(void)
{
    struct CMUnitTest *tests = calloc(n_bombs, sizeof *tests);
    int n_failed;

    if (!tests)
        return EXIT_FAILURE;
    for (size_t i = 0; i < n_bombs; i++)
        tests[i] = (struct CMUnitTest) {
            .name = bombs[i].name,
            .test_func = gets_its_error_within_bounds,
            .initial_state = (void *)(uintptr_t)&bombs[i],
        };
    n_failed = _cmocka_run_group_tests("bombs", tests, n_bombs, make_folder, remove_folder);
    free(tests);
    return n_failed;
}
