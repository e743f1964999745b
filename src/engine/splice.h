/*
 * splice.h - one direction of a TCP connection, from socket to socket
 *
 * Bytes go through a pipe inside the kernel; a pipe is held only while bytes
 * are in it. End of data and urgent data pass too. Both sockets are
 * non-blocking and have SO_OOBINLINE. The process ignores SIGPIPE.
 */
#ifndef CF_ENGINE_SPLICE_H
#define CF_ENGINE_SPLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cf_meter;

/* Pipes at once, in all directions; without one, bytes are copied. */
#define CF_PIPES_MAX 512

struct cf_pipe {
    struct cf_pipe *next;
    int fds[2];
    size_t size;
};

struct cf_pipe_pool {
    struct cf_pipe *free;
    size_t n_free;
    size_t n_pipes;
    size_t n_large;
    size_t limit, limit_large;
    uint8_t *copy_buffer; /* made when first needed */
};

/* n_pools: of the process, which share what it may have */
void cf_pipe_pool_init(struct cf_pipe_pool *pool, size_t n_pools);
/* No direction may hold a pipe. */
void cf_pipe_pool_done(struct cf_pipe_pool *pool);

struct cf_splice {
    int from, to;            /* borrowed */
    struct cf_meter *meter;  /* what `to` takes is taken from it; borrowed, NULL: from none */
    struct cf_pipe *pipe;    /* NULL unless bytes are pending */
    size_t pending;          /* bytes in the pipe */
    _Atomic uint64_t total;  /* bytes that `to` has taken; any thread may read it */
    int error;               /* errno of a failure, positive */
    bool readable, writable; /* as far as is known; set from events, cleared here */
    bool urgent;             /* urgent data was announced on `from` */
    bool ending;             /* the end or an error was announced on `from` */
    bool broken;             /* `from` has failed elsewhere: its end of data is a failure too */
    bool eof;                /* seen, not yet passed on */
    bool plain;              /* `to` knows no urgent data: it goes with the rest */
    bool has_oob;            /* oob was read and waits for `to` */
    uint8_t oob;
};

enum cf_splice_status {
    CF_SPLICE_IDLE,         /* go on when `from` is readable or `to` is writable */
    CF_SPLICE_AGAIN,        /* there is more: the turn's share is used up, or the meter is held */
    CF_SPLICE_END,          /* all is passed on, the end too */
    CF_SPLICE_READ_FAILED,  /* `from` is gone; everything before was passed on */
    CF_SPLICE_WRITE_FAILED, /* `to` is gone */
    CF_SPLICE_SPENT,        /* there are bytes to move, and the meter has none left */
};

void cf_splice_init(struct cf_splice *splice, int from, int to, struct cf_meter *meter);
/* Drops what is pending. */
void cf_splice_done(struct cf_splice *splice, struct cf_pipe_pool *pool);

/* Its pipe, if it has one, counts as one of another pool from here on. */
void cf_splice_move(struct cf_splice *splice, struct cf_pipe_pool *from, struct cf_pipe_pool *to);

/* What epoll said of each socket. */
void cf_splice_from_events(struct cf_splice *splice, uint32_t events);
void cf_splice_to_events(struct cf_splice *splice, uint32_t events);

/* Move what can be moved. After END or a failure it must not be called again. */
enum cf_splice_status cf_splice_run(struct cf_splice *splice, struct cf_pipe_pool *pool);

#endif
