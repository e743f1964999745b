/*
 * race.h - which of a proxy's addresses takes a connection first
 *
 * Happy Eyeballs (RFC 8305, 4 and 5): families take turns, beginning with that
 * of the first address; an attempt begins when the one before has failed, or
 * has not come through within 250 ms. The first that connects wins and the
 * others are closed. A socket of the file system is a race of one.
 */
#ifndef CF_PROXY_RACE_H
#define CF_PROXY_RACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "loop/loop.h"
#include "profile/proxy.h"

/* Addresses that are tried; more are not looked at. */
#define CF_PROXY_RACE_MAX 8

/* Connection Attempt Delay (RFC 8305, 5). */
#define CF_PROXY_RACE_DELAY_US INT64_C(250000)

struct cf_proxy_race;

struct cf_proxy_attempt {
    struct cf_watch watch;
    struct cf_proxy_race *race;
    int fd; /* -1 unless it is under way */
};

struct cf_proxy_race {
    struct cf_loop *loop; /* borrowed */
    /*
     * Make a stream socket towards `to`, non-blocking and close-on-exec.
     * Returns it or -errno.
     */
    int (*make_socket)(void *data, const struct cf_addr *to);
    void *data;
    /*
     * One of both is called once; fd is the callee's. won may be called from cf_proxy_race_start(),
     * for a connection within the machine stands at once; lost is not.
     */
    void (*won)(struct cf_proxy_race *race, int fd);
    void (*lost)(struct cf_proxy_race *race);
    /* What it is about, and what came of it. */
    struct cf_addr_port addrs[CF_PROXY_RACE_MAX];
    size_t n_addrs;
    char path[CF_PROXY_PATH_MAX + 1]; /* "": by address */
    size_t at;                        /* which address won, or failed first */
    int error;                        /* what that one failed with, positive */
    /* Its own. */
    struct cf_proxy_attempt attempts[CF_PROXY_RACE_MAX]; /* beside addrs */
    size_t n_begun, n_open;
    struct cf_timer timer;
    struct cf_task task; /* tells that all have failed at once */
};

/* All empty; loop, make_socket, data, won and lost are to be set then, and what it is about. */
void cf_proxy_race_init(struct cf_proxy_race *race);

/* Set the addresses, in the order in which they will be tried. */
void cf_proxy_race_set_addrs(struct cf_proxy_race *race, const struct cf_addr_port *addrs,
                             size_t n);

/* There is an address or a path. One that is over can be run again. */
void cf_proxy_race_start(struct cf_proxy_race *race);

/* Close what is under way; neither callback is called. No-op when it is over. */
void cf_proxy_race_stop(struct cf_proxy_race *race);

#endif
