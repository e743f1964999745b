/*
 * sockets.h - which packets of a host are those of sockets of ours
 *
 * A socket is known by its protocol, both addresses and ports from when it was
 * connected on; of TCP, whose last segments leave after the descriptor is
 * closed, until somebody else begins a connection with the same; of datagrams
 * until it is closed.
 */
#ifndef CF_CAPTURE_SOCKETS_H
#define CF_CAPTURE_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "capture/frame.h"
#include "capture/ring.h"

/* Sockets that are known; beyond, the oldest are forgotten. */
#define CF_CAPTURE_SOCKETS_MAX 131072

struct cf_capture_sockets;

/* Returns 0 or -ENOMEM. */
int cf_capture_sockets_new(struct cf_capture_sockets **ret_sockets);
void cf_capture_sockets_free(struct cf_capture_sockets *sockets);

/* A socket that was connected, or is about to be, to this address. Returns 0 or -errno. */
int cf_capture_sockets_add(struct cf_capture_sockets *sockets, int fd, const struct sockaddr *to);

/* It will be closed now; time_ns: of the clock of 1970 */
void cf_capture_sockets_close(struct cf_capture_sockets *sockets, int fd, int64_t time_ns);

/*
 * Is it a packet of a socket of ours, and the one of several views of it that
 * counts (of stacked interfaces that which the socket sends by; of a loopback the way out)?
 *
 * ret_outbound: whether our socket sent it
 */
bool cf_capture_sockets_own(struct cf_capture_sockets *sockets,
                            const struct cf_ring_packet *packet, const struct cf_frame *frame,
                            bool *ret_outbound);

#endif
