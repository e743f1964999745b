/*
 * fake.h - a proxy that says what a test tells it, and a loop that waits for it
 *
 * In the test's own thread and loop, on a port of 127.0.0.0/8 that the kernel
 * chose, or on a path.
 */
#ifndef CF_TESTS_PROXY_FAKE_H
#define CF_TESTS_PROXY_FAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "loop/loop.h"

/* What it waits for, then says. A text of length 0 is at its NUL. */
struct fake_turn {
    const char *heard;
    size_t n_heard;
    const char *said;
    size_t n_said;
};

enum fake_end { FAKE_STAYS, FAKE_CLOSES, FAKE_RESETS };

#define FAKE_TURNS_MAX 4

struct fake {
    struct cf_loop *loop;
    struct cf_watch listen_watch, watch;
    struct cf_task task;
    int listener, fd; /* -1 while there is none */
    struct cf_addr_port at;
    struct fake_turn turns[FAKE_TURNS_MAX];
    size_t n_turns, turn;
    enum fake_end end; /* after the last turn */
    bool slow;         /* one byte in a turn of the loop */
    size_t n_accepted;
    char heard[8192];
    size_t n_heard, n_said; /* of this turn */
};

/* Listen on a port of an address, or, with a path, there. */
void fake_open(struct fake *fake, struct cf_loop *loop, const char *addr, const char *path);
void fake_close(struct fake *fake);

/* Add a turn; both texts end at their NUL. */
void fake_says(struct fake *fake, const char *heard, const char *said);
void fake_says_bytes(struct fake *fake, const void *heard, size_t n_heard, const void *said,
                     size_t n_said);

/* Run the loop until the condition holds, which is asked after each turn. */
void run_until(struct cf_loop *loop, bool (*condition)(void));
/* Run it for so many turns, none of which waits. */
void run_turns(struct cf_loop *loop, unsigned turns);

/* How many descriptors this process has. */
size_t count_descriptors(void);

#endif
