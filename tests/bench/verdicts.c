/*
 * verdicts.c - what a policy costs to read, to hold, and to ask
 *
 * Prints a figure a line: milliseconds to read the policy, KiB resident after
 * and at most, and nanoseconds of the processor a verdict: of flows by name and
 * by address, of askings for a name, each for what a rule or the list speaks of
 * and for what none does. Questions are drawn from all of the policy's hosts, or
 * from all names of the list, so that few are met again. With a list, the same names
 * are also sorted and searched with bsearch(). Nothing is asserted.
 *
 * usage: verdicts POLICY [LIST]     LIST: the policy's names_file, one plain name a line
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy.h"
#include "profile/verdict.h"

#define QUESTIONS (1u << 17)
#define PASSES 7

struct names {
    char **at;
    size_t n;
};

/* Names stand one behind the other, so that to read the question itself costs next to nothing. */
struct questions {
    char text[QUESTIONS * CF_NAME_SIZE];
    char *name[QUESTIONS];
    struct cf_addr addr[QUESTIONS];
};

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void *need(void *memory)
{
    if (!memory)
        fail("verdicts");
    return memory;
}

static double clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* What does not wait takes as long as it runs: what others do meanwhile does not count. */
static double run_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* A line of /proc/self/status, in KiB. */
static long status_kib(const char *key)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    long value = 0;

    if (!file)
        fail("/proc/self/status");
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) == 0)
            value = strtol(line + strlen(key), NULL, 10);
    }
    fclose(file);
    return value;
}

static size_t draw(size_t below)
{
    static uint64_t state = UINT64_C(88172645463325252);

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % below);
}

static struct cf_profile *load(const char *path)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };
    double begin = now_ns();
    int r;

    cf_diagnostics_init(&diagnostics);
    r = cf_policy_load(path, NULL, &diagnostics, &profile, &err);
    if (r < 0) {
        fprintf(stderr, "verdicts: %s: %s\n", path, err.text);
        exit(EXIT_FAILURE);
    }
    printf("load_ms %.3f\n", (now_ns() - begin) / 1e6);
    printf("rss_kib %ld\npeak_kib %ld\n", status_kib("VmRSS:"), status_kib("VmHWM:"));
    cf_diagnostics_done(&diagnostics);
    return profile;
}

static void name_add(struct names *names, char *name)
{
    if ((names->n & (names->n - 1)) == 0)
        names->at = need(reallocarray(names->at, names->n ? 2 * names->n : 1, sizeof *names->at));
    names->at[names->n++] = name;
}

/* A name for each rule by name. */
static void names_of_rules(const struct cf_profile *profile, struct names *names)
{
    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        const struct cf_endpoint *endpoint = &profile->egress.rules[i].endpoint;
        char *name;

        if (endpoint->kind > CF_HOST_MANY)
            continue;
        if (asprintf(&name, "%s%s", endpoint->kind == CF_HOST_NAME ? "" : "a.", endpoint->name) < 0)
            fail("verdicts");
        name_add(names, name);
    }
}

/* The file's bytes, cut into lines in place; the names point into it. */
static char *names_of_list(const char *path, struct names *names)
{
    FILE *file = fopen(path, "re");
    char *text, *line, *save = NULL;
    size_t length;

    if (!file || fseek(file, 0, SEEK_END) < 0)
        fail(path);
    length = (size_t)ftell(file);
    rewind(file);
    text = need(malloc(length + 1));
    if (fread(text, 1, length, file) != length)
        fail(path);
    fclose(file);
    text[length] = '\0';
    for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        name_add(names, line);
    return text;
}

/* hit: names as they are; else under a last label that no name has */
static void draw_names(const struct names *names, bool hit, struct questions *questions)
{
    char *name = questions->text;

    for (unsigned i = 0; i < QUESTIONS; i++, name += strlen(name) + 1) {
        char *dot;

        questions->name[i] = name;
        snprintf(name, CF_NAME_SIZE, "%s", names->at[draw(names->n)]);
        dot = strrchr(name, '.');
        if (!hit && dot)
            dot[1] = dot[1] == 'q' ? 'z' : 'q';
    }
}

/* hit: an address of a rule's prefix; else any */
static void draw_addrs(const struct cf_profile *profile, bool hit, struct questions *questions)
{
    const struct cf_prefix **prefixes =
        need(calloc(profile->egress.n_rules + 1, sizeof(struct cf_prefix *)));
    size_t n = 0;

    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        if (profile->egress.rules[i].endpoint.kind == CF_HOST_PREFIX)
            prefixes[n++] = &profile->egress.rules[i].endpoint.prefix;
    }
    for (unsigned i = 0; i < QUESTIONS; i++) {
        struct cf_addr addr = { .family = draw(2) ? CF_FAMILY_IPV4 : CF_FAMILY_IPV6 };
        unsigned fixed = 0;

        if (hit && n > 0) {
            const struct cf_prefix *prefix = prefixes[draw(n)];

            addr = prefix->addr;
            fixed = prefix->bits;
        }
        for (unsigned k = fixed; k < cf_addr_bits(&addr); k++)
            addr.bytes[k / 8] |= (uint8_t)(draw(2) << (7 - k % 8));
        questions->addr[i] = addr;
    }
    free(prefixes);
}

static void ask_flow_by_name(const struct cf_profile *profile, const struct questions *questions,
                             unsigned i, struct cf_verdict *verdict)
{
    struct cf_flow_name name = { .name = questions->name[i] };
    struct cf_flow_query query = {
        .proto = CF_PROTO_TCP,
        .dst = { .family = CF_FAMILY_IPV4, .bytes = { 203, 0, 113, 7 } },
        .port = 443,
        .names = &name,
        .n_names = 1,
    };

    cf_verdict_flow(profile, &query, verdict);
}

static void ask_flow_by_addr(const struct cf_profile *profile, const struct questions *questions,
                             unsigned i, struct cf_verdict *verdict)
{
    struct cf_flow_query query = {
        .proto = CF_PROTO_TCP,
        .dst = questions->addr[i],
        .port = 443,
    };

    cf_verdict_flow(profile, &query, verdict);
}

static void ask_for_name(const struct cf_profile *profile, const struct questions *questions,
                         unsigned i, struct cf_verdict *verdict)
{
    struct cf_name_query query = { .name = questions->name[i] };

    cf_verdict_name(profile, &query, verdict);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double figures[PASSES])
{
    qsort(figures, PASSES, sizeof *figures, compare_doubles);
    return figures[PASSES / 2];
}

static void
ask(const char *what, const struct cf_profile *profile, const struct questions *questions,
    void (*fn)(const struct cf_profile *, const struct questions *, unsigned, struct cf_verdict *))
{
    double figures[PASSES];
    struct cf_verdict verdict;

    for (int pass = 0; pass < PASSES; pass++) {
        double begin = run_ns();

        for (unsigned i = 0; i < QUESTIONS; i++)
            fn(profile, questions, i, &verdict);
        figures[pass] = (run_ns() - begin) / QUESTIONS;
    }
    printf("%s_ns %.1f\n", what, median(figures));
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void search(const char *what, const struct names *names, const struct questions *questions)
{
    double figures[PASSES];
    size_t found = 0;

    for (int pass = 0; pass < PASSES; pass++) {
        double begin = run_ns();

        for (unsigned i = 0; i < QUESTIONS; i++) {
            const char *name = questions->name[i];

            found += bsearch(&name, names->at, names->n, sizeof *names->at, compare_names) != NULL;
        }
        figures[pass] = (run_ns() - begin) / QUESTIONS;
    }
    printf("%s_ns %.1f\n%s_found %zu\n", what, median(figures), what, found / PASSES);
}

int main(int argc, char **argv)
{
    struct questions *questions;
    struct cf_profile *profile;
    struct names names = { 0 };
    char *list = NULL;
    double begin;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: verdicts POLICY [LIST]\n");
        return EXIT_FAILURE;
    }
    profile = load(argv[1]);
    questions = need(calloc(1, sizeof *questions));
    draw_addrs(profile, true, questions);
    ask("addr_hit", profile, questions, ask_flow_by_addr);
    draw_addrs(profile, false, questions);
    ask("addr_miss", profile, questions, ask_flow_by_addr);
    if (argc == 3)
        list = names_of_list(argv[2], &names);
    else
        names_of_rules(profile, &names);
    for (int hit = 1; names.n > 0 && hit >= 0; hit--) {
        draw_names(&names, hit, questions);
        ask(hit ? "name_hit" : "name_miss", profile, questions, ask_flow_by_name);
        ask(hit ? "ask_hit" : "ask_miss", profile, questions, ask_for_name);
    }
    if (list) {
        begin = now_ns();
        qsort(names.at, names.n, sizeof *names.at, compare_names);
        printf("sort_ms %.3f\n", (now_ns() - begin) / 1e6);
        for (int hit = 1; hit >= 0; hit--) {
            draw_names(&names, hit, questions);
            search(hit ? "search_hit" : "search_miss", &names, questions);
        }
    }
    for (size_t i = 0; !list && i < names.n; i++)
        free(names.at[i]);
    free(list);
    free(names.at);
    free(questions);
    cf_profile_free(profile);
    return EXIT_SUCCESS;
}
