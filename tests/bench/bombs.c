/*
 * bombs.c - what policies cost that were written to cost much
 *
 * Reads each in a process of its own and prints the processor's time, peak
 * memory (with the policy's text) and the first finding. Nothing is asserted:
 * tests/policy/test_bombs.c bounds memory in `make check`.
 *
 * usage: bombs [WORD]     only those whose name holds the word
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../policy/bombs.h"
#include "policy/policy.h"

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The most memory that was resident at once, in MiB. */
static double peak_mib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static void measure(const struct bomb *bomb)
{
    struct cf_buffer text, file, findings;
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };
    double start, end, format_end;

    cf_buffer_init(&text, 0);
    cf_buffer_init(&file, 0);
    cf_buffer_init(&findings, 0);
    cf_diagnostics_init(&diagnostics);
    bomb->write(&text, &file);
    if (!bomb_files_write(&file)) {
        perror("other-file");
        exit(EXIT_FAILURE);
    }
    cf_buffer_done(&file);
    start = now_ms();
    cf_policy_parse(text.data, text.length, "bomb.yaml", NULL, &diagnostics, &profile, &err);
    end = now_ms();
    cf_diagnostics_format(&diagnostics, &findings);
    format_end = now_ms();
    printf("| %-34s | %7zu | %8.1f | %6.1f | %5.1f | %.90s |\n", bomb->name, text.length,
           end - start, format_end - end, peak_mib(),
           findings.length ? strtok(findings.data, "\n") : "read");
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/childflow-bombs.XXXXXX";

    if (!mkdtemp(folder) || chdir(folder) < 0) {
        perror(folder);
        return EXIT_FAILURE;
    }
    printf("| bomb | bytes | read, ms | print, ms | peak, MiB | first finding |\n"
           "|---|---:|---:|---:|---:|---|\n");
    fflush(stdout);
    for (size_t i = 0; i < n_bombs; i++) {
        pid_t child;

        if (argc > 1 && !strstr(bombs[i].name, argv[1]))
            continue;
        child = fork();
        if (child == 0) {
            measure(&bombs[i]);
            fflush(stdout);
            _exit(EXIT_SUCCESS);
        }
        if (child < 0 || waitpid(child, NULL, 0) < 0)
            return EXIT_FAILURE;
    }
    bomb_files_remove();
    rmdir(folder);
    return EXIT_SUCCESS;
}
