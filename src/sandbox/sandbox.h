/*
 * sandbox.h - the namespaces that the command lives in
 *
 * Stages, in this order (see "How this works" in sandbox.c):
 *   0. cf_sandbox_caller_save(), first thing in main() (sandbox/caller.h).
 *   1. cf_sandbox_identity(): the engine's own user namespace.
 *   2. cf_sandbox_begin(): a process of ours becomes PID 1 of new mount, PID,
 *      UTS and IPC namespaces, and masks the sockets that lead around the
 *      network namespace. Whatever the policy says, so it need not be known;
 *      and best before there are threads and much memory to copy.
 *   3. The gateway room makes the network namespaces (netlink/gateway.h).
 *      cf_sandbox_start(): what the policy says; our files are put over /etc.
 *      cf_sandbox_join(): PID 1 enters the network namespace and makes the rest.
 *      cf_sandbox_ready(): all of it stands.
 *   4. cf_sandbox_exec(): the command runs, in a user namespace below ours, in a
 *      process group of its own, without capabilities outside it and without
 *      new privileges.
 */
#ifndef CF_SANDBOX_SANDBOX_H
#define CF_SANDBOX_SANDBOX_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "loop/loop.h"
#include "sandbox/caller.h"

struct cf_sandbox;
struct signalfd_siginfo;

/* The identity that the caller has; what maps are made of. */
struct cf_identity {
    uid_t uid; /* effective ids of the caller, before any namespace */
    gid_t gid;
    bool root; /* uid 0: the whole range is mapped, capabilities inside are kept */
};

/*
 * Stage 1: put this process, single-threaded, into a new user namespace in
 * which it has every capability and sees the same ids. Sockets of the host's
 * network namespace go on working.
 *
 * Returns 0 or -errno; the message says what refused it and what to do.
 */
int cf_sandbox_identity(struct cf_identity *ret_identity, struct cf_error *err);

#define CF_SANDBOX_HIDDEN_MAX 32

struct cf_sandbox_config {   /* borrowed until cf_sandbox_start() returns */
    const char *resolv_conf; /* text of the three files */
    const char *hosts;
    const char *nsswitch_conf;
    char *const *command; /* NULL-terminated; found by PATH as execvp(3) does */
    const char *cwd;      /* NULL: the caller's */
    const char *guard;    /* a file that the command may not write, remove or rename; or NULL */
    const char *guard_more; /* another, or a folder with all that will be in it; or NULL */
    /*
     * Files and sockets that it may not use: absolute paths, NULL-terminated; or NULL. One that
     * is not there, and cannot be kept from appearing, refuses the run; so does one with hard links.
     * Other mounts that show the same file are found and count.
     */
    const char *const *hidden; /* CF_SANDBOX_HIDDEN_MAX at most */
    const char *forget;        /* a variable that it may not see; or NULL */
    /* Room in a file that only this run has, which its SSLKEYLOGFILE names; 0: there is none. */
    size_t key_log_bytes;
    bool one_table;            /* what one thread has open, every other of its process has too */
};

/* As many of them are named. */
#define CF_SANDBOX_LEFTOVERS_MAX 32

/* A process that was still there when the command had ended. */
struct cf_sandbox_leftover {
    pid_t pid; /* inside */
    char name[16];
};

struct cf_sandbox_end {
    int exit_code;   /* -1 when a signal ended it; 126 and 127 when it could not be run */
    int exit_signal; /* 0 when none did */
    int exec_errno;  /* why it could not be run; 0 when it ran */
    bool killed;     /* PID 1 was killed from outside: the command's status is not known */
    const struct cf_sandbox_leftover *leftovers; /* the first 32 */
    size_t n_leftovers;                          /* how many are listed */
    size_t n_left;                               /* how many there were */
    uint64_t cpu_us;                             /* of all that were waited for, PID 1 among them */
    uint64_t peak_memory_bytes;                  /* of the largest of them */
};

/*
 * Stage 2. This and the next three calls come one after the other; what they
 * make goes on beside the caller from one to the next, and a failure may show
 * itself in a later one. After each failure there is only cf_sandbox_free().
 *
 * caller: what the command gets back; borrowed until cf_sandbox_ready() returns
 *
 * Returns 0 or -errno with a message; nothing is left behind then.
 */
int cf_sandbox_begin(const struct cf_identity *identity, const struct cf_caller *caller,
                     struct cf_sandbox **ret_sandbox, struct cf_error *err);

/*
 * Stage 3 begins.
 *
 * ended: called once, from the loop, when the command and all it left behind are
 *        gone; PID 1 may be on its way out, and cf_sandbox_free() waits for that
 *
 * Returns 0 or -errno with a message.
 */
int cf_sandbox_start(struct cf_sandbox *sandbox, const struct cf_sandbox_config *config,
                     struct cf_loop *loop,
                     void (*ended)(void *data, const struct cf_sandbox_end *end), void *data,
                     struct cf_error *err);

/* netns_fd: the sandbox's network namespace, which may be empty as yet; borrowed. */
int cf_sandbox_join(struct cf_sandbox *sandbox, int netns_fd, struct cf_error *err);

/*
 * Wait for the rest. When this returns 0 the sandbox is whole and its PID 1
 * waits for cf_sandbox_exec(). The message is from the stage that failed.
 */
int cf_sandbox_ready(struct cf_sandbox *sandbox, struct cf_error *err);

/*
 * Stage 4. The command gets the terminal when this process group has it. A command that
 * cannot be run is not an error here: `ended` says so.
 */
int cf_sandbox_exec(struct cf_sandbox *sandbox, struct cf_error *err);

/*
 * Add to set the signals that are to be watched, blocked in every thread, from before
 * cf_sandbox_exec() on, and given to cf_sandbox_forward(): those that a caller or
 * a terminal sends to a command, and those of job control.
 */
void cf_sandbox_signals(sigset_t *set);

/*
 * Pass on a signal that this process got: one that was sent to its process group, by
 * the terminal or the caller's shell, to the command's whole group, and one that was
 * sent to it alone to the command alone. Job control happens on the way: this may
 * stop the process and its group until SIGCONT. 0 or -errno.
 */
int cf_sandbox_forward(struct cf_sandbox *sandbox, const struct signalfd_siginfo *info);

/*
 * For who has to wait outside the loop, in its thread: is PID 1 gone, and all with it? The terminal
 * is this process group's again then, which gets a key's signal that killed the command. `ended`
 * still comes.
 *
 * ret_signal: the one that killed the command; else 0
 */
bool cf_sandbox_is_over(struct cf_sandbox *sandbox, int *ret_signal);

/* SIGKILL for the whole tree, now; `ended` still comes. */
void cf_sandbox_kill(struct cf_sandbox *sandbox);

/* Paths that were masked, for the log; borrowed. */
const char *const *cf_sandbox_masked(const struct cf_sandbox *sandbox, size_t *ret_n);

/* What could not be done as it should, for the log; borrowed. */
const char *const *cf_sandbox_warnings(const struct cf_sandbox *sandbox, size_t *ret_n);

/* The sandbox's own /proc, an open folder: its processes by their inner PIDs. Borrowed. */
int cf_sandbox_proc_fd(const struct cf_sandbox *sandbox);

/* The file that SSLKEYLOGFILE names, to be read; from cf_sandbox_ready() on; -1: none. Borrowed. */
int cf_sandbox_key_log_fd(const struct cf_sandbox *sandbox);

/* The PID of our PID 1 as the engine sees it. */
pid_t cf_sandbox_pid(const struct cf_sandbox *sandbox);

/* The command's process group as the engine sees it; from cf_sandbox_ready() on. */
pid_t cf_sandbox_group(const struct cf_sandbox *sandbox);

/* Ends the tree when it is still there. */
void cf_sandbox_free(struct cf_sandbox *sandbox);

#endif
