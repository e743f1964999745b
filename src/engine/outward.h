/*
 * outward.h - sockets in the host's namespace, and what became of them
 */
#ifndef CF_ENGINE_OUTWARD_H
#define CF_ENGINE_OUTWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/event.h"
#include "base/addr.h"
#include "engine/craft.h"

/* How the sandbox is told that a flow went wrong. */
enum cf_outcome_answer {
    CF_OUTCOME_SILENT, /* not at all: a black hole */
    CF_OUTCOME_RESET,  /* a RST; a port unreachable where there is no RST */
    CF_OUTCOME_ICMP,
};

struct cf_outcome {
    enum cf_outcome_answer answer;
    struct cf_icmp_error error; /* from: family NONE when it is the gateway that says so */
    enum cf_flow_result result;
};

/* One entry of a socket's error queue (ip(7), IP_RECVERR). */
struct cf_outward_error {
    int error;                 /* errno, positive */
    bool is_icmp;              /* else the host's own kernel says so */
    struct cf_icmp_error icmp; /* when is_icmp */
    uint8_t quote[512];        /* payload of the packet that it is about */
    size_t quote_length;
};

/*
 * A socket towards `to`, non-blocking and close-on-exec, with the errors of
 * the network reported in full (IP_RECVERR), bound to an interface where one
 * is given (base/egress.h; NULL for none). Every outward socket is made here,
 * so that all of them leave the same way. Returns a descriptor or -errno.
 */
int cf_outward_socket(const struct cf_addr *to, int type, int protocol, const char *interface);

/* The same before it is known where it leads: cf_egress_bind() must follow, before connect(2). */
int cf_outward_open(uint8_t family, int type, int protocol);

/* connect(2): 0 also when it is under way, or -errno. */
int cf_outward_connect(int fd, const struct cf_addr_port *to);

/*
 * Before a connect over TCP: the segment that ends the handshake waits for the
 * first data, which carries it, or for cf_outward_ack_send(), or for 200 ms
 * (tcp(7), TCP_QUICKACK). This end is connected without it. It wakes the server:
 * while the sandbox waits for its answer that would be too early.
 */
void cf_outward_ack_hold(int fd);
/* No acknowledgement waits any more; no-op where none does. */
void cf_outward_ack_send(int fd);

/* Its own address as the kernel chose it; family NONE when it has none. */
void cf_outward_local(int fd, struct cf_addr_port *ret_local);

/* From now on errors of the network are soft, as they are for any program. */
void cf_outward_settle(int fd, uint8_t family);

/* Send with this TTL or hop limit from now on. */
void cf_outward_set_hops(int fd, uint8_t family, uint8_t hop_limit);

/* Take one entry from the error queue; false when it is empty. */
bool cf_outward_error_read(int fd, struct cf_outward_error *ret_error);

/* What a failure with this errno (positive) says to a sandbox that speaks `family`. */
void cf_outcome_from_errno(int error, uint8_t family, struct cf_outcome *ret_outcome);

/* The same for an entry of the error queue: the very ICMP error, where there is one. */
void cf_outcome_from_error(const struct cf_outward_error *error, uint8_t family,
                           struct cf_outcome *ret_outcome);

/* Why a connect that ended with errno `error` failed, from the queue where it tells more. */
void cf_outcome_of_connect(int fd, int error, uint8_t family, struct cf_outcome *ret_outcome);

/* The outcome of every denial: administratively prohibited, from the gateway. */
void cf_outcome_denied(uint8_t family, struct cf_outcome *ret_outcome);

/* True for errors that say that this process or machine has run out of something. */
bool cf_outward_exhausted(int error);

#endif
