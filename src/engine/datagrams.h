/*
 * datagrams.h - many datagrams with one system call
 *
 * One batch serves all sockets of the loop's thread, each in its turn. A slot
 * holds the largest datagram there is; memory is touched only as far as
 * datagrams fill it.
 */
#ifndef CF_ENGINE_DATAGRAMS_H
#define CF_ENGINE_DATAGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* Measured: one by one costs a fifth more CPU than 8; from 8 to 128, no difference. */
#define CF_DATAGRAMS_BATCH 32
#define CF_DATAGRAM_SIZE 65536

struct cf_datagram {
    uint8_t *data;
    size_t length;
    struct cf_addr_port from; /* family NONE on a connected socket without a name */
    struct cf_addr_port to;   /* where it was sent, with IP_RECVORIGDSTADDR */
    uint8_t hop_limit;        /* with IP_RECVTTL; 0 when it is not known */
};

/*
 * Read what waits, at most a batch.
 *
 * ret_datagrams: borrowed until the next call
 *
 * Returns how many there are, 0 when none waits, or -errno.
 */
int cf_datagrams_receive(int fd, struct cf_datagram **ret_datagrams);

/*
 * Send n of them on a connected socket. Returns how many the kernel took
 * before the first that it did not take, or -errno when that is the first.
 */
int cf_datagrams_send(int fd, const struct cf_datagram *datagrams, int n);

/* Ask for the hop limit of what arrives. */
void cf_datagrams_want_hops(int fd, uint8_t family);

#endif
