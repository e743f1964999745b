/*
 * owner.h - which process of the sandbox has a socket
 *
 * A flow is known by its addresses. sock_diag(7), asked in the sandbox's
 * network namespace, gives the inode of the socket that has them; the
 * sandbox's own /proc says which process holds that inode. Single-threaded; it
 * asks the kernel and waits for the answer, which comes within microseconds.
 *
 * A socket can have several holders: it is inherited, or handed over by a Unix
 * socket. No answer of the kernel says who of them sent a packet. What is found
 * holds the socket, and runs the program that is named, when it is asked for, or at
 * most CF_OWNER_FRESH_US before that where it is only for the log.
 */
#ifndef CF_NETLINK_OWNER_H
#define CF_NETLINK_OWNER_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/error.h"
#include "profile/endpoint.h"

struct cf_owners;

/* A program takes longer to start another. */
#define CF_OWNER_FRESH_US 500

/* Arguments are kept up to this many bytes. */
#define CF_OWNER_ARGV_SIZE 513

struct cf_owner {
    int pid;    /* as the sandbox numbers it */
    char *exe;  /* NULL when it cannot be read */
    char *argv; /* joined by blanks */
    int parent_pid;   /* 0 when it has none inside */
    char *parent_exe; /* NULL when it cannot be read */
};

/*
 * diag_fd: a NETLINK_SOCK_DIAG socket of the sandbox's network namespace; borrowed
 * proc_fd: the sandbox's /proc, opened as a folder; borrowed
 * exact:   verdicts hinge on what is found, so it is looked at each time
 *
 * Returns 0 or -ENOMEM.
 */
int cf_owners_new(int diag_fd, int proc_fd, bool exact, struct cf_owners **ret_owners);
void cf_owners_free(struct cf_owners *owners);

/*
 * Find who has the socket from src to dst. Of several holders it is the one that
 * was found last, as long as it holds it; else the one that is met first.
 *
 * ret_owner:   borrowed until the next call; NULL when no process was found
 * ret_unknown: why none was found; static, NULL otherwise
 */
void cf_owner_find(struct cf_owners *owners, enum cf_proto proto, const struct cf_addr_port *src,
                   const struct cf_addr_port *dst, const struct cf_owner **ret_owner,
                   const char **ret_unknown);

/*
 * Find a process that has the socket from src to dst and runs a program that does not pass.
 *
 * passes: says whether the program at this path may have it
 *
 * ret_owner:   borrowed until the next call; NULL when there is none such
 * ret_unknown: set when that is not certain, so that none may be taken to pass: why; static
 */
void cf_owner_find_other(struct cf_owners *owners, enum cf_proto proto,
                         const struct cf_addr_port *src, const struct cf_addr_port *dst,
                         bool (*passes)(void *data, const char *exe), void *data,
                         const struct cf_owner **ret_owner, const char **ret_unknown);

#endif
