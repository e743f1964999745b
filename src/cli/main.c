/*
 * main.c - picks the subcommand
 */
#include <string.h>

#include "cli/cli.h"

static const struct {
    const char *name;
    int (*fn)(int argc, char **argv);
} subcommands[] = {
    { "run", cf_cli_run },
    { "check", cf_cli_check },
    { "show", cf_cli_show },
    { "explain", cf_cli_explain },
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof subcommands / sizeof subcommands[0]; i++) {
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return subcommands[i].fn(argc - 1, argv + 1);
    }
    return cf_cli_run(argc, argv);
}
