/*
 * capture.h - a run's packets in one file, explained
 *
 * cf_capture_new() makes the file, cf_capture_start() begins to take packets,
 * cf_capture_event() hears of every event of the run, and cf_capture_finish()
 * and cf_capture_close() end it. All in the thread of the loop. A capture that
 * cannot keep up slows the run, as the log does; what the kernel had no room for
 * is counted.
 */
#ifndef CF_CAPTURE_CAPTURE_H
#define CF_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "audit/event.h"
#include "base/error.h"
#include "capture/filter.h"
#include "loop/loop.h"

struct cf_capture;

struct cf_capture_config { /* texts are borrowed until cf_capture_close() */
    const char *path;      /* without placeholders */
    uint64_t max_size;     /* bytes of one file; 0: no limit */
    uint64_t keep;         /* files; 0: all */
    uint32_t snaplen;
    bool tls_keys; /* it will have secrets of TLS: nobody but its owner may read it */
    enum cf_capture_point point;
    const char *filter; /* as it was written; NULL: none */
    const char *application, *os, *hardware;
    const char *comment; /* which policy, which run */
};

/* Make the file. Returns 0 or -errno with a message. */
int cf_capture_new(const struct cf_capture_config *config, struct cf_capture **ret_capture,
                   struct cf_error *err);

/* The file or folder that the command may not write to. */
const char *cf_capture_guard(const struct cf_capture *capture);

/* Does this point need a packet socket of the host's network? */
static inline bool cf_capture_is_outside(enum cf_capture_point point)
{
    return point == CF_CAPTURE_EGRESS || point == CF_CAPTURE_BOTH;
}

/* A socket towards the outside: connected to this address, or about to be closed (-1: none). */
void cf_capture_connected(struct cf_capture *capture, int fd, const struct sockaddr *to);
void cf_capture_closing(struct cf_capture *capture, int fd);

/*
 * Bytes of a packet that the filters below have to let through: where snaplen is less than the
 * headers that say whose it is, these are read and what is behind it is not written.
 */
uint32_t cf_capture_read_length(uint32_t snaplen);

struct cf_capture_start {
    struct cf_loop *loop;
    int fd;                /* a packet socket of protocol 0, SOCK_RAW, of the gateway; -1: none */
    const char *interface; /* the gateway's end of the link */
    int outside_fd;        /* one of SOCK_DGRAM, of the host, where the point needs it; -1: none */
    /* For what begins with IP; borrowed too. The socket's lets the SYN of each connection through,
     * which is written only when it is wanted. */
    const struct cf_capture_filter *outside_filter, *outside_wanted;
    const struct cf_capture_filter *filter; /* borrowed until cf_capture_close() */
    int keys_fd; /* where the command's TLS libraries write; borrowed likewise; -1: nowhere */
    /* Called once, when the file could not be written. */
    void (*failed)(void *data, const struct cf_error *err);
    void *data;
};

/* Take packets from here on. Returns 0 or -errno with a message. */
int cf_capture_start(struct cf_capture *capture, const struct cf_capture_start *start,
                     struct cf_error *err);

/* To be told of every event, before what it tells of goes on. */
void cf_capture_event(struct cf_capture *capture, const struct cf_event *event);

/*
 * No packet comes any more: write what is left, and the end. ret_event is what there is to say of
 * it, its text borrowed until cf_capture_close(). Returns 0, or what cf_capture_close() will.
 */
int cf_capture_finish(struct cf_capture *capture, struct cf_event_capture *ret_event,
                      struct cf_error *err);

/* Were there more secrets of TLS than it takes (CF_TLS_KEYS_MAX)? */
bool cf_capture_lacks_keys(const struct cf_capture *capture);

/*
 * Close the file and free capture, which may be NULL. Returns 0, or the first error of the
 * file with a message; -ESTALE: another changed it.
 */
int cf_capture_close(struct cf_capture *capture, struct cf_error *err);

/* Free it with the file that it made, of a run that was refused. */
void cf_capture_drop(struct cf_capture *capture);

#endif
