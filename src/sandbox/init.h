/*
 * init.h - PID 1 of the sandbox, and what it says to the engine
 *
 * Private to the room. Engine and PID 1 talk over a SOCK_SEQPACKET pair; each
 * struct below is one message. The end of the socket is the end of the other.
 */
#ifndef CF_SANDBOX_INIT_H
#define CF_SANDBOX_INIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/error.h"
#include "sandbox/caller.h"
#include "sandbox/etc.h"
#include "sandbox/identity.h"
#include "sandbox/mask.h"
#include "sandbox/mounts.h"
#include "sandbox/sandbox.h"

/* All that PID 1 needs, made before the fork but for what the orders bring (orders.h). */
struct cf_plan {
    const struct cf_caller *caller;
    const struct cf_identity *identity;
    char *cwd; /* of the caller; NULL: it has no name any more */
    struct cf_etc etc; /* without the texts */
    int control_fd;    /* PID 1's end */
    int *keep_fds;     /* ascending: the caller's, and the one above */
    size_t n_keep_fds;
};

/*
 * From PID 1, once: the sandbox is whole, or why not. Its /proc comes along (SCM_RIGHTS), and
 * the command's process (SCM_CREDENTIALS), which leads a process group of its own.
 */
struct cf_init_ready {
    int code; /* 0 or -errno */
    char text[CF_ERROR_TEXT_SIZE];
    struct cf_mounts_result mounts;
};

/*
 * Behind it, when all is well: the path of each row of mounts.masked.covered that is set, in
 * that order, a message each, without its end.
 */

/*
 * Behind those, when the orders want one and all is well: a byte, and the file for secrets of TLS
 * to read (SCM_RIGHTS).
 */

/* From PID 1, any number of times before the command ends; told apart by its length. */
struct cf_init_state {
    int stopped; /* the signal that stopped the command; 0: it goes on */
};

/* From PID 1, once: how the command ended. */
struct cf_init_ended {
    int exit_code;
    int exit_signal;
    int exec_errno;
    bool alone;         /* nothing is left, and PID 1 goes too */
    struct rusage own;  /* PID 1's, when it is alone */
    struct rusage tree; /* and of all that it has waited for */
    size_t n_left;
    struct cf_sandbox_leftover leftovers[CF_SANDBOX_LEFTOVERS_MAX];
};

/* From the engine. */
enum cf_init_request_type {
    CF_INIT_ORDERS,  /* first, with what the policy says (orders.h) in a memory file (SCM_RIGHTS) */
    CF_INIT_JOIN,    /* second, with the network namespace (SCM_RIGHTS) */
    CF_INIT_EXEC,
    CF_INIT_FORWARD, /* a signal that the engine got, or a SIGCONT of its own */
    CF_INIT_ORPHAN,  /* no shell is there that could give the terminal: see job.c */
};

struct cf_init_request {
    enum cf_init_request_type type;
    int signal;
    bool whole; /* for all of the command's group; else PID 1 finds out whom it was sent to */
};

/*
 * Send length bytes, with fd when it is not -1 and pid when it is not 0; a process of others
 * wants CAP_SYS_ADMIN over the PID namespace. 0 or -errno.
 */
int cf_init_send(int socket_fd, const void *message, size_t length, int fd, pid_t pid);

/*
 * Receive exactly length bytes. ret_fd: the descriptor that came along, close-on-exec,
 * or -1. ret_pid: the process that came along, as we see it, or 0 (SO_PASSCRED); or NULL.
 * 0, -EPIPE at the end of the socket, -EBADMSG for another length, or -errno.
 * The other may have ended without reading all it was sent: that is told once (ECONNRESET),
 * in front of what it said last, which is received all the same.
 */
int cf_init_receive(int socket_fd, void *message, size_t length, int *ret_fd, pid_t *ret_pid);

/* Never returns: PID 1's life. */
_Noreturn void cf_init_run(struct cf_plan *plan);

#endif
