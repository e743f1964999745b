/*
 * owner.h - which process of the sandbox has a socket
 *
 * A flow is known by its addresses. sock_diag(7), asked in the sandbox's
 * network namespace, gives the inode of the socket that has them; the
 * sandbox's own /proc says which process holds that inode. What was found is
 * kept by inode, so that a program that sends many packets from one socket
 * is looked up once. Single-threaded; it asks the kernel and waits for the
 * answer, which comes within microseconds.
 */
#ifndef CF_NETLINK_OWNER_H
#define CF_NETLINK_OWNER_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/error.h"
#include "profile/endpoint.h"

struct cf_owners;

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
 * diag_fd: a NETLINK_SOCK_DIAG socket of the sandbox's network namespace
 * proc_fd: the sandbox's /proc, opened as a folder
 *
 * Both are borrowed. Returns 0 or -ENOMEM.
 */
int cf_owners_new(int diag_fd, int proc_fd, struct cf_owners **ret_owners);
void cf_owners_free(struct cf_owners *owners);

/*
 * Find who has the socket from src to dst.
 *
 * ret_owner:   borrowed until the next call; NULL when no process was found
 * ret_unknown: why none was found; static, NULL otherwise
 */
void cf_owner_find(struct cf_owners *owners, enum cf_proto proto, const struct cf_addr_port *src,
                   const struct cf_addr_port *dst, const struct cf_owner **ret_owner,
                   const char **ret_unknown);

#endif
