/*
 * hints.h - which descriptor the next socket of a program probably has
 *
 * To find a socket among all descriptors of all processes takes a system call
 * for each. Numbers are given out in order, so a few guesses find nearly all.
 * No system calls here.
 */
#ifndef CF_NETLINK_HINTS_H
#define CF_NETLINK_HINTS_H

#include <stdbool.h>
#include <stddef.h>

#define CF_HINT_PROCESSES 8
#define CF_HINT_FDS 8  /* of a process */
#define CF_HINT_NEAR 5 /* next to the last one */
#define CF_HINT_GUESSES_MAX (CF_HINT_PROCESSES * (1 + CF_HINT_FDS + CF_HINT_NEAR))

/* Where sockets of one process were found. */
struct cf_hint {
    int pid;
    int fds[CF_HINT_FDS]; /* each once, the latest first */
    size_t n_fds;
    int step;     /* from the one before to the latest */
    bool regular; /* it was as far to that one */
};

struct cf_hints {
    struct cf_hint list[CF_HINT_PROCESSES]; /* the latest first */
    size_t count;
};

struct cf_guess {
    int pid, fd;
};

/* A socket was found there. */
void cf_hints_add(struct cf_hints *hints, int pid, int fd);

/* Where the next may be, the likeliest first. Returns how many. */
size_t cf_hints_guess(const struct cf_hints *hints,
                      struct cf_guess ret_guesses[CF_HINT_GUESSES_MAX]);

#endif
