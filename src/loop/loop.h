/*
 * loop.h - one thread waits here for everything
 *
 * Descriptors (epoll(7)), timers, signals (signalfd(2)), child exit
 * (pidfd_open(2)) and work put off to the end of a turn. Single-threaded.
 * The structs are embedded in what they belong to; the loop owns none of
 * them, and each must be taken out before its memory goes. Any callback may
 * add, change or take out any entry, its own and others that are due in the
 * same turn included: what has been taken out is never called.
 */
#ifndef CF_LOOP_LOOP_H
#define CF_LOOP_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct cf_loop;
struct signalfd_siginfo;

#define CF_LOOP_LAST_MAX 64
#define CF_LOOP_LAST_TURNS 16

/* A descriptor; events are those of epoll_ctl(2), EPOLLET included. */
struct cf_watch {
    int fd; /* -1 while not watched */
    void (*fn)(struct cf_watch *watch, uint32_t events);
    bool urgent; /* called before those that are not, of the same turn */
};

/* A moment; due_us is on the clock of cf_clock_monotonic_us(). */
struct cf_timer {
    size_t slot; /* place in the heap plus one; 0 while not running */
    int64_t due_us;
    void (*fn)(struct cf_timer *timer);
};

/* Work for the end of this turn, or of the next one when put off by a task. */
struct cf_task {
    struct cf_task *next;
    struct cf_task **link; /* NULL while not queued */
    struct cf_tasks *in;
    void (*fn)(struct cf_task *task);
};

/* First in, first out. */
struct cf_tasks {
    struct cf_task *first, **tail;
    size_t count;
};

/* A child process; called once when it can be waited for (it is not reaped). */
struct cf_child {
    struct cf_watch watch;
    pid_t pid;
    void (*fn)(struct cf_child *child);
};

/* Signals; blocked for the process while watched. */
struct cf_signals {
    struct cf_watch watch;
    void (*fn)(struct cf_signals *signals, const struct signalfd_siginfo *info);
};

int cf_loop_new(struct cf_loop **ret_loop, struct cf_error *err);
void cf_loop_free(struct cf_loop *loop);

/* Run until cf_loop_stop(). Returns what it was stopped with, or -errno. */
int cf_loop_run(struct cf_loop *loop);
void cf_loop_stop(struct cf_loop *loop, int result);

/*
 * What this turn did was much, and gains nothing from a quick next one: the loop sleeps
 * for it, rather than to stay awake for a moment.
 */
void cf_loop_bulk(struct cf_loop *loop);

/* The moment this turn began, monotonic. */
int64_t cf_loop_now_us(const struct cf_loop *loop);

/* How many turns it has made: what spins makes many. */
uint64_t cf_loop_turns(const struct cf_loop *loop);

/*
 * Have fn called each time before the loop waits, and so behind all that a turn has
 * done; it may stop the loop. It costs no turn of its own, as a task does.
 */
void cf_loop_before_wait(struct cf_loop *loop, void (*fn)(void *data), void *data);

/* fn must be set. Returns 0 or -errno (-ENOSPC: the user's epoll limit). */
int cf_loop_watch(struct cf_loop *loop, struct cf_watch *watch, int fd, uint32_t events);
int cf_loop_rewatch(struct cf_loop *loop, struct cf_watch *watch, uint32_t events);
/* Does not close the descriptor; call it before close(). No-op when not watched. */
void cf_loop_unwatch(struct cf_loop *loop, struct cf_watch *watch);
/*
 * As cf_loop_unwatch() and close(*fd), *fd being the watched descriptor and -1
 * after it, with one system call. Nobody may have a duplicate of it.
 */
void cf_loop_unwatch_close(struct cf_loop *loop, struct cf_watch *watch, int *fd);

/*
 * (Re)start a timer; -ENOMEM only when it was not running. For a moment that
 * has come it runs in this turn, or in the next when a timer starts it.
 */
int cf_loop_timer_start(struct cf_loop *loop, struct cf_timer *timer, int64_t due_us);
void cf_loop_timer_stop(struct cf_loop *loop, struct cf_timer *timer);

/* No-op when it is queued already. */
void cf_loop_task_add(struct cf_loop *loop, struct cf_task *task);
/* As cf_loop_task_add(), but for work that nobody waits for: see cf_loop_rest(). */
void cf_loop_task_add_last(struct cf_loop *loop, struct cf_task *task);
/* Takes out either kind. */
void cf_loop_task_remove(struct cf_loop *loop, struct cf_task *task);

/*
 * Do now all that nobody waits for. By itself the loop does one of these tasks
 * each time when no descriptor is ready, and all of them when CF_LOOP_LAST_MAX
 * wait or CF_LOOP_LAST_TURNS turns have passed. Returns false when there was nothing, or
 * the loop is stopped: then none is done, and to ask again is of no use.
 */
bool cf_loop_rest(struct cf_loop *loop);

int cf_loop_child_start(struct cf_loop *loop, struct cf_child *child, pid_t pid);
void cf_loop_child_stop(struct cf_loop *loop, struct cf_child *child);

int cf_loop_signals_start(struct cf_loop *loop, struct cf_signals *signals, const sigset_t *set);
/* Stops reading; the signals stay blocked. */
void cf_loop_signals_stop(struct cf_loop *loop, struct cf_signals *signals);

#endif
