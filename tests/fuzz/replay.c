/*
 * replay.c - a corpus once more, without libFuzzer
 *
 * Calls a fuzz target with every file of the folders that are given (of the
 * target's own CORPUS when none is), so that `make check` keeps what fuzzing found.
 * Results are TAP: one line a folder.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define FILE_MAX ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns 0 or -errno. */
static int replay_file(const char *folder, const char *name)
{
    char path[4096];
    cf_auto_free char *data = NULL;
    cf_auto_free uint8_t *exact = NULL;
    size_t length;
    int r;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    r = cf_fd_read_file(path, FILE_MAX, &data, &length);
    if (r < 0)
        return r;
    /* Without a byte to spare, so that a sanitizer sees what reads past the end. */
    exact = malloc(length ? length : 1);
    if (!exact)
        return -ENOMEM;
    memcpy(exact, data, length);
    LLVMFuzzerTestOneInput(exact, length);
    return 0;
}

/* Returns how many files there were, or -1 when one could not be read. */
static int replay_folder(const char *folder)
{
    cf_auto_closedir DIR *dir = opendir(folder);
    const struct dirent *entry;
    int n = 0;

    if (!dir)
        return -1;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        if (replay_file(folder, entry->d_name) < 0)
            return -1;
        n++;
    }
    return n;
}

int main(int argc, char **argv)
{
    char *only[] = { argv[0], (char *)(CORPORA CORPUS) };
    bool failed = false;

    if (argc < 2) {
        argc = 2;
        argv = only;
    }
    printf("1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++) {
        int n = replay_folder(argv[i]);

        printf("%s %d - %d files of %s are taken without a fault\n", n > 0 ? "ok" : "not ok", i, n,
               argv[i]);
        failed |= n <= 0;
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
