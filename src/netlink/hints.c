/*
 * hints.c - which descriptor the next socket of a program probably has
 *
 * How this works. Three habits of programs are known, by what was found of them
 * last:
 *
 *   - one that closes each socket before the next, or keeps them all, goes on
 *     with the same step;
 *   - one with several threads, or several sockets at a time, takes the lowest
 *     number that is free: most often that of the socket it has had longest;
 *   - one that opens other files in between is a few numbers further.
 *
 * Each process has its first guess before any has its second, so that programs
 * that take turns cost one look more each, and not all looks of the others.
 */
#include "netlink/hints.h"

#include <string.h>

struct guesses {
    int fds[1 + CF_HINT_FDS + CF_HINT_NEAR];
    size_t count;
};

/* Take `at` out of the list and put it in front; what is last is lost when the list is full. */
static size_t front(size_t at, size_t *count, size_t most)
{
    if (at == *count && *count < most)
        ++*count;
    return at < most ? at : most - 1;
}

static void fd_add(struct cf_hint *hint, int fd)
{
    int step = fd - hint->fds[0];
    size_t at = 0;

    hint->regular = step == hint->step;
    hint->step = step;
    while (at < hint->n_fds && hint->fds[at] != fd)
        at++;
    at = front(at, &hint->n_fds, CF_HINT_FDS);
    memmove(hint->fds + 1, hint->fds, at * sizeof fd);
    hint->fds[0] = fd;
}

void cf_hints_add(struct cf_hints *hints, int pid, int fd)
{
    struct cf_hint hint = { .pid = pid, .fds = { fd }, .n_fds = 1 };
    size_t at = 0;

    while (at < hints->count && hints->list[at].pid != pid)
        at++;
    if (at < hints->count) {
        hint = hints->list[at];
        fd_add(&hint, fd);
    }
    at = front(at, &hints->count, CF_HINT_PROCESSES);
    memmove(hints->list + 1, hints->list, at * sizeof hint);
    hints->list[0] = hint;
}

static void put(struct guesses *guesses, int fd)
{
    if (fd < 0)
        return;
    for (size_t i = 0; i < guesses->count; i++) {
        if (guesses->fds[i] == fd)
            return;
    }
    guesses->fds[guesses->count++] = fd;
}

static void guess(const struct cf_hint *hint, struct guesses *ret_guesses)
{
    static const int near[CF_HINT_NEAR] = { 1, 2, 3, -1, 4 };

    ret_guesses->count = 0;
    if (hint->regular)
        put(ret_guesses, hint->fds[0] + hint->step);
    for (size_t i = hint->n_fds; i > 0; i--)
        put(ret_guesses, hint->fds[i - 1]);
    for (size_t i = 0; i < CF_HINT_NEAR; i++)
        put(ret_guesses, hint->fds[0] + near[i]);
}

size_t cf_hints_guess(const struct cf_hints *hints,
                      struct cf_guess ret_guesses[CF_HINT_GUESSES_MAX])
{
    struct guesses each[CF_HINT_PROCESSES];
    size_t n = 0, before;

    for (size_t i = 0; i < hints->count; i++)
        guess(&hints->list[i], &each[i]);
    for (size_t round = 0, more = 1; more; round++) {
        before = n;
        for (size_t i = 0; i < hints->count; i++) {
            if (round < each[i].count)
                ret_guesses[n++] = (struct cf_guess) { hints->list[i].pid, each[i].fds[round] };
        }
        more = n > before;
    }
    return n;
}
