/*
 * filter_make.c - writes filter_code.c, when childflow is built
 *
 * Usage: filter_make [ARCH]. Built by the compiler of the building machine; ARCH, as
 * libseccomp names it, when childflow is for another one. The numbers of families, requests and
 * errors are then this machine's, so what it writes does not compile where they are others.
 */
#include <errno.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sandbox/filter_rules.h"

/* What the rules are made of. */
#define NUMBERS(X)                                                                                 \
    X(EPERM) X(EINVAL) X(ENOSYS) X(EAFNOSUPPORT) X(AF_UNIX) X(AF_INET) X(AF_INET6) X(AF_NETLINK)   \
    X(AF_PACKET) X(AF_ALG) X(TIOCSTI) X(TIOCLINUX) X(CLONE_THREAD) X(CLONE_FILES)                  \
    X(CLOSE_RANGE_UNSHARE)

static void write_numbers(void)
{
#define WRITE(name)                                                                                \
    printf("_Static_assert(" #name " == %#lx, \"made for other numbers\");\n", (unsigned long)name);
    NUMBERS(WRITE)
#undef WRITE
}

static int write_code(const char *arch, bool one_table)
{
    static struct sock_filter code[BPF_MAXINSNS];
    size_t n = 0;
    int r = cf_filter_rules_compile(arch, one_table, code, &n);

    if (r < 0)
        return r;
    printf("\nstatic const struct sock_filter %s[] = {\n", one_table ? "one_table" : "plain");
    for (size_t i = 0; i < n; i++)
        printf("    { %#04x, %3u, %3u, %#x },\n", code[i].code, code[i].jt, code[i].jf, code[i].k);
    puts("};");
    return 0;
}

int main(int argc, char **argv)
{
    const char *arch = argc > 1 ? argv[1] : NULL;
    int r;

    puts("/* Made by filter_make.c from filter_rules.c. */\n"
         "#include \"sandbox/filter_code.h\"\n\n"
         "#include <errno.h>\n"
         "#include <linux/close_range.h>\n"
         "#include <sched.h>\n"
         "#include <sys/ioctl.h>\n"
         "#include <sys/socket.h>\n");
    write_numbers();
    r = write_code(arch, false);
    if (r == 0)
        r = write_code(arch, true);
    if (r < 0) {
        fprintf(stderr, "filter_make: cannot make the filter for '%s': %s\n",
                arch ? arch : "this machine", strerror(-r));
        return 1;
    }
    puts("\nconst struct cf_filter_code cf_filter_codes[2] = {\n"
         "    { plain, sizeof plain / sizeof *plain },\n"
         "    { one_table, sizeof one_table / sizeof *one_table },\n"
         "};");
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
